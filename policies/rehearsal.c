#include "policies/gates.h"
#include "policies/say.h"

#define CLONE_LEAST 0.01 /* of production */

static void fix_safer(const struct rehearsal_facts *r, struct verdict *v)
{
    if (r->safer)
        verdict_fix(v, "safer: %s", r->safer);
    else
        verdict_fix(v, "split or rewrite the migration, or have the budget "
                       "changed");
}

/* A budget that is broken stays broken however old the rehearsal and however
 * small the clone: STOP before HOLD. */
static bool broken(const struct budget_settings *budget,
                   const struct rehearsal_facts *r, struct verdict *v)
{
    if (r->failed) {
        *v = verdict_stop("rehearsal.failed", "the rehearsal failed: %s",
                          r->failed);
        verdict_fix(v, "correct the migration, then run: tidegate rehearse");
    } else if (budget->rewrite_forbidden && r->rewrite) {
        *v = verdict_stop("rehearsal.rewrite", "a whole table is rewritten: %s",
                          r->rewrite);
        verdict_limit(v, "rewrite = forbid");
        fix_safer(r, v);
    } else if (budget->blocked_ms >= 0 && r->blocked > budget->blocked_ms) {
        *v = verdict_stop("rehearsal.blocked",
                          "users wait up to %s, budget "
                          "%s: %s",
                          say_ms(r->blocked).text,
                          say_ms(budget->blocked_ms).text,
                          r->blocked_by ? r->blocked_by : "a table is locked");
        verdict_limit(v, "blocked = %s", say_ms(budget->blocked_ms).text);
        fix_safer(r, v);
    } else if (budget->total_ms >= 0 && r->high > budget->total_ms) {
        *v =
            verdict_stop("rehearsal.total",
                         "takes %s to %s, likely %s; "
                         "budget %s",
                         say_ms(r->low).text, say_ms(r->high).text,
                         say_ms(r->likely).text, say_ms(budget->total_ms).text);
        verdict_limit(v, "total = %s", say_ms(budget->total_ms).text);
        fix_safer(r, v);
    } else {
        return false;
    }
    return true;
}

/* No certificate that speaks for these migrations today. */
static bool missing(const struct budget_settings *budget, const struct facts *f,
                    struct verdict *v)
{
    const struct rehearsal_facts *r = &f->rehearsal;
    int64_t age = f->now - r->at;

    if (!r->present)
        *v = verdict_hold("rehearsal.none", 0,
                          "the pending migrations were "
                          "never rehearsed");
    else if (!r->same)
        *v = verdict_hold("rehearsal.other", 0,
                          "the rehearsal was of other migrations%s%s",
                          r->differs ? ": " : "", r->differs ? r->differs : "");
    else if (broken(budget, r, v))
        return true;
    else if (age > budget->certificate)
        *v = verdict_hold("rehearsal.stale", 0,
                          "the rehearsal is %s old, "
                          "limit %s",
                          say_span(age).text,
                          say_span(budget->certificate).text);
    else if (!(r->clone_share >= CLONE_LEAST))
        *v = verdict_hold("rehearsal.clone", 0,
                          "the clone was %.2f %% of production, at least 1 %% "
                          "is asked for: too small to tell",
                          100 * r->clone_share);
    else
        return false;
    verdict_fix(v, "run: tidegate rehearse %s%s%s", f->release.release,
                rehearse_only(&f->release),
                v->rule[10] == 'c' ? ", with a larger clone" : "");
    return true;
}

struct verdict rehearsal_judge(struct arena *scratch,
                               const struct policy_settings *policy,
                               const struct facts *facts)
{
    const struct budget_settings *budget = &policy->budget;
    const struct rehearsal_facts *r = &facts->rehearsal;
    struct verdict v;

    (void)scratch;
    if (!budget->on)
        return verdict_off();
    if (!r->needed)
        return verdict_pass("rehearsal.not_needed", "no migration is pending");
    if (!missing(budget, facts, &v)) {
        v = verdict_pass("rehearsal.kept",
                         "takes %s to %s, likely %s; users "
                         "wait up to %s",
                         say_ms(r->low).text, say_ms(r->high).text,
                         say_ms(r->likely).text, say_ms(r->blocked).text);
        verdict_limit(&v, "total = %s, blocked = %s",
                      say_ms(budget->total_ms).text,
                      say_ms(budget->blocked_ms).text);
    }
    if (r->present)
        verdict_source(&v, "rehearsal",
                       r->at <= facts->now ? facts->now - r->at : -1);
    return v;
}
