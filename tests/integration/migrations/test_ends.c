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
                   "INSERT INTO a VALUES (3);\nVACUUM a"},
    {"3_c.up.sql", "INSERT INTO a VALUES (4); CREATE TABLE c (n int)"},
};

/* The runner that is killed: this program again, since failpoints are read
 * once in a process. */
static int child_main(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct apply *ap;
    int status = 0;

    arena_init(&f->a);
    f->loop = loop_open();
    f->s = (struct apply_settings){.conninfo = getenv("TEST_CONNINFO"),
                                   .run = getenv("TEST_RUN"),
                                   .release = "v1",
                                   .ledger = "ledger-1",
                                   .epoch =
                                       strtol(getenv("TEST_EPOCH"), NULL, 10)};
    read_files(f, history, 3);
    ap = apply_open(f->loop, &f->a, &f->s, NULL, &f->e);
    for (size_t i = 0; ap && i < f->m.n && !status; i++)
        if (!apply_up(ap, &f->m.list[i], NULL, &f->r, &f->e))
            status = 2;
    if (!ap || status)
        err_print(&f->e, stderr);
    status = ap ? status : 1;
    apply_close(ap);
    loop_close(f->loop);
    arena_release(&f->a);
    free(f);
    return status;
}

static int child_applies(struct fixture *f, const char *at)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        setenv("TIDEGATE_FAILPOINT", at, 1);
        setenv("TEST_CONNINFO", f->conninfo, 1);
        setenv("TEST_RUN", f->s.run, 1);
        setenv("TEST_EPOCH", arena_printf(&f->a, "%lld", (long long)f->s.epoch),
               1);
        execl("/proc/self/exe", "test_ends", "child", NULL);
        _exit(3);
    }
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
               "SELECT indisvalid FROM pg_index WHERE indexrelid ="
               " 'public.i'::regclass",
               "t");
}

static void a_killed_runner_is_resumed_at_every_point(void **state)
{
    struct fixture *f = *state;
    int points = 0, status;

    for (int n = 1;; n++) {
        struct apply *ap;

        read_files(f, history, 3);
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
        sql(f, "DROP TABLE a, c; DELETE FROM tidegate.migration");
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
                           " application_name = 'tidegate:r1:0001_a' AND"
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

static void an_orphan_is_ended_when_asked(void **state)
{
    struct fixture *f = *state;
    struct pg *orphan =
        pg_open(f->loop, f->conninfo, "tidegate:r0:0009_x", 0, &f->e);
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

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return child_main();

    const struct CMUnitTest tests[] = {
        APPLYING(a_killed_runner_is_resumed_at_every_point),
        APPLYING(a_kill_in_a_long_statement_leaves_nothing),
        APPLYING(an_orphan_is_ended_when_asked),
        APPLYING(a_commit_whose_answer_is_lost_is_looked_up),
        APPLYING(a_connection_lost_before_commit_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
