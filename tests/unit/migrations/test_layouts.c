/* Folders of every layout: recognised, read, refused; and what the tools' own
 * tables say of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/read/layout.h"
#include "migrations/state/applied.h"
#include "runner/base/buf.h"

#define MOST 12
#define PLAN                                 \
    "%syntax-version=1.0.0\n%project=shop\n" \
    "%uri=https://example.org/shop\n\n# a comment\n"
#define WHO " 2024-01-05T12:00:0"
#define BY  "Z A Person <a@example.org> # why\n"

struct folder {
    const char *files[MOST][2];
};

static struct arena arena;
static struct err e;
static struct migrations m;

static bool read_folder(const char *layout, const struct folder *f)
{
    struct sql_file list[MOST];
    size_t n = 0;

    for (; n < MOST && f->files[n][0]; n++)
        list[n] = (struct sql_file){f->files[n][0], f->files[n][1],
                                    strlen(f->files[n][1])};
    err_clear(&e);
    return migrations_read(&m, &arena, layout, list, n, &e);
}

/* "NAME=VERSION:STATEMENTS/DOWN-STATEMENTS", with ! without a transaction, and
 * ?STATEMENTS of what verifies it. */
static const char *said(void)
{
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; i < m.n; i++) {
        const struct migration *one = &m.list[i];
        buf_printf(&b, "%s%s=%s:%zu%s", i ? " " : "", one->name, one->version,
                   one->up.n, one->up.transaction ? "" : "!");
        if (one->has_down)
            buf_printf(&b, "/%zu%s", one->down.n,
                       one->down.transaction ? "" : "!");
        if (one->up.verify)
            buf_printf(&b, "?%zu", one->up.verify->n);
    }
    return buf_into(&b, &arena);
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

/* ---- read ---- */

static const struct {
    const char *layout; /* as recognised */
    struct folder folder;
    const char *want;
} good[] = {
    {"tidegate",
     {{{"1_a.up.sql", "SELECT 1"},
       {"1_a.down.sql", "SELECT 1; SELECT 2"},
       {"README.md", ""},
       {"sub/x.sql", "SELEC"}}},
     "1_a=1:1/2"},
    {"golang-migrate",
     {{{"2_a b.up.sql", "SELECT 1"},
       {"2_b.down.sql", "SELECT 1"},
       {"10_.up.sql", "-- nothing\n"},
       {"11_x.down.sql", "SELECT 1"},
       {"notes.sql", "x"}}},
     "2_a b=2:1/1 10_=10:0 11_x=11:0/1"},
    {"dbmate",
     {{{"20240105120000_a-b.sql",
        "-- a comment\n\n-- migrate:up\nSELECT 1;\nSELECT 2;\n"
        "-- migrate:down\n"},
       {"20240106_c.sql",
        "-- migrate:up transaction:false\nVACUUM;\nSELECT 1;\n"
        "--migrate:down transaction:false\nSELECT 1;\n"},
       {"data.sql", "x"}}},
     "20240105120000_a-b=20240105120000:2 20240106_c=20240106:2!/1!"},
    {"goose",
     {{{"00002_b.sql", "-- +goose NO TRANSACTION\n-- +goose Up\n"
                       "CREATE INDEX CONCURRENTLY i ON t (a);\nSELECT 1;\n"
                       "-- +goose Down\nSELECT 1;\n"},
       {"00001_a.sql",
        "-- +goose Up\n-- +goose StatementBegin\nDO $$\nBEGIN\nNULL;\nEND $$;\n"
        "-- +goose StatementEnd\n\n-- +goose Down\nDROP TABLE t;\n"},
       {"00003_c.sql", "-- +goose up\nSELECT 1;\nCOMMIT;\n"},
       {"seed.sql", "x"},
       {"00001_a_test.go", ""}}},
     "00001_a=1:1/1 00002_b=2:2!/1! 00003_c=3:1"},
    {"flyway",
     {{{"V1.10__ten.sql", "SELECT '${x}'"},
       {"V1.10__ten.sql.conf",
        "# no\nplaceholderReplacement=false\nexecuteInTransaction=false\n"},
       {"a/V1_9__nine.sql", "SELECT 1"},
       {"U1.9__back.sql", "SELECT 1"},
       {"R__views.sql", "SELECT 1"},
       {"V2__two.sql", "SELECT 1 -- ${c}\n"},
       {"data.sql", "x"}}},
     "V1_9__nine=1.9:1/1 V1.10__ten=1.10:1! V2__two=2:1 "
     "R__views@e004ebd5=R__views:1"},
    {"sqitch",
     {{{"sqitch.plan",
        PLAN "app" WHO "1" BY "a/t [app]" WHO "2" BY "@v1" WHO "3" BY "@v2" WHO
             "4" BY "+a/t [a/t@v1 !old] " WHO "5" BY},
       {"sqitch.conf", "[core]\n\tengine = pg\n\tverify_dir = verify\n"},
       {"deploy/app.sql", "-- Deploy\nBEGIN;\nSELECT 1;\nCOMMIT;\n"},
       {"revert/app.sql", "BEGIN;\nSELECT 1;\nCOMMIT;\n"},
       {"verify/app.sql", "-- asks\nBEGIN;\nSELECT 1;\nSET ROLE bob;\n"
                          "DO $$BEGIN SET LOCAL ROLE amy; END$$;\nROLLBACK;\n"},
       {"verify/a/t.sql", "ROLLBACK"},
       {"verify/a/t@v2.sql", "SELECT 1; SELECT 2; SELECT 3"},
       {"deploy/a/t@v2.sql", "SELECT 1;\nVACUUM;"},
       {"deploy/a/t@v2x.sql", "SELECT"},
       {"deploy/a/t.sql", "SELECT 1"}}},
     "app=shop:app 2024-01-05T12:00:01Z:1/1?3 "
     "a/t=shop:a/t 2024-01-05T12:00:02Z:2!?3 "
     "a/t#2=shop:a/t 2024-01-05T12:00:05Z:1"},
    {"diesel",
     {{{"2024-01-05-120000_a/up.sql", "SELECT 1"},
       {"2024-01-05-120000_a/down.sql", "SELECT 1"},
       {"00000000000000_setup/up.sql", "SELECT 1; SELECT 2"},
       {"2024-02-01-000000_c/up.sql", "VACUUM; SELECT 1"},
       {"2024-02-01-000000_c/metadata.toml",
        "# why\nrun_in_transaction = false\n"},
       {".gitkeep", ""}}},
     "00000000000000_setup=00000000000000:2 "
     "2024-01-05-120000_a=20240105120000:1/1 "
     "2024-02-01-000000_c=20240201000000:2!"},
    {"tidegate", {{{"README.md", ""}}}, ""},
};

