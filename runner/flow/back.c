#include "runner/flow/back.h"

#include <string.h>

#include "migrations/apply/backfill.h"
#include "runner/facts/contract.h"
#include "runner/flow/database.h"
#include "runner/flow/hosts.h"
#include "runner/flow/rollout.h"
#include "runner/flow/serve.h"
#include "runner/flow/takeover.h"

/* Whether anything is undone but hosts that are half way. */
static bool undoes(const struct run *r)
{
    return r->undone || r->undone_finish;
}

/* Whether it was this release that went to the hosts with that run. */
static bool is_bringing(const struct run_state *run, const char *release)
{
    return (run->kind == RUN_DEPLOY || run->kind == RUN_ADOPT) &&
           (run->ended == RUN_GOOD || run->ended == RUN_PENDING) &&
           run->phases == PHASES_ALL && run->release &&
           strcmp(run->release, release) == 0;
}

/* The run that brought a release to the hosts, last; n_runs: not known. */
static size_t brought(const struct run *r, const char *release)
{
    const struct environment_state *s = &r->s->state;

    for (size_t i = s->n_runs; i-- > 0;)
        if (is_bringing(&s->runs[i], release))
            return i;
    return s->n_runs;
}

/* Whether what this run of this release did came after r->to: going back past
 * several releases undoes them all, and going to a later one undoes none. */
static bool later(const struct run *r, const char *id, const char *release)
{
    const struct environment_state *s = &r->s->state;
    size_t base;

    if (r->undone_finish)
        return strcmp(id, r->undone_finish) == 0;
    if (strcmp(id, r->id ? r->id : "") == 0)
        return true;
    if (strcmp(release, r->to) == 0) /* it is what r->to brought, or finished */
        return false;
    base = brought(r, r->to);
    for (size_t i = 0; i < s->n_runs; i++) {
        if (strcmp(s->runs[i].id, id) != 0)
            continue;
        if (takeover_was(&s->runs[i])) /* from before any release of ours */
            return false;
        if (base < s->n_runs)
            return i > base;
    }
    return strcmp(release, r->undone) == 0;
}

/* A contracting migration takes away what only releases before the one that it
 * waited for need: going back to that one, or to a later, it stays. */
static bool not_missed(const struct run *r, const struct applied_row *row)
{
    const struct run_state *ran = state_run(&r->s->state, row->run);
    const char *waited = ran ? contract_waited(ran, row->name) : NULL;
    size_t n = r->s->state.n_runs, base = brought(r, r->to), at;

    if (!waited || r->undone_finish)
        return false;
    if (strcmp(waited, r->to) == 0)
        return true;
    at = brought(r, waited);
    return at < n && base < n && at <= base;
}

static bool is_undone(const struct run *r, const struct applied_row *row)
{
    return later(r, row->run, row->release) && !not_missed(r, row);
}

/* Rows of one phase that came after r->to, newest first. */
static const struct applied_row **later_rows(struct run *r, bool after,
                                             size_t *n)
{
    const struct applied *applied = &r->s->applied;
    const struct applied_row **rows = arena_array(
        r->s->arena, applied->n + applied->backfills_n, sizeof *rows);

    *n = 0;
    /* one that is not finished is newer than all that are */
    for (size_t i = applied->backfills_n; undoes(r) && i-- > 0;) {
        const struct applied_row *row = &applied->backfills[i].row;

        if (row->after == after && is_undone(r, row))
            rows[(*n)++] = row;
    }
    for (size_t i = applied->n; undoes(r) && i-- > 0;)
        if (applied->rows[i].after == after && is_undone(r, &applied->rows[i]))
            rows[(*n)++] = &applied->rows[i];
    return rows;
}

static bool release_later(const struct run *r, const char *release)
{
    const struct environment_state *s = &r->s->state;

    if (r->undone_finish || strcmp(release, r->undone) == 0)
        return true;
    if (strcmp(release, r->to) == 0)
        return false;
    for (size_t i = brought(r, r->to) + 1; i < s->n_runs; i++)
        if (s->runs[i].release && strcmp(s->runs[i].release, release) == 0)
            return true;
    return false;
}

/* Does any host say that an "after" migration of a release that is undone
 * began? */
