/* Constraints, and whole tables. */
#include <string.h>

#include "migrations/hazards.h"

#define AEL "ACCESS EXCLUSIVE"
#define SRE "SHARE ROW EXCLUSIVE"
#define SUE "SHARE UPDATE EXCLUSIVE"
#define ALTER(sub, when)            \
    {                               \
        "AlterTableStmt", sub, when \
    }
#define LATER                                                              \
    "{statement} NOT VALID; then, in a migration of its own: ALTER TABLE " \
    "{table} VALIDATE CONSTRAINT {name}"

/* ---- what rows ask ---- */

static bool in_table(const struct subject *s)
{
    const char *of = node_enum(s->stmt, "objtype");

    return strcmp(of, "OBJECT_TABLE") == 0 ||
           strcmp(of, "OBJECT_FOREIGN_TABLE") == 0;
}

static bool is_constraint(const struct subject *s, const char *contype)
{
    return strcmp(node_enum(s->constraint, "contype"), contype) == 0;
}

static bool add_check(const struct subject *s)
{
    return is_constraint(s, "CONSTR_CHECK") &&
           !node_bool(s->constraint, "skip_validation");
}

static bool add_check_later(const struct subject *s)
{
    return is_constraint(s, "CONSTR_CHECK") &&
           node_bool(s->constraint, "skip_validation");
}

static bool add_foreign(const struct subject *s)
{
    return is_constraint(s, "CONSTR_FOREIGN") &&
           !node_bool(s->constraint, "skip_validation");
}

static bool add_foreign_later(const struct subject *s)
{
    return is_constraint(s, "CONSTR_FOREIGN") &&
           node_bool(s->constraint, "skip_validation");
}

static bool is_key(const struct subject *s)
{
    return is_constraint(s, "CONSTR_UNIQUE") ||
           is_constraint(s, "CONSTR_PRIMARY");
}

static bool add_key(const struct subject *s)
{
    return is_key(s) && !*node_str(s->constraint, "indexname");
}

static bool add_key_using(const struct subject *s)
{
    return is_key(s) && *node_str(s->constraint, "indexname");
}

static bool add_exclude(const struct subject *s)
{
    return is_constraint(s, "CONSTR_EXCLUSION");
}

static bool detach_plain(const struct subject *s)
{
    return !node_bool(node_get(s->cmd, "def"), "concurrent");
}

/* ---- the rows ---- */

