/* Applying migrations to a real server: what is there afterwards, and who may
 * write it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "runner/base/buf.h"
#include "tests/integration/migrations/applying.h"

/* ---- the plain way ---- */

static void an_up_is_applied_with_its_row(void **state)
{
    struct fixture *f = *state;
    const char *const files[][2] = {
        {"0007_total.up.sql", "-- tidegate: phase=after\n"
                              "-- tidegate: compatible nobody reads it\n"
                              "CREATE TABLE orders (id int);\n"
                              "INSERT INTO orders VALUES (1), (2);\n"},
        {"0007_total.down.sql", "DROP TABLE orders;\n"}};

    read_files(f, files, 2);
    assert_true(up(f, &f->m.list[0]));
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_false(f->r.already);
    assert_int_equal(f->r.retries, 0);
    assert_int_equal(f->r.statements, 2);
    assert_true(f->r.statement_ms[0] >= 0 && f->r.statement_ms[1] >= 0);
    assert_sql(f, "SELECT count(*) FROM public.orders", "2");
    assert_sql(f,
               "SELECT format('%s %s %s %s %s %s', name, number, phase,"
               " release, run, compatible) FROM tidegate.migration",
               "0007_total 7 after v1 r1 nobody reads it");
    assert_string_equal(value(f, "SELECT checksum FROM tidegate.migration"),
                        f->m.list[0].checksum);
    assert_string_equal(value(f, "SELECT down FROM tidegate.migration"),
                        "DROP TABLE orders;\n");
    /* a second time nothing is done */
    assert_true(up(f, &f->m.list[0]));
    assert_true(f->r.already);
    assert_sql(f, "SELECT count(*) FROM public.orders", "2");
}

/* More than a socket takes at once, in a transaction and journaled. */
static void data_of_a_copy_are_fed(void **state)
{
    struct fixture *f = *state;
    struct buf b;

    buf_init(&b);
    buf_str(&b, "CREATE TABLE t (a int, b text);\n"
                "COPY public.t (a, b) FROM stdin;\n");
    for (int i = 0; i < 40000; i++)
        buf_printf(&b, "%d\tit's; \\N %d\n", i, i);
    buf_str(&b, "\\.\nCREATE INDEX i ON t (a);\n");
    assert_true(up(f, one(f, b.data)));
    assert_sql(f, "SELECT count(*) || ' ' || sum(a) FROM public.t",
               "40000 799980000");
    buf_release(&b);
    assert_true(up(f, one(f, "-- tidegate: transaction=none\n"
                             "COPY public.t FROM stdin;\n7\tx\n\\.\n")) ==
                false); /* another text of the same name */
    assert_int_equal(f->e.code, ERR_REFUSED);
}

static void data_that_do_not_fit_leave_nothing(void **state)
{
    struct fixture *f = *state;

    assert_false(up(f, one(f, "CREATE TABLE t (a int);\n"
                              "COPY t FROM stdin;\n1\nx\n\\.\n")));
    assert_non_null(strstr(f->e.what, "0001_a.up.sql:2: COPY failed"));
    assert_sql(f, "SELECT to_regclass('public.t') IS NULL", "t");
    assert_true(up(f, one(f, "-- tidegate: transaction=none\n"
                             "CREATE TABLE t (a int);\n"
                             "COPY public.t FROM stdin;\n1\n2\n\\.\n")));
    assert_sql(f, "SELECT sum(a) FROM public.t", "3");
}

static void a_procedure_may_commit_by_itself(void **state)
{
    struct fixture *f = *state;

    assert_true(up(
        f, one(f, "-- tidegate: transaction=none\n"
                  "CREATE TABLE public.t (a int);\n"
                  "CREATE PROCEDURE public.p() LANGUAGE plpgsql AS $$ BEGIN\n"
                  "INSERT INTO public.t VALUES (1); COMMIT; END $$;\n"
                  "CALL public.p();\n"
                  "DO $$ BEGIN INSERT INTO public.t VALUES (2); COMMIT; END "
                  "$$;\n"
                  "DO $$ BEGIN INSERT INTO public.t VALUES (4); END $$;\n")));
    assert_sql(f, "SELECT sum(a) FROM public.t", "7");
}

