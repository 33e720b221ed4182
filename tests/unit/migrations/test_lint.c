/* What the text of a statement tells: rule, level, lock, rewrite, scan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/hazards/hazards.h"
#include "migrations/lint/lint.h"
#include "tests/unit/migrations/lint_rows.h"

static struct finding *lint(struct arena *a, const char *text, size_t *n)
{
    struct sql_file file = {"0001_a.up.sql", text, strlen(text)};
    struct lint_run run = {NULL};

    return lint_file(a, &file, &run, n);
}

static bool as_expected(const struct expected *r, const struct finding *f)
{
    return strcmp(f->rule, r->rule) == 0 && f->level == r->level &&
           strcmp(f->lock ? f->lock : "", r->lock) == 0 &&
           f->rewrites == (strchr(r->does, 'r') != NULL) &&
           f->scans == (strchr(r->does, 's') != NULL) && f->line == 1 &&
           !strchr(f->what, '{') && (!f->safer || !strstr(f->safer, "{t"));
}

static void each_statement_has_its_finding(void **state)
{
    struct arena a;
    int wrong = 0;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct expected *r = &rows[i];
        size_t n;
        struct finding *f = lint(&a, r->sql, &n);
        if (n && as_expected(r, f))
            continue;
        wrong++;
        if (n)
            print_error("%s: %s level %d, lock %s, %d %d: %s\n", r->sql,
                        f->rule, f->level, f->lock ? f->lock : "none",
                        f->rewrites, f->scans, f->what);
        else
            print_error("nothing said of: %s\n", r->sql);
    }
    arena_release(&a);
    assert_int_equal(wrong, 0);
}

struct hit {
    const struct hazard *h;
    bool found;
};

static void look(const struct subject *s, void *arg)
{
    struct hit *hit = arg;

    hit->found |= subject_matches(s, &hit->h->match);
}

/* These are for what only a catalog shows. */
static const char *const catalog_only[] = {
    "type {type} is a domain with",
    "{dependents}",
    "change of type of {name} of {table} to {type}: every row is read",
    "change of type of {name} of {table} to {type}: instant",
    "SET NOT NULL of {name} of {table}: instant",
    "new foreign key {name} of {table}: all its partitions",
    "{table} is partitioned",
    "takes over its index at once when it has the lock: its",
    "VALIDATE CONSTRAINT {name} reads {table} and",
    "DROP CONSTRAINT {name} of {table} locks the referenced",
    "DROP CONSTRAINT {name} of {table} drops",
    "DROP CONSTRAINT {name} of {table} is",
    "CREATE INDEX blocks writes to {table} and all its partitions",
    "{name} stays beside",
    "{triggers}",
    "{function_indexes}",
    "foreign key {name} of {table} takes over",
    "ATTACH PARTITION reads hardly anything",
    "RENAME of constraint {name} of {table} alone",
};

static bool needs_catalog(const struct hazard *h)
{
    for (size_t i = 0; i < sizeof catalog_only / sizeof *catalog_only; i++)
        if (strstr(h->what, catalog_only[i]))
            return true;
    return false;
}

static bool is_reached(struct arena *a, const struct hazard *h)
{
    struct hit hit = {h, false};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct parse_failure failure;
        struct parsed p;
        struct fresh fresh = {0};
        assert_true(parser_parse(a, rows[i].sql, &p, &failure));
        for (size_t j = 0; j < p.n; j++)
            subject_foresee(a, p.list[j].tree, &fresh);
        subject_each(a, p.list[0].tree, rows[i].sql, &fresh, look, &hit);
    }
    if (!hit.found)
        print_error("no statement reaches: %s\n", h->what);
    assert_true(h->rule && *h->rule);
    return hit.found;
}

/* A row that no statement reaches is a misspelt name of PostgreSQL's. */
static void every_row_is_reached_by_a_statement(void **state)
{
    struct arena a;
    int missed = 0;

    (void)state;
    arena_init(&a);
    for (size_t t = 0; hazard_tables[t]; t++)
        for (const struct hazard *h = hazard_tables[t]; h->what; h++)
            missed += !needs_catalog(h) && !is_reached(&a, h);
    arena_release(&a);
    assert_int_equal(missed, 0);
}

