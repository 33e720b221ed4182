#include "runner/flow/adopt.h"
#include "runner/command/release.h"

struct adopt_args {
    const char *release, *yes;
};

static bool confirm(void *ctx, const struct run *r, struct err *e)
{
    struct release_confirm *c = ctx;

    output_note(c->t->out, STYLE_BOLD, "adopt %s as %s: %zu hosts, same tree\n",
                c->t->env->name, r->to, r->s->n_hosts);
    return cmd_confirm(c->t, c->yes, e);
}

static bool adopt_run(struct tidegate *t, void *args, struct err *e)
{
    struct adopt_args *a = args;
    struct release_confirm c = {t, a->yes};
    struct subject s;
    struct run r = {0};

    if (!release_subject(t, &s, e))
        return false;
    bool ok = adopt(&r, &s, a->release, confirm, &c, e);

    t->run = r.id;
    t->release = r.to;
    if (ok)
        output_text(t->out,
                    "%s is live in %s, the same on %zu hosts, and "
                    "good\n",
                    r.to, t->env->name, s.n_hosts);
    release_json(t, &r, e);
    subject_close(&s);
    return ok;
}

static const struct opt adopt_opts[] = {
    {"release", 0, "TAG", "Name it so; default: the name of its folder.",
     OPT_STR(adopt_args, release)},
    {"yes", 0, "ENV", "Name the environment, in place of typing it.",
     OPT_STR(adopt_args, yes)},
    {0},
};

const struct cmd cmd_adopt = {
    .name = "adopt",
    .summary = "Take over hosts that another tool released to.",
    .help = "Expects releases/ and current as Capistrano makes them, the same "
            "tree on every host. The live tree becomes a release of "
            "tidegate's, digested and good; nothing that is served changes.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | NEED_LEDGER_WRITE | CMD_VERDICT,
    .opts = adopt_opts,
    .args_size = sizeof(struct adopt_args),
    .run = adopt_run,
};
