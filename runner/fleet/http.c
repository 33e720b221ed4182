#include "runner/fleet/http.h"

#include <curl/curl.h>
#include <poll.h>
#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/escape.h"
#include "runner/fleet/probe.h"

struct http_socket {
    struct source source;
    struct http *http;
    struct http_socket *next; /* those that curl no longer wants */
};

struct http {
    struct loop *loop;
    struct arena arena;
    CURLM *multi;
    struct source timer;
    struct http_socket *spare;
    size_t under_way;
};

struct http_call {
    struct http *http;
    struct arena *a;
    CURL *curl;
    struct buf body;
    char error[CURL_ERROR_SIZE];
    int64_t began, ended; /* 0: not yet */
    bool too_long;
    CURLcode code;
};

static void must(int code, const char *doing)
{
    if (code != 0)
        BUG("libcurl: %s gives %d", doing, code);
}

static void take_ended(struct http *h)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
        struct http_call *c = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
        c->code = m->data.result;
        c->ended = clock_mono();
    }
}

static void socket_step(struct source *s, short revents, int64_t now)
{
    struct http_socket *k = s->ctx;
    int what = (revents & (POLLIN | POLLHUP) ? CURL_CSELECT_IN : 0) |
               (revents & POLLOUT ? CURL_CSELECT_OUT : 0) |
               (revents & POLLERR ? CURL_CSELECT_ERR : 0);
    int running;

    (void)now;
    curl_multi_socket_action(k->http->multi, s->fd, what, &running);
    take_ended(k->http);
}

static void timer_step(struct source *s, short revents, int64_t now)
{
    struct http *h = s->ctx;
    int running;

    (void)revents;
    (void)now;
    s->deadline = CLOCK_NEVER;
    curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    take_ended(h);
}

static int on_timer(CURLM *multi, long ms, void *ctx)
{
    struct http *h = ctx;

    (void)multi;
    h->timer.deadline = ms < 0 ? CLOCK_NEVER : clock_mono() + ms;
    return 0;
}

static int on_socket(CURL *curl, curl_socket_t fd, int what, void *ctx,
                     void *socket_ctx)
{
    struct http *h = ctx;
    struct http_socket *k = socket_ctx;

    (void)curl;
    if (what == CURL_POLL_REMOVE) {
        if (k) {
            loop_remove(h->loop, &k->source);
            k->next = h->spare;
            h->spare = k;
        }
        return 0;
    }
    if (!k) {
        k = h->spare;
        if (k)
            h->spare = k->next;
        else
            k = arena_alloc(&h->arena, sizeof *k);
        *k = (struct http_socket){.http = h};
        k->source = (struct source){
            .fd = fd, .deadline = CLOCK_NEVER, .step = socket_step, .ctx = k};
        curl_multi_assign(h->multi, fd, k);
        loop_add(h->loop, &k->source);
    }
    k->source.events = (short)((what & CURL_POLL_IN ? POLLIN : 0) |
                               (what & CURL_POLL_OUT ? POLLOUT : 0));
    return 0;
}

struct http *http_open(struct loop *l)
{
    struct http *h = must_malloc(sizeof *h);

    *h = (struct http){.loop = l, .multi = curl_multi_init()};
    if (!h->multi)
        BUG("libcurl does not start");
    arena_init(&h->arena);
    h->timer = (struct source){
        .fd = -1, .deadline = CLOCK_NEVER, .step = timer_step, .ctx = h};
    loop_add(l, &h->timer);
    must(curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket),
         "the socket callback");
    must(curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h), "its data");
    must(curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer),
         "the timer callback");
    must(curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h), "its data");
    return h;
}

void http_close(struct http *h)
{
    if (h->under_way)
        BUG("%zu requests are still under way", h->under_way);
    curl_multi_cleanup(h->multi);
    loop_remove(h->loop, &h->timer);
    arena_release(&h->arena);
    free(h);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
    struct http_call *c = ctx;

    if (c->body.len + size * n > HTTP_BODY_LIMIT) {
        c->too_long = true;
        return 0;
    }
    buf_add(&c->body, bytes, size * n);
    return size * n;
}

