#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pty.h>
#include <string.h>
#include <unistd.h>

#include "runner/command/cmd.h"

/* stdin and stderr on a terminal of our own, where `typed` was typed; NULL:
 * both on /dev/null. */
static bool confirm(const char *yes, const char *typed, struct err *e)
{
    struct environment env = {.name = "production"};
    struct arena arena;
    struct output out;
    struct tidegate t = {.arena = &arena, .out = &out, .env = &env};
    int kept[2] = {dup(0), dup(2)}, master = -1, end;
    bool good;

    if (typed) {
        assert_int_equal(openpty(&master, &end, NULL, NULL, NULL), 0);
        assert_int_equal(write(master, typed, strlen(typed)), strlen(typed));
    } else {
        end = open("/dev/null", O_RDWR);
    }
    dup2(end, 0);
    dup2(end, 2);
    arena_init(&arena);
    t.loop = loop_open();
    output_init(&out, false, true, 0);
    good = cmd_confirm(&t, yes, e);
    loop_close(t.loop);
    arena_release(&arena);
    dup2(kept[0], 0);
    dup2(kept[1], 2);
    close(kept[0]);
    close(kept[1]);
    close(end);
    if (master >= 0)
        close(master);
    return good;
}

static void test_yes(void **state)
{
    struct err e;

    (void)state;
    assert_true(confirm("production", NULL, &e));
    assert_false(confirm("staging", NULL, &e));
    assert_int_equal(e.code, ERR_USAGE);
    assert_non_null(strstr(e.what, "'staging' is not the environment"));
    assert_false(confirm("staging", "production\n", &e));
}

static void test_nobody_there(void **state)
{
    struct err e;

    (void)state;
    assert_false(confirm(NULL, NULL, &e));
    assert_int_equal(e.code, ERR_USAGE);
    assert_non_null(strstr(e.fix, "--yes=production"));
}

static void test_typed(void **state)
{
    struct err e;

    (void)state;
    assert_true(confirm(NULL, "production\n", &e));
    assert_false(confirm(NULL, "yes\n", &e));
    assert_false(confirm(NULL, "\n", &e));
    assert_false(confirm(NULL, "production2\n", &e));
    assert_false(confirm(NULL, "\x04", &e)); /* end of file */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yes),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_typed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
