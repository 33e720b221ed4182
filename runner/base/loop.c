#include "runner/base/loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"

/* A source in the table. `source` becomes NULL when it is removed during a
 * turn; the row goes when the turn ends. */
struct row {
    struct source *source;
    bool ran; /* in this turn */
};

struct loop {
    struct row *rows;
    struct pollfd *polled; /* [0] the signals, [i + 1] of rows[i] */
    size_t n, cap;
    int signals;   /* signalfd */
    sigset_t mask; /* ours before loop_open */
    struct sigaction pipe;
    int stops, last_signal;
    bool in_turn;
};

/* A signal that was ignored when we started (nohup) is left alone: blocked, it
 * would be queued all the same. */
static sigset_t stop_signals(void)
{
    static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction now;
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
        sigaction(stops[i], NULL, &now);
        if (now.sa_handler != SIG_IGN)
            sigaddset(&set, stops[i]);
    }
    return set;
}

/* The signals are blocked and read from a descriptor: no handler, nothing
 * interrupted, and none is lost between two polls. */
static void take_signals(struct loop *l)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t stop = stop_signals();

    sigprocmask(SIG_BLOCK, &stop, &l->mask);
    sigaction(SIGPIPE, &ignore, &l->pipe);
    l->signals = signalfd(-1, &stop, SFD_NONBLOCK | SFD_CLOEXEC);
    if (l->signals < 0)
        BUG("signalfd: %s", strerror(errno));
}

static void reserve(struct loop *l, size_t n)
{
    l->cap = n;
    l->rows = must_realloc(l->rows, n * sizeof(*l->rows));
    l->polled = must_realloc(l->polled, (n + 1) * sizeof(*l->polled));
}

struct loop *loop_open(void)
{
    struct loop *l = must_malloc(sizeof(*l));

    memset(l, 0, sizeof(*l));
    reserve(l, 16);
    take_signals(l);
    return l;
}

void loop_close(struct loop *l)
{
    close(l->signals);
    sigaction(SIGPIPE, &l->pipe, NULL);
    sigprocmask(SIG_SETMASK, &l->mask, NULL);
    free(l->rows);
    free(l->polled);
    free(l);
}

static struct row *row_of(struct loop *l, const struct source *s)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->rows[i].source == s)
            return &l->rows[i];
    return NULL;
}

void loop_add(struct loop *l, struct source *s)
{
    if (row_of(l, s))
        return;
    if (l->n == l->cap)
        reserve(l, 2 * l->cap);
    l->rows[l->n++] = (struct row){.source = s};
}

static void drop_empty_rows(struct loop *l)
{
    size_t kept = 0;

    for (size_t i = 0; i < l->n; i++)
        if (l->rows[i].source)
            l->rows[kept++] = l->rows[i];
    l->n = kept;
}

void loop_remove(struct loop *l, struct source *s)
{
    struct row *row = row_of(l, s);

    if (row)
        row->source = NULL;
    if (!l->in_turn)
        drop_empty_rows(l);
}

/* Fills the table for poll(2); returns when the first deadline falls. A
 * descriptor without events is left out: POLLHUP, which nobody can turn off,
 * would make the loop spin. */
static int64_t prepare(struct loop *l, int64_t wake)
{
    l->polled[0] = (struct pollfd){.fd = l->signals, .events = POLLIN};
    for (size_t i = 0; i < l->n; i++) {
        const struct source *s = l->rows[i].source;

        l->rows[i].ran = false;
        l->polled[i + 1] =
            (struct pollfd){.fd = s->events ? s->fd : -1, .events = s->events};
        wake = s->deadline < wake ? s->deadline : wake;
    }
    return wake;
}

static int poll_timeout(int64_t wake, int64_t now)
{
    if (wake == CLOCK_NEVER)
        return -1;
    if (wake <= now)
        return 0;
    return wake - now < INT_MAX ? (int)(wake - now) : INT_MAX;
}

static void wait_for_events(struct loop *l, int64_t wake)
{
    int n = poll(l->polled, l->n + 1, poll_timeout(wake, clock_mono()));

    if (n >= 0)
        return;
    if (errno != EINTR)
        BUG("poll: %s", strerror(errno));
    for (size_t i = 0; i <= l->n; i++)
        l->polled[i].revents = 0;
}

static void count_signals(struct loop *l)
{
    struct signalfd_siginfo info;

    while (read(l->signals, &info, sizeof(info)) == sizeof(info)) {
        l->stops++;
        l->last_signal = (int)info.ssi_signo;
    }
}

static void run(struct loop *l, size_t i, short revents, int64_t now)
{
    l->rows[i].ran = true;
    l->rows[i].source->step(l->rows[i].source, revents, now);
}

/* Only what the source still asks for: an earlier step of this turn may have
 * closed its descriptor, changed its events or removed it. */
static short ready(const struct loop *l, size_t i)
{
    const struct pollfd *p = &l->polled[i + 1];
    const struct source *s = l->rows[i].source;

    if (!s || p->fd < 0 || s->fd != p->fd)
        return 0;
    return p->revents & (s->events | POLLERR | POLLHUP | POLLNVAL);
}

/* Of the first n rows the one that is due longest and has not run, or n. */
static size_t next_due(const struct loop *l, size_t n, int64_t now)
{
    size_t due = n;

    for (size_t i = 0; i < n; i++) {
        const struct source *s = l->rows[i].source;

        if (s && !l->rows[i].ran && s->deadline <= now &&
            (due == n || s->deadline < l->rows[due].source->deadline))
            due = i;
    }
    return due;
}

void loop_turn(struct loop *l, int64_t until)
{
    size_t n = l->n, due;
    int64_t now;

    if (l->in_turn)
        BUG("a step runs the loop");
    wait_for_events(l, prepare(l, until));
    now = clock_mono();
    l->in_turn = true;
    count_signals(l);
    for (size_t i = 0; i < n; i++) {
        short revents = ready(l, i);

        if (revents)
            run(l, i, revents, now);
    }
    while ((due = next_due(l, n, now)) < n)
        run(l, due, 0, now);
    l->in_turn = false;
    drop_empty_rows(l);
}

bool loop_until(struct loop *l, bool (*done)(void *), void *arg,
                int64_t deadline)
{
    int stops = l->stops;

    while (!done(arg)) {
        if (l->stops != stops || clock_mono() >= deadline)
            return false;
        loop_turn(l, deadline);
    }
    return true;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

bool loop_sleep(struct loop *l, int64_t ms)
{
    int stops = l->stops;

    loop_until(l, never, NULL, clock_mono() + ms);
    return l->stops == stops;
}

int loop_stops(const struct loop *l)
{
    return l->stops;
}

int loop_stop_signal(const struct loop *l)
{
    return l->last_signal;
}
