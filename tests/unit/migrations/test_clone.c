/* Which database may be rehearsed on, and what a clone is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/rehearse/clone.h"

static const struct pg_identity production = {
    .system = "7000", .database = "shop", .address = "10.0.0.1:5432"};

static void only_production_itself_is_refused(void **state)
{
    static const struct {
        const char *what;
        struct pg_identity target;
        bool protect, ok, warns;
    } rows[] = {
        {"itself",
         {.system = "7000", .database = "shop", .address = "10.0.0.1:5432"},
         true,
         false,
         false},
        {"itself, another address",
         {.system = "7000", .database = "shop", .address = "10.0.0.9:5432"},
         true,
         false,
         false},
        {"itself, marked",
         {.system = "7000",
          .database = "shop",
          .address = "10.0.0.1:5432",
          .cluster_name = "tidegate-clone"},
         true,
         false,
         false},
        {"a physical clone, marked and elsewhere",
         {.system = "7000",
          .database = "shop",
          .address = "10.0.0.9:5432",
          .cluster_name = "tidegate-clone"},
         true,
         true,
         false},
        {"nearly the mark",
         {.system = "7000",
          .database = "shop",
          .address = "10.0.0.9:5432",
          .cluster_name = "tidegate-clones"},
         true,
         false,
         false},
        {"another database of the cluster",
         {.system = "7000",
          .database = "tidegate_1",
          .address = "10.0.0.1:5432"},
         true,
         true,
         true},
        {"another database of a physical clone",
         {.system = "7000",
          .database = "tidegate_1",
          .address = "10.0.0.9:5432",
          .cluster_name = "tidegate-clone"},
         true,
         true,
         false},
        {"another cluster",
         {.system = "7001", .database = "shop", .address = "10.0.0.1:5432"},
         true,
         true,
         false},
        {"a standby",
         {.system = "7001", .database = "shop", .standby = true},
         true,
         false,
         false},
        {"a standby, nothing to protect",
         {.system = "7001", .database = "shop", .standby = true},
         false,
         false,
         false},
        {"nothing to protect",
         {.system = "7000", .database = "shop", .address = "10.0.0.1:5432"},
         false,
         true,
         false},
    };
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *warning;
        struct err e = {0};
        bool ok =
            clone_judge(&a, &rows[i].target,
                        rows[i].protect ? &production : NULL, &warning, &e);
        if (ok != rows[i].ok || !warning != !rows[i].warns)
            fail_msg("%s: %d %s", rows[i].what, ok, warning ? warning : "");
        assert_int_equal(e.code, ok ? ERR_NONE : ERR_REFUSED);
        assert_true(ok || (*e.why && *e.fix));
    }
    arena_release(&a);
}

static void names_fit_and_differ(void **state)
{
    struct arena a;
    char run[100];
    const char *first, *second;

    (void)state;
    arena_init(&a);
    assert_string_equal(clone_name(&a, "20261124-1"), "tidegate_20261124-1");
    memset(run, 'r', sizeof run - 1);
    run[sizeof run - 1] = 0;
    first = clone_name(&a, run);
    assert_int_equal(strlen(first), 63);
    run[sizeof run - 2] = 's';
    second = clone_name(&a, run);
    assert_string_not_equal(first, second);
    run[54] = 0; /* 9 + 54 bytes: fits as it is */
    assert_int_equal(strlen(clone_name(&a, run)), 63);
    assert_null(strchr(clone_name(&a, run) + 9, '_'));
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_production_itself_is_refused),
        cmocka_unit_test(names_fit_and_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
