#include "runner/flow/rollout.h"

#include <string.h>

#include "runner/base/duration.h"
#include "runner/base/failpoint.h"
#include "runner/fleet/probe.h"
#include "runner/fleet/waves.h"
#include "runner/flow/ask.h"
#include "runner/flow/serve.h"

/* Hosts of a batch that are still in it; spared ones drop out. */
struct hosts {
    size_t *list;
    size_t n;
};

/* Undoing has steps of its own in the ledger. */
static const char *named(const struct run *r, const char *step)
{
    return r->going_back ? arena_printf(r->s->arena, "back-%s", step) : step;
}

static bool has_it(const struct run *r, size_t host)
{
    return r->now[host] && strcmp(r->now[host], r->to) == 0;
}

/* A host that fails may be left behind: always when going back, else as far
 * as max_failed allows. */
static bool spare(struct run *r, size_t host, const char *why, struct err *e)
{
    if (!r->going_back && r->failed_hosts >= r->s->env->rollout.max_failed)
        return false;
    r->failed_hosts++;
    r->s->left_out[host] = true;
    progress_warn(r->s->progress, fleet_name(r->s->fleet, host),
                  "left behind: %s", why);
    return run_owes(r, host, r->to, why, e);
}

/* Runs a step on the hosts that still want it; those that fail are spared or
 * end it. */
static bool batch_step(struct run *r, const struct host_step *step,
                       const struct hosts *todo, struct hosts *batch,
                       struct err *e)
{
    struct step_result *outs = arena_array(r->s->arena, todo->n, sizeof *outs);
    struct err failed = {0}, ledger = {0};

    if (todo->n == 0 || hosts_step(r, step, todo->list, todo->n, outs, e))
        return true;
    if (e->code == ERR_LEDGER || r->end_here)
        return false;
    failed = *e;
    err_clear(e);
    for (size_t i = 0; i < todo->n; i++) {
        if (outs[i].outcome == OUTCOME_DONE)
            continue;
        if (outs[i].outcome == OUTCOME_NONE) { /* a signal, not the host */
            *e = failed;
            return false;
        }
        r->now[todo->list[i]] =
            outs[i].outcome == OUTCOME_FAILED ? r->now[todo->list[i]] : NULL;
        if (!spare(r, todo->list[i], outs[i].why ? outs[i].why : "no answer",
                   &ledger)) {
            *e = ledger.code ? ledger : failed;
            return false;
        }
        for (size_t k = 0; k < batch->n; k++)
            if (batch->list[k] == todo->list[i])
                batch->list[k] = batch->list[--batch->n];
    }
    return true;
}

/* The hosts of a batch on which a resumed run has not done the step. Going
 * back, a host that is not there was changed since by another. */
static struct hosts still(struct run *r, const char *step,
                          const struct hosts *batch)
{
    struct hosts out = {arena_array(r->s->arena, batch->n, sizeof *out.list),
                        0};

    for (size_t i = 0; i < batch->n; i++)
        if (!run_was_done(r, step, fleet_name(r->s->fleet, batch->list[i])) ||
            (r->going_back && !has_it(r, batch->list[i])))
            out.list[out.n++] = batch->list[i];
    return out;
}

static void act_hook(struct run *r, const void *ctx, const size_t *hosts,
                     size_t n, struct step_result *outs)
{
    step_hook(r->s->fleet, hosts, n, &r->fence, ctx, outs);
}

static bool run_hook(struct run *r, const char *name, const char *command,
                     const struct hosts *todo, struct hosts *batch,
                     struct err *e)
{
    struct hook hook = {.name = name,
                        .command = command,
                        .release = r->to,
                        .previous = r->from ? r->from : "",
                        .timeout_ms = r->s->env->rollout.timeout_ms};
    struct host_step step = {.name = named(r, name),
                             .change = true,
                             .undo = "flip back and restart",
                             .act = act_hook,
                             .ctx = &hook};

    return batch_step(r, &step, todo, batch, e);
}

/* A host that has no release serves nobody: there is nothing to drain, and
 * its hook would not be there either. */
static struct hosts serving(struct run *r, struct hosts list)
{
    size_t n = 0;

    for (size_t i = 0; i < list.n; i++)
        if (!r->now[list.list[i]] || *r->now[list.list[i]])
            list.list[n++] = list.list[i];
    list.n = n;
    return list;
}

/* The hosts that still have to be out of the pool: one that a killed run has
 * changed already may be back in it, and need not go out again. */
static struct hosts to_be_out(struct run *r, const struct hosts *batch)
{
    return still(r, named(r, r->s->env->rollout.restart ? "restart" : "flip"),
                 batch);
}

