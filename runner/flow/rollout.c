#include "runner/flow/rollout.h"

#include <string.h>

#include "runner/base/duration.h"
#include "runner/fleet/probe.h"
#include "runner/fleet/waves.h"
#include "runner/flow/ask.h"
#include "runner/flow/batch.h"
#include "runner/flow/serve.h"

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
    struct hosts todo = batch_still(r, batch_step_name(r, "serve"), &all);

    if (r->going_back && !r->s->restart_only) {
        size_t n = 0;

        for (size_t i = 0; i < todo.n; i++) {
            if (run_touched(r, todo.list[i]) || !hosts_has(r, todo.list[i]))
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
