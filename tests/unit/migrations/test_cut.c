/* Statements cut without a parser: as the parser cuts them, every byte once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ftw.h>

#include "migrations/hazards/refusals.h"
#include "migrations/hazards/words.h"
#include "migrations/text/cut.h"
#include "migrations/text/lexer.h"
#include "migrations/text/parser.h"
#include "runner/base/buf.h"

#define MOST 4096

/* Cuts; fails the test when bytes are lost, doubled or out of their line. */
static size_t cut_all(const char *text, struct piece *list, struct cut *c)
{
    size_t n = 0, behind = 0;

    cut_begin(c, text);
    while (n < MOST && cut_next(c, &list[n])) {
        struct piece *p = &list[n++];
        char *between = strndup(text + behind, p->offset - behind);
        const char *at = between + lexer_skip(between);
        while (*at == ';')
            at += 1 + lexer_skip(at + 1);
        if (*at)
            fail_msg("lost before %zu: %s in %s", p->offset, at, text);
        free(between);
        assert_int_equal(p->line, lexer_line(text, p->offset));
        assert_true(p->len > 0 && p->end >= p->offset + p->len);
        assert_int_equal(lexer_trim(text + p->offset, p->len), p->len);
        behind = p->end;
    }
    if (c->failure == CUT_FINE) {
        behind += lexer_skip(text + behind);
        while (text[behind] == ';')
            behind += 1 + lexer_skip(text + behind + 1);
        assert_int_equal(behind, strlen(text));
    }
    return n;
}

/* False: the parser does not know the text. */
static bool as_the_parser(const char *text)
{
    static struct piece list[MOST];
    struct parse_failure failure;
    struct parsed parsed;
    struct arena a;
    struct cut c;
    size_t n = cut_all(text, list, &c);
    bool known;

    arena_init(&a);
    known = parser_parse(&a, text, &parsed, &failure);
    if (known && c.failure != CUT_FINE)
        fail_msg("parsed, but not cut (%d): %s", c.failure, text);
    if (known && parsed.n != n)
        fail_msg("%zu pieces for %zu: %s", n, parsed.n, text);
    for (size_t i = 0; known && i < n; i++) {
        const struct parsed_statement *p = &parsed.list[i];
        size_t skip = lexer_skip(text + p->offset);
        if (list[i].offset != p->offset + skip ||
            list[i].len != lexer_trim(text + p->offset + skip, p->len - skip))
            fail_msg("piece %zu of %s", i, text);
    }
    arena_release(&a);
    return known;
}

/* ---- texts ---- */

static const char *const statements[] = {
    "SELECT 1",
    "SELECT ';' , \"a;b\", $$;$$, $x$;$$;$x$, E'\\';', U&'d\\0061;'",
    "SELECT E'a'\n'b\\';'",
    "SELECT 'a'\n'b;c'",
    "SELECT 'a\\', b",
    "SELECT (SELECT ';' WHERE (1) IN (2, 3)), a[1:2]",
    "SELECT /* ; /* ; */ ' */ 1 -- ; $$\n, 2",
    "SELECT 1::text, $1, a$b, 1.5e3, $_$;$_$",
    "DO $$ BEGIN PERFORM 1; END $$",
    "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; "
    "SELECT 2; END",
    "CREATE OR REPLACE FUNCTION f(a int) RETURNS int LANGUAGE sql "
    "BEGIN ATOMIC SELECT CASE a WHEN 1 THEN 2 END; SELECT 3; END",
    "create procedure p() begin /* ; */ atomic end",
    "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC INSERT INTO t "
    "VALUES (CASE WHEN true THEN 1 END); END",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 AS end; "
    "SELECT 1 \"end\"; SELECT a.end FROM a; END",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN "
    "CASE b WHEN 1 THEN 2 END ELSE 3 END end; SELECT 1 case; END",
    "CREATE FUNCTION f() RETURNS int RETURN 1",
    "CREATE FUNCTION begin() RETURNS int LANGUAGE sql AS 'SELECT 1;'",
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $f$BEGIN\n"
    "IF a THEN b; END IF; RETURN $x$;$x$;\nEND$f$",
    "CREATE TABLE case_end (begin int, atomic int)",
    "SELECT CASE WHEN a THEN b END FROM t",
    "BEGIN",
    "END",
    "COPY t (a, b) TO STDOUT WITH (FORMAT csv)",
    "INSERT INTO t VALUES ('{\"a\": \"{{b}}\"}', '\\d+')",
    "SELECT a -- '\n, b",
    "COMMENT ON TABLE t IS 'it''s; \"'",
    "SELECT \"\"\";\", 1",
    "SELECT '\xc3\xa4;' AS \xc3\xa4\xc3\xa4",
};
#define STATEMENTS (sizeof statements / sizeof *statements)

static void one_statement_is_one_piece(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATEMENTS; i++)
        if (!as_the_parser(statements[i]))
            fail_msg("does not parse: %s", statements[i]);
}

