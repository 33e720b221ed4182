/* Whether a down undid its up, told as lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/rehearse/compare.h"
#include "migrations/rehearse/theirs.h"
#include "tests/unit/migrations/facts.h"

static struct arena a;

/* before up, after up, before down, after down. */
static const char *way(const char *u0, const char *u1, const char *d0,
                       const char *d1, bool *order_only)
{
    struct fingerprint f[] = {facts_of(&a, u0), facts_of(&a, u1),
                              facts_of(&a, d0), facts_of(&a, d1)};
    struct comparison c = compare_way_back(&a, &f[0], &f[1], &f[2], &f[3]);

    if (order_only)
        *order_only = c.order_only;
    return c.lines;
}

static void an_inverse_is_equal(void **state)
{
    (void)state;
    assert_null(way("a", "a|b", "a|b", "a", NULL));
    assert_null(way("a", "b", "b", "a", NULL));
    assert_null(way("", "", "", "", NULL));
}

static void what_is_left_and_what_is_lost_is_told(void **state)
{
    (void)state;
    assert_string_equal(way("a", "a|b", "a|b", "a|b", NULL), "left: b\n");
    assert_string_equal(way("a", "", "", "", NULL), "lost: a\n");
    assert_string_equal(way("a", "a|b", "a|b", "", NULL), "lost: a\n");
    assert_string_equal(way("a", "a|b", "a|b", "a|c", NULL), "left: c\n");
    assert_string_equal(way("a x", "a y", "a y", "a z", NULL),
                        "left: a z\nlost: a x\n");
}

static void a_neighbour_without_a_down_is_not_blamed(void **state)
{
    (void)state;
    /* n stays from another migration, all the way */
    assert_null(way("a", "a|b", "a|b|n", "a|n", NULL));
    assert_string_equal(way("a", "a|b|c", "a|b|c|n", "a|c|n", NULL),
                        "left: c\n");
}

static void column_order_alone_is_marked(void **state)
{
    bool order;

    (void)state;
    assert_string_equal(way("column order of t: a, b", "column order of t: b",
                            "column order of t: b", "column order of t: b, a",
                            &order),
                        "left: column order of t: b, a\n"
                        "lost: column order of t: a, b\n");
    assert_true(order);
    way("column order of t: a, b|x", "column order of t: b",
        "column order of t: b", "column order of t: b, a", &order);
    assert_false(order);
}

static void foreign_bytes_are_escaped_and_lines_bounded(void **state)
{
    char many[2000] = "";
    const char *lines;

    (void)state;
    assert_string_equal(way("", "a\x1b[2J", "a\x1b[2J", "a\x1b[2J", NULL),
                        "left: a\\x1b[2J\n");
    for (int i = 0; i < 150; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "f%03d|", i);
    lines = way("", many, many, many, NULL);
    assert_non_null(strstr(lines, "left: f099\nand 50 more\n"));
}

static void schemas_compare_both_ways(void **state)
{
    struct fingerprint x = facts_of(&a, "a|b"), y = facts_of(&a, "b|c");

    (void)state;
    assert_null(compare_schemas(&a, &x, &x).lines);
    assert_string_equal(compare_schemas(&a, &x, &y).lines,
                        "left: c\nlost: a\n");
}

static void what_another_tool_keeps_is_left_out(void **state)
{
    const char *names[] = {"public.x", "public.x_pkey", "sqitch"};
    const struct theirs theirs = {.names = names, .n = 3};
    struct fingerprint f =
        facts_of(&a, "table public.x: using heap|"
                     "column public.x.i: integer|"
                     "column order of public.x: i|"
                     "constraint x_pkey on public.x: PRIMARY|"
                     "index public.x_pkey: of constraint x_pkey|"
                     "schema sqitch|"
                     "comment on column sqitch.c.d: of it|"
                     "table public.xy: using heap|"
                     "table a.public.x: using heap|"
                     "definition of public.v: FROM public.x|"
                     "trigger t on public.v: on public.x.y");

    (void)state;
    theirs_leave_out(&f, &theirs);
    assert_int_equal(f.n, 4);
    assert_string_equal(f.lines[0], "definition of public.v: FROM public.x");
    assert_string_equal(f.lines[1], "table a.public.x: using heap");
    assert_string_equal(f.lines[2], "table public.xy: using heap");
    assert_string_equal(f.lines[3], "trigger t on public.v: on public.x.y");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_inverse_is_equal),
        cmocka_unit_test(what_is_left_and_what_is_lost_is_told),
        cmocka_unit_test(a_neighbour_without_a_down_is_not_blamed),
        cmocka_unit_test(column_order_alone_is_marked),
        cmocka_unit_test(foreign_bytes_are_escaped_and_lines_bounded),
        cmocka_unit_test(schemas_compare_both_ways),
        cmocka_unit_test(what_another_tool_keeps_is_left_out),
    };
    int failed;

    arena_init(&a);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&a);
    return failed;
}
