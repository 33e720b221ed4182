#include "tests/unit/policies/world.h"

#define ask(is, rule, says) expect_verdict(w, GATE_USERS, is, rule, says)

static int64_t retry(struct world *w)
{
    return world_ask(w, GATE_USERS).retry_at;
}

/* Last week's and the weeks' before samples from `from` until `until` (both
 * from now on, in the coming week). */
static void busy(struct world *w, int64_t from, int64_t until, int64_t users)
{
    for (size_t i = 0; i < w->facts.users.samples; i++) {
        int64_t since = (w->samples[i].at - NOW) % WEEK;

        since = since < 0 ? since + WEEK : since;
        if (since >= from && since < until)
            w->samples[i].users = users;
    }
}

static void test_pass(void **state)
{
    struct world *w = *state;
    struct verdict v;

    ask(PASS, "users.forecast",
        "12 users are on; at most 20 users until 23:16 EET, limit 50 (week of "
        "2026-11-17)");
    v = world_ask(w, GATE_USERS);
    assert_string_equal(v.limit, "max = 50 users");
    assert_string_equal(v.source, "sql: SELECT 1");
    assert_int_equal(v.age, 2);
    w->policy.users.forecast = false;
    ask(PASS, "users.max", "12 users are on, limit 50");
    w->facts.users.live.value = 50;
    ask(PASS, "users.max", "50 users are on, limit 50");
    w->policy.users.on = false;
    ask(PASS, "off", "");
}

static void test_live(void **state)
{
    struct world *w = *state;
    struct fact *live = &w->facts.users.live, good = *live;

    live->value = 51;
    ask(HOLD, "users.max", "51 users are on, limit 50");
    *live = (struct fact){.is = FACT_UNREADABLE, .why = "connection refused"};
    ask(HOLD, "users.unreadable", "cannot be read: connection refused");
    assert_int_equal(world_ask(w, GATE_USERS).age, -1);
    *live = (struct fact){.is = FACT_UNREAD};
    ask(HOLD, "users.unreadable", "it was not measured");
    *live = good;
    live->value = -3;
    ask(HOLD, "users.unreadable", "reads -3");
    *live = good;
    live->at = NOW - 300;
    ask(PASS, "users.forecast", "");
    live->at = NOW - 301;
    ask(HOLD, "users.stale",
        "the count of users is 5 min 1 s old, limit 5 "
        "min");
}

static void test_zero(void **state)
{
    struct world *w = *state;

    w->facts.users.live.value = 0;
    ask(HOLD, "users.zero",
        "the count says 0 users, and none of 2689 samples "
        "ever did");
    w->samples[100].users = 0;
    ask(PASS, "users.forecast", "0 users are on");
    w->policy.users.forecast = false;
    w->facts.users.samples = 0;
    ask(PASS, "users.max", "0 users");
}

/* When it may change: the first time from which users stay low long enough. */
static void test_retry(void **state)
{
    struct world *w = *state;

    w->facts.users.live.value = 140;
    world_history(w, 140);
    busy(w, 2 * HOUR, 2 * HOUR + 15 * MINUTE, 30); /* too short: 16 min */
    busy(w, 3 * HOUR, 9 * HOUR, 30);
    ask(HOLD, "users.max", "140 users are on, limit 50");
    assert_int_equal(retry(w), NOW + 3 * HOUR);
    assert_string_equal(world_ask(w, GATE_USERS).fix,
                        "wait, or use: tidegate deploy --wait");
    world_history(w, 20); /* as usual it would pass at once */
    ask(HOLD, "users.max", "");
    assert_int_equal(retry(w), NOW + 1);
    world_history(w, 140); /* never below: nobody knows */
    ask(HOLD, "users.max", "");
    assert_int_equal(retry(w), 0);
    assert_string_equal(world_ask(w, GATE_USERS).fix,
                        "wait until users leave: tidegate users");
    w->policy.users.forecast = false;
    assert_int_equal(retry(w), 0);
    /* ends in what cannot be told: no promise */
    w->policy.users.forecast = true;
    w->facts.users.samples = 0;
    assert_int_equal(retry(w), 0);
}

static void test_forecast(void **state)
{
    struct world *w = *state;

    busy(w, 10 * MINUTE, 2 * HOUR, 90);
    ask(HOLD, "users.forecast",
        "Tue 23:15 EET will have 90 users, limit 50 (week of 2026-11-17)");
    assert_int_equal(retry(w), NOW + 2 * HOUR);
    busy(w, 10 * MINUTE, 2 * HOUR, 50);
    ask(PASS, "users.forecast", "at most 50 users");
    /* the instant at which the run would end counts */
    busy(w, 10 * MINUTE, 2 * HOUR, 20);
    w->facts.need.before_high = 30 * 60 * 1000;
    busy(w, 45 * MINUTE, 46 * MINUTE, 90);
    ask(HOLD, "users.forecast", "Tue 23:45 EET");
}

