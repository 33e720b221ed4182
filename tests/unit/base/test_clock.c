#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

#include "runner/base/clock.h"
#include "runner/base/duration.h"

static void clocks_agree(void **state)
{
    int64_t before = clock_mono();

    (void)state;
    assert_in_range(clock_wall_ms() / 1000 - clock_now() + 1, 0, 2);
    assert_true(clock_mono() >= before);
    assert_in_range(clock_mono_us() / 1000, before, clock_mono() + 1);
}

/* Every day of 800 years against the day before it. */
static void dates_follow_each_other(void **state)
{
    struct civil c = {1600, 1, 1, 0, 0, 0};

    (void)state;
    for (int64_t d = civil_days(1600, 1, 1); c.year < 2400; d++) {
        struct civil got = civil_from_utc(d * 86400);

        assert_int_equal(got.year, c.year);
        assert_int_equal(got.month, c.month);
        assert_int_equal(got.day, c.day);
        assert_true(civil_valid(&c));
        assert_int_equal(civil_days(c.year, c.month, c.day), d);
        c.day++;
        if (!civil_valid(&c)) {
            c.day = 1;
            c.month++;
        }
        if (c.month > 12) {
            c.month = 1;
            c.year++;
        }
    }
}

static void known_instants(void **state)
{
    struct civil c = {2026, 11, 24, 23, 0, 0}, old;
    char text[21];

    (void)state;
    assert_int_equal(civil_days(1970, 1, 1), 0);
    assert_int_equal(civil_days(2000, 3, 1), 11017);
    assert_int_equal(civil_days(0, 1, 1), -719528);
    assert_int_equal(civil_days(-1, 1, 1), -719528 - 365);
    assert_int_equal(civil_to_utc(&c), 1795561200);
    assert_int_equal(civil_weekday(&c), 2);
    old = civil_from_utc(-1);
    assert_int_equal(old.year, 1969);
    assert_int_equal(old.second, 59);
    assert_int_equal(civil_weekday(&old), 3);
    old = civil_from_utc(INT64_C(-99999999999));
    assert_int_equal(old.year, -1199);
    assert_string_equal(clock_rfc3339(1795561200, text),
                        "2026-11-24T23:00:00Z");
    assert_string_equal(clock_rfc3339(CLOCK_NEVER, text),
                        "9999-12-31T23:59:59Z");
    assert_string_equal(clock_rfc3339(INT64_MIN, text), "0000-01-01T00:00:00Z");
}

static void impossible_dates(void **state)
{
    static const struct civil bad[] = {
        {2026, 2, 29, 0, 0, 0}, {2100, 2, 29, 0, 0, 0}, {2026, 0, 1, 0, 0, 0},
        {2026, 13, 1, 0, 0, 0}, {2026, 1, 0, 0, 0, 0},  {2026, 4, 31, 0, 0, 0},
        {2026, 1, 1, 24, 0, 0}, {2026, 1, 1, -1, 0, 0}, {2026, 1, 1, 0, 60, 0},
        {2026, 1, 1, 0, -1, 0}, {2026, 1, 1, 0, 0, 60}, {2026, 1, 1, 0, 0, -1},
        {10000, 1, 1, 0, 0, 0}, {-1, 1, 1, 0, 0, 0},
    };
    struct civil leap = {2000, 2, 29, 23, 59, 59};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(civil_valid(&bad[i]));
    assert_true(civil_valid(&leap));
}

static void rfc3339_that_is_read(void **state)
{
    static const struct {
        const char *text;
        int64_t utc;
    } good[] = {
        {"2026-11-24T23:00:00Z", 1795561200},
        {"2026-11-25T01:00:00+02:00", 1795561200},
        {"2026-11-24T19:30:00-03:30", 1795561200},
        {"2026-11-24T23:00:00.999999999999Z", 1795561200},
        {"2026-11-24T23:00:00.0-00:00", 1795561200},
        {"1970-01-01T00:00:00+23:59", -86340},
        {"2024-02-29T00:00:00Z", 1709164800},
        {"0000-01-01T00:00:00Z", INT64_C(-62167219200)},
        {"9999-12-31T23:59:59Z", INT64_C(253402300799)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t utc = 1;

        assert_true(clock_parse_rfc3339(good[i].text, &utc));
        assert_int_equal(utc, good[i].utc);
    }
}

static void rfc3339_that_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "2026",
        "2026-11-24",
        "2026-11-24T23:00Z",
        "2026-11-24T23:00:00",
        "2026-11-24 23:00:00Z",
        "2026-11-24t23:00:00Z",
        "2026-11-24T23:00:00z",
        "2026-11-24T23:00:60Z",
        "2026-12-31T23:59:60Z",
        "2026-11-24T24:00:00Z",
        "2026-11-31T23:00:00Z",
        "2026-02-29T23:00:00Z",
        "2026-13-01T23:00:00Z",
        "2026-11-24T23:00:00.Z",
        "2026-11-24T23:00:00,5Z",
        "2026-11-24T23:00:00+2:00",
        "2026-11-24T23:00:00+0200",
        "2026-11-24T23:00:00+02",
        "2026-11-24T23:00:00+24:00",
        "2026-11-24T23:00:00+02:60",
        "2026-11-24T23:00:00*02:00",
        "2026-11-24T23:00:00Z ",
        " 2026-11-24T23:00:00Z",
        "2026-11-24T23:00:00ZZ",
        "12026-11-24T23:00:00Z",
        "-026-11-24T23:00:00Z",
        "2026-1-24T23:00:00Z",
        "2026/11/24T23:00:00Z",
        "2026-11-24T23.00.00Z",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t utc = 42;

        assert_false(clock_parse_rfc3339(bad[i], &utc));
        assert_int_equal(utc, 42);
    }
}

