/* The rehearsal of scripts that run in batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/integration/migrations/rehearsing.h"

#define UP                                                  \
    "-- tidegate: batch=orders key=id size=3000 pause=1s\n" \
    "UPDATE orders SET note = total::text WHERE id BETWEEN $1 AND $2"
#define DOWN                                       \
    "-- tidegate: batch=orders key=id size=9000\n" \
    "UPDATE orders SET note = repeat('x', 50) WHERE id BETWEEN $1 AND $2"

static const struct migration *read_one(struct fixture *f, const char *up,
                                        const char *down)
{
    struct sql_file files[] = {
        {.name = "0001_one.up.sql", .bytes = up, .len = strlen(up)},
        {.name = "0001_one.down.sql", .bytes = down, .len = strlen(down)}};
    struct migrations *m = arena_array(&f->a, 1, sizeof *m);

    if (!migrations_read(m, &f->a, "auto", files, 2, &f->e)) {
        err_print(&f->e, stderr);
        fail_msg("the files cannot be read");
    }
    return &m->list[0];
}

static void batches_are_timed_one_by_one(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m = read_one(f, UP, DOWN);
    const struct rehearsed_batches *b;
    const struct rehearsed *r;
    const struct touched *t;

    database_make(f, "shop", SHOP);
    must(f, rehearse(f, &s, &m, 1));
    if (f->out.failed)
        print_message("%s\n", f->out.failed);
    assert_null(f->out.failed);
    r = &f->out.list[0];
    assert_true(r->has_down && r->down_ok);
    b = r->batches;
    assert_non_null(b);
    assert_int_equal(b->n, 7);
    assert_int_equal(b->rows, 20000);
    assert_int_equal(b->size, 3000);
    assert_true(b->median_ms <= b->p95_ms && b->p95_ms <= b->longest_ms);
    assert_true(b->high >= b->longest_ms);
    assert_int_equal(r->n, 1);
    assert_int_equal(r->up[0].line, 2);
    assert_int_equal(r->up[0].rows, 20000);
    assert_true(r->up[0].ms >= b->longest_ms);
    assert_int_equal(r->up[0].ms, r->up_ms);
    assert_true(r->up[0].wal_bytes > 1000000);
    t = touched_find(&r->up[0], "public.orders");
    assert_non_null(t);
    assert_string_equal(t->lock, "ROW EXCLUSIVE");
    assert_true(t->held_ms <= r->up_ms);
    /* pauses of a real run are in the estimate; who waits, waits for one
     * batch; what must fit is one */
    assert_true(r->low >= 7000);
    assert_int_equal(f->out.waited, 1);
    assert_int_equal(f->out.waits[0].readers, 0);
    assert_int_equal(f->out.waits[0].writers, b->high);
    assert_int_equal(rehearsed_need(r), b->high);
}

/* Nothing with rows is told by a clone without them, but what is locked. */
static void without_rows_only_locks_are_told(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m = read_one(f, UP, DOWN);
    const struct touched *t;

    database_make(f, "shop", SHOP);
    s.how = CLONE_BY_SCHEMA;
    must(f, rehearse(f, &s, &m, 1));
    assert_null(f->out.failed);
    assert_int_equal(f->out.list[0].batches->n, 0);
    assert_true(f->out.list[0].untold && f->out.list[0].down_untold);
    assert_true(f->out.list[0].up[0].untold);
    t = touched_find(&f->out.list[0].up[0], "public.orders");
    assert_non_null(t);
    assert_string_equal(t->lock, "ROW EXCLUSIVE");
}

static void the_certificate_has_them(void **state)
{
    struct fixture *f = *state;
    const struct migration *m = read_one(f, UP, DOWN);
    struct rehearsal back;
    struct json *j;

    rehearse_shop(f, m);
    j = rehearsal_to_json(&f->out);
    assert_true(rehearsal_from_json(&back, &f->a, j, &f->e));
    json_free(j);
    assert_memory_equal(back.list[0].batches, f->out.list[0].batches,
                        sizeof *back.list[0].batches);
}

static void a_key_that_will_not_do_fails_the_rehearsal(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m =
        read_one(f,
                 "-- tidegate: batch=orders key=total\n"
                 "UPDATE orders SET note = '' WHERE total BETWEEN $1 AND $2",
                 DOWN);

    database_make(f, "shop", SHOP);
    must(f, rehearse(f, &s, &m, 1));
    assert_non_null(f->out.failed);
    assert_non_null(strstr(f->out.failed, "cannot be a batch's key"));
}

static void a_batch_that_fails_is_named(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        read_one(f,
                 "-- tidegate: batch=orders key=id\n"
                 "UPDATE orders\nSET total = 1 / (id - 15000)\n"
                 "WHERE id BETWEEN $1 AND $2",
                 DOWN);

    rehearse_shop(f, m);
    assert_non_null(f->out.failed);
    assert_non_null(strstr(f->out.failed, "0001_one.up.sql:2: division"));
}

#define T(name) \
    cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(batches_are_timed_one_by_one),
        T(without_rows_only_locks_are_told),
        T(the_certificate_has_them),
        T(a_key_that_will_not_do_fails_the_rehearsal),
        T(a_batch_that_fails_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
