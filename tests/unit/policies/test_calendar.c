#include "tests/unit/policies/openings.h"

#include <stdlib.h>

/* One question: a calendar, a span, and all openings as "FROM UNTIL". */
struct row {
    const char *zone, *allow, *freeze, *from, *until;
    const char *openings[8];
};

static void check_row(const struct row *row)
{
    struct calendar_under_test t;
    struct openings got;
    size_t n;

    calendar_set(&t, row->zone, row->allow, row->freeze);
    got = calendar_openings(&t.arena, &t.calendar, utc(row->from),
                            utc(row->until));
    for (n = 0; n < 8 && row->openings[n]; n++) {
        char from[21], until[21], *text;

        if (n >= got.n)
            fail_msg("%s: %s is missing", row->allow, row->openings[n]);
        text = arena_printf(&t.arena, "%s %s",
                            clock_rfc3339(got.list[n].from, from),
                            clock_rfc3339(got.list[n].until, until));
        if (strcmp(text, row->openings[n]) != 0)
            fail_msg("%s in %s: got %s, want %s", row->allow, row->zone, text,
                     row->openings[n]);
    }
    if (got.n != n)
        fail_msg("%s: %zu openings, want %zu", row->allow, got.n, n);
    calendar_unset(&t);
}

static const struct row plain[] = {
    {"UTC",
     "always",
     NULL,
     "2026-03-02T00:00:00Z",
     "2026-03-03T00:00:00Z",
     {"2026-03-02T00:00:00Z 2026-03-03T00:00:00Z"}},
    /* a day name belongs to the start: Fri 22-02 ends on Saturday */
    {"UTC",
     "Fri 22:00-02:00",
     NULL,
     "2026-03-01T00:00:00Z",
     "2026-03-08T00:00:00Z",
     {"2026-03-06T22:00:00Z 2026-03-07T02:00:00Z"}},
    /* asked from the middle of it */
    {"UTC",
     "Fri 22:00-02:00",
     NULL,
     "2026-03-07T01:00:00Z",
     "2026-03-07T12:00:00Z",
     {"2026-03-07T01:00:00Z 2026-03-07T02:00:00Z"}},
    /* half-open: nothing at the end */
    {"UTC",
     "Fri 22:00-02:00",
     NULL,
     "2026-03-07T02:00:00Z",
     "2026-03-07T12:00:00Z",
     {NULL}},
    {"UTC",
     "Sat 20:00-Sun 08:00",
     NULL,
     "2026-03-01T12:00:00Z",
     "2026-03-09T00:00:00Z",
     {"2026-03-07T20:00:00Z 2026-03-08T08:00:00Z"}},
    {"UTC",
     "Tue,Thu 22:00 for 6h",
     NULL,
     "2026-03-02T00:00:00Z",
     "2026-03-07T00:00:00Z",
     {"2026-03-03T22:00:00Z 2026-03-04T04:00:00Z",
      "2026-03-05T22:00:00Z 2026-03-06T04:00:00Z"}},
    {"UTC",
     "2026-10-24 22:00-04:00",
     NULL,
     "2026-10-01T00:00:00Z",
     "2026-11-01T00:00:00Z",
     {"2026-10-24T22:00:00Z 2026-10-25T04:00:00Z"}},
    {"UTC",
     "2026-12-20..2027-01-03",
     NULL,
     "2026-12-25T00:00:00Z",
     "2027-02-01T00:00:00Z",
     {"2026-12-25T00:00:00Z 2027-01-04T00:00:00Z"}},
    {"UTC",
     "2026-12-20..2027-01-03",
     NULL,
     "2027-01-04T00:00:00Z",
     "2027-02-01T00:00:00Z",
     {NULL}},
    {"UTC",
     "2026-12-20..2027-01-03",
     NULL,
     "2026-12-01T00:00:00Z",
     "2026-12-20T00:00:00Z",
     {NULL}},
    /* adjoining and overlapping items merge, across midnight too */
    {"UTC",
     "Mon 20:00-24:00, Tue 00:00-02:00, Tue 01:00-03:00",
     NULL,
     "2026-03-02T00:00:00Z",
     "2026-03-04T00:00:00Z",
     {"2026-03-02T20:00:00Z 2026-03-03T03:00:00Z"}},
    {"UTC",
     "Mon 01:00-09:00, Mon 02:00-03:00",
     NULL,
     "2026-03-02T00:00:00Z",
     "2026-03-03T00:00:00Z",
     {"2026-03-02T01:00:00Z 2026-03-02T09:00:00Z"}},
    {"UTC",
     "Fri,Sat",
     NULL,
     "2026-03-02T00:00:00Z",
     "2026-03-09T00:00:00Z",
     {"2026-03-06T00:00:00Z 2026-03-08T00:00:00Z"}},
    /* a week long, asked on its last day */
    {"UTC",
     "Mon 01:00 for 7d",
     "Mon 00:30-02:00",
     "2026-03-08T12:00:00Z",
     "2026-03-09T00:45:00Z",
     {"2026-03-08T12:00:00Z 2026-03-09T00:30:00Z"}},
    {"UTC",
     "Mon 01:00 for 6d",
     NULL,
     "2026-03-08T00:00:00Z",
     "2026-03-09T00:00:00Z",
     {"2026-03-08T00:00:00Z 2026-03-08T01:00:00Z"}},
    /* an empty or backward span */
    {"UTC",
     "always",
     NULL,
     "2026-03-02T00:00:00Z",
     "2026-03-02T00:00:00Z",
     {NULL}},
    {"UTC",
     "always",
     NULL,
     "2026-03-03T00:00:00Z",
     "2026-03-02T00:00:00Z",
     {NULL}},
    /* before 1970 as well */
    {"UTC",
     "Wed 10:00-11:00",
     NULL,
     "1969-12-28T00:00:00Z",
     "1970-01-02T00:00:00Z",
     {"1969-12-31T10:00:00Z 1969-12-31T11:00:00Z"}},
};

