#include "policies/forecast.h"
#include "policies/plan.h"
#include "policies/say.h"

#define DAY   INT64_C(86400)
#define AHEAD (14 * DAY) /* where an opening must begin */
#define REACH (28 * DAY) /* how far its end is looked for */

/* What bounds the work, and from when on it is looked at. */
struct bounds {
    struct arena *scratch;
    const struct policy_settings *policy;
    int64_t expires; /* of the announcement; INT64_MAX: none */
    bool forecast;
    struct forecast users;
};

int64_t need_seconds(const struct need_facts *need)
{
    return (need_total(need) + 999) / 1000;
}

static struct bounds bounds_open(struct arena *scratch,
                                 const struct policy_settings *policy,
                                 const struct facts *facts, int64_t at)
{
    const struct manifest_facts *m = manifest_pick(facts);
    struct bounds b = {scratch, policy, INT64_MAX, false, {0}};

    if (m && at < m->expires)
        b.expires = m->expires;
    b.forecast = policy->users.on && policy->users.forecast;
    if (b.forecast)
        b.users = forecast_open(&facts->users, say_zone(policy), facts->now);
    return b;
}

static struct openings openings_from(const struct bounds *b, int64_t at)
{
    const struct window_settings *w = &b->policy->window;
    struct openings all = {0};

    if (w->on)
        return calendar_openings(b->scratch, &w->calendar, at, at + REACH);
    all.list = arena_alloc(b->scratch, sizeof(*all.list));
    all.list[0] = (struct opening){at, at + REACH};
    all.n = 1;
    return all;
}

/* Cuts an opening to its first stretch in which nothing bounds the work, and
 * says what ends it; false when there is none. */
static bool first_stretch(const struct bounds *b, int64_t at,
                          const struct opening *o, struct fit_slot *slot)
{
    int64_t from = o->from, until = o->until, max = b->policy->users.max;
    const struct calendar *c = &b->policy->window.calendar;
    int64_t loud;

    slot->closes = "window end";
    if (until >= at + REACH)
        slot->closes = NULL;
    else if (calendar_frozen_by(b->scratch, c, until))
        slot->closes = "freeze";
    if (b->expires < until) {
        until = b->expires;
        slot->closes = "expiry of the announcement";
    }
    if (b->forecast && from < until) {
        /* Where it cannot be told the users gate speaks, not this one. */
        while (from < until && forecast_point(&b->users, from).users > max)
            from += FORECAST_STEP - from % FORECAST_STEP;
        loud = from < until ? forecast_search(&b->users, from, until - 1, max,
                                              FORECAST_ABOVE)
                            : 0;
        if (loud) {
            until = loud;
            slot->closes = "users above max";
        }
    }
    slot->from = from;
    slot->until = until;
    return from < until;
}

/* The first stretch that begins at or after `at` and is `need` long, or (need
 * 0) the first of all. */
static bool find(const struct bounds *b, int64_t at, int64_t need,
                 struct fit_slot *slot)
{
    struct openings all = openings_from(b, at);

    for (size_t i = 0; i < all.n && all.list[i].from <= at + AHEAD; i++) {
        struct opening rest = all.list[i];

        while (first_stretch(b, at, &rest, slot) && slot->from <= at + AHEAD) {
            slot->last_start = slot->until - need;
            if (slot->last_start >= slot->from)
                return true;
            rest.from = slot->until;
        }
    }
    return false;
}

bool fit_next(struct arena *scratch, const struct policy_settings *policy,
              const struct facts *facts, int64_t at, struct fit_slot *slot)
{
    struct bounds b = bounds_open(scratch, policy, facts, at);

    return find(&b, at, need_seconds(&facts->need), slot);
}

/* The stretch that holds at `at`; false: closed. */
static bool now_open(const struct bounds *b, int64_t at, struct fit_slot *slot)
{
    return find(b, at, 0, slot) && slot->from == at;
}

int64_t fit_close(struct arena *scratch, const struct policy_settings *policy,
                  const struct facts *facts, const char **which)
{
    struct bounds b = bounds_open(scratch, policy, facts, facts->now);
    struct fit_slot slot;

    if (!now_open(&b, facts->now, &slot)) {
        *which = "closed now";
        return facts->now;
    }
    *which = slot.closes ? slot.closes : "nothing";
    return slot.closes ? slot.until : 0;
}

static struct verdict fits(const struct policy_settings *policy, int64_t at,
                           int64_t need, const struct fit_slot *slot)
{
    struct verdict v;

    if (!slot->closes)
        return verdict_pass("fit.unbounded",
                            "needs %s, way back and margin "
                            "included; nothing closes within "
                            "28 days",
                            say_span(need).text);
    v = verdict_pass("fit.fits",
                     "needs %s of %s until %s, way back and "
                     "margin included; last safe start %s",
                     say_span(need).text, say_span(slot->until - at).text,
                     slot->closes,
                     say_time(policy, at, slot->until - need).text);
    return v;
}

static struct verdict later(const struct bounds *b, int64_t at, int64_t need,
                            const char *left, bool as_usual)
{
    const struct policy_settings *policy = b->policy;
    struct fit_slot next;
    struct verdict v;

    if (!find(b, at, need, &next))
        return verdict_stop("fit.never", " ");
    v = verdict_hold("fit.later", next.from,
                     "needs %s, way back and margin included; %s; next it "
                     "fits%s from %s, last safe start %s",
                     say_span(need).text, left,
                     as_usual ? ", with as many users as usual," : "",
                     say_time(policy, at, next.from).text,
                     say_time(policy, at, next.last_start).text);
    verdict_fix(&v, "wait, or use: tidegate deploy --wait");
    return v;
}

static struct verdict never(const struct bounds *b, int64_t need,
                            const char *left)
{
    bool expiring = b->expires != INT64_MAX;
    struct verdict v = verdict_stop(
        "fit.never",
        "needs %s, way back and margin included; %s; no opening %s is that "
        "long",
        say_span(need).text, left,
        expiring ? "before the announcement expires" : "within 14 days");

    verdict_fix(&v, "%smake the release smaller, or have the window widened",
                expiring ? "announce it for longer (`expect --for`), " : "");
    return v;
}

/* More users than usual pass: they alone make it never fit, which is HOLD. */
static struct verdict misfit(struct bounds *b, int64_t at, int64_t need,
                             const char *left)
{
    struct verdict v = later(b, at, need, left, false);

    if (v.is == STOP && b->forecast) {
        b->users = forecast_usual(b->scratch, &b->users);
        v = later(b, at, need, left, true);
    }
    return v.is == STOP ? never(b, need, left) : v;
}

struct verdict fit_at(struct arena *scratch,
                      const struct policy_settings *policy,
                      const struct facts *facts, int64_t at)
{
    struct bounds b = bounds_open(scratch, policy, facts, at);
    int64_t need = need_seconds(&facts->need);
    const char *left = "closed now";
    struct fit_slot slot;

    if (now_open(&b, at, &slot)) {
        if (!slot.closes || at + need <= slot.until)
            return fits(policy, at, need, &slot);
        left = arena_printf(scratch, "%s in %s, last safe start was %s",
                            slot.closes, say_span(slot.until - at).text,
                            say_time(policy, at, slot.until - need).text);
    }
    return misfit(&b, at, need, left);
}

struct verdict fit_judge(struct arena *scratch,
                         const struct policy_settings *policy,
                         const struct facts *facts)
{
    return fit_at(scratch, policy, facts, facts->now);
}