static void folders_are_recognised_and_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        /* one of golang-migrate's form is tidegate's, unless it is named */
        bool named = strcmp(good[i].layout, "golang-migrate") == 0;
        if (!read_folder(named ? good[i].layout : "auto", &good[i].folder))
            fail_msg("%s: %s: %s", good[i].layout, e.what, e.why);
        assert_string_equal(m.layout, good[i].layout);
        assert_string_equal(said(), good[i].want);
        assert_true(read_folder(good[i].layout, &good[i].folder));
        assert_string_equal(said(), good[i].want);
        for (size_t j = 1; j < m.n; j++)
            assert_true(m.list[j - 1].number < m.list[j].number);
    }
}

/* ---- refused ---- */

static const struct {
    const char *layout;
    struct folder folder;
    const char *what; /* part of it */
} bad[] = {
    {"auto", {{{"x.sql", "SELECT 1"}}}, "x.sql: no name of a migration"},
    {"auto",
     {{{"1_a.up.sql", "SELECT 1"}, {"V1__a.sql", "SELECT 1"}}},
     "migrations of two layouts: tidegate and flyway"},
    {"auto",
     {{{"1_a.sql", "-- +goose Up\n"}, {"2_a.sql", "-- migrate:up\n"}}},
     "migrations of two layouts: dbmate and goose"},
    {"auto", {{{"1_a.up.go", ""}}}, "1_a.up.go: a migration that is no SQL"},
    {"tidegate", {{{"1_a.up.sql", "-- x\n"}}}, "holds no statement"},
    {"golang-migrate",
     {{{"1_a.up.sql", "SELECT 1"}, {"01_b.up.sql", "SELECT 1"}}},
     "have the same number"},
    {"golang-migrate",
     {{{"1_a.up.sql", "SELECT 1;\n\nCREATE TABLE {{.T}} ()"}}},
     "1_a.up.sql:3: not SQL: {"},
    {"dbmate",
     {{{"1_a.sql", "-- migrate:down\nSELECT 1;\n-- migrate:up\n"}}},
     "1_a.sql:1: migrate:down before migrate:up"},
    {"dbmate",
     {{{"1_a.sql", "-- x\nSELECT 1;\n-- migrate:up\n"}}},
     "1_a.sql:2: a statement before migrate:up"},
    {"dbmate",
     {{{"1_a.sql", "-- migrate:up transaction:no\n"}}},
     "1_a.sql:1: an option that dbmate does not know"},
    {"dbmate", {{{"1_a.sql", "SELECT 1"}}}, "1_a.sql:1: a statement before"},
    {"dbmate", {{{"1_a.sql", "-- x\n"}}}, "1_a.sql: has no way up"},
    {"dbmate",
     {{{"1_a.sql", "-- migrate:up\n"}, {"01_b.sql", "-- migrate:up\n"}}},
     "its number is taken"},
    {"dbmate",
     {{{"1_a.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\n\nSELEC 1;"}}},
     "1_a.sql:5: the file does not parse"},
    {"goose",
     {{{"1_a.sql", "-- +goose Up\n-- +goose ENVSUB ON\nSELECT 1;"}}},
     "1_a.sql:2: a template"},
    {"goose",
     {{{"1_a.sql", "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;"}}},
     "StatementBegin without StatementEnd"},
    {"goose",
     {{{"1_a.sql", "-- +goose Up\n-- +goose Dwon\n"}}},
     "1_a.sql:2: an annotation that goose does not know"},
    {"goose",
     {{{"1_a.sql", "-- +goose Up\nSELECT 1;"}, {"2_b.go", ""}}},
     "2_b.go: a migration that is no SQL"},
    {"goose", {{{"1_a.sql", "-- +goose Down\n"}}}, "Down in a wrong place"},
    {"flyway",
     {{{"V1__a.sql", "SELECT 1;\nSELECT '${name}'"}}},
     "V1__a.sql:2: a placeholder, ${name}"},
    {"flyway",
     {{{"V1__a.sql", "SELECT 1"}, {"V1.0__b.sql", "SELECT 1"}}},
     "its version is taken"},
    {"flyway",
     {{{"V1__a.sql", "SELECT 1"}, {"V2_b.sql", "SELECT 1"}}},
     "V2_b.sql: no name of a migration"},
    {"flyway", {{{"U1__a.sql", "SELECT 1"}}}, "U1__a.sql: has no V file"},
    {"flyway",
     {{{"V1__a.sql", "SELECT 1"}, {"V2__b.java", ""}}},
     "V2__b.java: a migration that is no SQL"},
    {"flyway",
     {{{"V1__a.sql", "SELECT 1"}, {"beforeMigrate.sql", "SELECT 1"}}},
     "beforeMigrate.sql: a callback"},
    {"flyway", {{{"B2__a.sql", "SELECT 1"}}}, "B2__a.sql: a baseline script"},
    {"flyway",
     {{{"V1__a.sql", "SELECT 1"}, {"V1__a.sql.conf", "shouldExecute=false\n"}}},
     "V1__a.sql.conf:1: a setting that tidegate does not follow"},
    {"sqitch", {{{"x.sql", "SELECT 1"}}}, "sqitch.plan: there is no plan"},
    {"sqitch",
     {{{"sqitch.plan", PLAN "app" WHO "1" BY}}},
     "sqitch.plan:6: app has no deploy script"},
    {"sqitch",
     {{{"sqitch.plan", PLAN}, {"sqitch.conf", "[core]\n engine = mysql\n"}}},
     "sqitch.conf:2: a project of another database"},
    {"sqitch",
     {{{"sqitch.plan", PLAN "app" WHO "1" BY},
       {"deploy/app.sql", "BEGIN;\n\\set x 1\nSELECT :x;\nCOMMIT;"}}},
     "deploy/app.sql:2: not SQL: psql's \\set"},
    {"sqitch",
     {{{"sqitch.plan", PLAN "app" WHO "1" BY},
       {"deploy/app.sql", "BEGIN;\nSELECT :'x';\nCOMMIT;"}}},
     "deploy/app.sql:2: not SQL: a variable of psql"},
    {"sqitch",
     {{{"sqitch.plan", PLAN}, {"sqitch.conf", "verify_dir = \"v\""}}},
     "sqitch.conf:1: verify_dir is not followed"},
    {"sqitch",
     {{{"sqitch.plan", PLAN "app" WHO "1" BY},
       {"deploy/app.sql", "SELECT 1"},
       {"verify/app.sql", "BEGIN;\n\\d t\nROLLBACK;"}}},
     "verify/app.sql:2: not SQL: psql's \\d"},
    {"sqitch",
     {{{"sqitch.plan", PLAN "app" WHO "1" BY},
       {"deploy/app.sql", "SELECT 1"},
       {"verify/app.sql",
        "DO $$BEGIN SET ROLE amy; DROP TABLE tidegate.x; END$$;"}}},
     "verify/app.sql:1: touches schema tidegate"},
    {"sqitch",
     {{{"sqitch.plan", PLAN "app" WHO "1" BY},
       {"deploy/app.sql", "SELECT 1"},
       {"verify/app.sql", "SELECT 1;\nVACUUM;"}}},
     "verify/app.sql:2: VACUUM cannot run in a transaction"},
    {"sqitch",
     {{{"sqitch.plan", PLAN "app" WHO "1" BY},
       {"deploy/app.sql", "SELECT 1"},
       {"verify/app.sql", "BEGIN; SELECT 1;\nROLLBACK; SELECT 2;"}}},
     "verify/app.sql:1: transaction control"},
    {"sqitch",
     {{{"sqitch.plan", PLAN "app" WHO "1" BY},
       {"deploy/app.sql", "SELECT 1"},
       {"verify/app.sql", "-- tidegate: transaction=none\nSELECT 1;"}}},
     "verify/app.sql: a verify script is one transaction"},
    {"diesel",
     {{{"1_a/up.sql", "SELECT 1"}, {"2_b/down.sql", "SELECT 1"}}},
     "2_b/down.sql: has no up.sql"},
    {"diesel",
     {{{"1-2_a/up.sql", "SELECT 1"}, {"12_b/up.sql", "SELECT 1"}}},
     "12_b: its version is taken"},
    {"diesel",
     {{{"1_a/up.sql", "SELECT 1"},
       {"1_a/metadata.toml", "\nrun_in_transaction = no\n"}}},
     "1_a/metadata.toml:2: run_in_transaction"},
    {"diesel", {{{"1_\x1b/up.sql", "SELECT 1"}}}, "no name of a migration"},
};

