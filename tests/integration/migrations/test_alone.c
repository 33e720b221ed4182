/* Applying what cannot be one transaction: statements that run alone, and
 * what they leave. */
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

#include "tests/integration/migrations/applying.h"

/* ---- statements that run alone ---- */

static void an_index_is_built_concurrently(void **state)
{
    struct fixture *f = *state;

    sql(f, "CREATE TABLE a (id int)");
    if (!up(f, one(f, "CREATE INDEX CONCURRENTLY i ON a (id)")))
        err_print(&f->e, stderr);
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_sql(f,
               "SELECT indisvalid FROM pg_index WHERE indexrelid ="
               " 'public.i'::regclass",
               "t");
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "1");
    assert_sql(f, "SELECT count(*) FROM tidegate.journal", "0");
}

/* The waiter polls: a build that waited for its snapshot would never end. */
static void an_index_is_built_while_another_runner_waits(void **state)
{
    struct fixture *f = *state;
    struct apply *ap = opened(f);
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        f->s.run = "r2";
        ap = apply_open(loop_open(), &f->a, &f->s, NULL, &f->e);
        _exit(!ap && f->e.code == ERR_HELD ? 0 : 1);
    }
    while (strcmp(value(f, "SELECT count(*) FROM pg_stat_activity WHERE"
                           " application_name = 'tidegate:r2:lock' AND"
                           " query LIKE '%pg_try_advisory_lock%'"),
                  "1") != 0)
        loop_turn(f->loop, clock_mono() + 5);
    sql(f, "CREATE TABLE a (id int)");
    assert_true(apply_up(ap, one(f, "CREATE INDEX CONCURRENTLY i ON a (id)"),
                         NULL, &f->r, &f->e));
    waitpid(pid, &status, 0);
    assert_int_equal(WEXITSTATUS(status), 0);
    apply_close(ap);
}

static void a_failed_build_leaves_no_index(void **state)
{
    struct fixture *f = *state;

    sql(f, "CREATE TABLE a AS SELECT 1 AS id FROM generate_series(1, 2)");
    assert_false(up(f, one(f, "CREATE UNIQUE INDEX CONCURRENTLY i ON a (id)")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_non_null(strstr(f->e.why, "could not create unique index"));
    assert_sql(f, "SELECT to_regclass('public.i')", "");
    assert_sql(f, "SELECT count(*) FROM tidegate.journal", "0");
}

static void if_not_exists_is_not_taken_for_success(void **state)
{
    struct fixture *f = *state;
    struct pg_result r;

    sql(f, "CREATE TABLE a AS SELECT 1 AS id FROM generate_series(1, 2)");
    assert_false(pg_run(f->pg, &f->a,
                        "CREATE UNIQUE INDEX CONCURRENTLY i ON a (id)", &r,
                        &f->e));
    assert_false(up(f, one(f, "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS"
                              " i ON a (id)")));
    assert_non_null(strstr(f->e.why, "public.i is INVALID"));
    assert_complete(&f->e);
    /* it was there before: it is not ours to drop */
    assert_sql(f, "SELECT to_regclass('public.i')", "i");
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "0");
}

static void a_part_that_is_done_is_not_done_again(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        one(f, "-- tidegate: transaction=none\nINSERT INTO a VALUES (1);\n"
               "CREATE UNIQUE INDEX CONCURRENTLY i ON a (id);\nVACUUM a");
    struct applied applied;

    sql(f, "CREATE TABLE a AS SELECT 1 AS id");
    assert_false(up(f, m));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_int_equal(f->r.statement, 2);
    assert_non_null(strstr(f->e.what, "0001_a.up.sql:3"));
    assert_sql(f, "SELECT to_regclass('public.i')", "");
    assert_true(applied_read(f->pg, &f->a, &applied, &f->e));
    assert_int_equal(applied.open_n, 1);
    assert_int_equal(applied.open[0].statements_done, 1);
    assert_int_equal(applied.open[0].statements, 3);
    /* mended by hand, then resumed */
    sql(f, "DELETE FROM a WHERE ctid = '(0,1)'");
    f->s.run = "r2";
    f->s.epoch = 2;
    if (!up(f, m))
        err_print(&f->e, stderr);
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_sql(f, "SELECT count(*) FROM public.a", "1");
    assert_sql(f, "SELECT count(*) FROM tidegate.journal", "0");
    assert_sql(f, "SELECT run FROM tidegate.migration", "r2");
}

/* The lock goes with the idle connection; what the statement did stays. */
static void a_lost_lock_does_not_lose_what_was_done(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        one(f, "-- tidegate: transaction=none\nINSERT INTO a VALUES (1);\n"
               "VACUUM a;\nSELECT pg_terminate_backend(pid) FROM"
               " pg_stat_activity WHERE application_name LIKE"
               " 'tidegate:%:lock'");

    sql(f, "CREATE TABLE a (id int)");
    up(f, m);
    if (f->r.outcome != APPLY_DONE) {
        f->s.run = "r2";
        f->s.epoch = 2;
        assert_true(up(f, m));
    }
    assert_sql(f, "SELECT count(*) FROM public.a", "1");
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "1");
}

