/* One batch: a transaction with its checkpoint. */
#include "migrations/apply/backfill_work.h"
#include "migrations/apply/transaction.h"
#include "runner/base/failpoint.h"

static char *checkpoint_sql(struct backfill *f, struct arena *a,
                            const struct backfill_range *range, int64_t changed)
{
    struct apply *ap = f->ap;

    return arena_printf(
        a, "SELECT tidegate.checkpoint(%s, %lld, %s, %s, %s, %lld, %lld, %lld)",
        pg_literal(ap->work, a, ap->s.ledger), (long long)ap->s.epoch,
        pg_literal(ap->work, a, ap->s.run), pg_literal(ap->work, a, f->t->name),
        range->checkpoint ? pg_literal(ap->work, a, range->checkpoint) : "NULL",
        (long long)(f->t->down ? -range->rows : range->rows),
        (long long)changed, (long long)f->row.size);
}

static bool say(struct backfill *f, const struct task *bt, struct guard *g,
                const char *sql, const struct statement *s, struct pg_result *r,
                struct err *e)
{
    *g = (struct guard){.t = bt,
                        .statement = s ? 1 : 0,
                        .deadline = CLOCK_NEVER,
                        .limit_ms = CLOCK_NEVER};
    bool ok = guard_run(f->ap, g, sql, r, e);

    f->waited_ms += g->held_ms;
    return ok || transaction_blame(f->ap, bt, s, g, e);
}

static enum ended not_there(const struct backfill *f)
{
    return pg_failed(f->ap->work)->lost ? ENDED_LOST : ENDED_ROLLED_BACK;
}

static enum ended commit(struct backfill *f, const struct task *bt,
                         struct guard *g, struct err *e)
{
    struct pg_result r;

    failpoint("backfill-checkpoint");
    *g = (struct guard){.t = bt,
                        .deadline = CLOCK_NEVER,
                        .limit_ms = CLOCK_NEVER,
                        .uncancelled = true};
    if (!guard_run(f->ap, g, "COMMIT", &r, e)) {
        transaction_blame(f->ap, bt, NULL, g, e);
        return pg_failed(f->ap->work)->lost ? ENDED_UNKNOWN : ENDED_ROLLED_BACK;
    }
    failpoint("backfill-committed");
    return ENDED_DONE;
}

static enum ended try_batch(struct backfill *f, struct task *bt,
                            const struct backfill_range *range, struct guard *g,
                            int64_t *changed, struct err *e)
{
    struct apply *ap = f->ap;
    int64_t lock_ms = bt->script->lock_timeout_ms > 0
                          ? bt->script->lock_timeout_ms
                          : ap->s.lock_timeout_ms;
    const struct statement *s = bt->script->statements;
    struct pg_result r;

    bt->tried = clock_mono();
    sight_clear(ap);
    if (!say(f, bt, g, transaction_opening(ap, bt, true, lock_ms), NULL, &r,
             e) ||
        !say(f, bt, g,
             backfill_text(ap->work, bt->a, bt->script, &f->key, range), s, &r,
             e))
        return not_there(f);
    *changed = r.affected > 0 ? r.affected : 0;
    failpoint("backfill-ran");
    if (!say(f, bt, g, checkpoint_sql(f, bt->a, range, *changed), NULL, &r, e))
        return not_there(f);
    return commit(f, bt, g, e);
}

static void account(struct backfill *f, const struct backfill_range *range,
                    int64_t changed, int64_t ms)
{
    f->row.rows += f->t->down ? -range->rows : range->rows;
    if (f->row.rows < 0)
        f->row.rows = 0;
    f->row.changed += changed;
    f->row.batches++;
    f->busy_ms += ms;
    f->some = true;
    backfill_keep_last(f, range->checkpoint);
    f->over = f->t->down && !range->checkpoint;
    if (range->rows >= f->row.size)
        f->row.size = backfill_size(f->row.size, f->b->size, ms, f->target_ms);
}

/* What a lost connection left is read, never guessed. */
bool backfill_recover(struct backfill *f, struct err *e)
{
    struct err why = *e;

    progress_warn(f->ap->progress, f->t->name, "%s: %s", why.what, why.why);
    return apply_reopen(f->ap, e) && backfill_load(f, e) &&
           backfill_enter(f, e);
}

/* Whether to try again, smaller: others waited behind it, or it waited for
 * others. */
static bool smaller(struct backfill *f, struct task *bt, const struct guard *g)
{
    struct pg_failure why = *pg_failed(f->ap->work);
    struct pg_result r;
    struct err ignored;

    pg_run(f->ap->work, bt->a, "ROLLBACK", &r, &ignored);
    if (g->why == GUARD_STOPPED || guard_stopped(f->ap) ||
        (g->why != GUARD_CROWDED && !transaction_again(&why)))
        return false;
    f->row.size = f->row.size / (g->why == GUARD_CROWDED ? 4 : 2);
    if (f->row.size < 1)
        f->row.size = 1;
    return transaction_pause(f->ap, bt);
}

/* One try, in an arena of its own. *done: it ended well, or what it left has
 * been read. */
static bool turn(struct backfill *f, struct task *bt, bool *done, struct err *e)
{
    int64_t began = clock_mono(), changed = 0, waited = f->waited_ms;
    struct backfill_range range;
    struct guard g;

    *done = true;
    if (!backfill_next(f->ap->idle, bt->a, &f->key, f->t->down, f->row.last,
                       f->row.until, f->row.size, &range, e))
        return f->ap->idle && pg_failed(f->ap->idle)->lost &&
               backfill_recover(f, e);
    f->over = range.rows == 0;
    if (f->over)
        return true;
    switch (try_batch(f, bt, &range, &g, &changed, e)) {
    case ENDED_DONE:
        account(f, &range, changed,
                clock_mono() - began - (f->waited_ms - waited));
        return true;
    case ENDED_UNKNOWN:
        f->unknown = true;
        return backfill_recover(f, e);
    case ENDED_LOST:
        return backfill_recover(f, e);
    case ENDED_ROLLED_BACK:
        break;
    }
    *done = false;
    if (!smaller(f, bt, &g))
        return false;
    f->waited_ms = waited + (clock_mono() - began);
    return true;
}

bool backfill_batch(struct backfill *f, struct err *e)
{
    struct apply_result tries = {0};
    struct task bt = *f->t;
    struct arena a;
    bool ok, done;

    bt.out = &tries;
    bt.give_up = clock_mono() + f->ap->s.retry_for_ms;
    do {
        arena_init(&a);
        bt.a = &a;
        ok = turn(f, &bt, &done, e);
        arena_release(&a);
    } while (ok && !done);
    f->t->out->retries += tries.retries;
    f->t->out->lock_ms += tries.lock_ms;
    return ok;
}
