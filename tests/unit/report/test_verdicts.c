#include "tests/unit/report/captured.h"

#include "runner/base/clock.h"
#include "runner/report/verdicts.h"

#define NOW 1795554000 /* 2026-11-24T21:00:00Z */

static struct verdict verdicts[GATE_COUNT];

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < GATE_COUNT; i++)
        verdicts[i] = verdict_pass("x", "fine");
    return 0;
}

static void test_times(void **state)
{
    struct zone *z = zone_open("Europe/Tallinn");
    struct arena a;

    (void)state;
    arena_init(&a);
    assert_string_equal(report_time(&a, z, NOW),
                        "Tue 24 Nov 2026 23:00 EET (21:00 UTC)");
    assert_string_equal(report_time(&a, z, NOW + 3600),
                        "Wed 25 Nov 2026 00:00 EET (Tue 22:00 UTC)");
    assert_string_equal(report_time(&a, NULL, NOW),
                        "Tue 24 Nov 2026 21:00 UTC");
    assert_string_equal(report_distance(&a, NOW, NOW), "now");
    assert_string_equal(report_distance(&a, NOW, NOW + 30), "in 30 s");
    assert_string_equal(report_distance(&a, NOW, NOW - 200), "3 min 20 s ago");
    arena_release(&a);
    zone_close(z);
}

static void test_text(void **state)
{
    struct captured c;
    struct output o;
    struct arena a;
    struct verdict *v = &verdicts[GATE_USERS];

    (void)state;
    *v = verdict_hold("users.max", NOW + 600, "140 users are on");
    snprintf(v->limit, sizeof v->limit, "max = 50");
    snprintf(v->source, sizeof v->source, "sql: SELECT 1");
    v->age = 3;
    verdicts[GATE_BACKUP] = verdict_off();
    verdicts[GATE_PROBE].state = VERDICT_NOT_ASKED;
    verdicts[GATE_FIT].state = VERDICT_OVERRIDDEN;
    verdicts[GATE_FIT].was = HOLD;
    arena_init(&a);
    capture_begin(&c);
    output_init(&o, false, false, 0);
    report_verdicts(&o, &a, verdicts, NOW, NULL);
    capture_end(&c);
    arena_release(&a);
    assert_non_null(strstr(c.out, "  PASS  policy    proved      fine\n"
                                  "  PASS  expected  proved      fine\n"));
    assert_non_null(strstr(
        c.out, "  HOLD  users     proved      140 users are on\n"
               "                              limit   max = 50\n"
               "                              source  sql: SELECT 1, 3 s ago\n"
               "                              when    may pass Tue 24 Nov 2026 "
               "21:10 UTC, in 10 min\n"));
    assert_non_null(
        strstr(c.out, "  off   backup    not checked off (not configured)\n"));
    assert_non_null(strstr(c.out, "  -     probe     not checked not asked\n"));
    assert_non_null(strstr(c.out, "  OVERRIDDEN (was HOLD) fit: fine\n"));
}

static void test_json(void **state)
{
    struct json *j;
    const struct json *row;

    (void)state;
    verdicts[GATE_USERS] = verdict_hold("users.max", NOW, "140 users");
    verdicts[GATE_BACKUP] = verdict_off();
    j = report_verdicts_json(verdicts);
    assert_int_equal(json_len(j), GATE_COUNT);
    row = json_at(j, GATE_USERS);
    assert_string_equal(json_str(row, "gate"), "users");
    assert_string_equal(json_str(row, "verdict"), "hold");
    assert_string_equal(json_str(row, "rule"), "users.max");
    assert_string_equal(json_str(row, "retry_at"), "2026-11-24T21:00:00Z");
    assert_null(json_get(row, "age_seconds"));
    assert_string_equal(json_str(json_at(j, GATE_BACKUP), "state"), "off");
    assert_null(json_get(json_at(j, GATE_BACKUP), "verdict"));
    json_free(j);
}

static void test_retry(void **state)
{
    (void)state;
    assert_int_equal(report_retry_at(verdicts), 0);
    verdicts[GATE_USERS] = verdict_hold("u", NOW + 10, "a");
    verdicts[GATE_WINDOW] = verdict_hold("w", NOW + 20, "b");
    assert_int_equal(report_retry_at(verdicts), NOW + 20);
    verdicts[GATE_BACKUP] = verdict_hold("b", 0, "c");
    assert_int_equal(report_retry_at(verdicts), 0);
}

static void test_err(void **state)
{
    struct err e;

    (void)state;
    assert_true(report_verdict_err(verdicts, "v1", "production", &e));
    verdicts[GATE_USERS] = verdict_hold("u", NOW, "140 users are on");
    assert_false(report_verdict_err(verdicts, "v1", "production", &e));
    assert_int_equal(e.code, ERR_HELD);
    assert_string_equal(e.what, "v1 must wait for production: gate `users` "
                                "holds");
    assert_string_equal(e.why, "140 users are on");
    assert_true(e.fix[0]);
    verdicts[GATE_LINE] = verdict_stop("l", "frozen by anna");
    assert_false(report_verdict_err(verdicts, "v1", "production", &e));
    assert_int_equal(e.code, ERR_REFUSED);
    assert_string_equal(e.why, "frozen by anna\n"
                               "also users (HOLD): 140 users are on");
    verdicts[GATE_EXPECTED] = verdict_stop("expected.none", "nobody did");
    report_verdict_err(verdicts, "v1", "production", &e);
    assert_string_equal(e.what, "v1 is not expected in production");
    verdicts[GATE_EXPECTED].state = VERDICT_NOT_ASKED;
    verdicts[GATE_LINE].state = VERDICT_OVERRIDDEN;
    verdicts[GATE_USERS].state = VERDICT_OFF;
    assert_true(report_verdict_err(verdicts, "v1", "production", &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_times, setup),
        cmocka_unit_test_setup(test_text, setup),
        cmocka_unit_test_setup(test_json, setup),
        cmocka_unit_test_setup(test_retry, setup),
        cmocka_unit_test_setup(test_err, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
