/* What lint says of whole files: what is new in them, allowances, parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/lint/lint.h"

static struct finding *lint(struct arena *a, const char *text, size_t *n)
{
    struct sql_file file = {"0001_a.up.sql", text, strlen(text)};
    struct lint_run run = {NULL};

    return lint_file(a, &file, &run, n);
}

#define AEL "ACCESS EXCLUSIVE"

static void phase_after_may_drop(void **state)
{
    struct arena a;
    struct finding *f;
    size_t n;

    (void)state;
    arena_init(&a);
    f = lint(&a, "-- tidegate: phase=after\nDROP TABLE t", &n);
    assert_int_equal(f->level, FINDING_WARNING);
    f = lint(&a, "-- tidegate: compatible it is unused\nDROP FUNCTION f()", &n);
    assert_int_equal(f->level, FINDING_NOTE);
    assert_int_equal(f->line, 2);
    arena_release(&a);
}

static void new_tables_are_nobodys_hazard(void **state)
{
    struct arena a;
    size_t n;

    (void)state;
    arena_init(&a);
    lint(&a,
         "CREATE TABLE t (a int); CREATE INDEX i ON t (a);"
         "ALTER TABLE t ADD b uuid DEFAULT gen_random_uuid();"
         "UPDATE t SET a = 1",
         &n);
    assert_int_equal(n, 0);
    arena_release(&a);
}

/* What came with the same file, the old code does not know. */
static void what_is_new_breaks_nobody(void **state)
{
    static const struct {
        const char *sql;
        bool breaks; /* its last statement */
    } cases[] = {
        {"ALTER TABLE t ADD c int; ALTER TABLE t DROP c", false},
        {"ALTER TABLE t ADD c int; ALTER TABLE t RENAME c TO d", false},
        {"ALTER TABLE t ADD c int; ALTER TABLE t ALTER c TYPE bigint", false},
        {"ALTER TABLE t ADD c int; ALTER TABLE t ALTER c SET NOT NULL", true},
        {"ALTER TABLE t ADD c int DEFAULT 0; ALTER TABLE t ALTER c SET NOT "
         "NULL",
         false},
        {"ALTER TABLE t ADD c int DEFAULT 0 NOT NULL; ALTER TABLE t ALTER c "
         "DROP DEFAULT",
         true},
        {"ALTER TABLE t ADD c int DEFAULT 0; ALTER TABLE t ALTER c DROP "
         "DEFAULT",
         false},
        {"ALTER TABLE t ADD c int DEFAULT 0; ALTER TABLE t ALTER c DROP "
         "DEFAULT; ALTER TABLE t ALTER c SET NOT NULL",
         true},
        {"ALTER TABLE t ALTER c SET DEFAULT 2; ALTER TABLE t ALTER c DROP "
         "DEFAULT",
         false},
        {"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE "
         "ALL ON FUNCTION f() FROM PUBLIC",
         false},
        {"CREATE SCHEMA s; REVOKE ALL ON SCHEMA s FROM PUBLIC", false},
        {"CREATE SCHEMA s; CREATE TABLE s.t (a int); DROP TABLE s.t", false},
        {"CREATE TYPE e AS ENUM ('a'); ALTER TYPE e RENAME TO f", false},
        {"CREATE TYPE e AS ENUM ('a'); DROP TYPE e", false},
        {"CREATE ROLE q; REVOKE r FROM bob", true},
        {"CREATE ROLE r; REVOKE r FROM bob", false},
        {"CREATE TABLE t (a int); ALTER TABLE t ENABLE ROW LEVEL SECURITY",
         false},
        {"CREATE POLICY p ON t USING (a); ALTER TABLE t ENABLE ROW LEVEL "
         "SECURITY",
         false},
        {"DROP TRIGGER x ON t; CREATE TRIGGER x AFTER INSERT ON t EXECUTE "
         "FUNCTION f()",
         false},
        {"ALTER TABLE t ADD CONSTRAINT k CHECK (c IS NOT NULL) NOT VALID; "
         "ALTER TABLE t VALIDATE CONSTRAINT k; ALTER TABLE t ALTER c SET NOT "
         "NULL",
         false},
        {"ALTER TABLE t ADD CONSTRAINT k CHECK (c IS NOT NULL OR a) NOT "
         "VALID; ALTER TABLE t VALIDATE CONSTRAINT k; ALTER TABLE t ALTER c "
         "SET NOT NULL",
         true},
        {"ALTER TABLE t ADD CONSTRAINT k CHECK (c IS NOT NULL); ALTER TABLE t "
         "DROP CONSTRAINT k; ALTER TABLE t ALTER c SET NOT NULL",
         true},
        {"CREATE TABLE n (a int); DROP TABLE n, t", true},
        {"CREATE TABLE n (a int); ALTER TABLE n ADD FOREIGN KEY (a) REFERENCES "
         "r",
         false},
    };
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        struct finding *f = lint(&a, cases[i].sql, &n);
        bool breaks = false;
        for (size_t j = 0; j < n; j++)
            breaks |= strcmp(f[j].rule, "breaks-old-code") == 0;
        if (breaks != cases[i].breaks)
            fail_msg("%s: %d", cases[i].sql, breaks);
    }
    arena_release(&a);
}