static void a_begun_migration_keeps_its_text(void **state)
{
    struct fixture *f = *state;

    sql(f, "CREATE TABLE a AS SELECT 1 AS id");
    assert_false(up(f, one(f, "-- tidegate: transaction=none\n"
                              "INSERT INTO a VALUES (1);\nSELECT 1/0")));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_false(up(f, one(f, "-- tidegate: transaction=none\n"
                              "INSERT INTO a VALUES (2);\nSELECT 1/1")));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_non_null(strstr(f->e.what, "begun with another text"));
    assert_sql(f, "SELECT count(*) FROM public.a", "2");
}

/* Waiting for an old transaction, which the build must outlive. */
static void a_signal_ends_a_build_and_its_index(void **state)
{
    struct fixture *f = *state;
    struct pg *old = pg_open(f->loop, f->conninfo, "old", 0, &f->e);
    struct later l;

    sql(f, "CREATE TABLE a (id int)");
    run_on(f, old, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    later(f, &l,
          "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN"
          " pg_catalog.pg_stat_activity a ON a.wait_event = 'virtualxid'"
          " WHERE c.relname = 'i')",
          NULL);
    assert_false(up(f, one(f, "CREATE INDEX CONCURRENTLY i ON a (id)")));
    later_end(&l);
    assert_int_equal(f->e.code, ERR_INTERRUPTED);
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_sql(f, "SELECT to_regclass('public.i')", "");
    assert_sql(f, "SELECT count(*) FROM tidegate.journal", "0");
    pg_close(old);
}

/* What cannot be dropped at once stays ours to drop. */
static void an_index_that_could_not_be_dropped_is_rebuilt(void **state)
{
    struct fixture *f = *state;
    const struct migration *m = one(f, "CREATE INDEX CONCURRENTLY i ON a (id)");
    struct pg *old = pg_open(f->loop, f->conninfo, "old", 0, &f->e);
    struct later l;

    sql(f, "CREATE TABLE a (id int)");
    run_on(f, old, "BEGIN; LOCK TABLE public.a IN ROW EXCLUSIVE MODE");
    later(f, &l,
          "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN"
          " pg_catalog.pg_stat_activity a ON a.wait_event = 'virtualxid'"
          " WHERE c.relname = 'i')",
          NULL);
    assert_false(up(f, m));
    later_end(&l);
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_sql(f, "SELECT to_regclass('public.i')", "i");
    run_on(f, old, "COMMIT");
    pg_close(old);
    if (!up(f, m))
        err_print(&f->e, stderr);
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_sql(f,
               "SELECT indisvalid FROM pg_index WHERE indexrelid ="
               " 'public.i'::regclass",
               "t");
}

static void settings_last_through_a_journaled_file(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        one(f, "-- tidegate: transaction=none\n"
               "SET maintenance_work_mem = '77MB';\n"
               "CREATE TABLE b AS SELECT"
               " current_setting('maintenance_work_mem') m;\n"
               "SELECT 1 / n FROM c;\n"
               "CREATE TABLE d AS SELECT"
               " current_setting('maintenance_work_mem') m");

    sql(f, "CREATE TABLE c AS SELECT 0 AS n");
    assert_false(up(f, m));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_sql(f, "SELECT m FROM public.b", "77MB");
    sql(f, "UPDATE c SET n = 1");
    assert_true(up(f, m));
    assert_sql(f, "SELECT m FROM public.d", "77MB");
}

static void maintenance_runs_alone(void **state)
{
    struct fixture *f = *state;

    sql(f, "CREATE TABLE a (id int)");
    sql(f, "CREATE INDEX i ON a (id)");
    if (!up(f, one(f, "VACUUM (ANALYZE) a; REINDEX INDEX CONCURRENTLY i;"
                      "DROP INDEX CONCURRENTLY i")))
        err_print(&f->e, stderr);
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_sql(f, "SELECT to_regclass('public.i')", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        APPLYING(an_index_is_built_concurrently),
        APPLYING(an_index_is_built_while_another_runner_waits),
        APPLYING(a_failed_build_leaves_no_index),
        APPLYING(if_not_exists_is_not_taken_for_success),
        APPLYING(a_part_that_is_done_is_not_done_again),
        APPLYING(a_lost_lock_does_not_lose_what_was_done),
        APPLYING(a_begun_migration_keeps_its_text),
        APPLYING(a_signal_ends_a_build_and_its_index),
        APPLYING(an_index_that_could_not_be_dropped_is_rebuilt),
        APPLYING(settings_last_through_a_journaled_file),
        APPLYING(maintenance_runs_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
