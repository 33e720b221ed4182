/* ${name} in Flyway's files: what is put in, what stays, what is refused. */
#include "migrations/lint/lint.h"
#include "migrations/read/placeholders.h"
#include "tests/unit/migrations/layouts.h"

static struct placeholder list[] = {
    {"schema", "app"},
    {"Empty", ""},
    {"quote", "it''s"},
    {"again", "${schema} and $$"},
    {"hide", "--"},
    {"a.b-c_1", "x;y"},
    {"flyway.defaultSchema", "main"},
};
static const struct placeholders some = {list, sizeof list / sizeof *list};

static bool read_one(const char *text)
{
    struct folder f = {{{"sub/V1__a.sql", text}}};

    values = &some;
    return read_folder("flyway", &f);
}

/* ---- put in ---- */

static const struct {
    const char *text, *want;
} good[] = {
    {"SELECT '${schema}'", "SELECT 'app'"},
    {"SELECT ${SCHEMA}.x, ${Schema}.y", "SELECT app.x, app.y"},
    {"-- ${schema}\nSELECT 1 /* ${schema} */", "-- app\nSELECT 1 /* app */"},
    {"SELECT '${quote}', '${a.b-c_1}'", "SELECT 'it''s', 'x;y'"},
    {"SELECT '${empty}${EMPTY}'", "SELECT ''"},
    {"SELECT '${flyway:defaultSchema}'", "SELECT 'main'"},
    {"SELECT '${FLYWAY:DEFAULTSCHEMA}'", "SELECT 'main'"},
    {"SELECT '${flyway:filename}'", "SELECT 'V1__a.sql'"},
    /* a value is not looked into */
    {"SELECT '${again}'", "SELECT '${schema} and $$'"},
    /* after $$ there is none */
    {"SELECT $$${schema}$$", "SELECT $$app$$"},
    {"SELECT '$${schema}'", "SELECT '$${schema}'"},
    {"SELECT '$$${schema}'", "SELECT '$$app'"},
    {"SELECT '$', '{schema}', '$1 $ {schema}'",
     "SELECT '$', '{schema}', '$1 $ {schema}'"},
    /* a comment may hold what has no value, also one that a value begins */
    {"SELECT 1 -- ${nobody}", "SELECT 1 -- ${nobody}"},
    {"SELECT 1 /* ${nobody */", "SELECT 1 /* ${nobody */"},
    {"SELECT 1 ${hide} + ${nobody}", "SELECT 1 -- + ${nobody}"},
    {"\xef\xbb\xbf-- ${schema}\r\nSELECT '${schema}\r'\r\n",
     "-- app\nSELECT 'app\n'\n"},
    {"-- tidegate: forward-only for ${schema}\nSELECT 1",
     "-- tidegate: forward-only for app\nSELECT 1"},
};

static void values_are_put_in_as_flyway_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!read_one(good[i].text))
            fail_msg("%s: %s", good[i].text, e.what);
        assert_string_equal(m.list[0].up.text, good[i].want);
        assert_int_equal(m.list[0].up.filled,
                         strcmp(good[i].text, good[i].want) != 0);
    }
}

static void a_file_may_say_that_nothing_is_put_in(void **state)
{
    struct folder f = {{{"V1__a.sql", "SELECT '${schema} ${nobody} ${'"},
                        {"V1__a.sql.conf", "placeholderReplacement=false\n"}}};

    (void)state;
    values = &some;
    assert_true(read_folder("auto", &f));
    assert_string_equal(m.list[0].up.text, f.files[0][1]);
    assert_string_equal(migration_values(&m.list[0]), "");
}

/* Another tool's file means what it says. */
static void other_layouts_have_none(void **state)
{
    struct folder f = {{{"1_a.up.sql", "SELECT '${schema} ${nobody}'"}}};

    (void)state;
    values = &some;
    assert_true(read_folder("auto", &f));
    assert_string_equal(m.list[0].up.text, f.files[0][1]);
}

/* ---- refused ---- */

static const struct {
    const char *text, *what, *fix;
} bad[] = {
    {"SELECT 1;\r\nSELECT '${schema}';\rSELECT '${nobody}'",
     "sub/V1__a.sql:3: ${nobody} has no value",
     "below [placeholders]: nobody = VALUE"},
    {"SELECT '${nobody}'", "sub/V1__a.sql:1: ${nobody} has no value",
     "nobody = ${nobody}"},
    {"-- ${a}\nSELECT ${b}", "sub/V1__a.sql:2: ${b} has no value", "b = VALUE"},
    {"SELECT '${flyway:timestamp}'",
     "sub/V1__a.sql:1: ${flyway:timestamp} has no value",
     "flyway.timestamp = VALUE"},
    {"SELECT '${'", "sub/V1__a.sql:1: a ${ that begins no placeholder",
     "placeholderReplacement=false into sub/V1__a.sql.conf"},
    {"SELECT '${}'", "begins no placeholder", ".conf"},
    {"SELECT '${a b}'", "begins no placeholder", ".conf"},
    {"SELECT '${schema\n}'", "begins no placeholder", ".conf"},
    {"SELECT '${\xc3\xa4}'", "begins no placeholder", ".conf"},
};

