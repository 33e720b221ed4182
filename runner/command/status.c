#include "runner/command/status.h"

#include <string.h>

#include "runner/flow/deploy.h"
#include "runner/report/verdicts.h"

#define DATABASE_MS 5000

static const char *const host_words[] = {
    [HOST_WHOLE] = "whole",         [HOST_MIDWAY] = "midway",
    [HOST_BEHIND] = "behind",       [HOST_DRIFTED] = "drifted",
    [HOST_FOREIGN] = "not adopted", [HOST_UNKNOWN] = "not checked",
};
static const char *const step_words[] = {
    [STEP_INTENT] = "begun",
    [STEP_DONE] = "done",
    [STEP_FAILED] = "failed",
    [STEP_UNKNOWN] = "unknown",
};

const char *host_is_word(enum host_is is)
{
    return host_words[is];
}

const char *status_step_word(const struct step_state *x)
{
    return step_words[x->is];
}

bool status_announced(const struct manifest_facts *m)
{
    return !m->used_by && !m->withdrawn && !m->replaced_by &&
           m->expires > clock_now();
}

static const struct owing_state *owing_of(const struct environment_state *s,
                                          const char *host)
{
    for (size_t i = 0; i < s->n_owing; i++)
        if (strcmp(s->owed[i].host, host) == 0)
            return &s->owed[i];
    return NULL;
}

/* The step that was last begun or ended on this host. */
static const struct step_state *last_step(const struct run_state *r,
                                          const char *host)
{
    const struct step_state *last = NULL;

    for (size_t i = 0; r && i < r->n; i++)
        if (strcmp(r->steps[i].target, host) == 0)
            last = &r->steps[i];
    return last;
}

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Whether the run that has not ended may have put `current` there. */
static bool of_the_run(const struct run_state *r, const char *current)
{
    return r && r->release && same(current, r->release);
}

/* What served here before tidegate did. */
static bool not_adopted(const struct environment_state *state, const char *has)
{
    return has[0] && !state->live && !of_the_run(state->unfinished, has);
}

/* Whether it changes hosts, and not all have been changed. */
static bool midway(const struct run_state *r)
{
    return r && r->changed &&
           (r->kind == RUN_DEPLOY || r->kind == RUN_ROLLBACK) &&
           r->ended != RUN_PENDING;
}

static void judge_seen(struct status *s, struct host_status *h)
{
    const struct environment_state *state = &s->state;
    const struct observed *seen = h->seen;
    const struct owing_state *owes = owing_of(state, h->name);
    const char *has = seen->current;
    struct arena *a = s->t->arena;

    if (!has) {
        h->is = HOST_DRIFTED;
        h->note = arena_printf(a, "`current` is %s: none of ours",
                               seen->current_raw ? seen->current_raw : "?");
    } else if (not_adopted(state, has)) {
        h->is = HOST_FOREIGN;
        h->note = "tidegate did not put it there: tidegate adopt";
    } else if (has[0] && !seen->verified) {
        h->is = HOST_DRIFTED;
        h->note = arena_printf(a, "files of %s differ from what was staged%s%s",
                               has, seen->wrong ? ": " : "",
                               seen->wrong ? seen->wrong : "");
    } else if (same(has, state->live)) {
        h->is = midway(state->unfinished) ? HOST_MIDWAY : HOST_WHOLE;
    } else if (of_the_run(state->unfinished, has)) {
        h->is = HOST_MIDWAY;
    } else if (owes) {
        h->is = HOST_BEHIND;
        h->note = arena_printf(a, "has yet to get %s: tidegate catch-up",
                               owes->release);
    } else {
        h->is = HOST_DRIFTED;
        h->note = arena_printf(a, "should have %s: changed by another",
                               state->live ? state->live : "nothing");
    }
}

static void judge_host(struct status *s, struct host_status *h,
                       const struct observed *seen, const char *why)
{
    const struct owing_state *owes = owing_of(&s->state, h->name);

    h->note = "";
    h->last = last_step(s->state.unfinished, h->name);
    if (seen && seen->outcome == OUTCOME_DONE) {
        h->seen = seen;
        judge_seen(s, h);
        return;
    }
    h->is = HOST_UNKNOWN;
    if (seen && seen->why)
        why = seen->why;
    h->note = arena_printf(s->t->arena, "%s%s%s%s", why ? why : "no answer",
                           owes ? " (has yet to get " : "",
                           owes ? owes->release : "", owes ? ")" : "");
}

/* The first disagreement between what hosts saw of this ledger and the ledger
 * itself is told. */
static void compare_anchor(struct status *s, const struct host_status *h)
{
    struct err e = {0};

    if (!h->seen || s->ledger.code != ERR_NONE)
        return;
    if (!ledger_anchor(s->t->ledger, h->name, h->seen->ledger, h->seen->seq,
                       h->seen->head, &e))
        s->ledger = e;
}

static void look_at_hosts(struct status *s)
{
    struct tidegate *t = s->t;
    const struct environment *env = t->env;
    struct observed *seen = arena_array(t->arena, env->n_hosts, sizeof *seen);
    size_t *all = arena_array(t->arena, env->n_hosts, sizeof *all);
    struct err why = {0};
    struct fleet *f;

    s->n = env->n_hosts;
    if (s->n == 0)
        return;
    s->hosts = arena_array(t->arena, s->n, sizeof *s->hosts);
    f = fleet_open(t->arena, t->loop, t->progress, env, &why);
    for (size_t i = 0; i < s->n; i++)
        all[i] = i;
    if (f)
        step_observe(f, all, s->n, NULL, seen);
    for (size_t i = 0; i < s->n; i++) {
        s->hosts[i].name = env->hosts[i].name;
        judge_host(s, &s->hosts[i], f ? &seen[i] : NULL, why.what);
        compare_anchor(s, &s->hosts[i]);
    }
    s->seen = f ? seen : NULL;
    if (f)
        fleet_close(f);
}

