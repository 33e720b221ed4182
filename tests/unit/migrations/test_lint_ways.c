/* What lint says of a file's name, of the two ways of a migration, and of what
 * would be no directive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/lint/lint.h"

/* What the two ways of a migration say of each other. */
static void ways_are_held_against_each_other(void **state)
{
    static const struct {
        const char *name[2], *text[2]; /* one or two files */
        const char *rule;
        enum finding_level level;
        const char *says; /* NULL: nothing of that rule */
    } rows[] = {
        {{"1_a.sql"},
         {"-- tidegate: forward-only x\n-- +goose Up\nCREATE TABLE t (i int);"
          "\n-- +goose Down\nDROP TABLE t;\n"},
         "directive",
         FINDING_ERROR,
         "forward-only, but there is a way back"},
        {{"1_a.down.sql", "1_a.up.sql"},
         {"DROP TABLE t;",
          "-- tidegate: forward-only x\nCREATE TABLE t (i int);"},
         "directive",
         FINDING_ERROR,
         "forward-only"},
        {{"1_a.sql"},
         {"-- tidegate: forward-only x\n-- +goose Up\nCREATE TABLE t (i int);"
          "\n-- +goose Down\n"},
         "directive",
         FINDING_ERROR,
         NULL},
        {{"1_a.up.sql", "1_a.down.sql"},
         {"-- tidegate: phase=after\nALTER TABLE t DROP COLUMN c;",
          "ALTER TABLE t ADD COLUMN c int;"},
         "way-back",
         FINDING_WARNING,
         "column t.c again, empty"},
        {{"1_a/up.sql", "1_a/down.sql"},
         {"-- tidegate: phase=after\nDROP TABLE t;", "CREATE TABLE t (i int);"},
         "way-back",
         FINDING_WARNING,
         "table t again, empty"},
        {{"1_a.up.sql", "1_a.down.sql"},
         {"-- tidegate: phase=after\nALTER TABLE t DROP COLUMN c;",
          "ALTER TABLE t ADD COLUMN c int; UPDATE t SET c = d;"},
         "way-back",
         FINDING_WARNING,
         NULL},
        {{"1_a.up.sql", "2_a.down.sql"},
         {"-- tidegate: phase=after\nALTER TABLE t DROP COLUMN c;",
          "ALTER TABLE t ADD COLUMN c int;"},
         "way-back",
         FINDING_WARNING,
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lint_run run = {NULL};
        const struct finding *found = NULL;
        struct arena a;

        arena_init(&a);
        for (size_t k = 0; k < 2 && rows[i].name[k]; k++) {
            struct sql_file file = {rows[i].name[k], rows[i].text[k],
                                    strlen(rows[i].text[k])};
            size_t n;
            struct finding *f = lint_file(&a, &file, &run, &n);
            for (size_t m = 0; m < n; m++)
                if (strcmp(f[m].rule, rows[i].rule) == 0)
                    found = &f[m];
        }
        if (!found != !rows[i].says ||
            (found && (!strstr(found->what, rows[i].says) ||
                       found->level != rows[i].level)))
            fail_msg("row %zu: %s", i, found ? found->what : "nothing");
        arena_release(&a);
    }
}

/* One file by itself: what its own text and ending tell. */
static void names_that_are_passed_over_are_told(void **state)
{
    static const struct {
        const char *name, *text;
        bool told;
    } rows[] = {
        {"db/0003-foo.sql", "-- +goose Up\nSELECT 1;", true},
        {"db/foo.sql", "-- +goose Up\nSELECT 1;", true},
        {"db/3_foo.sql", "-- +goose Up\nSELECT 1;", false},
        {"db/foo.sql", "-- migrate:up\nSELECT 1;", true},
        {"db/3foo.sql", "-- migrate:up\nSELECT 1;", false},
        {"db/foo.up.sql", "SELECT 1;", true},
        {"db/99_foo.up.SQL", "SELECT 1;", true},
        {"db/99_foo.down.sql", "SELECT 1;", false},
        {"db/20240101.sql", "SELECT 1;", false},
        {"db/1_a/up.sql", "SELECT 1;", false},
        {"db/V1__a.sql", "SELECT 1;", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sql_file file = {rows[i].name, rows[i].text,
                                strlen(rows[i].text)};
        struct lint_run run = {NULL};
        struct arena a;
        size_t n;

        arena_init(&a);
        const struct finding *f = lint_file(&a, &file, &run, &n);
        if (rows[i].told !=
            (n && strcmp(f->rule, "name") == 0 && f->level == FINDING_WARNING))
            fail_msg("%s: %zu", rows[i].name, n);
        arena_release(&a);
    }
}

/* Nothing fills it in; any case of the word is the directive. */
static void what_would_be_a_comment_or_a_gap_is_an_error(void **state)
{
    static const struct {
        const char *text, *rule;
    } rows[] = {
        {"UPDATE t SET a = 1 WHERE i BETWEEN $1 AND $2", "batch"},
        {"-- Tidegate: batch=t key=i\nUPDATE t SET a = 1 WHERE i = 1", "batch"},
        {"-- TIDEGATE: bacth=t\nSELECT 1", "directive"},
        {"PREPARE p AS SELECT $1", NULL},
        {"CREATE FUNCTION f(int) RETURNS int LANGUAGE sql RETURN $1", NULL},
        {"-- Tidegate: batch=t key=i\nUPDATE t SET a = 1"
         " WHERE i BETWEEN $1 AND $2",
         NULL},
    };
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool told = false;
        size_t n;
        struct sql_file file = {"0001_a.up.sql", rows[i].text,
                                strlen(rows[i].text)};
        struct lint_run run = {NULL};
        struct finding *f = lint_file(&a, &file, &run, &n);

        for (size_t k = 0; k < n; k++) {
            told |= rows[i].rule && strcmp(f[k].rule, rows[i].rule) == 0 &&
                    f[k].level == FINDING_ERROR;
            if (!rows[i].rule && strcmp(f[k].rule, "batch") == 0)
                fail_msg("row %zu: %s", i, f[k].what);
        }
        if (rows[i].rule && !told)
            fail_msg("row %zu", i);
    }
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ways_are_held_against_each_other),
        cmocka_unit_test(names_that_are_passed_over_are_told),
        cmocka_unit_test(what_would_be_a_comment_or_a_gap_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
