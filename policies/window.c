#include "policies/plan.h"
#include "policies/say.h"
#include "runner/base/clock.h"

#define SKEW_MOST 5000                  /* ms, to the database or any host */
#define LOOK_BACK (INT64_C(14) * 86400) /* for when it closed */

static struct verdict open_verdict(const struct policy_settings *policy,
                                   int64_t at, int64_t until)
{
    struct verdict v;

    if (until - at >= INT64_C(14) * 86400)
        v = verdict_pass("window.open", "open, and for the next 14 days");
    else
        v = verdict_pass("window.open", "open until %s, for %s",
                         say_time(policy, at, until).text,
                         say_span(until - at).text);
    return v;
}

/* "closed at 02:00 EET" once it closed on a running release; else "closed at
 * Tue 15:00 EET", the time that is judged. */
static struct say closed_when(struct arena *scratch,
                              const struct policy_settings *policy,
                              const struct facts *facts, int64_t at)
{
    struct openings before = {0};

    if (facts->changing)
        before = calendar_openings(scratch, &policy->window.calendar,
                                   at - LOOK_BACK, at);
    return before.n ? say_time(policy, at, before.list[before.n - 1].until)
                    : say_weekly(policy, at);
}

static struct verdict closed_verdict(struct arena *scratch,
                                     const struct policy_settings *policy,
                                     const struct facts *facts, int64_t at,
                                     int64_t next)
{
    const char *freeze =
        calendar_frozen_by(scratch, &policy->window.calendar, at);
    struct say when = closed_when(scratch, policy, facts, at);
    const char *rule = freeze ? "window.freeze" : "window.closed";
    const char *how = freeze ? "frozen" : "closed";
    struct verdict v;
    char utc[21];

    if (next) {
        v = verdict_hold(rule, next, "%s at %s; opens %s (%s), in %s", how,
                         when.text, say_time(policy, at, next).text,
                         clock_rfc3339(next, utc), say_span(next - at).text);
        verdict_fix(&v, "wait, or use: tidegate deploy --wait");
    } else {
        v = verdict_hold(rule, 0, "%s at %s; no opening within 14 days", how,
                         when.text);
        verdict_fix(&v, "look at the window with: tidegate when");
    }
    if (freeze)
        verdict_limit(&v, "freeze = %s", freeze);
    return v;
}

struct verdict window_at(struct arena *scratch,
                         const struct policy_settings *policy,
                         const struct facts *facts, int64_t at)
{
    int64_t until, next;

    if (!policy->window.on)
        return verdict_off();
    if (calendar_open_at(scratch, &policy->window.calendar, at, &until, &next))
        return open_verdict(policy, at, until);
    return closed_verdict(scratch, policy, facts, at, next);
}

/* The window is judged by the runner's clock: a clock that disagrees with
 * those it acts on judges nothing, window or not. */
struct verdict window_judge(struct arena *scratch,
                            const struct policy_settings *policy,
                            const struct facts *facts)
{
    const struct clock_facts *clock = &facts->clock;
    int64_t skew = clock->worst_skew_ms;
    struct verdict v;

    if (!clock->worst_who || (skew <= SKEW_MOST && skew >= -SKEW_MOST))
        return window_at(scratch, policy, facts, facts->now);
    v = verdict_hold(WINDOW_SKEW, 0,
                     "the clocks of this machine and of %s "
                     "are %s apart, limit 5 s",
                     clock->worst_who, say_ms(skew < 0 ? -skew : skew).text);
    verdict_limit(&v, "5 s");
    verdict_source(&v, clock->worst_who, -1);
    verdict_fix(&v, "set the clocks right (NTP) on both machines");
    return v;
}
