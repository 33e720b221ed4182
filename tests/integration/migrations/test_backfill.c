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

#include "migrations/read/batch.h"
#include "runner/base/embedded.h"
#include "tests/integration/migrations/filling.h"
#include "tests/integration/migrations/proxy.h"

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
    {"CREATE TABLE t (id int PRIMARY KEY, n int);"
     " CREATE TABLE t2 (PRIMARY KEY (id)) INHERITS (t);"
     " INSERT INTO t VALUES (1, 0); INSERT INTO t2 VALUES (1, 0)",
     "inherit"},
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

/* ONLY of a partitioned table has no rows; of a plain one, all. */
static const struct {
    const char *statement, *table; /* NULL: it goes */
} onlies[] = {
    {"UPDATE ONLY t SET n = 1 WHERE id BETWEEN $1 AND $2", "ONLY t "},
    {"DELETE FROM ONLY t WHERE id BETWEEN $1 AND $2", "ONLY t "},
    {"INSERT INTO o SELECT id FROM ONLY t WHERE id BETWEEN $1 AND $2",
     "ONLY t "},
    {"UPDATE ONLY \"P\" p SET n = 1 FROM t WHERE p.id = t.id AND"
     " t.id BETWEEN $1 AND $2",
     "ONLY \"P\" "},
    {"UPDATE t SET n = 1 FROM ONLY t1 WHERE t1.id = t.id AND"
     " t.id BETWEEN $1 AND $2",
     NULL},
};

static void only_of_a_partitioned_table(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof onlies / sizeof *onlies; i++) {
        const char *text = arena_printf(
            &f->a, "-- tidegate: batch=t key=id\n%s", onlies[i].statement);
        sql(f, "DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
               " CREATE TABLE t (id int PRIMARY KEY, n int) PARTITION BY"
               " RANGE (id); CREATE TABLE t1 PARTITION OF t DEFAULT;"
               " CREATE TABLE \"P\" (LIKE t) PARTITION BY RANGE (id);"
               " CREATE TABLE o (id int); INSERT INTO t VALUES (1, 0)");
        if (!onlies[i].table) {
            assert_went(f, up(f, two(f, text, "")));
            assert_sql(f, "SELECT n FROM t", "1");
            continue;
        }
        assert_false(up(f, two(f, text, "")));
        if (!strstr(f->e.what, onlies[i].table))
            print_message("%s: %s\n", onlies[i].statement, f->e.what);
        assert_non_null(strstr(f->e.what, onlies[i].table));
        assert_non_null(strstr(f->e.why, "partitioned"));
        assert_true(*f->e.fix);
        assert_int_equal(f->e.code, ERR_INPUT);
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
    filling.left = 3;
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
    filling.left = 3;
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
    filling.left = 6;
    assert_false(up(f, m));
    assert_sql(f, HOW_OFTEN, "0:40 1:60");
    filling.left = 2;
    assert_false(down(f));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_sql(f, HOW_OFTEN, "0:60 1:40");
    assert_sql(f, "SELECT last || ' ' || rows FROM tidegate.backfill",
               "120 40");
    /* on again, from there */
    filling.left = 1;
    assert_false(up(f, m));
    assert_sql(f, HOW_OFTEN, "0:50 1:50");
    assert_went(f, down(f));
    assert_sql(f, HOW_OFTEN, "0:100");
    assert_sql(f, "SELECT count(*) FROM tidegate.backfill", "0");
    assert_went(f, up(f, m));
    /* of a whole one, too: it is applied no more once its down began */
    filling.left = 4;
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
    filling.left = 6;
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
    filling.left = 3;
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

/* ---- who writes to it meanwhile ---- */

/* One that had written rows before it began is waited for: they are done too,
 * below and above the highest key that was seen then. */
static void an_open_transaction_is_waited_for(void **state)
{
    struct fixture *f = *state;
    struct heard h = {0};
    struct later l;

    make_rows(f, 100);
    later_flag(f, &l, &h.enough, "COMMIT");
    run_on(f, l.pg, "BEGIN");
    run_on(f, l.pg, "INSERT INTO public.t VALUES (4, 0), (1000, 0)");
    f->s.retry_for_ms = 300;
    assert_false(up(f, counting(f, "size=10")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_int_equal(f->e.code, ERR_HELD);
    assert_non_null(
        strstr(f->e.why, arena_printf(&f->a, "pid %d", pg_backend_pid(l.pg))));
    assert_complete(&f->e);
    assert_sql(f, "SELECT count(*) FROM tidegate.backfill", "0");
    f->s.retry_for_ms = 0;
    hear(f, &h, "waits for those that write to it: pid", 1);
    assert_went(f, up(f, counting(f, "size=10")));
    later_end(&l);
    assert_sql(f, HOW_OFTEN, "1:102");
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
        FILLING(every_type_of_key),
        FILLING(keys_that_will_not_do),
        FILLING(tables_of_all_sizes),
        FILLING(an_insert_from_a_partitioned_table),
        FILLING(only_of_a_partitioned_table),
        FILLING(paused_and_resumed),
        FILLING(another_text_is_refused),
        FILLING(back_from_the_checkpoint),
        FILLING(an_ordinary_down_wants_it_whole),
        FILLING(a_down_in_batches_of_an_ordinary_up),
        FILLING(a_batch_that_fails),
        FILLING(the_first_batch_fails),
        FILLING(leave_our_tables_alone),
        FILLING(another_run_takes_over),
        FILLING(an_open_transaction_is_waited_for),
        FILLING(the_first_commit_is_unknown),
        FILLING(a_down_whose_begin_is_lost_is_unknown),
        FILLING(the_last_commit_is_unknown),
        FILLING(killed_at_every_moment),
        FILLING(an_older_schema_is_upgraded),
    };

    if (argc == 3 && strcmp(argv[1], "child") == 0)
        return child(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
