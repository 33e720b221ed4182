#include "runner/base/zone.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"
#include "runner/base/file.h"

#define DAY INT64_C(86400)
/* A day inside the years 0000 to 9999: no offset leads out of them. */
#define EARLIEST (-62167219200 + DAY)
#define LATEST   (253402300799 - DAY)

#define ZONE_FILE_LIMIT (1024 * 1024)

struct zone {
    GTimeZone *tz;
    char name[64];
};

/* Files of tzdata that are no zone by name: the machine's own, and copies
 * that count leap seconds. */
static bool is_zone_name(const char *name)
{
    static const char *const others[] = {"localtime", "posixrules", "Factory",
                                         "right/", "posix/"};
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789_+/-";

    if (!g_ascii_isalpha(*name) || name[strspn(name, letters)] ||
        strstr(name, "//") || strlen(name) >= sizeof(((struct zone *)0)->name))
        return false;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (!strncmp(name, others[i], strlen(others[i])))
            return false;
    return true;
}

/* Is there compiled zone data (RFC 8536) of that name? GLib alone would take
 * "XYZ5" for a zone five hours west, and trips over other files. */
static bool has_data(const char *name)
{
    const char *root = getenv("TZDIR"); /* as GLib does */
    struct err ignored;
    struct arena a;
    char *bytes;
    size_t len;
    bool found;

    arena_init(&a);
    found =
        file_read(path_join(&a, root ? root : "/usr/share/zoneinfo", name),
                  ZONE_FILE_LIMIT, ERR_CONFIG, &a, &bytes, &len, &ignored) &&
        len >= 44 && !memcmp(bytes, "TZif", 4);
    arena_release(&a);
    return found;
}

struct zone *zone_open(const char *name)
{
    GTimeZone *tz = NULL;
    struct zone *z;

    if (is_zone_name(name) && has_data(name))
        tz = g_time_zone_new_identifier(name);
    if (!tz)
        return NULL;
    z = must_malloc(sizeof(*z));
    z->tz = tz;
    snprintf(z->name, sizeof(z->name), "%s", name);
    return z;
}

void zone_close(struct zone *z)
{
    if (!z)
        return;
    g_time_zone_unref(z->tz);
    free(z);
}

const char *zone_name(const struct zone *z)
{
    return z->name;
}

static int64_t in_range(int64_t utc)
{
    return utc < EARLIEST ? EARLIEST : utc > LATEST ? LATEST : utc;
}

static int interval(const struct zone *z, int64_t utc)
{
    return g_time_zone_find_interval(z->tz, G_TIME_TYPE_UNIVERSAL,
                                     in_range(utc));
}

int zone_offset(const struct zone *z, int64_t utc)
{
    return g_time_zone_get_offset(z->tz, interval(z, utc));
}

struct civil zone_local(const struct zone *z, int64_t utc)
{
    return civil_from_utc(in_range(utc) + zone_offset(z, utc));
}

const char *zone_abbreviation(const struct zone *z, int64_t utc)
{
    return g_time_zone_get_abbreviation(z->tz, interval(z, utc));
}

/* The first instant after `before` at which the offset is no longer that of
 * `before`; it has changed by `after`. */
static int64_t jump_between(const struct zone *z, int64_t before, int64_t after)
{
    int offset = zone_offset(z, before);

    while (after - before > 1) {
        int64_t middle = before + (after - before) / 2;

        if (zone_offset(z, middle) == offset)
            before = middle;
        else
            after = middle;
    }
    return after;
}

struct zone_readings zone_utc(const struct zone *z, const struct civil *local)
{
    /* The offsets of a day before and a day after: offsets stay within 14 h,
     * so the two lie on either side of a change near the time itself. */
    int64_t as_utc = civil_to_utc(local);
    int64_t one = as_utc - zone_offset(z, as_utc - DAY);
    int64_t two = as_utc - zone_offset(z, as_utc + DAY);
    bool one_holds = one + zone_offset(z, one) == as_utc;
    bool two_holds = two + zone_offset(z, two) == as_utc;

    if (one_holds && two_holds && one != two)
        return (struct zone_readings){one, two, ZONE_TWICE};
    if (one_holds)
        return (struct zone_readings){one, one, ZONE_ONCE};
    if (two_holds)
        return (struct zone_readings){two, two, ZONE_ONCE};
    return (struct zone_readings){jump_between(z, two, one), one, ZONE_MISSING};
}
