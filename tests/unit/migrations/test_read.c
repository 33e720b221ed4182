/* Reading migrations: names, bytes, statements, refusals, digests. */
#include "tests/unit/migrations/read.h"

/* ---- statements ---- */

static void statements_are_cut_where_the_grammar_says(void **state)
{
    static const char *const one[] = {
        "SELECT $a$;$b$;$a$",
        "SELECT 'a;''b', E'\\';', \"x;\"",
        "SELECT /* ; /* ; */ ; */ 1 -- ;",
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql\n"
         "BEGIN ATOMIC SELECT 1; SELECT 2; END"),
        "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)",
        "DO $$ BEGIN PERFORM 1; END $$",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof one / sizeof *one; i++) {
        const struct script *s =
            script_of(f, arena_printf(&f->a, "%s\n;SELECT 7;;\n", one[i]));
        assert_int_equal(s->n, 2);
        assert_string_equal(s->statements[1].text, "SELECT 7");
    }
}

static void every_statement_knows_its_line_and_text(void **state)
{
    struct fixture *f = *state;
    const struct script *s = script_of(f, "-- first\n\n/* a\n b */ SELECT 1\n"
                                          " + 1 -- end\n;\n\nSELECT\n2;");

    assert_int_equal(s->n, 2);
    assert_int_equal(s->statements[0].line, 4);
    assert_string_equal(s->statements[0].text, "SELECT 1\n + 1");
    assert_int_equal(s->statements[1].line, 8);
    assert_string_equal(s->statements[1].text, "SELECT\n2");
    assert_memory_equal(s->text + s->statements[1].offset, "SELECT\n2", 8);
}

static void byte_order_mark_and_line_ends_do_not_count(void **state)
{
    struct fixture *f = *state;
    char first[HASH_HEX];

    script_of(f, "SELECT 1;\nSELECT 2;\n");
    memcpy(first, f->m.list[0].checksum, sizeof first);
    script_of(f, "\xef\xbb\xbfSELECT 1;\r\nSELECT 2;\r\n");
    assert_string_equal(f->m.list[0].checksum, first);
    assert_int_equal(f->m.list[0].up.n, 2);
    script_of(f, "SELECT 1;\rSELECT 2;\r");
    assert_string_equal(f->m.list[0].checksum, first);
    script_of(f, "SELECT 1;\nSELECT 3;\n");
    assert_string_not_equal(f->m.list[0].checksum, first);
}

static void many_statements_take_no_quadratic_time(void **state)
{
    struct fixture *f = *state;
    char *text = malloc(1000000), *p = text;
    const struct script *s;

    for (int i = 0; i < 60000; i++)
        p += snprintf(p, 20, "SELECT %d;\n", i);
    s = script_of(f, text);
    assert_int_equal(s->n, 60000);
    assert_int_equal(s->statements[59999].line, 60000);
    free(text);
}

static void deep_expressions_are_refused_not_crashed_on(void **state)
{
    struct fixture *f = *state;
    char *text = malloc(400010), *p = text + snprintf(text, 9, "SELECT 1");

    for (int i = 0; i < 190000; i++)
        p += snprintf(p, 3, "+1");
    assert_false(read_one(f, text));
    assert_int_equal(f->e.code, ERR_INPUT);
    assert_non_null(strstr(f->e.why, "nest"));
    free(text);
}

/* ---- what the bytes may be ---- */

static void bad_bytes_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *at;
    } bad[] = {
        {"SELECT 1;\nSELECT \0 2;", 20, ":2:"},
        {"SELECT 1;\n\nSELECT '\xff';", 22, ":3:"},
        {"", 0, "no statement"},
        {"-- only\n/* this */\n", 19, "no statement"},
        {";;", 2, "no statement"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sql_file file = {"0001_a.up.sql", bad[i].bytes, bad[i].len};
        assert_false(migrations_read(&f->m, &f->a, "auto", &file, 1, &f->e));
        assert_int_equal(f->e.code, ERR_INPUT);
        assert_non_null(strstr(f->e.what, "0001_a.up.sql"));
        assert_non_null(strstr(f->e.what, bad[i].at));
        assert_complete(&f->e);
    }
}

