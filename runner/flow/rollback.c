#include <string.h>

#include "runner/base/failpoint.h"
#include "runner/flow/back.h"
#include "runner/flow/database.h"
#include "runner/flow/deploy.h"
#include "runner/flow/hosts.h"
#include "runner/flow/rollout.h"
#include "runner/flow/serve.h"
#include "runner/flow/takeover.h"

static bool nothing_before(const struct run *r, struct err *e)
{
    struct subject *s = r->s;
    const struct run_state *open = s->state.unfinished;
    const char *first = open ? open->release : s->state.live;

    err_what(e, ERR_REFUSED, "there is no release to go back to");
    if (!first)
        err_why(e, "%s never had a release", s->env->name);
    else
        err_why(e, "%s is the first that %s ever had", first, s->env->name);
    if (open)
        return err_fix(e,
                       "mend what stopped it, then finish it: tidegate "
                       "resume%s",
                       !r->schema && s->env->n_hosts == 0 && open->changed &&
                               rollback_undoes(s)
                           ? "; or undo what it did: tidegate rollback "
                             "--schema"
                           : "");
    return err_fix(e,
                   "roll forward: announce and deploy a release that "
                   "mends it%s",
                   s->env->n_hosts == 0
                       ? "; or undo what a release did in the database: "
                         "tidegate migrate down RELEASE"
                       : "");
}

static bool without_reason(const char *to, struct err *e)
{
    err_what(e, ERR_USAGE, "%s is bad: it was rolled back before", to);
    err_why(e, "a bad release is not chosen again without a reason");
    return err_fix(e, "say why: tidegate rollback --to %s --reason TEXT", to);
}

/* Staged is not released: no gate ever let it pass, and a rollback asks
 * none. */
static bool never_live(const struct run *r, struct err *e)
{
    err_what(e, ERR_USAGE, "%s was never live in %s", r->to, r->s->env->name);
    err_why(e, "it was staged at most, and going back asks no gate");
    return err_fix(e,
                   "release it: tidegate expect %s; or see which were "
                   "live: tidegate history",
                   r->to);
}

/* Rollbacks of rollbacks undo what the first of them set out to undo. */
static const struct run_state *first_undone(const struct run *r)
{
    const struct run_state *run = r->s->state.unfinished, *earlier;

    while (run->kind == RUN_ROLLBACK && run->takes_over &&
           (earlier = state_run(&r->s->state, run->takes_over)) != NULL)
        run = earlier;
    return run;
}

/* A run that had changed nothing leaves nothing to undo. */
static const char *begun_release(const struct run_state *first)
{
    if (first->kind == RUN_ROLLBACK)
        return first->from;
    return first->changed ? first->release : NULL;
}

/* Runs that began no release: what is live is undone, as ever. */
static bool beside(const struct run_state *run)
{
    return run->kind == RUN_CATCH_UP || takeover_was(run);
}

/* The same way back, cut short: it goes on, and what it did stays done. */
static bool goes_on(const struct run *r, const struct rollback_wish *wish)
{
    const struct run_state *open = r->s->state.unfinished;

    return open && open->kind == RUN_ROLLBACK &&
           strcmp(open->release ? open->release : "", r->to ? r->to : "") ==
               0 &&
           (!wish->schema || json_bool(open->begun, "schema", false));
}

/* Whether a run changed the database alone, and is undone there: one of
 * contracting migrations; with the schema, any of migrations, and where no
 * host has code the first release, which has none to go back to. */
static bool in_database(const struct run *r, const struct run_state *first,
                        bool schema)
{
    if (first->phases == PHASES_CONTRACT)
        return r->s->state.live != NULL;
    return schema && !json_bool(first->begun, "down", false) &&
           (first->phases == PHASES_MIGRATIONS ||
            (first->kind == RUN_DEPLOY && r->s->env->n_hosts == 0 &&
             !first->from));
}

/* A way back that was cut short is taken up as it was begun. */
static bool with_schema(const struct run *r, const struct rollback_wish *wish)
{
    const struct run_state *open = r->s->state.unfinished;

    return wish->schema || (open->kind == RUN_ROLLBACK &&
                            json_bool(open->begun, "schema", false));
}

/* Its migrations are what is undone, and the code stays as it is. */
static void undo_run(struct run *r, const struct rollback_wish *wish)
{
    const char *live = r->s->state.live;
    const struct run_state *first = first_undone(r);

    if (!in_database(r, first, with_schema(r, wish)) ||
        (wish->to && (!live || strcmp(wish->to, live) != 0)))
        return;
    r->undone_run = first->id;
    r->undone_of = first->release;
    r->undone = NULL;
    r->to = live;
}

/* The run that was undone in the database last, nothing having come after it:
 * asked once more, there is nothing to do, and no release goes for it. */