static void what_is_not_right_is_named_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (read_folder(bad[i].layout, &bad[i].folder))
            fail_msg("read: %s", bad[i].what);
        if (e.code != ERR_INPUT || !strstr(e.what, bad[i].what))
            fail_msg("%s, in place of %s", e.what, bad[i].what);
        assert_true(e.why[0] && e.fix[0]);
    }
    assert_false(read_folder("gose", &bad[0].folder));
    assert_int_equal(e.code, ERR_CONFIG);
    assert_non_null(strstr(e.fix, "goose"));
}

/* What verifies a migration is no part of what is applied, and may be mended
 * later; whoever approves or rehearses holds all of it. */
static void what_verifies_is_approved_and_not_recorded(void **state)
{
    struct folder f = {{{"sqitch.plan", PLAN "a" WHO "1" BY},
                        {"deploy/a.sql", "SELECT 1"},
                        {"verify/a.sql", "SELECT 1"}}};
    char checksum[HASH_HEX], digest[HASH_HEX];

    (void)state;
    assert_true(read_folder("auto", &f));
    memcpy(checksum, m.list[0].checksum, sizeof checksum);
    memcpy(digest, m.digest, sizeof digest);
    for (int i = 0; i < 2; i++) {
        f.files[2][1] = i ? "" : "SELECT 2";
        assert_true(read_folder("auto", &f));
        assert_string_equal(m.list[0].checksum, checksum);
        assert_string_not_equal(m.digest, digest);
    }
    assert_null(m.list[0].up.verify);
}

