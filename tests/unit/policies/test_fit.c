#include "tests/unit/policies/world.h"

#define ask(is, rule, says) expect_verdict(w, GATE_FIT, is, rule, says)

static int64_t retry(struct world *w)
{
    return world_ask(w, GATE_FIT).retry_at;
}

/* The sum of the design, term by term. */
static void test_need(void **state)
{
    struct need_facts n = {0};

    (void)state;
    assert_int_equal(need_total(&n), 300000); /* the least margin */
    n.before_high = 1000000;
    assert_int_equal(need_total(&n), 1300000);
    n.after_high = 2000000;
    n.soak = 500000;
    n.after_down_high = 300000;
    n.batches = 7;
    n.batch = 100000;
    /* 3,800,000 + twice the rollout, and 20 % */
    assert_int_equal(need_total(&n), 5200000 + 1040000);
    assert_int_equal(need_finish(&n), 1000000 + 700000 + 500000);
    assert_int_equal(need_back(&n), 300000);
    /* on the way: what is done must come back as well */
    n.batches = 4;
    n.batches_done = 3;
    assert_int_equal(need_total(&n), 4900000 + 980000);
    assert_int_equal(need_finish(&n), 1000000 + 400000 + 500000);
    assert_int_equal(need_back(&n), 600000);
}

/* Nonsense neither overflows nor shortens. */
static void test_need_bounded(void **state)
{
    struct need_facts n = {.before_high = INT64_MAX,
                           .after_high = INT64_MAX,
                           .after_down_high = INT64_MAX,
                           .soak = INT64_MAX,
                           .batches = INT64_MAX,
                           .batches_done = INT64_MAX,
                           .batch = INT64_MAX};

    (void)state;
    assert_true(need_total(&n) > INT64_MAX / 1024);
    n = (struct need_facts){.before_high = -5, .batches = -1, .batch = 60000};
    assert_int_equal(need_total(&n), 300000);
}

static void test_fits(void **state)
{
    struct world *w = *state;
    const char *which;

    ask(PASS, "fit.fits",
        "needs 16 min of 2 h 30 min until expiry of the announcement, way back "
        "and margin included; last safe start Wed 2026-11-25 01:14 EET");
    assert_int_equal(fit_close(&w->arena, &w->policy, &w->facts, &which),
                     NOW + 150 * MINUTE);
    assert_string_equal(which, "expiry of the announcement");
    /* exactly fits; one second more does not */
    w->manifests[0].expires = NOW + 16 * MINUTE;
    ask(PASS, "fit.fits", "last safe start 23:00 EET");
    w->manifests[0].expires--;
    ask(STOP, "fit.never", "no opening before the announcement expires");
    assert_non_null(strstr(world_ask(w, GATE_FIT).fix, "expect --for"));
}

static void test_closes(void **state)
{
    struct world *w = *state;
    const char *which;

    w->facts.announced = 0;
    ask(PASS, "fit.fits", "of 3 h until window end");
    world_window(w, "Mon-Thu 22:00-02:00", "Wed");
    ask(PASS, "fit.fits", "of 1 h until freeze");
    assert_int_equal(fit_close(&w->arena, &w->policy, &w->facts, &which),
                     NOW + HOUR);
    assert_string_equal(which, "freeze");
    /* adjoining items are one window */
    world_window(w, "Tue 22:00-24:00, Wed 00:00-06:00", NULL);
    ask(PASS, "fit.fits", "of 7 h until window end");
    world_window(w, "always", NULL);
    ask(PASS, "fit.unbounded", "needs 16 min");
    assert_int_equal(fit_close(&w->arena, &w->policy, &w->facts, &which), 0);
    assert_string_equal(which, "nothing");
    w->policy.window.on = false;
    ask(PASS, "fit.unbounded", "");
    world_window(w, "Sun 01:00-06:00", NULL);
    w->policy.window.on = true;
    assert_int_equal(fit_close(&w->arena, &w->policy, &w->facts, &which), NOW);
    assert_string_equal(which, "closed now");
}

static void test_later(void **state)
{
    struct world *w = *state;

    w->facts.announced = 0;
    w->facts.now = NOW + 2 * HOUR + 50 * MINUTE; /* 01:50 */
    w->facts.users.live.at = w->facts.now;
    ask(HOLD, "fit.later",
        "needs 16 min, way back and margin included; window end in 10 min, "
        "last safe start was 01:44 EET; next it fits from 22:00 EET, last "
        "safe start Thu 2026-11-26 01:44 EET");
    assert_int_equal(retry(w), NOW + DAY - HOUR);
    w->facts.now = NOW + 5 * HOUR;
    ask(HOLD, "fit.later", "; closed now; next it fits from 22:00 EET");
    /* longer than any window */
    w->facts.need.before_high = 5 * 3600 * 1000;
    ask(STOP, "fit.never", "no opening within 14 days is that long");
    assert_string_equal(world_ask(w, GATE_FIT).fix,
                        "make the release smaller, or have the window "
                        "widened");
    world_window(w, "2027-05-01..2027-05-02", NULL);
    w->facts.need.before_high = 0;
    ask(STOP, "fit.never", "closed now");
}

