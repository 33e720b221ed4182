/* What PostgreSQL 15 refuses: lint says so, or assumes the worst and says
 * why, and the rehearsal names what the server said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/lint/lint.h"
#include "tests/integration/migrations/rehearsing.h"

#define TABLES                                                             \
    "CREATE TYPE mood AS ENUM ('calm');"                                   \
    "CREATE TABLE t (id int PRIMARY KEY, a int, m mood, b text,"           \
    " g int GENERATED ALWAYS AS (id) STORED);"                             \
    "INSERT INTO t SELECT i, i, 'calm', 'x' FROM generate_series(1, 9) i;" \
    "CREATE VIEW v AS SELECT a FROM t;"                                    \
    "CREATE MATERIALIZED VIEW w AS SELECT b FROM t;"                       \
    "CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN COMMIT; END';"        \
    "CREATE TABLE h (id int PRIMARY KEY, a int) PARTITION BY RANGE (id);"  \
    "CREATE TABLE h1 PARTITION OF h DEFAULT; INSERT INTO h VALUES (1, 0);"
#define BESIDE   "SELECT 1\n;;\n"
#define IN_BLOCK "cannot run inside a transaction block"
#define ALONE    "not-in-transaction"
#define NEWER    "unparsed", FINDING_ERROR, "does not know this", "syntax error"

static const struct {
    const char *up;
    const char *rule; /* lint's answer to its last statement */
    enum finding_level level;
    const char *what;   /* is in it */
    const char *server; /* is in what the rehearsal says */
} rows[] = {
    {"ALTER TABLE t ADD c int NOT NULL", "breaks-old-code", FINDING_ERROR,
     "c of t", "contains null values"},
    {"ALTER TABLE t ALTER a TYPE bigint", "dependents", FINDING_ERROR,
     "view public.v", "used by a view or rule"},
    {"ALTER TABLE t ALTER b TYPE varchar(9)", "dependents", FINDING_ERROR,
     "materialized view public.w", "used by a view or rule"},
    {"ALTER TYPE mood ADD VALUE 'wild'\n;;\nUPDATE t SET m = 'wild' WHERE id "
     "= 1",
     "enum", FINDING_NOTE, "same transaction", "unsafe use of new"},
    {BESIDE "VACUUM t", ALONE, FINDING_ERROR, "VACUUM", IN_BLOCK},
    {BESIDE "CREATE DATABASE d", ALONE, FINDING_ERROR, "DATABASE", IN_BLOCK},
    {BESIDE "DROP DATABASE d", "refused", FINDING_ERROR, "drops a database",
     IN_BLOCK},
    {BESIDE "ALTER SYSTEM SET work_mem = '5MB'", ALONE, FINDING_ERROR, "SYSTEM",
     IN_BLOCK},
    {BESIDE "REINDEX SYSTEM shop", ALONE, FINDING_ERROR, "REINDEX", IN_BLOCK},
    {BESIDE "CREATE TABLESPACE s LOCATION ''", ALONE, FINDING_ERROR,
     "TABLESPACE", IN_BLOCK},
    {BESIDE "CREATE SUBSCRIPTION s CONNECTION 'host=none.invalid' PUBLICATION "
            "p",
     ALONE, FINDING_ERROR, "SUBSCRIPTION", IN_BLOCK},
    {"CALL p()", "unknown", FINDING_NOTE, "what a procedure does",
     "invalid transaction termination"},
    {"ALTER TABLE t ALTER g SET EXPRESSION AS (id + 1)", NEWER},
    {"ALTER TABLE t ADD c int GENERATED ALWAYS AS (id) VIRTUAL", NEWER},
    {"ALTER TABLE t ADD CONSTRAINT n NOT NULL a NOT VALID", NEWER},
    {"MERGE INTO t USING (SELECT 1) s (id) ON t.id = s.id WHEN MATCHED THEN "
     "DELETE RETURNING t.id",
     NEWER},
    {"-- tidegate: batch=h key=id\nUPDATE ONLY h SET a = 1 WHERE id BETWEEN $1 "
     "AND $2",
     "batch", FINDING_ERROR, "ONLY h has no rows", "ONLY h has no"},
};
#define ROWS (sizeof rows / sizeof *rows)

/* ---- lint ---- */

static bool is_said(const struct finding *f, size_t row)
{
    bool newer = strcmp(f->rule, "unparsed") == 0;

    return strcmp(f->rule, rows[row].rule) == 0 &&
           f->level == rows[row].level && strstr(f->what, rows[row].what) &&
           (!newer || (f->worst && f->rewrites && f->scans && f->lock));
}

