/* Indexes, and objects that go or get another name. */
#include <string.h>

#include "migrations/hazards.h"

#define AEL "ACCESS EXCLUSIVE"
#define SUE "SHARE UPDATE EXCLUSIVE"
#define DROP(kind)             \
    {                          \
        "DropStmt", kind, NULL \
    }
#define RENAME(kind)             \
    {                            \
        "RenameStmt", kind, NULL \
    }
#define BREAKS(lock, what_) \
    HAZARD_ERROR, "breaks-old-code", lock, .breaks = true, .what = what_

/* ---- what rows ask ---- */

static bool concurrent(const struct subject *s)
{
    return node_bool(s->stmt, "concurrent");
}

static bool not_concurrent(const struct subject *s)
{
    return !node_bool(s->stmt, "concurrent");
}

static bool index_only(const struct subject *s)
{
    return !concurrent(s) && !node_bool(node_get(s->stmt, "relation"), "inh");
}

static bool index_build(const struct subject *s)
{
    return !concurrent(s) && !index_only(s);
}

static bool reindex_plain(const struct subject *s)
{
    return !subject_option(s->stmt, "params", "concurrently");
}

static bool vacuum_full(const struct subject *s)
{
    return node_bool(s->stmt, "is_vacuumcmd") &&
           subject_option(s->stmt, "options", "full");
}

static bool enum_renames(const struct subject *s)
{
    return *node_str(s->stmt, "old_val");
}

static bool enum_adds(const struct subject *s)
{
    return !enum_renames(s);
}

static bool revokes(const struct subject *s)
{
    return !node_bool(s->stmt, "is_grant");
}

static bool domain_checked(const struct subject *s)
{
    return !node_bool(node_get(s->stmt, "def"), "skip_validation");
}

/* ---- the rows ---- */

