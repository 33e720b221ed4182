#include "runner/base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner/base/buf.h"
#include "runner/base/file.h"
#include "runner/base/spawn.h"

#define GRACE_MS   2000  /* from SIGTERM to SIGKILL */
#define READ_BYTES 16384 /* of one read */
/* After the end: a process the child left behind may write for ever. */
#define LAST_READS 64

/* One of the child's two output streams. */
struct stream {
    struct source source;
    struct child *child;
    struct buf kept;
};

struct child {
    struct loop *loop;
    struct arena *arena;
    pid_t pid;
    struct source exit; /* the pidfd, and the deadline */
    struct stream out, err;
    size_t limit;
    int kills; /* 0: none yet, 1: SIGTERM, 2: SIGKILL too */
    bool done;
    struct child_result result;
};

/* The descriptors between the child and us; -1: not open. */
struct ends {
    int in, out[2], err[2];
};

static bool open_input(const struct child_spec *spec, int *fd)
{
    if (spec->input_fd > 0)
        *fd = fcntl(spec->input_fd, F_DUPFD_CLOEXEC, 0);
    else if (!spec->input)
        *fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    else
        *fd = memfd_create("input", MFD_CLOEXEC);
    if (*fd < 0 || spec->input_fd > 0 || !spec->input)
        return *fd >= 0;
    /* a file in memory: nothing to feed while the child runs */
    return write_all(*fd, spec->input, spec->input_len) &&
           lseek(*fd, 0, SEEK_SET) == 0;
}

/* ends[0] is read by us and never blocks, ends[1] is the child's. */
static bool open_output(int given, int ends[2])
{
    if (given <= 0)
        return pipe2(ends, O_CLOEXEC) == 0 &&
               fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
    ends[1] = fcntl(given, F_DUPFD_CLOEXEC, 0);
    return ends[1] >= 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void stream_close(struct stream *s)
{
    loop_remove(s->child->loop, &s->source);
    close_fd(&s->source.fd);
}

/* One read. False when there was nothing, or the end came. */
static bool stream_read(struct stream *s)
{
    struct child *c = s->child;
    char bytes[READ_BYTES];
    ssize_t n = s->source.fd < 0 ? 0 : read(s->source.fd, bytes, sizeof(bytes));
    size_t room = c->limit - s->kept.len;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        stream_close(s);
        return false;
    }
    c->result.cut |= (size_t)n > room;
    buf_add(&s->kept, bytes, (size_t)n < room ? (size_t)n : room);
    return true;
}

static void stream_step(struct source *source, short revents, int64_t now)
{
    (void)revents;
    (void)now;
    stream_read(source->ctx);
}

static void stream_open(struct child *c, struct stream *s, int *fd)
{
    s->child = c;
    s->source = (struct source){.fd = *fd,
                                .events = POLLIN,
                                .deadline = CLOCK_NEVER,
                                .step = stream_step,
                                .ctx = s};
    buf_init(&s->kept);
    *fd = -1;
    if (s->source.fd >= 0)
        loop_add(c->loop, &s->source);
}

/* Reads what the child left in the pipe, then closes it. */
static char *stream_finish(struct stream *s, size_t *len)
{
    for (int i = 0; i < LAST_READS && stream_read(s); i++)
        ;
    stream_close(s);
    *len = s->kept.len;
    return buf_into(&s->kept, s->child->arena);
}

/* First SIGTERM, the next time SIGKILL, to the child's whole group. */
static void end_group(struct child *c, int64_t now)
{
    kill(-c->pid, c->kills ? SIGKILL : SIGTERM);
    c->exit.deadline = c->kills ? CLOCK_NEVER : now + GRACE_MS;
    c->kills++;
}

/* The child has ended, or is waited for here. */
static void finish(struct child *c)
{
    siginfo_t info = {0};

    /* whoever of an ended group outlived its leader; not reaped yet, so the
     * group's number is still its own */
    if (c->kills)
        kill(-c->pid, SIGKILL);
    waitid(P_PID, (id_t)c->pid, &info, WEXITED);
    if (info.si_code == CLD_EXITED) {
        c->result.status = info.si_status;
    } else {
        c->result.status = -1;
        c->result.signal = info.si_status;
    }
    loop_remove(c->loop, &c->exit);
    close_fd(&c->exit.fd);
    c->result.out = stream_finish(&c->out, &c->result.out_len);
    c->result.err = stream_finish(&c->err, &c->result.err_len);
    c->done = true;
}