static void other_tables_and_who_waits_are_said(void **state)
{
    struct arena a;
    struct finding *f;
    size_t n;

    (void)state;
    arena_init(&a);
    f = lint(&a, "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES shop.r", &n);
    assert_int_equal(f->n_touches, 2);
    assert_int_equal(f->waits, WAIT_WRITERS);
    assert_string_equal(f->touches[0].relation, "shop.r");
    assert_true(f->touches[0].named && f->touches[0].scans);
    assert_int_equal(f->touches[0].lock, LOCK_SHARE_ROW_EXCLUSIVE);
    assert_null(f->worst);
    f = lint(&a, "DROP TABLE t, u", &n);
    assert_int_equal(n, 2);
    assert_int_equal(f->waits, WAIT_READERS);
    assert_string_equal(f[1].touches[0].relation, "u");
    assert_false(f->touches[1].named);
    assert_non_null(f->worst);
    /* a new table's reference locks the other one all the same */
    f = lint(&a,
             "CREATE TABLE n (a int); ALTER TABLE n ADD FOREIGN KEY (a) "
             "REFERENCES r",
             &n);
    assert_int_equal(n, 1);
    assert_int_equal(f->n_touches, 1);
    assert_string_equal(f->touches[0].relation, "r");
    f = lint(&a, "UPDATE t SET a = 1", &n);
    assert_int_equal(f->waits, WAIT_WRITERS); /* of its rows */
    f = lint(&a, "ALTER TABLE t ALTER c SET STATISTICS 5", &n);
    assert_int_equal(f->waits, WAIT_NOBODY);
    arena_release(&a);
}

static void a_comment_with_a_reason_allows(void **state)
{
    struct arena a;
    struct finding *f;
    size_t n;

    (void)state;
    arena_init(&a);
    f = lint(&a,
             "SELECT 1;\n"
             "-- tidegate: allow scan it has 40 rows\n"
             "-- another comment\n"
             "CREATE INDEX i ON t (a);\nCREATE INDEX j ON t (a);",
             &n);
    assert_int_equal(n, 2);
    assert_int_equal(f[0].line, 4);
    assert_int_equal(f[0].level, FINDING_NOTE);
    assert_string_equal(f[0].allowed, "it has 40 rows");
    assert_int_equal(f[1].level, FINDING_WARNING);
    assert_null(f[1].allowed);
    f = lint(&a, "-- tidegate: allow rewrite x\nCREATE INDEX i ON t (a);", &n);
    assert_int_equal(n, 2);
    assert_string_equal(f[0].rule, "allow-unused");
    assert_int_equal(f[0].level, FINDING_NOTE);
    assert_int_equal(f[1].level, FINDING_WARNING);
    arena_release(&a);
}

static void what_allows_nothing_is_an_error(void **state)
{
    static const char *const wrong[][3] = {
        {"-- tidegate: allow", "no rule", "brackets"},
        {"-- tidegate: allow scan", "reason", "allow scan REASON"},
        {"-- tidegate: allow scna it is small", "no rule scna", "`scan`"},
        {"-- tidegate: allow breaks-old-code x", "cannot be allowed",
         "compatible REASON"},
        {"-- tidegate: allow refused x", "cannot be allowed", "change"},
    };
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        size_t n;
        struct finding *f =
            lint(&a,
                 arena_printf(&a, "SELECT 1;\n%s\nCREATE INDEX i ON t (a)",
                              wrong[i][0]),
                 &n);
        assert_int_equal(n, 2);
        assert_int_equal(f->level, FINDING_ERROR);
        assert_int_equal(f->line, 2);
        assert_string_equal(f->rule, "directive");
        if (!strstr(f->what, wrong[i][1]) || !strstr(f->safer, wrong[i][2]))
            fail_msg("%s: %s; %s", wrong[i][0], f->what, f->safer);
        assert_int_equal(f[1].level, FINDING_WARNING);
    }
    arena_release(&a);
}

static void what_follows_a_lock_is_said_to_hold_it(void **state)
{
    struct arena a;
    struct finding *f;
    size_t n;

    (void)state;
    arena_init(&a);
    f = lint(&a, "ALTER TABLE t ADD c int;\n\nUPDATE t SET c = 1 WHERE a > 0",
             &n);
    assert_int_equal(n, 3);
    assert_string_equal(f[2].rule, "lock-held");
    assert_int_equal(f[2].line, 3);
    assert_non_null(strstr(f[2].what, "line 1"));
    arena_release(&a);
}

