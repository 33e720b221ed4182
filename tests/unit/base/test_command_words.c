#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "runner/base/child.h"

static struct arena arena;

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void words_are_split_and_nothing_is_expanded(void **state)
{
    static const struct {
        const char *text;
        const char *words[6];
    } rows[] = {
        {"bin/backup-age", {"bin/backup-age"}},
        {"  a \t b\n c  ", {"a", "b", "c"}},
        {"psql -c 'SELECT  1'", {"psql", "-c", "SELECT  1"}},
        {"a \"it's\" ''", {"a", "it's", ""}},
        {"a'b c'd\"e f\"", {"ab cde f"}},
        {"$HOME `id` ; rm * \\", {"$HOME", "`id`", ";", "rm", "*", "\\"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = {0};
        char **words = command_words(&arena, rows[i].text, &e);
        size_t n = 0;

        assert_non_null(words);
        for (; n < 6 && rows[i].words[n]; n++)
            assert_string_equal(words[n], rows[i].words[n]);
        assert_null(words[n]);
    }
}

static void what_is_no_command_is_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "empty"},          {" \t\n ", "empty"},
        {"a 'b", "not closed"}, {"a \"b'", "not closed"},
        {"\"", "not closed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = {0};

        assert_null(command_words(&arena, rows[i].text, &e));
        assert_int_equal(e.code, ERR_CONFIG);
        assert_non_null(strstr(e.why, rows[i].why));
        assert_true(*e.what && *e.fix);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_split_and_nothing_is_expanded),
        cmocka_unit_test(what_is_no_command_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
