/* What is measured of each statement beside time and locks: temporary files,
 * phases of an index, indexes left INVALID; and what going back costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/integration/migrations/rehearsing.h"

#define SPILLS                                                     \
    "CREATE TEMP TABLE s AS SELECT DISTINCT repeat(md5(i::text), " \
    "4) FROM generate_series(1, 20000) i"

static void temporary_files_are_told_by_statement(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        one(f,
            "SET LOCAL work_mem = '64kB'\n;;\n" SPILLS "\n;;\n"
            "DO $$ BEGIN RAISE LOG 'temporary file: none, size 9'; END $$",
            NULL);
    const struct rehearsed *r;

    rehearse_shop(f, m);
    assert_null(f->out.failed);
    r = &f->out.list[0];
    assert_int_equal(r->up[0].temp_bytes, 0);
    assert_true(r->up[1].temp_bytes > 1000000);
    assert_int_equal(r->up[2].temp_bytes, 0);
    assert_int_equal(r->temp_bytes, r->up[1].temp_bytes);
}

/* A role that may not have them told: the database counts them, by script. */
static void temporary_files_are_counted_by_script(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *list[] = {
        migration_make(f, "0001_a", "SET LOCAL work_mem = '64kB'\n;;\n" SPILLS,
                       NULL),
        migration_make(f, "0002_b", "SELECT 1", "SELECT 1"),
        migration_make(f, "0003_c", "ALTER TABLE orders ADD COLUMN c int",
                       "ALTER TABLE orders DROP COLUMN c\n;;\n"
                       "SELECT pg_sleep(1.2)"),
        migration_make(f, "0004_d", "UPDATE orders SET note = 'y'",
                       "UPDATE orders SET note = repeat('x', 50)"),
    };

    database_make(f, "shop", SHOP);
    database_run(f, "postgres",
                 "DROP ROLE IF EXISTS tg_plain;"
                 "CREATE ROLE tg_plain LOGIN CREATEDB;"
                 "ALTER ROLE tg_plain SET work_mem = '64kB'");
    s.server = pg_conninfo_with(&f->a, s.server, "user", "tg_plain", &f->e);
    must(f, rehearse(f, &s, list, 4));
    assert_null(f->out.failed);
    assert_true(f->out.list[0].temp_bytes > 1000000);
    /* holding the data of 0004 against what was there spills as well; it is
     * counted by the first that ends a second later */
    assert_int_equal(f->out.list[1].down[0].temp_bytes, 0);
    assert_int_equal(f->out.list[0].up[1].temp_bytes, -1);
    assert_int_equal(f->out.list[1].temp_bytes, 0);
    assert_int_equal(f->out.list[1].up[0].temp_bytes, 0);
    database_run(f, "postgres", "DROP ROLE tg_plain");
}

static const struct rehearsed_phase *
phase_find(const struct rehearsed_statement *s, const char *name)
{
    for (size_t i = 0; i < s->n_phases; i++)
        if (strcmp(s->phases[i].name, name) == 0)
            return &s->phases[i];
    return NULL;
}

static void phases_of_an_index_are_timed(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m = migration_make(
        f, "0001_one!",
        "CREATE INDEX CONCURRENTLY n_idx ON orders (slow(total))\n;;\n"
        "VACUUM orders",
        NULL);
    const struct rehearsed_statement *up;
    const struct rehearsed_phase *scan;
    int64_t sum = 0;

    database_make(f, "shop",
                  SHOP "CREATE FUNCTION slow(int) RETURNS int IMMUTABLE "
                       "LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep("
                       "CASE WHEN $1 % 2000 = 0 THEN 0.03 ELSE 0 END); "
                       "RETURN $1; END'");
    must(f, rehearse(f, &s, &m, 1));
    assert_null(f->out.failed);
    up = f->out.list[0].up;
    scan = phase_find(&up[0], "building index: scanning table");
    assert_non_null(scan);
    assert_true(scan->ms >= 150);
    for (size_t i = 0; i < up[0].n_phases; i++)
        sum += up[0].phases[i].ms;
    assert_true(sum <= up[0].ms + 50);
    assert_int_equal(up[1].n_phases, 0);
}

