#include "runner/flow/migrate.h"

#include <string.h>

#include "migrations/apply/backfill.h"
#include "migrations/apply/half.h"
#include "runner/flow/above.h"
#include "runner/flow/ask.h"
#include "runner/flow/database.h"
#include "runner/flow/hosts.h"

/* ---- down: may it ---- */

/* Where its down cannot undo just what is done: e says so. */
static bool half_applied(const struct run *r, const struct journal_row *half,
                         struct err *e)
{
    const char *why;

    if (half_goes_back(r->s->arena, half, &why))
        return true;
    err_what(e, ERR_REFUSED, "%s cannot be undone as it stands", half->name);
    err_why(e, "%s: %s", half_far(r->s->arena, half), why);
    return err_fix(e,
                   "nothing was changed; apply it whole first: tidegate "
                   "migrate up %s",
                   r->s->release);
}

static bool half_way(const struct run *r, const struct backfill_row *half,
                     struct err *e)
{
    err_what(e, ERR_REFUSED, "%s cannot be undone as it stands",
             half->row.name);
    err_why(e, "%s, and its down is not in batches",
            backfill_far(r->s->arena, half));
    return err_fix(e, "nothing was changed; finish it first");
}

const struct applied_row **migrate_down_rows(const struct run *r, size_t *n)
{
    const struct applied *applied = &r->s->applied;
    const struct applied_row **all = arena_array(
        r->s->arena, applied->n + applied->backfills_n + applied->open_n,
        sizeof *all);

    *n = 0;
    for (int after = 1; after >= 0; after--) {
        size_t count;
        const struct applied_row **rows =
            database_applied_by(r, r->s->release, after, &count);

        for (size_t i = 0; i < count; i++)
            all[(*n)++] = rows[i];
    }
    return all;
}

static bool has_down(const struct run *r, const struct applied_row *row,
                     struct err *e)
{
    const struct backfill_row *half =
        applied_backfill(&r->s->applied, row->name);
    const struct journal_row *begun =
        applied_half(&r->s->applied, row->name, false);

    if (half && row->down && !backfill_goes_back(half))
        return half_way(r, half, e);
    if (begun && !half_applied(r, begun, e))
        return false;
    if (row->down && !row->forward_only)
        return true;
    err_what(e, ERR_REFUSED, "%s cannot be undone", row->name);
    err_why(e, "%s",
            row->forward_only ? row->forward_only : "it has no down migration");
    return err_fix(e, "nothing was changed; write a migration that mends it, "
                      "and release that");
}

/* Each must have a way back, and nothing that stays may stand on it. */
static bool undoable(const struct run *r, size_t *n, struct err *e)
{
    const struct applied_row **rows = migrate_down_rows(r, n);

    for (size_t i = 0; i < *n; i++)
        if (!has_down(r, rows[i], e))
            return false;
    return above_none(r->s->arena, &r->s->state, &r->s->applied, rows, *n, e);
}

static bool in_use(const struct run *r, const char *by, struct err *e)
{
    err_what(e, ERR_REFUSED, "the migrations of %s are in use", r->s->release);
    err_why(e, "%s, and its code was released with them", by);
    return err_fix(e, "nothing was changed; go back first: tidegate rollback "
                      "--schema undoes both");
}

/* Live code whose commit has these migrations needs them. */
static bool not_needed(struct run *r, struct err *e)
{
    const struct live_facts *live = &r->facts.live;
    struct arena *a = r->s->arena;

    if (r->s->env->n_hosts == 0)
        return true;
    for (size_t i = 0; i < r->s->n_hosts; i++) {
        const char *current = r->s->observed[i].current;

        if (current && strcmp(current, r->s->release) == 0)
            return in_use(r,
                          arena_printf(a, "%s has %s",
                                       fleet_name(r->s->fleet, i), current),
                          e);
    }
    if (live->ancestry == ANCESTRY_SAME || live->ancestry == ANCESTRY_OLDER)
        return in_use(r, arena_printf(a, "live %s contains it", live->release),
                      e);
    return true;
}

/* What is asked of the ledger and the clock alone, then everything. No code
 * changes: what speaks of hosts is not asked. */
static const enum gate_id asked[] = {
    GATE_POLICY, GATE_EXPECTED, GATE_APPROVED, GATE_WINDOW,
    GATE_LINE,   GATE_USERS,    GATE_BACKUP,   GATE_REPLICAS,
};

static void gather(struct run *r, bool contacted)
{
    struct subject *s = r->s;

    gather_local(s, &r->facts);
    /* the question is not whether something is left to apply */
    r->facts.release.pending = 1;
    if (s->env->n_hosts == 0)
        r->facts.live = (struct live_facts){.ancestry = ANCESTRY_NOTHING_LIVE};
    if (!contacted)
        return;
    gather_users(s, &r->facts);
    gather_backup(s, &r->facts);
    gather_replicas(s, &r->facts);
    gather_clock(s, &r->facts);
}

static bool reach(struct run *r, struct err *e)
{
    struct subject *s = r->s;

    if (!subject_contact(s, e))
        return false;
    if (s->pg_why) {
        err_what(e, ERR_UNREACHABLE, "cannot reach the database of %s",
                 s->env->name);
        err_why(e, "%s", s->pg_why);
        return err_fix(e, "correct `database`, then run: tidegate doctor");
    }
    return s->n_hosts == 0 || hosts_look(r, e);
}

