#include "policies/gates.h"

/* Whether one migration leaves a way back; else *v says why not. */
static bool returns(const struct migration_facts *m, bool backup_fresh,
                    const struct release_facts *release, struct verdict *v)
{
    if (!m->after && m->breaks && !m->compatible) {
        *v = verdict_stop("way_back.breaks",
                          "the old code would not run with "
                          "%s: %s",
                          m->name, m->breaks);
        verdict_fix(v, "make it phase=after, or declare `-- tidegate: "
                       "compatible REASON`");
    } else if (m->after && m->forward_only && !backup_fresh) {
        *v = verdict_stop("way_back.backup",
                          "%s is forward-only, and no fresh "
                          "backup is proved",
                          m->name);
        verdict_fix(v, "take a backup, and configure [backup] in the policy");
    } else if (m->after && !m->forward_only && !m->has_down) {
        *v = verdict_stop("way_back.no_down", "%s has no down", m->name);
        verdict_fix(v, "write its .down.sql, or declare `-- tidegate: "
                       "forward-only REASON`");
    } else if (m->after && !m->forward_only && !m->down_rehearsed) {
        *v = verdict_stop("way_back.not_rehearsed",
                          "the down of %s was not "
                          "rehearsed",
                          m->name);
        verdict_fix(v, "run: tidegate rehearse %s%s", release->release,
                    rehearse_only(release));
    } else {
        return true;
    }
    return false;
}

struct verdict way_back_judge(struct arena *scratch,
                              const struct policy_settings *policy,
                              const struct facts *facts)
{
    const struct way_back_facts *w = &facts->way_back;
    size_t before = 0, forward_only = 0;
    struct verdict v;

    (void)scratch;
    (void)policy;
    for (size_t i = 0; i < w->n; i++) {
        const struct migration_facts *m = &w->migrations[i];

        if (!returns(m, w->backup_fresh, &facts->release, &v))
            return v;
        before += !m->after;
        forward_only += m->after && m->forward_only;
    }
    if (!w->n)
        return verdict_pass("way_back.code", "the way back is code only");
    return verdict_pass("way_back.open",
                        "the way back is open: %zu \"before\" migrations are "
                        "kept, %zu \"after\" ones go down, %zu are "
                        "forward-only",
                        before, w->n - before - forward_only, forward_only);
}
