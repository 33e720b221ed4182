#include "migrations/apply/live.h"

#include <string.h>

#include "runner/base/duration.h"

#define WHOLE 1000
/* A pace is worth something after so long, and so far. */
#define PACE_AFTER_MS 1000
#define PACE_FROM     20

/* ---- how far an index build is ---- */

/* Samples of a rehearsal are 50 ms apart. */
#define REHEARSED_LEAST_MS 500

/* Where each phase of pg_stat_progress_create_index begins and ends, per
 * mille of the build, where no rehearsal tells; the waits in between take as
 * long as others please. */
static const struct {
    const char *phase;
    int from, until;
} phases[] = {
    {"building index: scanning table", 0, 450},
    {"building index: sorting live tuples", 450, 600},
    {"building index: sorting dead tuples", 600, 600},
    {"building index: loading tuples in tree", 600, WHOLE},
    {"building index", 0, WHOLE},
};
static const struct {
    const char *phase;
    int from, until;
} checks[] = {
    {"index validation: scanning index", 0, 200},
    {"index validation: sorting tuples", 200, 300},
    {"index validation: scanning table", 300, WHOLE},
};
/* A concurrent build spends this much before it validates. */
#define BUILD_SHARE 600

static int within(int from, int until, int64_t done, int64_t total)
{
    int64_t part = until - from;

    if (total <= 0 || done < 0)
        return from;
    return from + (int)(part * (done < total ? done : total) / total);
}

static bool is_wait(const char *phase)
{
    return strncmp(phase, "waiting for", 11) == 0;
}

/* -1: the rehearsal has not seen that phase, or was over too soon. */
static int rehearsed_share(const struct apply_phases *p, const char *phase,
                           int64_t done, int64_t total)
{
    int64_t sum = 0, before = 0, own = -1;

    for (size_t i = 0; p && i < p->n; i++) {
        if (is_wait(p->list[i].name))
            continue;
        if (strcmp(p->list[i].name, phase) == 0) {
            before = sum;
            own = p->list[i].ms;
        }
        sum += p->list[i].ms;
    }
    if (own < 0 || sum < REHEARSED_LEAST_MS)
        return -1;
    return within((int)(before * WHOLE / sum),
                  (int)((before + own) * WHOLE / sum), done, total);
}

int live_index_share(const struct apply_phases *rehearsed, const char *phase,
                     bool validates, int64_t done, int64_t total)
{
    int known = rehearsed_share(rehearsed, phase, done, total);

    if (known >= 0)
        return known;
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++)
        if (strcmp(phases[i].phase, phase) == 0) {
            int share = within(phases[i].from, phases[i].until, done, total);
            return validates ? share * BUILD_SHARE / WHOLE : share;
        }
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (strcmp(checks[i].phase, phase) == 0) {
            int share = within(checks[i].from, checks[i].until, done, total);
            return BUILD_SHARE + share * (WHOLE - BUILD_SHARE) / WHOLE;
        }
    return -1;
}

/* ---- what is left ---- */

static int64_t less(int64_t ms, int64_t passed)
{
    return ms > passed ? ms - passed : 0;
}

static struct apply_span add(struct apply_span a, struct apply_span b)
{
    return (struct apply_span){a.low + b.low, a.likely + b.likely,
                               a.high + b.high};
}

/* By its own pace: the surer the further it is. */
static struct apply_span by_pace(const struct live *l)
{
    int64_t far = l->pace.per_mille, to_go = WHOLE - far;
    int64_t rest = l->statement_ms * to_go / far;

    return (struct apply_span){rest * (WHOLE - to_go / 2) / WHOLE, rest,
                               rest * (WHOLE + to_go) / WHOLE};
}

static bool paced(const struct live *l)
{
    return l->pace.per_mille >= PACE_FROM && l->pace.per_mille < WHOLE &&
           l->statement_ms >= PACE_AFTER_MS;
}

static struct apply_span by_time(const struct apply_span *s, int64_t passed)
{
    return (struct apply_span){less(s->low, passed), less(s->likely, passed),
                               less(s->high, passed)};
}

static bool over(const struct apply_span *s, int64_t passed)
{
    return s->high > 0 && passed > s->high;
}

struct apply_span live_left(const struct live *l)
{
    const struct apply_expected *x = l->expected;
    struct apply_span left = {0}, none = {-1, -1, -1}, beyond = {-2, -2, -2};

    if (l->batches)
        return l->batches->left;
    if (l->statement < 1 || (size_t)l->statement > x->n) {
        bool whole = l->n == 1 && paced(l);

        if (whole)
            return by_pace(l);
        if (x->all.high <= 0)
            return none;
        return over(&x->all, l->elapsed_ms) ? beyond
                                            : by_time(&x->all, l->elapsed_ms);
    }
    for (size_t i = (size_t)l->statement; i < x->n; i++)
        left = add(left, x->each[i]);
    if (paced(l))
        return add(left, by_pace(l));
    if (over(&x->each[l->statement - 1], l->statement_ms))
        return beyond;
    return add(left, by_time(&x->each[l->statement - 1], l->statement_ms));
}

