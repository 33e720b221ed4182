#include "policies/gates.h"

#include <stdio.h>

#include "policies/numbers.h"
#include "policies/say.h"
#include "runner/base/duration.h"

/* How much larger a table may have become; of small ones nobody asks. */
#define GROWTH             1.2
#define GROWTH_LEAST_BYTES (INT64_C(8) * 1024 * 1024)

static void fix_safer(const char *safer, struct verdict *v)
{
    if (safer)
        verdict_fix(v, "safer: %s", safer);
    else
        verdict_fix(v, "split or rewrite the migration, or have the budget "
                       "changed");
}

struct verdict rehearsal_failed(const struct facts *f)
{
    const struct rehearsal_facts *r = &f->rehearsal;
    struct verdict v =
        verdict_stop("rehearsal.failed", "the rehearsal failed: %s", r->failed);

    if (r->lacks)
        verdict_fix(&v,
                    "the clone lacks tables of production's (%s): make it "
                    "anew from production, then run: tidegate rehearse %s%s",
                    r->lacks, f->release.release, rehearse_only(&f->release));
    else
        verdict_fix(&v,
                    "correct the migration and tag that, then run: tidegate "
                    "rehearse TAG%s",
                    rehearse_only(&f->release));
    return v;
}

static bool rewrite_broken(const struct budget_settings *budget,
                           const struct rehearsal_facts *r, struct verdict *v)
{
    if (!budget->rewrite_forbidden || !r->rewrite)
        return false;
    *v = verdict_stop("rehearsal.rewrite", "a whole table is rewritten: %s",
                      r->rewrite);
    verdict_limit(v, "rewrite = forbid");
    fix_safer(r->safer, v);
    return true;
}

static bool blocked_broken(const struct budget_settings *budget,
                           const struct rehearsal_facts *r, struct verdict *v)
{
    if (budget->blocked_ms < 0 || r->blocked <= budget->blocked_ms)
        return false;
    *v = verdict_stop("rehearsal.blocked", "users wait up to %s, budget %s: %s",
                      say_ms(r->blocked).text, say_ms(budget->blocked_ms).text,
                      r->blocked_by ? r->blocked_by : "a table is locked");
    verdict_limit(v, "blocked = %s", say_ms(budget->blocked_ms).text);
    fix_safer(r->blocked_safer, v);
    return true;
}

static bool total_broken(const struct budget_settings *budget,
                         const struct rehearsal_facts *r, struct verdict *v)
{
    if (budget->total_ms < 0 || r->high - r->pausable <= budget->total_ms)
        return false;
    *v = verdict_stop("rehearsal.total", "takes %s to %s, likely %s; budget %s",
                      say_ms(r->low).text, say_ms(r->high).text,
                      say_ms(r->likely).text, say_ms(budget->total_ms).text);
    verdict_limit(v, "total = %s", say_ms(budget->total_ms).text);
    fix_safer(NULL, v);
    return true;
}

/* A budget that is broken stays broken however old the rehearsal and however
 * small the clone: STOP before HOLD. The first rules, and the others are told
 * with it, so that nobody mends one only to hear of the next. */
static bool broken(const struct budget_settings *budget, const struct facts *f,
                   struct verdict *v)
{
    static bool (*const each[])(
        const struct budget_settings *, const struct rehearsal_facts *,
        struct verdict *) = {rewrite_broken, blocked_broken, total_broken};
    const struct rehearsal_facts *r = &f->rehearsal;
    struct verdict one;
    bool any = false;

    if (r->failed) {
        *v = rehearsal_failed(f);
        return true;
    }
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        if (!each[i](budget, r, &one))
            continue;
        if (any)
            verdict_also(v, &one);
        else
            *v = one;
        any = true;
    }
    return any;
}

/* "15.20" of 150020, "16.1" of 160001 */
static struct say say_version(int version)
{
    struct say out;

    snprintf(out.text, sizeof out.text, "%d.%d", version / 10000,
             version % 10000);
    return out;
}

static struct say say_bytes(int64_t bytes)
{
    struct say out;

    bytes_text(bytes, out.text, sizeof out.text);
    return out;
}

static bool grew(int64_t was, int64_t now)
{
    return was >= 0 && now > was && (double)now > (double)was * GROWTH;
}

/* The first table that has outgrown its estimate. */
static bool outgrown(const struct basis_facts *b, struct verdict *v)
{
    for (size_t i = 0; i < b->n_tables; i++) {
        const struct table_growth *t = &b->tables[i];

        if (t->bytes_now < GROWTH_LEAST_BYTES)
            continue;
        if (grew(t->bytes_was, t->bytes_now))
            *v = verdict_hold("rehearsal.grown", 0,
                              "%s has grown since the rehearsal, from %s to %s",
                              t->table, say_bytes(t->bytes_was).text,
                              say_bytes(t->bytes_now).text);
        else if (grew(t->rows_was, t->rows_now))
            *v = verdict_hold("rehearsal.grown", 0,
                              "%s has grown since the rehearsal, from %lld to "
                              "%lld rows",
                              t->table, (long long)t->rows_was,
                              (long long)t->rows_now);
        else
            continue;
        verdict_limit(v, "20 %% larger than when it was rehearsed");
        return true;
    }
    return false;
}

