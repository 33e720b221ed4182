#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/base/failpoint.h"
#include "runner/base/file.h"
#include "tests/unit/base/folder.h"
#include "tests/unit/base/forked.h"

int __wrap_kill(pid_t pid, int number);
int __real_kill(pid_t pid, int number);

/* A coverage build counts the line that kills. */
int __wrap_kill(pid_t pid, int number)
{
    if (__gcov_dump)
        __gcov_dump();
    return __real_kill(pid, number);
}

_Noreturn void __wrap__exit(int status)
{
    forked_exit(status);
}

#ifdef TIDEGATE_FAILPOINTS

#define KILLED (128 + SIGKILL)

/* Environment of one attempt, then the points it passes. */
struct attempt {
    const char *asked, *list;
    const char *names[6];
};

static void pass_points(void *arg)
{
    const struct attempt *attempt = arg;

    unsetenv("TIDEGATE_FAILPOINT");
    unsetenv("TIDEGATE_FAILPOINT_LIST");
    if (attempt->asked)
        setenv("TIDEGATE_FAILPOINT", attempt->asked, 1);
    if (attempt->list)
        setenv("TIDEGATE_FAILPOINT_LIST", attempt->list, 1);
    for (int i = 0; attempt->names[i]; i++)
        failpoint(attempt->names[i]);
}

static void the_named_hit_kills(void **state)
{
    static struct attempt rows[] = {
        {"b", NULL, {"a", "b"}},        {"b:2", NULL, {"b", "a", "b"}},
        {"*:3", NULL, {"a", "b", "a"}}, {"*", NULL, {"a"}},
        {"a:b:1", NULL, {"a:b"}},
    };
    static struct attempt spared[] = {
        {NULL, NULL, {"a", "b"}},
        {"b:2", NULL, {"b", "a"}},
        {"b", NULL, {"bb", "a", ""}},
        {"*:4", NULL, {"a", "b", "a"}},
        {"", NULL, {"a"}},
    };
    char said[200];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(forked(pass_points, &rows[i], said, sizeof(said)),
                         KILLED);
    for (size_t i = 0; i < sizeof(spared) / sizeof(spared[0]); i++)
        assert_int_equal(forked(pass_points, &spared[i], said, sizeof(said)),
                         0);
}

static void hits_are_listed_up_to_the_end(void **state)
{
    char list[100], said[200], text[100] = "";
    struct attempt attempt = {"b", list, {"a", "b", "c"}};
    FILE *in;

    (void)state;
    snprintf(list, sizeof(list), "%s/list", folder);
    assert_int_equal(forked(pass_points, &attempt, said, sizeof(said)), KILLED);
    in = fopen(list, "r");
    assert_non_null(in);
    assert_int_equal(fread(text, 1, sizeof(text) - 1, in), 4);
    fclose(in);
    assert_string_equal(text, "a\nb\n");
}

static void a_list_that_cannot_be_kept_is_a_bug(void **state)
{
    struct attempt attempt = {NULL, "/nowhere/list", {"a"}};
    char said[200];

    (void)state;
    assert_int_equal(forked(pass_points, &attempt, said, sizeof(said)), 70);
    assert_non_null(strstr(said, "/nowhere/list"));
}

/* Writes "new" over "old" and is killed at a point of file_write. */
static void write_new(void *arg)
{
    struct err e;
    char path[100];
    FILE *out;

    setenv("TIDEGATE_FAILPOINT", arg, 1);
    snprintf(path, sizeof(path), "%s/file", folder);
    out = fopen(path, "w");
    fputs("old", out);
    fclose(out);
    file_write(path, "new", 3, 0600, &e);
}

static void a_killed_write_leaves_old_or_new(void **state)
{
    static const struct {
        char point[20];
        const char *left;
    } rows[] = {{"file-written", "old"}, {"file-named", "new"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char path[100], point[64], said[200], *bytes;
        struct arena a;
        struct err e;
        size_t len;

        arena_init(&a);
        snprintf(path, sizeof(path), "%s/file", folder);
        snprintf(point, sizeof(point), "%s", rows[i].point);
        assert_int_equal(forked(write_new, point, said, sizeof(said)), KILLED);
        assert_true(file_read(path, 10, ERR_INPUT, &a, &bytes, &len, &e));
        assert_string_equal(bytes, rows[i].left);
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_named_hit_kills),
        cmocka_unit_test(hits_are_listed_up_to_the_end),
        cmocka_unit_test(a_list_that_cannot_be_kept_is_a_bug),
        cmocka_unit_test(a_killed_write_leaves_old_or_new),
    };

    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}

#else

/* Elsewhere a failpoint is nothing, whatever the environment says. */
static void other_builds_hold_none(void **state)
{
    (void)state;
    setenv("TIDEGATE_FAILPOINT", "*", 1);
    failpoint("a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_builds_hold_none),
    };

    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}

#endif
