#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/duration.h"
#include "runner/command/release.h"
#include "runner/command/signing.h"
#include "runner/command/time_arg.h"
#include "runner/facts/gather.h"
#include "runner/release/statement.h"
#include "runner/report/verdicts.h"

#define DEFAULT_FOR (INT64_C(2) * 3600 * 1000)
#define LONGEST_FOR (INT64_C(366) * 86400 * 1000)
#define TRIES       32 /* openings looked at for one that fits */

struct expect_args {
    const char *release, *at, *only, *key, *why, *replaces;
    int64_t lasts; /* ms */
    bool again, repairs;
};

/* An announcement in the making. */
struct draft {
    struct tidegate *t;
    const struct expect_args *args;
    struct subject *s;
    struct facts f;
    struct manifest m;
    struct speaker by;
    const struct zone *zone;
    struct manifest_facts facts; /* of m, for the gates */
    struct verdict verdicts[GATE_COUNT];
};

static bool usage(struct err *e, const char *what, const char *why,
                  const char *fix)
{
    err_what(e, ERR_USAGE, "%s", what);
    err_why(e, "%s", why);
    return err_fix(e, "%s", fix);
}

static bool args_valid(struct expect_args *a, enum phases *phases,
                       struct err *e)
{
    *phases = !a->only                             ? PHASES_ALL
              : strcmp(a->only, "migrations") == 0 ? PHASES_MIGRATIONS
                                                   : PHASES_RESTART;
    if (!a->lasts)
        a->lasts = DEFAULT_FOR;
    if (a->lasts < 60000 || a->lasts > LONGEST_FOR)
        return usage(e, "--for is too short or too long",
                     "an announcement is open for 1 min to 366 days",
                     "give a duration such as --for 2h");
    if (a->replaces && !release_name_valid(a->replaces, e))
        return false;
    return reason_valid("--why", a->why, e);
}

/* The earliest instant at which a deploy could begin. */
static int64_t begins(const struct draft *d, int64_t opens)
{
    int64_t noticed = d->m.announced + d->t->env->policy.expected.notice;

    return opens > noticed ? opens : noticed;
}

/* Window, usual users and fit, as if it opened then. The announcement's own
 * expiry comes second: it moves with the opening, so a time that is refused
 * without it is refused for itself. */
static enum verdict_is judge(struct draft *d, int64_t opens)
{
    const struct policy_settings *policy = &d->t->env->policy;
    struct facts f = d->f;
    enum verdict_is is;

    d->m.opens = opens;
    d->m.expires = opens + d->args->lasts / 1000;
    d->facts.opens = d->m.opens;
    d->facts.expires = d->m.expires;
    f.manifests = NULL;
    f.announced = 0;
    is = gates_plan(d->t->arena, policy, &f, begins(d, opens), d->verdicts);
    if (is != PASS)
        return is;
    f.manifests = &d->facts;
    f.announced = 1;
    return gates_plan(d->t->arena, policy, &f, begins(d, opens), d->verdicts);
}

/* The first opening at or after `from` that all three agree to; 0: none. The
 * draft is left standing there. */
static int64_t next_fitting(struct draft *d, int64_t from)
{
    struct facts f = d->f;
    struct fit_slot slot;

    f.manifests = NULL;
    f.announced = 0;
    for (int i = 0; i < TRIES; i++) {
        int64_t retry;

        if (!fit_next(d->t->arena, &d->t->env->policy, &f, from, &slot))
            return 0;
        if (judge(d, slot.from) == PASS)
            return slot.from;
        retry = report_retry_at(d->verdicts);
        from = retry > slot.from ? retry : slot.until;
    }
    return 0;
}

/* A time that was written a moment ago is now; an older one is a mistake. */
static bool opening_read(struct draft *d, int64_t *opens, struct err *e)
{
    const char *at = d->args->at;
    int64_t now = d->f.now;

    if (strcmp(at, "now") != 0 && !strchr(at, ':'))
        return usage(e, "--at wants a time of day",
                     "a release is announced for a time, not for a day",
                     "write now, 2026-11-24T21:00:00Z or "
                     "\"Tue 2026-11-24 23:00\"");
    if (!time_arg_once("--at", at, d->zone, now, opens, e))
        return false;
    if (*opens < now && now - *opens < 60)
        *opens = now;
    if (*opens >= now)
        return true;
    err_what(e, ERR_USAGE, "--at: %s is over",
             report_time(d->t->arena, d->zone, *opens));
    err_why(e, "that was %s", report_distance(d->t->arena, now, *opens));
    return err_fix(e, "give a time that is to come, or --at now");
}

