#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/base/file.h"
#include "runner/base/zone.h"
#include "tests/unit/base/folder.h"

static void names_that_are_no_zone(void **state)
{
    static const char *const names[] = {
        "",
        "Mars/Olympus",
        "Europe",
        "Europe/",
        "europe/tallinn",
        "Europe//Tallinn",
        "Europe/../Europe/Tallinn",
        "../../etc/passwd",
        "/usr/share/zoneinfo/Europe/Tallinn",
        "+02:00",
        "+02",
        "-0200",
        "02:00",
        "XYZ5",
        "EST5",
        "Z",
        "localtime",
        "posixrules",
        "Factory",
        "posix/Europe/Tallinn",
        "right/Europe/Tallinn",
        "leapseconds",
        "zone.tab",
        "tzdata.zi",
        "Europe/Tallinn ",
        "Europe/Tallinn\n",
        "Europe/T\xc3\xa4llinn",
        "America/Argentina/Buenos_Aires/And/A/Name/Without/Any/End/To/It",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct zone *z = zone_open(names[i]);

        if (z)
            fail_msg("\"%s\" was taken for a zone", names[i]);
    }
    zone_close(NULL);
}

static void names_that_are_zones(void **state)
{
    static const char *const names[] = {
        "UTC",     "Etc/GMT+5",
        "EST5EDT", "W-SU",
        "GMT0",    "America/Port-au-Prince",
        "Etc/UTC", "America/Argentina/ComodRivadavia",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct zone *z = zone_open(names[i]);

        assert_non_null(z);
        assert_string_equal(zone_name(z), names[i]);
        zone_close(z);
    }
}

