/* Blanks, comments, words and strings, and that the parser cuts alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/text/lexer.h"
#include "migrations/text/parser.h"

static void each_token_ends_where_psql_says(void **state)
{
    static const struct {
        const char *text;
        enum token_kind kind;
        size_t len;
        bool open;
    } tokens[] = {
        {"", TOKEN_END, 0, false},
        {" \t\n\rx", TOKEN_BLANK, 4, false},
        {"-- a;b\nx", TOKEN_COMMENT, 6, false},
        {"-- a", TOKEN_COMMENT, 4, false},
        {"/* a /* b */ c */ x", TOKEN_COMMENT, 17, false},
        {"/* a /* b */ x", TOKEN_COMMENT, 14, true},
        {"'a''b' x", TOKEN_STRING, 6, false},
        {"'a\\' x", TOKEN_STRING, 4, false},
        {"'a", TOKEN_STRING, 2, true},
        {"E'a\\'b' x", TOKEN_STRING, 7, false},
        {"e'a\\\\' x", TOKEN_STRING, 6, false},
        {"E'a\\", TOKEN_STRING, 4, true},
        {"\"a\"\"b\" x", TOKEN_NAME, 6, false},
        {"\"a", TOKEN_NAME, 2, true},
        {"$$a;b$$ x", TOKEN_STRING, 7, false},
        {"$a$ $b$ $a$ x", TOKEN_STRING, 11, false},
        {"$a$ $A$", TOKEN_STRING, 7, true},
        {"$1 x", TOKEN_SYMBOL, 1, false},
        {"$ x", TOKEN_SYMBOL, 1, false},
        {"a$b$c x", TOKEN_WORD, 5, false},
        {"caf\xc3\xa9 x", TOKEN_WORD, 5, false},
        {"ae'x'", TOKEN_WORD, 2, false},
        {"- -", TOKEN_SYMBOL, 1, false},
        {"/ *", TOKEN_SYMBOL, 1, false},
        {";", TOKEN_SYMBOL, 1, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        struct token t = lexer_token(tokens[i].text);
        if (t.kind != tokens[i].kind || t.len != tokens[i].len ||
            t.open != tokens[i].open)
            fail_msg("%s: kind %d, %zu bytes, open %d", tokens[i].text, t.kind,
                     t.len, t.open);
    }
}

static void blanks_and_comments_are_skipped_at_both_ends(void **state)
{
    const char *text = " -- a\n/* b */ SELECT ';' -- c\n /* d */ ";

    (void)state;
    assert_int_equal(lexer_skip(text), 14);
    assert_int_equal(lexer_trim(text, strlen(text)), 24);
    assert_int_equal(lexer_trim("/* a */", 7), 0);
    assert_int_equal(lexer_skip("/* a"), 4);
    assert_int_equal(lexer_line("a\nb\nc", 4), 3);
    assert_int_equal(lexer_line("a", 100), 1);
}

static void depth_is_never_less_than_nesting(void **state)
{
    (void)state;
    assert_int_equal(lexer_depth(""), 0);
    assert_int_equal(lexer_depth("1+1+1"), 5);
    assert_int_equal(lexer_depth("1+1,1+1+1,1"), 5);
    assert_int_equal(lexer_depth("'a,b' + \"c,d\" + $$,$$ -- ,\n+ 1"), 7);
}

/* Cut at each semicolon outside of quotes and comments: as the parser does it
 * where no statement has one inside (BEGIN ATOMIC, CREATE RULE). */
static size_t pieces(const char *text)
{
    size_t n = 0;
    bool any = false;
    struct token t;

    for (; (t = lexer_token(text)).kind != TOKEN_END; text += t.len) {
        if (t.kind == TOKEN_SYMBOL && *text == ';') {
            n += any;
            any = false;
        } else if (t.kind != TOKEN_BLANK && t.kind != TOKEN_COMMENT) {
            any = true;
        }
    }
    return n + any;
}

static void the_parser_sees_the_same_statements(void **state)
{
    static const char *const texts[] = {
        "SELECT 1; SELECT 2",
        ";; SELECT ';'; /* ; /* ; */ */ SELECT E'\\';' ;-- ;\n",
        "SELECT \"a;b\" FROM t; DO $x$ BEGIN ; END $x$; SELECT $$;$$",
        "SELECT 'a\\'; SELECT 'b'",
        "SELECT U&'d\\0061t;a', B'01', X'1F', N'a;b'",
        "SELECT a -- '\n, b; SELECT '--'; SELECT 1 /* ' */",
        "SELECT $1, a$b, $_$;$_$",
        "SELECT 'a'\n'b;c'; SELECT 1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct parse_failure failure;
        struct parsed parsed;
        struct arena a;
        arena_init(&a);
        if (!parser_parse(&a, texts[i], &parsed, &failure))
            fail_msg("%s: %s", texts[i], failure.message);
        assert_int_equal(parsed.n, pieces(texts[i]));
        arena_release(&a);
    }
}

static void trees_are_read_by_name(void **state)
{
    struct parse_failure failure;
    struct parsed p;
    struct arena a;
    const struct node *n;

    (void)state;
    arena_init(&a);
    assert_true(parser_parse(&a, "ALTER TABLE s.t ADD c int", &p, &failure));
    n = p.list[0].tree;
    assert_string_equal(node_type(n), "AlterTableStmt");
    assert_string_equal(node_enum(n, "objtype"), "OBJECT_TABLE");
    assert_string_equal(node_str(node_get(n, "relation"), "schemaname"), "s");
    assert_true(node_bool(node_get(n, "relation"), "inh"));
    assert_int_equal(node_count(n, "cmds"), 1);
    assert_null(node_item(n, "cmds", 1));
    n = node_item(n, "cmds", 0);
    assert_string_equal(node_enum(n, "subtype"), "AT_AddColumn");
    assert_null(node_get(n, "newowner"));
    /* of what is not there, nothing */
    assert_string_equal(node_type(NULL), "");
    assert_null(node_get(NULL, "x"));
    assert_int_equal(node_count(NULL, "x"), 0);
    assert_string_equal(node_str(NULL, "x"), "");
    assert_string_equal(node_enum(NULL, "x"), "");
    assert_false(node_bool(NULL, "x"));
    assert_int_equal(node_int(NULL, "x"), 0);
    assert_true(node_walk(NULL, NULL, NULL));
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_token_ends_where_psql_says),
        cmocka_unit_test(blanks_and_comments_are_skipped_at_both_ends),
        cmocka_unit_test(depth_is_never_less_than_nesting),
        cmocka_unit_test(the_parser_sees_the_same_statements),
        cmocka_unit_test(trees_are_read_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
