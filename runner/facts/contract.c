#include "runner/facts/contract.h"

#include <string.h>

#include "migrations/read/directives.h"
#include "policies/gates.h"
#include "runner/base/clock.h"

/* ---- since when is a release good ---- */

int contract_standing(const struct environment_state *state,
                      const char *release)
{
    for (size_t i = state->n_lives; release && i-- > 0;)
        if (strcmp(state->lives[i], release) == 0)
            return (int)i;
    return -1;
}

/* Where there are no hosts nothing is live: a release is good when its
 * migrations are, until they are undone. */
static int64_t migrated_at(const struct environment_state *state,
                           const char *release, bool *taken_back)
{
    int64_t at = 0;

    for (size_t i = 0; i < state->n_runs; i++) {
        const struct run_state *run = &state->runs[i];

        if (run->kind != RUN_MIGRATE || run->phases != PHASES_MIGRATIONS ||
            run->ended != RUN_GOOD || !run->release ||
            strcmp(run->release, release) != 0)
            continue;
        *taken_back = json_bool(run->begun, "down", false);
        at = *taken_back ? 0 : at ? at : run->ended_at;
    }
    return at;
}

static int64_t good_at(const struct environment_state *state,
                       const char *release, bool *taken_back)
{
    const struct release_state *was = state_release(state, release);

    *taken_back = false;
    if (!state->live)
        return migrated_at(state, release, taken_back);
    if (contract_standing(state, release) >= 0)
        return was->good_at;
    *taken_back = was && (was->is == RELEASE_BAD || was->is == RELEASE_GOOD);
    return 0;
}

/* ---- what waits for which ---- */

/* after NULL: whatever it waits for. */
static bool json_waits(const struct json *list, const char *name,
                       const char *after)
{
    for (size_t i = 0; i < json_len(list); i++) {
        const struct json *j = json_at(list, i);
        const char *one = json_str(j, "name"), *its = json_str(j, "after");

        if (one && strcmp(one, name) == 0 &&
            (!after || (its && strcmp(its, after) == 0)))
            return true;
    }
    return false;
}

static bool stands(const struct environment_state *state, const char *release)
{
    bool taken_back;

    return state->live ? contract_standing(state, release) >= 0
                       : migrated_at(state, release, &taken_back) > 0;
}

/* ---- a release that this environment never had ---- */

static bool ever_had(const struct environment_state *state, const char *release)
{
    const struct release_state *was = state_release(state, release);

    return stands(state, release) || (was && was->is != RELEASE_STAGED);
}

static bool contains(const struct subject *s, const char *commit,
                     const char *tagged)
{
    const char *why;
    enum ancestry is =
        commit ? git_ancestry(s->git, s->arena, tagged, commit, &why)
               : ANCESTRY_UNKNOWN;

    return is == ANCESTRY_SAME || is == ANCESTRY_DESCENDS;
}

static const char *commit_of(const struct environment_state *state,
                             const char *release)
{
    const struct release_state *was = state_release(state, release);

    return was ? was->commit : NULL;
}

/* The first release that stands and left it pending; tagged: and contains that
 * commit, and left it waiting for itself. */
static const char *first_that_left(const struct subject *s,
                                   const struct migration *m,
                                   const char *tagged)
{
    const struct environment_state *state = &s->state;

    for (size_t i = 0; i < state->n_runs; i++) {
        const struct run_state *run = &state->runs[i];

        if (run->release && run->ended == RUN_GOOD &&
            json_waits(json_get(run->end, "contract"), m->name,
                       tagged ? run->release : NULL) &&
            stands(state, run->release) &&
            (!tagged || contains(s, commit_of(state, run->release), tagged)))
            return run->release;
    }
    return NULL;
}

/* It came all the same, as a part of a later one: one that was not good yet
 * when its run, or this one, found the tag in it. A tag can be set at any time
 * on a commit of any age, and nothing in git tells when it was: a release that
 * was good by then says nothing of it. */
