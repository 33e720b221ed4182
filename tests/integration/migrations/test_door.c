/* Which servers a migration refuses to enter, and a COMMIT whose answer is
 * cut off on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/apply/apply.h"
#include "tests/integration/migrations/proxy.h"

struct fixture {
    struct loop *loop;
    struct arena a;
    struct pg *pg;
    const char *socket; /* of the server */
    struct proxy proxy;
    struct migrations m;
    struct apply_settings s;
    struct apply_result r;
    struct err e;
};

static const char *server(const char *name)
{
    const char *text = getenv(name);

    assert_non_null(text);
    return text;
}

static void sql(struct fixture *f, const char *text)
{
    struct pg_result r;

    if (!pg_run(f->pg, &f->a, text, &r, &f->e)) {
        err_print(&f->e, stderr);
        fail_msg("%s", text);
    }
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char folder[100], port[20];

    arena_init(&f->a);
    f->loop = loop_open();
    f->pg = pg_open(f->loop, server("TIDEGATE_TEST_PG"), "test", 0, &f->e);
    assert_int_equal(
        sscanf(server("TIDEGATE_TEST_PG"), "host=%99s port=%19s", folder, port),
        2);
    f->socket = arena_printf(&f->a, "%s/.s.PGSQL.%s", folder, port);
    f->s = (struct apply_settings){
        .run = "r1", .release = "v1", .ledger = "l", .epoch = 1};
    sql(f, "DROP SCHEMA IF EXISTS tidegate CASCADE;"
           "DROP TABLE IF EXISTS public.door;"
           "CREATE TABLE public.door (n int)");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->proxy.pid)
        proxy_stop(&f->proxy);
    pg_close(f->pg);
    loop_close(f->loop);
    arena_release(&f->a);
    free(f);
    return 0;
}

static void behind(struct fixture *f, enum proxy_mode mode)
{
    proxy_start(&f->proxy, mode, f->socket);
    f->s.conninfo =
        arena_printf(&f->a, "host=%s port=5432 user=postgres dbname=postgres",
                     f->proxy.folder);
}

static const char *count(struct fixture *f, const char *table)
{
    struct pg_result r;

    assert_true(pg_query(f->pg, &f->a,
                         arena_printf(&f->a, "SELECT count(*) FROM %s", table),
                         NULL, 0, &r, &f->e));
    return r.cell[0][0];
}

static bool up(struct fixture *f)
{
    struct sql_file file = {"1_a.up.sql", "INSERT INTO door VALUES (1)", 27};
    struct apply *ap = apply_open(f->loop, &f->a, &f->s, NULL, &f->e);
    bool ok;

    if (!ap) {
        err_print(&f->e, stderr);
        fail_msg("apply_open");
    }
    assert_true(migrations_read(&f->m, &f->a, "auto", &file, 1, &f->e));
    ok = apply_up(ap, &f->m.list[0], NULL, &f->r, &f->e);
    apply_close(ap);
    return ok;
}

static void a_transaction_pooler_is_refused(void **state)
{
    struct fixture *f = *state;

    behind(f, PROXY_POOL);
    assert_null(apply_open(f->loop, &f->a, &f->s, NULL, &f->e));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_non_null(strstr(f->e.what, "pooler"));
    assert_non_null(strstr(f->e.fix, "direct connection"));
    assert_string_equal(count(f, "pg_namespace WHERE nspname = 'tidegate'"),
                        "0");
}

static void a_standby_is_refused(void **state)
{
    struct fixture *f = *state;

    f->s.conninfo = server("TIDEGATE_TEST_STANDBY");
    assert_null(apply_open(f->loop, &f->a, &f->s, NULL, &f->e));
    assert_int_equal(f->e.code, ERR_REFUSED);
    assert_non_null(strstr(f->e.what, "standby"));
    assert_true(f->e.why[0] && f->e.fix[0]);
}

static void a_server_that_is_not_there_is_unreachable(void **state)
{
    struct fixture *f = *state;

    f->s.conninfo = "host=/nonexistent dbname=x";
    assert_null(apply_open(f->loop, &f->a, &f->s, NULL, &f->e));
    assert_int_equal(f->e.code, ERR_UNREACHABLE);
}

static void a_commit_that_came_through_is_found(void **state)
{
    struct fixture *f = *state;

    /* the first COMMIT that passes is then the migration's */
    assert_true(applied_prepare(f->pg, &f->a, &f->e));
    behind(f, PROXY_CUT);
    if (!up(f))
        err_print(&f->e, stderr);
    assert_int_equal(f->r.outcome, APPLY_DONE);
    assert_string_equal(count(f, "public.door"), "1");
    assert_string_equal(count(f, "tidegate.migration"), "1");
}

static void a_commit_that_nobody_can_look_up_is_unknown(void **state)
{
    struct fixture *f = *state;

    assert_true(applied_prepare(f->pg, &f->a, &f->e));
    behind(f, PROXY_GONE);
    assert_false(up(f));
    assert_int_equal(f->r.outcome, APPLY_UNKNOWN);
    assert_int_equal(f->e.code, ERR_UNKNOWN);
    assert_non_null(strstr(f->e.what, "commit unknown"));
    assert_true(f->e.why[0] && f->e.fix[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(a_transaction_pooler_is_refused),
        TEST(a_standby_is_refused),
        TEST(a_server_that_is_not_there_is_unreachable),
        TEST(a_commit_that_came_through_is_found),
        TEST(a_commit_that_nobody_can_look_up_is_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