/* ---- the line ---- */

static void add_span(struct buf *out, const char *before, int64_t ms,
                     const char *after)
{
    char text[40];

    duration_text(ms, text, sizeof text);
    buf_printf(out, "%s%s%s", before, text, after);
}

static void add_left(const struct live *l, struct buf *out)
{
    struct apply_span left = live_left(l);
    char low[40], high[40];

    if (left.high == -2) {
        add_span(out, ", over its estimate of up to ",
                 l->statement > 0 && (size_t)l->statement <= l->expected->n
                     ? l->expected->each[l->statement - 1].high
                     : l->expected->all.high,
                 "");
        if (l->limit_ms > 0)
            add_span(out, " (cancelled after ", l->limit_ms, ")");
        return;
    }
    if (left.high < 0) {
        buf_str(out, ", time left unknown");
        return;
    }
    duration_text(left.low, low, sizeof low);
    duration_text(left.high, high, sizeof high);
    if (strcmp(low, high) == 0)
        buf_printf(out, ", %s left", high);
    else
        buf_printf(out, ", %s to %s left", low, high);
}

static void add_stop(const struct live *l, struct buf *out)
{
    const struct apply_expected *x = l->expected;

    if (l->batches) {
        buf_str(out, "; stop now costs nothing, it goes on from there");
        if (x->back_high >= 0 && !l->down && l->batches->some)
            add_span(out, ", undoing it costs up to ", x->back_high, "");
    } else if (l->committing) {
        buf_str(out, "; it commits, and cannot be stopped now");
        return;
    } else if (l->journaled && l->done > 0) {
        buf_printf(out, "; stop now leaves %d of %d statements%s", l->done,
                   l->n, l->halves ? ", and may leave a part of this one" : "");
        if (x->back_high >= 0 && !l->down)
            add_span(out, ", undoing them costs up to ", x->back_high, "");
    } else if (l->halves) {
        buf_str(out, "; stop now may leave a part of it");
    } else if (l->journaled) {
        buf_str(out, "; stop now costs seconds, nothing of it stays");
    } else {
        buf_str(out, "; stop now costs seconds, it rolls back");
    }
    if (x->committed_back > 0)
        add_span(out, ", and up to ", x->committed_back,
                 " for what is committed");
}

static void add_no_return(const struct live *l, struct buf *out)
{
    const char *name = l->expected->no_return;

    if (l->down)
        return;
    if (l->expected->past_return ||
        (name && strcmp(name, l->name) == 0 &&
         ((l->journaled && l->done > 0) || (l->batches && l->batches->some))))
        buf_str(out, "; point of no return: passed");
    else if (!name)
        buf_str(out, "; point of no return: none");
    else if (strcmp(name, l->name) != 0)
        buf_printf(out, "; point of no return: COMMIT of %s", name);
    else
        buf_printf(out, "; point of no return: its %s",
                   l->batches     ? "first batch"
                   : l->journaled ? "first statement"
                                  : "COMMIT");
}

static void add_world(const struct apply_world *world, struct buf *out)
{
    if (world->window_left_ms > 0) {
        buf_printf(out, "; %s",
                   world->closes ? world->closes : "window closes");
        add_span(out, " in ", world->window_left_ms, "");
    } else if (world->window_left_ms == 0) {
        buf_printf(out, "; %s",
                   world->closed ? world->closed : "the window is closed");
    }
    if (world->users >= 0)
        buf_printf(out, "; %lld users on", (long long)world->users);
    if (world->users >= 0 && world->users_limit >= 0)
        buf_printf(out, " (limit %lld)", (long long)world->users_limit);
}

static void add_waiting(const struct live *l, struct buf *out)
{
    buf_printf(out, "; %d waiting behind", l->waiting);
    if (l->waiting > 0 && l->waiting_ms > 0)
        add_span(out, l->waiting > 1 ? ", the longest for " : " for ",
                 l->waiting_ms, "");
}

static void add_statement(const struct live *l, struct buf *out)
{
    buf_printf(out, "; statement %d of %d", l->statement, l->n);
    if (l->kind)
        buf_printf(out, ": %s", l->kind);
    if (l->kind && l->table)
        buf_printf(out, " %s", l->table);
}

static void add_doing(const struct live *l, struct buf *out)
{
    if (l->batches)
        buf_printf(out, "; %s", l->batches->far);
    if (l->n > 1 && l->statement > 0)
        add_statement(l, out);
    if (*l->pace.phase)
        buf_printf(out, "; %s", l->pace.phase);
    if (l->pace.per_mille >= 0)
        buf_printf(out, ", %d %%", l->pace.per_mille / 10);
    if (*l->waits_for)
        buf_printf(out, "; waits for %s", l->waits_for);
}

void live_text(const struct live *l, struct buf *out)
{
    add_span(out, "", l->elapsed_ms, " elapsed");
    add_left(l, out);
    add_stop(l, out);
    add_no_return(l, out);
    add_world(&l->world, out);
    add_waiting(l, out);
    add_doing(l, out);
}