static void test_plain(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        check_row(&plain[i]);
}

static const struct row frozen[] = {
    /* cuts the middle, the beginning, the end, and all */
    {"UTC",
     "Mon 10:00-20:00",
     "12:00-13:00",
     "2026-03-02T00:00:00Z",
     "2026-03-03T00:00:00Z",
     {"2026-03-02T10:00:00Z 2026-03-02T12:00:00Z",
      "2026-03-02T13:00:00Z 2026-03-02T20:00:00Z"}},
    {"UTC",
     "Mon 10:00-20:00",
     "09:00-11:00, 19:30-21:00",
     "2026-03-02T00:00:00Z",
     "2026-03-03T00:00:00Z",
     {"2026-03-02T11:00:00Z 2026-03-02T19:30:00Z"}},
    {"UTC",
     "Mon 10:00-20:00",
     "Mon",
     "2026-03-02T00:00:00Z",
     "2026-03-03T00:00:00Z",
     {NULL}},
    {"UTC",
     "always",
     "always",
     "2026-03-02T00:00:00Z",
     "2026-03-03T00:00:00Z",
     {NULL}},
    /* several freezes in one opening, one freeze over several openings */
    {"UTC",
     "always",
     "02:00-03:00, 05:00-06:00",
     "2026-03-02T00:00:00Z",
     "2026-03-02T08:00:00Z",
     {"2026-03-02T00:00:00Z 2026-03-02T02:00:00Z",
      "2026-03-02T03:00:00Z 2026-03-02T05:00:00Z",
      "2026-03-02T06:00:00Z 2026-03-02T08:00:00Z"}},
    {"UTC",
     "01:00-02:00, 03:00-04:00, 05:00-06:00",
     "01:30-05:30",
     "2026-03-02T00:00:00Z",
     "2026-03-02T08:00:00Z",
     {"2026-03-02T01:00:00Z 2026-03-02T01:30:00Z",
      "2026-03-02T05:30:00Z 2026-03-02T06:00:00Z"}},
    /* Thursday's night ends where Friday begins */
    {"Europe/Tallinn",
     "Mon-Thu 22:00-02:00, Sun 01:00-06:00",
     "2026-12-20..2027-01-03, Fri",
     "2026-12-16T00:00:00Z",
     "2027-01-05T00:00:00Z",
     {"2026-12-16T20:00:00Z 2026-12-17T00:00:00Z",
      "2026-12-17T20:00:00Z 2026-12-17T22:00:00Z",
      "2027-01-04T20:00:00Z 2027-01-05T00:00:00Z"}},
};

static void test_freeze(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(frozen) / sizeof(frozen[0]); i++)
        check_row(&frozen[i]);
}

