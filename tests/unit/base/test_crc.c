#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/base/crc.h"

/* The check value that every table of CRCs lists for this one. */
static void known_sums(void **state)
{
    (void)state;
    assert_int_equal(crc_add(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(crc_add(0, "", 0), 0);
}

static void pieces_equal_the_whole(void **state)
{
    uint32_t crc = crc_add(0, "1234", 4);

    (void)state;
    crc = crc_add(crc, NULL, 0);
    assert_int_equal(crc_add(crc, "56789", 5), 0xcbf43926);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_sums),
        cmocka_unit_test(pieces_equal_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
