#include "runner/flow/migrate.h"

#include <string.h>

#include "runner/command/release.h"
#include "runner/command/takeover.h"
#include "runner/flow/database.h"
#include "runner/report/verdicts.h"

struct migrate_args {
    const char *verb, *release, *yes;
    const char *to, *from, *table;
    bool verify, dry_run;
    bool terminate_orphan;
};

/* ---- up, down and finish ---- */

static bool is_finish(const struct migrate_args *a)
{
    return strcmp(a->verb, "finish") == 0;
}

static bool confirm_down(void *ctx, const struct run *r, struct err *e)
{
    struct release_confirm *c = ctx;

    output_note(c->t->out, STYLE_BOLD, "undo the migrations of %s in %s\n",
                r->s->release, c->t->env->name);
    release_say_down(c->t, r);
    return cmd_confirm(c->t, c->yes, e);
}

static bool undo(struct run *r, struct subject *s, struct release_confirm *c,
                 const struct migrate_args *a, struct err *e)
{
    const struct migrate_wish wish = {.release = a->release,
                                      .dry_run = a->dry_run,
                                      .confirm = confirm_down,
                                      .ctx = c};
    bool ok = migrate_down(r, s, &wish, e);

    if (ok && a->dry_run)
        release_say_down(c->t, r);
    return ok;
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

static void tell(struct tidegate *t, const struct run *r,
                 const struct migrate_args *a)
{
    const char *release = a->release;

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
        output_text(t->out, "the migrations of %s %s %s in %s\n", release,
                    a->dry_run ? "would be" : "are",
                    r->down ? "undone" : "applied", t->env->name);
}

static bool no_release(const char *verb, struct err *e)
{
    err_what(e, ERR_USAGE, "migrate %s: which release?", verb);
    err_why(e, "RELEASE is missing");
    return err_fix(e,
                   "add the tag, as announced with: tidegate expect RELEASE "
                   "--only %s",
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
    bool ok = strcmp(a->verb, "down") == 0 ? undo(&r, &s, &c, a, e)
                                           : apply(&r, &s, &c, a, e);

    t->run = r.id;
    if (!ok && !r.changed)
        release_show_gates(t, &r);
    if (ok)
        tell(t, &r, a);
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
        struct json *j = rows_json(t, rows, n);

        rows_show(t, rows, n);
        if (a->release)
            output_text(t->out, "%s\n", subject_layout(&s));
        if (s.migrations.n > 0)
            json_set_str(j, "layout", s.migrations.layout);
        output_json(t->out, j);
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

/* What was there before: recorded, not run. */
static bool take_over(struct tidegate *t, const struct migrate_args *a,
                      struct err *e)
{
    struct takeover_wish wish = {.baseline = strcmp(a->verb, "baseline") == 0,
                                 .release = a->release,
                                 .to = a->to,
                                 .from = a->from,
                                 .table = a->table,
                                 .verify = a->verify,
                                 .dry_run = a->dry_run};

    return takeover_command(t, &wish, a->yes, e);
}

/* Which verbs know an option; the others refuse it. */
static bool options_fit(const struct migrate_args *a, struct err *e)
{
    const struct {
        const char *option, *verbs;
        bool given;
    } rows[] = {
        {"--to", "baseline", a->to != NULL},
        {"--verify", "baseline", a->verify},
        {"--from", "import", a->from != NULL},
        {"--table", a->verify ? "import baseline" : "import", a->table != NULL},
        {"--dry-run", "down import baseline", a->dry_run}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!rows[i].given || strstr(rows[i].verbs, a->verb))
            continue;
        err_what(e, ERR_USAGE, "migrate %s takes no %s", a->verb,
                 rows[i].option);
        err_why(e, "it belongs to: migrate %s", rows[i].verbs);
        return err_fix(e, "leave it out");
    }
    return true;
}

static bool migrate_run(struct tidegate *t, void *args, struct err *e)
{
    struct migrate_args *a = args;

    if (!options_fit(a, e))
        return false;
    if (strcmp(a->verb, "import") == 0 || strcmp(a->verb, "baseline") == 0)
        return open_ledger(t, a->dry_run ? LEDGER_READ : LEDGER_WRITE, e) &&
               take_over(t, a, e);
    if (strcmp(a->verb, "status") == 0)
        return open_ledger(t, LEDGER_READ, e) && status(t, a, e);
    if (!a->release && !is_finish(a))
        return no_release(a->verb, e);
    return open_ledger(t, a->dry_run ? LEDGER_READ : LEDGER_WRITE, e) &&
           change(t, a, e);
}

static const struct arg migrate_words[] = {
    {"up|down|finish|status|import|baseline",
     "Apply them, undo them, apply the contracting ones, see what is applied, "
     "or record what was applied before.",
     ARG_ONE, ARG(migrate_args, verb)},
    {"RELEASE",
     "The tag; finish, import and baseline without it mean what is live, "
     "status without it shows the database alone.",
     ARG_MAYBE, ARG(migrate_args, release)},
    {0},
};

static const struct opt migrate_opts[] = {
    {"from", 0, "TOOL",
     "import: whose table it is; default: the tool whose layout the files "
     "have.",
     OPT_STR(migrate_args, from)},
    {"table", 0, "SCHEMA.NAME",
     "import: that table; default: by its usual name, in any schema. "
     "baseline --verify: another tool's, to leave out.",
     OPT_STR(migrate_args, table)},
    {"to", 0, "NAME", "baseline: the last migration that is applied.",
     OPT_STR(migrate_args, to)},
    {"verify", 0, NULL,
     "baseline: run them on an empty database of the rehearsal's server, and "
     "compare the schemas.",
     OPT_BOOL(migrate_args, verify)},
    {"dry-run", 'n', NULL,
     "down: tell what it would undo, change nothing, ask no gate; import, "
     "baseline: tell, and record nothing.",
     OPT_BOOL(migrate_args, dry_run)},
    RELEASE_ORPHAN_OPT(migrate_args),
    {"yes", 0, "ENV", "Name the environment, in place of typing it.",
     OPT_STR(migrate_args, yes)},
    {0},
};

const struct cmd cmd_migrate = {
    .name = "migrate",
    .summary = "Run the migrations of a release alone, or undo them.",
    .help = "Up is deploy --only migrations; finish is deploy --only "
            "contract, of contracting migrations whose wait is over; down "
            "undoes what the release applied, newest first, not while code "
            "on hosts needs it, nor past one without a down, nor from under "
            "what was applied later. These want an "
            "announcement (expect --only migrations, finish: --only "
            "contract); resume finishes what stopped on its way, rollback "
            "--schema also undoes such an up. import records as applied what "
            "another tool's table says, baseline what you say: no "
            "announcement, but the pinned policy; they run nothing, and no "
            "rollback undoes them.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | CMD_VERDICT,
    .args = migrate_words,
    .opts = migrate_opts,
    .args_size = sizeof(struct migrate_args),
    .run = migrate_run,
};