static void indexes_left_invalid_are_named(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = {.how = CLONE_AS_IS, .run = "invalid"};
    const struct migration *list[] = {
        migration_make(f, "0001_part", "CREATE INDEX part_idx ON ONLY part (x)",
                       NULL),
        migration_make(f, "0002_twice!",
                       "CREATE UNIQUE INDEX CONCURRENTLY twice_idx ON "
                       "orders (note)",
                       NULL),
    };

    database_make(f, "shop", SHOP);
    database_make(f, "staging",
                  SHOP "CREATE TABLE part (x int) PARTITION BY LIST (x);"
                       "CREATE TABLE part_1 PARTITION OF part FOR VALUES "
                       "IN (1); CREATE INDEX old_idx ON orders (total);"
                       "UPDATE pg_index SET indisvalid = false WHERE "
                       "indexrelid = 'old_idx'::regclass");
    s.server = conninfo_of(f, "staging");
    s.production = conninfo_of(f, "shop");
    must(f, rehearse(f, &s, list, 2));
    assert_non_null(f->out.failed);
    assert_int_equal(f->out.list[0].n_invalid, 1);
    assert_string_equal(f->out.list[0].invalid[0],
                        "public.part_idx on public.part");
    assert_int_equal(f->out.list[1].n_invalid, 1);
    assert_string_equal(f->out.list[1].invalid[0],
                        "public.twice_idx on public.orders");
    assert_non_null(strstr(f->out.warnings,
                           "index public.old_idx on public.orders is INVALID"));
}

/* What a transaction holds already is no less held in its next statements. */
static void a_lock_that_is_held_is_told(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        one(f,
            "ALTER TABLE orders ADD COLUMN a int\n;;\n"
            "ALTER TABLE orders\n  ALTER total TYPE bigint\n;;\n"
            "CREATE INDEX total_idx ON orders (total)",
            NULL);
    const struct rehearsed_statement *up;

    rehearse_shop(f, m);
    assert_null(f->out.failed);
    up = f->out.list[0].up;
    for (int i = 0; i < 3; i++) {
        const struct touched *t = touched_find(&up[i], "public.orders");
        assert_non_null(t);
        assert_string_equal(t->lock, "ACCESS EXCLUSIVE");
        assert_int_equal(t->rewritten, i == 1);
        assert_int_equal(t->scanned, i == 2);
    }
    assert_string_equal(up[1].text,
                        "ALTER TABLE orders\n  ALTER total TYPE bigint");
}

/* The statement that makes writers wait is an UPDATE; the catalog knows the
 * key of its table. */
static void what_is_safer_is_of_what_blocks(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        one(f,
            "CREATE INDEX total_idx ON orders (total)\n;;\n"
            "UPDATE orders SET note = 'a long one: ' || note",
            NULL);
    const struct rehearsed_statement *culprit;

    rehearse_shop(f, m);
    assert_null(f->out.failed);
    assert_int_equal(f->out.waited, 1);
    assert_string_equal(f->out.waits[0].migration, "0001_one");
    assert_int_equal(f->out.waits[0].line, 1);
    culprit = rehearsal_culprit(&f->out, &f->out.waits[0]);
    assert_non_null(culprit);
    assert_int_equal(culprit->line, 3);
    assert_non_null(strstr(culprit->safer, "batch=orders key=id "));
}

static void the_cost_of_going_back_is_kept(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        one(f, "ALTER TABLE orders ADD COLUMN c int",
            "UPDATE orders SET total = total\n;;\n"
            "ALTER TABLE orders DROP COLUMN c\n;;\nSELECT pg_sleep(0.2)");
    const struct rehearsed *r;
    const struct touched *t;

    rehearse_shop(f, m);
    r = &f->out.list[0];
    assert_int_equal(r->n_down, 3);
    assert_int_equal(r->down[0].rows, 20000);
    t = touched_find(&r->down[1], "public.orders");
    assert_non_null(t);
    assert_string_equal(t->lock, "ACCESS EXCLUSIVE");
    assert_true(t->held_ms >= 200);
    assert_true(r->down_ms >= 200);
    assert_true(r->down_low <= r->down_likely && r->down_likely >= 200 &&
                r->down_likely < r->down_high);
    assert_int_equal(r->n_down_waits, 1);
    assert_string_equal(r->down_waits[0].table, "public.orders");
    assert_true(r->down_waits[0].readers >= 200);
    assert_true(r->down_waits[0].writers > r->down_waits[0].readers);
}

#define T(name) \
    cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(temporary_files_are_told_by_statement),
        T(temporary_files_are_counted_by_script),
        T(phases_of_an_index_are_timed),
        T(indexes_left_invalid_are_named),
        T(a_lock_that_is_held_is_told),
        T(what_is_safer_is_of_what_blocks),
        T(the_cost_of_going_back_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
