#include "runner/fleet/host.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runner/base/failpoint.h"
#include "runner/base/hash.h"

#define SEND_ONCE   (32 * 1024)
#define CHUNK       (256 * 1024)
#define NOISE_LIMIT (16 * 1024)
#define DEAD_PEER   15000 /* ms without an acknowledgement */
#define GRACE_MS    300   /* after the end line: is there a second? */
#define DROPS_LIMIT 6
#define DROP_WAIT   200 /* ms, doubled each time */
#define LOSSES      2
#define BY_CALL     0 /* the deadline comes with the call */

static enum turn host_idle(struct host *h);
static enum turn host_queue(struct host *h);
static enum turn host_connect(struct host *h);
static enum turn host_handshake(struct host *h);
static enum turn host_hostkey(struct host *h);
static enum turn host_login(struct host *h);
static enum turn host_channel(struct host *h);
static enum turn host_ready(struct host *h);
static enum turn host_exec(struct host *h);
static enum turn host_send(struct host *h);
static enum turn host_answer(struct host *h);
static enum turn host_close(struct host *h);
static enum turn host_lost(struct host *h);

/* One row a stage; the README's picture of a host is drawn from it. */
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

const char *host_doing(enum host_at at)
{
    return stages[at].doing;
}

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

static void host_done(struct host *h)
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

static enum turn host_queue(struct host *h)
{
    if (!h->target->n_addresses) {
        err_what(&h->e, ERR_UNREACHABLE, "its address is not known");
        err_why(&h->e, "%s", h->target->why);
        err_fix(&h->e, "correct `hosts`, or the name service");
        return TURN_FAIL;
    }
    if (h->now < h->not_before || !fleet_may_start(h->fleet, h))
        return TURN_WAIT;
    h->address = 0;
    return TURN_DONE;
}

static bool socket_prepare(int fd)
{
    int on = 1, idle = 5, every = 3, count = 3, dead = DEAD_PEER;

    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every) ==
               0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count) ==
               0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead, sizeof dead) ==
               0;
}

static enum turn connect_failed(struct host *h, int error)
{
    const struct ssh_address *at = &h->target->addresses[h->address];

    err_what(&h->e, ERR_UNREACHABLE, "cannot connect to %s", at->text);
    err_why(&h->e, "%s", strerror(error));
    err_fix(&h->e, "look at the host and the network between: ssh %s true",
            h->name);
    if (h->fd >= 0)
        close(h->fd);
    h->fd = -1;
    h->address++;
    return TURN_FAIL;
}

/* The socket for the address whose turn it is. */
static enum turn connect_begin(struct host *h)
{
    const struct ssh_address *at = &h->target->addresses[h->address];

    h->fd =
        socket(at->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    h->rtt_ms = clock_mono();
    if (h->fd < 0 || !socket_prepare(h->fd))
        return connect_failed(h, errno);
    if (connect(h->fd, (const struct sockaddr *)&at->at, at->len) == 0 ||
        errno == EINPROGRESS)
        return TURN_WAIT;
    return connect_failed(h, errno);
}

static enum turn connect_look(struct host *h)
{
    struct pollfd p = {.fd = h->fd, .events = POLLOUT};
    socklen_t len = sizeof(int);
    int error = 0;

