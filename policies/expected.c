#include <string.h>

#include "policies/gates.h"
#include "policies/say.h"
#include "runner/base/buf.h"

/* What one question of this gate is asked with. */
struct question {
    struct arena *scratch;
    const struct policy_settings *policy;
    const struct facts *f;
    const struct manifest_facts *m;
};

/* A check answers true when it spoke. */
typedef bool check(const struct question *q, struct verdict *v);

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static const char *named(const char *name)
{
    return name ? name : "somebody";
}

static struct say time_of(const struct question *q, int64_t at)
{
    return say_time(q->policy, q->f->now, at);
}

static bool signature_good(const struct policy_settings *policy,
                           enum signed_how how)
{
    return how == SIGNED_GOOD ||
           (how == SIGNED_NOT && !policy->expected.signatures_required);
}

/* "v1.4.2, until 23:30 EET; v1.5, from Tue ... until ..." */
static const char *open_list(const struct question *q)
{
    const struct facts *f = q->f;
    struct buf out;

    buf_init(&out);
    for (size_t i = 0; i < f->announced; i++) {
        const struct manifest_facts *m = &f->manifests[i];

        if (!manifest_open(m, f->now) || !signature_good(q->policy, m->how) ||
            !same(m->environment, f->release.environment))
            continue;
        buf_printf(&out, "%s%s,", out.len ? "; " : "", named(m->release));
        if (f->now < m->opens)
            buf_printf(&out, " from %s", time_of(q, m->opens).text);
        buf_printf(&out, " until %s", time_of(q, m->expires).text);
    }
    return buf_into(&out, q->scratch);
}

/* The fix of every "not expected": it offers no command that would make an
 * accident expected. */
static void fix_nothing(const struct question *q, struct verdict *v)
{
    const char *who = q->f->policy.announcers;

    if (q->f->changing) {
        verdict_fix(v, "nothing new begins; the run finishes or goes back as "
                       "`on_hold` says");
        return;
    }
    verdict_fix(v,
                "if you did not mean this, do nothing: nothing was changed; "
                "releases are announced by %s (README: \"Announcing a "
                "release\")",
                who && *who ? who : "your release managers");
}

static struct verdict not_announced(const struct question *q)
{
    const char *open = open_list(q);
    struct verdict v;

    if (q->f->consumed)
        v = verdict_stop("expected.lost", "the announcement that this run "
                                          "consumed is not in the ledger");
    else
        v = verdict_stop("expected.none",
                         "nobody announced it; announced and open: %s",
                         *open ? open : "nothing");
    fix_nothing(q, &v);
    return v;
}

/* One of the ways an announcement ends before a run may use it. */
static bool spent(const struct question *q, struct verdict *v, const char *rule,
                  const char *how)
{
    const char *open = open_list(q);

    *v = verdict_stop(rule, "the announcement of %s %s; announced and open: %s",
                      named(q->m->release), how, *open ? open : "nothing");
    fix_nothing(q, v);
    return true;
}

/* The same release twice at once: the second waits for what comes of it. */
static bool in_use(const struct question *q, struct verdict *v)
{
    const struct line_facts *line = &q->f->line;

    *v = verdict_hold("expected.in-use", 0,
                      "run %s of %s is releasing it, since %s", line->other_run,
                      named(line->other_who),
                      time_of(q, line->other_since).text);
    verdict_fix(v, "wait for it; see: tidegate status");
    return true;
}

static bool check_used(const struct question *q, struct verdict *v)
{
    if (!q->m->used_by || same(q->m->digest, q->f->consumed))
        return false;
    if (same(q->m->used_by, q->f->line.other_run))
        return in_use(q, v);
    return spent(q, v, "expected.used",
                 arena_printf(q->scratch, "was used by run %s", q->m->used_by));
}

static bool check_withdrawn(const struct question *q, struct verdict *v)
{
    if (!q->m->withdrawn)
        return false;
    return spent(q, v, "expected.withdrawn",
                 arena_printf(q->scratch, "was withdrawn by %s",
                              named(q->m->withdrawn_by)));
}

