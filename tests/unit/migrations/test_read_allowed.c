/* What may stand in a migration, and what is known of it. */
#include "tests/unit/migrations/read.h"

static void refused_statements(void **state)
{
    static const struct {
        const char *text;
        enum err_code code;
    } refused[] = {
        {"BEGIN", ERR_INPUT},
        {"START TRANSACTION", ERR_INPUT},
        {"COMMIT", ERR_INPUT},
        {"END", ERR_INPUT},
        {"ROLLBACK", ERR_INPUT},
        {"ABORT", ERR_INPUT},
        {"PREPARE TRANSACTION 'x'", ERR_INPUT},
        {"COMMIT PREPARED 'x'", ERR_INPUT},
        {"/* ; */ SELECT $$;$$; COMMIT", ERR_INPUT},
        {"SET ROLE bob", ERR_REFUSED},
        {"SET LOCAL ROLE bob", ERR_REFUSED},
        {"SET SESSION AUTHORIZATION bob", ERR_REFUSED},
        {"SET search_path = evil", ERR_REFUSED},
        {"RESET search_path", ERR_REFUSED},
        {"RESET ALL", ERR_REFUSED},
        {"DISCARD ALL", ERR_REFUSED},
        {"SET lock_timeout = 0", ERR_REFUSED},
        {"SET LOCAL lock_timeout = 0", ERR_REFUSED},
        {"SET Statement_Timeout = 0", ERR_REFUSED},
        {"SET session_replication_role = replica", ERR_REFUSED},
        {"SELECT pg_catalog.set_config('search_path', 'x', false)",
         ERR_REFUSED},
        {"ALTER TABLE t DISABLE TRIGGER ALL", ERR_REFUSED},
        {"ALTER TABLE t ADD c int, DISABLE TRIGGER USER", ERR_REFUSED},
        {"DROP DATABASE shop", ERR_REFUSED},
        {"COPY t FROM PROGRAM 'id'", ERR_REFUSED},
        {"COPY t TO PROGRAM 'id'", ERR_REFUSED},
        {"COPY t FROM '/etc/passwd'", ERR_REFUSED},
        {"COPY t TO '/tmp/x'", ERR_REFUSED},
        {"SELECT pg_read_file('/etc/passwd')", ERR_REFUSED},
        {"INSERT INTO t SELECT pg_catalog.lo_import('/etc/passwd')",
         ERR_REFUSED},
        {"SELECT * FROM dblink('x', 'y') AS t(a int)", ERR_REFUSED},
        {"LOAD 'x'", ERR_REFUSED},
        {"INSERT INTO tidegate.migration VALUES (1)", ERR_INPUT},
        {"SELECT * FROM tidegate.fence", ERR_INPUT},
        {"DROP SCHEMA tidegate CASCADE", ERR_INPUT},
        {"DROP TABLE tidegate.migration", ERR_INPUT},
        {"ALTER TABLE tidegate.migration ADD x int", ERR_INPUT},
        {"CREATE SCHEMA tidegate", ERR_INPUT},
        {"ALTER SCHEMA tidegate RENAME TO x", ERR_INPUT},
        {"ALTER SCHEMA tidegate OWNER TO bob", ERR_INPUT},
        {"GRANT USAGE ON SCHEMA tidegate TO bob", ERR_INPUT},
        {"GRANT ALL ON ALL TABLES IN SCHEMA tidegate TO bob", ERR_INPUT},
        {"SELECT tidegate.f()", ERR_INPUT},
        {"CREATE FUNCTION tidegate.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
         ERR_INPUT},
        {"WITH x AS (DELETE FROM tidegate.migration RETURNING 1) SELECT 1",
         ERR_INPUT},
        {"ALTER TABLE t SET SCHEMA tidegate", ERR_INPUT},
        {"CREATE INDEX CONCURRENTLY ON t (a)", ERR_INPUT},
        {"SELECT 1; VACUUM t", ERR_INPUT},
        {"SELECT 1; ALTER SYSTEM SET work_mem = 1", ERR_INPUT},
        {"SELECT 1; CREATE DATABASE x", ERR_INPUT},
        {"SELECT 1; CREATE INDEX CONCURRENTLY i ON t (a)", ERR_INPUT},
        {"COPY t FROM stdin", ERR_INPUT},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (read_one(f, refused[i].text))
            fail_msg("allowed: %s", refused[i].text);
        if (f->e.code != refused[i].code)
            fail_msg("code %d: %s", f->e.code, refused[i].text);
        assert_non_null(strstr(f->e.what, "0001_a.up.sql:1"));
        assert_complete(&f->e);
    }
}

