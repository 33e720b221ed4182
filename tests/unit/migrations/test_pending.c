/* Files against the applied set: pending, edited, renamed, out of order, gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/state/applied.h"

#define BEFORE   "SELECT 1"
#define AFTER    "-- tidegate: phase=after\nSELECT 1"
#define CONTRACT "-- tidegate: after=this for=24h\nSELECT 1"

static struct arena arena;
static struct err e;
static struct pending got;

static struct migrations files_of(const char *const texts[][2], size_t n)
{
    struct sql_file list[8];
    struct migrations m;

    for (size_t i = 0; i < n; i++)
        list[i] =
            (struct sql_file){arena_printf(&arena, "%s.up.sql", texts[i][0]),
                              texts[i][1], strlen(texts[i][1])};
    assert_true(migrations_read(&m, &arena, "auto", list, n, &e));
    return m;
}

/* All of those files applied. */
static struct applied applied_of(const char *const texts[][2], size_t n)
{
    struct migrations m = files_of(texts, n);
    struct applied_row *rows = arena_array(&arena, n, sizeof *rows);

    for (size_t i = 0; i < n; i++)
        rows[i] = (struct applied_row){
            .name = m.list[i].name,
            .checksum = arena_strdup(&arena, m.list[i].checksum),
            .release = "v1",
            .after = m.list[i].after};
    return (struct applied){.schema = true, .rows = rows, .n = n};
}