    if (poll(&p, 1, 0) != 1)
        return TURN_WAIT;
    if (getsockopt(h->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    return error ? connect_failed(h, error) : TURN_DONE;
}

static enum turn host_connect(struct host *h)
{
    enum turn got = TURN_FAIL;

    while (h->address < h->target->n_addresses) {
        got = h->fd < 0 ? connect_begin(h) : TURN_WAIT;
        if (got == TURN_WAIT)
            got = connect_look(h);
        if (got != TURN_FAIL)
            break;
    }
    if (got != TURN_DONE)
        return got;
    h->rtt_ms = clock_mono() - h->rtt_ms;
    h->session =
        session_open(&h->arena, h->fd,
                     known_hosts_types(h->known, h->target->key_name,
                                       h->target->key_port, session_key_types));
    return TURN_DONE;
}

static enum turn host_handshake(struct host *h)
{
    return session_handshake(h->session, &h->e);
}

static const char *key_hint(struct host *h, const struct known_answer *k)
{
    if (k->authority)
        return " (a @cert-authority line does name it, but host certificates "
               "are not supported)";
    return k->other
               ? arena_printf(&h->arena, " of this type (only %s)", k->other)
               : "";
}

static bool key_refused(struct host *h, const struct known_answer *k)
{
    const struct ssh_target *t = h->target;

    h->key_refused = true;
    switch (k->is) {
    case KNOWN_CHANGED:
        err_what(&h->e, ERR_REFUSED, "the host key of %s has changed", h->name);
        err_why(&h->e, "it shows %s, but %s:%d knows %s", k->shown, k->file,
                k->line, k->expected);
        break;
    case KNOWN_REVOKED:
        err_what(&h->e, ERR_REFUSED, "the host key of %s is revoked", h->name);
        err_why(&h->e, "it shows %s, marked @revoked at %s:%d", k->shown,
                k->file, k->line);
        break;
    default:
        err_what(&h->e, ERR_REFUSED, "the host key of %s is not known",
                 h->name);
        err_why(&h->e, "it shows %s, and known_hosts has no line for %s%s",
                k->shown, t->key_name, key_hint(h, k));
        break;
    }
    err_fix(&h->e,
            "compare the fingerprint with the host's own (ssh-keygen -lf "
            "/etc/ssh/ssh_host_ed25519_key.pub there); if it is right, "
            "put `ssh-keyscan -p %d %s` into known_hosts",
            t->port, t->hostname);
    return false;
}

static enum turn host_hostkey(struct host *h)
{
    size_t len;
    const unsigned char *blob = session_host_key(h->session, &len);
    struct known_answer k = known_hosts_ask(h->known, h->target->key_name,
                                            h->target->key_port, blob, len);

    h->fingerprint = k.shown;
    if (k.is != KNOWN_GOOD && !key_refused(h, &k))
        return TURN_FAIL;
    return TURN_DONE;
}

static enum turn host_login(struct host *h)
{
    return session_login(h->session, &h->login, &h->e);
}

static enum turn host_channel(struct host *h)
{
    return session_channel_open(h->session, &h->e);
}

/* Between calls whatever arrives is taken: the other side's keepalives want
 * an answer, and its going away is noticed. */
static enum turn host_ready(struct host *h)
{
    enum turn got;

    got = session_receive(h->session, &h->noise, &h->noise, &h->e);
    buf_clear(&h->noise);
    if (got == TURN_DONE) {
        err_what(&h->e, ERR_UNREACHABLE, "the host closed the channel");
        err_why(&h->e, "nothing had been asked");
        err_fix(&h->e, "look at sshd's log on the host");
    }
    if (got != TURN_WAIT)
        return TURN_FAIL;
    return h->call ? TURN_DONE : TURN_WAIT;
}

static enum turn host_exec(struct host *h)
{
    enum turn got = session_exec(h->session, remote_command, &h->e);

    if (got == TURN_DONE)
        failpoint("host.before-send");
    return got;
}

/* Takes what has come, bounded; true when the answer is there or nothing more
 * can come. */
static enum turn host_hear(struct host *h)
{
    enum turn got =
        session_receive(h->session, &h->reply.bytes, &h->noise, &h->e);

    if (h->noise.len > NOISE_LIMIT)
        buf_drop(&h->noise, h->noise.len - NOISE_LIMIT);
    reply_scan(&h->reply);
    if (h->reply.ends && !h->ended_wall_ms)
        h->ended_wall_ms = clock_wall_ms() - h->rtt_ms / 2;
    return got;
}

/* The next bytes to go; 0 when all have gone. */
static size_t host_next(struct host *h, const char **bytes)
{
    int64_t left = h->call->payload_len - h->payload_read;
    ssize_t n;

    if (h->request_sent < h->request.len) {
        *bytes = h->request.data + h->request_sent;
        return h->request.len - h->request_sent;
    }
    if (h->chunk_sent == h->chunk_len && left > 0) {
        if (!h->chunk)
            h->chunk = must_malloc(CHUNK);
        n = pread(h->call->payload_fd, h->chunk,
                  left < CHUNK ? (size_t)left : CHUNK, h->payload_read);
        if (n <= 0)
            return 0; /* shorter than it was: told by the missing rest */
        h->payload_read += n;
        h->chunk_len = (size_t)n;
        h->chunk_sent = 0;
    }
    *bytes = h->chunk + h->chunk_sent;
    return h->chunk_len - h->chunk_sent;
}

static void host_sent(struct host *h, size_t n)
{
    if (h->request_sent < h->request.len)
        h->request_sent += n;
    else
        h->chunk_sent += n;
    h->deadline = later(h->now, h->call->timeout_ms);
}

/* A blocked upload: the other side may have answered, or gone. */
static enum turn send_blocked(struct host *h)
{
    if (session_events(h->session) == POLLOUT)
        return TURN_WAIT;
    switch (host_hear(h)) {
    case TURN_FAIL:
        return TURN_FAIL;
    case TURN_DONE:
        return TURN_DONE;
    default:
        return reply_ended(&h->reply) ? TURN_DONE : TURN_WAIT;
    }
}

static enum turn host_send(struct host *h)
{
    const char *bytes;
    enum turn got;
    size_t n, sent;

    while ((n = host_next(h, &bytes)) > 0) {
        if (n > SEND_ONCE)
            n = SEND_ONCE;
        got = session_send(h->session, bytes, n, &sent, &h->e);
        if (got == TURN_WAIT)
            return send_blocked(h);
        if (got == TURN_FAIL)
            return got;
        host_sent(h, sent);
    }
    got = session_send_eof(h->session, &h->e);
    if (got == TURN_DONE)
        failpoint("host.after-send");
    return got;
}

static enum turn host_answered(struct host *h, enum turn connection)
{
    h->answer->ended_wall_ms = h->ended_wall_ms;
    failpoint("host.after-answer");
    reply_take(&h->reply, h->noise.data, h->answer);
    host_done(h);
    return connection;
}

static enum turn host_answer(struct host *h)
{
    bool ended = reply_ended(&h->reply);
    enum turn got = host_hear(h);

    if (h->reply.broken)
        return host_answered(h, TURN_FAIL);
    if (got == TURN_FAIL)
        return h->reply.ends ? host_answered(h, TURN_FAIL) : TURN_FAIL;
    if (got == TURN_DONE || (ended && h->now >= h->deadline))
        return host_answered(h, TURN_DONE);
    if (!ended && h->reply.ends)
        h->deadline = h->now + GRACE_MS;
    return TURN_WAIT;
}

static enum turn host_close(struct host *h)
{
    return session_channel_close(h->session, &h->e);
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
