#include "migrations/state/index.h"

#include <string.h>

#include "migrations/hazards/subject.h"
#include "migrations/text/parser.h"

/* ---- which index, of which table ---- */

struct target {
    bool creates;         /* CREATE INDEX CONCURRENTLY */
    bool rebuilds;        /* REINDEX CONCURRENTLY */
    const char *relation; /* the table, or for REINDEX INDEX the index */
    const char *name;     /* reading refuses a build without one */
};

static bool read_target(struct arena *a, const struct statement *s,
                        struct target *out)
{
    struct parse_failure ignored;
    struct parsed parsed;
    const struct node *stmt;

    *out = (struct target){0};
    if (!parser_parse(a, s->text, &parsed, &ignored) || parsed.n != 1)
        return false;
    stmt = parsed.list[0].tree;
    out->creates = node_is(stmt, "IndexStmt") && node_bool(stmt, "concurrent");
    out->rebuilds = node_is(stmt, "ReindexStmt") &&
                    subject_option(stmt, "params", "concurrently");
    if (out->creates || out->rebuilds)
        out->relation = subject_relation(a, node_get(stmt, "relation"));
    if (out->creates)
        out->name = arena_strdup(a, node_str(stmt, "idxname"));
    return out->creates || out->rebuilds;
}

/* The oid of the target's relation, or "0": REINDEX may be about more than
 * one. */
static bool resolve(const struct index_ask *ask, const struct target *t,
                    const char **oid, struct err *e)
{
    struct pg_result r;

    if (!pg_query(ask->work, ask->a,
                  "SELECT pg_catalog.to_regclass(nullif($1, ''))"
                  "::pg_catalog.oid",
                  (const char *[]){t->relation}, 1, &r, e))
        return false;
    *oid = r.cell[0][0] ? r.cell[0][0] : "0";
    return true;
}

bool index_look(const struct index_ask *ask, struct index_found *out,
                struct err *e)
{
    const char *oid;
    struct target t;
    struct pg_result r;

    *out = (struct index_found){.state = INDEX_NONE};
    if (!read_target(ask->a, ask->s, &t) || !t.creates)
        return true;
    if (!resolve(ask, &t, &oid, e) ||
        !pg_query(ask->idle, ask->a,
                  "SELECT i.indisvalid, pg_catalog.format('%I.%I', n.nspname,"
                  " c.relname), c.oid FROM pg_catalog.pg_index i"
                  " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
                  " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                  " WHERE i.indrelid = $1::oid AND c.relname = $2::name",
                  (const char *[]){oid, t.name}, 2, &r, e))
        return false;
    out->state = INDEX_ABSENT;
    if (r.rows) {
        out->state = *r.cell[0][0] == 't' ? INDEX_VALID : INDEX_INVALID;
        out->name = r.cell[0][1];
        out->oid = r.cell[0][2];
    }
    return true;
}

bool index_invalid(struct pg *idle, struct arena *a, char **oids, struct err *e)
{
    struct pg_result r;

    if (!pg_query(idle, a,
                  "SELECT coalesce(pg_catalog.array_agg(indexrelid), '{}')"
                  "::pg_catalog.text FROM pg_catalog.pg_index"
                  " WHERE NOT indisvalid",
                  NULL, 0, &r, e))
        return false;
    *oids = r.cell[0][0];
    return true;
}

/* Ours: of that table, of that name (for REINDEX the name that it gives, in
 * all that it is about), not there before, and nobody's work in progress. */
static const char ours_sql[] =
    "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)"
    " FROM pg_catalog.pg_index i"
    " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE NOT i.indisvalid AND i.indexrelid <> ALL ($1::oid[])"
    " AND ((NOT $4::bool AND i.indrelid = $2::oid"
    " AND c.relname = $3::name)"
    " OR ($4::bool AND c.relname ~ '_cc(new|old)[0-9]*$'"
    " AND ($2::oid = 0 OR i.indrelid = $2::oid"
    " OR i.indrelid = (SELECT x.indrelid FROM pg_catalog.pg_index x"
    " WHERE x.indexrelid = $2::oid)"
    " OR EXISTS (SELECT FROM pg_catalog.pg_partition_tree($2::oid) p"
    " WHERE p.relid = i.indrelid OR p.relid = (SELECT h.inhparent"
    " FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.indexrelid)))))"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p"
    " WHERE p.index_relid = i.indexrelid)";

bool index_clean(const struct index_ask *ask, const char *before, int *dropped,
                 struct err *e)
{
    const char *oid;
    struct target t;
    struct pg_result r, gone;

    *dropped = 0;
    if (!read_target(ask->a, ask->s, &t))
        return true;
    if (!resolve(ask, &t, &oid, e) ||
        !pg_query(ask->idle, ask->a, ours_sql,
                  (const char *[]){before, oid, t.name, t.rebuilds ? "t" : "f"},
                  4, &r, e))
        return false;
    for (int i = 0; i < r.rows; i++) {
        char *sql = arena_printf(ask->a, "DROP INDEX CONCURRENTLY IF EXISTS %s",
                                 r.cell[i][0]);
        if (!pg_run(ask->work, ask->a, sql, &gone, e))
            return false;
        (*dropped)++;
    }
    return true;
}
