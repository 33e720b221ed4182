#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "runner/base/clock.h"
#include "runner/command/time_arg.h"

static struct zone *zone;

static int64_t at(const char *text)
{
    int64_t utc = 0;

    assert_true(clock_parse_rfc3339(text, &utc));
    return utc;
}

static int64_t once(const char *text)
{
    struct err e;
    int64_t utc = 0;

    if (!time_arg_once("--at", text, zone, 1000, &utc, &e))
        fail_msg("%s: %s", e.what, e.why);
    return utc;
}

static void test_forms(void **state)
{
    (void)state;
    assert_int_equal(once("now"), 1000);
    assert_int_equal(once("2026-11-24T21:00:00Z"), at("2026-11-24T21:00:00Z"));
    assert_int_equal(once("2026-11-24T23:00:00+02:00"),
                     at("2026-11-24T21:00:00Z"));
    assert_int_equal(once("2026-11-24"), at("2026-11-23T22:00:00Z"));
    assert_int_equal(once("2026-11-24 23:00"), at("2026-11-24T21:00:00Z"));
    assert_int_equal(once("Tue 2026-11-24 23:00"), at("2026-11-24T21:00:00Z"));
    assert_int_equal(once("tue 2026-11-24"), at("2026-11-23T22:00:00Z"));
}

static void refused(const char *text, const char *why)
{
    struct err e;
    int64_t utc;

    if (time_arg_once("--at", text, zone, 1000, &utc, &e))
        fail_msg("'%s' was taken", text);
    assert_int_equal(e.code, ERR_USAGE);
    assert_true(e.fix[0]);
    if (!strstr(e.why, why) && !strstr(e.what, why))
        fail_msg("'%s' / '%s' does not say '%s'", e.what, e.why, why);
}

static void test_refuses(void **state)
{
    static const char *const none[] = {
        "",          "tomorrow",         "2026-11-24T23:00",
        "23:00",     "2026-11-24 23",    "2026-11-24 23:00:00",
        "2026-1-24", "24.11.2026",       "2026-11-24  23:00",
        "Tue",       "2026-11-24 23:00x"};

    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        refused(none[i], "none of the known forms");
    refused("2026-02-30", "no such day");
    refused("2026-11-24 24:00", "no such day");
    refused("Mon 2026-11-24 23:00", "that day is a Tue");
    refused("2026-03-29 03:30", "does not exist");
    refused("2026-10-25 03:30", "exists twice");
    refused("2026-10-25 03:30", "2026-10-25T00:30:00Z or 2026-10-25T01:30:00Z");
}

static void test_both_readings(void **state)
{
    struct zone_readings r;
    struct err e;

    (void)state;
    assert_true(time_arg_read("--from", "2026-10-25 03:30", zone, 0, &r, &e));
    assert_int_equal(r.kind, ZONE_TWICE);
    assert_int_equal(r.late - r.early, 3600);
}

static int setup(void **state)
{
    (void)state;
    zone = zone_open("Europe/Tallinn");
    return zone ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    zone_close(zone);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_both_readings),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
