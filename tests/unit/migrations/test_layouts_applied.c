/* What is applied, as other tools' own tables tell it, and what is pending
 * then. */
#include "migrations/state/applied.h"
#include "tests/unit/migrations/layouts.h"

/* ---- applied ---- */

static const struct {
    const char *layout;
    struct folder folder;
    const char *rows[4][2];
    const char *want; /* which are, what is strange, what unfinished */
} tables[] = {
    {"golang-migrate",
     {{{"1_a.up.sql", "SELECT 1"},
       {"2_b.up.sql", "SELECT 1"},
       {"10_c.up.sql", "SELECT 1"}}},
     {{"2", "through"}},
     "1_a 2_b | |"},
    {"golang-migrate",
     {{{"1_a.up.sql", "SELECT 1"}}},
     {{"3", "through"}},
     "1_a | 3 |"},
    {"golang-migrate",
     {{{"1_a.up.sql", "SELECT 1"}}},
     {{"1", "unfinished"}},
     " | | 1"},
    {"dbmate",
     {{{"01_a.sql", "-- migrate:up\n"}, {"2_b.sql", "-- migrate:up\n"}}},
     {{"2", "applied"}, {"7", "applied"}},
     "2_b | 7 |"},
    {"goose",
     {{{"00001_a.sql", "-- +goose Up\n"}, {"00002_b.sql", "-- +goose Up\n"}}},
     {{"1", "applied"}},
     "00001_a | |"},
    {"flyway",
     {{{"V1_9__a.sql", "SELECT 1"},
       {"V1_10__b.sql", "SELECT 1"},
       {"R__c.sql", "SELECT 1"}}},
     {{"1.9", "through"}, {"1.10", "applied"}},
     "V1_9__a V1_10__b | |"},
    {"flyway",
     {{{"V3__a.sql", "SELECT 1"},
       {"V4.0__b.sql", "SELECT 1"},
       {"R__c.sql", "SELECT 1"}}},
     {{"003", "applied"}, {"4", "applied"}, {"0", "applied"}},
     "V3__a V4.0__b | 0 |"},
    /* of the file as it is; 0 and NULL say nothing, nor does a baseline */
    {"flyway",
     {{{"V1__a.sql", "SELECT 1"},
       {"V2__b.sql", "\xef\xbb\xbfSELECT\r 1\n"},
       {"V3__c.sql", "SELECT 1"},
       {"V4__d.sql", "SELECT 1"}}},
     {{"1", "applied 1719613851"},
      {"2.0", "applied 1719613851"},
      {"3", "applied -7"},
      {"4", "applied"}},
     "V1__a V2__b V3__c V4__d | | changed V3__c -7"},
    {"flyway",
     {{{"V1__a.sql", "SELECT 1"}, {"V2__b.sql", "SELECT 1"}}},
     {{"1", "through"}, {"2", "applied 17196138511"}},
     "V1__a V2__b | | changed V2__b 17196138511"},
    /* Flyway's own checksums, by zlib's crc32 */
    {"flyway",
     {{{"R__c.sql", "SELECT 1"},
       {"v/R__d_e.sql", "\xef\xbb\xbf-- \xc3\xa4\r\n\n\rSELECT 1;\nSELECT 2\n"},
       {"R__f.sql", "SELECT 3"}}},
     {{"R__c", "text 1719613851"},
      {"R__d e", "text 1951065697"},
      {"R__f", "text 7"},
      {"R__g", "text 7"}},
     "R__c@e004ebd5 R__d_e@a9cb0c5f | R__g | again R__f@1d6a1225"},
    {"sqitch",
     {{{"sqitch.plan", PLAN "a" WHO "1" BY "@t" WHO "1" BY "a" WHO "2" BY},
       {"deploy/a.sql", "SELECT 1"},
       {"deploy/a@t.sql", "SELECT 1"}}},
     {{"shop:a 2024-01-05T12:00:01Z", "applied"},
      {"other:x 2024-01-05T12:00:01Z", "applied"},
      {"shop:x 2024-01-05T12:00:01Z", "applied"}},
     "a | shop:x 2024-01-05T12:00:01Z |"},
    /* the SHA-1 of each script as it is */
    {"sqitch",
     {{{"sqitch.plan",
        PLAN "a" WHO "1" BY "@t" WHO "1" BY "a" WHO "2" BY "b" WHO "3" BY},
       {"deploy/a.sql", "SELECT 2"},
       {"deploy/a@t.sql", "SELECT 1"},
       {"deploy/b.sql", "SELECT 3"}}},
     {{"shop:a 2024-01-05T12:00:01Z",
       "applied 42364a017b73ef516a0eca9827e6fa00623257ee"},
      {"shop:a 2024-01-05T12:00:02Z",
       "applied 42364a017b73ef516a0eca9827e6fa00623257ee"}},
     "a a#2 | | changed a#2 42364a017b73ef516a0eca9827e6fa00623257ee"},
    {"diesel",
     {{{"2024-01-05-120000_a/up.sql", "SELECT 1"},
       {".2024-01-06-120000_b/up.sql", "SELECT 1"}}},
     {{"20240105120000", "applied"}, {".20240106120000", "applied"}},
     "2024-01-05-120000_a | .20240106120000 |"},
};

static const char *applied_said(const struct layout_applied *a)
{
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; i < m.n; i++)
        if (a->is[i])
            buf_printf(&b, "%s%s", b.len ? " " : "", m.list[i].name);
    buf_str(&b, " |");
    for (size_t i = 0; i < a->strange_n; i++)
        buf_printf(&b, " %s", a->strange[i]);
    buf_printf(&b, " |%s%s", a->unfinished ? " " : "",
               a->unfinished ? a->unfinished : "");
    for (size_t i = 0; i < a->again_n; i++)
        buf_printf(&b, " again %s", a->again[i]);
    for (size_t i = 0; i < a->changed_n; i++)
        buf_printf(&b, " changed %s %s", a->changed[i].one->name,
                   a->changed[i].was);
    return buf_into(&b, &arena);
}

