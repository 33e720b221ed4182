/* What a release makes, its own migrations may change: the old code knows
 * neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/read/hazards_release.h"

static const struct {
    const char *first, *second;
    const char *breaks; /* of the second, by itself */
    bool released;      /* and after the first it breaks still */
} rows[] = {
    {"CREATE TABLE n (a int)", "ALTER TABLE n DROP a", "1: DROP COLUMN a of n",
     false},
    {"CREATE TABLE n (a int)", "DROP TABLE n;\nDROP TABLE t", "1: DROP TABLE n",
     true},
    {"CREATE TABLE m (a int)", "ALTER TABLE n DROP a", "1: DROP COLUMN a of n",
     true},
    {"ALTER TABLE t ADD c int", "ALTER TABLE t RENAME c TO d",
     "1: RENAME of column c of t", false},
    {"CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
     "DROP FUNCTION f(int)", "1: DROP FUNCTION f", false},
    {"CREATE SCHEMA s", "REVOKE ALL ON SCHEMA s FROM PUBLIC",
     "1: REVOKE of rights on s", false},
    {"CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
     "DROP FUNCTION f", "1: DROP FUNCTION f", false},
    {"CREATE TYPE y AS (a int)", "ALTER TYPE y RENAME ATTRIBUTE a TO b",
     "1: RENAME", false},
    {"CREATE TYPE y AS ENUM ('a')", "ALTER TYPE y RENAME VALUE 'a' TO 'b'",
     "1: RENAME VALUE", false},
    {"CREATE DOMAIN y AS int", "ALTER DOMAIN y SET NOT NULL",
     "1: SET NOT NULL of domain y", false},
    {"CREATE DOMAIN y AS int", "ALTER DOMAIN z SET NOT NULL",
     "1: SET NOT NULL of domain z", true},
    {"CREATE SCHEMA s", "ALTER SCHEMA s RENAME TO q", "1: RENAME", false},
    {"CREATE COLLATION c (locale = 'C')", "DROP COLLATION c",
     "1: DROP COLLATION c", false},
    {"CREATE SERVER v FOREIGN DATA WRAPPER w", "DROP SERVER v",
     "1: DROP SERVER v", false},
    {"CREATE ROLE r", "DROP OWNED BY r; DROP ROLE r", "1: DROP OWNED BY r",
     false},
    {"CREATE ROLE r", "DROP ROLE r, bob", "1: DROP ROLE r", true},
    {"CREATE ROLE r", "REVOKE SELECT ON t FROM r", "1: REVOKE of rights on t",
     false},
    {"CREATE ROLE r", "REVOKE SELECT ON t FROM r, bob",
     "1: REVOKE of rights on t", true},
    {"CREATE ROLE r", "REVOKE r FROM bob", "1: REVOKE of role r", false},
    {"CREATE ROLE r", "REVOKE g FROM r", "1: REVOKE of role g", false},
    /* it is given again to who had it */
    {"GRANT SELECT ON t TO app", "REVOKE SELECT ON t FROM app",
     "1: REVOKE of rights on t", true},
    {"GRANT ALL ON t TO app", "REVOKE SELECT ON t FROM app",
     "1: REVOKE of rights on t", true},
    {"GRANT SELECT (a) ON t TO app", "REVOKE SELECT (a) ON t FROM app",
     "1: REVOKE of rights on t", true},
    {"GRANT SELECT ON ALL TABLES IN SCHEMA s TO app",
     "REVOKE SELECT ON ALL TABLES IN SCHEMA s FROM app",
     "1: REVOKE of rights on s", true},
    {"GRANT EXECUTE ON FUNCTION f(int) TO app",
     "REVOKE EXECUTE ON FUNCTION f(int) FROM app", "1: REVOKE of rights on f",
     true},
    {"GRANT g TO app", "REVOKE g FROM app", "1: REVOKE of role g", true},
    {"CREATE ROLE app; GRANT g TO app", "REVOKE g FROM app",
     "1: REVOKE of role g", false},
    /* what may have been there is what goes */
    {"CREATE TABLE IF NOT EXISTS n (a int)", "DROP TABLE n", "1: DROP TABLE n",
     true},
    {"CREATE TABLE IF NOT EXISTS n (a int)", "ALTER TABLE n DROP a",
     "1: DROP COLUMN a of n", true},
    {"CREATE TABLE IF NOT EXISTS n (a int)", "ALTER TABLE n RENAME TO m",
     "1: RENAME of table n", true},
    {"CREATE TEMP TABLE n (a int)", "DROP TABLE n", "1: DROP TABLE n", true},
    {"SELECT 1 AS a INTO TEMP n", "DROP TABLE n", "1: DROP TABLE n", true},
    {"ALTER TABLE t ADD IF NOT EXISTS c int", "ALTER TABLE t DROP c",
     "1: DROP COLUMN c of t", true},
    {"ALTER TABLE t ADD IF NOT EXISTS c int", "ALTER TABLE t RENAME c TO d",
     "1: RENAME of column c of t", true},
    {"CREATE OR REPLACE VIEW v AS SELECT 1 AS a", "DROP VIEW v",
     "1: DROP VIEW v", true},
    {"CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql AS "
     "'SELECT 1'",
     "DROP FUNCTION f(int)", "1: DROP FUNCTION f", true},
    {"CREATE SCHEMA s", "ALTER TABLE s.t DROP a", "1: DROP COLUMN a of s.t",
     false},
    {"CREATE SCHEMA IF NOT EXISTS s", "ALTER TABLE s.t DROP a",
     "1: DROP COLUMN a of s.t", true},
    {"SELECT 1", "CREATE SCHEMA IF NOT EXISTS s; ALTER TABLE s.t DROP a",
     "1: DROP COLUMN a of s.t", true},
    {"SELECT 1",
     "CREATE SCHEMA IF NOT EXISTS s; ALTER TABLE s.t ALTER a SET NOT NULL",
     "1: SET NOT NULL of a of s.t", true},
    {"SELECT 1", "CREATE TABLE IF NOT EXISTS n (a int); DROP TABLE n",
     "1: DROP TABLE n", true},
    {"SELECT 1", "CREATE TEMP TABLE n (a int); DROP TABLE n", NULL, false},
    {"SELECT 1", "DROP VIEW v; CREATE TEMP VIEW v AS SELECT 1 AS a",
     "1: DROP VIEW v", true},
    {"SELECT 1",
     "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; "
     "REVOKE ALL ON FUNCTION f() FROM PUBLIC",
     NULL, false},
    {"SELECT 1", "REVOKE g FROM app; GRANT g TO app", NULL, false},
    {"SELECT 1", "ALTER TABLE t ADD c int", NULL, false},
    {"SELECT 1", "DROP VIEW v; CREATE VIEW v AS SELECT 1 AS a", NULL, false},
    {"SELECT 1", "ALTER TABLE t SET SCHEMA s", "1: SET SCHEMA of t", true},
    {"SELECT 1",
     "ALTER TABLE t SET SCHEMA s; CREATE VIEW t AS SELECT * FROM s.t", NULL,
     false},
    {"SELECT 1",
     "-- tidegate: transaction=none\nDROP VIEW v; CREATE VIEW v AS SELECT 1",
     "2: DROP VIEW v", true},
};