static void a_link_is_no_file(void **state)
{
    struct sql_file list[] = {{"1_a.up.sql", "SELECT 1", 8, .link = false},
                              {"2_b.up.sql", "/etc/motd", 9, .link = true}};
    struct sql_file plan = {"sqitch.plan", "../x", 4, .link = true};

    (void)state;
    assert_false(migrations_read(&m, &arena, "auto", list, 2, &e));
    assert_string_equal(e.what, "2_b.up.sql: a symbolic link");
    assert_false(migrations_read(&m, &arena, "auto", &plan, 1, &e));
    assert_string_equal(e.what, "sqitch.plan: a symbolic link");
}

/* ---- plans ---- */

static void plans_are_read_by_their_rules(void **state)
{
    static const struct {
        const char *plan, *what; /* what NULL: it is good */
    } rows[] = {
        {PLAN "a" WHO "1" BY, NULL},
        {"\xef\xbb\xbf% project = shop \r\n a" WHO "1" BY, NULL},
        {PLAN "a[b]" WHO "1" BY, "what it requires does not stand before"},
        {PLAN "b" WHO "1" BY "a [b other:c "
              "0123456789abcdef0123456789abcdef01234567]" WHO "1" BY,
         NULL},
        {PLAN "b" WHO "1" BY "@t" WHO "2" BY "c" WHO "2" BY "a [c@t]" WHO
              "3" BY,
         "what it requires does not stand before"},
        {PLAN "b" WHO "1" BY "@t" WHO "2" BY "a [b@t @t shop:b @HEAD]" WHO
              "3" BY,
         NULL},
        {PLAN "b" WHO "1" BY "a [!b]" WHO "1" BY, "it conflicts"},
        {PLAN "a" WHO "1" BY "a" WHO "2" BY, "twice without a tag"},
        {PLAN "a" WHO "1" BY "@t" WHO "1" BY "b" WHO "1" BY "a" WHO "2" BY,
         NULL},
        {PLAN "a" WHO "1" BY "@t" WHO "1" BY "a" WHO "2" BY "a" WHO "3" BY,
         "twice without a tag"},
        {PLAN "@t" WHO "1" BY, "a tag before the first change"},
        {PLAN "a" WHO "1" BY "@t" WHO "1" BY "@t" WHO "1" BY,
         "the tag stands twice"},
        {PLAN "a" WHO "1" BY "@HEAD" WHO "1" BY, "no name of a tag"},
        {PLAN "-a" WHO "1" BY, "to be reverted"},
        {PLAN "a:b" WHO "1" BY, "no name of a change"},
        {PLAN "a~1" WHO "1" BY, "no name of a change"},
        {PLAN "a [b" WHO "1" BY, "does not end"},
        {PLAN "a 2024-01-05 A Person <a@example.org>", "a time is missing"},
        {PLAN "a 2024-01-05T12:00:00Z A Person", "who planned it"},
        {PLAN "a", "a time is missing"},
        {"%syntax-version=1.2.5\n%project=shop\n", NULL},
        {"%syntax-version=2.0.0\n", "a plan of another syntax"},
        {"a" WHO "1" BY, "no project"},
        {"", "no project"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct folder f = {{{"sqitch.plan", rows[i].plan},
                            {"deploy/a.sql", "SELECT 1"},
                            {"deploy/a@t.sql", "SELECT 1"},
                            {"deploy/b.sql", "SELECT 1"},
                            {"deploy/c.sql", "SELECT 1"}}};
        bool ok = read_folder("sqitch", &f);
        if (ok != !rows[i].what || (!ok && !strstr(e.what, rows[i].what)))
            fail_msg("%s: %s", rows[i].plan, ok ? "read" : e.what);
    }
}

/* ---- statements of custom ---- */

static void customs_of_other_tools_are_left_out(void **state)
{
    struct folder f = {
        {{"1_a.sql", "-- tidegate: phase=after\n-- +goose Up\n"
                     "SET statement_timeout = '5min';\n"
                     "SET LOCAL lock_timeout TO 0;\nSET search_path = shop;\n"
                     "SELECT set_config('search_path', '', false);\n"
                     "ALTER TABLE t DISABLE TRIGGER x;\nUPDATE t SET a = 1;\n"
                     "ALTER TABLE t ENABLE TRIGGER x;\n"
                     "RESET statement_timeout;\nCOMMIT;\n"
                     "-- +goose Down\nSET lock_timeout = 2500;\nSELECT 1;"}}};
    static const char *const refused[] = {
        "SET ROLE bob",
        "SET session_replication_role = replica",
        "ALTER TABLE t DISABLE TRIGGER x",
        "ALTER TABLE t DISABLE TRIGGER x; ALTER TABLE u ENABLE TRIGGER x",
        "ALTER TABLE t DISABLE TRIGGER ALL; ALTER TABLE t ENABLE TRIGGER USER",
        "ALTER TABLE t ENABLE TRIGGER ALL; ALTER TABLE t DISABLE TRIGGER ALL",
        "ALTER TABLE t DISABLE TRIGGER x, DISABLE TRIGGER y;"
        "ALTER TABLE t ENABLE TRIGGER y",
        "CREATE TRIGGER x AFTER INSERT ON u EXECUTE FUNCTION f();"
        "ALTER TABLE t DISABLE TRIGGER x",
        "ALTER TABLE t DISABLE TRIGGER x;"
        "CREATE TRIGGER x AFTER INSERT ON t EXECUTE FUNCTION f()",
        "COMMIT; SELECT 1; BEGIN",
        "COMMIT; SELECT 1; ROLLBACK",
        "SELECT set_config('role', 'bob', false)",
        "SELECT set_config('search_path', '', false), pg_read_file('x')",
    };

    (void)state;
    assert_true(read_folder("auto", &f));
    assert_true(m.list[0].after);
    assert_int_equal(m.list[0].up.n, 5);
    assert_int_equal(m.list[0].up.statements[0].line, 5);
    assert_int_equal(m.list[0].up.statement_timeout_ms, 300000);
    assert_int_equal(m.list[0].up.lock_timeout_ms, -1);
    assert_true(m.list[0].up.wrapped && m.list[0].up.timeouts);
    assert_int_equal(m.list[0].down.n, 1);
    assert_int_equal(m.list[0].down.lock_timeout_ms, 2500);
    assert_int_equal(m.list[0].down.statements[0].line, 14);
    assert_int_equal(m.list[0].up.pauses, 7);
    assert_int_equal(m.list[0].notes_n, 5);
    assert_true(m.list[0].notes[4].warns);
    assert_non_null(
        strstr(m.list[0].notes[4].text,
               "1_a.sql:5: search_path is set for this script alone: the way "
               "back (1_a.sql) runs with that of the role"));
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct folder one = {
            {{"1_a.sql",
              arena_printf(&arena, "-- +goose Up\n%s;", refused[i])}}};
        if (read_folder("goose", &one))
            fail_msg("allowed: %s", refused[i]);
    }
}

