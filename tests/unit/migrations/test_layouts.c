/* Files of other tools: which are recognised, what is read, what is refused. */
#include "tests/unit/migrations/layouts.h"

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
    {"goose",
     {{{"1_a.sql", "--  +goose   up\nSELECT 1;\n--+goose  DOWN\nSELECT 1;\n"}}},
     "1_a=1:1/1"},
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
    {"golang-migrate",
     {{{"1_a.up.sql", "SELECT '{{1},{2}}'::int[];\nDROP TABLE \"{{.T}}\""}}},
     "1_a.up.sql:2: not SQL: {{ in a name"},
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
     "V1__a.sql:2: ${name} has no value"},
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
        {PLAN "a [sho:c shop-fn:c]" WHO "1" BY, NULL},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(folders_are_recognised_and_read),
        TEST(what_is_not_right_is_named_with_its_place),
        TEST(what_verifies_is_approved_and_not_recorded),
        TEST(a_link_is_no_file),
        TEST(plans_are_read_by_their_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
