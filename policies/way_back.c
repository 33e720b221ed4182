#include "policies/gates.h"

/* Another rehearsal would find the same: the files have to change. */
static struct verdict lacks(const struct migration_facts *m,
                            const struct release_facts *release)
{
    struct verdict v;

    if (m->down_loses) {
        v = verdict_stop("way_back.loses",
                         "the down of %s was rehearsed, and does not bring "
                         "the data back: %s",
                         m->name, m->down_lacks);
        verdict_fix(&v, "in a new tag delete its down and declare `-- "
                        "tidegate: forward-only REASON`, which wants a fresh "
                        "backup; or keep what it drops until nobody can want "
                        "it back");
        return v;
    }
    v = verdict_stop("way_back.lacks",
                     "the down of %s was rehearsed, and does not give back "
                     "what was there: %s",
                     m->name, m->down_lacks);
    verdict_fix(&v,
                "correct the down, or delete it and declare `-- tidegate: "
                "forward-only REASON`; tag that, then run: tidegate rehearse "
                "TAG%s",
                rehearse_only(release));
    return v;
}

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
    } else if (m->after && !m->forward_only && m->down_lacks) {
        *v = lacks(m, release);
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
