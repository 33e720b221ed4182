#include "runner/flow/batch.h"

#include <string.h>

#include "runner/base/failpoint.h"
#include "runner/flow/serve.h"

/* Undoing has steps of its own in the ledger. */
const char *batch_step_name(const struct run *r, const char *step)
{
    return r->going_back ? arena_printf(r->s->arena, "back-%s", step) : step;
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
struct hosts batch_still(struct run *r, const char *step,
                         const struct hosts *batch)
{
    struct hosts out = {arena_array(r->s->arena, batch->n, sizeof *out.list),
                        0};

    for (size_t i = 0; i < batch->n; i++)
        if (!run_was_done(r, step, fleet_name(r->s->fleet, batch->list[i])) ||
            (r->going_back && !hosts_has(r, batch->list[i])))
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
    struct host_step step = {.name = batch_step_name(r, name),
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
    return batch_still(
        r, batch_step_name(r, r->s->env->rollout.restart ? "restart" : "flip"),
        batch);
}

static bool batch_drain(struct run *r, struct hosts *batch, struct err *e)
{
    struct hosts out = to_be_out(r, batch);
    struct hosts todo =
        serving(r, batch_still(r, batch_step_name(r, "drain"), &out));

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
    struct host_step step = {.name = batch_step_name(r, "flip"),
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
    struct hosts todo = batch_still(r, batch_step_name(r, "flip"), batch);

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
    const char *step = batch_step_name(r, "restart");
    struct hosts todo = batch_still(r, step, batch);
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
        bool ok = answers[i].good
                      ? run_done(r, batch_step_name(r, "probe"), name,
                                 "answers as configured", 0, false, e)
                      : run_failed(r, batch_step_name(r, "probe"), name,
                                   answers[i].why, e);

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
    struct hosts todo = batch_still(r, batch_step_name(r, "undrain"), batch);

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
        if (!run_done(r, batch_step_name(r, "serve"),
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

bool batch_run(struct run *r, struct hosts *batch, struct err *e)
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
