/* Backfills on a real server: every row once, in whatever order batches end.
 * Each test has a database of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/read/batch.h"
#include "runner/base/embedded.h"
#include "tests/integration/migrations/filling.h"

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

int main(void)
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
        FILLING(an_open_transaction_is_waited_for),
        FILLING(an_older_schema_is_upgraded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
