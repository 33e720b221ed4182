/* A whole rehearsal against a real server: what it finds. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "migrations/rehearse/clone.h"
#include "migrations/rehearse/compare.h"
#include "runner/base/buf.h"
#include "runner/base/file.h"
#include "tests/integration/migrations/rehearsing.h"

/* ---- what it finds ---- */

static void a_volatile_default_rewrites_and_blocks(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m =
        one(f, "ALTER TABLE orders ADD COLUMN k float8 DEFAULT random()",
            "ALTER TABLE orders DROP COLUMN k");
    const struct rehearsed *r;
    const struct touched *t;

    database_make(f, "shop", SHOP);
    must(f, rehearse(f, &s, &m, 1));
    assert_null(f->out.failed);
    r = &f->out.list[0];
    t = touched_find(&r->up[0], "public.orders");
    assert_non_null(t);
    assert_true(t->rewritten);
    assert_string_equal(t->lock, "ACCESS EXCLUSIVE");
    assert_int_equal(t->rows, 20000);
    assert_true(t->bytes > 1000000);
    assert_true(t->ratio > 0.9 && t->ratio < 1.1);
    assert_true(r->up[0].wal_bytes > 1000000);
    assert_true(r->has_down && r->down_ok);
    assert_null(r->differs);
    assert_true(r->low <= r->likely && r->likely < r->high);
    assert_int_equal(f->out.waited, 1);
    assert_string_equal(f->out.waits[0].table, "public.orders");
    assert_string_equal(f->out.waits[0].by,
                        "0001_one.up.sql:1 ACCESS EXCLUSIVE");
    assert_int_equal(f->out.waits[0].readers, r->high);
    assert_true(f->out.clone_share > 0.5);
    assert_non_null(strstr(f->out.warnings, "production's own cluster"));
    assert_true(hash_hex_valid(f->out.digest));
}

static void locks_are_held_to_the_end_of_the_transaction(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        one(f,
            "ALTER TABLE orders ADD COLUMN c int\n;;\n"
            "SELECT pg_sleep(0.3)\n;;\nCREATE TABLE n (x int)",
            NULL);
    const struct rehearsed_statement *up;

    rehearse_shop(f, m);
    up = f->out.list[0].up;
    assert_int_equal(f->out.list[0].n, 3);
    assert_int_equal(up[0].n, 1);
    assert_true(up[0].touched[0].held_ms >= up[0].ms + 300);
    assert_int_equal(up[1].n, 0);
    assert_int_equal(up[1].line, 3);
    assert_int_equal(up[2].n, 0); /* new: nobody waits for it */
    assert_true(f->out.waits[0].readers >= 300);
    assert_int_equal(f->out.waited, 1);
    assert_int_equal(f->out.list[0].down_high, -1);
}

static void a_down_that_is_no_inverse_is_named(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *list[] = {
        migration_make(f, "0001_a", "CREATE TABLE a (x int)", "DROP TABLE a"),
        migration_make(f, "0002_b",
                       "ALTER TABLE orders ADD COLUMN c int;\n"
                       "CREATE INDEX c_idx ON orders (c)",
                       "DROP INDEX c_idx"),
        migration_make(f, "0003_c", "CREATE TABLE c (x int)", "DROP TABLE c"),
        migration_make(f, "0004_d", "CREATE TABLE d (x int)", NULL),
        migration_make(f, "0005_e", "COMMENT ON TABLE orders IS 'x'",
                       "COMMENT ON TABLE orders IS NULL"),
        migration_make(f, "0006_f", "DROP INDEX total_idx",
                       "CREATE INDEX total_idx ON orders (total, id)"),
    };

    database_make(f, "shop", SHOP "CREATE INDEX total_idx ON orders (total);");
    must(f, rehearse(f, &s, list, 6));
    assert_null(f->out.failed);
    assert_true(f->out.list[0].down_ok);
    assert_null(f->out.list[0].differs);
    assert_false(f->out.list[1].down_ok);
    assert_non_null(strstr(f->out.list[1].differs,
                           "left: column public.orders.c: integer"));
    assert_true(f->out.list[2].down_ok);
    assert_false(f->out.list[3].has_down);
    assert_true(f->out.list[4].down_ok);
    assert_false(f->out.list[5].down_ok);
    assert_non_null(strstr(f->out.list[5].differs,
                           "lost: index public.total_idx: on public.orders "
                           "using btree (total int4_ops)"));
    /* 0002 cannot go up again after its down */
    assert_non_null(strstr(f->out.list[1].differs, "up fails after its down"));
}