static bool check_replaced(const struct question *q, struct verdict *v)
{
    if (!q->m->replaced_by)
        return false;
    return spent(q, v, "expected.replaced",
                 arena_printf(q->scratch, "was replaced by a later one (%s)",
                              say_digest(q->m->replaced_by).text));
}

static bool check_expired(const struct question *q, struct verdict *v)
{
    if (q->f->now < q->m->expires)
        return false;
    return spent(q, v, "expected.expired",
                 arena_printf(q->scratch, "expired at %s, %s ago",
                              time_of(q, q->m->expires).text,
                              say_span(q->f->now - q->m->expires).text));
}

static const struct {
    const char *rule, *why;
} signatures[] = {
    [SIGNED_GOOD] = {"expected.signed", "is signed"},
    [SIGNED_NOT] = {"expected.unsigned", "is not signed, and `signatures = "
                                         "required`"},
    [SIGNED_BAD] = {"expected.signature", "does not match its signature: text "
                                          "or signature was altered"},
    [SIGNED_UNKNOWN] = {"expected.key_unknown",
                        "is signed with a key that is not in the signers "
                        "file"},
    [SIGNED_NAMESPACE] = {"expected.namespace", "carries a signature made for "
                                                "something else than tidegate"},
    [SIGNED_REVOKED] = {"expected.key_revoked", "is signed with a revoked "
                                                "key"},
    [SIGNED_EXPIRED] = {"expected.key_expired", "is signed with a key that "
                                                "has expired"},
};

static bool check_signature(const struct question *q, struct verdict *v)
{
    enum signed_how how = q->m->how;

    if (signature_good(q->policy, how))
        return false;
    *v = verdict_stop(signatures[how].rule, "the announcement of %s by %s %s",
                      named(q->m->release), named(q->m->person),
                      signatures[how].why);
    verdict_limit(v, "signatures = %s",
                  q->policy->expected.signatures_required ? "required"
                                                          : "optional");
    fix_nothing(q, v);
    return true;
}

static bool check_revoked(const struct question *q, struct verdict *v)
{
    return q->m->how == SIGNED_REVOKED && check_signature(q, v);
}

/* What the announcement binds and what is asked now must be equal. */
static bool check_bound(const struct question *q, struct verdict *v)
{
    const struct manifest_facts *m = q->m;
    const struct release_facts *r = &q->f->release;
    const struct {
        const char *rule, *what, *announced, *now;
    } bound[] = {
        {"expected.commit", "commit", m->commit, r->commit},
        {"expected.artifact", "artifact", m->artifact, r->artifact},
        {"expected.migrations", "migrations", m->migrations, r->migrations},
        {"expected.hosts", "host set", m->hosts, r->hosts},
        {"expected.policy", "policy", m->policy, r->policy},
    };

    for (size_t i = 0; i < sizeof(bound) / sizeof(bound[0]); i++) {
        if (same(bound[i].announced, bound[i].now))
            continue;
        *v = verdict_stop(bound[i].rule,
                          "%s was announced by %s with %s %s, and now it is %s",
                          named(m->release), named(m->person), bound[i].what,
                          say_digest(bound[i].announced).text,
                          say_digest(bound[i].now).text);
        fix_nothing(q, v);
        return true;
    }
    return false;
}

static bool check_phases(const struct question *q, struct verdict *v)
{
    static const char *const words[] = {
        [PHASES_ALL] = "the whole release",
        [PHASES_MIGRATIONS] = "its migrations only",
        [PHASES_RESTART] = "a restart only",
        [PHASES_CONTRACT] = "its contracting migrations only",
    };
    static const char *const options[] = {
        [PHASES_ALL] = "",
        [PHASES_MIGRATIONS] = " --only migrations",
        [PHASES_RESTART] = " --restart-only",
        [PHASES_CONTRACT] = " --only contract",
    };
    enum phases asked = release_phases(&q->f->release);

    if (q->m->phases == asked)
        return false;
    *v = verdict_stop("expected.phases",
                      "%s is announced for %s, and %s is "
                      "asked",
                      named(q->m->release), words[q->m->phases], words[asked]);
    if (q->f->changing)
        fix_nothing(q, v);
    else
        verdict_fix(v, "ask for what is announced: tidegate check %s%s",
                    named(q->m->release), options[q->m->phases]);
    return true;
}

