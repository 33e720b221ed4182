#include "policies/gates.h"
#include "runner/base/buf.h"

static const char *const states[] = {
    [MEMBER_UP] = "up",
    [MEMBER_DRAIN] = "draining",
    [MEMBER_DOWN] = "down",
    [MEMBER_UNKNOWN] = "in an unknown state",
    [MEMBER_ABSENT] = "not listed",
};

/* "web3 is down, web4 is draining": those who do not serve. */
static const char *out_of_pool(struct arena *scratch,
                               const struct pool_facts *p, size_t *out)
{
    struct buf names;

    *out = 0;
    buf_init(&names);
    for (size_t i = 0; i < p->n; i++) {
        const struct member_facts *m = &p->members[i];

        if (m->state == MEMBER_UP || m->excepted)
            continue;
        buf_printf(&names, "%s%s is %s", *out ? ", " : "", m->name,
                   states[m->state]);
        ++*out;
    }
    return buf_into(&names, scratch);
}

static struct verdict judge(struct arena *scratch, const struct facts *f)
{
    const struct pool_facts *p = &f->pool;
    const struct manifest_facts *m = manifest_pick(f);
    size_t out, excepted = 0;
    const char *names = out_of_pool(scratch, p, &out);

    if (!p->read)
        return verdict_hold("pool.unreadable", 0, "the pool cannot be read: %s",
                            p->why ? p->why : "it was not asked");
    if (!p->n)
        return verdict_hold("pool.empty", 0, "the pool names no member");
    for (size_t i = 0; i < p->n; i++)
        excepted += p->members[i].excepted;
    if (!out)
        return verdict_pass("pool.whole", "%zu of %zu members serve%s",
                            p->n - excepted, p->n,
                            excepted ? "; the rest is left out" : "");
    if (m && m->repairs)
        return verdict_pass("pool.repairs",
                            "%s; this release is announced to "
                            "mend that",
                            names);
    return verdict_hold("pool.member", 0, "%zu of %zu members do not serve: %s",
                        out, p->n, names);
}

struct verdict pool_judge(struct arena *scratch,
                          const struct policy_settings *policy,
                          const struct facts *facts)
{
    const struct pool_facts *p = &facts->pool;
    struct verdict v;

    (void)policy;
    if (!p->configured)
        return verdict_off();
    if (!facts->live.release)
        return verdict_not_asked();
    v = judge(scratch, facts);
    verdict_source(&v, "pool",
                   p->read && p->at <= facts->now ? facts->now - p->at : -1);
    if (v.is != PASS)
        verdict_fix(&v, "bring the members back into the pool: tidegate "
                        "doctor; a release that mends it is announced with "
                        "`expect --repairs`");
    return v;
}
