#include <string.h>

#include "policies/gates.h"

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* Which release an answer may name; the front any of two until the last
 * flip. */
static bool names_right(const struct probe_facts *p,
                        const struct answer_facts *a)
{
    const char *expected = a->expected ? a->expected : p->expected;

    return !a->named || same(a->named, expected) ||
           (same(a->who, "front") && same(a->named, p->other));
}

/* A site that `expect --repairs` may mend: what has the new release already
 * must answer, what has not is broken and known to be. */
static bool being_repaired(const struct facts *f, const struct answer_facts *a)
{
    const struct manifest_facts *m = manifest_pick(f);

    return m && m->repairs &&
           !(f->changing && same(a->expected, f->release.release));
}

static struct verdict wrong(const struct probe_facts *p,
                            const struct answer_facts *a)
{
    struct verdict v;

    if (!a->good)
        v = verdict_hold("probe.fails", 0,
                         "%s does not answer as it should: "
                         "%s",
                         a->who, a->why ? a->why : "no reason known");
    else
        v = verdict_hold("probe.release", 0,
                         "%s answers as %s, it should be "
                         "%s",
                         a->who, a->named,
                         a->expected ? a->expected : p->expected);
    verdict_fix(&v, "mend it first; a release that mends it is announced with "
                    "`expect --repairs`");
    return v;
}

struct verdict probe_judge(struct arena *scratch,
                           const struct policy_settings *policy,
                           const struct facts *facts)
{
    const struct probe_facts *p = &facts->probe;
    size_t excepted = 0, broken = 0;

    (void)scratch;
    (void)policy;
    if (!p->configured)
        return verdict_off();
    if (!p->expected && !p->n)
        return verdict_not_asked();
    for (size_t i = 0; i < p->n; i++) {
        const struct answer_facts *a = &p->answers[i];
        bool right = a->good && names_right(p, a);

        excepted += a->excepted;
        if (right || a->excepted)
            continue;
        if (!being_repaired(facts, a))
            return wrong(p, a);
        broken++;
    }
    if (!p->n) {
        struct verdict v =
            verdict_hold("probe.unread", 0, "nothing was probed");

        verdict_fix(&v, "make the probes answer: tidegate doctor");
        return v;
    }
    if (broken)
        return verdict_pass("probe.repairs",
                            "%zu of %zu answers are wrong, and this release "
                            "is announced to mend that",
                            broken, p->n);
    return verdict_pass("probe.answers", "%zu of %zu answer for %s%s",
                        p->n - excepted, p->n,
                        p->expected ? p->expected : "their release",
                        excepted ? "; the rest is left out" : "");
}
