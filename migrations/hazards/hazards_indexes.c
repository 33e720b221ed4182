/* Indexes, and what is built anew with them. */
#include <string.h>

#include "migrations/hazards/hazards.h"

#define AEL   LOCK_ACCESS_EXCLUSIVE
#define SUE   LOCK_SHARE_UPDATE_EXCLUSIVE
#define ALONE ";  -- in a migration of its own, with transaction=none"

/* ---- what rows ask ---- */

static bool concurrent(const struct subject *s)
{
    return node_bool(s->stmt, "concurrent");
}

static bool not_concurrent(const struct subject *s)
{
    return !concurrent(s);
}

static bool index_only(const struct subject *s)
{
    return !concurrent(s) && !node_bool(node_get(s->stmt, "relation"), "inh");
}

static bool is_partitioned(const struct subject *s)
{
    const struct catalog_relation *r = hazards_relation(s);

    return r && r->self.kind == 'p';
}

static bool index_build(const struct subject *s)
{
    return !concurrent(s) && !index_only(s) && !is_partitioned(s);
}

static bool index_partitioned(const struct subject *s)
{
    return !concurrent(s) && !index_only(s) && is_partitioned(s);
}

static bool index_in_vain(const struct subject *s)
{
    return concurrent(s) && is_partitioned(s);
}

static bool reindexes(const struct subject *s, const char *kind)
{
    return strcmp(node_enum(s->stmt, "kind"), kind) == 0 &&
           !subject_option(s->stmt, "params", "concurrently");
}

static bool reindex_table(const struct subject *s)
{
    return reindexes(s, "REINDEX_OBJECT_TABLE");
}

static bool reindex_index(const struct subject *s)
{
    return reindexes(s, "REINDEX_OBJECT_INDEX");
}

static bool reindex_more(const struct subject *s)
{
    return !subject_option(s->stmt, "params", "concurrently") &&
           !reindex_table(s) && !reindex_index(s);
}

static bool concurrently(const struct subject *s)
{
    return subject_option(s->stmt, "params", "concurrently");
}

static bool reindex_index_concurrent(const struct subject *s)
{
    return concurrently(s) &&
           strcmp(node_enum(s->stmt, "kind"), "REINDEX_OBJECT_INDEX") == 0;
}

static bool reindex_concurrent(const struct subject *s)
{
    return concurrently(s) && !reindex_index_concurrent(s);
}

static bool refreshes(const struct subject *s)
{
    return !concurrent(s) && !node_bool(s->stmt, "skip_data");
}

static bool empties(const struct subject *s)
{
    return node_bool(s->stmt, "skip_data");
}

static bool vacuum_full(const struct subject *s)
{
    return node_bool(s->stmt, "is_vacuumcmd") &&
           subject_option(s->stmt, "options", "full");
}

static bool vacuum_plain(const struct subject *s)
{
    return node_bool(s->stmt, "is_vacuumcmd") && !vacuum_full(s);
}

static bool analyzes(const struct subject *s)
{
    return !node_bool(s->stmt, "is_vacuumcmd");
}

/* ---- the rows ---- */

