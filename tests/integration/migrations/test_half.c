/* Undoing a migration that stopped between two of its statements, where what
 * stands there is not what it has made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/integration/migrations/applying.h"

#define NONE "-- tidegate: transaction=none\n"

/* 0001_a with that up and down; the up is expected to stop half way. */
static void stops(struct fixture *f, const char *up_text, const char *down)
{
    const char *const files[][2] = {
        {"0001_a.up.sql", arena_printf(&f->a, NONE "%s", up_text)},
        {"0001_a.down.sql", arena_printf(&f->a, NONE "%s", down)}};

    read_files(f, files, 2);
    assert_false(up(f, &f->m.list[0]));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
}

static bool back(struct fixture *f)
{
    struct apply *ap = opened(f);
    struct applied applied;
    bool ok;

    assert_true(applied_read(f->pg, &f->a, &applied, &f->e));
    assert_int_equal(applied.open_n, 1);
    assert_non_null(applied.open[0].row);
    ok = apply_down(ap, applied.open[0].row, NULL, &f->r, &f->e);
    apply_close(ap);
    return ok;
}

static void gone(struct fixture *f)
{
    if (!back(f)) {
        err_print(&f->e, stderr);
        fail();
    }
    assert_sql(f, "SELECT count(*) FROM tidegate.journal", "0");
    assert_sql(f, "SELECT count(*) FROM tidegate.alone", "0");
}

static void an_index_of_before_is_not_ours(void **state)
{
    struct fixture *f = *state;

    sql(f, "CREATE TABLE t (a int, b int); CREATE INDEX i ON t (b)");
    stops(f,
          "ALTER TABLE t ADD c int;\nCREATE INDEX CONCURRENTLY i ON t (a);\n",
          "DROP INDEX CONCURRENTLY i;\nALTER TABLE t DROP c;\n");
    assert_false(up(f, &f->m.list[0])); /* nor is it taken for the one wanted */
    assert_non_null(strstr(f->e.why, "already exists"));
    gone(f);
    assert_sql(f, "SELECT pg_get_indexdef('public.i'::regclass)",
               "CREATE INDEX i ON public.t USING btree (b)");
    assert_sql(f,
               "SELECT count(*) FROM pg_attribute WHERE attrelid ="
               " 'public.t'::regclass AND attname = 'c'",
               "0");
}

static void what_if_not_exists_passed_over_stays(void **state)
{
    struct fixture *f = *state;

    sql(f, "CREATE TABLE t (a int, b int); CREATE INDEX i ON t (b)");
    stops(f,
          "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (b);\n"
          "CREATE INDEX CONCURRENTLY IF NOT EXISTS j ON t (a);\n"
          "ALTER TABLE t ADD a int;\n",
          "ALTER TABLE t DROP a;\nDROP INDEX CONCURRENTLY j;\n"
          "DROP INDEX CONCURRENTLY i;\n");
    gone(f);
    assert_sql(f, "SELECT to_regclass('public.i')", "i");
    assert_sql(f, "SELECT to_regclass('public.j')", "");
}

/* One statement of two that make an index of one name. */
static void one_name_in_two_schemas(void **state)
{
    struct fixture *f = *state;

    sql(f, "CREATE SCHEMA x; CREATE SCHEMA y; CREATE TABLE x.t (a int);"
           "CREATE TABLE y.t (a int); CREATE INDEX i ON y.t (a)");
    stops(f, "CREATE INDEX i ON x.t (a);\nCREATE INDEX i ON y.t (a);\n",
          "DROP INDEX y.i;\nDROP INDEX x.i;\n");
    assert_false(back(f));
    assert_int_equal(f->e.code, ERR_PARTWAY);
    assert_complete(&f->e);
    assert_sql(f, "SELECT to_regclass('y.i')", "y.i");
}

/* A build whose end was not seen is looked for where it was made. */
static void where_a_set_has_put_it(void **state)
{
    static const char *const files[][2] = {
        {"sqitch.plan", "%syntax-version=1.0.0\n%project=shop\n"
                        "a 2024-01-05T12:00:00Z A Person <a@x.org> # why\n"},
        {"deploy/a.sql", "SET search_path = x;\n"
                         "CREATE INDEX CONCURRENTLY i ON t (a);\n"
                         "ALTER TABLE t ADD a int;\n"},
        {"revert/a.sql", "SET search_path = x;\nALTER TABLE t DROP a;\n"
                         "DROP INDEX CONCURRENTLY i;\n"}};
    struct fixture *f = *state;

    sql(f, "CREATE SCHEMA x; CREATE TABLE x.t (a int)");
    read_files(f, files, 3);
    assert_false(up(f, &f->m.list[0]));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    sql(f, "DELETE FROM tidegate.journal WHERE statement = 3;"
           "UPDATE tidegate.journal SET state = 'begun' WHERE statement = 2");
    gone(f);
    assert_sql(f, "SELECT to_regclass('x.i')", "");
}

static void what_may_have_been_there_is_not_dropped(void **state)
{
    static const char *const rows[][3] = {
        {"CREATE TABLE IF NOT EXISTS kept (a int)", "DROP TABLE kept",
         "SELECT count(*) FROM public.kept"},
        {"ALTER TABLE t ADD COLUMN IF NOT EXISTS a int",
         "ALTER TABLE t DROP COLUMN a", "SELECT count(a) FROM public.t"},
        {"CREATE SCHEMA IF NOT EXISTS s", "DROP SCHEMA s CASCADE",
         "SELECT count(*) FROM s.kept"},
        {"CREATE INDEX IF NOT EXISTS i ON t (a)", "DROP INDEX i",
         "SELECT count(*) FROM pg_class WHERE relname = 'i'"},
    };
    struct fixture *f = *state;

    sql(f, "CREATE TABLE t AS SELECT 1 AS a; CREATE TABLE kept AS SELECT 1;"
           "CREATE SCHEMA s; CREATE TABLE s.kept AS SELECT 1;"
           "CREATE INDEX i ON t (a)");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        stops(
            f,
            arena_printf(&f->a, "%s;\nALTER TABLE t ADD a int;\n", rows[i][0]),
            arena_printf(&f->a, "%s;\n", rows[i][1]));
        assert_false(back(f));
        assert_int_equal(f->e.code, ERR_PARTWAY);
        assert_complete(&f->e);
        assert_sql(f, rows[i][2], "1");
        sql(f, "TRUNCATE tidegate.journal, tidegate.alone");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        APPLYING(an_index_of_before_is_not_ours),
        APPLYING(what_if_not_exists_passed_over_stays),
        APPLYING(one_name_in_two_schemas),
        APPLYING(where_a_set_has_put_it),
        APPLYING(what_may_have_been_there_is_not_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