static void each_breaks_or_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sql_file files[] = {
            {.name = "1_a.up.sql", .bytes = rows[i].first},
            {.name = "2_b.up.sql", .bytes = rows[i].second}};
        const struct migration *list[2];
        struct migrations m;
        struct arena a;
        struct err e = {0};
        const char *got;
        arena_init(&a);
        for (int j = 0; j < 2; j++)
            files[j].len = strlen(files[j].bytes);
        if (!migrations_read(&m, &a, "auto", files, 2, &e))
            fail_msg("%s: %s", e.what, e.why);
        list[0] = &m.list[0];
        list[1] = &m.list[1];
        assert_null(hazards_release(&a, list, 0));
        got = list[1]->breaks ? list[1]->breaks : "";
        if (strncmp(got, rows[i].breaks ? rows[i].breaks : "",
                    rows[i].breaks ? strlen(rows[i].breaks) : 1) != 0)
            fail_msg("%s: %s", rows[i].second, got);
        if ((hazards_release(&a, list, 1) != NULL) != rows[i].released)
            fail_msg("%s after %s", rows[i].second, rows[i].first);
        arena_release(&a);
    }
}

static void what_still_breaks_is_named(void **state)
{
    struct sql_file files[] = {
        {.name = "1_a.up.sql", .bytes = "CREATE TABLE n (a int)", .len = 22},
        {.name = "2_b.up.sql",
         .bytes = "DROP TABLE n;\nDROP TABLE t",
         .len = 26}};
    const struct migration *list[2];
    struct migrations m;
    struct arena a;
    struct err e = {0};

    (void)state;
    arena_init(&a);
    assert_true(migrations_read(&m, &a, "auto", files, 2, &e));
    list[0] = &m.list[0];
    list[1] = &m.list[1];
    assert_non_null(strstr(hazards_release(&a, list, 1), "2: DROP TABLE t"));
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_breaks_or_not),
        cmocka_unit_test(what_still_breaks_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