static void a_file_over_the_limit_is_refused(void **state)
{
    struct fixture *f = *state;
    size_t len = MIGRATION_LIMIT + 1;
    char *bytes = malloc(len);
    struct sql_file file = {"0001_a.up.sql", bytes, len};

    memset(bytes, ' ', len);
    assert_false(migrations_read(&f->m, &f->a, "auto", &file, 1, &f->e));
    assert_int_equal(f->e.code, ERR_INPUT);
    assert_complete(&f->e);
    free(bytes);
}

static void what_does_not_parse_is_named_with_its_line(void **state)
{
    static const struct {
        const char *text, *what, *fix;
    } bad[] = {
        {"SELECT 1;\nSELEC 2;", "0001_a.up.sql:2: the file does not parse", ""},
        {"SELECT 'a", "0001_a.up.sql:1:", ""},
        {"SELECT '\xc3\xa4\xc3\xa4';\n\nFOO", "0001_a.up.sql:3:", ""},
        {"SELECT 1;\n\\i other.sql\n", "0001_a.up.sql:2: not SQL: psql's \\i",
         "included"},
        {"\\! rm -rf /\n", "0001_a.up.sql:1: not SQL: psql's \\!", "prepare"},
        {"\\timing on\n", "0001_a.up.sql:1: not SQL: psql's \\timing",
         "psql is not used"},
        {"SELECT 1\\; SELECT 2;", "0001_a.up.sql:1: not SQL: psql's \\",
         "a semicolon alone"},
        {"SELECT 1 \\gx\n", "0001_a.up.sql:1: not SQL: psql's \\gx",
         "with a semicolon"},
        {"SELECT 1;\n\\q\nDROP TABLE t;",
         "0001_a.up.sql:2: not SQL: psql's \\q", "and what follows"},
        {"\\copy t from 'x'\n", "0001_a.up.sql:1: not SQL: psql's \\copy",
         "COPY"},
        {"SELECT 1 \\gset\n", "0001_a.up.sql:1: not SQL: psql's \\gset", "DO"},
        {"SELECT 1;\nCOPY t FROM stdin;\n1\t2\n",
         "0001_a.up.sql:2: COPY FROM stdin without data", "\\."},
        {"COPY t FROM stdin; SELECT 1;\n1\n\\.\n",
         "0001_a.up.sql:1: the data of a COPY begin", "below"},
        {"SELECT 1;\nSELECT (1;\n", "0001_a.up.sql:2: the file does not", ""},
        {"SELECT 1;\nDROP TABLE {{ .Table }};", "0001_a.up.sql:2: not SQL: {",
         "write the text"},
        {"<<<<<<< HEAD\nSELECT 1;", "0001_a.up.sql:1: the file does not", ""},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(read_one(f, bad[i].text));
        assert_int_equal(f->e.code, ERR_INPUT);
        assert_non_null(strstr(f->e.what, bad[i].what));
        assert_non_null(strstr(f->e.fix, bad[i].fix));
        assert_complete(&f->e);
    }
}

static void data_of_a_copy_stay_with_the_statement(void **state)
{
    struct fixture *f = *state;
    const struct script *s =
        script_of(f, "SELECT 1;\r\nCOPY t FROM stdin;\r\n1\t;\r\n\\.\r\n"
                     "ALTER TABLE t ADD c int;");
    char checksum[HASH_HEX];

    assert_int_equal(s->n, 3);
    assert_null(s->statements[0].data);
    assert_string_equal(s->statements[1].text, "COPY t FROM stdin");
    assert_int_equal(s->statements[1].data_len, 4);
    assert_memory_equal(s->statements[1].data, "1\t;\n", 4);
    assert_string_equal(s->statements[1].kind, "COPY");
    assert_int_equal(s->statements[2].line, 5);
    assert_null(s->statements[2].unparsed);
    memcpy(checksum, f->m.list[0].checksum, sizeof checksum);
    script_of(f, "SELECT 1;\nCOPY t FROM stdin;\n2\t;\n\\.\n"
                 "ALTER TABLE t ADD c int;");
    assert_string_not_equal(f->m.list[0].checksum, checksum);
}

