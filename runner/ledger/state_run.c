/* Runs and their steps. */
#include <string.h>

#include "runner/ledger/replay.h"

static const char *const run_kinds[] = {
    [RUN_DEPLOY] = "deploy",     [RUN_ROLLBACK] = "rollback",
    [RUN_MIGRATE] = "migrate",   [RUN_ADOPT] = "adopt",
    [RUN_CATCH_UP] = "catch-up", [RUN_IMPORT] = "import",
    [RUN_BASELINE] = "baseline",
};
static const char *const outcomes[] = {
    [RUN_OPEN] = "open",       [RUN_GOOD] = "good",
    [RUN_PENDING] = "pending", [RUN_BACK] = "back",
    [RUN_NOTHING] = "nothing", [RUN_ABANDONED] = "abandoned",
    [RUN_BROKEN] = "broken",   [RUN_STOPPED] = "stopped",
};
static const char *const phase_words[] = {
    [PHASES_ALL] = "all",
    [PHASES_MIGRATIONS] = "migrations",
    [PHASES_RESTART] = "restart",
    [PHASES_CONTRACT] = "contract",
};
#define COUNT(a) (sizeof(a) / sizeof *(a))

const char *run_kind_word(enum run_kind k)
{
    return run_kinds[k];
}

const char *run_word(const struct run_state *r)
{
    return r->phases == PHASES_CONTRACT         ? "finish"
           : json_bool(r->begun, "down", false) ? "down"
                                                : run_kinds[r->kind];
}

const char *run_ended_word(enum run_ended x)
{
    return outcomes[x];
}

static int find(const char *const *words, size_t n, const char *word,
                int otherwise)
{
    for (size_t i = 0; word && i < n; i++)
        if (strcmp(words[i], word) == 0)
            return (int)i;
    return otherwise;
}

static struct run_build *run_at(const struct replay *r, size_t i)
{
    return ((struct run_build **)r->runs.items)[i];
}

static struct run_build *run_named(const struct replay *r, const char *id)
{
    for (size_t i = r->runs.n; id && i-- > 0;)
        if (strcmp(run_at(r, i)->s.id, id) == 0)
            return run_at(r, i);
    return NULL;
}

/* The run of the event at hand; NULL: of another environment. */
static struct run_build *run_of(const struct replay *r)
{
    return run_named(r, json_str(r->p, "run"));
}

static bool is_unfinished(const struct run_state *s)
{
    return s->ended == RUN_OPEN || s->ended == RUN_STOPPED ||
           s->ended == RUN_PENDING || s->ended == RUN_BROKEN;
}

/* A lease taken in the name of a run that had stopped: it goes on. */
void replay_epoch(struct replay *r)
{
    struct run_build *run = run_of(r);

    if (!run)
        return;
    run->s.epoch = r->event->epoch;
    if (!is_unfinished(&run->s))
        return;
    run->s.ended = RUN_OPEN;
    run->s.ended_at = 0;
    run->s.exit = 0;
}

/* What had changed nothing leaves its announcement open. */
static void take_over(struct replay *r, struct run_build *run,
                      struct run_build *other)
{
    if (!other || !is_unfinished(&other->s))
        return;
    run->over = other;
    other->before = other->s.ended;
    other->s.ended = RUN_ABANDONED;
    other->s.taken_over_by = run->s.id;
    if (!other->s.changed)
        manifest_use(r, other->s.manifest, NULL);
}

void replay_run(struct replay *r)
{
    struct run_build *run = arena_alloc(r->a, sizeof *run);
    struct run_state *s = &run->s;

    s->id = json_str(r->p, "run");
    if (!s->id || run_named(r, s->id))
        return;
    s->kind = (enum run_kind)find(run_kinds, COUNT(run_kinds),
                                  json_str(r->p, "kind"), RUN_DEPLOY);
    s->phases = (enum phases)find(phase_words, COUNT(phase_words),
                                  json_str(r->p, "phases"), PHASES_ALL);
    s->epoch = r->event->epoch;
    s->began = r->event->at;
    s->who = json_str(r->p, "who");
    s->release = json_str(r->p, "release");
    s->commit = json_str(r->p, "commit");
    s->from = json_str(r->p, "from");
    s->artifact = json_str(r->p, "artifact");
    s->migrations = json_str(r->p, "migrations");
    s->manifest = json_str(r->p, "manifest");
    s->restart_only = json_bool(r->p, "restart_only", false);
    s->takes_over = json_str(r->p, "takes_over");
    s->begun = r->p;
    take_over(r, run, run_named(r, s->takes_over));
    *(struct run_build **)list_add(r->a, &r->runs, sizeof run) = run;
    manifest_use(r, s->manifest, s->id);
    release_named(r, run);
}

static size_t hash_text(size_t h, const char *s)
{
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u; /* FNV-1a */
    return h * 31 + 7;
}

static struct step_state *step_in(const struct step_slot *slot)
{
    return (struct step_state *)slot->run->steps.items + slot->index;
}

/* The slot where this step is, or would be put. */
static struct step_slot *slot_for(const struct replay *r, struct run_build *run,
                                  const char *step, const char *target)
{
    size_t h = hash_text(
        hash_text(hash_text(14695981039346656037u, run->s.id), step), target);

    for (;; h++) {
        struct step_slot *slot = &r->slots[h % r->n_slots];
        if (!slot->run)
            return slot;
        if (slot->run == run && strcmp(step_in(slot)->target, target) == 0 &&
            strcmp(step_in(slot)->step, step) == 0)
            return slot;
    }
}

