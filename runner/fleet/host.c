#include "runner/fleet/host.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "runner/base/hash.h"
#include "runner/fleet/host_stages.h"

#define DROPS_LIMIT 6
#define DROP_WAIT   200 /* ms, doubled each time */
#define LOSSES      2
#define BY_CALL     0 /* the deadline comes with the call */

static enum turn host_idle(struct host *h);
static enum turn host_lost(struct host *h);

/* One row a stage. */
static const struct stage {
    const char *doing;
    enum turn (*step)(struct host *h);
    enum host_at then, on_fail;
    int64_t ms; /* until the stage has failed; CLOCK_NEVER: it may wait */
} stages[AT_ENDS] = {
    [AT_IDLE] = {"idle", host_idle, AT_TURN, AT_IDLE, CLOCK_NEVER},
    [AT_TURN] = {"waiting its turn", host_queue, AT_CONNECT, AT_LOST,
                 CLOCK_NEVER},
    [AT_CONNECT] = {"connecting", host_connect, AT_HANDSHAKE, AT_LOST, 10000},
    [AT_HANDSHAKE] = {"agreeing on keys", host_handshake, AT_HOSTKEY, AT_LOST,
                      15000},
    [AT_HOSTKEY] = {"checking its key", host_hostkey, AT_LOGIN, AT_LOST, 1000},
    [AT_LOGIN] = {"logging in", host_login, AT_CHANNEL, AT_LOST, 30000},
    [AT_CHANNEL] = {"opening a channel", host_channel, AT_READY, AT_LOST,
                    15000},
    [AT_READY] = {"ready", host_ready, AT_EXEC, AT_LOST, CLOCK_NEVER},
    [AT_EXEC] = {"starting the shell", host_exec, AT_SEND, AT_LOST, 15000},
    [AT_SEND] = {"sending", host_send, AT_ANSWER, AT_LOST, BY_CALL},
    [AT_ANSWER] = {"waiting for its answer", host_answer, AT_CLOSE, AT_LOST,
                   BY_CALL},
    [AT_CLOSE] = {"closing the channel", host_close, AT_CHANNEL, AT_LOST, 5000},
    [AT_LOST] = {"giving up the connection", host_lost, AT_TURN, AT_IDLE,
                 CLOCK_NEVER},
};

bool host_unproven(const struct host *h)
{
    return h->at >= AT_CONNECT && h->at <= AT_LOGIN;
}

static int64_t later(int64_t now, int64_t ms)
{
    return ms == CLOCK_NEVER ? CLOCK_NEVER : now + ms;
}

/* The only place where `at` changes. */
static void host_enter(struct host *h, enum host_at at)
{
    bool left = host_unproven(h);

    if (at == AT_LOST)
        h->lost_at = h->at;
    h->at = at;
    h->deadline = later(h->now, stages[at].ms == BY_CALL ? h->call->timeout_ms
                                                         : stages[at].ms);
    if (left && !host_unproven(h))
        fleet_left_turn(h->fleet, h);
}

/* What the source waits for while its stage does. */
static void host_wait(struct host *h)
{
    struct source *s = &h->source;

    s->fd = h->fd;
    s->events = h->at == AT_CONNECT ? POLLOUT
                : h->session        ? session_events(h->session)
                                    : 0;
    if (h->at == AT_TURN || h->at == AT_IDLE)
        s->fd = -1;
    s->deadline = h->deadline;
    if (h->at == AT_TURN && h->not_before > h->now)
        s->deadline = h->not_before;
    if (h->session && session_hungry(h->session))
        s->deadline = h->now;
}

static enum turn host_late(struct host *h)
{
    const struct stage *s = &stages[h->at];
    int64_t ms = s->ms == BY_CALL ? h->call->timeout_ms : s->ms;

    err_what(&h->e, ERR_UNREACHABLE, "%s took too long", s->doing);
    err_why(&h->e, "it was given %lld ms", (long long)ms);
    err_fix(&h->e, "look at the host: is it up, is it overloaded?");
    return TURN_FAIL;
}

static void host_turn(struct source *source, short revents, int64_t now)
{
    struct host *h = source->ctx;
    enum turn got;

    (void)revents;
    h->now = now;
    for (;;) {
        got = stages[h->at].step(h);
        if (got == TURN_WAIT && h->deadline <= h->now)
            got = host_late(h);
        if (got == TURN_WAIT)
            break;
        const struct stage *s = &stages[h->at];
        host_enter(h, got == TURN_DONE ? s->then : s->on_fail);
    }
    host_wait(h);
}