/* Clocks of Tallinn: 2026-03-29 03:00 -> 04:00 at 01:00Z,
 * 2026-10-25 04:00 -> 03:00 at 01:00Z. */
static const struct row jumps[] = {
    {"Europe/Tallinn",
     "Sun 00:00-06:00",
     NULL,
     "2026-03-28T00:00:00Z",
     "2026-03-30T00:00:00Z",
     {"2026-03-28T22:00:00Z 2026-03-29T03:00:00Z"}},
    /* a missing end: the earliest reading is the instant of the jump */
    {"Europe/Tallinn",
     "Sat 22:00-Sun 03:30",
     NULL,
     "2026-03-28T00:00:00Z",
     "2026-03-30T00:00:00Z",
     {"2026-03-28T20:00:00Z 2026-03-29T01:00:00Z"}},
    /* a missing start: the latest reading has the offset before the gap */
    {"Europe/Tallinn",
     "Sun 03:30-06:00",
     NULL,
     "2026-03-28T00:00:00Z",
     "2026-03-30T00:00:00Z",
     {"2026-03-29T01:30:00Z 2026-03-29T03:00:00Z"}},
    /* a freeze the reverse */
    {"Europe/Tallinn",
     "always",
     "Sun 03:30-06:00",
     "2026-03-29T00:00:00Z",
     "2026-03-29T06:00:00Z",
     {"2026-03-29T00:00:00Z 2026-03-29T01:00:00Z",
      "2026-03-29T03:00:00Z 2026-03-29T06:00:00Z"}},
    {"Europe/Tallinn",
     "always",
     "Sun 02:30-03:30",
     "2026-03-29T00:00:00Z",
     "2026-03-29T06:00:00Z",
     {"2026-03-29T00:00:00Z 2026-03-29T00:30:00Z",
      "2026-03-29T01:30:00Z 2026-03-29T06:00:00Z"}},
    /* elapsed over a jump: six hours are six hours */
    {"Europe/Tallinn",
     "Sat 22:00 for 6h",
     NULL,
     "2026-03-28T00:00:00Z",
     "2026-03-30T00:00:00Z",
     {"2026-03-28T20:00:00Z 2026-03-29T02:00:00Z"}},
    {"Europe/Tallinn",
     "Sat 22:00-04:00",
     NULL,
     "2026-03-28T00:00:00Z",
     "2026-03-30T00:00:00Z",
     {"2026-03-28T20:00:00Z 2026-03-29T01:00:00Z"}},
    {"Europe/Tallinn",
     "Sat 22:00 for 6h",
     NULL,
     "2026-10-24T00:00:00Z",
     "2026-10-26T00:00:00Z",
     {"2026-10-24T19:00:00Z 2026-10-25T01:00:00Z"}},
    {"Europe/Tallinn",
     "Sat 22:00-04:00",
     NULL,
     "2026-10-24T00:00:00Z",
     "2026-10-26T00:00:00Z",
     {"2026-10-24T19:00:00Z 2026-10-25T02:00:00Z"}},
    {"Europe/Tallinn",
     "Sun 03:30 for 2h",
     NULL,
     "2026-03-28T00:00:00Z",
     "2026-03-30T00:00:00Z",
     {"2026-03-29T01:30:00Z 2026-03-29T03:30:00Z"}},
    /* a repeated start opens at the second, a repeated end closes at the
     * first; a freeze the reverse */
    {"Europe/Tallinn",
     "Sun 03:30-06:00",
     NULL,
     "2026-10-24T00:00:00Z",
     "2026-10-26T00:00:00Z",
     {"2026-10-25T01:30:00Z 2026-10-25T04:00:00Z"}},
    {"Europe/Tallinn",
     "Sun 01:00-03:30",
     NULL,
     "2026-10-24T00:00:00Z",
     "2026-10-26T00:00:00Z",
     {"2026-10-24T22:00:00Z 2026-10-25T00:30:00Z"}},
    {"Europe/Tallinn",
     "always",
     "Sun 03:30-06:00",
     "2026-10-25T00:00:00Z",
     "2026-10-25T06:00:00Z",
     {"2026-10-25T00:00:00Z 2026-10-25T00:30:00Z",
      "2026-10-25T04:00:00Z 2026-10-25T06:00:00Z"}},
    {"Europe/Tallinn",
     "always",
     "Sun 01:00-03:30",
     "2026-10-24T21:00:00Z",
     "2026-10-25T06:00:00Z",
     {"2026-10-24T21:00:00Z 2026-10-24T22:00:00Z",
      "2026-10-25T01:30:00Z 2026-10-25T06:00:00Z"}},
    /* in a freeze `for` outlasts both readings */
    {"Europe/Tallinn",
     "always",
     "Sun 03:30 for 1h",
     "2026-10-25T00:00:00Z",
     "2026-10-25T06:00:00Z",
     {"2026-10-25T00:00:00Z 2026-10-25T00:30:00Z",
      "2026-10-25T02:30:00Z 2026-10-25T06:00:00Z"}},
    /* New York: 2026-03-08 02:00 -> 03:00 at 07:00Z, 2026-11-01 02:00 ->
     * 01:00 at 06:00Z */
    {"America/New_York",
     "Sun 01:00-05:00",
     NULL,
     "2026-03-08T00:00:00Z",
     "2026-03-09T00:00:00Z",
     {"2026-03-08T06:00:00Z 2026-03-08T09:00:00Z"}},
    {"America/New_York",
     "Sun 02:15-05:00",
     NULL,
     "2026-03-08T00:00:00Z",
     "2026-03-09T00:00:00Z",
     {"2026-03-08T07:15:00Z 2026-03-08T09:00:00Z"}},
    {"America/New_York",
     "Sun 01:15-05:00",
     NULL,
     "2026-11-01T00:00:00Z",
     "2026-11-02T00:00:00Z",
     {"2026-11-01T06:15:00Z 2026-11-01T10:00:00Z"}},
    {"America/New_York",
     "Sun",
     NULL,
     "2026-11-01T00:00:00Z",
     "2026-11-03T00:00:00Z",
     {"2026-11-01T04:00:00Z 2026-11-02T05:00:00Z"}},
    /* Lord Howe moves by half an hour: 2026-04-05 02:00 -> 01:30 at 15:00Z
     * of the day before, 2026-10-04 02:00 -> 02:30 at 15:30Z */
    {"Australia/Lord_Howe",
     "Sun 01:45-04:00",
     NULL,
     "2026-04-04T00:00:00Z",
     "2026-04-06T00:00:00Z",
     {"2026-04-04T15:15:00Z 2026-04-04T17:30:00Z"}},
    {"Australia/Lord_Howe",
     "Sun 00:00-01:45",
     NULL,
     "2026-04-04T00:00:00Z",
     "2026-04-06T00:00:00Z",
     {"2026-04-04T13:00:00Z 2026-04-04T14:45:00Z"}},
    {"Australia/Lord_Howe",
     "Sun 00:00-02:15",
     NULL,
     "2026-10-03T00:00:00Z",
     "2026-10-05T00:00:00Z",
     {"2026-10-03T13:30:00Z 2026-10-03T15:30:00Z"}},
    {"Australia/Lord_Howe",
     "Sun 02:15-04:00",
     NULL,
     "2026-10-03T00:00:00Z",
     "2026-10-05T00:00:00Z",
     {"2026-10-03T15:45:00Z 2026-10-03T17:00:00Z"}},
    /* Cairo jumps at midnight: Friday begins at 01:00 */
    {"Africa/Cairo",
     "Fri",
     NULL,
     "2026-04-22T00:00:00Z",
     "2026-04-26T00:00:00Z",
     {"2026-04-23T22:00:00Z 2026-04-24T21:00:00Z"}},
    /* Samoa went without 2011-12-30, a Friday, at 10:00Z */
    {"Pacific/Apia",
     "Thu,Sat",
     NULL,
     "2011-12-28T00:00:00Z",
     "2012-01-02T00:00:00Z",
     {"2011-12-29T10:00:00Z 2011-12-31T10:00:00Z"}},
    {"Pacific/Apia",
     "Fri",
     NULL,
     "2011-12-28T00:00:00Z",
     "2012-01-02T00:00:00Z",
     {NULL}},
};