/* dbmate and goose keep the way back in the same file. */
static void each_part_of_a_file_is_judged_as_what_it_is(void **state)
{
    static const char *const texts[] = {
        "-- +goose Up\nALTER TABLE t DROP COLUMN c;\n"
        "-- tidegate: allow rewrite x\n\n"
        "-- +goose Down\nALTER TABLE t ADD COLUMN c int;\nDROP TABLE n;\n",
        "-- migrate:up\nALTER TABLE t DROP COLUMN c;\n"
        "-- tidegate: allow rewrite x\n\n"
        "-- migrate:down\nALTER TABLE t ADD COLUMN c int;\nDROP TABLE n;\n",
    };
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < 2; i++) {
        struct sql_file file = {"db/20260101000000_a.sql", texts[i],
                                strlen(texts[i])};
        struct lint_run run = {NULL};
        size_t n;
        struct finding *f = lint_file(&a, &file, &run, &n);
        assert_int_equal(n, 5);
        assert_string_equal(f[0].file, "db/20260101000000_a.sql");
        assert_string_equal(f[0].rule, "breaks-old-code");
        assert_int_equal(f[0].line, 2);
        assert_string_equal(f[1].rule, "allow-unused");
        assert_int_equal(f[1].line, 3);
        assert_int_equal(f[2].line, 6);
        assert_string_equal(f[3].rule, "way-back");
        assert_int_equal(f[3].line, 6);
        assert_int_equal(f[4].line, 7);
        assert_int_equal(f[4].level, FINDING_WARNING);
    }
    arena_release(&a);
}

/* Each script has a session of its own: what the way back does not set, it does
 * not have. */
static void a_path_that_ends_with_its_script_is_told(void **state)
{
    static const struct {
        const char *name, *text;
        int line; /* of the note; 0: none */
    } files[] = {
        {"1_a.sql",
         "-- +goose Up\nSET search_path = x;\nSELECT 1;\n"
         "-- +goose Down\nSELECT 2;\n",
         2},
        {"1_b.sql",
         "-- migrate:up\n\nSELECT set_config('search_path', 'x', false);\n"
         "-- migrate:down\nSELECT 2;\n",
         3},
        {"1_c.sql",
         "-- +goose Up\nSET search_path = x;\n"
         "-- +goose Down\nSET LOCAL search_path = x;\nSELECT 2;\n",
         0},
        {"1_d.sql",
         "-- +goose Up\nSELECT 1;\n-- +goose Down\nSET search_path = x;\n", 0},
        {"1_e.sql", "-- +goose Up\nRESET search_path;\n-- +goose Down\nCOMMIT",
         0},
        {"deploy/a.sql", "SET search_path = x;\nSELECT 1", 1},
        {"deploy/b.sql", "SET search_path = x;\nSELECT 1", 0}, /* once */
        {"revert/a.sql", "SET search_path = x;\nSELECT 1", 0},
        {"1_f.sql",
         "-- +goose Up\nSET search_path = x;\n-- +goose Down\nSELECT 2;\n", 2},
    };
    struct lint_run run = {NULL};
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct sql_file file = {files[i].name, files[i].text,
                                strlen(files[i].text)};
        size_t n;
        struct finding *f = lint_file(&a, &file, &run, &n);
        int line = 0;
        for (size_t k = 0; k < n; k++)
            if (strcmp(f[k].rule, "search-path") == 0)
                line = f[k].line;
        if (line != files[i].line)
            fail_msg("%s: %d", files[i].name, line);
    }
    arena_release(&a);
}

/* A way back does not break old code, however its tool names it; and what is
 * usual in files of other tools is no error there. */
static void files_of_other_tools_are_judged_by_their_names(void **state)
{
    static const char text[] = "SET lock_timeout = '5s';\nDROP TABLE n;\n";
    static const struct {
        const char *name, *rule; /* of the first finding */
        size_t n;
    } files[] = {
        {"0001_a.up.sql", "refused", 2},
        {"0001_a.down.sql", "refused", 2},
        {"deploy/0001_a.down.sql", "refused", 2},
        {"deployed/a.sql", "refused", 2},
        {"2024-01-05-120000_x/up.sql", "breaks-old-code", 1},
        {"2024-01-05-120000_x/down.sql", "lock", 1},
        {"sql/V1_2__x.sql", "breaks-old-code", 1},
        {"sql/U1_2__2fa.sql", "lock", 1},
        {"R__x.sql", "breaks-old-code", 1},
        {"db/deploy/tables/x.sql", "breaks-old-code", 1},
        {"revert/tables/x.sql", "lock", 1},
        {"sql/verify/x.sql", "lock", 1},
        {"verify/V1__x.sql", "breaks-old-code", 1},
    };
    static const char asks[] = "BEGIN;\nSET ROLE bob;\n"
                               "SELECT 1 / has_database_privilege(:'DBNAME', "
                               "'CREATE')::int;\nROLLBACK;\n";
    struct sql_file verify = {"verify/a/x.sql", asks, strlen(asks)};
    struct lint_run none = {NULL};
    struct arena a;
    size_t n;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct sql_file file = {files[i].name, text, strlen(text)};
        struct lint_run run = {NULL};
        struct finding *f = lint_file(&a, &file, &run, &n);
        assert_int_equal(n, files[i].n);
        assert_string_equal(f[0].rule, files[i].rule);
    }
    lint_file(&a, &verify, &none, &n);
    assert_int_equal(n, 0);
    arena_release(&a);
}