/* golang-migrate names its files as we do, and allows more. */
static void what_another_layout_allows_is_told(void **state)
{
    static const struct {
        const char *text;
        bool told;
    } files[] = {
        {"SET lock_timeout = '2s'; SELECT 1", true},
        {"SET search_path = shop", true},
        {"ALTER TABLE t DISABLE TRIGGER x; ALTER TABLE t ENABLE TRIGGER x",
         true},
        {"ALTER TABLE t DISABLE TRIGGER x", false},
        {"SET ROLE bob", false},
        {"DROP DATABASE shop", false},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_false(read_one(f, files[i].text));
        assert_int_equal(!strstr(f->e.fix, "layout = golang-migrate"),
                         !files[i].told);
    }
}

static void allowed_statements(void **state)
{
    static const char *const allowed[] = {
        "SAVEPOINT a; ROLLBACK TO a; RELEASE a",
        "SELECT 'COMMIT; tidegate.migration'",
        "DO $$ BEGIN NULL; END $$",
        "SET LOCAL search_path = public",
        "SELECT set_config('search_path', 'public', true)",
        "SET LOCAL timezone = 'UTC'",
        "SET client_min_messages = warning",
        "CREATE TABLE tidegate (a int)",
        "SELECT tidegate.a FROM tidegate",
        "COPY (SELECT 1) TO STDOUT",
        "ALTER TABLE t ENABLE TRIGGER ALL",
        "INSERT INTO t VALUES ('tidegate')",
        "COMMENT ON TABLE t IS 'tidegate'",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (!read_one(f, allowed[i]))
            fail_msg("refused: %s (%s)", allowed[i], f->e.what);
}

static void what_cannot_run_in_a_transaction_is_found(void **state)
{
    static const char *const alone[] = {
        "CREATE INDEX CONCURRENTLY i ON t (a)",
        "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)",
        "DROP INDEX CONCURRENTLY i",
        "REINDEX (CONCURRENTLY) TABLE t",
        "REINDEX INDEX CONCURRENTLY i",
        "REINDEX DATABASE shop",
        "VACUUM",
        "VACUUM (FULL) t",
        "CLUSTER",
        "CREATE DATABASE x",
        "ALTER DATABASE x SET TABLESPACE y",
        "ALTER SYSTEM SET work_mem = '1MB'",
        "CREATE TABLESPACE x LOCATION '/y'",
        "DROP TABLESPACE x",
        "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p",
        "DROP SUBSCRIPTION s",
        "ALTER SUBSCRIPTION s REFRESH PUBLICATION",
        "ALTER TABLE t DETACH PARTITION p CONCURRENTLY",
    };
    static const char *const together[] = {
        "CREATE INDEX i ON t (a)",
        "DROP INDEX i",
        "REINDEX TABLE t",
        "ANALYZE t",
        "CLUSTER t USING i",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
        "ALTER TYPE e ADD VALUE 'x'",
        "ALTER DATABASE x SET work_mem = 1",
        "ALTER TABLE t DETACH PARTITION p",
        ("CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p "
         "WITH (connect = false)"),
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++) {
        const struct script *s = script_of(f, alone[i]);
        if (!s->statements[0].needs_no_transaction || s->transaction)
            fail_msg("in a transaction: %s", alone[i]);
    }
    for (size_t i = 0; i < sizeof together / sizeof *together; i++) {
        const struct script *s = script_of(f, together[i]);
        if (s->statements[0].needs_no_transaction || !s->transaction)
            fail_msg("outside a transaction: %s", together[i]);
    }
    assert_false(script_of(f, "-- tidegate: transaction=none\nSELECT 1; VACUUM")
                     ->transaction);
}

static void what_the_old_code_would_not_survive_is_found(void **state)
{
    static const char *const breaks[] = {
        "DROP TABLE t",
        "DROP VIEW v",
        "DROP MATERIALIZED VIEW v",
        "DROP FUNCTION f(int)",
        "DROP TYPE e",
        "DROP SCHEMA s CASCADE",
        "DROP SEQUENCE s",
        "ALTER TABLE t DROP COLUMN c",
        "ALTER TABLE t ADD a int, DROP c",
        "ALTER TABLE t ALTER c TYPE bigint",
        "ALTER TABLE t ALTER c SET NOT NULL",
        "ALTER TABLE t ADD c int NOT NULL",
        "ALTER TABLE t RENAME TO u",
        "ALTER TABLE t RENAME COLUMN a TO b",
        "ALTER VIEW v RENAME TO w",
        "ALTER FUNCTION f() RENAME TO g",
        "ALTER TYPE e RENAME TO g",
        "ALTER TYPE e RENAME VALUE 'a' TO 'b'",
        "ALTER TABLE t SET SCHEMA s",
    };
    static const char *const keeps[] = {
        "CREATE TABLE t (a int NOT NULL)",
        ("CREATE TABLE t (a int); ALTER TABLE t ALTER a SET NOT NULL; "
         "DROP INDEX i"),
        "ALTER TABLE t ADD c int",
        "ALTER TABLE t ADD c int NOT NULL DEFAULT 1",
        "ALTER TABLE t ADD c bigserial NOT NULL",
        "ALTER TABLE t ADD c int NOT NULL GENERATED ALWAYS AS (a) STORED",
        "ALTER TABLE t DROP CONSTRAINT k",
        "ALTER INDEX i RENAME TO j",
        "ALTER TABLE t RENAME CONSTRAINT a TO b",
        "ALTER TYPE e ADD VALUE 'x'",
        "DROP INDEX i",
        "DROP TRIGGER x ON t",
        "UPDATE t SET a = 1",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
        script_of(f, arena_printf(&f->a, "SELECT 1;\n%s", breaks[i]));
        if (!f->m.list[0].breaks)
            fail_msg("survives: %s", breaks[i]);
        assert_int_equal(strncmp(f->m.list[0].breaks, "2: ", 3), 0);
    }
    for (size_t i = 0; i < sizeof keeps / sizeof *keeps; i++) {
        script_of(f, keeps[i]);
        if (f->m.list[0].breaks)
            fail_msg("%s: %s", keeps[i], f->m.list[0].breaks);
    }
    script_of(f, "ALTER TABLE shop.t DROP COLUMN \"No te\"");
    assert_string_equal(f->m.list[0].breaks,
                        "1: DROP COLUMN \"No te\" of shop.t");
}

static void kinds_are_words(void **state)
{
    static const char *const kinds[][2] = {
        {"ALTER TABLE t ADD a int", "ALTER TABLE"},
        {"ALTER VIEW v ALTER a SET DEFAULT 1", "ALTER VIEW"},
        {"CREATE INDEX CONCURRENTLY i ON t (a)", "CREATE INDEX CONCURRENTLY"},
        {"DROP INDEX i", "DROP INDEX"},
        {"CREATE TABLE t (a int)", "CREATE TABLE"},
        {"CREATE TABLE t AS SELECT 1", "CREATE TABLE AS"},
        {"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
         "CREATE FUNCTION"},
        {"SELECT 1", "SELECT"},
        {"ANALYZE t", "ANALYZE"},
        {"VACUUM t", "VACUUM"},
        {"ALTER TYPE e ADD VALUE 'x'", "ALTER TYPE"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        assert_string_equal(script_of(f, kinds[i][0])->statements[0].kind,
                            kinds[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_another_layout_allows_is_told),
        TEST(refused_statements),
        TEST(allowed_statements),
        TEST(what_cannot_run_in_a_transaction_is_found),
        TEST(what_the_old_code_would_not_survive_is_found),
        TEST(kinds_are_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
