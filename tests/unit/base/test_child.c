#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>

#include "runner/base/child.h"
#include "runner/base/file.h"
#include "tests/unit/base/folder.h"
#include "tests/unit/base/forked.h"

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int64_t __wrap_clock_mono(void);
int64_t __real_clock_mono(void);
int __wrap_pipe2(int ends[2], int flags);
int __real_pipe2(int ends[2], int flags);
pid_t __wrap_fork(void);
pid_t __real_fork(void);
int __wrap_pidfd_open(pid_t pid, unsigned flags);
int __real_pidfd_open(pid_t pid, unsigned flags);
int __wrap_dup2(int from, int to);
int __real_dup2(int from, int to);
int __wrap_dup3(int from, int to, int flags);
ssize_t __wrap_read(int fd, void *bytes, size_t len);
ssize_t __real_read(int fd, void *bytes, size_t len);
int __real_dup3(int from, int to, int flags);

/* Time runs fifty times faster, for the loop and for its waits. */
#define HASTE 50

int64_t __wrap_clock_mono(void)
{
    static int64_t start;

    if (!start)
        start = __real_clock_mono();
    return start + (__real_clock_mono() - start) * HASTE;
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
    return __real_poll(fds, n, timeout <= 0 ? timeout : 1 + timeout / HASTE);
}

/* The n-th call from now fails; 0: none does. */
static int pipe2_fails, fork_fails, pidfd_fails, dup2_fails, dup3_fails;

static bool fails(int *calls, int error)
{
    if (*calls == 0 || --*calls > 0)
        return false;
    errno = error;
    return true;
}

int __wrap_pipe2(int ends[2], int flags)
{
    return fails(&pipe2_fails, EMFILE) ? -1 : __real_pipe2(ends, flags);
}

pid_t __wrap_fork(void)
{
    return fails(&fork_fails, EAGAIN) ? -1 : __real_fork();
}

int __wrap_pidfd_open(pid_t pid, unsigned flags)
{
    return fails(&pidfd_fails, EMFILE) ? -1 : __real_pidfd_open(pid, flags);
}

int __wrap_dup2(int from, int to)
{
    return fails(&dup2_fails, EBUSY) ? -1 : __real_dup2(from, to);
}

int __wrap_dup3(int from, int to, int flags)
{
    return fails(&dup3_fails, EBUSY) ? -1 : __real_dup3(from, to, flags);
}

/* How many of the long reads (of a child's output) never come to an end. */
static int endless_reads;

ssize_t __wrap_read(int fd, void *bytes, size_t len)
{
    if (!endless_reads || len < 4096)
        return __real_read(fd, bytes, len);
    endless_reads--;
    memset(bytes, 'x', len);
    return (ssize_t)len;
}

/* Lets go of the limits that a test set: coverage writes files. */
_Noreturn void __wrap__exit(int status)
{
    static const int limits[] = {RLIMIT_NOFILE, RLIMIT_FSIZE};
    struct rlimit limit;

    for (int i = 0; i < 2; i++) {
        getrlimit(limits[i], &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(limits[i], &limit);
    }
    forked_exit(status);
}

static struct arena arena;
static struct loop *loop;

static int setup(void **state)
{
    (void)state;
    loop = loop_open();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    loop_close(loop);
    arena_release(&arena);
    return 0;
}

/* `sh -c SCRIPT` with the other settings of spec. */
static struct child_result run(const char *script, struct child_spec spec)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    struct child_result r;
    struct err e = {0};

    spec.argv = argv;
    if (!child_run(loop, &arena, &spec, &r, &e))
        fail_msg("%s: %s", e.what, e.why);
    return r;
}

#define plain           \
    (struct child_spec) \
    {                   \
        0               \
    }

static void assert_not_started(struct child_spec spec, const char *why)
{
    struct child_result r;
    struct err e = {0};

    assert_false(child_run(loop, &arena, &spec, &r, &e));
    assert_int_equal(e.code, ERR_FAILED);
    if (!strstr(e.why, why))
        fail_msg("\"%s\" does not say \"%s\"", e.why, why);
    assert_true(*e.what && *e.fix);
}

