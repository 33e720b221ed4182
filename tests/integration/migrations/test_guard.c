/* Applying while others work: locks, who waits, signals, limits. */
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

/* ---- locks ---- */

static void a_lock_timeout_is_tried_again(void **state)
{
    struct fixture *f = *state;
    struct later l;
    bool ok;

    sql(f, "CREATE TABLE a (id int)");
    sql(f, "CREATE TABLE tries (n serial)");
    sql(f, "BEGIN; SELECT * FROM a");
    /* whoever holds the lock ends once we have waited for it twice; a
     * sequence keeps its value through rollbacks */
    later(f, &l, "SELECT last_value >= 3 FROM public.tries_n_seq",
          arena_printf(&f->a, "SELECT pg_catalog.pg_terminate_backend(%d)",
                       pg_backend_pid(f->pg)));
    ok = up(f, one(f, "INSERT INTO tries DEFAULT VALUES;"
                      "ALTER TABLE a ADD b int"));
    later_end(&l);
    if (!ok)
        err_print(&f->e, stderr);
    assert_true(ok);
    assert_true(f->r.retries >= 2);
    assert_true(f->r.lock_ms >= 200 && f->r.lock_ms < f->r.ms);
    pg_close(f->pg);
    f->pg = pg_open(f->loop, f->conninfo, "test", 0, &f->e);
    assert_sql(f, "SELECT count(*) FROM public.tries", "1");
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "1");
}

