/* What no migration may hold: found wherever in a statement it stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/hazards/refusals.h"

#define CONTROL  "transaction control"
#define SETTING  "a setting that tidegate keeps"
#define TRIGGERS "disables triggers"
#define SERVER   "reaches outside"
#define OURS     "touches schema tidegate"
#define FINE     NULL

static const struct {
    const char *sql, *refused; /* FINE, or a part of the message */
    enum err_code code;
} rows[] = {
    /* transaction control */
    {"BEGIN", CONTROL, ERR_INPUT},
    {"START TRANSACTION", CONTROL, ERR_INPUT},
    {"COMMIT", CONTROL, ERR_INPUT},
    {"END", CONTROL, ERR_INPUT},
    {"ROLLBACK", CONTROL, ERR_INPUT},
    {"PREPARE TRANSACTION 'x'", CONTROL, ERR_INPUT},
    {"COMMIT PREPARED 'x'", CONTROL, ERR_INPUT},
    {"SELECT '; COMMIT;'", FINE, 0},
    {"SELECT $$; COMMIT;$$", FINE, 0},
    {"SELECT 1 /* ; /* COMMIT */ ; */", FINE, 0},
    {"SAVEPOINT s", FINE, 0},
    /* a DO block that commits: the server says no in a transaction */
    {"DO 'BEGIN COMMIT; END'", FINE, 0},
    /* settings */
    {"SET ROLE bob", SETTING, ERR_REFUSED},
    {"SET SESSION AUTHORIZATION bob", SETTING, ERR_REFUSED},
    {"SET search_path = evil", SETTING, ERR_REFUSED},
    {"SET LOCAL search_path = shop", FINE, 0},
    {"SET lock_timeout = 0", SETTING, ERR_REFUSED},
    {"SET LOCAL lock_timeout = 0", SETTING, ERR_REFUSED},
    {"SET statement_timeout = 0", SETTING, ERR_REFUSED},
    {"SET session_replication_role = replica", SETTING, ERR_REFUSED},
    {"SET LOCAL timezone = 'UTC'", FINE, 0},
    {"RESET ALL", SETTING, ERR_REFUSED},
    {"DISCARD ALL", SETTING, ERR_REFUSED},
    {"SELECT set_config('search_path', '', false)", SETTING, ERR_REFUSED},
    {"SELECT set_config('search_path', '', true)", FINE, 0},
    {"SELECT pg_catalog.set_config('role', 'bob', true)", SETTING, ERR_REFUSED},
    {"SELECT set_config('role'::text, 'bob', true)", SETTING, ERR_REFUSED},
    {"SELECT set_config('my.own', 'x', false)", FINE, 0},
    {"INSERT INTO t SELECT set_config('role', 'bob', false)", SETTING,
     ERR_REFUSED},
    {"UPDATE t SET a = set_config('lock_timeout', '0', false)", SETTING,
     ERR_REFUSED},
    {"DELETE FROM t WHERE a = set_config('lock_timeout', '0', false)", SETTING,
     ERR_REFUSED},
    {"CALL p(set_config('role', 'bob', false))", SETTING, ERR_REFUSED},
    {"WITH x AS (SELECT set_config('role', 'bob', false)) SELECT 1", SETTING,
     ERR_REFUSED},
    {"CREATE VIEW v AS SELECT set_config('role', 'bob', false)", SETTING,
     ERR_REFUSED},
    {"DO 'BEGIN SET ROLE bob; END'", SETTING, ERR_REFUSED},
    {"DO 'BEGIN SET LOCAL lock_timeout = 0; END'", SETTING, ERR_REFUSED},
    {"DO $$ BEGIN IF true THEN SET role TO bob; END IF; END $$", SETTING,
     ERR_REFUSED},
    {"DO $$ BEGIN PERFORM set_config('role', 'bob', true); END $$", SETTING,
     ERR_REFUSED},
    {"DO $$ BEGIN EXECUTE 'SET ROLE bob'; END $$", SETTING, ERR_REFUSED},
    {"DO $$ BEGIN UPDATE users SET role = 'admin'; END $$", FINE, 0},
    {"DO $$ BEGIN UPDATE users SET a = 1, role = 'admin'; END $$", FINE, 0},
    {"UPDATE users SET role = 'admin'", FINE, 0},
    {"CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = '' "
     "AS 'SELECT 1'",
     FINE, 0},
    /* triggers */
    {"ALTER TABLE t DISABLE TRIGGER ALL", TRIGGERS, ERR_REFUSED},
    {"ALTER TABLE t DISABLE TRIGGER USER", TRIGGERS, ERR_REFUSED},
    {"ALTER TABLE t ADD a int, DISABLE TRIGGER x", TRIGGERS, ERR_REFUSED},
    {"DO 'BEGIN ALTER TABLE t DISABLE TRIGGER ALL; END'", TRIGGERS,
     ERR_REFUSED},
    {"DO $$ BEGIN EXECUTE format('ALTER TABLE %I disable  trigger x', t); "
     "END $$",
     TRIGGERS, ERR_REFUSED},
    {"ALTER TABLE t ENABLE TRIGGER ALL", FINE, 0},
    {"DROP DATABASE shop", "drops a database", ERR_REFUSED},
    /* the server, and other servers */
    {"COPY t FROM PROGRAM 'cat /etc/passwd'", SERVER, ERR_REFUSED},
    {"COPY t TO PROGRAM 'sh'", SERVER, ERR_REFUSED},
    {"COPY t FROM '/etc/passwd'", SERVER, ERR_REFUSED},
    {"COPY (SELECT 1) TO '/tmp/x'", SERVER, ERR_REFUSED},
    {"LOAD 'x'", SERVER, ERR_REFUSED},
    {"SELECT pg_read_file('/etc/passwd')", SERVER, ERR_REFUSED},
    {"SELECT pg_catalog.pg_read_binary_file('x')", SERVER, ERR_REFUSED},
    {"SELECT * FROM pg_ls_dir('.')", SERVER, ERR_REFUSED},
    {"SELECT * FROM pg_ls_logdir()", SERVER, ERR_REFUSED},
    {"SELECT lo_import('/etc/passwd')", SERVER, ERR_REFUSED},
    {"SELECT dblink_connect('x')", SERVER, ERR_REFUSED},
    {"SELECT * FROM shop.dblink('x', 'SELECT 1') AS t(a int)", SERVER,
     ERR_REFUSED},
    {"SELECT postgres_fdw_disconnect_all()", SERVER, ERR_REFUSED},
    {"INSERT INTO t SELECT pg_read_file('x')", SERVER, ERR_REFUSED},
    {"UPDATE t SET a = pg_read_file('x')", SERVER, ERR_REFUSED},
    {"DELETE FROM t WHERE a = pg_read_file('x')", SERVER, ERR_REFUSED},
    {"MERGE INTO t USING dblink('x', 'y') AS s(a int) ON t.a = s.a "
     "WHEN MATCHED THEN DO NOTHING",
     SERVER, ERR_REFUSED},
    {"CALL p(pg_read_file('x'))", SERVER, ERR_REFUSED},
    {"CREATE TABLE n AS SELECT pg_read_file('x')", SERVER, ERR_REFUSED},
    {"CREATE VIEW v AS SELECT pg_read_file('x')", SERVER, ERR_REFUSED},
    {"CREATE MATERIALIZED VIEW v AS SELECT * FROM dblink('x', 'y') AS d(a int)",
     SERVER, ERR_REFUSED},
    {"CREATE TABLE n (a text DEFAULT pg_read_file('x'))", SERVER, ERR_REFUSED},
    {"ALTER TABLE t ADD a text DEFAULT pg_read_file('x')", SERVER, ERR_REFUSED},
    {"ALTER TABLE t ALTER a SET DEFAULT lo_import('x')", SERVER, ERR_REFUSED},
    {"ALTER TABLE t ADD CHECK (pg_stat_file('x') IS NULL)", SERVER,
     ERR_REFUSED},
    {"CREATE INDEX i ON t (pg_read_file(a))", SERVER, ERR_REFUSED},
    {"CREATE INDEX i ON t (a) WHERE pg_read_file(a) IS NULL", SERVER,
     ERR_REFUSED},
    {"CREATE POLICY p ON t USING (pg_read_file('x') = a)", SERVER, ERR_REFUSED},
    {"CREATE RULE r AS ON INSERT TO t DO ALSO SELECT pg_read_file('x')", SERVER,
     ERR_REFUSED},
    {"EXPLAIN ANALYZE SELECT pg_read_file('x')", SERVER, ERR_REFUSED},
    {"CREATE FOREIGN TABLE n (a text) SERVER s OPTIONS (program 'sh')", SERVER,
     ERR_REFUSED},
    {"CREATE FOREIGN TABLE n (a text) SERVER s OPTIONS (table_name 'x')", FINE,
     0},
    {"DO 'BEGIN PERFORM pg_read_file(''x''); END'", SERVER, ERR_REFUSED},
    {"DO $$ BEGIN PERFORM \"dblink\"('x'); END $$", SERVER, ERR_REFUSED},
    {"DO $$ BEGIN COPY t FROM PROGRAM 'sh'; END $$", SERVER, ERR_REFUSED},
    {"DO $$ BEGIN COPY t TO '/tmp/x'; END $$", SERVER, ERR_REFUSED},
    {"DO $$ BEGIN EXECUTE 'COPY t FROM PROGRAM ''sh'''; END $$", SERVER,
     ERR_REFUSED},
    {"DO $d$ BEGIN EXECUTE $q$COPY t FROM PROGRAM $p$sh$p$ $q$; END $d$",
     SERVER, ERR_REFUSED},
    {"DO $$ BEGIN -- no pg_read_file here\n PERFORM 1; END $$", FINE, 0},
    {"DO $$ BEGIN RAISE NOTICE 'copy of the program'; END $$", FINE, 0},
    {"CREATE FUNCTION f() RETURNS text LANGUAGE sql AS "
     "'SELECT pg_read_file(''x'')'",
     FINE, 0},
    /* our own schema */
    {"DROP SCHEMA tidegate CASCADE", OURS, ERR_INPUT},
    {"DELETE FROM tidegate.applied", OURS, ERR_INPUT},
    {"SELECT tidegate.f()", OURS, ERR_INPUT},
    {"CREATE VIEW v AS SELECT * FROM tidegate.applied", OURS, ERR_INPUT},
    {"ALTER TABLE tidegate.applied RENAME TO x", OURS, ERR_INPUT},
    {"GRANT ALL ON SCHEMA tidegate TO bob", OURS, ERR_INPUT},
    {"ALTER SCHEMA shop RENAME TO tidegate", FINE, 0},
    {"DO 'BEGIN DELETE FROM tidegate.applied; END'", OURS, ERR_INPUT},
    {"DO $$ BEGIN EXECUTE 'DELETE FROM \"tidegate\".applied'; END $$", OURS,
     ERR_INPUT},
    {"CREATE TABLE tidegate (a int)", FINE, 0},
};