static bool batch_drain(struct run *r, struct hosts *batch, struct err *e)
{
    struct hosts out = to_be_out(r, batch);
    struct hosts todo = serving(r, still(r, named(r, "drain"), &out));

    if (!r->s->env->rollout.drain)
        return true;
    if (!run_hook(r, "drain", r->s->env->rollout.drain, &todo, batch, e))
        return false;
    out = to_be_out(r, batch);
    return serve_wait_out(r, out.list, out.n, e);
}

static void act_flip(struct run *r, const void *ctx, const size_t *hosts,
                     size_t n, struct step_result *outs)
{
    step_flip(r->s->fleet, hosts, n, &r->fence, ctx, r->to, outs);
}

static bool shows_flip(struct run *r, const void *ctx, size_t host,
                       const struct observed *seen)
{
    (void)ctx;
    (void)host;
    return seen->current && strcmp(seen->current, r->to) == 0;
}

/* Hosts that have the same release now are flipped together. */
static bool flip_group(struct run *r, struct hosts *todo, struct hosts *batch,
                       struct err *e)
{
    const char *from = r->now[todo->list[0]];
    struct hosts group = {arena_array(r->s->arena, todo->n, sizeof *group.list),
                          0};
    size_t left = 0;

    for (size_t i = 0; i < todo->n; i++) {
        const char *now = r->now[todo->list[i]];

        if (now == from || (now && from && strcmp(now, from) == 0))
            group.list[group.n++] = todo->list[i];
        else
            todo->list[left++] = todo->list[i];
    }
    todo->n = left;
    struct host_step step = {.name = named(r, "flip"),
                             .change = true,
                             .undo =
                                 arena_printf(r->s->arena, "current back to %s",
                                              from && *from ? from : "nothing"),
                             .act = act_flip,
                             .shows = shows_flip,
                             .ctx = from ? from : ""};

    return batch_step(r, &step, &group, batch, e);
}

static bool batch_flip(struct run *r, struct hosts *batch, struct err *e)
{
    struct hosts todo = still(r, named(r, "flip"), batch);

    while (todo.n > 0)
        if (!flip_group(r, &todo, batch, e))
            return false;
    for (size_t i = 0; i < batch->n; i++)
        r->now[batch->list[i]] = r->to;
    return true;
}

/* A restart that was begun before a crash is not begun again if its host
 * answers for the new release by now. */
static bool batch_restart(struct run *r, struct hosts *batch, struct err *e)
{
    const char *step = named(r, "restart");
    struct hosts todo = still(r, step, batch);
    size_t left = 0;

    if (!r->s->env->rollout.restart)
        return true;
    for (size_t i = 0; i < todo.n; i++) {
        const char *name = fleet_name(r->s->fleet, todo.list[i]);

        if (!run_was_open(r, step, name) || !serve_answers(r, todo.list[i]))
            todo.list[left++] = todo.list[i];
        else if (!run_done(r, step, name, "it answers for the release", 0, true,
                           e))
            return false;
    }
    todo.n = left;
    return run_hook(r, "restart", r->s->env->rollout.restart, &todo, batch, e);
}

static bool no_answer(struct run *r, size_t host, const char *why,
                      struct err *e)
{
    const char *name = fleet_name(r->s->fleet, host);

    err_what(e, ERR_FAILED, "%s does not answer as %s", name, r->to);
    err_why(e, "%s", why);
    return err_fix(e, "read its log on %s", name);
}

/* A host that does not answer is not put back into the pool, unless it goes
 * back: then it may be failing for another reason than the release. */
static bool batch_probe(struct run *r, struct hosts *batch, struct err *e)
{
    struct answer_facts *answers =
        arena_array(r->s->arena, batch->n, sizeof *answers);
    size_t kept = 0;

    if (!r->s->env->probe_host.on)
        return true;
    serve_ask(r, batch->list, batch->n, answers);
    if (run_stopped_at_once(r, e))
        return false;
    for (size_t i = 0; i < batch->n; i++) {
        size_t host = batch->list[i];
        const char *name = fleet_name(r->s->fleet, host);
        bool ok =
            answers[i].good
                ? run_done(r, named(r, "probe"), name, "answers as configured",
                           0, false, e)
                : run_failed(r, named(r, "probe"), name, answers[i].why, e);

        if (!ok)
            return false;
        if (!answers[i].good && r->going_back)
            progress_warn(r->s->progress, name, "%s", answers[i].why);
        if (answers[i].good || r->going_back)
            batch->list[kept++] = host;
        else if (!spare(r, host, answers[i].why, e))
            return e->code == ERR_NONE ? no_answer(r, host, answers[i].why, e)
                                       : false;
    }
    batch->n = kept;
    return true;
}

