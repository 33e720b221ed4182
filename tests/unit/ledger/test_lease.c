#include <signal.h>
#include <sys/wait.h>

#include "runner/ledger/identity.h"
#include "tests/unit/ledger/fixture.h"

static void a_lease_takes_an_epoch(void **state)
{
    struct fixture *f = *state;
    struct ledger *l = fixture_new(f);

    assert_int_equal(ledger_epoch(l), 0);
    assert_false(ledger_lease_held(l));
    assert_true(ledger_lease(l, "production", "r1", &f->e));
    assert_int_equal(ledger_epoch(l), 1);
    assert_int_equal(ledger_seq(l), 2);
    assert_true(ledger_lease_held(l));
    assert_true(fixture_note(l, "x", &f->e));
    ledger_unlease(l);
    assert_false(ledger_lease_held(l));
    assert_true(ledger_lease(l, "production", "r2", &f->e));
    assert_int_equal(ledger_epoch(l), 2);
    ledger_close(l);
}

/* The same epoch, taken from two copies of one ledger: another claim. */
static void each_epoch_has_its_own_claim(void **state)
{
    struct fixture *f = *state;
    struct ledger *l = fixture_new(f);
    const char *first;
    size_t len;
    char *copy = fixture_bytes(f, &len);

    assert_string_equal(ledger_claim(l), "");
    assert_true(ledger_lease(l, "production", "r1", &f->e));
    first = arena_strdup(&f->a, ledger_claim(l));
    assert_int_equal(strlen(first), 64);
    assert_true(fixture_note(l, "x", &f->e));
    assert_string_equal(ledger_claim(l), first);
    ledger_close(l);
    fixture_put(f, copy, len);
    l = fixture_open(f, LEDGER_WRITE);
    assert_true(ledger_lease(l, "production", "r1", &f->e));
    assert_int_equal(ledger_epoch(l), 1);
    assert_string_not_equal(ledger_claim(l), first);
    ledger_unlease(l);
    assert_string_equal(ledger_claim(l), "");
    ledger_close(l);
}

struct epochs {
    int64_t epoch[16];
    int n;
};

static bool note_epoch(void *ctx, const struct event *event)
{
    struct epochs *x = ctx;

    x->epoch[x->n++] = event->epoch;
    return x->n < 16;
}

static void others_learn_who_holds_it(void **state)
{
    struct fixture *f = *state;
    struct ledger *one = fixture_new(f), *two = fixture_open(f, LEDGER_WRITE);
    struct ledger *reader = fixture_open(f, LEDGER_READ);
    struct lease_holder h;
    char words[64], boot[64];
    struct epochs x = {0};

    assert_false(ledger_lease_holder(reader, &f->a, "production", &h));
    assert_true(ledger_lease(one, "production", "r1", &f->e));
    assert_true(ledger_lease_holder(reader, &f->a, "production", &h));
    assert_string_equal(h.run, "r1");
    assert_int_equal(h.pid, getpid());
    assert_int_equal(h.epoch, 1);
    assert_int_equal(h.start, process_start());
    assert_string_equal(h.boot, machine_boot(boot));
    assert_true(h.since > 1600000000);
    assert_true(ledger_lease_holder(one, &f->a, "production", &h));
    assert_false(ledger_lease_holder(one, &f->a, "staging", &h));
    assert_false(ledger_lease_holder(one, &f->a, "../production", &h));

    assert_false(ledger_lease(two, "production", "r2", &f->e));
    assert_int_equal(f->e.code, ERR_HELD);
    assert_words(&f->e);
    assert_non_null(strstr(f->e.why, "run r1"));
    snprintf(words, sizeof words, "pid %d, since 20", (int)getpid());
    assert_non_null(strstr(f->e.why, words));
    assert_false(ledger_lease_held(two));
    /* single statements go on meanwhile, under the epoch in force */
    assert_true(fixture_note(two, "a freeze", &f->e));
    assert_true(fixture_note(one, "the run", &f->e));
    assert_true(ledger_lease_held(one));
    assert_true(ledger_each(one, note_epoch, &x, &f->e));
    assert_int_equal(x.epoch[0], 0);
    assert_int_equal(x.epoch[1], 1);
    assert_int_equal(x.epoch[2], 1);
    ledger_unlease(one);
    assert_true(ledger_lease(two, "production", "r2", &f->e));
    assert_int_equal(ledger_epoch(two), 2);
    ledger_close(one);
    ledger_close(two);
    ledger_close(reader);
}

static void environments_do_not_disturb_each_other(void **state)
{
    struct fixture *f = *state;
    struct ledger *one = fixture_new(f), *two = fixture_open(f, LEDGER_WRITE);
    struct ledger_report report;

    assert_true(ledger_lease(one, "production", "r1", &f->e));
    assert_true(ledger_lease(two, "staging", "r2", &f->e));
    assert_true(fixture_note(one, "x", &f->e));
    assert_true(fixture_note(two, "x", &f->e));
    assert_true(fixture_note(one, "x", &f->e));
    assert_int_equal(ledger_epoch(one), 1);
    assert_int_equal(ledger_epoch(two), 2);
    assert_true(ledger_verify(f->folder, &report, &f->e));
    assert_int_equal(report.bad_seq, 0);
    ledger_close(one);
    ledger_close(two);
}