static void names_with_another_prefix_of_Flyway_are_told(void **state)
{
    struct folder f = {{{"v1.2__a.sql", "SELECT 1"}}};

    (void)state;
    assert_false(read_folder("auto", &f));
    assert_non_null(strstr(e.fix, "Flyway's names begin with V"));
    f.files[0][0] = "a.sql";
    assert_false(read_folder("auto", &f));
    assert_null(strstr(e.fix, "Flyway"));
}

static void the_name_that_psql_knows_is_the_databases(void **state)
{
    struct folder f = {{{"sqitch.plan", PLAN "a" WHO "1" BY},
                        {"deploy/a.sql", "BEGIN;\n"
                                         "GRANT CONNECT -- :'DBNAME', 100%\n"
                                         "ON DATABASE :\"DBNAME\" TO bob;\n"
                                         "SELECT ':''DBNAME''', :'DBNAME';\n"
                                         "COMMIT;\n"}}};
    static const char *const refused[] = {
        "SELECT :DBNAME",
        "SELECT :'DBNAMES'",
        "SELECT ':\"DBNAME\"', :'USER'",
        "GRANT CREATE ON DATABASE :\"DBNAME\" TO bob; SELECT $sql$a$sql$",
        "GRANT CREATE ON DATABASE :\"DBNAME\" TO bob; SELECT \"?DBNAME\"",
    };
    const struct statement *s;

    (void)state;
    assert_true(read_folder("auto", &f));
    s = m.list[0].up.statements;
    assert_true(m.list[0].up.n == 2 && m.list[0].up.transaction);
    assert_int_equal(s[0].line, 2);
    assert_string_equal(s[0].text,
                        "DO $tidegate$BEGIN EXECUTE pg_catalog.format($sql$"
                        "GRANT CONNECT -- :'DBNAME', 100%%\n"
                        "ON DATABASE %1$I TO bob"
                        "$sql$, pg_catalog.current_database()); END$tidegate$");
    assert_int_equal(s[1].line, 4);
    assert_string_equal(s[1].text, "SELECT ':''DBNAME''', "
                                   "pg_catalog.current_database()");
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        f.files[1][1] = refused[i];
        if (read_folder("auto", &f) || !strstr(e.what, "a variable of psql"))
            fail_msg("%s: %s", refused[i], e.what);
    }
}

