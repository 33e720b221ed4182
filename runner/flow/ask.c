#include "runner/flow/ask.h"

#include <string.h>

#include "runner/flow/hosts.h"

#define WAIT_ASK_SECONDS 5

/* The first gate that said what the whole said. */
static const struct verdict *first_that(const struct run *r, enum verdict_is is,
                                        size_t *gate)
{
    for (size_t i = 0; i < GATE_COUNT; i++)
        if (r->verdicts[i].state == VERDICT_ASKED && r->verdicts[i].is == is) {
            *gate = i;
            return &r->verdicts[i];
        }
    BUG("no gate said %s", verdict_word(is));
}

static bool refusal(const struct run *r, enum verdict_is is, struct err *e)
{
    size_t gate;
    const struct verdict *v = first_that(r, is, &gate);
    const char *release = r->s->release ? r->s->release : "the run";

    if (gate == GATE_EXPECTED && is == STOP)
        err_what(e, ERR_REFUSED, "%s is not expected in %s", release,
                 r->s->env->name);
    else
        err_what(e, is == STOP ? ERR_REFUSED : ERR_HELD, "%s is %s in %s: %s",
                 release, is == STOP ? "refused" : "held", r->s->env->name,
                 gates[gate].name);
    err_why(e, "%s", v->because);
    return err_fix(e, "%s",
                   *v->fix      ? v->fix
                   : is == STOP ? "see every gate: tidegate check"
                                : "wait for it: tidegate deploy --wait");
}

/* What is left of the migrations, by the certificate of the whole. */
static void need_left(struct run *r)
{
    struct need_facts *need = &r->facts.need;

    need->before_high = need->after_high = need->after_down_high = 0;
    for (size_t i = 0; r->certified && i < r->certificate.n; i++) {
        const struct rehearsed *m = &r->certificate.list[i];

        if (m->after)
            need->after_down_high += rehearsed_need_back(m);
        if (subject_is_pending(r->s, m->name))
            *(m->after ? &need->after_high : &need->before_high) +=
                rehearsed_need(m);
    }
    need->batches = r->batches_left;
    need->batches_done = r->batches_done;
}

/* Everything that keeps a run from going on, before the HOLDs of the gates
 * count: precedence of exit codes. */
static bool reachable(struct run *r, struct err *e)
{
    if (r->s->n_hosts > 0 && !hosts_look(r, e))
        return false;
    if (r->s->pg_why && r->s->phases != PHASES_RESTART) {
        err_what(e, ERR_UNREACHABLE, "cannot reach the database of %s",
                 r->s->env->name);
        err_why(e, "%s", r->s->pg_why);
        return err_fix(e, "correct `database`, then run: tidegate doctor");
    }
    return true;
}

static bool ask_contacted(struct run *r, struct err *e)
{
    struct err look = {0};
    bool reached = reachable(r, &look);

    gather_contact(r->s, &r->facts, NULL);
    enum verdict_is is = gates_ask(r->s->arena, &r->s->env->policy, &r->facts,
                                   GATES_ALL, r->overridden, r->verdicts);

    if (is == STOP)
        return refusal(r, STOP, e);
    if (gates_nothing_to_do(r->verdicts))
        return true;
    if (!reached) {
        *e = look;
        return false;
    }
    return is == PASS || refusal(r, HOLD, e);
}

bool ask_all(struct run *r, bool everything, struct err *e)
{
    gather_local(r->s, &r->facts);
    enum verdict_is is = gates_ask(r->s->arena, &r->s->env->policy, &r->facts,
                                   GATES_LOCAL, r->overridden, r->verdicts);

    if (is == STOP && !everything)
        return refusal(r, STOP, e);
    if (!r->contacted && !subject_contact(r->s, e))
        return false;
    r->contacted = true;
    gather_local(r->s, &r->facts);
    return ask_contacted(r, e);
}

bool ask_only(struct run *r, const enum gate_id *list, size_t n, bool local,
              struct err *e)
{
    enum verdict_is is = PASS;

    for (size_t i = 0; i < GATE_COUNT; i++)
        r->verdicts[i] = verdict_not_asked();
    for (size_t i = 0; i < n; i++) {
        struct verdict *v = &r->verdicts[list[i]];

        if (local && !gates[list[i]].local)
            continue;
        *v = gates[list[i]].judge(r->s->arena, &r->s->env->policy, &r->facts);
        if (v->is > is)
            is = v->is;
    }
    return is == PASS || (local && is == HOLD) || refusal(r, is, e);
}