const struct hazard hazards_objects[] = {
    /* indexes */
    {{"IndexStmt", NULL, index_build},
     HAZARD_WARNING,
     "scan",
     "SHARE",
     .scans = true,
     .what = "CREATE INDEX blocks writes to {table} while it builds",
     .safer = "{concurrently}; -- in a file with transaction=none; a "
              "partitioned table: ON ONLY, then CONCURRENTLY for each "
              "partition, then ATTACH"},
    {{"IndexStmt", NULL, index_only},
     HAZARD_NOTE,
     "lock",
     "SHARE",
     .what = "CREATE INDEX ON ONLY {table} builds nothing; it blocks writes "
             "for an instant"},
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
     AEL,
     .what = "DROP INDEX {name} locks its table",
     .safer = "{concurrently}; -- in a file with transaction=none"},
    {{"ReindexStmt", NULL, reindex_plain},
     HAZARD_WARNING,
     "rewrite",
     "SHARE",
     .rewrites = true,
     .scans = true,
     .what = "REINDEX blocks writes, and reads that plan with the index",
     .safer = "REINDEX ... CONCURRENTLY (12 and later), in a file with "
              "transaction=none"},
    {{"ClusterStmt", NULL, NULL},
     HAZARD_WARNING,
     "rewrite",
     AEL,
     .rewrites = true,
     .scans = true,
     .what = "CLUSTER rewrites {table} under lock",
     .safer = "pg_repack"},
    {{"VacuumStmt", NULL, vacuum_full},
     HAZARD_WARNING,
     "rewrite",
     AEL,
     .rewrites = true,
     .scans = true,
     .what = "VACUUM FULL rewrites the table under lock",
     .safer = "VACUUM without FULL, or pg_repack"},
    {{"RefreshMatViewStmt", NULL, not_concurrent},
     HAZARD_WARNING,
     "rewrite",
     AEL,
     .rewrites = true,
     .scans = true,
     .what = "REFRESH MATERIALIZED VIEW blocks readers of {table}",
     .safer = "REFRESH MATERIALIZED VIEW CONCURRENTLY {table}; -- needs a "
              "unique index, and is slower"},
    {{"RefreshMatViewStmt", NULL, concurrent},
     HAZARD_NOTE,
     "scan",
     "EXCLUSIVE",
     .scans = true,
     .what = "REFRESH MATERIALIZED VIEW CONCURRENTLY lets readers of {table} "
             "go on"},
    /* objects that go */
    {DROP("OBJECT_TABLE"),
     BREAKS(AEL, "DROP TABLE {name}; tables that reference each other are "
                 "locked together"),
     .safer = "drop it in a migration with phase=after"},
    {DROP("OBJECT_FOREIGN_TABLE"), BREAKS(AEL, "DROP FOREIGN TABLE {name}")},
    {DROP("OBJECT_VIEW"), BREAKS(AEL, "DROP VIEW {name}"),
     .safer = "CREATE OR REPLACE VIEW, or drop it with phase=after"},
    {DROP("OBJECT_MATVIEW"), BREAKS(AEL, "DROP MATERIALIZED VIEW {name}")},
    {DROP("OBJECT_FUNCTION"), BREAKS(NULL, "DROP FUNCTION {name}"),
     .safer = "keep the old signature until phase=after"},
    {DROP("OBJECT_PROCEDURE"), BREAKS(NULL, "DROP PROCEDURE {name}")},
    {DROP("OBJECT_ROUTINE"), BREAKS(NULL, "DROP ROUTINE {name}")},
    {DROP("OBJECT_AGGREGATE"), BREAKS(NULL, "DROP AGGREGATE {name}")},
    {DROP("OBJECT_OPERATOR"), BREAKS(NULL, "DROP OPERATOR {name}")},
    {DROP("OBJECT_TYPE"), BREAKS(NULL, "DROP TYPE {name}")},
    {DROP("OBJECT_DOMAIN"), BREAKS(NULL, "DROP DOMAIN {name}")},
    {DROP("OBJECT_SEQUENCE"), BREAKS(AEL, "DROP SEQUENCE {name}")},
    {DROP("OBJECT_SCHEMA"), BREAKS(NULL, "DROP SCHEMA {name}")},
    {DROP("OBJECT_EXTENSION"), BREAKS(NULL, "DROP EXTENSION {name}")},
    {{"DropOwnedStmt"}, BREAKS(AEL, "DROP OWNED")},
    {DROP("OBJECT_TRIGGER"), HAZARD_WARNING, "lock", AEL,
     .what = "DROP TRIGGER {name} locks its table"},
    {DROP("OBJECT_POLICY"), HAZARD_NOTE, "lock", AEL,
     .what = "DROP POLICY {name} locks its table for an instant"},
    {DROP("OBJECT_RULE"), HAZARD_NOTE, "lock", AEL,
     .what = "DROP RULE {name} locks its table for an instant"},
    /* objects that get another name */
    {RENAME("OBJECT_TABLE"), BREAKS(AEL, "RENAME of table {table}"),
     .safer = "keep the old name as a view until phase=after"},
    {RENAME("OBJECT_COLUMN"), BREAKS(AEL, "RENAME of column {name} of {table}"),
     .safer = "add a column with the new name, write both, drop the old one "
              "with phase=after"},
    {RENAME("OBJECT_VIEW"), BREAKS(AEL, "RENAME of view {name}")},
    {RENAME("OBJECT_MATVIEW"),
     BREAKS(AEL, "RENAME of materialized view {name}")},
    {RENAME("OBJECT_FUNCTION"), BREAKS(NULL, "RENAME of function {name}")},
    {RENAME("OBJECT_PROCEDURE"), BREAKS(NULL, "RENAME of procedure {name}")},
    {RENAME("OBJECT_TYPE"), BREAKS(NULL, "RENAME of type {name}")},
    {RENAME("OBJECT_DOMAIN"), BREAKS(NULL, "RENAME of domain {name}")},
    {RENAME("OBJECT_ATTRIBUTE"), BREAKS(NULL, "RENAME of attribute {name}")},
    {RENAME("OBJECT_SCHEMA"), BREAKS(NULL, "RENAME of schema {name}")},
    {RENAME("OBJECT_SEQUENCE"), BREAKS(AEL, "RENAME of sequence {name}")},
    {{"AlterObjectSchemaStmt"}, BREAKS(AEL, "SET SCHEMA of {table} to {name}")},
    {{"AlterEnumStmt", NULL, enum_renames},
     BREAKS(NULL, "RENAME VALUE of an enum")},
    {{"AlterEnumStmt", NULL, enum_adds},
     HAZARD_NOTE,
     "enum",
     NULL,
     .what = "the new enum value cannot be used in the same transaction"},
    {{"AlterDomainStmt", "C", domain_checked},
     HAZARD_WARNING,
     "scan",
     "SHARE",
     .scans = true,
     .what = "a new domain constraint reads every table that uses it",
     .safer = "{statement} NOT VALID, then ALTER DOMAIN ... VALIDATE "
              "CONSTRAINT"},
    {{"AlterDomainStmt", "O", NULL},
     HAZARD_WARNING,
     "scan",
     "SHARE",
     .scans = true,
     .breaks = true,
     .what = "SET NOT NULL of a domain reads every table that uses it"},
    {{"GrantStmt", NULL, revokes},
     HAZARD_WARNING,
     "rights",
     NULL,
     .what = "REVOKE: what the old code may do shows only in the catalog"},
    {{NULL}},
};
