#include "runner/release/sshsig.h"

#include <stdint.h>
#include <string.h>

#include "runner/base/hash.h"

#define ARMOUR_BEGIN "-----BEGIN SSH SIGNATURE-----"
#define ARMOUR_END   "-----END SSH SIGNATURE-----"
#define MAGIC        "SSHSIG"

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Bytes that are read from the front. */
struct bytes {
    const unsigned char *at;
    size_t left;
};

/* Base64 (RFC 4648) of len characters; blanks between them are passed over.
 * What is not base64 leaves nothing. */
static struct bytes base64_read(struct arena *a, const char *text, size_t len)
{
    unsigned char *out = arena_alloc(a, len + 1);
    struct bytes got = {out, 0};
    uint32_t bits = 0;
    int have = 0;

    for (size_t i = 0; i < len && text[i] != '='; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

        if (strchr(" \t\r\n", text[i]))
            continue;
        if (!digit)
            return (struct bytes){out, 0};
        bits = bits << 6 | (uint32_t)(digit - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[got.left++] = (unsigned char)(bits >> have);
        }
    }
    return got;
}

static char *base64_write(struct arena *a, const unsigned char *bytes,
                          size_t len)
{
    char *out = arena_alloc(a, (len + 2) / 3 * 4 + 1), *to = out;
    uint32_t bits = 0;
    int have = 0;

    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | bytes[i];
        for (have += 8; have >= 6; have -= 6)
            *to++ = digits[bits >> (have - 6) & 63];
    }
    if (have)
        *to++ = digits[bits << (6 - have) & 63];
    return out;
}

/* A string of the SSH protocol: four bytes of length, then that many. */
static bool bytes_string(struct bytes *from, struct bytes *out)
{
    uint32_t len;

    if (from->left < 4)
        return false;
    len = (uint32_t)from->at[0] << 24 | (uint32_t)from->at[1] << 16 |
          (uint32_t)from->at[2] << 8 | from->at[3];
    if (len > from->left - 4)
        return false;
    *out = (struct bytes){from->at + 4, len};
    from->at += 4 + len;
    from->left -= 4 + len;
    return true;
}

static char *fingerprint(struct arena *a, struct bytes blob)
{
    unsigned char raw[HASH_BYTES];
    struct hash h;

    hash_init(&h);
    hash_add(&h, blob.at, blob.left);
    hash_end(&h, raw);
    return arena_printf(a, "SHA256:%s", base64_write(a, raw, sizeof raw));
}

bool sshsig_read(struct arena *a, const char *armour, struct sshsig *out)
{
    const char *begin = strstr(armour, ARMOUR_BEGIN);
    const char *end = begin ? strstr(begin, ARMOUR_END) : NULL;
    struct bytes all, key, space;

    if (!end)
        return false;
    begin += strlen(ARMOUR_BEGIN);
    all = base64_read(a, begin, (size_t)(end - begin));
    if (all.left < 10 || memcmp(all.at, MAGIC "\0\0\0\1", 10) != 0)
        return false;
    all.at += 10;
    all.left -= 10;
    if (!bytes_string(&all, &key) || !bytes_string(&all, &space))
        return false;
    out->fingerprint = fingerprint(a, key);
    out->space = arena_strndup(a, (const char *)space.at, space.left);
    return true;
}

bool ssh_key_text(const char *text)
{
    return strncmp(text, "ssh-", 4) == 0 || strncmp(text, "sk-", 3) == 0 ||
           strncmp(text, "ecdsa-", 6) == 0;
}

char *ssh_key_fingerprint(struct arena *a, const char *text)
{
    size_t type = strcspn(text, " \t\n");
    const char *code = text + type + strspn(text + type, " \t");
    struct bytes blob = base64_read(a, code, strcspn(code, " \t\r\n"));
    struct bytes rest = blob, inner;

    if (!ssh_key_text(text) || !bytes_string(&rest, &inner) ||
        inner.left != type || memcmp(inner.at, text, type) != 0)
        return NULL;
    return fingerprint(a, blob);
}
