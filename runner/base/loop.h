/* loop: the one poll(2) loop that libpq, libssh2, curl and children share.
 *
 * A source is a descriptor (or none) and a deadline. When the descriptor is
 * ready, or the deadline has passed (revents 0), its step runs; the step may
 * change its own fd, events and deadline, add sources, remove any source, and
 * must not block. In one turn ready descriptors go first, in the order they
 * were added, then passed deadlines, the earliest first; a source runs at most
 * once a turn, so one that is ready AND late compares `now` itself. A source
 * added by a step waits for the next turn. One thread; nothing below the flow
 * calls loop_until, except the few functions that say they do ("runs the
 * loop"); a step that does is a BUG.
 *
 * Signals: loop_open takes SIGINT, SIGTERM, SIGHUP (one that was ignored, as
 * under nohup, stays so); they are counted by the turn that they wake, so no
 * code of ours is ever interrupted. SIGPIPE is ignored. loop_close gives all
 * of them back.
 */
#ifndef RUNNER_BASE_LOOP_H
#define RUNNER_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "runner/base/clock.h"

struct loop;
struct source {
    int fd;           /* -1: a timer only */
    short events;     /* POLLIN, POLLOUT; 0: fd is not looked at */
    int64_t deadline; /* clock_mono() ms, CLOCK_NEVER for none */
    void (*step)(struct source *s, short revents, int64_t now);
    void *ctx; /* for the owner */
};

struct loop *loop_open(void);
void loop_close(struct loop *l);
/* The source stays the caller's, and must stay put until it is removed.
 * Adding it twice has no effect. */
void loop_add(struct loop *l, struct source *s);
void loop_remove(struct loop *l, struct source *s); /* unknown: no effect */

/* One poll, at most until the given monotonic instant, then the steps. */
void loop_turn(struct loop *l, int64_t until);
/* Turns until done(arg) is true (asked before each turn), the deadline has
 * passed, or a stop signal arrived after the call began. true: done. */
bool loop_until(struct loop *l, bool (*done)(void *), void *arg,
                int64_t deadline);
/* Sleeps in the loop for ms; false when a stop signal cut it short. */
bool loop_sleep(struct loop *l, int64_t ms);

/* How many stop signals came so far, and the last one's number (0: none). */
int loop_stops(const struct loop *l);
int loop_stop_signal(const struct loop *l);

#endif
