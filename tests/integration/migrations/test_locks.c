/* What a script that nobody rehearsed will lock, read from its text: and where
 * no text tells, that it is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/lint/lint_locks.h"
#include "tests/integration/migrations/applying.h"

#define NONE "-- tidegate: transaction=none\n"

/* list: "relation lock statement, ..." */
static const struct {
    const char *up, *list, *unread;
} rows[] = {
    {"ALTER TABLE t ADD a int", "public.t ACCESS EXCLUSIVE 1", NULL},
    {"INSERT INTO t VALUES (1); CREATE INDEX ON u (n);\n"
     "ALTER TABLE t ADD a int",
     "public.t ACCESS EXCLUSIVE 3, public.u SHARE 2", NULL},
    {"CREATE TABLE made (n int); ALTER TABLE made ADD a int", "", NULL},
    {"SELECT count(*) FROM t", "", NULL},
    /* code runs: it may lock anything */
    {"DO $$ BEGIN END $$", "", "0001_a.up.sql:1: DO"},
    {"ALTER TABLE t ADD a int;\nDO $$ BEGIN LOCK u; END $$;\n"
     "CREATE INDEX ON u (n)",
     "public.t ACCESS EXCLUSIVE 1, public.u SHARE 3", "0001_a.up.sql:2: DO"},
    {NONE "DO $$ BEGIN COMMIT; END $$", "", "0001_a.up.sql:2: DO"},
    {NONE "CALL p()", "", "0001_a.up.sql:2: CALL"},
    {"SELECT f()", "", "0001_a.up.sql:1: SELECT"},
    {"SELECT g()", "", NULL}, /* it is stable */
    {"WITH x AS (SELECT f()) SELECT * FROM x", "", "0001_a.up.sql:1: SELECT"},
    {"INSERT INTO t SELECT f()", "public.t ROW EXCLUSIVE 1",
     "0001_a.up.sql:1: INSERT"},
    {"INSERT INTO t SELECT g()", "public.t ROW EXCLUSIVE 1", NULL},
    {"UPDATE t SET n = f() WHERE n = 1", "public.t ROW EXCLUSIVE 1",
     "0001_a.up.sql:1: UPDATE"},
    {"DELETE FROM t WHERE n = f()", "public.t ROW EXCLUSIVE 1",
     "0001_a.up.sql:1: DELETE"},
    {"CREATE TABLE made AS SELECT f()", "", "0001_a.up.sql:1: CREATE TABLE AS"},
    {"ALTER TABLE t ADD id uuid DEFAULT gen_random_uuid()",
     "public.t ACCESS EXCLUSIVE 1", NULL},
    {"ALTER TABLE t ALTER n TYPE text USING f()", "public.t ACCESS EXCLUSIVE 1",
     "0001_a.up.sql:1: ALTER TABLE"},
    /* a grammar that is newer than ours */
    {"ALTER TABLE t ALTER n SET EXPRESSION AS (1)", "",
     "0001_a.up.sql:1: ALTER TABLE"},
    {"CREATE INDEX ON u (n);\nMERGE INTO t USING u ON t.n = u.n WHEN MATCHED "
     "THEN DELETE RETURNING *",
     "public.u SHARE 1", "0001_a.up.sql:2: MERGE INTO"},
};

static const char *text_of(struct arena *a, const struct lint_locks *locks)
{
    const char *all = "";

    for (size_t i = 0; i < locks->n; i++)
        all = arena_printf(
            a, "%s%s%s %s %d", all, *all ? ", " : "", locks->list[i].relation,
            lock_mode_name(locks->list[i].lock), locks->list[i].statement);
    return all;
}

static void each_is_read_or_said_to_be_unread(void **state)
{
    struct fixture *f = *state;
    struct catalog *catalog;
    int wrong = 0;

    sql(f, "CREATE TABLE t (n int); CREATE TABLE u (n int);"
           "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';"
           "CREATE FUNCTION g() RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';"
           "CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'");
    catalog = catalog_open(&f->a, f->pg, &f->e);
    assert_non_null(catalog);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct migration *m = one(f, rows[i].up);
        const char *want = rows[i].unread ? rows[i].unread : "", *got;
        struct lint_locks locks;

        lint_locks_read(&locks, &f->a, &m->up, catalog);
        got = locks.unread ? locks.unread : "";
        if (strcmp(got, want) == 0 &&
            strcmp(text_of(&f->a, &locks), rows[i].list) == 0)
            continue;
        print_error("%s\n  locks %s\n  unread %s\n", rows[i].up,
                    text_of(&f->a, &locks), got);
        wrong++;
    }
    assert_int_equal(wrong, 0);
    assert_false(catalog_failed(catalog, &f->e));
}

/* With nobody to ask, no name is known. */
static void without_a_database_nothing_is_read(void **state)
{
    struct fixture *f = *state;
    struct lint_locks locks;

    lint_locks_read(&locks, &f->a, &one(f, "ALTER TABLE t ADD a int")->up,
                    NULL);
    assert_string_equal(locks.unread, "0001_a.up.sql:1: ALTER TABLE");
    assert_int_equal(locks.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        APPLYING(each_is_read_or_said_to_be_unread),
        APPLYING(without_a_database_nothing_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