static void options_set(struct http_call *c, const char *url,
                        int64_t timeout_ms)
{
    CURL *u = c->curl;

    /* a bad URL is told when it is asked for; the rest cannot fail */
    curl_easy_setopt(u, CURLOPT_URL, url);
    must(curl_easy_setopt(u, CURLOPT_PROTOCOLS_STR, "http,https"), "protocols");
    must(curl_easy_setopt(u, CURLOPT_FOLLOWLOCATION, 0L), "no redirects");
    must(curl_easy_setopt(u, CURLOPT_PROXY, ""), "no proxy");
    must(curl_easy_setopt(u, CURLOPT_SSL_VERIFYPEER, 1L), "verify");
    must(curl_easy_setopt(u, CURLOPT_SSL_VERIFYHOST, 2L), "verify");
    must(curl_easy_setopt(u, CURLOPT_NOSIGNAL, 1L), "no signals");
    must(curl_easy_setopt(u, CURLOPT_FORBID_REUSE, 1L), "own connection");
    must(curl_easy_setopt(u, CURLOPT_TIMEOUT_MS, (long)timeout_ms), "timeout");
    must(curl_easy_setopt(u, CURLOPT_USERAGENT, "tidegate/" TIDEGATE_VERSION),
         "user agent");
    must(curl_easy_setopt(u, CURLOPT_WRITEFUNCTION, on_body), "body");
    must(curl_easy_setopt(u, CURLOPT_WRITEDATA, c), "body");
    must(curl_easy_setopt(u, CURLOPT_ERRORBUFFER, c->error), "errors");
    must(curl_easy_setopt(u, CURLOPT_PRIVATE, c), "private");
}

struct http_call *http_start(struct http *h, struct arena *a, const char *url,
                             int64_t timeout_ms)
{
    struct http_call *c = must_malloc(sizeof *c);

    *c = (struct http_call){
        .http = h, .a = a, .curl = curl_easy_init(), .began = clock_mono()};
    if (!c->curl)
        BUG("libcurl has no memory for a request");
    buf_init(&c->body);
    options_set(c, url, timeout_ms);
    must(curl_multi_add_handle(h->multi, c->curl), "adding a request");
    h->under_way++;
    return c;
}

bool http_ended(const struct http_call *c)
{
    return c->ended != 0;
}

static const char *why(const struct http_call *c)
{
    if (c->too_long)
        return "its answer is over 64 KiB";
    if (!c->ended)
        return "given up";
    if (c->code == CURLE_OK)
        return NULL;
    return redact(
        c->a, escape(c->a, *c->error ? c->error : curl_easy_strerror(c->code)));
}

struct http_answer http_take(struct http_call *c)
{
    long status = 0;
    struct http_answer got = {.why = why(c), .len = c->body.len};

    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    got.status = (int)status;
    got.ms = (c->ended ? c->ended : clock_mono()) - c->began;
    got.body = buf_into(&c->body, c->a);
    curl_multi_remove_handle(c->http->multi, c->curl);
    curl_easy_cleanup(c->curl);
    c->http->under_way--;
    free(c);
    return got;
}

static bool call_ended(void *ctx)
{
    return http_ended(ctx);
}

bool http_get(struct loop *l, struct arena *a, const char *url,
              int64_t timeout_ms, int *status, char **body, size_t *len,
              struct err *e)
{
    struct http *h = http_open(l);
    struct http_call *c = http_start(h, a, url, timeout_ms);
    bool ended = loop_until(l, call_ended, c, CLOCK_NEVER);
    struct http_answer got = http_take(c);

    http_close(h);
    if (!got.why) {
        *status = got.status;
        *body = got.body;
        *len = got.len;
        return true;
    }
    err_what(e, ended ? ERR_UNREACHABLE : ERR_INTERRUPTED, "cannot read %s",
             redact(a, url));
    err_why(e, "%s", ended ? got.why : "a stop signal came");
    return err_fix(e, "try it: curl -i %s", shell_word(a, redact(a, url)));
}
