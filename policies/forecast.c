#include "policies/forecast.h"

#define WEEK  INT64_C(604800)
#define HOUR  INT64_C(3600)
#define NEAR  INT64_C(900) /* a sample further away is missing */
#define FLOOR 10           /* below it a ratio of live to usual tells nothing */

/* The first sample at or after `at`. */
static size_t sample_from(const struct users_facts *u, int64_t at)
{
    size_t low = 0, high = u->samples;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (u->history[mid].at < at)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static const struct sample *nearest(const struct users_facts *u, int64_t at)
{
    size_t i = sample_from(u, at);
    const struct sample *after = i < u->samples ? &u->history[i] : NULL;
    const struct sample *before = i ? &u->history[i - 1] : NULL;

    if (after && (!before || after->at - at < at - before->at))
        return after->at - at <= NEAR ? after : NULL;
    return before && at - before->at <= NEAR ? before : NULL;
}

static int64_t users_near(const struct users_facts *u, int64_t at)
{
    const struct sample *s = nearest(u, at);

    return s && s->users >= 0 ? s->users : -1;
}

/* The same weekday and local time so many weeks before. */
static int64_t weeks_before(const struct zone *zone, int64_t at, int64_t weeks)
{
    struct civil c;

    if (!zone)
        return at - weeks * WEEK;
    c = zone_local(zone, at);
    c = civil_from_utc(civil_to_utc(&c) - weeks * WEEK);
    return zone_utc(zone, &c).early;
}

struct forecast forecast_open(const struct users_facts *users,
                              const struct zone *zone, int64_t now)
{
    struct forecast f = {.users = users, .zone = zone, .now = now};

    for (int w = 0; w < FORECAST_WEEKS; w++)
        f.base[w] = users_near(users, weeks_before(zone, now, w + 1));
    return f;
}

struct forecast forecast_usual(struct arena *scratch, const struct forecast *f)
{
    struct users_facts *usual = arena_copy(scratch, f->users, sizeof(*usual));

    usual->live.is = FACT_UNREAD;
    return forecast_open(usual, f->zone, f->now);
}

/* Past week w's number, raised as live stands above that week; -1: missing. */
static int64_t week_users(const struct forecast *f, int w, int64_t then)
{
    int64_t usual = users_near(f->users, then), base, live;
    __int128 raised;

    if (usual < 0 || f->users->live.is != FACT_KNOWN)
        return usual;
    if (f->base[w] < 0)
        return -1;
    base = f->base[w] > FLOOR ? f->base[w] : FLOOR;
    live = f->users->live.value > base ? f->users->live.value : base;
    raised = ((__int128)usual * live + base - 1) / base;
    return raised > INT64_MAX ? INT64_MAX : (int64_t)raised;
}

/* Where the slope ends: the live count, or the newest sample of the last
 * quarter hour when the live count is not asked for. */
static bool slope_end(const struct forecast *f, struct sample *end)
{
    const struct users_facts *u = f->users;
    size_t i = sample_from(u, f->now + 1);

    if (u->live.is == FACT_KNOWN) {
        *end = (struct sample){u->live.at, u->live.value};
        return true;
    }
    if (!i || f->now - u->history[i - 1].at > NEAR)
        return false;
    *end = u->history[i - 1];
    return true;
}

static int64_t slope_users(const struct forecast *f, int64_t when)
{
    const struct users_facts *u = f->users;
    size_t i = sample_from(u, f->now - HOUR);
    struct sample begin, end;
    double users;

    if (when > f->now + 2 * HOUR || i == u->samples || !slope_end(f, &end))
        return -1;
    begin = u->history[i];
    if (end.at - begin.at < NEAR || begin.users < 0 || end.users < 0)
        return -1; /* too short to tell a slope from noise */
    users = (double)end.users + ((double)end.users - (double)begin.users) *
                                    (double)(when - end.at) /
                                    (double)(end.at - begin.at);
    if (users <= 0)
        return 0;
    return users >= 9e18 ? INT64_MAX : (int64_t)(users + 0.999);
}

/* Past week w runs from w + 1 weeks before now to w weeks before now: what
 * lies more than a week ahead is looked up in the same four weeks. */
struct forecast_point forecast_point(const struct forecast *f, int64_t when)
{
    int64_t ahead = when > f->now ? (when - f->now - 1) / WEEK : 0;
    struct forecast_point p = {when, -1, 0};
    int weeks = 0;

    for (int w = 0; w < FORECAST_WEEKS; w++) {
        int64_t then = weeks_before(f->zone, when, ahead + w + 1);
        int64_t users = week_users(f, w, then);

        weeks += users >= 0;
        if (users > p.users) {
            p.users = users;
            p.week = then;
        }
    }
    if (weeks >= 2)
        return p;
    return (struct forecast_point){when, slope_users(f, when), 0};
}

static bool matches(int64_t users, int64_t max, enum forecast_wanted wanted)
{
    if (wanted == FORECAST_AT_MOST)
        return users >= 0 && users <= max;
    return users > max || (wanted == FORECAST_NOT_WITHIN && users < 0);
}

/* The next instant to look at after t. */
static int64_t step(int64_t t, int64_t until)
{
    int64_t next = (t / FORECAST_STEP + 1) * FORECAST_STEP;

    return next < until || t >= until ? next : until;
}

int64_t forecast_search(const struct forecast *f, int64_t from, int64_t until,
                        int64_t max, enum forecast_wanted wanted)
{
    for (int64_t t = from; t <= until; t = step(t, until)) {
        if (matches(forecast_point(f, t).users, max, wanted))
            return t;
    }
    return 0;
}

struct forecast_point forecast_peak(const struct forecast *f, int64_t from,
                                    int64_t until)
{
    struct forecast_point peak = {from, -1, 0};

    for (int64_t t = from; t <= until; t = step(t, until)) {
        struct forecast_point p = forecast_point(f, t);

        if (p.users > peak.users)
            peak = p;
    }
    return peak;
}

int64_t forecast_at(const struct users_facts *users, const struct zone *zone,
                    int64_t now, int64_t when, int64_t *week)
{
    struct forecast f = forecast_open(users, zone, now);
    struct forecast_point p = forecast_point(&f, when);

    if (week)
        *week = p.week;
    return p.users;
}

int64_t forecast_next(const struct users_facts *users, const struct zone *zone,
                      int64_t now, int64_t until, int64_t max, bool above)
{
    struct forecast f = forecast_open(users, zone, now);

    if (until <= now)
        return 0;
    return forecast_search(&f, step(now, until), until, max,
                           above ? FORECAST_ABOVE : FORECAST_AT_MOST);
}