static bool batch_undrain(struct run *r, struct hosts *batch, struct err *e)
{
    struct hosts todo = still(r, named(r, "undrain"), batch);

    if (r->s->env->rollout.undrain &&
        !run_hook(r, "undrain", r->s->env->rollout.undrain, &todo, batch, e))
        return false;
    return serve_wait_in(r, batch->list, batch->n, e);
}

static bool batch_front(struct run *r, struct hosts *batch, struct err *e)
{
    if (!serve_front(r, e))
        return false;
    for (size_t i = 0; i < batch->n; i++)
        if (!run_done(r, named(r, "serve"),
                      fleet_name(r->s->fleet, batch->list[i]), r->to, 0, false,
                      e))
            return false;
    return true;
}

struct batch_row {
    const char *doing;
    bool (*run)(struct run *r, struct hosts *batch, struct err *e);
    bool restart_only; /* part of deploy --restart-only too */
    size_t command;    /* 0, or where in rollout_settings; not set: untold */
};
#define HOOK(name) offsetof(struct rollout_settings, name)

static const struct batch_row rows[] = {
    {"draining", batch_drain, true, HOOK(drain)},
    {"flipping", batch_flip, false, 0},
    {"restarting", batch_restart, true, HOOK(restart)},
    {"probing", batch_probe, true, 0},
    {"putting back", batch_undrain, true, HOOK(undrain)},
    {"through the front", batch_front, true, 0},
};

static bool row_tells(const struct run *r, const struct batch_row *row)
{
    const char *rollout = (const char *)&r->s->env->rollout;

    return !row->command || *(const char *const *)(rollout + row->command);
}

/* No more than what was asked and answered; going back, a host that does not
 * answer is not waited for. */
static void tell_served(struct run *r, size_t host)
{
    const struct environment *env = r->s->env;
    bool asked = !r->going_back;

    progress_step(r->s->progress, fleet_name(r->s->fleet, host), "%s%s%s%s",
                  r->to, asked ? "" : " is back",
                  asked && env->probe_host.on ? ", answers" : "",
                  asked && env->pool_members ? ", in the pool" : "");
}

static bool batch_run(struct run *r, struct hosts *batch, struct err *e)
{
    int64_t begun = clock_mono();

    for (size_t i = 0; i < sizeof rows / sizeof *rows && batch->n > 0; i++) {
        if (r->s->restart_only && !rows[i].restart_only)
            continue;
        for (size_t k = 0; row_tells(r, &rows[i]) && k < batch->n; k++)
            progress_live(r->s->progress,
                          fleet_name(r->s->fleet, batch->list[k]), 0, 0, "%s",
                          rows[i].doing);
        failpoint("batch.step");
        if (run_stopped_at_once(r, e) || !rows[i].run(r, batch, e))
            return false;
    }
    for (size_t k = 0; k < batch->n; k++)
        tell_served(r, batch->list[k]);
    return run_done(r, "batch", "", "", clock_mono() - begun, false, e);
}

/* Which hosts are out of the pool already: they go first, and take nobody
 * more out. Going back, only hosts that tidegate took out count, the ones
 * that a killed run had in hand as well. */
static bool *hosts_out(struct run *r)
{
    struct subject *s = r->s;
    bool *out = arena_array(s->arena, s->n_hosts, sizeof *out);
    struct pool_facts pool = {0};

    if (!s->fleet || !s->env->pool_members)
        return out;
    pool_read(s->fleet, s->arena, s->env, &pool);
    for (size_t i = 0; pool.read && i < s->n_hosts; i++) {
        enum member_state state = pool_state(&pool, s->fleet, i);

        out[i] = (state == MEMBER_DOWN || state == MEMBER_DRAIN) &&
                 (!r->going_back || run_touched(r, i));
    }
    return out;
}

/* Hosts that a resumed run has finished with are passed over. */
static struct hosts to_change(struct run *r)
{
    struct hosts all;

    all.list = hosts_all(r, &all.n);
    struct hosts todo = still(r, named(r, "serve"), &all);

    if (r->going_back && !r->s->restart_only) {
        size_t n = 0;

        for (size_t i = 0; i < todo.n; i++) {
            if (run_touched(r, todo.list[i]) || !has_it(r, todo.list[i]))
                todo.list[n++] = todo.list[i];
        }
        todo.n = n;
    }
    return todo;
}

