#include "migrations/index.h"

#include <string.h>

#include "migrations/parser.h"
#include "migrations/subject.h"

/* ---- which index, of which table ---- */

struct target {
    bool creates;         /* CREATE INDEX CONCURRENTLY */
    bool rebuilds;        /* REINDEX CONCURRENTLY */
    const char *relation; /* the table, or for REINDEX INDEX the index */
    const char *name;
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

bool index_look(struct pg *pg, struct arena *a, const struct statement *s,
                struct index_found *out, struct err *e)
{
    struct target t;
    struct pg_result r;

    *out = (struct index_found){.state = INDEX_NONE};
    if (!read_target(a, s, &t) || !t.creates)
        return true;
    if (!pg_query(pg, a,
                  "SELECT i.indisvalid, c.oid, pg_catalog.format('%I.%I',"
                  " n.nspname, c.relname) FROM pg_catalog.pg_index i"
                  " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
                  " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                  " WHERE i.indrelid = pg_catalog.to_regclass($1)"
                  " AND c.relname = $2::name",
                  (const char *[]){t.relation, t.name}, 2, &r, e))
        return false;
    out->state = INDEX_ABSENT;
    if (r.rows) {
        out->state = *r.cell[0][0] == 't' ? INDEX_VALID : INDEX_INVALID;
        out->oid = r.cell[0][1];
        out->name = r.cell[0][2];
    }
    return true;
}

bool index_invalid(struct pg *pg, struct arena *a, char **oids, struct err *e)
{
    struct pg_result r;

    if (!pg_query(pg, a,
                  "SELECT coalesce(pg_catalog.array_agg(indexrelid), '{}')"
                  "::pg_catalog.text FROM pg_catalog.pg_index"
                  " WHERE NOT indisvalid",
                  NULL, 0, &r, e))
        return false;
    *oids = r.cell[0][0];
    return true;
}

/* Ours: of that table, of that name (or the name REINDEX gives), not there
 * before, and nobody's work in progress. */
static const char ours_sql[] =
    "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)"
    " FROM pg_catalog.pg_index i"
    " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE NOT i.indisvalid AND i.indexrelid <> ALL ($1::oid[])"
    " AND ((c.relname = $3::name AND"
    " i.indrelid = pg_catalog.to_regclass($2)) OR ($3 IS NULL"
    " AND c.relname ~ '_ccnew[0-9]*$' AND (i.indrelid ="
    " pg_catalog.to_regclass($2) OR i.indrelid = (SELECT x.indrelid FROM"
    " pg_catalog.pg_index x WHERE x.indexrelid ="
    " pg_catalog.to_regclass($2)))))"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p"
    " WHERE p.index_relid = i.indexrelid)";

bool index_clean(struct pg *pg, struct arena *a, const struct statement *s,
                 const char *before, int *dropped, struct err *e)
{
    struct target t;
    struct pg_result r, gone;

    *dropped = 0;
    if (!read_target(a, s, &t))
        return true;
    if (!pg_query(pg, a, ours_sql, (const char *[]){before, t.relation, t.name},
                  3, &r, e))
        return false;
    for (int i = 0; i < r.rows; i++) {
        char *sql = arena_printf(a, "DROP INDEX CONCURRENTLY IF EXISTS %s",
                                 r.cell[i][0]);
        if (!pg_run(pg, a, sql, &gone, e))
            return false;
        (*dropped)++;
    }
    return true;
}
