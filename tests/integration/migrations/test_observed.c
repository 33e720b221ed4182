/* What runs outside a transaction, seen from a second connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/integration/migrations/rehearsing.h"

static void a_concurrent_index_is_observed(void **state)
{
    struct fixture *f = *state;
    const struct migration *m = migration_make(
        f, "0001_one!", "CREATE INDEX CONCURRENTLY n_idx ON orders (note)",
        "DROP INDEX CONCURRENTLY n_idx");
    const struct touched *t;

    rehearse_shop(f, m);
    assert_null(f->out.failed);
    assert_true(f->out.list[0].down_ok);
    assert_false(f->out.list[0].transaction);
    t = touched_find(&f->out.list[0].up[0], "public.orders");
    assert_non_null(t);
    assert_string_equal(t->lock, "SHARE UPDATE EXCLUSIVE");
    assert_true(t->held_ms <= f->out.list[0].up[0].ms);
    assert_int_equal(f->out.waited, 0);
}

static void even_the_shortest_is_observed(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *list[20];

    database_make(f, "shop", "CREATE TABLE empty (x int)");
    for (int i = 0; i < 20; i++)
        list[i] = migration_make(
            f, arena_printf(&f->a, "%04d_i!", i),
            arena_printf(&f->a, "CREATE INDEX CONCURRENTLY i%d ON empty (x)",
                         i),
            NULL);
    must(f, rehearse(f, &s, list, 20));
    for (int i = 0; i < 20; i++) {
        const struct touched *t =
            touched_find(&f->out.list[i].up[0], "public.empty");
        assert_non_null(t);
        assert_string_equal(t->lock, "SHARE UPDATE EXCLUSIVE");
        assert_true(t->scanned);
    }
}

static void without_a_transaction_each_statement_is_traced(void **state)
{
    struct fixture *f = *state;
    const struct migration *m = migration_make(
        f, "0001_one!",
        "ALTER TABLE orders ADD COLUMN q int\n;;\n"
        "CREATE INDEX CONCURRENTLY q_idx ON orders (q)\n;;\n"
        "SELECT pg_sleep(0.2)\n;;\nALTER TABLE orders ADD COLUMN r nosuch",
        NULL);
    const struct rehearsed_statement *up;

    rehearse_shop(f, m);
    up = f->out.list[0].up;
    assert_string_equal(up[0].touched[0].lock, "ACCESS EXCLUSIVE");
    /* its own transaction: over before the sleep */
    assert_true(up[0].touched[0].held_ms + 200 <= f->out.list[0].up_ms);
    assert_int_equal(f->out.list[0].n, 3);
    assert_non_null(strstr(f->out.failed, "0001_one.up.sql:7: "));
}

#define T(name) \
    cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_concurrent_index_is_observed),
        T(even_the_shortest_is_observed),
        T(without_a_transaction_each_statement_is_traced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
