#include "runner/flow/catch_up.h"

#include <string.h>

#include "runner/base/file.h"
#include "runner/base/nearest.h"
#include "runner/flow/hosts.h"
#include "runner/flow/rollout.h"

/* ---- may it ---- */

static bool refuse(struct err *e, const char *fix, const char *why,
                   const char *what, const char *environment)
{
    err_what(e, ERR_REFUSED, "no host of %s can be brought level now: %s",
             environment, what);
    err_why(e, "%s", why);
    return err_fix(e, "%s", fix);
}

/* The ledger's own answers; asked again under the lease. */
static bool may(struct run *r, struct err *e)
{
    const struct environment_state *state = &r->s->state;
    const struct run_state *open = state->unfinished;
    const char *name = r->s->env->name;
    struct arena *a = r->s->arena;

    if (!state->live)
        return refuse(e, "deploy, or adopt what stands there",
                      "no release was ever good there", "nothing is live",
                      name);
    if (!state->pinned || strcmp(state->pinned, r->s->policy_digest) != 0)
        return refuse(e, "put it back, or: tidegate policy accept",
                      "a host set or rollout that nobody accepted is not used",
                      "the policy is not the pinned one", name);
    if (state->frozen_by)
        return refuse(e, "tidegate thaw, when it is over",
                      state->frozen_why ? state->frozen_why : "no reason given",
                      arena_printf(a, "%s froze it", state->frozen_by), name);
    if (open && open->kind != RUN_CATCH_UP && !ledger_lease_held(r->s->ledger))
        return refuse(
            e, "tidegate resume, or tidegate rollback",
            arena_printf(a, "it stands %s", run_ended_word(open->ended)),
            arena_printf(a, "run %s is unfinished", open->id), name);
    r->undoes = open && open->kind == RUN_CATCH_UP ? open->id : NULL;
    return true;
}

/* ---- which hosts ---- */

static bool named(const struct run *r, size_t host, const char *const *names,
                  size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fleet_find(r->s->fleet, names[i]) == host)
            return true;
    return false;
}

static bool names_known(const struct run *r, const char *const *names, size_t n,
                        struct err *e)
{
    size_t total = r->s->n_hosts;
    const char **all = arena_array(r->s->arena, total, sizeof *all);

    for (size_t i = 0; i < total; i++)
        all[i] = fleet_name(r->s->fleet, i);
    for (size_t i = 0; i < n; i++) {
        if (fleet_find(r->s->fleet, names[i]) < total)
            continue;
        const char *near = nearest(names[i], all, total);

        err_what(e, ERR_USAGE, "%s has no host %.60s", r->s->env->name,
                 names[i]);
        err_why(e, "[environment %s] hosts does not list it", r->s->env->name);
        return near ? err_fix(e, "did you mean %s?", near)
                    : err_fix(e, "give it as it stands there");
    }
    return true;
}

/* Whether the host has the release that is live, whole. */
static bool level(const struct run *r, size_t host)
{
    const struct observed *o = &r->s->observed[host];
    const struct release_state *live = state_release(&r->s->state, r->to);

    if (!o->current || strcmp(o->current, r->to) != 0 || !o->verified)
        return false;
    for (size_t i = 0; i < o->n; i++)
        if (strcmp(o->releases[i].name, r->to) == 0)
            return !live || !live->artifact ||
                   strcmp(o->releases[i].digest, live->artifact) == 0;
    return false;
}

static bool reached(const struct run *r, size_t host)
{
    return r->s->observed[host].outcome == OUTCOME_DONE;
}

/* All other hosts are left out. *chosen counts those that are not. */
static void choose(struct run *r, const char *const *names, size_t n,
                   size_t *chosen)
{
    *chosen = 0;
    for (size_t i = 0; i < r->s->n_hosts; i++) {
        bool wants = n > 0 ? named(r, i, names, n)
                           : reached(r, i) && (run_owed(r, i) || !level(r, i) ||
                                               run_touched(r, i));

        if (n == 0 && !reached(r, i))
            progress_warn(r->s->progress, fleet_name(r->s->fleet, i),
                          "not reached, and left as it is: %s",
                          r->s->observed[i].why);
        r->s->left_out[i] = !wants;
        *chosen += wants;
    }
}