/* Whatever its text looks like: the locks are looked at. */
static void schema_tidegate_is_left_alone(void **state)
{
    static const char *const touching[] = {
        "DO $$ BEGIN EXECUTE 'DELETE FROM tide' || 'gate.migration'; END $$",
        "DO $$ BEGIN EXECUTE 'CREATE TABLE tide' || 'gate.x (y int)'; END $$",
        ("DO $$ BEGIN EXECUTE 'SET search_path TO tide' || 'gate';"
         " PERFORM count(*) FROM journal; END $$"),
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof touching / sizeof *touching; i++) {
        if (up(f, one(f, touching[i])) || f->e.code != ERR_INPUT)
            fail_msg("%s", touching[i]);
        assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    }
    /* what only sounds like it */
    assert_true(up(f, one(f, "CREATE TABLE tidegate (id int);"
                             "CREATE TABLE \"tidegate.x\" (id int);"
                             "CREATE SCHEMA \"tidegate.y\";"
                             "CREATE TABLE \"tidegate.y\".z (id int)")));
}

static void a_down_runs_the_recorded_text(void **state)
{
    struct fixture *f = *state;
    const char *const files[][2] = {
        {"0001_a.up.sql", "CREATE TABLE a (id int)"},
        {"0001_a.down.sql", "DROP TABLE a"}};
    struct applied applied;
    struct apply *ap;

    read_files(f, files, 2);
    assert_true(up(f, &f->m.list[0]));
    assert_true(applied_read(f->pg, &f->a, &applied, &f->e));
    assert_int_equal(applied.n, 1);
    assert_int_equal(applied.epoch, 1);
    assert_string_equal(applied.ledger, "ledger-1");
    ap = opened(f);
    assert_true(apply_down(ap, &applied.rows[0], NULL, &f->r, &f->e));
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_sql(f, "SELECT to_regclass('public.a')", "");
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "0");
    assert_true(apply_down(ap, &applied.rows[0], NULL, &f->r, &f->e));
    assert_true(f->r.already);
    /* and up again */
    assert_true(apply_up(ap, &f->m.list[0], NULL, &f->r, &f->e));
    assert_false(f->r.already);
    assert_sql(f, "SELECT to_regclass('public.a')", "a");
    apply_close(ap);
}

static void a_down_that_does_not_exist_is_refused(void **state)
{
    struct fixture *f = *state;
    struct applied applied;
    struct apply *ap;

    assert_true(up(f, one(f, "-- tidegate: forward-only the data is gone\n"
                             "CREATE TABLE a (id int)")));
    ap = opened(f);
    assert_true(applied_read(apply_connection(ap), &f->a, &applied, &f->e));
    assert_false(apply_down(ap, &applied.rows[0], NULL, &f->r, &f->e));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_non_null(strstr(f->e.why, "the data is gone"));
    assert_complete(&f->e);
    apply_close(ap);
}