/* The same in every order, with all that may stand between. */
static uint32_t next(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    return *seed ^= *seed << 5;
}

static void generated_texts_are_cut_as_the_parser_does(void **state)
{
    static const char *const between[] = {
        ";",     ";\n\n", "; -- ;\n", ";;", ";\n/* a; /* b */ */\n",
        "  ;\t", "\n;"};
    uint32_t seed = 20261122;

    (void)state;
    for (int round = 0; round < 1500; round++) {
        struct buf b;
        buf_init(&b);
        for (uint32_t n = next(&seed) % 9; n-- > 0;) {
            buf_str(&b, statements[next(&seed) % STATEMENTS]);
            buf_str(&b, between[next(&seed) % 7]);
        }
        if (!as_the_parser(b.data))
            fail_msg("does not parse: %s", b.data);
        buf_release(&b);
    }
}

static size_t files, known;

static int one_file(const char *path, const struct stat *st, int type,
                    struct FTW *ftw)
{
    size_t n = strlen(path);
    struct buf b;
    FILE *f;
    int c;

    (void)st;
    (void)ftw;
    if (type != FTW_F || n < 4 || strcmp(path + n - 4, ".sql") != 0)
        return 0;
    f = fopen(path, "r");
    assert_non_null(f);
    buf_init(&b);
    while ((c = fgetc(f)) != EOF)
        buf_char(&b, (char)c);
    fclose(f);
    files++;
    known += as_the_parser(b.data);
    buf_release(&b);
    return 0;
}

static void files_of_this_repository_are_cut_as_the_parser_does(void **state)
{
    (void)state;
    nftw("tests", one_file, 8, FTW_PHYS);
    nftw("migrations/sql", one_file, 8, FTW_PHYS);
    assert_true(files > 0 && known > 0);
}

/* ---- data ---- */

static void data_of_a_copy_belongs_to_it(void **state)
{
    static const struct {
        const char *text, *data;
    } rows[] = {
        {"COPY t FROM stdin;\n1\t'\n2\t;\n\\.\nSELECT 1;", "1\t'\n2\t;\n"},
        {"copy s.t (a, \"b;\") from STDIN with (format csv);\n\"\n\\.", "\"\n"},
        {"COPY t FROM stdin; -- here\n\\.\n", ""},
        {"COPY t FROM stdin ;  \n\n\\.\n", "\n"},
        {"COPY t FROM stdin;\n\\.x\n\\N\n \\.\n\\.\n", "\\.x\n\\N\n \\.\n"},
    };
    struct piece list[4];
    struct cut c;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = cut_all(rows[i].text, list, &c);
        assert_int_equal(c.failure, CUT_FINE);
        assert_int_equal(n, i == 0 ? 2 : 1);
        assert_true(list[0].copies);
        assert_int_equal(list[0].data_len, strlen(rows[i].data));
        assert_memory_equal(rows[i].text + list[0].data, rows[i].data,
                            list[0].data_len);
    }
    assert_int_equal(list[0].line, 1);
    cut_all(rows[0].text, list, &c);
    assert_int_equal(list[1].line, 5);
    cut_all("COPY (SELECT 1 FROM stdin) TO STDOUT; SELECT 1", list, &c);
    assert_false(list[0].copies);
}

/* ---- what cannot be cut ---- */

static void what_cannot_be_cut_is_said_with_its_place(void **state)
{
    static const struct {
        const char *text;
        enum cut_failure failure;
        int line;
    } rows[] = {
        {"SELECT 1;\nSELECT 'a", CUT_QUOTE, 2},
        {"SELECT \"a", CUT_QUOTE, 1},
        {"SELECT 1;\n\n/* a /* b */", CUT_QUOTE, 3},
        {"DO $a$ BEGIN; $b$", CUT_QUOTE, 1},
        {"SELECT E'a'\n'b\\'", CUT_QUOTE, 1},
        {"SELECT\n(1;\nSELECT 2;", CUT_PAREN, 2},
        {"CREATE FUNCTION f() RETURNS int BEGIN\nATOMIC SELECT 1;", CUT_ATOMIC,
         2},
        {"SELECT 1;\n\\i x", CUT_BACKSLASH, 2},
        {"SELECT {a}", CUT_BRACE, 1},
        {"SELECT 1;\nCOPY t FROM stdin;\n1\n", CUT_DATA, 2},
        {"COPY t FROM stdin", CUT_DATA, 1},
        {"COPY t FROM stdin;", CUT_DATA, 1},
        {"COPY t FROM stdin; x\n\\.\n", CUT_DATA_LINE, 1},
    };
    struct piece list[8];
    struct cut c;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cut_all(rows[i].text, list, &c);
        if (c.failure != rows[i].failure || c.failed_line != rows[i].line)
            fail_msg("%d in line %d: %s", c.failure, c.failed_line,
                     rows[i].text);
    }
}