static void test_slope(void **state)
{
    struct world *w = *state;

    w->samples[0] = (struct sample){NOW - HOUR, 10};
    w->facts.users.samples = 1;
    w->facts.users.live = (struct fact){FACT_KNOWN, 40, NOW, "x", NULL};
    w->facts.need.before_high = 30 * 60 * 1000;
    ask(HOLD, "users.forecast",
        "Tue 23:30 EET will have 55 users, limit 50 (slope of the last hour)");
    w->facts.users.live.value = 12;
    ask(PASS, "users.forecast", "(slope of the last hour)");
    w->facts.need.before_high = 3 * 3600 * 1000;
    ask(HOLD, "users.unforeseen", "fewer than two weeks of history");
    assert_non_null(strstr(world_ask(w, GATE_USERS).fix, "--record"));
    w->facts.users.history_read = false; /* none configured */
    w->facts.users.samples = 0;
    ask(HOLD, "users.unforeseen", "");
    assert_non_null(strstr(world_ask(w, GATE_USERS).fix, "set `history`"));
    w->facts.users.history_why = "no such table";
    ask(HOLD, "users.history", "cannot be read: no such table");
    w->policy.users.forecast = false;
    ask(PASS, "users.max", "");
}

static void test_abort_at(void **state)
{
    struct world *w = *state;

    w->facts.users.live.value = 201;
    ask(HOLD, "users.max", "201 users are on, limit 50");
    assert_true(users_surge(&w->policy, &w->facts));
    w->facts.changing = true;
    ask(HOLD, "users.abort_at", "201 users are on, limit 200");
    w->facts.users.live.value = 200;
    ask(HOLD, "users.max", "200 users are on, limit 50");
    assert_false(users_surge(&w->policy, &w->facts));
    w->facts.users.live.value = 201;
    w->policy.users.abort_at = -1;
    ask(HOLD, "users.max", "");
    assert_false(users_surge(&w->policy, &w->facts));
    w->policy.users.abort_at = 0; /* anybody at all */
    assert_true(users_surge(&w->policy, &w->facts));
    w->policy.users.abort_at = 200;
    w->facts.users.live.is = FACT_UNREADABLE;
    assert_false(users_surge(&w->policy, &w->facts));
    w->facts.users.live.is = FACT_KNOWN;
    w->policy.users.on = false;
    assert_false(users_surge(&w->policy, &w->facts));
}

/* Planning: as usual, never by the live count. */
static void test_planned(void **state)
{
    struct world *w = *state;
    struct verdict out[GATE_COUNT];
    int64_t at = NOW + 6 * DAY + 16 * HOUR; /* Tue 15:00 */

    w->facts.users.live.value = 4000;
    world_window(w, "always", NULL);
    assert_int_equal(gates_plan(&w->arena, &w->policy, &w->facts, at, out),
                     PASS);
    busy(w, 6 * DAY + 12 * HOUR, 6 * DAY + 18 * HOUR, 900);
    assert_int_equal(gates_plan(&w->arena, &w->policy, &w->facts, at, out),
                     HOLD);
    assert_string_equal(out[GATE_USERS].rule, "users.forecast");
    assert_string_equal(
        out[GATE_USERS].because,
        "Tue 15:00 EET usually has 900 users, limit 50 (week of 2026-11-24)");
    assert_int_equal(out[GATE_USERS].retry_at, NOW + 6 * DAY + 18 * HOUR);
    assert_string_equal(out[GATE_USERS].source, "recorded");
    assert_int_equal(out[GATE_POLICY].state, VERDICT_NOT_ASKED);
    w->policy.users.forecast = false;
    gates_plan(&w->arena, &w->policy, &w->facts, at, out);
    assert_string_equal(out[GATE_USERS].rule, "users.no_forecast");
    w->policy.users.on = false;
    gates_plan(&w->arena, &w->policy, &w->facts, at, out);
    assert_int_equal(out[GATE_USERS].state, VERDICT_OFF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(test_pass),     world_test(test_live),
        world_test(test_zero),     world_test(test_retry),
        world_test(test_forecast), world_test(test_slope),
        world_test(test_abort_at), world_test(test_planned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
