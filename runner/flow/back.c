#include "runner/flow/back.h"

#include <string.h>

#include "migrations/apply/backfill.h"
#include "migrations/apply/half.h"
#include "runner/facts/contract.h"
#include "runner/flow/above.h"
#include "runner/flow/database.h"
#include "runner/flow/hosts.h"
#include "runner/flow/rollout.h"
#include "runner/flow/serve.h"
#include "runner/flow/takeover.h"

/* Whether anything is undone but hosts that are half way. */
static bool undoes(const struct run *r)
{
    return r->undone || r->undone_run;
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

    if (r->undone_run)
        return strcmp(id, r->undone_run) == 0;
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

    if (!waited || r->undone_run)
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

/* Whose migrations are undone, for people. */
static const char *whose(const struct run *r)
{
    return r->undone ? r->undone : r->undone_of ? r->undone_of : r->to;
}

/* Rows of one phase that came after r->to, newest first. */
static const struct applied_row **later_rows(const struct run *r, bool after,
                                             size_t *n)
{
    const struct applied *applied = &r->s->applied;
    const struct applied_row **rows = arena_array(
        r->s->arena, applied->n + applied->backfills_n + applied->open_n,
        sizeof *rows);
    size_t half;

    *n = 0;
    /* one that is not finished is newer than all that are */
    for (size_t i = applied->open_n; undoes(r) && i-- > 0;) {
        const struct applied_row *row = applied->open[i].row;

        if (row && row->after == after && is_undone(r, row))
            rows[(*n)++] = row;
    }
    for (size_t i = applied->backfills_n; undoes(r) && i-- > 0;) {
        const struct applied_row *row = &applied->backfills[i].row;

        if (row->after == after && is_undone(r, row))
            rows[(*n)++] = row;
    }
    half = *n;
    for (size_t i = 0; undoes(r) && i < applied->n; i++)
        if (applied->rows[i].after == after && is_undone(r, &applied->rows[i]))
            rows[(*n)++] = &applied->rows[i];
    above_sort(r->s->arena, &r->s->state, rows + half, *n - half);
    return rows;
}

static bool release_later(const struct run *r, const char *release)
{
    const struct environment_state *s = &r->s->state;

    if (r->undone_run || strcmp(release, r->undone) == 0)
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

static bool no_way_past(const struct run *r, const struct applied_row *row,
                        struct err *e)
{
    err_what(e, ERR_REFUSED, "no way back past %s: roll forward", row->name);
    err_why(e, "%s",
            row->forward_only ? row->forward_only : "it has no down migration");
    if (r->undone_run)
        return err_fix(e, "nothing was changed; finish it: tidegate resume; "
                          "then mend it by a migration of a new release");
    if (!row->after)
        return err_fix(e, "the code alone can go back: tidegate rollback, "
                          "without --schema");
    return err_fix(e, "announce and deploy a release that mends it");
}

/* Of one phase, those that are whole have a down. */
static bool each_has_down(const struct run *r, bool after, struct err *e)
{
    size_t n;
    const struct applied_row **rows = later_rows(r, after, &n);

    for (size_t i = 0; i < n; i++)
        if (!applied_half(&r->s->applied, rows[i]->name, false) &&
            (rows[i]->forward_only || !rows[i]->down))
            return no_way_past(r, rows[i], e);
    return true;
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

/* What ran some of its statements goes back where its down can undo just
 * those. Nobody knows the phase of one that an older tidegate began. */
static bool halves_go_back(const struct run *r, bool after, struct err *e)
{
    for (size_t i = 0; i < r->s->applied.open_n; i++) {
        const struct journal_row *half = &r->s->applied.open[i];
        const char *why;

        if (half->down || !undoes(r) ||
            (half->row && half->row->after != after) ||
            (half->row ? !is_undone(r, half->row) : !later(r, half->run, "")) ||
            half_goes_back(r->s->arena, half, &why))
            continue;
        err_what(e, ERR_PARTWAY, "%s is half applied", half->name);
        err_why(e, "%s%s: %s", half_far(r->s->arena, half),
                after ? ", and the old code may not run with that" : "", why);
        return err_fix(e, "%s", half_by_hand(r->s->arena, half->name));
    }
    return true;
}

/* A run that changed the database alone is undone there, or not at all. */
static bool database_answers(const struct run *r, struct err *e)
{
    if (r->s->pg || !r->undone_run)
        return true;
    err_what(e, ERR_UNREACHABLE, "cannot undo run %s", r->undone_run);
    err_why(e, "it changed the database, which does not answer: %s",
            r->s->pg_why ? r->s->pg_why : "not reached");
    return err_fix(e, "bring the database back, then run this again");
}

bool back_possible(struct run *r, struct err *e)
{
    if (!r->s->env->database || !undoes(r))
        return true;
    if (!database_answers(r, e))
        return false;
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
    for (int after = 1; after >= !r->schema; after--)
        if (!each_has_down(r, after, e) || !backfills_go_back(r, after, e) ||
            !halves_go_back(r, after, e))
            return false;
    return true;
}

const struct applied_row **back_rows(const struct run *r, size_t *n)
{
    const struct applied_row **after, **before, **all;
    size_t after_n, before_n = 0;

    *n = 0;
    if (!r->s->pg)
        return NULL;
    after = later_rows(r, true, &after_n);
    before = r->schema ? later_rows(r, false, &before_n) : NULL;
    all = arena_array(r->s->arena, after_n + before_n, sizeof *all);
    for (size_t i = 0; i < after_n; i++)
        all[(*n)++] = after[i];
    for (size_t i = 0; i < before_n; i++)
        all[(*n)++] = before[i];
    return all;
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
    const char **names = arena_array(
        r->s->arena, applied->n + applied->backfills_n + applied->open_n + 1,
        sizeof *names);

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

    return database_down_rows(r, rows, n, whose(r), e) &&
           subject_read_pending(r->s, e) &&
           (!begun || hosts_after_begun(r, after_kept(r), e));
}

static bool undo_before(struct run *r, struct err *e)
{
    size_t n;

    if (!undoes(r))
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

    return database_down_rows(r, rows, n, whose(r), e);
}

/* The old code runs with each statement of a "before" migration, so those that
 * are done stay, and the release that has it goes on where it stopped. */
static void tell_half(const struct run *r)
{
    for (size_t i = 0; r->s->pg && i < r->s->applied.open_n; i++) {
        const struct journal_row *half = &r->s->applied.open[i];

        if (!half->down && !r->schema && !(half->row && half->row->after))
            progress_warn(r->s->progress, half->name,
                          "half applied, and kept so: %s",
                          half_far(r->s->arena, half));
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
    if (r->undone_run)
        return undo_after(r, e) && (!schema || undo_before(r, e));
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