/* What a local time may mean; instants in RFC 3339. */
static const struct reading {
    const char *zone;
    struct civil local;
    int kind;
    const char *early, *late;
} readings[] = {
    {"Europe/Tallinn",
     {2026, 11, 24, 23, 0, 0},
     ZONE_ONCE,
     "2026-11-24T21:00:00Z",
     "2026-11-24T21:00:00Z"},
    {"Europe/Tallinn",
     {2026, 3, 29, 2, 59, 59},
     ZONE_ONCE,
     "2026-03-29T00:59:59Z",
     "2026-03-29T00:59:59Z"},
    {"Europe/Tallinn",
     {2026, 3, 29, 3, 0, 0},
     ZONE_MISSING,
     "2026-03-29T01:00:00Z",
     "2026-03-29T01:00:00Z"},
    {"Europe/Tallinn",
     {2026, 3, 29, 3, 30, 0},
     ZONE_MISSING,
     "2026-03-29T01:00:00Z",
     "2026-03-29T01:30:00Z"},
    {"Europe/Tallinn",
     {2026, 3, 29, 4, 0, 0},
     ZONE_ONCE,
     "2026-03-29T01:00:00Z",
     "2026-03-29T01:00:00Z"},
    {"Europe/Tallinn",
     {2026, 10, 25, 2, 59, 59},
     ZONE_ONCE,
     "2026-10-24T23:59:59Z",
     "2026-10-24T23:59:59Z"},
    {"Europe/Tallinn",
     {2026, 10, 25, 3, 0, 0},
     ZONE_TWICE,
     "2026-10-25T00:00:00Z",
     "2026-10-25T01:00:00Z"},
    {"Europe/Tallinn",
     {2026, 10, 25, 3, 30, 0},
     ZONE_TWICE,
     "2026-10-25T00:30:00Z",
     "2026-10-25T01:30:00Z"},
    {"Europe/Tallinn",
     {2026, 10, 25, 4, 0, 0},
     ZONE_ONCE,
     "2026-10-25T02:00:00Z",
     "2026-10-25T02:00:00Z"},
    {"America/New_York",
     {2026, 3, 8, 2, 30, 0},
     ZONE_MISSING,
     "2026-03-08T07:00:00Z",
     "2026-03-08T07:30:00Z"},
    {"America/New_York",
     {2026, 11, 1, 1, 30, 0},
     ZONE_TWICE,
     "2026-11-01T05:30:00Z",
     "2026-11-01T06:30:00Z"},
    /* half an hour of daylight saving */
    {"Australia/Lord_Howe",
     {2026, 10, 4, 2, 15, 0},
     ZONE_MISSING,
     "2026-10-03T15:30:00Z",
     "2026-10-03T15:45:00Z"},
    {"Australia/Lord_Howe",
     {2026, 4, 5, 1, 45, 0},
     ZONE_TWICE,
     "2026-04-04T14:45:00Z",
     "2026-04-04T15:15:00Z"},
    /* a whole day was left out */
    {"Pacific/Apia",
     {2011, 12, 29, 23, 59, 59},
     ZONE_ONCE,
     "2011-12-30T09:59:59Z",
     "2011-12-30T09:59:59Z"},
    {"Pacific/Apia",
     {2011, 12, 30, 0, 0, 0},
     ZONE_MISSING,
     "2011-12-30T10:00:00Z",
     "2011-12-30T10:00:00Z"},
    {"Pacific/Apia",
     {2011, 12, 30, 12, 0, 0},
     ZONE_MISSING,
     "2011-12-30T10:00:00Z",
     "2011-12-30T22:00:00Z"},
    {"Pacific/Apia",
     {2011, 12, 30, 23, 59, 59},
     ZONE_MISSING,
     "2011-12-30T10:00:00Z",
     "2011-12-31T09:59:59Z"},
    {"Pacific/Apia",
     {2011, 12, 31, 0, 0, 0},
     ZONE_ONCE,
     "2011-12-30T10:00:00Z",
     "2011-12-30T10:00:00Z"},
    /* changes at midnight, and again since 2023 */
    {"Africa/Cairo",
     {2026, 4, 24, 0, 30, 0},
     ZONE_MISSING,
     "2026-04-23T22:00:00Z",
     "2026-04-23T22:30:00Z"},
    {"Africa/Cairo",
     {2026, 10, 29, 23, 30, 0},
     ZONE_TWICE,
     "2026-10-29T20:30:00Z",
     "2026-10-29T21:30:00Z"},
    /* no daylight saving since 2022; one hour west since 2024 */
    {"America/Mexico_City",
     {2026, 7, 1, 12, 0, 0},
     ZONE_ONCE,
     "2026-07-01T18:00:00Z",
     "2026-07-01T18:00:00Z"},
    {"Asia/Almaty",
     {2026, 7, 1, 12, 0, 0},
     ZONE_ONCE,
     "2026-07-01T07:00:00Z",
     "2026-07-01T07:00:00Z"},
    /* past the last row of the table, by rule */
    {"Europe/Tallinn",
     {2044, 7, 1, 12, 0, 0},
     ZONE_ONCE,
     "2044-07-01T09:00:00Z",
     "2044-07-01T09:00:00Z"},
    {"UTC",
     {2026, 3, 29, 3, 30, 0},
     ZONE_ONCE,
     "2026-03-29T03:30:00Z",
     "2026-03-29T03:30:00Z"},
};
#define READINGS (sizeof(readings) / sizeof(readings[0]))

static void check_reading(const struct reading *r)
{
    struct zone *z = zone_open(r->zone);
    struct zone_readings got;
    char early[21], late[21];

    assert_non_null(z);
    got = zone_utc(z, &r->local);
    assert_int_equal(got.kind, r->kind);
    assert_string_equal(clock_rfc3339(got.early, early), r->early);
    assert_string_equal(clock_rfc3339(got.late, late), r->late);
    zone_close(z);
}

static void local_times_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < READINGS; i++)
        check_reading(&readings[i]);
}

/* glibc's mktime fails both halves of this. */
static void neither_tz_nor_earlier_questions_matter(void **state)
{
    static const char *const settings[] = {"America/New_York", "Nowhere/At_All",
                                           "UTC-13", "", ":"};

    (void)state;
    for (size_t s = 0; s < sizeof(settings) / sizeof(settings[0]); s++) {
        setenv("TZ", settings[s], 1);
        for (size_t i = 0; i < READINGS; i++) {
            check_reading(&readings[READINGS - 1 - i]);
            check_reading(&readings[(i * 7 + s) % READINGS]);
        }
    }
    unsetenv("TZ");
}

