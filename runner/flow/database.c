#include "runner/flow/database.h"

#include <string.h>

#include "runner/base/duration.h"
#include "runner/base/failpoint.h"
#include "runner/facts/contract.h"
#include "runner/flow/above.h"
#include "runner/flow/ask.h"
#include "runner/flow/expected.h"
#include "runner/flow/hosts.h"
#include "runner/flow/measured.h"
#include "runner/flow/takeover.h"
#include "runner/flow/world.h"

bool database_open(struct run *r, struct err *e)
{
    struct apply_settings settings = {
        .conninfo = r->s->env->database,
        .run = r->id,
        .release = r->s->release  ? r->s->release
                   : r->undone_of ? r->undone_of
                                  : r->to,
        .ledger = ledger_id(r->s->ledger),
        .epoch = ledger_epoch(r->s->ledger),
        .blocked_ms = r->s->env->policy.budget.on
                          ? r->s->env->policy.budget.blocked_ms
                          : 0,
        .overrun =
            r->s->env->policy.budget.on ? r->s->env->policy.budget.overrun : 0,
        .max_lag_ms = r->s->env->policy.replicas.on
                          ? r->s->env->policy.replicas.max_lag_ms
                          : 0,
        .terminate_orphan = r->s->terminate_orphan,
    };

    if (r->apply)
        return true;
    if (!r->world)
        r->world = world_open(r);
    settings.outside = world_outside(r->world);
    r->apply =
        apply_open(r->s->loop, r->s->arena, &settings, r->s->progress, e);
    return r->apply != NULL;
}

void database_close(struct run *r)
{
    if (r->apply)
        apply_close(r->apply);
    r->apply = NULL;
    world_close(r->world);
    r->world = NULL;
}

/* What came of a migration, into the ledger; true only when it is done. */
static bool record(struct run *r, const char *step, const char *name,
                   const struct apply_result *got, struct err *e)
{
    struct err failed = *e;
    const char *why;

    switch (got->outcome) {
    case APPLY_DONE:
        err_clear(e);
        return run_done(r, step, name,
                        got->already ? "it was there already" : "committed",
                        got->ms, got->already, e);
    case APPLY_UNKNOWN:
        failed.code = ERR_UNKNOWN;
        if (!run_unknown(r, step, name, failed.why, e))
            return false;
        break;
    case APPLY_PARTIAL:
        r->partial = true; /* fall through */
    case APPLY_ROLLED_BACK:
        /* of a part, the first line says which */
        why = got->outcome == APPLY_PARTIAL
                  ? arena_printf(r->s->arena, "%s: %s", failed.what, failed.why)
                  : failed.why;
        if (!run_failed(r, step, name, why, e))
            return false;
        break;
    }
    if (loop_stops(r->s->loop) > 0)
        failed.code = ERR_INTERRUPTED;
    *e = failed;
    return false;
}

static void tell(struct run *r, const char *name, const char *did,
                 const struct apply_result *got)
{
    char took[32];

    duration_text(got->ms, took, sizeof took);
    if (got->already)
        progress_step(r->s->progress, name, "%s already", did);
    else if (got->retries > 0)
        progress_step(r->s->progress, name, "%s in %s, after %d retries", did,
                      took, got->retries);
    else
        progress_step(r->s->progress, name, "%s in %s", did, took);
}

/* Whoever is in the way is waited for before an intent says that it begins. A
 * HOLD after the first change: what is left of "after" waits for a resume;
 * what the code needs before has failed. */
static bool clear(struct run *r, const struct migration *m, struct err *e)
{
    struct apply_expected expected = expected_up(r, m);

    expected_read(r, &m->up, &expected);
    if (apply_clear(r->apply, m->name, &m->up, &expected, e))
        return true;
    if (e->code != ERR_HELD || !r->changed)
        return false;
    if (m->after)
        r->pending_after = true;
    else
        e->code = ERR_FAILED;
    return false;
}

/* The same on the way back: a HOLD before anything was changed leaves all as
 * it was, a later one what is undone so far. */
