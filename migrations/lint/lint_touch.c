#include "migrations/lint/lint_touch.h"

#include <stdlib.h>
#include <string.h>

#include "migrations/lint/lint_touch_intern.h"

static struct finding_touch *put(struct touches *t, const char *relation,
                                 struct deed d)
{
    struct finding_touch *at;

    for (size_t i = 0; i < t->n; i++) {
        at = &t->list[i];
        if (strcmp(at->relation, relation) != 0)
            continue;
        at->lock = d.lock > at->lock ? d.lock : at->lock;
        at->rewrites |= d.rewrites;
        at->scans |= d.scans;
        return at;
    }
    t->list = arena_grow(t->arena, t->list, t->n, t->n + 1, sizeof *t->list);
    at = &t->list[t->n++];
    *at = (struct finding_touch){.relation = relation,
                                 .named = true,
                                 .lock = d.lock,
                                 .rewrites = d.rewrites,
                                 .scans = d.scans,
                                 .bytes = -1,
                                 .rows = -1};
    return at;
}

/* Partitioned tables and views hold nothing to read. */
void touches_put_part(struct touches *t, const struct catalog_part *p,
                      struct deed d)
{
    struct finding_touch *at;

    if (p->kind == 'p' || p->kind == 'v' || p->kind == 'I')
        d.rewrites = d.scans = false;
    at = put(t, p->name, d);
    at->bytes = p->bytes;
    at->rows = p->kind == 'i' ? -1 : p->rows;
}

void touches_put_parts(struct touches *t, const struct catalog_part *list,
                       size_t n, struct deed d)
{
    for (size_t i = 0; i < n; i++)
        touches_put_part(t, &list[i], d);
}

/* Words for what only a catalog can name; %s in them is name. */
void touches_put_words(struct touches *t, const char *words, const char *name,
                       struct deed d)
{
    const char *mark = strstr(words, "%s");

    put(t,
        arena_printf(t->arena, "%.*s%s%s", (int)(mark - words), words, name,
                     mark + 2),
        d)
        ->named = false;
}

const struct catalog_relation *touches_known(const struct subject *s,
                                             const char *name)
{
    return s->catalog && *name ? catalog_relation(s->catalog, name) : NULL;
}

/* A table by name, and what lies below it, with a lock of its own
 * (LOCK_NONE: it is left in peace). */
static void put_tree(struct touches *t, const struct subject *s,
                     const char *name, enum lock_mode below, struct deed d)
{
    const struct catalog_relation *r = touches_known(s, name);

    if (subject_made(s->made, "relation", name))
        return;
    if (!r) {
        put(t, name, d);
        return;
    }
    touches_put_part(t, &r->self, d);
    if (below) {
        d.lock = below;
        touches_put_parts(t, r->below, r->n_below, d);
    }
}

void touches_put_table(struct touches *t, const struct subject *s,
                       const char *name, bool below, struct deed d)
{
    put_tree(t, s, name, below ? d.lock : LOCK_NONE, d);
}

/* ---- all of them ---- */

/* ONLY: the table without what lies below it. */
static bool reaches_below(const struct subject *s, const struct hazard *h)
{
    const struct node *r = NULL;

    const struct catalog_relation *known = touches_known(s, s->table);

    if (h->alone || (h->parts && known && known->self.kind != 'p'))
        return false;
    if (node_is(s->stmt, "AlterTableStmt") || node_is(s->stmt, "UpdateStmt") ||
        node_is(s->stmt, "DeleteStmt") || node_is(s->stmt, "IndexStmt"))
        r = node_get(s->stmt, "relation");
    else if (node_is(s->object, "RangeVar"))
        r = s->object;
    return !r || node_bool(r, "inh");
}

static int by_strength(const void *a, const void *b)
{
    const struct finding_touch *x = a, *y = b;

    if (x->lock != y->lock)
        return x->lock > y->lock ? -1 : 1;
    if (x->named != y->named)
        return x->named ? -1 : 1;
    return strcmp(x->relation, y->relation);
}

void touches_of(struct touches *out, struct arena *a, const struct subject *s,
                const struct hazard *h)
{
    struct deed own = {h->lock_of ? h->lock_of(s) : h->lock, h->rewrites,
                       h->scans};

    *out = (struct touches){.arena = a};
    if (own.lock != LOCK_NONE && *s->table && !s->fresh)
        put_tree(out, s, s->table,
                 !reaches_below(s, h) ? LOCK_NONE
                 : h->below           ? h->below
                                      : own.lock,
                 own);
    for (size_t i = 0; i < ALSO_MAX; i++) {
        const struct also *also = &h->also[i];
        struct finder f = {
            out,
            s,
            {also->lock ? also->lock : own.lock, also->rewrites, also->scans},
            ""};
        touches_put_also(&f, also->whose);
    }
    if (out->n)
        qsort(out->list, out->n, sizeof *out->list, by_strength);
}
