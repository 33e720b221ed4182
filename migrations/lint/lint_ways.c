#include "migrations/lint/lint_ways.h"

#include <string.h>

#include "migrations/lint/lint_intern.h"
#include "migrations/read/layout.h"

/* "db/0001_a" of 0001_a.up.sql and 0001_a.down.sql, "2024_a/" of diesel's two,
 * "1__a.sql" of Flyway's; else the whole: both ways are in it. */
static const char *stem_of(struct arena *a, const char *file)
{
    static const char *const ends[] = {".up.sql", ".down.sql", "/up.sql",
                                       "/down.sql"};
    const char *base = layout_base(file);

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (layout_ends_with(file, ends[i]))
            return arena_strndup(a, file, strlen(file) - strlen(ends[i]));
    if (*base && strchr("VU", *base) && strstr(base, "__"))
        return arena_printf(a, "%.*s%s", (int)(base - file), file, base + 1);
    return arena_strdup(a, file);
}

void lint_ways_begin(struct linter *l, const struct directives *d)
{
    const char *stem = stem_of(l->a, l->file);
    struct lint_ways *w = l->run->ways;

    while (w && strcmp(w->stem, stem) != 0)
        w = w->next;
    if (!w) {
        w = arena_array(l->a, 1, sizeof *w);
        *w = (struct lint_ways){.stem = stem, .next = l->run->ways};
        l->run->ways = w;
    }
    if (!l->down) {
        w->forward_only = d->forward_only != NULL;
        w->after = d->after;
    }
    l->ways = w;
}

static void add(struct linter *l, const char *kind, const char *name)
{
    struct lint_way *way = l->down ? &l->ways->down : &l->ways->up;

    way->things =
        arena_grow(l->a, way->things, way->n, way->n + 1, sizeof *way->things);
    way->things[way->n++] =
        (struct lint_thing){arena_printf(l->a, "%s %s", kind, name), l->line};
}

static void look(const struct subject *s, void *arg)
{
    struct linter *l = arg;
    const char *sub = s->cmd ? node_enum(s->cmd, "subtype") : "";

    if (s->fresh)
        return;
    if (strcmp(sub, l->down ? "AT_AddColumn" : "AT_DropColumn") == 0)
        add(l, "column", arena_printf(l->a, "%s.%s", s->table, s->name));
    if (!l->down && node_is(s->stmt, "DropStmt") &&
        strcmp(node_enum(s->stmt, "remove_type"), "OBJECT_TABLE") == 0)
        add(l, "table", s->name);
    if (l->down && node_is(s->stmt, "CreateStmt"))
        add(l, "table", subject_relation(l->a, node_get(s->stmt, "relation")));
}

/* Whatever it may write rows by. */
static bool fills(const struct node *stmt)
{
    static const char *const types[] = {
        "InsertStmt", "UpdateStmt", "CopyStmt",   "MergeStmt",
        "DoStmt",     "CallStmt",   "SelectStmt", "CreateTableAsStmt"};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (node_is(stmt, types[i]))
            return true;
    return false;
}

void lint_ways_statement(struct linter *l, const struct node *stmt,
                         const char *text)
{
    struct lint_way *way = l->down ? &l->ways->down : &l->ways->up;

    way->begins = way->seen ? way->begins : l->line;
    way->seen = true;
    way->fills |= !stmt || fills(stmt);
    if (stmt)
        subject_each(l->scratch, stmt, text, &l->fresh, look, l);
}

static void say_both(struct linter *l)
{
    struct finding *f = lint_add(l);

    f->line = l->down ? l->ways->down.begins : l->ways->up.begins;
    f->level = FINDING_ERROR;
    f->rule = "directive";
    f->what = "forward-only, but there is a way back: one of the two is wrong";
    f->safer = l->down ? "delete this way back, or the directive"
                       : "delete the directive, or the way back (its file, "
                         "or the section of this one)";
}

/* Its values are known to nobody by then. */
static void say_empty(struct linter *l, const struct lint_thing *up,
                      const struct lint_thing *down)
{
    struct finding *f = lint_add(l);

    f->line = l->down ? down->line : up->line;
    f->level = l->ways->after ? FINDING_WARNING : FINDING_NOTE;
    f->rule = "way-back";
    f->what = arena_printf(l->a,
                           "the way back makes %s again, empty: what stands "
                           "in it does not come back%s",
                           up->key,
                           l->ways->after ? ", so where there are rows the "
                                            "gate `way back` stops it"
                                          : "");
    f->safer = "keep it until nobody can want it back, or delete the way back "
               "and declare:\n-- tidegate: forward-only REASON";
}

void lint_ways_end(struct linter *l)
{
    struct lint_ways *w = l->ways;

    if (!w->up.seen || !w->down.seen || w->told)
        return;
    w->told = true;
    if (w->forward_only) {
        say_both(l);
        return;
    }
    for (size_t i = 0; !w->down.fills && i < w->up.n; i++)
        for (size_t k = 0; k < w->down.n; k++)
            if (strcmp(w->up.things[i].key, w->down.things[k].key) == 0)
                say_empty(l, &w->up.things[i], &w->down.things[k]);
}
