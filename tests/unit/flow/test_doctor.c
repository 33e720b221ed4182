/* What decides the exit code of doctor, and the versions of tools. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/flow/doctor.h"

/* 64, 78, 65, 74, 10, 69, 75: the earlier one wins, whichever comes first. */
static void gravest(void **state)
{
    static const enum err_code order[] = {
        ERR_USAGE,   ERR_CONFIG,      ERR_INPUT, ERR_LEDGER,
        ERR_REFUSED, ERR_UNREACHABLE, ERR_HELD,  ERR_NONE};
    size_t n = sizeof order / sizeof *order;

    (void)state;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i; k < n; k++) {
            assert_int_equal(doctor_graver(order[i], order[k]), order[i]);
            assert_int_equal(doctor_graver(order[k], order[i]), order[i]);
        }
}

/* A kind that has no place of its own still is not lost. */
static void other_kinds(void **state)
{
    (void)state;
    assert_int_equal(doctor_graver(ERR_NONE, ERR_FAILED), ERR_FAILED);
    assert_int_equal(doctor_graver(ERR_FAILED, ERR_NONE), ERR_FAILED);
    assert_int_equal(doctor_graver(ERR_FAILED, ERR_HELD), ERR_HELD);
}

static void tool_versions(void **state)
{
    static const struct {
        const char *text;
        int major;
    } rows[] = {
        {"pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n", 15},
        {"pg_restore (PostgreSQL) 17.2\n", 17},
        {"pg_dump (PostgreSQL) 9.6.24\n", 9},
        {"pg_dump (PostgreSQL) 18devel\n", 18},
        {"pg_dump (PostgreSQL) -3\n", 0},
        {"pg_dump (PostgreSQL) many\n", 0},
        {"pg_dump (EnterpriseDB) 15.1\n", 0},
        {"15.20", 0},
        {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(doctor_tool_major(rows[i].text), rows[i].major);
}

static void words(void **state)
{
    (void)state;
    assert_string_equal(doctor_word(DOCTOR_OK), "ok");
    assert_string_equal(doctor_word(DOCTOR_OFF), "off");
    assert_string_equal(doctor_word(DOCTOR_WARNING), "warning");
    assert_string_equal(doctor_word(DOCTOR_PROBLEM), "problem");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gravest),
        cmocka_unit_test(other_kinds),
        cmocka_unit_test(tool_versions),
        cmocka_unit_test(words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
