/* What a statement may take in production. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/rehearse/again.h"
#include "migrations/rehearse/estimate.h"
#include "migrations/rehearse/filled.h"
#include "tests/unit/migrations/estimating.h"

/* One row for each kind of work: what scales it. */
static void work_is_scaled_by_its_own_measure(void **state)
{
    static const struct {
        const char *what;
        struct traced_touch touch;
        bool builds_index, grows;
        double ratio;
        enum work work;
    } rows[] = {
        {"catalog only",
         {.lock = LOCK_ACCESS_EXCLUSIVE},
         0,
         false,
         1,
         WORK_CATALOG},
        {"rewrite: bytes",
         {.lock = LOCK_ACCESS_EXCLUSIVE, .rewritten = true},
         0,
         true,
         100,
         WORK_REWRITE},
        {"rewrite with its indexes: bytes",
         {.lock = LOCK_ACCESS_EXCLUSIVE, .rewritten = true},
         true,
         true,
         100,
         WORK_REWRITE},
        {"scan: bytes",
         {.lock = LOCK_ACCESS_EXCLUSIVE, .scanned = true},
         0,
         true,
         100,
         WORK_SCAN},
        {"index: rows, n log n",
         {.lock = LOCK_SHARE, .scanned = true},
         true,
         true,
         50 * 15.4249485 / 11.5129255,
         WORK_INDEX},
        {"foreign key: rows",
         {.took = LOCK_SHARE_ROW_EXCLUSIVE, .scanned = true},
         0,
         true,
         50 * 15.4249485 / 11.5129255,
         WORK_KEY},
        {"many rows changed: rows",
         {.lock = LOCK_ROW_EXCLUSIVE, .changed = 90000},
         0,
         true,
         50 * (1 + 0.08 * 3.91202301),
         WORK_ROWS},
        {"few rows changed",
         {.lock = LOCK_ROW_EXCLUSIVE, .changed = 1000},
         0,
         false,
         1,
         WORK_CATALOG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct relation rel = orders();
        struct traced_touch touch = rows[i].touch;
        struct traced_statement s = statement_of(10, &touch);
        bool grows;
        double ratio;
        touch.relation = &rel;
        s.builds_index = rows[i].builds_index;
        ratio = estimate_ratio(&s, &grows);
        if (grows != rows[i].grows || fabs(ratio - rows[i].ratio) > 1e-4)
            fail_msg("%s: grows %d, ratio %f", rows[i].what, grows, ratio);
        assert_int_equal(estimate_work(&s), rows[i].work);
    }
}

/* Each index counts as much as its table, and grows with its rows. */
static void indexes_are_rebuilt_with_their_table(void **state)
{
    struct relation rel = orders();
    struct relation index = {.oid = 20001, .kind = 'i', .table = 20000};
    struct traced_touch touch[] = {{.relation = &rel, .rewritten = true},
                                   {.relation = &index, .rewritten = true}};
    struct traced_statement s = statement_of(10, touch);
    double sorted = 50 * 15.4249485 / 11.5129255;
    bool grows;

    (void)state;
    s.n = 2;
    assert_true(fabs(estimate_ratio(&s, &grows) - (100 + sorted) / 2) < 1e-4);
    index.born = 3; /* this release made it: that is no difference */
    assert_true(fabs(estimate_ratio(&s, &grows) - (100 + sorted) / 2) < 1e-4);
    assert_int_equal(estimate_work(&s), WORK_REWRITE);
    s.touched = touch + 1; /* REINDEX: its own size */
    s.n = 1;
    index = (struct relation){.oid = 20001,
                              .kind = 'i',
                              .table = 20000,
                              .bytes = MB,
                              .rows = -1,
                              .production_bytes = 70 * MB,
                              .production_rows = -1};
    assert_true(fabs(estimate_ratio(&s, &grows) - 70) < 1e-4);
    assert_int_equal(estimate_work(&s), WORK_INDEX);
}

/* What any statement takes is not scaled: of a short one, half. */
static void what_is_fixed_is_not_scaled(void **state)
{
    struct relation rel = orders();
    struct traced_touch touch = {.relation = &rel, .rewritten = true};
    struct traced_statement s = statement_of(1, &touch);

    (void)state;
    assert_int_equal(estimate_statement(&s, NULL).scaled, 51); /* 50.5 */
    s.us = 3000;
    assert_int_equal(estimate_statement(&s, NULL).scaled, 201);
}

static void a_range_surrounds_the_likely(void **state)
{
    struct relation rel = orders();
    struct traced_touch touch = {.relation = &rel, .rewritten = true};
    struct traced_statement s = statement_of(200, &touch);
    struct estimate e = estimate_statement(&s, NULL);

    (void)state;
    assert_int_equal(e.likely, 19901); /* 1 ms, and 199 * 100 */
    assert_int_equal(e.scaled, 19901);
    assert_int_equal(e.low, 11931);   /* 0.6, less the floor */
    assert_int_equal(e.high, 101495); /* 3.4 * 1.5 */
    assert_int_equal(e.runs, 0);
}

static void a_catalog_statement_is_never_scaled(void **state)
{
    struct relation rel = orders();
    struct traced_touch touch = {.relation = &rel,
                                 .lock = LOCK_ACCESS_EXCLUSIVE};
    struct traced_statement s = statement_of(0, &touch);
    struct estimate e = estimate_statement(&s, NULL);

    (void)state;
    assert_int_equal(e.low, 0);
    assert_int_equal(e.likely, 0);
    assert_int_equal(e.high, ESTIMATE_FLOOR_MS);
    s.us = 100000;
    e = estimate_statement(&s, NULL);
    assert_int_equal(e.likely, 100);
    assert_int_equal(e.low, 21);
    assert_int_equal(e.high, 320);
}

static void unknown_sizes_are_not_scaled(void **state)
{
    struct relation rel = orders();
    struct traced_touch touch = {.relation = &rel, .rewritten = true};
    struct traced_statement s = statement_of(200, &touch);
    bool grows;

    (void)state;
    rel.production_bytes = rel.production_rows = -1;
    assert_true(estimate_ratio(&s, &grows) == 1);
    assert_true(grows);
    rel = orders();
    rel.rows = -1; /* rows unknown: bytes do */
    touch = (struct traced_touch){
        .relation = &rel, .lock = LOCK_SHARE, .scanned = true};
    s.builds_index = true;
    assert_true(estimate_ratio(&s, &grows) == 100);
    rel.born = 2; /* made in the rehearsal: as large in production */
    assert_true(estimate_ratio(&s, &grows) == 1);
}

static void an_empty_clone_counts_as_one_page(void **state)
{
    struct relation rel = orders();

    (void)state;
    rel.bytes = 0;
    assert_true(relation_ratio(&rel, false) == 128000); /* 1000 MB / 8 KiB */
}

/* What differs between the servers widens high, and is said. */
static void another_regime_widens_high(void **state)
{
    struct relation rel = orders();
    struct traced_touch touch = {
        .relation = &rel, .lock = LOCK_SHARE, .scanned = true};
    struct traced_statement s = statement_of(200, &touch);
    struct grounds g = {.clone = {100 * MB, 64 * MB},
                        .production = {1000 * MB, 300 * MB}};
    int64_t high;
    struct estimate e;

    (void)state;
    e = estimate_statement(&s, &g);
    high = e.high;
    assert_false(e.cold || e.spills);
    g.production.cache = 999 * MB; /* the table has 1000 */
    e = estimate_statement(&s, &g);
    assert_true(e.cold);
    assert_in_range(e.high, high * ESTIMATE_COLDEST / ESTIMATE_COLD - 3,
                    high * ESTIMATE_COLDEST / ESTIMATE_COLD + 3);
    g.clone.cache = 9 * MB; /* it did not fit in the clone's either: 10 */
    assert_false(estimate_statement(&s, &g).cold);
    g.clone.cache = 0; /* unknown */
    assert_false(estimate_statement(&s, &g).cold);
    s.builds_index = true; /* 5 million rows want 229 MB */
    assert_false(estimate_statement(&s, &g).spills);
    high = estimate_statement(&s, &g).high;
    g.production.sort = 228 * MB;
    e = estimate_statement(&s, &g);
    assert_true(e.spills);
    assert_in_range(e.high, high * 3 / 2 - 1, high * 3 / 2 + 1);
    g.clone.sort = 4 * MB; /* on disk on the clone as well: 100,000 rows */
    assert_false(estimate_statement(&s, &g).spills);
}

static void history_takes_the_place_of_the_factors(void **state)
{
    struct relation rel = orders();
    struct traced_touch touch = {.relation = &rel, .rewritten = true};
    struct traced_statement s = statement_of(200, &touch);
    struct grounds g = {0};
    struct estimate e;

    (void)state;
    g.factors.of[WORK_REWRITE] = (struct factor){14, 800, 1100, 2000};
    e = estimate_statement(&s, &g);
    assert_int_equal(e.runs, 14);
    assert_int_equal(e.scaled, 19901);
    assert_int_equal(e.low, 15911);
    assert_int_equal(e.likely, 21891);
    assert_int_equal(e.high, 39802);
    g.clone.cache = 100 * MB;
    g.production.cache = 500 * MB;
    assert_in_range(estimate_statement(&s, &g).high, 86627, 86629);
    /* that of other work does not speak for it */
    touch =
        (struct traced_touch){.relation = &rel, .lock = LOCK_ACCESS_EXCLUSIVE};
    assert_int_equal(estimate_statement(&s, &g).runs, 0);
    /* what is short is held against the floor */
    g.factors.of[WORK_CATALOG] = (struct factor){10, 900, 1000, 3000};
    s.us = 2000;
    e = estimate_statement(&s, &g);
    assert_int_equal(e.low, 0);
    assert_int_equal(e.likely, 2);
    assert_int_equal(e.high, 30);
}

/* A tenth of the rows, here and there, costs more a row on a larger table; all
 * of them, one after the other, or new ones, a little. */
static void scattered_rows_grow_faster(void **state)
{
    struct relation rel = orders();
    struct traced_touch touch = {
        .relation = &rel, .lock = LOCK_ROW_EXCLUSIVE, .changed = 10000};
    struct traced_statement s = statement_of(100, &touch);
    struct traced_batches batches = {.n = 10};
    double bulk = 50 * (1 + 0.08 * 3.91202301);
    bool grows;

    (void)state;
    assert_true(
        fabs(estimate_ratio(&s, &grows) - 50 * (1 + 0.50 * 3.91202301)) < 1e-4);
    touch.inserted = 10000;
    assert_true(fabs(estimate_ratio(&s, &grows) - bulk) < 1e-4);
    touch.inserted = 0;
    touch.changed = 60000;
    assert_true(fabs(estimate_ratio(&s, &grows) - bulk) < 1e-4);
    touch.changed = 10000;
    s.batches = &batches;
    assert_true(fabs(estimate_ratio(&s, &grows) - 50) < 1e-4);
    /* a clone that is larger is none the slower */
    s.batches = NULL;
    rel.production_rows = 50000;
    assert_true(fabs(estimate_ratio(&s, &grows) - 0.5) < 1e-4);
}

/* ---- what the release fills ---- */

/* orders is 50 times as large in production; the copy of it has no size of its
 * own, and an index on the copy, in the same transaction, grows with it. */
static void what_the_release_fills_grows_as_its_source(void **state)
{
    struct relation rel = orders();
    struct relation copy = {.oid = 20002,
                            .name = "public.copy",
                            .kind = 'r',
                            .born = 1,
                            .rows = -1,
                            .production_bytes = -1,
                            .production_rows = -1};
    struct traced_touch read = {
        .relation = &rel, .lock = LOCK_ACCESS_SHARE, .scanned = true};
    struct traced_touch filled = {
        .relation = &copy, .changed = 100000, .inserted = 100000};
    struct traced_touch built = {.relation = &copy, .scanned = true};
    struct traced_statement s[2] = {statement_of(100, &read),
                                    statement_of(50, NULL)};
    struct traced_script script = {.statements = s, .n = 2};
    bool grows;

    (void)state;
    rel.production_bytes = 500 * MB;
    s[0].own = &filled;
    s[1].own = &built;
    s[0].n_own = s[1].n_own = 1;
    s[1].builds_index = true;
    assert_int_equal(estimate_work(&s[1]), WORK_INDEX);
    filled_note(&script);
    assert_int_equal(copy.filled, 100000);
    assert_int_equal(copy.production_filled, 5000000);
    assert_true(fabs(estimate_growth(&s[0], &grows) - 50) < 1e-4);
    assert_true(fabs(estimate_ratio(&s[1], &grows) -
                     50 * 15.4249485 / 11.5129255) < 1e-4);
    assert_true(grows);
    /* an empty table of the release is no work that grows */
    copy.filled = copy.production_filled = 0;
    estimate_ratio(&s[1], &grows);
    assert_false(grows);
}

/* ---- more than once ---- */

/* What came on top the first time is added to high as it was, not a hundred
 * times. */
static void the_least_of_its_times_is_scaled(void **state)
{
    struct relation rel = orders();
    struct traced_touch touch = {.relation = &rel, .rewritten = true};
    struct traced_statement s = statement_of(250, &touch);
    struct estimate once, e;

    (void)state;
    s.us = 200000;
    once = estimate_statement(&s, NULL);
    s.us = 250000;
    s.again_us = 200000;
    e = estimate_statement(&s, NULL);
    assert_int_equal(e.likely, once.likely);
    assert_int_equal(e.low, once.low);
    assert_int_equal(e.scaled, once.scaled);
    assert_int_equal(e.high, once.high + 50);
    s.us = 200000;
    s.again_us = 250000;
    assert_int_equal(estimate_statement(&s, NULL).high, once.high + 50);
}

/* A row each: what makes a second time another work. */
static void another_work_is_not_held_against_the_first(void **state)
{
    static const struct {
        const char *what;
        int64_t rows, changed;
        bool scanned, index, same;
    } rows[] = {
        {"the same", 1000, 1000, true, false, true},
        {"a few rows less", 960, 960, true, false, true},
        {"nothing left to delete", 0, 0, true, false, false},
        {"by an index", 1000, 1000, false, false, false},
        {"an index was built", 1000, 1000, true, true, false},
    };
    struct relation rel = orders();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct traced_touch was = {
            .relation = &rel, .changed = 1000, .scanned = true};
        struct traced_touch now = {.relation = &rel,
                                   .changed = rows[i].changed,
                                   .scanned = rows[i].scanned};
        struct traced_statement a = statement_of(20, &was);
        struct traced_statement b = statement_of(10, &now);
        struct traced_script first = {.statements = &a, .n = 1};
        struct traced_script second = {.statements = &b, .n = 1};
        a.rows = 1000;
        b.rows = rows[i].rows;
        b.builds_index = rows[i].index;
        again_note(&first, &second);
        b.us = 15000; /* and a third time, that is no less */
        again_note(&first, &second);
        if (a.again_us != (rows[i].same ? 10000 : 0))
            fail_msg("%s: %lld", rows[i].what, (long long)a.again_us);
        b.us = 5000;
        again_note(&first, &second);
        assert_int_equal(a.again_us, rows[i].same ? 5000 : 0);
    }
}

