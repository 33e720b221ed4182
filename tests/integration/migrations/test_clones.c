/* Clones on a real server: how they are made, which are refused, and that none
 * is left, whatever cut the rehearsal short. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "migrations/rehearse/clone.h"
#include "migrations/rehearse/compare.h"
#include "runner/base/buf.h"
#include "runner/base/file.h"
#include "tests/integration/migrations/rehearsing.h"

/* ---- clones ---- */

static void a_dump_is_the_same_schema(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    struct buf warnings;
    struct clone c = {
        .loop = f->loop, .arena = &f->a, .settings = &s, .warnings = &warnings};
    struct fingerprint source, copy;
    struct pg *pg;

    buf_init(&warnings);
    database_make(f, "shop",
                  SHOP "DROP ROLE IF EXISTS tg_reader; CREATE ROLE tg_reader;"
                       "GRANT SELECT ON orders TO tg_reader;"
                       "CREATE TYPE mood AS ENUM ('a', 'b');"
                       "CREATE VIEW v AS SELECT id FROM orders;"
                       "ALTER VIEW v OWNER TO tg_reader;"
                       "COMMENT ON COLUMN orders.note IS 'n';"
                       "ALTER TABLE orders ADD CHECK (id > 0) NOT VALID");
    assert_true(clone_open(&c, &f->e));
    assert_int_equal(clones_left(f), 1);
    pg = pg_open(f->loop, c.conninfo, "test", 0, &f->e);
    assert_true(fingerprint_take(pg, &f->a, &copy, &f->e));
    pg_close(pg);
    pg = pg_open(f->loop, s.from, "test", 0, &f->e);
    assert_true(fingerprint_take(pg, &f->a, &source, &f->e));
    pg_close(pg);
    assert_null(compare_schemas(&f->a, &source, &copy).lines);
    assert_true(clone_close(&c, &f->e));
    assert_int_equal(clones_left(f), 0);
    assert_string_equal(warnings.data, "");
    buf_release(&warnings);
    database_run(f, "shop", "DROP OWNED BY tg_reader; DROP ROLE tg_reader");
}

static void an_ordinary_role_copies_without_owners(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m =
        one(f, "ALTER TABLE orders ADD COLUMN x int", NULL);

    database_make(f, "shop", SHOP);
    database_run(f, "postgres",
                 "DROP ROLE IF EXISTS tg_plain;"
                 "CREATE ROLE tg_plain LOGIN CREATEDB");
    s.server = pg_conninfo_with(&f->a, s.server, "user", "tg_plain", &f->e);
    must(f, rehearse(f, &s, &m, 1));
    assert_null(f->out.failed);
    assert_non_null(strstr(f->out.warnings, "owners and rights were left out"));
    database_run(f, "postgres", "DROP ROLE tg_plain");
}

static void a_schema_alone_tells_locks_and_rewrites(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m =
        one(f,
            "ALTER TABLE orders ALTER total TYPE bigint\n;;\n"
            "ALTER TABLE orders ADD CHECK (id > 0)\n;;\n"
            "TRUNCATE orders\n;;\n"
            "DO $$ BEGIN IF EXISTS (SELECT FROM orders) THEN "
            "RAISE 'rows'; END IF; END $$",
            NULL);
    const struct rehearsed_statement *up;

    database_make(f, "shop", SHOP);
    s.how = CLONE_BY_SCHEMA;
    must(f, rehearse(f, &s, &m, 1));
    assert_null(f->out.failed);
    up = f->out.list[0].up;
    assert_true(up[0].touched[0].rewritten);
    assert_string_equal(up[0].touched[0].lock, "ACCESS EXCLUSIVE");
    assert_true(up[1].touched[0].scanned);
    assert_true(up[0].touched[0].ratio == 0);
    assert_true(f->out.schema_only);
    assert_true(f->out.clone_share == 0);
    assert_non_null(strstr(f->out.clone, "schema alone of shop"));
    assert_non_null(strstr(f->out.warnings, "no rows"));
}