/* An opening may end later than the 14 days in which it must begin. */
static void test_horizon(void **state)
{
    struct world *w = *state;
    struct fit_slot slot;

    w->facts.announced = 0;
    world_window(w, "2026-12-08 22:00-04:00", NULL); /* 13 d 23 h ahead */
    w->facts.need.before_high = 3 * 3600 * 1000;
    assert_true(fit_next(&w->arena, &w->policy, &w->facts, NOW, &slot));
    assert_int_equal(slot.from, NOW + 14 * DAY - HOUR);
    assert_int_equal(slot.until, NOW + 14 * DAY + 5 * HOUR);
    assert_false(
        fit_next(&w->arena, &w->policy, &w->facts, NOW - 2 * HOUR, &slot));
}

static void busy(struct world *w, int64_t from, int64_t until)
{
    for (size_t i = 0; i < w->facts.users.samples; i++) {
        if (w->samples[i].at >= NOW - WEEK + from &&
            w->samples[i].at < NOW - WEEK + until)
            w->samples[i].users = 900;
    }
}

static void test_forecast_closes(void **state)
{
    struct world *w = *state;
    struct fit_slot slot;
    const char *which;

    w->facts.announced = 0;
    busy(w, HOUR, 2 * HOUR);
    ask(PASS, "fit.fits", "of 1 h until users above max");
    assert_int_equal(fit_close(&w->arena, &w->policy, &w->facts, &which),
                     NOW + HOUR);
    assert_string_equal(which, "users above max");
    w->facts.need.before_high = 50 * 60 * 1000; /* 1 h 12 min in all */
    /* the hour after the crowd is too short, so tomorrow */
    ask(HOLD, "fit.later", "users above max in 1 h");
    assert_int_equal(retry(w), NOW + DAY - HOUR);
    w->facts.need.before_high = 20 * 60 * 1000;
    assert_true(
        fit_next(&w->arena, &w->policy, &w->facts, NOW + 50 * MINUTE, &slot));
    assert_int_equal(slot.from, NOW + 2 * HOUR);
    assert_int_equal(slot.until, NOW + 3 * HOUR);
    assert_int_equal(slot.last_start, NOW + 3 * HOUR - 36 * MINUTE);
    assert_string_equal(slot.closes, "window end");
    /* from the middle of the crowd: when it is over, to the quarter hour */
    assert_true(
        fit_next(&w->arena, &w->policy, &w->facts, NOW + 65 * MINUTE, &slot));
    assert_int_equal(slot.from, NOW + 2 * HOUR);
    /* a crowd to the end of the window leaves nothing of it */
    busy(w, 0, 4 * HOUR);
    assert_true(fit_next(&w->arena, &w->policy, &w->facts, NOW, &slot));
    assert_int_equal(slot.from, NOW + DAY - HOUR);
    w->policy.users.forecast = false;
    ask(PASS, "fit.fits", "until window end");
    w->policy.users.forecast = true;
    w->policy.users.on = false;
    ask(PASS, "fit.fits", "until window end");
    /* what cannot be told is for the users gate to say */
    w->policy.users.on = true;
    w->facts.users.samples = 0;
    ask(PASS, "fit.fits", "until window end");
}

/* More users than usual make it never fit by the forecast; they will leave:
 * HOLD. Usual users that never leave: STOP. */
static void test_more_than_usual(void **state)
{
    struct world *w = *state;

    w->facts.announced = 0;
    w->facts.users.live.value = 140; /* seven times the usual 20 */
    ask(HOLD, "fit.later",
        "closed now; next it fits, with as many users as usual, from 23:00 "
        "EET");
    assert_int_equal(retry(w), NOW);
    world_history(w, 60);
    ask(STOP, "fit.never", "closed now");
}

static void test_planned(void **state)
{
    struct world *w = *state;
    struct verdict out[GATE_COUNT];
    struct manifest_facts *draft = &w->manifests[1];

    /* the draft bounds it, the announcement that it replaces does not */
    *draft = world_manifest(HEX("2"), "v1.4.2");
    draft->announced = NOW;
    draft->opens = NOW + DAY;
    draft->expires = NOW + DAY + 20 * MINUTE;
    w->facts.announced = 2;
    assert_int_equal(
        gates_plan(&w->arena, &w->policy, &w->facts, NOW + DAY, out), PASS);
    assert_non_null(strstr(out[GATE_FIT].because, "of 20 min until expiry"));
    draft->expires = NOW + DAY + 10 * MINUTE;
    assert_int_equal(
        gates_plan(&w->arena, &w->policy, &w->facts, NOW + DAY, out), STOP);
    w->facts.announced = 1;
    assert_int_equal(
        gates_plan(&w->arena, &w->policy, &w->facts, NOW + DAY, out), PASS);
    assert_int_equal(
        gates_plan(&w->arena, &w->policy, &w->facts, NOW + 12 * HOUR, out),
        HOLD);
    assert_string_equal(out[GATE_WINDOW].rule, "window.closed");
    assert_int_equal(out[GATE_WINDOW].retry_at, NOW + DAY - HOUR);
    assert_string_equal(out[GATE_FIT].rule, "fit.later");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_need),
        cmocka_unit_test(test_need_bounded),
        world_test(test_fits),
        world_test(test_closes),
        world_test(test_later),
        world_test(test_horizon),
        world_test(test_forecast_closes),
        world_test(test_more_than_usual),
        world_test(test_planned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
