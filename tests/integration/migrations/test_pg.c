/* The connection, against a real server. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/server/pg.h"

struct fixture {
    struct loop *loop;
    struct arena a;
    struct pg *pg;
    struct err e;
};

static const char *conninfo(void)
{
    const char *text = getenv("TIDEGATE_TEST_PG");

    assert_non_null(text);
    return text;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->loop = loop_open();
    arena_init(&f->a);
    f->pg = pg_open(f->loop, conninfo(), "tidegate:test:pg", 0, &f->e);
    if (!f->pg)
        err_print(&f->e, stderr);
    *state = f;
    return f->pg ? 0 : 1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    pg_close(f->pg);
    arena_release(&f->a);
    loop_close(f->loop);
    free(f);
    return 0;
}

static void query_returns_cells_and_nulls(void **state)
{
    struct fixture *f = *state;
    const char *params[] = {"o'brien", NULL};
    struct pg_result r;

    assert_true(pg_query(f->pg, &f->a,
                         "SELECT $1::text, $2::text, n FROM"
                         " pg_catalog.generate_series(1,2) n",
                         params, 2, &r, &f->e));
    assert_int_equal(r.rows, 2);
    assert_int_equal(r.columns, 3);
    assert_string_equal(r.cell[0][0], "o'brien");
    assert_null(r.cell[0][1]);
    assert_string_equal(r.cell[1][2], "2");
    assert_string_equal(r.tag, "SELECT 2");
    assert_int_equal(r.affected, 2);
}

static void search_path_is_empty_and_encoding_utf8(void **state)
{
    struct fixture *f = *state;
    struct pg_result r;

    assert_true(pg_query(f->pg, &f->a,
                         "SELECT current_setting('search_path'),"
                         " current_setting('client_encoding'),"
                         " current_setting('client_connection_check_interval'),"
                         " current_setting('application_name')",
                         NULL, 0, &r, &f->e));
    assert_string_equal(r.cell[0][0], "");
    assert_string_equal(r.cell[0][1], "UTF8");
    assert_string_equal(r.cell[0][2], "500ms");
    assert_string_equal(r.cell[0][3], "tidegate:test:pg");
}

static void refusal_tells_state_position_and_detail(void **state)
{
    struct fixture *f = *state;
    struct pg_result r;

    assert_false(
        pg_run(f->pg, &f->a, "SELECT nowhere FROM pg_class", &r, &f->e));
    assert_int_equal(f->e.code, ERR_FAILED);
    assert_string_equal(pg_failed(f->pg)->sqlstate, "42703");
    assert_int_equal(pg_failed(f->pg)->position, 8);
    assert_false(pg_failed(f->pg)->lost);
    assert_non_null(strstr(f->e.why, "nowhere"));
    assert_true(f->e.fix[0]);
    assert_true(pg_query(f->pg, &f->a, "SELECT 1", NULL, 0, &r, &f->e));
}

static void run_throws_rows_away_and_counts_them(void **state)
{
    struct fixture *f = *state;
    struct pg_result r;

    assert_true(pg_run(f->pg, &f->a,
                       "SELECT pg_catalog.repeat('x', 1000) FROM"
                       " pg_catalog.generate_series(1,20000)",
                       &r, &f->e));
    assert_int_equal(r.rows, 0);
    assert_int_equal(r.affected, 20000);
    assert_true(
        pg_run(f->pg, &f->a, "COPY (VALUES (1),(2)) TO STDOUT", &r, &f->e));
    assert_int_equal(r.affected, 2);
}

static void copy_in_takes_more_than_a_socket_holds(void **state)
{
    struct fixture *f = *state;
    struct pg_result r;
    size_t n = 400000, len = n * 10;
    char *data = malloc(len + 1);

    for (size_t i = 0; i < n; i++)
        snprintf(data + i * 10, 11, "%09zu\n", i);
    assert_true(pg_run(f->pg, &f->a, "CREATE TEMP TABLE c (n int)", &r, &f->e));
    assert_true(
        pg_copy_in(f->pg, &f->a, "COPY c FROM STDIN", data, len, &r, &f->e));
    assert_int_equal(r.affected, 400000);
    free(data);
    /* without data it fails, and the connection goes on */
    assert_false(pg_run(f->pg, &f->a, "COPY c FROM STDIN", &r, &f->e));
    assert_true(pg_run(f->pg, &f->a, "SELECT 1", &r, &f->e));
}