static void what_the_parser_does_not_know_is_the_worst_case(void **state)
{
    struct fixture *f = *state;
    const struct script *s =
        script_of(f, "SELECT 1;\n\nMERGE INTO t USING s ON a = b\n"
                     "WHEN NOT MATCHED BY SOURCE THEN DELETE;\n"
                     "DROP TABLE t;");

    assert_int_equal(s->n, 3);
    assert_null(s->statements[0].unparsed);
    assert_non_null(strstr(s->statements[1].unparsed, "syntax error"));
    assert_string_equal(s->statements[1].kind, "MERGE INTO");
    assert_int_equal(s->statements[1].line, 3);
    assert_non_null(s->statements[1].breaks_old_code);
    assert_false(s->statements[1].needs_no_transaction);
    assert_string_equal(s->statements[2].kind, "DROP TABLE");
    assert_int_equal(f->m.list[0].notes_n, 1);
    assert_true(f->m.list[0].notes[0].warns);
    assert_non_null(strstr(f->m.list[0].notes[0].text, "0001_a.up.sql:3: "));
    assert_false(read_one(f, "COMMIT NEWER; SELECT 1 NEWER THAN"));
    assert_non_null(strstr(f->e.what, "0001_a.up.sql:1: transaction control"));
}

static void blanks_of_an_editor_are_no_statement(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(script_of(f, "SELECT 1; \xc2\xa0\n\xe2\x80\x8b\n")->n, 1);
    assert_false(read_one(f, "SELECT 1;\n\n\xc2\xa0SELECT 2;"));
    assert_string_equal(f->e.what, "0001_a.up.sql:3: the file does not parse");
    assert_non_null(strstr(f->e.why, "(U+00A0)"));
}

static void a_transaction_around_the_whole_is_left_out(void **state)
{
    static const char *const kept[] = {
        "BEGIN; SELECT 1",
        "SELECT 1; COMMIT",
        "BEGIN; SELECT 1; COMMIT; SELECT 2",
        "BEGIN; SELECT 1; ROLLBACK",
        "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT",
        "BEGIN; SELECT 1; COMMIT AND CHAIN",
        "BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; COMMIT",
        "BEGIN; COMMIT",
        "BEGIN; VACUUM; COMMIT",
    };
    struct fixture *f = *state;
    const struct script *s =
        script_of(f, "-- tidegate: transaction=none\n"
                     "START TRANSACTION;\nSELECT 1;\nEND;\n");

    assert_int_equal(s->n, 1);
    assert_true(s->wrapped && s->transaction);
    assert_int_equal(s->statements[0].line, 3);
    assert_int_equal(f->m.list[0].notes_n, 1);
    assert_false(f->m.list[0].notes[0].warns);
    s = script_of(f, "-- tidegate: transaction=none\n"
                     "CALL p(); DO 'BEGIN COMMIT; END'; DO 'BEGIN END'");
    assert_true(s->statements[0].needs_no_transaction);
    assert_true(s->statements[1].needs_no_transaction);
    assert_true(s->statements[0].commits && s->statements[1].commits);
    assert_false(s->statements[2].commits);
    assert_false(s->statements[2].needs_no_transaction);
    assert_false(script_of(f, "CALL p()")->statements[0].needs_no_transaction);
    assert_false(script_of(f, "SELECT 1")->wrapped);
    assert_false(read_one(f, "BEGIN; SELECT 1; COMMIT; SELECT 2"));
    assert_non_null(strstr(f->e.fix, "layout = golang-migrate"));
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        assert_false(read_one(f, kept[i]));
        assert_int_equal(f->e.code, ERR_INPUT);
        assert_complete(&f->e);
    }
}

/* ---- files ---- */

static struct sql_file file(const char *name)
{
    return (struct sql_file){name, "SELECT 1;", 9};
}

