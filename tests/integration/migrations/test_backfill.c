/* Backfills on a real server: every row once, in whatever order batches end.
 * Each test has a database of its own. */
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

#include "migrations/apply.h"
#include "migrations/batch.h"
#include "runner/base/embedded.h"

struct fixture {
    struct loop *loop;
    struct arena a;
    struct pg *root, *pg; /* of the cluster, of the test's database */
    const char *database, *conninfo;
    struct migrations m;
    struct apply_settings s;
    struct apply_result r;
    struct err e;
    int left; /* batches that outside still lets begin; -1: all */
    /* A replica whose replay is stopped: it goes on once nothing is done
     * between two asks; waited: how many rows were, then. */
    struct pg *replica;
    long seen, waited;
};

static const char *server(void)
{
    const char *text = getenv("TIDEGATE_TEST_PG");

    assert_non_null(text);
    return text;
}

static const char *value(struct fixture *f, const char *query);

static void look_at_replica(struct fixture *f)
{
    struct pg_result r;
    long done =
        strtol(value(f, "SELECT count(*) FROM t WHERE n = 1"), NULL, 10);

    if (done == f->seen && f->waited < 0) {
        f->waited = done;
        assert_true(pg_run(f->replica, &f->a, "SELECT pg_wal_replay_resume()",
                           &r, &f->e));
    }
    f->seen = done;
}

static bool may_go_on(void *ctx, struct err *e)
{
    struct fixture *f = ctx;

    if (f->replica)
        look_at_replica(f);
    if (f->left < 0 || f->left-- > 0)
        return true;
    f->left = -1;
    err_what(e, ERR_HELD, "the window is closed");
    err_why(e, "it opens tomorrow");
    return err_fix(e, "wait");
}

static int setup(void **state)
{
    static int count;
    struct fixture *f = calloc(1, sizeof *f);
    struct pg_result r;

    f->loop = loop_open();
    arena_init(&f->a);
    f->root = pg_open(f->loop, server(), "test", 0, &f->e);
    f->database = arena_printf(&f->a, "backfill_%d_%d", (int)getpid(), ++count);
    if (!f->root ||
        !pg_run(f->root, &f->a,
                arena_printf(&f->a, "CREATE DATABASE %s", f->database), &r,
                &f->e)) {
        err_print(&f->e, stderr);
        return 1;
    }
    f->conninfo =
        pg_conninfo_with(&f->a, server(), "dbname", f->database, &f->e);
    f->pg = pg_open(f->loop, f->conninfo, "test", 0, &f->e);
    pg_run(f->pg, &f->a, "SET search_path = public", &r, &f->e);
    f->left = -1;
    f->s = (struct apply_settings){.conninfo = f->conninfo,
                                   .run = "r1",
                                   .release = "v1",
                                   .ledger = "ledger-1",
                                   .epoch = 1,
                                   .outside = {f, NULL, may_go_on}};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct pg_result r;

    pg_close(f->pg);
    pg_run(f->root, &f->a,
           arena_printf(&f->a, "DROP DATABASE %s WITH (FORCE)", f->database),
           &r, &f->e);
    pg_close(f->root);
    arena_release(&f->a);
    loop_close(f->loop);
    free(f);
    return 0;
}

/* ---- words of the tests ---- */

static void sql(struct fixture *f, const char *text)
{
    struct pg_result r;

    if (!pg_run(f->pg, &f->a, text, &r, &f->e)) {
        err_print(&f->e, stderr);
        fail_msg("%s", text);
    }
}

static const char *value(struct fixture *f, const char *query)
{
    struct pg_result r;

    if (!pg_query(f->pg, &f->a, query, NULL, 0, &r, &f->e)) {
        err_print(&f->e, stderr);
        fail_msg("%s", query);
    }
    return r.rows && r.cell[0][0] ? r.cell[0][0] : "";
}

#define assert_sql(f, query, want) assert_string_equal(value(f, query), want)