static bool clear_down(struct run *r, const struct applied_row *row,
                       struct err *e)
{
    struct apply_expected expected = expected_down(r, row);
    struct script script;

    if (!row->down)
        return true; /* which apply_down says */
    if (!apply_down_script(row, r->s->arena, &script, e))
        return false;
    expected_read(r, &script, &expected);
    return apply_clear(r->apply, row->name, &script, &expected, e);
}

static bool up_one(struct run *r, const struct migration *m, struct err *e)
{
    struct apply_expected expected = expected_up(r, m);
    struct apply_result got = {0};
    const char *undo = m->after ? "its down, before the code goes back"
                                : "none needed: the old code runs with it";

    if (run_stopped(r, e) || !run_intent(r, "migrate", m->name, true, undo, e))
        return false;
    failpoint("migrate.before");
    bool ok = apply_up(r->apply, m, &expected, &got, e);

    failpoint("migrate.after");
    bool recorded = record(r, "migrate", m->name, &got, e);

    if (recorded && ok) {
        r->applied = true;
        tell(r, m->name, "applied", &got);
    }
    measured_keep(r, m->name, false, expected_of(r, m->name), &got);
    return recorded && ok;
}

static const struct migration *next_pending(const struct run *r, bool after)
{
    for (size_t i = 0; i < r->s->pending.n; i++)
        if (r->s->pending.list[i]->after == after)
            return r->s->pending.list[i];
    return NULL;
}

static enum hold_before hold_before(const struct migration *m)
{
    if (m->up.batch)
        return m->after ? HOLD_BEFORE_AFTER_BATCH : HOLD_BEFORE_BATCH;
    return m->after ? HOLD_BEFORE_AFTER : HOLD_BEFORE_MIGRATION;
}

/* What the hosts remember, so that a way back with the database down knows
 * what it must not pass: the newest release that the old code was good
 * before. Contracting ones take away what only older code than the release
 * that they waited for needs. */
static const char *after_mark(const struct run *r)
{
    const struct environment_state *state = &r->s->state;
    struct contracts_facts all = contract_facts(r->s);
    const char *mark = NULL;

    if (r->s->phases != PHASES_CONTRACT)
        return r->s->release;
    for (size_t i = 0; i < all.n; i++)
        if (all.list[i].runs && contract_standing(state, all.list[i].release) >
                                    contract_standing(state, mark))
            mark = all.list[i].release;
    for (size_t i = 0; mark && i < r->s->n_hosts; i++) {
        const char *has = r->s->observed[i].after_begun;

        if (r->s->observed[i].outcome == OUTCOME_DONE &&
            contract_standing(state, has) > contract_standing(state, mark))
            mark = has;
    }
    return mark ? mark : r->s->release;
}

bool database_up(struct run *r, bool after, struct err *e)
{
    size_t n = subject_count(r->s, after);
    const struct migration *m;

    if (n == 0)
        return true;
    if (r->s->env->n_hosts == 0)
        progress_stage(r->s->progress, "%zu %smigration%s", n,
                       after ? "\"after\" " : "", n == 1 ? "" : "s");
    else
        progress_stage(r->s->progress, "%zu migration%s %s the code", n,
                       n == 1 ? "" : "s", after ? "after" : "before");
    if (!database_open(r, e))
        return false;
    while ((m = next_pending(r, after)) != NULL) {
        if (!ask_again(r, hold_before(m), e))
            return false;
        if (!clear(r, m, e))
            return false;
        if (after && !r->after_begun) {
            if (!hosts_after_begun(r, after_mark(r), e))
                return false;
            r->after_begun = true;
        }
        if (!up_one(r, m, e) || !subject_read_pending(r->s, e))
            return false;
        if (next_pending(r, after) == m) {
            err_what(e, ERR_UNKNOWN, "%s is still pending", m->name);
            err_why(e, "it ran, and its row is not in schema tidegate");
            return err_fix(e, "look at tidegate.migration in the database");
        }
    }
    return true;
}

