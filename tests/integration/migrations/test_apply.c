/* Applying migrations to a real server: what is there afterwards, whatever
 * happens meanwhile. Each test has a database of its own. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "migrations/apply.h"

struct fixture {
    struct loop *loop;
    struct arena a;
    struct pg *root, *pg; /* of the cluster, of the test's database */
    const char *database, *conninfo;
    struct migrations m;
    struct apply_settings s;
    struct apply_result r;
    struct err e;
};

static const char *server(void)
{
    const char *text = getenv("TIDEGATE_TEST_PG");

    assert_non_null(text);
    return text;
}

static int setup(void **state)
{
    static int count;
    struct fixture *f = calloc(1, sizeof *f);
    struct pg_result r;

    f->loop = loop_open();
    arena_init(&f->a);
    f->root = pg_open(f->loop, server(), "test", 0, &f->e);
    f->database = arena_printf(&f->a, "apply_%d_%d", (int)getpid(), ++count);
    if (!f->root ||
        !pg_run(f->root, &f->a,
                arena_printf(&f->a, "CREATE DATABASE %s", f->database), &r,
                &f->e)) {
        err_print(&f->e, stderr);
        return 1;
    }
    f->conninfo =
        pg_conninfo_with(&f->a, server(), "dbname", f->database, &f->e);
    f->pg = pg_open(f->loop, f->conninfo, "test", 0, &f->e);
    pg_run(f->pg, &f->a, "SET search_path = public", &r, &f->e);
    f->s = (struct apply_settings){.conninfo = f->conninfo,
                                   .run = "r1",
                                   .release = "v1",
                                   .ledger = "ledger-1",
                                   .epoch = 1};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct pg_result r;

    pg_close(f->pg);
    pg_run(f->root, &f->a,
           arena_printf(&f->a, "DROP DATABASE %s WITH (FORCE)", f->database),
           &r, &f->e);
    pg_close(f->root);
    arena_release(&f->a);
    loop_close(f->loop);
    free(f);
    return 0;
}

/* ---- words of the tests ---- */

static void run_on(struct fixture *f, struct pg *pg, const char *sql)
{
    struct pg_result r;

    if (!pg_run(pg, &f->a, sql, &r, &f->e)) {
        err_print(&f->e, stderr);
        fail_msg("%s", sql);
    }
}

static void sql(struct fixture *f, const char *text)
{
    run_on(f, f->pg, text);
}

static const char *value(struct fixture *f, const char *query)
{
    struct pg_result r;

    if (!pg_query(f->pg, &f->a, query, NULL, 0, &r, &f->e)) {
        err_print(&f->e, stderr);
        fail_msg("%s", query);
    }
    return r.rows && r.cell[0][0] ? r.cell[0][0] : "";
}

#define assert_sql(f, query, want) assert_string_equal(value(f, query), want)

static void read_files(struct fixture *f, const char *const files[][2],
                       size_t n)
{
    struct sql_file *list = arena_array(&f->a, n, sizeof *list);

    for (size_t i = 0; i < n; i++)
        list[i] =
            (struct sql_file){files[i][0], files[i][1], strlen(files[i][1])};
    if (!migrations_read(&f->m, &f->a, "auto", list, n, &f->e)) {
        err_print(&f->e, stderr);
        fail_msg("the files cannot be read");
    }
}

static const struct migration *one(struct fixture *f, const char *up)
{
    const char *const files[][2] = {{"0001_a.up.sql", up}};

    read_files(f, files, 1);
    return &f->m.list[0];
}

static struct apply *opened(struct fixture *f)
{
    struct apply *ap = apply_open(f->loop, &f->a, &f->s, NULL, &f->e);

    if (!ap) {
        err_print(&f->e, stderr);
        fail_msg("apply_open");
    }
    return ap;
}

/* Opens, applies one, closes. */
static bool up(struct fixture *f, const struct migration *m)
{
    struct apply *ap = opened(f);
    bool ok;

    err_clear(&f->e);
    ok = apply_up(ap, m, NULL, &f->r, &f->e);
    apply_close(ap);
    return ok;
}

static void assert_complete(const struct err *e)
{
    assert_true(e->what[0] && e->why[0] && e->fix[0]);
}

/* Does something once, when a condition on the server holds, from within the
 * loop, while apply_up runs it. */
struct later {
    struct source s;
    struct fixture *f;
    struct pg *pg;          /* asks, then does */
    const char *when, *run; /* run NULL: raise(SIGTERM) */
    bool done;
};

static void later_step(struct source *s, short revents, int64_t now)
{
    struct later *l = s->ctx;
    struct pg_result r;

    (void)revents;
    s->deadline = now + 10;
    if (pg_busy(l->pg))
        return;
    if (pg_transaction(l->pg) != PG_LOST && l->s.events) {
        l->s.events = 0;
        if (pg_take(l->pg, &l->f->a, &r, &l->f->e) && r.rows &&
            strcmp(r.cell[0][0], "t") == 0) {
            s->deadline = CLOCK_NEVER;
            l->done = true;
            if (l->run)
                pg_send_run(l->pg, l->run, &l->f->e);
            else
                raise(SIGTERM);
            return;
        }
    }
    l->s.events = 1; /* asked; no descriptor, so poll does not look */
    pg_send(l->pg, l->when, &l->f->e);
}

