/* Who waits how long for what a migration locks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/rehearse/waits.h"
#include "tests/unit/migrations/estimating.h"

struct scene {
    struct arena a;
    struct relations relations;
    struct relation *orders, *index;
    struct script script;
    struct traced_statement list[3];
    struct traced_script traced;
    struct waits waits;
};

static int scene_open(void **state)
{
    struct scene *s = must_malloc(sizeof *s);

    memset(s, 0, sizeof *s);
    arena_init(&s->a);
    s->relations.arena = &s->a;
    s->orders = relations_put(&s->relations, 20000);
    *s->orders = orders();
    s->index = relations_put(&s->relations, 20001);
    *s->index = (struct relation){.oid = 20001,
                                  .name = "public.orders_pkey",
                                  .kind = 'i',
                                  .table = 20000};
    s->script = (struct script){.file = "0001_x.up.sql", .transaction = true};
    s->traced = (struct traced_script){
        .script = &s->script, .statements = s->list, .n = 3};
    s->waits.arena = &s->a;
    for (int i = 0; i < 3; i++)
        s->list[i] = statement_of(100, NULL); /* high: 320 ms */
    *state = s;
    return 0;
}

static int scene_close(void **state)
{
    struct scene *s = *state;

    arena_release(&s->a);
    free(s);
    return 0;
}

static void waits_last_to_the_end_of_the_transaction(void **state)
{
    struct scene *s = *state;
    struct traced_touch touch = {.relation = s->orders,
                                 .lock = LOCK_ACCESS_EXCLUSIVE};

    s->list[1].touched = &touch;
    s->list[1].n = 1;
    waits_add(&s->waits, &s->relations, &s->traced, false);
    assert_int_equal(s->waits.n, 1);
    assert_string_equal(s->waits.list[0].table, "public.orders");
    assert_int_equal(s->waits.list[0].readers, 640);
    assert_int_equal(s->waits.list[0].writers, 640);
    assert_string_equal(s->waits.list[0].by,
                        "0001_x.up.sql:3 ACCESS EXCLUSIVE");
}

static void alone_they_last_as_long_as_the_lock(void **state)
{
    struct scene *s = *state;
    struct traced_touch touch = {
        .relation = s->orders, .lock = LOCK_ACCESS_EXCLUSIVE, .held_ms = 33};

    s->script.transaction = false;
    s->list[0].touched = &touch;
    s->list[0].n = 1;
    waits_add(&s->waits, &s->relations, &s->traced, false);
    assert_int_equal(s->waits.list[0].readers, 320 * 33 / 100);
}

static void each_lock_stops_whom_it_stops(void **state)
{
    static const struct {
        enum lock_mode lock;
        int64_t changed;
        bool readers, writers;
    } rows[] = {
        {LOCK_ACCESS_SHARE, 0, false, false},
        {LOCK_ROW_SHARE, 0, false, false},
        {LOCK_ROW_EXCLUSIVE, 0, false, false},
        {LOCK_ROW_EXCLUSIVE, 1000, false, false},
        {LOCK_ROW_EXCLUSIVE, 2000, false, true}, /* row locks, many */
        {LOCK_SHARE_UPDATE_EXCLUSIVE, 0, false, false},
        {LOCK_SHARE, 0, false, true},
        {LOCK_SHARE_ROW_EXCLUSIVE, 0, false, true},
        {LOCK_EXCLUSIVE, 0, false, true},
        {LOCK_ACCESS_EXCLUSIVE, 0, true, true},
    };
    struct scene *s = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct traced_touch touch = {.relation = s->orders,
                                     .lock = rows[i].lock,
                                     .changed = rows[i].changed};
        struct waits w = {.arena = &s->a};
        s->list[2].touched = &touch;
        s->list[2].n = 1;
        waits_add(&w, &s->relations, &s->traced, false);
        assert_int_equal(w.n, rows[i].readers || rows[i].writers);
        if (w.n) {
            assert_int_equal(w.list[0].readers > 0, rows[i].readers);
            assert_int_equal(w.list[0].writers > 0, rows[i].writers);
        }
    }
}

static void an_index_is_its_table_and_the_longest_counts(void **state)
{
    struct scene *s = *state;
    struct traced_touch first = {.relation = s->index,
                                 .lock = LOCK_ACCESS_EXCLUSIVE};
    struct traced_touch second = {.relation = s->orders, .lock = LOCK_SHARE};

    s->list[2].touched = &first;
    s->list[2].n = 1;
    waits_add(&s->waits, &s->relations, &s->traced, false);
    s->list[2].n = 0;
    s->list[0].touched = &second;
    s->list[0].n = 1;
    waits_add(&s->waits, &s->relations, &s->traced, false);
    assert_int_equal(s->waits.n, 1);
    assert_string_equal(s->waits.list[0].table, "public.orders");
    assert_int_equal(s->waits.list[0].readers, 320);
    assert_int_equal(s->waits.list[0].writers, 960);
    assert_string_equal(s->waits.list[0].by, "0001_x.up.sql:3 SHARE");
}

static void nobody_waits_for_a_table_of_this_release(void **state)
{
    struct scene *s = *state;
    struct traced_touch touch = {.relation = s->orders,
                                 .lock = LOCK_ACCESS_EXCLUSIVE};

    s->orders->born = 1;
    s->list[0].touched = &touch;
    s->list[0].n = 1;
    waits_add(&s->waits, &s->relations, &s->traced, false);
    assert_int_equal(s->waits.n, 0);
    waits_add(&s->waits, &s->relations, &s->traced, true); /* but after */
    assert_int_equal(s->waits.n, 1);
}

static void modes_have_two_names(void **state)
{
    (void)state;
    assert_int_equal(lock_mode_from_pg("ShareRowExclusiveLock"),
                     LOCK_SHARE_ROW_EXCLUSIVE);
    assert_int_equal(lock_mode_from_pg("SIReadLock"), LOCK_NONE);
    assert_int_equal(lock_mode_from_pg(NULL), LOCK_NONE);
    assert_string_equal(lock_mode_name(LOCK_SHARE_ROW_EXCLUSIVE),
                        "SHARE ROW EXCLUSIVE");
}

#define SCENE(name) \
    cmocka_unit_test_setup_teardown(name, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(waits_last_to_the_end_of_the_transaction),
        SCENE(alone_they_last_as_long_as_the_lock),
        SCENE(each_lock_stops_whom_it_stops),
        SCENE(an_index_is_its_table_and_the_longest_counts),
        SCENE(nobody_waits_for_a_table_of_this_release),
        cmocka_unit_test(modes_have_two_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
