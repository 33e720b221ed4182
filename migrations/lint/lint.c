/* A file: its parts, what stands around its statements, and their order. */
#include "migrations/lint/lint.h"

#include <string.h>

#include "migrations/hazards/refusals.h"
#include "migrations/hazards/words.h"
#include "migrations/lint/lint_intern.h"
#include "migrations/lint/lint_missing.h"
#include "migrations/lint/lint_parts.h"
#include "migrations/lint/lint_ways.h"
#include "migrations/read/batch.h"
#include "migrations/read/foreign.h"
#include "migrations/read/layout.h"
#include "migrations/read/placeholders.h"

/* The line in an error's own "FILE:LINE: ..." */
static int line_of(const struct linter *l, const struct err *e)
{
    size_t n = strlen(l->file);
    int line = 0;

    if (strncmp(e->what, l->file, n) != 0 || e->what[n] != ':')
        return 1;
    for (const char *p = e->what + n + 1; *p >= '0' && *p <= '9'; p++)
        line = line * 10 + (*p - '0');
    return line ? line : 1;
}

/* Statements that run alone make the whole file so, when there are no others
 * (see split.c). */
static bool all_alone(struct linter *l, const struct split_pieces *pieces)
{
    for (size_t i = 0; i < pieces->n; i++) {
        const struct split_piece *p = &pieces->list[i];
        if (p->tree ? !refusals_alone(l->scratch, p->tree, "")
                    : !words_alone(l->scratch, p->text))
            return false;
    }
    return pieces->n > 0;
}

static void bad_allowance(void *arg, int line, const struct err *e)
{
    struct linter *l = arg;

    lint_add_error(l, line + l->how->lines_before, "directive", e);
}

static void say_unused(struct linter *l)
{
    for (size_t i = 0; i < l->allowed.n; i++) {
        const struct allowance *w = &l->allowed.list[i];
        struct finding *f;
        if (w->used)
            continue;
        f = lint_add(l);
        f->line = w->line + l->how->lines_before;
        f->level = FINDING_NOTE;
        f->rule = "allow-unused";
        f->what = arena_printf(
            l->a, "allows %s, which the statement below does not show",
            w->rule);
        f->safer = "delete the line, or put it right above its statement";
    }
}

static void lint_pieces(struct linter *l, const struct split_pieces *pieces)
{
    for (size_t i = 0; l->together && i < pieces->n; i++)
        if (pieces->list[i].tree)
            subject_foresee(l->scratch, pieces->list[i].tree, &l->fresh);
    for (size_t i = 0; i < pieces->n; i++)
        lint_statement(l, &pieces->list[i]);
    say_unused(l);
}

/* Whether the statement is bound to its batch, and to rows. */
static void lint_batch(struct linter *l, bool down)
{
    struct sql_file file = {.name = l->file,
                            .bytes = l->text,
                            .len = strlen(l->text),
                            .how.allowed = l->run->allowed};
    const struct catalog_relation *r;
    struct script s;
    struct err e;

    if (!split_script(&s, NULL, l->scratch, &file, down, &e)) {
        lint_add_error(l, line_of(l, &e), "batch", &e);
        return;
    }
    for (const char **only = l->run->catalog ? s.batch->only : NULL;
         only && *only; only++)
        if ((r = catalog_relation(l->run->catalog, *only)) &&
            r->self.kind == 'p' && !batch_is_empty(&s, *only, &e))
            lint_add_error(l, line_of(l, &e), "batch", &e);
    lint_missing_batch(l, &s);
}

static void lint_text(struct linter *l, bool down)
{
    struct script ignored = {.text = l->text};
    int before = l->how->lines_before;
    struct split_pieces pieces;
    struct directives d;
    struct err e;

    if (!directives_read(&d, l->scratch, l->file, l->text, before, down, &e)) {
        lint_add_error(l, line_of(l, &e), "directive", &e);
        d = (struct directives){0};
    }
    if (d.batch)
        lint_batch(l, down);
    allowances_read(&l->allowed, l->a, l->file, l->text, bad_allowance, l);
    if (!split_pieces(&pieces, l->scratch, l->file, l->text, before, &e)) {
        lint_add_error(l, line_of(l, &e), "parse", &e);
        return;
    }
    if (l->how->foreign)
        foreign_settle(&pieces, l->how->undone, &ignored);
    else
        split_unwrap(&pieces, false);
    l->pieces = &pieces;
    l->survive = !down && !d.after && !d.compatible;
    l->together = !d.no_transaction && !l->how->no_transaction &&
                  !l->how->each_alone && !all_alone(l, &pieces);
    l->batch = batch_is_said(&d);
    lint_ways_begin(l, &d);
    lint_pieces(l, &pieces);
    lint_ways_end(l);
}

/* By lines; of one line in the order found. Nearly sorted already. */
static void sort_findings(struct linter *l)
{
    for (size_t i = 1; i < l->n; i++) {
        struct finding f = l->list[i];
        size_t at = i;
        for (; at > 0 && l->list[at - 1].line > f.line; at--)
            l->list[at] = l->list[at - 1];
        l->list[at] = f;
    }
}

static void lint_part(struct linter *l, const struct lint_part *part)
{
    struct err e;
    char *text;

    l->how = &part->file.how;
    l->fresh = (struct fresh){0};
    l->down = part->down;
    if (!l->down)
        subject_carry(l->scratch, &l->run->earlier, &l->fresh);
    l->from = 0;
    l->held_line = 0;
    l->path_line = 0;
    text = split_normalise(l->scratch, &part->file, &e);
    l->text =
        text ? placeholders_fill(l->scratch, &part->file, text, &e) : NULL;
    if (l->text)
        lint_text(l, part->down);
    else
        lint_add_error(l, line_of(l, &e), text ? "placeholder" : "bytes", &e);
}

/* Settings end with their script (foreign.h). Where the way back is beside it,
 * it is known whether that sets it too; of files apart, once is enough. */
static void say_path(struct linter *l, int line, bool apart)
{
    struct finding *f;

    if (!line || (apart && l->run->path_told))
        return;
    l->run->path_told |= apart;
    f = lint_add(l);
    f->line = line;
    f->rule = "search-path";
    f->what = arena_printf(l->a,
                           "search_path is set for this script alone: %s with "
                           "that of the role, where a name without a schema "
                           "may mean another table",
                           apart ? "its way back and what comes after it run"
                                 : "the way back runs");
    f->safer = "set it in each script, or write the schema in each name";
}

/* The line in an error that names the file without its folder. */
static void bad_parts(struct linter *l, struct err *e)
{
    const char *whole = l->file;

    l->file = layout_base(l->file);
    l->line = line_of(l, e);
    l->file = whole;
    lint_add_error(l, l->line, "parse", e);
}

struct finding *lint_file(struct arena *a, const struct sql_file *file,
                          struct lint_run *run, size_t *n)
{
    struct arena scratch;
    struct linter l = {.a = a, .scratch = &scratch, .run = run};
    struct lint_part parts[2];
    struct err e;
    size_t count;
    int up_path = 0;

    arena_init(&scratch);
    l.file = arena_strdup(a, file->name);
    if (!lint_missing_name(&l, file))
        count = 0;
    else if (!lint_parts(parts, &count, &scratch, file, &e)) {
        bad_parts(&l, &e);
        count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        lint_part(&l, &parts[i]);
        up_path = i == 0 && !l.down ? l.path_line : up_path;
    }
    if (count < 2 || !l.path_line)
        say_path(&l, up_path, count < 2);
    arena_release(&scratch);
    sort_findings(&l);
    *n = l.n;
    return l.list;
}
