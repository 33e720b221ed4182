#include "policies/gates.h"
#include "policies/plan.h"
#include "policies/say.h"
#include "runner/base/buf.h"

int64_t contract_due(const struct contract_facts *contract)
{
    return contract->good_at ? contract->good_at + contract->seconds : 0;
}

/* The one that may run first; NULL: of none can that be told. */
static const struct contract_facts *earliest(const struct contracts_facts *all)
{
    const struct contract_facts *first = NULL;

    for (size_t i = 0; i < all->n; i++) {
        const struct contract_facts *c = &all->list[i];

        if (contract_due(c) &&
            (!first || contract_due(c) < contract_due(first)))
            first = c;
    }
    return first;
}

static struct verdict unapplied(const struct facts *f)
{
    struct verdict v = verdict_stop(
        "contract.unapplied",
        "%zu other migration%s of %s %s pending: the contracting ones come "
        "last",
        f->contract.unapplied, f->contract.unapplied == 1 ? "" : "s",
        f->release.release, f->contract.unapplied == 1 ? "is" : "are");

    verdict_fix(&v, "announce and deploy the release first");
    return v;
}

/* None can be said to run at any time: while one of them may still come to it,
 * that is not now; else never. */
static struct verdict not_good(const struct contracts_facts *all)
{
    const struct contract_facts *c = all->list;
    struct verdict v;

    for (size_t i = 1; i < all->n && c->taken_back; i++)
        c = &all->list[i];
    if (c->taken_back) {
        v = verdict_stop("contract.taken_back",
                         "%s waits for %s, which was taken back", c->name,
                         c->release);
        verdict_fix(&v, "let a later release wait in its place (`-- tidegate: "
                        "after=this`), or release that one again");
        return v;
    }
    v = verdict_hold("contract.not_good", 0,
                     "%s waits until %s has been good for %s; it is not good "
                     "yet",
                     c->name, c->release, say_span(c->seconds).text);
    verdict_fix(&v, "release %s first, or let it wait for another one",
                c->release);
    return v;
}

static struct verdict early(const struct policy_settings *policy,
                            const struct facts *f,
                            const struct contract_facts *c)
{
    struct verdict v = verdict_hold(
        "contract.early", contract_due(c),
        "%s waits until %s has been good for %s: not before %s, in %s", c->name,
        c->release, say_span(c->seconds).text,
        say_time(policy, f->now, contract_due(c)).text,
        say_span(contract_due(c) - f->now).text);

    verdict_limit(&v, "for=%s", say_span(c->seconds).text);
    verdict_fix(&v, "wait, or use: tidegate deploy %s --only contract --wait",
                f->release.release);
    return v;
}

/* "0014_x runs; 0015_y not before Thu ...; 0016_z once v1.5 has been ..." */
static char *each(struct arena *scratch, const struct policy_settings *policy,
                  const struct facts *f)
{
    struct buf out;

    buf_init(&out);
    for (size_t i = 0; i < f->contract.n; i++) {
        const struct contract_facts *c = &f->contract.list[i];
        int64_t due = contract_due(c);

        buf_printf(&out, "%s%s ", i ? "; " : "", c->name);
        if (c->runs && due && due <= f->now)
            buf_str(&out, "runs");
        else if (due)
            buf_printf(&out, "%s %s",
                       due <= f->now ? "may run since" : "not before",
                       say_time(policy, f->now, due).text);
        else
            buf_printf(&out, "once %s has been good for %s", c->release,
                       say_span(c->seconds).text);
    }
    return buf_into(&out, scratch);
}

struct verdict contract_at(struct arena *scratch,
                           const struct policy_settings *policy,
                           const struct facts *facts, int64_t at)
{
    const struct contracts_facts *all = &facts->contract;
    const struct contract_facts *first = earliest(all);

    if (all->n == 0)
        return verdict_pass("contract.none", "nothing contracting is pending");
    if (release_phases(&facts->release) != PHASES_CONTRACT)
        return verdict_pass("contract.pending", "contracting: %s",
                            each(scratch, policy, facts));
    if (all->unapplied > 0)
        return unapplied(facts);
    if (!first)
        return not_good(all);
    if (contract_due(first) > at)
        return early(policy, facts, first);
    return verdict_pass("contract.due", "contracting: %s",
                        each(scratch, policy, facts));
}

struct verdict contract_judge(struct arena *scratch,
                              const struct policy_settings *policy,
                              const struct facts *facts)
{
    return contract_at(scratch, policy, facts, facts->now);
}
