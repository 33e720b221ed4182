#include "migrations/lint/lint.h"

#include <string.h>

#include "runner/base/file.h"
#include "runner/command/cmd.h"
#include "runner/command/lint_folder.h"
#include "runner/command/lint_say.h"

struct lint_args {
    struct opt_list files;
    const char *database;
    bool strict;
};

struct linted {
    struct tidegate *t;
    struct json *list;
    size_t files, counts[3]; /* by level */
    struct lint_run run;
    struct pg *pg; /* or NULL */
    bool github;
};

static void lint_one(struct linted *l, const struct sql_file *file)
{
    struct arena *a = l->t->arena;
    struct finding *found;
    size_t n;

    found = lint_file(a, file, &l->run, &n);
    l->files++;
    for (size_t i = 0; i < n; i++) {
        l->counts[found[i].level]++;
        if (l->github)
            output_text(l->t->out, "%s", lint_say_github(a, &found[i]));
        else
            lint_say_text(l->t->out, a, &found[i]);
        json_append(l->list, lint_say_json(a, &found[i]));
    }
}

/* As a set, by the layout of the environment's configuration, if there is. */
static bool lint_set(struct linted *l, const char *path, struct err *e)
{
    struct tidegate *t = l->t;
    const struct lint_set as = {t->env ? t->config.migrations_layout : "auto",
                                t->env ? &t->env->placeholders : NULL};
    struct lint_listed *list;
    size_t n;

    if (!lint_folder(&list, &n, t->arena, path, &as, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        l->run.named = true;
        l->run.stray = list[i].stray;
        lint_one(l, &list[i].file);
    }
    l->run.named = false;
    l->run.stray = NULL;
    return true;
}

static bool lint_path(struct linted *l, const char *path, struct err *e)
{
    const struct tidegate *t = l->t;
    struct sql_file file = {.name = path,
                            .values = t->env ? &t->env->placeholders : NULL};
    char *bytes;

    if (lint_is_folder(path))
        return lint_set(l, path, e);
    if (!file_read(path, MIGRATION_LIMIT, ERR_INPUT, t->arena, &bytes,
                   &file.len, e))
        return false;
    file.bytes = bytes;
    lint_one(l, &file);
    return true;
}

/* ---- the database ---- */

/* -e names an environment, whose database is asked where none is named. */
static bool of_environment(struct tidegate *t, const char **out, struct err *e)
{
    const char *folder = t->globals.folder ? t->globals.folder : ".";

    if (!config_load(&t->config, t->arena, folder, e))
        return false;
    if (t->config.foreign && !*out) {
        err_what(e, ERR_CONFIG, "%s", t->config.foreign);
        err_why(e, "whoever owns the configuration names the database");
        return err_fix(e, "run tidegate as its owner, or name it: --database");
    }
    t->env = config_environment(&t->config, t->globals.environment, e);
    if (!t->env)
        return false;
    *out = *out ? *out : t->env->database;
    if (*out)
        return true;
    err_what(e, ERR_CONFIG, "[environment %s] names no database", t->env->name);
    err_why(e, "lint was to ask it");
    return err_fix(e, "add `database`, or lint without -e");
}

static bool open_database(struct linted *l, const char *conninfo, struct err *e)
{
    struct tidegate *t = l->t;

    if (t->globals.environment && !of_environment(t, &conninfo, e))
        return false;
    if (t->env)
        l->run.allowed = config_allowed(&t->env->policy);
    if (!conninfo)
        return true;
    l->pg = pg_open(t->loop, conninfo, "tidegate:lint", 0, e);
    if (l->pg)
        l->run.catalog = catalog_open(t->arena, l->pg, e);
    l->run.pg = l->pg;
    return l->run.catalog;
}

/* Questions that went unanswered leave the worst case; a lost connection is
 * an error. */
static bool database_answered(struct linted *l, struct err *e)
{
    struct err why = {0};

    if (!l->run.catalog || !catalog_failed(l->run.catalog, &why))
        return true;
    if (catalog_lost(l->run.catalog)) {
        *e = why;
        return false;
    }
    progress_warn(l->t->progress, NULL,
                  "%s did not answer all questions, so the worst case is said "
                  "of some: %s",
                  pg_name(l->pg), why.why);
    return true;
}

/* ---- all files ---- */

static struct json *summary(const struct linted *l)
{
    struct json *j = json_new_object();

    json_set(j, "findings", l->list);
    json_set_int(j, "errors", (int64_t)l->counts[FINDING_ERROR]);
    json_set_int(j, "warnings", (int64_t)l->counts[FINDING_WARNING]);
    json_set_int(j, "notes", (int64_t)l->counts[FINDING_NOTE]);
    json_set(j, "database",
             l->pg ? json_new_string(pg_name(l->pg)) : json_new_null());
    return j;
}

static void close_list(struct linted *l)
{
    size_t files = l->files;

    if (!l->github)
        output_style(l->t->out, STYLE_BOLD,
                     "%zu file%s: errors %zu, warnings %zu, notes %zu\n", files,
                     files == 1 ? "" : "s", l->counts[FINDING_ERROR],
                     l->counts[FINDING_WARNING], l->counts[FINDING_NOTE]);
    output_json(l->t->out, summary(l));
}

static bool lint_all(struct linted *l, const struct lint_args *a, struct err *e)
{
    if (!open_database(l, a->database, e))
        return false;
    for (size_t i = 0; i < a->files.n; i++)
        if (!lint_path(l, a->files.words[i], e))
            return false;
    return database_answered(l, e);
}

static bool lint_run(struct tidegate *t, void *args, struct err *e)
{
    struct lint_args *a = args;
    struct linted l = {.t = t, .list = json_new_array()};
    bool ok;

    l.github = t->globals.format && strcmp(t->globals.format, "github") == 0;
    ok = lint_all(&l, a, e);
    if (ok)
        close_list(&l);
    else
        json_free(l.list);
    pg_close(l.pg);
    if (ok && (l.counts[FINDING_ERROR] > 0 ||
               (a->strict && l.counts[FINDING_WARNING] > 0)))
        t->exit_code = EXIT_INPUT;
    return ok;
}

static const struct arg lint_words[] = {
    {"FILE", "A migration, as SQL; or a folder of them.", ARG_MANY,
     ARG(lint_args, files)},
    {0},
};

static const struct opt lint_opts[] = {
    {"database", 0, "CONNINFO",
     "A database to ask for sizes, partitions, dependents and types; it is "
     "only read. With -e: the environment's.",
     OPT_STR(lint_args, database)},
    {"strict", 0, NULL, "Warnings end with exit 65 as well.",
     OPT_BOOL(lint_args, strict)},
    {0},
};

const struct cmd cmd_lint = {
    .name = "lint",
    .summary = "Say what migrations would do to a busy database.",
    .help = "Reads SQL files: what does not parse, what cannot run in a "
            "transaction, what the old code would not survive; which relations "
            "each statement locks, rewrites or reads, who waits for that, and "
            "what to write instead. A folder is read as a set of migrations, "
            "whose layout is recognised (with -e: the configured one, and "
            "its [placeholders] are filled in). Without "
            "a database it says the worst case, "
            "and that it is; with one, what is. A line `-- tidegate: allow "
            "RULE REASON` right above a statement makes a note of that "
            "finding. `--format github` writes workflow commands. Exits 65 "
            "when there is an error.",
    .needs = CMD_ANNOTATES,
    .args = lint_words,
    .opts = lint_opts,
    .args_size = sizeof(struct lint_args),
    .run = lint_run,
};
