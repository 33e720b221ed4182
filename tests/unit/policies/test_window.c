#include "tests/unit/policies/world.h"

#define ask(is, rule, says) expect_verdict(w, GATE_WINDOW, is, rule, says)

static void test_open(void **state)
{
    struct world *w = *state;

    ask(PASS, "window.open", "open until Wed 2026-11-25 02:00 EET, for 3 h");
    world_window(w, "always", NULL);
    ask(PASS, "window.open", "open, and for the next 14 days");
    w->policy.window.on = false;
    ask(PASS, "off", "off (not configured)");
    assert_int_equal(world_ask(w, GATE_WINDOW).state, VERDICT_OFF);
}

static void test_closed(void **state)
{
    struct world *w = *state;

    world_window(w, "Sun 01:00-06:00", NULL);
    ask(HOLD, "window.closed",
        "closed at Tue 23:00 EET; opens Sun 2026-11-29 01:00 EET "
        "(2026-11-28T23:00:00Z), in 4 d 2 h");
    assert_int_equal(world_ask(w, GATE_WINDOW).retry_at,
                     NOW + 4 * DAY + 2 * HOUR);
    world_window(w, "2027-05-01..2027-05-02", NULL);
    ask(HOLD, "window.closed", "no opening within 14 days");
    assert_int_equal(world_ask(w, GATE_WINDOW).retry_at, 0);
}

static void test_frozen(void **state)
{
    struct world *w = *state;

    world_window(w, "Mon-Thu 22:00-02:00", "Sat, Tue");
    ask(HOLD, "window.freeze",
        "frozen at Tue 23:00 EET; opens Wed 2026-11-25 "
        "00:00 EET");
    assert_string_equal(world_ask(w, GATE_WINDOW).limit, "freeze = Tue");
    world_window(w, "always", "2026-11-01..2026-12-31");
    ask(HOLD, "window.freeze", "no opening within 14 days");
}

static void test_edges(void **state)
{
    struct world *w = *state;

    w->facts.now = NOW - HOUR; /* 22:00:00 is in */
    ask(PASS, "window.open", "");
    w->facts.now = NOW - HOUR - 1;
    ask(HOLD, "window.closed", "");
    w->facts.now = NOW + 3 * HOUR - 1; /* 01:59:59 */
    ask(PASS, "window.open", "open until 02:00 EET, for 1 s");
    w->facts.now = NOW + 3 * HOUR; /* 02:00:00 is out */
    ask(HOLD, "window.closed", "");
}

/* Mid-run it says when it closed. */
static void test_closed_on_a_run(void **state)
{
    struct world *w = *state;

    w->facts.changing = true;
    w->facts.now = NOW + 3 * HOUR + 5 * MINUTE;
    ask(HOLD, "window.closed",
        "closed at 02:00 EET; opens 22:00 EET "
        "(2026-11-25T20:00:00Z), in 19 h 55 min");
    world_window(w, "2027-05-01..2027-05-02", NULL); /* never was open */
    ask(HOLD, "window.closed", "closed at Wed 02:05 EET; no opening");
}

/* A clock that disagrees judges nothing, whether the window is on or not. */
static void test_skew(void **state)
{
    struct world *w = *state;

    w->facts.clock.worst_skew_ms = 5000;
    ask(PASS, "window.open", "");
    w->facts.clock.worst_skew_ms = -5000;
    ask(PASS, "window.open", "");
    w->facts.clock.worst_skew_ms = -5001;
    ask(HOLD, "window.skew",
        "the clocks of this machine and of web2 are 5 s "
        "apart, limit 5 s");
    w->facts.clock.worst_skew_ms = 3600000;
    ask(HOLD, "window.skew", "1 h apart");
    w->policy.window.on = false;
    ask(HOLD, "window.skew", "1 h apart");
    w->facts.clock.worst_who = NULL; /* no host, no database */
    ask(PASS, "off", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(test_open),   world_test(test_closed),
        world_test(test_frozen), world_test(test_edges),
        world_test(test_skew),   world_test(test_closed_on_a_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
