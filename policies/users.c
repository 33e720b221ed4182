#include "policies/forecast.h"
#include "policies/numbers.h"
#include "policies/plan.h"
#include "policies/say.h"

#define STALE INT64_C(300) /* s; users come and go faster than that */
#define AHEAD (INT64_C(14) * 86400)

/* The first time within 14 days from which users stay at most max for as long
 * as the work needs; 0: none can be told. */
static int64_t quiet_from(const struct forecast *f, int64_t from, int64_t need,
                          int64_t max)
{
    int64_t last = from + AHEAD, loud;

    while ((from = forecast_search(f, from, last, max, FORECAST_AT_MOST))) {
        loud = forecast_search(f, from, from + need, max, FORECAST_NOT_WITHIN);
        if (!loud)
            return from;
        from = loud + 1;
    }
    return 0;
}

static struct forecast forecast_of(const struct policy_settings *policy,
                                   const struct facts *facts)
{
    return forecast_open(&facts->users, say_zone(policy), facts->now);
}

/* While more are on than usual, the forecast may say "never": then it may
 * change when they are as many as usual. */
static int64_t retry_at(struct arena *scratch,
                        const struct policy_settings *policy,
                        const struct facts *facts, int64_t after)
{
    struct forecast f = forecast_of(policy, facts);
    int64_t need = need_seconds(&facts->need), quiet;

    if (!policy->users.forecast)
        return 0;
    quiet = quiet_from(&f, after, need, policy->users.max);
    if (quiet)
        return quiet;
    f = forecast_usual(scratch, &f);
    return quiet_from(&f, after, need, policy->users.max);
}

static void fix_wait(struct verdict *v)
{
    if (v->retry_at)
        verdict_fix(v, "wait, or use: tidegate deploy --wait");
    else
        verdict_fix(v, "wait until users leave: tidegate users");
}

/* False: the live count speaks against it, *v says how. */
static bool live_fits(struct arena *scratch,
                      const struct policy_settings *policy,
                      const struct facts *facts, struct verdict *v)
{
    const struct fact *live = &facts->users.live;
    const struct users_settings *limits = &policy->users;

    if (!number_known(live, facts->now, "users.unreadable",
                      "the number of users", v))
        return false;
    if (facts->now - live->at > STALE) {
        *v = verdict_hold("users.stale", 0,
                          "the count of users is %s old, "
                          "limit %s",
                          say_span(facts->now - live->at).text,
                          say_span(STALE).text);
        verdict_fix(v, "make its source answer with fresh numbers: tidegate "
                       "users");
    } else if (live->value > limits->max) {
        bool surge = facts->changing && users_surge(policy, facts);

        *v = verdict_hold(surge ? "users.abort_at" : "users.max",
                          retry_at(scratch, policy, facts, facts->now + 1),
                          "%lld users are on, limit %lld",
                          (long long)live->value,
                          (long long)(surge ? limits->abort_at : limits->max));
        fix_wait(v);
    } else {
        return true;
    }
    number_source(v, live, facts->now);
    return false;
}

/* A count of zero where history is never zero is a broken count. */
static bool zero_fits(const struct facts *facts, struct verdict *v)
{
    const struct users_facts *u = &facts->users;

    if (u->live.value != 0 || !u->samples)
        return true;
    for (size_t i = 0; i < u->samples; i++) {
        if (u->history[i].users <= 0)
            return true;
    }
    *v = verdict_hold("users.zero", 0,
                      "the count says 0 users, and none of "
                      "%zu samples ever did",
                      u->samples);
    number_source(v, &u->live, facts->now);
    verdict_fix(v, "look whether the count still counts: tidegate users");
    return false;
}

static struct verdict above(struct arena *scratch,
                            const struct policy_settings *policy,
                            const struct facts *facts, int64_t from,
                            const struct forecast_point *p)
{
    bool live = facts->users.live.is == FACT_KNOWN;
    struct verdict v;

    if (p->week)
        v = verdict_hold(
            "users.forecast", retry_at(scratch, policy, facts, from + 1),
            "%s %s %lld users, limit %lld (week of %s)",
            say_weekly(policy, p->at).text, live ? "will have" : "usually has",
            (long long)p->users, (long long)policy->users.max,
            say_date(policy, p->week).text);
    else
        v = verdict_hold("users.forecast",
                         retry_at(scratch, policy, facts, from + 1),
                         "%s will have %lld users, limit %lld (slope of the "
                         "last hour)",
                         say_weekly(policy, p->at).text, (long long)p->users,
                         (long long)policy->users.max);
    fix_wait(&v);
    return v;
}

