/* ssh_target: where a host of the configuration really is, and as whom.
 *
 * `ssh -G` answers for the user's ssh configuration (in a child), `getent`
 * for names (in a child: a dead resolver never stops the loop).
 */
#ifndef RUNNER_FLEET_SSH_TARGET_H
#define RUNNER_FLEET_SSH_TARGET_H

#include <sys/socket.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"
#include "runner/base/loop.h"
#include "runner/config/config.h"

struct ssh_address {
    struct sockaddr_storage at;
    socklen_t len;
    const char *text; /* "10.0.0.5:22", "[::1]:22" */
};

struct ssh_target {
    const char *hostname, *user;
    int port;
    const char *key_name;    /* what known_hosts is asked for */
    int key_port;            /* 0: key_name is a HostKeyAlias */
    const char **identities; /* key files, absolute */
    size_t n_identities;
    bool identities_only;     /* of an agent's keys, those alone */
    const char *agent;        /* socket, or NULL: none */
    const char **known_hosts; /* files, in order */
    size_t n_known_hosts;
    const struct ssh_address *addresses;
    size_t n_addresses; /* 0: `why` says so */
    const char *why;
};

/* Fills out[i] for hosts[i]; runs the loop. False: the ssh configuration is
 * one we cannot follow (ProxyJump), or ssh itself is missing. A name that
 * does not resolve is no failure here: that host is unreachable. */
bool ssh_targets_resolve(struct arena *a, struct loop *l,
                         const struct host_name *hosts, size_t n,
                         struct ssh_target *out, struct err *e);

/* One host's answer of `ssh -G`; ERR_CONFIG when we cannot follow it. */
bool ssh_target_parse(struct arena *a, const char *name, char *text,
                      struct ssh_target *out, struct err *e);
/* The lines of `getent ahosts` to addresses; how many. */
size_t ssh_addresses_parse(struct arena *a, const char *text, int port,
                           const struct ssh_address **out);

#endif
