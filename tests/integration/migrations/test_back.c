/* Going back: the schema, rows and values that were there before, or what of
 * them is not; and what a down throws away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runner/base/buf.h"
#include "tests/integration/migrations/rehearsing.h"

/* 4,000 orders with notes; a log without a key; lines that go with orders. All
 * in a schema of their own, which is written $. */
#define BASE                                                                   \
    "CREATE SCHEMA $; CREATE TYPE $.mood AS ENUM ('sad', 'glad');"             \
    "CREATE TABLE $.orders (id bigint PRIMARY KEY, total int, note text);"     \
    "INSERT INTO $.orders SELECT i, i, CASE WHEN i <= 4000 THEN 'n' || i END " \
    "FROM generate_series(1, 5000) i;"                                         \
    "CREATE TABLE $.log (at int, what text);"                                  \
    "INSERT INTO $.log SELECT i, 'w' || i % 7 FROM generate_series(1, 300) i;" \
    "CREATE TABLE $.lines (order_id bigint REFERENCES $.orders ON DELETE "     \
    "CASCADE, n int, PRIMARY KEY (order_id, n));"                              \
    "INSERT INTO $.lines SELECT i, 1 FROM generate_series(1, 100) i;"          \
    "CREATE TABLE $.part (day int, x text, PRIMARY KEY (day)) "                \
    "PARTITION BY RANGE (day);"                                                \
    "CREATE TABLE $.part_1 PARTITION OF $.part FOR VALUES FROM (0) TO (100);"  \
    "INSERT INTO $.part SELECT i, 'p' FROM generate_series(0, 99) i;"          \
    "CREATE TABLE $.\"Odd Name\" (\"a key\" $.mood PRIMARY KEY, "              \
    "\"x\"\"y\" text);"                                                        \
    "INSERT INTO $.\"Odd Name\" VALUES ('sad', 's'), ('glad', NULL);"          \
    "CREATE FUNCTION $.clear_log() RETURNS void LANGUAGE sql AS "              \
    "'DELETE FROM $.log WHERE at > 290';"

struct row {
    const char *what, *up, *down;
    const char *line; /* in differs; NULL: no line of data */
    bool ok;
};

static const struct row rows[] = {
    {"a column dropped and made again", "ALTER TABLE $.orders DROP COLUMN note",
     "ALTER TABLE $.orders ADD COLUMN note text",
     "data $.orders.note: 4,000 of 4,000 values lost\n", false},
    {"a column that held nothing", "ALTER TABLE $.lines ADD COLUMN z int",
     "ALTER TABLE $.lines DROP COLUMN z", NULL, true},
    {"a table rewritten, and back",
     "ALTER TABLE $.orders ALTER total TYPE bigint",
     "ALTER TABLE $.orders ALTER total TYPE int", NULL, true},
    {"values changed for good", "UPDATE $.orders SET note = '' WHERE id <= 10",
     "SELECT 1", "data $.orders.note: 10 of 4,000 values changed\n", false},
    {"values filled in", "UPDATE $.orders SET note = 'x' WHERE note IS NULL",
     "SELECT 1", "data $.orders.note: 1,000 values where there were none\n",
     true},
    {"values taken out", "UPDATE $.orders SET total = NULL WHERE id = 7",
     "SELECT 1", "data $.orders.total: 1 of 5,000 values lost\n", false},
    {"values changed and changed back", "UPDATE $.orders SET total = total + 1",
     "UPDATE $.orders SET total = total - 1", NULL, true},
    {"rows deleted, and those that go along",
     "DELETE FROM $.orders WHERE id < 11", "SELECT 1",
     "data $.orders: 10 of 5,000 rows lost\n", false},
    {"by a foreign key", "DELETE FROM $.orders WHERE id < 11", "SELECT 1",
     "data $.lines: 10 of 100 rows lost\n", false},
    {"rows left", "INSERT INTO $.log SELECT i FROM generate_series(600, 602) i",
     "SELECT 1", "data $.log: 3 rows more than before\n", true},
    {"rows put in and taken out", "INSERT INTO $.orders VALUES (9000)",
     "DELETE FROM $.orders WHERE id = 9000", NULL, true},
    {"no key: rows lost", "DELETE FROM $.log WHERE at = 1", "SELECT 1",
     "data $.log: 1 of 300 rows lost\n", false},
    {"no key: other values", "UPDATE $.log SET what = 'x' WHERE at = 3",
     "SELECT 1", "data $.log.what: other values than before\n", false},
    {"no key: values lost", "UPDATE $.log SET what = NULL WHERE at = 3",
     "SELECT 1", "data $.log.what: 1 of 300 values lost\n", false},
    {"no key: values in other rows",
     "UPDATE $.log SET what = CASE at WHEN 1 THEN 'w2' ELSE 'w1' END "
     "WHERE at IN (1, 2)",
     "SELECT 1", "data $.log: values stand in other rows than before\n", true},
    {"no key: put back in another order",
     "CREATE TABLE $.kept AS TABLE $.log; TRUNCATE $.log",
     "INSERT INTO $.log SELECT * FROM $.kept ORDER BY at DESC; DROP TABLE "
     "$.kept",
     NULL, true},
    {"a partition emptied", "DELETE FROM $.part WHERE day < 30", "SELECT 1",
     "data $.part: 30 of 100 rows lost\n", false},
    {"a partition dropped and made again", "DROP TABLE $.part_1",
     "CREATE TABLE $.part_1 PARTITION OF $.part FOR VALUES FROM (0) TO (100)",
     "data $.part_1: 100 of 100 rows lost\n", false},
    {"odd names and a key of a type of one's own",
     "UPDATE $.\"Odd Name\" SET \"x\"\"y\" = 't'", "SELECT 1",
     "data $.\"Odd Name\".\"x\"\"y\": 1 of 1 values changed, "
     "1 values where there were none\n",
     false},
    {"a table renamed and back", "ALTER TABLE $.log RENAME TO diary",
     "ALTER TABLE $.diary RENAME TO log", NULL, true},
    {"a table dropped and made again", "DROP TABLE $.lines",
     "CREATE TABLE $.lines (order_id bigint REFERENCES $.orders ON DELETE "
     "CASCADE, n int, PRIMARY KEY (order_id, n))",
     "data $.lines: 100 of 100 rows lost\n", false},
};