static void each_is_refused_or_not(void **state)
{
    struct arena a;
    int wrong = 0;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct parse_failure failure;
        struct parsed p;
        struct err e = {0};
        bool fine;
        if (!parser_parse(&a, rows[i].sql, &p, &failure))
            fail_msg("%s: %s", rows[i].sql, failure.message);
        fine =
            refusals_allow(&a, p.list[0].tree, rows[i].sql, 0, "x.sql:1", &e);
        if (fine == !rows[i].refused &&
            (fine ||
             (strstr(e.what, rows[i].refused) && e.code == rows[i].code &&
              strstr(e.what, "x.sql:1: ") && *e.why && *e.fix)))
            continue;
        wrong++;
        print_error("%s: %s\n", rows[i].sql, fine ? "allowed" : e.what);
    }
    arena_release(&a);
    assert_int_equal(wrong, 0);
}

/* What a policy allows, and no more. */
static void a_policy_may_allow_it(void **state)
{
    static const struct {
        const char *sql;
        unsigned allowed;
        bool fine;
    } kinds[] = {
        {"SET ROLE bob", REFUSES_SETTINGS, true},
        {"SET ROLE bob", REFUSES_ALL & ~REFUSES_SETTINGS, false},
        {"RESET ALL", REFUSES_ALL, false},
        {"DISCARD ALL", REFUSES_ALL, false},
        {"ALTER TABLE t DISABLE TRIGGER x", REFUSES_TRIGGERS, true},
        {"ALTER TABLE t DISABLE TRIGGER x", REFUSES_SETTINGS, false},
        {"COPY t FROM PROGRAM 'x'", REFUSES_SERVER, true},
        {"COPY t FROM PROGRAM 'x'", REFUSES_DATABASES, false},
        {"DROP DATABASE d", REFUSES_DATABASES, true},
        {"DROP DATABASE d", REFUSES_SERVER, false},
        {"DO 'BEGIN SET ROLE bob; PERFORM pg_read_file(''x''); END'",
         REFUSES_SERVER, false},
        {"DO 'BEGIN SET ROLE bob; PERFORM pg_read_file(''x''); END'",
         REFUSES_SERVER | REFUSES_SETTINGS, true},
        {"SELECT tidegate.f()", REFUSES_ALL, false},
        {"COMMIT", REFUSES_ALL, false},
    };
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct parse_failure failure;
        struct parsed p;
        struct err e = {0};
        bool fine;
        assert_true(parser_parse(&a, kinds[i].sql, &p, &failure));
        fine = refusals_allow(&a, p.list[0].tree, kinds[i].sql,
                              kinds[i].allowed, "x.sql:1", &e);
        if (fine != kinds[i].fine)
            fail_msg("%s: %s", kinds[i].sql, fine ? "allowed" : e.what);
    }
    arena_release(&a);
}