static void tell_wave(struct run *r, const struct waves *w, size_t i)
{
    int wave = w->batches[i].wave;

    if (i > 0 && w->batches[i - 1].wave == wave)
        return;
    progress_stage(r->s->progress, "wave %d of %d to %s%s", wave, w->count,
                   r->to, wave == 1 && w->count > 1 ? " (canary)" : "");
}

/* Batches in order; unasked: no gate is asked before them. */
static bool run_batches(struct run *r, const struct waves *w, bool unasked,
                        struct err *e)
{
    for (size_t i = 0; i < w->n; i++) {
        struct hosts batch = {arena_copy(r->s->arena, w->batches[i].hosts,
                                         w->batches[i].n * sizeof(size_t)),
                              w->batches[i].n};

        r->batches_left = (int64_t)(w->n - i);
        if (!unasked && !r->going_back &&
            (run_stopped(r, e) || !ask_again(r, HOLD_BEFORE_WAVE, e)))
            return false;
        tell_wave(r, w, i);
        if (!batch_run(r, &batch, e))
            return false;
        r->batches_done++;
    }
    r->batches_left = 0;
    return true;
}

/* Hosts that no batch took, because too many were out of the pool. */
static struct hosts not_in(struct run *r, const struct hosts *todo,
                           const struct waves *w)
{
    struct hosts rest = {arena_array(r->s->arena, todo->n, sizeof *rest.list),
                         0};
    bool *taken = arena_array(r->s->arena, r->s->n_hosts, sizeof *taken);

    for (size_t i = 0; i < w->n; i++)
        for (size_t k = 0; k < w->batches[i].n; k++)
            taken[w->batches[i].hosts[k]] = true;
    for (size_t i = 0; i < todo->n; i++)
        if (!taken[todo->list[i]] && !r->s->left_out[todo->list[i]])
            rest.list[rest.n++] = todo->list[i];
    return rest;
}

static bool no_room(struct run *r, const struct hosts *todo, struct err *e)
{
    err_what(e, ERR_FAILED, "%zu host%s cannot be changed", todo->n,
             todo->n == 1 ? "" : "s");
    err_why(e, "so many are out of the pool already that taking one more "
               "would break max_out");
    return err_fix(e, "put the others back into the pool: %s",
                   r->s->env->pool_members ? r->s->env->pool_members : "");
}

/* What a killed run had in hand is finished first, and no gate is asked for
 * it: they would only see hosts that are half way. The rest stays in todo. */
static bool finish_midway(struct run *r, struct hosts *todo, struct err *e)
{
    struct subject *s = r->s;
    struct hosts midway = {arena_array(s->arena, todo->n, sizeof *midway.list),
                           0};
    size_t rest = 0;

    if (r->going_back || !r->before)
        return true;
    for (size_t i = 0; i < todo->n; i++) {
        if (run_touched(r, todo->list[i]))
            midway.list[midway.n++] = todo->list[i];
        else
            todo->list[rest++] = todo->list[i];
    }
    todo->n = rest;
    bool *out = arena_array(s->arena, s->n_hosts, sizeof *out);
    struct waves w = waves_plan(s->arena, &s->env->rollout, s->n_hosts,
                                midway.list, midway.n, out, true);

    return run_batches(r, &w, true, e);
}

/* Hosts that were out come back into the pool and make room for the rest. */
bool rollout_run(struct run *r, struct err *e)
{
    struct subject *s = r->s;
    struct hosts todo = to_change(r);

    if (!finish_midway(r, &todo, e))
        return false;

    for (;;) {
        struct waves w =
            waves_plan(s->arena, &s->env->rollout, s->n_hosts, todo.list,
                       todo.n, hosts_out(r), r->going_back);

        if (!run_batches(r, &w, false, e))
            return false;
        if (w.left == 0)
            break;
        todo = not_in(r, &todo, &w);
        if (w.n == 0)
            return no_room(r, &todo, e);
    }
    r->last_flip = true;
    return true;
}

bool rollout_soak(struct run *r, struct err *e)
{
    int64_t soak = r->s->env->rollout.soak_ms;
    int64_t end = clock_mono() + soak;
    char text[32];

    if (soak > 0)
        progress_stage(r->s->progress, "soaking for %s",
                       duration_text(soak, text, sizeof text));
    for (;;) {
        if (run_stopped(r, e) || !serve_all(r, e))
            return false;
        int64_t left = end - clock_mono();

        if (left <= 0)
            return true;
        progress_live(r->s->progress, "soak", soak - left, soak, "%s left",
                      duration_text(left, text, sizeof text));
        loop_sleep(r->s->loop, left < 5000 ? left : 5000);
    }
}
