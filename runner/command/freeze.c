/* freeze and thaw: a person stops every release to an environment, or lets
 * them go again. A freeze is said to rollbacks, not obeyed by them.
 */
#include "runner/command/cmd.h"
#include "runner/ledger/state.h"
#include "runner/report/verdicts.h"

struct freeze_args {
    const char *why;
};

static bool why_given(const struct freeze_args *args, const char *command,
                      struct err *e)
{
    if (args->why)
        return true;
    err_what(e, ERR_USAGE, "%s: --why is missing", command);
    err_why(e, "whoever meets the freeze must know what it is about");
    return err_fix(e, "add: --why \"TEXT\"");
}

static struct json *record(struct tidegate *t, const char *why)
{
    struct json *j = json_new_object();

    json_set_str(j, "environment", t->env->name);
    json_set_str(j, "who", ledger_who(t->arena));
    json_set_str(j, "why", why);
    return j;
}

static void answer(struct tidegate *t, bool frozen, const char *text)
{
    struct json *j = json_new_object();

    json_set_str(j, "environment", t->env->name);
    json_set_bool(j, "frozen", frozen);
    output_json(t->out, j);
    output_text(t->out, "%s\n", text);
}

static char *frozen_text(struct tidegate *t, const struct environment_state *s)
{
    return arena_printf(
        t->arena, "%s is frozen by %s since %s: %s", t->env->name, s->frozen_by,
        report_time(t->arena, t->env->policy.window.calendar.zone,
                    s->frozen_at),
        s->frozen_why ? s->frozen_why : "");
}

static bool freeze_run(struct tidegate *t, void *p, struct err *e)
{
    const struct freeze_args *args = p;
    struct environment_state state;
    bool good = true;

    if (!why_given(args, "freeze", e) ||
        !state_read(&state, t->arena, t->ledger, t->env->name, e))
        return false;
    if (state.frozen_by)
        answer(t, true,
               arena_printf(t->arena, "Nothing recorded: %s",
                            frozen_text(t, &state)));
    else if (ledger_append(t->ledger, EVENT_FREEZE, record(t, args->why), e))
        answer(t, true,
               arena_printf(t->arena,
                            "%s is frozen: releases stop until `tidegate "
                            "thaw`; rollbacks still go.",
                            t->env->name));
    else
        good = false;
    return good;
}

static bool thaw_run(struct tidegate *t, void *p, struct err *e)
{
    const struct freeze_args *args = p;
    struct environment_state state;
    bool good = true;

    if (!why_given(args, "thaw", e) ||
        !state_read(&state, t->arena, t->ledger, t->env->name, e))
        return false;
    if (!state.frozen_by)
        answer(t, false,
               arena_printf(t->arena, "Nothing recorded: %s is not frozen.",
                            t->env->name));
    else if (ledger_append(t->ledger, EVENT_THAW, record(t, args->why), e))
        answer(t, false,
               arena_printf(t->arena, "Thawed. Until now: %s",
                            frozen_text(t, &state)));
    else
        good = false;
    return good;
}

static const struct opt freeze_opts[] = {
    {"why", 0, "TEXT", "The reason; it is kept and shown.",
     OPT_STR(freeze_args, why)},
    {0},
};

const struct cmd cmd_freeze = {
    .name = "freeze",
    .summary = "Stop all releases to an environment.",
    .help = "The freeze is kept in the ledger and stops every deploy until "
            "`tidegate thaw`. A rollback is told of it and goes ahead.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | NEED_LEDGER_WRITE,
    .opts = freeze_opts,
    .args_size = sizeof(struct freeze_args),
    .run = freeze_run,
};

const struct cmd cmd_thaw = {
    .name = "thaw",
    .summary = "Let releases to an environment go again after a freeze.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | NEED_LEDGER_WRITE,
    .opts = freeze_opts,
    .args_size = sizeof(struct freeze_args),
    .run = thaw_run,
};
