/* The observer's side of one command: who waits behind it, and when it must
 * end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrations/work.h"
#include "runner/base/buf.h"
#include "runner/base/duration.h"

#define LOOK_FIRST_MS 25
#define LOOK_EVERY_MS 100
#define LIVE_EVERY_MS 500
#define BLOCKED_MS    2000
#define TERMINATE_MS  2000
#define MOST_WAITING  128

struct waiting {
    long pid;
    int64_t since;
};

struct watch {
    struct apply *ap;
    struct guard *g;
    int64_t next_look, next_live;
    int64_t cancelled; /* when we asked, 0: not yet */
    bool terminated, blind;
    struct waiting list[MOST_WAITING];
    size_t n;
};

bool guard_stopped(const struct apply *ap)
{
    return loop_stops(ap->loop) != ap->stops;
}

/* pg_blocking_pids knows those in the queue before us, too; a lock that we
 * only wait for makes those behind us wait as well. */
static const char look_sql[] =
    "SELECT 'behind', a.pid, NULL FROM pg_catalog.pg_stat_activity a"
    " WHERE a.wait_event_type = 'Lock'"
    " AND %d = ANY (pg_catalog.pg_blocking_pids(a.pid))"
    " UNION ALL SELECT 'ahead', b.pid, pg_catalog.format('pid %%s, user %%s,"
    " %%s, in its transaction for %%s s', b.pid, b.usename,"
    " coalesce(nullif(b.application_name, ''), 'no application name'),"
    " pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()"
    " - b.xact_start)::int8)"
    " FROM pg_catalog.pg_stat_activity b"
    " WHERE b.pid = ANY (pg_catalog.pg_blocking_pids(%d))";

static void look_send(struct watch *w, int64_t now)
{
    int pid = pg_backend_pid(w->ap->work);
    char sql[sizeof look_sql + 32];
    struct err ignored;

    snprintf(sql, sizeof sql, look_sql, pid, pid);
    if (pg_send(w->ap->observer, sql, &ignored))
        w->ap->look = LOOK_SENT;
    else
        w->blind = true;
    w->next_look = now + LOOK_EVERY_MS;
}

static int64_t since_of(const struct watch *w, long pid, int64_t now)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->list[i].pid == pid)
            return w->list[i].since;
    return now;
}

static void look_weigh(struct watch *w, const struct pg_result *r, int64_t now)
{
    struct waiting list[MOST_WAITING];
    int64_t limit = w->ap->s.blocked_ms ? w->ap->s.blocked_ms : BLOCKED_MS;
    int64_t longest = 0;
    size_t n = 0;

    for (int i = 0; i < r->rows && n < MOST_WAITING; i++) {
        long pid = strtol(r->cell[i][1], NULL, 10);
        if (strcmp(r->cell[i][0], "ahead") == 0) {
            snprintf(w->ap->blocker, sizeof w->ap->blocker, "%s",
                     r->cell[i][2] ? r->cell[i][2] : "");
            continue;
        }
        list[n] = (struct waiting){pid, since_of(w, pid, now)};
        if (now - list[n].since > longest)
            longest = now - list[n].since;
        n++;
    }
    memcpy(w->list, list, n * sizeof *list);
    w->n = n;
    if (longest < limit || w->g->why != GUARD_LET || w->g->patient)
        return;
    w->g->why = GUARD_CROWDED;
    w->g->waiting = (int)n;
    w->g->waited_ms = longest;
}

static void look_take(struct watch *w, int64_t now)
{
    struct arena a;
    struct pg_result r;
    struct err ignored;

    arena_init(&a);
    if (!pg_take(w->ap->observer, &a, &r, &ignored))
        w->blind = pg_transaction(w->ap->observer) == PG_LOST;
    else if (w->ap->look == LOOK_SENT)
        look_weigh(w, &r, now);
    w->ap->look = LOOK_NONE;
    arena_release(&a);
}

