#include "runner/command/plan.h"

struct deploy_args {
    const char *release, *only, *reason, *yes;
    bool restart_only, dry_run, terminate_orphan;
    struct opt_span wait;
    struct opt_list overrides;
};

static bool deploy_run(struct tidegate *t, void *args, struct err *e)
{
    struct deploy_args *a = args;
    struct release_confirm confirm = {t, a->yes};
    struct deploy_wish wish = {.release = a->release,
                               .restart_only = a->restart_only,
                               .reason = a->reason,
                               .confirm = release_confirm,
                               .ctx = &confirm};
    struct subject s;
    struct run r = {0};

    t->release = a->release;
    if (a->wait.given)
        wish.wait_ms = a->wait.ms ? a->wait.ms : CLOCK_NEVER;
    if (!release_only(t->env, a->only, a->restart_only, &wish.phases, e) ||
        !release_overrides(t, &a->overrides, a->reason, &wish.overridden, e) ||
        !release_subject(t, &s, e))
        return false;
    s.terminate_orphan = a->terminate_orphan;
    bool ok =
        a->dry_run ? deploy_check(&r, &s, &wish, e) : deploy(&r, &s, &wish, e);

    t->run = r.id;
    if (a->dry_run)
        plan_show(t, &r, e);
    else if (!ok && !r.changed)
        release_show_gates(t, &r);
    if (r.already)
        output_text(t->out,
                    "%s is live in %s already, and verified: nothing "
                    "to do\n",
                    a->release, t->env->name);
    if (ok && !a->dry_run)
        release_tell_left(t, &r);
    if (!a->dry_run)
        release_json(t, &r, e);
    subject_close(&s);
    return ok;
}

static const struct arg deploy_words[] = {
    {"RELEASE", "The tag to release.", ARG_ONE, ARG(deploy_args, release)},
    {0},
};

static const struct opt deploy_opts[] = {
    {"wait", 0, "DUR",
     "Wait for gates that say HOLD; without DUR until the announcement "
     "expires.",
     OPT_SPAN(deploy_args, wait)},
    {"dry-run", 'n', NULL, "Ask everything, change nothing.",
     OPT_BOOL(deploy_args, dry_run)},
    {"override", 0, "GATE", "Lift a HOLD or STOP where the policy allows it.",
     OPT_LIST(deploy_args, overrides)},
    {"reason", 0, "TEXT", "Why a gate is lifted; kept in the ledger.",
     OPT_STR(deploy_args, reason)},
    {"only", 0, "migrations|contract",
     "Run the migrations alone, or the contracting ones of what is live.",
     OPT_STR(deploy_args, only)},
    {"restart-only", 0, NULL, "Restart the live release, in waves.",
     OPT_BOOL(deploy_args, restart_only)},
    RELEASE_ORPHAN_OPT(deploy_args),
    {"yes", 0, "ENV", "Name the environment, in place of typing it.",
     OPT_STR(deploy_args, yes)},
    {0},
};

const struct cmd cmd_deploy = {
    .name = "deploy",
    .summary = "Take an announced release to production.",
    .help = "Asks every gate; then stages the release on every host, runs the "
            "\"before\" migrations, changes the hosts wave by wave, and runs "
            "the \"after\" migrations. A failure goes back, or stops, as "
            "[rollout] on_failure says. --only and --restart-only want an "
            "announcement of that (expect --only). Migrations alone that stop "
            "on their way are finished by resume, or undone by rollback "
            "--schema.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | NEED_LEDGER_WRITE | CMD_VERDICT,
    .args = deploy_words,
    .opts = deploy_opts,
    .args_size = sizeof(struct deploy_args),
    .run = deploy_run,
};
