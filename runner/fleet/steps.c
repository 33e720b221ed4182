#include "runner/fleet/steps.h"

#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/escape.h"
#include "runner/base/hash.h"
#include "runner/config/hosts.h"
#include "runner/fleet/helpers.h"
#include "runner/fleet/host.h"

#define COMMON     8
#define PARAMS     (COMMON + 10)
#define ANSWER_MS  120000 /* the lock is waited for 75 s there */
#define OBSERVE_MS 600000 /* it reads every file of a release */
#define HOOK_SLACK 30000  /* beyond a hook's own end: TERM, 10 s, KILL */

/* The calls of one step: those of one host differ only in what `each` of the
 * functions below adds. */
struct batch_calls {
    struct fleet *f;
    struct arena *a;
    struct call *calls;
    struct answer *answers;
    size_t n;
};

static void add(struct arena *a, struct call *c, const char *text)
{
    struct param *p = (struct param *)c->params;

    (void)a;
    if (c->n == PARAMS)
        BUG("too many parameters for %s", c->step);
    p[c->n++] = (struct param){text ? text : "", text ? strlen(text) : 0};
}

static void add_int(struct arena *a, struct call *c, int64_t v)
{
    add(a, c, arena_printf(a, "%lld", (long long)v));
}

/* What lib.sh takes first; fence NULL: the step only looks. */
static void call_begin(struct batch_calls *b, size_t i, size_t host,
                       const char *step, const struct fence *fence)
{
    struct call *c = &b->calls[i];

    c->host = host;
    c->step = step;
    c->params = arena_array(b->a, PARAMS, sizeof *c->params);
    c->timeout_ms = ANSWER_MS;
    add(b->a, c, fleet_path(b->f, host));
    add(b->a, c, host < fleet_count(b->f) ? fleet_name(b->f, host) : "");
    add(b->a, c, fence ? fence->ledger : "");
    add_int(b->a, c, fence ? fence->epoch : 0);
    add_int(b->a, c, fence ? fence->seq : 0);
    add(b->a, c, fence ? fence->head : "");
    add(b->a, c, fence ? fence->run : "");
    add(b->a, c, fence ? fence->claim : "");
}

static struct batch_calls batch_init(struct fleet *f, const size_t *hosts,
                                     size_t n, const char *step,
                                     const struct fence *fence)
{
    struct arena *a = fleet_arena(f);
    struct batch_calls b = {f, a, arena_array(a, n, sizeof *b.calls),
                            arena_array(a, n, sizeof *b.answers), n};

    for (size_t i = 0; i < n; i++)
        call_begin(&b, i, hosts[i], step, fence);
    return b;
}

static void add_all(struct batch_calls *b, const char *text)
{
    for (size_t i = 0; i < b->n; i++)
        add(b->a, &b->calls[i], text);
}

/* What a host says is foreign: escaped once, here. */
static const char *text_of(struct arena *arena, const struct answer *a,
                           const char *key)
{
    return escape(arena, answer_get(a, key));
}

/* The same for a text of several lines. */
static const char *lines_of(struct arena *arena, const struct answer *a,
                            const char *key)
{
    const char *text = answer_get(a, key);
    struct buf out;

    buf_init(&out);
    if (text)
        escape_to(&out, text, strlen(text), true);
    return buf_into(&out, arena);
}

static void run(struct batch_calls *b, struct step_result *outs)
{
    fleet_run(b->f, b->calls, b->n, b->answers);
    for (size_t i = 0; i < b->n; i++) {
        const struct answer *a = &b->answers[i];
        outs[i] = (struct step_result){
            .outcome = a->outcome,
            .why = a->why,
            .fix = a->fix,
            .refused = text_of(b->a, a, "refused"),
            .key_refused = a->key_refused,
            .present = strcmp(text_of(b->a, a, "present"), "yes") == 0,
            .ms = a->ms};
    }
}

void step_fence(struct fleet *f, const size_t *hosts, size_t n,
                const struct fence *fence, const char *policy,
                const char *known, struct step_result *outs)
{
    struct batch_calls b = batch_init(f, hosts, n, "fence", fence);

    add_all(&b, policy);
    add_all(&b, known);
    run(&b, outs);
}

void step_stage(struct fleet *f, const size_t *hosts, size_t n,
                const struct fence *fence, const struct stage *s,
                struct step_result *outs)
{
    struct batch_calls b = batch_init(f, hosts, n, "stage", fence);
    int64_t seconds = (s->prepare_timeout_ms + 999) / 1000;
    char *digest = arena_alloc(b.a, HASH_HEX);