static const struct migration *two(struct fixture *f, const char *up,
                                   const char *down)
{
    struct sql_file list[] = {{"0001_a.up.sql", up, strlen(up)},
                              {"0001_a.down.sql", down, strlen(down)}};

    if (!migrations_read(&f->m, &f->a, "auto", list, *down ? 2 : 1, &f->e)) {
        err_print(&f->e, stderr);
        fail_msg("the files cannot be read");
    }
    return &f->m.list[0];
}

/* Rows count how often they were done. */
static const struct migration *counting(struct fixture *f, const char *words)
{
    return two(f,
               arena_printf(&f->a,
                            "-- tidegate: batch=t key=id %s\n"
                            "UPDATE t SET n = n + 1 WHERE id BETWEEN $1 AND $2",
                            words),
               arena_printf(&f->a,
                            "-- tidegate: batch=t key=id %s\n"
                            "UPDATE t SET n = n - 1 WHERE id BETWEEN $1 AND $2",
                            words));
}

static void make_rows(struct fixture *f, int n)
{
    sql(f, arena_printf(&f->a,
                        "CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL"
                        " DEFAULT 0); INSERT INTO t SELECT 3 * i FROM"
                        " generate_series(1, %d) i; ANALYZE t",
                        n));
}

static struct apply *opened(struct fixture *f)
{
    struct apply *ap = apply_open(f->loop, &f->a, &f->s, NULL, &f->e);

    if (!ap) {
        err_print(&f->e, stderr);
        fail_msg("apply_open");
    }
    return ap;
}

static bool up(struct fixture *f, const struct migration *m)
{
    struct apply *ap = opened(f);
    bool ok;

    err_clear(&f->e);
    ok = apply_up(ap, m, NULL, &f->r, &f->e);
    apply_close(ap);
    return ok;
}

static const struct applied_row *row_of(const struct applied *applied)
{
    const struct backfill_row *half = applied_backfill(applied, "0001_a");

    return half ? &half->row : applied_find(applied, "0001_a");
}

static bool down(struct fixture *f)
{
    struct applied applied;
    struct apply *ap = opened(f);
    bool ok;

    err_clear(&f->e);
    assert_true(applied_read(f->pg, &f->a, &applied, &f->e));
    assert_non_null(row_of(&applied));
    ok = apply_down(ap, row_of(&applied), NULL, &f->r, &f->e);
    apply_close(ap);
    return ok;
}

static void assert_went(struct fixture *f, bool ok)
{
    if (!ok)
        err_print(&f->e, stderr);
    assert_true(ok);
    assert_int_equal(f->r.outcome, APPLY_DONE);
}

#define HOW_OFTEN                                      \
    "SELECT string_agg(n || ':' || c, ' ' ORDER BY n)" \
    " FROM (SELECT n, count(*) AS c FROM t GROUP BY n) x"

/* ---- tests ---- */

static const struct {
    const char *type, *keys, *setting;
} key_types[] = {
    {"int", "i", ""},
    {"smallint", "i", ""},
    {"bigint", "9007199254740993 + i", ""},
    {"numeric", "i / 7.0", ""},
    {"text", "'k''\\' || i", ""},
    {"text COLLATE \"C\"", "chr(300 + i) || E'\\n\"x'", ""},
    {"varchar(40)", "md5(i::text)", ""},
    {"char(12)", "'a' || i || '  '", ""},
    {"uuid", "md5(i::text)::uuid", ""},
    {"date", "date '2026-01-01' + i", "datestyle = 'SQL, DMY'"},
    {"timestamp", "timestamp '2026-01-01' + i * interval '1.000001 h'",
     "datestyle = 'German'"},
    {"timestamptz", "timestamptz '2026-10-25' + i * interval '11.000003 s'",
     "timezone = 'Europe/Tallinn'"},
    {"price", "i", ""},
};

