/* apply: migrations run for real, guarded.
 *
 * A session advisory lock on an otherwise idle connection; the work on a
 * second; an observer on a third that counts the sessions waiting behind us
 * and cancels before they pile up. A transactional migration runs as one
 * transaction with its applied row and the fence; lock_timeout makes the whole
 * transaction start again, with jitter, until the deadline. Others run
 * statement by statement with a journal; indexes are looked at afterwards.
 * CONCURRENTLY has no lock_timeout but a deadline: its statement_timeout, else
 * an hour or three times the high estimate. So has what nobody rehearsed: an up
 * an hour, a verify script a minute for all of it. Settings are
 * those of the role and the database, set anew for each migration.
 */
#ifndef MIGRATIONS_APPLY_APPLY_H
#define MIGRATIONS_APPLY_APPLY_H

#include "migrations/apply/expected.h"
#include "migrations/read/migration.h"
#include "migrations/server/pg.h"
#include "migrations/state/applied.h"
#include "runner/base/progress.h"

struct apply_outside {
    void *ctx;
    /* Asked each half second while a statement runs; must not block. */
    void (*look)(void *ctx, struct apply_world *out);
    /* Asked between the batches of a backfill: false pauses it, and e says
     * why. NULL: it may. */
    bool (*may_go_on)(void *ctx, struct err *e);
    /* Whether to end a statement that a dead run left and that has not ended
     * by itself; `who` tells of it. NULL: it is not ended. */
    bool (*end_orphan)(void *ctx, const char *who);
};

struct apply_settings {
    const char *conninfo;
    const char
        *run; /* run id; application_name is "tidegate:RUN:=NAME" while NAME
                 is worked on, else "tidegate:RUN:lock" and the like */
    const char *release;
    const char *ledger;      /* id; a foreign one in the database is refused */
    int64_t epoch;           /* a higher one in the database is refused */
    int64_t lock_timeout_ms; /* default 100 */
    int64_t blocked_ms;      /* cancel when somebody waited longer; 0: 2 s */
    int64_t retry_for_ms;    /* how long lock timeouts are retried; 0: 2 min */
    int64_t max_lag_ms;      /* a backfill waits for replicas that are further
                                behind; 0: 10 s */
    int64_t alone_ms;  /* deadline of what has no statement_timeout and runs
                          alone, or is an up that nobody rehearsed; 0: 1 h, or
                          3 times its high */
    int64_t verify_ms; /* of an unrehearsed verify script; 0: 1 min */
    int overrun;       /* over so many times the high estimate, and still
                          uncommitted, it is cancelled; 0: 3 */
    int64_t overrun_least_ms;     /* never before; 0: 5 s */
    bool terminate_orphan;        /* end a backend left by an earlier run */
    struct apply_outside outside; /* all NULL: nothing is known of it */
};

/* Connects, refuses a standby or a transaction pooler (ERR_REFUSED), takes the
 * advisory lock (another holder: ERR_HELD naming it), makes or upgrades schema
 * tidegate, waits up to 10 s for statements that a dead run left (ERR_HELD),
 * raises the fence (ERR_REFUSED when an older epoch or another ledger). */
struct apply *apply_open(struct loop *l, struct arena *a,
                         const struct apply_settings *s,
                         struct progress *progress, struct err *e);
void apply_close(struct apply *ap);
/* The idle connection, for reading the applied set and facts; NULL after it
 * was lost and could not be opened again. */
struct pg *apply_connection(struct apply *ap);

enum apply_outcome {
    APPLY_DONE,        /* applied, row written, seen */
    APPLY_ROLLED_BACK, /* failed, and nothing of it is there */
    APPLY_PARTIAL,     /* non-transactional: some statements are there */
    APPLY_UNKNOWN,     /* connection lost and nobody could be asked */
};

struct apply_result {
    enum apply_outcome outcome;
    int64_t ms;
    int retries;     /* after lock timeouts, deadlocks and their kin */
    int64_t lock_ms; /* of ms: tries that ended so, and pauses after them */
    int statement;   /* 1-based, the one that failed; 0: none */
    bool already;    /* it was there already: nothing was done */
    /* What each statement took in the try that counted, by number less one;
     * -1: it did not run (failed before it, or done by an earlier run). In
     * the arena given to apply_open; n 0: nothing ran. */
    const int64_t *statement_ms;
    size_t statements;
};

/* Before anything says that it begins, or that its down does: waits, up to
 * retry_for_ms, for old transactions, dumps and prepared transactions that
 * hold a lock in the way of those that `expected` lists; where that has
 * something unread, for whoever has locked any table for more than 10 s.
 * ERR_HELD names pid, user, application and age; nothing was done. Those that
 * a concurrent build will wait for are named as warnings. */
bool apply_clear(struct apply *ap, const char *name,
                 const struct script *script,
                 const struct apply_expected *expected, struct err *e);

/* expected (from the rehearsal; NULL: not rehearsed) feeds the live line and
 * the limits. A stop signal cancels the statement; the answer says what that
 * left. */
bool apply_up(struct apply *ap, const struct migration *m,
              const struct apply_expected *expected, struct apply_result *out,
              struct err *e);
/* The down as it was recorded when it was applied, not from any commit: read
 * into a, and run. */
bool apply_down_script(const struct applied_row *row, struct arena *a,
                       struct script *out, struct err *e);
bool apply_down(struct apply *ap, const struct applied_row *row,
                const struct apply_expected *expected, struct apply_result *out,
                struct err *e);
/* What stands in the database after an unknown end: waits for (or ends)
 * the orphaned backend first. */
bool apply_observe(struct apply *ap, const char *name, bool down,
                   struct apply_result *out, struct err *e);

#endif
