/* A batched script for real: range after range of its key, throttled. */
#include <string.h>

#include "migrations/apply/backfill_work.h"
#include "migrations/apply/transaction.h"
#include "runner/base/failpoint.h"

#define BLOCKED_MS 2000 /* as in guard.c */

static int64_t rows_left(const struct backfill *f)
{
    int64_t left = f->t->down ? f->row.rows : f->row.estimated - f->row.rows;

    return left > 0 ? left : 0;
}

/* At the pace of this run, but for waits for locks: those are no slowness of
 * the rows. The surer the further it is. */
static struct apply_span left_of(const struct backfill *f, double *rate)
{
    int64_t ms = clock_mono() - f->began - f->waited_ms, left = rows_left(f);
    int64_t done = f->row.rows - f->rows_then;
    double rest, doubt;

    done = done < 0 ? -done : done;
    *rate = ms > 0 ? (double)done * 1000 / (double)ms : 0;
    if (done == 0)
        return (struct apply_span){-1, -1, -1};
    rest = (double)left * (double)ms / (double)done;
    doubt = (double)left / (double)(left + done);
    return (struct apply_span){(int64_t)(rest * (1 - doubt / 2)), (int64_t)rest,
                               (int64_t)(rest * (1 + doubt))};
}

/* What is told until the next batch has ended. */
static void tell_far(struct backfill *f)
{
    struct arena a;
    double rate;

    arena_init(&a);
    f->live.left = left_of(f, &rate);
    f->live.some = f->some;
    buf_clear(&f->far);
    buf_printf(&f->far, "%s, %.0f a second, batches of %lld",
               backfill_far(&a, &f->row), rate, (long long)f->row.size);
    if (f->row.size < f->b->size)
        buf_printf(&f->far, " (of %lld, so that none takes long)",
                   (long long)f->b->size);
    f->live.far = f->far.data;
    arena_release(&a);
}

static void say_live(struct backfill *f)
{
    struct guard g = {
        .t = f->t, .deadline = CLOCK_NEVER, .limit_ms = CLOCK_NEVER};

    tell_far(f);
    if (clock_mono() >= f->ap->sight.next_live)
        guard_say(f->ap, &g, "");
}

/* ---- all of them ---- */

static bool pause_after(struct backfill *f, struct err *e)
{
    if (f->over || !f->b->pause_ms || loop_sleep(f->ap->loop, f->b->pause_ms))
        return true;
    err_what(e, ERR_INTERRUPTED, "%s: interrupted", f->t->script->file);
    err_why(e, "signal %d asked us to stop", loop_stop_signal(f->ap->loop));
    return err_fix(e, "see what stands where: tidegate status");
}

static bool wait_turn(struct backfill *f, struct err *e)
{
    bool ok = throttle_wait(&f->throttle, e);

    if (!ok && f->ap->idle && pg_failed(f->ap->idle)->lost)
        return backfill_recover(f, e);
    return ok;
}

static bool all(struct backfill *f, struct err *e)
{
    while (!f->over) {
        if (!wait_turn(f, e) || !backfill_batch(f, e))
            return false;
        say_live(f);
        if (!pause_after(f, e))
            return false;
        failpoint("backfill-batch");
    }
    return true;
}

/* The applied row, or its end. */
static bool close_up(struct backfill *f, struct err *e)
{
    struct part part = {NULL, 0, 1, f->t->record};
    enum ended ended = transaction_run(f->ap, f->t, &part, e);
    bool there;

    if (ended != ENDED_UNKNOWN)
        return ended == ENDED_DONE;
    f->unknown = true;
    if (!apply_reopen(f->ap, e))
        return false;
    f->unknown = false;
    there = applied_find(&f->ap->applied, f->t->name) != NULL;
    return there != f->t->down;
}

/* Nobody could be asked whether the last COMMIT was done. */
static bool stop_unknown(struct backfill *f, struct err *e)
{
    struct err old = *e;

    f->t->out->statement = 1;
    f->t->out->outcome = APPLY_UNKNOWN;
    err_what(e, ERR_UNKNOWN, "%s: commit unknown, at or after %s", f->t->name,
             backfill_far(f->t->a, &f->row));
    err_why(e, "the connection was lost in COMMIT, and then: %s; %s", old.what,
            old.why);
    return err_fix(e, "once the database answers: tidegate resume");
}

/* Nothing done: nothing is left. Else it says how far it is. */
static bool stop_here(struct backfill *f, struct err *e)
{
    struct apply *ap = f->ap;
    struct arena *a = f->t->a;
    const char *params[] = {ap->s.ledger,
                            arena_printf(a, "%lld", (long long)ap->s.epoch),
                            ap->s.run, f->t->name};
    struct err old = *e, ignored;
    struct pg_result r;

    f->t->out->statement = 1;
    f->t->out->outcome = f->some ? APPLY_PARTIAL : APPLY_ROLLED_BACK;
    if (!f->some) {
        if (ap->idle)
            pg_query(ap->idle, a,
                     "SELECT tidegate.abandon_backfill($1, $2::int8, $3, $4)",
                     params, 4, &r, &ignored);
        return false;
    }
    err_what(e, old.code, "%s stopped at %s", f->t->name,
             backfill_far(a, &f->row));
    err_why(e, "%s: %s", old.what, old.why);
    return err_fix(e, "%s", old.fix);
}

static void tell(struct backfill *f, bool goes_on)
{
    progress_step(f->ap->progress, f->t->name,
                  "%lld batches, %lld rows changed%s",
                  (long long)(f->row.batches - f->batches_then),
                  (long long)(f->row.changed - f->changed_then),
                  goes_on ? " since it went on" : "");
}

/* The row counts the batches of the up and of the down as one: of a down only
 * what this run does is known. */
static void count_from_here(struct backfill *f)
{
    f->batches_then = f->row.batches;
    f->changed_then = f->row.changed;
}

static bool run(struct backfill *f, struct err *e)
{
    bool begun, resumed, was_undoing;

    f->t->out->outcome = APPLY_ROLLED_BACK;
    begun = backfill_load(f, e) && backfill_enter(f, e) &&
            throttle_init(&f->throttle, f->ap, f->t, e) && backfill_begin(f, e);
    was_undoing = f->found && f->t->down && f->row.undoing;
    resumed = f->found && f->row.batches > 0;
    if (f->t->down)
        count_from_here(f);
    if (begun && resumed)
        progress_step(f->ap->progress, f->t->name, "%s from %s",
                      f->t->down ? "goes back" : "goes on",
                      backfill_far(f->t->a, &f->row));
    f->began = clock_mono();
    f->rows_then = f->row.rows;
    f->t->batches = &f->live;
    tell_far(f);
    if (!begun || !all(f, e) || !close_up(f, e))
        return f->unknown ? stop_unknown(f, e) : stop_here(f, e);
    tell(f, was_undoing);
    if (!resumed)
        f->t->ms[0] = f->busy_ms;
    f->t->out->outcome = APPLY_DONE;
    f->t->out->statement = 0;
    return true;
}

bool backfill_run(struct apply *ap, struct task *t, struct err *e)
{
    int64_t blocked = ap->s.blocked_ms ? ap->s.blocked_ms : BLOCKED_MS;
    struct backfill f = {.ap = ap, .t = t, .b = t->script->batch};
    bool ok;

    f.target_ms =
        blocked / 2 < BACKFILL_BATCH_MS ? blocked / 2 : BACKFILL_BATCH_MS;
    buf_init(&f.last);
    buf_init(&f.far);
    ok = run(&f, e);
    t->batches = NULL;
    buf_release(&f.far);
    buf_release(&f.last);
    return ok;
}