static void safer_is_sql_of_the_statement_itself(void **state)
{
    static const char *const safer[][2] = {
        {"CREATE INDEX i ON shop.t (a) WHERE b",
         "CREATE INDEX CONCURRENTLY i ON shop.t (a) WHERE b;"},
        {"ALTER TABLE t ADD a int, ADD CONSTRAINT k CHECK (a > 0)",
         "ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0) NOT VALID;\n"
         "-- in a migration of its own:\n"
         "ALTER TABLE t VALIDATE CONSTRAINT k;"},
        {"ALTER TABLE shop.t ADD FOREIGN KEY (a, b) REFERENCES r ON DELETE SET "
         "NULL",
         "ALTER TABLE shop.t ADD CONSTRAINT t_a_fkey FOREIGN KEY (a, b) "
         "REFERENCES r ON DELETE SET NULL NOT VALID;\n"
         "-- in a migration of its own:\n"
         "ALTER TABLE shop.t VALIDATE CONSTRAINT t_a_fkey;"},
        {"ALTER TABLE t ADD PRIMARY KEY (a, \"B\")",
         "ALTER TABLE t ADD CONSTRAINT t_a_present CHECK (a IS NOT NULL) NOT "
         "VALID;\n"
         "ALTER TABLE t ADD CONSTRAINT \"t_B_present\" CHECK (\"B\" IS NOT "
         "NULL) NOT VALID;\n"
         "-- in a migration of its own:\n"
         "ALTER TABLE t VALIDATE CONSTRAINT t_a_present;\n"
         "ALTER TABLE t ALTER COLUMN a SET NOT NULL;\n"
         "ALTER TABLE t DROP CONSTRAINT t_a_present;\n"
         "ALTER TABLE t VALIDATE CONSTRAINT \"t_B_present\";\n"
         "ALTER TABLE t ALTER COLUMN \"B\" SET NOT NULL;\n"
         "ALTER TABLE t DROP CONSTRAINT \"t_B_present\";\n"
         "-- in a migration of its own, with transaction=none:\n"
         "CREATE UNIQUE INDEX CONCURRENTLY t_pkey ON t (a, \"B\");\n"
         "-- in a migration of its own:\n"
         "ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX "
         "t_pkey;"},
        {"ALTER TABLE t ALTER \"No\" SET NOT NULL",
         "ALTER TABLE t ADD CONSTRAINT \"t_No_present\" CHECK (\"No\" IS NOT "
         "NULL) NOT VALID;\n"},
        {"ALTER TABLE \"T t\" ADD \"C\" uuid DEFAULT gen_random_uuid() NOT "
         "NULL",
         "ALTER TABLE \"T t\" ADD COLUMN \"C\" uuid;\n"
         "ALTER TABLE \"T t\" ALTER COLUMN \"C\" SET DEFAULT "
         "gen_random_uuid();\n"},
        {"ALTER TABLE t ADD c varchar(20) DEFAULT random()::text",
         "ALTER TABLE t ADD COLUMN c varchar(20);\nALTER TABLE t ALTER "
         "COLUMN "},
        {"ALTER TABLE t ADD c numeric(10,2)[] DEFAULT f(1, 2)",
         "ALTER TABLE t ADD COLUMN c numeric(10, 2)[];\nALTER TABLE t ALTER "
         "COLUMN c SET DEFAULT f(1, 2);\n"},
        {"ALTER TABLE t ADD c bigserial",
         "ALTER TABLE t ADD COLUMN c bigint;\n"
         "CREATE SEQUENCE t_c_seq OWNED BY t.c;\n"},
        {"ALTER TABLE t ADD c int CHECK (c > 0) UNIQUE",
         "ALTER TABLE t ADD COLUMN c integer;\n"
         "ALTER TABLE t ADD CONSTRAINT t_c_check CHECK (c > 0) NOT VALID;\n"},
        {"ALTER TABLE t ADD c int REFERENCES r (id) DEFERRABLE",
         "ALTER TABLE t ADD COLUMN c integer;\n"
         "ALTER TABLE t ADD CONSTRAINT t_c_fkey FOREIGN KEY (c) REFERENCES r "
         "(id) DEFERRABLE NOT VALID;\n"},
        {"ALTER TABLE ONLY \"order\" ALTER \"user\" SET NOT NULL",
         "ALTER TABLE \"order\" ADD CONSTRAINT order_user_present CHECK "
         "(\"user\" IS"},
        {"DROP INDEX i", "DROP INDEX CONCURRENTLY i"},
        {"REINDEX TABLE t", "REINDEX TABLE CONCURRENTLY t"},
        {"UPDATE t SET a = 1",
         "-- tidegate: batch=t key=KEY size=5000\n"
         "UPDATE t SET a = 1 WHERE t.KEY BETWEEN $1 AND $2;\n"},
        {"WITH o AS (SELECT 1 WHERE true) DELETE FROM s.t x USING u "
         "WHERE x.a = u.a OR x.b = u.b RETURNING a",
         "-- tidegate: batch=s.t key=KEY size=5000\n"
         "WITH o AS (SELECT 1 WHERE true) DELETE FROM s.t x USING u "
         "WHERE (x.a = u.a OR x.b = u.b) AND x.KEY BETWEEN $1 AND $2 "
         "RETURNING a;\n"},
        {"ALTER TABLE t DETACH PARTITION p",
         "ALTER TABLE t DETACH PARTITION p CONCURRENTLY;"},
        {"ALTER TABLE t RENAME TO u",
         "ALTER TABLE t RENAME TO u;\n"
         "-- in the same migration, so that the old name stays; its GRANTs "
         "as well:\n"
         "CREATE VIEW t AS SELECT * FROM u;"},
        {"CREATE TABLE p PARTITION OF t FOR VALUES IN (1)",
         "CREATE TABLE p (LIKE t INCLUDING ALL);\n"
         "-- in a migration of its own:\n"
         "ALTER TABLE t ATTACH PARTITION p FOR VALUES IN (1);"},
        {"DROP TABLE t", "-- tidegate: phase=after\nDROP TABLE t;"},
    };
    struct arena a;
    int wrong = 0;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof safer / sizeof *safer; i++) {
        struct statement s = {.text = safer[i][0]};
        const char *got = lint_safer(&a, &s, NULL);
        if (got && strncmp(got, safer[i][1], strlen(safer[i][1])) == 0)
            continue;
        wrong++;
        print_error("%s:\n%s\n", safer[i][0], got ? got : "nothing");
    }
    assert_null(lint_safer(&a, &(struct statement){.text = "SELECT 1"}, NULL));
    assert_null(lint_safer(&a, &(struct statement){.text = "not SQL"}, NULL));
    arena_release(&a);
    assert_int_equal(wrong, 0);
}

/* What begins like SQL is SQL: it parses as it stands. */
static void safer_parses(void **state)
{
    static const char begins[] =
        "ALTER CREATE DROP UPDATE DELETE GRANT REINDEX VACUUM REFRESH LOCK";
    struct arena a;
    int wrong = 0;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct parse_failure failure;
        struct parsed p;
        size_t n;
        struct finding *f = lint(&a, rows[i].sql, &n);
        for (size_t j = 0; j < n; j++) {
            const char *first =
                f[j].safer
                    ? arena_strndup(&a, f[j].safer, strcspn(f[j].safer, " "))
                    : "";
            if (!*first || !subject_word_in(first, begins) ||
                strstr(f[j].safer, " ..."))
                continue;
            if (parser_parse(&a, f[j].safer, &p, &failure))
                continue;
            wrong++;
            print_error("%s:\n%s\n%s\n", rows[i].sql, f[j].safer,
                        failure.message);
        }
    }
    arena_release(&a);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_statement_has_its_finding),
        cmocka_unit_test(every_row_is_reached_by_a_statement),
        cmocka_unit_test(safer_is_sql_of_the_statement_itself),
        cmocka_unit_test(safer_parses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