void host_init(struct host *h, struct fleet *f, size_t index)
{
    h->fleet = f;
    h->index = index;
    h->fd = -1;
    arena_init(&h->arena);
    buf_init(&h->request);
    buf_init(&h->noise);
    h->source = (struct source){
        .fd = -1, .deadline = CLOCK_NEVER, .step = host_turn, .ctx = h};
    loop_add(fleet_loop(f), &h->source);
}

static void host_hang_up(struct host *h)
{
    if (h->session)
        session_close(h->session);
    else if (h->fd >= 0)
        close(h->fd);
    h->session = NULL;
    h->fd = -1;
    arena_release(&h->arena);
}

void host_release(struct host *h)
{
    loop_remove(fleet_loop(h->fleet), &h->source);
    reply_release(&h->reply);
    host_hang_up(h);
    buf_release(&h->request);
    buf_release(&h->noise);
    free(h->chunk);
    h->chunk = NULL;
}

/* The call from its first byte on, for a first or a further connection. */
static void host_rewind(struct host *h)
{
    h->request_sent = 0;
    h->chunk_len = h->chunk_sent = 0;
    h->payload_read = 0;
    h->ended_wall_ms = 0;
    buf_clear(&h->noise);
    reply_release(&h->reply);
    reply_init(&h->reply, fleet_arena(h->fleet), h->nonce);
}

void host_give(struct host *h, const struct call *call, struct answer *answer)
{
    nonce_hex(h->nonce, NONCE_BYTES);
    h->call = call;
    h->answer = answer;
    h->began = clock_mono();
    h->drops = h->losses = 0;
    h->key_refused = false;
    h->not_before = 0;
    buf_clear(&h->request);
    request_build(&h->request, h->nonce, call->step, call->params, call->n);
    host_rewind(h);
    err_clear(&h->e);
    h->source.deadline = h->began; /* runs in the next turn */
}

void host_done(struct host *h)
{
    h->answer->ms = h->now - h->began;
    h->answer->key_refused = h->key_refused;
    reply_release(&h->reply);
    h->call = NULL;
    h->answer = NULL;
    fleet_answered(h->fleet, h);
}

/* Everything that the remote script needs before it may act has left us. */
static bool host_told(const struct host *h)
{
    return h->request_sent == h->request.len &&
           (!h->call->payload_len || (h->payload_read == h->call->payload_len &&
                                      h->chunk_sent == h->chunk_len));
}

static void host_fail(struct host *h)
{
    struct arena *a = fleet_arena(h->fleet);
    bool told = host_told(h);

    h->answer->outcome = told ? OUTCOME_UNKNOWN : OUTCOME_UNREACHABLE;
    h->answer->why = arena_printf(a, "%s%s: %s", told ? "no answer came; " : "",
                                  h->e.what, h->e.why);
    h->answer->fix = arena_strdup(a, h->e.fix);
    host_done(h);
}

void host_abandon(struct host *h)
{
    bool told = host_told(h);

    h->now = clock_mono();
    h->answer->outcome = told ? OUTCOME_UNKNOWN : OUTCOME_UNREACHABLE;
    h->answer->why = told ? "interrupted before its answer came"
                          : "interrupted before anything was sent";
    h->answer->fix = NULL;
    host_done(h);
    host_hang_up(h);
    host_enter(h, AT_IDLE);
    host_wait(h);
}

static enum turn host_idle(struct host *h)
{
    return h->call ? TURN_DONE : TURN_WAIT;
}

/* Whether the call may have another connection. Before authentication only
 * what the other side dropped is asked again (sshd's MaxStartups drops at
 * random); later, whatever was lost before all of the request had left. */
static bool may_retry(struct host *h, bool dropped)
{
    if (host_told(h))
        return false;
    if (h->lost_at == AT_HANDSHAKE || h->lost_at == AT_LOGIN) {
        if (!dropped || h->drops == DROPS_LIMIT)
            return false;
        h->not_before = h->now + (DROP_WAIT << h->drops++) +
                        (int64_t)(h->index * 37 % DROP_WAIT);
        return true;
    }
    return h->lost_at >= AT_CHANNEL && h->losses++ < LOSSES;
}

static enum turn host_lost(struct host *h)
{
    bool dropped = h->session && session_dropped(h->session);

    host_hang_up(h);
    if (!h->call)
        return TURN_FAIL;
    if (!may_retry(h, dropped)) {
        host_fail(h);
        return TURN_FAIL;
    }
    host_rewind(h);
    return TURN_DONE;
}
