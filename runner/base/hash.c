#include "runner/base/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "runner/base/err.h"

#define NONCE_LIMIT 64

static void must(int ok, const char *doing)
{
    if (ok != 1)
        BUG("libcrypto: %s failed", doing);
}

void hash_init(struct hash *h)
{
    h->ctx = EVP_MD_CTX_new();
    must(h->ctx && EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) == 1,
         "starting a digest");
}

void hash_add(struct hash *h, const void *bytes, size_t len)
{
    must(EVP_DigestUpdate(h->ctx, bytes, len), "adding to a digest");
}

void hash_field(struct hash *h, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    char head[32];
    int n = snprintf(head, sizeof(head), "%zu:", len);

    hash_add(h, head, (size_t)n);
    hash_add(h, text, len);
}

void hash_end(struct hash *h, unsigned char out[HASH_BYTES])
{
    must(EVP_DigestFinal_ex(h->ctx, out, NULL), "ending a digest");
    EVP_MD_CTX_free(h->ctx);
    h->ctx = NULL;
}

void hash_end_hex(struct hash *h, char out[HASH_HEX])
{
    unsigned char raw[HASH_BYTES];

    hash_end(h, raw);
    hash_to_hex(raw, out);
}

char *hash_hex(const void *bytes, size_t len, char out[HASH_HEX])
{
    struct hash h;

    hash_init(&h);
    hash_add(&h, bytes, len);
    hash_end_hex(&h, out);
    return out;
}

static void to_hex(const unsigned char *raw, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        *out++ = digits[raw[i] >> 4];
        *out++ = digits[raw[i] & 15];
    }
    *out = '\0';
}

char *hash_to_hex(const unsigned char raw[HASH_BYTES], char out[HASH_HEX])
{
    to_hex(raw, HASH_BYTES, out);
    return out;
}

bool hash_hex_valid(const char *text)
{
    return strlen(text) == HASH_HEX - 1 &&
           strspn(text, "0123456789abcdef") == HASH_HEX - 1;
}

char *hash_sha1_hex(const void *bytes, size_t len, char out[HASH_SHA1_HEX])
{
    unsigned char raw[20];

    must(EVP_Digest(bytes, len, raw, NULL, EVP_sha1(), NULL), "a SHA-1");
    to_hex(raw, sizeof raw, out);
    return out;
}

void hash_hmac_sha1(const void *key, size_t key_len, const void *bytes,
                    size_t len, unsigned char out[20])
{
    unsigned n = 20;

    must(HMAC(EVP_sha1(), key, (int)key_len, bytes, len, out, &n) != NULL,
         "keyed digest");
}

void nonce_hex(char *out, size_t n)
{
    unsigned char raw[NONCE_LIMIT];

    /* up to 256 bytes getrandom gives all or, with the pool ready, never
     * fails */
    if (n > sizeof(raw) || getrandom(raw, n, 0) != (ssize_t)n)
        BUG("no %zu random bytes", n);
    to_hex(raw, n, out);
}
