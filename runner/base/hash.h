/* hash: SHA-256 (FIPS 180-4, libcrypto) and random nonces. */
#ifndef RUNNER_BASE_HASH_H
#define RUNNER_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>

#define HASH_BYTES 32
#define HASH_HEX   65 /* lower case hex and the NUL */

struct hash {
    void *ctx;
};

void hash_init(struct hash *h);
void hash_add(struct hash *h, const void *bytes, size_t len);
/* Adds the length as text, a colon, then the bytes: a field that cannot be
 * confused with its neighbour. NULL counts as empty. */
void hash_field(struct hash *h, const char *text);
/* Ends and frees: call exactly one of the two. */
void hash_end(struct hash *h, unsigned char out[HASH_BYTES]);
void hash_end_hex(struct hash *h, char out[HASH_HEX]);

/* In one go. Return out. */
char *hash_hex(const void *bytes, size_t len, char out[HASH_HEX]);
char *hash_to_hex(const unsigned char raw[HASH_BYTES], char out[HASH_HEX]);
/* Exactly 64 lower case hex digits. */
bool hash_hex_valid(const char *text);

/* SHA-1 (FIPS 180-4) in lower case hex: what sqitch keeps of a script, nothing
 * else. */
#define HASH_SHA1_HEX 41
char *hash_sha1_hex(const void *bytes, size_t len, char out[HASH_SHA1_HEX]);

/* HMAC-SHA1 (RFC 2104): what OpenSSH hashes host names with, nothing else. */
void hash_hmac_sha1(const void *key, size_t key_len, const void *bytes,
                    size_t len, unsigned char out[20]);

/* n random bytes from the kernel (getrandom) as 2n hex digits and a NUL. */
void nonce_hex(char *out, size_t n);

#endif
