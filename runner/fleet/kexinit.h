/* kexinit: what a server offers, read from its first packet (RFC 4253,
 * sections 4.2, 6 and 7.1), so that a refusal can name what is missing. */
#ifndef RUNNER_FLEET_KEXINIT_H
#define RUNNER_FLEET_KEXINIT_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"

/* The order of the packet. */
enum kex_list {
    KEX_EXCHANGE,
    KEX_HOSTKEY,
    KEX_CIPHER_OUT,
    KEX_CIPHER_IN,
    KEX_MAC_OUT,
    KEX_MAC_IN,
    KEX_LISTS
};

struct kexinit {
    const char *lists[KEX_LISTS]; /* comma-separated names, in the arena */
};

/* bytes: everything the server sent so far, its banner first. False: not
 * (yet) a whole KEXINIT. */
bool kexinit_parse(struct arena *a, const unsigned char *bytes, size_t len,
                   struct kexinit *out);
/* Whether two comma-separated lists share a name. */
bool kex_share(const char *ours, const char *theirs);
/* Names in e (ERR_UNREACHABLE) the first kind of algorithm of which nothing is
 * in common. False, e untouched: each has one. */
bool kexinit_explain(struct arena *a, const struct kexinit *theirs,
                     const char *const ours[KEX_LISTS], struct err *e);

#endif
