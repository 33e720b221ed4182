/* Factors from what earlier statements took. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "migrations/rehearse/learn.h"

#define MANY 200

static struct past list[MANY];

/* n statements of that work: took (100 + i) % of what was scaled. */
static void fill(size_t n, enum work w)
{
    for (size_t i = 0; i < n; i++)
        list[i] = (struct past){w, 1000, 1000 + 10 * (int64_t)i};
}

static void under_ten_nothing_is_learnt(void **state)
{
    struct factors f;

    (void)state;
    fill(LEARN_LEAST - 1, WORK_SCAN);
    learn(&f, list, LEARN_LEAST - 1);
    assert_int_equal(f.of[WORK_SCAN].runs, 0);
    fill(LEARN_LEAST, WORK_SCAN);
    learn(&f, list, LEARN_LEAST);
    assert_int_equal(f.of[WORK_SCAN].runs, LEARN_LEAST);
    assert_int_equal(f.of[WORK_REWRITE].runs, 0);
}

static void of_few_the_extremes_count(void **state)
{
    struct factors f;

    (void)state;
    fill(14, WORK_INDEX); /* 1000 to 1130 */
    learn(&f, list, 14);
    assert_int_equal(f.of[WORK_INDEX].runs, 14);
    assert_int_equal(f.of[WORK_INDEX].low, 1000);
    assert_int_equal(f.of[WORK_INDEX].likely, 1070);
    /* 1130 would be a range that nobody can promise */
    assert_int_equal(f.of[WORK_INDEX].high, 1337);
    list[3].took = 9000;
    learn(&f, list, 14);
    assert_int_equal(f.of[WORK_INDEX].high, 9000);
}

static void of_many_the_outermost_do_not(void **state)
{
    struct factors f;

    (void)state;
    fill(40, WORK_ROWS);
    list[20].took = 15000;
    list[21].took = 200;
    learn(&f, list, 40);
    assert_int_equal(f.of[WORK_ROWS].low, 1010);
    assert_in_range(f.of[WORK_ROWS].high, 1400, 1500);
}

static void the_newest_count(void **state)
{
    struct factors f;

    (void)state;
    fill(MANY, WORK_SCAN); /* the last fifty: 2500 to 2990 */
    learn(&f, list, MANY);
    assert_int_equal(f.of[WORK_SCAN].runs, LEARN_MOST);
    assert_in_range(f.of[WORK_SCAN].low, 2375, 2530);
}

static void what_is_short_says_nothing(void **state)
{
    struct factors f;

    (void)state;
    for (size_t i = 0; i < 10; i++)
        list[i] = (struct past){WORK_CATALOG, 0, (int64_t)i};
    learn(&f, list, 10);
    assert_int_equal(f.of[WORK_CATALOG].likely, 1000);
    assert_int_equal(f.of[WORK_CATALOG].low, 950);
    assert_int_equal(f.of[WORK_CATALOG].high, 1250);
}

static void what_cannot_be_is_left_out(void **state)
{
    struct factors f;

    (void)state;
    fill(11, WORK_KEY);
    list[0].took = -1;
    list[1].scaled = -5;
    learn(&f, list, 11);
    assert_int_equal(f.of[WORK_KEY].runs, 0);
    for (size_t i = 0; i < 11; i++)
        list[i] = (struct past){WORK_KEY, 10, INT64_C(1) << 40};
    learn(&f, list, 11);
    assert_int_equal(f.of[WORK_KEY].likely, 20000);
    assert_int_equal(f.of[WORK_KEY].high, 40000);
    for (size_t i = 0; i < 11; i++)
        list[i] = (struct past){WORK_KEY, INT64_C(1) << 40, 10};
    learn(&f, list, 11);
    assert_int_equal(f.of[WORK_KEY].low, 50);
    assert_int_equal(f.of[WORK_KEY].likely, 50);
}

static void works_have_words(void **state)
{
    enum work w;

    (void)state;
    for (int i = 0; i < WORKS; i++) {
        assert_true(work_find(work_word((enum work)i), &w));
        assert_int_equal(w, i);
    }
    assert_false(work_find("gardening", &w));
    assert_false(work_find(NULL, &w));
    assert_string_equal(work_people(WORK_INDEX, true), "index builds");
    assert_string_equal(work_people(WORK_INDEX, false), "index build");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(under_ten_nothing_is_learnt),
        cmocka_unit_test(of_few_the_extremes_count),
        cmocka_unit_test(of_many_the_outermost_do_not),
        cmocka_unit_test(the_newest_count),
        cmocka_unit_test(what_is_short_says_nothing),
        cmocka_unit_test(what_cannot_be_is_left_out),
        cmocka_unit_test(works_have_words),
    };

    return cmocka_run_group_tests_name("learn", tests, NULL, NULL);
}
