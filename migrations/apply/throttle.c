#include "migrations/apply/throttle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrations/read/batch.h"
#include "runner/base/duration.h"

#define MAX_LAG_MS  10000
#define LOOK_MS     500
#define PATIENCE_MS ((int64_t)15 * 60 * 1000)

/* Hidden rows, the longest replay_lag in ms, whether all have replayed the
 * mark $1, and the newest place. */
static const char lag_sql[] =
    "SELECT pg_catalog.count(*) FILTER (WHERE r.state IS NULL),"
    " (coalesce(pg_catalog.max(CASE WHEN r.replay_lsn <"
    " pg_catalog.pg_current_wal_lsn() THEN pg_catalog.date_part('epoch',"
    " r.replay_lag) END), 0) * 1000)::int8,"
    " coalesce(pg_catalog.bool_and(r.replay_lsn >= $1::pg_lsn), true),"
    " pg_catalog.pg_current_wal_lsn()"
    " FROM pg_catalog.pg_stat_replication r"
    " WHERE (r.state IS NULL OR r.state IN ('streaming', 'catchup'))"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s"
    " WHERE s.active_pid = r.pid AND s.slot_type = 'logical')";

/* *hidden: some replica's state is not ours to see. */
static bool look(struct throttle *th, int64_t *lag, bool *hidden, struct err *e)
{
    const char *params[] = {*th->mark ? th->mark : NULL};
    int64_t now = clock_mono();
    struct pg_result r;
    struct arena a;
    bool ok;

    arena_init(&a);
    ok = pg_query(th->ap->idle, &a, lag_sql, params, 1, &r, e);
    if (ok) {
        *hidden = *r.cell[0][0] != '0';
        *lag = strtoll(r.cell[0][1], NULL, 10);
        if (!*th->mark || *r.cell[0][2] == 't') {
            snprintf(th->mark, sizeof th->mark, "%s", r.cell[0][3]);
            th->marked = now;
        }
        if (now - th->marked > *lag)
            *lag = now - th->marked;
    }
    arena_release(&a);
    return ok;
}

static bool unseen(const struct throttle *th, struct err *e)
{
    err_what(e, ERR_REFUSED, "%s: cannot see how far replicas are behind",
             th->t->script->file);
    err_why(e, "it says max_lag, and this role may not read "
               "pg_stat_replication");
    return err_fix(e, "GRANT pg_monitor to the role in `database`, or leave "
                      "max_lag out");
}

bool throttle_init(struct throttle *th, struct apply *ap, const struct task *t,
                   struct err *e)
{
    int64_t said = t->script->batch->max_lag_ms, lag;
    bool hidden;

    *th = (struct throttle){.ap = ap, .t = t, .max_lag_ms = ap->s.max_lag_ms};
    if (said > 0 && (!th->max_lag_ms || said < th->max_lag_ms))
        th->max_lag_ms = said;
    if (!th->max_lag_ms)
        th->max_lag_ms = MAX_LAG_MS;
    if (!look(th, &lag, &hidden, e))
        return false;
    if (!hidden)
        return true;
    if (said > 0)
        return unseen(th, e);
    progress_warn(ap->progress, t->name,
                  "how far replicas are behind cannot be seen (GRANT "
                  "pg_monitor): it does not wait for them");
    return true;
}

static bool interrupted(const struct throttle *th, struct err *e)
{
    err_what(e, ERR_INTERRUPTED, "%s: interrupted", th->t->script->file);
    err_why(e, "signal %d asked us to stop", loop_stop_signal(th->ap->loop));
    return err_fix(e, "see what stands where: tidegate status");
}

static bool may_go_on(const struct throttle *th, struct err *e)
{
    const struct apply_outside *o = &th->ap->s.outside;

    if (guard_stopped(th->ap))
        return interrupted(th, e);
    return !o->may_go_on || o->may_go_on(o->ctx, e);
}

static bool too_far(const struct throttle *th, int64_t lag, struct err *e)
{
    char is[40], limit[40];

    duration_text(lag, is, sizeof is);
    duration_text(th->max_lag_ms, limit, sizeof limit);
    err_what(e, ERR_HELD, "a replica stays behind");
    err_why(e, "it is %s behind, the limit is %s", is, limit);
    return err_fix(e, "look at the replica, then: tidegate resume");
}

static void say_waits(const struct throttle *th, int64_t lag)
{
    struct guard g = {
        .t = th->t, .deadline = CLOCK_NEVER, .limit_ms = CLOCK_NEVER};
    char is[40], limit[40], text[160];

    duration_text(lag, is, sizeof is);
    duration_text(th->max_lag_ms, limit, sizeof limit);
    snprintf(text, sizeof text, "waits: a replica is behind, by %s (limit %s)",
             is, limit);
    guard_say(th->ap, &g, text);
}

bool throttle_wait(struct throttle *th, struct err *e)
{
    int64_t began = clock_mono(), lag = 0;
    bool hidden;

    while (may_go_on(th, e)) {
        if (clock_mono() < th->next_look)
            return true;
        th->next_look = clock_mono() + LOOK_MS;
        if (!look(th, &lag, &hidden, e))
            return false;
        if (hidden || lag <= th->max_lag_ms)
            return true;
        if (clock_mono() - began > PATIENCE_MS)
            return too_far(th, lag, e);
        say_waits(th, lag);
        if (!loop_sleep(th->ap->loop, LOOK_MS))
            return interrupted(th, e);
    }
    return false;
}