static char *reasons(struct draft *d)
{
    struct buf all;

    buf_init(&all);
    for (size_t i = 0; i < GATE_COUNT; i++)
        if (d->verdicts[i].state == VERDICT_ASKED && d->verdicts[i].is != PASS)
            buf_printf(&all, "%s%s: %s", all.len ? "; " : "", gates[i].name,
                       d->verdicts[i].because);
    return buf_into(&all, d->t->arena);
}

static void refusal_json(struct draft *d, const struct err *e, int64_t next)
{
    struct json *j = json_new_object();
    int64_t retry = report_retry_at(d->verdicts);
    char at[21];

    json_set_str(j, "environment", d->t->env->name);
    json_set_str(j, "release", d->m.release);
    json_set_str(j, "outcome", exit_word(exit_code_of(e->code, 0)));
    json_set_str(j, "opens", clock_rfc3339(d->m.opens, at));
    json_set(j, "gates", report_verdicts_json(d->verdicts));
    json_set_str(j, "next", next ? clock_rfc3339(next, at) : NULL);
    if (e->code == ERR_HELD && (next || retry))
        json_set_int(j, "retry_after", (next ? next : retry) - d->f.now);
    json_set_str(j, "what", e->what);
    json_set_str(j, "why", e->why);
    json_set_str(j, "fix", e->fix);
    output_json(d->t->out, j);
}

/* The refusal of a time, and the next that would do. */
static bool refuse(struct draft *d, enum verdict_is is, struct err *e)
{
    struct tidegate *t = d->t;
    struct draft look = *d;
    int64_t next = next_fitting(&look, begins(d, d->m.opens));
    char utc[21];

    err_what(e, is == STOP ? ERR_REFUSED : ERR_HELD,
             "%s is not announced for %s in %s", d->m.release,
             report_time(t->arena, d->zone, d->m.opens), t->env->name);
    err_why(e, "%s", reasons(d));
    if (next)
        err_fix(e, "next it fits: %s, so --at %s; nothing was recorded",
                report_time(t->arena, d->zone, next), clock_rfc3339(next, utc));
    else
        err_fix(e, "no time that fits can be told for the next 14 days: make "
                   "the release smaller or the window wider; nothing was "
                   "recorded");
    refusal_json(d, e, next);
    return false;
}

/* --for must leave room for the work, whenever it opens. */
static bool long_enough(const struct draft *d, struct err *e)
{
    int64_t need = need_total(&d->f.need);
    char lasts[32], wanted[32];

    if (d->args->lasts >= need)
        return true;
    err_what(e, ERR_REFUSED, "%s is not announced for %s", d->m.release,
             duration_text(d->args->lasts, lasts, sizeof lasts));
    err_why(e, "the work needs %s, way back and margin included",
            duration_text(need, wanted, sizeof wanted));
    return err_fix(e, "give it longer with --for; nothing was recorded");
}