static void a_template_is_cloned_and_kept(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m = one(f, "DROP TABLE orders", NULL);

    database_make(f, "shop", SHOP);
    database_make(f, "golden", SHOP);
    s.how = CLONE_BY_TEMPLATE;
    s.argument = "golden";
    must(f, rehearse(f, &s, &m, 1));
    assert_null(f->out.failed);
    assert_non_null(strstr(f->out.clone, "template golden"));
    assert_string_equal(
        database_ask(f, "golden", "SELECT count(*) FROM orders"), "20000");
    s.argument = "shop"; /* which is production */
    refused(f, rehearse(f, &s, &m, 1), ERR_REFUSED, "it is production");
    s.argument = "nosuchdatabase";
    refused(f, rehearse(f, &s, &m, 1), ERR_FAILED, "does not exist");
    assert_int_equal(clones_left(f), 0);
}

static void an_existing_one_is_left_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = {.how = CLONE_AS_IS, .run = "existing"};
    const struct migration *m =
        one(f, "CREATE TABLE n (x int)", "DROP TABLE n");

    database_make(f, "shop", SHOP);
    database_make(f, "staging", SHOP);
    s.server = conninfo_of(f, "staging");
    s.production = conninfo_of(f, "shop");
    must(f, rehearse(f, &s, &m, 1));
    assert_true(f->out.list[0].down_ok);
    assert_string_equal(database_ask(f, "staging", "SELECT to_regclass('n')"),
                        "");
    must(f, rehearse(f, &s, &m, 1)); /* so it works again */
    assert_null(f->out.failed);
    m = one(f, "CREATE TABLE n (x int)", NULL);
    must(f, rehearse(f, &s, &m, 1));
    assert_non_null(strstr(f->out.warnings, "the clone keeps 0001_one"));
}

/* Its schema is as it was; what stood in the column is not. */
static void an_existing_one_that_lost_data_is_said_to_have(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = {.how = CLONE_AS_IS, .run = "existing"};
    const struct migration *m = one(f, "ALTER TABLE orders DROP COLUMN note",
                                    "ALTER TABLE orders ADD COLUMN note text");

    database_make(f, "staging", SHOP);
    s.server = conninfo_of(f, "staging");
    must(f, rehearse(f, &s, &m, 1));
    assert_false(f->out.list[0].down_ok);
    assert_non_null(strstr(f->out.warnings,
                           "the clone does not hold the data that it held "
                           "before 0001_one"));
}

static void stop_after_a_step(struct progress *p, const struct progress_note *n)
{
    (void)p;
    if (n->kind == PROGRESS_STEP)
        raise(SIGTERM);
}

static void a_stopped_existing_one_is_said_to_be_half_way(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = {.how = CLONE_AS_IS, .run = "half"};
    const struct migration *list[] = {
        migration_make(f, "0001_a", "CREATE TABLE n (x int)", "DROP TABLE n"),
        migration_make(f, "0002_b", "SELECT pg_sleep(60)", NULL),
    };
    struct progress stopper = {stop_after_a_step};

    database_make(f, "shop", SHOP);
    database_make(f, "staging", SHOP);
    s.server = conninfo_of(f, "staging");
    s.production = conninfo_of(f, "shop");
    assert_false(
        rehearse_run(f->loop, &f->a, &s, list, 2, &stopper, &f->out, &f->e));
    assert_int_equal(f->e.code, ERR_INTERRUPTED);
    assert_non_null(strstr(f->e.fix, "keeps 0001_a"));
}

static void what_a_way_needs_is_asked_for(void **state)
{
    static const struct {
        enum clone_how how;
        const char *part;
    } rows[] = {
        {CLONE_BY_DUMP, "[rehearsal] from is missing"},
        {CLONE_AS_IS, "[rehearsal] server is missing"},
        {CLONE_BY_COMMAND, "[rehearsal] clone is missing"},
        {CLONE_BY_TEMPLATE, "[rehearsal] server is missing"},
        {CLONE_BY_SCHEMA, "[rehearsal] from is missing"},
    };
    struct fixture *f = *state;
    const struct migration *m = one(f, "SELECT 1", NULL);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rehearse_settings s = {.how = rows[i].how, .run = "x"};
        assert_false(rehearse(f, &s, &m, 1));
        assert_int_equal(f->e.code, ERR_CONFIG);
        assert_string_equal(f->e.what, rows[i].part);
        assert_true(*f->e.why && *f->e.fix);
    }
}