const struct hazard hazards_indexes[] = {
    {{"IndexStmt", NULL, index_build},
     HAZARD_WARNING,
     "scan",
     LOCK_SHARE,
     .scans = true,
     .what = "CREATE INDEX blocks writes to {table} while it builds",
     .safer = "{concurrently}" ALONE},
    {{"IndexStmt", NULL, index_partitioned},
     HAZARD_WARNING,
     "scan",
     LOCK_SHARE,
     .scans = true,
     .what = "CREATE INDEX blocks writes to {table} and all its partitions "
             "while it builds, and CONCURRENTLY is not for partitioned tables",
     .safer = "{only};\n"
              "-- then for each partition, with transaction=none, the same "
              "CONCURRENTLY, and\n"
              "-- ALTER INDEX ... ATTACH PARTITION ..."},
    {{"IndexStmt", NULL, index_in_vain},
     HAZARD_ERROR,
     "fails",
     LOCK_NONE,
     .what = "{table} is partitioned: CREATE INDEX CONCURRENTLY fails",
     .safer = "-- CREATE INDEX {name} ON ONLY {table}, then CONCURRENTLY for "
              "each partition, then ALTER INDEX {name} ATTACH PARTITION"},
    {{"IndexStmt", NULL, index_only},
     HAZARD_NOTE,
     "lock",
     LOCK_SHARE,
     .alone = true,
     .what = "CREATE INDEX ON ONLY {table} builds nothing where it is "
             "partitioned; it blocks writes for an instant"},
    {{"IndexStmt", NULL, concurrent},
     HAZARD_NOTE,
     "scan",
     SUE,
     .scans = true,
     .what = "CREATE INDEX CONCURRENTLY reads {table} twice, and waits for "
             "every transaction that is older"},
    {{"DropStmt", "OBJECT_INDEX", not_concurrent},
     HAZARD_WARNING,
     "lock",
     LOCK_NONE,
     .what = "DROP INDEX {name} locks its table",
     .safer = "{concurrently}" ALONE,
     .also = {{WHOSE_INDEXED, AEL}}},
    {{"DropStmt", "OBJECT_INDEX", concurrent},
     HAZARD_NOTE,
     "lock",
     LOCK_NONE,
     .what = "DROP INDEX CONCURRENTLY {name} waits for whoever uses its table",
     .also = {{WHOSE_INDEXED, SUE}}},
    {{"ReindexStmt", NULL, reindex_table},
     HAZARD_WARNING,
     "rewrite",
     LOCK_SHARE,
     .scans = true,
     .what = "REINDEX blocks writes to {table}, and reads that plan with its "
             "indexes",
     .safer = "{concurrently}" ALONE " (12 and later)",
     .also = {{WHOSE_INDEXES, AEL, .rewrites = true}}},
    {{"ReindexStmt", NULL, reindex_index},
     HAZARD_WARNING,
     "rewrite",
     AEL,
     .rewrites = true,
     .what = "REINDEX blocks writes to the table of {table}, and reads that "
             "plan with it",
     .safer = "{concurrently}" ALONE " (12 and later)",
     .also = {{WHOSE_INDEXED, LOCK_SHARE, .scans = true}}},
    {{"ReindexStmt", NULL, reindex_more},
     HAZARD_WARNING,
     "rewrite",
     LOCK_NONE,
     .rewrites = true,
     .scans = true,
     .what = "REINDEX of a schema or database blocks writes to one table after "
             "the other, and reads that plan with their indexes",
     .safer = "{concurrently}" ALONE " (12 and later)"},
    {{"ReindexStmt", NULL, reindex_concurrent},
     HAZARD_NOTE,
     "scan",
     SUE,
     .scans = true,
     .what = "REINDEX CONCURRENTLY reads the table twice, and waits for every "
             "transaction that is older"},
    {{"ReindexStmt", NULL, reindex_index_concurrent},
     HAZARD_NOTE,
     "scan",
     LOCK_NONE,
     .scans = true,
     .what = "REINDEX CONCURRENTLY reads the table of {table} twice, and waits "
             "for every transaction that is older",
     .also = {{WHOSE_INDEXED, SUE, .scans = true}}},
    {{"ClusterStmt", NULL, NULL},
     HAZARD_WARNING,
     "rewrite",
     AEL,
     .rewrites = true,
     .scans = true,
     .what = "CLUSTER rewrites {table} under lock",
     .safer = "-- outside of a migration: pg_repack --table={table}"},
    {{"VacuumStmt", NULL, vacuum_full},
     HAZARD_WARNING,
     "rewrite",
     AEL,
     .rewrites = true,
     .scans = true,
     .what = "VACUUM FULL rewrites {table} under lock",
     .safer = "VACUUM {table};  -- or pg_repack --table={table}"},
    {{"VacuumStmt", NULL, vacuum_plain},
     HAZARD_NOTE,
     "scan",
     SUE,
     .scans = true,
     .what = "VACUUM of {table} blocks nobody but DDL"},
    {{"VacuumStmt", NULL, analyzes},
     HAZARD_NOTE,
     "lock",
     SUE,
     .what = "ANALYZE of {table} reads a sample, and blocks nobody but VACUUM "
             "and DDL"},
    {{"RefreshMatViewStmt", NULL, empties},
     HAZARD_ERROR,
     "breaks-old-code",
     AEL,
     .breaks = true,
     .what = "REFRESH WITH NO DATA empties {table}: whoever reads it fails "
             "until the next REFRESH",
     .safer = "-- tidegate: phase=after\n{statement};"},
    {{"RefreshMatViewStmt", NULL, refreshes},
     HAZARD_WARNING,
     "rewrite",
     AEL,
     .rewrites = true,
     .what = "REFRESH MATERIALIZED VIEW blocks readers of {table}",
     .safer = "{concurrently};  -- needs a unique index, and is slower",
     .also = {{WHOSE_QUERIED, LOCK_ACCESS_SHARE, .scans = true}}},
    {{"RefreshMatViewStmt", NULL, concurrent},
     HAZARD_NOTE,
     "scan",
     LOCK_EXCLUSIVE,
     .scans = true,
     .what = "REFRESH MATERIALIZED VIEW CONCURRENTLY lets readers of {table} "
             "go on",
     .also = {{WHOSE_QUERIED, LOCK_ACCESS_SHARE, .scans = true}}},
    {{NULL}},
};
