#include "tests/unit/policies/world.h"

#include "policies/forecast.h"

static int64_t at(struct world *w, int64_t when, int64_t *week)
{
    return forecast_at(&w->facts.users, w->zone, NOW, when, week);
}

/* The samples around an instant so many weeks ago. */
static void put(struct world *w, int64_t when, int64_t users)
{
    for (size_t i = 0; i < w->facts.users.samples; i++) {
        if (w->samples[i].at == when)
            w->samples[i].users = users;
    }
}

static void test_highest_week_speaks(void **state)
{
    struct world *w = *state;
    int64_t week;

    put(w, NOW + HOUR - 3 * WEEK, 45);
    put(w, NOW + HOUR - 2 * WEEK, 44);
    assert_int_equal(at(w, NOW + HOUR, &week), 45);
    assert_int_equal(week, NOW + HOUR - 3 * WEEK);
    assert_int_equal(at(w, NOW + 2 * HOUR, NULL), 20);
}

/* live 12 is below usual 20: no scaling down. Above it, in proportion, and
 * rounded up; below 10 usual users the ratio is taken to 10. */
static void test_scaled_by_live(void **state)
{
    struct world *w = *state;

    assert_int_equal(at(w, NOW + HOUR, NULL), 20);
    w->facts.users.live.value = 30;
    assert_int_equal(at(w, NOW + HOUR, NULL), 30);
    put(w, NOW + HOUR - WEEK, 33);
    assert_int_equal(at(w, NOW + HOUR, NULL), 50); /* 49.5 */
    world_history(w, 2);
    assert_int_equal(at(w, NOW + HOUR, NULL), 6); /* 2 x 30 / 10 */
    world_history(w, 0);
    assert_int_equal(at(w, NOW + HOUR, NULL), 0);
    /* as usual: no live count, no scaling */
    world_history(w, 20);
    w->facts.users.live.is = FACT_UNREAD;
    assert_int_equal(at(w, NOW + HOUR, NULL), 20);
    w->facts.users.live = world_fact(INT64_MAX, "");
    assert_true(at(w, NOW + HOUR, NULL) == INT64_MAX);
}

static void test_missing_samples(void **state)
{
    struct world *w = *state;
    struct sample few[4];

    /* two weeks suffice; a sample 15 minutes away counts, 1 s more does not */
    w->facts.users.live.is = FACT_UNREAD;
    w->facts.users.history = few;
    w->facts.users.samples = 2;
    few[0] = (struct sample){NOW + DAY - 2 * WEEK - 900, 7};
    few[1] = (struct sample){NOW + DAY - WEEK + 900, 9};
    assert_int_equal(at(w, NOW + DAY, NULL), 9);
    few[1].at++;
    assert_int_equal(at(w, NOW + DAY, NULL), -1);
    few[1].at -= 2;
    few[0].at--;
    assert_int_equal(at(w, NOW + DAY, NULL), -1);
    /* the nearest of two counts; a negative one is none */
    few[0] = (struct sample){NOW + DAY - 2 * WEEK - 400, 7};
    few[1] = (struct sample){NOW + DAY - 2 * WEEK + 300, 8};
    few[2] = (struct sample){NOW + DAY - WEEK, 5};
    w->facts.users.samples = 3;
    assert_int_equal(at(w, NOW + DAY, NULL), 8);
    few[1].users = -1;
    assert_int_equal(at(w, NOW + DAY, NULL), -1);
    /* with a live count the week's own now must be there too */
    w->facts.users.live = world_fact(12, "");
    few[1].users = 8;
    assert_int_equal(at(w, NOW + DAY, NULL), -1);
}

/* What lies more than a week ahead is looked up in the same four weeks. */
static void test_far_ahead(void **state)
{
    struct world *w = *state;
    int64_t week;

    put(w, NOW + 3 * DAY - WEEK, 41);
    assert_int_equal(at(w, NOW + 3 * DAY + WEEK, &week), 41);
    assert_int_equal(week, NOW + 3 * DAY - WEEK);
    assert_int_equal(at(w, NOW + 3 * DAY + 2 * WEEK, NULL), 41);
    assert_int_equal(at(w, NOW + 13 * DAY, NULL), 20);
    put(w, NOW, 48); /* a week ahead to the second is still the first week */
    assert_int_equal(at(w, NOW + WEEK, NULL), 48);
    assert_int_equal(at(w, NOW - DAY, NULL), 20); /* the past as well */
}