static void more_slots(struct replay *r)
{
    struct step_slot *old = r->slots;
    size_t n = r->n_slots;

    r->n_slots = n ? n * 2 : 256;
    r->slots = arena_array(r->a, r->n_slots, sizeof *r->slots);
    for (size_t i = 0; i < n; i++)
        if (old[i].run)
            *slot_for(r, old[i].run, step_in(&old[i])->step,
                      step_in(&old[i])->target) = old[i];
}

/* The step of the event at hand, made when it is new. */
static struct step_state *step_of(struct replay *r, struct run_build *run)
{
    const char *step = json_str(r->p, "step");
    const char *target = json_str(r->p, "target");
    struct step_slot *slot;
    struct step_state *s;

    if (!step)
        return NULL;
    if (!target)
        target = "";
    if (r->used_slots * 2 >= r->n_slots)
        more_slots(r);
    slot = slot_for(r, run, step, target);
    if (slot->run)
        return step_in(slot);
    s = list_add(r->a, &run->steps, sizeof *s);
    s->step = step;
    s->target = target;
    s->text = "";
    *slot = (struct step_slot){run, run->steps.n - 1};
    r->used_slots++;
    return s;
}

void replay_intent(struct replay *r)
{
    struct run_build *run = run_of(r);
    struct step_state *s = run ? step_of(r, run) : NULL;

    if (!s)
        return;
    s->is = STEP_INTENT;
    s->intent = r->p;
    s->answer = NULL;
    s->text = "";
    s->observed = false;
    s->at = r->event->at;
    s->ms = 0;
    s->epoch = r->event->epoch;
    s->change = json_bool(r->p, "change", false);
    run->s.changed |= s->change;
}

void replay_answer(struct replay *r)
{
    bool done = r->event->kind == EVENT_DONE;
    struct run_build *run = run_of(r);
    struct step_state *s = run ? step_of(r, run) : NULL;
    const char *text;

    if (!s)
        return;
    text = json_str(r->p, done ? "evidence" : "why");
    s->is = done
                ? STEP_DONE
                : (r->event->kind == EVENT_FAILED ? STEP_FAILED : STEP_UNKNOWN);
    s->answer = r->p;
    s->text = text ? text : "";
    s->observed = json_bool(r->p, "observed", false);
    s->at = r->event->at;
    s->ms = json_int(r->p, "ms", 0);
    s->epoch = r->event->epoch;
    if (done && strcmp(s->step, "batch") == 0 && s->ms > 0)
        *(int64_t *)list_add(r->a, &r->batches, sizeof(int64_t)) = s->ms;
}

void replay_decision(struct replay *r)
{
    struct run_build *run = run_of(r);
    const char *what = json_str(r->p, "what");

    if (run && what &&
        (strcmp(what, "rollback") == 0 || strcmp(what, "back") == 0))
        run->s.rolling_back = true;
}

void replay_note(struct replay *r)
{
    struct run_build *run = run_of(r);
    const char *text = json_str(r->p, "text");

    if (run && text)
        *(const char **)list_add(r->a, &run->notes, sizeof text) = text;
}

/* A run that leaves the environment whole settles what was left before it. */
static void settle_earlier(struct replay *r, const struct run_build *run)
{
    if ((run->s.ended != RUN_GOOD && run->s.ended != RUN_BACK) ||
        run->s.kind == RUN_MIGRATE || run->s.kind == RUN_CATCH_UP ||
        run->s.kind == RUN_IMPORT || run->s.kind == RUN_BASELINE)
        return;
    for (size_t i = 0; i < r->runs.n && run_at(r, i) != run; i++)
        if (is_unfinished(&run_at(r, i)->s)) {
            run_at(r, i)->s.ended = RUN_ABANDONED;
            run_at(r, i)->s.taken_over_by = run->s.id;
        }
}

void replay_ended(struct replay *r)
{
    struct run_build *run = run_of(r);

    if (!run)
        return;
    run->s.ended = (enum run_ended)find(outcomes, COUNT(outcomes),
                                        json_str(r->p, "outcome"), RUN_BROKEN);
    run->s.exit = (int)json_int(r->p, "exit", 13);
    run->s.ended_at = r->event->at;
    run->s.why = json_str(r->p, "why");
    run->s.end = r->p;
    if (run->s.ended == RUN_NOTHING) {
        manifest_use(r, run->s.manifest, NULL);
        if (run->over) {
            run->over->s.ended = run->over->before;
            run->over->s.taken_over_by = NULL;
            manifest_use(r, run->over->s.manifest, run->over->s.id);
            run->over = NULL;
        }
    }
    settle_earlier(r, run);
    release_ended(r, run);
}

static void give_overrides(struct replay *r)
{
    const struct override_build *all = r->overrides.items;

    for (size_t i = 0; i < r->overrides.n; i++) {
        struct run_build *run = run_named(r, all[i].run);
        if (run)
            *(struct override_state *)list_add(r->a, &run->overrides,
                                               sizeof(struct override_state)) =
                all[i].s;
    }
}

void runs_finish(struct replay *r)
{
    struct run_state *runs =
        arena_array(r->a, r->runs.n, sizeof(struct run_state));

    give_overrides(r);
    for (size_t i = 0; i < r->runs.n; i++) {
        struct run_build *b = run_at(r, i);
        b->s.steps = b->steps.items;
        b->s.n = b->steps.n;
        b->s.notes = b->notes.items;
        b->s.noted = b->notes.n;
        b->s.overrides = b->overrides.items;
        b->s.overridden = b->overrides.n;
        runs[i] = b->s;
        if (is_unfinished(&runs[i]))
            r->out->unfinished = &runs[i];
    }
    r->out->runs = runs;
    r->out->n_runs = r->runs.n;
}
