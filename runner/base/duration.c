#include "runner/base/duration.h"

#include <stdio.h>
#include <string.h>

#define LIMIT_MS (INT64_C(3650) * 86400 * 1000)
#define DIGITS   12 /* of LIMIT_MS; more are refused before they overflow */

static const struct unit {
    const char *name;
    int64_t ms;
} units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};
#define UNITS (sizeof(units) / sizeof(units[0]))

static bool read_count(const char **at, int64_t *out)
{
    size_t digits = strspn(*at, "0123456789");

    *out = 0;
    if (!digits || digits > DIGITS || (digits > 1 && **at == '0'))
        return false;
    for (size_t i = 0; i < digits; i++)
        *out = *out * 10 + *(*at)++ - '0';
    return true;
}

/* The unit written at *at, searched from row `from` on: units fall. */
static size_t read_unit(const char **at, size_t from)
{
    size_t letters = strspn(*at, "abcdefghijklmnopqrstuvwxyz");

    for (size_t i = from; i < UNITS; i++)
        if (strlen(units[i].name) == letters &&
            !memcmp(*at, units[i].name, letters)) {
            *at += letters;
            return i;
        }
    return UNITS;
}

bool duration_parse(const char *text, int64_t *ms)
{
    int64_t sum = 0, count;
    size_t from = 0;

    do {
        size_t unit;

        if (!read_count(&text, &count))
            return false;
        unit = read_unit(&text, from);
        if (unit == UNITS || count > (LIMIT_MS - sum) / units[unit].ms)
            return false;
        sum += count * units[unit].ms;
        from = unit + 1;
    } while (*text);
    *ms = sum;
    return true;
}

/* "3 min 20 s", the second part left out when it is zero. */
static void two_parts(int64_t count, int per, const char *big,
                      const char *small, char *out, size_t size)
{
    if (count % per)
        snprintf(out, size, "%lld %s %lld %s", (long long)(count / per), big,
                 (long long)(count % per), small);
    else
        snprintf(out, size, "%lld %s", (long long)(count / per), big);
}

static int64_t rounded(int64_t value, int64_t unit)
{
    return value / unit + (value % unit >= (unit + 1) / 2);
}

char *duration_text(int64_t ms, char *out, size_t size)
{
    int64_t s, minutes;

    if (ms < 0 && size > 1) {
        out[0] = '-';
        /* INT64_MIN has no positive twin */
        duration_text(-(ms + (ms == INT64_MIN)), out + 1, size - 1);
        return out;
    }
    s = rounded(ms, 1000);
    minutes = rounded(ms, 60000);
    if (!ms)
        snprintf(out, size, "0 s");
    else if (ms < 1000)
        snprintf(out, size, "%d ms", (int)ms);
    else if (rounded(ms, 100) < 100 && rounded(ms, 100) % 10)
        snprintf(out, size, "%d.%d s", (int)rounded(ms, 100) / 10,
                 (int)rounded(ms, 100) % 10);
    else if (s < 60)
        snprintf(out, size, "%d s", (int)s);
    else if (s < 3600)
        two_parts(s, 60, "min", "s", out, size);
    else if (minutes < 1440 && minutes % 60)
        snprintf(out, size, "%d h %02d min", (int)minutes / 60,
                 (int)minutes % 60);
    else if (minutes < 1440)
        snprintf(out, size, "%d h", (int)minutes / 60);
    else
        two_parts(rounded(ms, 3600000), 24, "d", "h", out, size);
    return out;
}

char *bytes_text(int64_t bytes, char *out, size_t size)
{
    static const char *const names[] = {"B",  "kB", "MB", "GB",
                                        "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;

    /* 999.5 and not 1024: three digits at the most */
    for (; value >= 999.5 && unit < 6; unit++)
        value /= 1024;
    if (unit && value < 9.95)
        snprintf(out, size, "%.1f %s", value, names[unit]);
    else
        snprintf(out, size, "%.0f %s", value, names[unit]);
    return out;
}