static void column_order_alone_is_told_and_no_failure(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m = one(f, "ALTER TABLE orders DROP COLUMN total",
                                    "ALTER TABLE orders ADD COLUMN total int");

    database_make(f, "shop", SHOP "UPDATE orders SET total = NULL");
    must(f, rehearse(f, &s, &m, 1));
    assert_true(f->out.list[0].down_ok);
    assert_non_null(strstr(f->out.list[0].differs, "column order"));
}

static void a_down_that_fails_is_a_result(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *list[] = {
        migration_make(f, "0001_a", "CREATE TABLE a (x int)", "DROP TABLE a"),
        migration_make(f, "0002_b", "CREATE TABLE b (x int)", "DROP TABLE no"),
    };

    database_make(f, "shop", SHOP);
    must(f, rehearse(f, &s, list, 2));
    assert_null(f->out.failed);
    assert_false(f->out.list[1].down_ok);
    assert_non_null(strstr(f->out.list[1].differs,
                           "down failed: 0002_b.down.sql:1: table \"no\""));
    assert_false(f->out.list[0].down_ok);
    assert_non_null(strstr(f->out.list[0].differs, "not tried"));
}

static void a_table_locked_twice_is_told_twice(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *list[] = {
        migration_make(f, "0001_a", "ALTER TABLE orders ADD COLUMN y int",
                       NULL),
        migration_make(f, "0002_b", "DROP TABLE orders", NULL),
    };

    database_make(f, "shop", SHOP);
    must(f, rehearse(f, &s, list, 2));
    for (int i = 0; i < 2; i++) {
        const struct touched *t =
            touched_find(&f->out.list[i].up[0], "public.orders");
        assert_non_null(t);
        assert_string_equal(t->lock, "ACCESS EXCLUSIVE");
    }
}

static void after_migrations_run_last(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *list[] = {
        migration_make(f, "0001_a+", "ALTER TABLE n ADD COLUMN y int", NULL),
        migration_make(f, "0002_b", "CREATE TABLE n (x int)", NULL),
    };

    database_make(f, "shop", SHOP);
    must(f, rehearse(f, &s, list, 2));
    assert_null(f->out.failed);
    assert_string_equal(f->out.list[0].name, "0002_b");
    assert_string_equal(f->out.list[1].name, "0001_a");
    assert_string_equal(f->out.waits[0].table, "public.n");
}

/* What no text tells: the schema shows it. */
static void what_the_old_code_does_not_survive_is_found(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *list[] = {
        migration_make(f, "0001_do",
                       "DO $$ BEGIN EXECUTE 'DROP' || ' VIEW named'; END $$",
                       "CREATE VIEW named AS SELECT id, note FROM orders"),
        migration_make(f, "0002_again",
                       "DROP VIEW seen\n;;\n"
                       "CREATE VIEW seen AS SELECT id FROM orders",
                       NULL),
        migration_make(f, "0003_fits",
                       "CREATE FUNCTION f(a int, b int DEFAULT 0) RETURNS int "
                       "LANGUAGE sql AS 'SELECT $1'\n;;\n"
                       "ALTER TABLE orders ADD COLUMN must needed",
                       NULL),
        migration_make(f, "0004_own",
                       "CREATE TABLE own (x int)\n;;\n"
                       "INSERT INTO own VALUES (1)",
                       NULL),
        migration_make(f, "0005_own", "DROP TABLE own", NULL),
        migration_make(f, "0006_late+", "DROP VIEW seen", NULL),
    };
    struct migration *told =
        migration_make(f, "0001_told", "DROP VIEW named", NULL);
    const struct migration *one = told;

    database_make(f, "shop",
                  SHOP "DROP ROLE IF EXISTS tg_app; CREATE ROLE tg_app;"
                       "CREATE VIEW named AS SELECT id, note FROM orders;"
                       "CREATE VIEW seen AS SELECT id, note FROM orders;"
                       "GRANT SELECT ON seen TO tg_app;"
                       "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql "
                       "AS 'SELECT $1';"
                       "CREATE DOMAIN needed AS int NOT NULL;"
                       "TRUNCATE orders");
    must(f, rehearse(f, &s, list, 6));
    assert_null(f->out.failed);
    assert_string_equal(f->out.list[0].breaks, "view public.named is gone");
    assert_string_equal(f->out.list[1].breaks,
                        "column public.seen.note is gone; tg_app has no "
                        "SELECT on public.seen any more");
    assert_string_equal(f->out.list[2].breaks,
                        "calls of public.f(integer) are ambiguous: "
                        "public.f(integer,integer) fits them as well; new "
                        "column public.orders.must must be given: it is NOT "
                        "NULL without a default");
    for (int i = 3; i < 6; i++)
        assert_null(f->out.list[i].breaks);
    must(f, rehearse(f, &s, &one, 1));
    assert_string_equal(f->out.list[0].breaks, "view public.named is gone");
    told->compatible = "nobody reads it";
    must(f, rehearse(f, &s, &one, 1));
    assert_null(f->out.list[0].breaks);
    database_run(f, "shop", "DROP OWNED BY tg_app; DROP ROLE tg_app");
}

