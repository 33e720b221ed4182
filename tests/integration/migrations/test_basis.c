/* What production was like, held against what it is like now, on a real
 * server: each change is found, and named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/integration/migrations/rehearsing.h"

#define SALES                                                            \
    "CREATE TABLE orders (id bigint PRIMARY KEY, total int, note text);" \
    "INSERT INTO orders SELECT i, i, repeat('x', 50) "                   \
    "FROM generate_series(1, 5000) i; ANALYZE orders"

static struct pg *open_as(struct fixture *f, const char *user)
{
    struct pg *pg = pg_open(
        f->loop,
        pg_conninfo_with(&f->a, conninfo_of(f, "basis"), "user", user, &f->e),
        "test", 0, &f->e);

    assert_non_null(pg);
    return pg;
}

static struct basis take(struct fixture *f)
{
    static const struct basis_table orders[] = {
        {"public.orders", 450560, 5000}, {"public.\"No such\"", 8192, 1}};
    struct pg *pg = open_as(f, "postgres");
    struct memory m;
    struct basis b;

    assert_true(basis_take(pg, &f->a, &b, &m, &f->e));
    pg_close(pg);
    assert_true(m.cache > 0 && m.sort > 0);
    b.tables = orders;
    b.n_tables = 2;
    return b;
}

static struct basis_change hold(struct fixture *f, const struct basis *b,
                                const char *user)
{
    struct pg *pg = open_as(f, user);
    struct basis_change now;

    basis_hold(pg, &f->a, b, &now);
    pg_close(pg);
    return now;
}

static void nothing_has_changed(void **state)
{
    struct fixture *f = *state;
    struct basis_change now;
    struct basis b;

    database_make(f, "basis", SALES);
    b = take(f);
    assert_null(b.unread);
    assert_int_equal(b.version, pg_server_version(f->pg));
    assert_true(b.n_settings > 20);
    now = hold(f, &b, "postgres");
    assert_int_equal(now.version_was, now.version_now);
    assert_int_equal(now.n_settings, 0);
    assert_null(now.schema);
    assert_null(now.unread);
    assert_int_equal(now.n_tables, 2);
    assert_string_equal(now.tables[0].name, "public.orders");
    assert_true(now.tables[0].bytes_now > 300000);
    assert_int_equal(now.tables[0].rows_now, 5000);
    assert_int_equal(now.tables[1].bytes_now, -1); /* gone */
}

static void each_change_is_named(void **state)
{
    struct fixture *f = *state;
    struct basis_change now;
    struct basis b;

    database_make(f, "basis", SALES);
    b = take(f);
    database_run(f, "basis",
                 "ALTER DATABASE basis SET maintenance_work_mem = '9MB';"
                 "ALTER TABLE orders ADD COLUMN extra int;"
                 "ALTER TABLE orders DROP COLUMN note;"
                 "INSERT INTO orders SELECT i, i FROM "
                 "generate_series(5001, 20000) i; ANALYZE orders");
    now = hold(f, &b, "postgres");
    assert_int_equal(now.n_settings, 1);
    assert_string_equal(now.settings[0].name, "maintenance_work_mem");
    assert_string_equal(now.settings[0].was, "65536kB");
    assert_string_equal(now.settings[0].now, "9216kB");
    assert_non_null(now.schema);
    assert_non_null(strstr(now.schema, "new: column public.orders.extra: "));
    assert_non_null(strstr(now.schema, "gone"));
    assert_int_equal(now.tables[0].rows_now, 20000);
    assert_true(now.tables[0].bytes_now > now.tables[0].bytes_was);
}

/* tidegate's own tables, and statistics, are no part of the schema. */
static void what_is_ours_is_no_change(void **state)
{
    struct fixture *f = *state;
    struct basis b;

    database_make(f, "basis", SALES);
    b = take(f);
    database_run(f, "basis",
                 "CREATE SCHEMA tidegate; CREATE TABLE tidegate.x (id int);"
                 "ANALYZE; CREATE TEMP TABLE y (id int)");
    assert_null(hold(f, &b, "postgres").schema);
}

/* A role that may not see some setting, or not wait for a lock, says so. */
static void what_cannot_be_read_is_said(void **state)
{
    struct fixture *f = *state;
    struct basis_change now;
    struct basis b;

    database_make(f, "basis", SALES);
    database_run(f, "basis",
                 "DROP ROLE IF EXISTS basis_poor; CREATE ROLE basis_poor LOGIN;"
                 "REVOKE SELECT ON pg_catalog.pg_proc FROM PUBLIC");
    b = take(f);
    now = hold(f, &b, "basis_poor");
    assert_non_null(now.unread);
    assert_non_null(strstr(now.unread, "the schema: "));
    assert_non_null(strstr(now.unread, "pg_proc"));
    assert_null(now.schema);
    /* where it could not be read then either, nothing is compared */
    b.schema[0] = '\0';
    assert_null(hold(f, &b, "basis_poor").unread);
    database_make(f, "basis", NULL);
    database_run(f, "basis", "DROP ROLE basis_poor");
}

/* The certificate carries it, of production, and of what the work grows with
 * alone. */
static void a_rehearsal_takes_it_from_production(void **state)
{
    struct fixture *f = *state;
    const struct migration *list[] = {
        migration_make(f, "0001_a", "ALTER TABLE orders ADD COLUMN k int",
                       NULL),
        migration_make(f, "0002_b",
                       "ALTER TABLE orders ADD COLUMN r float8 DEFAULT "
                       "random();\n;;\nCREATE TABLE small (id int)",
                       NULL),
    };
    struct rehearse_settings s;
    struct basis b;

    database_make(f, "basis", SALES "; CREATE TABLE small_one (id int)");
    b = take(f);
    database_make(f, "golden", "CREATE TABLE orders (id int)");
    s = (struct rehearse_settings){.how = CLONE_AS_IS,
                                   .server = conninfo_of(f, "golden"),
                                   .production = conninfo_of(f, "basis"),
                                   .run = "basis"};
    assert_true(rehearse(f, &s, list, 2));
    assert_null(f->out.failed);
    assert_string_equal(f->out.basis.schema, b.schema);
    assert_int_equal(f->out.basis.n_tables, 1);
    assert_string_equal(f->out.basis.tables[0].name, "public.orders");
    assert_int_equal(f->out.basis.tables[0].rows, 5000);
    assert_int_equal(f->out.list[0].up[0].work, WORK_CATALOG);
    assert_int_equal(f->out.list[1].up[0].work, WORK_REWRITE);
    database_run(f, "postgres", "DROP DATABASE golden");
}

#define SERVER(test) \
    cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER(nothing_has_changed),
        SERVER(each_change_is_named),
        SERVER(what_is_ours_is_no_change),
        SERVER(what_cannot_be_read_is_said),
        SERVER(a_rehearsal_takes_it_from_production),
    };

    return cmocka_run_group_tests_name("basis", tests, NULL, NULL);
}
