#include "runner/command/announced.h"
#include "runner/command/signing.h"

struct withdraw_args {
    const char *release, *key, *why;
};

static void answer(struct tidegate *t, const struct announced *x,
                   const struct speaker *by)
{
    struct json *j = json_new_object();

    output_style(t->out, STYLE_BOLD, "%s is not expected in %s any more\n",
                 x->m.release, t->env->name);
    announced_show(t, x);
    say_row(t, "withdrawn", speaker_words(t, by));
    if (x->facts->used_by)
        say_row(t, "run",
                arena_printf(t->arena,
                             "%s has begun with it: it finishes or goes back "
                             "as `on_hold` says",
                             x->facts->used_by));
    json_set_str(j, "environment", t->env->name);
    json_set_str(j, "release", x->m.release);
    json_set_str(j, "outcome", "done");
    json_set_str(j, "manifest", x->facts->digest);
    json_set_str(j, "person", by->person);
    json_set_bool(j, "signed", by->key != NULL);
    json_set_str(j, "run", x->facts->used_by);
    output_json(t->out, j);
}

static bool withdraw(struct tidegate *t, const struct announced *x,
                     const struct withdraw_args *a, struct err *e)
{
    char nonce[33];
    struct about about = {.manifest = x->facts->digest,
                          .at = clock_now(),
                          .reason = a->why ? a->why : "",
                          .nonce = nonce};
    struct speaker by;

    if (a->why && !reason_valid("--why", a->why, e))
        return false;
    if (!speaker_find(t, a->key, t->env->policy.expected.signatures_required,
                      &by, e))
        return false;
    nonce_hex(nonce, 16);
    about.person = by.person;
    if (!speaker_state(t, &by, withdrawal_text(t->arena, &about), e))
        return false;
    answer(t, x, &by);
    return true;
}

static bool withdraw_run(struct tidegate *t, void *args, struct err *e)
{
    struct withdraw_args *a = args;
    struct announced x;
    bool ok =
        announced_find(t, a->release, true, &x, e) && withdraw(t, &x, a, e);

    return ok;
}

static const struct arg withdraw_words[] = {
    {"RELEASE", "The announced release, or its announcement's digest.", ARG_ONE,
     ARG(withdraw_args, release)},
    {0},
};

static const struct opt withdraw_opts[] = {
    {"key", 0, "FILE", "The SSH key to sign with; default: user.signingkey.",
     OPT_STR(withdraw_args, key)},
    {"why", 0, "TEXT", "The reason, kept in the ledger.",
     OPT_STR(withdraw_args, why)},
    {0},
};

const struct cmd cmd_withdraw = {
    .name = "withdraw",
    .summary = "Take an announcement back.",
    .help = "A release that has not begun can then not go out; a run that "
            "began with it finishes or goes back as `on_hold` says.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | NEED_LEDGER_WRITE | CMD_VERDICT,
    .args = withdraw_words,
    .opts = withdraw_opts,
    .args_size = sizeof(struct withdraw_args),
    .run = withdraw_run,
};