static void test_slope(void **state)
{
    struct world *w = *state;
    struct sample hour[] = {
        {NOW - 3 * HOUR, 400}, {NOW - HOUR, 10}, {NOW - 30 * MINUTE, 14}};
    int64_t week = 1;

    w->facts.users.history = hour;
    w->facts.users.samples = 3;
    w->facts.users.live = (struct fact){FACT_KNOWN, 20, NOW, "", NULL};
    assert_int_equal(at(w, NOW + HOUR, &week), 30);
    assert_int_equal(week, 0);
    assert_int_equal(at(w, NOW + 2 * HOUR, NULL), 40);
    assert_int_equal(at(w, NOW + 2 * HOUR + 1, NULL), -1);
    w->facts.users.live.value = 6; /* falling, to nobody */
    assert_int_equal(at(w, NOW + HOUR, NULL), 2);
    assert_int_equal(at(w, NOW + 2 * HOUR, NULL), 0);
    /* no live count: from the newest sample, if it is new */
    w->facts.users.live.is = FACT_UNREAD;
    assert_int_equal(at(w, NOW + HOUR, NULL), -1);
    hour[2].at = NOW - 15 * MINUTE;
    assert_int_equal(at(w, NOW + 30 * MINUTE, NULL), 18);
    hour[2] = (struct sample){NOW, 14}; /* as new as can be */
    assert_int_equal(at(w, NOW + 30 * MINUTE, NULL), 16);
    hour[2].users = 0; /* nobody is a number too */
    assert_int_equal(at(w, NOW + 30 * MINUTE, NULL), 0);
    /* a quarter of an hour is enough of a base, less is not */
    w->facts.users.live = (struct fact){FACT_KNOWN, 20, NOW, "", NULL};
    hour[1].at = NOW - 2 * HOUR;
    hour[2] = (struct sample){NOW - 15 * MINUTE, 14};
    assert_int_equal(at(w, NOW + 30 * MINUTE, NULL), 32);
    hour[2].at++;
    assert_int_equal(at(w, NOW + 30 * MINUTE, NULL), -1);
    hour[1].at = NOW - HOUR;
    /* too short a base, or none */
    w->facts.users.live = (struct fact){FACT_KNOWN, 20, NOW, "", NULL};
    hour[1].at = NOW - 2 * HOUR;
    hour[2].at = NOW - 14 * MINUTE;
    assert_int_equal(at(w, NOW + HOUR, NULL), -1);
    hour[2].at = NOW - 15 * MINUTE;
    hour[2].users = -4;
    assert_int_equal(at(w, NOW + HOUR, NULL), -1);
    hour[2].at = NOW - 2 * HOUR + 1;
    assert_int_equal(at(w, NOW + HOUR, NULL), -1);
    w->facts.users.samples = 0;
    assert_int_equal(at(w, NOW + HOUR, NULL), -1);
    hour[0] = (struct sample){NOW - HOUR, 0};
    w->facts.users.samples = 1;
    w->facts.users.live.value = INT64_MAX;
    assert_true(at(w, NOW + 2 * HOUR, NULL) == INT64_MAX);
}

/* Same LOCAL time: over the change of the clocks a week is 169 or 167 h. */
static void test_local_time(void **state)
{
    struct world *w = *state;
    int64_t now = 1793037600; /* 2026-10-26T18:00Z, 20:00 EET */
    struct sample list[] = {
        {now - 2 * WEEK - HOUR, 70},
        {now - 2 * WEEK, 5},
        {now - WEEK - HOUR, 71},
        {now - WEEK, 6},
    };

    w->facts.users.live.is = FACT_UNREAD;
    w->facts.users.history = list;
    w->facts.users.samples = 4;
    assert_int_equal(forecast_at(&w->facts.users, w->zone, now, now, NULL), 71);
    assert_int_equal(forecast_at(&w->facts.users, NULL, now, now, NULL), 6);
}

