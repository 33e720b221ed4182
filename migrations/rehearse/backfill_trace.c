#include "migrations/rehearse/backfill_trace.h"

#include <stdlib.h>
#include <string.h>

#include "migrations/apply/backfill.h"
#include "runner/base/escape.h"

struct tracing {
    struct trace *t;
    const struct script *s;
    struct traced_script *out;
    struct traced_statement *sum;
    struct backfill_key key;
    struct backfill_row row; /* how far it is */
    int64_t next_us;         /* that finding the range took */
    int64_t *ms;             /* of each batch */
    size_t n, cap;
};

/* ---- adding up ---- */

static struct traced_touch *touch_of(struct tracing *x,
                                     const struct traced_touch *from)
{
    struct traced_statement *sum = x->sum;

    for (size_t i = 0; i < sum->n; i++)
        if (sum->touched[i].relation == from->relation)
            return &sum->touched[i];
    sum->touched = arena_grow(x->t->arena, sum->touched, sum->n, sum->n + 1,
                              sizeof *sum->touched);
    sum->touched[sum->n] =
        (struct traced_touch){.relation = from->relation, .taken = from->taken};
    return &sum->touched[sum->n++];
}

static void add_touches(struct tracing *x, const struct traced_statement *from)
{
    for (size_t i = 0; i < from->n; i++) {
        const struct traced_touch *one = &from->touched[i];
        struct traced_touch *at = touch_of(x, one);
        if (one->lock > at->lock)
            at->lock = one->lock;
        if (one->took > at->took)
            at->took = one->took;
        if (one->held_ms > at->held_ms)
            at->held_ms = one->held_ms;
        at->rewritten |= one->rewritten;
        at->scanned |= one->scanned;
        at->changed += one->changed;
        at->inserted += one->inserted;
    }
}

static void add_batch(struct tracing *x, const struct traced_statement *from,
                      int64_t us)
{
    int64_t ms = (us + 500) / 1000;

    x->sum->us += us;
    x->sum->ms = (x->sum->us + 500) / 1000;
    x->sum->rows += from->rows;
    x->sum->wal_bytes += from->wal_bytes;
    if (x->sum->temp_bytes >= 0)
        x->sum->temp_bytes =
            from->temp_bytes < 0 ? -1 : x->sum->temp_bytes + from->temp_bytes;
    add_touches(x, from);
    if (x->n == x->cap) {
        size_t cap = x->cap ? 2 * x->cap : 64;
        x->ms = arena_grow(x->t->arena, x->ms, x->n, cap, sizeof *x->ms);
        x->cap = cap;
    }
    x->ms[x->n++] = ms;
}

static int by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void settle(struct tracing *x)
{
    struct traced_batches *b = arena_array(x->t->arena, 1, sizeof *b);
    size_t n = x->n;

    *b = (struct traced_batches){.n = (int64_t)n,
                                 .rows = x->row.rows,
                                 .size = x->s->batch->size,
                                 .pauses_ms =
                                     (int64_t)n * x->s->batch->pause_ms};
    if (n) {
        qsort(x->ms, n, sizeof *x->ms, by_value);
        b->median_ms = x->ms[(n - 1) / 2];
        b->p95_ms = x->ms[(n * 95 + 99) / 100 - 1];
        b->longest_ms = x->ms[n - 1];
    }
    x->out->temp_bytes = x->sum->temp_bytes;
    x->sum->batches = b;
}

/* ---- running ---- */

/* The clone refuses a key as production would: an answer, not an end. */
static bool find_key(struct tracing *x, struct err *e)
{
    struct trace *t = x->t;

    if (backfill_key(t->work, t->arena, x->s, &x->key, e))
        return backfill_end(t->work, t->arena, &x->key, &x->row.until,
                            &x->row.estimated, e);
    if (e->code != ERR_INPUT)
        return false;
    x->out->failed = arena_printf(t->arena, "%s; %s", escape(t->arena, e->what),
                                  escape(t->arena, e->why));
    err_clear(e);
    return true;
}

/* The range as a script of one transaction; NULL: one without rows. */
static struct script script_of(struct tracing *x,
                               const struct backfill_range *range)
{
    const char *none = arena_printf(x->t->arena, "NULL::%s", x->key.type);
    struct statement *one =
        arena_copy(x->t->arena, x->s->statements, sizeof *one);
    struct script script = *x->s;

    one->text =
        range ? backfill_text(x->t->work, x->t->arena, x->s, &x->key, range)
              : batch_text(x->t->arena, x->s, none, none);
    script.statements = one;
    script.batch = NULL;
    script.verify = NULL; /* that is asked once, after all of them */
    script.transaction = true;
    return script;
}

static void say_live(struct tracing *x)
{
    progress_live(x->t->progress, x->s->file, x->row.rows, x->row.estimated,
                  "%s, batches of %lld", backfill_far(x->t->arena, &x->row),
                  (long long)x->row.size);
}

/* What a real run does for it, and nothing of what tracing takes: finding the
 * range, and the transaction; its checkpoint takes about as long as these. */
static int64_t whole_us(const struct tracing *x,
                        const struct traced_script *traced)
{
    return traced->statements[0].us + 2 * traced->around_us + x->next_us;
}

static bool one_batch(struct tracing *x, const struct backfill_range *range,
                      struct err *e)
{
    struct script script = script_of(x, range);
    struct traced_script traced;
    int64_t us;

    if (!trace_script(x->t, &script, &traced, e))
        return false;
    if (traced.failed) {
        x->out->failed = traced.failed;
        return true;
    }
    us = whole_us(x, &traced);
    add_batch(x, &traced.statements[0], us);
    x->row.rows += range->rows;
    x->row.last = range->checkpoint;
    if (range->rows >= x->row.size)
        x->row.size = backfill_size(x->row.size, x->s->batch->size, us / 1000,
                                    BACKFILL_BATCH_MS);
    say_live(x);
    return true;
}

/* No row: what it would lock is told all the same. */
static bool no_batch(struct tracing *x, struct err *e)
{
    struct script script = script_of(x, NULL);
    struct traced_script traced;

    if (!trace_script(x->t, &script, &traced, e))
        return false;
    x->out->failed = traced.failed;
    if (!traced.failed)
        add_touches(x, &traced.statements[0]);
    return true;
}

static bool all(struct tracing *x, struct err *e)
{
    struct trace *t = x->t;
    struct backfill_range range;

    while (!x->out->failed) {
        int64_t began;

        if (!backfill_dates(t->work, t->arena, e))
            return false;
        began = clock_mono_us();
        if (!backfill_next(t->work, t->arena, &x->key, false, x->row.last,
                           x->row.until, x->row.size, &range, e))
            return false;
        x->next_us = clock_mono_us() - began;
        if (range.rows == 0)
            return x->n || no_batch(x, e);
        if (!one_batch(x, &range, e))
            return false;
    }
    return true;
}

bool backfill_trace(struct trace *t, const struct script *s,
                    struct traced_script *out, struct err *e)
{
    struct tracing x = {.t = t, .s = s, .out = out};

    *out = (struct traced_script){.script = s};
    out->statements = arena_array(t->arena, 1, sizeof *out->statements);
    x.sum = out->statements;
    *x.sum = (struct traced_statement){.statement = s->statements,
                                       .began = clock_mono()};
    x.row.size = s->batch->size;
    if (!trace_enter(t, s, e) || !backfill_dates(t->work, t->arena, e) ||
        !find_key(&x, e) || (!out->failed && !all(&x, e)))
        return false;
    out->n = out->failed ? 0 : 1;
    settle(&x);
    out->ms = x.sum->ms;
    return true;
}
