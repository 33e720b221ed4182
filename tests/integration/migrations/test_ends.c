/* The end of a runner, of a connection and of a server in the middle of a
 * migration. */
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

/* ---- the end of a runner, and of a server ---- */

static const char *const history[][2] = {
    {"1_a.up.sql", "CREATE TABLE a (n int); INSERT INTO a VALUES (1)"},
    {"2_b.up.sql", "-- tidegate: transaction=none\n"
                   "INSERT INTO a VALUES (2);\n"
                   "CREATE INDEX CONCURRENTLY i ON a (n);\n"
                   "CREATE INDEX CONCURRENTLY i2 ON a (n, n);\n"
                   "INSERT INTO a VALUES (3);\nVACUUM a;\n"
                   "DROP INDEX CONCURRENTLY old_i;\n"
                   "ALTER TABLE p DETACH PARTITION p_one CONCURRENTLY"},
    {"3_c.up.sql", "INSERT INTO a VALUES (4); CREATE TABLE c (n int)"},
};

/* What history finds, and drops or detaches. */
static const char start[] =
    "CREATE TABLE old (n int); CREATE INDEX old_i ON old (n);"
    "CREATE TABLE p (n int) PARTITION BY LIST (n);"
    "CREATE TABLE p_one PARTITION OF p FOR VALUES IN (1)";

static int child_applies(struct fixture *f, const char *at)
{
    pid_t pid = child_start(f, at);
    int status;

    waitpid(pid, &status, 0);
    return status;
}

static void assert_history_once(struct fixture *f)
{
    assert_sql(f, "SELECT string_agg(n::text, ' ' ORDER BY n) FROM public.a",
               "1 2 3 4");
    assert_sql(f,
               "SELECT string_agg(name, ' ' ORDER BY number) FROM"
               " tidegate.migration",
               "1_a 2_b 3_c");
    assert_sql(f, "SELECT count(*) FROM tidegate.journal", "0");
    assert_sql(f,
               "SELECT count(*) || ' ' || bool_and(indisvalid) FROM pg_index"
               " WHERE indrelid = 'public.a'::regclass",
               "2 true");
    assert_sql(f, "SELECT to_regclass('public.old_i')", "");
    assert_sql(f, "SELECT count(*) FROM pg_inherits", "0");
}

static void a_killed_runner_is_resumed_at_every_point(void **state)
{
    struct fixture *f = *state;
    int points = 0, status;

    for (int n = 1;; n++) {
        struct apply *ap;

        read_files(f, history, 3);
        sql(f, start);
        f->s.run = arena_printf(&f->a, "k%d", n);
        f->s.epoch++;
        status = child_applies(f, arena_printf(&f->a, "*:%d", n));
        if (WIFEXITED(status))
            break;
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        points++;
        f->s.run = arena_printf(&f->a, "s%d", n);
        f->s.epoch++;
        ap = opened(f);
        for (size_t i = 0; i < f->m.n; i++) {
            assert_true(
                apply_observe(ap, f->m.list[i].name, false, &f->r, &f->e));
            assert_int_not_equal(f->r.outcome, APPLY_UNKNOWN);
            if (!apply_up(ap, &f->m.list[i], NULL, &f->r, &f->e)) {
                err_print(&f->e, stderr);
                fail_msg("after point %d: %s", n, f->m.list[i].name);
            }
        }
        apply_close(ap);
        assert_history_once(f);
        sql(f, "DROP TABLE a, c, old, p, p_one;"
               "DELETE FROM tidegate.migration");
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_history_once(f);
    print_message("%d points\n", points);
    assert_true(points >= 20);
}

static void a_kill_in_a_long_statement_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        one(f, "CREATE TABLE a (id int); SELECT pg_sleep(60)");
    struct apply *ap;
    pid_t pid = fork();

    if (pid == 0) {
        struct loop *loop = loop_open();
        ap = apply_open(loop, &f->a, &f->s, NULL, &f->e);
        apply_up(ap, m, NULL, &f->r, &f->e);
        _exit(0);
    }
    while (strcmp(value(f, "SELECT count(*) FROM pg_stat_activity WHERE"
                           " application_name = 'tidegate:r1:=0001_a' AND"
                           " query LIKE 'SELECT pg_sleep%'"),
                  "1") != 0)
        loop_turn(f->loop, clock_mono() + 5);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    f->s.epoch = 2;
    f->s.run = "r2";
    ap = opened(f); /* waits for the orphan */
    assert_sql(f,
               "SELECT count(*) FROM pg_stat_activity WHERE"
               " application_name LIKE 'tidegate:r1:%'",
               "0");
    assert_true(apply_observe(ap, "0001_a", false, &f->r, &f->e));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    apply_close(ap);
    assert_sql(f, "SELECT to_regclass('public.a')", "");
}

