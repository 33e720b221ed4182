#include <string.h>

#include "policies/gates.h"
#include "policies/say.h"

struct verdict policy_judge(struct arena *scratch,
                            const struct policy_settings *policy,
                            const struct facts *facts)
{
    const struct policy_facts *p = &facts->policy;
    struct verdict v;

    (void)scratch;
    (void)policy;
    if (!p->now) {
        v = verdict_stop("policy.unread", "the digest of the policy in force "
                                          "is not known");
        verdict_fix(&v, "run: tidegate policy show");
        return v;
    }
    if (!p->pinned) {
        v = verdict_stop("policy.unpinned", "no policy is pinned yet");
        verdict_fix(&v, "run: tidegate init");
        return v;
    }
    if (strcmp(p->pinned, p->now) == 0)
        return verdict_pass("policy.pinned", "policy %s is the pinned one",
                            say_digest(p->now).text);
    v = verdict_stop("policy.changed", "policy changed: was %s, is %s%s%s",
                     say_digest(p->pinned).text, say_digest(p->now).text,
                     p->changes ? ": " : "", p->changes ? p->changes : "");
    verdict_fix(&v, "undo the change, or have it accepted by those whom the "
                    "pinned policy asks: tidegate policy accept");
    return v;
}
