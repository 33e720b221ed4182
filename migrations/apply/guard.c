#include "migrations/apply/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrations/apply/work.h"

#define LOOK_FIRST_MS 25
#define LOOK_EVERY_MS 100
#define LIVE_EVERY_MS 500
#define BLOCKED_MS    2000
#define TERMINATE_MS  2000

/* One command under way. */
struct watch {
    struct apply *ap;
    struct guard *g;
    int64_t began, next_look;
    int64_t at_others; /* ms that it waited for others' transactions */
    int64_t seen_at;   /* when that was last added to */
    int64_t cancelled; /* when we asked, 0: not yet */
    bool terminated;
};

bool guard_stopped(const struct apply *ap)
{
    return loop_stops(ap->loop) != ap->stops;
}

/* ---- must it end ---- */

/* At the next look it would be too late. */
static bool crowded(const struct apply *ap)
{
    int64_t limit = ap->s.blocked_ms ? ap->s.blocked_ms : BLOCKED_MS;

    return ap->sight.waiting > 0 &&
           ap->sight.longest_ms > limit - 2 * LOOK_EVERY_MS;
}

static int64_t worked(const struct watch *w, int64_t now)
{
    return w->g->passed_ms + (now - w->began) - w->at_others;
}

static void judge(struct watch *w, int64_t now)
{
    struct guard *g = w->g;

    if (g->why != GUARD_LET || g->uncancelled)
        return;
    g->waiting = w->ap->sight.waiting;
    g->waited_ms = w->ap->sight.longest_ms;
    g->held = w->ap->sight.held;
    if (guard_stopped(w->ap)) {
        g->why = GUARD_STOPPED;
    } else if (!g->patient && crowded(w->ap)) {
        g->why = GUARD_CROWDED;
    } else if (g->limit_ms != CLOCK_NEVER && worked(w, now) > g->limit_ms) {
        g->why = GUARD_OVERRUN;
        g->waited_ms = worked(w, now);
    } else if (now >= g->deadline) {
        g->why = GUARD_LATE;
        g->waited_ms = now - w->began;
    }
}

/* pg_cancel_backend, and two seconds later pg_terminate_backend. */
static void cancel_send(struct watch *w, int64_t now)
{
    struct sight *s = &w->ap->sight;
    char sql[80];
    struct err ignored;

    if (s->blind) {
        pg_cancel(w->ap->work); /* has steps of its own */
        w->cancelled = w->cancelled ? w->cancelled : now;
        w->terminated = true;
        return;
    }
    snprintf(sql, sizeof sql, "SELECT pg_catalog.%s(%d)",
             w->cancelled ? "pg_terminate_backend" : "pg_cancel_backend",
             pg_backend_pid(w->ap->work));
    if (!pg_send(w->ap->observer, sql, &ignored)) {
        s->blind = true;
        return;
    }
    s->asked = SIGHT_CANCELS;
    w->terminated = w->cancelled;
    w->cancelled = w->cancelled ? w->cancelled : now;
}

static bool cancel_due(const struct watch *w, int64_t now)
{
    if (w->g->why == GUARD_LET)
        return false;
    return !w->cancelled ||
           (!w->terminated && now >= w->cancelled + TERMINATE_MS);
}

/* ---- the live line ---- */

static struct apply_world outside(const struct apply *ap)
{
    struct apply_world world = {
        .window_left_ms = -1, .users = -1, .users_limit = -1};

    if (ap->s.outside.look)
        ap->s.outside.look(ap->s.outside.ctx, &world);
    return world;
}

/* Touches stand by their strength. */
static const char *table_of(const struct apply_expected *x, int statement)
{
    for (size_t i = 0; i < x->touched; i++)
        if (x->touches[i].statement == statement)
            return x->touches[i].relation;
    return NULL;
}

static const char *kind_of(const struct script *s, int statement)
{
    return statement > 0 && (size_t)statement <= s->n
               ? s->statements[statement - 1].kind
               : NULL;
}

static struct live facts(const struct apply *ap, const struct guard *g,
                         int64_t began)
{
    const struct sight *s = &ap->sight;
    const struct task *t = g->t;
    int64_t now = clock_mono();

    return (struct live){
        .expected = t->expected,
        .name = t->name,
        .down = t->down,
        .committing = g->uncancelled,
        .journaled = !t->script->transaction,
        .halves = g->halves,
        .done = t->there,
        .statement = g->statement,
        .n = (int)t->script->n,
        .elapsed_ms = now - t->began,
        .statement_ms = now - began,
        .limit_ms = g->limit_ms == CLOCK_NEVER ? 0 : g->limit_ms,
        .pace = s->pace,
        .waits_for = *s->waits_for ? s->waits_for
                     : s->held     ? s->ahead
                                   : "",
        .waiting = s->waiting,
        .waiting_ms = s->longest_ms,
        .kind = kind_of(t->script, g->statement),
        .table = table_of(t->expected, g->statement),
        .world = outside(ap),
        .batches = t->batches,
    };
}

