#include "policies/gates.h"
#include "policies/say.h"

struct verdict proven_judge(struct arena *scratch,
                            const struct policy_settings *policy,
                            const struct facts *facts)
{
    const struct proven_settings *want = &policy->proven;
    const struct proven_facts *p = &facts->proven;
    const char *run = p->run ? p->run : "?";
    int64_t age = facts->now - p->good_at;
    struct verdict v;

    (void)scratch;
    if (!want->on)
        return verdict_off();
    if (!p->known) {
        v = verdict_hold("proven.unknown", 0,
                         "the same artifact and "
                         "migrations never ended good "
                         "in %s",
                         want->in);
        verdict_fix(&v, "deploy it there first: tidegate deploy -e %s",
                    want->in);
    } else if (!p->good) {
        v = verdict_stop("proven.bad", "it ended bad in %s (run %s)", want->in,
                         run);
        verdict_fix(&v, "find out why it failed there, and release a "
                        "corrected one");
    } else if (age < want->for_time) {
        v = verdict_hold("proven.younger", p->good_at + want->for_time,
                         "good in %s for %s, %s are asked for", want->in,
                         say_span(age).text, say_span(want->for_time).text);
        verdict_fix(&v, "wait, or use: tidegate deploy --wait");
    } else {
        v = verdict_pass("proven.good", "good in %s for %s (run %s)", want->in,
                         say_span(age).text, run);
    }
    verdict_limit(&v, "in = %s, for = %s", want->in,
                  say_span(want->for_time).text);
    return v;
}
