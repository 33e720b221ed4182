#include "policies/gates.h"
#include "policies/numbers.h"
#include "policies/say.h"

struct verdict backup_judge(struct arena *scratch,
                            const struct policy_settings *policy,
                            const struct facts *facts)
{
    const struct fact *read = &facts->backup_age;
    int64_t limit = policy->backup.max_age, age;
    struct verdict v;

    (void)scratch;
    if (!policy->backup.on)
        return verdict_off();
    if (!number_known(read, facts->now, "backup.unreadable",
                      "the age of the last good backup", &v))
        return v;
    age = read->value + (facts->now > read->at ? facts->now - read->at : 0);
    if (age <= limit) {
        v = verdict_pass("backup.fresh", "the last good backup is %s old",
                         say_span(age).text);
    } else {
        v = verdict_hold("backup.max_age", 0,
                         "the last good backup is %s old, limit %s",
                         say_span(age).text, say_span(limit).text);
        verdict_fix(&v, "take a backup now, then try again");
    }
    verdict_limit(&v, "max_age = %s", say_span(limit).text);
    number_source(&v, read, facts->now);
    return v;
}
