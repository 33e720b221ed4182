#include <string.h>

#include "runner/command/draft.h"
#include "runner/command/release.h"
#include "runner/facts/gather.h"

#define DEFAULT_FOR (INT64_C(2) * 3600 * 1000)
#define LONGEST_FOR (INT64_C(366) * 86400 * 1000)

static bool for_invalid(struct err *e)
{
    err_what(e, ERR_USAGE, "--for is too short or too long");
    err_why(e, "an announcement is open for 1 min to 366 days");
    return err_fix(e, "give a duration such as --for 2h");
}

static bool args_valid(struct expect_args *a, enum phases *phases,
                       struct err *e)
{
    *phases = !a->only                             ? PHASES_ALL
              : strcmp(a->only, "migrations") == 0 ? PHASES_MIGRATIONS
              : strcmp(a->only, "contract") == 0   ? PHASES_CONTRACT
                                                   : PHASES_RESTART;
    if (!a->lasts)
        a->lasts = DEFAULT_FOR;
    if (a->lasts < 60000 || a->lasts > LONGEST_FOR)
        return for_invalid(e);
    if (a->replaces && !release_name_valid(a->replaces, e))
        return false;
    return reason_valid("--why", a->why, e);
}

static void fill(struct draft *d, const char *nonce)
{
    struct subject *s = d->s;
    const struct expect_args *a = d->args;

    d->m = (struct manifest){
        .project = s->config->project,
        .environment = s->env->name,
        .release = s->release,
        .commit = s->commit,
        .artifact = s->artifact.digest,
        .migrations = s->migrations.digest,
        .hosts = s->hosts_digest,
        .policy = s->policy_digest,
        .phases = s->phases,
        .announced = d->f.now,
        .nonce = nonce,
        .announcer = d->by.person,
        .reason = a->why,
        .replaces = a->replaces,
        .again = a->again,
        .repairs = a->repairs,
    };
    d->facts = (struct manifest_facts){
        .digest = "",
        .environment = d->m.environment,
        .release = d->m.release,
        .commit = d->m.commit,
        .artifact = d->m.artifact,
        .migrations = d->m.migrations,
        .hosts = d->m.hosts,
        .policy = d->m.policy,
        .phases = d->m.phases,
        .announced = d->m.announced,
        .person = d->m.announcer,
        .how = SIGNED_GOOD,
        .replaces = d->m.replaces,
        .again = d->m.again,
        .repairs = d->m.repairs,
    };
}

/* What would stop a deploy whatever the time: said now, when it can still be
 * changed; things may also look different by then. */
static void foresee(struct draft *d)
{
    struct facts f = d->f;
    struct tidegate *t = d->t;
    struct manifest_facts *all =
        arena_array(t->arena, f.announced + 1, sizeof *all);
    struct verdict v = policy_judge(t->arena, &t->env->policy, &f);

    if (v.is == STOP)
        progress_warn(t->progress, "policy",
                      "as it stands, a deploy would be "
                      "refused: %s",
                      v.because);
    for (size_t i = 0; i < f.announced; i++) {
        all[i] = f.manifests[i];
        if (manifest_open(&all[i], f.now))
            all[i].replaced_by = "";
    }
    all[f.announced] = d->facts;
    f.manifests = all;
    f.announced++;
    f.now = draft_begins(d, d->m.opens);
    v = expected_judge(t->arena, &t->env->policy, &f);
    if (v.is == STOP)
        progress_warn(t->progress, "expected",
                      "as it stands, a deploy would be refused: %s; %s",
                      v.because, v.fix);
}

static bool announce(struct draft *d, struct err *e)
{
    char nonce[33], digest[HASH_HEX];
    char *text;

    nonce_hex(nonce, 16);
    fill(d, nonce);
    if (!draft_open(d, e))
        return false;
    foresee(d);
    text = manifest_text(d->t->arena, &d->m);
    if (!speaker_state(d->t, &d->by, text, e))
        return false;
    hash_hex(text, strlen(text), digest);
    draft_say(d, digest);
    return true;
}

static bool expect_run(struct tidegate *t, void *args, struct err *e)
{
    struct draft d = {.t = t, .args = args};
    struct expect_args *a = args;
    struct subject s;
    enum phases phases;
    bool ok;

    t->release = a->release;
    if (!args_valid(a, &phases, e) || !release_possible(t->env, phases, e) ||
        !release_subject(t, &s, e))
        return false;
    s.phases = phases;
    s.restart_only = phases == PHASES_RESTART;
    d.s = &s;
    d.zone = t->env->policy.window.calendar.zone;
    ok = speaker_find(t, a->key, t->env->policy.expected.signatures_required,
                      &d.by, e) &&
         subject_resolve(&s, a->release, e);
    if (ok) {
        gather_local(&s, &d.f);
        gather_history(&s, &d.f);
        ok = announce(&d, e);
    }
    subject_close(&s);
    return ok;
}

static const struct arg expect_words[] = {
    {"RELEASE", "The tag that is to go out.", ARG_ONE,
     ARG(expect_args, release)},
    {0},
};

static const struct opt expect_opts[] = {
    {"at", 0, "T",
     "When: now, RFC 3339, or \"[Tue ]2026-11-24 23:00\" in the policy's zone; "
     "default: the next opening that fits.",
     OPT_STR(expect_args, at)},
    {"for", 0, "DUR", "How long it stays open; default: 2h.",
     OPT_DURATION(expect_args, lasts)},
    {"only", 0, "migrations|restart|contract",
     "Announce the migrations alone, a restart alone, or the contracting "
     "migrations of what is live.",
     OPT_STR(expect_args, only)},
    {"key", 0, "FILE", "The SSH key to sign with; default: user.signingkey.",
     OPT_STR(expect_args, key)},
    {"why", 0, "TEXT", "The reason, kept in the ledger.",
     OPT_STR(expect_args, why)},
    {"replaces", 0, "RELEASE",
     "The live release that does not lead to this one.",
     OPT_STR(expect_args, replaces)},
    {"again", 0, NULL, "A release that went out before and was taken back.",
     OPT_BOOL(expect_args, again)},
    {"repairs", 0, NULL, "A release that mends a site which is broken now.",
     OPT_BOOL(expect_args, repairs)},
    {0},
};

const struct cmd cmd_expect = {
    .name = "expect",
    .summary = "Announce a release: what exactly, where, from when until when.",
    .help = "Judged at once by the window, the usual users and the time the "
            "work needs; a time they refuse is not recorded, and the next "
            "that fits is named. A second announcement of a release replaces "
            "the open one and voids its approvals.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | NEED_LEDGER_WRITE | CMD_VERDICT,
    .args = expect_words,
    .opts = expect_opts,
    .args_size = sizeof(struct expect_args),
    .run = expect_run,
};