static void a_lock_that_never_comes_names_its_holder(void **state)
{
    struct fixture *f = *state;

    sql(f, "CREATE TABLE a (id int)");
    sql(f, "BEGIN; SELECT * FROM a");
    f->s.retry_for_ms = 600;
    assert_false(up(f, one(f, "ALTER TABLE a ADD b int")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_int_equal(f->e.code, ERR_FAILED);
    assert_true(f->r.retries >= 1);
    assert_non_null(strstr(
        f->e.why, arena_printf(&f->a, "held by pid %d, user postgres, test",
                               pg_backend_pid(f->pg))));
    sql(f, "COMMIT");
    assert_complete(&f->e);
}

static void who_waits_too_long_ends_the_migration(void **state)
{
    struct fixture *f = *state;
    struct pg *user = pg_open(f->loop, f->conninfo, "user", 0, &f->e);
    struct pg_result r;
    struct later l;

    f->s.blocked_ms = 200;
    sql(f, "CREATE TABLE a (id int)");
    /* a reader comes while the migration holds the table */
    later(f, &l,
          "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE query"
          " LIKE 'SELECT pg_sleep(%' AND application_name LIKE 'tidegate:%')",
          "SELECT * FROM public.a");
    assert_false(up(f, one(f, "ALTER TABLE a ADD b int;\n"
                              "SELECT pg_sleep(60)")));
    later_end(&l);
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_true(f->r.ms < 30000);
    assert_non_null(strstr(f->e.what, "others had to wait"));
    assert_non_null(strstr(f->e.why, "1 sessions were waiting"));
    assert_true(pg_run(user, &f->a, "SELECT * FROM public.a", &r, &f->e));
    pg_close(user);
}

static void a_signal_cancels_and_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct later l;

    later(f, &l,
          "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE query"
          " LIKE 'SELECT pg_sleep(%' AND application_name LIKE 'tidegate:%')",
          NULL);
    assert_false(up(f, one(f, "CREATE TABLE a (id int); SELECT pg_sleep(60)")));
    later_end(&l);
    assert_int_equal(f->e.code, ERR_INTERRUPTED);
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_complete(&f->e);
    assert_sql(f, "SELECT to_regclass('public.a')", "");
}

static void statement_timeout_is_the_files_own(void **state)
{
    struct fixture *f = *state;

    assert_false(up(f, one(f, "-- tidegate: statement_timeout=50ms\n"
                              "CREATE TABLE a (id int); SELECT pg_sleep(60)")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_int_equal(f->e.code, ERR_FAILED);
    assert_non_null(strstr(f->e.why, "statement timeout"));
}

/* No statement alone lasts that long; their transaction does. */
static void who_waits_for_the_transaction_ends_it(void **state)
{
    struct fixture *f = *state;
    struct later l;
    struct buf up_text;

    f->s.blocked_ms = 800;
    sql(f, "CREATE TABLE a (id int)");
    later(f, &l,
          "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE query"
          " LIKE 'SELECT pg_sleep(%' AND application_name LIKE 'tidegate:%')",
          "SELECT * FROM public.a");
    buf_init(&up_text);
    buf_str(&up_text, "ALTER TABLE a ADD b int;\n");
    for (int i = 0; i < 40; i++)
        buf_str(&up_text, "SELECT pg_sleep(0.25);\n");
    assert_false(up(f, one(f, buf_into(&up_text, &f->a))));
    later_end(&l);
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_non_null(strstr(f->e.what, "others had to wait"));
}

static void who_waits_for_a_waiter_is_counted(void **state)
{
    struct fixture *f = *state;
    struct later first, second;

    f->s.blocked_ms = 1500;
    sql(f, "CREATE TABLE a (id int)");
    sql(f, "CREATE TABLE other AS SELECT 1 AS n");
    later(f, &first,
          "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE query"
          " LIKE 'SELECT pg_sleep(%' AND application_name LIKE 'tidegate:%')",
          "BEGIN; UPDATE public.other SET n = 2; SELECT * FROM public.a");
    later(f, &second,
          "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE"
          " wait_event_type = 'Lock' AND application_name = 'later')",
          "UPDATE public.other SET n = 3");
    assert_false(up(f, one(f, "ALTER TABLE a ADD b int;\n"
                              "SELECT pg_sleep(60)")));
    later_end(&first);
    later_end(&second);
    assert_non_null(strstr(f->e.why, "2 sessions were waiting"));
}

/* ---- who is in the way before it begins ---- */

/* Holds that lock on public.a; age: waits until it is so many seconds old. */
static struct pg *holder(struct fixture *f, const char *as, const char *lock,
                         const char *age)
{
    struct pg *pg = pg_open(f->loop, f->conninfo, as, 0, &f->e);

    run_on(f, pg, "BEGIN");
    run_on(f, pg, arena_printf(&f->a, "LOCK TABLE public.a IN %s MODE", lock));
    while (strcmp(value(f, arena_printf(&f->a,
                                        "SELECT clock_timestamp() - xact_start"
                                        " > interval '%s' FROM"
                                        " pg_stat_activity WHERE pid = %d",
                                        age, pg_backend_pid(pg))),
                  "t") != 0)
        loop_turn(f->loop, clock_mono() + 20);
    return pg;
}

static struct apply_expected wanting(const char *lock)
{
    static const struct apply_span each[] = {{1, 2, 3}};
    static struct apply_touch touch;

    touch = (struct apply_touch){"public.a", lock, 1, false, 0};
    return (struct apply_expected){.all = each[0],
                                   .each = each,
                                   .n = 1,
                                   .touches = &touch,
                                   .touched = 1,
                                   .back_high = -1};
}

static void who_holds_the_table_is_named_before_it_begins(void **state)
{
    struct fixture *f = *state;
    struct apply_expected x = wanting("ACCESS EXCLUSIVE");
    const struct migration *m;
    struct apply *ap;
    struct pg *pg;

    sql(f, "CREATE TABLE a (id int)");
    f->s.retry_for_ms = 400;
    m = one(f, "ALTER TABLE a ADD b int");
    ap = opened(f);
    pg = holder(f, "reports", "ACCESS SHARE", "1.1 s");
    assert_false(apply_clear(ap, m->name, &m->up, &x, &f->e));
    assert_int_equal(f->e.code, ERR_HELD);
    assert_non_null(strstr(
        f->e.why, arena_printf(&f->a, "pid %d, user postgres, reports, in its ",
                               pg_backend_pid(pg))));
    assert_non_null(strstr(f->e.why, "holds AccessShareLock on public.a"));
    assert_complete(&f->e);
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "0");
    /* one that is in nobody's way is not waited for */
    x = wanting("SHARE UPDATE EXCLUSIVE");
    assert_true(apply_clear(ap, m->name, &m->up, &x, &f->e));
    pg_close(pg);
    /* nor one that has just begun; a dump is, it lasts */
    x = wanting("ACCESS EXCLUSIVE");
    pg = holder(f, "quick", "ACCESS SHARE", "0 s");
    assert_true(apply_clear(ap, m->name, &m->up, &x, &f->e));
    pg_close(pg);
    pg = holder(f, "pg_dump", "ACCESS SHARE", "0 s");
    assert_false(apply_clear(ap, m->name, &m->up, &x, &f->e));
    assert_non_null(strstr(f->e.why, "pg_dump"));
    pg_close(pg);
    apply_close(ap);
}

static void who_ends_in_time_is_waited_for(void **state)
{
    struct fixture *f = *state;
    struct apply_expected x = wanting("SHARE");
    const struct migration *m;
    struct heard h;
    struct later l;
    struct apply *ap;
    struct pg *pg;

    sql(f, "CREATE TABLE a (id int)");
    hear(f, &h, "; it gives up in ", 2);
    ap = opened(f);
    pg = holder(f, "import", "ROW EXCLUSIVE", "1.1 s");
    later_flag(f, &l, &h.enough,
               arena_printf(&f->a, "SELECT pg_terminate_backend(%d)",
                            pg_backend_pid(pg)));
    m = one(f, "CREATE INDEX i ON a (id)");
    assert_true(apply_clear(ap, m->name, &m->up, &x, &f->e));
    later_end(&l);
    assert_int_equal(h.news, 1);
    pg_close(pg);
    apply_close(ap);
}

static void what_waits_for_old_snapshots_says_so(void **state)
{
    struct fixture *f = *state;
    struct pg *pg = pg_open(f->loop, f->conninfo, "elsewhere", 0, &f->e);
    const struct migration *m;
    struct heard h;
    struct apply *ap;

    sql(f, "CREATE TABLE a (id int)");
    run_on(f, pg, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    hear(f, &h, "elsewhere", 1);
    ap = opened(f);
    while (strcmp(value(f, "SELECT clock_timestamp() - xact_start > interval"
                           " '1 s' FROM pg_stat_activity WHERE"
                           " application_name = 'elsewhere'"),
                  "t") != 0)
        loop_turn(f->loop, clock_mono() + 20);
    /* it is in the way of a concurrent build alone, and only slows it */
    m = one(f, "CREATE INDEX CONCURRENTLY i ON a (id)");
    assert_true(apply_clear(ap, m->name, &m->up, &f->x, &f->e));
    assert_true(h.enough);
    pg_close(pg);
    apply_close(ap);
}

/* What nobody can tell may want any table, but not of those just begun. */
static void what_cannot_be_told_waits_for_the_old(void **state)
{
    struct fixture *f = *state;
    struct apply_expected x = {.unread = "0001_a.up.sql:1: DO"};
    const struct migration *m;
    struct apply *ap;
    struct pg *pg;

    sql(f, "CREATE TABLE a (id int)");
    f->s.retry_for_ms = 400;
    m = one(f, "DO $$ BEGIN END $$");
    ap = opened(f);
    pg = holder(f, "young", "ACCESS SHARE", "1.1 s");
    assert_true(apply_clear(ap, m->name, &m->up, &x, &f->e));
    pg_close(pg);
    pg = holder(f, "pg_dump", "ACCESS SHARE", "0 s");
    assert_false(apply_clear(ap, m->name, &m->up, &x, &f->e));
    assert_int_equal(f->e.code, ERR_HELD);
    assert_non_null(strstr(f->e.why, "pg_dump, in its transaction for"));
    assert_non_null(strstr(f->e.why, "0001_a.up.sql:1: DO: what it locks"));
    assert_complete(&f->e);
    pg_close(pg);
    apply_close(ap);
}

/* ---- limits ---- */

static void what_runs_far_over_its_estimate_is_rolled_back(void **state)
{
    struct fixture *f = *state;
    struct apply_span each[] = {{10, 20, 40}, {10, 20, 60}};

    f->x = (struct apply_expected){
        .all = {20, 40, 100}, .each = each, .n = 2, .back_high = 10};
    f->s.overrun = 4;
    f->s.overrun_least_ms = 1;
    assert_false(up(f, one(f, "CREATE TABLE a (id int);\n"
                              "SELECT pg_sleep(60)")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_int_equal(f->r.statement, 2);
    assert_true(f->r.ms >= 400 && f->r.ms < 30000);
    assert_int_equal(f->e.code, ERR_FAILED);
    assert_non_null(strstr(f->e.what, "far over its estimate"));
    assert_non_null(strstr(f->e.why, "up to 100 ms, and overrun = 4"));
    assert_complete(&f->e);
    assert_sql(f, "SELECT to_regclass('public.a')", "");
    /* within its limit it is let */
    f->x.all.high = 60000;
    assert_true(up(f, one(f, "SELECT pg_sleep(0.5)")));
}

static void what_nobody_rehearsed_has_a_deadline(void **state)
{
    struct fixture *f = *state;

    f->s.alone_ms = 400;
    assert_false(up(f, one(f, "CREATE TABLE a (id int);\n"
                              "SELECT pg_sleep(60)")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_true(f->r.ms >= 400 && f->r.ms < 30000);
    assert_int_equal(f->e.code, ERR_FAILED);
    assert_non_null(strstr(f->e.what, "cancelled at its deadline"));
    assert_non_null(strstr(f->e.fix, "rehearse it"));
    assert_complete(&f->e);
    assert_sql(f, "SELECT to_regclass('public.a')", "");
    /* its own limit is its own */
    f->s.alone_ms = 1;
    assert_true(up(f, one(f, "-- tidegate: statement_timeout=30s\n"
                             "SELECT pg_sleep(0.7)")));
}

static void an_estimate_of_nothing_trips_nothing(void **state)
{
    struct fixture *f = *state;

    f->x.all = (struct apply_span){1, 1, 1};
    assert_true(up(f, one(f, "SELECT pg_sleep(0.3)")));
}

static void who_does_not_heed_a_cancel_is_terminated(void **state)
{
    struct fixture *f = *state;

    f->x.all = (struct apply_span){1, 1, 1};
    f->s.overrun_least_ms = 100;
    assert_false(
        up(f, one(f, "CREATE TABLE a (id int);\n"
                     "DO $$ BEGIN LOOP BEGIN PERFORM pg_catalog.pg_sleep(60);"
                     " EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP;"
                     " END $$")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_true(f->r.ms >= 2000 && f->r.ms < 30000);
    assert_non_null(strstr(f->e.what, "far over its estimate"));
    assert_sql(f, "SELECT to_regclass('public.a')", "");
    while (strcmp(value(f, "SELECT count(*) FROM pg_stat_activity WHERE"
                           " application_name LIKE 'tidegate:%'"),
                  "0") != 0)
        loop_turn(f->loop, clock_mono() + 20);
}

/* ---- the line while it runs ---- */

static void look(void *ctx, struct apply_world *out)
{
    (void)ctx;
    *out = (struct apply_world){3600000, 12, 50};
}

static void the_line_says_what_matters(void **state)
{
    struct fixture *f = *state;
    struct apply_span each[] = {{60000, 90000, 120000}};
    struct heard h;

    hear(f, &h, NULL, 0);
    f->s.outside.look = look;
    f->x = (struct apply_expected){.all = each[0],
                                   .each = each,
                                   .n = 1,
                                   .back_high = 5000,
                                   .committed_back = 40000,
                                   .no_return = "0001_a"};
    assert_true(up(f, one(f, "SELECT pg_sleep(1.7)")));
    static const char *const parts[] = {
        "0001_a: ",
        " elapsed, 59 s to 1 min 59 s left",
        ("; stop now costs seconds, it rolls back, and up to 40 s for what is "
         "committed"),
        "; point of no return: its COMMIT",
        "; window closes in 1 h",
        "; 12 users on (limit 50)",
        "; 0 waiting behind",
    };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(h.all, parts[i]))
            fail_msg("\"%s\" is not in:\n%s", parts[i], h.all);
    assert_true(h.lines >= 1);
    assert_true(h.lines + h.news <= f->r.ms / 500); /* one each half second */
    assert_int_equal(h.news, 1);                    /* the first */
}

static void a_rewrite_is_followed_by_its_file(void **state)
{
    struct fixture *f = *state;
    struct apply_touch touch = {"public.a", "ACCESS EXCLUSIVE", 1, true, 0};
    struct heard h;

    hear(f, &h, "rewriting the table, ", 1);
    sql(f, "CREATE TABLE a AS SELECT 1 AS n FROM generate_series(1, 200000)");
    sql(f, "CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql AS $$"
           " BEGIN IF random() < 0.0001 THEN PERFORM pg_sleep(0.1); END IF;"
           " RETURN $1; END $$");
    touch.bytes =
        strtol(value(f, "SELECT pg_relation_size('public.a')"), NULL, 10);
    f->x.touches = &touch;
    f->x.touched = 1;
    assert_true(up(f, one(f, "ALTER TABLE a ALTER n TYPE bigint"
                             " USING slow(n)")));
    if (!h.enough)
        fail_msg("%s", h.all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        APPLYING(a_lock_timeout_is_tried_again),
        APPLYING(a_lock_that_never_comes_names_its_holder),
        APPLYING(who_waits_too_long_ends_the_migration),
        APPLYING(a_signal_cancels_and_leaves_nothing),
        APPLYING(statement_timeout_is_the_files_own),
        APPLYING(who_waits_for_the_transaction_ends_it),
        APPLYING(who_waits_for_a_waiter_is_counted),
        APPLYING(who_holds_the_table_is_named_before_it_begins),
        APPLYING(who_ends_in_time_is_waited_for),
        APPLYING(what_waits_for_old_snapshots_says_so),
        APPLYING(what_cannot_be_told_waits_for_the_old),
        APPLYING(what_runs_far_over_its_estimate_is_rolled_back),
        APPLYING(what_nobody_rehearsed_has_a_deadline),
        APPLYING(an_estimate_of_nothing_trips_nothing),
        APPLYING(who_does_not_heed_a_cancel_is_terminated),
        APPLYING(the_line_says_what_matters),
        APPLYING(a_rewrite_is_followed_by_its_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
