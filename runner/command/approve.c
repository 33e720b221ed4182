#include <string.h>

#include "policies/person.h"
#include "runner/command/announced.h"
#include "runner/command/signing.h"
#include "runner/release/git.h"
#include "runner/release/sign.h"

struct approve_args {
    const char *release, *key;
};

static bool refuse(struct err *e, const char *release, const char *why,
                   const char *fix)
{
    err_what(e, ERR_REFUSED, "%s cannot be approved", release);
    err_why(e, "%s", why);
    return err_fix(e, "%s", fix);
}

/* Whoever approves vouches for what was announced: that must stand itself. */
static bool announcement_good(struct tidegate *t, const struct announced *x,
                              struct signature_check *check, struct err *e)
{
    sign_check(t->loop, t->arena, &t->env->policy.expected, x->statement->text,
               x->statement->signature, x->m.announced, check);
    if (check->how == SIGNED_GOOD ||
        (check->how == SIGNED_NOT &&
         !t->env->policy.expected.signatures_required))
        return true;
    return refuse(e, x->m.release,
                  arena_printf(t->arena,
                               "the signature of its announcement does not "
                               "count: %s",
                               check->why),
                  "have it announced again: tidegate expect");
}

/* Who may approve is named by the pinned policy; a key that was written into
 * the signers file since is nobody's yet. */
static bool signers_pinned(struct tidegate *t, const struct announced *x,
                           struct err *e)
{
    const char *was = x->state.pinned_text;
    char *now = config_policy_text(t->arena, t->env, e);

    if (!now)
        return false;
    if (was && !strstr(config_policy_changes(t->arena, was, now), "[signers] "))
        return true;
    return refuse(e, x->m.release,
                  "the signers here are not those of the pinned policy",
                  "see what differs: tidegate policy show; undo it, or have it "
                  "accepted: tidegate policy accept");
}

static bool not_own(const struct announced *x, const struct speaker *by,
                    const struct signature_check *announcer, struct err *e)
{
    const char *person = announcer->person ? announcer->person : x->m.announcer;

    if (!person_same(by->person, person) &&
        (!announcer->key || strcmp(by->fingerprint, announcer->key) != 0))
        return true;
    return refuse(e, x->m.release, "whoever announces it cannot approve it too",
                  "ask somebody else of the signers file to run: tidegate "
                  "approve");
}

static bool already(const struct announced *x, const struct speaker *by)
{
    const struct statement_state *a = x->state.approvals[x->at];

    for (; a->digest; a++)
        if (person_same(a->person, by->person) ||
            strcmp(a->key, by->fingerprint) == 0)
            return true;
    return false;
}

/* The tag may have moved since it was announced: then a deploy stops, and it
 * is better said before somebody signs. Without the repository at hand the
 * announcement is all there is to look at. */
static void say_moved(struct tidegate *t, const struct announced *x)
{
    struct err ignored = {0};
    struct git *g = git_open(t->arena, t->config.repository, &ignored);
    char commit[GIT_HEX];

    if (g && git_tag(g, t->arena, x->m.release, commit, &ignored) &&
        strcmp(commit, x->m.commit) != 0)
        progress_warn(t->progress, x->m.release,
                      "the tag names commit %.12s here, %.12s was announced",
                      commit, x->m.commit);
    git_close(g);
}

static size_t approvals_of(const struct announced *x)
{
    size_t n = 0;

    while (x->state.approvals[x->at][n].digest)
        n++;
    return n;
}

static void answer(struct tidegate *t, const struct announced *x,
                   const struct speaker *by, bool fresh)
{
    struct json *j = json_new_object();
    size_t n = approvals_of(x) + fresh;
    int wanted = t->env->policy.expected.approvals;

    output_text(t->out, "%s: %zu of %d approvals\n",
                fresh ? "approved" : "approved before", n, wanted);
    json_set_str(j, "environment", t->env->name);
    json_set_str(j, "release", x->m.release);
    json_set_str(j, "outcome", "done");
    json_set_str(j, "manifest", x->facts->digest);
    json_set_str(j, "person", by->person);
    json_set_str(j, "key", by->fingerprint);
    json_set_int(j, "approvals", (int64_t)n);
    json_set_int(j, "approvals_wanted", wanted);
    output_json(t->out, j);
}

static bool approve(struct tidegate *t, const struct announced *x,
                    const char *key, struct err *e)
{
    struct signature_check announcer;
    char nonce[33];
    struct about about = {.manifest = x->facts->digest,
                          .at = clock_now(),
                          .reason = "",
                          .nonce = nonce};
    struct speaker by;
    bool before;

    if (!speaker_find(t, key, true, &by, e) || !signers_pinned(t, x, e) ||
        !announcement_good(t, x, &announcer, e) ||
        !not_own(x, &by, &announcer, e))
        return false;
    output_style(t->out, STYLE_BOLD, "%s in %s, approved by %s\n", x->m.release,
                 t->env->name, by.person);
    announced_show(t, x);
    say_moved(t, x);
    before = already(x, &by);
    nonce_hex(nonce, 16);
    about.person = by.person;
    if (!before && !speaker_state(t, &by, approval_text(t->arena, &about), e))
        return false;
    answer(t, x, &by, !before);
    return true;
}

static bool approve_run(struct tidegate *t, void *args, struct err *e)
{
    struct approve_args *a = args;
    struct announced x;
    bool ok = announced_find(t, a->release, false, &x, e) &&
              approve(t, &x, a->key, e);

    return ok;
}

static const struct arg approve_words[] = {
    {"RELEASE", "The announced release, or its announcement's digest.", ARG_ONE,
     ARG(approve_args, release)},
    {0},
};

static const struct opt approve_opts[] = {
    {"key", 0, "FILE", "The SSH key to sign with; default: user.signingkey.",
     OPT_STR(approve_args, key)},
    {0},
};

const struct cmd cmd_approve = {
    .name = "approve",
    .summary = "Approve an announced release, as a second person.",
    .help = "Shows what the announcement binds, and signs its digest. The "
            "approval counts for this announcement alone; whoever announced "
            "it cannot approve it.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | NEED_LEDGER_WRITE | CMD_VERDICT,
    .args = approve_words,
    .opts = approve_opts,
    .args_size = sizeof(struct approve_args),
    .run = approve_run,
};
