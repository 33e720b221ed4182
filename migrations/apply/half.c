#include "migrations/apply/half.h"

#include <string.h>

#include "migrations/hazards/refusals.h"
#include "migrations/read/inverse.h"
#include "migrations/read/split.h"

static bool read_text(struct script *out, struct arena *a, const char *name,
                      const char *text, bool down, struct err *e)
{
    struct sql_file file = {
        arena_printf(a, "%s.%s.sql", name, down ? "down" : "up"), text,
        strlen(text),
        /* it was read before */
        .how = {.foreign = true, .allowed = REFUSES_ALL}};

    return split_script(out, NULL, a, &file, down, e);
}

bool half_texts(struct arena *a, const struct applied_row *row,
                struct script *up, struct script *down, struct err *e)
{
    return read_text(up, a, row->name, row->up, false, e) &&
           read_text(down, a, row->name, row->down, true, e);
}

/* Every statement that is done has one that undoes it. */
static bool covered(struct arena *a, const struct script *up,
                    const struct script *down, const struct inverse *inverse,
                    const bool *done, const char **why)
{
    for (size_t i = 0; i < up->n; i++) {
        bool found = !done[i] || !inverse->traces[i];

        for (size_t k = 0; k < down->n; k++)
            found |= inverse->undoes[k] == (int)i;
        if (found)
            continue;
        *why = arena_printf(a,
                            "line %d, %s, is done, and no statement of its "
                            "down undoes just that and surely nothing that was "
                            "there before",
                            up->statements[i].line, up->statements[i].kind);
        return false;
    }
    return true;
}

/* And none of the down does more than that. */
static bool nothing_else(struct arena *a, const struct script *down,
                         const struct inverse *inverse, const char **why)
{
    for (size_t k = 0; k < down->n; k++) {
        if (inverse->undoes[k] != INVERSE_NONE)
            continue;
        *why = arena_printf(a,
                            "line %d of its down, %s, undoes no one statement "
                            "of the up: it was written for all of it",
                            down->statements[k].line, down->statements[k].kind);
        return false;
    }
    return true;
}

bool half_script(struct arena *a, const struct applied_row *row,
                 const bool *done, size_t n, struct script *script,
                 const char **why, struct err *e)
{
    struct script up, down;
    struct inverse inverse;
    struct statement *picked;

    *why = row->forward_only ? row->forward_only : "it has no down migration";
    if (row->forward_only || !row->down || !half_texts(a, row, &up, &down, e))
        return false;
    *why = "its text comes apart into other statements than when it began";
    if (up.n != n)
        return false;
    inverse_find(&inverse, a, &up, &down);
    if (!covered(a, &up, &down, &inverse, done, why) ||
        !nothing_else(a, &down, &inverse, why))
        return false;
    *script = down;
    picked = arena_array(a, down.n, sizeof *picked);
    script->statements = picked;
    script->n = 0;
    for (size_t k = 0; k < down.n; k++)
        if (inverse.undoes[k] == INVERSE_ALL || done[inverse.undoes[k]])
            picked[script->n++] = down.statements[k];
    return true;
}

bool half_goes_back(struct arena *a, const struct journal_row *half,
                    const char **why)
{
    size_t n = half->statements > 0 ? (size_t)half->statements : 0;
    bool *done = arena_array(a, n, sizeof *done);
    struct script script;
    struct err e = {0};

    *why = "an older tidegate began it, and kept no text of its down";
    if (!half->row)
        return false;
    for (size_t i = 0; i < n && (int)i < half->statements_done; i++)
        done[i] = true;
    if (half_script(a, half->row, done, n, &script, why, &e))
        return true;
    if (e.code != ERR_NONE)
        *why = arena_printf(a, "%s: %s", e.what, e.why);
    return false;
}

char *half_far(struct arena *a, const struct journal_row *half)
{
    return arena_printf(a, "%d of its %d statements %s done",
                        half->statements_done, half->statements,
                        half->statements_done == 1 ? "is" : "are");
}

char *half_stopped(struct arena *a, const struct journal_row *half,
                   const struct applied_row *of)
{
    const char *text = !of ? NULL : half->down ? of->down : of->up;
    char *far = half_far(a, half);
    const struct statement *last;
    struct script script;
    struct err ignored;

    if (!text || half->statements_done < 1 ||
        !read_text(&script, a, half->name, text, half->down, &ignored) ||
        (size_t)half->statements_done > script.n)
        return far;
    last = &script.statements[half->statements_done - 1];
    return arena_printf(a, "%s; it stopped after %sline %d, %s", far,
                        half->down ? "its down's " : "", last->line,
                        last->kind);
}

char *half_by_hand(struct arena *a, const char *name)
{
    return arena_printf(a,
                        "finish it (tidegate resume) and then go back; or undo "
                        "by hand what is done of it, DELETE FROM "
                        "tidegate.journal WHERE name = '%s', and run this "
                        "again",
                        name);
}