static void the_tools_own_tables_say_what_is_applied(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        const struct layout *l = layout_find(tables[i].layout);
        const char *const *cell[4];
        struct layout_applied applied;
        size_t n = 0;
        for (; n < 4 && tables[i].rows[n][0]; n++)
            cell[n] = tables[i].rows[n];
        if (!read_folder(tables[i].layout, &tables[i].folder))
            fail_msg("%s", e.what);
        layout_applied(&applied, &arena, &m, (char *const *const *)cell, n);
        assert_string_equal(applied_said(&applied), tables[i].want);
        assert_non_null(
            strstr(layout_applied_sql(&arena, l, NULL), l->applied_table));
        assert_null(strstr(layout_applied_sql(&arena, l, "x.y"), "{table}"));
        assert_non_null(strstr(layout_applied_sql(&arena, l, "x.y"), "x.y"));
    }
    assert_true(layout_compare("1.10", "1.9") > 0);
    assert_true(layout_compare("1", "1.0") == 0);
    assert_true(layout_compare("01", "1.0.1") < 0);
    assert_true(layout_wants("a/up.sql") && !layout_wants("a.go"));
}

/* ---- repeatable ones, and places as numbers, against the applied set ---- */

static const char *pending_of(const struct applied_row *rows, size_t n)
{
    struct applied applied = {.schema = true, .rows = rows, .n = n};
    struct pending p;
    struct buf b;

    if (!applied_pending(&applied, &m, &arena, &p, &e))
        return e.what;
    buf_init(&b);
    for (size_t i = 0; i < p.n; i++)
        buf_printf(&b, "%s ", p.list[i]->name);
    buf_char(&b, '|');
    for (size_t i = 0; i < p.gone_n; i++)
        buf_printf(&b, " %s", p.gone[i]);
    return buf_into(&b, &arena);
}

static void repeatable_ones_run_by_their_descriptions(void **state)
{
    struct folder f = {{{"z/R__view1.sql", "SELECT 1"},
                        {"R__view_a.sql", "SELECT 1"},
                        {"R__viewB.sql", "SELECT 1"},
                        {"R__a.sql", "SELECT 1"},
                        {"V9__x.sql", "SELECT 1"}}};
    struct folder twins = {
        {{"R__a_b.sql", "SELECT 1"}, {"R__a b.sql", "SELECT 1"}}};

    (void)state;
    assert_true(read_folder("auto", &f));
    assert_string_equal(said(), "V9__x=9:1 R__a@e004ebd5=R__a:1 "
                                "R__view_a@e004ebd5=R__view_a:1 "
                                "R__view1@e004ebd5=R__view1:1 "
                                "R__viewB@e004ebd5=R__viewB:1");
    assert_false(read_folder("flyway", &twins));
    assert_non_null(strstr(e.what, "its version is taken"));
}

static void a_repeatable_one_runs_again_when_its_text_changes(void **state)
{
    struct folder f = {{{"V1__a.sql", "SELECT 1"},
                        {"V2__b.sql", "SELECT 1"},
                        {"R__v.sql", "SELECT 1"},
                        {"R__w.sql", "SELECT 1"}}};
    struct applied_row rows[4] = {{.release = "v1"},
                                  {.release = "v1"},
                                  {.release = "v1"},
                                  {.release = "v1"}};

    (void)state;
    assert_true(read_folder("auto", &f) && m.ranked);
    rows[0].name = m.list[0].name;
    rows[0].checksum = m.list[0].checksum;
    rows[0].number = 1;
    rows[1].name = m.list[2].name;
    rows[1].checksum = m.list[2].checksum;
    rows[1].number = 2; /* its place when there was no V2 */
    rows[1].at = 100;
    assert_string_equal(pending_of(rows, 2), "V2__b R__w@e004ebd5 |");
    rows[2] = (struct applied_row){.name = "R__v@11111111",
                                   .number = 2,
                                   .at = 50,
                                   .checksum = "",
                                   .release = "v0"};
    rows[3] = (struct applied_row){
        .name = "R__x@11111111", .number = 3, .checksum = "", .release = "v0"};
    assert_string_equal(pending_of(rows, 4),
                        "V2__b R__w@e004ebd5 | R__x@11111111");
    rows[2].at = 150;
    assert_non_null(strstr(pending_of(rows, 3), "gone back to an earlier"));
    assert_true(e.why[0] && e.fix[0]);
}

static void places_that_moved_are_no_other_names(void **state)
{
    struct folder f = {{{"V1__a.sql", "SELECT 1"},
                        {"V3__c.sql", "SELECT 1"},
                        {"V2__b.sql", "SELECT 1"}}};
    struct applied_row rows[2];

    (void)state;
    assert_true(read_folder("auto", &f));
    rows[0] = (struct applied_row){
        .name = "V0__z", .number = 1, .checksum = "", .release = "v1"};
    rows[1] = (struct applied_row){.name = "V1__a",
                                   .number = 2,
                                   .checksum = m.list[0].checksum,
                                   .release = "v1"};
    assert_string_equal(pending_of(rows, 2), "V2__b V3__c | V0__z");
    rows[1].name = "V3__c";
    rows[1].checksum = m.list[2].checksum;
    assert_non_null(strstr(pending_of(rows + 1, 1), "comes before one"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_tools_own_tables_say_what_is_applied),
        TEST(repeatable_ones_run_by_their_descriptions),
        TEST(a_repeatable_one_runs_again_when_its_text_changes),
        TEST(places_that_moved_are_no_other_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