bool ask_under_lease(struct run *r, struct err *e)
{
    r->contacted = false;
    return run_refresh(r, e) && ask_all(r, false, e);
}

int64_t ask_retry_at(const struct run *r)
{
    int64_t at = 0;

    for (size_t i = 0; i < GATE_COUNT; i++) {
        const struct verdict *v = &r->verdicts[i];

        if (v->state == VERDICT_ASKED && v->is == HOLD && v->retry_at > at)
            at = v->retry_at;
    }
    return at;
}

/* Nothing to wait for: the announcement will be over. */
static int64_t wait_until(const struct run *r, int64_t begun)
{
    const struct manifest_facts *m = manifest_pick(&r->facts);
    int64_t expiry = m ? m->expires : begun;

    if (r->wait_ms == CLOCK_NEVER || begun + r->wait_ms / 1000 > expiry)
        return expiry;
    return begun + r->wait_ms / 1000;
}

bool ask_waiting(struct run *r, struct err *e)
{
    int64_t begun = clock_now();
    char said[sizeof e->why] = "";
    struct arena_mark mark = {0};
    bool marked = false;

    for (;;) {
        if (ask_all(r, false, e))
            return true;
        if (e->code != ERR_HELD || r->wait_ms == 0 ||
            clock_now() + WAIT_ASK_SECONDS > wait_until(r, begun))
            return false;
        if (strcmp(said, e->why) != 0)
            progress_step(r->s->progress, "waiting", "%s", e->why);
        memcpy(said, e->why, sizeof said);
        if (!loop_sleep(r->s->loop, WAIT_ASK_SECONDS * 1000)) {
            run_stopped(r, e);
            return false;
        }
        r->contacted = r->s->pg_why == NULL;
        if (marked && r->contacted)
            arena_rewind(r->s->arena, mark);
        mark = arena_mark(r->s->arena);
        marked = true;
        err_clear(e);
        if (!run_refresh(r, e))
            return false;
    }
}

/* Measures again what may have changed since the last step. */
static enum verdict_is measure(struct run *r)
{
    struct subject *s = r->s;

    r->facts.changing = r->changed;
    gather_local(s, &r->facts);
    need_left(r);
    gather_users(s, &r->facts);
    gather_backup(s, &r->facts);
    gather_replicas(s, &r->facts);
    gather_probe(s, &r->facts, r->now);
    gather_pool(s, &r->facts);
    return gates_ask(s->arena, &s->env->policy, &r->facts, GATES_AGAIN,
                     r->overridden, r->verdicts);
}

/* Whether something of this run can still be undone. */
static bool way_back(const struct run *r)
{
    size_t n = r->s->applied.n;

    for (size_t i = 0; r->after_begun && i < n; i++) {
        const struct applied_row *row = &r->s->applied.rows[i];

        if (row->after && row->forward_only && r->s->release &&
            strcmp(row->release, r->s->release) == 0)
            return false;
    }
    return r->from != NULL || r->s->n_hosts == 0;
}

static int64_t retry_in(const struct run *r)
{
    int64_t at = ask_retry_at(r);

    return at ? (at - clock_now()) * 1000 : 0;
}

static struct hold_answer decide(struct run *r, enum hold_before next,
                                 enum verdict_is is, int64_t held)
{
    struct hold_facts facts = {
        .is = is,
        .surge = !(r->overridden & 1u << GATE_USERS) &&
                 users_surge(&r->s->env->policy, &r->facts),
        .superseded = r->facts.line.lease_lost,
        .held = held,
        .retry = retry_in(r),
        .next = next,
        .way_back = way_back(r),
        .finish = need_finish(&r->facts.need),
        .back = need_back(&r->facts.need),
    };

    return hold_decide(&facts, r->s->env->rollout.on_hold,
                       r->s->env->rollout.pause_max_ms);
}

/* What the gate said, then what follows from it. */
static const char *decided_why(const struct run *r, enum verdict_is is,
                               const struct hold_answer *answer)
{
    size_t gate;

    if (is == PASS)
        return answer->because;
    return arena_printf(r->s->arena, "%s; %s",
                        first_that(r, is, &gate)->because, answer->because);
}

