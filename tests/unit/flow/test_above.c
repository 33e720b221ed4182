/* What stands on migrations that are to be undone: by the runs that applied
 * it, whatever the numbers are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "runner/flow/above.h"
#include "tests/unit/flow/arena.h"

static const struct run_state runs[] = {
    {.id = "r1", .kind = RUN_DEPLOY, .ended = RUN_GOOD, .release = "v1"},
    {.id = "r2",
     .kind = RUN_DEPLOY,
     .ended = RUN_GOOD,
     .release = "v2",
     .from = "v1"},
    {.id = "r3", .kind = RUN_DEPLOY, .ended = RUN_GOOD, .release = "v3"},
    {.id = "r4", .kind = RUN_DEPLOY, .ended = RUN_GOOD, .release = "v4"}};
static const struct environment_state ledger = {.runs = runs, .n_runs = 4};

static void assert_above(const struct applied *applied,
                         const struct applied_row **rows, size_t n,
                         const char *const *want, size_t wanted)
{
    size_t found;
    const struct applied_row **got =
        above_find(&arena, &ledger, applied, rows, n, &found);

    assert_int_equal(found, wanted);
    for (size_t i = 0; i < found; i++)
        assert_string_equal(got[i]->name, want[i]);
}

/* All in one second: the runs tell the order. */
static void by_the_runs(void **state)
{
    const struct applied_row list[] = {
        {.name = "0001_a", .run = "r1", .release = "v1", .at = 5},
        {.name = "0002_b", .run = "r2", .release = "v2", .at = 5},
        {.name = "0003_c", .run = "r3", .release = "v3", .at = 5},
        {.name = "0004_d", .run = "r4", .release = "v4", .at = 5}};
    const struct applied applied = {.rows = list, .n = 4};
    const struct applied_row *second[] = {&list[1]}, *last[] = {&list[3]},
                             *both[] = {&list[3], &list[1]};
    static const char *const two[] = {"0004_d", "0003_c"}, *const one[] = {
                                                               "0003_c"};

    (void)state;
    assert_above(&applied, second, 1, two, 2);
    assert_above(&applied, last, 1, NULL, 0);
    assert_above(&applied, both, 2, one, 1);
    assert_above(&applied, NULL, 0, NULL, 0);
}

/* A lower number that was applied later stands on a higher one, and not the
 * other way round: versions of other tools, or an "after" one. */
static void not_by_the_numbers(void **state)
{
    const struct applied_row list[] = {{.name = "20240101_x",
                                        .number = 20240101,
                                        .run = "r3",
                                        .release = "v3"},
                                       {.name = "20240201_y",
                                        .number = 20240201,
                                        .run = "r2",
                                        .release = "v2"}};
    const struct applied applied = {.rows = list, .n = 2};
    const struct applied_row *low[] = {&list[0]}, *high[] = {&list[1]};
    static const char *const one[] = {"20240101_x"};

    (void)state;
    assert_above(&applied, high, 1, one, 1);
    assert_above(&applied, low, 1, NULL, 0);
}

/* Going back undoes what came last first: a contracting one that waited may
 * have the lowest number of all. */
static void undone_as_it_came(void **state)
{
    const struct applied_row list[] = {
        {.name = "0003_c", .run = "r4", .release = "v4"},
        {.name = "0004_d", .run = "r2", .release = "v2"},
        {.name = "0005_e", .run = "r2", .release = "v2"},
        {.name = "0006_f", .run = "r3", .release = "v3"}};
    const struct applied_row *rows[] = {&list[0], &list[1], &list[2], &list[3]};

    (void)state;
    above_sort(&arena, &ledger, rows, 4);
    assert_string_equal(rows[0]->name, "0003_c");
    assert_string_equal(rows[1]->name, "0006_f");
    assert_string_equal(rows[2]->name, "0005_e");
    assert_string_equal(rows[3]->name, "0004_d");
    above_sort(&arena, &ledger, rows, 0);
}

/* Of one run the time, then the number; what no run of the ledger did is
 * older. */
static void without_runs(void **state)
{
    const struct applied_row list[] = {
        {.name = "0001_a", .run = "gone", .release = "v0", .at = 99},
        {.name = "0002_b", .run = "r1", .release = "v1", .at = 5},
        {.name = "0003_c", .run = "r1", .release = "v1x", .at = 5},
        {.name = "0004_d", .run = "r1", .release = "v1x", .at = 4}};
    const struct applied applied = {.rows = list, .n = 4};
    const struct applied_row *foreign[] = {&list[0]}, *second[] = {&list[1]};
    static const char *const all[] = {"0003_c", "0002_b", "0004_d"};

    (void)state;
    assert_above(&applied, foreign, 1, all, 3);
    assert_above(&applied, second, 1, all, 1);
}