static int lint_row(struct fixture *f, size_t row, struct catalog *c)
{
    struct sql_file file = {.name = "0001_one.up.sql"};
    char *text = arena_strdup(&f->a, rows[row].up), *cut = strstr(text, ";;\n");
    struct lint_run run = {.catalog = c};
    struct finding *list;
    bool said = false;
    size_t n;

    if (cut)
        cut[1] = ' ';
    file.bytes = text;
    file.len = strlen(text);
    list = lint_file(&f->a, &file, &run, &n);
    for (size_t i = 0; i < n; i++)
        said |= is_said(&list[i], row);
    if (said)
        return 0;
    print_error("%s: lint does not say %s, %s\n", rows[row].up, rows[row].rule,
                rows[row].what);
    for (size_t i = 0; i < n; i++)
        print_error("    it says %s %d: %s\n", list[i].rule, list[i].level,
                    list[i].what);
    return 1;
}

static void lint_says_it_before(void **state)
{
    struct fixture *f = *state;
    struct catalog *c;
    struct pg *pg;
    int wrong = 0;

    database_make(f, "refused", TABLES);
    pg = pg_open(f->loop, conninfo_of(f, "refused"), "test", 0, &f->e);
    c = pg ? catalog_open(&f->a, pg, &f->e) : NULL;
    assert_non_null(c);
    for (size_t i = 0; i < ROWS; i++)
        wrong += lint_row(f, i, c);
    assert_false(catalog_failed(c, &f->e));
    pg_close(pg);
    assert_int_equal(wrong, 0);
}

/* ---- the server ---- */

#define IS_BATCH(up) (strncmp(up, "-- tidegate:", 12) == 0)

/* In a transaction, by itself: what the last statement fails with. */
static const char *server_says(struct fixture *f, struct pg *pg, const char *up)
{
    const char *first = strstr(up, "\n;;\n"), *says = "nothing";
    struct pg_result r;
    struct err ignored;

    assert_true(pg_run(pg, &f->a, "BEGIN", &r, &f->e));
    if (first) {
        assert_true(pg_run(pg, &f->a,
                           arena_strndup(&f->a, up, (size_t)(first - up)), &r,
                           &f->e));
        up = first + 4;
    }
    if (!pg_run(pg, &f->a, up, &r, &f->e))
        says = arena_strdup(&f->a, f->e.why);
    err_clear(&f->e);
    pg_run(pg, &f->a, "ROLLBACK", &r, &ignored);
    return says;
}

static void the_server_refuses_it(void **state)
{
    struct fixture *f = *state;
    struct pg *pg;
    int wrong = 0;

    database_make(f, "refused", TABLES);
    pg = pg_open(f->loop, conninfo_of(f, "refused"), "test", 0, &f->e);
    assert_non_null(pg);
    assert_true(pg_run(pg, &f->a, "SET search_path TO DEFAULT",
                       &(struct pg_result){0}, &f->e));
    for (size_t i = 0; i < ROWS; i++) {
        const char *says =
            IS_BATCH(rows[i].up) ? NULL : server_says(f, pg, rows[i].up);
        if (!says || strstr(says, rows[i].server))
            continue;
        wrong++;
        print_error("%s: the server says %s\n", rows[i].up, says);
    }
    pg_close(pg);
    assert_int_equal(wrong, 0);
}

/* ---- the rehearsal ---- */

static const struct migration *take(struct fixture *f, const char *up)
{
    struct sql_file file = {
        .name = "0001_one.up.sql", .bytes = up, .len = strlen(up)};
    struct migrations *m = arena_array(&f->a, 1, sizeof *m);

    if (!IS_BATCH(up))
        return one(f, up, NULL);
    assert_true(migrations_read(m, &f->a, "auto", &file, 1, &f->e));
    return &m->list[0];
}

/* One of each answer: a clone takes its time. */
static bool is_new(size_t row)
{
    for (size_t i = 0; i < row; i++)
        if (strcmp(rows[i].server, rows[row].server) == 0)
            return false;
    return true;
}

static void the_rehearsal_names_the_server_s_words(void **state)
{
    struct fixture *f = *state;
    int wrong = 0;

    database_make(f, "refused", TABLES);
    for (size_t i = 0; i < ROWS; i++) {
        struct rehearse_settings s = by_dump(f, "refused");
        const struct migration *m = take(f, rows[i].up);
        if (!is_new(i))
            continue;
        must(f, rehearse(f, &s, &m, 1));
        if (f->out.failed && strstr(f->out.failed, rows[i].server))
            continue;
        wrong++;
        print_error("%s: the rehearsal says %s\n", rows[i].up,
                    f->out.failed ? f->out.failed : "nothing");
    }
    assert_int_equal(wrong, 0);
}

#define T(name) \
    cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(lint_says_it_before),
        T(the_server_refuses_it),
        T(the_rehearsal_names_the_server_s_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