static void output_and_status_come_back(void **state)
{
    struct child_result r = run("echo out; echo err >&2; exit 3", plain);

    (void)state;
    assert_int_equal(r.status, 3);
    assert_int_equal(r.signal, 0);
    assert_false(r.timed_out);
    assert_false(r.cut);
    assert_string_equal(r.out, "out\n");
    assert_int_equal(r.out_len, 4);
    assert_string_equal(r.err, "err\n");
    assert_int_equal(r.err_len, 4);
    r = run("kill -9 $$", plain);
    assert_int_equal(r.status, -1);
    assert_int_equal(r.signal, SIGKILL);
    r = run("exec >&- 2>&-; exit 0", plain);
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out, "");
}

static void input_reaches_the_child(void **state)
{
    size_t len = 1 << 20;
    char *big = arena_alloc(&arena, len);
    struct child_result r;
    int ends[2];

    (void)state;
    for (size_t i = 0; i < len; i++)
        big[i] = (char)(i * 7);
    r = run("cat", (struct child_spec){
                       .input = big, .input_len = len, .output_limit = len});
    assert_int_equal(r.out_len, len);
    assert_memory_equal(r.out, big, len);
    assert_false(r.cut);
    assert_string_equal(run("cat", plain).out, ""); /* /dev/null */
    assert_string_equal(run("cat", (struct child_spec){.input = ""}).out, "");

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "piped", 5), 5);
    close(ends[1]);
    r = run("cat", (struct child_spec){.input_fd = ends[0], .input = "not"});
    assert_string_equal(r.out, "piped");
    close(ends[0]);
}

static void output_may_go_to_a_descriptor(void **state)
{
    struct child_result r;
    char bytes[10] = "";
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    r = run("echo far; echo near >&2",
            (struct child_spec){.output_fd = ends[1]});
    close(ends[1]);
    assert_int_equal(read(ends[0], bytes, sizeof(bytes)), 4);
    assert_string_equal(bytes, "far\n");
    assert_string_equal(r.out, "");
    assert_string_equal(r.err, "near\n");
    close(ends[0]);
}

static void output_is_bounded(void **state)
{
    struct child_result r;

    (void)state;
    r = run("head -c 100000 /dev/zero | tr '\\0' x; echo e >&2", plain);
    assert_int_equal(r.out_len, CHILD_OUTPUT_LIMIT);
    assert_int_equal(strlen(r.out), CHILD_OUTPUT_LIMIT);
    assert_true(r.cut);
    assert_string_equal(r.err, "e\n");
    r = run("printf 12345", (struct child_spec){.output_limit = 5});
    assert_string_equal(r.out, "12345");
    assert_false(r.cut);
    r = run("printf 123456", (struct child_spec){.output_limit = 5});
    assert_string_equal(r.out, "12345");
    assert_true(r.cut);
}

static void the_environment_is_fixed(void **state)
{
    static const char *const extra[] = {"TIDEGATE_RELEASE=v1", "LC_ALL=C.UTF-8",
                                        NULL};
    static const char *const hostile[] = {
        "PGHOST",         "PGHOSTADDR", "PGOPTIONS",   "PGPASSWORD",
        "GIT_DIR",        "IFS",        "TZ",          "LD_PRELOAD_",
        "TIDEGATE_X",     "PGSERVICE",  "SSH_ASKPASS", "HOMEX",
        "SSH_AUTH_SOCKET"};
    struct child_result r;

    (void)state;
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
        setenv(hostile[i], "evil", 1);
    setenv("HOME", "/home/anna", 1);
    setenv("SSH_AUTH_SOCK", "/run/agent", 1);
    setenv("PGPASSFILE", "/p", 1);
    setenv("PGSERVICEFILE", "/s", 1);
    setenv("PGSYSCONFDIR", "/c", 1);
    setenv("PGSSLROOTCERT", "/r", 1);
    r = run("/usr/bin/env | LC_ALL=C sort | grep -v ^PWD=",
            (struct child_spec){.env = extra, .folder = "/"});
    assert_string_equal(
        r.out, "HOME=/home/anna\nLC_ALL=C.UTF-8\n"
               "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
               "/sbin:/bin\n"
               "PGPASSFILE=/p\nPGSERVICEFILE=/s\nPGSSLROOTCERT=/r\n"
               "PGSYSCONFDIR=/c\nSSH_AUTH_SOCK=/run/agent\n"
               "TIDEGATE_RELEASE=v1\n");
    unsetenv("HOME");
    r = run("printf %s \"$HOME\"", plain);
    assert_string_equal(r.out, getpwuid(geteuid())->pw_dir);
}

