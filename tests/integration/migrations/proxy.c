#include "tests/integration/migrations/proxy.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME ".s.PGSQL.5432"

static void die(const char *what)
{
    perror(what);
    _exit(9);
}

static struct sockaddr_un address(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    if (snprintf(a.sun_path, sizeof a.sun_path, "%s", path) >=
        (int)sizeof a.sun_path)
        die("path");
    return a;
}

static int reach(const char *server)
{
    struct sockaddr_un a = address(server);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
        die("connect");
    return fd;
}

static void get(int fd, char *out, size_t n)
{
    while (n) {
        ssize_t got = read(fd, out, n);
        if (got <= 0)
            _exit(0); /* one side has hung up */
        out += got;
        n -= (size_t)got;
    }
}

static void put(int fd, const char *in, size_t n)
{
    while (n) {
        ssize_t did = write(fd, in, n);
        if (did <= 0)
            _exit(0);
        in += did;
        n -= (size_t)did;
    }
}

/* One message: a kind (none in the start-up packet), a length, a body. */
static char *message(int fd, size_t kind, size_t *len)
{
    unsigned char head[5];
    uint32_t n;
    char *m;

    get(fd, (char *)head, kind + 4);
    n = (uint32_t)head[kind] << 24 | (uint32_t)head[kind + 1] << 16 |
        (uint32_t)head[kind + 2] << 8 | head[kind + 3];
    *len = kind + n;
    m = malloc(*len + 1);
    memcpy(m, head, kind + 4);
    get(fd, m + kind + 4, n - 4);
    m[*len] = '\0';
    return m;
}

/* Whether the answer to this message is the one to cut off: of a Parse, that
 * to its Sync. */
static bool is_cut(enum proxy_mode mode, const char *m, bool *parsed)
{
    if (mode == PROXY_POOL)
        return false;
    if (mode != PROXY_BEGUN)
        return m[0] == 'Q' && strcmp(m + 5, "COMMIT") == 0;
    if (m[0] == 'P')
        *parsed = strstr(m + 6 + strlen(m + 5), "tidegate.begin_backfill(");
    return m[0] == 'S' && *parsed;
}

/* Answers up to ReadyForQuery; to: -1 throws them away. True: no transaction
 * is open. */
static bool answers(int from, int to)
{
    for (;;) {
        size_t len;
        char *m = message(from, 1, &len), kind = m[0], status = m[5];
        if (to >= 0)
            put(to, m, len);
        free(m);
        if (kind == 'Z')
            return status == 'I';
    }
}

static void serve(int client, enum proxy_mode mode, const char *server,
                  bool *cut)
{
    int backend[2], now = 0;
    bool parsed = false;
    size_t len;
    char *m = message(client, 0, &len);

    for (int i = 0; i < (mode == PROXY_POOL ? 2 : 1); i++) {
        backend[i] = reach(server);
        put(backend[i], m, len);
        answers(backend[i], i == 0 ? client : -1);
    }
    for (;;) {
        bool last;
        m = message(client, 1, &len);
        put(backend[now], m, len);
        /* Query, or Sync at the end of the extended protocol */
        if (m[0] == 'X')
            _exit(0);
        last = m[0] == 'Q' || m[0] == 'S';
        if (!*cut && is_cut(mode, m, &parsed)) {
            *cut = true;
            answers(backend[now], -1);
            _exit(0);
        }
        free(m);
        if (last && answers(backend[now], client) && mode == PROXY_POOL)
            now = !now;
    }
}

static void listen_for_ever(struct proxy *p, enum proxy_mode mode,
                            const char *server, int listener)
{
    bool *cut = mmap(NULL, sizeof *cut, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    (void)p;
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0)
            die("accept");
        if (mode >= PROXY_GONE && *cut) {
            close(client);
            continue;
        }
        if (fork() == 0) {
            close(listener);
            serve(client, mode, server, cut);
        }
        close(client);
    }
}

void proxy_start(struct proxy *p, enum proxy_mode mode, const char *server)
{
    char path[sizeof p->folder + sizeof NAME + 1];
    struct sockaddr_un a;
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(p->folder, sizeof p->folder, "/tmp/tgproxy.XXXXXX");
    if (!mkdtemp(p->folder))
        die("mkdtemp");
    snprintf(path, sizeof path, "%s/%s", p->folder, NAME);
    a = address(path);
    if (bind(listener, (struct sockaddr *)&a, sizeof a) != 0 ||
        listen(listener, 16) != 0)
        die("bind");
    p->pid = fork();
    if (p->pid == 0)
        listen_for_ever(p, mode, server, listener);
    close(listener);
}

void proxy_stop(struct proxy *p)
{
    char path[sizeof p->folder + sizeof NAME + 1];

    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    snprintf(path, sizeof path, "%s/%s", p->folder, NAME);
    unlink(path);
    rmdir(p->folder);
}
