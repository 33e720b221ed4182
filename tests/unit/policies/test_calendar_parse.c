#include "tests/unit/policies/openings.h"

#include <stdio.h>

#include "policies/calendar_item.h"

static void test_forms(void **state)
{
    static const struct {
        const char *text;
        int form;
        unsigned days;
        int start, end;
        int64_t elapsed;
    } rows[] = {
        {"always", ITEM_ALWAYS, 0, 0, 0, 0},
        {"00:59-23:59", ITEM_WEEKLY, 0x7f, 59, 1439, 0},
        {"Fri-Sun 01:00-02:00", ITEM_WEEKLY, 0x61, 60, 120, 0},
        {"Sun-Tue 01:00-02:00", ITEM_WEEKLY, 0x07, 60, 120, 0},
        {"Fri 18:00-Sun 06:00", ITEM_WEEKLY, 0x20, 1080, 3240, 0},
        {"Sun 20:00-Mon 08:00", ITEM_WEEKLY, 0x01, 1200, 1920, 0},
        {"Sat 20:00-Mon 00:00", ITEM_WEEKLY, 0x40, 1200, 2880, 0},
        {"Sun 20:00 for 1s", ITEM_WEEKLY, 0x01, 1200, 0, 1},
        {"Sun 20:00 for 7d", ITEM_WEEKLY, 0x01, 1200, 0, 604800},
        {"1970-01-01 10:00-11:00", ITEM_DATED, 0, 600, 660, 0},
        {"09:00-17:30", ITEM_WEEKLY, 0x7f, 540, 1050, 0},
        {"22:00-02:00", ITEM_WEEKLY, 0x7f, 1320, 1560, 0},
        {"00:00-24:00", ITEM_WEEKLY, 0x7f, 0, 1440, 0},
        {"22:00-24:00", ITEM_WEEKLY, 0x7f, 1320, 1440, 0},
        {"22:00-00:00", ITEM_WEEKLY, 0x7f, 1320, 1440, 0},
        {"22:00 for 90m", ITEM_WEEKLY, 0x7f, 1320, 0, 5400},
        {"Mon-Thu 22:00-02:00", ITEM_WEEKLY, 0x1e, 1320, 1560, 0},
        {"Sat-Mon 01:00-02:00", ITEM_WEEKLY, 0x43, 60, 120, 0},
        {"Mon-Wed,Fri 01:00-02:00", ITEM_WEEKLY, 0x2e, 60, 120, 0},
        {"Tue,Thu 22:00 for 6h", ITEM_WEEKLY, 0x14, 1320, 0, 21600},
        {"Tue  22:00  for\t1h30m", ITEM_WEEKLY, 0x04, 1320, 0, 5400},
        {"Sat 20:00-Sun 08:00", ITEM_WEEKLY, 0x40, 1200, 1920, 0},
        {"Fri 18:00-Mon 24:00", ITEM_WEEKLY, 0x20, 1080, 5760, 0},
        {"Sat 08:00-Sat 20:00", ITEM_WEEKLY, 0x40, 480, 1200, 0},
        {"Fri", ITEM_WEEKLY, 0x20, 0, 1440, 0},
        {"Sat,Sun", ITEM_WEEKLY, 0x41, 0, 1440, 0},
        {"2026-10-24 22:00-04:00", ITEM_DATED, 0, 1320, 1680, 0},
        {"2026-10-24 22:00 for 6h", ITEM_DATED, 0, 1320, 0, 21600},
        {"2026-12-20..2026-12-20", ITEM_DATED, 0, 0, 1440, 0},
        {"2026-12-20..2027-01-03", ITEM_DATED, 0, 0, 15 * 1440, 0},
    };
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct calendar_item *items;
        struct err e = {0};
        size_t n;

        if (!calendar_parse(&a, rows[i].text, &items, &n, &e))
            fail_msg("%s: %s", e.what, e.why);
        assert_int_equal(n, 1);
        assert_string_equal(items->text, rows[i].text);
        assert_int_equal(items->form, rows[i].form);
        assert_int_equal(items->days, rows[i].days);
        assert_int_equal(items->start, rows[i].start);
        assert_int_equal(items->end, rows[i].end);
        assert_int_equal(items->elapsed, rows[i].elapsed);
    }
    arena_release(&a);
}