static struct verdict other_settings(const struct basis_facts *b)
{
    const struct setting_change *s = &b->settings[0];

    if (b->n_settings == 1)
        return verdict_hold("rehearsal.settings", 0,
                            "%s is \"%s\" now, and was \"%s\" at the "
                            "rehearsal",
                            s->name, s->now, s->was);
    return verdict_hold("rehearsal.settings", 0,
                        "%s is \"%s\" now, and was \"%s\" at the rehearsal; "
                        "%zu more setting%s",
                        s->name, s->now, s->was, b->n_settings - 1,
                        b->n_settings == 2 ? " differs" : "s differ");
}

/* Production is no longer what was rehearsed for. */
static bool expired(const struct basis_facts *b, struct verdict *v)
{
    if (!b->known)
        *v = verdict_hold("rehearsal.unknown", 0,
                          "the certificate does not say what production was "
                          "like: an older tidegate made it");
    else if (b->unread)
        *v = verdict_hold("rehearsal.unread", 0,
                          "it cannot be told whether production is still as "
                          "it was rehearsed: %s",
                          b->unread);
    else if (b->version_was != b->version_now)
        *v = verdict_hold("rehearsal.server", 0,
                          "the server is PostgreSQL %s now, and was %s at the "
                          "rehearsal",
                          say_version(b->version_now).text,
                          say_version(b->version_was).text);
    else if (b->n_settings) /* the schema knows those of the database too */
        *v = other_settings(b);
    else if (b->schema)
        *v = verdict_hold("rehearsal.schema", 0,
                          "the schema has changed since the rehearsal: %s",
                          b->schema);
    else
        return outgrown(b, v);
    return true;
}

static bool too_small(const struct rehearsal_facts *r, struct verdict *v)
{
    /* false for what is no number */
    if (r->clone_share >= REHEARSAL_CLONE_LEAST)
        return false;
    *v = verdict_hold("rehearsal.clone", 0,
                      "the clone was %.2f %% of production, at least 1 %% is "
                      "asked for: too small to tell",
                      100 * r->clone_share);
    return true;
}

/* No certificate that speaks for these migrations today. */
static bool missing(const struct budget_settings *budget, const struct facts *f,
                    struct verdict *v)
{
    const struct rehearsal_facts *r = &f->rehearsal;
    int64_t age = f->now - r->at;
    bool larger = false;

    if (!r->present)
        *v = verdict_hold("rehearsal.none", 0,
                          "the pending migrations were "
                          "never rehearsed");
    else if (!r->same)
        *v = verdict_hold("rehearsal.other", 0,
                          "the rehearsal was of other migrations%s%s",
                          r->differs ? ": " : "", r->differs ? r->differs : "");
    else if (broken(budget, f, v))
        return true;
    else if (age < -CLOCKS_APART)
        *v = verdict_hold("rehearsal.future", 0,
                          "the rehearsal is dated %s ahead of now: a clock is "
                          "wrong, and its age cannot be told",
                          say_span(-age).text);
    else if (age > budget->certificate)
        *v = verdict_hold("rehearsal.stale", 0,
                          "the rehearsal is %s old, "
                          "limit %s",
                          say_span(age).text,
                          say_span(budget->certificate).text);
    else if (too_small(r, v))
        larger = true;
    else if (!expired(&r->basis, v))
        return false;
    verdict_fix(v, "%s: tidegate rehearse %s%s%s",
                r->present ? "rehearse again" : "run", f->release.release,
                rehearse_only(&f->release),
                larger ? ", with a larger clone" : "");
    return true;
}

struct verdict rehearsal_judge(struct arena *scratch,
                               const struct policy_settings *policy,
                               const struct facts *facts)
{
    const struct budget_settings *budget = &policy->budget;
    const struct rehearsal_facts *r = &facts->rehearsal;
    struct verdict v;

    (void)scratch;
    if (!budget->on)
        return verdict_off();
    if (!r->needed)
        return verdict_pass("rehearsal.not_needed", "no migration is pending");
    if (!missing(budget, facts, &v)) {
        v = verdict_pass("rehearsal.kept",
                         "takes %s to %s, likely %s; users "
                         "wait up to %s%s%s",
                         say_ms(r->low).text, say_ms(r->high).text,
                         say_ms(r->likely).text, say_ms(r->blocked).text,
                         r->basis.blind ? "; not compared: " : "",
                         r->basis.blind ? r->basis.blind : "");
        verdict_limit(&v, "total = %s, blocked = %s",
                      say_ms(budget->total_ms).text,
                      say_ms(budget->blocked_ms).text);
    }
    if (r->present)
        verdict_source(&v, "rehearsal",
                       r->at <= facts->now ? facts->now - r->at : -1);
    return v;
}
