/* known_hosts: which keys a host may answer with (sshd(8), "SSH_KNOWN_HOSTS
 * FILE FORMAT").
 *
 * Our own reader, because libssh2's passes revoked keys, knows no wildcards
 * and lets one malformed line hide the rest. Understood: lists of names,
 * wildcards, negation, [name]:port, hashed names, @revoked. A @cert-authority
 * line is counted and told of, since certificates are not supported. A line
 * that cannot be read is passed over, as OpenSSH does. All in one arena.
 */
#ifndef RUNNER_FLEET_KNOWN_HOSTS_H
#define RUNNER_FLEET_KNOWN_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"

struct known_line;
struct known_hosts {
    struct arena *a;
    struct known_line *first, *last;
    size_t lines;
};

void known_hosts_init(struct known_hosts *k, struct arena *a);
/* Adds a file's lines. A file that does not exist adds none when `optional`;
 * every other failure is ERR_CONFIG. */
bool known_hosts_read(struct known_hosts *k, const char *path, bool optional,
                      struct err *e);
void known_hosts_parse(struct known_hosts *k, const char *path,
                       const char *text, size_t len);

enum known {
    KNOWN_GOOD,
    KNOWN_NOT,     /* no key of this type is known for this host */
    KNOWN_CHANGED, /* keys of its type are known, and this is none of them */
    KNOWN_REVOKED, /* this very key is marked @revoked */
};

struct known_answer {
    enum known is;
    const char *shown;    /* fingerprint of the key the host showed */
    const char *expected; /* CHANGED: fingerprint of a known key */
    const char *file;     /* CHANGED, REVOKED: where that line stands */
    int line;
    const char *other; /* NOT: the type of a key known for it, of another type
                          than the one shown; or NULL */
    bool authority;    /* a @cert-authority line names this host */
};

/* name: the host as ssh knows it, or its HostKeyAlias; port 0: the alias is
 * looked up without one. Texts in the arena. */
struct known_answer known_hosts_ask(const struct known_hosts *k,
                                    const char *name, int port,
                                    const unsigned char *blob, size_t len);
/* The key types known for it, comma-separated and best first, of those that
 * `types` lists; "" when there is none. */
const char *known_hosts_types(const struct known_hosts *k, const char *name,
                              int port, const char *const *types);

#endif