static const char *undone_last(const struct environment_state *state)
{
    const struct run_state *last =
        state->n_runs ? &state->runs[state->n_runs - 1] : NULL;

    return last && last->kind == RUN_ROLLBACK && last->ended == RUN_GOOD &&
                   !json_str(last->end, "live")
               ? last->takes_over
               : NULL;
}

/* What is undone, and where to: of the unfinished run, else of what is
 * live. */
static bool choose(struct run *r, const struct rollback_wish *wish,
                   struct err *e)
{
    const struct environment_state *state = &r->s->state;
    const struct run_state *open = state->unfinished;
    const struct release_state *to;

    r->from = state->live;
    r->undone = state->live;
    r->to = state->previous;
    if (open)
        r->undoes = open->id;
    if (open && !beside(first_undone(r)))
        r->undone = begun_release(first_undone(r));
    if (open && !beside(open))
        r->to = open->kind == RUN_ROLLBACK ? open->release : open->from;
    else if (!open && !wish->to && state->live_by_going_back) {
        r->to = state->live;
        r->undone = NULL;
        r->already = true;
    } else if (!open && !wish->to && undone_last(state)) {
        r->to = state->live;
        r->undone = NULL;
        r->undone_run = undone_last(state);
        r->already = true;
    }
    if (wish->to)
        r->to = wish->to;
    if (open)
        undo_run(r, wish);
    r->schema = wish->schema;
    if (!r->to && !r->undone_run)
        return nothing_before(r, e);
    if (r->undone && strcmp(r->undone, r->to) == 0)
        r->undone = NULL;
    to = r->to ? state_release(state, r->to) : NULL;
    if (!to && r->to) {
        err_what(e, ERR_USAGE, "%s was never released to %s", r->to,
                 r->s->env->name);
        err_why(e, "the ledger knows no such release here");
        return err_fix(e, "see which there were: tidegate history");
    }
    if (goes_on(r, wish)) {
        r->before = open;
        r->undoes = NULL;
        r->schema = json_bool(open->begun, "schema", false);
        return true;
    }
    if (to && to->is == RELEASE_STAGED)
        return never_live(r, e);
    return !to || to->is != RELEASE_BAD || (wish->to && wish->reason) ||
           without_reason(r->to, e);
}

static const struct observed_release *release_on(const struct observed *o,
                                                 const char *name)
{
    for (size_t i = 0; i < o->n; i++)
        if (strcmp(o->releases[i].name, name) == 0)
            return &o->releases[i];
    return NULL;
}

/* Every reachable host must have the target, whole, before the first flip:
 * step_observe has computed its digest again. */
static bool prove_target(struct run *r, struct err *e)
{
    struct subject *s = r->s;
    size_t n;
    size_t *hosts = hosts_all(r, &n);
    struct observed *seen = arena_array(s->arena, n, sizeof *seen);
    const char *digest = NULL;

    step_observe(s->fleet, hosts, n, r->to, seen);
    for (size_t i = 0; i < n; i++) {
        const char *name = fleet_name(s->fleet, hosts[i]);
        const struct observed_release *found = release_on(&seen[i], r->to);

        if (seen[i].outcome != OUTCOME_DONE) {
            s->left_out[hosts[i]] = true;
            continue;
        }
        s->observed[hosts[i]] = seen[i];
        if (!found || !seen[i].verified ||
            (digest && strcmp(digest, found->digest) != 0)) {
            err_what(e, ERR_REFUSED, "%s cannot go back to %s", name, r->to);
            err_why(e, "%s",
                    !found ? "it is not there any more"
                    : !seen[i].verified
                        ? "its files are not those of the release"
                        : "its digest is not that of other hosts");
            return err_fix(e, "choose another: tidegate rollback --to "
                              "RELEASE; or roll forward");
        }
        digest = found->digest;
    }
    return true;
}

static bool reach(struct run *r, struct err *e)
{
    struct subject *s = r->s;
    size_t n;

    r->going_back = true;
    if (!subject_contact(s, e) || !hosts_look(r, e))
        return false;
    hosts_all(r, &n);
    if (s->n_hosts > 0 && n == 0) {
        err_what(e, ERR_UNREACHABLE, "no host of %s answers", s->env->name);
        err_why(e, "%s: %s", fleet_name(s->fleet, 0),
                s->observed[0].why ? s->observed[0].why : "no answer");
        return err_fix(e, "mend the way to the hosts: tidegate doctor");
    }
    return s->n_hosts == 0 || !r->to || prove_target(r, e);
}

static bool end_failed(struct run *r, const struct run_ending *x, struct err *e)
{
    struct err trouble = {0};

    if (run_end(r, x, &trouble))
        return false;
    *e = trouble;
    if (r->changed)
        e->code = run_without_ledger(r);
    return false;
}