#define ROWS (sizeof rows / sizeof *rows)

/* Where names say nothing: every table is looked at. */
static const struct row hidden[] = {
    {"in DO", "DO $$ BEGIN DELETE FROM $.log WHERE at = 5; END $$", "SELECT 1",
     "data $.log: 1 of 300 rows lost\n", false},
    {"in a function", "SELECT $.clear_log()", "SELECT 1",
     "data $.log: 10 of 300 rows lost\n", false},
};

/* Text with $ as the schema of row i; NULL: NULL. */
static const char *in_schema(struct fixture *f, size_t i, const char *text)
{
    struct buf b;

    if (!text)
        return NULL;
    buf_init(&b);
    for (; *text; text++)
        if (*text == '$' && (text[1] == '.' || text[1] == ';'))
            buf_printf(&b, "s%02zu", i);
        else
            buf_add(&b, text, 1);
    return buf_into(&b, &f->a);
}

static void check(struct fixture *f, const struct row *row, size_t i,
                  const struct rehearsed *r)
{
    const char *line = in_schema(f, i, row->line);

    if (r->down_ok != row->ok ||
        (line && !(r->differs && strstr(r->differs, line))) ||
        (!line && r->differs && strstr(r->differs, "data ")))
        fail_msg("%s: ok %d, %s", row->what, r->down_ok,
                 r->differs ? r->differs : "(nothing differs)");
}

static void told(struct fixture *f, const struct row *list, size_t n)
{
    struct rehearse_settings s = by_dump(f, "rows");
    const struct migration **all = arena_array(&f->a, n, sizeof *all);

    s.how = CLONE_BY_TEMPLATE;
    s.argument = "rows";
    s.production = NULL;
    for (size_t i = 0; i < n; i++)
        all[i] = migration_make(f, arena_printf(&f->a, "%04zu_x", i),
                                in_schema(f, i, list[i].up),
                                in_schema(f, i, list[i].down));
    must(f, rehearse(f, &s, all, n));
    if (f->out.failed || *f->out.warnings)
        fail_msg("%s %s", f->out.failed ? f->out.failed : "", f->out.warnings);
    for (size_t i = 0; i < n; i++)
        check(f, &list[i], i, &f->out.list[i]);
}

static void what_down_does_not_give_back_is_told(void **state)
{
    struct fixture *f = *state;

    database_make(f, "rows", NULL);
    for (size_t i = 0; i < ROWS; i++)
        database_run(f, "rows", in_schema(f, i, BASE));
    told(f, rows, ROWS);
}

static void so_is_what_no_name_tells(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        database_make(f, "rows", in_schema(f, 0, BASE));
        told(f, &hidden[i], 1);
    }
}

/* Each is told of its own; what a later one's down lost is not told twice. */
static void the_one_that_lost_it_is_named(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *list[] = {
        migration_make(f, "0001_a", "UPDATE orders SET total = total + 1",
                       "UPDATE orders SET total = total - 1"),
        migration_make(f, "0002_b", "ALTER TABLE orders DROP COLUMN note",
                       "ALTER TABLE orders ADD COLUMN note text"),
    };

    database_make(f, "shop", SHOP);
    must(f, rehearse(f, &s, list, 2));
    assert_non_null(strstr(f->out.list[1].differs,
                           "data public.orders.note: 20,000 of 20,000 values "
                           "lost\n"));
    assert_false(f->out.list[1].down_ok);
    assert_null(f->out.list[0].differs);
    assert_true(f->out.list[0].down_ok);
}

