/* The sources of facts that the policy names, and its window. */
#include <string.h>

#include "runner/base/duration.h"
#include "runner/facts/gather.h"
#include "runner/flow/doctor_rows.h"

void doctor_look_window(struct doctor *d)
{
    const struct window_settings *w = &d->env->policy.window;
    int64_t now = clock_now(), until, next;
    char text[21];

    if (!w->on) {
        doctor_off(d, "not configured: a release may go out at any time");
        return;
    }
    bool open = calendar_open_at(d->arena, &w->calendar, now, &until, &next);

    if (open)
        doctor_ok(d, NULL, "open until %s%s", clock_rfc3339(until, text),
                  until >= now + 14 * 86400 ? " at least" : "");
    else if (next)
        doctor_ok(d, NULL, "closed until %s", clock_rfc3339(next, text));
    else
        doctor_warning(d, NULL, "see it: tidegate when",
                       "it does not open within 14 days");
}

/* One number: readable, or why not. */
static bool readable(struct doctor *d, const struct fact *fact)
{
    if (fact->is == FACT_KNOWN)
        return true;
    doctor_problem(d, NULL, ERR_HELD,
                   "run it by hand; it must give one whole number", "%s: %s",
                   fact->source ? fact->source : "the source",
                   fact->why ? fact->why : "it was not read");
    return false;
}

void doctor_look_users(struct doctor *d)
{
    const struct users_settings *u = &d->env->policy.users;
    struct facts f = {0};

    if (!u->on) {
        doctor_off(d, "not configured: users are not counted");
        return;
    }
    gather_users(&d->s, &f);
    bool live = readable(d, &f.users.live);

    if (u->history && !f.users.history_read)
        doctor_problem(d, NULL, ERR_HELD,
                       "run it by hand; it must give a time and a number a "
                       "line",
                       "history: %s: %s", u->history,
                       f.users.history_why ? f.users.history_why
                                           : "it was not read");
    else if (live)
        doctor_ok(d, NULL, "%lld now, limit %lld; %zu samples of four weeks",
                  (long long)f.users.live.value, (long long)u->max,
                  f.users.samples);
}

void doctor_look_backup(struct doctor *d)
{
    const struct backup_settings *b = &d->env->policy.backup;
    char age[32], limit[32];
    struct facts f = {0};

    if (!b->on) {
        doctor_off(d, "not configured");
        return;
    }
    gather_backup(&d->s, &f);
    if (!readable(d, &f.backup_age))
        return;
    duration_text(f.backup_age.value * 1000, age, sizeof age);
    duration_text(b->max_age * 1000, limit, sizeof limit);
    if (f.backup_age.value > b->max_age)
        doctor_warning(d, NULL, "see why backups stopped",
                       "the last is %s old, limit %s", age, limit);
    else
        doctor_ok(d, NULL, "the last is %s old, limit %s", age, limit);
}

void doctor_look_replicas(struct doctor *d)
{
    const struct replicas_settings *r = &d->env->policy.replicas;
    struct facts f = {0};

    if (!r->on) {
        doctor_off(d, "not configured");
        return;
    }
    gather_replicas(&d->s, &f);
    if (!readable(d, &f.replicas.streaming) || !readable(d, &f.replicas.lag_ms))
        return;
    if (f.replicas.streaming.value < r->min)
        doctor_warning(
            d, NULL, "see why they stopped", "%lld stream, %lld are wanted",
            (long long)f.replicas.streaming.value, (long long)r->min);
    else
        doctor_ok(d, NULL, "%lld stream, %lld ms behind",
                  (long long)f.replicas.streaming.value,
                  (long long)f.replicas.lag_ms.value);
}
