/* HTTP, probes and the pool against a small server of our own, which answers
 * as badly as a host can. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "runner/base/file.h"
#include "runner/config/hosts.h"
#include "runner/fleet/fleet.h"
#include "runner/fleet/probe.h"

static struct arena a;
static struct loop *l;
static pid_t server;
static int port;
static char folder[] = "/tmp/tidegate-http.XXXXXX";

static void say(int fd, const char *head, const char *body, size_t len)
{
    char line[512];
    int n = snprintf(line, sizeof line,
                     "HTTP/1.1 %s\r\nConnection: close\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     head, len);

    write_all(fd, line, (size_t)n);
    write_all(fd, body, len);
}

/* The path says how to answer: /STATUS/BODY, and some ways to be bad. */
static void answer(int fd, const char *path, int count)
{
    static char big[70000];

    if (strncmp(path, "/200/", 5) == 0) {
        say(fd, "200 OK", path + 5, strlen(path + 5));
    } else if (strncmp(path, "/500/", 5) == 0) {
        say(fd, "500 Oops", path + 5, strlen(path + 5));
    } else if (strcmp(path, "/redirect") == 0) {
        say(fd, "302 Found\r\nLocation: /200/v1", "", 0);
    } else if (strcmp(path, "/big") == 0) {
        memset(big, 'x', sizeof big);
        say(fd, "200 OK", big, sizeof big);
    } else if (strcmp(path, "/flap") == 0) {
        /* good, good, bad, then good for ever */
        const char *body = count == 3 ? "v0" : "v1";
        say(fd, "200 OK", body, 2);
    } else if (strcmp(path, "/flaps") == 0) {
        char text[16];
        snprintf(text, sizeof text, "%d", count);
        say(fd, "200 OK", text, strlen(text));
    } else if (strcmp(path, "/escape") == 0) {
        say(fd, "200 OK", "\x1b[2J", 4);
    } else if (strcmp(path, "/drip") == 0) {
        for (int i = 0; i < 100; i++) {
            struct timespec t = {.tv_nsec = 50 * 1000 * 1000};
            if (!write_all(fd, "x", 1))
                return;
            nanosleep(&t, NULL);
        }
    } else if (strcmp(path, "/garbage") == 0) {
        write_all(fd, "\0\1\2 no http\r\n\r\n", 15);
    } else if (strcmp(path, "/cut") == 0) {
        write_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nv1", 41);
    }
    /* else: closed without a word */
}

static void serve(int listener)
{
    int flaps = 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        char text[2048] = "", path[1024] = "";
        int fd = accept(listener, NULL, NULL);
        ssize_t n = recv(fd, text, sizeof text - 1, 0);
        if (n > 0 && sscanf(text, "GET %1000s", path) == 1 &&
            strcmp(path, "/flap") == 0)
            flaps++;
        if (fork() == 0) {
            answer(fd, path, flaps);
            _exit(0);
        }
        close(fd);
    }
}

/* A unix socket that answers every question with `text`, in two pieces. */
static pid_t serve_unix(const char *path, const char *text, bool close_it)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    pid_t pid;

    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    unlink(path);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 5), 0);
    pid = fork();
    if (pid == 0) {
        char question[64] = "";
        int fd = accept(listener, NULL, NULL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (recv(fd, question, sizeof question - 1, 0) > 0 &&
            strcmp(question, "show stat\n") == 0) {
            size_t n = strlen(text) / 2;
            write_all(fd, text, n);
            write_all(fd, text + n, strlen(text) - n);
        }
        if (!close_it)
            pause();
        _exit(0);
    }
    close(listener);
    return pid;
}

static void end_child(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static int start(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    arena_init(&a);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 50), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    port = ntohs(at.sin_port);
    server = fork();
    if (server == 0)
        serve(listener);
    close(listener);
    l = loop_open();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    loop_close(l);
    end_child(server);
    rmdir(folder);
    arena_release(&a);
    return 0;
}

static const char *url(const char *path)
{
    return arena_printf(&a, "http://127.0.0.1:%d%s", port, path);
}

static bool get(const char *path, int *status, char **body, struct err *e)
{
    size_t len;

    *e = (struct err){0};
    return http_get(l, &a, url(path), 1000, status, body, &len, e);
}