static void every_type_of_key(void **state)
{
    struct fixture *f = *state;

    sql(f, "CREATE DOMAIN public.price AS numeric");
    for (size_t i = 0; i < sizeof key_types / sizeof *key_types; i++) {
        const char *type = key_types[i].type;
        print_message("%s\n", type);
        sql(f, arena_printf(&f->a,
                            "DROP TABLE IF EXISTS t; CREATE TABLE t (id %s"
                            " PRIMARY KEY, n int NOT NULL DEFAULT 0);"
                            " INSERT INTO t SELECT %s FROM"
                            " generate_series(1, 103) i",
                            type, key_types[i].keys));
        if (*key_types[i].setting)
            sql(f, arena_printf(&f->a, "ALTER DATABASE %s SET %s", f->database,
                                key_types[i].setting));
        assert_went(f, up(f, counting(f, "size=10")));
        assert_sql(f, HOW_OFTEN, "1:103");
        assert_sql(f, "SELECT batches || ' ' || rows FROM tidegate.backfill",
                   "11 103");
        assert_went(f, down(f));
        assert_sql(f, HOW_OFTEN, "0:103");
        assert_sql(f, "SELECT count(*) FROM tidegate.backfill", "0");
        assert_sql(f, "SELECT count(*) FROM tidegate.migration", "0");
    }
}

static const struct {
    const char *table, *why;
} bad_keys[] = {
    {"CREATE TABLE t (id int UNIQUE, n int)", "NULL"},
    {"CREATE TABLE t (id int NOT NULL, n int)", "no valid unique index"},
    {"CREATE TABLE t (id int NOT NULL, n int); CREATE INDEX ON t (id)",
     "no valid unique index"},
    {"CREATE TABLE t (id int NOT NULL, n int);"
     " CREATE UNIQUE INDEX ON t (id) WHERE n > 0",
     "no valid unique index"},
    {"CREATE TABLE t (id int NOT NULL, n int, PRIMARY KEY (id, n))",
     "together with"},
    {"CREATE TABLE t (id int NOT NULL, n int, PRIMARY KEY (n, id))",
     "no valid unique index"},
    {"CREATE TABLE t (id bytea PRIMARY KEY, n int)", "type bytea"},
    {"CREATE TABLE s (id int PRIMARY KEY, n int);"
     " CREATE VIEW t AS SELECT * FROM s",
     "no table"},
    {"CREATE TABLE t (no int PRIMARY KEY, n int)", "no such"},
    {"SELECT 1", "no such"},
};

static void keys_that_will_not_do(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof bad_keys / sizeof *bad_keys; i++) {
        sql(f, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
        sql(f, bad_keys[i].table);
        assert_false(up(f, counting(f, "")));
        if (!strstr(f->e.why, bad_keys[i].why))
            print_message("%s: %s\n", bad_keys[i].table, f->e.why);
        assert_non_null(strstr(f->e.why, bad_keys[i].why));
        assert_true(*f->e.what && *f->e.fix);
        assert_int_equal(f->e.code, ERR_INPUT);
        assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
        assert_sql(f, "SELECT count(*) FROM tidegate.backfill", "0");
    }
}

static void tables_of_all_sizes(void **state)
{
    static const int sizes[] = {0, 1, 9, 10, 11, 20};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        sql(f, "DROP TABLE IF EXISTS t");
        make_rows(f, sizes[i]);
        assert_went(f, up(f, counting(f, "size=10")));
        assert_sql(f, "SELECT count(*) FROM t WHERE n <> 1", "0");
        assert_went(f, down(f));
        assert_sql(f, "SELECT count(*) FROM t WHERE n <> 0", "0");
        assert_sql(f, "SELECT count(*) FROM tidegate.backfill", "0");
    }
}

/* An INSERT ... SELECT, by a key with a name that wants quotes, of a
 * partitioned table in another schema. */