static const char *part_of(const struct subject *s, const struct migration *m)
{
    const char *named = m->contract, *left;
    char tagged[GIT_HEX];
    struct err ignored;
    bool taken_back;

    if (!s->git || !git_tag(s->git, s->arena, named, tagged, &ignored))
        return named;
    left = first_that_left(s, m, tagged);
    if (left)
        return left;
    return s->release && !good_at(&s->state, s->release, &taken_back) &&
                   contains(s, s->commit, tagged)
               ? s->release
               : named;
}

const char *contract_release(const struct subject *s, const struct migration *m)
{
    const char *left;

    if (strcmp(m->contract, CONTRACT_THIS) != 0)
        return ever_had(&s->state, m->contract) ? m->contract : part_of(s, m);
    left = first_that_left(s, m, NULL);
    return left ? left : s->release;
}

static struct contract_facts fact_of(const struct subject *s,
                                     const struct migration *m, bool runs)
{
    struct contract_facts c = {.name = m->name,
                               .release = contract_release(s, m),
                               .seconds = m->contract_for,
                               .runs = runs};

    c.good_at = good_at(&s->state, c.release, &c.taken_back);
    return c;
}

/* ---- which belong to the run ---- */

static bool is_live(const struct subject *s)
{
    return s->state.live && strcmp(s->state.live, s->release) == 0;
}

/* When the announcement that this run goes by opens: of the run that is under
 * way, or of the one that would be consumed. */
static int64_t opening(const struct subject *s)
{
    const struct run_state *open = s->state.unfinished;
    bool ours = open && open->release && strcmp(open->release, s->release) == 0;
    int64_t now = clock_now();
    struct facts f = {.now = now,
                      .release = {.environment = s->env->name,
                                  .release = s->release,
                                  .phases = s->phases,
                                  .restart_only = s->restart_only},
                      .manifests = s->state.manifests,
                      .announced = s->state.n_manifests,
                      .consumed = ours ? open->manifest : NULL};
    const struct manifest_facts *m = manifest_pick(&f);

    if (m && (f.consumed || (manifest_open(m, now) && m->phases == s->phases)))
        return m->opens;
    /* what is live and asked for once more is no new release */
    return s->phases != PHASES_CONTRACT && is_live(s) ? 0 : now;
}

static bool over(const struct subject *s, const struct migration *m, int64_t at)
{
    struct contract_facts c = fact_of(s, m, false);

    return contract_due(&c) && contract_due(&c) <= at;
}

void contract_sort(struct subject *s)
{
    struct pending *p = &s->pending;
    int64_t at = p->contract_n ? opening(s) : 0;
    const struct migration **list =
        arena_array(s->arena, p->n + p->contract_n, sizeof *list);
    size_t kept = 0;

    if (p->contract_n == 0)
        return;
    memcpy(list, p->list, p->n * sizeof *list);
    p->list = list;
    for (size_t i = 0; i < p->contract_n; i++) {
        const struct migration *m = p->contract[i];

        if (s->phases != PHASES_RESTART && over(s, m, at))
            p->list[p->n++] = m;
        else
            p->contract[kept++] = m;
    }
    p->contract_n = kept;
}

void contract_foresee(struct subject *s)
{
    struct pending *p = &s->pending;

    if (p->n && p->list[p->n - 1]->contract)
        return;
    p->list = arena_grow(s->arena, p->list, p->n, p->n + p->contract_n,
                         sizeof *p->list);
    for (size_t i = 0; i < p->contract_n; i++)
        p->list[p->n++] = p->contract[i];
    p->contract_n = 0;
}

/* ---- as facts ---- */