static void gets_pages(void **state)
{
    struct err e;
    int status;
    char *body;

    (void)state;
    assert_true(get("/200/hello", &status, &body, &e));
    assert_int_equal(status, 200);
    assert_string_equal(body, "hello");
    assert_true(get("/500/no", &status, &body, &e));
    assert_int_equal(status, 500);
    /* not followed: it is the answer */
    assert_true(get("/redirect", &status, &body, &e));
    assert_int_equal(status, 302);
}

static void refuses_bad_answers(void **state)
{
    static const struct {
        const char *path, *says;
    } rows[] = {
        {"/big", "over 64 KiB"},    {"/drip", "HTTP/0.9"},
        {"/garbage", "HTTP/0.9"},   {"/cut", "bytes remaining to read"},
        {"/silent", "Empty reply"},
    };
    struct err e;
    int status;
    char *body;
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t began = clock_mono();
        if (get(rows[i].path, &status, &body, &e))
            fail_msg("%s was read", rows[i].path);
        assert_int_equal(e.code, ERR_UNREACHABLE);
        if (!strstr(e.why, rows[i].says))
            fail_msg("%s: %s", rows[i].path, e.why);
        assert_true(clock_mono() - began < 3000);
    }
    assert_false(
        http_get(l, &a, "ftp://127.0.0.1/x", 1000, &status, &body, &len, &e));
    assert_false(http_get(l, &a, "http://u:secret@127.0.0.1:1/", 1000, &status,
                          &body, &len, &e));
    assert_null(strstr(e.what, "secret"));
    assert_null(strstr(e.fix, "secret"));
}

/* An environment of two hosts that are both our server. */
static struct environment environment(const char *path, const char *body)
{
    static struct host_name hosts[2];
    struct environment env = {.path = "/x", .rollout.at_once = 4};
    struct err e = {0};

    assert_true(host_parse(&a, "u@127.0.0.1:1", &hosts[0], &e));
    assert_true(host_parse(&a, "u@127.0.0.2:1", &hosts[1], &e));
    env.hosts = hosts;
    env.n_hosts = 2;
    env.known_hosts = "/dev/null/none";
    env.known_hosts = arena_printf(&a, "%s/known", folder);
    assert_true(file_write(env.known_hosts, "", 0, 0600, &e));
    env.probe_host = (struct probe_settings){.on = true,
                                             .url = url(path),
                                             .status = 200,
                                             .body = body,
                                             .timeout_ms = 1000,
                                             .passes = 3,
                                             .interval_ms = 5,
                                             .deadline_ms = 2000};
    env.probe_front = env.probe_host;
    return env;
}

static struct fleet *fleet_of(const struct environment *env)
{
    struct err e = {0};
    struct fleet *f = fleet_open(&a, l, NULL, env, &e);

    if (!f)
        fail_msg("%s: %s", e.what, e.why);
    unlink(env->known_hosts);
    return f;
}

static struct answer_facts probe(const char *path, const char *body,
                                 const char *either, bool once)
{
    struct environment env = environment(path, body);
    struct fleet *f = fleet_of(&env);
    const struct probe_target targets[3] = {
        {0, "v1", either}, {1, "v1", either}, {PROBE_FRONT, "v1", either}};
    struct answer_facts got[3];

    probe_ask(f, &a, &env, targets, 3, once, got);
    assert_string_equal(got[0].who, "127.0.0.1");
    assert_string_equal(got[1].who, "127.0.0.2");
    assert_string_equal(got[2].who, "front");
    assert_int_equal(got[0].good, got[2].good);
    fleet_close(f);
    return got[0];
}