static void test_lists(void **state)
{
    static const struct {
        const char *text;
        const char *items[4];
    } rows[] = {
        {"Mon-Thu 22:00-02:00, Sun 01:00-06:00",
         {"Mon-Thu 22:00-02:00", "Sun 01:00-06:00"}},
        {"2026-12-20..2027-01-03, Fri", {"2026-12-20..2027-01-03", "Fri"}},
        {"Fri 00:00-24:00, Sun 01:00-06:00",
         {"Fri 00:00-24:00", "Sun 01:00-06:00"}},
        {"Fri, Sat, Sun", {"Fri", "Sat", "Sun"}},
        {"Sun 01:00-06:00, Fri", {"Sun 01:00-06:00", "Fri"}},
        {"Fri, 2026-12-20..2027-01-03", {"Fri", "2026-12-20..2027-01-03"}},
        {"Fri, 01:00-02:00", {"Fri", "01:00-02:00"}},
        {"Mon 01:00-02:00\nTue 01:00-02:00",
         {"Mon 01:00-02:00", "Tue 01:00-02:00"}},
        {"Mon 01:00-02:00,\n\tTue 01:00-02:00 \n\n",
         {"Mon 01:00-02:00", "Tue 01:00-02:00"}},
        {" Tue,Thu 22:00 for 6h,\tWed 01:00-02:00 ",
         {"Tue,Thu 22:00 for 6h", "Wed 01:00-02:00"}},
    };
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct calendar_item *items;
        struct err e = {0};
        size_t n, k;

        if (!calendar_parse(&a, rows[i].text, &items, &n, &e))
            fail_msg("%s: %s", e.what, e.why);
        for (k = 0; k < 4 && rows[i].items[k]; k++) {
            assert_true(k < n);
            assert_string_equal(items[k].text, rows[i].items[k]);
        }
        assert_int_equal(n, k);
    }
    arena_release(&a);
}

/* Every refusal names the item, and says why and what to write. */
static void test_refused(void **state)
{
    static const struct {
        const char *text, *named, *why;
    } rows[] = {
        {"", "''", "each comma"},
        {" \n ", "missing", "each comma"},
        {"Fri,", "'Fri,'", "each comma"},
        {"Fri, ", "'Fri, '", "each comma"},
        {", Fri", "', Fri'", "each comma"},
        {"Mon, , Fri", "'Mon, , Fri'", "each comma"},
        {"22:00-22:00", "'22:00-22:00'", "same time"},
        {"Mon 10:00-10:00", "'Mon 10:00-10:00'", "same time"},
        {"25:00-26:00", "'25:00-26:00'", "time of day"},
        {"22:00-24:01", "'22:00-24:01'", "time of day"},
        {"22:60-23:00", "'22:60-23:00'", "time of day"},
        {"24:00-02:00", "'24:00-02:00'", "24:00 only ends"},
        {"9:00-10:00", "'9:00-10:00'", "time of day"},
        {"22:00 -02:00", "'22:00 -02:00'", "no end"},
        {"22:00- 02:00", "'22:00- 02:00'", "time of day"},
        {"22:00", "'22:00'", "no end"},
        {"22:00-", "'22:00-'", "time of day"},
        {"Mon 22:00-02:00x", "'Mon 22:00-02:00x'", "'x'"},
        {"Mon 22:00-02:00 UTC", "'Mon 22:00-02:00 UTC'", "' UTC'"},
        {"Mon 22:00-02:00,Sun 01:00-06:00", "Sun 01:00-06:00'",
         "',Sun 01:00-06:00' is not"},
        {"always open", "'always open'", "days are"},
        {"Always", "'Always'", "days are"},
        {"mon 22:00-02:00", "'mon 22:00-02:00'", "days are"},
        {"Monday 22:00-02:00", "'Monday 22:00-02:00'", "days are"},
        {"Mon-", "'Mon-'", "days are"},
        {"Mon-Xyz 01:00-02:00", "'Mon-Xyz 01:00-02:00'", "days are"},
        {"Mon-Mon 01:00-02:00", "'Mon-Mon 01:00-02:00'", "one day"},
        {"Mon,Tue,", "'Mon,Tue,'", "each comma"},
        {"Mon22:00-02:00", "'Mon22:00-02:00'", "days are"},
        {"Mon 22:00 for", "'Mon 22:00 for'", "duration"},
        {"Mon 22:00 for 6", "'Mon 22:00 for 6'", "duration"},
        {"Mon 22:00 for 6h x", "'Mon 22:00 for 6h x'", "duration"},
        {"Mon 22:00 for 0s", "'Mon 22:00 for 0s'", "1s to 7d"},
        {"Mon 22:00 for 1500ms", "'Mon 22:00 for 1500ms'", "1s to 7d"},
        {"Mon 22:00 for 8d", "'Mon 22:00 for 8d'", "1s to 7d"},
        {"Sat 20:00-Sat 08:00", "'Sat 20:00-Sat 08:00'", "not end after"},
        {"Sat 20:00-Sat 20:00", "'Sat 20:00-Sat 20:00'", "not end after"},
        {"Sat,Sun 20:00-Mon 08:00", "'Sat,Sun 20:00-Mon 08:00'", "one day"},
        {"20:00-Mon 08:00", "'20:00-Mon 08:00'", "one day"},
        {"Sat 20:00-Sun08:00", "'Sat 20:00-Sun08:00'", "time of day"},
        {"Sat 20:00-Xyz 08:00", "'Sat 20:00-Xyz 08:00'", "days are"},
        {"2026-02-30..2026-03-01", "'2026-02-30..2026-03-01'", "no such date"},
        {"2026-12-20..2026-02-30", "'2026-12-20..2026-02-30'", "no such date"},
        {"2026-1-2..2026-01-03", "'2026-1-2..2026-01-03'", "no such date"},
        {"1969-12-31..1970-01-02", "'1969-12-31..1970-01-02'", "no such date"},
        {"2026-12-20..2026-12-19", "'2026-12-20..2026-12-19'", "before the"},
        {"2026-12-20", "'2026-12-20'", "after a date"},
        {"2026-12-20,2026-12-21", "'2026-12-20,2026-12-21'", "after a date"},
        {"2026-10-24 22:00-Sun 04:00", "'2026-10-24 22:00-Sun 04:00'",
         "one day"},
        {"Fri, Sun 01:00-06:00", "'Fri, Sun 01:00-06:00'", "whole day"},
        {"Fri\nSun 01:00-06:00", "'Fri, Sun 01:00-06:00'", "whole day"},
        {"Fri, Tue,Thu 22:00 for 6h", "'Fri, Tue,Thu 22:00 for 6h'",
         "whole day"},
        {"Mon, Fri,Sat, Sat 20:00-Sun 08:00", "'Fri,Sat, Sat 20:00-Sun 08:00'",
         "whole day"},
    };
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct calendar_item *items;
        struct err e = {0};
        size_t n;

        if (calendar_parse(&a, rows[i].text, &items, &n, &e))
            fail_msg("'%s' was taken", rows[i].text);
        assert_int_equal(e.code, ERR_CONFIG);
        if (!strstr(e.what, rows[i].named) || !strstr(e.why, rows[i].why) ||
            !*e.fix)
            fail_msg("'%s': %s / %s / %s", rows[i].text, e.what, e.why, e.fix);
    }
    arena_release(&a);
}

