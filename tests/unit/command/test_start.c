#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/command/start.h"

static bool close_stdin, stdin_was_open;

/* start_clean with stderr in a file; what it said. */
static void clean(struct inherited *in, char *said, size_t size)
{
    FILE *file = tmpfile();
    int kept = dup(STDERR_FILENO);
    ssize_t n;

    assert_non_null(file);
    dup2(fileno(file), STDERR_FILENO);
    if (close_stdin)
        close(STDIN_FILENO);
    start_clean(in);
    start_tell(in);
    stdin_was_open = fcntl(STDIN_FILENO, F_GETFD) >= 0;
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    n = pread(fileno(file), said, size - 1, 0);
    said[n > 0 ? n : 0] = '\0';
    fclose(file);
}

static const char *const unwanted[] = {
    "PGHOSTADDR", "PGOPTIONS",  "PGSERVICE",  "PGHOST",
    "PGPORT",     "PGUSER",     "PGDATABASE", "GIT_DIR",
    "GIT_CONFIG", "LD_PRELOAD", "IFS",        "TZ",
    "LC_ALL",     "PATH",       "TMPDIR",     "LD_LIBRARY_PATH"};

static void test_unsets_and_names_once(void **state)
{
    struct inherited in;
    char said[2048];

    (void)state;
    for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
        setenv(unwanted[i], "x", 1);
    setenv("PATH", ".:/bin", 1);
    setenv("LC_ALL", "tr_TR", 1);
    setenv("PGSERVICE", "shop", 1);
    setenv("PGPASSFILE", "/p", 1);
    setenv("PGSSLROOTCERT", "/c", 1);
    setenv("PGPASSWORD", "p", 1);
    setenv("NO_COLOR", "1", 1);
    clean(&in, said, sizeof said);
    for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++) {
        const char *at = strstr(said, unwanted[i]);
        if (!at)
            fail_msg("%s is not named in: %s", unwanted[i], said);
        if (strcmp(unwanted[i], "PATH") != 0 && getenv(unwanted[i]))
            fail_msg("%s is still set", unwanted[i]);
    }
    assert_string_equal(getenv("PATH"), "/usr/local/sbin:/usr/local/bin:"
                                        "/usr/sbin:/usr/bin:/sbin:/bin");
    assert_string_equal(in.service, "shop");
    assert_string_equal(in.host, "x");
    assert_string_equal(getenv("PGPASSFILE"), "/p");
    assert_string_equal(getenv("PGSSLROOTCERT"), "/c");
    assert_string_equal(getenv("PGPASSWORD"), "p");
    assert_string_equal(getenv("NO_COLOR"), "1");
    assert_int_equal(strchr(said, '\n') - said, strlen(said) - 1);
    clean(&in, said, sizeof said);
    assert_string_equal(said, "");
    assert_null(in.service);
}

static void test_says_nothing_of_plain_ones(void **state)
{
    struct inherited in;
    char said[512];

    (void)state;
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("LANG", "de_DE.UTF-8", 1);
    setenv("TMPDIR", "/tmp", 1);
    unsetenv("HOME");
    clean(&in, said, sizeof said);
    assert_string_equal(said, "");
    assert_string_equal(getenv("TMPDIR"), "/tmp");
    assert_int_equal(getenv("HOME")[0], '/');
}

static void test_escapes_names(void **state)
{
    struct inherited in;
    char said[512];

    (void)state;
    setenv("PG\033[2J", "x", 1);
    clean(&in, said, sizeof said);
    assert_null(strchr(said, '\033'));
    assert_non_null(strstr(said, "PG\\x1b[2J"));
}

static void test_umask_core_and_descriptors(void **state)
{
    struct inherited in;
    struct rlimit core;
    char said[512];

    (void)state;
    umask(0);
    close_stdin = true;
    clean(&in, said, sizeof said);
    close_stdin = false;
    assert_true(stdin_was_open);
    assert_int_equal(umask(077), 077);
    assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
    assert_int_equal(core.rlim_cur, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unsets_and_names_once),
        cmocka_unit_test(test_says_nothing_of_plain_ones),
        cmocka_unit_test(test_escapes_names),
        cmocka_unit_test(test_umask_core_and_descriptors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