static void one_without_a_value_is_named_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (read_one(bad[i].text))
            fail_msg("read: %s", bad[i].text);
        assert_int_equal(e.code, ERR_INPUT);
        if (!strstr(e.what, bad[i].what) || !strstr(e.fix, bad[i].fix))
            fail_msg("%s; %s", e.what, e.fix);
        assert_true(e.why[0]);
    }
    read_one("SELECT '${flyway:timestamp}'");
    assert_non_null(strstr(e.why, "the time at which"));
}

static void what_grows_too_large_is_refused(void **state)
{
    char *text = arena_alloc(&arena, MIGRATION_LIMIT), *value;
    struct placeholder one = {"a", NULL};
    const struct placeholders only = {&one, 1};
    struct folder f = {{{"V1__a.sql", text}}};

    (void)state;
    memset(value = arena_alloc(&arena, 200), 'x', 199);
    one.value = value;
    memcpy(text, "SELECT '", 8);
    for (char *at = text + 8; at < text + 40000; at += 4)
        memcpy(at, "${a}", 4);
    values = &only;
    assert_false(read_folder("flyway", &f));
    assert_string_equal(e.what, "V1__a.sql: the file is too large");
    assert_non_null(strstr(e.why, "filled in"));
    memset(text, 0, 40100);
    memcpy(text, "SELECT '${a}'", 13);
    assert_true(read_folder("flyway", &f));
}

/* ---- what holds a value ---- */

/* What was rehearsed, announced or applied is the text with its values. */
static void another_value_is_another_migration(void **state)
{
    struct folder f = {{{"V1__a.sql", "SELECT '${a}'"},
                        {"V2__b.sql", "SELECT 1"},
                        {"R__v.sql", "SELECT '${a}'"},
                        {"R__w.sql", "SELECT '$ {a}'"}}};
    struct placeholder one = {"a", "x"};
    const struct placeholders only = {&one, 1};
    struct migrations first;
    struct layout_applied told;
    const char *cell[3][2] = {{"R__v", "text 1"}, {"1", "applied 2"}};
    const char *const *rows[3] = {cell[0], cell[1], cell[2]};

    (void)state;
    values = &only;
    assert_true(read_folder("auto", &f));
    first = m;
    assert_true(read_folder("auto", &f));
    assert_string_equal(m.digest, first.digest);
    assert_non_null(strstr(migration_values(&m.list[0]), "[placeholders]"));
    assert_string_equal(migration_values(&m.list[1]), "");
    one.value = "y";
    assert_true(read_folder("auto", &f));
    assert_string_not_equal(m.digest, first.digest);
    assert_string_not_equal(m.list[0].checksum, first.list[0].checksum);
    assert_string_equal(m.list[1].checksum, first.list[1].checksum);
    assert_string_not_equal(m.list[2].name, first.list[2].name);
    assert_string_equal(m.list[3].name, first.list[3].name);
    /* Flyway's checksum: of V as the file is, of R either way */
    assert_string_equal(m.list[0].mark, first.list[0].mark);
    assert_string_not_equal(m.list[2].mark, first.list[2].mark);
    cell[2][0] = "R__w";
    cell[2][1] = arena_printf(&arena, "text %s", m.list[3].mark);
    cell[1][1] = arena_printf(&arena, "applied %s", m.list[0].mark);
    for (int i = 0; i < 2; i++) {
        const char *mark = m.list[2].mark, *blank = strchr(mark, ' ');

        assert_non_null(blank);
        cell[0][1] =
            i ? arena_printf(&arena, "text %s", blank + 1)
              : arena_printf(&arena, "text %.*s", (int)(blank - mark), mark);
        layout_applied(&told, &arena, &m, (char *const *const *)rows, 3);
        assert_true(told.is[0] && !told.is[1] && told.is[2] && told.is[3]);
        assert_int_equal(told.again_n + told.changed_n, 0);
    }
}

/* ---- lint ---- */

static void lint_reads_them_too(void **state)
{
    struct sql_file file = {.name = "db/V1__a.sql", .values = &some};
    struct lint_run run = {0};
    struct finding *found;
    size_t n;

    (void)state;
    file.bytes = "DROP TABLE ${schema}.t";
    file.len = strlen(file.bytes);
    found = lint_file(&arena, &file, &run, &n);
    assert_int_equal(n, 1);
    assert_string_equal(found[0].rule, "breaks-old-code");
    file.bytes = "SELECT 1;\nSELECT '${nobody}'";
    file.len = strlen(file.bytes);
    found = lint_file(&arena, &file, &run, &n);
    assert_int_equal(n, 1);
    assert_string_equal(found[0].rule, "placeholder");
    assert_int_equal(found[0].line, 2);
    assert_non_null(strstr(found[0].safer, "nobody = VALUE"));
    file.values = NULL; /* alone: who knows whether it is one */
    lint_file(&arena, &file, &run, &n);
    assert_int_equal(n, 0);
    file.bytes = "SELECT 1;\nDROP TABLE ${schema}.t";
    file.len = strlen(file.bytes);
    found = lint_file(&arena, &file, &run, &n);
    assert_int_equal(n, 1);
    assert_string_equal(found[0].rule, "parse");
    assert_int_equal(found[0].line, 2);
    assert_non_null(strstr(found[0].safer, "-e"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_are_put_in_as_flyway_does),
        TEST(a_file_may_say_that_nothing_is_put_in),
        TEST(other_layouts_have_none),
        TEST(one_without_a_value_is_named_with_its_line),
        TEST(what_grows_too_large_is_refused),
        TEST(another_value_is_another_migration),
        TEST(lint_reads_them_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