/* What anybody may have written into pg_class. */
static void absurd_statistics_stay_numbers(void **state)
{
    struct relation rel = orders();
    struct traced_touch touch = {.relation = &rel,
                                 .lock = LOCK_ROW_EXCLUSIVE,
                                 .changed = 90000,
                                 .inserted = 90000};
    struct traced_statement s = statement_of(3600000, &touch);
    struct traced_script script = {.statements = &s, .n = 1};
    struct grounds g = {.clone.sort = 64 * MB, .production.sort = 64 * MB};
    struct estimate e, sum = {0};

    (void)state;
    rel.rows = 1;
    rel.production_rows = INT64_MAX;
    s.builds_index = true;
    for (int i = 0; i < 20; i++) {
        filled_note(&script);
        e = estimate_statement(&s, &g);
        estimate_add(&sum, &e);
        assert_true(rel.production_filled > 0);
        assert_true(relation_production_rows(&rel) > 0);
        assert_true(e.spills);
        assert_true(e.low > 0 && e.low <= e.likely && e.likely <= e.high);
        assert_true(sum.low <= sum.likely && sum.likely <= sum.high);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absurd_statistics_stay_numbers),
        cmocka_unit_test(work_is_scaled_by_its_own_measure),
        cmocka_unit_test(indexes_are_rebuilt_with_their_table),
        cmocka_unit_test(what_is_fixed_is_not_scaled),
        cmocka_unit_test(a_range_surrounds_the_likely),
        cmocka_unit_test(a_catalog_statement_is_never_scaled),
        cmocka_unit_test(unknown_sizes_are_not_scaled),
        cmocka_unit_test(an_empty_clone_counts_as_one_page),
        cmocka_unit_test(another_regime_widens_high),
        cmocka_unit_test(history_takes_the_place_of_the_factors),
        cmocka_unit_test(scattered_rows_grow_faster),
        cmocka_unit_test(what_the_release_fills_grows_as_its_source),
        cmocka_unit_test(the_least_of_its_times_is_scaled),
        cmocka_unit_test(another_work_is_not_held_against_the_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
