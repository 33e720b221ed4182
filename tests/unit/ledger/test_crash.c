/* Kills, failing disks and several writers. The calls that reach the disk are
 * stood in for, so that each can end the process or fail at a chosen time. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "runner/base/clock.h"
#include "tests/unit/ledger/fixture.h"

/* What happens at the N-th call: die before it, die after `part` bytes of it,
 * die behind it, or fail with errno. */
enum trouble { NONE, DIE_BEFORE, DIE_WITHIN, DIE_AFTER, FAIL, SHORT };
struct planned {
    enum trouble is;
    int at; /* counts down to 0 */
    int error;
    size_t part;
    int calls;
};
static struct planned writing, syncing, fsyncing;
static int64_t slow; /* what each sync takes, ms */

ssize_t __real_pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

static enum trouble now(struct planned *p)
{
    p->calls++;
    return p->is != NONE && --p->at == 0 ? p->is : NONE;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
}

ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at)
{
    enum trouble is = now(&writing);
    ssize_t done;

    if (is == DIE_BEFORE)
        die();
    if (is == FAIL) {
        errno = writing.error;
        return -1;
    }
    if (is == DIE_WITHIN || is == SHORT)
        n = writing.part < n ? writing.part : n;
    done = __real_pwrite(fd, p, n, at);
    if (is == DIE_WITHIN || is == DIE_AFTER)
        die();
    return done;
}

static int sync_or(struct planned *p, int (*real)(int), int fd)
{
    enum trouble is = now(p);
    int done;

    if (is == DIE_BEFORE)
        die();
    if (is == FAIL) {
        errno = p->error;
        return -1;
    }
    done = real(fd);
    if (is == DIE_AFTER)
        die();
    return done;
}

static int64_t later; /* what the disk took, ms */
int64_t __real_clock_mono(void);
int64_t __wrap_clock_mono(void);
int64_t __wrap_clock_mono(void)
{
    return __real_clock_mono() + later;
}

int __wrap_fdatasync(int fd)
{
    later += slow;
    return sync_or(&syncing, __real_fdatasync, fd);
}

int __wrap_fsync(int fd)
{
    return sync_or(&fsyncing, __real_fsync, fd);
}

static int up(void **state)
{
    memset(&writing, 0, sizeof writing);
    memset(&syncing, 0, sizeof syncing);
    memset(&fsyncing, 0, sizeof fsyncing);
    return fixture_up(state);
}

/* Runs work in a child; the number of bytes it wrote to its pipe before it
 * ended, and how it ended. */
static int in_child(struct fixture *f, void (*work)(struct fixture *, int),
                    int *status)
{
    int pipes[2], n = 0;
    char byte;
    pid_t pid;

    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) {
        close(pipes[0]);
        work(f, pipes[1]);
        _exit(0);
    }
    close(pipes[1]);
    while (read(pipes[0], &byte, 1) == 1)
        n++;
    close(pipes[0]);
    assert_int_equal(waitpid(pid, status, 0), pid);
    return n;
}

static void append_ten(struct fixture *f, int pipe_fd)
{
    struct ledger *l = ledger_open(&f->a, f->folder, LEDGER_WRITE, &f->e);

    for (int i = 0; l && i < 10; i++)
        if (!fixture_note(l, "acknowledged when the byte is written", &f->e) ||
            write(pipe_fd, "a", 1) != 1)
            _exit(1);
}

struct count {
    int notes, recovered;
};

static bool count_kinds(void *ctx, const struct event *event)
{
    struct count *c = ctx;

    c->notes += event->kind == EVENT_NOTE;
    c->recovered += event->kind == EVENT_RECOVERED;
    return true;
}

static struct count look(struct fixture *f)
{
    struct ledger *l = fixture_open(f, LEDGER_WRITE);
    struct count c = {0};

    assert_non_null(l);
    assert_true(ledger_each(l, count_kinds, &c, &f->e));
    ledger_close(l);
    return c;
}

static void kill_at(struct fixture *f, struct planned *p, enum trouble is,
                    int at, size_t part)
{
    struct count before = look(f), after;
    int status, acknowledged;
    bool cut = is == DIE_WITHIN && part > 0;

    *p = (struct planned){.is = is, .at = at, .part = part};
    acknowledged = in_child(f, append_ten, &status);
    *p = (struct planned){0};
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(acknowledged, at - 1);
    after = look(f);
    assert_in_range(after.notes - before.notes, acknowledged, acknowledged + 1);
    assert_int_equal(after.recovered - before.recovered, cut);
}

