#include "runner/fleet/base64.h"

#include <string.h>

#include "runner/base/hash.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz0123456789+/";

unsigned char *base64_decode(struct arena *a, const char *text, size_t len,
                             size_t *out_len)
{
    unsigned char *out = arena_alloc(a, len / 4 * 3 + 3);
    unsigned bits = 0, held = 0;
    size_t n = 0;

    for (int pad = 0; pad < 2 && len && text[len - 1] == '='; pad++)
        len--;
    if (len % 4 == 1)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        const char *at = text[i] ? strchr(alphabet, text[i]) : NULL;
        if (!at)
            return NULL;
        bits = (bits << 6 | (unsigned)(at - alphabet)) & 0xffffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[n++] = (unsigned char)(bits >> held);
        }
    }
    if (bits & ((1u << held) - 1))
        return NULL;
    *out_len = n;
    return out;
}

char *base64_encode(struct arena *a, const unsigned char *bytes, size_t len)
{
    char *out = arena_alloc(a, (len + 2) / 3 * 4 + 1);
    unsigned bits = 0, held = 0;
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        bits = (bits << 8 | bytes[i]) & 0xffff;
        held += 8;
        while (held >= 6) {
            held -= 6;
            out[n++] = alphabet[bits >> held & 63];
        }
    }
    if (held)
        out[n++] = alphabet[bits << (6 - held) & 63];
    out[n] = '\0';
    return out;
}

char *key_fingerprint(struct arena *a, const void *blob, size_t len)
{
    unsigned char raw[HASH_BYTES];
    struct hash h;

    hash_init(&h);
    hash_add(&h, blob, len);
    hash_end(&h, raw);
    return arena_printf(a, "SHA256:%s", base64_encode(a, raw, sizeof raw));
}