static void a_part_out_of_place_is_an_error_with_its_line(void **state)
{
    static const char text[] = "-- +goose Up\nSELECT 1;\n-- +goose Up\n";
    struct sql_file file = {"db/1_a.sql", text, strlen(text)};
    struct lint_run run = {NULL};
    struct finding *f;
    struct arena a;
    size_t n;

    (void)state;
    arena_init(&a);
    f = lint_file(&a, &file, &run, &n);
    assert_int_equal(n, 1);
    assert_int_equal(f->level, FINDING_ERROR);
    assert_int_equal(f->line, 3);
    arena_release(&a);
}

/* Servers 17 and 18 know these; the parser is that of 15. */
static void what_does_not_parse_is_the_worst(void **state)
{
    static const char *const newer[] = {
        "ALTER TABLE t ALTER COLUMN c SET EXPRESSION AS (a + 1)",
        "ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS (a + 1) VIRTUAL",
        "ALTER TABLE t MERGE PARTITIONS (a, b) INTO c",
    };
    struct arena a;
    struct finding *f;
    size_t n;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof newer / sizeof *newer; i++) {
        f = lint(&a,
                 arena_printf(&a,
                              "SELECT 1;\n-- tidegate: allow unparsed x\n%s;",
                              newer[i]),
                 &n);
        assert_int_equal(n, 2);
        assert_string_equal(f[0].rule, "allow-unused");
        assert_string_equal(f[1].rule, "unparsed");
        assert_int_equal(f[1].line, 3);
        assert_int_equal(f[1].level, FINDING_ERROR);
        assert_string_equal(f[1].lock, AEL);
        assert_int_equal(f[1].waits, WAIT_READERS);
        assert_true(f[1].rewrites && f[1].scans && f[1].worst);
        f = lint(&a,
                 arena_printf(&a,
                              "-- tidegate: phase=after\n"
                              "-- tidegate: allow unparsed seen in 17\n%s;",
                              newer[i]),
                 &n);
        assert_int_equal(n, 1);
        assert_int_equal(f->level, FINDING_NOTE);
    }
    arena_release(&a);
}

static void what_is_wrong_is_an_error_with_its_line(void **state)
{
    static const struct {
        const char *text, *rule;
        int line;
    } wrong[] = {
        {"SELECT 1;\nSELEC 2", "parse", 2},
        {"SELECT 1;\n\\d t", "parse", 2},
        {"SELECT '\xff'", "bytes", 1},
        {"-- tidegate: fase=after\nSELECT 1", "directive", 1},
        {"SELECT 1;\nCOMMIT", "refused", 2},
        {"SELECT 1;\nVACUUM t", "not-in-transaction", 2},
    };
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        size_t n;
        struct finding *f = lint(&a, wrong[i].text, &n);
        assert_true(n >= 1);
        assert_string_equal(f->rule, wrong[i].rule);
        assert_int_equal(f->line, wrong[i].line);
        assert_int_equal(f->level, FINDING_ERROR);
        assert_non_null(f->safer);
    }
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_new_breaks_nobody),
        cmocka_unit_test(other_tables_and_who_waits_are_said),
        cmocka_unit_test(a_comment_with_a_reason_allows),
        cmocka_unit_test(what_allows_nothing_is_an_error),
        cmocka_unit_test(phase_after_may_drop),
        cmocka_unit_test(new_tables_are_nobodys_hazard),
        cmocka_unit_test(what_follows_a_lock_is_said_to_hold_it),
        cmocka_unit_test(each_part_of_a_file_is_judged_as_what_it_is),
        cmocka_unit_test(a_path_that_ends_with_its_script_is_told),
        cmocka_unit_test(files_of_other_tools_are_judged_by_their_names),
        cmocka_unit_test(a_part_out_of_place_is_an_error_with_its_line),
        cmocka_unit_test(what_does_not_parse_is_the_worst),
        cmocka_unit_test(what_is_wrong_is_an_error_with_its_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
