#include "runner/flow/deploy.h"

#include <string.h>

#include "runner/base/failpoint.h"
#include "runner/flow/ask.h"
#include "runner/flow/back.h"
#include "runner/flow/database.h"
#include "runner/flow/deploy_parts.h"
#include "runner/flow/hosts.h"
#include "runner/flow/rollout.h"
#include "runner/flow/serve.h"
#include "runner/release/statement.h"

/* The parts of a deploy, in order. Each looks first at what is there, so that
 * a resumed run may begin at the top. */
struct part {
    const char *name;
    bool (*run)(struct run *r, struct err *e);
    unsigned phases; /* bit set of 1 << enum phases */
};

#define ALL        (1u << PHASES_ALL)
#define MIGRATIONS (1u << PHASES_MIGRATIONS)
#define RESTART    (1u << PHASES_RESTART)
#define CONTRACT   (1u << PHASES_CONTRACT)

static bool before(struct run *r, struct err *e)
{
    return database_up(r, false, e);
}

/* By themselves, they wait for the code that they are for. */
static bool after(struct run *r, struct err *e)
{
    const char *live = r->s->state.live;

    if (r->s->phases != PHASES_MIGRATIONS || r->s->n_hosts == 0 ||
        (live && strcmp(live, r->s->release) == 0))
        return database_up(r, true, e);
    if (subject_count(r->s, true) > 0)
        progress_step(r->s->progress, r->s->release,
                      "its \"after\" migrations wait until it is live");
    return true;
}

static bool mark_good(struct run *r, struct err *e)
{
    return hosts_mark(r, r->to, "good", e) && hosts_prune(r, e);
}

static const struct part parts[] = {
    {"fence", hosts_fence, ALL | MIGRATIONS | RESTART | CONTRACT},
    {"stage", hosts_stage, ALL},
    {"before", before, ALL | MIGRATIONS},
    {"waves", rollout_run, ALL | RESTART},
    {"soak", rollout_soak, ALL | RESTART},
    {"after", after, ALL | MIGRATIONS | CONTRACT},
    {"good", mark_good, ALL},
};

static bool pipeline(struct run *r, struct err *e)
{
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!(parts[i].phases & (1u << r->s->phases)))
            continue;
        failpoint("part.begin");
        if (!r->changed && run_stopped(r, e))
            return false;
        if (!parts[i].run(r, e))
            return false;
    }
    return true;
}

static bool ended(struct run *r, const struct run_ending *x, struct err *e)
{
    struct err trouble = {0};

    if (run_end(r, x, &trouble))
        return x->ended == RUN_GOOD;
    *e = trouble;
    if (r->changed)
        e->code = run_without_ledger(r);
    return false;
}

static bool end_good(struct run *r, struct err *e)
{
    struct run_ending x = {.ended = RUN_GOOD,
                           .exit_code = 0,
                           .left = true,
                           .live = r->s->phases == PHASES_ALL ? r->to : NULL};

    if (x.live && !hosts_owe(r, "not reached by the deploy", e)) {
        e->code = run_without_ledger(r);
        return false;
    }
    return ended(r, &x, e);
}

/* Nothing was changed: the manifest is open again, the line is free. */
static bool end_nothing(struct run *r, struct err *e)
{
    static const int codes[] = {
        [ERR_INPUT] = 65,        [ERR_CONFIG] = 78,  [ERR_UNREACHABLE] = 69,
        [ERR_LEDGER] = 74,       [ERR_REFUSED] = 10, [ERR_HELD] = 75,
        [ERR_INTERRUPTED] = 128, [ERR_BUG] = 70,
    };
    struct run_ending x = {.ended = RUN_NOTHING, .why = e->what};

    if (e->code == ERR_FAILED)
        e->code = ERR_REFUSED;
    if (e->code == ERR_UNKNOWN)
        e->code = ERR_UNREACHABLE;
    err_fix(e, "nothing was changed. %s",
            *e->fix ? arena_strdup(r->s->arena, e->fix) : "");
    x.exit_code = codes[e->code];
    if (e->code == ERR_INTERRUPTED)
        x.exit_code += loop_stop_signal(r->s->loop);
    ended(r, &x, e);
    return false;
}

/* "after" migrations that a HOLD kept back. */
static const char *const *left_after(struct run *r)
{
    size_t n = 0;
    const char **names =
        arena_array(r->s->arena, r->s->pending.n + 1, sizeof *names);

    for (size_t i = 0; i < r->s->pending.n; i++)
        if (r->s->pending.list[i]->after)
            names[n++] = r->s->pending.list[i]->name;
    return names;
}

static const char *join(struct arena *a, const char *const *names)
{
    const char *all = *names ? *names : "none";

    while (*names && *++names)
        all = arena_printf(a, "%s, %s", all, *names);
    return all;
}

