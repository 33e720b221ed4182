#include "migrations/lint.h"

#include <string.h>

#include "runner/base/file.h"
#include "runner/command/cmd.h"

struct lint_args {
    struct opt_list files;
};

static const struct {
    const char *word;
    enum style style;
} levels[] = {[FINDING_NOTE] = {"note", STYLE_DIM},
              [FINDING_WARNING] = {"warning", STYLE_WARN},
              [FINDING_ERROR] = {"error", STYLE_BAD}};

struct linted {
    struct tidegate *t;
    struct json *list;
    size_t counts[3]; /* by level */
    struct lint_run run;
};

static const char *reach(const struct finding *f)
{
    if (f->rewrites)
        return "rewrites the table";
    return f->scans ? "reads the whole table" : NULL;
}

static void show_safer(struct tidegate *t, const char *text)
{
    const char *label = "safer";

    while (*text) {
        size_t n = 0;

        while (text[n] && text[n] != '\n')
            n++;
        output_text(t->out, "    %-7s%.*s\n", label, (int)n, text);
        label = "";
        text += n + (text[n] == '\n');
    }
}

/* What is wrong, without the "FILE:LINE: " that stands before it already. */
static const char *said(struct arena *a, const struct finding *f)
{
    const char *place = arena_printf(a, "%s:%d: ", f->file, f->line);
    size_t n = strlen(place);

    return strncmp(f->what, place, n) == 0 ? f->what + n : f->what;
}

static void show(struct tidegate *t, const struct finding *f)
{
    const char *does = reach(f);

    output_text(t->out, "%s:%d: ", f->file, f->line);
    output_style(t->out, levels[f->level].style, "%s", levels[f->level].word);
    output_text(t->out, " [%s] %s\n", f->rule, said(t->arena, f));
    if (f->lock || does)
        output_text(t->out, "    %-7s%s%s%s\n", "lock",
                    f->lock ? f->lock : "none", does ? ", " : "",
                    does ? does : "");
    if (f->safer)
        show_safer(t, f->safer);
}

static struct json *finding_json(struct arena *a, const struct finding *f)
{
    struct json *j = json_new_object();

    json_set_str(j, "file", f->file);
    json_set_int(j, "line", f->line);
    json_set_str(j, "level", levels[f->level].word);
    json_set_str(j, "rule", f->rule);
    json_set_str(j, "what", said(a, f));
    json_set(j, "lock", f->lock ? json_new_string(f->lock) : json_new_null());
    json_set_bool(j, "rewrites", f->rewrites);
    json_set_bool(j, "scans", f->scans);
    if (f->safer)
        json_set_str(j, "safer", f->safer);
    return j;
}

static bool lint_one(struct linted *l, const char *path, struct err *e)
{
    struct arena *a = l->t->arena;
    struct sql_file file = {.name = path};
    struct finding *found;
    char *bytes;
    size_t n;

    if (!file_read(path, MIGRATION_LIMIT, ERR_INPUT, a, &bytes, &file.len, e))
        return false;
    file.bytes = bytes;
    found = lint_file(a, &file, &l->run, &n);
    for (size_t i = 0; i < n; i++) {
        l->counts[found[i].level]++;
        show(l->t, &found[i]);
        json_append(l->list, finding_json(a, &found[i]));
    }
    return true;
}

static void close_list(struct linted *l, size_t files)
{
    struct json *j = json_new_object();

    output_style(l->t->out, STYLE_BOLD,
                 "%zu file%s: errors %zu, warnings %zu, notes %zu\n", files,
                 files == 1 ? "" : "s", l->counts[FINDING_ERROR],
                 l->counts[FINDING_WARNING], l->counts[FINDING_NOTE]);
    json_set(j, "findings", l->list);
    json_set_int(j, "errors", (int64_t)l->counts[FINDING_ERROR]);
    json_set_int(j, "warnings", (int64_t)l->counts[FINDING_WARNING]);
    json_set_int(j, "notes", (int64_t)l->counts[FINDING_NOTE]);
    output_json(l->t->out, j);
}

static bool lint_run(struct tidegate *t, void *args, struct err *e)
{
    struct lint_args *a = args;
    struct linted l = {.t = t, .list = json_new_array()};

    for (size_t i = 0; i < a->files.n; i++) {
        if (lint_one(&l, a->files.words[i], e))
            continue;
        json_free(l.list);
        return false;
    }
    close_list(&l, a->files.n);
    if (l.counts[FINDING_ERROR] > 0)
        t->exit_code = EXIT_INPUT;
    return true;
}

static const struct arg lint_words[] = {
    {"FILE", "A migration, as SQL.", ARG_MANY, ARG(lint_args, files)},
    {0},
};

const struct cmd cmd_lint = {
    .name = "lint",
    .summary = "Say what migrations would do to a busy database.",
    .help = "Reads SQL files and nothing else: what does not parse, what "
            "cannot run in a transaction, what the old code would not "
            "survive, what rewrites or reads a whole table under which lock, "
            "and what to write instead. Exits 65 when there is an error.",
    .args = lint_words,
    .args_size = sizeof(struct lint_args),
    .run = lint_run,
};
