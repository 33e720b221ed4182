#include "migrations/lint/lint_touch.h"

#include <stdlib.h>
#include <string.h>

/* What is done, apart from to whom. */
struct deed {
    enum lock_mode lock;
    bool rewrites, scans;
};

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
static void put_part(struct touches *t, const struct catalog_part *p,
                     struct deed d)
{
    struct finding_touch *at;

    if (p->kind == 'p' || p->kind == 'v' || p->kind == 'I')
        d.rewrites = d.scans = false;
    at = put(t, p->name, d);
    at->bytes = p->bytes;
    at->rows = p->kind == 'i' ? -1 : p->rows;
}

static void put_parts(struct touches *t, const struct catalog_part *list,
                      size_t n, struct deed d)
{
    for (size_t i = 0; i < n; i++)
        put_part(t, &list[i], d);
}

/* Words for what only a catalog can name; %s in them is name. */
static void put_words(struct touches *t, const char *words, const char *name,
                      struct deed d)
{
    const char *mark = strstr(words, "%s");

    put(t,
        arena_printf(t->arena, "%.*s%s%s", (int)(mark - words), words, name,
                     mark + 2),
        d)
        ->named = false;
}

static const struct catalog_relation *look_up(const struct subject *s,
                                              const char *name)
{
    return s->catalog && *name ? catalog_relation(s->catalog, name) : NULL;
}

/* A table by name, and what lies below it, with a lock of its own
 * (LOCK_NONE: it is left in peace). */
static void put_tree(struct touches *t, const struct subject *s,
                     const char *name, enum lock_mode below, struct deed d)
{
    const struct catalog_relation *r = look_up(s, name);

    if (subject_made(s->made, "relation", name))
        return;
    if (!r) {
        put(t, name, d);
        return;
    }
    put_part(t, &r->self, d);
    if (below) {
        d.lock = below;
        put_parts(t, r->below, r->n_below, d);
    }
}

static void put_table(struct touches *t, const struct subject *s,
                      const char *name, bool below, struct deed d)
{
    put_tree(t, s, name, below ? d.lock : LOCK_NONE, d);
}

/* ---- others that the text names ---- */

struct finder {
    struct touches *t;
    const struct subject *s;
    struct deed deed;
    const char *ctes; /* names of WITH, with blanks around */
};

static bool find_referenced(const struct node *n, void *arg)
{
    struct finder *f = arg;

    if (node_is(n, "Constraint") && node_get(n, "pktable"))
        put_table(f->t, f->s,
                  subject_relation(f->t->arena, node_get(n, "pktable")), true,
                  f->deed);
    return true;
}

static bool find_ctes(const struct node *n, void *arg)
{
    struct finder *f = arg;

    if (node_is(n, "CommonTableExpr"))
        f->ctes =
            arena_printf(f->t->arena, "%s%s ", f->ctes, node_str(n, "ctename"));
    return true;
}

static bool find_source(const struct node *n, void *arg)
{
    struct finder *f = arg;

    if (!node_is(n, "RangeVar") ||
        (!*node_str(n, "schemaname") &&
         subject_word_in(node_str(n, "relname"), f->ctes)))
        return true;
    put_table(f->t, f->s, subject_relation(f->t->arena, n), node_bool(n, "inh"),
              f->deed);
    return true;
}

static const struct node *query_of(const struct node *stmt)
{
    if (node_is(stmt, "InsertStmt"))
        return node_get(stmt, "select_stmt");
    if (node_is(stmt, "MergeStmt"))
        return node_get(stmt, "source_relation");
    return node_is(stmt, "CreateTableAsStmt") ? node_get(stmt, "query") : NULL;
}

static const char *partition_of(struct arena *a, const struct subject *s)
{
    const struct node *def = s->cmd ? node_get(s->cmd, "def") : NULL;

    if (node_is(def, "PartitionCmd"))
        return subject_relation(a, node_get(def, "name"));
    return node_is(def, "RangeVar") ? subject_relation(a, def) : "";
}

static void put_parents(struct finder *f)
{
    const struct node *stmt = f->s->stmt;
    const char *other = partition_of(f->t->arena, f->s);

    if (*other) /* INHERIT */
        put_table(f->t, f->s, other, false, f->deed);
    if (!node_is(stmt, "CreateStmt"))
        return;
    for (size_t i = 0; i < node_count(stmt, "inh_relations"); i++)
        put_table(
            f->t, f->s,
            subject_relation(f->t->arena, node_item(stmt, "inh_relations", i)),
            false, f->deed);
}

