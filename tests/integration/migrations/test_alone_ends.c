/* Statements that run alone and must wait, or end early: what is left of them.
 */
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

/* An old transaction that has locked nothing of ours. */
static struct pg *old_snapshot(struct fixture *f)
{
    struct pg *old = pg_open(f->loop, f->conninfo, "old", 0, &f->e);

    run_on(f, old, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    return old;
}

static void a_build_names_whom_it_waits_for(void **state)
{
    struct fixture *f = *state;
    struct pg *old = old_snapshot(f);
    struct heard h;
    struct later l;

    sql(f, "CREATE TABLE a (id int)");
    hear(f, &h,
         arena_printf(&f->a,
                      "waiting for old snapshots; waits for pid %d, user "
                      "postgres, old, in its transaction for",
                      pg_backend_pid(old)),
         2);
    later_flag(f, &l, &h.enough,
               arena_printf(&f->a, "SELECT pg_terminate_backend(%d)",
                            pg_backend_pid(old)));
    assert_true(up(f, one(f, "CREATE INDEX CONCURRENTLY i ON a (id)")));
    later_end(&l);
    assert_true(h.news >= 1);
    pg_close(old);
}

/* Waiting for others is none of its own work, and no overrun. */
static void a_build_may_wait_beyond_its_estimate(void **state)
{
    struct fixture *f = *state;
    static const struct apply_span each[] = {{1, 2, 3}};
    struct pg *old = old_snapshot(f);
    struct heard h;
    struct later l;

    f->x = (struct apply_expected){
        .all = each[0], .each = each, .n = 1, .back_high = -1};
    f->s.overrun_least_ms = 1200;
    sql(f, "CREATE TABLE a (id int)");
    hear(f, &h, "waiting for old snapshots", 6);
    later_flag(f, &l, &h.enough,
               arena_printf(&f->a, "SELECT pg_terminate_backend(%d)",
                            pg_backend_pid(old)));
    if (!up(f, one(f, "CREATE INDEX CONCURRENTLY i ON a (id)")))
        err_print(&f->e, stderr);
    later_end(&l);
    assert_true(h.news <= 2); /* for how long already is none */
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_true(f->r.statement_ms[0] > 1200);
    pg_close(old);
}

static void a_build_has_a_deadline(void **state)
{
    struct fixture *f = *state;
    struct pg *old = old_snapshot(f);

    f->s.alone_ms = 700;
    sql(f, "CREATE TABLE a (id int)");
    assert_false(up(f, one(f, "CREATE INDEX CONCURRENTLY i ON a (id)")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_int_equal(f->e.code, ERR_FAILED);
    assert_non_null(strstr(f->e.what, "cancelled at its deadline"));
    assert_non_null(strstr(f->e.why, "user postgres, old"));
    assert_complete(&f->e);
    assert_sql(f, "SELECT to_regclass('public.i')", "");
    assert_sql(f, "SELECT count(*) FROM tidegate.journal", "0");
    pg_close(old);
}

/* What runs alone is cancelled over its estimate, too, and cleaned up; what
 * was done before it stays, and is said. */
static void what_runs_alone_far_over_its_estimate_is_cancelled(void **state)
{
    struct fixture *f = *state;
    static const struct apply_span each[] = {{1, 2, 3}, {10, 20, 50}};

    f->x = (struct apply_expected){
        .all = {11, 22, 53}, .each = each, .n = 2, .back_high = -1};
    f->s.overrun_least_ms = 300;
    sql(f, "CREATE TABLE a AS SELECT generate_series(1, 100) AS id");
    sql(f, "CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS"
           " $$ BEGIN PERFORM pg_catalog.pg_sleep(0.1); RETURN $1; END $$");
    assert_false(up(f, one(f, "-- tidegate: transaction=none\n"
                              "INSERT INTO a VALUES (101);\n"
                              "CREATE INDEX CONCURRENTLY i ON a (slow(id))")));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_int_equal(f->r.statement, 2);
    assert_non_null(strstr(f->e.what, "far over its estimate"));
    assert_non_null(strstr(f->e.why, "up to 50 ms"));
    assert_non_null(strstr(f->e.why, "1 of its 2 statements is there"));
    assert_sql(f, "SELECT to_regclass('public.i')", "");
    assert_sql(f, "SELECT count(*) FROM public.a", "101");
}

/* By somebody else, on the server. */
static void a_build_that_somebody_cancels_leaves_no_index(void **state)
{
    struct fixture *f = *state;
    struct pg *old = old_snapshot(f);
    struct later l;

    sql(f, "CREATE TABLE a (id int)");
    later(f, &l,
          "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN"
          " pg_catalog.pg_stat_activity a ON a.wait_event = 'virtualxid'"
          " WHERE c.relname = 'i')",
          "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE"
          " application_name = 'tidegate:r1:=0001_a'");
    assert_false(up(f, one(f, "CREATE INDEX CONCURRENTLY i ON a (id)")));
    later_end(&l);
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_non_null(strstr(f->e.why, "canceling statement"));
    assert_complete(&f->e);
    assert_sql(f, "SELECT to_regclass('public.i')", "");
    pg_close(old);
    /* and the next one builds it */
    assert_true(up(f, one(f, "CREATE INDEX CONCURRENTLY i ON a (id)")));
    assert_sql(f,
               "SELECT indisvalid FROM pg_index WHERE indexrelid ="
               " 'public.i'::regclass",
               "t");
}

/* REINDEX leaves NAME_ccnew, of every index that it was about. */
static void a_reindex_that_ends_early_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct pg *old = old_snapshot(f);
    const char *const files[] = {"REINDEX TABLE CONCURRENTLY a",
                                 "REINDEX TABLE CONCURRENTLY parts",
                                 "REINDEX SCHEMA CONCURRENTLY public"};

    f->s.alone_ms = 700;
    sql(f, "CREATE TABLE a (id int PRIMARY KEY, n int)");
    sql(f, "CREATE INDEX i ON a (n)");
    sql(f, "CREATE TABLE parts (id int) PARTITION BY LIST (id)");
    sql(f, "CREATE INDEX parts_i ON parts (id)");
    sql(f, "CREATE TABLE parts_one PARTITION OF parts FOR VALUES IN (1)");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_false(up(f, one(f, files[i])));
        assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
        assert_non_null(strstr(f->e.what, "at its deadline"));
        assert_sql(f, "SELECT count(*) FROM pg_index WHERE NOT indisvalid",
                   "0");
    }
    pg_close(old);
}

/* Its first half commits; then it waits for old transactions. */
static void a_detach_that_ends_early_is_finished(void **state)
{
    struct fixture *f = *state;
    const struct migration *m;
    struct pg *old;

    sql(f, "CREATE TABLE p (id int) PARTITION BY RANGE (id);"
           "CREATE TABLE c PARTITION OF p FOR VALUES FROM (0) TO (10)");
    m = one(f, "ALTER TABLE public.p DETACH PARTITION public.c CONCURRENTLY");
    old = pg_open(f->loop, f->conninfo, "old", 0, &f->e);
    run_on(f, old, "BEGIN; SELECT count(*) FROM public.p");
    f->s.alone_ms = 700;
    assert_false(up(f, m));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_int_equal(f->r.retries, 0);
    assert_non_null(strstr(f->e.what, "cancelled at its deadline"));
    assert_non_null(strstr(f->e.why, "half detached"));
    assert_non_null(strstr(f->e.fix, "FINALIZE"));
    assert_complete(&f->e);
    assert_sql(f, "SELECT inhdetachpending FROM pg_inherits", "t");
    assert_sql(f, "SELECT state FROM tidegate.journal", "failed");
    /* that it goes on waits, too, and leaves it as it is */
    run_on(f, old, "COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    assert_false(up(f, m));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_sql(f, "SELECT state FROM tidegate.journal", "failed");
    run_on(f, old, "COMMIT");
    if (!up(f, m))
        err_print(&f->e, stderr);
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_sql(f, "SELECT count(*) FROM pg_inherits", "0");
    assert_sql(f, "SELECT count(*) FROM tidegate.journal", "0");
    pg_close(old);
}

static void a_detach_outwaits_the_lock_timeout(void **state)
{
    struct fixture *f = *state;
    struct pg *old = pg_open(f->loop, f->conninfo, "old", 0, &f->e);
    struct later l;

    sql(f, "CREATE TABLE p (id int) PARTITION BY RANGE (id);"
           "CREATE TABLE c PARTITION OF p FOR VALUES FROM (0) TO (10)");
    run_on(f, old, "BEGIN; SELECT count(*) FROM public.p");
    later(f, &l,
          "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE"
          " 'ALTER TABLE%' AND wait_event_type = 'Lock' AND"
          " clock_timestamp() - query_start > '500ms')",
          arena_printf(&f->a, "SELECT pg_terminate_backend(%d)",
                       pg_backend_pid(old)));
    if (!up(f, one(f, "ALTER TABLE public.p DETACH PARTITION public.c"
                      " CONCURRENTLY")))
        err_print(&f->e, stderr);
    later_end(&l);
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_sql(f, "SELECT count(*) FROM pg_inherits", "0");
    pg_close(old);
}

static void assert_partly_committed(struct fixture *f)
{
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_int_equal(f->r.retries, 0);
    assert_non_null(strstr(f->e.why, "a part of its work may be there"));
    assert_non_null(strstr(f->e.fix, "statement 1 in tidegate.journal"));
    assert_sql(f, "SELECT count(*) FROM public.paid", "1");
    assert_sql(f, "SELECT state FROM tidegate.journal", "failed");
}

static void what_commits_by_itself_is_not_run_twice(void **state)
{
    struct fixture *f = *state;
    const char *const ends[] = {
        "RAISE EXCEPTION 'locked' USING ERRCODE = '55P03'",
        "RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'", "PERFORM 1 / 0"};
    const struct migration *m;

    sql(f, "CREATE TABLE paid (id int)");
    m = one(f, "-- tidegate: transaction=none\nCALL public.p()");
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        sql(f, arena_printf(&f->a,
                            "CREATE OR REPLACE PROCEDURE p() LANGUAGE plpgsql"
                            " AS $$ BEGIN INSERT INTO public.paid VALUES (1);"
                            " COMMIT; %s; END $$",
                            ends[i]));
        assert_false(up(f, m));
        assert_partly_committed(f);
        /* nor by the next run, until somebody has looked */
        assert_false(up(f, m));
        assert_int_equal(f->r.outcome, APPLY_UNKNOWN);
        assert_non_null(strstr(f->e.fix, "to 'done'"));
        assert_sql(f, "SELECT count(*) FROM public.paid", "1");
        sql(f, "TRUNCATE paid; DELETE FROM tidegate.journal");
    }
    assert_false(up(f, one(f, "-- tidegate: transaction=none\n"
                              "DO $$ BEGIN INSERT INTO public.paid VALUES (1);"
                              " COMMIT; PERFORM 1 / 0; END $$")));
    assert_partly_committed(f);
}

static void a_signal_ends_what_commits_by_itself(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        one(f, "-- tidegate: transaction=none\n"
               "DO $$ BEGIN INSERT INTO public.paid VALUES (1); COMMIT;"
               " PERFORM pg_catalog.pg_sleep(600); END $$");
    struct later l;

    sql(f, "CREATE TABLE paid (id int)");
    later(f, &l, "SELECT EXISTS (SELECT FROM public.paid)", NULL);
    assert_false(up(f, m));
    later_end(&l);
    assert_int_equal(f->e.code, ERR_INTERRUPTED);
    assert_partly_committed(f);
    /* looked at, and done */
    sql(f, "UPDATE tidegate.journal SET state = 'done'");
    assert_true(up(f, m));
    assert_sql(f, "SELECT count(*) FROM public.paid", "1");
}

/* What it does before its first COMMIT is no more there than that of any other
 * transaction: that is known, and it may run again. */
static void what_fails_before_it_commits_is_not_there(void **state)
{
    struct fixture *f = *state;
    const struct migration *m = one(f, "-- tidegate: transaction=none\n"
                                       "INSERT INTO public.paid VALUES (0);\n"
                                       "CALL public.p()");

    sql(f,
        "CREATE TABLE paid (id int);"
        "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO public.paid VALUES (1); PERFORM 1 / 0; COMMIT; END $$");
    assert_false(up(f, m));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_int_equal(f->r.statement, 2);
    assert_null(strstr(f->e.why, "a part of its work"));
    assert_sql(f, "SELECT string_agg(state, ' ') FROM tidegate.journal",
               "done");
    sql(f, "CREATE OR REPLACE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN"
           " INSERT INTO public.paid VALUES (1); COMMIT; END $$");
    if (!up(f, m))
        err_print(&f->e, stderr);
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_sql(f, "SELECT string_agg(id::text, ' ' ORDER BY id) FROM paid",
               "0 1");
}

static void what_is_cancelled_before_it_commits_is_not_there(void **state)
{
    struct fixture *f = *state;

    sql(f, "CREATE TABLE paid (id int)");
    f->s.alone_ms = 300;
    assert_false(up(f, one(f, "-- tidegate: transaction=none\n"
                              "DO $$ BEGIN INSERT INTO public.paid VALUES (2);"
                              " PERFORM pg_catalog.pg_sleep(600); COMMIT;"
                              " END $$")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_non_null(strstr(f->e.why, "nothing of it is there"));
    assert_sql(f, "SELECT count(*) FROM tidegate.journal", "0");
    assert_sql(f, "SELECT count(*) FROM paid", "0");
}

/* It cannot be tried again once it has committed: it waits. */
static void what_commits_by_itself_outwaits_the_lock_timeout(void **state)
{
    struct fixture *f = *state;
    struct pg *old = pg_open(f->loop, f->conninfo, "old", 0, &f->e);
    struct later l;

    sql(f, "CREATE TABLE paid (id int);"
           "CREATE TABLE busy (id int);"
           "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN"
           " INSERT INTO public.paid VALUES (1); COMMIT;"
           " INSERT INTO public.busy VALUES (1); COMMIT; END $$");
    run_on(f, old, "BEGIN; LOCK TABLE public.busy");
    later(f, &l,
          "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE"
          " 'CALL%' AND wait_event_type = 'Lock' AND"
          " clock_timestamp() - query_start > '500ms')",
          arena_printf(&f->a, "SELECT pg_terminate_backend(%d)",
                       pg_backend_pid(old)));
    if (!up(f, one(f, "-- tidegate: transaction=none\nCALL public.p()")))
        err_print(&f->e, stderr);
    later_end(&l);
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_int_equal(f->r.retries, 0);
    assert_sql(f, "SELECT count(*) FROM paid, busy", "1");
    pg_close(old);
}

/* Others queue behind its lock: it gives way, and tries again. */
static void what_has_not_committed_gives_way(void **state)
{
    struct fixture *f = *state;
    struct pg *old = pg_open(f->loop, f->conninfo, "old", 0, &f->e);
    struct later queued, over;
    struct heard h;

    sql(f, "CREATE TABLE paid (id int);"
           "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN"
           " INSERT INTO public.paid VALUES (1);"
           " ALTER TABLE public.paid ADD b int; COMMIT; END $$");
    run_on(f, old, "BEGIN; SELECT * FROM public.paid");
    f->s.blocked_ms = 400;
    hear(f, &h, "waits for its lock, try 2", 1);
    later(f, &queued,
          "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE"
          " 'CALL%' AND wait_event_type = 'Lock')",
          "SELECT * FROM public.paid");
    later_flag(f, &over, &h.enough,
               arena_printf(&f->a, "SELECT pg_terminate_backend(%d)",
                            pg_backend_pid(old)));
    if (!up(f, one(f, "-- tidegate: transaction=none\nCALL public.p()")))
        err_print(&f->e, stderr);
    later_end(&queued);
    later_end(&over);
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_true(f->r.retries >= 1);
    assert_sql(f, "SELECT count(*) FROM paid", "1");
    pg_close(old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        APPLYING(a_build_names_whom_it_waits_for),
        APPLYING(a_build_may_wait_beyond_its_estimate),
        APPLYING(a_build_has_a_deadline),
        APPLYING(what_runs_alone_far_over_its_estimate_is_cancelled),
        APPLYING(a_build_that_somebody_cancels_leaves_no_index),
        APPLYING(a_reindex_that_ends_early_leaves_nothing),
        APPLYING(a_detach_that_ends_early_is_finished),
        APPLYING(a_detach_outwaits_the_lock_timeout),
        APPLYING(what_commits_by_itself_is_not_run_twice),
        APPLYING(a_signal_ends_what_commits_by_itself),
        APPLYING(what_fails_before_it_commits_is_not_there),
        APPLYING(what_is_cancelled_before_it_commits_is_not_there),
        APPLYING(what_commits_by_itself_outwaits_the_lock_timeout),
        APPLYING(what_has_not_committed_gives_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
