#include "policies/gates.h"
#include "policies/say.h"

static const char *named(const char *name)
{
    return name ? name : "somebody";
}

static struct verdict frozen(const struct policy_settings *policy,
                             const struct facts *f)
{
    const struct line_facts *line = &f->line;
    struct verdict v =
        verdict_stop("line.frozen", "%s froze %s at %s: %s",
                     named(line->frozen_by), named(f->release.environment),
                     say_time(policy, f->now, line->frozen_at).text,
                     line->frozen_why ? line->frozen_why : "no reason given");

    verdict_fix(&v, "when the reason is gone, run: tidegate thaw");
    return v;
}

struct verdict line_judge(struct arena *scratch,
                          const struct policy_settings *policy,
                          const struct facts *facts)
{
    const struct line_facts *line = &facts->line;
    struct verdict v;

    (void)scratch;
    if (line->lease_lost) {
        v = verdict_stop("line.lease", "the lease is not ours any more: "
                                       "another run superseded this one");
        verdict_fix(&v, "run: tidegate status");
        return v;
    }
    if (line->frozen_by)
        return frozen(policy, facts);
    if (line->unfinished && !facts->changing) {
        v = verdict_stop("line.unfinished", "run %s stopped part-way",
                         line->unfinished);
        verdict_fix(&v, "run: tidegate status, then tidegate resume or "
                        "tidegate rollback");
        return v;
    }
    if (line->other_run) {
        v = verdict_hold("line.busy", 0,
                         "run %s of %s holds the environment "
                         "since %s",
                         line->other_run, named(line->other_who),
                         say_time(policy, facts->now, line->other_since).text);
        verdict_fix(&v, "wait for it, or use: tidegate deploy --wait");
        return v;
    }
    return verdict_pass("line.free", "no other run, none unfinished, not "
                                     "frozen");
}