static void a_superseded_run_appends_nothing(void **state)
{
    struct fixture *f = *state;
    struct ledger *old = fixture_new(f), *new = fixture_open(f, LEDGER_WRITE);
    char path[256];

    snprintf(path, sizeof path, "%s/production.lease", f->folder);
    assert_true(ledger_lease(old, "production", "r1", &f->e));
    assert_int_equal(unlink(path), 0);
    assert_false(fixture_note(old, "x", &f->e));
    assert_int_equal(f->e.code, ERR_LEDGER);
    assert_non_null(strstr(f->e.what, "production.lease was removed"));
    assert_words(&f->e);
    ledger_unlease(old);

    assert_true(ledger_lease(old, "production", "r1", &f->e));
    assert_int_equal(unlink(path), 0);
    assert_true(ledger_lease(new, "production", "r2", &f->e));
    assert_false(ledger_lease_held(old));
    assert_false(fixture_note(old, "x", &f->e));
    assert_string_equal(f->e.what, "superseded by epoch 3, run r2");
    assert_words(&f->e);
    assert_true(fixture_note(new, "x", &f->e));
    ledger_close(old);
    ledger_close(new);
}

static void a_dead_holder_holds_nothing(void **state)
{
    struct fixture *f = *state;
    struct ledger *l = fixture_new(f);
    struct lease_holder h;
    int pipes[2], status;
    char byte;
    pid_t pid;

    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) {
        struct ledger *mine = fixture_open(f, LEDGER_WRITE);
        if (!mine || !ledger_lease(mine, "production", "r1", &f->e) ||
            write(pipes[1], "l", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_true(ledger_lease_holder(l, &f->a, "production", &h));
    assert_int_equal(h.pid, pid);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(pipes[0]);
    close(pipes[1]);
    assert_false(ledger_lease_holder(l, &f->a, "production", &h));
    assert_true(ledger_lease(l, "production", "r2", &f->e));
    assert_int_equal(ledger_epoch(l), 2);
    ledger_close(l);
}

static void bad_names_and_links_are_refused(void **state)
{
    static const char *const names[] = {"",     ".",   "..", "a/b",
                                        "../x", "a b", "a\n"};
    struct fixture *f = *state;
    struct ledger *l = fixture_new(f);
    char path[256], victim[256];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_false(ledger_lease(l, names[i], "r1", &f->e));
        assert_int_equal(f->e.code, ERR_CONFIG);
        assert_words(&f->e);
    }
    snprintf(path, sizeof path, "%s/production.lease", f->folder);
    snprintf(victim, sizeof victim, "%s/victim", f->top);
    assert_true(file_write(victim, "keep me", 7, 0600, &f->e));
    assert_int_equal(symlink(victim, path), 0);
    assert_false(ledger_lease(l, "production", "r1", &f->e));
    assert_words(&f->e);
    {
        char *bytes;
        size_t len;
        assert_true(
            file_read(victim, 100, ERR_INPUT, &f->a, &bytes, &len, &f->e));
        assert_string_equal(bytes, "keep me");
    }
    assert_int_equal(ledger_seq(l), 1);
    ledger_close(l);
}

/* Reports 'w' or 'h', and holds what it has until the parent lets go. */
static void contend(struct fixture *f, int report, int release)
{
    struct ledger *l = ledger_open(&f->a, f->folder, LEDGER_WRITE, &f->e);
    bool won = l && ledger_lease(l, "production", "r", &f->e);
    const char *word = won ? "w" : f->e.code == ERR_HELD ? "h" : "?";
    char byte;

    if (write(report, word, 1) != 1)
        _exit(1);
    while (read(release, &byte, 1) > 0)
        ;
    _exit(0);
}

static void of_two_that_start_together_one_wins(void **state)
{
    struct fixture *f = *state;

    ledger_close(fixture_new(f));
    for (int round = 0; round < 100; round++) {
        int report[2], release[2], status;
        char words[2];
        pid_t pids[2];

        assert_int_equal(pipe(report), 0);
        assert_int_equal(pipe(release), 0);
        for (int i = 0; i < 2; i++) {
            pids[i] = fork();
            if (pids[i] == 0) {
                close(release[1]);
                contend(f, report[1], release[0]);
            }
        }
        for (int i = 0; i < 2; i++)
            assert_int_equal(read(report[0], &words[i], 1), 1);
        assert_int_equal(words[0] == 'w', words[1] == 'h');
        assert_int_equal(words[0] == 'h', words[1] == 'w');
        close(release[0]);
        close(release[1]);
        close(report[0]);
        close(report[1]);
        for (int i = 0; i < 2; i++)
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
    }
}

static void we_have_a_name(void **state)
{
    struct fixture *f = *state;

    assert_non_null(strchr(ledger_who(&f->a), '@'));
    assert_true(process_start() > 0);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lease_takes_an_epoch),
        TEST(each_epoch_has_its_own_claim),
        TEST(others_learn_who_holds_it),
        TEST(environments_do_not_disturb_each_other),
        TEST(a_superseded_run_appends_nothing),
        TEST(a_dead_holder_holds_nothing),
        TEST(bad_names_and_links_are_refused),
        TEST(of_two_that_start_together_one_wins),
        TEST(we_have_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