static bool choose_opening(struct draft *d, struct err *e)
{
    int64_t opens = d->f.now;
    enum verdict_is is;

    if (!long_enough(d, e))
        return false;
    if (!d->args->at && next_fitting(d, begins(d, d->f.now)))
        return true;
    if (d->args->at && !opening_read(d, &opens, e))
        return false;
    is = judge(d, opens);
    return is == PASS || refuse(d, is, e);
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

/* The announcement that this one replaces; NULL: none. */
static const struct manifest_facts *replaced(const struct draft *d,
                                             size_t *approvals)
{
    const struct environment_state *state = &d->s->state;

    *approvals = 0;
    for (size_t i = state->n_manifests; i-- > 0;) {
        const struct manifest_facts *m = &state->manifests[i];

        if (!manifest_open(m, d->f.now) ||
            strcmp(m->release, d->m.release) != 0)
            continue;
        while (state->approvals[i][*approvals].digest)
            ++*approvals;
        return m;
    }
    return NULL;
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
    f.now = begins(d, d->m.opens);
    v = expected_judge(t->arena, &t->env->policy, &f);
    if (v.is == STOP)
        progress_warn(t->progress, "expected",
                      "as it stands, a deploy would be refused: %s; %s",
                      v.because, v.fix);
}

static const char *what_of(struct draft *d)
{
    struct tidegate *t = d->t;
    size_t files = d->s->migrations.n;

    if (d->m.phases == PHASES_RESTART)
        return arena_printf(t->arena, "a restart of %zu hosts",
                            t->env->n_hosts);
    if (d->m.phases == PHASES_MIGRATIONS)
        return arena_printf(t->arena, "the migrations alone (%zu in all)",
                            files);
    return arena_printf(t->arena,
                        "the whole release: %zu entries, %zu hosts, "
                        "%zu migrations in all",
                        d->s->artifact.entries, t->env->n_hosts, files);
}

static void read_back_replaced(struct draft *d)
{
    size_t approvals;
    const struct manifest_facts *m = replaced(d, &approvals);
    struct tidegate *t = d->t;

    if (!m)
        return;
    say_row(t, "replaces",
            arena_printf(t->arena, "the announcement by %s for %s%s", m->person,
                         report_time(t->arena, d->zone, m->opens),
                         approvals == 1 ? "; its approval is void"
                         : approvals    ? "; its approvals are void"
                                        : ""));
}

static void read_back(struct draft *d, const char *digest)
{
    struct tidegate *t = d->t;
    int wanted = t->env->policy.expected.approvals;
    int64_t begin = begins(d, d->m.opens);

    output_style(t->out, STYLE_BOLD, "%s is expected in %s\n", d->m.release,
                 t->env->name);
    say_row(t, "opens",
            arena_printf(t->arena, "%s, %s",
                         report_time(t->arena, d->zone, d->m.opens),
                         report_distance(t->arena, d->f.now, d->m.opens)));
    if (begin > d->m.opens)
        say_row(t, "begins",
                arena_printf(t->arena, "not before %s (notice)",
                             report_time(t->arena, d->zone, begin)));
    say_row(t, "until", report_time(t->arena, d->zone, d->m.expires));
    say_row(t, "what", what_of(d));
    say_row(t, "commit", d->m.commit);
    for (size_t i = 0; i < GATE_COUNT; i++)
        if (d->verdicts[i].state == VERDICT_ASKED)
            say_row(t, gates[i].name, d->verdicts[i].because);
    say_row(t, "by", speaker_words(t, &d->by));
    say_row(t, "why", d->m.reason);
    read_back_replaced(d);
    say_row(t, "digest", digest);
    if (wanted > 0)
        say_row(t, "next",
                arena_printf(t->arena, "%d %s of others: tidegate approve %s",
                             wanted, wanted == 1 ? "approval" : "approvals",
                             d->m.release));
}

static void answer_json(struct draft *d, const char *digest)
{
    struct json *j = json_new_object();
    size_t approvals;
    const struct manifest_facts *m = replaced(d, &approvals);
    char at[21];

    json_set_str(j, "environment", d->t->env->name);
    json_set_str(j, "release", d->m.release);
    json_set_str(j, "outcome", "done");
    json_set_str(j, "manifest", digest);
    json_set_str(j, "commit", d->m.commit);
    json_set_str(j, "phases", phases_word(d->m.phases));
    json_set_str(j, "opens", clock_rfc3339(d->m.opens, at));
    json_set_str(j, "expires", clock_rfc3339(d->m.expires, at));
    json_set_str(j, "announcer", d->m.announcer);
    json_set_bool(j, "signed", d->by.key != NULL);
    json_set_int(j, "approvals_wanted", d->t->env->policy.expected.approvals);
    json_set_str(j, "replaced", m ? m->digest : NULL);
    json_set(j, "gates", report_verdicts_json(d->verdicts));
    output_json(d->t->out, j);
}

static bool announce(struct draft *d, struct err *e)
{
    char nonce[33], digest[HASH_HEX];
    char *text;

    nonce_hex(nonce, 16);
    fill(d, nonce);
    if (!choose_opening(d, e))
        return false;
    foresee(d);
    text = manifest_text(d->t->arena, &d->m);
    if (!speaker_state(d->t, &d->by, text, e))
        return false;
    hash_hex(text, strlen(text), digest);
    read_back(d, digest);
    answer_json(d, digest);
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
    if (!args_valid(a, &phases, e) || !release_subject(t, &s, e))
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
    {"only", 0, "migrations|restart",
     "Announce the migrations alone, or a restart alone.",
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
