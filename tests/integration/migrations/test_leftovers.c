/* Rehearsals cut short, by a signal or by kill -9: nothing is left, or the next
 * one finds it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "migrations/rehearse/clone.h"
#include "migrations/rehearse/compare.h"
#include "runner/base/buf.h"
#include "runner/base/file.h"
#include "tests/integration/migrations/rehearsing.h"

static void stop_now(struct source *s, short revents, int64_t now)
{
    (void)revents;
    (void)now;
    s->deadline = CLOCK_NEVER;
    raise(SIGTERM);
}

static void a_stop_signal_removes_the_clone(void **state)
{
    struct fixture *f = *state;
    const struct migration *m = one(f, "SELECT pg_sleep(60)", NULL);
    /* in CREATE DATABASE, in the copy, in the statement */
    static const int after_ms[] = {1, 30, 60, 150, 250, 300, 2500};

    database_make(f, "shop", SHOP);
    for (size_t i = 0; i < sizeof after_ms / sizeof *after_ms; i++) {
        struct rehearse_settings s = by_dump(f, "shop");
        struct source timer = {
            .fd = -1, .deadline = clock_mono() + after_ms[i], .step = stop_now};
        loop_add(f->loop, &timer);
        assert_false(rehearse(f, &s, &m, 1));
        loop_remove(f->loop, &timer);
        assert_int_equal(f->e.code, ERR_INTERRUPTED);
        assert_int_equal(clones_left(f), 0);
    }
}

static void a_stop_signal_ends_a_copy_that_waits(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m = one(f, "SELECT 1", NULL);
    struct source timer = {.fd = -1, .step = stop_now};
    struct pg_result r;
    struct pg *pg;

    database_make(f, "shop", SHOP);
    pg = pg_open(f->loop, s.from, "test", 0, &f->e);
    assert_true(pg_run(pg, &f->a,
                       "SET idle_in_transaction_session_timeout = '20s';"
                       "BEGIN; LOCK TABLE public.orders",
                       &r, &f->e));
    s.production = NULL; /* whose sizes could not be read now */
    timer.deadline = clock_mono() + 1500;
    loop_add(f->loop, &timer);
    assert_false(rehearse(f, &s, &m, 1));
    loop_remove(f->loop, &timer);
    assert_int_equal(f->e.code, ERR_INTERRUPTED);
    pg_close(pg);
    assert_int_equal(clones_left(f), 0);
}

static _Noreturn void rehearse_in_child(const struct migration *m)
{
    struct fixture *f;

    if (fixture_open((void **)&f) == 0) {
        struct rehearse_settings s = by_dump(f, "shop");
        rehearse(f, &s, &m, 1);
    }
    _exit(1);
}