static void probes(void **state)
{
    static const struct {
        const char *path, *body, *either;
        bool good;
        const char *named, *why;
    } rows[] = {
        {"/200/rel:v1;", "rel:%v;", NULL, true, "v1", NULL},
        {"/200/rel:v1;", NULL, NULL, true, NULL, NULL},
        {"/200/fine", "fine", NULL, true, NULL, NULL},
        {"/200/rel:v0;", "rel:%v;", "v0", true, "v0", NULL},
        {"/200/rel:v0;", "rel:%v;", NULL, false, NULL,
         "its body does not say rel:v1;: rel:v0;"},
        {"/200/rel:v11;", "rel:%v;", NULL, false, NULL, "does not say"},
        {"/escape", "rel:%v;", NULL, false, NULL, "\\x1b[2J"},
        {"/500/rel:v1;", "rel:%v;", NULL, false, NULL, "it answered 500 after"},
        {"/redirect", "rel:%v;", NULL, false, NULL, "it answered 302"},
        {"/silent", "rel:%v;", NULL, false, NULL, "Empty reply"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct answer_facts got =
            probe(rows[i].path, rows[i].body, rows[i].either, true);
        if (got.good != rows[i].good)
            fail_msg("row %zu: %s", i, got.why);
        if (rows[i].named)
            assert_string_equal(got.named, rows[i].named);
        else
            assert_null(got.named);
        if (rows[i].why && !strstr(got.why, rows[i].why))
            fail_msg("row %zu: %s", i, got.why);
    }
}

/* So many good answers IN A ROW; a flapping one begins anew. */
static void probes_until_passed(void **state)
{
    struct environment env = environment("/flap", "%v");
    struct fleet *f = fleet_of(&env);
    const struct probe_target target = {0, "v1", NULL};
    struct answer_facts got;
    int status;
    char *body;
    size_t len;
    struct err e = {0};

    (void)state;
    probe_ask(f, &a, &env, &target, 1, false, &got);
    assert_true(got.good);
    /* good, good, bad, good, good, good */
    assert_true(http_get(l, &a, url("/flaps"), 1000, &status, &body, &len, &e));
    assert_string_equal(body, "6");
    fleet_close(f);

    env = environment("/500/x", "%v");
    env.probe_host.deadline_ms = 100;
    f = fleet_of(&env);
    probe_ask(f, &a, &env, &target, 1, false, &got);
    assert_false(got.good);
    assert_non_null(strstr(got.why, "it answered 500"));
    fleet_close(f);

    /* good answers that come too slowly for the deadline are no pass */
    env = environment("/200/v1", "%v");
    env.probe_host.deadline_ms = 150;
    env.probe_host.interval_ms = 100;
    f = fleet_of(&env);
    probe_ask(f, &a, &env, &target, 1, false, &got);
    assert_false(got.good);
    assert_non_null(strstr(got.why, "of 3 good answers in a row"));
    fleet_close(f);
}

static struct pool_facts pool(const char *members)
{
    struct environment env = environment("/", NULL);
    struct fleet *f;
    struct pool_facts p;

    env.pool_members = members;
    f = fleet_of(&env);
    pool_read(f, &a, &env, &p);
    if (p.read) {
        assert_int_equal(pool_state(&p, f, 0), MEMBER_UP);
        assert_int_equal(pool_state(&p, f, 1), MEMBER_DOWN);
    }
    fleet_close(f);
    return p;
}

static void pool_sources(void **state)
{
    const char *socket = arena_printf(&a, "%s/s", folder);
    const char *source = arena_printf(&a, "haproxy:%s/shop", socket);
    static const char csv[] = "# pxname,svname,status,\n"
                              "shop,127.0.0.1,UP,\n"
                              "shop,127.0.0.2,MAINT,\n\n";
    struct pool_facts p;
    pid_t pid;

    (void)state;
    p = pool("command:printf '127.0.0.1 up\\n127.0.0.2 down\\nother up\\n'");
    assert_true(p.read);
    assert_int_equal(p.n, 3);
    p = pool("command:false");
    assert_false(p.read);
    assert_non_null(strstr(p.why, "the command ended with 1"));
    p = pool(url("/500/x"));
    assert_false(p.read);
    assert_non_null(strstr(p.why, "answered 500"));
    p = pool(url("/200/web1"));
    assert_false(p.read);

    assert_false(pool(source).read);
    pid = serve_unix(socket, csv, true);
    p = pool(source);
    assert_true(p.read);
    assert_int_equal(p.n, 2);
    end_child(pid);
    pid = serve_unix(socket, "Permission denied\n", true);
    p = pool(source);
    assert_false(p.read);
    assert_non_null(strstr(p.why, "Permission denied"));
    end_child(pid);
    unlink(socket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gets_pages),   cmocka_unit_test(refuses_bad_answers),
        cmocka_unit_test(probes),       cmocka_unit_test(probes_until_passed),
        cmocka_unit_test(pool_sources),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
