#include "runner/flow/hosts.h"

#include <string.h>

#include "runner/base/failpoint.h"

size_t *hosts_all(struct run *r, size_t *n)
{
    size_t total = r->s->n_hosts;
    size_t *list = arena_array(r->s->arena, total, sizeof *list);

    *n = 0;
    for (size_t i = 0; i < total; i++)
        if (!r->s->left_out[i])
            list[(*n)++] = i;
    return list;
}

bool hosts_has(const struct run *r, size_t host)
{
    return r->now[host] && strcmp(r->now[host], r->to) == 0;
}

/* Whether the effect is there after all, asked of the host itself. */
static bool seen_done(struct run *r, const struct host_step *step, size_t host)
{
    struct observed seen;

    if (!step->shows)
        return false;
    step_observe(r->s->fleet, &host, 1, r->to, &seen);
    if (seen.outcome != OUTCOME_DONE)
        return false;
    r->s->observed[host] = seen;
    return step->shows(r, step->ctx, host, &seen);
}

static bool record(struct run *r, const struct host_step *step, size_t host,
                   struct step_result *got, struct err *e)
{
    const char *name = fleet_name(r->s->fleet, host);

    if (got->outcome == OUTCOME_UNKNOWN && seen_done(r, step, host)) {
        got->outcome = OUTCOME_DONE;
        return run_done(r, step->name, name, "seen on the host", got->ms, true,
                        e);
    }
    switch (got->outcome) {
    case OUTCOME_DONE:
        return run_done(r, step->name, name, got->why, got->ms, false, e);
    case OUTCOME_UNKNOWN:
        return run_unknown(r, step->name, name, got->why, e);
    default:
        return run_failed(r, step->name, name, got->why, e);
    }
}

/* Another run, or another copy of the ledger, has this host now. */
static bool fenced_off(const struct step_result *got)
{
    static const char *const kinds[] = {"superseded", "forked", "foreign"};

    for (size_t i = 0; got->refused && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(got->refused, kinds[i]) == 0)
            return true;
    return false;
}

static bool complain(struct run *r, const struct host_step *step, size_t host,
                     const struct step_result *got, struct err *e)
{
    static const enum err_code codes[] = {
        [OUTCOME_NONE] = ERR_INTERRUPTED,
        [OUTCOME_FAILED] = ERR_FAILED,
        [OUTCOME_UNREACHABLE] = ERR_UNREACHABLE,
        [OUTCOME_UNKNOWN] = ERR_UNKNOWN,
    };

    if (e->code != ERR_NONE)
        return false;
    err_what(e, codes[got->outcome], "%s: %s %s", fleet_name(r->s->fleet, host),
             step->name,
             got->outcome == OUTCOME_UNKNOWN ? "may or may not have happened"
                                             : "did not happen");
    err_why(e, "%s", got->why ? got->why : outcome_word(got->outcome));
    if (got->key_refused ||
        (got->refused && strcmp(got->refused, "moved") == 0))
        e->code = ERR_REFUSED;
    if (fenced_off(got)) {
        r->end_here = true;
        if (!r->going_back)
            e->code = r->changed ? ERR_UNKNOWN : ERR_LEDGER;
    }
    return err_fix(e, "%s",
                   got->fix ? got->fix
                            : "see what stands where: tidegate "
                              "status");
}

bool hosts_step(struct run *r, const struct host_step *step,
                const size_t *hosts, size_t n, struct step_result *outs,
                struct err *e)
{
    struct err first = {0};

    for (size_t i = 0; i < n; i++) {
        if (!run_intent(r, step->name, fleet_name(r->s->fleet, hosts[i]),
                        step->change, step->undo, e))
            return false;
        r->touched[hosts[i]] |= step->change;
    }
    failpoint("step.before");
    step->act(r, step->ctx, hosts, n, outs);
    failpoint("step.after");
    for (size_t i = 0; i < n; i++) {
        if (!record(r, step, hosts[i], &outs[i], e))
            return false;
        if (outs[i].outcome != OUTCOME_DONE)
            complain(r, step, hosts[i], &outs[i], &first);
    }
    if (first.code == ERR_NONE)
        return true;
    *e = first;
    return false;
}

