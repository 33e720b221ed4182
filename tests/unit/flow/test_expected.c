/* What a rehearsal says of undoing what was applied since. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/flow/expected.h"

#define DIGEST \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct arena arena;

/* A certificate of 0002_b, as the ledger keeps it. */
static struct json *rehearsed_for(const char *release, int64_t high)
{
    const struct rehearsed_statement down[] = {{.number = 1,
                                                .line = 1,
                                                .text = "ALTER TABLE",
                                                .low = 1000,
                                                .likely = 2000,
                                                .high = high}};
    const struct rehearsed list[] = {{.name = "0002_b",
                                      .transaction = true,
                                      .down = down,
                                      .n_down = 1,
                                      .has_down = true,
                                      .down_ok = true,
                                      .down_low = 1000,
                                      .down_likely = 2000,
                                      .down_high = high}};
    const struct rehearsal r = {.list = list,
                                .n = 1,
                                .digest = DIGEST,
                                .at = 1700000000,
                                .clone_share = 1,
                                .clone = "c",
                                .warnings = ""};
    struct json *event = json_new_object();

    json_set_str(event, "release", release);
    json_set(event, "certificate", rehearsal_to_json(&r));
    return event;
}

static void times_of_a_down(void **state)
{
    struct json *all = json_new_array();
    struct subject s = {.arena = &arena};
    struct run r = {.s = &s};
    const struct applied_row ours = {.name = "0002_b", .release = "v2"};
    const struct applied_row other = {.name = "0002_b", .release = "v9"};
    struct apply_expected x;

    (void)state;
    arena_init(&arena);
    json_append(all, rehearsed_for("v2", 9000));
    json_append(all, rehearsed_for("v2", 9800));
    json_append(all, rehearsed_for("v3", 7000));
    s.state.rehearsals = all;
    x = expected_down(&r, &ours);
    assert_int_equal(x.all.low, 1000);
    assert_int_equal(x.all.likely, 2000);
    assert_int_equal(x.all.high, 9800); /* the newest of its release */
    assert_int_equal(x.n, 1);
    assert_int_equal(x.each[0].high, 9800);
    assert_true(x.past);
    assert_null(expected_back(&r, &other));
    x = expected_down(&r, &other);
    assert_int_equal(x.all.high, 0);
    json_free(all);
    arena_release(&arena);
}

/* Past what this run has committed there is none, though nothing that is
 * pending says so any more. */
static void no_return_is_not_forgotten(void **state)
{
    struct applied_row row = {.name = "0001_a", .run = "r1", .after = true};
    struct subject s = {.arena = &arena, .applied = {.rows = &row, .n = 1}};
    struct run r = {.s = &s, .id = "r1"};
    const struct migration m = {.name = "0002_b"};

    (void)state;
    arena_init(&arena);
    assert_true(expected_up(&r, &m).past_return);
    row.down = "DROP TABLE a";
    assert_false(expected_up(&r, &m).past_return);
    row.forward_only = "it is history";
    assert_true(expected_up(&r, &m).past_return);
    row.after = false; /* code goes back without the database */
    assert_false(expected_up(&r, &m).past_return);
    s.phases = PHASES_MIGRATIONS;
    assert_true(expected_up(&r, &m).past_return);
    r.id = "r2"; /* another run's is none of its own */
    assert_false(expected_up(&r, &m).past_return);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_of_a_down),
        cmocka_unit_test(no_return_is_not_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
