#include "runner/flow/catch_up.h"
#include "runner/command/release.h"

struct catch_up_args {
    struct opt_list hosts;
    const char *yes;
};

static void say_hosts(struct tidegate *t, const struct run *r)
{
    for (size_t i = 0; i < r->s->n_hosts; i++)
        if (!r->s->left_out[i])
            output_note(t->out, STYLE_PLAIN, "  %-12s has %s\n",
                        fleet_name(r->s->fleet, i),
                        !r->now[i]   ? "something else"
                        : *r->now[i] ? r->now[i]
                                     : "nothing");
}

static bool confirm(void *ctx, const struct run *r, struct err *e)
{
    struct release_confirm *c = ctx;

    c->t->release = r->to;
    output_note(c->t->out, STYLE_BOLD, "bring level with %s, live in %s\n",
                r->to, c->t->env->name);
    say_hosts(c->t, r);
    return cmd_confirm(c->t, c->yes, e);
}

static void tell(struct tidegate *t, const struct run *r)
{
    if (r->already) {
        output_text(t->out, "every host that answers has %s: nothing to do\n",
                    r->to);
        return;
    }
    for (size_t i = 0; i < r->s->n_hosts; i++)
        if (!r->s->left_out[i])
            output_text(t->out, "%s has %s, answers, and owes nothing\n",
                        fleet_name(r->s->fleet, i), r->to);
}

static bool catch_up_run(struct tidegate *t, void *args, struct err *e)
{
    struct catch_up_args *a = args;
    struct release_confirm c = {t, a->yes};
    struct subject s;
    struct run r = {0};

    if (!release_subject(t, &s, e))
        return false;
    bool ok = catch_up(&r, &s, a->hosts.words, a->hosts.n, confirm, &c, e);

    t->run = r.id;
    t->release = r.to;
    if (ok)
        tell(t, &r);
    release_json(t, &r, e);
    subject_close(&s);
    return ok;
}

static const struct arg catch_up_words[] = {
    {"HOST", "As in `hosts`; none: all that owe, or are not as they should be.",
     ARG_ANY, ARG(catch_up_args, hosts)},
    {0},
};

static const struct opt catch_up_opts[] = {
    {"yes", 0, "ENV", "Name the environment, in place of typing it.",
     OPT_STR(catch_up_args, yes)},
    {0},
};

const struct cmd cmd_catch_up = {
    .name = "catch-up",
    .summary = "Bring hosts that were left behind, or are new, level.",
    .help = "They get the live release from the artifact that its run kept, "
            "or from git if that gives the same digest; they are flipped, "
            "restarted, probed and found in the pool. Needs no announcement: "
            "what they get is live already. Other hosts are left alone.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | NEED_LEDGER_WRITE | CMD_VERDICT,
    .args = catch_up_words,
    .opts = catch_up_opts,
    .args_size = sizeof(struct catch_up_args),
    .run = catch_up_run,
};
