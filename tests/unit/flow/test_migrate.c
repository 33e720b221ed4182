/* The applied set against the files of a commit: every state, by number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "runner/flow/back.h"
#include "runner/flow/migrate.h"
#include "tests/unit/flow/arena.h"

static struct migration file(const char *name, int64_t number, bool after,
                             const char *checksum)
{
    struct migration m = {.name = name, .number = number, .after = after};

    memcpy(m.checksum, checksum, strlen(checksum));
    return m;
}

static void every_state(void **state)
{
    const struct applied_row rows[] = {
        {.name = "0001_a", .checksum = "aa", .release = "v1", .at = 10},
        {.name = "0002_b", .checksum = "bb", .release = "v1", .at = 11},
        {.name = "0004_d",
         .checksum = "dd",
         .release = "v2",
         .after = true,
         .at = 12},
        {.name = "0006_f", .checksum = "ff", .release = "v2", .at = 13},
    };
    const struct journal_row open[] = {{.name = "0006_f", .down = true},
                                       {.name = "0008_h"}};
    const struct applied applied = {
        .schema = true, .rows = rows, .n = 4, .open = open, .open_n = 2};
    struct migration list[] = {
        file("0001_a", 1, false, "aa"), file("0002_b", 2, false, "b2"),
        file("0003_c", 3, false, "cc"), file("0006_f", 6, false, "ff"),
        file("0007_g", 7, true, "gg"),  file("0008_h", 8, false, "hh"),
    };
    const struct migrations files = {.list = list, .n = 6};
    static const struct {
        const char *name, *release;
        enum migrate_is is;
        bool after;
        int64_t at;
    } want[] = {
        {"0001_a", "v1", MIGRATE_APPLIED, false, 10},
        {"0002_b", "v1", MIGRATE_EDITED, false, 11},
        {"0003_c", NULL, MIGRATE_LATE, false, 0},
        {"0004_d", "v2", MIGRATE_GONE, true, 12},
        {"0006_f", "v2", MIGRATE_HALF, false, 13},
        {"0007_g", NULL, MIGRATE_PENDING, true, 0},
        {"0008_h", NULL, MIGRATE_HALF, false, 0},
    };
    size_t n;
    struct migrate_row *got = migrate_compare(&arena, &applied, &files, &n);

    (void)state;
    assert_int_equal(n, sizeof want / sizeof *want);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(got[i].name, want[i].name);
        assert_int_equal(got[i].is, want[i].is);
        assert_int_equal(got[i].after, want[i].after);
        assert_int_equal(got[i].at, want[i].at);
        assert_true((got[i].release == NULL) == (want[i].release == NULL));
        if (want[i].release)
            assert_string_equal(got[i].release, want[i].release);
    }
}

/* What stopped half way stands in its place, with the statement after which it
 * did, whether a release is asked about or not. */
static void half_way(void **state)
{
    static const char up[] = "-- tidegate: transaction=none\n"
                             "ALTER TABLE t ADD COLUMN a int;\n"
                             "CREATE INDEX CONCURRENTLY i ON t (a);\n";
    const struct applied_row rows[] = {
        {.name = "0001_a", .checksum = "aa", .release = "v1"},
        {.name = "0004_d", .checksum = "dd", .release = "v1"}};
    const struct applied_row half = {
        .name = "0003_c", .up = up, .release = "v2", .at = 7};
    const struct journal_row open[] = {{.name = "0003_c",
                                        .row = &half,
                                        .statements_done = 1,
                                        .statements = 2}};
    const struct backfill_row fills[] = {
        {.row = {.name = "0002_b", .release = "v2"},
         .rows = 5,
         .estimated = 9}};
    const struct applied applied = {.rows = rows,
                                    .n = 2,
                                    .open = open,
                                    .open_n = 1,
                                    .backfills = fills,
                                    .backfills_n = 1};
    struct migration list[] = {
        file("0001_a", 1, false, "aa"), file("0002_b", 2, false, "bb"),
        file("0003_c", 3, false, "cc"), file("0004_d", 4, false, "dd")};
    const struct migrations files = {.list = list, .n = 4},
                            ranked = {.list = list, .n = 4, .ranked = true};
    const struct migrations *const asked[] = {NULL, &files, &ranked};

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        size_t n;
        struct migrate_row *got =
            migrate_compare(&arena, &applied, asked[k], &n);

        assert_int_equal(n, 4);
        for (size_t i = 0; i < n; i++)
            assert_string_equal(got[i].name, list[i].name);
        assert_int_equal(got[1].is, MIGRATE_HALF);
        assert_string_equal(got[1].how, "5 of about 9 rows");
        assert_int_equal(got[2].is, MIGRATE_HALF);
        assert_string_equal(got[2].release, "v2");
        assert_string_equal(got[2].how, "1 of its 2 statements is done; it "
                                        "stopped after line 2, ALTER TABLE");
    }
}

/* Repeatable ones come last, and make nothing late; an earlier text of one is
 * no longer there. */
static void repeatable_ones(void **state)
{
    const struct applied_row rows[] = {
        {.name = "V1__a", .checksum = "a", .release = "v1"},
        {.name = "R__r@22222222", .checksum = "r", .release = "v1"},
        {.name = "R__s@11111111", .checksum = "old", .release = "v1"}};
    const struct applied applied = {.schema = true, .rows = rows, .n = 3};
    struct migration list[] = {file("V1__a", 1, false, "a"),
                               file("V2__b", 2, false, "b"),
                               file("R__r@22222222", 3, false, "r"),
                               file("R__s@33333333", 4, false, "s")};
    const struct migrations files = {.list = list, .n = 4, .ranked = true};
    static const enum migrate_is want[] = {MIGRATE_APPLIED, MIGRATE_PENDING,
                                           MIGRATE_APPLIED, MIGRATE_PENDING};
    struct migrate_row *got;
    size_t n;

    (void)state;
    list[2].repeats = "R__r";
    list[3].repeats = "R__s";
    got = migrate_compare(&arena, &applied, &files, &n);
    assert_int_equal(n, 4);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(got[i].name, list[i].name);
        assert_int_equal(got[i].is, want[i]);
    }
}