static void a_failure_leaves_nothing_and_says_where(void **state)
{
    struct fixture *f = *state;

    assert_false(up(f, one(f, "CREATE TABLE a (id int);\n"
                              "INSERT INTO a VALUES (1);\n\n"
                              "INSERT INTO a\n  SELECT nowhere FROM a;")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_int_equal(f->r.statement, 3);
    assert_int_equal(f->r.statements, 3);
    assert_true(f->r.statement_ms[1] >= 0 && f->r.statement_ms[2] == -1);
    assert_int_equal(f->e.code, ERR_FAILED);
    assert_non_null(strstr(f->e.what, "0001_a.up.sql:5: INSERT failed"));
    assert_non_null(strstr(f->e.why, "nowhere"));
    assert_complete(&f->e);
    assert_sql(f, "SELECT to_regclass('public.a')", "");
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "0");
}

static void a_deferred_constraint_fails_at_commit(void **state)
{
    struct fixture *f = *state;

    assert_false(
        up(f, one(f, "CREATE TABLE a (id int PRIMARY KEY,"
                     " p int REFERENCES a DEFERRABLE INITIALLY DEFERRED);"
                     " INSERT INTO a VALUES (1, 7)")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_sql(f, "SELECT to_regclass('public.a')", "");
    assert_complete(&f->e);
}

static void settings_do_not_leak_into_the_next(void **state)
{
    struct fixture *f = *state;
    const char *const files[][2] = {
        {"1_a.up.sql", "SET client_min_messages = error; SET timezone = 'Asia/"
                       "Tokyo'; CREATE TEMP TABLE seen (a int); PREPARE p AS "
                       "SELECT 1; SET LOCAL search_path = pg_catalog"},
        {"2_b.up.sql",
         "-- tidegate: lock_timeout=7s statement_timeout=9s\n"
         "CREATE TABLE b AS SELECT current_setting('client_min_messages') c,"
         " current_setting('timezone') z, to_regclass('seen') t,"
         " current_setting('search_path') p,"
         " current_setting('lock_timeout') l,"
         " current_setting('statement_timeout') s,"
         " current_setting('application_name') n,"
         " current_setting('client_connection_check_interval') i;"
         "PREPARE p AS SELECT 2"}};
    struct apply *ap;

    read_files(f, files, 2);
    ap = opened(f);
    assert_true(apply_up(ap, &f->m.list[0], NULL, &f->r, &f->e));
    if (!apply_up(ap, &f->m.list[1], NULL, &f->r, &f->e))
        err_print(&f->e, stderr);
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_sql(f,
               "SELECT format('%s|%s|%s|%s|%s|%s|%s', c, t, p, l, s, n, i)"
               " FROM public.b",
               "notice||\"$user\", public|7s|9s|tidegate:r1:=2_b|500ms");
    assert_true(strcmp(value(f, "SELECT z FROM public.b"), "Asia/Tokyo") != 0);
    apply_close(ap);
}

static void what_the_text_hides_is_found_before_commit(void **state)
{
    struct fixture *f = *state;
    static const char *const hidden[] = {
        "DO $$ BEGIN EXECUTE 'DELETE FROM tide' || 'gate.migration'; END $$",
        "DO $$ BEGIN EXECUTE 'TRUNCATE tide' || 'gate.journal'; END $$",
        "DO $$ BEGIN EXECUTE 'SELECT 1 FROM tide' || 'gate.fence'; END $$",
    };

    for (size_t i = 0; i < 3; i++) {
        assert_false(up(f, one(f, hidden[i])));
        assert_int_equal(f->e.code, ERR_INPUT);
        assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
        assert_complete(&f->e);
    }
    assert_sql(f, "SELECT count(*) FROM tidegate.fence", "1");
}

static void a_commit_inside_is_an_error(void **state)
{
    struct fixture *f = *state;

    assert_false(up(f, one(f, "CREATE TABLE a (id int);"
                              "DO $$ BEGIN COMMIT; END $$")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_sql(f, "SELECT to_regclass('public.a')", "");
}

/* ---- the applied set and the files ---- */

static void files_that_changed_are_named(void **state)
{
    struct fixture *f = *state;
    const char *const old[][2] = {{"1_a.up.sql", "SELECT 1"},
                                  {"3_c.up.sql", "SELECT 3"}};
    const char *const edited[][2] = {{"1_a.up.sql", "SELECT 2"}};
    const char *const renamed[][2] = {{"1_b.up.sql", "SELECT 1"}};
    const char *const between[][2] = {{"1_a.up.sql", "SELECT 1"},
                                      {"2_b.up.sql", "SELECT 2"},
                                      {"3_c.up.sql", "SELECT 3"}};
    const char *const crlf[][2] = {{"1_a.up.sql", "SELECT 1"},
                                   {"4_d.up.sql", "SELECT 4"}};
    struct applied applied;
    struct pending p;
    struct apply *ap;

    assert_true(applied_read(f->pg, &f->a, &applied, &f->e));
    assert_false(applied.schema);
    read_files(f, old, 2);
    assert_true(applied_pending(&applied, &f->m, &f->a, &p, &f->e));
    assert_int_equal(p.n, 2);
    ap = opened(f);
    assert_true(apply_up(ap, &f->m.list[0], NULL, &f->r, &f->e));
    assert_true(apply_up(ap, &f->m.list[1], NULL, &f->r, &f->e));
    assert_true(applied_read(f->pg, &f->a, &applied, &f->e));
    assert_true(applied_pending(&applied, &f->m, &f->a, &p, &f->e));
    assert_int_equal(p.n, 0);
    assert_int_equal(p.gone_n, 0);

    read_files(f, edited, 1);
    assert_false(applied_pending(&applied, &f->m, &f->a, &p, &f->e));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_non_null(strstr(f->e.why, f->m.list[0].checksum));
    assert_non_null(strstr(f->e.why, applied.rows[0].checksum));
    assert_false(apply_up(ap, &f->m.list[0], NULL, &f->r, &f->e));
    assert_int_equal(f->e.code, ERR_REFUSED);
    apply_close(ap);

    read_files(f, renamed, 1);
    assert_false(applied_pending(&applied, &f->m, &f->a, &p, &f->e));
    assert_non_null(strstr(f->e.what, "renamed"));
    read_files(f, between, 3);
    assert_false(applied_pending(&applied, &f->m, &f->a, &p, &f->e));
    assert_non_null(strstr(f->e.why, "3_c"));
    read_files(f, crlf, 2);
    assert_true(applied_pending(&applied, &f->m, &f->a, &p, &f->e));
    assert_int_equal(p.n, 1);
    assert_string_equal(p.list[0]->name, "4_d");
    assert_int_equal(p.gone_n, 1);
    assert_string_equal(p.gone[0], "3_c");
}

/* ---- who may write ---- */

static void a_second_runner_is_told_who_holds_it(void **state)
{
    struct fixture *f = *state;
    struct apply *first = opened(f);

    f->s.run = "r2";
    assert_null(apply_open(f->loop, &f->a, &f->s, NULL, &f->e));
    assert_int_equal(f->e.code, ERR_HELD);
    assert_non_null(strstr(f->e.why, "tidegate:r1:lock"));
    assert_complete(&f->e);
    apply_close(first);
    apply_close(opened(f));
}

static void an_older_or_foreign_run_is_refused(void **state)
{
    struct fixture *f = *state;

    f->s.epoch = 8;
    apply_close(opened(f));
    f->s.epoch = 7;
    assert_null(apply_open(f->loop, &f->a, &f->s, NULL, &f->e));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_non_null(strstr(f->e.why, "superseded by epoch 8, run r1"));
    f->s.epoch = 9;
    f->s.ledger = "another";
    assert_null(apply_open(f->loop, &f->a, &f->s, NULL, &f->e));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_non_null(strstr(f->e.why, "ledger-1"));
    assert_complete(&f->e);
}

static void who_was_overtaken_cannot_commit(void **state)
{
    struct fixture *f = *state;
    struct apply *ap = opened(f);
    const struct migration *m = one(f, "CREATE TABLE a (id int)");
    const struct migration *n;

    sql(f, "UPDATE tidegate.fence SET epoch = 2, run = 'r2'");
    assert_false(apply_up(ap, m, NULL, &f->r, &f->e));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_sql(f, "SELECT to_regclass('public.a')", "");
    n = one(f, "-- tidegate: transaction=none\nCREATE TABLE a (id int)");
    assert_false(apply_up(ap, n, NULL, &f->r, &f->e));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_sql(f, "SELECT to_regclass('public.a')", "");
    apply_close(ap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        APPLYING(an_up_is_applied_with_its_row),
        APPLYING(data_of_a_copy_are_fed),
        APPLYING(data_that_do_not_fit_leave_nothing),
        APPLYING(a_procedure_may_commit_by_itself),
        APPLYING(schema_tidegate_is_left_alone),
        APPLYING(a_down_runs_the_recorded_text),
        APPLYING(a_down_that_does_not_exist_is_refused),
        APPLYING(a_failure_leaves_nothing_and_says_where),
        APPLYING(a_deferred_constraint_fails_at_commit),
        APPLYING(settings_do_not_leak_into_the_next),
        APPLYING(what_the_text_hides_is_found_before_commit),
        APPLYING(a_commit_inside_is_an_error),
        APPLYING(files_that_changed_are_named),
        APPLYING(a_second_runner_is_told_who_holds_it),
        APPLYING(an_older_or_foreign_run_is_refused),
        APPLYING(who_was_overtaken_cannot_commit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
