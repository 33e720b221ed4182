/* What a backfill waits for, and what makes its batches smaller. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/integration/migrations/filling.h"

/* Rows wake a slow trigger: batches shrink below what was asked for. */
static void slow_rows_make_small_batches(void **state)
{
    struct fixture *f = *state;

    make_rows(f, 60);
    sql(f, "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$"
           "BEGIN PERFORM pg_sleep(0.01); RETURN NULL; END $$;"
           "CREATE TRIGGER slow AFTER UPDATE ON t FOR EACH ROW"
           " EXECUTE FUNCTION slow()");
    f->s.blocked_ms = 200; /* a batch takes 100 ms: ten rows */
    assert_went(f, up(f, counting(f, "size=40")));
    assert_sql(f, HOW_OFTEN, "1:60");
    assert_sql(f, "SELECT batches > 2 AND size < 20 FROM tidegate.backfill",
               "t");
}

/* Somebody wants rows of the batch, and waits: it is cancelled and comes back
 * smaller, until both are through. */
static void others_wait_behind_a_batch(void **state)
{
    struct fixture *f = *state;
    struct later l;

    make_rows(f, 100);
    sql(f, "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$"
           "BEGIN IF current_setting('application_name') LIKE 'tidegate%' THEN"
           " PERFORM pg_sleep(0.02); END IF; RETURN NULL; END $$;"
           "CREATE TRIGGER slow AFTER UPDATE ON t FOR EACH ROW"
           " EXECUTE FUNCTION slow()");
    f->s.blocked_ms = 300;
    later(f, &l,
          "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name ="
          " 'tidegate:r1:=0001_a' AND query LIKE 'UPDATE t%' AND"
          " wait_event = 'PgSleep'",
          "UPDATE public.t SET n = n WHERE id = 3");
    assert_went(f, up(f, counting(f, "size=100")));
    later_end(&l);
    assert_true(f->r.retries > 0);
    assert_sql(f, HOW_OFTEN, "1:100");
    assert_sql(f, "SELECT batches > 3 FROM tidegate.backfill", "t");
}

/* What is left is told by the pace of the rows, not by a wait for one. */
static void a_wait_for_a_row_is_no_slowness(void **state)
{
    struct fixture *f = *state;
    struct heard h;
    struct later l;
    struct pg *pg;
    const char *last = "", *rate;
    int64_t ms;

    make_rows(f, 400);
    hear(f, &h, "waits for its lock", 8);
    pg = pg_open(f->loop, f->conninfo, "holder", 0, &f->e);
    run_on(f, pg, "BEGIN; SELECT FROM public.t WHERE id = 600 FOR UPDATE");
    later_flag(f, &l, &h.enough,
               arena_printf(&f->a, "SELECT pg_terminate_backend(%d)",
                            pg_backend_pid(pg)));
    ms = clock_mono();
    assert_went(f, up(f, counting(f, "size=20 pause=100ms")));
    ms = clock_mono() - ms;
    later_end(&l);
    pg_close(pg);
    for (rate = h.all; (rate = strstr(rate, " rows, up to key ")); rate++)
        last = strchr(rate + 17, ',');
    /* all of its rows at that pace, and half of the wait: less than it took */
    assert_true(strtol(last + 1, NULL, 10) * (ms - f->r.lock_ms / 2) >
                400 * 1000);
}

static void a_replica_that_is_behind(void **state)
{
    struct fixture *f = *state;
    struct pg_result r;

    make_rows(f, 100);
    filling.replica =
        pg_open(f->loop, getenv("TIDEGATE_TEST_REPLICA"), "test", 0, &f->e);
    assert_non_null(filling.replica);
    assert_true(pg_run(filling.replica, &f->a, "SELECT pg_wal_replay_pause()",
                       &r, &f->e));
    filling.seen = filling.waited = -1;
    f->s.max_lag_ms = 300;
    assert_went(f, up(f, counting(f, "size=10 pause=100ms max_lag=1h")));
    pg_close(filling.replica);
    filling.replica = NULL;
    assert_true(filling.waited >= 0 && filling.waited < 100);
    assert_sql(f, HOW_OFTEN, "1:100");
}

static void a_role_that_may_not_see_replicas(void **state)
{
    struct fixture *f = *state;

    make_rows(f, 100);
    sql(f, "DROP ROLE IF EXISTS tg_filler; CREATE ROLE tg_filler LOGIN;"
           "ALTER TABLE t OWNER TO tg_filler");
    sql(f, arena_printf(&f->a, "GRANT CREATE ON DATABASE %s TO tg_filler",
                        f->database));
    f->s.conninfo =
        pg_conninfo_with(&f->a, f->conninfo, "user", "tg_filler", &f->e);
    assert_false(up(f, counting(f, "size=10 max_lag=1s")));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_non_null(strstr(f->e.fix, "pg_monitor"));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_went(f, up(f, counting(f, "size=10")));
    assert_sql(f, HOW_OFTEN, "1:100");
    sql(f, "GRANT pg_monitor TO tg_filler");
    assert_went(f, down(f));
    assert_went(f, up(f, counting(f, "size=10 max_lag=1h")));
    sql(f, "DROP OWNED BY tg_filler CASCADE; DROP ROLE tg_filler");
}

static void a_signal_between_rows(void **state)
{
    struct fixture *f = *state;
    const struct migration *m;
    struct later l;

    make_rows(f, 100);
    sql(f, arena_printf(&f->a, "CREATE FUNCTION stop() RETURNS trigger LANGUAGE"
                               " plpgsql AS $$BEGIN PERFORM pg_sleep(0.05);"
                               " RETURN NULL; END $$;"
                               "CREATE TRIGGER stop AFTER UPDATE ON t EXECUTE"
                               " FUNCTION stop()"));
    m = counting(f, "size=1");
    later(f, &l, "SELECT count(*) > 3 FROM public.t WHERE n = 1", NULL);
    assert_false(up(f, m));
    later_end(&l);
    assert_int_equal(f->e.code, ERR_INTERRUPTED);
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    sql(f, "DROP TRIGGER stop ON t");
    assert_went(f, up(f, m));
    assert_sql(f, HOW_OFTEN, "1:100");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILLING(slow_rows_make_small_batches),
        FILLING(others_wait_behind_a_batch),
        FILLING(a_wait_for_a_row_is_no_slowness),
        FILLING(a_replica_that_is_behind),
        FILLING(a_role_that_may_not_see_replicas),
        FILLING(a_signal_between_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