/* What stands against it whatever the gates say. */
static bool foresee(struct run *r, size_t *n, struct err *e)
{
    gather(r, false);
    r->facts.now = 0; /* no gate was asked */
    return reach(r, e) && not_needed(r, e) && undoable(r, n, e);
}

static bool ask(struct run *r, struct err *e)
{
    gather(r, false);
    if (!ask_only(r, asked, sizeof asked / sizeof *asked, true, e) ||
        !reach(r, e))
        return false;
    gather(r, true);
    return not_needed(r, e) &&
           ask_only(r, asked, sizeof asked / sizeof *asked, false, e);
}

/* ---- down: the work ---- */

static bool begun_after(const struct run *r)
{
    for (size_t i = 0; i < r->s->n_hosts; i++)
        if (r->s->observed[i].outcome == OUTCOME_DONE &&
            strcmp(r->s->observed[i].after_begun, r->s->release) == 0)
            return true;
    return false;
}

static bool undo(struct run *r, struct err *e)
{
    const char *release = r->s->release;

    return hosts_fence(r, e) && database_settle(r, e) &&
           database_down(r, release, true, e) &&
           (!begun_after(r) || hosts_after_begun(r, NULL, e)) &&
           database_down(r, release, false, e);
}

static bool ended(struct run *r, struct run_ending *x, struct err *e)
{
    struct err trouble = {0};

    x->why =
        *e->what ? arena_printf(r->s->arena, "%s: %s", e->what, e->why) : NULL;
    if (run_end(r, x, &trouble))
        return x->ended == RUN_GOOD;
    *e = trouble;
    if (r->changed)
        e->code = ERR_PARTWAY;
    return false;
}

static bool end_badly(struct run *r, struct err *e)
{
    struct run_ending x = {.ended = RUN_NOTHING};

    if (e->code == ERR_LEDGER) {
        e->code = r->changed ? ERR_PARTWAY : ERR_LEDGER;
        return false;
    }
    if (!r->changed) {
        if (e->code == ERR_FAILED)
            e->code = ERR_REFUSED;
        x.exit_code = e->code == ERR_REFUSED ? 10
                      : e->code == ERR_HELD  ? 75
                                             : 69;
    } else if (r->unknown || e->code == ERR_UNKNOWN) {
        x = (struct run_ending){.ended = RUN_BROKEN, .exit_code = 13};
        e->code = ERR_UNKNOWN;
    } else if (e->code == ERR_FAILED && !r->applied && !r->partial) {
        x = (struct run_ending){.ended = RUN_BACK, .exit_code = 11};
        e->code = ERR_BACK;
        err_fix(e, "it left nothing, and no other was undone: all is as "
                   "before");
    } else {
        x = (struct run_ending){.ended = RUN_STOPPED, .exit_code = 12};
        e->code = ERR_PARTWAY;
        err_fix(e,
                "see what is left: tidegate migrate status %s; then "
                "tidegate resume",
                r->s->release);
    }
    return ended(r, &x, e);
}

static bool finish(struct run *r, struct err *e)
{
    struct run_ending good = {.ended = RUN_GOOD};
    bool ok = undo(r, e) ? ended(r, &good, e) : end_badly(r, e);

    database_close(r);
    return ok;
}

static bool begin(struct run *r, struct err *e)
{
    const struct manifest_facts *manifest;
    size_t n;

    if (!run_open(r, r->s, RUN_MIGRATE, NULL, e) || !ask(r, e) ||
        !undoable(r, &n, e))
        return false;
    r->to = r->s->state.live;
    manifest = manifest_pick(&r->facts);
    r->facts.consumed = manifest->digest;
    return run_begin(r, manifest->digest, NULL, e);
}

bool migrate_down(struct run *r, struct subject *s,
                  const struct migrate_wish *wish, struct err *e)
{
    size_t n;

    r->s = s;
    r->kind = RUN_MIGRATE;
    r->down = true;
    s->phases = PHASES_MIGRATIONS;
    if (!migrate_possible(s, e) || !subject_resolve(s, wish->release, e) ||
        !(wish->dry_run ? foresee(r, &n, e) : ask(r, e) && undoable(r, &n, e)))
        return false;
    r->already = n == 0;
    if (r->already || wish->dry_run)
        return true;
    if (wish->confirm && !wish->confirm(wish->ctx, r, e))
        return false;
    bool ok = begin(r, e) && finish(r, e);

    run_close(r);
    return ok;
}

bool migrate_was_down(const struct run_state *was)
{
    return was->kind == RUN_MIGRATE && json_bool(was->begun, "down", false);
}

/* The texts of the downs are in the database: neither git nor a gate is
 * asked, as with every way back. */
bool migrate_down_resume(struct run *r, struct subject *s, run_confirm *confirm,
                         void *ctx, struct err *e)
{
    const struct run_state *was = s->state.unfinished;

    r->s = s;
    r->kind = RUN_MIGRATE;
    r->down = true;
    s->phases = PHASES_MIGRATIONS;
    s->release = was->release;
    r->to = was->from;
    if (!reach(r, e) || (confirm && !confirm(ctx, r, e)) ||
        !run_open(r, s, RUN_MIGRATE, was, e))
        return false;
    bool ok = finish(r, e);

    run_close(r);
    return ok;
}