/* The decision is durable before it is obeyed. */
static bool obey(struct run *r, const struct hold_answer *answer,
                 enum verdict_is is, struct err *e)
{
    static const char *const words[] = {
        [HOLD_FINISH] = "finish",
        [HOLD_BACK] = "hold-back",
        [HOLD_END_PENDING] = "end-pending",
        [HOLD_END_HERE] = "end-here",
    };

    if (r->facts.line.lease_lost) {
        r->end_here = true;
        err_what(e, ERR_UNKNOWN, "superseded: another run owns %s",
                 r->s->env->name);
        err_why(e, "%s", answer->because);
        return err_fix(e, "see which: tidegate status");
    }
    const char *why = decided_why(r, is, answer);

    if (!run_decide(r, words[answer->is], why, e))
        return false;
    progress_warn(r->s->progress, "on_hold", "%s", why);
    r->finish = answer->is == HOLD_FINISH;
    r->go_back = answer->is == HOLD_BACK;
    r->pending_after = answer->is == HOLD_END_PENDING;
    r->end_here = answer->is == HOLD_END_HERE;
    if (r->finish)
        return true;
    if (is != PASS)
        refusal(r, is, e);
    else
        err_what(e, ERR_HELD, "users are over abort_at");
    err_why(e, "%s", why);
    return false;
}

/* Nothing has changed yet: there is nothing to finish or to undo, and the run
 * ends as if it had not begun. */
static bool not_begun(struct run *r, enum verdict_is is, struct err *e)
{
    if (is != PASS)
        return refusal(r, is, e);
    err_what(e, ERR_HELD, "users are over abort_at");
    err_why(e, "%lld are on", (long long)r->facts.users.live.value);
    return err_fix(e, "wait until they leave: tidegate users");
}

static void tell_held(struct run *r, enum verdict_is is,
                      const struct hold_answer *answer)
{
    size_t gate;
    const struct verdict *v = first_that(r, is, &gate);

    progress_warn(r->s->progress, gates[gate].name, "%s (%s)", v->because,
                  answer->because);
}

bool ask_again(struct run *r, enum hold_before next, struct err *e)
{
    int64_t begun = 0;

    if (r->finish &&
        (next == HOLD_BEFORE_MIGRATION || next == HOLD_BEFORE_WAVE))
        return true;
    for (;;) {
        if (!run_refresh(r, e))
            return false;
        enum verdict_is is = measure(r);

        if (is != PASS && !r->changed)
            return refusal(r, is, e);
        if (is != PASS && begun == 0)
            begun = clock_mono();
        struct hold_answer answer =
            decide(r, next, is, begun ? clock_mono() - begun : 0);

        if (answer.is == HOLD_GO)
            return true;
        if (answer.is != HOLD_WAIT && !r->changed && !r->facts.line.lease_lost)
            return not_begun(r, is, e);
        if (answer.is != HOLD_WAIT)
            return obey(r, &answer, is, e);
        tell_held(r, is, &answer);
        if (!loop_sleep(r->s->loop, answer.wait)) {
            run_stopped(r, e);
            return false;
        }
    }
}

bool ask_drift(struct run *r, struct err *e)
{
    for (size_t i = 0; i < r->s->n_hosts; i++) {
        const struct observed *o = &r->s->observed[i];
        const char *name = fleet_name(r->s->fleet, i);

        if (o->outcome != OUTCOME_DONE) {
            progress_warn(r->s->progress, name, "not looked at: %s",
                          o->why ? o->why : outcome_word(o->outcome));
            continue;
        }
        if ((o->current && strcmp(o->current, r->s->release) == 0) ||
            run_owed(r, i))
            continue;
        err_what(e, ERR_REFUSED, "%s does not have %s, which is live", name,
                 r->s->release);
        err_why(e, "it has %s: another changed it",
                !o->current   ? o->current_raw ? o->current_raw : "none of ours"
                : *o->current ? o->current
                              : "no release");
        return err_fix(e,
                       "nothing was changed; find out who did, then bring it "
                       "level: tidegate catch-up %s",
                       name);
    }
    r->already = true;
    return true;
}
