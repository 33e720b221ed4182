#include "policies/numbers.h"

void number_source(struct verdict *v, const struct fact *fact, int64_t now)
{
    verdict_source(v, fact->source,
                   fact->is == FACT_KNOWN && fact->at <= now ? now - fact->at
                                                             : -1);
}

bool number_known(const struct fact *fact, int64_t now, const char *rule,
                  const char *what, struct verdict *v)
{
    if (fact->is == FACT_KNOWN && fact->value >= 0)
        return true;
    if (fact->is == FACT_KNOWN)
        *v = verdict_hold(rule, 0, "%s reads %lld: that is no count", what,
                          (long long)fact->value);
    else
        *v = verdict_hold(rule, 0, "%s cannot be read: %s", what,
                          fact->why ? fact->why : "it was not measured");
    number_source(v, fact, now);
    verdict_fix(v, "make its source answer: tidegate doctor");
    return false;
}
