/* A verify script is run before the row of its migration is written, as
 * another session would see it; what it does is gone, and where it fails the
 * migration is not there, or unfinished. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/integration/migrations/applying.h"

#define PLAN                  \
    "%syntax-version=1.0.0\n" \
    "%project=shop\n"         \
    "a 2024-01-05T12:00:00Z A Person <a@example.org> # why\n"

static const struct migration *sqitch(struct fixture *f, const char *deploy,
                                      const char *verify)
{
    const char *const files[][2] = {{"sqitch.plan", PLAN},
                                    {"deploy/a.sql", deploy},
                                    {"verify/a.sql", verify}};

    read_files(f, files, 3);
    return &f->m.list[0];
}

#define assert_says(text, part) assert_non_null(strstr(text, part))

static void what_it_does_is_gone(void **state)
{
    struct fixture *f = *state;
    const struct migration *m;

    sql(f, "CREATE SCHEMA other; CREATE TABLE public.seen (n int);"
           "CREATE ROLE verify_asks; GRANT ALL ON SCHEMA public TO verify_asks;"
           "GRANT SELECT ON public.seen TO verify_asks");
    m = sqitch(f,
               "BEGIN;\nSET search_path = other;\n"
               "CREATE TABLE other.t (n int CHECK (n > 0));\n"
               "INSERT INTO other.t VALUES (1);\nCOMMIT;\n",
               "BEGIN;\nINSERT INTO seen VALUES (1);\n"
               "CREATE TABLE mine (n int);\nINSERT INTO other.t VALUES (2);\n"
               "SELECT 1 / (current_setting('search_path') ~ 'public')::int;\n"
               "SAVEPOINT x;\nROLLBACK TO x;\n"
               "SAVEPOINT tidegate_verify;\n"
               "COPY mine FROM stdin;\n7\n\\.\n"
               "SET ROLE verify_asks;\nSELECT n FROM seen;\nROLLBACK;\n");
    assert_true(up(f, m));
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_sql(f, "SELECT count(*) FROM other.t", "1");
    assert_sql(f, "SELECT count(*) FROM public.seen", "0");
    assert_sql(f, "SELECT to_regclass('public.mine')", "");
    assert_sql(f, "SELECT name FROM tidegate.migration", "a");
    sql(f, "DROP OWNED BY verify_asks; DROP ROLE verify_asks");
}

static void one_transaction_is_rolled_back(void **state)
{
    struct fixture *f = *state;

    assert_false(up(f, sqitch(f, "CREATE TABLE t (n int);",
                              "-- asks\nBEGIN;\nSELECT n FROM t;\n"
                              "SELECT 1 / count(*) FROM t;\nROLLBACK;\n")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_int_equal(f->e.code, ERR_FAILED);
    assert_says(f->e.what, "verify/a.sql:4: SELECT failed");
    assert_says(f->e.why, "division by zero");
    assert_says(f->e.fix, "nothing of it is there: mend deploy/a.sql, or");
    assert_sql(f, "SELECT to_regclass('public.t')", "");
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "0");
    assert_true(up(f, sqitch(f, "CREATE TABLE t (n int);", "SELECT n FROM t")));
}

/* A lock that is in its way only for a moment is waited for, as others are. */
static void its_locks_are_tried_again(void **state)
{
    struct fixture *f = *state;
    struct pg *other = pg_open(f->loop, f->conninfo, "other", 0, &f->e);
    struct later l;

    assert_non_null(other);
    sql(f, "CREATE TABLE busy (n int); CREATE SEQUENCE tries");
    run_on(f, other, "BEGIN; LOCK public.busy");
    later(f, &l, "SELECT last_value > 1 FROM public.tries",
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
          " WHERE state = 'idle in transaction' AND pid <> pg_backend_pid()"
          " AND query LIKE '%LOCK public.busy'");
    assert_true(
        up(f, sqitch(f, "SELECT nextval('tries')", "SELECT n FROM busy")));
    later_end(&l);
    pg_close(other);
    assert_true(f->r.retries > 0);
}

