/* transaction: a part of a migration that is one transaction.
 *
 * Not for other rooms: see migrations/apply/apply.h. It is tried again, whole,
 * after a lock timeout, a deadlock and their kin, with pauses that grow; the
 * record is its last statement, so that it is there if and only if the rest is.
 */
#ifndef MIGRATIONS_APPLY_TRANSACTION_H
#define MIGRATIONS_APPLY_TRANSACTION_H

#include "migrations/apply/work.h"

/* Of what has no limit of its own (alone_ms in apply.h). */
#define DEADLINE_MS ((int64_t)60 * 60 * 1000)

/* A part of a script that is one transaction. */
struct part {
    const struct statement *list;
    size_t n;
    int first;          /* number of list[0] in its script, from 1 */
    const char *record; /* the statement before COMMIT */
};

enum ended {
    ENDED_DONE,
    ENDED_ROLLED_BACK,
    ENDED_LOST,    /* before COMMIT was sent: it is not there */
    ENDED_UNKNOWN, /* after */
};

/* Tries until it is done, fails, or lock timeouts have lasted too long. */
enum ended transaction_run(struct apply *ap, struct task *t,
                           const struct part *part, struct err *e);
/* The statements that make a session fit for the migration (unless the task
 * has entered it already) and set our own settings; begin: in a transaction.
 * In t->a. */
char *transaction_opening(struct apply *ap, const struct task *t, bool begin,
                          int64_t lock_timeout_ms);
/* Our own settings alone, as one SELECT; in t->a. Times below 1: none. */
char *transaction_settings(struct apply *ap, const struct task *t,
                           int64_t statement_ms, int64_t lock_ms);
/* e says which statement failed, where and why, after guard_run. */
bool transaction_blame(struct apply *ap, const struct task *t,
                       const struct statement *s, const struct guard *g,
                       struct err *e);
/* Says what refusals of our own functions (migrations/sql) mean; false: it was
 * none of them. */
bool transaction_blame_own(struct apply *ap, const struct pg_failure *f,
                           const char *file, struct err *e);
/* A lock timeout, a deadlock and their kin: worth another try. */
bool transaction_again(const struct pg_failure *f);
/* How long the part's own work may take; CLOCK_NEVER: not rehearsed. */
int64_t transaction_limit(const struct apply *ap, const struct task *t,
                          const struct part *part);
/* Sleeps with jitter; false when it is time to give up, or a signal came. */
bool transaction_pause(struct apply *ap, struct task *t);

/* ---- verify.c ---- */

/* What verifies the script, in the transaction that is open and is to write
 * the row; nothing of it stays. False and e: it failed, and the transaction is
 * to be rolled back. as: how its statements are watched. */
bool verify_run(struct apply *ap, struct task *t, const struct guard *as,
                struct err *e);

#endif
