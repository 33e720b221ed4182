#include "runner/command/time_arg.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "runner/base/clock.h"

static const char *const days[] = {"Sun", "Mon", "Tue", "Wed",
                                   "Thu", "Fri", "Sat"};

static bool refuse(const char *option, const char *text, struct err *e,
                   const char *why)
{
    err_what(e, ERR_USAGE, "%s: '%.60s' is no time", option, text);
    err_why(e, "%s", why);
    return err_fix(e, "write now, 2026-11-24T21:00:00Z, 2026-11-24 or "
                      "\"Tue 2026-11-24 23:00\"");
}

/* Exactly n digits. */
static bool number(const char **at, int n, int *out)
{
    *out = 0;
    for (; n > 0; n--, ++*at) {
        if (**at < '0' || **at > '9')
            return false;
        *out = *out * 10 + (**at - '0');
    }
    return true;
}

static bool literal(const char **at, char c)
{
    bool there = **at == c;

    *at += there;
    return there;
}

/* A name of a day and a blank, or nothing: *day -1. */
static void weekday(const char **at, int *day)
{
    *day = -1;
    for (int i = 0; i < 7; i++)
        if (strncasecmp(*at, days[i], 3) == 0 && (*at)[3] == ' ')
            *day = i;
    *at += *day >= 0 ? 4 : 0;
}

static bool local_time(const char *text, struct civil *c, int *day)
{
    const char *at = text;

    *c = (struct civil){0};
    weekday(&at, day);
    if (!number(&at, 4, &c->year) || !literal(&at, '-') ||
        !number(&at, 2, &c->month) || !literal(&at, '-') ||
        !number(&at, 2, &c->day))
        return false;
    if (*at == '\0')
        return true;
    return literal(&at, ' ') && number(&at, 2, &c->hour) && literal(&at, ':') &&
           number(&at, 2, &c->minute) && *at == '\0';
}

bool time_arg_read(const char *option, const char *text,
                   const struct zone *zone, int64_t now,
                   struct zone_readings *out, struct err *e)
{
    struct civil c;
    int64_t utc = now;
    int day;

    if (strcmp(text, "now") == 0 || clock_parse_rfc3339(text, &utc)) {
        *out = (struct zone_readings){utc, utc, ZONE_ONCE};
        return true;
    }
    if (!local_time(text, &c, &day))
        return refuse(option, text, e, "it is in none of the known forms");
    if (!civil_valid(&c))
        return refuse(option, text, e, "there is no such day or time of day");
    if (day >= 0 && day != civil_weekday(&c)) {
        char why[64];
        snprintf(why, sizeof why, "that day is a %s", days[civil_weekday(&c)]);
        return refuse(option, text, e, why);
    }
    *out = zone_utc(zone, &c);
    return true;
}

bool time_arg_once(const char *option, const char *text,
                   const struct zone *zone, int64_t now, int64_t *out,
                   struct err *e)
{
    struct zone_readings r;
    char early[21], late[21];

    if (!time_arg_read(option, text, zone, now, &r, e))
        return false;
    *out = r.early;
    if (r.kind == ZONE_ONCE)
        return true;
    clock_rfc3339(r.early, early);
    clock_rfc3339(r.late, late);
    err_what(e, ERR_USAGE, "%s: %s %s in %s", option, text,
             r.kind == ZONE_TWICE ? "exists twice" : "does not exist",
             zone_name(zone));
    err_why(e, "the clocks change then; it may mean %s or %s", early, late);
    return err_fix(e, "write the one you mean: %s", late);
}