/* Of a commit, what no run is known to have applied. */
static bool applied_by_ledger(const struct environment_state *state,
                              const char *name)
{
    bool there = false;

    for (size_t i = 0; i < state->n_runs; i++) {
        const struct json *records = json_get(state->runs[i].begun, "records");

        for (size_t k = 0; k < json_len(records); k++)
            there |= strcmp(json_text(json_at(records, k)), name) == 0 &&
                     state->runs[i].ended == RUN_GOOD;
        for (size_t k = 0; k < state->runs[i].n; k++) {
            const struct step_state *step = &state->runs[i].steps[k];

            if (step->is != STEP_DONE || strcmp(step->target, name) != 0)
                continue;
            if (strcmp(step->step, "migrate") == 0)
                there = true;
            else if (strcmp(step->step, "migrate-down") == 0)
                there = false;
        }
    }
    return there;
}

static void add(struct subject *s, struct contract_facts *list, size_t *n,
                const struct migration *m, bool runs)
{
    if (m->contract)
        list[(*n)++] = fact_of(s, m, runs);
}

struct contracts_facts contract_facts(struct subject *s)
{
    size_t room = s->pending_known ? s->pending.n + s->pending.contract_n
                                   : s->migrations.n;
    struct contract_facts *list = arena_array(s->arena, room, sizeof *list);
    struct contracts_facts all = {.list = list};

    for (size_t i = 0; s->pending_known && i < s->pending.n; i++) {
        add(s, list, &all.n, s->pending.list[i], true);
        all.unapplied += !s->pending.list[i]->contract;
    }
    for (size_t i = 0; s->pending_known && i < s->pending.contract_n; i++)
        add(s, list, &all.n, s->pending.contract[i], false);
    for (size_t i = 0; !s->pending_known && i < s->migrations.n; i++) {
        const struct migration *m = &s->migrations.list[i];

        if (!applied_by_ledger(&s->state, m->name))
            add(s, list, &all.n, m, false);
    }
    return all;
}

/* ---- what the ledger remembers ---- */

struct json *contract_json(const struct contracts_facts *all, bool runs)
{
    struct json *list = json_new_array();

    for (size_t i = 0; i < all->n; i++) {
        const struct contract_facts *c = &all->list[i];
        struct json *j;

        if (c->runs != runs)
            continue;
        j = json_new_object();
        json_set_str(j, "name", c->name);
        json_set_str(j, "after", c->release);
        json_set_int(j, "seconds", c->seconds);
        json_append(list, j);
    }
    return list;
}

const char *contract_waited(const struct run_state *run, const char *name)
{
    const struct json *list = json_get(run->begun, "contract");

    for (size_t i = 0; i < json_len(list); i++) {
        const char *one = json_str(json_at(list, i), "name");

        if (one && strcmp(one, name) == 0)
            return json_str(json_at(list, i), "after");
    }
    return NULL;
}

/* The newest run of the live release that left a list. */
static const struct run_state *
newest_left(const struct environment_state *state)
{
    for (size_t i = state->n_runs; i-- > 0;) {
        const struct run_state *run = &state->runs[i];
        const struct json *list = json_get(run->end, "contract");

        if (list && run->release &&
            (!state->live || strcmp(run->release, state->live) == 0))
            return run;
    }
    return NULL;
}

const char *contract_finishes(const struct environment_state *state)
{
    const struct run_state *run = newest_left(state);

    return run ? run->release : state->live;
}

struct contracts_facts contract_left(struct arena *a,
                                     const struct environment_state *state)
{
    const struct run_state *run = newest_left(state);
    const struct json *left = run ? json_get(run->end, "contract") : NULL;
    size_t n = json_len(left);
    struct contract_facts *list = arena_array(a, n, sizeof *list);
    struct contracts_facts all = {.list = list};

    for (size_t i = 0; i < n; i++) {
        const struct json *j = json_at(left, i);
        struct contract_facts c = {.name = json_str(j, "name"),
                                   .release = json_str(j, "after"),
                                   .seconds = json_int(j, "seconds", 0)};

        if (!c.name || !c.release || applied_by_ledger(state, c.name))
            continue;
        c.good_at = good_at(state, c.release, &c.taken_back);
        list[all.n++] = c;
    }
    return all;
}