static void exit_step(struct source *source, short revents, int64_t now)
{
    struct child *c = source->ctx;

    if (revents) {
        finish(c);
        return;
    }
    c->result.timed_out |= !c->kills;
    end_group(c, now);
}

/* Follows a process that runs; takes our ends over. */
static struct child *follow(struct loop *l, struct arena *a,
                            const struct child_spec *spec, struct ends *ends,
                            pid_t pid, int pidfd)
{
    struct child *c = arena_alloc(a, sizeof(*c));

    c->loop = l;
    c->arena = a;
    c->pid = pid;
    c->limit = spec->output_limit ? spec->output_limit : CHILD_OUTPUT_LIMIT;
    c->exit = (struct source){.fd = pidfd,
                              .events = POLLIN,
                              .deadline = spec->timeout_ms
                                              ? clock_mono() + spec->timeout_ms
                                              : CLOCK_NEVER,
                              .step = exit_step,
                              .ctx = c};
    loop_add(l, &c->exit);
    stream_open(c, &c->out, &ends->out[0]);
    stream_open(c, &c->err, &ends->err[0]);
    return c;
}

static struct child *no_descriptors(const struct child_spec *spec,
                                    struct err *e)
{
    const char *why = strerror(errno);

    err_what(e, ERR_FAILED, "cannot start %s", spec->argv[0]);
    err_why(e, "%s", why);
    err_fix(e, "raise the limit of open files (ulimit -n), or free memory");
    return NULL;
}

static struct child *start(struct loop *l, struct arena *a,
                           const struct child_spec *spec, struct ends *ends,
                           struct err *e)
{
    struct spawn s = {.argv = spec->argv,
                      .env = spawn_environment(a, spec->env),
                      .folder = spec->folder};
    pid_t pid;
    int pidfd;

    if (!open_input(spec, &ends->in) ||
        !open_output(spec->output_fd, ends->out) || !open_output(0, ends->err))
        return no_descriptors(spec, e);
    s.fds[0] = ends->in;
    s.fds[1] = ends->out[1];
    s.fds[2] = ends->err[1];
    pid = spawn_program(&s, e);
    if (pid < 0)
        return NULL;
    pidfd = pidfd_open(pid, 0);
    if (pidfd >= 0)
        return follow(l, a, spec, ends, pid, pidfd);
    no_descriptors(spec, e);
    kill(-pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return NULL;
}

struct child *child_start(struct loop *l, struct arena *a,
                          const struct child_spec *spec, struct err *e)
{
    struct ends ends = {-1, {-1, -1}, {-1, -1}};
    struct child *c = start(l, a, spec, &ends, e);

    close_fd(&ends.err[1]);
    close_fd(&ends.err[0]);
    close_fd(&ends.out[1]);
    close_fd(&ends.out[0]);
    close_fd(&ends.in);
    return c;
}

bool child_done(const struct child *c)
{
    return c->done;
}

pid_t child_pid(const struct child *c)
{
    return c->pid;
}

const char *child_said(const struct child *c, size_t *len)
{
    *len = c->done ? c->result.err_len : c->err.kept.len;
    return c->done ? c->result.err : c->err.kept.data;
}

const struct child_result *child_result(const struct child *c)
{
    return c->done ? &c->result : NULL;
}

void child_close(struct child *c)
{
    struct pollfd exit;

    if (!c || c->done)
        return;
    /* closed first: a child that is stuck in a write gets SIGPIPE */
    stream_close(&c->out);
    stream_close(&c->err);
    end_group(c, 0);
    exit = (struct pollfd){.fd = c->exit.fd, .events = POLLIN};
    poll(&exit, 1, GRACE_MS);
    finish(c);
}

static bool is_done(void *c)
{
    return child_done(c);
}

bool child_run(struct loop *l, struct arena *a, const struct child_spec *spec,
               struct child_result *out, struct err *e)
{
    struct child *c = child_start(l, a, spec, e);
    bool stopped;

    if (!c)
        return false;
    stopped = !loop_until(l, is_done, c, CLOCK_NEVER);
    if (stopped)
        end_group(c, clock_mono());
    while (!c->done)
        loop_turn(l, CLOCK_NEVER);
    *out = c->result;
    if (!stopped)
        return true;
    err_what(e, ERR_INTERRUPTED, "%s was ended", spec->argv[0]);
    err_why(e, "we were asked to stop (signal %d)", loop_stop_signal(l));
    return err_fix(e, "run the same command again when you are ready");
}
