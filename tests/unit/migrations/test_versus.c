/* A rehearsal against the one before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/rehearse/versus.h"

struct scene {
    struct arena a;
    struct touched touched[2][2];
    struct rehearsed_statement up[2][3];
    struct rehearsed list[2][2];
    struct table_wait waits[2][2];
    struct rehearsal r[2]; /* before, after: the same */
    struct versus v;
};

static int scene_open(void **state)
{
    static struct scene s;

    s = (struct scene){0};
    arena_init(&s.a);
    for (int i = 0; i < 2; i++) {
        s.touched[i][0] =
            (struct touched){.relation = "public.orders", .lock = "SHARE"};
        s.touched[i][1] =
            (struct touched){.relation = "public.b", .lock = "SHARE"};
        for (int k = 0; k < 3; k++)
            s.up[i][k] = (struct rehearsed_statement){
                .line = k + 1,
                .text = k < 2 ? "SELECT 1" : "SELECT 2",
                .likely = 1000};
        s.up[i][0].touched = s.touched[i];
        s.up[i][0].n = 1;
        s.list[i][0] = (struct rehearsed){.name = "0001_a",
                                          .up = s.up[i],
                                          .n = 3,
                                          .has_down = true,
                                          .down_ok = true,
                                          .down_likely = 100};
        s.list[i][1] = (struct rehearsed){.name = "0002_b", .likely = 7};
        s.waits[i][0] = (struct table_wait){"public.orders", 200, 300, "x"};
        s.waits[i][1] = (struct table_wait){"public.b", 100, 0, "x"};
        s.r[i] = (struct rehearsal){.list = s.list[i],
                                    .n = 2,
                                    .waits = s.waits[i],
                                    .waited = 1,
                                    .likely = 3000};
    }
    *state = &s;
    return 0;
}

static int scene_close(void **state)
{
    struct scene *s = *state;

    arena_release(&s->a);
    return 0;
}

static void compare(struct scene *s)
{
    versus(&s->v, &s->a, &s->r[0], &s->r[1]);
}

/* The only change, as "OF:LINE WHAT: BEFORE -> AFTER". */
static void only(struct scene *s, const char *text)
{
    char got[400];

    compare(s);
    if (s->v.n != 1)
        fail_msg("%zu changes, want %s", s->v.n, text);
    snprintf(got, sizeof got, "%s:%d %s: %s -> %s", s->v.list[0].migration,
             s->v.list[0].line, s->v.list[0].what, s->v.list[0].before,
             s->v.list[0].after);
    assert_string_equal(got, text);
}

static void the_same_is_no_change(void **state)
{
    struct scene *s = *state;

    compare(s);
    assert_int_equal(s->v.n, 0);
    assert_int_equal(s->v.n_statements, 3);
    assert_int_equal(s->v.statements[2].line, 3);
}

static void noise_is_no_change(void **state)
{
    static const struct {
        int64_t before, after;
        bool changed;
    } rows[] = {
        {1000, 1249, false}, {1000, 1250, true}, {1250, 1000, true},
        {1249, 1000, false}, {0, 49, false},     {0, 50, true},
        {10, 59, false},     {100, 150, true},   {5000, 6000, false},
    };
    struct scene *s = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        s->up[0][2].likely = rows[i].before;
        s->up[1][2].likely = rows[i].after;
        compare(s);
        if ((s->v.n == 1) != rows[i].changed)
            fail_msg("row %zu: %zu changes", i, s->v.n);
    }
    s->up[0][2].likely = 1000;
    s->up[1][2].likely = 4000;
    only(s, "0001_a:3 time: 1 s -> 4 s");
}

static void locks_rewrites_and_scans(void **state)
{
    struct scene *s = *state;

    s->touched[1][0].lock = "ACCESS EXCLUSIVE";
    only(s, "0001_a:1 lock: SHARE on public.orders -> ACCESS EXCLUSIVE on "
            "public.orders");
    s->touched[1][0].lock = "SHARE";
    s->touched[1][0].rewritten = true;
    only(s, "0001_a:1 rewrite: - -> public.orders");
    s->touched[1][0].rewritten = false;
    s->touched[0][0].scanned = true;
    only(s, "0001_a:1 scan: public.orders -> -");
    s->touched[0][0].scanned = false;
    s->up[1][0].n = 2;
    only(s, "0001_a:1 lock: - -> SHARE on public.b");
    s->up[1][0].n = 0;
    only(s, "0001_a:1 lock: SHARE on public.orders -> -");
}