static bool after_begun(const struct run *r)
{
    for (size_t i = 0; undoes(r) && i < r->s->n_hosts; i++)
        if (r->s->observed[i].outcome == OUTCOME_DONE &&
            *r->s->observed[i].after_begun &&
            release_later(r, r->s->observed[i].after_begun))
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

/* A backfill goes back from its checkpoint, where its down is in batches. */
static bool backfills_go_back(const struct run *r, bool after, struct err *e)
{
    for (size_t i = 0; i < r->s->applied.backfills_n; i++) {
        const struct backfill_row *half = &r->s->applied.backfills[i];

        if (half->row.after != after || !undoes(r) ||
            !is_undone(r, &half->row) || backfill_goes_back(half))
            continue;
        err_what(e, ERR_PARTWAY, "%s is half done", half->row.name);
        err_why(e,
                "%s, and its down is not in batches: it would also touch "
                "what the up has not come to",
                backfill_far(r->s->arena, half));
        return err_fix(e, "finish it: tidegate resume; then go back");
    }
    return true;
}

/* A migration that runs statement by statement has no down before its end. */
static bool none_half(const struct run *r, struct err *e)
{
    for (size_t i = 0; i < r->s->applied.open_n; i++) {
        const struct journal_row *half = &r->s->applied.open[i];

        if (half->down || !later(r, half->run, ""))
            continue;
        err_what(e, ERR_PARTWAY, "%s is half applied", half->name);
        err_why(e,
                "%d of its %d statements are done, and the old code may not "
                "run with them",
                half->statements_done, half->statements);
        return err_fix(e, "finish it: tidegate resume; then tidegate rollback "
                          "undoes it whole");
    }
    return true;
}

bool back_possible(struct run *r, struct err *e)
{
    size_t n;

    if (!r->s->env->database || !undoes(r))
        return true;
    if (!r->s->pg) {
        if (!after_begun(r))
            return true;
        err_what(e, ERR_PARTWAY, "cannot go back while the database is down");
        err_why(e,
                "an \"after\" migration of %s has begun; its down must run "
                "before the old code does (%s)",
                r->undone ? r->undone : r->to,
                r->s->pg_why ? r->s->pg_why : "not reached");
        return err_fix(e, "bring the database back, then: tidegate rollback");
    }
    const struct applied_row **after = later_rows(r, true, &n);

    for (size_t i = 0; i < n; i++)
        if (after[i]->forward_only || !after[i]->down)
            return no_way_past(after[i], e);
    return backfills_go_back(r, true, e) &&
           (!r->schema || backfills_go_back(r, false, e)) &&
           (!after_begun(r) || none_half(r, e));
}

/* What the ledger says of a migration: up adds its name, down takes it out. */
static size_t replay_step(const struct step_state *step, const char **names,
                          size_t n)
{
    if (step->is != STEP_DONE)
        return n;
    if (strcmp(step->step, "migrate") == 0)
        names[n++] = step->target;
    for (size_t i = n; strcmp(step->step, "migrate-down") == 0 && i-- > 0;)
        if (strcmp(names[i], step->target) == 0) {
            memmove(&names[i], &names[i + 1], (n - i - 1) * sizeof *names);
            return n - 1;
        }
    return n;
}

/* With the database down: what the runs that came after r->to recorded. */
static const char *const *kept_by_ledger(struct run *r)
{
    const struct environment_state *s = &r->s->state;
    const char **names = NULL;
    size_t n = 0;

    for (size_t i = 0; i < s->n_runs; i++) {
        const struct run_state *run = &s->runs[i];

        if (!run->release || !later(r, run->id, run->release))
            continue;
        names =
            arena_grow(r->s->arena, names, n, n + run->n + 1, sizeof *names);
        for (size_t k = 0; k < run->n; k++)
            n = replay_step(&run->steps[k], names, n);
        names[n] = NULL;
    }
    return names;
}

const char *const *back_kept(struct run *r, bool schema)
{
    size_t n;

    if (schema || !r->undone)
        return NULL;
    if (!r->s->pg)
        return kept_by_ledger(r);
    const struct applied_row **rows = later_rows(r, false, &n);
    const struct applied *applied = &r->s->applied;
    const char **names =
        arena_array(r->s->arena, applied->n + 1, sizeof *names);

    for (size_t i = 0; i < n; i++)
        names[i] = rows[n - 1 - i]->name;
    for (size_t i = 0; i < applied->n; i++)
        if (later(r, applied->rows[i].run, applied->rows[i].release) &&
            not_missed(r, &applied->rows[i]))
            names[n++] = applied->rows[i].name;
    return names;
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

/* The release whose "after" migrations are the newest that stay. */
static const char *after_kept(const struct run *r)
{
    for (size_t i = r->s->applied.n; i-- > 0;) {
        const struct applied_row *row = &r->s->applied.rows[i];
        const struct run_state *ran = state_run(&r->s->state, row->run);
        const char *waited = ran ? contract_waited(ran, row->name) : NULL;

        if (row->after)
            return waited ? waited : row->release;
    }
    return NULL;
}

static bool undo_after(struct run *r, struct err *e)
{
    size_t n;

    if (!r->s->pg || !undoes(r))
        return true;
    if (!subject_read_pending(r->s, e) || !database_settle(r, e))
        return false;
    const struct applied_row **rows = later_rows(r, true, &n);
    bool begun = after_begun(r);

    return database_down_rows(r, rows, n, r->undone ? r->undone : r->to, e) &&
           subject_read_pending(r->s, e) &&
           (!begun || hosts_after_begun(r, after_kept(r), e));
}

static bool undo_before(struct run *r, struct err *e)
{
    size_t n;

    if (!r->undone)
        return true;
    if (!r->s->pg) {
        err_what(e, ERR_PARTWAY, "code is back; the schema is not");
        err_why(e, "%s", r->s->pg_why ? r->s->pg_why : "no database");
        return err_fix(e, "bring the database back, then: tidegate rollback "
                          "--schema");
    }
    if (!subject_read_pending(r->s, e))
        return false;
    const struct applied_row **rows = later_rows(r, false, &n);

    return database_down_rows(r, rows, n, r->undone, e);
}

/* The old code runs with each statement of a "before" migration, so those that
 * are done stay, and the release that has it goes on where it stopped. */
static void tell_half(const struct run *r)
{
    for (size_t i = 0; r->s->pg && i < r->s->applied.open_n; i++) {
        const struct journal_row *half = &r->s->applied.open[i];

        if (!half->down)
            progress_warn(r->s->progress, half->name,
                          "half applied, and kept so: %d of its %d statements "
                          "are done",
                          half->statements_done, half->statements);
    }
    for (size_t i = 0; r->s->pg && i < r->s->applied.backfills_n; i++) {
        const struct backfill_row *half = &r->s->applied.backfills[i];

        if (!half->row.after && !r->schema)
            progress_warn(r->s->progress, half->row.name,
                          "half done, and kept so: %s",
                          backfill_far(r->s->arena, half));
    }
}

bool back_run(struct run *r, bool schema, const char *why, struct err *e)
{
    if (!back_possible(r, e) || !run_decide(r, "rollback", why, e))
        return false;
    r->going_back = true;
    r->last_flip = false;
    if (r->undone_finish)
        return undo_after(r, e);
    tell_half(r);
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