/* Before the flip nobody uses what this release made; afterwards they do. */
static void tables_of_this_release_are_in_nobodys_way(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *list[] = {
        migration_make(f, "0001_a", "CREATE TABLE n (x int)", NULL),
        migration_make(f, "0002_b", "ALTER TABLE n ALTER x TYPE bigint", NULL),
        migration_make(f, "0003_c+", "ALTER TABLE n ALTER x TYPE int", NULL),
    };

    database_make(f, "shop", SHOP);
    must(f, rehearse(f, &s, list, 3));
    assert_null(f->out.failed);
    assert_int_equal(f->out.list[1].up[0].n, 0);
    assert_null(f->out.list[1].up[0].safer);
    assert_true(f->out.list[2].up[0].touched[0].rewritten);
    assert_int_equal(f->out.waited, 1);
}

/* What one migration sets for its session does not reach the next. */
static void sessions_are_cleaned_between_migrations(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *list[] = {
        migration_make(f, "0001_a",
                       "CREATE SCHEMA other\n;;\nSET search_path = other\n;;\n"
                       "CREATE TEMP TABLE keep (x int)",
                       NULL),
        migration_make(f, "0002_b",
                       "ALTER TABLE orders ADD COLUMN x int\n;;\n"
                       "CREATE TEMP TABLE keep (x int)\n;;\n"
                       "PREPARE mine AS SELECT 1\n;;\nDEALLOCATE ALL\n;;\n"
                       "PREPARE mine AS SELECT 1",
                       NULL),
        migration_make(f, "0003_c",
                       "ALTER TABLE orders ADD COLUMN y int\n;;\n"
                       "PREPARE mine AS SELECT 1",
                       NULL),
        migration_make(f, "0004_d", "ALTER TABLE orders ADD COLUMN z int",
                       NULL),
    };

    database_make(f, "shop", SHOP);
    must(f, rehearse(f, &s, list, 4));
    assert_null(f->out.failed);
    for (int i = 1; i < 4; i++)
        assert_string_equal(f->out.list[i].up[0].touched[0].lock,
                            "ACCESS EXCLUSIVE");
}

static void an_update_of_all_rows_makes_writers_wait(void **state)
{
    struct fixture *f = *state;
    const struct migration *m = one(f, "UPDATE orders SET note = 'y'", NULL);

    rehearse_shop(f, m);
    assert_int_equal(f->out.list[0].up[0].rows, 20000);
    assert_int_equal(f->out.waited, 1);
    assert_int_equal(f->out.waits[0].readers, 0);
    assert_true(f->out.waits[0].writers > 0);
}

static void a_failing_migration_is_a_result(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *list[] = {
        migration_make(f, "0001_a", "CREATE TABLE a (x int)", "DROP TABLE a"),
        migration_make(f, "0002_b",
                       "SELECT 1\n;;\nALTER TABLE orders\n"
                       "  ADD COLUMN q nosuchtype",
                       NULL),
    };

    database_make(f, "shop", SHOP);
    must(f, rehearse(f, &s, list, 2));
    assert_non_null(f->out.failed);
    assert_ptr_equal(
        strstr(f->out.failed,
               "0002_b.up.sql:4: type \"nosuchtype\" does not exist"),
        f->out.failed);
    assert_non_null(strstr(f->out.failed, "42704"));
    assert_int_equal(f->out.list[1].n, 1);
}

static void a_deferred_constraint_fails_at_commit(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        one(f,
            "CREATE TABLE c (x bigint REFERENCES orders "
            "DEFERRABLE INITIALLY DEFERRED)\n;;\nINSERT INTO c VALUES (-1)",
            NULL);

    rehearse_shop(f, m);
    assert_non_null(f->out.failed);
    assert_non_null(strstr(f->out.failed, "23503"));
}

