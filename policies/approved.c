#include <string.h>

#include "policies/gates.h"
#include "policies/numbers.h"
#include "policies/person.h"
#include "policies/say.h"

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static const char *named(const char *name)
{
    return name ? name : "somebody";
}

static const struct {
    const char *rule, *why;
} refused[] = {
    [SIGNED_NOT] = {"approved.unsigned", "is not signed"},
    [SIGNED_BAD] = {"approved.signature", "does not match its signature: text "
                                          "or signature was altered"},
    [SIGNED_UNKNOWN] = {"approved.key_unknown",
                        "is signed with a key that is not in the signers "
                        "file (any more)"},
    [SIGNED_NAMESPACE] = {"approved.namespace", "carries a signature made for "
                                                "something else than tidegate"},
    [SIGNED_REVOKED] = {"approved.key_revoked", "is signed with a revoked "
                                                "key"},
    [SIGNED_EXPIRED] = {"approved.key_expired", "is signed with a key that "
                                                "has expired"},
};

/* Why one approval does not count; NULL: it counts. */
static const char *discounted(const struct manifest_facts *m, size_t i)
{
    const struct approval_facts *a = &m->approvals[i];

    if (!same(a->manifest, m->digest))
        return "approved.other_manifest";
    if (!a->person || !a->key)
        return "approved.unnamed";
    if (person_same(a->person, m->person) || same(a->key, m->key))
        return "approved.own";
    for (size_t j = 0; j < i; j++) {
        const struct approval_facts *before = &m->approvals[j];

        if (discounted(m, j))
            continue;
        if (person_same(a->person, before->person))
            return "approved.same_person";
        if (same(a->key, before->key))
            return "approved.same_key";
    }
    return NULL;
}

/* An approval whose signature cannot be trusted, or that is dated in the
 * future, ends it: somebody must look. Mid-run only a revoked key does. */
static bool find_refused(const struct facts *f, const struct manifest_facts *m,
                         struct verdict *v)
{
    for (size_t i = 0; i < m->approved; i++) {
        const struct approval_facts *a = &m->approvals[i];

        if (a->how != SIGNED_GOOD &&
            (!f->changing || a->how == SIGNED_REVOKED)) {
            *v = verdict_stop(refused[a->how].rule, "the approval by %s %s",
                              named(a->person), refused[a->how].why);
            return true;
        }
        if (!f->changing && a->at > f->now + CLOCKS_APART) {
            *v = verdict_stop("approved.future",
                              "the approval by %s is dated %s ahead of now",
                              named(a->person), say_span(a->at - f->now).text);
            return true;
        }
    }
    return false;
}

static struct verdict too_few(const struct manifest_facts *m, int have,
                              int want)
{
    static const struct {
        const char *rule, *why;
    } words[] = {
        {"approved.other_manifest", "was given for another announcement"},
        {"approved.unnamed", "names no person or no key"},
        {"approved.own", "does not count: they announced it"},
        {"approved.same_person", "counts once for one person"},
        {"approved.same_key", "counts once for one key"},
    };

    for (size_t i = 0; i < m->approved; i++) {
        const char *rule = discounted(m, i);

        for (size_t w = 0; rule && w < sizeof(words) / sizeof(words[0]); w++) {
            if (strcmp(rule, words[w].rule) == 0)
                return verdict_hold(
                    words[w].rule, 0, "%d of %d approvals; the one by %s %s",
                    have, want, named(m->approvals[i].person), words[w].why);
        }
    }
    return verdict_hold("approved.fewer", 0, "%d of %d approvals", have, want);
}

struct verdict approved_judge(struct arena *scratch,
                              const struct policy_settings *policy,
                              const struct facts *facts)
{
    const struct manifest_facts *m = manifest_pick(facts);
    int want = policy->expected.approvals, have = 0;
    struct verdict v;

    (void)scratch;
    if (want <= 0)
        return verdict_pass("approved.none_asked", "no approval is asked for");
    if (m && find_refused(facts, m, &v)) {
        verdict_fix(&v, "have %s announced and approved again",
                    named(m->release));
        return v;
    }
    if (facts->changing)
        return verdict_pass("approved.kept", "no key of an approval is "
                                             "revoked");
    for (size_t i = 0; m && i < m->approved; i++)
        have += !discounted(m, i);
    if (have >= want)
        v = verdict_pass("approved.enough", "%d of %d approvals", have, want);
    else if (m)
        v = too_few(m, have, want);
    else
        v = verdict_hold("approved.nothing", 0,
                         "0 of %d approvals: nothing is "
                         "announced to approve",
                         want);
    verdict_limit(&v, "approvals = %d", want);
    if (v.is != PASS)
        verdict_fix(&v,
                    "somebody other than the announcer runs: tidegate "
                    "approve %s",
                    facts->release.release);
    return v;
}
