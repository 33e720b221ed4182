#include "runner/flow/serve.h"

#include <string.h>

#include "runner/fleet/probe.h"
#include "runner/flow/hosts.h"

#define POOL_ASK_MS 200

/* A stop signal lets what is in hand be finished, so the questions are asked
 * again; a second one does not. */
static void ask(struct run *r, const struct probe_target *targets, size_t n,
                bool once, struct answer_facts *answers)
{
    int stops;

    do {
        stops = loop_stops(r->s->loop);
        probe_ask(r->s->fleet, r->s->arena, r->s->env, targets, n, once,
                  answers);
    } while (loop_stops(r->s->loop) != stops && loop_stops(r->s->loop) < 2);
}

void serve_ask(struct run *r, const size_t *hosts, size_t n,
               struct answer_facts *answers)
{
    struct probe_target *targets = arena_array(r->s->arena, n, sizeof *targets);

    for (size_t i = 0; i < n; i++)
        targets[i] = (struct probe_target){hosts[i], r->now[hosts[i]], NULL};
    ask(r, targets, n, false, answers);
}

bool serve_answers(struct run *r, size_t host)
{
    struct probe_target target = {host, r->to, NULL};
    struct answer_facts answer = {0};

    if (!r->s->env->probe_host.on)
        return false;
    ask(r, &target, 1, true, &answer);
    return answer.good;
}

/* The first host whose pool state is not as wanted, or n. */
static size_t pool_first_not(struct run *r, const size_t *hosts, size_t n,
                             bool up, const char **why)
{
    struct pool_facts pool = {0};

    pool_read(r->s->fleet, r->s->arena, r->s->env, &pool);
    if (!pool.read) {
        *why = pool.why;
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        enum member_state is = pool_state(&pool, r->s->fleet, hosts[i]);

        if ((is == MEMBER_UP) != up) {
            *why = up ? "the pool does not list it as up"
                      : "the pool still lists it as up";
            return i;
        }
    }
    return n;
}

static bool wait_pool(struct run *r, const size_t *hosts, size_t n, bool up,
                      struct err *e)
{
    int64_t end = clock_mono() + r->s->env->rollout.timeout_ms;
    const char *why = "";
    size_t first;

    if (!r->s->env->pool_members || n == 0)
        return true;
    while ((first = pool_first_not(r, hosts, n, up, &why)) < n &&
           clock_mono() < end && loop_stops(r->s->loop) < 2)
        loop_turn(r->s->loop, clock_mono() + POOL_ASK_MS);
    if (first == n)
        return true;
    if (run_stopped_at_once(r, e))
        return false;
    const char *name = fleet_name(r->s->fleet, hosts[first]);

    if (r->going_back) {
        progress_warn(r->s->progress, name, "%s", why);
        return true;
    }
    err_what(e, ERR_FAILED, "%s is not %s the pool", name,
             up ? "back in" : "out of");
    err_why(e, "%s, after %lld s", why,
            (long long)r->s->env->rollout.timeout_ms / 1000);
    return err_fix(e, "look at %s; [rollout] timeout is how long we wait",
                   r->s->env->pool_members);
}

bool serve_wait_out(struct run *r, const size_t *hosts, size_t n, struct err *e)
{
    return wait_pool(r, hosts, n, false, e);
}

bool serve_wait_in(struct run *r, const size_t *hosts, size_t n, struct err *e)
{
    return wait_pool(r, hosts, n, true, e);
}

/* A release that some host still has besides r->to, or NULL. */
static const char *another(struct run *r)
{
    for (size_t i = 0; i < r->s->n_hosts; i++)
        if (!r->s->left_out[i] && r->now[i] && *r->now[i] &&
            strcmp(r->now[i], r->to) != 0)
            return r->now[i];
    /* one that we do without may still serve what it had; going back, that
     * would be what is undone */
    for (size_t i = 0; !r->going_back && r->from && i < r->s->n_hosts; i++)
        if (r->s->left_out[i] && strcmp(r->from, r->to) != 0)
            return r->from;
    return NULL;
}

bool serve_front(struct run *r, struct err *e)
{
    struct probe_target target = {PROBE_FRONT, r->to, another(r)};
    struct answer_facts answer = {0};

    if (!r->s->env->probe_front.on || r->going_back)
        return true;
    ask(r, &target, 1, false, &answer);
    if (answer.good)
        return true;
    if (run_stopped_at_once(r, e))
        return false;
    err_what(e, ERR_FAILED, "the front does not answer as %s", r->to);
    err_why(e, "%s: %s", r->s->env->probe_front.url, answer.why);
    return err_fix(e, "see what the front says: %s",
                   r->s->env->probe_front.url);
}