static void later(struct fixture *f, struct later *l, const char *when,
                  const char *run)
{
    *l = (struct later){.f = f, .when = when, .run = run};
    l->pg = pg_open(f->loop, f->conninfo, "later", 0, &f->e);
    l->s =
        (struct source){.fd = -1, .deadline = 0, .step = later_step, .ctx = l};
    loop_add(f->loop, &l->s);
}

static void later_end(struct later *l)
{
    struct pg_result r;
    struct err e;

    loop_remove(l->f->loop, &l->s);
    while (pg_busy(l->pg))
        loop_turn(l->f->loop, CLOCK_NEVER);
    if (l->done && l->run)
        pg_take(l->pg, &l->f->a, &r, &e);
    pg_close(l->pg);
    assert_true(l->done);
}

/* ---- the plain way ---- */

static void an_up_is_applied_with_its_row(void **state)
{
    struct fixture *f = *state;
    const char *const files[][2] = {
        {"0007_total.up.sql", "-- tidegate: phase=after\n"
                              "-- tidegate: compatible nobody reads it\n"
                              "CREATE TABLE orders (id int);\n"
                              "INSERT INTO orders VALUES (1), (2);\n"},
        {"0007_total.down.sql", "DROP TABLE orders;\n"}};

    read_files(f, files, 2);
    assert_true(up(f, &f->m.list[0]));
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_false(f->r.already);
    assert_int_equal(f->r.retries, 0);
    assert_int_equal(f->r.statements, 2);
    assert_true(f->r.statement_ms[0] >= 0 && f->r.statement_ms[1] >= 0);
    assert_sql(f, "SELECT count(*) FROM public.orders", "2");
    assert_sql(f,
               "SELECT format('%s %s %s %s %s %s', name, number, phase,"
               " release, run, compatible) FROM tidegate.migration",
               "0007_total 7 after v1 r1 nobody reads it");
    assert_string_equal(value(f, "SELECT checksum FROM tidegate.migration"),
                        f->m.list[0].checksum);
    assert_string_equal(value(f, "SELECT down FROM tidegate.migration"),
                        "DROP TABLE orders;\n");
    /* a second time nothing is done */
    assert_true(up(f, &f->m.list[0]));
    assert_true(f->r.already);
    assert_sql(f, "SELECT count(*) FROM public.orders", "2");
}

static void a_down_runs_the_recorded_text(void **state)
{
    struct fixture *f = *state;
    const char *const files[][2] = {
        {"0001_a.up.sql", "CREATE TABLE a (id int)"},
        {"0001_a.down.sql", "DROP TABLE a"}};
    struct applied applied;
    struct apply *ap;

    read_files(f, files, 2);
    assert_true(up(f, &f->m.list[0]));
    assert_true(applied_read(f->pg, &f->a, &applied, &f->e));
    assert_int_equal(applied.n, 1);
    assert_int_equal(applied.epoch, 1);
    assert_string_equal(applied.ledger, "ledger-1");
    ap = opened(f);
    assert_true(apply_down(ap, &applied.rows[0], NULL, &f->r, &f->e));
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_sql(f, "SELECT to_regclass('public.a')", "");
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "0");
    assert_true(apply_down(ap, &applied.rows[0], NULL, &f->r, &f->e));
    assert_true(f->r.already);
    /* and up again */
    assert_true(apply_up(ap, &f->m.list[0], NULL, &f->r, &f->e));
    assert_false(f->r.already);
    assert_sql(f, "SELECT to_regclass('public.a')", "a");
    apply_close(ap);
}

static void a_down_that_does_not_exist_is_refused(void **state)
{
    struct fixture *f = *state;
    struct applied applied;
    struct apply *ap;

    assert_true(up(f, one(f, "-- tidegate: forward-only the data is gone\n"
                             "CREATE TABLE a (id int)")));
    ap = opened(f);
    assert_true(applied_read(apply_connection(ap), &f->a, &applied, &f->e));
    assert_false(apply_down(ap, &applied.rows[0], NULL, &f->r, &f->e));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_non_null(strstr(f->e.why, "the data is gone"));
    assert_complete(&f->e);
    apply_close(ap);
}

