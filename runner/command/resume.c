#include "runner/command/release.h"

struct resume_args {
    const char *yes;
    bool terminate_orphan;
};

/* Where no host has code, nothing serves. */
static void tell(struct tidegate *t, const struct run *r)
{
    if (r->down)
        output_text(t->out, "%s: finished, the migrations of %s are undone\n",
                    r->id, r->s->release);
    else if (r->undone_run)
        output_text(t->out, "%s: finished, what run %s did is undone\n", r->id,
                    r->undone_run);
    else if (t->env->n_hosts == 0)
        output_text(t->out,
                    r->going_back ? "%s: finished, back on %s\n"
                                  : "%s: finished, %s is applied\n",
                    r->id, r->to);
    else
        output_text(t->out, "%s: finished, %s serves\n", r->id, r->to);
}

static bool resume_run(struct tidegate *t, void *args, struct err *e)
{
    struct resume_args *a = args;
    struct release_confirm confirm = {t, a->yes};
    struct subject s;
    struct run r = {0};

    if (!release_subject(t, &s, e))
        return false;
    s.terminate_orphan = a->terminate_orphan;
    bool ok = resume(&r, &s, release_confirm, &confirm, e);

    t->run = r.id;
    t->release = r.to;
    if (r.already)
        output_text(t->out, "nothing is unfinished in %s\n", t->env->name);
    else if (ok)
        tell(t, &r);
    release_json(t, &r, e);
    subject_close(&s);
    return ok;
}

static const struct opt resume_opts[] = {
    RELEASE_ORPHAN_OPT(resume_args),
    {"yes", 0, "ENV", "Name the environment, in place of typing it.",
     OPT_STR(resume_args, yes)},
    {0},
};

const struct cmd cmd_resume = {
    .name = "resume",
    .summary = "Finish a run that was stopped or killed.",
    .help = "Trusts what it observes on the hosts and in the database, not "
            "the log: what is there is not done again, what is missing is "
            "done.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | NEED_LEDGER_WRITE | CMD_VERDICT,
    .opts = resume_opts,
    .args_size = sizeof(struct resume_args),
    .run = resume_run,
};
