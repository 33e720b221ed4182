#include "runner/command/release.h"

#include <string.h>

#include "runner/command/estimate_text.h"
#include "runner/command/rehearsal_text.h"
#include "runner/flow/rehearse.h"
#include "runner/report/verdicts.h"

struct rehearse_args {
    const char *release, *only;
    bool sweep, compare;
};

static bool rewrites(const struct rehearsed_statement *s)
{
    for (size_t k = 0; k < s->n; k++)
        if (s->touched[k].rewritten)
            return true;
    return false;
}

/* Whether a table waits for it longer than the budget allows. */
static bool blocks(const struct rehearsal *r, int64_t limit,
                   const struct rehearsed_statement *s)
{
    for (size_t i = 0; limit >= 0 && i < r->waited; i++) {
        const struct table_wait *w = &r->waits[i];

        if ((w->readers > limit || w->writers > limit) &&
            rehearsal_culprit(r, w) == s)
            return true;
    }
    return false;
}

/* What to write instead of each statement that broke a budget. */
static void safer(struct tidegate *t, const struct rehearsal *r)
{
    const struct budget_settings *budget = &t->env->policy.budget;

    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->list[i].n; k++) {
            const struct rehearsed_statement *s = &r->list[i].up[k];

            if (s->safer && ((budget->rewrite_forbidden && rewrites(s)) ||
                             blocks(r, budget->blocked_ms, s)))
                output_text(t->out, "%s:%d  %s\nsafer:\n%s\n", r->list[i].name,
                            s->line, rehearsal_text_line(t->arena, s->text),
                            s->safer);
        }
}

static const char *came_to(const struct verdict *v)
{
    if (v->is != STOP)
        return "does not count yet";
    if (strcmp(v->rule, "rehearsal.failed") == 0)
        return "failed";
    if (strcmp(v->rule, "way_back.breaks") == 0)
        return "found what the old code would not survive";
    return strncmp(v->rule, "way_back.", 9) == 0 ? "found no way back"
                                                 : "broke a budget";
}

static bool judge(struct tidegate *t, const struct rehearsal *r,
                  const struct verdict *v, struct err *e)
{
    output_style(t->out, v->is == PASS ? STYLE_GOOD : STYLE_BAD, "%s  %s\n",
                 verdict_word(v->is), v->because);
    if (v->is == PASS)
        return true;
    if (v->is == STOP && !r->failed)
        safer(t, r);
    err_what(e, v->is == STOP ? ERR_REFUSED : ERR_HELD, "the rehearsal %s",
             came_to(v));
    err_why(e, "%s", v->because);
    return err_fix(e, "%s",
                   *v->fix ? v->fix
                           : "change the migration, tag a "
                             "new release, rehearse that");
}

/* Against the last one; NULL: not asked for. */
static struct json *compare(struct tidegate *t, struct subject *s,
                            const struct rehearsal *now)
{
    struct rehearsal before;
    const char *release;
    struct versus v;
    struct json *j;

    if (!rehearse_previous(s, now, &before, &release)) {
        output_text(t->out,
                    "nothing to compare with: neither %s nor these "
                    "migrations were rehearsed before\n",
                    s->release);
        return json_new_null();
    }
    versus(&v, t->arena, &before, now);
    estimate_text_versus(t->out, t->arena, &v, release, before.at);
    j = versus_to_json(&v);
    json_set_str(j, "release", release);
    json_set_int(j, "at", before.at);
    return j;
}

static bool rehearse_one(struct tidegate *t, const struct rehearse_args *a,
                         struct err *e)
{
    struct rehearsal r = {0};
    struct verdict v;
    struct subject s;
    bool nothing = false;

    t->release = a->release;
    if (!release_subject(t, &s, e))
        return false;
    if (a->only)
        s.phases = PHASES_CONTRACT;
    bool ok = rehearse_release(&s, a->release, &r, &v, &nothing, e);

    if (ok && nothing) {
        output_text(t->out, "%s adds no %smigrations: nothing to rehearse\n",
                    a->release, a->only ? "contracting " : "");
        output_json(t->out, json_new_object());
    } else if (ok) {
        struct json *j = rehearsal_to_json(&r);

        rehearsal_text(t->out, t->arena, &r);
        if (a->compare)
            json_set(j, "compared", compare(t, &s, &r));
        ok = judge(t, &r, &v, e);
        json_set_str(j, "verdict", verdict_word(v.is));
        json_set_str(j, "because", v.because);
        output_json(t->out, j);
    }
    subject_close(&s);
    return ok;
}

static bool sweep_command(struct tidegate *t, struct err *e)
{
    struct json *j = json_new_object(), *list = json_new_array();
    const char **swept;
    size_t n = 0;
    bool ok =
        rehearse_sweep(t->loop, t->arena, t->env, t->ledger, &swept, &n, e);

    for (size_t i = 0; i < n; i++) {
        output_text(t->out, "removed %s\n", swept[i]);
        json_append(list, json_new_string(swept[i]));
    }
    if (ok && n == 0)
        output_text(t->out, "no killed rehearsal left a clone\n");
    json_set(j, "removed", list);
    if (ok)
        output_json(t->out, j);
    else
        json_free(j);
    return ok;
}

/* Exactly one of the two. */
static bool wanted(const struct rehearse_args *a, struct err *e)
{
    if (!a->sweep == (a->release != NULL))
        return true;
    err_what(e, ERR_USAGE, "%s",
             a->sweep ? "--sweep stands alone" : "RELEASE is missing");
    err_why(e, "a rehearsal is of one release; --sweep removes the clones of "
               "those that were killed");
    return err_fix(e, "tidegate rehearse RELEASE, or tidegate rehearse "
                      "--sweep");
}

static bool rehearse_command(struct tidegate *t, void *args, struct err *e)
{
    struct rehearse_args *a = args;

    if (!wanted(a, e))
        return false;
    return a->sweep ? sweep_command(t, e) : rehearse_one(t, a, e);
}

static const struct arg rehearse_words[] = {
    {"RELEASE", "The tag whose migrations are timed.", ARG_MAYBE,
     ARG(rehearse_args, release)},
    {0},
};

static const struct opt rehearse_opts[] = {
    {"compare", 0, NULL,
     "Tell what has changed since the last rehearsal of this release, or of "
     "the same migrations.",
     OPT_BOOL(rehearse_args, compare)},
    {"only", 0, "contract",
     "Rehearse the contracting migrations, for `migrate finish`; without it, "
     "what a deploy would run.",
     OPT_STR(rehearse_args, only)},
    {"sweep", 0, NULL, "Remove the clones that killed rehearsals left.",
     OPT_BOOL(rehearse_args, sweep)},
    {0},
};

const struct cmd cmd_rehearse = {
    .name = "rehearse",
    .summary = "Time a release's migrations on a clone of the database.",
    .help = "Makes a clone as [rehearsal] says (dump, schema, template, "
            "existing or command; `help config`), runs every pending migration "
            "up, down, compares "
            "schema and data, and up again; measures time, locks, rewrites, "
            "scans, WAL and temporary files; estimates production. The "
            "certificate is what deploy asks for, until production changes. "
            "Production is never written to. --format json is stable: members "
            "are added, never renamed. Clones that a kill -9 left are removed "
            "first; --sweep does that alone.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | NEED_LEDGER_WRITE | CMD_VERDICT,
    .args = rehearse_words,
    .opts = rehearse_opts,
    .args_size = sizeof(struct rehearse_args),
    .run = rehearse_command,
};