/* What is half done stands there as well. */
static void half_done(void **state)
{
    const struct applied_row list[] = {
        {.name = "0001_a", .run = "r1", .release = "v1"}};
    const struct applied_row alone = {
        .name = "0003_c", .run = "r3", .release = "v3"};
    const struct journal_row open[] = {{.name = "0003_c", .row = &alone},
                                       {.name = "0009_j"}};
    const struct backfill_row fills[] = {
        {.row = {.name = "0002_b", .run = "r2", .release = "v2"}}};
    const struct applied applied = {.rows = list,
                                    .n = 1,
                                    .open = open,
                                    .open_n = 2,
                                    .backfills = fills,
                                    .backfills_n = 1};
    const struct applied_row *first[] = {&list[0]};
    static const char *const two[] = {"0003_c", "0002_b"};

    (void)state;
    assert_above(&applied, first, 1, two, 2);
}

/* The releases once each, newest first; and the deploy that undoes all. */
static void what_is_said(void **state)
{
    const struct applied_row list[] = {
        {.name = "0002_b", .run = "r2", .release = "v2"},
        {.name = "0003_c", .run = "r3", .release = "v3"},
        {.name = "0004_d", .run = "r3", .release = "v3"},
        {.name = "0005_e", .run = "r4", .release = "v4"}};
    const struct applied applied = {.rows = list, .n = 4};
    const struct applied_row *old[] = {&list[0]}, *last[] = {&list[3]};
    struct err e = {0};

    (void)state;
    assert_true(above_none(&arena, &ledger, &applied, last, 1, &e));
    assert_false(above_none(&arena, &ledger, &applied, old, 1, &e));
    assert_int_equal(e.code, ERR_REFUSED);
    assert_string_equal(e.why, "applied after them, and kept: 0005_e (v4), "
                               "0004_d (v3), 0003_c (v3)");
    assert_string_equal(e.fix,
                        "nothing was changed; first undo, newest first, by "
                        "tidegate migrate down: v4, v3; or all at once: "
                        "tidegate rollback --to v1 --schema");
}

/* No release brought it, so there is none to name. */
static void what_was_recorded(void **state)
{
    const struct applied_row list[] = {
        {.name = "0002_b", .run = "r2", .release = "v2"},
        {.name = "0003_c", .run = "r3", .release = TAKEOVER_BASELINE},
        {.name = "0004_d", .run = "r4", .release = "v4"}};
    const struct applied applied = {.rows = list, .n = 3};
    const struct applied_row *old[] = {&list[0]};
    struct err e = {0};

    (void)state;
    assert_false(above_none(&arena, &ledger, &applied, old, 1, &e));
    assert_string_equal(e.fix,
                        "nothing was changed; 0003_c was recorded, and not "
                        "run, so no command undoes it: write a migration that "
                        "mends what is wrong, and release that");
}

/* A long list is cut in its middle. */
static void very_many(void **state)
{
    struct applied_row list[40];
    const struct applied applied = {.rows = list, .n = 40};
    const struct applied_row *old[] = {&list[0]};
    struct err e = {0};

    (void)state;
    for (int i = 0; i < 40; i++)
        list[i] =
            (struct applied_row){.name = arena_printf(&arena, "%04d_x", i + 1),
                                 .run = "r1",
                                 .release = arena_printf(&arena, "v%d", i + 1)};
    assert_false(above_none(&arena, &ledger, &applied, old, 1, &e));
    assert_string_equal(e.fix,
                        "nothing was changed; first undo, newest first, by "
                        "tidegate migrate down: v40, v39, v38, v37 ... v2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(by_the_runs, begin, end),
        cmocka_unit_test_setup_teardown(not_by_the_numbers, begin, end),
        cmocka_unit_test_setup_teardown(undone_as_it_came, begin, end),
        cmocka_unit_test_setup_teardown(without_runs, begin, end),
        cmocka_unit_test_setup_teardown(half_done, begin, end),
        cmocka_unit_test_setup_teardown(what_is_said, begin, end),
        cmocka_unit_test_setup_teardown(what_was_recorded, begin, end),
        cmocka_unit_test_setup_teardown(very_many, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
