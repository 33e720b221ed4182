#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runner/base/buf.h"
#include "runner/fleet/kexinit.h"

static void number(struct buf *b, size_t n)
{
    char bytes[4] = {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};

    buf_add(b, bytes, 4);
}

/* A server's first bytes: banner, then KEXINIT with these lists. */
static void server(struct buf *out, const char *banner)
{
    static const char *const lists[10] = {
        "curve25519-sha256,ecdh-sha2-nistp256",
        "ssh-ed25519",
        "aes128-ctr",
        "aes256-ctr",
        "hmac-sha2-256",
        "hmac-sha2-512",
        "none",
        "none",
        "",
        ""};
    struct buf body;

    buf_init(&body);
    buf_add(&body,
            "\x06\x14"
            "0123456789abcdef",
            18);
    for (int i = 0; i < 10; i++) {
        number(&body, strlen(lists[i]));
        buf_str(&body, lists[i]);
    }
    buf_add(&body, "\0\0\0\0\0pppppp", 11);
    buf_init(out);
    buf_str(out, banner);
    number(out, body.len);
    buf_add(out, body.data, body.len);
    buf_release(&body);
}

static void reads(void **state)
{
    static const char *const banners[] = {"SSH-2.0-OpenSSH_9.2\r\n",
                                          "SSH-2.0-x\n",
                                          "a line before\r\nSSH-1.99-x y\r\n"};
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < 3; i++) {
        struct kexinit k;
        struct buf b;
        server(&b, banners[i]);
        assert_true(kexinit_parse(&a, (unsigned char *)b.data, b.len, &k));
        assert_string_equal(k.lists[KEX_EXCHANGE],
                            "curve25519-sha256,ecdh-sha2-nistp256");
        assert_string_equal(k.lists[KEX_HOSTKEY], "ssh-ed25519");
        assert_string_equal(k.lists[KEX_CIPHER_IN], "aes256-ctr");
        assert_string_equal(k.lists[KEX_MAC_IN], "hmac-sha2-512");
        buf_release(&b);
    }
    arena_release(&a);
}

/* Cut at every byte, and with every byte of the packet's head spoilt: no
 * reading past the end (the sanitizer watches: the bytes are on the heap). */
static void hostile(void **state)
{
    struct arena a;
    struct buf b;

    (void)state;
    arena_init(&a);
    server(&b, "SSH-2.0-x\r\n");
    for (size_t n = 0; n < b.len; n++) {
        struct kexinit k = {0};
        unsigned char *cut = malloc(n ? n : 1);
        memcpy(cut, b.data, n);
        bool got = kexinit_parse(&a, cut, n, &k);
        if (got)
            assert_string_equal(k.lists[KEX_MAC_IN], "hmac-sha2-512");
        free(cut);
    }
    for (size_t i = 11; i < b.len; i++) {
        for (int v = 0; v < 256; v += 51) {
            struct kexinit k = {0};
            unsigned char *bad = malloc(b.len);
            memcpy(bad, b.data, b.len);
            bad[i] = (unsigned char)v;
            kexinit_parse(&a, bad, b.len, &k);
            free(bad);
        }
    }
    buf_release(&b);
    arena_release(&a);
}

static void shares(void **state)
{
    static const struct {
        const char *ours, *theirs;
        bool is;
    } rows[] = {{"a", "a", true},      {"a,b", "c,b", true},
                {"a,b", "c,d", false}, {"a", "ab", false},
                {"ab", "a", false},    {"a", "", false},
                {"", "a", false},      {"", "", false},
                {"a,b", ",,b,", true}, {"a,b,c", "x,y,c", true}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (kex_share(rows[i].ours, rows[i].theirs) != rows[i].is)
            fail_msg("row %zu", i);
}

static void explains(void **state)
{
    const struct kexinit theirs = {
        .lists = {"k1,k2", "h1", "c1", "c1", "m1", "m1\x1b"}};
    const char *ours[KEX_LISTS] = {"k2", "h1", "c2,c1", "c1", "m1", "m2"};
    struct err e = {0};
    struct arena a;

    (void)state;
    arena_init(&a);
    assert_true(kexinit_explain(&a, &theirs, ours, &e));
    assert_string_equal(e.what, "no MAC algorithm in common");
    assert_string_equal(e.why, "the host offers m1\\x1b; we accept m2");
    assert_non_null(strstr(e.fix, "(MACs)"));
    ours[KEX_HOSTKEY] = "h2";
    assert_true(kexinit_explain(&a, &theirs, ours, &e));
    assert_string_equal(e.what, "no host key algorithm in common");
    assert_non_null(strstr(e.fix, "ssh-keyscan -p PORT "));
    ours[KEX_HOSTKEY] = "h1";
    ours[KEX_MAC_IN] = "m3,m1\x1b";
    err_clear(&e);
    assert_false(kexinit_explain(&a, &theirs, ours, &e));
    assert_int_equal(e.code, ERR_NONE);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(hostile),
        cmocka_unit_test(shares),
        cmocka_unit_test(explains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