/* "pid 7, user u, app": how long it has been so is no news. */
static int who(const char *waits_for)
{
    const char *since = strstr(waits_for, ", in its transaction");

    return since ? (int)(since - waits_for) : (int)strlen(waits_for);
}

/* What is not merely another number, so that a log shows it at once. That one
 * of many batches commits is no news. */
static bool is_news(struct apply *ap, const struct live *l, const char *doing)
{
    char key[sizeof ap->sight.said];

    snprintf(key, sizeof key, "%s|%d|%d|%.60s|%.*s|%.20s", l->name,
             l->committing && !l->batches, l->waiting > 0, l->pace.phase,
             who(l->waits_for), l->waits_for, doing);
    if (strcmp(key, ap->sight.said) == 0)
        return false;
    memcpy(ap->sight.said, key, sizeof key);
    return true;
}

static void say(struct apply *ap, const struct live *l, const char *doing)
{
    struct buf line;

    buf_init(&line);
    live_text(l, &line);
    if (*doing)
        buf_printf(&line, "; %s", doing);
    if (is_news(ap, l, doing))
        progress_news(ap->progress, l->name, "%s", line.data);
    else
        progress_live(ap->progress, l->name, 0, 0, "%s", line.data);
    buf_release(&line);
    ap->sight.next_live = clock_mono() + LIVE_EVERY_MS;
}

void guard_say(struct apply *ap, const struct guard *g, const char *doing)
{
    struct live l = facts(ap, g, clock_mono());

    l.waits_for = "";
    say(ap, &l, doing);
}

/* ---- the watch ---- */

/* A concurrent build waits for old transactions as long as they last: that is
 * none of its own work. */
static void add_waits(struct watch *w, int64_t now)
{
    if (w->ap->sight.waits)
        w->at_others += now - w->seen_at;
    if (w->ap->sight.held)
        w->g->held_ms += now - w->seen_at;
    w->seen_at = now;
}

static void ask(struct watch *w, int64_t now)
{
    struct apply *ap = w->ap;

    if (cancel_due(w, now)) {
        cancel_send(w, now);
    } else if (ap->sight.blind) {
        return;
    } else if (now >= w->next_look) {
        sight_look(ap);
        w->next_look = now + LOOK_EVERY_MS;
    } else if (now >= ap->sight.next_live) {
        sight_measure(ap, w->g);
    }
}

static void watch_turn(struct watch *w)
{
    struct sight *s = &w->ap->sight;
    int64_t now = clock_mono();
    bool measured = false;

    if (s->asked != SIGHT_IDLE && !pg_busy(w->ap->observer)) {
        measured = s->asked == SIGHT_MEASURES;
        sight_take(w->ap, now, w->began);
    }
    if (!pg_busy(w->ap->work))
        return;
    add_waits(w, now);
    judge(w, now);
    /* before the next question: saying it puts the next measure off */
    if (measured || (s->blind && now >= s->next_live)) {
        struct live l = facts(w->ap, w->g, w->began);
        say(w->ap, &l, "");
    }
    if (s->asked == SIGHT_IDLE)
        ask(w, now);
}

static int64_t next_turn(const struct watch *w)
{
    int64_t now = clock_mono(), until = w->next_look;

    if (w->ap->sight.next_live < until)
        until = w->ap->sight.next_live;
    return until > now ? until : now + LOOK_EVERY_MS;
}

/* A look that is still under way when the command ends is left to the next
 * one; a cancel is not: it would hit the next command. */
static bool run(struct apply *ap, struct guard *g, const char *sql,
                struct pg_result *out, struct err *e)
{
    int64_t now = clock_mono();
    struct watch w = {.ap = ap,
                      .g = g,
                      .began = now,
                      .seen_at = now,
                      .next_look = now + LOOK_FIRST_MS};

    g->why = GUARD_LET;
    ap->sight.pace = (struct live_pace){-1, ""};
    ap->sight.waits_for[0] = '\0';
    ap->sight.held = ap->sight.waits = false;
    if (ap->sight.next_live == 0)
        ap->sight.next_live = now + LIVE_EVERY_MS;
    if (!pg_send_copy(ap->work, sql, g->data, g->data_len, e))
        return false;
    while (pg_busy(ap->work) || ap->sight.asked == SIGHT_CANCELS) {
        loop_turn(ap->loop, next_turn(&w));
        watch_turn(&w);
    }
    return pg_take(ap->work, g->t->a, out, e);
}

bool guard_run(struct apply *ap, struct guard *g, const char *sql,
               struct pg_result *out, struct err *e)
{
    bool ok = run(ap, g, sql, out, e);

    g->failure = *pg_failed(ap->work);
    return ok;
}
