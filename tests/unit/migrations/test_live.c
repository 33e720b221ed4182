/* The line that is shown while a migration runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/apply/live.h"
#include "migrations/apply/transaction.h"
#include "migrations/apply/work.h"

static const struct apply_span each[] = {{10000, 20000, 40000},
                                         {1000, 2000, 4000}};
static const struct apply_expected two = {
    .all = {11000, 22000, 44000}, .each = each, .n = 2, .back_high = 30000};
static const struct apply_expected unknown = {.back_high = -1};

/* In the first statement of two, 5 s after both began. */
static struct live first(void)
{
    return (struct live){
        .expected = &two,
        .name = "0012_x",
        .statement = 1,
        .n = 2,
        .elapsed_ms = 5000,
        .statement_ms = 5000,
        .pace = {-1, ""},
        .waits_for = "",
        .world = {.window_left_ms = -1, .users = -1, .users_limit = -1}};
}

static void assert_line(const struct live *l, const char *want)
{
    struct buf b;

    buf_init(&b);
    live_text(l, &b);
    assert_string_equal(b.data, want);
    buf_release(&b);
}

static void assert_left(const struct live *l, int64_t low, int64_t high)
{
    struct apply_span left = live_left(l);

    assert_int_equal(left.low, low);
    assert_int_equal(left.high, high);
}

static void what_is_left_is_what_was_foretold(void **state)
{
    struct live l = first();

    (void)state;
    assert_left(&l, 6000, 39000);
    l.statement_ms = 15000; /* beyond its low estimate */
    assert_left(&l, 1000, 29000);
    l.statement_ms = 41000; /* beyond the high one */
    assert_left(&l, -2, -2);
    l.statement = 2;
    l.statement_ms = 1000;
    assert_left(&l, 0, 3000);
    l.expected = &unknown;
    assert_left(&l, -1, -1);
}

static void a_down_has_one_number(void **state)
{
    const struct apply_expected down = {.all = {0, 9000, 9000},
                                        .back_high = -1};
    struct live l = first();

    (void)state;
    l.expected = &down;
    assert_left(&l, 0, 4000);
    l.elapsed_ms = 9001;
    assert_left(&l, -2, -2);
}

static void its_own_pace_counts(void **state)
{
    struct live l = first();

    (void)state;
    l.pace.per_mille = 500; /* 5 s more, half of that either way */
    assert_left(&l, 1000 + 3750, 4000 + 7500);
    l.pace.per_mille = 990;
    l.statement_ms = 99000; /* far over its estimate, and nearly there */
    assert_left(&l, 1000 + 995, 4000 + 1010);
    l.pace.per_mille = 10; /* too early to tell */
    l.statement_ms = 5000;
    assert_left(&l, 6000, 39000);
    l.pace.per_mille = 500;
    l.statement_ms = 900;
    assert_left(&l, 10100, 43100);
    l.expected = &unknown;
    l.n = 1;
    l.statement_ms = 4000;
    assert_left(&l, 3000, 6000);
}

static void an_index_build_has_phases(void **state)
{
    (void)state;
    assert_int_equal(live_index_share(NULL, "building index: scanning table",
                                      false, 50, 100),
                     225);
    assert_int_equal(live_index_share(NULL,
                                      "building index: loading tuples in tree",
                                      false, 9, 9),
                     1000);
    assert_int_equal(live_index_share(NULL,
                                      "building index: loading tuples in tree",
                                      true, 9, 9),
                     600);
    assert_int_equal(
        live_index_share(NULL, "index validation: scanning table", true, 5, 10),
        860);
    assert_int_equal(
        live_index_share(NULL, "building index: scanning table", false, 5, 0),
        0);
    assert_int_equal(
        live_index_share(NULL, "waiting for old snapshots", true, 1, 2), -1);
}

/* 400 ms of 2 s, then 1.2 s, then 400 ms; the wait is none of it. */
static void phases_take_what_they_took_when_rehearsed(void **state)
{
    const struct apply_phase list[] = {
        {"building index: scanning table", 400},
        {"waiting for writers before validation", 9000},
        {"building index: loading tuples in tree", 1200},
        {"index validation: scanning table", 400},
    };
    const struct apply_phase quick[] = {{"building index: scanning table", 9}};
    struct apply_phases as = {list, 4}, too_quick = {quick, 1};

    (void)state;
    assert_int_equal(
        live_index_share(&as, "building index: scanning table", true, 5, 10),
        100);
    assert_int_equal(live_index_share(&as,
                                      "building index: loading tuples in tree",
                                      true, 1, 2),
                     500);
    assert_int_equal(
        live_index_share(&as, "index validation: scanning table", true, 0, 0),
        800);
    /* a phase that it was never seen in, and one that was over too soon */
    assert_int_equal(live_index_share(&as,
                                      "building index: sorting live tuples",
                                      false, 1, 2),
                     525);
    assert_int_equal(live_index_share(&too_quick,
                                      "building index: scanning table", false,
                                      50, 100),
                     225);
}