/* `resume` keeps the announcement that its run consumed: once that is over,
 * only the way back is left. */
static void fix_pending(struct run *r, const char *const *left, struct err *e)
{
    const struct verdict *expected = &r->verdicts[GATE_EXPECTED];
    bool over = expected->state == VERDICT_ASKED && expected->is == STOP;

    err_fix(e, "all hosts have %s; still to run: %s; then: %s", r->to,
            join(r->s->arena, left),
            over ? "tidegate rollback, for what is announced anew (expect "
                   "--again) is another run"
                 : "tidegate resume");
}

static bool end_stopped(struct run *r, struct err *e)
{
    struct run_ending x = {.ended = RUN_STOPPED, .exit_code = 12};
    bool unknown = r->unknown || e->code == ERR_UNKNOWN;

    x.why = arena_printf(r->s->arena, "%s: %s", e->what, e->why);
    if (unknown) {
        x.ended = RUN_BROKEN;
        x.exit_code = 13;
    }
    if (r->pending_after) {
        x.ended = RUN_PENDING;
        x.live = r->s->phases == PHASES_CONTRACT ? NULL : r->to;
        x.pending = left_after(r);
    }
    e->code = unknown ? ERR_UNKNOWN : ERR_PARTWAY;
    if (r->pending_after)
        fix_pending(r, x.pending, e);
    else if (r->s->phases == PHASES_MIGRATIONS ||
             (r->s->n_hosts == 0 && !r->from))
        err_fix(e,
                "see what stands: tidegate migrate status %s; then tidegate "
                "resume%s",
                r->s->release ? r->s->release : "",
                rollback_undoes(r->s)
                    ? ", or undo what it did: tidegate rollback --schema"
                    : "; it cannot be undone as it stands: tidegate status "
                      "says why");
    else
        err_fix(e, "%s",
                r->from ? "see what stands where: tidegate status; then "
                          "tidegate resume, or tidegate rollback"
                        : "mend the cause, then: tidegate resume (it is the "
                          "first release: there is no way back)");
    ended(r, &x, e);
    return false;
}

/* Rolled back: say what failed, and that the old release serves again. */
static bool end_back(struct run *r, struct err *failed, struct err *e)
{
    struct run_ending x = {.ended = RUN_BACK,
                           .exit_code = 11,
                           .live = r->to,
                           .bad = r->undone,
                           .why = failed->what};
    bool as_before;

    r->kept = x.kept = back_kept(r, false);
    if (!r->unknown && !back_complete(r, e)) {
        x.ended = RUN_STOPPED;
        x.exit_code = 12;
        x.unverified = true;
        ended(r, &x, e);
        return false;
    }
    if (!serve_back(r, &as_before, e) && e->code == ERR_INTERRUPTED)
        return end_stopped(r, e);
    if (e->code != ERR_NONE || r->unknown) {
        x.ended = RUN_BROKEN;
        x.exit_code = 13;
        x.unverified = true;
        if (e->code == ERR_NONE) {
            *e = *failed;
            err_fix(e, "code is back where hosts answer; others are unknown: "
                       "tidegate status");
        }
        e->code = ERR_UNKNOWN;
        ended(r, &x, e);
        return false;
    }
    if (!hosts_owe(r, "not reached on the way back", e)) {
        e->code = run_without_ledger(r);
        return false;
    }
    *e = *failed;
    e->code = ERR_BACK;
    err_fix(e, "%s serves again on every host; %s is marked bad", r->to,
            r->undone);
    ended(r, &x, e);
    return false;
}

/* Going back starts afresh: hosts that failed on the way are tried too. */
static void take_along(struct run *r)
{
    r->unknown = false;
    r->failed_hosts = 0;
    for (size_t i = 0; i < r->s->n_hosts; i++)
        if (r->touched[i])
            r->s->left_out[i] = false;
    hosts_look_again(r);
}

/* Migrations alone: the one that failed has left nothing, and no other was
 * committed, so everything is as before. */
static bool end_undone(struct run *r, struct err *e)
{
    struct run_ending x = {.ended = RUN_BACK, .exit_code = 11, .why = e->what};

    e->code = ERR_BACK;
    ended(r, &x, e);
    return false;
}

static bool database_alone(const struct run *r)
{
    return r->s->phases == PHASES_MIGRATIONS || r->s->phases == PHASES_CONTRACT;
}

/* The database may have fallen and risen under our connection; where it has
 * not risen, code goes back without it. */
static bool look_again(struct run *r, struct err *e)
{
    pg_close(r->s->pg);
    r->s->pg = NULL;
    return subject_contact_database(r->s, e);
}