/* Any instant written is read back the same. */
static void rfc3339_round_trip(void **state)
{
    (void)state;
    for (int64_t t = -62167219200; t < 253402300800; t += 98765432) {
        char text[21];
        int64_t back = t + 1;

        assert_true(clock_parse_rfc3339(clock_rfc3339(t, text), &back));
        assert_int_equal(back, t);
    }
}

static void durations_that_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"500ms", 500},
        {"0s", 0},
        {"30s", 30000},
        {"15m", 900000},
        {"2h", 7200000},
        {"7d", 604800000},
        {"1h30m", 5400000},
        {"1d2h3m4s5ms", 93784005},
        {"90m", 5400000},
        {"3650d", INT64_C(315360000000)},
        {"315360000000ms", INT64_C(315360000000)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t ms = -1;

        assert_true(duration_parse(good[i].text, &ms));
        assert_int_equal(ms, good[i].ms);
    }
}

static void durations_that_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "0",
        "10",
        "s",
        "08s",
        "00s",
        "-1s",
        "+1s",
        " 1s",
        "1s ",
        "1 s",
        "1.5h",
        "1e9s",
        "10x",
        "1S",
        "30m1h",
        "1h1h",
        "1h30",
        "1w",
        "3651d",
        "3650d1ms",
        "9999999999999s",
        "99999999999999999999s",
        "1msx",
        "1sec",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ms = 42;

        assert_false(duration_parse(bad[i], &ms));
        assert_int_equal(ms, 42);
    }
}

static void durations_as_people_read_them(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "0 s"},
        {1, "1 ms"},
        {340, "340 ms"},
        {999, "999 ms"},
        {1000, "1 s"},
        {2400, "2.4 s"},
        {2449, "2.4 s"},
        {9949, "9.9 s"},
        {9950, "10 s"},
        {41000, "41 s"},
        {59499, "59 s"},
        {59500, "1 min"},
        {200000, "3 min 20 s"},
        {3599499, "59 min 59 s"},
        {3599500, "1 h"},
        {7500000, "2 h 05 min"},
        {86369999, "23 h 59 min"},
        {86370000, "1 d"},
        {273600000, "3 d 4 h"},
        {INT64_C(315360000000), "3650 d"},
        {-2400, "-2.4 s"},
        {INT64_MIN, "-106751991167 d 7 h"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[40];

        assert_string_equal(duration_text(rows[i].ms, out, sizeof(out)),
                            rows[i].text);
    }
}

static void bytes_as_people_read_them(void **state)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } rows[] = {
        {0, "0 B"},
        {900, "900 B"},
        {1000, "1.0 kB"},
        {1024, "1.0 kB"},
        {10240, "10 kB"},
        {INT64_C(41) << 30, "41 GB"},
        {INT64_C(4404019), "4.2 MB"},
        {1048575, "1.0 MB"},
        {INT64_MAX, "8.0 EB"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[40];

        assert_string_equal(bytes_text(rows[i].bytes, out, sizeof(out)),
                            rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_agree),
        cmocka_unit_test(dates_follow_each_other),
        cmocka_unit_test(known_instants),
        cmocka_unit_test(impossible_dates),
        cmocka_unit_test(rfc3339_that_is_read),
        cmocka_unit_test(rfc3339_that_is_refused),
        cmocka_unit_test(rfc3339_round_trip),
        cmocka_unit_test(durations_that_are_read),
        cmocka_unit_test(durations_that_are_refused),
        cmocka_unit_test(durations_as_people_read_them),
        cmocka_unit_test(bytes_as_people_read_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
