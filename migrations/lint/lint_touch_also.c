/* The other relations of a hazard: those that the text names, and those that
 * the catalog alone does. */
#include <string.h>

#include "migrations/lint/lint_touch_intern.h"
#include "migrations/server/catalog_related.h"

/* ---- others that the text names ---- */

static bool find_referenced(const struct node *n, void *arg)
{
    struct finder *f = arg;

    if (node_is(n, "Constraint") && node_get(n, "pktable"))
        touches_put_table(f->t, f->s,
                          subject_relation(f->t->arena, node_get(n, "pktable")),
                          true, f->deed);
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
    touches_put_table(f->t, f->s, subject_relation(f->t->arena, n),
                      node_bool(n, "inh"), f->deed);
    return true;
}

/* Where a statement names what it reads. */
static const struct {
    const char *type, *nodes[5], *lists[2];
} queries[] = {
    {"InsertStmt", {"select_stmt", "with_clause"}, {NULL}},
    {"MergeStmt", {"source_relation", "with_clause"}, {NULL}},
    {"CreateTableAsStmt", {"query"}, {NULL}},
    {"SelectStmt",
     {"where_clause", "with_clause", "larg", "rarg"},
     {"from_clause", "target_list"}},
    {"UpdateStmt",
     {"where_clause", "with_clause"},
     {"from_clause", "target_list"}},
    {"DeleteStmt", {"where_clause", "with_clause"}, {"using_clause"}},
};

