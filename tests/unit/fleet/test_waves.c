#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runner/fleet/waves.h"

#define MANY 40

static const size_t order[MANY] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,
                                   10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
                                   20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
                                   30, 31, 32, 33, 34, 35, 36, 37, 38, 39};

/* "1 2 2 | 3 3": hosts per batch, a bar between waves. */
static const char *drawn(struct arena *a, const struct waves *w)
{
    const char *text = "";

    for (size_t i = 0; i < w->n; i++)
        text =
            arena_printf(a, "%s%s%zu", text,
                         i == 0                                         ? ""
                         : w->batches[i].wave != w->batches[i - 1].wave ? " | "
                                                                        : " ",
                         w->batches[i].n);
    return text;
}

#define HOSTS(n) \
    {            \
        n, false \
    }
#define PERCENT(n) \
    {              \
        n, true    \
    }

static void examples(void **state)
{
    static const struct {
        struct wave_size waves[4];
        size_t n_waves;
        struct wave_size max_out;
        size_t hosts;
        const char *is;
    } rows[] = {
        {{HOSTS(1), PERCENT(25), PERCENT(100)},
         3,
         PERCENT(25),
         12,
         "1 | 2 | 3 3 3"},
        {{HOSTS(1), PERCENT(25), PERCENT(100)},
         3,
         PERCENT(25),
         5,
         "1 | 1 | 1 1 1"},
        {{HOSTS(1), PERCENT(25), PERCENT(100)}, 3, PERCENT(25), 1, "1"},
        {{HOSTS(1), PERCENT(25), PERCENT(100)}, 3, PERCENT(25), 2, "1 | 1"},
        {{PERCENT(100)}, 1, PERCENT(100), 7, "7"},
        {{PERCENT(100)}, 1, PERCENT(50), 7, "3 3 1"},
        {{PERCENT(100)}, 1, HOSTS(2), 5, "2 2 1"},
        /* what the settings leave over is a last wave */
        {{HOSTS(1)}, 1, HOSTS(2), 5, "1 | 2 2"},
        {{HOSTS(1), HOSTS(3)}, 2, HOSTS(10), 5, "1 | 2 | 2"},
        /* totals that do not grow are no waves */
        {{HOSTS(2), HOSTS(1), PERCENT(10), PERCENT(100)},
         4,
         HOSTS(9),
         4,
         "2 | 2"},
        {{HOSTS(0)}, 1, HOSTS(0), 3, "1 | 1 1"},
        {{HOSTS(99)}, 1, HOSTS(99), 3, "3"},
        {{PERCENT(1)}, 1, PERCENT(1), 3, "1 | 1 1"},
        {{HOSTS(1)}, 1, HOSTS(1), 0, ""},
    };
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rollout_settings r = {.waves = rows[i].waves,
                                     .n_waves = rows[i].n_waves,
                                     .max_out = rows[i].max_out};
        struct waves w = waves_plan(&a, &r, rows[i].hosts, order, rows[i].hosts,
                                    NULL, false);
        assert_string_equal(drawn(&a, &w), rows[i].is);
        assert_int_equal(w.left, 0);
    }
    arena_release(&a);
}

static void hosts_out_go_first(void **state)
{
    struct wave_size waves[] = {HOSTS(1), PERCENT(100)};
    struct rollout_settings r = {
        .waves = waves, .n_waves = 2, .max_out = HOSTS(3)};
    bool out[10] = {[4] = true, [7] = true};
    struct arena a;
    struct waves w;

    (void)state;
    arena_init(&a);
    w = waves_plan(&a, &r, 10, order, 10, out, false);
    assert_string_equal(drawn(&a, &w), "1 | 1 1 1 1 1 1 1 1 1");
    assert_int_equal(w.batches[0].hosts[0], 4);
    assert_int_equal(w.batches[1].hosts[0], 7);
    assert_int_equal(w.batches[2].hosts[0], 0);
    /* going back, only those that we take out count */
    w = waves_plan(&a, &r, 10, order, 10, out, true);
    assert_string_equal(drawn(&a, &w), "2 3 3 2");
    assert_int_equal(w.count, 1);
    /* as many out as may be: those are mended, nobody else is taken */
    out[9] = true;
    w = waves_plan(&a, &r, 10, order, 10, out, false);
    assert_string_equal(drawn(&a, &w), "1 | 2");
    assert_int_equal(w.left, 7);
    /* one that is out but not to be changed counts as well */
    w = waves_plan(&a, &r, 10, order, 4, out, false);
    assert_int_equal(w.n, 0);
    assert_int_equal(w.left, 4);
    arena_release(&a);
}

/* For every size, setting and pattern of hosts that are out: nobody twice,
 * nobody forgotten, never over max_out, the canary alone first. */
static void properties(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t n = 1; n <= MANY; n++) {
        for (int pattern = 0; pattern < 8; pattern++) {
            for (int limit = 1; limit <= 100; limit += 9) {
                struct wave_size waves[] = {HOSTS(1), PERCENT(limit)};
                struct rollout_settings r = {
                    .waves = waves, .n_waves = 2, .max_out = PERCENT(limit)};
                size_t most = n * (size_t)limit / 100, others = 0, seen = 0;
                bool out[MANY] = {false}, met[MANY] = {false};
                if (most == 0)
                    most = 1;
                for (size_t i = 0; i < n; i++) {
                    out[i] = pattern && i % 8 == (size_t)pattern;
                    others += out[i];
                }
                struct waves w =
                    waves_plan(&a, &r, n, order, n, out, pattern == 7);
                size_t counted = pattern == 7 ? 0 : others;
                for (size_t b = 0; b < w.n; b++) {
                    size_t taken = 0;
                    assert_true(w.batches[b].n > 0);
                    for (size_t i = 0; i < w.batches[b].n; i++) {
                        size_t host = w.batches[b].hosts[i];
                        assert_false(met[host]);
                        met[host] = true;
                        taken += !out[host];
                        seen++;
                    }
                    assert_true(taken == 0 || taken + counted <= most);
                }
                assert_int_equal(seen + w.left, n);
                if (w.left)
                    assert_true(others >= most);
                if (pattern != 7 && w.n)
                    assert_int_equal(w.batches[0].n, 1);
            }
        }
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples),
        cmocka_unit_test(hosts_out_go_first),
        cmocka_unit_test(properties),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