/* Every target there is: hosts, then the front. */
static size_t all_targets(struct run *r, struct probe_target **out)
{
    size_t n, count = 0;
    size_t *hosts = hosts_all(r, &n);

    *out = arena_array(r->s->arena, n + 1, sizeof **out);
    for (size_t i = 0; r->s->env->probe_host.on && i < n; i++)
        if (r->now[hosts[i]] && *r->now[hosts[i]])
            (*out)[count++] =
                (struct probe_target){hosts[i], r->now[hosts[i]], NULL};
    if (r->s->fleet && r->s->env->probe_front.on && r->to)
        (*out)[count++] = (struct probe_target){PROBE_FRONT, r->to, another(r)};
    return count;
}

bool serve_all(struct run *r, struct err *e)
{
    struct probe_target *targets;
    size_t n = all_targets(r, &targets), hosts_n;
    size_t *hosts = hosts_all(r, &hosts_n);
    struct answer_facts *answers = arena_array(r->s->arena, n, sizeof *answers);

    if (r->s->n_hosts == 0)
        return true;
    ask(r, targets, n, false, answers);
    for (size_t i = 0; i < n; i++) {
        if (answers[i].good)
            continue;
        if (run_stopped_at_once(r, e))
            return false;
        err_what(e, ERR_FAILED, "%s does not answer as it should",
                 answers[i].who);
        err_why(e, "%s", answers[i].why);
        return err_fix(e, "see what it says, and its log");
    }
    return serve_wait_in(r, hosts, hosts_n, e);
}

static size_t slot(const struct run *r, const struct probe_target *target)
{
    return target->host == PROBE_FRONT ? r->s->n_hosts : target->host;
}

static void remember_pool(struct run *r)
{
    struct pool_facts pool = {0};

    if (!r->s->env->pool_members || !r->s->fleet)
        return;
    pool_read(r->s->fleet, r->s->arena, r->s->env, &pool);
    r->was_up = arena_array(r->s->arena, r->s->n_hosts, sizeof *r->was_up);
    for (size_t i = 0; i < r->s->n_hosts; i++)
        r->was_up[i] =
            !pool.read || pool_state(&pool, r->s->fleet, i) == MEMBER_UP;
}

void serve_remember(struct run *r)
{
    struct probe_target *targets;
    size_t n = all_targets(r, &targets);
    struct answer_facts *answers = arena_array(r->s->arena, n, sizeof *answers);

    r->was_good =
        arena_array(r->s->arena, r->s->n_hosts + 1, sizeof *r->was_good);
    ask(r, targets, n, true, answers);
    for (size_t i = 0; i < n; i++)
        r->was_good[slot(r, &targets[i])] = answers[i].good;
    remember_pool(r);
}

/* A rollback is not done until the pool is whole: every host that went back
 * must be up there. */
static bool pool_back(struct run *r, bool *as_before, struct err *e)
{
    struct pool_facts pool = {0};
    size_t n, bad;
    size_t *hosts = hosts_all(r, &n);

    *as_before = r->was_up != NULL;
    if (!r->s->env->pool_members || n == 0)
        return true;
    pool_read(r->s->fleet, r->s->arena, r->s->env, &pool);
    bad = n;
    for (size_t i = n; i-- > 0;) {
        if (pool.read && pool_state(&pool, r->s->fleet, hosts[i]) == MEMBER_UP)
            continue;
        bad = i;
        if (r->was_up && r->was_up[hosts[i]])
            *as_before = false;
    }
    if (bad == n)
        return true;
    err_what(e, ERR_UNKNOWN, "code is back, and %s is not in the pool%s",
             fleet_name(r->s->fleet, hosts[bad]),
             *as_before ? ", as before" : "");
    err_why(e, "%s", pool.read ? "the pool does not list it as up" : pool.why);
    return err_fix(e, "bring it back into the pool: %s",
                   r->s->env->pool_members);
}

bool serve_back(struct run *r, bool *as_before, struct err *e)
{
    struct probe_target *targets;
    size_t n = all_targets(r, &targets), good = 0;
    struct answer_facts *answers = arena_array(r->s->arena, n, sizeof *answers);
    size_t bad = n;

    ask(r, targets, n, false, answers);
    *as_before = r->was_good != NULL;
    for (size_t i = 0; i < n; i++) {
        if (answers[i].good) {
            good++;
            continue;
        }
        bad = bad == n ? i : bad;
        if (r->was_good && r->was_good[slot(r, &targets[i])])
            *as_before = false;
    }
    if (bad == n)
        return pool_back(r, as_before, e);
    if (run_stopped_at_once(r, e))
        return false;
    err_what(e, ERR_UNKNOWN, "code is back, and %s fails%s", answers[bad].who,
             *as_before ? " as before" : "");
    err_why(e, "%s; %zu of %zu probes answer", answers[bad].why, good, n);
    return err_fix(e, "the cause is not the release alone: see what %s needs",
                   answers[bad].who);
}