static void test_bare_day_fix(void **state)
{
    struct calendar_item *items;
    struct err e = {0};
    struct arena a;
    size_t n;

    (void)state;
    arena_init(&a);
    assert_false(calendar_parse(&a, "Fri, Sun 01:00-06:00", &items, &n, &e));
    assert_string_equal(e.fix,
                        "write 'Fri,Sun 01:00-06:00' for both days at that "
                        "time, or 'Fri 00:00-24:00, Sun 01:00-06:00'");
    arena_release(&a);
}

static uint64_t seed = 1;

static unsigned pick(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

/* A good list with a few bytes changed, dropped or doubled. */
static void spoil(char *text, size_t size)
{
    static const char *const good[] = {
        "Mon-Thu 22:00-02:00, Sun 01:00-06:00",
        "2026-12-20..2027-01-03, Fri\n00:00-24:00",
        "Tue,Thu 22:00 for 1h30m, 2026-10-24 22:00-04:00",
        "Sat 20:00-Sun 08:00, always",
    };
    static const char bytes[] = "0123456789:-,. \nMonTueSatforhms\xc3\x01";

    snprintf(text, size, "%s", good[pick(4)]);
    for (unsigned n = 1 + pick(3); n > 0; n--) {
        size_t len = strlen(text), at = pick((unsigned)len + 1);

        switch (pick(3)) {
        case 0:
            text[at] = at < len ? bytes[pick(sizeof(bytes) - 1)] : '\0';
            break;
        case 1:
            memmove(text + at, text + at + (at < len),
                    len + 1 - at - (at < len));
            break;
        default:
            memmove(text + at + 1, text + at, len + 1 - at);
        }
    }
}

/* Whatever is written there: items that can be reckoned with, or an error
 * that says what, why and what to do. */
static void test_spoiled(void **state)
{
    char text[128];
    int taken = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct calendar c = {.zone = NULL};
        struct err e = {0};
        struct arena a;

        arena_init(&a);
        spoil(text, sizeof(text));
        if (calendar_parse(&a, text, &c.allow, &c.allows, &e)) {
            assert_true(c.allows > 0);
            for (size_t k = 0; k < c.allows; k++)
                assert_true(c.allow[k].form == ITEM_ALWAYS ||
                            c.allow[k].elapsed ||
                            c.allow[k].end > c.allow[k].start);
            taken++;
        } else {
            assert_int_equal(e.code, ERR_CONFIG);
            assert_true(*e.what && *e.why && *e.fix);
        }
        arena_release(&a);
    }
    assert_in_range(taken, 100, 19000); /* both kinds were tried */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),   cmocka_unit_test(test_lists),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_bare_day_fix),
        cmocka_unit_test(test_spoiled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