/* Every instant near a jump, tried one by one, against the two formulas. */
static void check_by_trying(const struct zone *z, int64_t local)
{
    struct civil c = civil_from_utc(local);
    struct zone_readings got = zone_utc(z, &c);
    int64_t first = 0, last = 0;
    int n = 0;

    for (int64_t t = local - 15 * 3600; t <= local + 15 * 3600; t += 900) {
        if (t + zone_offset(z, t) != local)
            continue;
        first = n++ ? first : t;
        last = t;
    }
    assert_int_equal(got.kind, n == 0   ? ZONE_MISSING
                               : n == 1 ? ZONE_ONCE
                                        : ZONE_TWICE);
    assert_true(got.early <= got.late);
    if (n > 0) {
        assert_int_equal(got.early, first);
        assert_int_equal(got.late, last);
    } else {
        assert_int_not_equal(zone_offset(z, got.early),
                             zone_offset(z, got.early - 1));
    }
}

static void the_formulas_hold_around_every_jump(void **state)
{
    static const struct {
        const char *zone;
        int year, month, day;
    } jumps[] = {
        {"Europe/Tallinn", 2026, 3, 29},
        {"Europe/Tallinn", 2026, 10, 25},
        {"America/New_York", 2026, 3, 8},
        {"Australia/Lord_Howe", 2026, 10, 4},
        {"Australia/Lord_Howe", 2026, 4, 5},
        {"Pacific/Apia", 2011, 12, 30},
        {"Africa/Cairo", 2026, 4, 24},
        {"Africa/Cairo", 2026, 10, 30},
        {"Pacific/Kiritimati", 1995, 1, 1},
        {"Antarctica/Troll", 2026, 3, 29},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
        struct zone *z = zone_open(jumps[i].zone);
        int64_t day =
            86400 * civil_days(jumps[i].year, jumps[i].month, jumps[i].day);

        assert_non_null(z);
        for (int64_t t = day - 129600; t < day + 172800; t += 900)
            check_by_trying(z, t);
        zone_close(z);
    }
}

static void instants_are_shown(void **state)
{
    struct zone *z = zone_open("Europe/Tallinn");
    struct civil c = zone_local(z, 1795561200);

    (void)state;
    assert_int_equal(c.day, 25);
    assert_int_equal(c.hour, 1);
    assert_int_equal(zone_offset(z, 1795561200), 7200);
    assert_string_equal(zone_abbreviation(z, 1795561200), "EET");
    assert_string_equal(zone_abbreviation(z, 1782896400), "EEST");
    assert_int_equal(zone_local(z, CLOCK_NEVER).year, 9999);
    assert_int_equal(zone_local(z, INT64_MIN).year, 0);
    zone_close(z);
}

static void other_files_are_no_zone(void **state)
{
    struct err e;
    char path[100];

    (void)state;
    snprintf(path, sizeof(path), "%s/Short", folder);
    assert_true(file_write(path, "TZif", 4, 0600, &e));
    snprintf(path, sizeof(path), "%s/Text", folder);
    assert_true(file_write(path,
                           "a text that is longer than the head of a zone file",
                           50, 0600, &e));
    setenv("TZDIR", folder, 1);
    assert_null(zone_open("Short"));
    assert_null(zone_open("Text"));
    assert_null(zone_open("Europe/Tallinn"));
    unsetenv("TZDIR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_are_no_zone),
        cmocka_unit_test(names_that_are_zones),
        cmocka_unit_test(local_times_are_read),
        cmocka_unit_test(neither_tz_nor_earlier_questions_matter),
        cmocka_unit_test(the_formulas_hold_around_every_jump),
        cmocka_unit_test(instants_are_shown),
        cmocka_unit_test(other_files_are_no_zone),
    };

    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