static bool end_good(struct run *r, const struct run_ending *x, struct err *e)
{
    if (run_end(r, x, e))
        return true;
    if (r->changed)
        e->code = run_without_ledger(r);
    return false;
}

static bool end(struct run *r, bool ok, struct err *e)
{
    struct run_ending x = {
        .ended = RUN_GOOD, .live = r->to, .bad = r->undone, .kept = r->kept};
    bool as_before = false;

    if (r->undone_run) /* the hosts were not touched */
        x.live = NULL;

    if (ok && !r->unknown && !back_complete(r, e)) {
        x.ended = RUN_STOPPED;
        x.unverified = true;
        x.exit_code = 12;
        x.why = e->what;
        return end_failed(r, &x, e);
    }
    if (ok && x.live && !hosts_owe(r, "not reached by the rollback", e)) {
        e->code = r->changed ? run_without_ledger(r) : e->code;
        return false;
    }
    if (ok && (!r->to || serve_back(r, &as_before, e)) && !r->unknown)
        return end_good(r, &x, e);
    if (ok && e->code == ERR_NONE) {
        err_what(e, ERR_UNKNOWN, "code is back where hosts answer");
        err_why(e, "what became of a step on another is not known");
        err_fix(e, "see which: tidegate status; then tidegate rollback");
    }
    if (e->code != ERR_INTERRUPTED &&
        (ok || r->unknown || e->code == ERR_UNKNOWN)) {
        x.ended = as_before ? RUN_GOOD : RUN_BROKEN;
        x.unverified = true;
        x.exit_code = 13;
        e->code = ERR_UNKNOWN;
    } else {
        x.ended = r->changed ? RUN_STOPPED : RUN_NOTHING;
        x.live = x.bad = NULL;
        x.exit_code = r->changed ? 12 : e->code == ERR_HELD ? 75 : 10;
        if (r->changed)
            e->code = ERR_PARTWAY;
        else if (e->code == ERR_FAILED)
            e->code = ERR_REFUSED;
    }
    x.why = e->what;
    return end_failed(r, &x, e);
}

/* Where we are already: proved, and nothing is touched. */
static bool prove_only(struct run *r, struct err *e)
{
    bool as_before;

    if (r->undone_run)
        return true;
    for (size_t i = 0; i < r->s->n_hosts; i++)
        if (!r->s->left_out[i] &&
            (!r->now[i] || strcmp(r->now[i], r->to) != 0)) {
            r->already = false;
            return true;
        }
    return serve_back(r, &as_before, e);
}

static bool go(struct run *r, const struct rollback_wish *wish, struct err *e)
{
    if (!run_open(r, r->s, RUN_ROLLBACK, r->before, e))
        return false;
    serve_remember(r);
    r->from = r->s->state.live;
    if (!r->before && !run_begin(r, NULL, r->undoes, e))
        return false;
    bool ok =
        hosts_fence(r, e) &&
        back_run(r, r->schema, wish->reason ? wish->reason : "asked for", e);

    ok = end(r, ok, e);
    database_close(r);
    return ok;
}

static void begin(struct run *r, struct subject *s,
                  const struct rollback_wish *wish)
{
    r->s = s;
    r->kind = RUN_ROLLBACK;
    r->reason = wish->reason;
    s->phases = PHASES_ALL;
}

bool rollback_foresee(struct run *r, struct subject *s,
                      const struct rollback_wish *wish, struct err *e)
{
    begin(r, s, wish);
    return choose(r, wish, e) && (r->already || back_possible(r, e));
}

/* The ledger's and the database's state, anew. */
static bool look_again(struct subject *s, struct err *e)
{
    if (!subject_refresh(s, e) || !s->state.unfinished || !s->env->database ||
        (!s->pg && !subject_contact_database(s, e)))
        return false;
    return s->pg && applied_read(s->pg, s->arena, &s->applied, e);
}

bool rollback_undoes(struct subject *s)
{
    const struct rollback_wish wish = {.schema = true};
    enum phases phases = s->phases;
    struct run r = {0};
    struct err ignored = {0};
    bool ok = look_again(s, &ignored) &&
              rollback_foresee(&r, s, &wish, &ignored) && r.undone_run;

    s->phases = phases;
    return ok;
}

bool rollback(struct run *r, struct subject *s,
              const struct rollback_wish *wish, struct err *e)
{
    begin(r, s, wish);
    if (!choose(r, wish, e) || !reach(r, e))
        return false;
    r->kept = back_kept(r, r->schema);
    if (r->already && !prove_only(r, e))
        return false;
    if (r->already || !back_possible(r, e) || e->code != ERR_NONE)
        return r->already;
    if (wish->confirm && !wish->confirm(wish->ctx, r, e))
        return false;
    if (wish->dry_run)
        return true;
    bool ok = go(r, wish, e);

    run_close(r);
    return ok;
}