static void ends_orphan(struct fixture *f, const char *name)
{
    struct pg *orphan = pg_open(f->loop, f->conninfo, name, 0, &f->e);
    struct pg_result r;
    struct apply *ap;

    assert_true(pg_send_run(orphan, "SELECT pg_catalog.pg_sleep(60)", &f->e));
    f->s.terminate_orphan = true;
    ap = opened(f);
    while (pg_busy(orphan))
        loop_turn(f->loop, CLOCK_NEVER);
    assert_false(pg_take(orphan, &f->a, &r, &f->e));
    assert_true(pg_failed(orphan)->lost);
    pg_close(orphan);
    apply_close(ap);
}

/* Whatever tool its file was written for, and however long its name. */
static void an_orphan_is_ended_when_asked(void **state)
{
    ends_orphan(*state, "tidegate:r0:=0009_x");
    ends_orphan(*state, "tidegate:r0:=V1__x");
    ends_orphan(*state, "tidegate:r0:=R__x@0123456789");
    ends_orphan(*state, "tidegate:20261122T193300Z-0123:=add_the_column_that_"
                        "everybody_has_waited_for");
}

static void another_connection_of_ours_is_no_orphan(void **state)
{
    struct fixture *f = *state;
    struct pg *other =
        pg_open(f->loop, f->conninfo, "tidegate:r0:0009=x", 0, &f->e);

    f->s.terminate_orphan = true;
    apply_close(opened(f));
    run_on(f, other, "SELECT 1");
    pg_close(other);
}

/* What an apply of a Flyway file is called while it runs. */
static void a_flyway_file_is_worked_on_by_that_name(void **state)
{
    struct fixture *f = *state;
    static const char text[] =
        "CREATE TABLE a AS SELECT current_setting('application_name') n;";
    struct sql_file file = {"V1__x.sql", text, sizeof text - 1};

    assert_true(migrations_read(&f->m, &f->a, "flyway", &file, 1, &f->e));
    assert_true(up(f, &f->m.list[0]));
    assert_sql(f, "SELECT n FROM a", "tidegate:r1:=V1__x");
}

/* Behind a transaction that passed the fence and bears no migration's name. */
static void the_fence_is_not_waited_for_for_ever(void **state)
{
    struct fixture *f = *state;
    struct pg *other = pg_open(f->loop, f->conninfo, "other", 0, &f->e);

    apply_close(opened(f));
    run_on(f, other, "BEGIN; SELECT * FROM tidegate.fence FOR SHARE");
    f->s.epoch = 2;
    assert_null(apply_open(f->loop, &f->a, &f->s, NULL, &f->e));
    assert_int_equal(f->e.code, ERR_HELD);
    assert_complete(&f->e);
    assert_non_null(strstr(f->e.why, "tidegate.fence"));
    run_on(f, other, "ROLLBACK");
    apply_close(opened(f));
    pg_close(other);
}

struct asked {
    bool answer;
    int times;
    char who[300];
};

static bool end_orphan(void *ctx, const char *who)
{
    struct asked *asked = ctx;

    asked->times++;
    snprintf(asked->who, sizeof asked->who, "%s", who);
    return asked->answer;
}