/* Outside of any transaction, or not. */
static void some_statements_run_alone(void **state)
{
    static const struct {
        const char *sql;
        bool alone;
    } kinds[] = {
        {"CREATE INDEX CONCURRENTLY i ON t (a)", true},
        {"CREATE INDEX i ON t (a)", false},
        {"DROP INDEX CONCURRENTLY i", true},
        {"DROP INDEX i", false},
        {"REINDEX INDEX CONCURRENTLY i", true},
        {"REINDEX TABLE t", false},
        {"REINDEX DATABASE d", true},
        {"REINDEX SYSTEM d", true},
        {"VACUUM t", true},
        {"ANALYZE t", false},
        {"CLUSTER", true},
        {"CLUSTER t USING i", false},
        {"ALTER SYSTEM SET a = 1", true},
        {"CREATE DATABASE d", true},
        {"DROP DATABASE d", true},
        {"ALTER DATABASE d SET TABLESPACE x", true},
        {"CREATE TABLESPACE x LOCATION '/x'", true},
        {"DROP TABLESPACE x", true},
        {"CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p", true},
        {"CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH "
         "(create_slot = false)",
         false},
        {"DROP SUBSCRIPTION s", true},
        {"ALTER TABLE t DETACH PARTITION p CONCURRENTLY", true},
        {"ALTER TABLE t DETACH PARTITION p", false},
        {"REFRESH MATERIALIZED VIEW CONCURRENTLY v", false},
    };
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct parse_failure failure;
        struct parsed p;
        assert_true(parser_parse(&a, kinds[i].sql, &p, &failure));
        if (refusals_alone(&a, p.list[0].tree, kinds[i].sql) != kinds[i].alone)
            fail_msg("%s", kinds[i].sql);
    }
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_refused_or_not),
        cmocka_unit_test(a_policy_may_allow_it),
        cmocka_unit_test(some_statements_run_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