static void a_migration_that_commits_by_itself_fails(void **state)
{
    struct fixture *f = *state;
    const struct migration *m = one(f, "COMMIT\n;;\nSELECT 1", NULL);

    rehearse_shop(f, m);
    assert_non_null(strstr(f->out.failed, "ended the transaction"));
}

/* As the runner has them: files, read and linted. */
static void files_are_read_and_rehearsed(void **state)
{
    static const struct sql_file files[] = {
#define FILE_OF(name, text) {name, text, sizeof text - 1}
        FILE_OF("0001_key.up.sql",
                "-- a key\nALTER TABLE orders\n"
                "    ADD COLUMN key uuid DEFAULT gen_random_uuid();\n"
                "COMMENT ON COLUMN orders.key IS 'a;b';\n"),
        FILE_OF("0001_key.down.sql", "ALTER TABLE orders DROP COLUMN key;\n"),
        FILE_OF("0002_index.up.sql",
                "CREATE INDEX CONCURRENTLY key_idx ON orders (key);\n"),
        FILE_OF("0002_index.down.sql", "DROP INDEX CONCURRENTLY key_idx;\n"),
    };
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *pending[2];
    struct migrations m;
    char digest[HASH_HEX];

    database_make(f, "shop", SHOP);
    assert_true(migrations_read(&m, &f->a, "auto", files, 4, &f->e));
    for (int i = 0; i < 2; i++)
        pending[i] = &m.list[i];
    must(f, rehearse(f, &s, pending, 2));
    assert_null(f->out.failed);
    assert_true(f->out.list[0].down_ok && f->out.list[1].down_ok);
    assert_int_equal(f->out.list[0].n, 2);
    assert_int_equal(f->out.list[0].up[0].line, 2);
    assert_non_null(f->out.list[0].up[0].safer);
    assert_null(f->out.list[0].up[1].safer);
    assert_false(f->out.list[1].transaction);
    assert_string_equal(f->out.digest, migrations_digest(pending, 2, digest));
}

static void a_clone_that_has_it_already_is_refused(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m =
        one(f, "ALTER TABLE orders ADD COLUMN x int", NULL);
    struct pg *pg;

    database_make(f, "shop", SHOP);
    pg = pg_open(f->loop, s.from, "test", 0, &f->e);
    assert_true(applied_prepare(pg, &f->a, &f->e));
    pg_close(pg);
    must(f, rehearse(f, &s, &m, 1));
    database_run(f, "shop",
                 "INSERT INTO tidegate.migration VALUES ('0001_one', 1, 'x', "
                 "'before', 'v1', 'r', 'SELECT 1', NULL, NULL, NULL, now(), "
                 "1)");
    refused(f, rehearse(f, &s, &m, 1), ERR_REFUSED, "further than production");
    assert_int_equal(clones_left(f), 0);
}

static void data_of_a_copy_are_fed_to_the_clone(void **state)
{
    static const char text[] = "-- migrate:up\nBEGIN;\n"
                               "COPY public.orders (id) FROM stdin;\n"
                               "90001\n90002\n\\.\nCOMMIT;\n"
                               "-- migrate:down\n"
                               "DELETE FROM public.orders WHERE id > 90000;";
    struct fixture *f = *state;
    const struct sql_file file = {
        .name = "20240105_more.sql", .bytes = text, .len = strlen(text)};
    struct migrations files;
    const struct migration *m;

    assert_true(migrations_read(&files, &f->a, "auto", &file, 1, &f->e));
    m = &files.list[0];
    rehearse_shop(f, m);
    assert_null(f->out.failed);
    assert_int_equal(f->out.list[0].n, 1);
    assert_int_equal(f->out.list[0].up[0].rows, 2);
}

#define T(name) \
    cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_volatile_default_rewrites_and_blocks),
        T(locks_are_held_to_the_end_of_the_transaction),
        T(a_down_that_is_no_inverse_is_named),
        T(column_order_alone_is_told_and_no_failure),
        T(a_down_that_fails_is_a_result),
        T(a_table_locked_twice_is_told_twice),
        T(after_migrations_run_last),
        T(what_the_old_code_does_not_survive_is_found),
        T(tables_of_this_release_are_in_nobodys_way),
        T(sessions_are_cleaned_between_migrations),
        T(an_update_of_all_rows_makes_writers_wait),
        T(a_failing_migration_is_a_result),
        T(a_deferred_constraint_fails_at_commit),
        T(a_migration_that_commits_by_itself_fails),
        T(files_are_read_and_rehearsed),
        T(a_clone_that_has_it_already_is_refused),
        T(data_of_a_copy_are_fed_to_the_clone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
