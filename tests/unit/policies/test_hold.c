#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "policies/hold.h"

#define PAUSE INT64_C(900000)

static struct hold_facts held(enum verdict_is is, int64_t since)
{
    return (struct hold_facts){.is = is,
                               .held = since,
                               .next = HOLD_BEFORE_WAVE,
                               .way_back = true,
                               .finish = 300000,
                               .back = 120000};
}

static void expect(const struct hold_facts *f, enum on_hold on_hold,
                   enum hold_decision is, const char *because)
{
    struct hold_answer a = hold_decide(f, on_hold, PAUSE);

    assert_string_equal(a.because, because);
    assert_int_equal(a.is, is);
}

static void test_go_and_wait(void **state)
{
    struct hold_facts f = held(PASS, 0);

    (void)state;
    expect(&f, ON_HOLD_AUTO, HOLD_GO, "all gates pass");
    f.is = HOLD;
    expect(&f, ON_HOLD_AUTO, HOLD_WAIT, "held for 0 s of at most 15 min");
    assert_int_equal(hold_decide(&f, ON_HOLD_BACK, PAUSE).wait, 30000);
    f.held = PAUSE - 10000; /* the last wait ends with pause_max */
    assert_int_equal(hold_decide(&f, ON_HOLD_BACK, PAUSE).wait, 10000);
    f.held = PAUSE - 1;
    assert_int_equal(hold_decide(&f, ON_HOLD_BACK, PAUSE).is, HOLD_WAIT);
    f.held = PAUSE;
    assert_int_equal(hold_decide(&f, ON_HOLD_BACK, PAUSE).is, HOLD_BACK);
    f.held = 0; /* pause_max = 0s: at once */
    assert_int_equal(hold_decide(&f, ON_HOLD_BACK, 0).is, HOLD_BACK);
}

/* on_hold in each form, before each kind of step, with and without a way
 * back. */
static void test_on_hold(void **state)
{
    static const struct {
        enum on_hold on_hold;
        enum hold_before next;
        bool way_back;
        int64_t finish, back;
        enum hold_decision is;
    } rows[] = {
        {ON_HOLD_AUTO, HOLD_BEFORE_WAVE, true, 10, 9, HOLD_BACK},
        {ON_HOLD_AUTO, HOLD_BEFORE_WAVE, true, 9, 10, HOLD_FINISH},
        {ON_HOLD_AUTO, HOLD_BEFORE_WAVE, true, 10, 10, HOLD_FINISH},
        {ON_HOLD_AUTO, HOLD_BEFORE_WAVE, false, 10, 9, HOLD_FINISH},
        {ON_HOLD_AUTO, HOLD_BEFORE_MIGRATION, true, 10, 9, HOLD_BACK},
        {ON_HOLD_AUTO, HOLD_BEFORE_MIGRATION, true, 9, 10, HOLD_FINISH},
        {ON_HOLD_AUTO, HOLD_BEFORE_MIGRATION, false, 10, 9, HOLD_FINISH},
        {ON_HOLD_AUTO, HOLD_BEFORE_AFTER, true, 10, 9, HOLD_END_PENDING},
        {ON_HOLD_AUTO, HOLD_BEFORE_AFTER, true, 9, 10, HOLD_END_PENDING},
        {ON_HOLD_AUTO, HOLD_BEFORE_AFTER, false, 9, 10, HOLD_END_PENDING},
        {ON_HOLD_FINISH, HOLD_BEFORE_WAVE, true, 10, 9, HOLD_FINISH},
        {ON_HOLD_FINISH, HOLD_BEFORE_WAVE, false, 10, 9, HOLD_FINISH},
        {ON_HOLD_FINISH, HOLD_BEFORE_MIGRATION, true, 10, 9, HOLD_FINISH},
        {ON_HOLD_FINISH, HOLD_BEFORE_MIGRATION, false, 10, 9, HOLD_FINISH},
        {ON_HOLD_FINISH, HOLD_BEFORE_AFTER, true, 10, 9, HOLD_END_PENDING},
        {ON_HOLD_FINISH, HOLD_BEFORE_AFTER, false, 10, 9, HOLD_END_PENDING},
        {ON_HOLD_BACK, HOLD_BEFORE_WAVE, true, 9, 10, HOLD_BACK},
        {ON_HOLD_BACK, HOLD_BEFORE_WAVE, false, 9, 10, HOLD_END_HERE},
        {ON_HOLD_BACK, HOLD_BEFORE_MIGRATION, true, 9, 10, HOLD_BACK},
        {ON_HOLD_BACK, HOLD_BEFORE_MIGRATION, false, 9, 10, HOLD_END_HERE},
        {ON_HOLD_BACK, HOLD_BEFORE_AFTER, true, 9, 10, HOLD_BACK},
        {ON_HOLD_BACK, HOLD_BEFORE_AFTER, false, 9, 10, HOLD_END_PENDING},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct hold_facts f = held(HOLD, PAUSE);
        struct hold_answer a;

        f.next = rows[i].next;
        f.way_back = rows[i].way_back;
        f.finish = rows[i].finish;
        f.back = rows[i].back;
        a = hold_decide(&f, rows[i].on_hold, PAUSE);
        print_message("%s: %s\n", on_hold_word(rows[i].on_hold), a.because);
        assert_int_equal(a.is, rows[i].is);
        /* STOP and a surge decide the same, at once */
        f.held = 0;
        f.is = STOP;
        assert_int_equal(hold_decide(&f, rows[i].on_hold, PAUSE).is,
                         rows[i].is);
        f.is = HOLD;
        f.surge = true;
        assert_int_equal(hold_decide(&f, rows[i].on_hold, PAUSE).is,
                         rows[i].is);
    }
}