/* "1_a 2_b", or the error's what. */
static const char *pending(const struct applied *applied,
                           const struct migrations *files)
{
    char *text = arena_strdup(&arena, "");

    err_clear(&e);
    if (!applied_pending(applied, files, &arena, &got, &e)) {
        assert_int_equal(e.code, ERR_REFUSED);
        assert_true(e.why[0] && e.fix[0]);
        return e.what;
    }
    for (size_t i = 0; i < got.n; i++)
        text = arena_printf(&arena, "%s%s%s", text, i ? " " : "",
                            got.list[i]->name);
    return text;
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void what_is_pending_comes_in_the_order_of_the_run(void **state)
{
    const char *const all[][2] = {
        {"1_a", BEFORE}, {"2_b", AFTER}, {"3_c", BEFORE}, {"4_d", AFTER}};
    struct migrations files = files_of(all, 4);
    struct applied none = {0}, one = applied_of(all, 1);

    (void)state;
    assert_string_equal(pending(&none, &files), "1_a 3_c 2_b 4_d");
    assert_string_equal(pending(&one, &files), "3_c 2_b 4_d");
    assert_int_equal(got.gone_n, 0);
}

static void an_after_may_stand_below_applied_befores(void **state)
{
    const char *const all[][2] = {
        {"1_a", BEFORE}, {"2_b", AFTER}, {"3_c", BEFORE}, {"4_d", AFTER}};
    const char *const befores[][2] = {{"1_a", BEFORE}, {"3_c", BEFORE}};
    const char *const with_4[][2] = {
        {"1_a", BEFORE}, {"3_c", BEFORE}, {"4_d", AFTER}};
    struct migrations files = files_of(all, 4);
    struct applied two = applied_of(befores, 2), three = applied_of(with_4, 3);

    (void)state;
    assert_string_equal(pending(&two, &files), "2_b 4_d");
    assert_string_equal(pending(&three, &files),
                        "2_b.up.sql comes before one that is applied");
    assert_non_null(strstr(e.why, "4_d"));
}

static void contracting_ones_are_never_too_late(void **state)
{
    const char *const all[][2] = {{"1_a", BEFORE},   {"2_b", CONTRACT},
                                  {"3_c", AFTER},    {"4_d", BEFORE},
                                  {"5_e", CONTRACT}, {"6_f", BEFORE}};
    const char *const most[][2] = {
        {"1_a", BEFORE}, {"3_c", AFTER}, {"4_d", BEFORE}};
    const char *const done[][2] = {
        {"1_a", BEFORE}, {"2_b", CONTRACT}, {"3_c", AFTER}, {"4_d", BEFORE}};
    struct migrations files = files_of(all, 6);
    struct applied rest = applied_of(most, 3), one = applied_of(done, 4);

    (void)state;
    assert_string_equal(pending(&rest, &files), "6_f");
    assert_int_equal(got.contract_n, 2);
    assert_string_equal(got.contract[0]->name, "2_b");
    assert_string_equal(got.contract[1]->name, "5_e");
    assert_string_equal(pending(&one, &files), "6_f");
    assert_int_equal(got.contract_n, 1);
    assert_string_equal(got.contract[0]->name, "5_e");
}

static void a_before_may_stand_below_nothing(void **state)
{
    const char *const all[][2] = {{"1_a", BEFORE}, {"2_b", BEFORE}};
    const char *const later[][2] = {{"2_b", BEFORE}};
    const char *const later_after[][2] = {{"2_b", AFTER}};
    const char *const mixed[][2] = {{"1_a", BEFORE}, {"2_b", AFTER}};
    struct migrations files = files_of(all, 2), other = files_of(mixed, 2);
    struct applied row = applied_of(later, 1);
    struct applied after = applied_of(later_after, 1);

    (void)state;
    assert_string_equal(pending(&row, &files),
                        "1_a.up.sql comes before one that is applied");
    assert_string_equal(pending(&after, &other),
                        "1_a.up.sql comes before one that is applied");
}

static void an_edited_file_shows_both_digests(void **state)
{
    const char *const was[][2] = {{"1_a", "SELECT 1"}};
    const char *const is[][2] = {{"1_a", "SELECT 2"}};
    struct applied applied = applied_of(was, 1);
    struct migrations files = files_of(is, 1);
    struct applied_row row;

    (void)state;
    assert_string_equal(pending(&applied, &files),
                        "1_a.up.sql was edited after it was applied");
    assert_non_null(strstr(e.why, applied.rows[0].checksum));
    assert_non_null(strstr(e.why, files.list[0].checksum));
    assert_int_equal(strncmp(e.why, "applied by v", 12), 0);
    row = applied.rows[0];
    applied.rows = &row;
    row.release = TAKEOVER_IMPORTED;
    pending(&applied, &files);
    assert_int_equal(
        strncmp(e.why, "taken over from another tool's table with", 41), 0);
    row.release = TAKEOVER_BASELINE;
    pending(&applied, &files);
    assert_non_null(strstr(e.why, "recorded as applied by hand (baseline)"));
}

static void a_renamed_file_is_not_a_new_one(void **state)
{
    const char *const was[][2] = {{"1_a", "SELECT 1"}};
    const char *const is[][2] = {{"01_b", "SELECT 1"}};
    struct applied applied = applied_of(was, 1);
    struct migrations files = files_of(is, 1);

    (void)state;
    assert_string_equal(pending(&applied, &files),
                        "01_b.up.sql was renamed after it was applied");
    assert_non_null(strstr(e.fix, "name back: 1_a"));
}

/* To Flyway V2 and V002 are one version, and the name behind it says nothing:
 * places alone would have the last one run again. Another number is a rename as
 * well; what repeats may. */
static void the_same_text_is_not_run_twice(void **state)
{
    static const char *const names[][2] = {{"V2__b.sql", "V002__b.sql"},
                                           {"V2__b.sql", "V3__b.sql"},
                                           {"R__b.sql", "R__c.sql"}};
    const char *const was[][2] = {{"1_a", "SELECT 1"}, {"2_b", "SELECT 2"}};
    const char *const is[][2] = {{"1_a", "SELECT 1"}, {"3_b", "SELECT 2"}};
    struct applied applied = applied_of(was, 2);
    struct migrations files = files_of(is, 2), m;

    (void)state;
    assert_string_equal(pending(&applied, &files),
                        "3_b.up.sql is applied already, as 2_b");
    for (size_t i = 0; i < 3; i++) {
        struct sql_file list[] = {{"V1__a.sql", "SELECT 1", 8},
                                  {names[i][0], "SELECT 2", 8}};
        struct applied_row rows[2];

        assert_true(migrations_read(&m, &arena, "flyway", list, 2, &e));
        for (size_t k = 0; k < 2; k++)
            rows[k] = (struct applied_row){
                .name = m.list[k].name,
                .checksum = arena_strdup(&arena, m.list[k].checksum),
                .release = TAKEOVER_IMPORTED};
        applied = (struct applied){.schema = true, .rows = rows, .n = 2};
        list[1].name = names[i][1];
        assert_true(migrations_read(&files, &arena, "flyway", list, 2, &e));
        if (i == 2)
            assert_string_equal(pending(&applied, &files), files.list[1].name);
        else
            assert_string_equal(pending(&applied, &files),
                                arena_printf(&arena,
                                             "%s is applied already, as V2__b",
                                             names[i][1]));
    }
}

static void what_is_gone_is_listed(void **state)
{
    const char *const was[][2] = {
        {"1_a", BEFORE}, {"2_b", BEFORE}, {"3_c", BEFORE}};
    const char *const is[][2] = {{"2_b", BEFORE}, {"4_d", "SELECT 4"}};
    struct applied applied = applied_of(was, 3);
    struct migrations files = files_of(is, 2), none = {0};

    (void)state;
    assert_string_equal(pending(&applied, &files), "4_d");
    assert_int_equal(got.gone_n, 2);
    assert_string_equal(got.gone[0], "1_a");
    assert_string_equal(got.gone[1], "3_c");
    assert_string_equal(pending(&applied, &none), "");
    assert_int_equal(got.gone_n, 3);
}

static void rows_are_found_by_name(void **state)
{
    const char *const was[][2] = {{"1_a", BEFORE}, {"2_b", BEFORE}};
    struct applied applied = applied_of(was, 2);

    (void)state;
    assert_ptr_equal(applied_find(&applied, "2_b"), &applied.rows[1]);
    assert_null(applied_find(&applied, "2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(what_is_pending_comes_in_the_order_of_the_run),
        TEST(an_after_may_stand_below_applied_befores),
        TEST(contracting_ones_are_never_too_late),
        TEST(a_before_may_stand_below_nothing),
        TEST(an_edited_file_shows_both_digests),
        TEST(a_renamed_file_is_not_a_new_one),
        TEST(the_same_text_is_not_run_twice),
        TEST(what_is_gone_is_listed),
        TEST(rows_are_found_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
