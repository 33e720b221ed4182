/* Undoing what stopped between two statements: as the journal counts them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/apply/half.h"

static const struct applied_row row = {
    .name = "0001_x",
    .up = "CREATE INDEX CONCURRENTLY i ON t (a);\n"
          "CREATE INDEX CONCURRENTLY j ON t (b);\n"
          "CREATE INDEX CONCURRENTLY k ON t (c);",
    .down = "DROP INDEX CONCURRENTLY i; DROP INDEX CONCURRENTLY j;\n"
            "DROP INDEX CONCURRENTLY k;"};

/* A later tidegate may cut a text otherwise; the journal may be anybody's. */
static void statements_are_those_of_then(void **state)
{
    static const int counts[] = {-1, 0, 1, 2, 4};
    struct journal_row half = {
        .name = "0001_x", .statements_done = 1, .statements = 3, .row = &row};
    const char *why;
    struct arena a;

    (void)state;
    arena_init(&a);
    assert_true(half_goes_back(&a, &half, &why));
    half.statements_done = 9;
    assert_true(half_goes_back(&a, &half, &why));
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        half.statements = counts[i];
        assert_false(half_goes_back(&a, &half, &why));
        assert_non_null(strstr(why, "other statements"));
    }
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_are_those_of_then),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