/* As psql runs it: only in a transaction of the script's own it would fail. */
static void what_commits_in_a_script_of_sqitch_runs_alone(void **state)
{
    struct folder f = {
        {{"sqitch.plan", PLAN "a" WHO "1" BY},
         {"deploy/a.sql", "DO $$BEGIN DELETE FROM t; COMMIT; END$$;"},
         {"revert/a.sql", "BEGIN; DO $$BEGIN ROLLBACK; END$$; COMMIT;"}}};
    struct folder again = {{{"1_a.up.sql", "SELECT 1"}, {"1_a.down.sql", ""}}};

    (void)state;
    assert_true(read_folder("auto", &f));
    assert_false(m.list[0].up.transaction);
    assert_true(m.list[0].up.statements[0].commits);
    assert_true(m.list[0].down.transaction);
    assert_false(m.list[0].down.statements[0].commits);
    again.files[1][1] = m.list[0].up.text;
    assert_true(read_folder("auto", &again));
    assert_true(m.list[0].down.statements[0].commits);
}

static void triggers_are_off_for_the_file_only(void **state)
{
    static const struct {
        const char *sql;
        int pauses;
    } rows[] = {
        {"ALTER TABLE t DISABLE TRIGGER x, DISABLE TRIGGER y;\nSELECT 1;\n"
         "ALTER TABLE t ENABLE TRIGGER y; ALTER TABLE t ENABLE TRIGGER x",
         2},
        {"CREATE TRIGGER x AFTER INSERT ON t EXECUTE FUNCTION f();\n"
         "ALTER TABLE t DISABLE TRIGGER x",
         0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct folder f = {
            {{"1_a.sql",
              arena_printf(&arena, "-- +goose Up\n%s;", rows[i].sql)}}};
        if (!read_folder("goose", &f))
            fail_msg("%s", e.what);
        assert_int_equal(m.list[0].up.pauses, rows[i].pauses);
    }
}

static void parts_in_BEGIN_and_COMMIT_are_one_transaction(void **state)
{
    static const struct {
        const char *sql, *what; /* what NULL: it is read */
    } rows[] = {
        {"SET search_path = a; BEGIN; SELECT 1; COMMIT", NULL},
        {"BEGIN; SELECT 1; COMMIT; SELECT 2", NULL},
        {"BEGIN; SELECT 1; COMMIT; START TRANSACTION; SELECT 2; END", NULL},
        {"SELECT 1; COMMIT; SELECT 2", NULL},
        {"BEGIN; SELECT 1; COMMIT; SELECT 2; COMMIT", NULL},
        {"BEGIN; BEGIN; SELECT 1; COMMIT; COMMIT", "transaction control"},
        {"SELECT 1; BEGIN; SELECT 1; ROLLBACK", "transaction control"},
        {"BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2", "transaction control"},
        {"BEGIN; SELECT 1; COMMIT; VACUUM", "VACUUM cannot run"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct folder f = {
            {{"sqitch.plan", PLAN "a" WHO "1" BY},
             {"deploy/a.sql", arena_printf(&arena, "\n%s;", rows[i].sql)}}};
        bool ok = read_folder("sqitch", &f);
        if (ok != !rows[i].what || (!ok && !strstr(e.what, rows[i].what)))
            fail_msg("%s: %s", rows[i].sql, ok ? "read" : e.what);
        if (!ok)
            continue;
        assert_true(m.list[0].up.transaction && m.list[0].up.wrapped);
        assert_int_equal(m.list[0].up.n, 2);
        assert_int_equal(m.list[0].up.joined, 2);
        assert_true(m.list[0].notes_n == 1 && m.list[0].notes[0].warns);
    }
}

/* A down without its tool's mark is read from the database again. */
static void what_the_layout_said_stands_in_the_text(void **state)
{
    struct folder f = {{{"1_a.sql", "-- migrate:up\nSELECT 1;\n"
                                    "-- migrate:down transaction:false\n"
                                    "SELECT 1;\nVACUUM;\n"}}};
    struct folder again = {{{"1_a.up.sql", "SELECT 1"}, {"1_a.down.sql", ""}}};

    (void)state;
    assert_true(read_folder("auto", &f));
    assert_false(m.list[0].down.transaction);
    assert_int_equal(m.list[0].down.statements[1].line, 5);
    again.files[1][1] = m.list[0].down.text;
    assert_true(read_folder("auto", &again));
    assert_false(m.list[0].down.transaction);
    assert_int_equal(m.list[0].down.n, 2);
    assert_string_equal(
        m.list[0].down.text + m.list[0].down.statements[1].offset, "VACUUM;\n");
}

/* ---- applied ---- */

static const struct {
    const char *layout;
    struct folder folder;
    const char *rows[4][2];
    const char *want; /* which are, what is strange, what unfinished */
} tables[] = {
    {"golang-migrate",
     {{{"1_a.up.sql", "SELECT 1"},
       {"2_b.up.sql", "SELECT 1"},
       {"10_c.up.sql", "SELECT 1"}}},
     {{"2", "through"}},
     "1_a 2_b | |"},
    {"golang-migrate",
     {{{"1_a.up.sql", "SELECT 1"}}},
     {{"3", "through"}},
     "1_a | 3 |"},
    {"golang-migrate",
     {{{"1_a.up.sql", "SELECT 1"}}},
     {{"1", "unfinished"}},
     " | | 1"},
    {"dbmate",
     {{{"01_a.sql", "-- migrate:up\n"}, {"2_b.sql", "-- migrate:up\n"}}},
     {{"2", "applied"}, {"7", "applied"}},
     "2_b | 7 |"},
    {"goose",
     {{{"00001_a.sql", "-- +goose Up\n"}, {"00002_b.sql", "-- +goose Up\n"}}},
     {{"1", "applied"}},
     "00001_a | |"},
    {"flyway",
     {{{"V1_9__a.sql", "SELECT 1"},
       {"V1_10__b.sql", "SELECT 1"},
       {"R__c.sql", "SELECT 1"}}},
     {{"1.9", "through"}, {"1.10", "applied"}},
     "V1_9__a V1_10__b | |"},
    {"flyway",
     {{{"V3__a.sql", "SELECT 1"},
       {"V4.0__b.sql", "SELECT 1"},
       {"R__c.sql", "SELECT 1"}}},
     {{"003", "applied"}, {"4", "applied"}, {"0", "applied"}},
     "V3__a V4.0__b | 0 |"},
    /* Flyway's own checksums, by zlib's crc32 */
    {"flyway",
     {{{"R__c.sql", "SELECT 1"},
       {"v/R__d_e.sql", "\xef\xbb\xbf-- \xc3\xa4\r\n\n\rSELECT 1;\nSELECT 2\n"},
       {"R__f.sql", "SELECT 3"}}},
     {{"R__c", "text 1719613851"},
      {"R__d e", "text 1951065697"},
      {"R__f", "text 7"},
      {"R__g", "text 7"}},
     "R__c@e004ebd5 R__d_e@a9cb0c5f | R__g | again R__f@1d6a1225"},
    {"sqitch",
     {{{"sqitch.plan", PLAN "a" WHO "1" BY "@t" WHO "1" BY "a" WHO "2" BY},
       {"deploy/a.sql", "SELECT 1"},
       {"deploy/a@t.sql", "SELECT 1"}}},
     {{"shop:a 2024-01-05T12:00:01Z", "applied"},
      {"other:x 2024-01-05T12:00:01Z", "applied"},
      {"shop:x 2024-01-05T12:00:01Z", "applied"}},
     "a | shop:x 2024-01-05T12:00:01Z |"},
    {"diesel",
     {{{"2024-01-05-120000_a/up.sql", "SELECT 1"},
       {".2024-01-06-120000_b/up.sql", "SELECT 1"}}},
     {{"20240105120000", "applied"}, {".20240106120000", "applied"}},
     "2024-01-05-120000_a | .20240106120000 |"},
};

static const char *applied_said(const struct layout_applied *a)
{
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; i < m.n; i++)
        if (a->is[i])
            buf_printf(&b, "%s%s", b.len ? " " : "", m.list[i].name);
    buf_str(&b, " |");
    for (size_t i = 0; i < a->strange_n; i++)
        buf_printf(&b, " %s", a->strange[i]);
    buf_printf(&b, " |%s%s", a->unfinished ? " " : "",
               a->unfinished ? a->unfinished : "");
    for (size_t i = 0; i < a->again_n; i++)
        buf_printf(&b, " again %s", a->again[i]);
    return buf_into(&b, &arena);
}

static void the_tools_own_tables_say_what_is_applied(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        const struct layout *l = layout_find(tables[i].layout);
        const char *const *cell[4];
        struct layout_applied applied;
        size_t n = 0;
        for (; n < 4 && tables[i].rows[n][0]; n++)
            cell[n] = tables[i].rows[n];
        if (!read_folder(tables[i].layout, &tables[i].folder))
            fail_msg("%s", e.what);
        layout_applied(&applied, &arena, &m, (char *const *const *)cell, n);
        assert_string_equal(applied_said(&applied), tables[i].want);
        assert_non_null(
            strstr(layout_applied_sql(&arena, l, NULL), l->applied_table));
        assert_null(strstr(layout_applied_sql(&arena, l, "x.y"), "{table}"));
        assert_non_null(strstr(layout_applied_sql(&arena, l, "x.y"), "x.y"));
    }
    assert_true(layout_compare("1.10", "1.9") > 0);
    assert_true(layout_compare("1", "1.0") == 0);
    assert_true(layout_compare("01", "1.0.1") < 0);
    assert_true(layout_wants("a/up.sql") && !layout_wants("a.go"));
}

