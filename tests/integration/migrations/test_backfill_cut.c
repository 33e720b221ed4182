/* Backfills that are cut short: a batch that fails, a COMMIT whose answer is
 * lost, a runner that is killed at every moment. No row twice, none passed
 * over. */
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

#include "tests/integration/migrations/filling.h"
#include "tests/integration/migrations/proxy.h"

static void a_batch_that_fails(void **state)
{
    struct fixture *f = *state;
    const struct migration *m;

    make_rows(f, 100);
    sql(f, "ALTER TABLE t ADD CHECK (id <> 150 OR n = 0)");
    m = counting(f, "size=10");
    assert_false(up(f, m));
    assert_int_equal(f->e.code, ERR_FAILED);
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_non_null(strstr(f->e.what, "40 of about 100 rows, up to key 120"));
    assert_non_null(strstr(f->e.why, "0001_a.up.sql:2: UPDATE"));
    assert_non_null(strstr(f->e.why, "check"));
    assert_sql(f, HOW_OFTEN, "0:60 1:40");
    sql(f, "ALTER TABLE t DROP CONSTRAINT t_check");
    assert_went(f, up(f, m));
    assert_sql(f, HOW_OFTEN, "1:100");
}

/* The first one leaves nothing. */
static void the_first_batch_fails(void **state)
{
    struct fixture *f = *state;

    make_rows(f, 100);
    sql(f, "ALTER TABLE t ADD CHECK (id <> 3 OR n = 0)");
    assert_false(up(f, counting(f, "size=10")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_sql(f, HOW_OFTEN, "0:100");
    assert_sql(f, "SELECT count(*) FROM tidegate.backfill", "0");
}

static void leave_our_tables_alone(void **state)
{
    struct fixture *f = *state;
    struct apply *ap;

    make_rows(f, 100);
    ap = opened(f);
    apply_close(ap);
    sql(f, "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$"
           "BEGIN DELETE FROM tidegate.backfill; RETURN NULL; END $$;"
           "CREATE TRIGGER touch AFTER UPDATE ON t EXECUTE FUNCTION touch()");
    assert_false(up(f, counting(f, "size=10")));
    assert_int_equal(f->e.code, ERR_INPUT);
    assert_sql(f, HOW_OFTEN, "0:100");
}

static void another_run_takes_over(void **state)
{
    struct fixture *f = *state;

    make_rows(f, 100);
    sql(f, "CREATE FUNCTION over() RETURNS trigger LANGUAGE plpgsql AS $$"
           "BEGIN UPDATE tidegate.fence SET epoch = 9; RETURN NULL; END $$");
    apply_close(opened(f));
    sql(f, "CREATE TRIGGER over AFTER UPDATE ON t FOR EACH ROW WHEN"
           " (old.id = 150) EXECUTE FUNCTION over()");
    /* seen as touching our tables; the fence of the next one is another's */
    assert_false(up(f, counting(f, "size=10")));
    assert_sql(f, HOW_OFTEN, "0:60 1:40");
    sql(f, "DROP TRIGGER over ON t; UPDATE tidegate.fence SET epoch = 9");
    f->s.epoch = 8;
    assert_null(apply_open(f->loop, &f->a, &f->s, NULL, &f->e));
    assert_int_equal(f->e.code, ERR_REFUSED);
}

/* f->s goes by a proxy to the server. */
static void go_by(struct fixture *f, struct proxy *proxy, enum proxy_mode mode)
{
    proxy_start(proxy, mode,
                arena_printf(&f->a, "%s/.s.PGSQL.%s",
                             value(f, "SELECT split_part(current_setting("
                                      "'unix_socket_directories'), ',', 1)"),
                             value(f, "SHOW port")));
    f->s.conninfo =
        arena_printf(&f->a, "host=%s port=5432 user=postgres dbname=%s",
                     proxy->folder, f->database);
}

/* The answer to the first COMMIT is lost, and the server is away. */
static void a_commit_nobody_can_look_up(struct fixture *f)
{
    struct proxy proxy;

    /* so that the first COMMIT is the batch's, or of the end */
    apply_close(opened(f));
    go_by(f, &proxy, PROXY_GONE);
    assert_false(up(f, counting(f, "size=10")));
    proxy_stop(&proxy);
    f->s.conninfo = f->conninfo;
    assert_int_equal(f->r.outcome, APPLY_UNKNOWN);
    assert_int_equal(f->e.code, ERR_UNKNOWN);
    assert_non_null(strstr(f->e.what, "commit unknown"));
    assert_true(*f->e.why && *f->e.fix);
}

/* Its row is written, and that of the applied one gone, or neither. */
static void a_down_whose_begin_is_lost_is_unknown(void **state)
{
    struct fixture *f = *state;
    struct proxy proxy;

    make_rows(f, 100);
    assert_went(f, up(f, counting(f, "size=10")));
    go_by(f, &proxy, PROXY_BEGUN);
    assert_false(down(f));
    proxy_stop(&proxy);
    f->s.conninfo = f->conninfo;
    assert_int_equal(f->r.outcome, APPLY_UNKNOWN);
    assert_int_equal(f->e.code, ERR_UNKNOWN);
    assert_true(*f->e.why && *f->e.fix);
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "0");
    assert_sql(f, HOW_OFTEN, "1:100");
    assert_went(f, down(f));
    assert_sql(f, HOW_OFTEN, "0:100");
}

static void the_first_commit_is_unknown(void **state)
{
    struct fixture *f = *state;

    make_rows(f, 100);
    a_commit_nobody_can_look_up(f);
    assert_sql(f, HOW_OFTEN, "0:90 1:10");
    assert_went(f, up(f, counting(f, "size=10")));
    assert_sql(f, HOW_OFTEN, "1:100");
}

static void the_last_commit_is_unknown(void **state)
{
    struct fixture *f = *state;

    make_rows(f, 0);
    a_commit_nobody_can_look_up(f);
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "1");
    assert_true(up(f, counting(f, "size=10")));
    assert_true(f->r.already);
}