/* What this run did before it was taken up again: no end may say that it left
 * nothing. */
static void remember(struct run *r, const struct step_state *step, bool there)
{
    const struct applied *applied = &r->s->applied;
    bool up = strcmp(step->step, "migrate") == 0;

    if (!up && strcmp(step->step, "migrate-down") != 0)
        return;
    r->applied |= there == up;
    r->partial |= applied_backfill(applied, step->target) ||
                  applied_half(applied, step->target, !up);
}

bool database_settle(struct run *r, struct err *e)
{
    const struct run_state *was = r->before;

    for (size_t i = 0; r->s->pg && was && i < was->n; i++) {
        const struct step_state *step = &was->steps[i];
        bool up = strcmp(step->step, "migrate") == 0;
        bool there = applied_find(&r->s->applied, step->target) != NULL;

        remember(r, step, there);
        if ((!up && strcmp(step->step, "migrate-down") != 0) || there != up ||
            applied_backfill(&r->s->applied, step->target) ||
            (step->is != STEP_INTENT && step->is != STEP_UNKNOWN))
            continue;
        if (!run_done(r, step->step, step->target,
                      up ? "it is there" : "it is not there", 0, true, e))
            return false;
    }
    return true;
}

/* What was taken over is no release's, whatever a tag is called. */
static bool is_by(const struct run *r, const struct applied_row *row,
                  const char *release, bool after)
{
    const struct run_state *ran;

    if (row->after != after || strcmp(row->release, release) != 0)
        return false;
    ran = state_run(&r->s->state, row->run);
    return !ran || !takeover_was(ran);
}

const struct applied_row **database_applied_by(const struct run *r,
                                               const char *release, bool after,
                                               size_t *n)
{
    const struct applied *applied = &r->s->applied;
    const struct applied_row **list = arena_array(
        r->s->arena, applied->n + applied->backfills_n + applied->open_n,
        sizeof *list);
    size_t half = 0;

    for (size_t i = applied->open_n; i-- > 0;)
        if (applied->open[i].row &&
            is_by(r, applied->open[i].row, release, after))
            list[half++] = applied->open[i].row;
    for (size_t i = applied->backfills_n; i-- > 0;)
        if (is_by(r, &applied->backfills[i].row, release, after))
            list[half++] = &applied->backfills[i].row;
    *n = half;
    for (size_t i = 0; i < applied->n; i++)
        if (is_by(r, &applied->rows[i], release, after))
            list[(*n)++] = &applied->rows[i];
    above_sort(r->s->arena, &r->s->state, list + half, *n - half);
    return list;
}

static bool down_one(struct run *r, const struct applied_row *row,
                     struct err *e)
{
    struct apply_expected expected = expected_down(r, row);
    struct apply_result got = {0};

    if (!run_intent(r, "migrate-down", row->name, true, "apply it again", e))
        return false;
    failpoint("down.before");
    bool ok = apply_down(r->apply, row, &expected, &got, e);

    failpoint("down.after");
    bool recorded = record(r, "migrate-down", row->name, &got, e);

    if (recorded && ok) {
        r->applied = true;
        tell(r, row->name, "undone", &got);
    }
    measured_keep(r, row->name, true, expected_of(r, row->name), &got);
    return recorded && ok;
}

bool database_down_rows(struct run *r, const struct applied_row **rows,
                        size_t n, const char *of, struct err *e)
{
    if (n == 0)
        return true;
    progress_stage(r->s->progress, "undoing %zu migration%s of %s", n,
                   n == 1 ? "" : "s", of);
    if (!database_open(r, e))
        return false;
    for (size_t i = 0; i < n; i++)
        if ((r->down && run_stopped(r, e)) || !clear_down(r, rows[i], e) ||
            !down_one(r, rows[i], e))
            return false;
    return true;
}

bool database_down(struct run *r, const char *release, bool after,
                   struct err *e)
{
    size_t n;
    const struct applied_row **rows =
        database_applied_by(r, release, after, &n);

    return database_down_rows(r, rows, n, release, e);
}
