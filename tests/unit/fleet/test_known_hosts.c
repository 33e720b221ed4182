#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runner/base/hash.h"
#include "runner/fleet/base64.h"
#include "runner/fleet/known_hosts.h"
#include "runner/fleet/login_keys.h"

static struct arena a;

/* A key blob: type, then some bytes that tell keys apart. */
static unsigned char *blob(const char *type, const char *rest, size_t *len)
{
    size_t n = strlen(type), m = strlen(rest);
    unsigned char *b = arena_alloc(&a, 8 + n + m);

    b[3] = (unsigned char)n;
    memcpy(b + 4, type, n);
    b[7 + n] = (unsigned char)m;
    memcpy(b + 8 + n, rest, m);
    *len = 8 + n + m;
    return b;
}

/* "TYPE BASE64" as a line of the file has it. */
static const char *key(const char *type, const char *rest)
{
    size_t len;
    unsigned char *b = blob(type, rest, &len);

    return arena_printf(&a, "%s %s", type, base64_encode(&a, b, len));
}

static struct known_hosts parsed(const char *text)
{
    struct known_hosts k;

    known_hosts_init(&k, &a);
    known_hosts_parse(&k, "known_hosts", text, strlen(text));
    return k;
}

static enum known ask(const char *text, const char *name, int port,
                      const char *rest)
{
    struct known_hosts k = parsed(text);
    size_t len;
    unsigned char *b = blob("ssh-ed25519", rest, &len);

    return known_hosts_ask(&k, name, port, b, len).is;
}

#define ED(rest) key("ssh-ed25519", rest)
#define EC(rest) key("ecdsa-sha2-nistp256", rest)

static void names(void **state)
{
    static const struct {
        const char *names, *asked;
        int port;
        enum known is;
    } rows[] = {
        {"web1", "web1", 22, KNOWN_GOOD},
        {"web1", "WEB1", 22, KNOWN_GOOD},
        {"WEB1", "web1", 22, KNOWN_GOOD},
        {"web1", "web2", 22, KNOWN_NOT},
        {"web1", "web11", 22, KNOWN_NOT},
        {"web0,web1,10.0.0.1", "10.0.0.1", 22, KNOWN_GOOD},
        {"web0,web1", "web0,web1", 22, KNOWN_NOT},
        {"[web1]:2222", "web1", 2222, KNOWN_GOOD},
        {"[web1]:2222", "web1", 22, KNOWN_NOT},
        {"[web1]:2222", "web1", 2223, KNOWN_NOT},
        /* as OpenSSH: the plain name vouches for any port */
        {"web1", "web1", 2222, KNOWN_GOOD},
        {"*.example.net", "web1.example.net", 22, KNOWN_GOOD},
        {"*.example.net", "example.net", 22, KNOWN_NOT},
        {"*.EXAMPLE.net", "a.b.example.NET", 22, KNOWN_GOOD},
        {"web?", "web1", 22, KNOWN_GOOD},
        {"web?", "web", 22, KNOWN_NOT},
        {"web?", "web10", 22, KNOWN_NOT},
        {"*", "anything", 22, KNOWN_GOOD},
        {"[*.example.net]:22??", "a.example.net", 2222, KNOWN_GOOD},
        {"*.example.net,!db.example.net", "db.example.net", 22, KNOWN_NOT},
        {"!db.example.net,*.example.net", "db.example.net", 22, KNOWN_NOT},
        {"*.example.net,!db.example.net", "web.example.net", 22, KNOWN_GOOD},
        {"!db", "web", 22, KNOWN_NOT},
        {"*a*b", "xaxb", 22, KNOWN_GOOD},
        {"*a*b", "xaxbx", 22, KNOWN_NOT},
        {"**", "x", 22, KNOWN_GOOD},
        {"alias", "alias", 0, KNOWN_GOOD},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *text =
            arena_printf(&a, "%s %s comment\n", rows[i].names, ED("A"));
        if (ask(text, rows[i].asked, rows[i].port, "A") != rows[i].is)
            fail_msg("row %zu: %s for %s", i, rows[i].names, rows[i].asked);
        /* with another key nothing is good */
        assert_int_not_equal(ask(text, rows[i].asked, rows[i].port, "B"),
                             KNOWN_GOOD);
    }
}

/* As `ssh-keygen -H` writes them. */
static void hashed_names(void **state)
{
    unsigned char salt[20] = "0123456789abcdefghij", mac[20];
    const char *name = "[web1]:2222";

    (void)state;
    hash_hmac_sha1(salt, sizeof salt, name, strlen(name), mac);
    const char *text = arena_printf(
        &a, "|1|%s=|%s= %s\n", base64_encode(&a, salt, sizeof salt),
        base64_encode(&a, mac, sizeof mac), ED("A"));
    assert_int_equal(ask(text, "web1", 2222, "A"), KNOWN_GOOD);
    assert_int_equal(ask(text, "WEB1", 2222, "A"), KNOWN_GOOD);
    assert_int_equal(ask(text, "web1", 2222, "B"), KNOWN_CHANGED);
    assert_int_equal(ask(text, "web1", 22, "A"), KNOWN_NOT);
    assert_int_equal(ask(text, "web2", 2222, "A"), KNOWN_NOT);
    assert_int_equal(parsed("|1|short ssh-ed25519 AAAA\n").lines, 0);
}