static void the_child_inherits_nothing_else(void **state)
{
    struct child_result r;
    int fd = open("/dev/null", O_RDONLY); /* not close-on-exec */
    int high = fcntl(fd, F_DUPFD, 200);

    (void)state;
    assert_true(fd > 2 && high >= 200);
    r = run("exec ls /proc/self/fd", plain);
    assert_string_equal(r.out, "0\n1\n2\n3\n"); /* 3: the folder it lists */
    close(fd);
    close(high);

    /* the loop blocks and ignores signals here; not there */
    r = run("exec grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status", plain);
    assert_non_null(strstr(r.out, "SigBlk:\t0000000000000000"));
    /* but for 32 and 33: glibc's own, ignored by whoever used posix_spawn */
    assert_int_equal(strtoull(strstr(r.out, "SigIgn:") + 7, NULL, 16) &
                         ~UINT64_C(0x180000000),
                     0);

    /* leader of its own session, without a terminal */
    r = run("read -r pid name state parent group session tty rest "
            "</proc/self/stat; [ $group = $pid ] && [ $session = $pid ] && "
            "[ $tty = 0 ] && echo own",
            plain);
    assert_string_equal(r.out, "own\n");
}

static void it_runs_in_its_folder(void **state)
{
    static const char script[] = "#!/bin/sh\npwd\n";
    const char *argv[] = {"./here", NULL};
    struct child_spec spec = {.argv = argv, .folder = folder};
    struct child_result r;
    char path[100];
    struct err e = {0};

    (void)state;
    snprintf(path, sizeof(path), "%s/here", folder);
    assert_true(file_write(path, script, strlen(script), 0700, &e));
    assert_true(child_run(loop, &arena, &spec, &r, &e));
    assert_int_equal(strncmp(r.out, folder, strlen(folder)), 0);
    assert_not_started((struct child_spec){.argv = argv, .folder = "/nowhere"},
                       "folder /nowhere: No such file");
}

static void what_cannot_be_started_is_told(void **state)
{
    const char *none[] = {"no-such-program", NULL};
    const char *nameless[] = {"", NULL};
    const char *away[] = {"./no-such-program", NULL};
    const char *text[] = {"./text", NULL};
    const char *tool[] = {"tool", NULL};
    const char *path_env[2] = {NULL, NULL};
    struct child_spec spec = {.argv = tool, .env = path_env};
    struct child_result r;
    struct err e = {0};
    char path[100];

    (void)state;
    assert_not_started((struct child_spec){.argv = none}, "in the PATH");
    assert_not_started((struct child_spec){.argv = nameless}, "in the PATH");
    assert_not_started((struct child_spec){.argv = away}, "No such file");
    snprintf(path, sizeof(path), "%s/text", folder);
    assert_true(file_write(path, "text\n", 5, 0700, &e));
    assert_not_started((struct child_spec){.argv = text, .folder = folder},
                       "Exec format error");

    /* the child's PATH, not ours */
    setenv("PATH", folder, 1);
    snprintf(path, sizeof(path), "%s/tool", folder);
    assert_true(file_write(path, "#!/bin/sh\n", 10, 0700, &e));
    assert_not_started((struct child_spec){.argv = tool}, "in the PATH");
    path_env[0] = arena_printf(&arena, "PATH=/nowhere:%s", folder);
    assert_true(child_run(loop, &arena, &spec, &r, &e));
    assert_int_equal(r.status, 0);
}