/* Without a release nothing is edited, gone or pending. */
static void database_alone(void **state)
{
    const struct applied_row rows[] = {
        {.name = "0010_j", .checksum = "x", .release = "v1"},
        {.name = "0009_i", .checksum = "x", .release = "v1"}};
    const struct applied applied = {.rows = rows, .n = 2};
    size_t n;
    struct migrate_row *got = migrate_compare(&arena, &applied, NULL, &n);

    (void)state;
    assert_int_equal(n, 2);
    assert_string_equal(got[0].name, "0009_i");
    assert_string_equal(got[1].name, "0010_j");
    for (size_t i = 0; i < n; i++)
        assert_int_equal(got[i].is, MIGRATE_APPLIED);
}

/* An empty database: the lowest number is pending, not late. */
static void nothing_applied(void **state)
{
    struct migration list[] = {file("0000_z", 0, false, "zz")};
    const struct migrations files = {.list = list, .n = 1};
    const struct applied applied = {0};
    size_t n;
    struct migrate_row *got = migrate_compare(&arena, &applied, &files, &n);

    (void)state;
    assert_int_equal(n, 1);
    assert_int_equal(got[0].is, MIGRATE_PENDING);
    migrate_compare(&arena, &applied, NULL, &n);
    assert_int_equal(n, 0);
}

/* One that contracts waits, however low its number. */
static void contracting(void **state)
{
    struct migration list[] = {file("0001_a", 1, true, "aa"),
                               file("0002_b", 2, false, "bb")};
    const struct migrations files = {.list = list, .n = 2};
    const struct applied_row rows[] = {{.name = "0002_b", .checksum = "bb"}};
    const struct applied applied = {.rows = rows, .n = 1};
    struct migrate_row *got;
    size_t n;

    (void)state;
    list[0].contract = "this";
    memcpy(list[1].checksum, "bb", 3);
    got = migrate_compare(&arena, &applied, &files, &n);
    assert_int_equal(n, 2);
    assert_int_equal(got[0].is, MIGRATE_CONTRACT);
    assert_int_equal(got[1].is, MIGRATE_APPLIED);
}

/* A tag may be called as what import writes for a release. */
static void taken_over_is_no_release(void **state)
{
    const struct run_state runs[] = {
        {.id = "r1", .kind = RUN_IMPORT},
        {.id = "r2", .kind = RUN_MIGRATE, .release = TAKEOVER_IMPORTED}};
    const struct applied_row rows[] = {
        {.name = "0001_a", .run = "r1", .release = TAKEOVER_IMPORTED},
        {.name = "0002_b", .run = "r2", .release = TAKEOVER_IMPORTED}};
    struct subject s = {.arena = &arena,
                        .release = TAKEOVER_IMPORTED,
                        .state = {.runs = runs, .n_runs = 2},
                        .applied = {.rows = rows, .n = 2}};
    const struct run r = {.s = &s};
    size_t n;
    const struct applied_row **got = migrate_down_rows(&r, &n);

    (void)state;
    assert_int_equal(n, 1);
    assert_string_equal(got[0]->name, "0002_b");
}

/* What came last goes first, whatever its number: a contracting one had waited.
 * So it is with a rollback. */
static void undone_as_it_came(void **state)
{
    static const char *const want[] = {"0001_late", "0003_c", "0002_b"};
    const struct run_state runs[] = {
        {.id = "r1", .kind = RUN_DEPLOY, .release = "v1"},
        {.id = "r2", .kind = RUN_MIGRATE, .release = "v1"}};
    const struct applied_row rows[] = {
        {.name = "0001_late", .run = "r2", .release = "v1", .after = true},
        {.name = "0002_b", .run = "r1", .release = "v1", .after = true},
        {.name = "0003_c", .run = "r1", .release = "v1", .after = true}};
    struct subject s = {.arena = &arena,
                        .release = "v1",
                        .pg = (struct pg *)&arena, /* it answers */
                        .state = {.runs = runs, .n_runs = 2},
                        .applied = {.rows = rows, .n = 3}};
    const struct run r = {.s = &s, .undone = "v1", .to = "v0"};
    size_t n, back;
    const struct applied_row **down = migrate_down_rows(&r, &n);
    const struct applied_row **rolled = back_rows(&r, &back);

    (void)state;
    assert_int_equal(n, 3);
    assert_int_equal(back, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(down[i]->name, want[i]);
        assert_string_equal(rolled[i]->name, want[i]);
    }
}

static void words(void **state)
{
    static const char *const want[] = {"applied",  "pending", "late",
                                       "edited",   "gone",    "contract",
                                       "half done"};

    (void)state;
    for (int i = 0; i <= MIGRATE_HALF; i++)
        assert_string_equal(migrate_word((enum migrate_is)i), want[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_state, begin, end),
        cmocka_unit_test_setup_teardown(half_way, begin, end),
        cmocka_unit_test_setup_teardown(repeatable_ones, begin, end),
        cmocka_unit_test_setup_teardown(database_alone, begin, end),
        cmocka_unit_test_setup_teardown(nothing_applied, begin, end),
        cmocka_unit_test_setup_teardown(contracting, begin, end),
        cmocka_unit_test_setup_teardown(undone_as_it_came, begin, end),
        cmocka_unit_test_setup_teardown(taken_over_is_no_release, begin, end),
        cmocka_unit_test(words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