static void production_is_refused(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = {.how = CLONE_AS_IS, .run = "guard"};
    const struct migration *m = one(f, "DROP TABLE orders", NULL);

    database_make(f, "shop", SHOP);
    s.server = s.production = conninfo_of(f, "shop");
    refused(f, rehearse(f, &s, &m, 1), ERR_REFUSED,
            "system identifier and database name are the same");
    /* and by another way to the same place */
    s.server = pg_conninfo_with(&f->a, getenv("TIDEGATE_TEST_TCP"), "dbname",
                                "shop", &f->e);
    refused(f, rehearse(f, &s, &m, 1), ERR_REFUSED, "it is production");
    assert_string_equal(database_ask(f, "shop", "SELECT count(*) FROM orders"),
                        "20000");
}

static void a_password_never_reaches_a_command_line(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m = one(f, "SELECT 1", NULL);

    database_make(f, "shop", SHOP);
    s.from = pg_conninfo_with(&f->a, s.from, "password", "geheim", &f->e);
    refused(f, rehearse(f, &s, &m, 1), ERR_CONFIG, "command lines");
    assert_null(strstr(f->e.what, "geheim"));
    assert_int_equal(clones_left(f), 0);
}

static void anothers_database_of_that_name_stays(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m = one(f, "SELECT 1", NULL);

    database_make(f, "shop", SHOP);
    database_make(f, "tidegate_mine", "CREATE TABLE keep (x int)");
    s.run = "mine";
    refused(f, rehearse(f, &s, &m, 1), ERR_FAILED, "already exists");
    assert_string_equal(
        database_ask(f, "tidegate_mine", "SELECT count(*) FROM keep"), "0");
    database_run(f, "postgres", "DROP DATABASE tidegate_mine");
}

static const char program[] =
    "#!/bin/sh\n"
    "echo \"$1 $2\" >>\"$(dirname \"$0\")/log\"\n"
    "case $1 in\n"
    "create) psql -qXd \"@C@\" -c \"CREATE DATABASE \\\"$2\\\" TEMPLATE shop\" "
    ">&2 || exit 1; echo \"@C@ dbname=$2\" ;;\n"
    "destroy) psql -qXd \"@C@\" -c \"DROP DATABASE IF EXISTS \\\"$2\\\"\" ;;\n"
    "esac\n";

static void a_command_makes_and_always_destroys(void **state)
{
    struct fixture *f = *state;
    char folder[] = "/tmp/tgcmd.XXXXXX", *log, *path;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m = one(f, "DROP TABLE orders", NULL);
    size_t len;

    database_make(f, "shop", SHOP);
    path = program_make(f, folder, program);
    s.how = CLONE_BY_COMMAND;
    s.argument = path;
    s.run = "cmd";
    must(f, rehearse(f, &s, &m, 1));
    assert_null(f->out.failed);
    database_run(f, "postgres", "DROP DATABASE shop"); /* create fails now */
    s.production = NULL;
    refused(f, rehearse(f, &s, &m, 1), ERR_FAILED, "shop");
    assert_true(file_read(arena_printf(&f->a, "%s/log", folder), 4096,
                          ERR_INPUT, &f->a, &log, &len, &f->e));
    assert_string_equal(log, "create tidegate_cmd\ndestroy tidegate_cmd\n"
                             "create tidegate_cmd\ndestroy tidegate_cmd\n");
    program_remove(f, path);
}

/* The answer as JSON, over several lines, with members of its own. */
static const char json_program[] =
    "#!/bin/sh\n"
    "echo \"$1 $2\" >>\"$(dirname \"$0\")/log\"\n"
    "case $1 in\n"
    "create) psql -qXd \"@C@\" -c \"CREATE DATABASE \\\"$2\\\" TEMPLATE shop\" "
    ">&2 || exit 1; printf '{\\n \"conninfo\": \"@C@ dbname=%s\",\\n "
    "\"cost\": 0.5}\\n' \"$2\" ;;\n"
    "destroy) psql -qXd \"@C@\" -c \"DROP DATABASE IF EXISTS \\\"$2\\\"\" ;;\n"
    "esac\n";

