/* Which statement of a down undoes which of its up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/read/inverse.h"
#include "migrations/read/split.h"

static void read(struct script *out, struct arena *a, const char *text)
{
    struct sql_file file = {"0001_x.up.sql", text, strlen(text), {0}};
    struct err e = {0};

    file.how.foreign = true;
    if (!split_script(out, NULL, a, &file, false, &e))
        fail_msg("%s: %s", e.what, e.why);
}

/* undoes and traces as letters: statements of the up from 'a', '*' all, '-'
 * none; 't' leaves traces, '.' does not. */
static const char *letters(struct arena *a, const char *up, const char *down)
{
    struct script ups, downs;
    struct inverse got;
    char text[64];
    size_t n = 0;

    read(&ups, a, up);
    read(&downs, a, down);
    inverse_find(&got, a, &ups, &downs);
    for (size_t i = 0; i < downs.n; i++)
        text[n++] =
            (char)(got.undoes[i] == INVERSE_ALL    ? '*'
                   : got.undoes[i] == INVERSE_NONE ? '-'
                                                   : 'a' + got.undoes[i]);
    text[n++] = ' ';
    for (size_t i = 0; i < ups.n; i++)
        text[n++] = got.traces[i] ? 't' : '.';
    return arena_strndup(a, text, n);
}

#define NONE "-- tidegate: transaction=none\n"

static const struct {
    const char *up, *down, *letters;
} rows[] = {
    {"CREATE INDEX CONCURRENTLY i ON t (a)", "DROP INDEX CONCURRENTLY i",
     "a t"},
    {"CREATE INDEX i ON s.t (a)", "DROP INDEX IF EXISTS s.i", "a t"},
    {"CREATE INDEX i ON t (a)", "DROP INDEX j", "- t"},
    {"CREATE INDEX ON t (a)", "DROP INDEX t_a_idx", "- t"},
    {"CREATE INDEX i ON t (a); CREATE INDEX j ON t (b)", "DROP INDEX i, j",
     "- tt"},
    {"ALTER TABLE t ADD a int; ALTER TABLE t ADD b int",
     "ALTER TABLE t DROP b; ALTER TABLE t DROP a", "ba tt"},
    {"ALTER TABLE t ADD a int, ADD b int", "ALTER TABLE t DROP b, DROP a",
     "a t"},
    {"ALTER TABLE t ADD a int, ADD b int", "ALTER TABLE t DROP b", "- t"},
    {"ALTER TABLE t ADD a int", "ALTER TABLE t DROP a, DROP b", "- t"},
    {"ALTER TABLE t ADD a int, ALTER b TYPE text", "ALTER TABLE t DROP a",
     "- t"},
    {"ALTER TABLE t ADD a int", "ALTER TABLE u DROP a", "- t"},
    {"ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;"
     "ALTER TABLE t VALIDATE CONSTRAINT c",
     "ALTER TABLE t DROP CONSTRAINT c", "a t."},
    {"ALTER TABLE t ADD CHECK (a > 0)", "ALTER TABLE t DROP CONSTRAINT c",
     "- t"},
    {"CREATE TABLE t (a int); CREATE INDEX i ON t (a);"
     "ALTER TABLE t ADD b int; COMMENT ON TABLE t IS 'x'",
     "DROP TABLE t", "a t..."},
    {"CREATE TABLE t (a int); INSERT INTO t VALUES (1)", "DROP TABLE t",
     "a t."},
    {"CREATE TABLE t (a int); WITH u AS (DELETE FROM v RETURNING a) INSERT "
     "INTO t SELECT a FROM u",
     "DROP TABLE t", "a tt"},
    {"CREATE TABLE s.t (a int)", "DROP TABLE t", "- t"},
    {"CREATE TYPE m AS ENUM ('a')", "DROP TYPE m", "a t"},
    {"ALTER TYPE m ADD VALUE 'b'", "DROP TYPE m", "- t"},
    {"CREATE VIEW v AS SELECT 1", "DROP VIEW v", "a t"},
    {"CREATE OR REPLACE VIEW v AS SELECT 1", "DROP VIEW v", "- t"},
    {"CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
     "DROP FUNCTION f(int)", "a t"},
    {"CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
     "DROP FUNCTION f(int)", "- t"},
    {"UPDATE t SET a = 1", "UPDATE t SET a = 0", "- t"},
    {"SET search_path = s; ALTER TABLE t ADD a int; ANALYZE t",
     "SET search_path = s; ALTER TABLE t DROP a", "*b .t."},
    {"DROP TABLE t", "CREATE TABLE t (a int)", "- t"},
    {"CREATE TABLE t (a int)", "DROP TABLE t; DELETE FROM u", "a- t"},
    /* what may have been there before */
    {"CREATE TABLE IF NOT EXISTS t (a int); INSERT INTO t VALUES (1)",
     "DROP TABLE t", "- tt"},
    {"CREATE TABLE IF NOT EXISTS t AS SELECT 1", "DROP TABLE t", "- t"},
    {"CREATE TEMP TABLE t (a int); INSERT INTO t VALUES (1)", "DROP TABLE t",
     "- tt"},
    {"CREATE TEMP TABLE t AS SELECT 1", "DROP TABLE t", "- t"},
    {"CREATE SEQUENCE IF NOT EXISTS t", "DROP SEQUENCE t", "- t"},
    {"CREATE SCHEMA IF NOT EXISTS s; ALTER TABLE s.t ADD a int",
     "DROP SCHEMA s CASCADE", "- tt"},
    {"CREATE EXTENSION IF NOT EXISTS x", "DROP EXTENSION x", "- t"},
    {"CREATE INDEX IF NOT EXISTS i ON t (a)", "DROP INDEX i", "- t"},
    {"CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)", "DROP INDEX i",
     "a t"},
    {"ALTER TABLE t ADD COLUMN IF NOT EXISTS a int", "ALTER TABLE t DROP a",
     "- t"},
    {"CREATE OR REPLACE RULE r AS ON INSERT TO t DO NOTHING",
     "DROP RULE r ON t", "- t"},
    {"ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i",
     "ALTER TABLE t DROP CONSTRAINT c", "- t"},
    {NONE "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);"
          "ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i",
     "ALTER TABLE t DROP CONSTRAINT c; DROP INDEX IF EXISTS i", "ba tt"},
    {NONE "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);"
          "ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i",
     "ALTER TABLE t DROP CONSTRAINT c", "- tt"},
    {"CREATE TABLE p (a int) PARTITION BY LIST (a);"
     "ALTER TABLE p ATTACH PARTITION t FOR VALUES IN (1)",
     "DROP TABLE p", "a tt"},
    /* several of one name */
    {"CREATE INDEX i ON x.t (a); CREATE INDEX i ON y.t (a)",
     "DROP INDEX y.i; DROP INDEX x.i", "-- tt"},
    {"CREATE INDEX i ON x.t (a)", "DROP INDEX y.i; DROP INDEX x.i", "-- t"},
    {"CREATE POLICY p ON t; CREATE TRIGGER p BEFORE INSERT ON t FOR EACH ROW "
     "EXECUTE FUNCTION f()",
     "DROP TRIGGER p ON t; DROP POLICY p ON t", "-- tt"},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena a;

        arena_init(&a);
        const char *got = letters(&a, rows[i].up, rows[i].down);
        if (strcmp(got, rows[i].letters) != 0)
            fail_msg("%s / %s: wanted %s, got %s", rows[i].up, rows[i].down,
                     rows[i].letters, got);
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