static struct verdict untold(const struct policy_settings *policy,
                             const struct facts *facts, int64_t at)
{
    const struct users_facts *u = &facts->users;
    struct verdict v = verdict_hold(
        "users.unforeseen", 0,
        "nobody can tell the users at %s: fewer than two weeks of history, and "
        "the slope of the last hour reaches 2 h at most (%zu samples)",
        say_time(policy, facts->now, at).text, u->samples);

    if (!u->history_read && !u->history_why)
        verdict_fix(&v, "set `history` in [users], or `forecast = no`");
    else
        verdict_fix(&v, "let cron run `tidegate users --record`; until two "
                        "weeks are kept set `forecast = no`");
    return v;
}

/* From `from` until the run would end. */
static struct verdict forecast_judge(struct arena *scratch,
                                     const struct policy_settings *policy,
                                     const struct facts *facts, int64_t from)
{
    struct forecast f = forecast_of(policy, facts);
    int64_t end = from + need_seconds(&facts->need);
    int64_t max = policy->users.max;
    int64_t broken = forecast_search(&f, from, end, max, FORECAST_NOT_WITHIN);
    struct forecast_point p;

    if (!broken) {
        p = forecast_peak(&f, from, end);
        return verdict_pass(
            "users.forecast",
            "at most %lld users until %s, "
            "limit %lld (%s%s)",
            (long long)p.users, say_time(policy, facts->now, end).text,
            (long long)max, p.week ? "week of " : "slope of the last hour",
            p.week ? say_date(policy, p.week).text : "");
    }
    p = forecast_point(&f, broken);
    return p.users < 0 ? untold(policy, facts, broken)
                       : above(scratch, policy, facts, from, &p);
}

static struct verdict judge_from(struct arena *scratch,
                                 const struct policy_settings *policy,
                                 const struct facts *facts, int64_t from)
{
    const struct users_facts *u = &facts->users;
    struct verdict v;

    if (!u->history_read && u->history_why) {
        v = verdict_hold("users.history", 0,
                         "the history of users cannot be "
                         "read: %s",
                         u->history_why);
        verdict_fix(&v, "make its source answer: tidegate doctor");
        return v;
    }
    return forecast_judge(scratch, policy, facts, from);
}

struct verdict users_at(struct arena *scratch,
                        const struct policy_settings *policy,
                        const struct facts *facts, int64_t at)
{
    struct verdict v;

    if (!policy->users.on)
        return verdict_off();
    if (!policy->users.forecast)
        return verdict_pass("users.no_forecast", "`forecast = no`: judged by "
                                                 "the live count alone");
    v = judge_from(scratch, policy, facts, at);
    verdict_limit(&v, "max = %lld users", (long long)policy->users.max);
    if (!*v.source)
        verdict_source(&v, policy->users.history, -1);
    return v;
}

struct verdict users_judge(struct arena *scratch,
                           const struct policy_settings *policy,
                           const struct facts *facts)
{
    const struct users_settings *limits = &policy->users;
    struct verdict v, now;

    if (!limits->on)
        return verdict_off();
    if (live_fits(scratch, policy, facts, &v) && zero_fits(facts, &v)) {
        now = verdict_pass("users.max", "%lld users are on, limit %lld",
                           (long long)facts->users.live.value,
                           (long long)limits->max);
        v = limits->forecast ? judge_from(scratch, policy, facts, facts->now)
                             : now;
        if (v.is == PASS && limits->forecast)
            v = verdict_pass("users.forecast", "%lld users are on; %s",
                             (long long)facts->users.live.value, v.because);
        number_source(&v, &facts->users.live, facts->now);
    }
    verdict_limit(&v, "max = %lld users", (long long)limits->max);
    return v;
}

bool users_surge(const struct policy_settings *policy,
                 const struct facts *facts)
{
    const struct fact *live = &facts->users.live;

    return policy->users.on && policy->users.abort_at >= 0 &&
           live->is == FACT_KNOWN && live->value > policy->users.abort_at;
}
