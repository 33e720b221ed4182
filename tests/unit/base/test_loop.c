#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "runner/base/loop.h"
#include "tests/unit/base/forked.h"

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_signalfd(int fd, const sigset_t *mask, int flags);
int __real_signalfd(int fd, const sigset_t *mask, int flags);

static int poll_error; /* of the next poll, once */
static int last_timeout;
static bool no_signalfd;

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
    last_timeout = timeout;
    if (!poll_error)
        return __real_poll(fds, n, timeout);
    for (nfds_t i = 0; i < n; i++)
        fds[i].revents = POLLIN; /* after an error they say nothing */
    errno = poll_error;
    poll_error = 0;
    return -1;
}

int __wrap_signalfd(int fd, const sigset_t *mask, int flags)
{
    return no_signalfd ? -1 : __real_signalfd(fd, mask, flags);
}

_Noreturn void __wrap__exit(int status)
{
    forked_exit(status);
}

#define PAST (clock_mono() - 1000)

/* A source that notes each of its steps in `order`, then acts. */
struct probe {
    struct source source;
    char name;
    int steps;
    short revents;
    void (*act)(struct probe *);
    struct probe *other;
};

static struct loop *loop;
static char order[100];

static void probe_step(struct source *s, short revents, int64_t now)
{
    struct probe *p = s->ctx;
    size_t len = strlen(order);

    assert_true(now <= clock_mono());
    p->steps++;
    p->revents = revents;
    order[len] = p->name;
    order[len + 1] = '\0';
    if (p->act)
        p->act(p);
}

static void probe_add(struct probe *p, char name, int fd, int64_t deadline)
{
    p->source = (struct source){.fd = fd,
                                .events = POLLIN,
                                .deadline = deadline,
                                .step = probe_step,
                                .ctx = p};
    p->name = name;
    loop_add(loop, &p->source);
}

static void take_byte(struct probe *p)
{
    char c;

    assert_int_equal(read(p->source.fd, &c, 1), 1);
}

static void remove_other(struct probe *p)
{
    loop_remove(loop, &p->other->source);
}

static void remove_self(struct probe *p)
{
    loop_remove(loop, &p->source);
}

static int setup(void **state)
{
    (void)state;
    loop = loop_open();
    order[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    loop_close(loop);
    return 0;
}

/* A pipe with a byte in it. */
static void full_pipe(int ends[2])
{
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
}

static void close_pipe(int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

static void a_ready_descriptor_runs_its_step(void **state)
{
    struct probe in = {.act = take_byte}, out = {0};
    int ends[2];

    (void)state;
    full_pipe(ends);
    probe_add(&in, 'i', ends[0], CLOCK_NEVER);
    probe_add(&out, 'o', ends[1], CLOCK_NEVER);
    loop_add(loop, &in.source); /* twice is once */
    out.source.events = POLLOUT;
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "io");
    assert_int_equal(in.revents, POLLIN);
    assert_int_equal(out.revents, POLLOUT);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "ioo");
    loop_remove(loop, &out.source);
    loop_turn(loop, PAST);
    assert_string_equal(order, "ioo");
    close_pipe(ends);
}

static void passed_deadlines_run_earliest_first(void **state)
{
    struct probe a = {0}, b = {0}, c = {0}, d = {0}, io = {.act = take_byte};
    int64_t now = clock_mono();
    int ends[2];

    (void)state;
    full_pipe(ends);
    probe_add(&a, 'a', -1, now - 1);
    probe_add(&b, 'b', -1, now - 3);
    probe_add(&c, 'c', -1, now - 2);
    probe_add(&d, 'd', -1, now + 3600000);
    probe_add(&io, 'i', ends[0], CLOCK_NEVER);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "ibca");
    assert_int_equal(a.revents, 0);
    close_pipe(ends);
}

static void a_source_runs_once_a_turn(void **state)
{
    struct probe late = {0}, both = {.act = take_byte};
    int ends[2];

    (void)state;
    full_pipe(ends);
    probe_add(&late, 'l', -1, PAST); /* never moves its deadline */
    probe_add(&both, 'b', ends[0], PAST);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "bl");
    assert_int_equal(both.revents, POLLIN);
    close_pipe(ends);
}

