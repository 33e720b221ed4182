#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "runner/base/hash.h"
#include "tests/unit/base/forked.h"

ssize_t __wrap_getrandom(void *out, size_t size, unsigned flags);
ssize_t __real_getrandom(void *out, size_t size, unsigned flags);
int __wrap_EVP_DigestUpdate(EVP_MD_CTX *ctx, const void *bytes, size_t len);
int __real_EVP_DigestUpdate(EVP_MD_CTX *ctx, const void *bytes, size_t len);

static bool no_entropy, no_digest;

ssize_t __wrap_getrandom(void *out, size_t size, unsigned flags)
{
    return no_entropy ? -1 : __real_getrandom(out, size, flags);
}

int __wrap_EVP_DigestUpdate(EVP_MD_CTX *ctx, const void *bytes, size_t len)
{
    return no_digest ? 0 : __real_EVP_DigestUpdate(ctx, bytes, len);
}

_Noreturn void __wrap__exit(int status)
{
    forked_exit(status);
}

/* FIPS 180-4's examples. */
static void known_digests(void **state)
{
    static const struct {
        const char *text, *hex;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb924"
             "27ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223"
                "b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char hex[HASH_HEX];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(hash_hex(rows[i].text, strlen(rows[i].text), hex),
                            rows[i].hex);
}

/* FIPS 180-4's, and that of nothing */
static void known_short_digests(void **state)
{
    char hex[HASH_SHA1_HEX];

    (void)state;
    assert_string_equal(hash_sha1_hex("abc", 3, hex),
                        "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_string_equal(hash_sha1_hex("", 0, hex),
                        "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

static void pieces_equal_the_whole(void **state)
{
    unsigned char raw[HASH_BYTES];
    char hex[HASH_HEX], whole[HASH_HEX];
    struct hash h;

    (void)state;
    hash_init(&h);
    hash_add(&h, "a", 1);
    hash_add(&h, "bc", 2);
    hash_end(&h, raw);
    assert_string_equal(hash_to_hex(raw, hex), hash_hex("abc", 3, whole));
}

static void field_digest(const char *a, const char *b, char out[HASH_HEX])
{
    struct hash h;

    hash_init(&h);
    hash_field(&h, a);
    hash_field(&h, b);
    hash_end_hex(&h, out);
}

static void fields_are_not_confused(void **state)
{
    char one[HASH_HEX], two[HASH_HEX], direct[HASH_HEX];

    (void)state;
    field_digest("ab", "c", one);
    field_digest("a", "bc", two);
    assert_string_not_equal(one, two);
    assert_string_equal(one, hash_hex("2:ab1:c", 7, direct));
    field_digest(NULL, "", one);
    assert_string_equal(one, hash_hex("0:0:", 4, direct));
}

static void hex_is_checked(void **state)
{
    char hex[HASH_HEX];

    (void)state;
    assert_true(hash_hex_valid(hash_hex("abc", 3, hex)));
    hex[63] = 'F';
    assert_false(hash_hex_valid(hex));
    hex[63] = '\0';
    assert_false(hash_hex_valid(hex));
    assert_false(hash_hex_valid("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b93"
                                "4ca495991b7852b8550"));
    assert_false(hash_hex_valid(""));
}

static void nonces_differ(void **state)
{
    char one[33], two[33], longest[129];

    (void)state;
    nonce_hex(one, 16);
    nonce_hex(two, 16);
    assert_int_equal(strlen(one), 32);
    assert_int_equal(strspn(one, "0123456789abcdef"), 32);
    assert_string_not_equal(one, two);
    nonce_hex(longest, 64);
    assert_int_equal(strlen(longest), 128);
}

/* RFC 2202, test cases 1, 2 and 6. */
static void known_keyed_digests(void **state)
{
    char key[80], text[] = "Test Using Larger Than Block-Size Key - Hash Key "
                           "First";
    unsigned char out[20];

    (void)state;
    memset(key, 0x0b, 20);
    hash_hmac_sha1(key, 20, "Hi There", 8, out);
    assert_memory_equal(out,
                        "\xb6\x17\x31\x86\x55\x05\x72\x64\xe2\x8b"
                        "\xc0\xb6\xfb\x37\x8c\x8e\xf1\x46\xbe\x00",
                        20);
    hash_hmac_sha1("Jefe", 4, "what do ya want for nothing?", 28, out);
    assert_memory_equal(out,
                        "\xef\xfc\xdf\x6a\xe5\xeb\x2f\xa2\xd2\x74"
                        "\x16\xd5\xf1\x84\xdf\x9c\x25\x9a\x7c\x79",
                        20);
    memset(key, 0xaa, 80);
    hash_hmac_sha1(key, 80, text, strlen(text), out);
    assert_memory_equal(out,
                        "\xaa\x4a\xe5\xe1\x52\x72\xd0\x0e\x95\x70"
                        "\x56\x37\xce\x8a\x3b\x55\xed\x40\x21\x12",
                        20);
}

static void without_entropy(void *arg)
{
    no_entropy = true;
    nonce_hex(arg, 16);
}

static void without_digest(void *arg)
{
    no_digest = true;
    hash_hex("abc", 3, arg);
}

static void no_weak_answer_when_the_library_fails(void **state)
{
    char said[300], hex[HASH_HEX];

    (void)state;
    assert_int_equal(forked(without_entropy, hex, said, sizeof(said)), 70);
    assert_non_null(strstr(said, "no 16 random bytes"));
    assert_int_equal(forked(without_digest, hex, said, sizeof(said)), 70);
    assert_non_null(strstr(said, "adding to a digest failed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests),
        cmocka_unit_test(known_short_digests),
        cmocka_unit_test(pieces_equal_the_whole),
        cmocka_unit_test(fields_are_not_confused),
        cmocka_unit_test(hex_is_checked),
        cmocka_unit_test(nonces_differ),
        cmocka_unit_test(known_keyed_digests),
        cmocka_unit_test(no_weak_answer_when_the_library_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