static void walk_query(const struct node *stmt,
                       bool (*visit)(const struct node *, void *), void *arg)
{
    size_t i = 0, n = sizeof queries / sizeof *queries;

    while (i < n && !node_is(stmt, queries[i].type))
        i++;
    for (size_t j = 0; i < n && queries[i].nodes[j]; j++)
        node_walk(node_get(stmt, queries[i].nodes[j]), visit, arg);
    for (size_t j = 0; i < n && j < 2 && queries[i].lists[j]; j++)
        for (size_t k = 0; k < node_count(stmt, queries[i].lists[j]); k++)
            node_walk(node_item(stmt, queries[i].lists[j], k), visit, arg);
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
        touches_put_table(f->t, f->s, other, false, f->deed);
    if (!node_is(stmt, "CreateStmt"))
        return;
    for (size_t i = 0; i < node_count(stmt, "inh_relations"); i++)
        touches_put_table(
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
    const struct catalog_relation *r = touches_known(f->s, table);

    if (subject_made(f->s->made, "relation", table))
        return;
    if (!r)
        touches_put_words(f->t, "the default partition of %s, if there is one",
                          table, f->deed);
    else if (r->fallback)
        touches_put_part(f->t, r->fallback, f->deed);
}

/* out 1: its own foreign keys, 0: those that point at it, -1: both. */
static void put_keys(struct finder *f, int out, const char *name,
                     const char *words)
{
    const struct catalog_relation *r = touches_known(f->s, f->s->table);

    if (!r) {
        touches_put_words(f->t, words, name ? name : f->s->table, f->deed);
        return;
    }
    for (size_t i = 0; i < r->n_keys; i++) {
        const struct catalog_key *k = &r->keys[i];
        if ((out >= 0 && k->outward != (out == 1)) ||
            (name && strcmp(subject_quoted(f->t->arena, k->name), name) != 0))
            continue;
        if (k->other.oid != r->self.oid)
            touches_put_part(f->t, &k->other, f->deed);
    }
}

static void put_indexes(struct finder *f)
{
    const struct catalog_relation *r = touches_known(f->s, f->s->table);

    if (r)
        touches_put_parts(f->t, r->indexes, r->n_indexes, f->deed);
    else
        touches_put_words(f->t, "the indexes of %s", f->s->table, f->deed);
}

/* Foreign keys that the column is a part of, from here or to here. */
static void put_column(struct finder *f)
{
    const struct subject *s = f->s;
    const struct catalog_relation *r = touches_known(s, s->table);
    const char *name = arena_printf(f->t->arena, ",%s,", s->name);

    if (!r)
        touches_put_words(f->t, "tables that a foreign key ties to %s",
                          arena_printf(f->t->arena, "%s.%s", s->table, s->name),
                          f->deed);
    for (size_t i = 0; r && i < r->n_keys; i++)
        if (r->keys[i].columns && strstr(r->keys[i].columns, name) &&
            r->keys[i].other.oid != r->self.oid)
            touches_put_part(f->t, &r->keys[i].other, f->deed);
}

static void put_above(struct finder *f)
{
    const struct catalog_relation *r = touches_known(f->s, f->s->table);

    if (!r)
        touches_put_words(f->t, "what %s is a partition of, if it is one",
                          f->s->table, f->deed);
    if (r && r->parent)
        touches_put_part(f->t, r->parent, f->deed);
    if (r && r->parent && r->beside)
        touches_put_part(f->t, r->beside, f->deed);
}

static void put_above_keys(struct finder *f)
{
    const char *table = partitioned(f);
    const struct catalog_relation *r = touches_known(f->s, table);

    if (subject_made(f->s->made, "relation", table))
        return;
    if (!r)
        touches_put_words(f->t, "tables that a foreign key ties to %s", table,
                          f->deed);
    for (size_t i = 0; r && i < r->n_keys; i++)
        if (r->keys[i].other.oid != r->self.oid)
            touches_put_part(f->t, &r->keys[i].other, f->deed);
}

static void put_indexed(struct finder *f)
{
    const char *index = *f->s->table ? f->s->table : f->s->name;
    const struct catalog_part *p = NULL;
    size_t n;

    if (f->s->catalog)
        p = catalog_related(f->s->catalog, RELATED_INDEXED, index, &n);
    if (p)
        touches_put_table(f->t, f->s, p->name, p->kind == 'p', f->deed);
    else
        touches_put_words(f->t, "the table of index %s", index, f->deed);
}

static const struct related {
    enum whose whose;
    enum catalog_related how;
    const char *words;
} related[] = {
    {WHOSE_QUERIED, RELATED_READ, "what %s reads, if it is a view"},
    {WHOSE_USERS, RELATED_DOMAIN, "tables with a column of domain %s"},
    {WHOSE_TYPED, RELATED_TYPED, "tables of type %s"},
    {WHOSE_MEASURED, RELATED_MEASURED, "the table of statistics %s"},
    {WHOSE_PUBLISHED, RELATED_PUBLISHED, "the tables of publication %s"},
    {WHOSE_SPACE, RELATED_SPACE, "all tables in tablespace %s"},
    {WHOSE_SPACE, RELATED_SPACE_INDEX, "all indexes in tablespace %s"},
    {WHOSE_SPACE, RELATED_SPACE_VIEW, "all views in tablespace %s"},
};

/* Of the three of a tablespace, the one that the statement moves. */
static bool is_meant(const struct subject *s, const struct related *r)
{
    const char *kind;

    if (r->whose != WHOSE_SPACE)
        return true;
    kind = node_enum(s->stmt, "objtype");
    if (strcmp(kind, "OBJECT_INDEX") == 0)
        return r->how == RELATED_SPACE_INDEX;
    return r->how == (strcmp(kind, "OBJECT_MATVIEW") == 0 ? RELATED_SPACE_VIEW
                                                          : RELATED_SPACE);
}

static void put_related(struct finder *f, enum whose whose)
{
    const struct subject *s = f->s;
    const struct catalog_part *list;
    size_t i = 0, n = 0;
    const char *name;

    while (related[i].whose != whose || !is_meant(s, &related[i]))
        i++;
    name = whose == WHOSE_PUBLISHED ? node_str(s->stmt, "pubname")
           : whose == WHOSE_QUERIED || whose == WHOSE_TYPED ? s->table
                                                            : s->name;
    if (whose == WHOSE_PUBLISHED)
        name = subject_quoted(f->t->arena, name);
    if (!s->catalog) {
        touches_put_words(f->t, related[i].words, name, f->deed);
        return;
    }
    list = catalog_related(s->catalog, related[i].how, name, &n);
    touches_put_parts(f->t, list, n, f->deed);
}

/* What kind of object the CASCADE is of; NULL: one that takes no relation. */
static const char *cascading(const struct subject *s)
{
    static const struct {
        const char *types, *kind;
    } kinds[] = {
        {"OBJECT_TABLE OBJECT_VIEW OBJECT_MATVIEW OBJECT_SEQUENCE "
         "OBJECT_FOREIGN_TABLE",
         "relation"},
        {"OBJECT_FUNCTION OBJECT_PROCEDURE OBJECT_ROUTINE", "function"},
        {"OBJECT_TYPE OBJECT_DOMAIN", "type"},
        {"OBJECT_SCHEMA", "schema"},
        {"OBJECT_EXTENSION", "extension"},
        {"AT_DropColumn", "column"},
        {"AT_DropConstraint", "constraint"},
    };
    const char *type = s->cmd ? node_enum(s->cmd, "subtype")
                              : node_enum(s->stmt, "remove_type");

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (subject_word_in(type, kinds[i].types))
            return kinds[i].kind;
    return NULL;
}

static void put_cascaded(struct finder *f)
{
    const struct subject *s = f->s;
    const char *kind = cascading(s);
    const struct catalog_part *list;
    size_t n = 0;

    if (!kind)
        return;
    if (!s->catalog) {
        touches_put_words(f->t, "what depends on %s", s->name, f->deed);
        return;
    }
    list = catalog_cascade(s->catalog, kind, s->cmd ? s->table : s->name,
                           s->cmd ? s->name : NULL, &n);
    touches_put_parts(f->t, list, n, f->deed);
}

void touches_put_also(struct finder *f, enum whose whose)
{
    const struct subject *s = f->s;

    switch (whose) {
    case WHOSE_NOBODYS:
        break;
    case WHOSE_REFERENCED:
        node_walk(s->cmd ? s->cmd : s->stmt, find_referenced, f);
        break;
    case WHOSE_PARTITION:
        touches_put_table(f->t, s, partition_of(f->t->arena, s), true, f->deed);
        break;
    case WHOSE_PARENT:
        put_parents(f);
        break;
    case WHOSE_SOURCES:
        walk_query(s->stmt, find_ctes, f);
        walk_query(s->stmt, find_source, f);
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
    case WHOSE_COLUMN:
        put_column(f);
        break;
    case WHOSE_ABOVE:
        put_above(f);
        break;
    case WHOSE_ABOVE_KEYS:
        put_above_keys(f);
        break;
    case WHOSE_CASCADED:
        put_cascaded(f);
        break;
    default:
        put_related(f, whose);
        break;
    }
}