static void test_jumps(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++)
        check_row(&jumps[i]);
}

/* What TZ says, and what was asked before, changes nothing. */
static void test_tz_plays_no_part(void **state)
{
    static const char *const zones[] = {"Asia/Tokyo", "America/New_York",
                                        "nonsense", ""};

    (void)state;
    for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++) {
        setenv("TZ", zones[z], 1);
        for (size_t i = sizeof(jumps) / sizeof(jumps[0]); i-- > 0;)
            check_row(&jumps[i]);
    }
    unsetenv("TZ");
}

static void check_warning(const char *zone, const char *allow, const char *from,
                          const char *until, const char *warning)
{
    struct calendar_under_test t;
    struct openings got;

    calendar_set(&t, zone, allow, NULL);
    got = calendar_openings(&t.arena, &t.calendar, utc(from), utc(until));
    assert_int_equal(got.n, 0);
    assert_int_equal(got.warned, warning ? 1 : 0);
    if (warning)
        assert_string_equal(got.warnings[0], warning);
    calendar_unset(&t);
}

static void test_emptied_allow_is_reported(void **state)
{
    (void)state;
    check_warning("Europe/Tallinn", "Sun 03:00-03:30", "2026-03-29T00:00:00Z",
                  "2026-03-30T00:00:00Z",
                  "allow item 'Sun 03:00-03:30' is empty on 2026-03-29: the "
                  "clocks of Europe/Tallinn change then, and its times are "
                  "missing or repeated");
    check_warning("Europe/Tallinn", "2026-10-25 03:10-03:40",
                  "2026-10-25T00:00:00Z", "2026-10-26T00:00:00Z",
                  "allow item '2026-10-25 03:10-03:40' is empty on "
                  "2026-10-25: the clocks of Europe/Tallinn change then, and "
                  "its times are missing or repeated");
    /* outside the span nobody asked */
    check_warning("Europe/Tallinn", "Sun 03:00-03:30", "2026-03-29T06:00:00Z",
                  "2026-03-30T00:00:00Z", NULL);
    check_warning("Europe/Tallinn", "Sun 03:00-03:30", "2026-03-28T06:00:00Z",
                  "2026-03-29T00:00:00Z", NULL);
}