/* Of what began no release nothing is undone: what is live would be. */
static bool began_none(const struct run_state *r)
{
    return r->kind == RUN_CATCH_UP || r->kind == RUN_IMPORT ||
           r->kind == RUN_BASELINE;
}

/* As rollback would judge it: of a run that changed the database alone by
 * undoing that, else by going back to what was live. */
static void foresee_undo(struct status *s, struct subject *subject)
{
    const struct run_state *open = s->state.unfinished;
    struct rollback_wish wish = {.schema = open->phases != PHASES_CONTRACT};
    struct run back = {0};
    struct err e = {0};
    bool may;

    if (began_none(open))
        return;
    may = rollback_foresee(&back, subject, &wish, &e);
    if (!back.undone_run && wish.schema) {
        wish.schema = false;
        back = (struct run){0};
        err_clear(&e);
        may = rollback_foresee(&back, subject, &wish, &e);
    }
    if (may)
        s->undo =
            wish.schema ? "tidegate rollback --schema" : "tidegate rollback";
    else if (back.to || back.undone_run)
        s->undo_why = arena_printf(s->t->arena, "%s: %s", e.what, e.why);
}

/* How far a backfill is, and what can be undone, only the database knows. */
static void look_at_database(struct status *s)
{
    struct tidegate *t = s->t;
    struct subject subject = {.arena = t->arena,
                              .loop = t->loop,
                              .progress = t->progress,
                              .config = &t->config,
                              .env = t->env,
                              .ledger = t->ledger,
                              .state = s->state,
                              .observed = s->seen,
                              .n_hosts = s->seen ? s->n : 0};
    struct err e = {0};

    if (!s->state.unfinished)
        return;
    if (t->env->database)
        subject.pg =
            pg_open(t->loop, t->env->database, "tidegate", DATABASE_MS, &e);
    if (subject.pg &&
        applied_read(subject.pg, t->arena, &subject.applied, &e)) {
        s->backfills = subject.applied.backfills;
        s->n_backfills = subject.applied.backfills_n;
    } else if (t->env->database) {
        s->database_why = arena_strdup(t->arena, e.why);
        subject.pg_why = s->database_why;
        pg_close(subject.pg);
        subject.pg = NULL;
    }
    foresee_undo(s, &subject);
    pg_close(subject.pg);
}

static bool is_host(const struct status *s, const char *target)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->hosts[i].name, target) == 0)
            return true;
    return false;
}

/* A step whose effect nobody here looked at: not on a host that was seen. */
static bool unknown_elsewhere(const struct status *s)
{
    const struct run_state *r = s->state.unfinished;

    for (size_t i = 0; r && i < r->n; i++)
        if (r->steps[i].is == STEP_UNKNOWN && !is_host(s, r->steps[i].target))
            return true;
    return false;
}

static int judge(const struct status *s)
{
    const struct run_state *r = s->state.unfinished;
    bool unknown = (r && r->ended == RUN_BROKEN) || unknown_elsewhere(s);
    bool unfinished = r != NULL || s->state.n_owing > 0;

    for (size_t i = 0; i < s->n; i++) {
        unknown |= s->hosts[i].is == HOST_UNKNOWN;
        unfinished |= s->hosts[i].is != HOST_WHOLE;
    }
    if (unknown)
        return EXIT_UNKNOWN;
    return unfinished ? EXIT_STOPPED : EXIT_DONE;
}

static void compare_policy(struct status *s)
{
    char now[HASH_HEX];
    struct err e = {0};

    if (!s->state.pinned)
        s->policy = "none is pinned yet: tidegate policy accept";
    else if (!config_policy_digest(s->t->env, now, &e))
        s->policy = arena_printf(s->t->arena, "cannot be read: %s", e.what);
    else if (strcmp(now, s->state.pinned) != 0)
        s->policy = "the configuration is not the pinned one: tidegate policy "
                    "show";
}

static bool status_run(struct tidegate *t, void *args, struct err *e)
{
    struct status s = {.t = t};

    (void)args;
    if (!state_read(&s.state, t->arena, t->ledger, t->env->name, e))
        return false;
    if (ledger_trouble(t->ledger)) {
        err_what(&s.ledger, ERR_LEDGER, "the ledger %s is damaged",
                 ledger_folder(t->ledger));
        err_why(&s.ledger, "%s", ledger_trouble(t->ledger));
        err_fix(&s.ledger, "bring back an intact copy; this is what stands "
                           "before the damage");
    }
    s.held = ledger_lease_holder(t->ledger, t->arena, t->env->name, &s.holder);
    look_at_hosts(&s);
    look_at_database(&s);
    compare_policy(&s);
    s.exit = judge(&s);
    t->exit_code = s.ledger.code == ERR_NONE ? s.exit : EXIT_LEDGER;
    t->release = s.state.live;
    t->run = s.state.unfinished ? s.state.unfinished->id : NULL;
    status_text(&s);
    output_json(t->out, status_json(&s));
    *e = s.ledger;
    return s.ledger.code == ERR_NONE;
}

const struct cmd cmd_status = {
    .name = "status",
    .summary = "Show what stands where.",
    .help = "Reads the ledger, asks every host that answers, and changes "
            "nothing. Exits 0 when all is whole, 12 when a run is unfinished "
            "or a host differs from what the ledger says, 13 when something "
            "is unknown, as on a host that could not be checked.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | NEED_LEDGER | CMD_VERDICT,
    .run = status_run,
};