static void a_kill_loses_nothing_acknowledged(void **state)
{
    struct fixture *f = *state;

    ledger_close(fixture_new(f));
    for (int at = 1; at <= 3; at++) {
        kill_at(f, &writing, DIE_BEFORE, at, 0);
        for (size_t part = 0; part < 200; part += 23)
            kill_at(f, &writing, DIE_WITHIN, at, part);
        kill_at(f, &writing, DIE_AFTER, at, 0);
        kill_at(f, &syncing, DIE_BEFORE, at, 0);
        kill_at(f, &syncing, DIE_AFTER, at, 0);
    }
}

static void a_writer_sets_aside_what_another_left(void **state)
{
    struct fixture *f = *state;
    struct ledger *l = fixture_new(f), *idle = fixture_open(f, LEDGER_WRITE);
    struct count c = {0};
    int status;

    assert_true(fixture_note(l, "before", &f->e));
    writing = (struct planned){.is = DIE_WITHIN, .at = 2, .part = 70};
    in_child(f, append_ten, &status);
    writing = (struct planned){0};
    assert_true(fixture_note(l, "after", &f->e));
    assert_true(ledger_each(l, count_kinds, &c, &f->e));
    assert_int_equal(c.notes, 3);
    assert_int_equal(c.recovered, 1);
    /* this one still has the file that was replaced */
    assert_true(fixture_note(idle, "and on", &f->e));
    assert_int_equal(ledger_seq(idle), 6);
    assert_true(ledger_refresh(l, &f->e));
    assert_string_equal(ledger_head(l), ledger_head(idle));
    ledger_close(l);
    ledger_close(idle);
}

static void open_it(struct fixture *f, int pipe_fd)
{
    struct ledger *l = ledger_open(&f->a, f->folder, LEDGER_WRITE, &f->e);

    if (l && write(pipe_fd, "o", 1) != 1)
        _exit(1);
}

static void create_it(struct fixture *f, int pipe_fd)
{
    if (!ledger_create(f->folder, "shop", &f->e) || write(pipe_fd, "c", 1) != 1)
        _exit(1);
}

/* Old or new, never neither; and what a kill left over is cleared. */
static void recovery_can_be_killed_anywhere(void **state)
{
    struct fixture *f = *state;
    int status, at = 1, opened = 0;

    ledger_close(fixture_new(f));
    do {
        int before = look(f).recovered;
        writing = (struct planned){.is = DIE_WITHIN, .at = 2, .part = 90};
        in_child(f, append_ten, &status);
        writing = (struct planned){0};
        fsyncing = (struct planned){.is = at % 2 ? DIE_BEFORE : DIE_AFTER,
                                    .at = (at + 1) / 2};
        opened = in_child(f, open_it, &status);
        fsyncing = (struct planned){0};
        assert_int_equal(opened, WIFEXITED(status));
        assert_true(ledger_exists(f->folder));
        assert_in_range(look(f).recovered - before, opened, 1);
        assert_int_equal(fixture_files(f, "ledger.tg"), 1);
        at++;
    } while (!opened);
    assert_true(at > 6); /* three syncs: torn bytes, new file, folder */
}