static void changed_and_revoked(void **state)
{
    struct known_hosts k = parsed(
        arena_printf(&a, "# old\n\nweb1 %s\nweb1 %s\n", EC("C"), ED("A")));
    size_t len;
    unsigned char *b = blob("ssh-ed25519", "B", &len);
    struct known_answer got = known_hosts_ask(&k, "web1", 22, b, len);

    (void)state;
    assert_int_equal(got.is, KNOWN_CHANGED);
    assert_int_equal(got.line, 4);
    assert_string_equal(got.file, "known_hosts");
    assert_int_equal(strncmp(got.expected, "SHA256:", 7), 0);
    assert_string_not_equal(got.expected, got.shown);

    /* revoked wins, wherever it stands, and for that key alone */
    const char *text = arena_printf(&a, "web1 %s\n@revoked * %s\nweb1 %s\n",
                                    ED("A"), ED("A"), ED("B"));
    assert_int_equal(ask(text, "web1", 22, "A"), KNOWN_REVOKED);
    assert_int_equal(ask(text, "web1", 2222, "A"), KNOWN_REVOKED);
    assert_int_equal(ask(text, "web1", 22, "B"), KNOWN_GOOD);
    assert_int_equal(ask(text, "web1", 22, "C"), KNOWN_CHANGED);
    text = arena_printf(&a, "@revoked web1 %s\n", ED("A"));
    assert_int_equal(ask(text, "web1", 2222, "A"), KNOWN_REVOKED);
    text = arena_printf(&a, "@revoked web2 %s\nweb1 %s\n", ED("A"), ED("A"));
    assert_int_equal(ask(text, "web1", 22, "A"), KNOWN_GOOD);
}

static void authority(void **state)
{
    struct known_hosts k =
        parsed(arena_printf(&a, "@cert-authority *.example.net %s\n", ED("A")));
    size_t len;
    unsigned char *b = blob("ssh-ed25519", "A", &len);
    struct known_answer got =
        known_hosts_ask(&k, "web.example.net", 22, b, len);

    (void)state;
    assert_int_equal(got.is, KNOWN_NOT);
    assert_true(got.authority);
    assert_false(known_hosts_ask(&k, "elsewhere", 22, b, len).authority);
    assert_string_equal(
        known_hosts_types(&k, "web.example.net", 22, login_key_types), "");
}

/* A line that cannot be read hides no other. */
static void malformed(void **state)
{
    static const char *const bad[] = {
        "web1",
        "web1 ssh-ed25519",
        "web1 ssh-ed25519 !!!",
        "web1 ssh-ed25519 AAAA",
        "web1 ecdsa-sha2-nistp256 AAAAC3NzaC1lZDI1NTE5AAAAAUE",
        "@unknown web1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAAUE",
        "@revoked",
        "|1|",
        "|1|x|y ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAAUE",
        "\t \t",
        "#web1",
        "\xff\xfe \x01",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(parsed(bad[i]).lines, 0);
        assert_int_equal(
            ask(arena_printf(&a, "%s\r\nweb1 %s\r\n", bad[i], ED("A")), "web1",
                22, "A"),
            KNOWN_GOOD);
    }
    /* no newline at the end, a NUL in a line before */
    char text[256];
    size_t n =
        (size_t)snprintf(text, sizeof text, "web1 x\n\nweb1 %s", ED("A"));
    text[4] = '\0';
    struct known_hosts k;
    known_hosts_init(&k, &a);
    known_hosts_parse(&k, "f", text, n);
    assert_int_equal(k.lines, 1);
}

static void types(void **state)
{
    struct known_hosts k =
        parsed(arena_printf(&a, "[web1]:2222 %s\nweb1 %s\nold %s\nweb2 %s\n",
                            EC("A"), ED("A"), key("ssh-rsa", "R"), ED("B")));

    (void)state;
    assert_string_equal(known_hosts_types(&k, "web1", 22, login_key_types),
                        "ssh-ed25519");
    assert_string_equal(known_hosts_types(&k, "web1", 2222, login_key_types),
                        "ssh-ed25519,ecdsa-sha2-nistp256");
    assert_string_equal(known_hosts_types(&k, "old", 22, login_key_types), "");
    size_t len;
    unsigned char *b = blob("ssh-ed25519", "A", &len);
    struct known_answer got = known_hosts_ask(&k, "old", 22, b, len);
    assert_int_equal(got.is, KNOWN_NOT);
    assert_string_equal(got.other, "ssh-rsa");
    assert_null(known_hosts_ask(&k, "none", 22, b, len).other);
}

static void base64(void **state)
{
    static const struct {
        const char *plain, *coded;
    } rows[] = {{"", ""},
                {"f", "Zg"},
                {"fo", "Zm8"},
                {"foo", "Zm9v"},
                {"foob", "Zm9vYg"},
                {"fooba", "Zm9vYmE"},
                {"foobar", "Zm9vYmFy"}};
    static const char *const bad[] = {
        "Z", "Zg=a", "Zh", "Zm9=", "Z m8", "Zm9v-", "Zg==="};
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = strlen(rows[i].plain);
        assert_string_equal(
            base64_encode(&a, (const unsigned char *)rows[i].plain, n),
            rows[i].coded);
        unsigned char *got =
            base64_decode(&a, rows[i].coded, strlen(rows[i].coded), &len);
        assert_non_null(got);
        assert_int_equal(len, n);
        assert_memory_equal(got, rows[i].plain, n);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (base64_decode(&a, bad[i], strlen(bad[i]), &len))
            fail_msg("%s was read", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(hashed_names),
        cmocka_unit_test(changed_and_revoked),
        cmocka_unit_test(authority),
        cmocka_unit_test(malformed),
        cmocka_unit_test(types),
        cmocka_unit_test(base64),
    };
    int failed;

    arena_init(&a);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&a);
    return failed;
}
