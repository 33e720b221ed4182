#include "migrations/read/hazards_release.h"

#include "migrations/hazards/hazards.h"

struct release {
    struct arena *scratch;
    struct fresh fresh;
};

/* The tree of a statement that was read before, or NULL. */
static const struct node *tree_of(struct arena *a, const struct statement *s)
{
    struct parse_failure ignored;
    struct parsed parsed;

    if (s->unparsed || !parser_parse(a, s->text, &parsed, &ignored) ||
        parsed.n != 1)
        return NULL;
    return parsed.list[0].tree;
}

static void remember(struct release *r, const struct script *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct node *tree = tree_of(r->scratch, &s->statements[i]);
        if (tree && !subject_is_temporary(tree))
            subject_remember(r->scratch, tree, &r->fresh);
    }
}

static void foresee(struct release *r, const struct script *s)
{
    for (size_t i = 0; s->transaction && i < s->n; i++) {
        const struct node *tree = tree_of(r->scratch, &s->statements[i]);
        if (tree)
            subject_foresee(r->scratch, tree, &r->fresh);
    }
}

static const char *first_break(struct release *r, struct arena *a,
                               const struct script *script)
{
    for (size_t i = 0; i < script->n; i++) {
        const struct statement *s = &script->statements[i];
        const struct node *tree = tree_of(r->scratch, s);
        const char *breaks =
            !tree || !s->breaks_old_code
                ? s->breaks_old_code
                : hazards_breaks(r->scratch, tree, s->text, &r->fresh);
        if (breaks)
            return arena_printf(a, "%d: %s", s->line, breaks);
        if (tree)
            subject_remember(r->scratch, tree, &r->fresh);
    }
    return NULL;
}

const char *hazards_release(struct arena *a,
                            const struct migration *const *list, size_t i)
{
    struct arena scratch;
    struct release r = {.scratch = &scratch};
    const char *breaks;

    if (!list[i]->breaks || i == 0)
        return list[i]->breaks;
    arena_init(&scratch);
    for (size_t j = 0; j < i; j++)
        remember(&r, &list[j]->up);
    foresee(&r, &list[i]->up);
    breaks = first_break(&r, a, &list[i]->up);
    arena_release(&scratch);
    return breaks;
}