static void what_is_no_transaction_stays_unfinished(void **state)
{
    struct fixture *f = *state;
    static const char deploy[] = "CREATE TABLE t (n int);\n"
                                 "CREATE INDEX CONCURRENTLY i ON t (n);\n"
                                 "INSERT INTO t VALUES (1);\n";
    const struct migration *m;
    struct apply *ap;

    sql(f, "CREATE TABLE wanted (n int)");
    m = sqitch(f, deploy, "SELECT 1 / count(*) FROM wanted;");
    for (int i = 0; i < 2; i++) {
        assert_false(up(f, m));
        assert_int_equal(f->r.outcome, APPLY_PARTIAL);
        assert_says(f->e.what, "verify/a.sql:1: SELECT failed");
        assert_says(f->e.fix, "deploy/a.sql has run, and does not count as");
        assert_sql(f, "SELECT count(*) FROM t", "1");
        assert_sql(f, "SELECT count(*) FROM tidegate.migration", "0");
    }
    ap = opened(f);
    assert_true(apply_observe(ap, "a", false, &f->r, &f->e));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    apply_close(ap);
    sql(f, "INSERT INTO wanted VALUES (1)");
    assert_true(up(f, m));
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_sql(f, "SELECT count(*) FROM t", "1");
    assert_sql(f, "SELECT count(*) FROM tidegate.journal", "0");
}

/* Nobody waits for it, and nobody would see that it does not end. */
static void it_is_cancelled_far_over_the_estimate(void **state)
{
    struct fixture *f = *state;

    sql(f, "CREATE TABLE t (n int)");
    f->x.all = (struct apply_span){1, 10, 20};
    f->s.overrun_least_ms = 100;
    assert_false(up(f, sqitch(f, "CREATE INDEX CONCURRENTLY i ON t (n);",
                              "SET LOCAL statement_timeout = '20s';"
                              "SELECT pg_sleep(30)")));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_says(f->e.what, "cancelled, far over its estimate");
    assert_says(f->e.fix, "deploy/a.sql has run, and does not count as");
}

/* Nor would anybody see one that was never rehearsed: until it ends, the locks
 * of what it verifies are held. */
static void one_that_nobody_rehearsed_has_a_deadline(void **state)
{
    struct fixture *f = *state;

    f->s.verify_ms = 300;
    assert_false(up(f, sqitch(f, "CREATE TABLE t (n int);",
                              "SELECT 1;\nSELECT pg_sleep(20)")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_int_equal(f->e.code, ERR_FAILED);
    assert_says(f->e.what, "verify/a.sql:2: SELECT: cancelled at its deadline");
    assert_says(f->e.why, "nothing of it is there");
    assert_says(f->e.fix, "at the top of verify/a.sql how long");
    assert_sql(f, "SELECT to_regclass('public.t')", "");
    assert_true(up(f, sqitch(f, "CREATE TABLE t (n int);",
                             "-- tidegate: statement_timeout=20s\n"
                             "SELECT pg_sleep(0.7)")));
}

static void batches_are_verified_once_all_are_done(void **state)
{
    struct fixture *f = *state;
    const struct migration *m;

    sql(f, "CREATE TABLE t (id int PRIMARY KEY, n int);"
           "INSERT INTO t SELECT i FROM generate_series(1, 250) i;"
           "CREATE TABLE wanted (n int)");
    m = sqitch(f,
               "-- tidegate: batch=t key=id size=100\n"
               "UPDATE t SET n = coalesce(n, 0) + 1"
               " WHERE id BETWEEN $1 AND $2\n",
               "SELECT 1 / (count(*) = 0)::int FROM t WHERE n IS NULL;\n"
               "SELECT 1 / count(*) FROM wanted;\n");
    assert_false(up(f, m));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_says(f->e.why, "verify/a.sql:2: SELECT failed");
    assert_says(f->e.fix, "tidegate resume, which asks again");
    sql(f, "INSERT INTO wanted VALUES (1)");
    assert_true(up(f, m));
    assert_sql(f, "SELECT name FROM tidegate.migration", "a");
    assert_sql(f, "SELECT sum(n) FROM t", "250");
}

/* A value of an enumeration cannot be used before it is committed. */
static void a_new_value_is_not_there_yet(void **state)
{
    struct fixture *f = *state;
    static const char deploy[] = "%sALTER TYPE mood ADD VALUE 'fine';\n";
    static const char verify[] = "SELECT 'fine'::mood";

    sql(f, "CREATE TYPE mood AS ENUM ('sad')");
    assert_false(up(f, sqitch(f, arena_printf(&f->a, deploy, ""), verify)));
    assert_says(f->e.fix, "asked before deploy/a.sql is committed");
    assert_says(f->e.fix, "transaction=none");
    assert_true(up(f, sqitch(f,
                             arena_printf(&f->a, deploy,
                                          "-- tidegate: transaction=none\n"),
                             verify)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        APPLYING(what_it_does_is_gone),
        APPLYING(one_transaction_is_rolled_back),
        APPLYING(its_locks_are_tried_again),
        APPLYING(what_is_no_transaction_stays_unfinished),
        APPLYING(it_is_cancelled_far_over_the_estimate),
        APPLYING(one_that_nobody_rehearsed_has_a_deadline),
        APPLYING(batches_are_verified_once_all_are_done),
        APPLYING(a_new_value_is_not_there_yet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
