#include "runner/facts/gather.h"

#include <string.h>

#include "runner/facts/contract.h"
#include "runner/release/sign.h"
#include "runner/release/statement.h"

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static void gather_live(struct subject *s, struct facts *f)
{
    const struct release_state *live =
        s->state.live ? state_release(&s->state, s->state.live) : NULL;

    f->live.release = s->state.live;
    f->live.commit = live ? live->commit : NULL;
    f->live.verified = s->state.live_verified;
    f->live.ancestry = ANCESTRY_NOTHING_LIVE;
    if (!s->state.live)
        return;
    if (live && live->commit && *live->commit) {
        f->live.ancestry = git_ancestry(s->git, s->arena, live->commit,
                                        s->commit, &f->live.why);
        return;
    }
    f->live.ancestry = ANCESTRY_UNKNOWN;
    f->live.why = "it was taken over without a commit";
}

/* An adopted tree has a digest of its own: only its commit is compared. */
static void gather_name(struct subject *s, struct release_facts *out)
{
    const struct release_state *was =
        s->release ? state_release(&s->state, s->release) : NULL;

    if (!was || was->is == RELEASE_STAGED)
        return;
    out->was_commit = was->commit && *was->commit ? was->commit : NULL;
    out->was_artifact = was->adopted ? NULL : was->artifact;
}

void gather_release(struct subject *s, struct facts *f)
{
    f->release = (struct release_facts){
        .project = s->config->project,
        .environment = s->env->name,
        .release = s->release,
        .commit = s->commit,
        .artifact = s->artifact.digest,
        .migrations = s->migrations.digest,
        .hosts = s->hosts_digest,
        .policy = s->policy_digest,
        .phases = s->phases,
        .restart_only = s->restart_only,
        .pending = s->pending.n +
                   (s->phases == PHASES_CONTRACT ? s->pending.contract_n : 0),
        .pending_read = s->pending_known,
        .hostless = s->env->n_hosts == 0,
    };
    gather_name(s, &f->release);
    f->contract = contract_facts(s);
    if (s->git)
        gather_live(s, f);
}

/* The signers and revoked keys are files that may change while a deploy waits
 * or runs: what signatures are checked against must be what is pinned. */
static void policy_now(struct subject *s)
{
    struct err ignored = {0};

    if (!config_policy_digest(s->env, s->policy_digest, &ignored))
        s->policy_digest[0] = '\0';
}

static void gather_policy(struct subject *s, struct facts *f)
{
    struct err ignored = {0};

    policy_now(s);
    f->policy.pinned = s->state.pinned;
    f->policy.now = *s->policy_digest ? s->policy_digest : NULL;
    f->policy.announcers = sign_people(s->arena, &s->env->policy.expected);
    if (!f->policy.pinned || same(f->policy.pinned, f->policy.now))
        return;
    char *now = config_policy_text(s->arena, s->env, &ignored);

    if (now && s->state.pinned_text)
        f->policy.changes =
            config_policy_sentence(s->arena, s->state.pinned_text, now);
}

static struct approval_facts *approvals_of(struct subject *s, size_t i,
                                           size_t *n)
{
    const struct expected_settings *expected = &s->env->policy.expected;
    const struct statement_state *list = s->state.approvals[i];
    struct approval_facts *out;

    *n = 0;
    while (list && list[*n].digest)
        (*n)++;
    out = arena_array(s->arena, *n, sizeof *out);
    for (size_t k = 0; k < *n; k++) {
        struct signature_check check;

        sign_check(s->loop, s->arena, expected, list[k].text, list[k].signature,
                   list[k].at, &check);
        out[k] = (struct approval_facts){
            .person = check.person ? check.person : list[k].person,
            .key = check.key ? check.key : list[k].key,
            .at = list[k].at,
            .how = check.how,
            .manifest = s->state.manifests[i].digest,
        };
    }
    return out;
}

/* Signatures are checked where the answer matters: on this release's own
 * manifests that are open, or that this run consumed, and on those of other
 * releases that are named as open when this one is not expected. */
static bool matters(const struct subject *s, const struct facts *f,
                    const struct manifest_facts *m)
{
    if (!same(m->release, s->release))
        return manifest_open(m, f->now);
    return !m->used_by || same(m->digest, f->consumed);
}

void gather_manifests(struct subject *s, struct facts *f)
{
    struct manifest_facts *list = s->state.manifests;

    for (size_t i = 0; i < s->state.n_manifests; i++) {
        struct manifest_facts *m = &list[i];
        const struct statement_state *text = &s->state.manifest_statements[i];
        struct signature_check check;

        if (!matters(s, f, m))
            continue;
        sign_check(s->loop, s->arena, &s->env->policy.expected, text->text,
                   text->signature, m->announced, &check);
        m->how = check.how;
        if (check.person)
            m->person = check.person;
        m->key = check.key;
        if (same(m->release, s->release))
            m->approvals = approvals_of(s, i, &m->approved);
    }
    f->manifests = list;
    f->announced = s->state.n_manifests;
}

static void gather_line(struct subject *s, struct facts *f)
{
    const struct run_state *open = s->state.unfinished;
    struct lease_holder holder;

    f->line.frozen_by = s->state.frozen_by;
    f->line.frozen_why = s->state.frozen_why;
    f->line.frozen_at = s->state.frozen_at;
    if (f->changing || f->consumed) {
        f->line.lease_lost = !ledger_lease_held(s->ledger);
        return;
    }
    if (ledger_lease_holder(s->ledger, s->arena, s->env->name, &holder) &&
        !ledger_lease_held(s->ledger)) {
        f->line.other_run = holder.run;
        f->line.other_who = holder.who;
        f->line.other_since = holder.since;
    } else if (open) {
        f->line.unfinished = open->id;
    }
}

void gather_local(struct subject *s, struct facts *f)
{
    f->now = clock_now();
    if (s->release)
        gather_manifests(s, f);
    gather_policy(s, f);
    gather_release(s, f);
    gather_line(s, f);
    gather_need(s, f);
}

void gather_contact(struct subject *s, struct facts *f, const char *const *each)
{
    gather_release(s, f);
    gather_need(s, f);
    gather_users(s, f);
    gather_rehearsal(s, f);
    gather_backup(s, f);
    gather_replicas(s, f);
    gather_probe(s, f, each);
    gather_pool(s, f);
    gather_proven(s, f);
    gather_clock(s, f);
}