/* pg_cancel_backend, and two seconds later pg_terminate_backend. */
static void cancel_send(struct watch *w, int64_t now)
{
    char sql[80];
    struct err ignored;

    if (w->blind) {
        pg_cancel(w->ap->work); /* has steps of its own */
        w->cancelled = w->cancelled ? w->cancelled : now;
        w->terminated = true;
        return;
    }
    snprintf(sql, sizeof sql, "SELECT pg_catalog.%s(%d)",
             w->cancelled ? "pg_terminate_backend" : "pg_cancel_backend",
             pg_backend_pid(w->ap->work));
    if (!pg_send(w->ap->observer, sql, &ignored)) {
        w->blind = true;
        return;
    }
    w->ap->look = LOOK_CANCEL;
    w->terminated = w->cancelled;
    w->cancelled = w->cancelled ? w->cancelled : now;
}

static bool cancel_due(const struct watch *w, int64_t now)
{
    if (w->g->why == GUARD_LET || w->g->uncancelled)
        return false;
    return !w->cancelled ||
           (!w->terminated && now >= w->cancelled + TERMINATE_MS);
}

static struct apply_world outside(const struct apply *ap)
{
    struct apply_world world = {-1, -1, -1};

    if (ap->s.outside.look)
        ap->s.outside.look(ap->s.outside.ctx, &world);
    return world;
}

static void add_world(struct buf *line, const struct apply_world *world)
{
    char left[40];

    if (world->window_left_ms >= 0) {
        duration_text(world->window_left_ms, left, sizeof left);
        buf_printf(line, ", window closes in %s", left);
    }
    if (world->users >= 0)
        buf_printf(line, ", %lld users on", (long long)world->users);
    if (world->users >= 0 && world->users_limit >= 0)
        buf_printf(line, " (limit %lld)", (long long)world->users_limit);
}

static void say_live(struct watch *w, int64_t now)
{
    const struct apply_span *all = &w->g->t->expected->all;
    struct apply_world world = outside(w->ap);
    int64_t ms = now - w->g->t->began;
    char text[40];
    struct buf line;

    w->next_live = now + LIVE_EVERY_MS;
    buf_init(&line);
    duration_text(ms, text, sizeof text);
    buf_printf(&line, "%s elapsed", text);
    if (all->likely) {
        duration_text(all->likely > ms ? all->likely - ms : 0, text,
                      sizeof text);
        buf_printf(&line, ", about %s left", text);
    }
    buf_printf(&line, ", %zu waiting behind", w->n);
    add_world(&line, &world);
    progress_live(w->ap->progress, w->g->t->name, ms, all->likely, "%s",
                  line.data);
    buf_release(&line);
}

static void watch_turn(struct watch *w)
{
    int64_t now = clock_mono();
    bool running = pg_busy(w->ap->work);

    if (w->ap->look != LOOK_NONE && !pg_busy(w->ap->observer))
        look_take(w, now);
    if (!running)
        return;
    if (w->g->why == GUARD_LET && guard_stopped(w->ap))
        w->g->why = GUARD_STOPPED;
    if (w->ap->look == LOOK_NONE && cancel_due(w, now))
        cancel_send(w, now);
    else if (w->ap->look == LOOK_NONE && !w->blind && now >= w->next_look)
        look_send(w, now);
    if (now >= w->next_live)
        say_live(w, now);
}

/* A look that is still under way when the command ends is left to the next
 * one; a cancel is not: it would hit the next command. */
bool guard_run(struct apply *ap, struct guard *g, const char *sql,
               struct pg_result *out, struct err *e)
{
    int64_t now = clock_mono();
    struct watch w = {.ap = ap,
                      .g = g,
                      .next_look = now + LOOK_FIRST_MS,
                      .next_live = now + LIVE_EVERY_MS};

    g->why = GUARD_LET;
    pg_deadline(ap->work, g->deadline);
    if (!pg_send_run(ap->work, sql, e))
        return false;
    while (pg_busy(ap->work) || ap->look == LOOK_CANCEL) {
        int64_t until = w.next_look < w.next_live ? w.next_look : w.next_live;
        if (until <= clock_mono())
            until = clock_mono() + LOOK_EVERY_MS;
        loop_turn(ap->loop, until);
        watch_turn(&w);
    }
    pg_deadline(ap->work, CLOCK_NEVER);
    return pg_take(ap->work, g->t->a, out, e);
}
