/* work: what the files of this room share.
 *
 * Not for other rooms: see migrations/apply/apply.h; watching is in guard.h,
 * one transaction in transaction.h.
 */
#ifndef MIGRATIONS_APPLY_WORK_H
#define MIGRATIONS_APPLY_WORK_H

#include "migrations/apply/apply.h"
#include "migrations/apply/guard.h"

struct done {
    const char *name, *checksum;
    bool down;
};

struct apply {
    struct loop *loop;
    struct arena *a;
    struct apply_settings s;
    struct progress *progress;
    struct pg *idle;        /* holds the advisory lock; never in a transaction
                               for longer than one short call */
    struct pg *work;        /* the migration's own statements */
    struct pg *observer;    /* looks, and cancels */
    bool checks_client;     /* the server can look whether we still live */
    struct applied applied; /* as read when the connections were opened */
    struct done *done;      /* what this run has changed since */
    size_t done_n, done_cap;
    int stops;       /* stop signals seen when the task began */
    bool sees_files; /* the observer may ask how large a file is */
    struct sight sight;
};

/* One script to run, and the row that says so. */
struct task {
    const char *name;
    const struct script *script;
    bool down;
    const char *checksum;
    const struct apply_expected *expected; /* never NULL */
    int64_t *ms;        /* of each statement: out->statement_ms */
    const char *record; /* SQL of the last statement, literals in it */
    int64_t began;      /* monotonic */
    int64_t tried;      /* monotonic: the transaction, or the statement that
                           runs alone, began */
    int there;          /* journaled: statements that are there */
    int64_t give_up;    /* monotonic: no retry of lock timeouts after */
    bool entered;       /* journal: the session is fit, keep its settings */
    /* of a batch: what its rows say; number 0: as recorded */
    const struct applied_row *as;
    int64_t number;
    const struct live_batches *batches; /* how far it is */
    struct arena *a;                    /* for the task */
    struct apply_result *out;
};

/* ---- apply.c ---- */

/* Opens the connections again when one was lost. */
bool apply_ready(struct apply *ap, struct err *e);
/* Closes and opens all connections, for at most 15 s while the server cannot
 * be reached; waits for orphans, so that what it then reads is the end. */
bool apply_reopen(struct apply *ap, struct err *e);

/* ---- journal.c ---- */

/* Statement by statement; what was done by an earlier run is not done again.
 */
bool journal_run(struct apply *ap, struct task *t, struct err *e);
/* Which statements of an up are done: looks at those whose end nobody saw,
 * and drops what a failed build left. done: one for each, or false with e; in
 * t->out how that stands. */
bool journal_settle(struct apply *ap, struct task *t, bool *done,
                    struct err *e);

/* ---- backfill_run.c ---- */

/* The script's statement over every range of its key, each a transaction with
 * its checkpoint; goes on where an earlier run stopped, either way. */
bool backfill_run(struct apply *ap, struct task *t, struct err *e);

/* ---- door.c ---- */

/* The three connections, the lock, the fence, no orphan. */
bool door_open(struct apply *ap, struct err *e);
void door_close(struct apply *ap);
/* Waits for (or ends) what an earlier run left running. */
bool door_orphans(struct apply *ap, struct err *e);

#endif
