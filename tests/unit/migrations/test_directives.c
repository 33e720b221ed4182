/* What a migration says of itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/read/directives.h"

static struct arena arena;
static struct directives got;
static struct err e;

static bool read_up(const char *text)
{
    err_clear(&e);
    return directives_read(&got, &arena, "1_a.up.sql", text, 0, false, &e);
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void without_any_all_is_default(void **state)
{
    (void)state;
    assert_true(read_up("-- a comment\n-- tidegatex: phase=after\nSELECT 1"));
    assert_false(got.after || got.no_transaction);
    assert_int_equal(got.lock_timeout_ms, -1);
    assert_int_equal(got.statement_timeout_ms, -1);
    assert_null(got.compatible);
    assert_null(got.forward_only);
}

static void each_is_read(void **state)
{
    (void)state;
    assert_true(read_up("-- who: anna\n"
                        "-- tidegate: phase=after transaction=none\n"
                        "--tidegate:lock_timeout=2s  statement_timeout=10m \n"
                        "/* between */\n"
                        "-- tidegate: compatible nobody reads it, since v1.3\n"
                        "-- tidegate: forward-only the data is gone\n"
                        "SELECT 1;\n-- no more tidegate: here\n"));
    assert_true(got.after && got.no_transaction);
    assert_int_equal(got.lock_timeout_ms, 2000);
    assert_int_equal(got.statement_timeout_ms, 600000);
    assert_string_equal(got.compatible, "nobody reads it, since v1.3");
    assert_string_equal(got.forward_only, "the data is gone");
    assert_true(read_up("-- tidegate: phase=before\nSELECT 1"));
    assert_false(got.after);
}

static void contracting_says_after_what_and_for_how_long(void **state)
{
    (void)state;
    assert_true(read_up("-- tidegate: after=v1.4.2 for=24h\nSELECT 1"));
    assert_true(got.after);
    assert_string_equal(got.contract, "v1.4.2");
    assert_int_equal(got.contract_for, 86400);
    assert_true(read_up("-- tidegate: for=7d\n-- tidegate: phase=after "
                        "after=this\nSELECT 1"));
    assert_string_equal(got.contract, CONTRACT_THIS);
    assert_int_equal(got.contract_for, 7 * 86400);
    assert_true(read_up("-- tidegate: after=this\nSELECT 1"));
    assert_true(got.after);
    assert_int_equal(got.contract_for, 0);
    assert_true(read_up("-- tidegate: phase=after\nSELECT 1"));
    assert_null(got.contract);
    assert_int_equal(got.contract_for, 0);
}

static void strings_are_no_directives(void **state)
{
    (void)state;
    assert_true(read_up("SELECT '\n-- tidegate: phase=after\n'"));
    assert_true(read_up("SELECT $$\n-- tidegate: nonsense\n$$"));
    assert_true(read_up("/* \n-- tidegate: nonsense\n */ SELECT 1"));
}

/* They are lint's, and stand above their statement. */
static void allow_is_passed_over_wherever_it_stands(void **state)
{
    (void)state;
    assert_true(read_up("-- tidegate: allow scan it is small\nSELECT 1;\n"
                        "-- tidegate: allow\nSELECT 2"));
    assert_false(read_up("SELECT 1;\n-- tidegate: allowed x\nSELECT 2"));
    assert_false(read_up("-- tidegate: alow scan x\nSELECT 2"));
    assert_non_null(strstr(e.fix, "`allow`"));
}

static void what_cannot_be_meant_is_an_error(void **state)
{
    static const char *const bad[][3] = {
        /* text, where and what, fix */
        {"\n-- tidegate: fase=after", "1_a.up.sql:2: fase", "`phase`"},
        {"-- tidegate: Phase=after", ":1: Phase", "`phase`"},
        {"-- tidegate: phase=later", ":1: phase", "before or after"},
        {"-- tidegate: phase", ":1: phase", "before or after"},
        {"-- tidegate: phase=after phase=after", ":1: phase", "one"},
        {"-- tidegate: phase=after\n-- tidegate: phase=after", ":2:", "one"},
        {"-- tidegate: transaction=yes", ":1: transaction", "none"},
        {"-- tidegate: lock_timeout=2", ":1: lock_timeout", "duration"},
        {"-- tidegate: lock_timeout=0s", ":1: lock_timeout", "duration"},
        {"-- tidegate: lock_timeout=25h", ":1: lock_timeout", "duration"},
        {"-- tidegate: statement_timeout=-1s", ":1:", "duration"},
        {"-- tidegate: compatible", ":1: compatible", "reason"},
        {"-- tidegate: compatible=yes", ":1: compatible", "reason"},
        {"-- tidegate: forwardonly x", ":1: forwardonly", "`forward-only`"},
        {"-- tidegate: for=24h", ": for", "after=this"},
        {"-- tidegate: after=", ":1: after", "`this`"},
        {"-- tidegate: after=-rf", ":1: after", "`this`"},
        {"-- tidegate: after=a/b", ":1: after", "`this`"},
        {"-- tidegate: after v1.4.2", ":1: after", "`this`"},
        {"-- tidegate: after=this for=24", ":1: for", "24h"},
        {"-- tidegate: after=this for=10ms", ":1: for", "24h"},
        {"-- tidegate: after=this for=367d", ":1: for", "24h"},
        {"-- tidegate: phase=before after=this", ": phase", "phase=before"},
        {"-- tidegate: after=this phase=before", ": phase", "phase=before"},
        {"-- tidegate:", ":1:", "directive"},
        {"-- tidegate: zzzzzzzzzzz", ":1:", "known are"},
        {"SELECT 1;\n-- tidegate: phase=after", ":2:", "top"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (read_up(bad[i][0]))
            fail_msg("accepted: %s", bad[i][0]);
        assert_int_equal(e.code, ERR_INPUT);
        if (!strstr(e.what, bad[i][1]) || !strstr(e.fix, bad[i][2]))
            fail_msg("%s: %s; %s", bad[i][0], e.what, e.fix);
        assert_true(e.why[0]);
    }
}

static void a_down_file_has_timeouts_and_transaction_only(void **state)
{
    static const char *const bad[] = {"phase=after", "compatible x",
                                      "forward-only x", "after=this"};

    (void)state;
    assert_true(directives_read(&got, &arena, "1_a.down.sql",
                                "-- tidegate: transaction=none "
                                "lock_timeout=1s statement_timeout=1m\n",
                                0, true, &e));
    assert_true(got.no_transaction);
    for (size_t i = 0; i < 4; i++)
        assert_false(directives_read(
            &got, &arena, "1_a.down.sql",
            arena_printf(&arena, "-- tidegate: %s\n", bad[i]), 0, true, &e));
}

static void foreign_bytes_are_escaped(void **state)
{
    (void)state;
    assert_false(read_up("-- tidegate: \x1b[31m=1"));
    assert_null(strchr(e.what, '\x1b'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(without_any_all_is_default),
        TEST(each_is_read),
        TEST(contracting_says_after_what_and_for_how_long),
        TEST(strings_are_no_directives),
        TEST(allow_is_passed_over_wherever_it_stands),
        TEST(what_cannot_be_meant_is_an_error),
        TEST(a_down_file_has_timeouts_and_transaction_only),
        TEST(foreign_bytes_are_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