static void an_insert_from_a_partitioned_table(void **state)
{
    struct fixture *f = *state;

    sql(f, "CREATE SCHEMA \"S\"; CREATE TABLE \"S\".t (\"Id\" int PRIMARY KEY)"
           " PARTITION BY RANGE (\"Id\");"
           " CREATE TABLE \"S\".a PARTITION OF \"S\".t FOR VALUES FROM (0) TO"
           " (50); CREATE TABLE \"S\".b PARTITION OF \"S\".t FOR VALUES FROM"
           " (50) TO (500); INSERT INTO \"S\".t SELECT generate_series(1, 99);"
           " CREATE TABLE old (id int)");
    assert_went(f, up(f, two(f,
                             "-- tidegate: batch=\"S\".t key=\"Id\" size=7\n"
                             "INSERT INTO old SELECT \"Id\" FROM \"S\".t"
                             " WHERE \"Id\" BETWEEN $1 AND $2",
                             "-- tidegate: batch=old key=id\n"
                             "DELETE FROM old WHERE id BETWEEN $1 AND $2")));
    assert_sql(f, "SELECT count(*) || ' ' || count(DISTINCT id) FROM old",
               "99 99");
    /* the down's key is another: it goes over all there is */
    assert_false(down(f));
    assert_non_null(strstr(f->e.why, "NULL"));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    sql(f, "ALTER TABLE old ADD PRIMARY KEY (id)");
    assert_went(f, down(f));
    assert_sql(f, "SELECT count(*) FROM old", "0");
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "0");
}

static void paused_and_resumed(void **state)
{
    struct fixture *f = *state;
    const struct migration *m;
    struct applied applied;
    const struct backfill_row *half;

    make_rows(f, 100);
    m = counting(f, "size=10");
    f->left = 3;
    assert_false(up(f, m));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_int_equal(f->e.code, ERR_HELD);
    assert_non_null(strstr(f->e.what, "30 of about 100 rows, up to key 90"));
    assert_non_null(strstr(f->e.why, "the window is closed"));
    assert_sql(f, HOW_OFTEN, "0:70 1:30");
    assert_true(applied_read(f->pg, &f->a, &applied, &f->e));
    assert_int_equal(applied.n, 0);
    half = applied_backfill(&applied, "0001_a");
    assert_non_null(half);
    assert_string_equal(half->last, "90");
    assert_int_equal(half->rows, 30);
    assert_false(half->undoing);
    /* what comes later is not its business; nor are rows that went */
    sql(f, "INSERT INTO t VALUES (100000); DELETE FROM t WHERE id IN (90, 93)");
    f->s.run = "r2";
    f->s.epoch = 2;
    assert_went(f, up(f, m));
    assert_sql(f, HOW_OFTEN, "0:1 1:98");
    assert_sql(f, "SELECT release || run FROM tidegate.migration", "v1r2");
    assert_true(up(f, m));
    assert_true(f->r.already);
}

static void another_text_is_refused(void **state)
{
    struct fixture *f = *state;

    make_rows(f, 100);
    f->left = 3;
    assert_false(up(f, counting(f, "size=10")));
    assert_false(up(f, counting(f, "size=11")));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_non_null(strstr(f->e.why, "digest"));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_sql(f, HOW_OFTEN, "0:70 1:30");
}

static void back_from_the_checkpoint(void **state)
{
    struct fixture *f = *state;
    const struct migration *m;

    make_rows(f, 100);
    m = counting(f, "size=10");
    f->left = 6;
    assert_false(up(f, m));
    assert_sql(f, HOW_OFTEN, "0:40 1:60");
    f->left = 2;
    assert_false(down(f));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_sql(f, HOW_OFTEN, "0:60 1:40");
    assert_sql(f, "SELECT last || ' ' || rows FROM tidegate.backfill",
               "120 40");
    /* on again, from there */
    f->left = 1;
    assert_false(up(f, m));
    assert_sql(f, HOW_OFTEN, "0:50 1:50");
    assert_went(f, down(f));
    assert_sql(f, HOW_OFTEN, "0:100");
    assert_sql(f, "SELECT count(*) FROM tidegate.backfill", "0");
    assert_went(f, up(f, m));
    /* of a whole one, too: it is applied no more once its down began */
    f->left = 4;
    assert_false(down(f));
    assert_sql(f, HOW_OFTEN, "0:40 1:60");
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "0");
    assert_went(f, up(f, m));
    assert_sql(f, HOW_OFTEN, "1:100");
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "1");
}