static bool leave_out(struct run *r, size_t host, const char *why,
                      struct err *e)
{
    int allowed = r->s->env->rollout.max_unreachable, out = 0;
    const char *name = fleet_name(r->s->fleet, host);

    r->s->left_out[host] = true;
    for (size_t i = 0; i < r->s->n_hosts; i++)
        out += r->s->left_out[i];
    if (r->going_back || out <= allowed) {
        progress_warn(r->s->progress, name, "left out and owing: %s", why);
        return true;
    }
    err_what(e, ERR_UNREACHABLE, "cannot reach %s", name);
    err_why(e, "%s", why);
    return err_fix(e,
                   "mend it (tidegate doctor), or allow it: "
                   "max_unreachable = %d in [rollout]",
                   out);
}

static bool is_one(const char *current, const char *release)
{
    return current && release && strcmp(current, release) == 0;
}

/* A deploy begins where the last run left the host; what owes, or is new, is
 * brought along. */
static bool as_left(const struct run *r, size_t i, struct err *e)
{
    const char *live = r->s->state.live, *now = r->s->observed[i].current;

    if (r->kind != RUN_DEPLOY || r->going_back || r->before || !live || !now ||
        !*now || is_one(now, live) || is_one(now, r->to) || run_owed(r, i))
        return true;
    err_what(e, ERR_REFUSED, "current on %s was changed by another",
             fleet_name(r->s->fleet, i));
    err_why(e, "it was %s, and is %s", live, now);
    return err_fix(e, "look who did; then put it back: tidegate catch-up");
}

/* Does this run take away what older code needs, or has it begun to? */
static bool contracts(const struct run *r)
{
    const struct pending *all = &r->s->pending;

    if (r->going_back || r->undone_run || r->down || r->changed ||
        (r->before && r->before->changed))
        return false;
    if (r->kind == RUN_MIGRATE)
        return r->s->phases == PHASES_CONTRACT && r->s->state.live;
    for (size_t i = 0; r->kind == RUN_DEPLOY && i < all->n; i++)
        if (all->list[i]->contract)
            return true;
    return false;
}

static const char *what_it_has(const struct observed *o)
{
    if (!o->current)
        return o->current_raw ? o->current_raw : "none of ours";
    return *o->current ? o->current : "no release";
}

/* Code that waits to be caught up may be what the contraction breaks. By
 * itself it wants every host seen on what is live; with a release, only that
 * none is known to be behind. */
static bool level(struct run *r, size_t i, struct err *e)
{
    const struct observed *o = &r->s->observed[i];
    const char *name = fleet_name(r->s->fleet, i), *live = r->s->state.live;
    bool owed = run_owed(r, i), seen = o->outcome == OUTCOME_DONE;

    if (!contracts(r) || (!owed && (r->kind == RUN_DEPLOY ||
                                    (seen && is_one(o->current, live)))))
        return true;
    if (!seen && !owed)
        err_what(e, ERR_UNREACHABLE, "cannot reach %s", name);
    else
        err_what(e, ERR_REFUSED, "%s may not have %s, which is live", name,
                 live ? live : r->to);
    if (owed)
        err_why(e, "it owes a release: its code may still need what the "
                   "contracting migrations take away");
    else if (seen)
        err_why(e,
                "it has %s, which may still need what the contracting "
                "migrations take away",
                what_it_has(o));
    else
        err_why(e,
                "its code may still need what the contracting migrations "
                "take away: %s",
                o->why ? o->why : outcome_word(o->outcome));
    return err_fix(e,
                   "bring it level: tidegate catch-up %s; or take it out "
                   "of [environment %s]",
                   name, r->s->env->name);
}

