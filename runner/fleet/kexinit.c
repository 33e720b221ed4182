#include "runner/fleet/kexinit.h"

#include <stdint.h>
#include <string.h>

#include "runner/base/escape.h"

#define MSG_KEXINIT 20

static const struct {
    const char *word, *keyword; /* of sshd_config */
} kinds[KEX_LISTS] = {
    [KEX_EXCHANGE] = {"key exchange", "KexAlgorithms"},
    [KEX_HOSTKEY] = {"host key", NULL},
    [KEX_CIPHER_OUT] = {"cipher", "Ciphers"},
    [KEX_CIPHER_IN] = {"cipher", "Ciphers"},
    [KEX_MAC_OUT] = {"MAC", "MACs"},
    [KEX_MAC_IN] = {"MAC", "MACs"},
};

static uint32_t number(const unsigned char *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 |
           b[3];
}

/* Behind the line that begins with "SSH-"; NULL when it is not there. */
static const unsigned char *after_banner(const unsigned char *b,
                                         const unsigned char *end)
{
    while (b < end) {
        const unsigned char *line = b;
        const unsigned char *stop = memchr(b, '\n', (size_t)(end - b));
        if (!stop)
            return NULL;
        b = stop + 1;
        if (b - line > 4 && memcmp(line, "SSH-", 4) == 0)
            return b;
    }
    return NULL;
}

bool kexinit_parse(struct arena *a, const unsigned char *bytes, size_t len,
                   struct kexinit *out)
{
    const unsigned char *end = bytes + len, *b = after_banner(bytes, end);

    /* length, padding length, message, 16 bytes of cookie */
    if (!b || end - b < 22 || b[5] != MSG_KEXINIT)
        return false;
    if (number(b) < (uint64_t)(end - b) - 4)
        end = b + 4 + number(b);
    b += 22;
    for (int i = 0; i < KEX_LISTS; i++) {
        if (end - b < 4 || number(b) > (uint64_t)(end - b - 4))
            return false;
        out->lists[i] = arena_strndup(a, (const char *)b + 4, number(b));
        b += 4 + number(b);
    }
    return true;
}

bool kex_share(const char *ours, const char *theirs)
{
    while (*ours) {
        size_t n = strcspn(ours, ",");
        for (const char *t = theirs; *t; t += strspn(t, ",")) {
            size_t m = strcspn(t, ",");
            if (m == n && memcmp(t, ours, n) == 0)
                return true;
            t += m;
        }
        ours += n + (ours[n] == ',');
    }
    return false;
}

bool kexinit_explain(struct arena *a, const struct kexinit *theirs,
                     const char *const ours[KEX_LISTS], struct err *e)
{
    int i = 0;

    while (i < KEX_LISTS && kex_share(ours[i], theirs->lists[i]))
        i++;
    if (i == KEX_LISTS)
        return false;
    err_what(e, ERR_UNREACHABLE, "no %s algorithm in common", kinds[i].word);
    err_why(e, "the host offers %.250s; we accept %s",
            escape(a, theirs->lists[i]), ours[i]);
    if (kinds[i].keyword)
        err_fix(e, "allow one of ours in the host's sshd_config (%s)",
                kinds[i].keyword);
    else
        err_fix(e, "put one of the host's own key types that we accept into "
                   "known_hosts: ssh-keyscan -p PORT -t ed25519,ecdsa HOST, "
                   "and compare the fingerprint");
    return true;
}