static void an_ordinary_down_wants_it_whole(void **state)
{
    struct fixture *f = *state;
    const struct migration *m;

    make_rows(f, 100);
    m = two(f,
            "-- tidegate: batch=t key=id size=10\n"
            "UPDATE t SET n = n + 1 WHERE id BETWEEN $1 AND $2",
            "UPDATE t SET n = n - 1");
    f->left = 6;
    assert_false(up(f, m));
    assert_false(down(f));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_sql(f, HOW_OFTEN, "0:40 1:60");
    assert_went(f, up(f, m));
    assert_went(f, down(f));
    assert_sql(f, HOW_OFTEN, "0:100");
    assert_sql(f, "SELECT count(*) FROM tidegate.backfill", "0");
}

static void a_down_in_batches_of_an_ordinary_up(void **state)
{
    struct fixture *f = *state;
    const struct migration *m;

    make_rows(f, 100);
    m = two(f, "UPDATE t SET n = n + 1",
            "-- tidegate: batch=t key=id size=10\n"
            "UPDATE t SET n = n - 1 WHERE id BETWEEN $1 AND $2");
    assert_went(f, up(f, m));
    f->left = 3;
    assert_false(down(f));
    assert_sql(f, HOW_OFTEN, "0:30 1:70");
    assert_false(up(f, m));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_sql(f, HOW_OFTEN, "0:30 1:70");
    assert_went(f, down(f));
    assert_sql(f, HOW_OFTEN, "0:100");
}

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

/* Does something once, when a condition on the server holds, from within the
 * loop, while apply_up runs it. */
struct later {
    struct source s;
    struct fixture *f;
    struct pg *pg;          /* asks, then does */
    const char *when, *run; /* run NULL: raise(SIGTERM) */
    bool done;
};

static void later_step(struct source *s, short revents, int64_t now)
{
    struct later *l = s->ctx;
    struct pg_result r;

    (void)revents;
    s->deadline = now + 10;
    if (pg_busy(l->pg))
        return;
    if (pg_transaction(l->pg) != PG_LOST && l->s.events) {
        l->s.events = 0;
        if (pg_take(l->pg, &l->f->a, &r, &l->f->e) && r.rows &&
            strcmp(r.cell[0][0], "t") == 0) {
            s->deadline = CLOCK_NEVER;
            l->done = true;
            if (l->run)
                pg_send_run(l->pg, l->run, &l->f->e);
            else
                raise(SIGTERM);
            return;
        }
    }
    l->s.events = 1; /* asked; no descriptor, so poll does not look */
    pg_send(l->pg, l->when, &l->f->e);
}

static void later(struct fixture *f, struct later *l, const char *when,
                  const char *run)
{
    *l = (struct later){.f = f, .when = when, .run = run};
    l->pg = pg_open(f->loop, f->conninfo, "later", 0, &f->e);
    l->s =
        (struct source){.fd = -1, .deadline = 0, .step = later_step, .ctx = l};
    loop_add(f->loop, &l->s);
}

static void later_end(struct later *l)
{
    struct pg_result r;
    struct err e;

    loop_remove(l->f->loop, &l->s);
    while (pg_busy(l->pg))
        loop_turn(l->f->loop, CLOCK_NEVER);
    if (l->done && l->run)
        pg_take(l->pg, &l->f->a, &r, &e);
    pg_close(l->pg);
    assert_true(l->done);
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
          " 'tidegate:r1:0001_a' AND query LIKE 'UPDATE t%' AND"
          " wait_event = 'PgSleep'",
          "UPDATE public.t SET n = n WHERE id = 3");
    assert_went(f, up(f, counting(f, "size=100")));
    later_end(&l);
    assert_true(f->r.retries > 0);
    assert_sql(f, HOW_OFTEN, "1:100");
    assert_sql(f, "SELECT batches > 3 FROM tidegate.backfill", "t");
}

