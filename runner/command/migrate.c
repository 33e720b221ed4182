#include "runner/flow/migrate.h"

#include <string.h>

#include "runner/command/release.h"
#include "runner/flow/database.h"
#include "runner/report/verdicts.h"

struct migrate_args {
    const char *verb, *release, *yes;
    bool terminate_orphan;
};

/* ---- up, down and finish ---- */

static bool is_finish(const struct migrate_args *a)
{
    return strcmp(a->verb, "finish") == 0;
}

static void say_names(struct tidegate *t, const struct run *r, bool after)
{
    size_t n;
    const struct applied_row **list =
        database_applied_by((struct run *)r, r->s->release, after, &n);

    for (size_t i = 0; i < n; i++)
        output_note(t->out, STYLE_PLAIN, "  %-12s %s, applied %s\n", "undoes",
                    list[i]->name,
                    report_distance(t->arena, clock_now(), list[i]->at));
}

static bool confirm_down(void *ctx, const struct run *r, struct err *e)
{
    struct release_confirm *c = ctx;

    output_note(c->t->out, STYLE_BOLD, "undo the migrations of %s in %s\n",
                r->s->release, c->t->env->name);
    say_names(c->t, r, true);
    say_names(c->t, r, false);
    return cmd_confirm(c->t, c->yes, e);
}

static bool apply(struct run *r, struct subject *s, struct release_confirm *c,
                  const struct migrate_args *a, struct err *e)
{
    const struct deploy_wish wish = {.release = a->release,
                                     .phases = is_finish(a) ? PHASES_CONTRACT
                                                            : PHASES_MIGRATIONS,
                                     .confirm = release_confirm,
                                     .ctx = c};

    return deploy(r, s, &wish, e);
}

static void tell(struct tidegate *t, const struct run *r, const char *release)
{
    if (r->already && r->s->phases == PHASES_CONTRACT)
        output_text(t->out, "nothing contracting is pending of %s\n", release);
    else if (r->s->phases == PHASES_CONTRACT)
        output_text(t->out, "the contracting migrations of %s are applied\n",
                    release);
    else if (r->already)
        output_text(t->out, "%s %s: nothing to do\n",
                    r->down ? "nothing in the database is of"
                            : "everything is applied of",
                    release);
    else
        output_text(t->out, "the migrations of %s are %s in %s\n", release,
                    r->down ? "undone" : "applied", t->env->name);
}

static bool no_release(const char *verb, struct err *e)
{
    err_what(e, ERR_USAGE, "migrate %s: which release?", verb);
    err_why(e, "RELEASE is missing");
    return err_fix(e,
                   "add the tag, as announced with: tidegate expect --only "
                   "%s",
                   strcmp(verb, "finish") == 0 ? "contract" : "migrations");
}

/* finish is of what is live, unless it is said. */
static bool finishes_live(struct tidegate *t, const struct subject *s,
                          struct migrate_args *a, struct err *e)
{
    if (is_finish(a) && !release_possible(t->env, PHASES_CONTRACT, e))
        return false;
    if (is_finish(a) && !a->release)
        a->release = s->state.live;
    t->release = a->release;
    return a->release || no_release(a->verb, e);
}

static bool change(struct tidegate *t, struct migrate_args *a, struct err *e)
{
    struct release_confirm c = {t, a->yes};
    struct subject s;
    struct run r = {0};

    t->release = a->release;
    if (!release_subject(t, &s, e) || !finishes_live(t, &s, a, e))
        return false;
    s.terminate_orphan = a->terminate_orphan;
    bool ok = strcmp(a->verb, "down") == 0
                  ? migrate_down(&r, &s, a->release, confirm_down, &c, e)
                  : apply(&r, &s, &c, a, e);

    t->run = r.id;
    if (!ok && !r.changed)
        release_show_gates(t, &r);
    if (ok)
        tell(t, &r, a->release);
    if (ok && !r.down)
        release_tell_left(t, &r);
    release_json(t, &r, e);
    subject_close(&s);
    return ok;
}

/* ---- status ---- */