static void failing_calls_are_told_and_leak_nothing(void **state)
{
    static const struct {
        int *calls;
        int from, to;
        const char *why;
    } rows[] = {
        {&pipe2_fails, 1, 3, "Too many open files"},
        {&fork_fails, 1, 1, "Resource temporarily unavailable"},
        {&pidfd_fails, 1, 1, "Too many open files"},
        {&dup2_fails, 1, 3, "Device or resource busy"},
        {&dup3_fails, 1, 1, "Device or resource busy"},
    };
    const char *argv[] = {"true", NULL};
    int before = dup(0), after;

    (void)state;
    close(before);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int n = rows[i].from; n <= rows[i].to; n++) {
            *rows[i].calls = n;
            assert_not_started((struct child_spec){.argv = argv}, rows[i].why);
            *rows[i].calls = 0; /* it failed in the forked copy */
        }
    after = dup(0);
    assert_int_equal(after, before);
    close(after);
}

static void start_limited(int limit, rlim_t value, struct child_spec spec)
{
    const char *argv[] = {"true", NULL};
    struct rlimit now;
    struct err e = {0};

    spec.argv = argv;
    getrlimit(limit, &now);
    now.rlim_cur = value;
    setrlimit(limit, &now);
    if (child_start(loop, &arena, &spec, &e))
        fputs("started", stderr);
    fputs(e.why, stderr);
}

/* Descriptors for all but what the child itself arranges. */
static void few_descriptors(void *arg)
{
    (void)arg;
    for (int fd = 3; fd < 10; fd++)
        close(fd);
    loop = loop_open();
    start_limited(RLIMIT_NOFILE, 10, (struct child_spec){.output_fd = 1});
}

static void no_memory_for_input(void *arg)
{
    (void)arg;
    signal(SIGXFSZ, SIG_IGN);
    start_limited(RLIMIT_FSIZE, 0,
                  (struct child_spec){.input = "x", .input_len = 1});
}

static void limits_of_the_system_are_told(void **state)
{
    char said[300];

    (void)state;
    assert_int_equal(forked(few_descriptors, NULL, said, sizeof(said)), 0);
    assert_string_equal(said, "Invalid argument");
    assert_int_equal(forked(no_memory_for_input, NULL, said, sizeof(said)), 0);
    assert_string_equal(said, "File too large");
}

static void a_polite_child_ends_at_its_deadline(void **state)
{
    struct child_result r = run("echo begun; exec sleep 1000",
                                (struct child_spec){.timeout_ms = 100 * HASTE});

    (void)state;
    assert_true(r.timed_out);
    assert_int_equal(r.status, -1);
    assert_int_equal(r.signal, SIGTERM);
    assert_string_equal(r.out, "begun\n");
}

/* True when nobody holds the other end of a pipe any more. */
static bool at_end(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char c;

    return __real_poll(&p, 1, 10000) == 1 && read(fd, &c, 1) == 0;
}

static void the_whole_group_is_ended(void **state)
{
    struct child_result r;
    int ends[2];

    (void)state;
    /* a child and a grandchild that both ignore SIGTERM */
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    r = run(
        "trap '' TERM; sleep 1000 & wait",
        (struct child_spec){.timeout_ms = 500 * HASTE, .output_fd = ends[1]});
    close(ends[1]);
    assert_true(r.timed_out);
    assert_int_equal(r.signal, SIGKILL);
    assert_true(at_end(ends[0]));
    close(ends[0]);

    /* the child obeys at once, the grandchild does not */
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    r = run(
        "(trap '' TERM; exec sleep 1000) & sleep 1000",
        (struct child_spec){.timeout_ms = 500 * HASTE, .output_fd = ends[1]});
    close(ends[1]);
    assert_int_equal(r.signal, SIGTERM);
    assert_true(at_end(ends[0]));
    close(ends[0]);
}