/* ---- repeatable ones, and places as numbers, against the applied set ---- */

static const char *pending_of(const struct applied_row *rows, size_t n)
{
    struct applied applied = {.schema = true, .rows = rows, .n = n};
    struct pending p;
    struct buf b;

    if (!applied_pending(&applied, &m, &arena, &p, &e))
        return e.what;
    buf_init(&b);
    for (size_t i = 0; i < p.n; i++)
        buf_printf(&b, "%s ", p.list[i]->name);
    buf_char(&b, '|');
    for (size_t i = 0; i < p.gone_n; i++)
        buf_printf(&b, " %s", p.gone[i]);
    return buf_into(&b, &arena);
}

static void repeatable_ones_run_by_their_descriptions(void **state)
{
    struct folder f = {{{"z/R__view1.sql", "SELECT 1"},
                        {"R__view_a.sql", "SELECT 1"},
                        {"R__viewB.sql", "SELECT 1"},
                        {"R__a.sql", "SELECT 1"},
                        {"V9__x.sql", "SELECT 1"}}};
    struct folder twins = {
        {{"R__a_b.sql", "SELECT 1"}, {"R__a b.sql", "SELECT 1"}}};

    (void)state;
    assert_true(read_folder("auto", &f));
    assert_string_equal(said(), "V9__x=9:1 R__a@e004ebd5=R__a:1 "
                                "R__view_a@e004ebd5=R__view_a:1 "
                                "R__view1@e004ebd5=R__view1:1 "
                                "R__viewB@e004ebd5=R__viewB:1");
    assert_false(read_folder("flyway", &twins));
    assert_non_null(strstr(e.what, "its version is taken"));
}