const struct hazard hazards_tables[] = {
    /* constraints */
    {ALTER("AT_AddConstraint", add_check), HAZARD_WARNING, "scan", AEL,
     .scans = true,
     .what = "new CHECK {name} of {table}: every row is read under lock",
     .safer = LATER},
    {ALTER("AT_AddConstraint", add_check_later), HAZARD_NOTE, "lock", AEL,
     .what = "CHECK {name} of {table} NOT VALID is instant once it has the "
             "lock"},
    {ALTER("AT_AddConstraint", add_foreign), HAZARD_WARNING, "scan", SRE,
     .scans = true,
     .what = "new foreign key {name} of {table}: both tables are locked "
             "against writes while both are read",
     .safer = LATER},
    {ALTER("AT_AddConstraint", add_foreign_later), HAZARD_NOTE, "lock", SRE,
     .what = "foreign key {name} of {table} NOT VALID locks both tables for an "
             "instant"},
    {ALTER("AT_AddConstraint", add_key), HAZARD_WARNING, "scan", AEL,
     .scans = true,
     .what = "constraint {name} of {table} builds its index under lock",
     .safer = "CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} (...); then "
              "ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX "
              "{name}"},
    {ALTER("AT_AddConstraint", add_key_using), HAZARD_NOTE, "lock", AEL,
     .what = "constraint {name} of {table} takes over its index at once; a "
             "PRIMARY KEY over columns without NOT NULL reads every row"},
    {ALTER("AT_AddConstraint", add_exclude), HAZARD_WARNING, "scan", AEL,
     .scans = true,
     .what = "exclusion constraint {name} of {table} builds a slow index under "
             "lock",
     .safer = "a new table with the constraint, filled in batches, then "
              "swapped"},
    {ALTER("AT_ValidateConstraint", NULL), HAZARD_NOTE, "scan", SUE,
     .scans = true,
     .what = "VALIDATE CONSTRAINT {name} reads {table} and blocks nobody but "
             "VACUUM and DDL"},
    {ALTER("AT_DropConstraint", NULL), HAZARD_NOTE, "lock", AEL,
     .what = "DROP CONSTRAINT {name} of {table}; a foreign key locks both "
             "tables"},
    /* the whole table */
    {ALTER("AT_SetLogged", NULL), HAZARD_WARNING, "rewrite", AEL,
     .rewrites = true, .scans = true,
     .what = "SET LOGGED rewrites {table} under lock",
     .safer = "a new table, filled in batches, then swapped"},
    {ALTER("AT_SetUnLogged", NULL), HAZARD_WARNING, "rewrite", AEL,
     .rewrites = true, .scans = true,
     .what = "SET UNLOGGED rewrites {table} under lock; a crash empties it",
     .safer = "a new table, filled in batches, then swapped"},
    {ALTER("AT_SetAccessMethod", NULL), HAZARD_WARNING, "rewrite", AEL,
     .rewrites = true, .scans = true,
     .what = "SET ACCESS METHOD rewrites {table} under lock",
     .safer = "a new table, filled in batches, then swapped"},
    {ALTER("AT_SetTableSpace", NULL), HAZARD_WARNING, "rewrite", AEL,
     .rewrites = true, .scans = true,
     .what = "SET TABLESPACE copies {table} under lock",
     .safer = "a new table in that tablespace, filled in batches, then "
              "swapped"},
    {ALTER("AT_SetStatistics", NULL), HAZARD_NOTE, "lock", SUE,
     .what = "SET STATISTICS of {table} blocks nobody but VACUUM and DDL"},
    {ALTER("AT_SetRelOptions", in_table), HAZARD_NOTE, "lock", SUE,
     .what = "storage parameters of {table} change without blocking readers "
             "or writers"},
    {ALTER("AT_SetStorage", NULL), HAZARD_NOTE, "lock", AEL,
     .what = "SET STORAGE of {table} is instant once it has the lock"},
    {ALTER("AT_ReplicaIdentity", NULL), HAZARD_NOTE, "lock", AEL,
     .what = "REPLICA IDENTITY of {table} is instant once it has the lock"},
    {ALTER("AT_ChangeOwner", NULL), HAZARD_NOTE, "lock", AEL,
     .what = "OWNER TO on {table} is instant once it has the lock"},
    {ALTER("AT_EnableRowSecurity", NULL), HAZARD_WARNING, "lock", AEL,
     .what = "row level security on {table}: without policies the old code "
             "sees no row"},
    {ALTER("AT_DisableRowSecurity", NULL), HAZARD_NOTE, "lock", AEL,
     .what = "row level security off for {table}, instant once it has the "
             "lock"},
    {ALTER("AT_EnableTrig", NULL), HAZARD_NOTE, "lock", SRE,
     .what = "ENABLE TRIGGER blocks writes to {table} for an instant"},
    {ALTER("AT_AttachPartition", NULL), HAZARD_WARNING, "scan", SUE,
     .scans = true,
     .what = "ATTACH PARTITION reads the new partition, and the default one "
             "under " AEL,
     .safer = "first ADD CONSTRAINT ... CHECK (the bound) NOT VALID and "
              "VALIDATE it on the new partition; the opposite on the default "
              "one"},
    {ALTER("AT_DetachPartition", detach_plain), HAZARD_WARNING, "lock", AEL,
     .what = "DETACH PARTITION locks {table} and all that comes from it",
     .safer = "{statement} CONCURRENTLY (14 and later, without a default "
              "partition, in a file with transaction=none)"},
    {{NULL}},
};