static void the_nearest_deadline_bounds_the_wait(void **state)
{
    struct probe soon = {0}, far = {0};

    (void)state;
    probe_add(&far, 'f', -1, clock_mono() + (INT64_C(1) << 50));
    probe_add(&soon, 's', -1, clock_mono() + 2);
    loop_turn(loop, CLOCK_NEVER);
    assert_in_range(last_timeout, 0, 2);
    assert_string_equal(order, "s");
    loop_remove(loop, &soon.source);
    raise(SIGHUP); /* so that the long waits end at once */
    loop_turn(loop, CLOCK_NEVER);
    assert_int_equal(last_timeout, INT32_MAX);
    loop_remove(loop, &far.source);
    raise(SIGHUP);
    loop_turn(loop, CLOCK_NEVER);
    assert_int_equal(last_timeout, -1);
    loop_turn(loop, PAST);
    assert_int_equal(last_timeout, 0);
}

static void a_source_removed_by_a_step_does_not_run(void **state)
{
    struct probe a = {.act = remove_other}, b = {0}, c = {.act = remove_self};
    struct probe x = {.act = remove_other}, y = {0};
    int ends[2];

    (void)state;
    full_pipe(ends);
    a.other = &b;
    x.other = &y;
    probe_add(&a, 'a', ends[0], CLOCK_NEVER);
    probe_add(&b, 'b', ends[0], CLOCK_NEVER);
    probe_add(&c, 'c', ends[0], CLOCK_NEVER);
    probe_add(&x, 'x', -1, clock_mono() - 2);
    probe_add(&y, 'y', -1, clock_mono() - 1);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "acx");
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "acxax");
    loop_remove(loop, &b.source); /* unknown: no effect */
    close_pipe(ends);
}

static struct probe added[40];

static void add_many(struct probe *p)
{
    (void)p;
    for (int i = 0; i < 40; i++)
        probe_add(&added[i], 'n', -1, PAST);
    loop_remove(loop, &p->source);
}

static void sources_added_by_a_step_wait_for_the_next_turn(void **state)
{
    struct probe a = {.act = add_many}, b = {0};

    (void)state;
    probe_add(&a, 'a', -1, PAST - 1000);
    probe_add(&b, 'b', -1, PAST);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "ab");
    loop_turn(loop, CLOCK_NEVER);
    assert_int_equal(strlen(order), 2 + 1 + 40);
    for (int i = 0; i < 40; i++)
        assert_int_equal(added[i].steps, 1);
}

static void readd_other(struct probe *p)
{
    loop_remove(loop, &p->other->source);
    loop_add(loop, &p->other->source);
}

static void a_source_removed_and_added_again_waits_too(void **state)
{
    struct probe a = {.act = readd_other}, b = {0};

    (void)state;
    a.other = &b;
    probe_add(&a, 'a', -1, PAST - 1000);
    probe_add(&b, 'b', -1, PAST);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "a");
    remove_self(&a);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "ab");
}

static void drop_descriptor(struct probe *p)
{
    p->other->source.fd = -1;
}

static void drop_events(struct probe *p)
{
    p->other->source.events = POLLOUT;
}

static void what_a_step_changed_counts_at_once(void **state)
{
    struct probe a = {.act = drop_descriptor}, b = {0};
    struct probe c = {.act = drop_events}, d = {0};
    int ends[2];

    (void)state;
    full_pipe(ends);
    a.other = &b;
    c.other = &d;
    probe_add(&a, 'a', ends[0], CLOCK_NEVER);
    probe_add(&b, 'b', ends[0], CLOCK_NEVER);
    probe_add(&c, 'c', ends[0], CLOCK_NEVER);
    probe_add(&d, 'd', ends[0], CLOCK_NEVER);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "ac");
    close_pipe(ends);
}

static void a_hang_up_is_told_but_not_to_the_deaf(void **state)
{
    struct probe hears = {0}, deaf = {0};
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    close(ends[1]);
    probe_add(&hears, 'h', ends[0], CLOCK_NEVER);
    probe_add(&deaf, 'd', ends[0], CLOCK_NEVER);
    deaf.source.events = 0;
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "h");
    assert_int_equal(hears.revents, POLLHUP);
    close(ends[0]);
    loop_turn(loop, CLOCK_NEVER);
    assert_int_equal(hears.revents, POLLNVAL);
}

static bool has_run(void *arg)
{
    return ((struct probe *)arg)->steps > 0;
}

static void until_ends_when_done_or_late(void **state)
{
    struct probe a = {.act = remove_self}, b = {0};

    (void)state;
    probe_add(&a, 'a', -1, PAST);
    assert_true(loop_until(loop, has_run, &a, CLOCK_NEVER));
    assert_true(loop_until(loop, has_run, &a, PAST)); /* asked before all */
    assert_false(loop_until(loop, has_run, &b, clock_mono() + 1));
    assert_true(loop_sleep(loop, 1));
}