static void notices_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct pg_result r;
    char *text;

    assert_true(pg_run(f->pg, &f->a,
                       "DO $$ BEGIN FOR i IN 1..20000 LOOP"
                       " RAISE NOTICE 'number %', i; END LOOP; END $$",
                       &r, &f->e));
    text = pg_notices(f->pg, &f->a);
    assert_true(strlen(text) <= 64 * 1024);
    assert_true(strncmp(text, "NOTICE: number 1\n", 17) == 0);
    assert_non_null(strstr(text, "(further notices cut)"));
    assert_string_equal(pg_notices(f->pg, &f->a), "");
}

static void deadline_cancels_the_statement(void **state)
{
    struct fixture *f = *state;
    struct pg_result r;

    pg_deadline(f->pg, clock_mono() + 50);
    assert_false(
        pg_run(f->pg, &f->a, "SELECT pg_catalog.pg_sleep(60)", &r, &f->e));
    pg_deadline(f->pg, CLOCK_NEVER);
    assert_string_equal(pg_failed(f->pg)->sqlstate, "57014");
    assert_true(r.ms < 30000);
    assert_true(pg_run(f->pg, &f->a, "SELECT 1", &r, &f->e));
}

static void cancel_without_a_command_has_no_effect(void **state)
{
    struct fixture *f = *state;
    struct pg_result r;

    pg_cancel(f->pg);
    assert_true(pg_run(f->pg, &f->a, "SELECT 1", &r, &f->e));
}

/* Another source's steps go on while a command runs. */
static void tick(struct source *s, short revents, int64_t now)
{
    (void)revents;
    *(int *)s->ctx += 1;
    s->deadline = now + 5;
}

static void other_sources_run_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct pg_result r;
    int ticks = 0;
    struct source s = {
        .fd = -1, .deadline = clock_mono(), .step = tick, .ctx = &ticks};

    loop_add(f->loop, &s);
    assert_true(
        pg_run(f->pg, &f->a, "SELECT pg_catalog.pg_sleep(0.3)", &r, &f->e));
    loop_remove(f->loop, &s);
    assert_true(ticks > 5);
}

static void a_lost_connection_is_unknown_not_failed(void **state)
{
    struct fixture *f = *state;
    struct pg *other =
        pg_open(f->loop, conninfo(), "tidegate:test:killer", 0, &f->e);
    struct pg_result r;
    char *sql = arena_printf(&f->a,
                             "SELECT pg_catalog.pg_terminate_backend"
                             "(%d)",
                             pg_backend_pid(f->pg));

    assert_non_null(other);
    assert_true(pg_send_run(f->pg, "SELECT pg_catalog.pg_sleep(60)", &f->e));
    assert_true(pg_query(other, &f->a, sql, NULL, 0, &r, &f->e));
    while (pg_busy(f->pg))
        loop_turn(f->loop, CLOCK_NEVER);
    assert_false(pg_take(f->pg, &f->a, &r, &f->e));
    assert_int_equal(f->e.code, ERR_UNREACHABLE);
    assert_true(pg_failed(f->pg)->lost);
    assert_string_equal(pg_failed(f->pg)->sqlstate, "");
    assert_int_equal(pg_transaction(f->pg), PG_LOST);
    assert_false(pg_run(f->pg, &f->a, "SELECT 1", &r, &f->e));
    assert_int_equal(f->e.code, ERR_UNREACHABLE);
    pg_close(other);
}

static void an_idle_connection_notices_its_end(void **state)
{
    struct fixture *f = *state;
    struct pg *other =
        pg_open(f->loop, conninfo(), "tidegate:test:killer", 0, &f->e);
    struct pg_result r;
    char *sql = arena_printf(&f->a,
                             "SELECT pg_catalog.pg_terminate_backend"
                             "(%d)",
                             pg_backend_pid(f->pg));
    int64_t until = clock_mono() + 10000;

    assert_true(pg_query(other, &f->a, sql, NULL, 0, &r, &f->e));
    while (pg_transaction(f->pg) != PG_LOST && clock_mono() < until)
        loop_turn(f->loop, until);
    assert_int_equal(pg_transaction(f->pg), PG_LOST);
    pg_close(other);
}