/* A restart brings no code, and a contracting migration wants its own: what is
 * not live cannot be restarted or finished. Where there are no hosts, no code
 * is live that tidegate knows of. */
static bool check_live(const struct question *q, struct verdict *v)
{
    const struct live_facts *live = &q->f->live;
    const struct release_facts *r = &q->f->release;
    enum phases phases = release_phases(r);
    bool restart = phases == PHASES_RESTART;

    if ((!restart && phases != PHASES_CONTRACT) ||
        same(live->release, r->release) || (r->hostless && !live->release))
        return false;
    *v = verdict_stop(restart ? "expected.restart" : "expected.contract",
                      "%s is not live, so it cannot be %s: live is %s",
                      named(r->release), restart ? "restarted" : "finished",
                      live->release ? live->release : "nothing");
    verdict_fix(v,
                "announce what is live with `expect --only %s`, or the whole "
                "release",
                restart ? "restart" : "contract");
    return true;
}

static bool check_older(const struct question *q, struct verdict *v)
{
    if (q->f->live.ancestry != ANCESTRY_OLDER)
        return false;
    *v = verdict_stop("expected.older",
                      "the commit of %s is older than live "
                      "%s",
                      named(q->f->release.release), named(q->f->live.release));
    verdict_fix(v, "to go back, run: tidegate rollback");
    return true;
}

/* Diverged and unknown ancestry: only for who said what it replaces. */
static bool check_ancestry(const struct question *q, struct verdict *v)
{
    const struct live_facts *live = &q->f->live;
    bool unknown = live->ancestry == ANCESTRY_UNKNOWN ||
                   (live->ancestry == ANCESTRY_NOTHING_LIVE && live->release);

    if ((live->ancestry != ANCESTRY_DIVERGED && !unknown) ||
        same(q->m->replaces, live->release))
        return false;
    if (q->m->replaces)
        *v = verdict_stop("expected.replaces",
                          "%s is announced to replace %s, and live is %s",
                          named(q->m->release), q->m->replaces,
                          live->release ? live->release : "nothing");
    else if (unknown)
        *v = verdict_stop("expected.ancestry_unknown",
                          "nobody can tell whether %s contains live %s: %s",
                          named(q->m->release), named(live->release),
                          live->why ? live->why : "its commit is not known");
    else
        *v = verdict_stop("expected.diverged",
                          "%s does not contain live %s: what is live would be "
                          "lost",
                          named(q->m->release), named(live->release));
    verdict_fix(v,
                "release a commit that contains %s, or have it announced "
                "with `expect --replaces %s`",
                live->release ? live->release : "what is live",
                live->release ? live->release : "LIVE");
    return true;
}

/* The tag that is live was moved to another commit. */
static bool check_reused(const struct question *q, struct verdict *v)
{
    const struct live_facts *live = &q->f->live;
    const struct release_facts *r = &q->f->release;

    if (!same(live->release, r->release) || !live->commit ||
        same(live->commit, r->commit))
        return false;
    *v = verdict_stop("expected.reused",
                      "%s is live from commit %s, and now "
                      "names commit %s",
                      r->release, say_digest(live->commit).text,
                      say_digest(r->commit).text);
    verdict_fix(v, "give the new commit a tag of its own");
    return true;
}

/* A name that was live before stands for what it stood for then: hosts may
 * still have that to go back to. */
static bool check_renamed(const struct question *q, struct verdict *v)
{
    const struct release_facts *r = &q->f->release;
    bool commit = r->was_commit && !same(r->was_commit, r->commit);
    bool artifact = r->was_artifact && !same(r->was_artifact, r->artifact);

    if (!commit && !artifact)
        return false;
    *v = verdict_stop("expected.reused",
                      "%s was live here with %s %s, and now it is %s",
                      named(r->release), commit ? "commit" : "artifact",
                      say_digest(commit ? r->was_commit : r->was_artifact).text,
                      say_digest(commit ? r->commit : r->artifact).text);
    verdict_fix(v, "give the new content a tag of its own");
    return true;
}

