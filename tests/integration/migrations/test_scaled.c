/* What a rehearsal on little says of much, and the record of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runner/base/buf.h"
#include "tests/integration/migrations/rehearsing.h"

/* ---- the estimate ---- */

static void a_small_clone_is_scaled_and_called_so(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = {.how = CLONE_AS_IS, .run = "small"};
    const struct migration *m =
        one(f,
            "ALTER TABLE orders ALTER total TYPE bigint\n;;\n"
            "ALTER TABLE orders ADD COLUMN z int",
            NULL);
    const struct rehearsed_statement *up;

    database_make(f, "shop",
                  "CREATE TABLE orders (id bigint PRIMARY KEY, total int);"
                  "INSERT INTO orders SELECT i, i FROM "
                  "generate_series(1, 400000) i; ANALYZE");
    database_make(f, "little",
                  "CREATE TABLE orders (id bigint PRIMARY KEY, total int);"
                  "INSERT INTO orders SELECT i, i FROM "
                  "generate_series(1, 3000) i; ANALYZE");
    s.server = conninfo_of(f, "little");
    s.production = conninfo_of(f, "shop");
    must(f, rehearse(f, &s, &m, 1));
    up = f->out.list[0].up;
    assert_true(up[0].touched[0].ratio > 50);
    assert_true(up[0].likely >= 50 * up[0].ms);
    /* catalog only: not scaled, but rounded */
    assert_in_range(up[1].likely, up[1].ms, up[1].ms + 1);
    assert_true(f->out.clone_share < 0.01);
    assert_non_null(strstr(f->out.warnings, "public.orders has"));
    assert_non_null(strstr(f->out.warnings, "too little to tell"));
}

/* How often its up ran: of the clone, and of one that production is like. */
static void what_is_multiplied_is_measured_again(void **state)
{
    static const char *const large = "generate_series(1, 60000) i; ANALYZE";
    struct fixture *f = *state;
    struct rehearse_settings s = {.how = CLONE_AS_IS, .run = "again"};
    const struct migration *m = one(f,
                                    "ALTER TABLE orders ALTER total TYPE "
                                    "bigint\n;;\nSELECT nextval('ups')",
                                    "ALTER TABLE orders ALTER total TYPE int");
    const char *table = "CREATE SEQUENCE ups; CREATE TABLE orders (id bigint, "
                        "total int); INSERT INTO orders SELECT i, i FROM ";

    database_make(f, "shop", arena_printf(&f->a, "%s%s", table, large));
    database_make(f, "alike", arena_printf(&f->a, "%s%s", table, large));
    database_make(
        f, "little",
        arena_printf(&f->a, "%sgenerate_series(1, 3000) i; ANALYZE", table));
    s.production = conninfo_of(f, "shop");
    s.server = conninfo_of(f, "alike");
    must(f, rehearse(f, &s, &m, 1));
    assert_string_equal(database_ask(f, "alike", "SELECT last_value FROM ups"),
                        "2");
    s.server = conninfo_of(f, "little");
    must(f, rehearse(f, &s, &m, 1));
    assert_true(f->out.list[0].down_ok);
    assert_string_equal(database_ask(f, "little", "SELECT last_value FROM ups"),
                        "3");
}

/* ---- the certificate ---- */

static void a_certificate_comes_back_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *list[] = {
        migration_make(f, "0001_a",
                       "ALTER TABLE orders ALTER total TYPE bigint",
                       "ALTER TABLE orders ALTER total TYPE int"),
        migration_make(f, "0002_b", "CREATE TABLE b ()", "SELECT 1"),
    };
    struct json *first, *second;
    struct rehearsal back;
    char *text;

    database_make(f, "shop", SHOP);
    must(f, rehearse(f, &s, list, 2));
    first = rehearsal_to_json(&f->out);
    text = json_canonical(&f->a, first);
    json_free(first);
    first = json_parse(text, strlen(text), &f->e);
    assert_non_null(first);
    assert_true(rehearsal_from_json(&back, &f->a, first, &f->e));
    json_free(first);
    second = rehearsal_to_json(&back);
    assert_string_equal(json_canonical(&f->a, second), text);
    json_free(second);
    assert_false(back.list[1].down_ok);
    assert_true(back.list[0].up[0].touched[0].rewritten);
}

#define T(name) \
    cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_small_clone_is_scaled_and_called_so),
        T(what_is_multiplied_is_measured_again),
        T(a_certificate_comes_back_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