/* What the policy says after a failure past the first change. */
static bool failed(struct run *r, struct err *e)
{
    struct err why = *e;
    bool back =
        r->go_back || r->s->env->rollout.on_failure == ON_FAILURE_ROLLBACK;

    if (r->end_here && r->changed)
        return end_stopped(r, e);
    if (why.code == ERR_LEDGER && !r->end_here) {
        e->code = run_without_ledger(r);
        return false;
    }
    if (!r->changed)
        return end_nothing(r, e);
    if (run_stopped_at_once(r, e)) { /* resume finds out what was in flight */
        r->unknown = false;
        return end_stopped(r, e);
    }
    if (database_alone(r) && why.code == ERR_FAILED && !r->applied &&
        !r->partial && !r->unknown)
        return end_undone(r, e);
    if (r->s->phases != PHASES_ALL || why.code == ERR_INTERRUPTED ||
        r->pending_after || r->partial || !back || !r->from)
        return end_stopped(r, e);
    progress_warn(r->s->progress, NULL, "%s: %s", why.what, why.why);
    r->undone = r->to;
    r->to = r->from;
    take_along(r);
    err_clear(e);
    if (why.code == ERR_UNREACHABLE && !look_again(r, e))
        return end_stopped(r, e);
    if (back_run(r, false, why.what, e))
        return end_back(r, &why, e);
    r->to = r->undone;
    return end_stopped(r, e);
}

bool deploy_parts(struct run *r, struct err *e)
{
    bool ok = pipeline(r, e) ? end_good(r, e) : failed(r, e);

    database_close(r);
    artifact_close(&r->s->artifact);
    return ok;
}

bool deploy_back(struct run *r, struct err *why, struct err *e)
{
    bool ok = back_run(r, false, "resumed", e);

    ok = ok ? end_back(r, why, e) : end_stopped(r, e);
    database_close(r);
    return ok;
}

/* Overrides are durable before anything happens, each a statement. */
static bool write_overrides(struct run *r, struct err *e)
{
    struct subject *s = r->s;
    char nonce[33];

    for (size_t i = 0; i < GATE_COUNT; i++) {
        if (r->verdicts[i].state != VERDICT_OVERRIDDEN)
            continue;
        struct json *j = json_new_object();

        nonce_hex(nonce, 16);
        json_set_str(j, "environment", s->env->name);
        json_set_str(j, "text",
                     override_text(s->arena, s->env->name, s->release,
                                   gates[i].name, r->reason,
                                   ledger_who(s->arena), clock_now(), nonce));
        json_set_str(j, "signature", "");
        json_set_str(j, "person", ledger_who(s->arena));
        json_set_str(j, "key", "");
        json_set_str(j, "run", r->id);
        if (!ledger_append(s->ledger, EVENT_STATEMENT, j, e))
            return false;
    }
    return true;
}

static void wish_into(struct run *r, struct subject *s,
                      const struct deploy_wish *wish)
{
    r->s = s;
    r->overridden = wish->overridden;
    r->reason = wish->reason;
    r->wait_ms = wish->wait_ms;
    s->phases = wish->phases;
    s->restart_only = wish->restart_only;
    r->kind = database_alone(r) ? RUN_MIGRATE : RUN_DEPLOY;
}

/* A restart or a migration alone leaves the release that is live. */
static void aim(struct run *r)
{
    r->to = r->s->phases == PHASES_ALL ? r->s->release : r->s->state.live;
    if (r->s->restart_only)
        r->to = r->s->release;
}

bool deploy_check(struct run *r, struct subject *s,
                  const struct deploy_wish *wish, struct err *e)
{
    wish_into(r, s, wish);
    if (!subject_resolve(s, wish->release, e))
        return false;
    aim(r);
    return ask_all(r, true, e);
}

static bool begin(struct run *r, struct err *e)
{
    const struct manifest_facts *manifest;

    if (!run_open(r, r->s, r->kind, NULL, e))
        return false;
    if (!ask_under_lease(r, e) || !write_overrides(r, e))
        return false;
    manifest = manifest_pick(&r->facts);
    r->facts.consumed = manifest ? manifest->digest : NULL;
    serve_remember(r);
    return run_begin(r, r->facts.consumed, NULL, e);
}

bool deploy(struct run *r, struct subject *s, const struct deploy_wish *wish,
            struct err *e)
{
    wish_into(r, s, wish);
    if (!subject_resolve(s, wish->release, e))
        return false;
    aim(r);
    if (!ask_waiting(r, e))
        return false;
    if (gates_nothing_to_do(r->verdicts))
        return ask_drift(r, e);
    if (wish->confirm && !wish->confirm(wish->ctx, r, e))
        return false;
    bool ok = begin(r, e) && deploy_parts(r, e);

    run_close(r);
    return ok;
}