    hash_hex(s->files, s->files_len, digest);
    for (size_t i = 0; i < n; i++) {
        struct call *c = &b.calls[i];
        add(b.a, c, s->release);
        add(b.a, c, s->previous);
        add(b.a, c, digest);
        add_int(b.a, c, s->tar_len);
        add(b.a, c, s->shared);
        add(b.a, c, s->prepare);
        add_int(b.a, c, seconds);
        add(b.a, c, "");
        ((struct param *)c->params)[c->n - 1] =
            (struct param){s->files, s->files_len};
        c->payload_fd = s->tar_fd;
        c->payload_len = s->tar_len;
        c->timeout_ms = OBSERVE_MS + s->prepare_timeout_ms;
    }
    run(&b, outs);
}

void step_flip(struct fleet *f, const size_t *hosts, size_t n,
               const struct fence *fence, const char *from, const char *to,
               struct step_result *outs)
{
    struct batch_calls b = batch_init(f, hosts, n, "flip", fence);

    add_all(&b, from);
    add_all(&b, to);
    run(&b, outs);
}

/* "on lb1: CMD" for these hosts: the same helper once for each. */
static bool hook_place(struct fleet *f, const struct hook *h, size_t *where,
                       const char **command, struct step_result *out)
{
    struct arena *a = fleet_arena(f);
    struct host_name on;
    struct err e = {0};

    if (!host_command_parse(a, h->command, &on, command, &e)) {
        *out = (struct step_result){
            .outcome = OUTCOME_UNREACHABLE,
            .why = arena_printf(a, "%s: %s", e.what, e.why),
            .fix = arena_strdup(a, e.fix),
            .refused = ""};
        return false;
    }
    if (on.name)
        *where = fleet_any(f, on.text);
    return true;
}

static void hook_call(struct batch_calls *b, size_t i, size_t subject,
                      size_t where, const struct fence *fence,
                      const struct hook *h, const char *command)
{
    struct call *c = &b->calls[i];

    call_begin(b, i, where, "hook", fence);
    ((struct param *)c->params)[1] = (struct param){
        fleet_name(b->f, subject), strlen(fleet_name(b->f, subject))};
    add(b->a, c, h->name);
    add(b->a, c, h->release);
    add(b->a, c, h->previous);
    add_int(b->a, c, (h->timeout_ms + 999) / 1000);
    add(b->a, c,
        config_fill(b->a, command, fleet_name(b->f, subject),
                    h->release ? h->release : ""));
    add(b->a, c, fleet_path(b->f, subject));
    c->timeout_ms = ANSWER_MS + h->timeout_ms + HOOK_SLACK;
}

void step_hook(struct fleet *f, const size_t *hosts, size_t n,
               const struct fence *fence, const struct hook *h,
               struct step_result *outs)
{
    struct batch_calls b = batch_init(f, hosts, n, "hook", fence);

    for (size_t i = 0; i < n; i++) {
        const char *command;
        size_t where = hosts[i];
        if (!hook_place(f, h, &where, &command, &outs[i])) {
            for (size_t k = 0; k < n; k++)
                outs[k] = outs[i];
            return;
        }
        b.calls[i] = (struct call){0};
        hook_call(&b, i, hosts[i], where, fence, h, command);
    }
    run(&b, outs);
}

void step_mark(struct fleet *f, const size_t *hosts, size_t n,
               const struct fence *fence, const char *release,
               const char *state, struct step_result *outs)
{
    struct batch_calls b = batch_init(f, hosts, n, "mark", fence);

    add_all(&b, release);
    add_all(&b, state);
    run(&b, outs);
}

void step_after_begun(struct fleet *f, const size_t *hosts, size_t n,
                      const struct fence *fence, const char *release,
                      struct step_result *outs)
{
    struct batch_calls b = batch_init(f, hosts, n, "after_begun", fence);

    add_all(&b, release);
    run(&b, outs);
}

void step_prune(struct fleet *f, const size_t *hosts, size_t n,
                const struct fence *fence, int keep, const char *needed,
                struct step_result *outs)
{
    struct batch_calls b = batch_init(f, hosts, n, "prune", fence);

    for (size_t i = 0; i < n; i++)
        add_int(b.a, &b.calls[i], keep);
    add_all(&b, needed);
    run(&b, outs);
}

