#include "runner/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY        86400
#define YEAR_0000  (-62167219200) /* 0000-01-01T00:00:00Z */
#define YEAR_10000 253402300800   /* the first instant past four digits */

static int64_t clock_us(clockid_t which)
{
    struct timespec t;

    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_now(void)
{
    return time(NULL);
}

int64_t clock_wall_ms(void)
{
    return clock_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_mono(void)
{
    return clock_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

int64_t civil_days(int year, int month, int day)
{
    /* years begin in March here, so that the leap day comes last */
    int64_t y = month <= 2 ? (int64_t)year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
           719468;
}

int64_t civil_to_utc(const struct civil *c)
{
    return civil_days(c->year, c->month, c->day) * DAY + c->hour * 3600 +
           c->minute * 60 + c->second;
}

static void date_from_days(int64_t days, struct civil *c)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;

    c->day = (int)(doy - (153 * mp + 2) / 5 + 1);
    c->month = (int)(mp < 10 ? mp + 3 : mp - 9);
    c->year = (int)(yoe + era * 400 + (c->month <= 2));
}

struct civil civil_from_utc(int64_t utc)
{
    int64_t days = utc / DAY - (utc % DAY < 0);
    int second = (int)(utc - days * DAY);
    struct civil c = {.hour = second / 3600,
                      .minute = second / 60 % 60,
                      .second = second % 60};

    date_from_days(days, &c);
    return c;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

bool civil_valid(const struct civil *c)
{
    return c->year >= 0 && c->year <= 9999 && c->month >= 1 && c->month <= 12 &&
           c->day >= 1 && c->day <= month_days(c->year, c->month) &&
           c->hour >= 0 && c->hour <= 23 && c->minute >= 0 && c->minute <= 59 &&
           c->second >= 0 && c->second <= 59;
}

int civil_weekday(const struct civil *c)
{
    int64_t days = civil_days(c->year, c->month, c->day);

    /* 1970-01-01 was a Thursday */
    return (int)(((days + 4) % 7 + 7) % 7);
}

char *clock_rfc3339(int64_t utc, char out[21])
{
    struct civil c;

    utc = utc < YEAR_0000 ? YEAR_0000 : utc;
    c = civil_from_utc(utc >= YEAR_10000 ? YEAR_10000 - 1 : utc);
    /* the remainders say nothing new about the values; they tell the
     * compiler how wide each is */
    snprintf(out, 21, "%04u-%02u-%02uT%02u:%02u:%02uZ",
             (unsigned)c.year % 10000, (unsigned)c.month % 100,
             (unsigned)c.day % 100, (unsigned)c.hour % 100,
             (unsigned)c.minute % 100, (unsigned)c.second % 100);
    return out;
}

static bool read_number(const char **at, int digits, int *out)
{
    *out = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *out = *out * 10 + (**at - '0');
    }
    return true;
}

static bool read_mark(const char **at, char mark)
{
    return *(*at)++ == mark;
}

static bool read_fraction(const char **at)
{
    if (**at != '.')
        return true;
    ++*at;
    if (!strspn(*at, "0123456789"))
        return false;
    *at += strspn(*at, "0123456789");
    return true;
}

/* "Z", "+02:00" or "-02:00", to seconds east of UTC. */
static bool read_offset(const char **at, int *seconds)
{
    char sign = *(*at)++;
    int hours, minutes;

    *seconds = 0;
    if (sign == 'Z')
        return true;
    if ((sign != '+' && sign != '-') || !read_number(at, 2, &hours) ||
        !read_mark(at, ':') || !read_number(at, 2, &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    *seconds = (hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
    return true;
}

bool clock_parse_rfc3339(const char *text, int64_t *utc)
{
    const char *at = text;
    struct civil c;
    int offset;

    if (!read_number(&at, 4, &c.year) || !read_mark(&at, '-') ||
        !read_number(&at, 2, &c.month) || !read_mark(&at, '-') ||
        !read_number(&at, 2, &c.day) || !read_mark(&at, 'T') ||
        !read_number(&at, 2, &c.hour) || !read_mark(&at, ':') ||
        !read_number(&at, 2, &c.minute) || !read_mark(&at, ':') ||
        !read_number(&at, 2, &c.second) || !read_fraction(&at) ||
        !read_offset(&at, &offset) || *at || !civil_valid(&c))
        return false;
    *utc = civil_to_utc(&c) - offset;
    return true;
}