static void test_next(void **state)
{
    struct world *w = *state;
    struct users_facts *u = &w->facts.users;
    int64_t busy = NOW + 5 * HOUR - WEEK;

    put(w, busy, 900);
    put(w, busy + 15 * MINUTE, 900);
    assert_int_equal(forecast_next(u, w->zone, NOW, NOW + DAY, 50, true),
                     NOW + 5 * HOUR);
    assert_int_equal(forecast_next(u, w->zone, NOW, NOW + 5 * HOUR, 50, true),
                     NOW + 5 * HOUR);
    assert_int_equal(
        forecast_next(u, w->zone, NOW, NOW + 5 * HOUR - 451, 50, true), 0);
    assert_int_equal(
        forecast_next(u, w->zone, NOW + 5 * HOUR, NOW + DAY, 50, false),
        NOW + 5 * HOUR + 30 * MINUTE);
    assert_int_equal(forecast_next(u, w->zone, NOW, NOW + DAY, 19, false), 0);
    assert_int_equal(forecast_next(u, w->zone, NOW, NOW + DAY, 20, false),
                     NOW + 15 * MINUTE);
    assert_int_equal(forecast_next(u, w->zone, NOW, NOW, 50, true), 0);
    /* now itself is not asked for, the quarter hours after it are */
    assert_int_equal(forecast_next(u, w->zone, NOW, NOW + DAY, 10, true),
                     NOW + 15 * MINUTE);
    assert_int_equal(
        forecast_next(u, w->zone, NOW + 1, NOW + 2 * MINUTE, 10, true),
        NOW + 2 * MINUTE);
    world_history(w, 0); /* nobody is at most nobody */
    assert_int_equal(forecast_next(u, w->zone, NOW, NOW + DAY, 0, false),
                     NOW + 15 * MINUTE);
    u->samples = 0; /* what cannot be told is neither */
    assert_int_equal(forecast_next(u, w->zone, NOW, NOW + DAY, 50, true), 0);
    assert_int_equal(forecast_next(u, w->zone, NOW, NOW + DAY, 50, false), 0);
}

static void test_peak(void **state)
{
    struct world *w = *state;
    struct forecast f;
    struct forecast_point p;

    put(w, NOW + HOUR - WEEK, 33);
    f = forecast_open(&w->facts.users, w->zone, NOW);
    p = forecast_peak(&f, NOW, NOW + 2 * HOUR);
    assert_int_equal(p.users, 33);
    assert_int_equal(p.at, NOW + HOUR);
    assert_int_equal(p.week, NOW + HOUR - WEEK);
    assert_int_equal(forecast_peak(&f, NOW, NOW + HOUR).users, 33);
    w->facts.users.samples = 0;
    assert_int_equal(forecast_peak(&f, NOW, NOW + 3 * HOUR).users, -1);
}

/* A sample a minute for four weeks, searched 14 days ahead to the end. */
static void test_many_samples(void **state)
{
    struct world *w = *state;
    size_t n = 40000;
    struct sample *many = test_calloc(n, sizeof(*many));
    int64_t found;

    for (size_t i = 0; i < n; i++)
        many[i] = (struct sample){NOW - (int64_t)(n - i) * 60, 20};
    w->facts.users.history = many;
    w->facts.users.samples = n;
    found =
        forecast_next(&w->facts.users, w->zone, NOW, NOW + 14 * DAY, 50, true);
    assert_int_equal(found, 0);
    many[n - 60].users = 51; /* an hour ago: in a week less an hour */
    found =
        forecast_next(&w->facts.users, w->zone, NOW, NOW + 14 * DAY, 50, true);
    assert_int_equal(found, NOW + WEEK - HOUR);
    test_free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(test_highest_week_speaks),
        world_test(test_scaled_by_live),
        world_test(test_missing_samples),
        world_test(test_far_ahead),
        world_test(test_slope),
        world_test(test_local_time),
        world_test(test_next),
        world_test(test_peak),
        world_test(test_many_samples),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