static void what_is_left_behind_is_not_waited_for(void **state)
{
    struct child_result r = run("sleep 1000 & echo $!", plain);

    (void)state;
    assert_int_equal(r.status, 0);
    assert_int_equal(kill((pid_t)strtol(r.out, NULL, 10), SIGKILL), 0);

    /* not even when it writes for ever */
    endless_reads = 100000;
    r = run("exit 0", (struct child_spec){.output_limit = 10});
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out, "xxxxxxxxxx");
    assert_true(endless_reads > 0);
    endless_reads = 0;
}

static void a_stop_signal_ends_the_child(void **state)
{
    const char *argv[] = {"sleep", "1000", NULL};
    struct child_spec spec = {.argv = argv};
    struct child_result r;
    struct err e = {0};

    (void)state;
    raise(SIGTERM);
    assert_false(child_run(loop, &arena, &spec, &r, &e));
    assert_int_equal(e.code, ERR_INTERRUPTED);
    assert_true(*e.what && *e.why && *e.fix);
    assert_int_equal(r.signal, SIGTERM);
    assert_false(r.timed_out);
}

static bool is_over(void *c)
{
    return child_done(c);
}

static void children_run_side_by_side(void **state)
{
    const char *argv[] = {"cat", NULL};
    struct child_spec spec = {.argv = argv, .input_len = 1};
    struct child *children[5];
    struct err e = {0};

    (void)state;
    for (int i = 0; i < 5; i++) {
        char letter = (char)('a' + i);

        spec.input = &letter;
        children[i] = child_start(loop, &arena, &spec, &e);
        assert_non_null(children[i]);
        assert_null(child_result(children[i]));
    }
    for (int i = 4; i >= 0; i--) {
        assert_true(loop_until(loop, is_over, children[i], CLOCK_NEVER));
        assert_int_equal(child_result(children[i])->out[0], 'a' + i);
        child_close(children[i]);
    }
}

static bool has_said(void *child)
{
    size_t len;

    return child_said(child, &len) && len >= 4;
}

static void what_it_says_can_be_read_while_it_runs(void **state)
{
    static const char *const argv[] = {"sh", "-c",
                                       "echo one >&2; exec sleep 1000", NULL};
    struct child_spec spec = {.argv = argv};
    struct err e;
    struct child *c = child_start(loop, &arena, &spec, &e);
    size_t len;

    (void)state;
    assert_non_null(c);
    assert_true(loop_until(loop, has_said, c, CLOCK_NEVER));
    assert_false(child_done(c));
    assert_memory_equal(child_said(c, &len), "one\n", 4);
    assert_int_equal(len, 4);
    child_close(c);
    assert_memory_equal(child_said(c, &len), "one\n", 4);
    assert_int_equal(len, 4);
}

static void closing_ends_a_child_that_runs(void **state)
{
    static const char *const scripts[] = {"exec sleep 1000",
                                          "trap '' TERM; sleep 1000",
                                          "trap '' TERM; exec yes"};
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const char *argv[] = {"sh", "-c", scripts[i], NULL};
        struct child_spec spec = {.argv = argv};
        struct child *c = child_start(loop, &arena, &spec, &e);

        assert_non_null(c);
        child_close(c);
        assert_true(child_done(c));
        assert_int_equal(child_result(c)->status, -1);
    }
    child_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define with_loop(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        with_loop(output_and_status_come_back),
        with_loop(input_reaches_the_child),
        with_loop(output_may_go_to_a_descriptor),
        with_loop(output_is_bounded),
        with_loop(the_environment_is_fixed),
        with_loop(the_child_inherits_nothing_else),
        with_loop(it_runs_in_its_folder),
        with_loop(what_cannot_be_started_is_told),
        with_loop(failing_calls_are_told_and_leak_nothing),
        with_loop(limits_of_the_system_are_told),
        with_loop(a_polite_child_ends_at_its_deadline),
        with_loop(the_whole_group_is_ended),
        with_loop(what_is_left_behind_is_not_waited_for),
        with_loop(a_stop_signal_ends_the_child),
        with_loop(children_run_side_by_side),
        with_loop(what_it_says_can_be_read_while_it_runs),
        with_loop(closing_ends_a_child_that_runs),
    };

    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
