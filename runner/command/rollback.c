#include "runner/command/release.h"

struct rollback_args {
    const char *to, *reason, *yes;
    bool schema, dry_run, terminate_orphan;
};

/* Of a run that changed the database alone; the code is as it was. */
static void tell_undone(struct tidegate *t, const struct run *r, bool dry_run)
{
    output_text(t->out, "what run %s did in the database %s undone%s\n",
                r->undone_run, dry_run && !r->already ? "would be" : "is",
                r->already ? " already" : "");
    if (r->already && r->to && r->s->state.previous)
        output_text(t->out, "%s goes back by: tidegate rollback --to %s\n",
                    r->to, r->s->state.previous);
}

static void tell(struct tidegate *t, const struct run *r, bool dry_run)
{
    size_t n = 0, reached = 0;

    for (size_t i = 0; i < r->s->n_hosts; i++, n++)
        reached += !r->s->left_out[i];
    if (r->undone_run)
        tell_undone(t, r, dry_run);
    else if (n == 0)
        output_text(t->out, "%s %s\n",
                    r->already ? "already on"
                    : dry_run  ? "would go back to"
                               : "back on",
                    r->to);
    else if (r->already)
        output_text(t->out, "already on %s: proved on %zu of %zu hosts\n",
                    r->to, reached, n);
    else
        output_text(t->out, "%s %s on %zu of %zu hosts\n",
                    dry_run ? "would go back to" : "back on", r->to, reached,
                    n);
    if (r->kept && r->kept[0])
        output_text(t->out, "database keeps");
    for (size_t i = 0; r->kept && r->kept[i]; i++)
        output_text(t->out, "%s %s", i > 0 ? "," : "", r->kept[i]);
    if (r->kept && r->kept[0])
        output_text(t->out, "\n");
    for (size_t i = 0; i < r->s->n_hosts; i++)
        if (r->s->left_out[i])
            output_text(t->out,
                        "owing: %s (mend it, then: tidegate "
                        "catch-up)\n",
                        fleet_name(r->s->fleet, i));
}

static bool rollback_run(struct tidegate *t, void *args, struct err *e)
{
    struct rollback_args *a = args;
    struct release_confirm confirm = {t, a->yes};
    struct rollback_wish wish = {.to = a->to,
                                 .reason = a->reason,
                                 .schema = a->schema,
                                 .dry_run = a->dry_run,
                                 .confirm =
                                     a->dry_run ? NULL : release_confirm_back,
                                 .ctx = &confirm};
    struct subject s;
    struct run r = {0};

    if (!release_subject(t, &s, e))
        return false;
    s.terminate_orphan = a->terminate_orphan;
    bool ok = rollback(&r, &s, &wish, e);

    t->run = r.id;
    t->release = r.to;
    if (ok && a->dry_run)
        release_say_down(t, &r);
    if (ok)
        tell(t, &r, a->dry_run);
    release_json(t, &r, e);
    subject_close(&s);
    return ok;
}

static const struct opt rollback_opts[] = {
    {"to", 0, "RELEASE", "Go back to this one, not to the one before.",
     OPT_STR(rollback_args, to)},
    {"reason", 0, "TEXT", "Why; kept in the ledger.",
     OPT_STR(rollback_args, reason)},
    {"schema", 0, NULL,
     "Undo the \"before\" migrations too, after the code; of a run of "
     "migrations alone, all that it did.",
     OPT_BOOL(rollback_args, schema)},
    {"dry-run", 'n', NULL, "Prove that it can be done, change nothing.",
     OPT_BOOL(rollback_args, dry_run)},
    RELEASE_ORPHAN_OPT(rollback_args),
    {"yes", 0, "ENV", "Name the environment, in place of typing it.",
     OPT_STR(rollback_args, yes)},
    {0},
};

const struct cmd cmd_rollback = {
    .name = "rollback",
    .summary = "Go back to the good release before the live one.",
    .help = "Needs no git, no announcement and no database: the release is "
            "proved by digest on every reachable host, then all are flipped. "
            "An unreachable host is recorded as owing. After an unfinished "
            "run it undoes that run. With --schema it undoes an unfinished "
            "run of migrations: the downs of what it applied, newest first, "
            "and of one that stopped between its statements those parts of "
            "the down that undo what is done.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | NEED_LEDGER_WRITE | CMD_VERDICT,
    .opts = rollback_opts,
    .args_size = sizeof(struct rollback_args),
    .run = rollback_run,
};