/* ---- killed ---- */

/* The runner that is killed: this program again, since failpoints are read
 * once. */
static int child(const char *way)
{
    struct fixture f = {.x = {.back_high = -1}};
    bool ok;

    f.loop = loop_open();
    arena_init(&f.a);
    f.conninfo = getenv("TEST_CONNINFO");
    f.s = (struct apply_settings){.conninfo = f.conninfo,
                                  .run = "child",
                                  .release = "v1",
                                  .ledger = "ledger-1",
                                  .epoch =
                                      strtol(getenv("TEST_EPOCH"), NULL, 10)};
    f.pg = pg_open(f.loop, f.conninfo, "test", 0, &f.e);
    ok = strcmp(way, "up") == 0 ? up(&f, counting(&f, "size=10")) : down(&f);
    if (!ok)
        err_print(&f.e, stderr);
    pg_close(f.pg);
    arena_release(&f.a);
    loop_close(f.loop);
    return ok ? 0 : 3;
}

static bool killed(struct fixture *f, const char *way, int at)
{
    int status;
    pid_t pid = fork();

    f->s.epoch++;
    if (pid == 0) {
        setenv("TIDEGATE_FAILPOINT", arena_printf(&f->a, "*:%d", at), 1);
        setenv("TEST_CONNINFO", f->conninfo, 1);
        setenv("TEST_EPOCH", arena_printf(&f->a, "%lld", (long long)f->s.epoch),
               1);
        execl("/proc/self/exe", "test_backfill_cut", "child", way, NULL);
        _exit(4);
    }
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status))
        return true;
    assert_int_equal(WEXITSTATUS(status), 0);
    return false;
}

/* At every moment of an up, of a down, and of what goes on after them. */
static void killed_at_every_moment(void **state)
{
    struct fixture *f = *state;
    int at, moments = 0;

    make_rows(f, 35);
    for (at = 1; killed(f, "up", at); at++, moments++) {
        f->s.epoch++;
        if (at % 3 == 0) { /* killed once more while it goes on */
            killed(f, "up", at / 2 + 1);
            f->s.epoch++;
        }
        if (strcmp(value(f, "SELECT count(*) FROM t WHERE n = 1"), "0") != 0 &&
            at % 2 == 0) {
            killed(f, "down", at % 9 + 1);
            f->s.epoch++;
        }
        assert_went(f, up(f, counting(f, "size=10")));
        assert_sql(f, HOW_OFTEN, "1:35");
        assert_went(f, down(f));
        assert_sql(f, HOW_OFTEN, "0:35");
        assert_sql(f, "SELECT count(*) FROM tidegate.backfill", "0");
    }
    f->s.epoch++;
    assert_sql(f, HOW_OFTEN, "1:35");
    for (at = 1; killed(f, "down", at); at++, moments++) {
        f->s.epoch++;
        if (at % 2 == 0)
            assert_went(f, up(f, counting(f, "size=10")));
        if (at % 2 == 0)
            assert_sql(f, HOW_OFTEN, "1:35");
        if (strcmp(value(f, "SELECT count(*) FROM tidegate.backfill"), "0") !=
            0)
            assert_went(f, down(f));
        assert_sql(f, HOW_OFTEN, "0:35");
        assert_went(f, up(f, counting(f, "size=10")));
        assert_sql(f, HOW_OFTEN, "1:35");
    }
    print_message("%d moments\n", moments);
    assert_true(moments > 40);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        FILLING(a_batch_that_fails),
        FILLING(the_first_batch_fails),
        FILLING(leave_our_tables_alone),
        FILLING(another_run_takes_over),
        FILLING(the_first_commit_is_unknown),
        FILLING(a_down_whose_begin_is_lost_is_unknown),
        FILLING(the_last_commit_is_unknown),
        FILLING(killed_at_every_moment),
    };

    if (argc == 3 && strcmp(argv[1], "child") == 0)
        return child(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