static void transaction_status_follows(void **state)
{
    struct fixture *f = *state;
    struct pg_result r;

    assert_int_equal(pg_transaction(f->pg), PG_IDLE);
    assert_true(pg_run(f->pg, &f->a, "BEGIN", &r, &f->e));
    assert_int_equal(pg_transaction(f->pg), PG_IN_TRANSACTION);
    assert_false(pg_run(f->pg, &f->a, "oops", &r, &f->e));
    assert_int_equal(pg_transaction(f->pg), PG_IN_ERROR);
    assert_true(pg_run(f->pg, &f->a, "ROLLBACK", &r, &f->e));
    assert_int_equal(pg_transaction(f->pg), PG_IDLE);
}

static void unreachable_says_where_and_hides_secrets(void **state)
{
    struct fixture *f = *state;
    struct err e;

    assert_null(pg_open(f->loop,
                        "host=/nonexistent dbname=shop password=hunter2",
                        "tidegate", 0, &e));
    assert_int_equal(e.code, ERR_UNREACHABLE);
    assert_non_null(strstr(e.what, "shop on /nonexistent"));
    assert_null(strstr(e.why, "hunter2"));
    assert_null(
        pg_open(f->loop, "host=x nonsense password=hunter2", "t", 0, &e));
    assert_int_equal(e.code, ERR_CONFIG);
    assert_null(strstr(e.why, "hunter2"));
}

static void no_certificate_is_asked_of_this_host(void **state)
{
    struct fixture *f = *state;
    struct err e;
    struct pg *tcp = pg_open(f->loop, getenv("TIDEGATE_TEST_TCP"), "t", 0, &e);

    assert_non_null(tcp);
    pg_close(tcp);
}

static void dbname_is_never_expanded(void **state)
{
    struct fixture *f = *state;
    struct err e;
    char *text = pg_conninfo_with(&f->a, conninfo(), "dbname",
                                  "host=evil dbname=postgres", &e);

    assert_null(pg_open(f->loop, text, "t", 0, &e));
    assert_non_null(strstr(e.why, "host=evil dbname=postgres"));
}

static void conninfo_keeps_the_rest(void **state)
{
    struct fixture *f = *state;
    struct err e;

    assert_string_equal(
        pg_conninfo_with(&f->a, "postgresql://u@h:5/db", "dbname", "it's", &e),
        "user='u' host='h' port='5' dbname='it\\'s'");
}

static void quoting(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(pg_identifier(f->pg, &f->a, "a\"b"), "\"a\"\"b\"");
    assert_string_equal(pg_literal(f->pg, &f->a, "it's"), "'it''s'");
    assert_non_null(pg_literal(f->pg, &f->a, "\xff"));
}

static void identity(void **state)
{
    struct fixture *f = *state;
    struct pg_identity id;

    assert_true(pg_identify(f->pg, &f->a, &id, &f->e));
    assert_true(strlen(id.system) > 10);
    assert_string_equal(id.database, "postgres");
    assert_false(id.standby);
    assert_true(id.version >= 110000);
    assert_true(id.size > 1000000);
    assert_true(labs((long)id.skew_ms) < 5000);
    assert_true(id.address[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(query_returns_cells_and_nulls),
        TEST(search_path_is_empty_and_encoding_utf8),
        TEST(refusal_tells_state_position_and_detail),
        TEST(run_throws_rows_away_and_counts_them),
        TEST(copy_in_takes_more_than_a_socket_holds),
        TEST(notices_are_bounded),
        TEST(deadline_cancels_the_statement),
        TEST(cancel_without_a_command_has_no_effect),
        TEST(other_sources_run_meanwhile),
        TEST(a_lost_connection_is_unknown_not_failed),
        TEST(an_idle_connection_notices_its_end),
        TEST(transaction_status_follows),
        TEST(unreachable_says_where_and_hides_secrets),
        TEST(no_certificate_is_asked_of_this_host),
        TEST(dbname_is_never_expanded),
        TEST(conninfo_keeps_the_rest),
        TEST(quoting),
        TEST(identity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
