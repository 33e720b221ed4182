#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/base/nearest.h"

/* longer than any slip of the finger */
#define LONG_OF(last)                           \
    "averyveryveryveryveryveryveryveryveryvery" \
    "veryveryveryveryverylongcandidat" last

static const char *const keys[] = {
    "confirm", NULL,         "approvals", "signatures",
    "max_out", "max_failed", "on",        LONG_OF("e"),
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

static void slips_are_recognised(void **state)
{
    static const struct {
        const char *word, *meant;
    } rows[] = {
        {"confirn", "confirm"},    {"confirm", "confirm"},
        {"CONFIRM", "confirm"},    {"Confrm", "confirm"},
        {"approval", "approvals"}, {"sigantures", "signatures"},
        {"max_ot", "max_out"},     {"signature_s", "signatures"},
        {"xonfirmed", "confirm"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(nearest(rows[i].word, keys, KEYS), rows[i].meant);
}

static void strangers_are_not(void **state)
{
    static const char *const words[] = {
        "", "x", "xy", "window", "cinfirned", LONG_OF("f"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        assert_null(nearest(words[i], keys, KEYS));
    assert_null(nearest("confirm", NULL, 0));
}

static void case_counts_as_one_edit(void **state)
{
    static const char *const twins[] = {"ALL", "alm"};

    (void)state;
    /* "all" to "ALL" is one edit, and so is "all" to "alm": the first */
    assert_string_equal(nearest("all", twins, 2), "ALL");
    assert_string_equal(nearest("alm", twins, 2), "alm");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slips_are_recognised),
        cmocka_unit_test(strangers_are_not),
        cmocka_unit_test(case_counts_as_one_edit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