static void a_repeatable_one_runs_again_when_its_text_changes(void **state)
{
    struct folder f = {{{"V1__a.sql", "SELECT 1"},
                        {"V2__b.sql", "SELECT 1"},
                        {"R__v.sql", "SELECT 1"},
                        {"R__w.sql", "SELECT 1"}}};
    struct applied_row rows[4] = {{.release = "v1"},
                                  {.release = "v1"},
                                  {.release = "v1"},
                                  {.release = "v1"}};

    (void)state;
    assert_true(read_folder("auto", &f) && m.ranked);
    rows[0].name = m.list[0].name;
    rows[0].checksum = m.list[0].checksum;
    rows[0].number = 1;
    rows[1].name = m.list[2].name;
    rows[1].checksum = m.list[2].checksum;
    rows[1].number = 2; /* its place when there was no V2 */
    rows[1].at = 100;
    assert_string_equal(pending_of(rows, 2), "V2__b R__w@e004ebd5 |");
    rows[2] = (struct applied_row){.name = "R__v@11111111",
                                   .number = 2,
                                   .at = 50,
                                   .checksum = "",
                                   .release = "v0"};
    rows[3] = (struct applied_row){
        .name = "R__x@11111111", .number = 3, .checksum = "", .release = "v0"};
    assert_string_equal(pending_of(rows, 4),
                        "V2__b R__w@e004ebd5 | R__x@11111111");
    rows[2].at = 150;
    assert_non_null(strstr(pending_of(rows, 3), "gone back to an earlier"));
    assert_true(e.why[0] && e.fix[0]);
}

static void places_that_moved_are_no_other_names(void **state)
{
    struct folder f = {{{"V1__a.sql", "SELECT 1"},
                        {"V3__c.sql", "SELECT 1"},
                        {"V2__b.sql", "SELECT 1"}}};
    struct applied_row rows[2];

    (void)state;
    assert_true(read_folder("auto", &f));
    rows[0] = (struct applied_row){
        .name = "V0__z", .number = 1, .checksum = "", .release = "v1"};
    rows[1] = (struct applied_row){.name = "V1__a",
                                   .number = 2,
                                   .checksum = m.list[0].checksum,
                                   .release = "v1"};
    assert_string_equal(pending_of(rows, 2), "V2__b V3__c | V0__z");
    rows[1].name = "V3__c";
    rows[1].checksum = m.list[2].checksum;
    assert_non_null(strstr(pending_of(rows + 1, 1), "comes before one"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(folders_are_recognised_and_read),
        TEST(what_is_not_right_is_named_with_its_place),
        TEST(what_verifies_is_approved_and_not_recorded),
        TEST(a_link_is_no_file),
        TEST(plans_are_read_by_their_rules),
        TEST(customs_of_other_tools_are_left_out),
        TEST(names_with_another_prefix_of_Flyway_are_told),
        TEST(the_name_that_psql_knows_is_the_databases),
        TEST(what_commits_in_a_script_of_sqitch_runs_alone),
        TEST(triggers_are_off_for_the_file_only),
        TEST(parts_in_BEGIN_and_COMMIT_are_one_transaction),
        TEST(what_the_layout_said_stands_in_the_text),
        TEST(the_tools_own_tables_say_what_is_applied),
        TEST(repeatable_ones_run_by_their_descriptions),
        TEST(a_repeatable_one_runs_again_when_its_text_changes),
        TEST(places_that_moved_are_no_other_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
