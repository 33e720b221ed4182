/* backfill_work: what the files of a backfill's run share.
 *
 * Not for others: see migrations/apply/work.h, backfill_run.
 */
#ifndef MIGRATIONS_APPLY_BACKFILL_WORK_H
#define MIGRATIONS_APPLY_BACKFILL_WORK_H

#include "migrations/apply/backfill.h"
#include "migrations/apply/throttle.h"
#include "migrations/apply/work.h"
#include "runner/base/buf.h"

struct backfill {
    struct apply *ap;
    struct task *t;
    const struct batch *b;
    struct backfill_key key;
    struct backfill_row row; /* as in the database; last is in the buf */
    struct buf last;
    bool found, whole, over;
    bool some;    /* of what it does, or undoes, something is there */
    bool unknown; /* the answer to a COMMIT was lost, and not looked up yet */
    int64_t target_ms;
    int64_t began, rows_then;           /* when this run took it up */
    int64_t batches_then, changed_then; /* of its counts, not this run's */
    int64_t busy_ms;                    /* in batches, without what it waited */
    int64_t waited_ms; /* for locks, tries that came to nothing too */
    struct live_batches live;
    struct buf far; /* its text */
    struct throttle throttle;
};

/* ---- backfill_begin.c ---- */

/* What the database says of it: found, whole, some, row. ERR_REFUSED when it
 * was begun with another text. */
bool backfill_load(struct backfill *f, struct err *e);
/* Makes the sessions fit, and looks the key up as the statement will do it. */
bool backfill_enter(struct backfill *f, struct err *e);
/* Writes the row: from the start, or on from the checkpoint. */
bool backfill_begin(struct backfill *f, struct err *e);
void backfill_keep_last(struct backfill *f, const char *last);

/* ---- backfill_writers.c ---- */

/* Waits until all have ended that now write to the table, so that what they
 * commit is seen. ERR_HELD after retry_for_ms. */
bool backfill_writers(struct backfill *f, struct err *e);

/* ---- backfill_batch.c ---- */

/* One batch, tried until it is done, nothing is left (f->over), or it must not
 * be. A lost connection is opened again and what it left is read. */
bool backfill_batch(struct backfill *f, struct err *e);
/* After the connection was lost. */
bool backfill_recover(struct backfill *f, struct err *e);

#endif
