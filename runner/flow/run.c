#include "runner/flow/run.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runner/base/failpoint.h"
#include "runner/facts/contract.h"
#include "runner/release/statement.h"

/* "20261122-142711-9f3a": sorts by time, and is short enough to type. */
static const char *new_id(struct arena *a)
{
    struct civil c = civil_from_utc(clock_now());
    char tail[5];

    nonce_hex(tail, 2);
    return arena_printf(a, "%04d%02d%02d-%02d%02d%02d-%s", c.year, c.month,
                        c.day, c.hour, c.minute, c.second, tail);
}

static void fence_now(struct run *r)
{
    struct ledger *l = r->s->ledger;

    r->fence.ledger = ledger_id(l);
    r->fence.epoch = ledger_epoch(l);
    r->fence.seq = ledger_seq(l);
    r->fence.head = ledger_head(l);
    r->fence.run = r->id;
    r->fence.claim = ledger_claim(l);
}

bool run_open(struct run *r, struct subject *s, enum run_kind kind,
              const struct run_state *resumed, struct err *e)
{
    r->s = s;
    r->kind = kind;
    r->before = resumed;
    r->id = resumed ? resumed->id : new_id(s->arena);
    if (!ledger_lease(s->ledger, s->env->name, r->id, e))
        return false;
    if (!run_refresh(r, e)) {
        ledger_unlease(s->ledger);
        return false;
    }
    r->from = s->state.live;
    r->changed = r->before && r->before->changed;
    r->certified = s->release && subject_certificate(s, &r->certificate);
    fence_now(r);
    return true;
}

bool run_refresh(struct run *r, struct err *e)
{
    bool resumed = r->before != NULL;

    if (!subject_refresh(r->s, e))
        return false;
    if (resumed)
        r->before = state_run(&r->s->state, r->id);
    return true;
}

void run_close(struct run *r)
{
    if (r->s)
        ledger_unlease(r->s->ledger);
}

static void set_text(struct json *j, const char *key, const char *text)
{
    if (text)
        json_set_str(j, key, text);
}

/* The contracting migrations that this run runs, or those that still wait. */
static void set_contract(struct run *r, struct json *j, bool runs)
{
    struct contracts_facts all = contract_facts(r->s);

    if (r->s->pending_known)
        json_set(j, "contract", contract_json(&all, runs));
}

static void set_migrations(struct run *r, struct json *j)
{
    struct json *list = json_new_array();

    for (size_t i = 0; i < r->s->pending.n; i++)
        json_append(list, json_new_string(r->s->pending.list[i]->name));
    json_set(j, "pending", list);
    set_contract(r, j, true);
}

static void set_hosts(struct run *r, struct json *j)
{
    struct json *list = json_new_array();

    for (size_t i = 0; i < r->s->n_hosts; i++)
        json_append(list, json_new_string(fleet_name(r->s->fleet, i)));
    json_set(j, "host_names", list);
}

static void set_names(struct json *j, const char *key, const char *const *names)
{
    struct json *list = json_new_array();

    for (; names && *names; names++)
        json_append(list, json_new_string(*names));
    json_set(j, key, list);
}

bool run_begin(struct run *r, const char *manifest, const char *takes_over,
               struct err *e)
{
    struct subject *s = r->s;
    struct json *j = json_new_object();