static bool all_reached(struct run *r, struct err *e)
{
    for (size_t i = 0; i < r->s->n_hosts; i++) {
        if (r->s->left_out[i] || reached(r, i))
            continue;
        err_what(e,
                 r->s->observed[i].key_refused ? ERR_REFUSED : ERR_UNREACHABLE,
                 "cannot reach %s", fleet_name(r->s->fleet, i));
        err_why(e, "%s", r->s->observed[i].why);
        return err_fix(e, "mend it, then run: tidegate doctor");
    }
    return true;
}

/* Nobody wants anything; but somebody who owes may not have answered. */
static bool nothing_to_do(struct run *r, struct err *e)
{
    for (size_t i = 0; i < r->s->n_hosts; i++) {
        if (reached(r, i) || !run_owed(r, i))
            continue;
        r->s->left_out[i] = false;
        return all_reached(r, e);
    }
    r->already = true;
    return true;
}

/* ---- the artifacts ---- */

/* What a deploy of that release left in its folder. */
static bool kept(struct run *r, const struct release_state *x,
                 struct artifact *out)
{
    struct subject *s = r->s;

    for (size_t i = s->state.n_runs; x->artifact && i-- > 0;) {
        const struct run_state *run = &s->state.runs[i];
        struct err none = {0};

        if (!run->release || strcmp(run->release, x->name) != 0)
            continue;
        const char *path = arena_printf(s->arena, "%s/runs/%s/artifact.tar",
                                        ledger_folder(s->ledger), run->id);

        if (file_exists(path) &&
            artifact_open(s->arena, path, x->artifact, out, &none))
            return true;
    }
    return false;
}

static bool cannot_have(const struct release_state *x, const char *why,
                        struct err *e)
{
    err_what(e, ERR_REFUSED, "the artifact of %s cannot be had", x->name);
    err_why(e, "the run that released it kept none; %s", why);
    return err_fix(e, "announce and deploy a release: it brings every host "
                      "level");
}

/* From the recorded commit, which must give the recorded digest. */
static bool rebuilt(struct run *r, const struct release_state *x,
                    struct artifact *out, struct err *e)
{
    struct subject *s = r->s;
    const char *folder =
        arena_printf(s->arena, "%s/runs/%s", ledger_folder(s->ledger), r->id);
    const char *path = arena_printf(s->arena, "%s/%s.tar", folder, x->name);

    if (!x->commit || !*x->commit || !x->artifact)
        return cannot_have(x, "its commit is not known either", e);
    if (!s->git)
        s->git = git_open(s->arena, s->config->repository, e);
    if (!s->git || !folder_make(folder, 0700, e) ||
        !artifact_write(s->arena, s->git, &s->env->artifact, s->config->folder,
                        x->name, x->commit, path, out, e))
        return false;
    if (strcmp(out->digest, x->artifact) == 0)
        return true;
    artifact_close(out);
    return cannot_have(x,
                       arena_printf(s->arena,
                                    "built again from commit %.12s it is "
                                    "%.12s, and hosts have %.12s",
                                    x->commit, out->digest, x->artifact),
                       e);
}

static bool have(struct run *r, const struct release_state *x,
                 struct artifact *out, struct err *e)
{
    return kept(r, x, out) || rebuilt(r, x, out, e);
}

/* ---- the work ---- */

static bool has_release(const struct run *r, size_t host, const char *name)
{
    const struct observed *o = &r->s->observed[host];

    for (size_t i = 0; i < o->n; i++)
        if (strcmp(o->releases[i].name, name) == 0 && *o->releases[i].digest)
            return true;
    return false;
}

/* Without it a rollback would find no way back on a new host. */
static bool stage_previous(struct run *r, struct err *e)
{
    const struct release_state *x =
        r->s->state.previous ? state_release(&r->s->state, r->s->state.previous)
                             : NULL;
    struct artifact artifact = {.fd = -1};
    struct err why = {0};
    bool lacks = false;

    for (size_t i = 0; x && i < r->s->n_hosts; i++)
        lacks |= !r->s->left_out[i] && !has_release(r, i, x->name);
    if (!lacks)
        return true;
    if (!have(r, x, &artifact, &why)) {
        progress_warn(r->s->progress, x->name,
                      "could not be staged too, so a rollback to it leaves "
                      "these hosts behind: %s",
                      why.why);
        return true;
    }
    bool ok = hosts_send(r, x->name, &artifact, e) &&
              hosts_mark(r, x->name, "good", e);

    artifact_close(&artifact);
    return ok;
}

/* A rollback with the database down asks the hosts whether "after"
 * migrations have begun: new ones must know it too. */
