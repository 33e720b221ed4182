/* The unfinished run goes on from what is observed. */
#include <string.h>

#include "runner/flow/adopt.h"
#include "runner/flow/catch_up.h"
#include "runner/flow/database.h"
#include "runner/flow/deploy.h"
#include "runner/flow/deploy_parts.h"
#include "runner/flow/hosts.h"
#include "runner/flow/migrate.h"
#include "runner/flow/takeover.h"

/* The tag must still be what the run began with. */
static bool same_release(struct run *r, const struct run_state *was,
                         struct err *e)
{
    if (was->commit && strcmp(was->commit, r->s->commit) == 0 &&
        was->artifact && strcmp(was->artifact, r->s->artifact.digest) == 0 &&
        was->migrations &&
        strcmp(was->migrations, r->s->migrations.digest) == 0)
        return true;
    err_what(e, ERR_REFUSED, "%s is no longer what run %s began with",
             was->release, was->id);
    err_why(e,
            "commit was %.12s, is %.12s; artifact was %.12s, is %.12s; "
            "migrations were %.12s, are %.12s",
            was->commit ? was->commit : "", r->s->commit,
            was->artifact ? was->artifact : "", r->s->artifact.digest,
            was->migrations ? was->migrations : "", r->s->migrations.digest);
    return err_fix(e, "put the tag and [migrations] back as they were, or go "
                      "back: tidegate rollback");
}

/* Hosts that changed behind our back: what the ledger calls done must be
 * there. */
static bool no_drift(struct run *r, struct err *e)
{
    for (size_t i = 0; i < r->s->n_hosts; i++) {
        const char *name = fleet_name(r->s->fleet, i);

        if (r->s->left_out[i] || !run_was_done(r, "flip", name) ||
            (r->now[i] && strcmp(r->now[i], r->to) == 0))
            continue;
        err_what(e, ERR_UNKNOWN, "%s was changed by another", name);
        err_why(e, "this run flipped it to %s, and it has %s", r->to,
                r->now[i] ? r->now[i] : "something else");
        return err_fix(e, "find out who did; then tidegate rollback");
    }
    return true;
}

static bool resume_forward(struct run *r, struct err *e)
{
    r->facts.consumed = r->before->manifest;
    if (!hosts_look(r, e) || !no_drift(r, e) || !database_settle(r, e))
        return false;
    r->batches_left = r->facts.need.batches;
    r->changed = r->before->changed;
    return deploy_parts(r, e);
}

static bool resume_back(struct run *r, struct err *e)
{
    struct err why = {0};

    err_what(&why, ERR_BACK, "%s failed before", r->before->release);
    err_why(&why, "%s",
            r->before->why ? r->before->why
                           : "it was going back when its runner ended");
    r->undone = r->before->release;
    r->to = r->before->from;
    r->going_back = true;
    if (!hosts_look(r, e) || !hosts_fence(r, e))
        return false;
    return deploy_back(r, &why, e);
}

/* The codes that promise that nothing was changed. */
static bool may_say_no(enum err_code code)
{
    return code == ERR_REFUSED || code == ERR_UNREACHABLE || code == ERR_HELD ||
           code == ERR_CONFIG || code == ERR_FAILED;
}

bool resume(struct run *r, struct subject *s, run_confirm *confirm, void *ctx,
            struct err *e)
{
    const struct run_state *was = s->state.unfinished;

    r->s = s;
    r->already = !was;
    if (!was)
        return true;
    if (was->kind == RUN_CATCH_UP)
        return catch_up(r, s, NULL, 0, confirm, ctx, e);
    if (takeover_was(was))
        return takeover_resume(r, s, confirm, ctx, e);
    if (was->kind == RUN_ADOPT)
        return adopt(r, s, was->release, confirm, ctx, e);
    if (migrate_was_down(was))
        return migrate_down_resume(r, s, confirm, ctx, e);
    r->kind = was->kind;
    r->to = was->release;
    r->from = was->from;
    r->overridden = (unsigned)json_int(was->begun, "overridden", 0);
    s->phases = was->phases;
    s->restart_only = was->restart_only;
    s->begun_with = json_str(was->begun, "rehearsal");
    if (s->begun_with) /* the state is read again on the way */
        s->begun_with = arena_strdup(s->arena, s->begun_with);
    if (was->kind == RUN_ROLLBACK)
        return rollback(r, s,
                        &(struct rollback_wish){.to = was->release,
                                                .reason = "resumed",
                                                .confirm = confirm,
                                                .ctx = ctx},
                        e);
    if (!was->rolling_back &&
        (!subject_resolve(s, was->release, e) || !same_release(r, was, e)))
        return false;
    if (!subject_contact(s, e))
        return false;
    gather_need(s, &r->facts);
    gather_rehearsal(s, &r->facts);
    if ((confirm && !confirm(ctx, r, e)) || !run_open(r, s, was->kind, was, e))
        return false;
    bool ok =
        r->before->rolling_back ? resume_back(r, e) : resume_forward(r, e);

    if (!ok && r->changed && may_say_no(e->code))
        e->code = ERR_PARTWAY;
    run_close(r);
    return ok;
}
