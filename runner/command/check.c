#include "runner/command/release.h"

struct check_args {
    const char *release, *only;
    bool restart_only;
};

static bool check_run(struct tidegate *t, void *args, struct err *e)
{
    struct check_args *a = args;
    struct deploy_wish wish = {.release = a->release,
                               .restart_only = a->restart_only};
    struct subject s;
    struct run r = {0};

    t->release = a->release;
    if (!release_only(t->env, a->only, a->restart_only, &wish.phases, e) ||
        !release_subject(t, &s, e))
        return false;
    bool ok = deploy_check(&r, &s, &wish, e);

    release_show_gates(t, &r);
    release_json(t, &r, e);
    subject_close(&s);
    return ok;
}

static const struct arg check_words[] = {
    {"RELEASE", "The tag to ask about.", ARG_ONE, ARG(check_args, release)},
    {0},
};

static const struct opt check_opts[] = {
    {"only", 0, "migrations|contract",
     "Ask for the migrations alone, or for the contracting ones.",
     OPT_STR(check_args, only)},
    {"restart-only", 0, NULL, "Ask for a restart of the live release.",
     OPT_BOOL(check_args, restart_only)},
    {0},
};

const struct cmd cmd_check = {
    .name = "check",
    .summary = "Ask every gate about a release, and change nothing.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | NEED_LEDGER | CMD_VERDICT,
    .args = check_words,
    .opts = check_opts,
    .args_size = sizeof(struct check_args),
    .run = check_run,
};