static void files_are_paired_and_ordered_by_number(void **state)
{
    struct fixture *f = *state;
    struct sql_file files[] = {file("10_c.up.sql"), file("README.md"),
                               file("9_b.down.sql"), file("9_b.up.sql"),
                               file("0001_a.up.sql")};

    assert_true(migrations_read(&f->m, &f->a, "auto", files, 5, &f->e));
    assert_int_equal(f->m.n, 3);
    assert_string_equal(f->m.list[0].name, "0001_a");
    assert_string_equal(f->m.list[1].name, "9_b");
    assert_string_equal(f->m.list[2].name, "10_c");
    assert_true(f->m.list[1].has_down);
    assert_false(f->m.list[2].has_down);
    assert_ptr_equal(migrations_find(&f->m, "10_c"), &f->m.list[2]);
    assert_null(migrations_find(&f->m, "10_d"));
    assert_int_equal(f->m.list[2].number, 10);
}

static void names_that_mean_nothing_are_refused(void **state)
{
    static const char *const names[][2] = {
        {"a.up.sql", NULL},
        {"1.up.sql", NULL},
        {"1_.up.sql", NULL},
        {"1_a.sql", NULL},
        {"1_a b.up.sql", NULL},
        {"1_a\n.up.sql", NULL},
        {"1_a.down.sql", NULL},         /* no up */
        {"2_a.up.sql", "002_b.up.sql"}, /* the same number */
        {"1111111111111111111_a.up.sql", NULL},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct sql_file files[] = {file(names[i][0]),
                                   file(names[i][1] ? names[i][1] : "readme")};
        if (migrations_read(&f->m, &f->a, "auto", files, 2, &f->e))
            fail_msg("accepted: %s", names[i][0]);
        assert_int_equal(f->e.code, ERR_INPUT);
        assert_complete(&f->e);
    }
}

static void the_digest_covers_names_texts_and_order(void **state)
{
    struct fixture *f = *state;
    struct sql_file files[] = {file("1_a.up.sql"), file("2_b.up.sql")};
    char first[HASH_HEX];

    assert_true(migrations_read(&f->m, &f->a, "auto", files, 2, &f->e));
    memcpy(first, f->m.digest, sizeof first);
    files[1].name = "2_c.up.sql";
    assert_true(migrations_read(&f->m, &f->a, "auto", files, 2, &f->e));
    assert_string_not_equal(f->m.digest, first);
    files[1] = (struct sql_file){"2_b.up.sql", "SELECT 2;", 9};
    assert_true(migrations_read(&f->m, &f->a, "auto", files, 2, &f->e));
    assert_string_not_equal(f->m.digest, first);
    files[1] = file("2_b.up.sql");
    assert_true(migrations_read(&f->m, &f->a, "tidegate", files, 2, &f->e));
    assert_string_equal(f->m.digest, first);
}

static void an_unknown_layout_is_configuration(void **state)
{
    struct fixture *f = *state;

    assert_false(migrations_read(&f->m, &f->a, "tidegat", NULL, 0, &f->e));
    assert_int_equal(f->e.code, ERR_CONFIG);
    assert_non_null(strstr(f->e.fix, "tidegate"));
    assert_true(migrations_read(&f->m, &f->a, "auto", NULL, 0, &f->e));
    assert_int_equal(f->m.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(statements_are_cut_where_the_grammar_says),
        TEST(every_statement_knows_its_line_and_text),
        TEST(byte_order_mark_and_line_ends_do_not_count),
        TEST(many_statements_take_no_quadratic_time),
        TEST(deep_expressions_are_refused_not_crashed_on),
        TEST(bad_bytes_are_refused),
        TEST(a_file_over_the_limit_is_refused),
        TEST(what_does_not_parse_is_named_with_its_line),
        TEST(data_of_a_copy_stay_with_the_statement),
        TEST(what_the_parser_does_not_know_is_the_worst_case),
        TEST(blanks_of_an_editor_are_no_statement),
        TEST(a_transaction_around_the_whole_is_left_out),
        TEST(files_are_paired_and_ordered_by_number),
        TEST(names_that_mean_nothing_are_refused),
        TEST(the_digest_covers_names_texts_and_order),
        TEST(an_unknown_layout_is_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
