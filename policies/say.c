#include "policies/say.h"

#include <stdio.h>

#include "runner/base/clock.h"
#include "runner/base/duration.h"
#include "runner/base/zone.h"

static const char weekdays[7][4] = {"Sun", "Mon", "Tue", "Wed",
                                    "Thu", "Fri", "Sat"};

const struct zone *say_zone(const struct policy_settings *policy)
{
    return policy->window.calendar.zone;
}

static struct civil local(const struct policy_settings *policy, int64_t at)
{
    const struct zone *zone = say_zone(policy);

    return zone ? zone_local(zone, at) : civil_from_utc(at);
}

static const char *abbreviation(const struct policy_settings *policy,
                                int64_t at)
{
    const struct zone *zone = say_zone(policy);

    return zone ? zone_abbreviation(zone, at) : "UTC";
}

struct say say_time(const struct policy_settings *policy, int64_t now,
                    int64_t at)
{
    struct civil c = local(policy, at), today = local(policy, now);
    const char *zone = abbreviation(policy, at);
    struct say out;

    if (c.year == today.year && c.month == today.month && c.day == today.day)
        snprintf(out.text, sizeof(out.text), "%02d:%02d %.10s", c.hour,
                 c.minute, zone);
    else
        snprintf(out.text, sizeof(out.text),
                 "%s %04d-%02d-%02d %02d:%02d %.10s",
                 weekdays[civil_weekday(&c)], c.year, c.month, c.day, c.hour,
                 c.minute, zone);
    return out;
}

struct say say_weekly(const struct policy_settings *policy, int64_t at)
{
    struct civil c = local(policy, at);
    struct say out;

    snprintf(out.text, sizeof(out.text), "%s %02d:%02d %.10s",
             weekdays[civil_weekday(&c)], c.hour, c.minute,
             abbreviation(policy, at));
    return out;
}

struct say say_date(const struct policy_settings *policy, int64_t at)
{
    struct civil c = local(policy, at);
    struct say out;

    snprintf(out.text, sizeof(out.text), "%04d-%02d-%02d", c.year, c.month,
             c.day);
    return out;
}

struct say say_ms(int64_t ms)
{
    struct say out;

    duration_text(ms < 0 ? 0 : ms, out.text, sizeof(out.text));
    return out;
}

struct say say_span(int64_t seconds)
{
    return say_ms(seconds * 1000);
}

struct say say_digest(const char *digest)
{
    struct say out;

    snprintf(out.text, sizeof(out.text), "%.12s", digest ? digest : "none");
    return out;
}