    json_set_str(j, "environment", s->env->name);
    json_set_str(j, "run", r->id);
    json_set_str(j, "kind", run_kind_word(r->kind));
    json_set_str(j, "who", ledger_who(s->arena));
    set_text(j, "release", r->to);
    set_text(j, "from", r->from);
    set_text(j, "manifest", manifest);
    set_text(j, "takes_over", takes_over);
    set_text(j, "reason", r->reason);
    json_set_str(j, "hosts", s->hosts_digest);
    if (s->release) {
        json_set_str(j, "release", s->release);
        json_set_str(j, "commit", s->commit);
        json_set_str(j, "artifact", s->artifact.digest);
        json_set_str(j, "migrations", s->migrations.digest);
        set_migrations(r, j);
    }
    json_set_str(j, "phases", phases_word(s->phases));
    json_set_bool(j, "restart_only", s->restart_only);
    if (r->certified)
        json_set_str(j, "rehearsal", r->certificate.digest);
    if (r->down)
        json_set_bool(j, "down", true);
    if (r->schema)
        json_set_bool(j, "schema", true);
    if (r->records)
        set_names(j, "records", r->records);
    json_set_str(j, "policy", s->policy_digest);
    json_set_int(j, "overridden", r->overridden);
    set_hosts(r, j);
    failpoint("run.begin");
    bool ok = ledger_append(s->ledger, EVENT_RUN, j, e);

    failpoint("run.begun");
    fence_now(r);
    return ok;
}

static struct json *step_event(const struct run *r, const char *step,
                               const char *target)
{
    struct json *j = json_new_object();

    json_set_str(j, "run", r->id);
    json_set_str(j, "environment", r->s->env->name);
    json_set_str(j, "step", step);
    json_set_str(j, "target", target);
    return j;
}

bool run_intent(struct run *r, const char *step, const char *target,
                bool change, const char *undo, struct err *e)
{
    struct json *j = step_event(r, step, target);

    json_set_bool(j, "change", change);
    json_set_str(j, "release",
                 r->to           ? r->to
                 : r->s->release ? r->s->release
                                 : r->undone_of);
    json_set_str(j, "undo", undo);
    failpoint("intent.before");
    if (!ledger_append(r->s->ledger, EVENT_INTENT, j, e))
        return false;
    r->changed |= change;
    progress_detail(r->s->progress, target, "%s begins", step);
    fence_now(r);
    failpoint("intent.after");
    return true;
}

bool run_done(struct run *r, const char *step, const char *target,
              const char *evidence, int64_t ms, bool observed, struct err *e)
{
    struct json *j = step_event(r, step, target);

    progress_detail(r->s->progress, *target ? target : NULL,
                    "%s is done, %lld ms%s%s", step, (long long)ms,
                    evidence && *evidence ? ": " : "",
                    evidence ? evidence : "");
    json_set_str(j, "evidence", evidence ? evidence : "");
    json_set_int(j, "ms", ms);
    json_set_bool(j, "observed", observed);
    failpoint("done.before");
    bool ok = ledger_append(r->s->ledger, EVENT_DONE, j, e);

    failpoint("done.after");
    return ok;
}

static bool ended_badly(struct run *r, enum event_kind kind, const char *step,
                        const char *target, const char *why, struct err *e)
{
    struct json *j = step_event(r, step, target);

    json_set_str(j, "why", why ? why : "");
    return ledger_append(r->s->ledger, kind, j, e);
}

bool run_failed(struct run *r, const char *step, const char *target,
                const char *why, struct err *e)
{
    return ended_badly(r, EVENT_FAILED, step, target, why, e);
}

bool run_unknown(struct run *r, const char *step, const char *target,
                 const char *why, struct err *e)
{
    r->unknown = true;
    return ended_badly(r, EVENT_UNKNOWN, step, target, why, e);
}

bool run_decide(struct run *r, const char *what, const char *why, struct err *e)
{
    struct json *j = json_new_object();

    json_set_str(j, "run", r->id);
    json_set_str(j, "environment", r->s->env->name);
    json_set_str(j, "what", what);
    json_set_str(j, "why", why);
    failpoint("decision.before");
    return ledger_append(r->s->ledger, EVENT_DECISION, j, e);
}

bool run_note(struct run *r, struct err *e, const char *fmt, ...)
{
    struct json *j = json_new_object();
    va_list args;

    va_start(args, fmt);
    json_set_str(j, "text", arena_vprintf(r->s->arena, fmt, args));
    va_end(args);
    json_set_str(j, "run", r->id);
    json_set_str(j, "environment", r->s->env->name);
    return ledger_append(r->s->ledger, EVENT_NOTE, j, e);
}

