/* observe: the locks of one backend, sampled from a second connection.
 *
 * For statements that cannot run in a transaction (CREATE INDEX CONCURRENTLY
 * and its kin): they take and leave their locks while they run. Densely at
 * first, since short ones are over soon; then every 50 ms. Until its locks are
 * seen twice (at most 3 s) the observer keeps an old snapshot: building
 * an index concurrently waits for it at its end, so even one that takes a
 * millisecond is seen.
 */
#ifndef MIGRATIONS_REHEARSE_OBSERVE_H
#define MIGRATIONS_REHEARSE_OBSERVE_H

#include "migrations/server/pg.h"
#include "migrations/server/relations.h"

struct observed {
    uint32_t relation; /* oid */
    enum lock_mode lock;
    bool scanned;        /* its progress view said: reading the table */
    int64_t first, last; /* monotonic ms, of the samples that showed it */
};

/* A phase that pg_stat_progress_create_index showed. */
struct traced_phase {
    const char *name;
    int64_t ms;
};

struct observer {
    struct loop *loop;
    struct pg *watch;
    struct arena *arena;
    int backend;
    int64_t began, next, gap; /* the widest gap between two samples */
    int64_t sampled;
    bool asked;   /* a sample is on its way */
    bool holding; /* the old snapshot */
    int locked;   /* samples that showed a lock */
    bool phases_only;
    struct observed *list;
    size_t n;
    struct traced_phase *phases; /* in the order they began */
    size_t n_phases, phase;      /* the one at hand; n_phases: none is */
    int64_t phase_since;
};

/* Watches backend from now on; send the statement right after. */
bool observer_begin(struct observer *o, struct loop *l, struct arena *a,
                    struct pg *watch, int backend, struct err *e);
/* The same of a statement inside a transaction, whose locks are read there:
 * the phases of an index build alone, once it has lasted 200 ms; no snapshot
 * is kept. Shorter ones cost nothing. */
void observer_begin_phases(struct observer *o, struct loop *l, struct arena *a,
                           struct pg *watch, int backend);
/* Asks or takes a sample when it is time; when to be called again: o->next. */
bool observer_turn(struct observer *o, struct err *e);
/* Waits for the sample under way, if any; lets the snapshot go. */
bool observer_end(struct observer *o, struct err *e);
/* How long it was held, as far as samples can tell; at most limit. */
int64_t observed_held(const struct observer *o, const struct observed *seen,
                      int64_t limit);

#endif
