/* throttle: what a backfill waits for between two batches: replicas that are
 * behind, and leave from outside (the window, users, all that is asked
 * mid-run).
 *
 * How far a replica is behind is what PostgreSQL measured last (replay_lag)
 * or, where that stands still with it, how long ago we saw a place in the WAL
 * that it has not replayed yet; the larger. Logical subscribers do not count.
 *
 * Not for other rooms: see migrations/apply/apply.h.
 */
#ifndef MIGRATIONS_APPLY_THROTTLE_H
#define MIGRATIONS_APPLY_THROTTLE_H

#include "migrations/apply/work.h"

struct throttle {
    struct apply *ap;
    const struct task *t;
    int64_t max_lag_ms;
    int64_t next_look; /* monotonic */
    char mark[32];     /* a place in the WAL; "": none */
    int64_t marked;    /* when it was the newest, monotonic */
};

/* Settles the limit. ERR_REFUSED when the script names one and the role may
 * not see how far replicas are; where it names none, that is a warning. */
bool throttle_init(struct throttle *th, struct apply *ap, const struct task *t,
                   struct err *e);
/* Waits until the next batch may begin. False: it shall pause (ERR_HELD, or
 * what outside said), a signal came (ERR_INTERRUPTED), or the connection was
 * lost. */
bool throttle_wait(struct throttle *th, struct err *e);

#endif