/* The shared items of the environment, one a line. */
static const char *shared_list(struct fleet *f)
{
    const struct artifact_settings *s = &fleet_environment(f)->artifact;
    const char *text = "";

    for (size_t i = 0; i < s->shareds; i++)
        text = arena_printf(fleet_arena(f), "%s%s%s", text, i ? "\n" : "",
                            s->shared[i]);
    return text;
}

void step_adopt(struct fleet *f, const size_t *hosts, size_t n,
                const struct fence *fence, const char *release, bool look_only,
                struct adopted *outs)
{
    struct batch_calls b = batch_init(f, hosts, n, "adopt", fence);
    struct step_result *results = arena_array(b.a, n, sizeof *results);

    add_all(&b, release);
    add_all(&b, look_only ? "yes" : "no");
    add_all(&b, shared_list(f));
    for (size_t i = 0; i < n; i++)
        b.calls[i].timeout_ms = OBSERVE_MS;
    run(&b, results);
    for (size_t i = 0; i < n; i++)
        outs[i] = (struct adopted){
            .outcome = results[i].outcome,
            .why = results[i].why,
            .fix = results[i].fix,
            .refused = results[i].refused,
            .key_refused = results[i].key_refused,
            .digest = text_of(b.a, &b.answers[i], "digest"),
            .revision = text_of(b.a, &b.answers[i], "revision"),
            .folder = text_of(b.a, &b.answers[i], "folder")};
}

static void observed_releases(struct arena *arena, const struct answer *a,
                              struct observed *out)
{
    struct observed_release *list = arena_array(arena, a->n, sizeof *list);

    for (size_t i = 0; i < a->n; i++) {
        if (strcmp(a->keys[i], "release") != 0)
            continue;
        char *rest = escape(arena, a->values[i]);
        struct observed_release *r = &list[out->n++];
        r->name = strsep(&rest, " ");
        r->state = rest ? strsep(&rest, " ") : "";
        r->digest = rest ? rest : "";
    }
    out->releases = list;
}

static const char *observed_shared(struct arena *arena, const struct answer *a)
{
    const char *text = "";

    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->keys[i], "shared") == 0)
            text = arena_printf(arena, "%s%s%s", text, *text ? "\n" : "",
                                escape(arena, a->values[i]));
    return text;
}

static void observed_fill(struct arena *arena, const struct answer *a,
                          struct observed *out)
{
    int64_t clock = answer_int(a, "clock_ms", -1);

    *out = (struct observed){.outcome = a->outcome,
                             .why = a->why,
                             .fix = a->fix,
                             .key_refused = a->key_refused,
                             .current_raw = text_of(arena, a, "current_raw"),
                             .verify = text_of(arena, a, "verify"),
                             .wrong = text_of(arena, a, "wrong"),
                             .extra = answer_int(a, "extra", 0),
                             .ledger = text_of(arena, a, "ledger"),
                             .policy = text_of(arena, a, "policy"),
                             .epoch = answer_int(a, "epoch", 0),
                             .seq = answer_int(a, "seq", 0),
                             .head = text_of(arena, a, "head"),
                             .run = text_of(arena, a, "run"),
                             .after_begun = text_of(arena, a, "after_begun"),
                             .machine = text_of(arena, a, "machine"),
                             .place = text_of(arena, a, "place"),
                             .missing = lines_of(arena, a, "missing"),
                             .boot = text_of(arena, a, "boot")};
    out->current = strcmp(text_of(arena, a, "current_is"), "other") == 0
                       ? NULL
                       : text_of(arena, a, "current");
    out->verified = strcmp(text_of(arena, a, "verified"), "yes") == 0;
    out->free_bytes = answer_int(a, "free_kb", 0) * 1024;
    out->shared = observed_shared(arena, a);
    observed_releases(arena, a, out);
    if (a->outcome != OUTCOME_DONE)
        return;
    out->skew_ms = clock - a->ended_wall_ms;
    if (clock < 0) {
        out->outcome = OUTCOME_UNKNOWN;
        out->why = "its clock could not be read";
    }
}

void step_observe(struct fleet *f, const size_t *hosts, size_t n,
                  const char *verify, struct observed *outs)
{
    struct batch_calls b = batch_init(f, hosts, n, "observe", NULL);

    add_all(&b, verify);
    add_all(&b, shared_list(f));
    for (size_t i = 0; i < n; i++)
        b.calls[i].timeout_ms = OBSERVE_MS;
    fleet_run(f, b.calls, n, b.answers);
    for (size_t i = 0; i < n; i++)
        observed_fill(b.a, &b.answers[i], &outs[i]);
}