/* A release that was used and is not live went back: trying it a second time
 * is said, not repeated by habit. */
static bool check_again(const struct question *q, struct verdict *v)
{
    const struct facts *f = q->f;

    if (q->m->again || same(q->m->digest, f->consumed) ||
        q->m->phases != PHASES_ALL || same(f->live.release, q->m->release))
        return false;
    for (size_t i = 0; i < f->announced; i++) {
        const struct manifest_facts *u = &f->manifests[i];

        if (!u->used_by || u->phases != PHASES_ALL ||
            !same(u->environment, q->m->environment) ||
            !same(u->release, q->m->release))
            continue;
        *v = verdict_stop("expected.again",
                          "%s went out with run %s and is "
                          "not live: it was taken back",
                          named(q->m->release), u->used_by);
        verdict_fix(v, "have it announced with `expect --again`");
        return true;
    }
    return false;
}

static bool check_early(const struct question *q, struct verdict *v)
{
    const struct manifest_facts *m = q->m;
    int64_t noticed = manifest_since(m) + q->policy->expected.notice;

    if (q->f->now >= m->opens)
        return false;
    *v = verdict_hold("expected.early", m->opens > noticed ? m->opens : noticed,
                      "%s is announced from %s, in %s", named(m->release),
                      time_of(q, m->opens).text,
                      say_span(m->opens - q->f->now).text);
    verdict_fix(v, "wait, or use: tidegate deploy --wait");
    return true;
}

static bool check_notice(const struct question *q, struct verdict *v)
{
    int64_t notice = q->policy->expected.notice;
    int64_t since = manifest_since(q->m), noticed = since + notice;

    if (q->f->now >= noticed)
        return false;
    *v = verdict_hold("expected.notice", noticed,
                      "%s was announced %s ago; it may begin at %s",
                      named(q->m->release), say_span(q->f->now - since).text,
                      time_of(q, noticed).text);
    verdict_limit(v, "notice = %s", say_span(notice).text);
    verdict_fix(v, "wait, or use: tidegate deploy --wait");
    return true;
}

/* All that can be said about the announcement, in this order: STOP before
 * HOLD, and what is wrong with the announcement before what it binds. */
static check *const checks[] = {
    check_used,      check_withdrawn, check_replaced, check_expired,
    check_signature, check_reused,    check_renamed,  check_bound,
    check_phases,    check_live,      check_older,    check_ancestry,
    check_again,     check_early,     check_notice,   NULL,
};
/* Once something has changed. */
static check *const checks_again[] = {
    check_withdrawn,
    check_expired,
    check_revoked,
    NULL,
};

static bool already_live(const struct facts *f)
{
    return !f->consumed && !f->changing && f->live.verified &&
           release_phases(&f->release) != PHASES_RESTART &&
           same(f->live.release, f->release.release) &&
           f->live.ancestry == ANCESTRY_SAME &&
           (!f->release.pending_read || f->release.pending == 0);
}

static struct verdict live_verdict(const struct facts *f)
{
    struct verdict v;

    if (f->release.pending_read)
        return verdict_pass(EXPECTED_ALREADY_LIVE,
                            "%s is live and verified, and no migration is "
                            "pending: nothing to do",
                            f->release.release);
    v = verdict_hold("expected.pending_unread", 0,
                     "%s is live and verified; whether a migration is pending "
                     "is not known",
                     f->release.release);
    verdict_fix(&v, "make the database answer: tidegate doctor");
    return v;
}

struct verdict expected_judge(struct arena *scratch,
                              const struct policy_settings *policy,
                              const struct facts *facts)
{
    struct question q = {scratch, policy, facts, manifest_pick(facts)};
    check *const *list = facts->changing ? checks_again : checks;
    struct verdict v;

    if (already_live(facts))
        return live_verdict(facts);
    if (!q.m)
        return not_announced(&q);
    for (; *list; list++) {
        if ((*list)(&q, &v))
            return v;
    }
    return verdict_pass("expected.announced",
                        "%s was announced by %s %s ago, open until %s",
                        named(q.m->release), named(q.m->person),
                        say_span(facts->now - manifest_since(q.m)).text,
                        time_of(&q, q.m->expires).text);
}