static bool carry_after_begun(struct run *r, struct err *e)
{
    for (size_t i = 0; i < r->s->n_hosts; i++)
        if (r->s->left_out[i] && reached(r, i) &&
            strcmp(r->s->observed[i].after_begun, r->to) == 0)
            return hosts_after_begun(r, r->to, e);
    return true;
}

static bool mark_live(struct run *r, struct err *e)
{
    const struct release_state *live = state_release(&r->s->state, r->to);

    return !live || live->is != RELEASE_GOOD || hosts_mark(r, r->to, "good", e);
}

static bool pay(struct run *r, struct err *e)
{
    for (size_t i = 0; i < r->s->n_hosts; i++)
        if (!r->s->left_out[i] && run_owed(r, i) &&
            !run_owes(r, i, "", "brought level by catch-up", e))
            return false;
    return true;
}

static bool bring(struct run *r, struct err *e)
{
    return hosts_fence(r, e) && hosts_send(r, r->to, &r->s->artifact, e) &&
           carry_after_begun(r, e) && stage_previous(r, e) &&
           rollout_run(r, e) && mark_live(r, e) && pay(r, e);
}

/* ---- the end ---- */

/* A host that was touched and is not proved owes from now on. */
static void owe_rest(struct run *r, const char *why)
{
    struct err ignored = {0};

    for (size_t i = 0; i < r->s->n_hosts; i++)
        if (!r->s->left_out[i] && r->touched[i] && !run_owed(r, i))
            run_owes(r, i, r->to, why, &ignored);
}

static bool end_badly(struct run *r, struct err *e)
{
    struct run_ending x = {.ended = RUN_NOTHING, .exit_code = 75};
    struct err trouble = {0};

    if (e->code == ERR_LEDGER) {
        e->code = r->changed ? ERR_PARTWAY : ERR_LEDGER;
        return false;
    }
    if (r->changed) {
        bool unknown = r->unknown || e->code == ERR_UNKNOWN;

        owe_rest(r, e->what);
        e->code = unknown ? ERR_UNKNOWN : ERR_PARTWAY;
        x.ended = unknown ? RUN_BROKEN : RUN_STOPPED;
        x.exit_code = unknown ? 13 : 12;
        err_fix(e, "mend the host, then: tidegate catch-up");
    } else if (e->code == ERR_FAILED || e->code == ERR_REFUSED) {
        e->code = ERR_REFUSED;
        x.exit_code = 10;
    } else if (e->code == ERR_UNREACHABLE || e->code == ERR_UNKNOWN) {
        e->code = ERR_UNREACHABLE;
        x.exit_code = 69;
    }
    x.why = arena_printf(r->s->arena, "%s: %s", e->what, e->why);
    if (!run_end(r, &x, &trouble))
        *e = trouble;
    return false;
}

static bool still_live(struct run *r, struct err *e)
{
    if (r->from && strcmp(r->from, r->to) == 0)
        return may(r, e);
    err_what(e, ERR_HELD, "%s changed while this began", r->s->env->name);
    err_why(e, "live was %s, and is %s", r->to, r->from ? r->from : "nothing");
    return err_fix(e, "run it again");
}

static bool go(struct run *r, struct err *e)
{
    const struct run_ending good = {.ended = RUN_GOOD};
    struct subject *s = r->s;

    if (!run_open(r, s, RUN_CATCH_UP, NULL, e))
        return false;
    s->artifact.fd = -1;
    if (!still_live(r, e) ||
        !have(r, state_release(&s->state, r->to), &s->artifact, e) ||
        !run_begin(r, NULL, r->undoes, e))
        return false;
    /* no gate is asked: what is brought is what serves already */
    r->finish = true;
    return bring(r, e) ? run_end(r, &good, e) : end_badly(r, e);
}

bool catch_up(struct run *r, struct subject *s, const char *const *names,
              size_t n, run_confirm *confirm, void *ctx, struct err *e)
{
    size_t chosen;

    r->s = s;
    r->kind = RUN_CATCH_UP;
    r->to = r->from = s->state.live;
    s->phases = PHASES_ALL;
    if (!may(r, e) || !subject_contact_hosts(s, e) ||
        !names_known(r, names, n, e))
        return false;
    choose(r, names, n, &chosen);
    if (chosen == 0 && !r->undoes)
        return nothing_to_do(r, e);
    if (!all_reached(r, e) || !hosts_look(r, e) ||
        (confirm && !confirm(ctx, r, e)))
        return false;
    bool ok = go(r, e);

    artifact_close(&s->artifact);
    run_close(r);
    return ok;
}
