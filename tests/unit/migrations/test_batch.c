/* Scripts that run in batches: what is one, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/apply/backfill.h"
#include "migrations/read/batch.h"
#include "migrations/read/split.h"

static struct arena arena;
static struct script got;
static struct err e;

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

static bool read_text(const char *text)
{
    struct sql_file file = {"0001_x.up.sql", text, strlen(text)};

    err_clear(&e);
    return split_script(&got, NULL, &arena, &file, false, &e);
}

/* With the directive that most of these have. */
static bool read_batch(const char *statement)
{
    return read_text(arena_printf(
        &arena, "-- tidegate: batch=orders key=id\n%s", statement));
}

static void what_the_directive_says(void **state)
{
    (void)state;
    assert_true(read_text(
        "-- tidegate: batch=Shop.\"Orders\" key=ID size=70 pause=100ms\n"
        "-- tidegate: max_lag=3s\n"
        "UPDATE shop.\"Orders\" SET a = 1 WHERE id BETWEEN $1 AND $2;"));
    assert_non_null(got.batch);
    assert_string_equal(got.batch->schema, "shop");
    assert_string_equal(got.batch->table, "Orders");
    assert_string_equal(got.batch->key, "id");
    assert_int_equal(got.batch->size, 70);
    assert_int_equal(got.batch->pause_ms, 100);
    assert_int_equal(got.batch->max_lag_ms, 3000);
    assert_false(got.transaction);
    assert_true(read_batch("DELETE FROM orders WHERE id BETWEEN $1 AND $2"));
    assert_int_equal(got.batch->size, BATCH_SIZE);
    assert_int_equal(got.batch->pause_ms, 0);
    assert_int_equal(got.batch->max_lag_ms, -1);
    assert_true(read_text("SELECT 1"));
    assert_null(got.batch);
    assert_true(got.transaction);
}

static void statements_that_do(void **state)
{
    static const char *const good[] = {
        "UPDATE orders SET a = 1 WHERE id BETWEEN $1 AND $2",
        "UPDATE orders SET a = 1 WHERE a IS NULL AND id BETWEEN $1 AND $2",
        "UPDATE orders SET a = 1 WHERE id >= $1 AND (id <= $2 AND b > 3)",
        "UPDATE orders SET a = 1 WHERE $1 <= id AND $2 >= orders.id",
        "UPDATE items i SET a = o.a FROM orders AS o"
        " WHERE o.id BETWEEN $1 AND $2 AND i.order_id = o.id",
        "DELETE FROM orders o WHERE o.id BETWEEN $1 AND $2 RETURNING id",
        "INSERT INTO old SELECT * FROM orders WHERE id BETWEEN $1 AND $2"
        " ON CONFLICT DO NOTHING",
        "INSERT INTO old SELECT o.* FROM items i LEFT JOIN orders o"
        " ON i.order_id = o.id WHERE o.id BETWEEN $1 AND $2",
        "WITH x AS (SELECT 1 AS a) UPDATE orders SET a = x.a FROM x"
        " WHERE orders.id BETWEEN $1 AND $2",
        "DELETE FROM orders WHERE id BETWEEN $1 AND $2"
        " AND a IN (SELECT a FROM items o WHERE o.id > 3)",
        "UPDATE ONLY orders SET a = 1 WHERE id BETWEEN $1 AND $2",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!read_batch(good[i]))
            print_message("%s: %s; %s\n", good[i], e.what, e.why);
        assert_non_null(got.batch);
        assert_int_equal(e.code, ERR_NONE);
    }
}

static void tables_named_with_only_are_kept(void **state)
{
    (void)state;
    assert_true(read_batch("DELETE FROM orders USING items i WHERE i.o = "
                           "orders.id AND orders.id BETWEEN $1 AND $2"));
    assert_null(got.batch->only);
    assert_true(
        read_batch("WITH c AS (SELECT 1) UPDATE ONLY \"S\".a x SET b = 1 FROM "
                   "ONLY orders o JOIN items ON true JOIN ONLY c ON true "
                   "WHERE o.id BETWEEN $1 AND $2"));
    assert_string_equal(got.batch->only[0], "\"S\".a");
    assert_string_equal(got.batch->only[1], "orders");
    assert_null(got.batch->only[2]);
}