static void a_replica_that_is_behind(void **state)
{
    struct fixture *f = *state;
    struct pg_result r;

    make_rows(f, 100);
    f->replica =
        pg_open(f->loop, getenv("TIDEGATE_TEST_REPLICA"), "test", 0, &f->e);
    assert_non_null(f->replica);
    assert_true(
        pg_run(f->replica, &f->a, "SELECT pg_wal_replay_pause()", &r, &f->e));
    f->seen = f->waited = -1;
    f->s.max_lag_ms = 300;
    assert_went(f, up(f, counting(f, "size=10 pause=100ms max_lag=1h")));
    pg_close(f->replica);
    f->replica = NULL;
    assert_true(f->waited >= 0 && f->waited < 100);
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

/* ---- killed ---- */

/* The runner that is killed: this program again, since failpoints are read
 * once. */
static int child(const char *way)
{
    struct fixture f = {.left = -1};
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
        execl("/proc/self/exe", "test_backfill", "child", way, NULL);
        _exit(4);
    }
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status))
        return true;
    assert_int_equal(WEXITSTATUS(status), 0);
    return false;
}

/* At every moment of an up, of a down, and of what goes on after them: no row
 * twice, none passed over. */
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

/* ---- a database of an earlier tidegate ---- */

static void an_older_schema_is_upgraded(void **state)
{
    struct fixture *f = *state;
    struct applied applied;

    sql(f, own_migrations[0].bytes);
    sql(f, "INSERT INTO tidegate.version (number) VALUES (1);"
           "INSERT INTO tidegate.migration (name, number, checksum, phase,"
           " release, run, up, down, ms) VALUES ('0000_old', 0, 'x', 'before',"
           " 'v0', 'r0', 'SELECT 1', 'SELECT 1', 5);"
           "INSERT INTO tidegate.fence (ledger, epoch, run)"
           " VALUES ('ledger-1', 1, 'r0')");
    assert_true(applied_read(f->pg, &f->a, &applied, &f->e));
    assert_int_equal(applied.n, 1);
    assert_int_equal(applied.backfills_n, 0);
    make_rows(f, 100);
    assert_went(f, up(f, counting(f, "size=10")));
    assert_sql(f, HOW_OFTEN, "1:100");
    assert_sql(f, "SELECT max(number) >= 2 FROM tidegate.version", "t");
    assert_sql(f,
               "SELECT string_agg(name || ' ' || release, ', ' ORDER BY"
               " number) FROM tidegate.migration",
               "0000_old v0, 0001_a v1");
    assert_went(f, down(f));
    assert_sql(f, "SELECT string_agg(name, ' ') FROM tidegate.migration",
               "0000_old");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_type_of_key, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_that_will_not_do, setup, teardown),
        cmocka_unit_test_setup_teardown(tables_of_all_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(an_insert_from_a_partitioned_table,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(paused_and_resumed, setup, teardown),
        cmocka_unit_test_setup_teardown(another_text_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(back_from_the_checkpoint, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_ordinary_down_wants_it_whole, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_down_in_batches_of_an_ordinary_up,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_that_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_batch_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(leave_our_tables_alone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(another_run_takes_over, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(slow_rows_make_small_batches, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(others_wait_behind_a_batch, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_replica_that_is_behind, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_role_that_may_not_see_replicas, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_signal_between_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(killed_at_every_moment, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_older_schema_is_upgraded, setup,
                                        teardown),
    };

    if (argc == 3 && strcmp(argv[1], "child") == 0)
        return child(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