static bool check_host(struct run *r, size_t i, struct err *e)
{
    const struct observed *o = &r->s->observed[i];
    const char *name = fleet_name(r->s->fleet, i);

    if (r->s->left_out[i])
        return true;
    if (o->key_refused && !r->going_back) {
        err_what(e, ERR_REFUSED, "the host key of %s is refused", name);
        err_why(e, "%s", o->why);
        return err_fix(e, "%s", o->fix ? o->fix : "correct known_hosts");
    }
    if (!level(r, i, e))
        return false;
    if (o->outcome != OUTCOME_DONE)
        return leave_out(r, i, o->why ? o->why : outcome_word(o->outcome), e);
    if (o->missing && *o->missing) {
        err_what(e, ERR_REFUSED, "%s is not ready for releases", name);
        err_why(e, "missing there: %s", o->missing);
        return err_fix(e, "mend it, then run: tidegate doctor");
    }
    return ledger_anchor(r->s->ledger, name, o->ledger, o->seq, o->head, e) &&
           as_left(r, i, e);
}

/* Two names of one place would be flipped twice. */
static bool check_twins(struct run *r, struct err *e)
{
    const struct observed *o = r->s->observed;

    for (size_t i = 0; i < r->s->n_hosts; i++)
        for (size_t k = i + 1; k < r->s->n_hosts; k++) {
            if (o[i].outcome != OUTCOME_DONE || o[k].outcome != OUTCOME_DONE ||
                !*o[i].place || strcmp(o[i].machine, o[k].machine) != 0 ||
                strcmp(o[i].place, o[k].place) != 0)
                continue;
            err_what(e, ERR_CONFIG, "%s and %s are one host",
                     fleet_name(r->s->fleet, i), fleet_name(r->s->fleet, k));
            err_why(e, "same machine id, same folder %s",
                    fleet_path(r->s->fleet, i));
            return err_fix(e, "list it once in [environment %s]",
                           r->s->env->name);
        }
    return true;
}

bool hosts_look(struct run *r, struct err *e)
{
    struct subject *s = r->s;

    r->now = arena_array(s->arena, s->n_hosts, sizeof *r->now);
    r->touched = arena_array(s->arena, s->n_hosts, sizeof *r->touched);
    for (size_t i = 0; i < s->n_hosts; i++) {
        if (!check_host(r, i, e))
            return false;
        r->now[i] = s->observed[i].outcome == OUTCOME_DONE
                        ? s->observed[i].current
                        : NULL;
    }
    return check_twins(r, e);
}

void hosts_look_again(struct run *r)
{
    struct subject *s = r->s;
    struct observed seen;

    for (size_t i = 0; i < s->n_hosts; i++) {
        if (s->left_out[i] || (r->now[i] && !r->touched[i]))
            continue;
        step_observe(s->fleet, &i, 1, r->to, &seen);
        if (seen.outcome != OUTCOME_DONE)
            continue;
        s->observed[i] = seen;
        if (is_one(seen.current, r->to) || is_one(seen.current, r->undone))
            r->now[i] = seen.current;
    }
}

bool hosts_step_all(struct run *r, const struct host_step *step, struct err *e)
{
    size_t n;
    size_t *hosts = hosts_all(r, &n);
    struct step_result *outs = arena_array(r->s->arena, n, sizeof *outs);

    if (n == 0 || hosts_step(r, step, hosts, n, outs, e))
        return true;
    if (!r->going_back || r->end_here || e->code == ERR_LEDGER ||
        e->code == ERR_INTERRUPTED)
        return false;
    err_clear(e);
    for (size_t i = 0; i < n; i++) {
        if (outs[i].outcome == OUTCOME_DONE)
            continue;
        r->failed_hosts++;
        r->s->left_out[hosts[i]] = true;
        progress_warn(r->s->progress, fleet_name(r->s->fleet, hosts[i]),
                      "left behind at %s: %s", step->name,
                      outs[i].why ? outs[i].why
                                  : outcome_word(outs[i].outcome));
        if (!run_owes(r, hosts[i], r->to, outs[i].why, e))
            return false;
    }
    return true;
}

bool hosts_owe(struct run *r, const char *why, struct err *e)
{
    if (!run_refresh(r, e)) /* what this run itself wrote counts */
        return false;
    for (size_t i = 0; i < r->s->n_hosts; i++) {
        bool paid = !r->s->left_out[i] && run_owed(r, i);

        if (r->s->left_out[i] && !run_owes(r, i, r->to, why, e))
            return false;
        if (paid && !run_owes(r, i, "", "reached by this run", e))
            return false;
    }
    return true;
}
