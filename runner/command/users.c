#include "runner/base/escape.h"
#include "runner/command/release.h"
#include "runner/report/verdicts.h"

struct users_args {
    bool record;
};

static const struct zone *zone_of(const struct tidegate *t)
{
    return t->env->policy.window.on ? t->env->policy.window.calendar.zone
                                    : NULL;
}

static bool not_configured(const struct tidegate *t, struct err *e)
{
    err_what(e, ERR_CONFIG, "no [users] in the policy of %s", t->env->name);
    err_why(e, "nothing says how users are counted");
    return err_fix(e, "add [users] with count and max to %s",
                   t->env->policy.path);
}

static bool unreadable(const struct fact *live, struct err *e)
{
    err_what(e, ERR_UNREACHABLE, "the users cannot be counted");
    err_why(e, "%s: %s", live->source, live->why);
    return err_fix(e, "mend the source; until then the gate says HOLD");
}

static bool record(struct tidegate *t, const struct fact *live, struct err *e)
{
    struct json *j = json_new_object();

    json_set_str(j, "environment", t->env->name);
    json_set_int(j, "at", live->at);
    json_set_int(j, "users", live->value);
    return ledger_append(t->ledger, EVENT_USERS, j, e);
}

/* When the forecast next crosses the limit, either way. */
static void say_forecast(struct tidegate *t, const struct facts *f,
                         struct json *j)
{
    int64_t max = t->env->policy.users.max;
    bool above = f->users.live.value <= max;
    int64_t soon = f->now + 3600, week = 0;
    int64_t then = forecast_at(&f->users, zone_of(t), f->now, soon, &week);
    int64_t at = forecast_next(&f->users, zone_of(t), f->now,
                               f->now + 14 * 86400, max, above);

    if (then < 0) {
        output_text(t->out, "forecast  cannot be told: %s\n",
                    f->users.history_why ? f->users.history_why
                                         : "too little history");
        return;
    }
    output_text(t->out, "forecast  %lld users in an hour (%s)\n",
                (long long)then,
                week ? report_time(t->arena, zone_of(t), week)
                     : "from the slope of the last hour");
    json_set_int(j, "forecast_in_an_hour", then);
    if (at > 0) {
        output_text(t->out, "          %s the limit from %s\n",
                    above ? "above" : "below",
                    report_time(t->arena, zone_of(t), at));
        json_set_int(j, above ? "above_from" : "below_from", at);
    }
}

static bool users_run(struct tidegate *t, void *args, struct err *e)
{
    struct users_args *a = args;
    struct facts f = {.now = clock_now()};
    struct subject s;

    if (!t->env->policy.users.on)
        return not_configured(t, e);
    if (!release_subject(t, &s, e))
        return false;
    gather_users(&s, &f);
    const struct fact *live = &f.users.live;
    bool ok = live->is == FACT_KNOWN || unreadable(live, e);

    if (ok && a->record)
        ok = record(t, live, e);
    if (ok) {
        struct json *j = json_new_object();

        output_text(t->out, "users     %lld now, limit %lld\n",
                    (long long)live->value,
                    (long long)t->env->policy.users.max);
        output_text(t->out, "source    %s\nage       %s\n", live->source,
                    report_distance(t->arena, f.now, live->at));
        json_set_int(j, "users", live->value);
        json_set_int(j, "limit", t->env->policy.users.max);
        json_set_str(j, "source", live->source);
        json_set_int(j, "at", live->at);
        json_set_int(j, "samples", (int64_t)f.users.samples);
        say_forecast(t, &f, j);
        if (a->record)
            output_text(t->out, "recorded\n");
        output_json(t->out, j);
    }
    subject_close(&s);
    return ok;
}

static const struct opt users_opts[] = {
    {"record", 0, NULL, "Keep the count as a sample for the forecast.",
     OPT_BOOL(users_args, record)},
    {0},
};

const struct cmd cmd_users = {
    .name = "users",
    .summary = "Show how many users are on, the limit and the forecast.",
    .help = "With --record (from cron) the count is kept in the ledger, for "
            "policies that say `history = recorded`.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | NEED_LEDGER_WRITE,
    .opts = users_opts,
    .args_size = sizeof(struct users_args),
    .run = users_run,
};
