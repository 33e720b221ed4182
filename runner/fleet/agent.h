/* agent: the SSH agent (draft-miller-ssh-agent), asked for its keys and for
 * signatures.
 *
 * Our own client, because libssh2's waits for ever: an agent that asks its
 * user first, or hangs, would stop the whole loop. Here every question is
 * given AGENT_MS and then counts as refused.
 */
#ifndef RUNNER_FLEET_AGENT_H
#define RUNNER_FLEET_AGENT_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/base/arena.h"
#include "runner/base/buf.h"

#define AGENT_MS 5000

struct agent_key {
    const unsigned char *blob; /* public key */
    size_t len;
};

struct agent {
    int fd;
    const struct agent_key *keys; /* in the arena */
    size_t n;
};

/* Connects and reads its keys. False: it does not answer; nothing is open. */
bool agent_open(struct agent *g, struct arena *a, const char *socket);
void agent_close(struct agent *g);
/* Appends the signature (without its type) to out; false: refused. */
bool agent_sign(struct agent *g, const struct agent_key *key,
                const unsigned char *data, size_t len, struct buf *out);

#endif
