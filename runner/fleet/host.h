/* host: one host's connection and the call in its hands, as a machine whose
 * stages are rows of a table (host.c). Room-internal: others see fleet.h. */
#ifndef RUNNER_FLEET_HOST_H
#define RUNNER_FLEET_HOST_H

#include "runner/base/loop.h"
#include "runner/fleet/fleet.h"
#include "runner/fleet/known_hosts.h"
#include "runner/fleet/remote.h"
#include "runner/fleet/session.h"
#include "runner/fleet/ssh_target.h"

enum host_at {
    AT_IDLE, /* no connection and nothing to do */
    AT_TURN, /* waits until its address may take one more login */
    AT_CONNECT,
    AT_HANDSHAKE,
    AT_HOSTKEY,
    AT_LOGIN,
    AT_CHANNEL,
    AT_READY, /* connected, a channel open, nothing to do */
    AT_EXEC,
    AT_SEND,
    AT_ANSWER,
    AT_CLOSE,
    AT_LOST, /* the connection is given up; what of the call? */
    AT_ENDS
};

struct host {
    struct fleet *fleet;
    size_t index;
    const char *name, *path; /* path: "" for a host that only runs hooks */
    struct ssh_target *target;
    const struct known_hosts *known;
    struct login login;

    enum host_at at, lost_at;
    int64_t now, deadline, not_before;
    struct source source;
    struct arena arena; /* of one connection */
    int fd;             /* while connecting; then the session's */
    size_t address;     /* of the target's, the one being tried */
    struct session *session;
    const char *methods;     /* agreed on, or NULL */
    const char *fingerprint; /* of the key it last showed, or NULL */
    int64_t rtt_ms;          /* how long connecting took */
    struct err e;            /* why the last stage failed */
    bool key_refused;

    const struct call *call; /* NULL: none in hand */
    struct answer *answer;
    int64_t began;
    int drops, losses; /* connections lost for this call: before and after
                          authentication */
    char nonce[NONCE_TEXT];
    struct buf request;
    size_t request_sent;
    char *chunk; /* of the payload, in flight */
    size_t chunk_len, chunk_sent;
    int64_t payload_read, shown_at; /* when progress was last told */
    int64_t ended_wall_ms;          /* when the end line came, 0 before */
    struct reply reply;
    struct buf noise; /* the tail of stderr */
};

void host_init(struct host *h, struct fleet *f, size_t index);
void host_release(struct host *h);
/* Puts a call in its hands; the fleet hears of its end by fleet_answered. */
void host_give(struct host *h, const struct call *call, struct answer *answer);
/* Ends the call in hand at once, for a second stop signal. */
void host_abandon(struct host *h);
/* Connected or connecting, but not yet logged in. */
bool host_unproven(const struct host *h);

/* The fleet's side of it. */
bool fleet_may_start(struct fleet *f, const struct host *h);
void fleet_left_turn(struct fleet *f, const struct host *h);
void fleet_answered(struct fleet *f, struct host *h);
struct arena *fleet_arena(struct fleet *f);
struct loop *fleet_loop(struct fleet *f);
struct progress *fleet_progress(struct fleet *f);

#endif
