#include "migrations/state/leaves.h"

#include <string.h>

#include "migrations/hazards/subject.h"
#include "migrations/text/parser.h"

struct row {
    const char *type;
    const char *field; /* the name's; NULL: what the subject calls it */
    bool drops;
    bool (*when)(const struct subject *s); /* NULL: always */
    const char *sql;
};

struct target {
    struct arena *a;
    const struct row *row;
    const char *name, *table;
};

static bool index_goes(const struct subject *s)
{
    return strcmp(node_enum(s->stmt, "remove_type"), "OBJECT_INDEX") == 0;
}

static bool detaches(const struct subject *s)
{
    return strcmp(node_enum(s->cmd, "subtype"), "AT_DetachPartition") == 0;
}

#define DATABASE                                                            \
    "SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = $1::name" \
    " AND $2::text IS NOT NULL"
#define TABLESPACE                                                            \
    "SELECT t.oid FROM pg_catalog.pg_tablespace t WHERE t.spcname = $1::name" \
    " AND $2::text IS NOT NULL"
#define SUBSCRIPTION                                       \
    "SELECT s.oid FROM pg_catalog.pg_subscription s JOIN"  \
    " pg_catalog.pg_database d ON d.oid = s.subdbid"       \
    " WHERE s.subname = $1::name AND $2::text IS NOT NULL" \
    " AND d.datname = pg_catalog.current_database()"

/* The oids of what a statement makes (or, when it drops, of what it removes);
 * $1 is its name as written, $2 the name of the table that it is about. Asked
 * on the working connection, whose search_path is the statement's. */
static const struct row rows[] = {
    {"CreatedbStmt", "dbname", false, NULL, DATABASE},
    {"DropdbStmt", "dbname", true, NULL, DATABASE},
    {"CreateTableSpaceStmt", "tablespacename", false, NULL, TABLESPACE},
    {"DropTableSpaceStmt", "tablespacename", true, NULL, TABLESPACE},
    {"CreateSubscriptionStmt", "subname", false, NULL, SUBSCRIPTION},
    {"DropSubscriptionStmt", "subname", true, NULL, SUBSCRIPTION},
    {"DropStmt", NULL, true, index_goes,
     "SELECT pg_catalog.to_regclass($1)::oid WHERE $2::text IS NOT NULL"},
    {"AlterTableStmt", NULL, true, detaches,
     "SELECT h.inhrelid FROM pg_catalog.pg_inherits h WHERE"
     " h.inhrelid = pg_catalog.to_regclass($1)"
     " AND h.inhparent = pg_catalog.to_regclass($2)"},
};

static const char *name_of(struct target *t, const struct subject *s)
{
    const struct node *def = node_get(s->cmd, "def");

    if (t->row->field)
        return node_str(s->stmt, t->row->field);
    if (node_is(def, "PartitionCmd"))
        return subject_relation(t->a, node_get(def, "name"));
    return s->name;
}

static void read_subject(const struct subject *s, void *arg)
{
    struct target *t = arg;

    for (size_t i = 0; !t->row && i < sizeof rows / sizeof *rows; i++) {
        if (!node_is(s->stmt, rows[i].type) ||
            (rows[i].when && !rows[i].when(s)))
            continue;
        t->row = &rows[i];
        t->name = arena_strdup(t->a, name_of(t, s));
        t->table = arena_strdup(t->a, s->table);
    }
}

/* NULL when nothing can be told. */
static struct target target_of(struct arena *a, const struct statement *s)
{
    struct target t = {.a = a};
    struct parse_failure ignored;
    struct parsed parsed;

    if (parser_parse(a, s->text, &parsed, &ignored) && parsed.n == 1)
        subject_each(a, parsed.list[0].tree, s->text, NULL, read_subject, &t);
    return t;
}

/* As the text of an oid[]; those in `but` left out. */
static bool there(const struct index_ask *ask, const struct target *t,
                  const char *but, char **oids, struct err *e)
{
    const char *params[] = {t->name, t->table, but};
    struct pg_result r;
    char *sql = arena_printf(
        ask->a,
        "SELECT coalesce(pg_catalog.array_agg(x.oid), '{}')::pg_catalog.text"
        " FROM (%s) AS x (oid) WHERE x.oid IS NOT NULL"
        " AND x.oid <> ALL ($3::oid[])",
        t->row->sql);

    if (!pg_query(ask->work, ask->a, sql, params, 3, &r, e))
        return false;
    *oids = r.cell[0][0];
    return true;
}

/* The index that has the name already: it is another's. NULL: none has. */
static bool index_there(const struct index_ask *ask, char **oids, struct err *e)
{
    struct index_found found;

    *oids = NULL;
    if (!index_look(ask, &found, e))
        return false;
    if (found.state == INDEX_VALID)
        *oids = arena_printf(ask->a, "{%s}", found.oid);
    return true;
}

bool leaves_before(const struct index_ask *ask, char **oids, struct err *e)
{
    struct target t = target_of(ask->a, ask->s);
    char *mine;

    if (!index_invalid(ask->idle, ask->a, oids, e) ||
        !(t.row ? there(ask, &t, "{}", &mine, e) : index_there(ask, &mine, e)))
        return false;
    if (!mine)
        return true;
    const char *params[] = {*oids, mine};
    struct pg_result r;

    if (!pg_query(ask->idle, ask->a,
                  "SELECT ($1::oid[] || $2::oid[])::pg_catalog.text", params, 2,
                  &r, e))
        return false;
    *oids = r.cell[0][0];
    return true;
}

bool leaves_look(const struct index_ask *ask, const char *before,
                 enum leaves *out, struct err *e)
{
    struct target t = target_of(ask->a, ask->s);
    char *oids;

    *out = LEAVES_NOTHING;
    if (!t.row)
        return true;
    if (!there(ask, &t, t.row->drops ? "{}" : before, &oids, e))
        return false;
    bool found = strcmp(oids, "{}") != 0;

    *out = found != t.row->drops ? LEAVES_DONE : LEAVES_ABSENT;
    return true;
}

/* inhdetachpending is there since PostgreSQL 14, as is what sets it. */
bool leaves_half(const struct index_ask *ask, const char **finish,
                 struct err *e)
{
    struct target t = target_of(ask->a, ask->s);
    struct pg_result r;

    *finish = NULL;
    if (!t.row || strcmp(t.row->type, "AlterTableStmt") != 0)
        return true;
    if (!pg_query(
            ask->work, ask->a,
            "SELECT pg_catalog.format('ALTER TABLE %s DETACH PARTITION"
            " %s FINALIZE', h.inhparent::regclass, h.inhrelid::regclass)"
            " FROM pg_catalog.pg_inherits h"
            " WHERE h.inhrelid = pg_catalog.to_regclass($1)"
            " AND h.inhparent = pg_catalog.to_regclass($2)"
            " AND pg_catalog.to_jsonb(h) @> '{\"inhdetachpending\": true}'",
            (const char *[]){t.name, t.table}, 2, &r, e))
        return false;
    if (r.rows)
        *finish = r.cell[0][0];
    return true;
}
