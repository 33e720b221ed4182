#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/base/err.h"
#include "tests/unit/base/forked.h"

_Noreturn void __wrap__exit(int status)
{
    forked_exit(status);
}

static char *printed(const struct err *e)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    err_print(e, out);
    fclose(out);
    return text;
}

static void assert_printed(const struct err *e, const char *wanted)
{
    char *text = printed(e);

    assert_string_equal(text, wanted);
    free(text);
}

static void setters_return_false_and_print_once(void **state)
{
    struct err e = {0};

    (void)state;
    assert_false(err_what(&e, ERR_UNREACHABLE, "cannot reach %s", "db"));
    assert_false(err_why(&e, "%s", "connection refused\n\t \r\n"));
    assert_false(err_fix(&e, "start it"));
    assert_int_equal(e.code, ERR_UNREACHABLE);
    assert_string_equal(e.why, "connection refused");
    assert_printed(&e, "tidegate: cannot reach db\n"
                       "  why: connection refused\n"
                       "  fix: start it\n");
}

static void a_new_what_clears_why_and_fix(void **state)
{
    struct err e = {0};

    (void)state;
    err_what(&e, ERR_INPUT, "one");
    err_why(&e, "old");
    err_fix(&e, "old");
    err_what(&e, ERR_CONFIG, "two");
    assert_int_equal(e.code, ERR_CONFIG);
    assert_printed(&e, "tidegate: two\n");
    err_clear(&e);
    assert_int_equal(e.code, ERR_NONE);
    assert_printed(&e, "");
}

static void an_error_may_wrap_its_own_text(void **state)
{
    struct err e = {0};

    (void)state;
    err_what(&e, ERR_FAILED, "inner");
    err_why(&e, "cause");
    err_why(&e, "%s: %s", e.what, e.why);
    assert_string_equal(e.why, "inner: cause");
    err_what(&e, ERR_FAILED, "outer, %s", e.why);
    assert_string_equal(e.what, "outer, inner: cause");
}

static void long_texts_are_cut_between_characters(void **state)
{
    struct err e = {0};
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[999] = '\0';
    err_what(&e, ERR_FAILED, "%s", text);
    assert_int_equal(strlen(e.what), sizeof(e.what) - 1);
    err_fix(&e, "%s", text);
    assert_int_equal(strlen(e.fix), sizeof(e.fix) - 1);

    /* a character of two bytes on the edge goes as a whole */
    memcpy(text + sizeof(e.why) - 2, "\xc3\xa4", 2);
    err_why(&e, "%s", text);
    assert_int_equal(strlen(e.why), sizeof(e.why) - 2);

    /* and one that just fits stays */
    memcpy(text + sizeof(e.why) - 3, "\xc3\xa4y", 3);
    err_why(&e, "%s", text);
    assert_int_equal(strlen(e.why), sizeof(e.why) - 1);

    /* bytes that are no text are cut too, not dropped */
    memset(text, 0x80, sizeof(text) - 1);
    err_why(&e, "%s", text);
    assert_int_equal(strlen(e.why), sizeof(e.why) - 4);
}

static void foreign_bytes_forge_no_line_and_no_colour(void **state)
{
    struct err e = {0};

    (void)state;
    err_what(&e, ERR_FAILED, "host said");
    err_why(&e, "\x1b[31mred\n  fix: rm -rf /");
    assert_printed(&e, "tidegate: host said\n"
                       "  why: \\x1b[31mred\n"
                       "         fix: rm -rf /\n");
}

static void hit_bug(void *arg)
{
    BUG("%s is broken", (const char *)arg);
}

static void a_bug_says_where_and_exits_70(void **state)
{
    char said[500], order[] = "order";

    (void)state;
    assert_int_equal(forked(hit_bug, order, said, sizeof(said)), 70);
    assert_non_null(
        strstr(said, "tidegate: bug at tests/unit/base/test_err.c:"));
    assert_non_null(strstr(said, ": order is broken\n  fix: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setters_return_false_and_print_once),
        cmocka_unit_test(a_new_what_clears_why_and_fix),
        cmocka_unit_test(an_error_may_wrap_its_own_text),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(foreign_bytes_forge_no_line_and_no_colour),
        cmocka_unit_test(a_bug_says_where_and_exits_70),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