static void test_open_at(void **state)
{
    struct calendar_under_test t;
    int64_t until, next;

    (void)state;
    calendar_set(&t, "Europe/Tallinn", "Mon-Thu 22:00-02:00", "Tue");
    /* Monday 23:00, freeze from midnight on; next: Wednesday */
    assert_true(calendar_open_at(&t.arena, &t.calendar,
                                 utc("2026-03-02T21:00:00Z"), &until, &next));
    assert_int_equal(until, utc("2026-03-02T22:00:00Z"));
    assert_int_equal(next, utc("2026-03-03T22:00:00Z"));
    /* Tuesday noon: closed, and Tuesday night runs on into Wednesday */
    assert_false(calendar_open_at(&t.arena, &t.calendar,
                                  utc("2026-03-03T10:00:00Z"), &until, &next));
    assert_int_equal(until, 0);
    assert_int_equal(next, utc("2026-03-03T22:00:00Z"));
    assert_true(calendar_open_at(&t.arena, &t.calendar,
                                 utc("2026-03-03T22:00:00Z"), NULL, NULL));
    assert_false(calendar_open_at(&t.arena, &t.calendar,
                                  utc("2026-03-04T00:00:00Z"), NULL, NULL));
    assert_string_equal(
        calendar_frozen_by(&t.arena, &t.calendar, utc("2026-03-03T10:00:00Z")),
        "Tue");
    assert_null(
        calendar_frozen_by(&t.arena, &t.calendar, utc("2026-03-04T10:00:00Z")));
    calendar_unset(&t);

    calendar_set(&t, "UTC", "2026-12-20..2027-01-03", NULL);
    assert_false(calendar_open_at(&t.arena, &t.calendar,
                                  utc("2026-12-01T00:00:00Z"), &until, &next));
    assert_int_equal(next, 0); /* more than 14 days away */
    assert_true(calendar_open_at(&t.arena, &t.calendar,
                                 utc("2026-12-20T00:00:00Z"), &until, &next));
    assert_int_equal(until, utc("2027-01-03T00:00:00Z")); /* 14 days */
    assert_int_equal(next, 0);
    calendar_unset(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_freeze),
        cmocka_unit_test(test_jumps),
        cmocka_unit_test(test_tz_plays_no_part),
        cmocka_unit_test(test_emptied_allow_is_reported),
        cmocka_unit_test(test_open_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
