#include "runner/ledger/state.h"

#include <stdlib.h>
#include <string.h>

#include "runner/ledger/replay.h"
#include "runner/ledger/store.h"

#define BATCHES_KEPT    10
#define REHEARSALS_KEPT 20

void *list_add(struct arena *a, struct list *list, size_t size)
{
    if (list->n == list->room) {
        size_t room = list->room ? list->room * 2 : 8;
        list->items = arena_grow(a, list->items, list->n, room, size);
        list->room = room;
    }
    return (char *)list->items + list->n++ * size;
}

static void replay_freeze(struct replay *r)
{
    r->out->frozen_by = json_str(r->p, "who");
    r->out->frozen_why = json_str(r->p, "why");
    r->out->frozen_at = r->event->at;
    if (!r->out->frozen_by)
        r->out->frozen_by = "unknown";
}

static void replay_thaw(struct replay *r)
{
    r->out->frozen_by = r->out->frozen_why = NULL;
    r->out->frozen_at = 0;
}

static void replay_users(struct replay *r)
{
    struct sample *s = list_add(r->a, &r->users, sizeof *s);

    s->at = json_int(r->p, "at", r->event->at);
    s->users = json_int(r->p, "users", 0);
}

static void replay_owing(struct replay *r)
{
    struct owing_state *all = r->owed.items, *one = NULL;
    const char *host = json_str(r->p, "host");
    const char *release = json_str(r->p, "release");

    if (!host)
        return;
    for (size_t i = 0; i < r->owed.n && !one; i++)
        if (strcmp(all[i].host, host) == 0)
            one = &all[i];
    if (!one)
        one = list_add(r->a, &r->owed, sizeof *one);
    one->host = host;
    one->release = release ? release : "";
    one->why = json_str(r->p, "why");
    one->at = r->event->at;
}

static void replay_rehearsal(struct replay *r)
{
    const struct json **one = list_add(r->a, &r->rehearsals, sizeof *one);

    *one = r->p;
}

/* Only what had been predicted teaches anything. */
static void replay_measured(struct replay *r)
{
    const struct json *list = json_get(r->p, "statements");

    for (size_t i = 0; i < json_len(list); i++) {
        const struct json *o = json_at(list, i);
        struct past one = {.scaled = json_int(o, "scaled_ms", -1),
                           .took = json_int(o, "took_ms", -1)};

        if (work_find(json_str(o, "work"), &one.work) && one.scaled >= 0 &&
            one.took >= 0)
            *(struct past *)list_add(r->a, &r->past, sizeof one) = one;
    }
}

/* By kind: what to do, and whether the payload names the environment (the
 * others name a run). */
static const struct {
    void (*replay)(struct replay *r);
    bool environment;
    bool plain; /* nothing of the payload is held on to */
} kinds[EVENT_KINDS] = {
    [EVENT_POLICY] = {replay_policy, true, false},
    [EVENT_STATEMENT] = {replay_statement, true, false},
    [EVENT_EPOCH] = {replay_epoch, true, false},
    [EVENT_RUN] = {replay_run, true, false},
    [EVENT_INTENT] = {replay_intent, false, false},
    [EVENT_DONE] = {replay_answer, false, false},
    [EVENT_FAILED] = {replay_answer, false, false},
    [EVENT_UNKNOWN] = {replay_answer, false, false},
    [EVENT_DECISION] = {replay_decision, false, false},
    [EVENT_NOTE] = {replay_note, false, false},
    [EVENT_ENDED] = {replay_ended, false, false},
    [EVENT_REHEARSAL] = {replay_rehearsal, true, false},
    [EVENT_FREEZE] = {replay_freeze, true, false},
    [EVENT_THAW] = {replay_thaw, true, false},
    [EVENT_USERS] = {replay_users, true, true},
    [EVENT_OWING] = {replay_owing, true, false},
    [EVENT_MEASURED] = {replay_measured, true, true},
};

static bool replay_one(void *ctx, const struct event *event)
{
    struct replay *r = ctx;
    const char *name = json_str(event->payload, "environment");

    if (!kinds[event->kind].replay)
        return true;
    if (kinds[event->kind].environment &&
        (!name || strcmp(name, r->environment) != 0))
        return true;
    r->event = event;
    r->p = kinds[event->kind].plain ? event->payload : ledger_keep(r->l, event);
    kinds[event->kind].replay(r);
    return true;
}

static int by_time(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;

    return (x->at > y->at) - (x->at < y->at);
}

static void users_finish(struct replay *r)
{
    if (r->users.n)
        qsort(r->users.items, r->users.n, sizeof(struct sample), by_time);
    r->out->users = r->users.items;
    r->out->n_users = r->users.n;
}

static void owing_finish(struct replay *r)
{
    struct owing_state *all = r->owed.items;
    const char **texts = arena_array(r->a, r->owed.n + 1, sizeof *texts);
    size_t n = 0;

    for (size_t i = 0; i < r->owed.n; i++)
        if (all[i].release[0])
            all[n++] = all[i];
    for (size_t i = 0; i < n; i++)
        texts[i] = arena_printf(r->a, "%s %s", all[i].host, all[i].release);
    r->out->owed = all;
    r->out->owing = texts;
    r->out->n_owing = n;
}

static void batches_finish(struct replay *r)
{
    size_t skip = r->batches.n > BATCHES_KEPT ? r->batches.n - BATCHES_KEPT : 0;

    r->out->n_batches = r->batches.n - skip;
    if (r->out->n_batches)
        r->out->batch_ms = (int64_t *)r->batches.items + skip;
}

static void rehearsals_finish(struct replay *r)
{
    const struct json **all = r->rehearsals.items;
    size_t n = r->rehearsals.n;
    size_t first = n > REHEARSALS_KEPT ? n - REHEARSALS_KEPT : 0;
    struct json *array = json_new_array();

    for (size_t i = first; i < n; i++)
        json_append(array, json_share((struct json *)all[i]));
    r->out->rehearsal = n ? all[n - 1] : NULL;
    r->out->rehearsals = ledger_own(r->l, array);
}

bool state_read(struct environment_state *out, struct arena *a,
                struct ledger *l, const char *environment, struct err *e)
{
    struct replay r = {.out = out, .a = a, .l = l, .environment = environment};

    memset(out, 0, sizeof *out);
    if (!ledger_each(l, replay_one, &r, e))
        return false;
    runs_finish(&r);
    releases_finish(&r);
    statements_finish(&r);
    users_finish(&r);
    owing_finish(&r);
    batches_finish(&r);
    rehearsals_finish(&r);
    out->past = r.past.items;
    out->n_past = r.past.n;
    return true;
}

const struct run_state *state_run(const struct environment_state *s,
                                  const char *id)
{
    for (size_t i = s->n_runs; id && i-- > 0;)
        if (strcmp(s->runs[i].id, id) == 0)
            return &s->runs[i];
    return NULL;
}

const struct release_state *state_release(const struct environment_state *s,
                                          const char *name)
{
    for (size_t i = s->n_releases; name && i-- > 0;)
        if (strcmp(s->releases[i].name, name) == 0)
            return &s->releases[i];
    return NULL;
}

const struct step_state *run_step(const struct run_state *r, const char *step,
                                  const char *target)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->steps[i].step, step) == 0 &&
            strcmp(r->steps[i].target, target) == 0)
            return &r->steps[i];
    return NULL;
}