static void test_reasons(void **state)
{
    struct hold_facts f = held(HOLD, PAUSE);

    (void)state;
    expect(&f, ON_HOLD_AUTO, HOLD_BACK,
           "held for 15 min: finishing takes 5 min, going back 2 min: going "
           "back");
    f.back = 600000;
    expect(&f, ON_HOLD_AUTO, HOLD_FINISH,
           "held for 15 min: finishing takes 5 min, going back 10 min: "
           "finishing");
    expect(&f, ON_HOLD_FINISH, HOLD_FINISH,
           "held for 15 min: finishing (on_hold = finish)");
    f.surge = true;
    expect(&f, ON_HOLD_BACK, HOLD_BACK,
           "users are over abort_at: going back (on_hold = back)");
    f.surge = false;
    f.is = STOP;
    f.way_back = false;
    expect(&f, ON_HOLD_BACK, HOLD_END_HERE,
           "a gate said STOP: stopping here, for there is nothing to go back "
           "to");
    expect(&f, ON_HOLD_AUTO, HOLD_FINISH,
           "a gate said STOP: finishing, for there is no way back");
    f.next = HOLD_BEFORE_AFTER;
    expect(&f, ON_HOLD_AUTO, HOLD_END_PENDING,
           "a gate said STOP: ending with all hosts on the new release and "
           "\"after\" migrations pending");
}

/* Who lost the line touches nothing any more, whatever the gates say. */
static void test_superseded(void **state)
{
    struct hold_facts f = held(PASS, 0);

    (void)state;
    f.superseded = true;
    f.surge = true;
    for (int on_hold = ON_HOLD_AUTO; on_hold <= ON_HOLD_BACK; on_hold++)
        expect(&f, (enum on_hold)on_hold, HOLD_END_HERE,
               "another run superseded this one: nothing further is touched");
}

/* A backfill pauses, whatever on_hold says; it waits for what comes soon. */
static void test_batches(void **state)
{
    struct hold_facts f = held(HOLD, 0);

    (void)state;
    for (int on_hold = ON_HOLD_AUTO; on_hold <= ON_HOLD_BACK; on_hold++) {
        f = held(HOLD, 0);
        f.next = HOLD_BEFORE_BATCH;
        expect(&f, on_hold, HOLD_WAIT, "held for 0 s of at most 15 min");
        f.retry = PAUSE;
        expect(&f, on_hold, HOLD_WAIT, "held for 0 s of at most 15 min");
        f.retry = PAUSE + 1;
        expect(&f, on_hold, HOLD_END_HERE,
               "no change is near: the backfill pauses, and goes on from here "
               "later");
        f.retry = 0;
        f.held = PAUSE;
        expect(&f, on_hold, HOLD_END_HERE,
               "held for 15 min: the backfill pauses, and goes on from here "
               "later");
        f.next = HOLD_BEFORE_AFTER_BATCH;
        expect(&f, on_hold, HOLD_END_PENDING,
               "held for 15 min: the backfill pauses, and goes on from here "
               "later");
        f.is = STOP;
        f.next = HOLD_BEFORE_BATCH;
        expect(&f, on_hold, HOLD_END_HERE,
               "a gate said STOP: the backfill pauses, and goes on from here "
               "later");
        f.is = PASS;
        expect(&f, on_hold, HOLD_GO, "all gates pass");
        f.surge = true;
        expect(&f, on_hold, HOLD_END_HERE,
               "users are over abort_at: the backfill pauses, and goes on "
               "from here later");
    }
}

static void test_words(void **state)
{
    (void)state;
    assert_string_equal(on_hold_word(ON_HOLD_AUTO), "auto");
    assert_string_equal(on_hold_word(ON_HOLD_FINISH), "finish");
    assert_string_equal(on_hold_word(ON_HOLD_BACK), "back");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_go_and_wait), cmocka_unit_test(test_on_hold),
        cmocka_unit_test(test_reasons),     cmocka_unit_test(test_superseded),
        cmocka_unit_test(test_batches),     cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