static void statements_that_do_not(void **state)
{
    static const struct {
        const char *text, *what;
    } bad[] = {
        {"UPDATE orders SET a = 1", "not bound"},
        {"UPDATE orders SET a = 1 WHERE id > $1 AND id <= $2", "not bound"},
        {"UPDATE orders SET a = 1 WHERE id >= $1", "not bound"},
        {"UPDATE orders SET a = 1 WHERE id BETWEEN $2 AND $1", "not bound"},
        {"UPDATE orders SET a = 1 WHERE a BETWEEN $1 AND $2", "not bound"},
        {"UPDATE orders SET a = $1 WHERE id BETWEEN $1 AND $2", "not bound"},
        {"UPDATE orders SET a = $3 WHERE id BETWEEN $1 AND $2", "not bound"},
        {"UPDATE orders SET a = 1 WHERE id BETWEEN $1 AND $2 OR a > 0",
         "not bound"},
        {"UPDATE orders SET a = 1 WHERE NOT (id BETWEEN $1 AND $2)",
         "not bound"},
        {"UPDATE orders SET a = 1 WHERE id NOT BETWEEN $1 AND $2", "not bound"},
        {"UPDATE orders SET a = 1 WHERE EXISTS (SELECT 1 FROM orders o"
         " WHERE o.id BETWEEN $1 AND $2)",
         "not bound"},
        {"WITH b AS (SELECT id FROM orders WHERE id BETWEEN $1 AND $2)"
         " UPDATE orders SET a = 1 FROM b WHERE orders.id = b.id",
         "not bound"},
        {"UPDATE items i SET a = 1 FROM orders o WHERE i.id BETWEEN $1 AND $2"
         " AND i.order_id = o.id",
         "not bound"},
        {"UPDATE items SET a = 1 WHERE id BETWEEN $1 AND $2", "does not name"},
        {"UPDATE orders SET id = id + 1 WHERE id BETWEEN $1 AND $2",
         "its own key"},
        {"INSERT INTO old SELECT * FROM orders WHERE id BETWEEN $1 AND $2"
         " LIMIT 10",
         "pass rows"},
        {"INSERT INTO old SELECT * FROM orders WHERE id BETWEEN $1 AND $2"
         " FOR UPDATE SKIP LOCKED",
         "pass rows"},
        {"INSERT INTO orders VALUES (1)", "does not name"},
        {"UPDATE invoices SET total = (SELECT sum(o.a) FROM orders o"
         " WHERE o.invoice = invoices.id) WHERE id BETWEEN $1 AND $2",
         "does not name"},
        {"INSERT INTO orders SELECT * FROM legacy_orders"
         " WHERE id BETWEEN $1 AND $2",
         "does not name"},
        {"UPDATE archive.orders SET a = 1 WHERE id BETWEEN $1 AND $2",
         "does not name"},
        {"INSERT INTO x SELECT * FROM (SELECT * FROM orders) o"
         " WHERE o.id BETWEEN $1 AND $2",
         "does not name"},
        {"WITH orders AS (SELECT * FROM legacy) INSERT INTO x"
         " SELECT * FROM orders WHERE id BETWEEN $1 AND $2",
         "does not name"},
        {"INSERT INTO x WITH orders AS (SELECT * FROM legacy)"
         " SELECT * FROM orders WHERE id BETWEEN $1 AND $2",
         "does not name"},
        {"INSERT INTO x SELECT * FROM orders o (a, id)"
         " WHERE o.id BETWEEN $1 AND $2",
         "does not name"},
        {"INSERT INTO x SELECT * FROM orders TABLESAMPLE system (1)"
         " WHERE id BETWEEN $1 AND $2",
         "does not name"},
        {"UPDATE orders SET a = i.a FROM items i WHERE i.order_id = orders.id"
         " AND id BETWEEN $1 AND $2",
         "not bound"},
        {"UPDATE orders SET a = 1 FROM items o WHERE o.id BETWEEN $1 AND $2"
         " AND o.a IN (SELECT o.a FROM orders o)",
         "not bound"},
        {"INSERT INTO x SELECT i.* FROM items i JOIN orders o USING (id)"
         " WHERE i.id BETWEEN $1 AND $2",
         "not bound"},
        {"CREATE TABLE orders2 (id int)", "no rows to go through"},
        {"DELETE FROM orders WHERE id BETWEEN $1 AND $2; SELECT 1",
         "one statement by itself"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (read_batch(bad[i].text) || !strstr(e.what, bad[i].what))
            print_message("%s: %s\n", bad[i].text, e.what);
        assert_non_null(strstr(e.what, bad[i].what));
        assert_int_equal(e.code, ERR_INPUT);
        assert_true(*e.why && *e.fix);
    }
}

/* With a schema, the statement names it too; and the fix says whose key. */
static void schemas_and_words(void **state)
{
    static const char with[] = "-- tidegate: batch=shop.orders key=id\n%s";

    (void)state;
    assert_true(
        read_text(arena_printf(&arena, with,
                               "UPDATE shop.orders SET a = 1"
                               " WHERE shop.orders.id BETWEEN $1 AND $2")));
    assert_false(read_text(arena_printf(
        &arena, with, "UPDATE orders SET a = 1 WHERE id BETWEEN $1 AND $2")));
    assert_non_null(strstr(e.why, "shop.orders is not"));
    assert_non_null(strstr(e.fix, "schema"));
    assert_false(read_text(arena_printf(
        &arena, with,
        "DELETE FROM shop.orders o WHERE archive.o.id BETWEEN $1 AND $2")));
    assert_false(read_batch("DELETE FROM orders o USING items i"
                            " WHERE o.id = i.o AND id BETWEEN $1 AND $2"));
    assert_non_null(strstr(e.why, "whose it is"));
    assert_non_null(strstr(e.fix, "WHERE o.id BETWEEN"));
}

static void directives_that_do_not(void **state)
{
    static const struct {
        const char *directive, *what;
    } bad[] = {
        {"batch=orders", "no key"},
        {"key=id", "of a batch"},
        {"size=10", "of a batch"},
        {"pause=1s", "of a batch"},
        {"max_lag=1s", "of a batch"},
        {"batch=orders key=id transaction=none", "by itself"},
        {"batch=orders,items key=id", "names no column"},
        {"batch=orders;items key=id", "names no column"},
        {"batch=orders-- key=id", "names no column"},
        {"batch=orders key=id,x", "names no column"},
        {"batch=orders key=*", "names no column"},
        {"batch=orders key=o.id", "names no column"},
        {"batch=a.b.c key=id", "names no column"},
        {"batch=orders key=id size=0", "size"},
        {"batch=orders key=id size=1000001", "size"},
        {"batch=orders key=id size=1e3", "size"},
        {"batch=orders key=id pause=fast", "pause"},
        {"batch= key=id", "batch"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *text = arena_printf(
            &arena,
            "-- tidegate: %s\nDELETE FROM orders WHERE id BETWEEN $1 AND $2",
            bad[i].directive);
        if (read_text(text) || !strstr(e.what, bad[i].what))
            print_message("%s: %s\n", bad[i].directive, e.what);
        assert_non_null(strstr(e.what, bad[i].what));
        assert_int_equal(e.code, ERR_INPUT);
    }
}

static void the_range_goes_in(void **state)
{
    (void)state;
    assert_true(read_batch("-- $1 here\nUPDATE orders SET a = '$2' -- $1\n"
                           "WHERE id >= $1 AND id <= $02 AND b = $$ $1 $$;"));
    assert_string_equal(batch_text(&arena, &got, "'7'::int", "'9'::int"),
                        "UPDATE orders SET a = '$2' -- $1\n"
                        "WHERE id >= '7'::int AND id <= '9'::int"
                        " AND b = $$ $1 $$");
}

/* size, most, ms, target: the next. */
static void the_next_size(void **state)
{
    static const int64_t rows[][5] = {
        {5000, 5000, 10, 1000, 5000},  /* never above what was asked for */
        {100, 5000, 10, 1000, 200},    /* at most twice */
        {100, 5000, 0, 1000, 200},     /* too quick to measure */
        {100, 5000, 900, 1000, 100},   /* near enough */
        {100, 5000, 600, 1000, 166},   /* what fits */
        {1000, 5000, 2000, 1000, 500}, /* what fits */
        {1000, 5000, 9000, 1000, 250}, /* at least a quarter */
        {1, 5000, 9000, 1000, 1},      /* never none */
        {3, 5000, 9000, 1000, 1},      {1, 1, 1, 1000, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(
            backfill_size(rows[i][0], rows[i][1], rows[i][2], rows[i][3]),
            rows[i][4]);
}

static void how_far(void **state)
{
    struct backfill_row row = {.rows = 30, .estimated = 100, .last = "42"};

    (void)state;
    assert_string_equal(backfill_far(&arena, &row),
                        "30 of about 100 rows, up to key 42");
    row = (struct backfill_row){.rows = 0, .estimated = 0};
    assert_string_equal(backfill_far(&arena, &row), "0 rows");
}

static void what_goes_back_from_a_checkpoint(void **state)
{
    struct backfill_row row = {.row = {.name = "0001_x", .down = NULL}};

    (void)state;
    assert_false(backfill_goes_back(&row));
    row.row.down = "UPDATE t SET a = 1";
    assert_false(backfill_goes_back(&row));
    row.row.down = "-- tidegate: batch=t key=id\n"
                   "UPDATE t SET a = 1 WHERE id BETWEEN $1 AND $2";
    assert_true(backfill_goes_back(&row));
    row.row.forward_only = "because";
    assert_false(backfill_goes_back(&row));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_directive_says, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(statements_that_do, setup, teardown),
        cmocka_unit_test_setup_teardown(tables_named_with_only_are_kept, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(statements_that_do_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(schemas_and_words, setup, teardown),
        cmocka_unit_test_setup_teardown(directives_that_do_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_range_goes_in, setup, teardown),
        cmocka_unit_test_setup_teardown(the_next_size, setup, teardown),
        cmocka_unit_test_setup_teardown(how_far, setup, teardown),
        cmocka_unit_test_setup_teardown(what_goes_back_from_a_checkpoint, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
