/* Predicted against actual, as text and as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runner/command/measured_text.h"

struct fixture {
    struct arena a;
    struct measured_text m;
};

static int setup(void **state)
{
    static struct fixture f;

    arena_init(&f.a);
    measured_text_init(&f.m, &f.a);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    json_free(f->m.json);
    arena_release(&f->a);
    return 0;
}

static void add(struct fixture *f, const char *payload)
{
    struct err e;
    struct json *j = json_parse(payload, strlen(payload), &e);

    assert_non_null(j);
    measured_text_add(&f->m, j);
    json_free(j);
}

/* The cells of row i, with bars between them. */
static const char *row(struct fixture *f, size_t i)
{
    const char *const *c = &f->m.table.text[4 * (i + 1)];

    assert_true(4 * (i + 2) <= f->m.table.cells);
    return arena_printf(&f->a, "%s|%s|%s|%s", c[0], c[1], c[2], c[3]);
}

static void each_statement_is_a_row(void **state)
{
    struct fixture *f = *state;

    add(f, "{\"target\":\"0012_x\",\"down\":false,\"statements\":["
           "{\"number\":1,\"line\":3,\"took_ms\":1100,\"low_ms\":400,"
           "\"likely_ms\":1200,\"high_ms\":3000},"
           "{\"number\":2,\"line\":5,\"took_ms\":3001,\"low_ms\":400,"
           "\"likely_ms\":1200,\"high_ms\":3000},"
           "{\"number\":3,\"line\":6,\"took_ms\":399,\"low_ms\":400,"
           "\"likely_ms\":1200,\"high_ms\":3000},"
           "{\"number\":4,\"took_ms\":7}],\"left_out\":12}");
    add(f, "{\"target\":\"0012_x\",\"down\":true,\"statements\":["
           "{\"number\":1,\"line\":1,\"took_ms\":1,\"low_ms\":0,"
           "\"likely_ms\":0,\"high_ms\":10}]}");
    assert_string_equal(row(f, 0), "0012_x:3|1.2 s (400 ms to 3 s)|1.1 s|");
    assert_string_equal(
        row(f, 1), "0012_x:5|1.2 s (400 ms to 3 s)|3 s|longer than predicted");
    assert_string_equal(row(f, 2), "0012_x:6|1.2 s (400 ms to 3 s)|399 ms|"
                                   "shorter than predicted");
    assert_string_equal(row(f, 3), "0012_x, statement 4|-|7 ms|");
    assert_string_equal(row(f, 4), "0012_x: and 12 more|||");
    assert_string_equal(row(f, 5), "0012_x down:1|0 s (0 s to 10 ms)|1 ms|");
}

static void json_is_flat(void **state)
{
    struct fixture *f = *state;

    add(f, "{\"target\":\"0012_x\",\"down\":true,\"statements\":["
           "{\"number\":1,\"line\":3,\"took_ms\":1100}]}");
    assert_string_equal(json_canonical(&f->a, f->m.json),
                        "[{\"down\":true,\"line\":3,\"migration\":\"0012_x\","
                        "\"number\":1,\"took_ms\":1100}]");
}

/* A ledger may hold what a later tidegate wrote. */
static void what_is_odd_is_borne(void **state)
{
    struct fixture *f = *state;

    add(f, "{\"statements\":[{}]}");
    add(f, "{}");
    assert_string_equal(row(f, 0), "?, statement 0|-|0 s|");
    assert_int_equal(json_len(f->m.json), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_statement_is_a_row),
        TEST(json_is_flat),
        TEST(what_is_odd_is_borne),
    };

    return cmocka_run_group_tests_name("measured_text", tests, NULL, NULL);
}