static void signals_are_counted_and_wake(void **state)
{
    struct probe busy = {0}, b = {0};
    int ends[2];

    (void)state;
    assert_int_equal(loop_stops(loop), 0);
    assert_int_equal(loop_stop_signal(loop), 0);
    raise(SIGINT);
    assert_false(loop_sleep(loop, 3600000));
    assert_int_equal(loop_stops(loop), 1);
    assert_int_equal(loop_stop_signal(loop), SIGINT);

    /* a stop of long ago ends no new wait */
    assert_true(loop_sleep(loop, 1));

    /* other descriptors that are always ready do not hide one */
    full_pipe(ends);
    probe_add(&busy, 'b', ends[0], CLOCK_NEVER);
    raise(SIGTERM);
    assert_false(loop_until(loop, has_run, &b, CLOCK_NEVER));
    assert_int_equal(loop_stops(loop), 2);
    assert_int_equal(loop_stop_signal(loop), SIGTERM);
    close_pipe(ends);
}

static void an_interrupted_poll_runs_only_what_is_due(void **state)
{
    struct probe a = {0}, b = {0};
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    probe_add(&a, 'a', ends[0], CLOCK_NEVER);
    probe_add(&b, 'b', -1, PAST);
    poll_error = EINTR;
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "b");
    close_pipe(ends);
}

static void signals_are_given_back(void **state)
{
    struct sigaction pipe_action;
    sigset_t before, within, after;
    struct loop *l;
    int ends[2];

    (void)state;
    sigprocmask(SIG_SETMASK, NULL, &before);
    l = loop_open();
    sigprocmask(SIG_SETMASK, NULL, &within);
    assert_true(sigismember(&within, SIGHUP));
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1); /* and we still live */
    assert_int_equal(errno, EPIPE);
    close(ends[1]);
    loop_close(l);
    sigprocmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&after, SIGHUP), sigismember(&before, SIGHUP));
    sigaction(SIGPIPE, NULL, &pipe_action);
    assert_true(pipe_action.sa_handler == SIG_DFL);
}

static void an_ignored_signal_stays_ignored(void **state)
{
    struct loop *l;

    (void)state;
    signal(SIGHUP, SIG_IGN); /* nohup */
    l = loop_open();
    raise(SIGHUP);
    assert_true(loop_sleep(l, 1));
    assert_int_equal(loop_stops(l), 0);
    loop_close(l);
    signal(SIGHUP, SIG_DFL);
}

static void turn_within(struct probe *p)
{
    (void)p;
    loop_turn(loop, PAST);
}

static void nested_turn(void *arg)
{
    struct probe a = {.act = turn_within};

    (void)arg;
    probe_add(&a, 'a', -1, PAST);
    loop_turn(loop, CLOCK_NEVER);
}

static void broken_poll(void *arg)
{
    (void)arg;
    poll_error = ENOMEM;
    loop_turn(loop, CLOCK_NEVER);
}

static void broken_signalfd(void *arg)
{
    (void)arg;
    no_signalfd = true;
    loop_open();
}

static void misuse_is_a_bug(void **state)
{
    void (*const misuses[])(void *) = {nested_turn, broken_poll,
                                       broken_signalfd};
    static const char *const says[] = {"a step runs the loop",
                                       "poll: ", "signalfd: "};
    char said[300];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(forked(misuses[i], NULL, said, sizeof(said)), 70);
        assert_non_null(strstr(said, says[i]));
    }
}

#define with_loop(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_loop(a_ready_descriptor_runs_its_step),
        with_loop(passed_deadlines_run_earliest_first),
        with_loop(a_source_runs_once_a_turn),
        with_loop(the_nearest_deadline_bounds_the_wait),
        with_loop(a_source_removed_by_a_step_does_not_run),
        with_loop(sources_added_by_a_step_wait_for_the_next_turn),
        with_loop(a_source_removed_and_added_again_waits_too),
        with_loop(what_a_step_changed_counts_at_once),
        with_loop(a_hang_up_is_told_but_not_to_the_deaf),
        with_loop(until_ends_when_done_or_late),
        with_loop(signals_are_counted_and_wake),
        with_loop(an_interrupted_poll_runs_only_what_is_due),
        cmocka_unit_test(signals_are_given_back),
        cmocka_unit_test(an_ignored_signal_stays_ignored),
        with_loop(misuse_is_a_bug),
    };

    signal(SIGHUP, SIG_DFL); /* also under nohup, and in the background */
    signal(SIGINT, SIG_DFL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
