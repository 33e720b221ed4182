/* Statements that other tools' files hold by custom. */
#include "tests/unit/migrations/layouts.h"

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

static void a_verify_script_ends_as_psql_would_end_it(void **state)
{
    static const struct {
        const char *sql;
        size_t n; /* 0: refused */
    } rows[] = {
        {"SET client_min_messages = error; BEGIN; SELECT 1; ROLLBACK", 2},
        {"BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; ROLLBACK", 2},
        {"SELECT 1; BEGIN; SELECT 2; COMMIT", 2},
        {"BEGIN; SELECT 1; ROLLBACK; BEGIN; SELECT 2; ROLLBACK", 0},
        {"SELECT 1; BEGIN; SELECT 2", 2},
        {"BEGIN; SELECT 1; BEGIN; SELECT 2", 0},
        {"SELECT 1; BEGIN; SELECT 2; ROLLBACK AND CHAIN", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct folder f = {{{"sqitch.plan", PLAN "a" WHO "1" BY},
                            {"deploy/a.sql", "SELECT 1"},
                            {"verify/a.sql", rows[i].sql}}};
        bool ok = read_folder("sqitch", &f);
        if (ok != (rows[i].n > 0) || (!ok && !strstr(e.what, "control")))
            fail_msg("%s: %s", rows[i].sql, ok ? "read" : e.what);
        if (!ok)
            continue;
        assert_int_equal(m.list[0].up.verify->n, rows[i].n);
        assert_int_equal(m.list[0].notes_n, 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(customs_of_other_tools_are_left_out),
        TEST(names_with_another_prefix_of_Flyway_are_told),
        TEST(the_name_that_psql_knows_is_the_databases),
        TEST(what_commits_in_a_script_of_sqitch_runs_alone),
        TEST(triggers_are_off_for_the_file_only),
        TEST(parts_in_BEGIN_and_COMMIT_are_one_transaction),
        TEST(a_verify_script_ends_as_psql_would_end_it),
        TEST(what_the_layout_said_stands_in_the_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
