#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "runner/base/failpoint.h"
#include "runner/fleet/host_stages.h"

#define SEND_ONCE   (32 * 1024)
#define CHUNK       (256 * 1024)
#define NOISE_LIMIT (16 * 1024)
#define SHOW_MS     500
#define GRACE_MS    300 /* after the end line: is there a second? */

/* Between calls whatever arrives is taken: the other side's keepalives want
 * an answer, and its going away is noticed. */
enum turn host_ready(struct host *h)
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

enum turn host_exec(struct host *h)
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

/* How far an upload is, now and then. */
static void show(struct host *h)
{
    int64_t sent = h->payload_read - (int64_t)(h->chunk_len - h->chunk_sent);

    if (h->now < h->shown_at + SHOW_MS)
        return;
    h->shown_at = h->now;
    progress_live(fleet_progress(h->fleet), h->name, sent, h->call->payload_len,
                  "sending");
}

static void host_sent(struct host *h, size_t n)
{
    if (h->payload_read)
        show(h);
    if (h->request_sent < h->request.len)
        h->request_sent += n;
    else
        h->chunk_sent += n;
    h->deadline = h->now + h->call->timeout_ms;
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

enum turn host_send(struct host *h)
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

enum turn host_answer(struct host *h)
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

enum turn host_close(struct host *h)
{
    return session_channel_close(h->session, &h->e);
}