static void newer_syntax_is_cut_by_the_same_rules(void **state)
{
    static const char text[] =
        "MERGE INTO t USING s ON a = b WHEN NOT MATCHED BY SOURCE THEN DELETE "
        "RETURNING 'a;b';\n"
        "CREATE PROPERTY GRAPH g VERTEX TABLES (a; b);\n"
        "ALTER TABLE t SPLIT PARTITION p INTO (PARTITION a; , PARTITION b)";
    struct piece list[4];
    struct cut c;

    (void)state;
    assert_false(as_the_parser(text));
    assert_int_equal(cut_all(text, list, &c), 3);
    assert_int_equal(c.failure, CUT_FINE);
    assert_int_equal(list[2].line, 3);
}

/* ---- words ---- */

static void words_tell_what_must_run_alone(void **state)
{
    static const struct {
        const char *text, *kind;
        bool alone;
    } rows[] = {
        {"CREATE INDEX CONCURRENTLY i ON t (a) NEWER", "CREATE INDEX", true},
        {"create unique /* x */ index concurrently i ON t", "CREATE UNIQUE",
         true},
        {"REINDEX (VERBOSE) TABLE CONCURRENTLY t", "REINDEX", true},
        {"VACUUM (NEWER) t", "VACUUM", true},
        {"CLUSTER", "CLUSTER", true},
        {"CLUSTER t NEWER", "CLUSTER T", false},
        {"REFRESH MATERIALIZED VIEW CONCURRENTLY v NEWER",
         "REFRESH MATERIALIZED", false},
        {"SELECT 'vacuum'", "SELECT", false},
        {"ALTER TABLE t DETACH PARTITION p CONCURRENTLY NEWER", "ALTER TABLE",
         true},
        {"MERGE INTO t NEWER", "MERGE INTO", false},
    };
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(words_kind(&a, rows[i].text), rows[i].kind);
        if (words_alone(&a, rows[i].text) != rows[i].alone)
            fail_msg("%s", rows[i].text);
    }
    assert_true(words_begin(" /* x */ Merge into"));
    assert_true(words_begin("(SELECT 1)"));
    assert_false(words_begin("SELEC 1"));
    assert_false(words_begin("<<<<<<< HEAD"));
    arena_release(&a);
}

static void words_tell_what_is_refused(void **state)
{
    static const struct {
        const char *text;
        enum err_code code; /* ERR_NONE: allowed */
    } rows[] = {
        {"COMMIT AND NEWER", ERR_INPUT},
        {"ROLLBACK TO SAVEPOINT a NEWER", ERR_NONE},
        {"SET search_path TO a NEWER", ERR_REFUSED},
        {"SET LOCAL search_path TO a NEWER", ERR_NONE},
        {"SET x.lock_timeout NEWER", ERR_REFUSED},
        {"ALTER TABLE t NEWER, DISABLE TRIGGER x", ERR_REFUSED},
        {"COPY t FROM PROGRAM 'x' NEWER", ERR_REFUSED},
        {"COPY t FROM '/etc/passwd' NEWER", ERR_REFUSED},
        {"SELECT * FROM pg_read_file ('x') NEWER", ERR_REFUSED},
        {"MERGE INTO tidegate.migration NEWER", ERR_INPUT},
        {"MERGE INTO \"tidegate\" . migration NEWER", ERR_INPUT},
        {"DROP SCHEMA tidegate NEWER", ERR_INPUT},
        {"MERGE INTO tidegate NEWER", ERR_NONE},
        {"MERGE INTO t VALUES ('tidegate.migration') NEWER", ERR_NONE},
        {"CREATE INDEX CONCURRENTLY ON t NEWER", ERR_INPUT},
        {"SELECT :name NEWER", ERR_INPUT},
        {"SELECT :'name' NEWER", ERR_INPUT},
        {"SELECT a::text, b := c, d[1:2] NEWER", ERR_NONE},
    };
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = {0};
        bool allowed = words_allow(&a, rows[i].text, 0, "1_a.up.sql:1", &e);
        if (allowed != (rows[i].code == ERR_NONE) || e.code != rows[i].code)
            fail_msg("%s: %d", rows[i].text, e.code);
        assert_true(allowed || (e.what[0] && e.why[0] && e.fix[0]));
        /* a policy may allow what is refused, and nothing that is wrong */
        if (words_allow(&a, rows[i].text, REFUSES_ALL, "x:1", &e) !=
            (rows[i].code != ERR_INPUT))
            fail_msg("%s, with a policy", rows[i].text);
    }
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_statement_is_one_piece),
        cmocka_unit_test(generated_texts_are_cut_as_the_parser_does),
        cmocka_unit_test(files_of_this_repository_are_cut_as_the_parser_does),
        cmocka_unit_test(data_of_a_copy_belongs_to_it),
        cmocka_unit_test(what_cannot_be_cut_is_said_with_its_place),
        cmocka_unit_test(newer_syntax_is_cut_by_the_same_rules),
        cmocka_unit_test(words_tell_what_must_run_alone),
        cmocka_unit_test(words_tell_what_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