/* It is waited for; then somebody is asked. */
static void an_orphan_that_stays_is_asked_about(void **state)
{
    struct fixture *f = *state;
    struct pg *orphan =
        pg_open(f->loop, f->conninfo, "tidegate:r0:=0009_x", 0, &f->e);
    struct asked asked = {.answer = false};
    struct pg_result r;

    assert_true(pg_send_run(orphan, "SELECT pg_catalog.pg_sleep(600)", &f->e));
    f->s.outside =
        (struct apply_outside){.ctx = &asked, .end_orphan = end_orphan};
    assert_null(apply_open(f->loop, &f->a, &f->s, NULL, &f->e));
    assert_int_equal(asked.times, 1);
    assert_non_null(strstr(asked.who, "tidegate:r0:=0009_x"));
    assert_int_equal(f->e.code, ERR_HELD);
    assert_non_null(strstr(f->e.fix, "--terminate-orphan"));
    assert_true(pg_busy(orphan));
    asked.answer = true;
    apply_close(opened(f));
    assert_int_equal(asked.times, 2);
    while (pg_busy(orphan))
        loop_turn(f->loop, CLOCK_NEVER);
    assert_false(pg_take(orphan, &f->a, &r, &f->e));
    pg_close(orphan);
}

static void a_commit_whose_answer_is_lost_is_looked_up(void **state)
{
    struct fixture *f = *state;

    /* the backend ends itself while it commits */
    sql(f, "CREATE TABLE a (id int);"
           "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$"
           "BEGIN PERFORM pg_terminate_backend(pg_backend_pid());"
           " RETURN NULL; END $$;"
           "CREATE CONSTRAINT TRIGGER d AFTER INSERT ON a DEFERRABLE"
           " INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()");
    assert_false(up(f, one(f, "INSERT INTO a VALUES (1)")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_non_null(strstr(f->e.what, "lost in COMMIT"));
    assert_complete(&f->e);
    assert_sql(f, "SELECT count(*) FROM public.a", "0");
}

static void a_connection_lost_before_commit_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        one(f, "INSERT INTO a VALUES (1);"
               "SELECT pg_terminate_backend(pg_backend_pid())");
    struct apply *ap;

    sql(f, "CREATE TABLE a (id int)");
    ap = opened(f);
    assert_false(apply_up(ap, m, NULL, &f->r, &f->e));
    assert_int_equal(f->e.code, ERR_UNREACHABLE);
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_int_equal(f->r.statement, 2);
    assert_sql(f, "SELECT count(*) FROM public.a", "0");
    /* and the next one opens the connections again */
    if (!apply_up(ap, one(f, "INSERT INTO a VALUES (2)"), NULL, &f->r, &f->e))
        err_print(&f->e, stderr);
    assert_int_equal(f->r.outcome, APPLY_DONE);
    apply_close(ap);
}

/* A server whose files may not grow any more: as a full disk, whose writes
 * fail as well. */
static void a_full_disk_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct pg *kept = f->pg;
    const char *full = getenv("TIDEGATE_TEST_FULL"); /* a file system is */

    f->s.conninfo = getenv("TIDEGATE_TEST_SMALL");
    assert_non_null(f->s.conninfo);
    f->pg = pg_open(f->loop, f->s.conninfo, "test", 0, &f->e);
    assert_false(up(f, one(f, "CREATE TABLE large (t text);\n"
                              "ALTER TABLE large ALTER t SET STORAGE PLAIN;\n"
                              "INSERT INTO large SELECT repeat('x', 7000)"
                              " FROM generate_series(1, 20000)")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_int_equal(f->r.statement, 3);
    assert_int_equal(f->e.code, ERR_FAILED);
    assert_non_null(strstr(f->e.why, "could not extend file"));
    assert_non_null(strstr(f->e.why, full ? full : "File too large"));
    assert_complete(&f->e);
    assert_sql(f, "SELECT to_regclass('public.large')", "");
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "0");
    pg_close(f->pg);
    f->pg = kept;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return child_main(history, sizeof history / sizeof *history);

    const struct CMUnitTest tests[] = {
        APPLYING(a_killed_runner_is_resumed_at_every_point),
        APPLYING(a_kill_in_a_long_statement_leaves_nothing),
        APPLYING(an_orphan_is_ended_when_asked),
        APPLYING(another_connection_of_ours_is_no_orphan),
        APPLYING(a_flyway_file_is_worked_on_by_that_name),
        APPLYING(the_fence_is_not_waited_for_for_ever),
        APPLYING(an_orphan_that_stays_is_asked_about),
        APPLYING(a_commit_whose_answer_is_lost_is_looked_up),
        APPLYING(a_connection_lost_before_commit_leaves_nothing),
        APPLYING(a_full_disk_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
