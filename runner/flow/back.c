#include "runner/flow/back.h"

#include <string.h>

#include "runner/flow/database.h"
#include "runner/flow/hosts.h"
#include "runner/flow/rollout.h"
#include "runner/flow/serve.h"

/* Does any host say that an "after" migration of the undone release began? */
static bool after_begun(const struct run *r)
{
    for (size_t i = 0; i < r->s->n_hosts; i++)
        if (r->s->observed[i].outcome == OUTCOME_DONE && r->undone &&
            strcmp(r->s->observed[i].after_begun, r->undone) == 0)
            return true;
    return r->after_begun;
}

static bool no_way_past(const struct applied_row *row, struct err *e)
{
    err_what(e, ERR_REFUSED, "no way back past %s: roll forward", row->name);
    err_why(e, "%s",
            row->forward_only ? row->forward_only : "it has no down migration");
    return err_fix(e, "announce and deploy a release that mends it");
}

bool back_possible(struct run *r, struct err *e)
{
    size_t n;

    if (!r->s->env->database || !r->undone)
        return true;
    if (!r->s->pg) {
        if (!after_begun(r))
            return true;
        err_what(e, ERR_PARTWAY, "cannot go back while the database is down");
        err_why(e,
                "an \"after\" migration of %s has begun; its down must run "
                "before the old code does (%s)",
                r->undone, r->s->pg_why ? r->s->pg_why : "not reached");
        return err_fix(e, "bring the database back, then: tidegate rollback");
    }
    const struct applied_row **after =
        database_applied_by(r, r->undone, true, &n);

    for (size_t i = 0; i < n; i++)
        if (after[i]->forward_only || !after[i]->down)
            return no_way_past(after[i], e);
    return true;
}

/* From the database, or from what the runs of that release recorded. */
const char *const *back_kept(struct run *r, bool schema)
{
    size_t n = 0, count = 0;
    const char **list;

    if (schema || !r->undone)
        return NULL;
    if (r->s->pg) {
        const struct applied_row **rows =
            database_applied_by(r, r->undone, false, &n);

        list = arena_array(r->s->arena, n + 1, sizeof *list);
        for (size_t i = n; i-- > 0;)
            list[count++] = rows[i]->name;
        return list;
    }
    list = NULL;
    for (size_t i = 0; i < r->s->state.n_runs; i++) {
        const struct run_state *run = &r->s->state.runs[i];

        if (!run->release || strcmp(run->release, r->undone) != 0)
            continue;
        for (size_t k = 0; k < run->n; k++)
            if (strcmp(run->steps[k].step, "migrate") == 0 &&
                run->steps[k].is == STEP_DONE) {
                list = arena_grow(r->s->arena, list, count, count + 2,
                                  sizeof *list);
                list[count++] = run->steps[k].target;
            }
    }
    return list;
}

bool back_complete(const struct run *r, struct err *e)
{
    if (r->failed_hosts == 0)
        return true;
    for (size_t i = 0; i < r->s->n_hosts; i++) {
        if (!r->s->left_out[i] || r->s->observed[i].outcome != OUTCOME_DONE)
            continue;
        err_what(e, ERR_PARTWAY, "%s did not go back to %s",
                 fleet_name(r->s->fleet, i), r->to);
        err_why(e, "%d of %zu hosts were left behind", r->failed_hosts,
                r->s->n_hosts);
        return err_fix(e, "mend it, then: tidegate rollback, or catch-up");
    }
    return true;
}

static bool undo_after(struct run *r, struct err *e)
{
    if (!r->s->pg || !r->undone)
        return true;
    return subject_read_pending(r->s, e) &&
           database_down(r, r->undone, true, e) &&
           (!after_begun(r) || hosts_after_begun(r, NULL, e));
}

static bool undo_before(struct run *r, struct err *e)
{
    if (!r->undone)
        return true;
    if (!r->s->pg) {
        err_what(e, ERR_PARTWAY, "code is back; the schema is not");
        err_why(e, "%s", r->s->pg_why ? r->s->pg_why : "no database");
        return err_fix(e, "bring the database back, then: tidegate rollback "
                          "--schema");
    }
    return subject_read_pending(r->s, e) &&
           database_down(r, r->undone, false, e);
}

bool back_run(struct run *r, bool schema, const char *why, struct err *e)
{
    if (!back_possible(r, e) || !run_decide(r, "rollback", why, e))
        return false;
    r->going_back = true;
    r->last_flip = false;
    progress_stage(r->s->progress, "going back from %s to %s",
                   r->undone ? r->undone : "this release", r->to);
    if (!undo_after(r, e) || !rollout_run(r, e) ||
        !hosts_mark(r, r->to, "good", e))
        return false;
    if (schema && !undo_before(r, e))
        return false;
    return !r->undone || strcmp(r->undone, r->to) == 0 ||
           hosts_mark(r, r->undone, "bad", e);
}
