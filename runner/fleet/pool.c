#include "runner/fleet/pool.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runner/base/buf.h"
#include "runner/base/child.h"
#include "runner/base/escape.h"
#include "runner/fleet/host.h"

#define POOL_LIMIT (1024 * 1024)
#define ANSWER_MS  5000

static const char question[] = "show stat\n";

/* One question to a unix socket, which ends its answer by closing. */
struct talk {
    struct source source;
    size_t asked;
    struct buf answer;
    bool ended;
    int error;
};

static void talk_end(struct talk *t, int error)
{
    t->ended = true;
    t->error = error;
    t->source.fd = -1;
    t->source.deadline = CLOCK_NEVER;
}

static void talk_ask(struct talk *t)
{
    ssize_t n = send(t->source.fd, question + t->asked,
                     sizeof question - 1 - t->asked, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR)
        talk_end(t, errno);
    if (n > 0)
        t->asked += (size_t)n;
    if (t->asked == sizeof question - 1)
        t->source.events = POLLIN;
}

static void talk_step(struct source *s, short revents, int64_t now)
{
    struct talk *t = s->ctx;
    ssize_t n;

    if (now >= s->deadline) {
        talk_end(t, ETIMEDOUT);
        return;
    }
    if (t->asked < sizeof question - 1) {
        talk_ask(t);
        return;
    }
    if (!revents)
        return;
    n = recv(s->fd, buf_room(&t->answer, 65536), 65536, 0);
    if (n > 0)
        buf_wrote(&t->answer, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        talk_end(t, n == 0 ? 0 : errno);
    if (t->answer.len > POOL_LIMIT)
        talk_end(t, EFBIG);
}

static bool talk_ended(void *ctx)
{
    return ((struct talk *)ctx)->ended;
}

static bool socket_failed(const char *path, const char *why, struct err *e)
{
    err_what(e, ERR_UNREACHABLE, "cannot ask HAProxy on %s", path);
    err_why(e, "%s", why);
    return err_fix(e, "look at the `stats socket` line of haproxy.cfg, and at "
                      "who may write the socket");
}

static int socket_open(const char *path, struct err *e)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof at.sun_path) {
        socket_failed(path, "the path is too long for a socket", e);
        return -1;
    }
    memcpy(at.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    socket_failed(path, strerror(errno), e);
    if (fd >= 0)
        close(fd);
    return -1;
}

bool haproxy_stat(struct loop *l, struct arena *a, const char *socket_path,
                  char **csv, struct err *e)
{
    struct talk t = {.asked = 0};
    int fd = socket_open(socket_path, e);
    bool done;

    if (fd < 0)
        return false;
    buf_init(&t.answer);
    t.source = (struct source){.fd = fd,
                               .events = POLLOUT,
                               .deadline = clock_mono() + ANSWER_MS,
                               .step = talk_step,
                               .ctx = &t};
    loop_add(l, &t.source);
    done = loop_until(l, talk_ended, &t, CLOCK_NEVER);
    loop_remove(l, &t.source);
    close(fd);
    *csv = buf_into(&t.answer, a);
    if (!done)
        return socket_failed(socket_path, "a stop signal came", e);
    return t.error == 0 || socket_failed(socket_path, strerror(t.error), e);
}

static bool not_socket_backend(const char *rest, struct err *e)
{
    err_what(e, ERR_CONFIG, "the pool cannot be asked");
    err_why(e, "'%s' is not SOCKET/BACKEND", rest);
    return err_fix(e, "correct `members` in [pool]: "
                      "haproxy:/run/haproxy.sock/shop");
}

/* haproxy:SOCKET/BACKEND */
static bool read_haproxy(struct loop *l, struct arena *a, const char *rest,
                         struct pool_facts *out, struct err *e)
{
    const char *slash = strrchr(rest, '/');
    char *csv;

    if (!slash || slash == rest || !slash[1])
        return not_socket_backend(rest, e);
    if (!haproxy_stat(l, a, arena_strndup(a, rest, (size_t)(slash - rest)),
                      &csv, e))
        return false;
    return pool_parse_haproxy(a, csv, slash + 1, out, &out->why);
}

static bool read_http(struct loop *l, struct arena *a, const char *url,
                      struct pool_facts *out, struct err *e)
{
    int status;
    char *body;
    size_t len;

    if (!http_get(l, a, url, ANSWER_MS, &status, &body, &len, e))
        return false;
    if (status != 200) {
        out->why = arena_printf(a, "%s answered %d", redact(a, url), status);
        return false;
    }
    return pool_parse_lines(a, body, out, &out->why);
}

static bool read_command(struct loop *l, struct arena *a, const char *command,
                         struct pool_facts *out, struct err *e)
{
    struct child_spec spec = {.timeout_ms = 4 * ANSWER_MS,
                              .output_limit = POOL_LIMIT};
    struct child_result r;

    spec.argv = (const char *const *)command_words(a, command, e);
    if (!spec.argv || !child_run(l, a, &spec, &r, e))
        return false;
    if (r.status != 0 || r.cut) {
        out->why = r.timed_out ? "the command did not end within 20 s"
                   : r.cut     ? "the command wrote over 1 MiB"
                               : arena_printf(a,
                                              "the command ended with %d: "
                                                  "%.200s",
                                              r.status, escape(a, r.err));
        return false;
    }
    return pool_parse_lines(a, r.out, out, &out->why);
}

static const struct {
    const char *prefix;
    bool (*read)(struct loop *l, struct arena *a, const char *rest,
                 struct pool_facts *out, struct err *e);
    bool whole; /* the prefix belongs to what is read */
} sources[] = {
    {"haproxy:", read_haproxy, false},
    {"command:", read_command, false},
    {"http:", read_http, true},
    {"https:", read_http, true},
};

void pool_read(struct fleet *f, struct arena *a, const struct environment *env,
               struct pool_facts *out)
{
    struct err e = {0};
    const char *from = env->pool_members;

    *out = (struct pool_facts){.configured = from != NULL, .at = clock_now()};
    if (!from)
        return;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        size_t n = strlen(sources[i].prefix);
        const char *rest = from + n;
        if (strncmp(from, sources[i].prefix, n) != 0)
            continue;
        /* "http: URL" and "http://..." are both written */
        if (sources[i].whole && strncmp(rest, "//", 2) == 0)
            rest = from;
        rest += strspn(rest, " \t");
        out->read = sources[i].read(fleet_loop(f), a, rest, out, &e);
        break;
    }
    if (!out->read && !out->why)
        out->why =
            e.code == ERR_NONE
                ? arena_printf(a, "'%s' is no source of members", from)
                : arena_printf(a, "%s%s%s", e.what, *e.why ? ": " : "", e.why);
}

enum member_state pool_state(const struct pool_facts *pool,
                             const struct fleet *f, size_t host)
{
    for (size_t i = 0; i < pool->n; i++)
        if (fleet_find(f, pool->members[i].name) == host)
            return pool->members[i].state;
    return MEMBER_UNKNOWN;
}