static void after_kill_9_the_next_one_sweeps(void **state)
{
    struct fixture *f = *state;
    const struct migration *m =
        one(f, "SELECT pg_sleep(60) /* tg long */", NULL);
    const char **swept;
    size_t n = 0;
    pid_t pid;

    database_make(f, "shop", SHOP);
    pid = fork();
    if (pid == 0)
        rehearse_in_child(m);
    assert_true(wait_for(f,
                         "SELECT count(*) FROM pg_stat_activity WHERE query "
                         "LIKE 'SELECT pg_sleep(60) /* tg long%'",
                         "1"));
    assert_int_equal(clones_left(f), 1);
    assert_true(clone_sweep(f->loop, &f->a, conninfo_of(f, "postgres"), &swept,
                            &n, &f->e));
    assert_int_equal(n, 0); /* its run lives */
    assert_int_equal(clones_left(f), 1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_true(wait_for(f,
                         "SELECT count(*) FROM pg_locks "
                         "WHERE locktype = 'advisory'",
                         "0"));
    assert_true(clone_leftovers(f->loop, &f->a, conninfo_of(f, "postgres"),
                                &swept, &n, &f->e));
    assert_int_equal(n, 1);
    assert_int_equal(clones_left(f), 1);
    m = one(f, "SELECT 1", NULL);
    {
        struct rehearse_settings s = by_dump(f, "shop");
        must(f, rehearse(f, &s, &m, 1)); /* must: none is left */
    }
}

/* `create` makes the clone and hangs; what it leaves is `destroy`'s. */
static const char hanging[] =
    "#!/bin/sh\n"
    "echo \"$1 $2\" >>\"$(dirname \"$0\")/log\"\n"
    "case $1 in\n"
    "create) psql -qXd \"@C@\" -c \"CREATE DATABASE \\\"$2\\\"\" >&2\n"
    "PGOPTIONS='-c client_connection_check_interval=50' "
    "psql -qXd \"@C@\" -c 'SELECT pg_sleep(60) /* tg create */' ;;\n"
    "destroy) psql -qXd \"@C@\" -c \"DROP DATABASE IF EXISTS \\\"$2\\\"\" ;;\n"
    "esac\n";
#define CREATING                                              \
    "SELECT count(*) FROM pg_stat_activity WHERE query LIKE " \
    "'SELECT pg_sleep(60) /* tg create%'"

static void stop_when_creating(struct source *s, short revents, int64_t now)
{
    if (file_exists(s->ctx))
        stop_now(s, revents, now);
    else
        s->deadline = now + 10;
}

static void a_stop_signal_destroys_what_a_command_began(void **state)
{
    struct fixture *f = *state;
    char folder[] = "/tmp/tgcmd.XXXXXX", *path;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m = one(f, "SELECT 1", NULL);
    struct source timer = {.fd = -1, .step = stop_when_creating};

    database_make(f, "shop", SHOP);
    s.how = CLONE_BY_COMMAND;
    s.argument = path = program_make(f, folder, hanging);
    s.notes = arena_printf(&f->a, "%s/notes", folder);
    timer.ctx = arena_printf(&f->a, "%s/log", folder);
    loop_add(f->loop, &timer);
    assert_false(rehearse(f, &s, &m, 1));
    loop_remove(f->loop, &timer);
    assert_int_equal(f->e.code, ERR_INTERRUPTED);
    assert_int_equal(clones_left(f), 0);
    assert_non_null(strstr(program_log(f, path), "destroy "));
    assert_true(wait_for(f, CREATING, "0"));
    program_remove(f, path);
}

static _Noreturn void command_in_child(const struct rehearse_settings *given,
                                       const struct migration *m)
{
    struct fixture *f;

    if (fixture_open((void **)&f) == 0)
        rehearse(f, given, &m, 1);
    _exit(1);
}

/* Really killed, while `create` runs: that one goes on by itself. */
static void after_kill_9_a_command_is_told_to_destroy(void **state)
{
    struct fixture *f = *state;
    char folder[] = "/tmp/tgcmd.XXXXXX", *path;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m = one(f, "SELECT 1", NULL);
    const char **names, *run = s.run;
    size_t n;
    pid_t pid;

    database_make(f, "shop", SHOP);
    s.how = CLONE_BY_COMMAND;
    s.argument = path = program_make(f, folder, hanging);
    s.notes = arena_printf(&f->a, "%s/notes", folder);
    pid = fork();
    if (pid == 0)
        command_in_child(&s, m);
    assert_true(wait_for(f, CREATING, "1"));
    assert_true(clone_commands_left(&f->a, s.notes, &names, &n, &f->e));
    assert_int_equal(n, 0); /* its run lives */
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_string_equal(database_ask(f, "postgres", CREATING), "1");
    assert_true(clone_commands_left(&f->a, s.notes, &names, &n, &f->e));
    assert_int_equal(n, 1);
    assert_string_equal(names[0],
                        arena_printf(&f->a, "tidegate_%s of %s", run, path));
    /* a rehearsal of another kind finds it all the same */
    s.how = CLONE_BY_SCHEMA;
    s.run = "other";
    must(f, rehearse(f, &s, &m, 1));
    assert_true(wait_for(f, CREATING, "0"));
    assert_string_equal(program_log(f, path),
                        arena_printf(&f->a,
                                     "create tidegate_%s\n"
                                     "destroy tidegate_%s\n",
                                     run, run));
    program_remove(f, path);
}

/* One that cannot be destroyed is told, and tried again the next time. */
static void a_clone_that_resists_stays_known(void **state)
{
    static const char stubborn[] = "#!/bin/sh\n[ $1 = destroy ] || exit 1\n"
                                   "test -e \"$0.free\" || exit 7\n";
    struct fixture *f = *state;
    char folder[] = "/tmp/tgcmd.XXXXXX", *path;
    struct rehearse_settings s = by_dump(f, "shop");
    const struct migration *m = one(f, "SELECT 1", NULL);
    const char **names, *freed, *half;
    size_t n;

    database_make(f, "shop", SHOP);
    s.how = CLONE_BY_COMMAND;
    s.argument = path = program_make(f, folder, stubborn);
    s.notes = arena_printf(&f->a, "%s/notes", folder);
    assert_false(rehearse(f, &s, &m, 1));
    assert_non_null(strstr(f->e.fix, "is left of it: "));
    assert_false(
        clone_commands_sweep(f->loop, &f->a, s.notes, &names, &n, &f->e));
    assert_int_equal(n, 0);
    assert_true(*f->e.why && *f->e.fix);
    freed = arena_printf(&f->a, "%s.free", path);
    assert_true(file_write(freed, "", 0, 0600, &f->e));
    assert_true(
        clone_commands_sweep(f->loop, &f->a, s.notes, &names, &n, &f->e));
    assert_int_equal(n, 1);
    assert_true(clone_commands_left(&f->a, s.notes, &names, &n, &f->e));
    assert_int_equal(n, 0);
    /* killed before the note was whole: `create` was not called */
    half = arena_printf(&f->a, "%s/tidegate_x.clone.part", s.notes);
    assert_true(file_write(half, "{", 1, 0600, &f->e));
    assert_true(clone_commands_left(&f->a, s.notes, &names, &n, &f->e));
    assert_int_equal(n, 0);
    assert_true(file_exists(half));
    assert_true(
        clone_commands_sweep(f->loop, &f->a, s.notes, &names, &n, &f->e));
    assert_int_equal(n, 0);
    assert_false(file_exists(half));
    unlink(freed);
    program_remove(f, path);
}

/* As if killed between CREATE DATABASE and COMMENT. */
static void a_clone_without_its_comment_is_swept(void **state)
{
    struct fixture *f = *state;
    const char **names;
    size_t n;

    database_run(f, "postgres",
                 arena_printf(&f->a,
                              "CREATE DATABASE tidegate_half CONNECTION "
                              "LIMIT %d",
                              CLONE_MARK_LIMIT));
    database_make(f, "tidegate_mine", NULL); /* somebody else's */
    assert_true(clone_sweep(f->loop, &f->a, conninfo_of(f, "postgres"), &names,
                            &n, &f->e));
    assert_int_equal(n, 1);
    assert_string_equal(names[0], "tidegate_half");
    assert_int_equal(clones_left(f), 1);
    database_run(f, "postgres", "DROP DATABASE tidegate_mine");
}

#define T(name) \
    cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_stop_signal_removes_the_clone),
        T(a_stop_signal_ends_a_copy_that_waits),
        T(a_stop_signal_destroys_what_a_command_began),
        T(after_kill_9_the_next_one_sweeps),
        T(after_kill_9_a_command_is_told_to_destroy),
        T(a_clone_that_resists_stays_known),
        T(a_clone_without_its_comment_is_swept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