/* The partitioned table whose default partition is meant. */
static const char *partitioned(struct finder *f)
{
    if (node_is(f->s->stmt, "CreateStmt"))
        return subject_relation(f->t->arena,
                                node_item(f->s->stmt, "inh_relations", 0));
    return f->s->table;
}

/* ---- others that the catalog names ---- */

static void put_fallback(struct finder *f)
{
    const char *table = partitioned(f);
    const struct catalog_relation *r = look_up(f->s, table);

    if (subject_made(f->s->made, "relation", table))
        return;
    if (!r)
        put_words(f->t, "the default partition of %s, if there is one", table,
                  f->deed);
    else if (r->fallback)
        put_part(f->t, r->fallback, f->deed);
}

/* out 1: its own foreign keys, 0: those that point at it, -1: both. */
static void put_keys(struct finder *f, int out, const char *name,
                     const char *words)
{
    const struct catalog_relation *r = look_up(f->s, f->s->table);

    if (!r) {
        put_words(f->t, words, name ? name : f->s->table, f->deed);
        return;
    }
    for (size_t i = 0; i < r->n_keys; i++) {
        const struct catalog_key *k = &r->keys[i];
        if ((out >= 0 && k->outward != (out == 1)) ||
            (name && strcmp(subject_quoted(f->t->arena, k->name), name) != 0))
            continue;
        if (k->other.oid != r->self.oid)
            put_part(f->t, &k->other, f->deed);
    }
}

static void put_indexes(struct finder *f)
{
    const struct catalog_relation *r = look_up(f->s, f->s->table);

    if (r)
        put_parts(f->t, r->indexes, r->n_indexes, f->deed);
    else
        put_words(f->t, "the indexes of %s", f->s->table, f->deed);
}

static void put_indexed(struct finder *f)
{
    const char *index = *f->s->table ? f->s->table : f->s->name;
    const struct catalog_part *p =
        f->s->catalog ? catalog_indexed(f->s->catalog, index) : NULL;

    if (p)
        put_table(f->t, f->s, p->name, p->kind == 'p', f->deed);
    else
        put_words(f->t, "the table of index %s", index, f->deed);
}

static void put_list(struct finder *f, const char *name, const char *words,
                     const struct catalog_part *(*ask)(struct catalog *,
                                                       const char *, size_t *))
{
    const struct catalog_part *list;
    size_t n = 0;

    if (!f->s->catalog) {
        put_words(f->t, words, name, f->deed);
        return;
    }
    list = ask(f->s->catalog, name, &n);
    put_parts(f->t, list, n, f->deed);
}

static void put_also(struct finder *f, enum whose whose)
{
    const struct subject *s = f->s;

    switch (whose) {
    case WHOSE_NOBODYS:
        break;
    case WHOSE_REFERENCED:
        node_walk(s->cmd ? s->cmd : s->stmt, find_referenced, f);
        break;
    case WHOSE_PARTITION:
        put_table(f->t, s, partition_of(f->t->arena, s), true, f->deed);
        break;
    case WHOSE_PARENT:
        put_parents(f);
        break;
    case WHOSE_SOURCES:
        node_walk(query_of(s->stmt), find_ctes, f);
        node_walk(query_of(s->stmt), find_source, f);
        break;
    case WHOSE_KEYS:
        put_keys(f, -1, NULL, "tables that a foreign key ties to %s");
        break;
    case WHOSE_REFERRING:
        put_keys(f, 0, NULL, "tables with a foreign key to %s");
        break;
    case WHOSE_CONSTRAINT:
        put_keys(f, 1, s->name,
                 "the table that %s references, if it is a foreign key");
        break;
    case WHOSE_DEFAULT:
        put_fallback(f);
        break;
    case WHOSE_INDEXES:
        put_indexes(f);
        break;
    case WHOSE_INDEXED:
        put_indexed(f);
        break;
    case WHOSE_QUERIED:
        put_list(f, s->table, "what %s reads", catalog_queried);
        break;
    case WHOSE_USERS:
        put_list(f, s->name, "tables with a column of domain %s",
                 catalog_users);
        break;
    }
}

/* ---- all of them ---- */

/* ONLY: the table without what lies below it. */
static bool reaches_below(const struct subject *s, const struct hazard *h)
{
    const struct node *r = NULL;

    if (h->alone)
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
            out, s, {also->lock, also->rewrites, also->scans}, ""};
        put_also(&f, also->whose);
    }
    if (out->n)
        qsort(out->list, out->n, sizeof *out->list, by_strength);
}