static void a_failure_leaves_nothing_and_says_where(void **state)
{
    struct fixture *f = *state;

    assert_false(up(f, one(f, "CREATE TABLE a (id int);\n"
                              "INSERT INTO a VALUES (1);\n\n"
                              "INSERT INTO a\n  SELECT nowhere FROM a;")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_int_equal(f->r.statement, 3);
    assert_int_equal(f->r.statements, 3);
    assert_true(f->r.statement_ms[1] >= 0 && f->r.statement_ms[2] == -1);
    assert_int_equal(f->e.code, ERR_FAILED);
    assert_non_null(strstr(f->e.what, "0001_a.up.sql:5: INSERT failed"));
    assert_non_null(strstr(f->e.why, "nowhere"));
    assert_complete(&f->e);
    assert_sql(f, "SELECT to_regclass('public.a')", "");
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "0");
}

static void a_deferred_constraint_fails_at_commit(void **state)
{
    struct fixture *f = *state;

    assert_false(
        up(f, one(f, "CREATE TABLE a (id int PRIMARY KEY,"
                     " p int REFERENCES a DEFERRABLE INITIALLY DEFERRED);"
                     " INSERT INTO a VALUES (1, 7)")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_sql(f, "SELECT to_regclass('public.a')", "");
    assert_complete(&f->e);
}

static void settings_do_not_leak_into_the_next(void **state)
{
    struct fixture *f = *state;
    const char *const files[][2] = {
        {"1_a.up.sql", "SET client_min_messages = error; SET timezone = 'Asia/"
                       "Tokyo'; CREATE TEMP TABLE seen (a int); PREPARE p AS "
                       "SELECT 1; SET LOCAL search_path = pg_catalog"},
        {"2_b.up.sql",
         "-- tidegate: lock_timeout=7s statement_timeout=9s\n"
         "CREATE TABLE b AS SELECT current_setting('client_min_messages') c,"
         " current_setting('timezone') z, to_regclass('seen') t,"
         " current_setting('search_path') p,"
         " current_setting('lock_timeout') l,"
         " current_setting('statement_timeout') s,"
         " current_setting('application_name') n,"
         " current_setting('client_connection_check_interval') i;"
         "PREPARE p AS SELECT 2"}};
    struct apply *ap;

    read_files(f, files, 2);
    ap = opened(f);
    assert_true(apply_up(ap, &f->m.list[0], NULL, &f->r, &f->e));
    if (!apply_up(ap, &f->m.list[1], NULL, &f->r, &f->e))
        err_print(&f->e, stderr);
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_sql(f,
               "SELECT format('%s|%s|%s|%s|%s|%s|%s', c, t, p, l, s, n, i)"
               " FROM public.b",
               "notice||\"$user\", public|7s|9s|tidegate:r1:2_b|500ms");
    assert_true(strcmp(value(f, "SELECT z FROM public.b"), "Asia/Tokyo") != 0);
    apply_close(ap);
}

static void what_the_text_hides_is_found_before_commit(void **state)
{
    struct fixture *f = *state;
    static const char *const hidden[] = {
        "DO $$ BEGIN EXECUTE 'DELETE FROM tide' || 'gate.migration'; END $$",
        "DO $$ BEGIN EXECUTE 'TRUNCATE tide' || 'gate.journal'; END $$",
        "DO $$ BEGIN PERFORM 1 FROM tidegate.fence; END $$",
    };

    for (size_t i = 0; i < 3; i++) {
        assert_false(up(f, one(f, hidden[i])));
        assert_int_equal(f->e.code, ERR_INPUT);
        assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
        assert_complete(&f->e);
    }
    assert_sql(f, "SELECT count(*) FROM tidegate.fence", "1");
}

static void a_commit_inside_is_an_error(void **state)
{
    struct fixture *f = *state;

    assert_false(up(f, one(f, "CREATE TABLE a (id int);"
                              "DO $$ BEGIN COMMIT; END $$")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_sql(f, "SELECT to_regclass('public.a')", "");
}

/* ---- the applied set and the files ---- */

static void files_that_changed_are_named(void **state)
{
    struct fixture *f = *state;
    const char *const old[][2] = {{"1_a.up.sql", "SELECT 1"},
                                  {"3_c.up.sql", "SELECT 3"}};
    const char *const edited[][2] = {{"1_a.up.sql", "SELECT 2"}};
    const char *const renamed[][2] = {{"1_b.up.sql", "SELECT 1"}};
    const char *const between[][2] = {{"1_a.up.sql", "SELECT 1"},
                                      {"2_b.up.sql", "SELECT 2"},
                                      {"3_c.up.sql", "SELECT 3"}};
    const char *const crlf[][2] = {{"1_a.up.sql", "SELECT 1"},
                                   {"4_d.up.sql", "SELECT 4"}};
    struct applied applied;
    struct pending p;
    struct apply *ap;

    assert_true(applied_read(f->pg, &f->a, &applied, &f->e));
    assert_false(applied.schema);
    read_files(f, old, 2);
    assert_true(applied_pending(&applied, &f->m, &f->a, &p, &f->e));
    assert_int_equal(p.n, 2);
    ap = opened(f);
    assert_true(apply_up(ap, &f->m.list[0], NULL, &f->r, &f->e));
    assert_true(apply_up(ap, &f->m.list[1], NULL, &f->r, &f->e));
    assert_true(applied_read(f->pg, &f->a, &applied, &f->e));
    assert_true(applied_pending(&applied, &f->m, &f->a, &p, &f->e));
    assert_int_equal(p.n, 0);
    assert_int_equal(p.gone_n, 0);

    read_files(f, edited, 1);
    assert_false(applied_pending(&applied, &f->m, &f->a, &p, &f->e));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_non_null(strstr(f->e.why, f->m.list[0].checksum));
    assert_non_null(strstr(f->e.why, applied.rows[0].checksum));
    assert_false(apply_up(ap, &f->m.list[0], NULL, &f->r, &f->e));
    assert_int_equal(f->e.code, ERR_REFUSED);
    apply_close(ap);

    read_files(f, renamed, 1);
    assert_false(applied_pending(&applied, &f->m, &f->a, &p, &f->e));
    assert_non_null(strstr(f->e.what, "renamed"));
    read_files(f, between, 3);
    assert_false(applied_pending(&applied, &f->m, &f->a, &p, &f->e));
    assert_non_null(strstr(f->e.why, "3_c"));
    read_files(f, crlf, 2);
    assert_true(applied_pending(&applied, &f->m, &f->a, &p, &f->e));
    assert_int_equal(p.n, 1);
    assert_string_equal(p.list[0]->name, "4_d");
    assert_int_equal(p.gone_n, 1);
    assert_string_equal(p.gone[0], "3_c");
}

/* ---- locks ---- */

static void a_lock_timeout_is_tried_again(void **state)
{
    struct fixture *f = *state;
    struct later l;
    bool ok;

    sql(f, "CREATE TABLE a (id int)");
    sql(f, "CREATE TABLE tries (n serial)");
    sql(f, "BEGIN; SELECT * FROM a");
    /* whoever holds the lock ends once we have waited for it twice; a
     * sequence keeps its value through rollbacks */
    later(f, &l, "SELECT last_value >= 3 FROM public.tries_n_seq",
          arena_printf(&f->a, "SELECT pg_catalog.pg_terminate_backend(%d)",
                       pg_backend_pid(f->pg)));
    ok = up(f, one(f, "INSERT INTO tries DEFAULT VALUES;"
                      "ALTER TABLE a ADD b int"));
    later_end(&l);
    if (!ok)
        err_print(&f->e, stderr);
    assert_true(ok);
    assert_true(f->r.retries >= 2);
    assert_true(f->r.lock_ms >= 200 && f->r.lock_ms < f->r.ms);
    pg_close(f->pg);
    f->pg = pg_open(f->loop, f->conninfo, "test", 0, &f->e);
    assert_sql(f, "SELECT count(*) FROM public.tries", "1");
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "1");
}

static void a_lock_that_never_comes_names_its_holder(void **state)
{
    struct fixture *f = *state;

    sql(f, "CREATE TABLE a (id int)");
    sql(f, "BEGIN; SELECT * FROM a");
    f->s.retry_for_ms = 600;
    assert_false(up(f, one(f, "ALTER TABLE a ADD b int")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_int_equal(f->e.code, ERR_FAILED);
    assert_true(f->r.retries >= 1);
    assert_non_null(strstr(
        f->e.why, arena_printf(&f->a, "held by pid %d, user postgres, test",
                               pg_backend_pid(f->pg))));
    sql(f, "COMMIT");
    assert_complete(&f->e);
}

static void who_waits_too_long_ends_the_migration(void **state)
{
    struct fixture *f = *state;
    struct pg *user = pg_open(f->loop, f->conninfo, "user", 0, &f->e);
    struct pg_result r;
    struct later l;

    f->s.blocked_ms = 200;
    sql(f, "CREATE TABLE a (id int)");
    /* a reader comes while the migration holds the table */
    later(f, &l,
          "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE query"
          " LIKE 'SELECT pg_sleep(%' AND application_name LIKE 'tidegate:%')",
          "SELECT * FROM public.a");
    assert_false(up(f, one(f, "ALTER TABLE a ADD b int;\n"
                              "SELECT pg_sleep(60)")));
    later_end(&l);
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_true(f->r.ms < 30000);
    assert_non_null(strstr(f->e.what, "others had to wait"));
    assert_non_null(strstr(f->e.why, "1 sessions were waiting"));
    assert_true(pg_run(user, &f->a, "SELECT * FROM public.a", &r, &f->e));
    pg_close(user);
}

static void a_signal_cancels_and_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct later l;

    later(f, &l,
          "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE query"
          " LIKE 'SELECT pg_sleep(%' AND application_name LIKE 'tidegate:%')",
          NULL);
    assert_false(up(f, one(f, "CREATE TABLE a (id int); SELECT pg_sleep(60)")));
    later_end(&l);
    assert_int_equal(f->e.code, ERR_INTERRUPTED);
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_complete(&f->e);
    assert_sql(f, "SELECT to_regclass('public.a')", "");
}

static void statement_timeout_is_the_files_own(void **state)
{
    struct fixture *f = *state;

    assert_false(up(f, one(f, "-- tidegate: statement_timeout=50ms\n"
                              "CREATE TABLE a (id int); SELECT pg_sleep(60)")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_int_equal(f->e.code, ERR_FAILED);
    assert_non_null(strstr(f->e.why, "statement timeout"));
}

/* ---- who may write ---- */

static void a_second_runner_is_told_who_holds_it(void **state)
{
    struct fixture *f = *state;
    struct apply *first = opened(f);

    f->s.run = "r2";
    assert_null(apply_open(f->loop, &f->a, &f->s, NULL, &f->e));
    assert_int_equal(f->e.code, ERR_HELD);
    assert_non_null(strstr(f->e.why, "tidegate:r1:lock"));
    assert_complete(&f->e);
    apply_close(first);
    apply_close(opened(f));
}

static void an_older_or_foreign_run_is_refused(void **state)
{
    struct fixture *f = *state;

    f->s.epoch = 8;
    apply_close(opened(f));
    f->s.epoch = 7;
    assert_null(apply_open(f->loop, &f->a, &f->s, NULL, &f->e));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_non_null(strstr(f->e.why, "superseded by epoch 8, run r1"));
    f->s.epoch = 9;
    f->s.ledger = "another";
    assert_null(apply_open(f->loop, &f->a, &f->s, NULL, &f->e));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_non_null(strstr(f->e.why, "ledger-1"));
    assert_complete(&f->e);
}

static void who_was_overtaken_cannot_commit(void **state)
{
    struct fixture *f = *state;
    struct apply *ap = opened(f);
    const struct migration *m = one(f, "CREATE TABLE a (id int)");
    const struct migration *n;

    sql(f, "UPDATE tidegate.fence SET epoch = 2, run = 'r2'");
    assert_false(apply_up(ap, m, NULL, &f->r, &f->e));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_sql(f, "SELECT to_regclass('public.a')", "");
    n = one(f, "-- tidegate: transaction=none\nCREATE TABLE a (id int)");
    assert_false(apply_up(ap, n, NULL, &f->r, &f->e));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_sql(f, "SELECT to_regclass('public.a')", "");
    apply_close(ap);
}

/* ---- statements that run alone ---- */

static void an_index_is_built_concurrently(void **state)
{
    struct fixture *f = *state;

    sql(f, "CREATE TABLE a (id int)");
    if (!up(f, one(f, "CREATE INDEX CONCURRENTLY i ON a (id)")))
        err_print(&f->e, stderr);
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_sql(f,
               "SELECT indisvalid FROM pg_index WHERE indexrelid ="
               " 'public.i'::regclass",
               "t");
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "1");
    assert_sql(f, "SELECT count(*) FROM tidegate.journal", "0");
}

/* The waiter polls: a build that waited for its snapshot would never end. */
static void an_index_is_built_while_another_runner_waits(void **state)
{
    struct fixture *f = *state;
    struct apply *ap = opened(f);
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        f->s.run = "r2";
        ap = apply_open(loop_open(), &f->a, &f->s, NULL, &f->e);
        _exit(!ap && f->e.code == ERR_HELD ? 0 : 1);
    }
    while (strcmp(value(f, "SELECT count(*) FROM pg_stat_activity WHERE"
                           " application_name = 'tidegate:r2:lock' AND"
                           " query LIKE '%pg_try_advisory_lock%'"),
                  "1") != 0)
        loop_turn(f->loop, clock_mono() + 5);
    sql(f, "CREATE TABLE a (id int)");
    assert_true(apply_up(ap, one(f, "CREATE INDEX CONCURRENTLY i ON a (id)"),
                         NULL, &f->r, &f->e));
    waitpid(pid, &status, 0);
    assert_int_equal(WEXITSTATUS(status), 0);
    apply_close(ap);
}

static void a_failed_build_leaves_no_index(void **state)
{
    struct fixture *f = *state;

    sql(f, "CREATE TABLE a AS SELECT 1 AS id FROM generate_series(1, 2)");
    assert_false(up(f, one(f, "CREATE UNIQUE INDEX CONCURRENTLY i ON a (id)")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_non_null(strstr(f->e.why, "could not create unique index"));
    assert_sql(f, "SELECT to_regclass('public.i')", "");
    assert_sql(f, "SELECT count(*) FROM tidegate.journal", "0");
}

static void if_not_exists_is_not_taken_for_success(void **state)
{
    struct fixture *f = *state;
    struct pg_result r;

    sql(f, "CREATE TABLE a AS SELECT 1 AS id FROM generate_series(1, 2)");
    assert_false(pg_run(f->pg, &f->a,
                        "CREATE UNIQUE INDEX CONCURRENTLY i ON a (id)", &r,
                        &f->e));
    assert_false(up(f, one(f, "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS"
                              " i ON a (id)")));
    assert_non_null(strstr(f->e.why, "public.i is INVALID"));
    assert_complete(&f->e);
    /* it was there before: it is not ours to drop */
    assert_sql(f, "SELECT to_regclass('public.i')", "i");
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "0");
}

static void a_part_that_is_done_is_not_done_again(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        one(f, "-- tidegate: transaction=none\nINSERT INTO a VALUES (1);\n"
               "CREATE UNIQUE INDEX CONCURRENTLY i ON a (id);\nVACUUM a");
    struct applied applied;

    sql(f, "CREATE TABLE a AS SELECT 1 AS id");
    assert_false(up(f, m));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_int_equal(f->r.statement, 2);
    assert_non_null(strstr(f->e.what, "0001_a.up.sql:3"));
    assert_sql(f, "SELECT to_regclass('public.i')", "");
    assert_true(applied_read(f->pg, &f->a, &applied, &f->e));
    assert_int_equal(applied.open_n, 1);
    assert_int_equal(applied.open[0].statements_done, 1);
    assert_int_equal(applied.open[0].statements, 3);
    /* mended by hand, then resumed */
    sql(f, "DELETE FROM a WHERE ctid = '(0,1)'");
    f->s.run = "r2";
    f->s.epoch = 2;
    if (!up(f, m))
        err_print(&f->e, stderr);
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_sql(f, "SELECT count(*) FROM public.a", "1");
    assert_sql(f, "SELECT count(*) FROM tidegate.journal", "0");
    assert_sql(f, "SELECT run FROM tidegate.migration", "r2");
}

/* The lock goes with the idle connection; what the statement did stays. */
static void a_lost_lock_does_not_lose_what_was_done(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        one(f, "-- tidegate: transaction=none\nINSERT INTO a VALUES (1);\n"
               "VACUUM a;\nSELECT pg_terminate_backend(pid) FROM"
               " pg_stat_activity WHERE application_name LIKE"
               " 'tidegate:%:lock'");

    sql(f, "CREATE TABLE a (id int)");
    up(f, m);
    if (f->r.outcome != APPLY_DONE) {
        f->s.run = "r2";
        f->s.epoch = 2;
        assert_true(up(f, m));
    }
    assert_sql(f, "SELECT count(*) FROM public.a", "1");
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "1");
}

static void a_begun_migration_keeps_its_text(void **state)
{
    struct fixture *f = *state;

    sql(f, "CREATE TABLE a AS SELECT 1 AS id");
    assert_false(up(f, one(f, "-- tidegate: transaction=none\n"
                              "INSERT INTO a VALUES (1);\nSELECT 1/0")));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_false(up(f, one(f, "-- tidegate: transaction=none\n"
                              "INSERT INTO a VALUES (2);\nSELECT 1/1")));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_non_null(strstr(f->e.what, "begun with another text"));
    assert_sql(f, "SELECT count(*) FROM public.a", "2");
}

/* Waiting for an old transaction, which the build must outlive. */
static void a_signal_ends_a_build_and_its_index(void **state)
{
    struct fixture *f = *state;
    struct pg *old = pg_open(f->loop, f->conninfo, "old", 0, &f->e);
    struct later l;

    sql(f, "CREATE TABLE a (id int)");
    run_on(f, old, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    later(f, &l,
          "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN"
          " pg_catalog.pg_stat_activity a ON a.wait_event = 'virtualxid'"
          " WHERE c.relname = 'i')",
          NULL);
    assert_false(up(f, one(f, "CREATE INDEX CONCURRENTLY i ON a (id)")));
    later_end(&l);
    assert_int_equal(f->e.code, ERR_INTERRUPTED);
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_sql(f, "SELECT to_regclass('public.i')", "");
    assert_sql(f, "SELECT count(*) FROM tidegate.journal", "0");
    pg_close(old);
}

/* What cannot be dropped at once stays ours to drop. */
static void an_index_that_could_not_be_dropped_is_rebuilt(void **state)
{
    struct fixture *f = *state;
    const struct migration *m = one(f, "CREATE INDEX CONCURRENTLY i ON a (id)");
    struct pg *old = pg_open(f->loop, f->conninfo, "old", 0, &f->e);
    struct later l;

    sql(f, "CREATE TABLE a (id int)");
    run_on(f, old, "BEGIN; LOCK TABLE public.a IN ROW EXCLUSIVE MODE");
    later(f, &l,
          "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN"
          " pg_catalog.pg_stat_activity a ON a.wait_event = 'virtualxid'"
          " WHERE c.relname = 'i')",
          NULL);
    assert_false(up(f, m));
    later_end(&l);
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_sql(f, "SELECT to_regclass('public.i')", "i");
    run_on(f, old, "COMMIT");
    pg_close(old);
    if (!up(f, m))
        err_print(&f->e, stderr);
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_sql(f,
               "SELECT indisvalid FROM pg_index WHERE indexrelid ="
               " 'public.i'::regclass",
               "t");
}

static void settings_last_through_a_journaled_file(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        one(f, "-- tidegate: transaction=none\n"
               "SET maintenance_work_mem = '77MB';\n"
               "CREATE TABLE b AS SELECT"
               " current_setting('maintenance_work_mem') m;\n"
               "SELECT 1 / n FROM c;\n"
               "CREATE TABLE d AS SELECT"
               " current_setting('maintenance_work_mem') m");

    sql(f, "CREATE TABLE c AS SELECT 0 AS n");
    assert_false(up(f, m));
    assert_int_equal(f->r.outcome, APPLY_PARTIAL);
    assert_sql(f, "SELECT m FROM public.b", "77MB");
    sql(f, "UPDATE c SET n = 1");
    assert_true(up(f, m));
    assert_sql(f, "SELECT m FROM public.d", "77MB");
}

static void maintenance_runs_alone(void **state)
{
    struct fixture *f = *state;

    sql(f, "CREATE TABLE a (id int)");
    sql(f, "CREATE INDEX i ON a (id)");
    if (!up(f, one(f, "VACUUM (ANALYZE) a; REINDEX INDEX CONCURRENTLY i;"
                      "DROP INDEX CONCURRENTLY i")))
        err_print(&f->e, stderr);
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_sql(f, "SELECT to_regclass('public.i')", "");
}

/* ---- the end of a runner, and of a server ---- */

static const char *const history[][2] = {
    {"1_a.up.sql", "CREATE TABLE a (n int); INSERT INTO a VALUES (1)"},
    {"2_b.up.sql", "-- tidegate: transaction=none\n"
                   "INSERT INTO a VALUES (2);\n"
                   "CREATE INDEX CONCURRENTLY i ON a (n);\n"
                   "INSERT INTO a VALUES (3);\nVACUUM a"},
    {"3_c.up.sql", "INSERT INTO a VALUES (4); CREATE TABLE c (n int)"},
};

/* The runner that is killed: this program again, since failpoints are read
 * once in a process. */
static int child_main(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct apply *ap;
    int status = 0;

    arena_init(&f->a);
    f->loop = loop_open();
    f->s = (struct apply_settings){.conninfo = getenv("TEST_CONNINFO"),
                                   .run = getenv("TEST_RUN"),
                                   .release = "v1",
                                   .ledger = "ledger-1",
                                   .epoch =
                                       strtol(getenv("TEST_EPOCH"), NULL, 10)};
    read_files(f, history, 3);
    ap = apply_open(f->loop, &f->a, &f->s, NULL, &f->e);
    for (size_t i = 0; ap && i < f->m.n && !status; i++)
        if (!apply_up(ap, &f->m.list[i], NULL, &f->r, &f->e))
            status = 2;
    if (!ap || status)
        err_print(&f->e, stderr);
    status = ap ? status : 1;
    apply_close(ap);
    loop_close(f->loop);
    arena_release(&f->a);
    free(f);
    return status;
}

static int child_applies(struct fixture *f, const char *at)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        setenv("TIDEGATE_FAILPOINT", at, 1);
        setenv("TEST_CONNINFO", f->conninfo, 1);
        setenv("TEST_RUN", f->s.run, 1);
        setenv("TEST_EPOCH", arena_printf(&f->a, "%lld", (long long)f->s.epoch),
               1);
        execl("/proc/self/exe", "test_apply", "child", NULL);
        _exit(3);
    }
    waitpid(pid, &status, 0);
    return status;
}

static void assert_history_once(struct fixture *f)
{
    assert_sql(f, "SELECT string_agg(n::text, ' ' ORDER BY n) FROM public.a",
               "1 2 3 4");
    assert_sql(f,
               "SELECT string_agg(name, ' ' ORDER BY number) FROM"
               " tidegate.migration",
               "1_a 2_b 3_c");
    assert_sql(f, "SELECT count(*) FROM tidegate.journal", "0");
    assert_sql(f,
               "SELECT indisvalid FROM pg_index WHERE indexrelid ="
               " 'public.i'::regclass",
               "t");
}

static void a_killed_runner_is_resumed_at_every_point(void **state)
{
    struct fixture *f = *state;
    int points = 0, status;

    for (int n = 1;; n++) {
        struct apply *ap;

        read_files(f, history, 3);
        f->s.run = arena_printf(&f->a, "k%d", n);
        f->s.epoch++;
        status = child_applies(f, arena_printf(&f->a, "*:%d", n));
        if (WIFEXITED(status))
            break;
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        points++;
        f->s.run = arena_printf(&f->a, "s%d", n);
        f->s.epoch++;
        ap = opened(f);
        for (size_t i = 0; i < f->m.n; i++) {
            assert_true(
                apply_observe(ap, f->m.list[i].name, false, &f->r, &f->e));
            assert_int_not_equal(f->r.outcome, APPLY_UNKNOWN);
            if (!apply_up(ap, &f->m.list[i], NULL, &f->r, &f->e)) {
                err_print(&f->e, stderr);
                fail_msg("after point %d: %s", n, f->m.list[i].name);
            }
        }
        apply_close(ap);
        assert_history_once(f);
        sql(f, "DROP TABLE a, c; DELETE FROM tidegate.migration");
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_history_once(f);
    print_message("%d points\n", points);
    assert_true(points >= 20);
}

static void a_kill_in_a_long_statement_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        one(f, "CREATE TABLE a (id int); SELECT pg_sleep(60)");
    struct apply *ap;
    pid_t pid = fork();

    if (pid == 0) {
        struct loop *loop = loop_open();
        ap = apply_open(loop, &f->a, &f->s, NULL, &f->e);
        apply_up(ap, m, NULL, &f->r, &f->e);
        _exit(0);
    }
    while (strcmp(value(f, "SELECT count(*) FROM pg_stat_activity WHERE"
                           " application_name = 'tidegate:r1:0001_a' AND"
                           " query LIKE 'SELECT pg_sleep%'"),
                  "1") != 0)
        loop_turn(f->loop, clock_mono() + 5);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    f->s.epoch = 2;
    f->s.run = "r2";
    ap = opened(f); /* waits for the orphan */
    assert_sql(f,
               "SELECT count(*) FROM pg_stat_activity WHERE"
               " application_name LIKE 'tidegate:r1:%'",
               "0");
    assert_true(apply_observe(ap, "0001_a", false, &f->r, &f->e));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    apply_close(ap);
    assert_sql(f, "SELECT to_regclass('public.a')", "");
}

static void an_orphan_is_ended_when_asked(void **state)
{
    struct fixture *f = *state;
    struct pg *orphan =
        pg_open(f->loop, f->conninfo, "tidegate:r0:0009_x", 0, &f->e);
    struct pg_result r;
    struct apply *ap;

    assert_true(pg_send_run(orphan, "SELECT pg_catalog.pg_sleep(60)", &f->e));
    f->s.terminate_orphan = true;
    ap = opened(f);
    while (pg_busy(orphan))
        loop_turn(f->loop, CLOCK_NEVER);
    assert_false(pg_take(orphan, &f->a, &r, &f->e));
    assert_true(pg_failed(orphan)->lost);
    pg_close(orphan);
    apply_close(ap);
}

static void a_commit_whose_answer_is_lost_is_looked_up(void **state)
{
    struct fixture *f = *state;

    /* the backend ends itself while it commits */
    sql(f, "CREATE TABLE a (id int);"
           "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$"
           "BEGIN PERFORM pg_terminate_backend(pg_backend_pid());"
           " RETURN NULL; END $$;"
           "CREATE CONSTRAINT TRIGGER d AFTER INSERT ON a DEFERRABLE"
           " INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()");
    assert_false(up(f, one(f, "INSERT INTO a VALUES (1)")));
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_non_null(strstr(f->e.what, "lost in COMMIT"));
    assert_complete(&f->e);
    assert_sql(f, "SELECT count(*) FROM public.a", "0");
}

static void a_connection_lost_before_commit_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        one(f, "INSERT INTO a VALUES (1);"
               "SELECT pg_terminate_backend(pg_backend_pid())");
    struct apply *ap;

    sql(f, "CREATE TABLE a (id int)");
    ap = opened(f);
    assert_false(apply_up(ap, m, NULL, &f->r, &f->e));
    assert_int_equal(f->e.code, ERR_UNREACHABLE);
    assert_int_equal(f->r.outcome, APPLY_ROLLED_BACK);
    assert_int_equal(f->r.statement, 2);
    assert_sql(f, "SELECT count(*) FROM public.a", "0");
    /* and the next one opens the connections again */
    if (!apply_up(ap, one(f, "INSERT INTO a VALUES (2)"), NULL, &f->r, &f->e))
        err_print(&f->e, stderr);
    assert_int_equal(f->r.outcome, APPLY_DONE);
    apply_close(ap);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return child_main();

    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(an_up_is_applied_with_its_row),
        TEST(a_down_runs_the_recorded_text),
        TEST(a_down_that_does_not_exist_is_refused),
        TEST(a_failure_leaves_nothing_and_says_where),
        TEST(a_deferred_constraint_fails_at_commit),
        TEST(settings_do_not_leak_into_the_next),
        TEST(what_the_text_hides_is_found_before_commit),
        TEST(a_commit_inside_is_an_error),
        TEST(files_that_changed_are_named),
        TEST(a_lock_timeout_is_tried_again),
        TEST(a_lock_that_never_comes_names_its_holder),
        TEST(who_waits_too_long_ends_the_migration),
        TEST(a_signal_cancels_and_leaves_nothing),
        TEST(statement_timeout_is_the_files_own),
        TEST(a_second_runner_is_told_who_holds_it),
        TEST(an_older_or_foreign_run_is_refused),
        TEST(who_was_overtaken_cannot_commit),
        TEST(an_index_is_built_concurrently),
        TEST(an_index_is_built_while_another_runner_waits),
        TEST(a_failed_build_leaves_no_index),
        TEST(if_not_exists_is_not_taken_for_success),
        TEST(a_part_that_is_done_is_not_done_again),
        TEST(a_lost_lock_does_not_lose_what_was_done),
        TEST(a_begun_migration_keeps_its_text),
        TEST(a_signal_ends_a_build_and_its_index),
        TEST(an_index_that_could_not_be_dropped_is_rebuilt),
        TEST(settings_last_through_a_journaled_file),
        TEST(maintenance_runs_alone),
        TEST(a_killed_runner_is_resumed_at_every_point),
        TEST(a_kill_in_a_long_statement_leaves_nothing),
        TEST(an_orphan_is_ended_when_asked),
        TEST(a_commit_whose_answer_is_lost_is_looked_up),
        TEST(a_connection_lost_before_commit_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