static void creation_can_be_killed_anywhere(void **state)
{
    struct fixture *f = *state;
    int status, at = 1, made;

    do {
        nftw(f->folder, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
        fsyncing = (struct planned){.is = at % 2 ? DIE_BEFORE : DIE_AFTER,
                                    .at = (at + 1) / 2};
        made = in_child(f, create_it, &status);
        fsyncing = (struct planned){0};
        if (!ledger_exists(f->folder))
            assert_true(ledger_create(f->folder, "shop", &f->e));
        ledger_close(fixture_open(f, LEDGER_WRITE));
        at++;
    } while (!made);
    assert_true(at > 2);
}

static void a_failed_sync_is_not_tried_again(void **state)
{
    struct fixture *f = *state;
    struct ledger *l = fixture_new(f);
    struct count c;

    assert_true(fixture_note(l, "good", &f->e));
    syncing = (struct planned){.is = FAIL, .at = 1, .error = EIO};
    assert_false(fixture_note(l, "nobody knows", &f->e));
    assert_int_equal(f->e.code, ERR_LEDGER);
    assert_non_null(strstr(f->e.why, "Input/output error"));
    assert_words(&f->e);
    assert_false(fixture_note(l, "no more", &f->e));
    assert_words(&f->e);
    assert_int_equal(syncing.calls, 1);
    assert_int_equal(ledger_seq(l), 2);
    ledger_close(l);
    /* the next process trusts only what was acknowledged */
    c = look(f);
    assert_int_equal(c.notes, 1);
    assert_int_equal(c.recovered, 1);
    assert_int_equal(fixture_files(f, "torn-"), 1);
    assert_int_equal(fixture_files(f, "ledger.unsynced"), 0);
    assert_int_equal(look(f).recovered, 1);
}

struct listener {
    struct progress progress;
    int warned;
    char text[200];
};

static void hear(struct progress *p, const struct progress_note *note)
{
    struct listener *x = (struct listener *)p;

    assert_int_equal(note->kind, PROGRESS_WARN);
    x->warned++;
    snprintf(x->text, sizeof x->text, "%s", note->text);
}

static void a_slow_disk_is_told(void **state)
{
    struct fixture *f = *state;
    struct ledger *l = fixture_new(f);
    struct listener x = {.progress = {hear}};

    ledger_tell(l, &x.progress);
    slow = 900;
    assert_true(fixture_note(l, "quick enough", &f->e));
    assert_int_equal(x.warned, 0);
    slow = 3020;
    assert_true(fixture_note(l, "slow", &f->e));
    slow = 0;
    assert_int_equal(x.warned, 1);
    assert_non_null(strstr(x.text, "ledger slow: 3.0 s"));
    ledger_close(l);
}

static void a_short_write_is_wiped(void **state)
{
    struct fixture *f = *state;
    struct ledger *l = fixture_new(f);
    struct ledger_report report;

    writing = (struct planned){.is = SHORT, .at = 1, .part = 77};
    assert_false(fixture_note(l, "cut short", &f->e));
    assert_string_equal(f->e.what, "ledger disk full");
    assert_words(&f->e);
    assert_true(ledger_verify(f->folder, &report, &f->e));
    assert_int_equal(report.torn, 0);
    assert_true(fixture_note(l, "there is room again", &f->e));
    assert_int_equal(ledger_seq(l), 2);
    ledger_close(l);
}

static void a_write_error_closes_the_ledger(void **state)
{
    struct fixture *f = *state;
    struct ledger *l = fixture_new(f);

    writing = (struct planned){.is = FAIL, .at = 1, .error = EIO};
    assert_false(fixture_note(l, "x", &f->e));
    assert_words(&f->e);
    assert_false(fixture_note(l, "x", &f->e));
    ledger_close(l);
    assert_int_equal(look(f).notes, 0);
}

/* In a child, since the limit cannot be lifted again. */
static void fill_the_disk(struct fixture *f, int pipe_fd)
{
    struct rlimit limit = {0};
    struct ledger *l = ledger_open(&f->a, f->folder, LEDGER_WRITE, &f->e);
    struct stat st;
    bool full = false;
    int i;

    signal(SIGXFSZ, SIG_IGN);
    if (!l || stat(f->path, &st) != 0)
        _exit(1);
    limit.rlim_cur = limit.rlim_max = (rlim_t)st.st_size;
    setrlimit(RLIMIT_FSIZE, &limit);
    for (i = 0; !full && i < 1000; i++) {
        struct json *j = json_new_object();
        char *large = arena_alloc(&f->a, 20001);
        memset(large, 'i', 20000);
        json_set_str(j, "what", large);
        full = !ledger_append(l, EVENT_INTENT, j, &f->e);
    }
    if (!full || strcmp(f->e.what, "ledger disk full") != 0 || !f->e.fix[0] ||
        f->e.code != ERR_LEDGER)
        _exit(2);
    /* no new effect, but what happened can be told */
    for (i = 0; i < 100; i++)
        if (!fixture_note(l, "stopped", &f->e))
            _exit(3);
    if (write(pipe_fd, "f", 1) != 1)
        _exit(4);
}

static void a_full_disk_still_takes_the_stop(void **state)
{
    struct fixture *f = *state;
    struct ledger_report report;
    int status;

    ledger_close(fixture_new(f));
    assert_int_equal(in_child(f, fill_the_disk, &status), 1);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(ledger_verify(f->folder, &report, &f->e));
    assert_int_equal(report.bad_seq, 0);
    assert_int_equal(look(f).notes, 100);
}

static void many_writers_make_one_chain(void **state)
{
    enum { WRITERS = 4, EACH = 10 };
    struct fixture *f = *state;
    pid_t pids[WRITERS];
    int status;

    ledger_close(fixture_new(f));
    for (int i = 0; i < WRITERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
            append_ten(f, null);
            _exit(0);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(look(f).notes, WRITERS * EACH);
    assert_int_equal(look(f).recovered, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_kill_loses_nothing_acknowledged),
        TEST(a_writer_sets_aside_what_another_left),
        TEST(recovery_can_be_killed_anywhere),
        TEST(creation_can_be_killed_anywhere),
        TEST(a_failed_sync_is_not_tried_again),
        TEST(a_slow_disk_is_told),
        TEST(a_short_write_is_wiped),
        TEST(a_write_error_closes_the_ledger),
        TEST(a_full_disk_still_takes_the_stop),
        TEST(many_writers_make_one_chain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