/* The same text twice is told apart by order. */
static void new_and_gone_statements(void **state)
{
    struct scene *s = *state;

    s->up[1][2].text = "SELECT 3";
    compare(s);
    assert_int_equal(s->v.n, 2);
    assert_string_equal(s->v.list[0].before, "SELECT 2");
    assert_string_equal(s->v.list[0].after, "-");
    assert_string_equal(s->v.list[1].after, "SELECT 3");
    assert_int_equal(s->v.n_statements, 2);
    s->up[1][2].text = "SELECT 2";
    s->list[0][0].n = 1; /* the first SELECT 1 alone */
    compare(s);
    assert_int_equal(s->v.n, 2);
    assert_int_equal(s->v.list[0].line, 2);
    assert_string_equal(s->v.list[0].after, "SELECT 1");
}

static void new_and_gone_migrations(void **state)
{
    struct scene *s = *state;

    assert_true(versus_same_names(&s->r[0], &s->r[1]));
    s->r[1].n = 1;
    assert_false(versus_same_names(&s->r[0], &s->r[1]));
    only(s, "0002_b:0 migration: 7 ms -> -");
    s->r[1].n = 2;
    s->r[0].n = 1;
    only(s, "0002_b:0 migration: - -> 7 ms");
    s->r[0].n = 2;
    s->list[1][1].name = "0003_c";
    assert_false(versus_same_names(&s->r[0], &s->r[1]));
    assert_true(versus_shares(&s->r[0], &s->r[1]));
    s->list[1][0].name = "0004_d";
    assert_false(versus_shares(&s->r[0], &s->r[1]));
}

static void waits_and_ways_back(void **state)
{
    struct scene *s = *state;

    s->waits[1][0].writers = 3000;
    only(s, "public.orders:0 wait: readers 200 ms, writers 300 ms -> readers "
            "200 ms, writers 3 s");
    s->waits[1][0].writers = 300;
    s->r[1].waited = 2;
    only(s, "public.b:0 wait: readers 0 s, writers 0 s -> readers 100 ms, "
            "writers 0 s");
    s->r[1].waited = 0;
    only(s, "public.orders:0 wait: readers 200 ms, writers 300 ms -> readers "
            "0 s, writers 0 s");
    s->r[1].waited = 1;
    s->list[1][0].down_ok = false;
    only(s, "0001_a:0 way back: undoes it -> leaves another schema");
    s->list[1][0].has_down = false;
    only(s, "0001_a:0 way back: undoes it -> none");
    s->list[1][0].has_down = s->list[1][0].down_ok = true;
    s->list[1][0].down_likely = 900;
    only(s, "0001_a:0 way back: 100 ms -> 900 ms");
    s->list[1][0].down_likely = 100;
    s->r[1].failed = "0002_b:1: no";
    only(s, ":0 failed: - -> 0002_b:1: no");
    s->r[1].failed = NULL;
    s->r[1].likely = 9000;
    only(s, ":0 time: 3 s -> 9 s");
}

static void json_says_the_same(void **state)
{
    struct scene *s = *state;
    struct json *j;

    s->up[1][2].likely = 4000;
    compare(s);
    j = versus_to_json(&s->v);
    assert_string_equal(
        json_canonical(&s->a, json_get(j, "changes")),
        "[{\"after\":\"4 s\",\"before\":\"1 s\",\"line\":3,\"of\":\"0001_a\","
        "\"what\":\"time\"}]");
    assert_int_equal(json_len(json_get(j, "statements")), 3);
    assert_int_equal(
        json_int(json_at(json_get(j, "statements"), 2), "after_ms", 0), 4000);
    json_free(j);
}

#define SCENE(test) \
    cmocka_unit_test_setup_teardown(test, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(the_same_is_no_change),    SCENE(noise_is_no_change),
        SCENE(locks_rewrites_and_scans), SCENE(new_and_gone_statements),
        SCENE(new_and_gone_migrations),  SCENE(waits_and_ways_back),
        SCENE(json_says_the_same),
    };

    return cmocka_run_group_tests_name("versus", tests, NULL, NULL);
}