static void a_command_answers_in_json(void **state)
{
    static const struct {
        const char *answer, *part;
    } wrong[] = {
        {"", "it printed nothing"},
        {"a\\nb", "several lines, and no JSON"},
        {"{\"conn\": \"x\"}", "JSON without a conninfo"},
        {"{\"conninfo\": 3}", "JSON without a conninfo"},
        {"{\"conninfo\": ", "its JSON: "},
    };
    struct fixture *f = *state;
    char folder[] = "/tmp/tgcmd.XXXXXX", *path;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m = one(f, "DROP TABLE orders", NULL);

    database_make(f, "shop", SHOP);
    s.how = CLONE_BY_COMMAND;
    s.argument = path = program_make(f, folder, json_program);
    s.notes = arena_printf(&f->a, "%s/notes", folder);
    must(f, rehearse(f, &s, &m, 1));
    assert_null(f->out.failed);
    assert_string_equal(program_log(f, path),
                        arena_printf(&f->a,
                                     "create tidegate_%s\n"
                                     "destroy tidegate_%s\n",
                                     s.run, s.run));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *text = arena_printf(
            &f->a, "#!/bin/sh\n[ $1 = destroy ] || printf '%s\\n'\n",
            wrong[i].answer);
        assert_true(file_write(path, text, strlen(text), 0755, &f->e));
        refused(f, rehearse(f, &s, &m, 1), ERR_FAILED, wrong[i].part);
    }
    program_remove(f, path);
}

/* Whatever a command says its clone is. */
static void a_command_that_names_production_is_refused(void **state)
{
    struct fixture *f = *state;
    char folder[] = "/tmp/tgcmd.XXXXXX", *path;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m = one(f, "DROP TABLE orders", NULL);
    const char *tcp = pg_conninfo_with(&f->a, getenv("TIDEGATE_TEST_TCP"),
                                       "dbname", "shop", &f->e);

    database_make(f, "shop", SHOP);
    s.how = CLONE_BY_COMMAND;
    s.argument = path = program_make(
        f, folder,
        arena_printf(&f->a,
                     "#!/bin/sh\necho \"$1\" >>\"$(dirname \"$0\")/log\"\n"
                     "[ $1 = destroy ] || echo \"%s\"\n",
                     tcp));
    refused(f, rehearse(f, &s, &m, 1), ERR_REFUSED, "it is production");
    assert_string_equal(program_log(f, path), "create\ndestroy\n");
    assert_string_equal(database_ask(f, "shop", "SELECT count(*) FROM orders"),
                        "20000");
    program_remove(f, path);
}

/* Sizes are taken from pg_class where a lock is in the way. */
static void a_locked_production_is_still_weighed(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = {.how = CLONE_AS_IS, .run = "locked"};
    const struct migration *m =
        one(f, "ALTER TABLE orders ALTER total TYPE bigint", NULL);
    struct pg_result r;
    struct pg *pg;

    database_make(f, "shop", SHOP);
    database_make(f, "staging", SHOP);
    s.server = conninfo_of(f, "staging");
    s.production = conninfo_of(f, "shop");
    pg = pg_open(f->loop, s.production, "test", 0, &f->e);
    assert_true(
        pg_run(pg, &f->a, "BEGIN; LOCK TABLE public.orders", &r, &f->e));
    must(f, rehearse(f, &s, &m, 1));
    pg_close(pg);
    assert_true(f->out.list[0].up[0].touched[0].ratio > 0.9);
}

#define T(name) \
    cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_dump_is_the_same_schema),
        T(an_ordinary_role_copies_without_owners),
        T(a_schema_alone_tells_locks_and_rewrites),
        T(a_template_is_cloned_and_kept),
        T(an_existing_one_is_left_as_it_was),
        T(an_existing_one_that_lost_data_is_said_to_have),
        T(a_stopped_existing_one_is_said_to_be_half_way),
        T(what_a_way_needs_is_asked_for),
        T(production_is_refused),
        T(a_password_never_reaches_a_command_line),
        T(anothers_database_of_that_name_stays),
        T(a_command_makes_and_always_destroys),
        T(a_command_answers_in_json),
        T(a_command_that_names_production_is_refused),
        T(a_locked_production_is_still_weighed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