static void the_line(void **state)
{
    struct live l = first();

    (void)state;
    assert_line(&l, "5 s elapsed, 6 s to 39 s left; stop now costs seconds, it "
                    "rolls back; point of no return: none; 0 waiting behind; "
                    "statement 1 of 2");
    l.world = (struct apply_world){
        .window_left_ms = 7200000, .users = 12, .users_limit = 50};
    l.waiting = 3;
    l.waiting_ms = 1200;
    l.kind = "CREATE INDEX";
    l.table = "public.orders";
    l.pace = (struct live_pace){425, "building index: scanning table"};
    l.waits_for = "pid 7, user u, app, in its transaction for 9 s";
    assert_line(&l,
                "5 s elapsed, 5.8 s to 15 s left; stop now costs seconds, it "
                "rolls back; point of no return: none; window closes in 2 h; "
                "12 users on (limit 50); 3 waiting behind, the "
                "longest for 1.2 s; statement 1 of 2: CREATE INDEX "
                "public.orders; building index: scanning table, 42 %; waits "
                "for pid 7, user "
                "u, app, in its transaction for 9 s");
    l = first();
    l.world = (struct apply_world){.window_left_ms = 60000,
                                   .users = -1,
                                   .closes = "the announcement ends",
                                   .closed = "the announcement has ended"};
    l.waiting = 1;
    l.waiting_ms = 300;
    l.kind = "UPDATE";
    assert_line(&l, "5 s elapsed, 6 s to 39 s left; stop now costs seconds, it "
                    "rolls back; point of no return: none; the announcement "
                    "ends in 1 min; 1 waiting behind for 300 ms; statement 1 "
                    "of 2: UPDATE");
    l.world.window_left_ms = 0;
    l.waiting = 0;
    assert_line(&l, "5 s elapsed, 6 s to 39 s left; stop now costs seconds, it "
                    "rolls back; point of no return: none; the announcement "
                    "has ended; 0 waiting behind; statement 1 of 2: UPDATE");
    l = first();
    l.expected = &unknown;
    l.world.window_left_ms = 0;
    l.committing = true;
    l.statement = 0;
    assert_line(&l, "5 s elapsed, time left unknown; it commits, and cannot be "
                    "stopped now; point of no return: none; the window is "
                    "closed; 0 waiting behind");
}

/* One of its batches commits: what that leaves is not lost. */
static void a_backfill_can_always_stop(void **state)
{
    const struct live_batches batches = {
        .far = "30 rows", .left = {1000, 1000, 1000}, .some = true};
    struct live l = first();

    (void)state;
    l.batches = &batches;
    l.committing = true;
    l.n = 1;
    assert_line(&l, "5 s elapsed, 1 s left; stop now costs nothing, it goes on "
                    "from there, undoing it costs up to 30 s; point of no "
                    "return: none; 0 waiting behind; 30 rows");
}

static void what_stopping_costs(void **state)
{
    struct apply_expected x = two;
    struct live l = first();

    (void)state;
    l.expected = &x;
    x.committed_back = 40000;
    x.no_return = "0012_x";
    l.statement = 2;
    l.statement_ms = 5000;
    l.limit_ms = 132000;
    assert_line(&l, "5 s elapsed, over its estimate of up to 4 s (cancelled "
                    "after 2 min 12 s); stop now "
                    "costs seconds, it rolls back, and up to 40 s for what is "
                    "committed; point of no return: its COMMIT; 0 waiting "
                    "behind; statement 2 of 2");
    l.limit_ms = 0;
    l.journaled = true;
    l.done = 1;
    x.committed_back = 0;
    x.no_return = NULL;
    assert_line(&l, "5 s elapsed, over its estimate of up to 4 s; stop now "
                    "leaves 1 of 2 statements, undoing them costs up to 30 s; "
                    "point of no return: none; 0 waiting behind; statement 2 "
                    "of 2");
    x.no_return = "0012_x";
    x.back_high = -1;
    assert_line(&l, "5 s elapsed, over its estimate of up to 4 s; stop now "
                    "leaves 1 of 2 statements; point of no return: passed; 0 "
                    "waiting behind; statement 2 of 2");
    x.no_return = NULL; /* one before it has left none */
    x.past_return = true;
    assert_line(&l, "5 s elapsed, over its estimate of up to 4 s; stop now "
                    "leaves 1 of 2 statements; point of no return: passed; 0 "
                    "waiting behind; statement 2 of 2");
    l.done = 0;
    x.no_return = "0014_z";
    l.down = true;
    assert_line(&l, "5 s elapsed, over its estimate of up to 4 s; stop now "
                    "costs seconds, nothing of it stays; 0 waiting behind; "
                    "statement 2 of 2");
    l.halves = true;
    assert_line(&l, "5 s elapsed, over its estimate of up to 4 s; stop now may "
                    "leave a part of it; 0 waiting behind; statement 2 of 2");
    l.done = 1;
    assert_line(&l, "5 s elapsed, over its estimate of up to 4 s; stop now "
                    "leaves 1 of 2 statements, and may leave a part of this "
                    "one; 0 waiting behind; statement 2 of 2");
}

/* What was rehearsed before it was applied is told, and cancels nothing. */
static void a_past_rehearsal_limits_nothing(void **state)
{
    const struct script script = {.transaction = true};
    struct apply ap = {.s = {.overrun = 3, .overrun_least_ms = 5000}};
    struct apply_expected x = {.all = {1000, 2000, 4000}};
    const struct task t = {.script = &script, .expected = &x};
    const struct part part = {NULL, 1, 0, NULL};

    (void)state;
    assert_int_equal(transaction_limit(&ap, &t, &part), 12000);
    x.past = true;
    assert_int_equal(transaction_limit(&ap, &t, &part), CLOCK_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_past_rehearsal_limits_nothing),
        cmocka_unit_test(what_is_left_is_what_was_foretold),
        cmocka_unit_test(a_down_has_one_number),
        cmocka_unit_test(its_own_pace_counts),
        cmocka_unit_test(an_index_build_has_phases),
        cmocka_unit_test(phases_take_what_they_took_when_rehearsed),
        cmocka_unit_test(the_line),
        cmocka_unit_test(a_backfill_can_always_stop),
        cmocka_unit_test(what_stopping_costs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