bool run_owes(struct run *r, size_t host, const char *release, const char *why,
              struct err *e)
{
    struct json *j = json_new_object();

    json_set_str(j, "environment", r->s->env->name);
    json_set_str(j, "host", fleet_name(r->s->fleet, host));
    json_set_str(j, "release", release ? release : "");
    json_set_str(j, "why", why ? why : "");
    return ledger_append(r->s->ledger, EVENT_OWING, j, e);
}

bool run_owed(const struct run *r, size_t host)
{
    const struct environment_state *state = &r->s->state;

    for (size_t i = 0; i < state->n_owing; i++)
        if (strcmp(state->owed[i].host, fleet_name(r->s->fleet, host)) == 0)
            return true;
    return false;
}

bool run_end(struct run *r, const struct run_ending *x, struct err *e)
{
    struct json *j = json_new_object();

    json_set_str(j, "run", r->id);
    json_set_str(j, "environment", r->s->env->name);
    json_set_str(j, "outcome", run_ended_word(x->ended));
    json_set_int(j, "exit", x->exit_code);
    set_text(j, "live", x->live);
    if (x->unverified)
        json_set_bool(j, "verified", false);
    set_text(j, "bad", x->bad);
    set_text(j, "why", x->why);
    set_text(j, "commit", x->commit);
    set_text(j, "artifact", x->artifact);
    set_names(j, "kept", x->kept);
    if (x->pending)
        set_names(j, "pending", x->pending);
    if (x->left && r->s->env->database)
        set_contract(r, j, false);
    failpoint("end.before");
    bool ok = ledger_append(r->s->ledger, EVENT_ENDED, j, e);

    failpoint("end.after");
    return ok;
}

enum err_code run_without_ledger(struct run *r)
{
    if (!r->changed)
        return ERR_LEDGER;
    return ledger_lease_held(r->s->ledger) ? ERR_PARTWAY : ERR_UNKNOWN;
}

static const struct step_state *earlier(const struct run *r, const char *step,
                                        const char *target)
{
    return r->before ? run_step(r->before, step, target) : NULL;
}

bool run_was_done(const struct run *r, const char *step, const char *target)
{
    const struct step_state *s = earlier(r, step, target);

    return s && s->is == STEP_DONE;
}

bool run_was_open(const struct run *r, const char *step, const char *target)
{
    const struct step_state *s = earlier(r, step, target);

    return s && (s->is == STEP_INTENT || s->is == STEP_UNKNOWN);
}

static const struct run_state *taken_over(const struct run *r, const char *id)
{
    return id ? state_run(&r->s->state, id) : NULL;
}

/* By this run, or one that it took over. */
static bool changed_by(const struct run *r, const struct run_state *run,
                       const char *name)
{
    for (; run; run = taken_over(r, run->takes_over))
        for (size_t i = 0; i < run->n; i++)
            if (run->steps[i].change && strcmp(run->steps[i].target, name) == 0)
                return true;
    return false;
}

bool run_touched(const struct run *r, size_t host)
{
    const char *name = fleet_name(r->s->fleet, host);

    return (r->touched && r->touched[host]) ||
           changed_by(r, taken_over(r, r->undoes), name) ||
           changed_by(r, r->before, name);
}

bool run_stopped(struct run *r, struct err *e)
{
    int number = loop_stop_signal(r->s->loop);

    if (number == 0)
        return false;
    err_what(e, ERR_INTERRUPTED, "stopped by SIG%s", sigabbrev_np(number));
    err_why(e, "somebody asked the runner to stop");
    err_fix(e, r->changed ? "see what stands where: tidegate status"
                          : "nothing was changed");
    return true;
}

bool run_stopped_at_once(struct run *r, struct err *e)
{
    return loop_stops(r->s->loop) > 1 && run_stopped(r, e);
}
