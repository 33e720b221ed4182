#include "runner/fleet/probe.h"

#include <string.h>

#include "runner/base/duration.h"
#include "runner/base/escape.h"
#include "runner/fleet/host.h"
#include "runner/fleet/http.h"

#define SHOWN 80 /* bytes of a body that are shown */

/* One target until it has passed, or its deadline has. */
struct asking {
    const struct probe_settings *s;
    const struct probe_target *target;
    struct answer_facts *answer;
    const char *host, *url;
    struct http_call *call;
    int passes;
    int64_t next, deadline;
    bool ended;
};

struct probing {
    struct arena *a;
    struct loop *l;
    struct http *http;
    struct asking *list;
    size_t n, left;
    bool once;
    struct source alarm; /* wakes the loop when a question is due */
};

/* What the body must hold to name `release`; NULL when that is not asked. */
static bool names(struct probing *p, const struct asking *q,
                  const struct http_answer *got, const char *release)
{
    const char *want = config_fill(p->a, q->s->body, q->host, release);

    return memmem(got->body, got->len, want, strlen(want)) != NULL;
}

static const char *shown(struct arena *a, const struct http_answer *got)
{
    size_t n = got->len < SHOWN ? got->len : SHOWN;

    return escape(a, arena_strndup(a, got->body, n));
}

static void judge_body(struct probing *p, struct asking *q,
                       const struct http_answer *got)
{
    struct answer_facts *out = q->answer;
    const struct probe_target *t = q->target;
    bool says_release = strstr(q->s->body, "%v") != NULL;

    if (t->any && says_release) {
        out->good = true;
    } else if (names(p, q, got, t->release ? t->release : "")) {
        out->good = true;
        out->named = says_release ? t->release : NULL;
    } else if (t->either && names(p, q, got, t->either)) {
        out->good = true;
        out->named = t->either;
    } else {
        out->why = arena_printf(p->a, "its body does not say %s: %s",
                                config_fill(p->a, q->s->body, q->host,
                                            t->release ? t->release : ""),
                                shown(p->a, got));
    }
}

static void judge(struct probing *p, struct asking *q,
                  const struct http_answer *got)
{
    struct answer_facts *out = q->answer;
    char text[32];

    out->good = false;
    out->named = NULL;
    out->why = NULL;
    if (got->why) {
        out->why = got->why;
    } else if (got->status != q->s->status) {
        out->why = arena_printf(
            p->a, "it answered %d after %s; %d is wanted", got->status,
            duration_text(got->ms, text, sizeof text), q->s->status);
    } else if (q->s->body) {
        judge_body(p, q, got);
    } else {
        out->good = true;
    }
}

static void end(struct probing *p, struct asking *q)
{
    q->ended = true;
    p->left--;
}

static void turn(struct probing *p, struct asking *q, int64_t now)
{
    if (!q->call) {
        int64_t left = q->deadline - now;
        if (now < q->next)
            return;
        q->call =
            http_start(p->http, p->a, q->url,
                       p->once || left > q->s->timeout_ms ? q->s->timeout_ms
                       : left > 0                         ? left
                                                          : 1);
        return;
    }
    if (!http_ended(q->call))
        return;
    struct http_answer got = http_take(q->call);
    q->call = NULL;
    /* a last question that our deadline cut short says less than the one
     * before it */
    if (!got.why || now < q->deadline || !q->answer->why)
        judge(p, q, &got);
    q->passes = q->answer->good ? q->passes + 1 : 0;
    q->next = now + q->s->interval_ms;
    if (p->once || q->passes >= q->s->passes) {
        end(p, q);
    } else if (now >= q->deadline || q->next >= q->deadline) {
        if (q->answer->good)
            q->answer->why = arena_printf(
                p->a, "only %d of %d good answers in a row by its deadline",
                q->passes, q->s->passes);
        q->answer->good = false;
        end(p, q);
    }
}

static bool all_ended(void *ctx)
{
    struct probing *p = ctx;
    int64_t now = clock_mono();

    p->alarm.deadline = CLOCK_NEVER;
    for (size_t i = 0; i < p->n; i++) {
        struct asking *q = &p->list[i];
        if (!q->ended)
            turn(p, q, now);
        if (!q->ended && !q->call && q->next < p->alarm.deadline)
            p->alarm.deadline = q->next;
    }
    return p->left == 0;
}

/* The turn that it wakes asks all_ended. */
static void alarm_step(struct source *s, short revents, int64_t now)
{
    (void)revents;
    (void)now;
    s->deadline = CLOCK_NEVER;
}

static void asking_init(struct probing *p, struct asking *q, struct fleet *f,
                        const struct environment *env,
                        const struct probe_target *t, struct answer_facts *out)
{
    bool front = t->host == PROBE_FRONT;
    const char *host = front ? "front" : fleet_name(f, t->host);

    *out = (struct answer_facts){.who = host};
    *q = (struct asking){.s = front ? &env->probe_front : &env->probe_host,
                         .target = t,
                         .answer = out,
                         .host = host};
    if (!q->s->on) {
        out->good = true;
        end(p, q);
        return;
    }
    q->url = config_fill(p->a, q->s->url, host, t->release ? t->release : "");
    q->next = clock_mono();
    q->deadline = q->next + q->s->deadline_ms;
}

void probe_ask(struct fleet *f, struct arena *a, const struct environment *env,
               const struct probe_target *targets, size_t n, bool once,
               struct answer_facts *answers)
{
    struct probing p = {.a = a, .n = n, .left = n, .once = once};

    if (n == 0)
        return; /* without hosts there is no fleet either */
    p.l = fleet_loop(f);
    p.http = http_open(p.l);
    p.list = arena_array(a, n, sizeof *p.list);
    p.alarm =
        (struct source){.fd = -1, .deadline = CLOCK_NEVER, .step = alarm_step};
    loop_add(p.l, &p.alarm);
    for (size_t i = 0; i < n; i++)
        asking_init(&p, &p.list[i], f, env, &targets[i], &answers[i]);
    loop_until(p.l, all_ended, &p, CLOCK_NEVER);
    for (size_t i = 0; i < n; i++) {
        if (p.list[i].call)
            http_take(p.list[i].call);
        if (!p.list[i].ended) {
            answers[i].good = false;
            answers[i].why = "interrupted by a stop signal";
        }
    }
    loop_remove(p.l, &p.alarm);
    http_close(p.http);
}