static struct json *rows_json(struct tidegate *t,
                              const struct migrate_row *rows, size_t n)
{
    struct json *j = json_new_object(), *list = json_new_array();
    char at[21];

    for (size_t i = 0; i < n; i++) {
        struct json *one = json_new_object();

        json_set_str(one, "name", rows[i].name);
        json_set_str(one, "is", migrate_word(rows[i].is));
        if (rows[i].how)
            json_set_str(one, "how", rows[i].how);
        json_set_str(one, "phase", rows[i].after ? "after" : "before");
        if (rows[i].release)
            json_set_str(one, "release", rows[i].release);
        if (rows[i].at)
            json_set_str(one, "at", clock_rfc3339(rows[i].at, at));
        json_append(list, one);
    }
    json_set_str(j, "environment", t->env->name);
    json_set(j, "migrations", list);
    return j;
}

static void rows_show(struct tidegate *t, const struct migrate_row *rows,
                      size_t n)
{
    static const char *const headings[] = {"migration", "state",   "phase",
                                           "release",   "applied", NULL};
    const struct zone *zone =
        t->env->policy.window.on ? t->env->policy.window.calendar.zone : NULL;
    struct table table;

    table_init(&table, t->arena, headings);
    for (size_t i = 0; i < n; i++) {
        table_cell(&table, "%s", rows[i].name);
        table_cell(&table, "%s%s%s", migrate_word(rows[i].is),
                   rows[i].how ? ": " : "", rows[i].how ? rows[i].how : "");
        table_cell(&table, "%s", rows[i].after ? "after" : "before");
        table_cell(&table, "%s", rows[i].release ? rows[i].release : "-");
        table_cell(&table, "%s",
                   rows[i].at ? report_time(t->arena, zone, rows[i].at) : "-");
    }
    if (n > 0)
        table_print(t->out, &table);
    else
        output_text(t->out, "no migrations\n");
}

static bool status(struct tidegate *t, struct migrate_args *a, struct err *e)
{
    struct migrate_row *rows = NULL;
    struct subject s;
    size_t n = 0;

    t->release = a->release;
    if (!release_subject(t, &s, e))
        return false;
    bool ok = migrate_status(&s, a->release, &rows, &n, e);

    if (ok) {
        rows_show(t, rows, n);
        output_json(t->out, rows_json(t, rows, n));
    }
    subject_close(&s);
    return ok;
}

/* Only up and down open the ledger to write. */
static bool open_ledger(struct tidegate *t, enum ledger_mode mode,
                        struct err *e)
{
    ledger_close(t->ledger);
    t->ledger = ledger_open(t->arena, t->config.ledger, mode, e);
    return t->ledger != NULL;
}

static bool migrate_run(struct tidegate *t, void *args, struct err *e)
{
    struct migrate_args *a = args;

    if (strcmp(a->verb, "status") == 0)
        return open_ledger(t, LEDGER_READ, e) && status(t, a, e);
    if (!a->release && !is_finish(a))
        return no_release(a->verb, e);
    return open_ledger(t, LEDGER_WRITE, e) && change(t, a, e);
}

static const struct arg migrate_words[] = {
    {"up|down|finish|status",
     "Apply them, undo them, apply the contracting ones, or see what is "
     "applied.",
     ARG_ONE, ARG(migrate_args, verb)},
    {"RELEASE",
     "The tag; finish without it is of what is live, status without it shows "
     "the database alone.",
     ARG_MAYBE, ARG(migrate_args, release)},
    {0},
};

static const struct opt migrate_opts[] = {
    RELEASE_ORPHAN_OPT(migrate_args),
    {"yes", 0, "ENV", "Name the environment, in place of typing it.",
     OPT_STR(migrate_args, yes)},
    {0},
};

const struct cmd cmd_migrate = {
    .name = "migrate",
    .summary = "Run the migrations of a release alone, or undo them.",
    .help = "up is deploy --only migrations. down undoes what the release "
            "applied, newest first; it is refused while the live release "
            "needs it, and past a migration that has no down. finish is "
            "deploy --only contract: it runs the contracting migrations of "
            "the live release whose wait (after=, for=) is over. All are "
            "runs: gates, lease and fence, and an announcement made with "
            "expect --only migrations, or --only contract. status changes "
            "nothing.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | CMD_VERDICT,
    .args = migrate_words,
    .opts = migrate_opts,
    .args_size = sizeof(struct migrate_args),
    .run = migrate_run,
};
