/* session_intern: what session.c and session_login.c share; not for other
 * files. */
#ifndef RUNNER_FLEET_SESSION_INTERN_H
#define RUNNER_FLEET_SESSION_INTERN_H

#include <libssh2.h>

#include "runner/fleet/agent.h"
#include "runner/fleet/session.h"

#define TAPE_LIMIT 8192

enum login_part { LOGIN_AGENT, LOGIN_FILES };

struct session {
    struct arena *a;
    int fd;
    LIBSSH2_SESSION *ssh;
    LIBSSH2_CHANNEL *channel;
    void *self; /* what the signing callback is given */
    struct agent agent;
    bool agent_asked;
    const struct agent_key *agent_key; /* being tried */
    const char *key_types;             /* as asked for */
    unsigned char tape[TAPE_LIMIT];    /* the server's first bytes */
    size_t taped;
    bool shaken, hungry;
    enum login_part part;
    size_t file, agent_at, agent_tries;
    struct buf tried; /* keys, for the message */
    int last;         /* libssh2's last answer */
};

/* ERR_UNREACHABLE about what was being done, in libssh2's words; TURN_FAIL. */
enum turn session_lost(struct session *s, const char *doing, struct err *e);

#endif