/* What one without a down did is no other's fault. */
static void one_without_a_down_blames_nobody(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *list[] = {
        migration_make(f, "0001_a", "UPDATE orders SET total = total + 1",
                       "UPDATE orders SET total = total - 1"),
        migration_make(f, "0002_b", "UPDATE orders SET note = 'y'", NULL),
    };

    database_make(f, "shop", SHOP);
    must(f, rehearse(f, &s, list, 2));
    assert_null(f->out.list[0].differs);
    assert_true(f->out.list[0].down_ok);
}

/* Over the size of exact notes: rows of some pages, found again by key, though
 * all of the table is written anew. */
static void a_large_table_is_sampled(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *list[] = {
        migration_make(f, "0001_a", "ALTER TABLE big ALTER n TYPE bigint",
                       "ALTER TABLE big ALTER n TYPE int"),
        migration_make(f, "0002_b", "UPDATE other SET n = NULL", "SELECT 1"),
        migration_make(f, "0003_c", "DELETE FROM third WHERE id = 1",
                       "SELECT 1"),
    };

    database_make(f, "shop",
                  "CREATE TABLE big (id int PRIMARY KEY, n int);"
                  "INSERT INTO big SELECT i, i FROM generate_series(1, 20000) "
                  "i; CREATE TABLE other (LIKE big INCLUDING ALL);"
                  "INSERT INTO other TABLE big;"
                  "CREATE TABLE third (LIKE big INCLUDING ALL);"
                  "INSERT INTO third TABLE big; ANALYZE");
    s.data_exact = 64 * 1024;
    must(f, rehearse(f, &s, list, 3));
    assert_true(f->out.list[0].down_ok);
    assert_null(f->out.list[0].differs);
    assert_false(f->out.list[1].down_ok);
    assert_non_null(strstr(f->out.list[1].differs, "data public.other.n: "));
    assert_non_null(strstr(f->out.list[1].differs, "lost (of a sample)\n"));
    /* one row in no sample: rows are counted all the same */
    assert_false(f->out.list[2].down_ok);
    assert_non_null(strstr(f->out.list[2].differs, " rows lost"));
}

/* A column of the release is empty on the clone; in production it is not. */
static void what_a_down_throws_away_is_listed(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *list[] = {
        migration_make(f, "0001_a",
                       "ALTER TABLE orders ADD COLUMN \"a b\" int\n;;\n"
                       "CREATE TABLE made (x int, y int)\n;;\n"
                       "ALTER TABLE orders RENAME COLUMN note TO remark",
                       "ALTER TABLE orders DROP COLUMN \"a b\"\n;;\n"
                       "DROP TABLE made\n;;\n"
                       "ALTER TABLE orders RENAME COLUMN remark TO note"),
        migration_make(f, "0002_b", "CREATE INDEX i ON orders (total)",
                       "DROP INDEX i"),
    };

    database_make(f, "shop", SHOP);
    must(f, rehearse(f, &s, list, 2));
    assert_true(f->out.list[0].down_ok);
    assert_int_equal(f->out.list[0].n_loses, 2);
    assert_string_equal(f->out.list[0].loses[0], "public.orders.\"a b\"");
    assert_string_equal(f->out.list[0].loses[1], "public.made");
    assert_int_equal(f->out.list[1].n_loses, 0);
}

/* No right to make temporary tables, say: a warning, and the rest goes on. */
static void what_cannot_be_compared_is_said(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = {.how = CLONE_AS_IS, .run = "notemp"};
    const struct migration *m =
        one(f, "UPDATE orders SET total = 1", "SELECT 1");

    database_make(f, "staging", SHOP);
    database_run(f, "staging",
                 "DROP ROLE IF EXISTS tg_plain; CREATE ROLE tg_plain LOGIN;"
                 "ALTER TABLE orders OWNER TO tg_plain;"
                 "REVOKE TEMP ON DATABASE staging FROM public");
    s.server = pg_conninfo_with(&f->a, conninfo_of(f, "staging"), "user",
                                "tg_plain", &f->e);
    must(f, rehearse(f, &s, &m, 1));
    assert_null(f->out.failed);
    assert_true(f->out.list[0].down_ok);
    assert_non_null(
        strstr(f->out.warnings, "data of public.orders was not compared: "));
    database_run(f, "staging", "DROP OWNED BY tg_plain; DROP ROLE tg_plain");
}

#define T(name) \
    cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_down_does_not_give_back_is_told),
        T(so_is_what_no_name_tells),
        T(the_one_that_lost_it_is_named),
        T(one_without_a_down_blames_nobody),
        T(a_large_table_is_sampled),
        T(what_a_down_throws_away_is_listed),
        T(what_cannot_be_compared_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
