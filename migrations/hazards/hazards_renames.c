/* Objects that get another name or schema. */
#include <string.h>

#include "migrations/hazards/hazards.h"

#define AEL   LOCK_ACCESS_EXCLUSIVE
#define AFTER "-- tidegate: phase=after\n{statement};"
/* In one transaction: the old code never misses it. */
#define OLD_NAME                                                           \
    "-- in the same migration, so that the old name stays; its GRANTs as " \
    "well:\n"
#define RENAME(kind)             \
    {                            \
        "RenameStmt", kind, NULL \
    }
#define BREAKS(kind, lock_, words)                                         \
    {                                                                      \
        RENAME(kind), HAZARD_ERROR, "breaks-old-code", lock_,              \
            .alone = true, .breaks = true, .survives = hazards_made_again, \
            .what = "RENAME of " words, .safer = AFTER                     \
    }
/* Names that only people and migrations use. */
#define HARMLESS(kind, lock_, words)                              \
    {                                                             \
        RENAME(kind), HAZARD_NOTE, "lock", lock_,                 \
            .alone = true,                                        \
            .what = "RENAME of " words " is instant once it has " \
                    "the lock"                                    \
    }

static bool of_relation(const struct subject *s)
{
    return *s->table;
}

static bool of_other(const struct subject *s)
{
    return !*s->table;
}

/* A CHECK, which partitions and children have as well; or it may be one. */
static bool inherited(const struct subject *s)
{
    const struct catalog_relation *r = hazards_relation(s);
    char type = r ? catalog_constraint(s->catalog, r, s->name) : 0;

    return type == 0 || type == 'c';
}

static bool own(const struct subject *s)
{
    return !inherited(s);
}

const struct hazard hazards_renames[] = {
    {RENAME("OBJECT_TABLE"), HAZARD_ERROR, "breaks-old-code", AEL,
     .alone = true, .breaks = true, .survives = hazards_made_again,
     .what = "RENAME of table {table}",
     .safer = "{statement};\n" OLD_NAME
              "CREATE VIEW {table} AS SELECT * FROM {new};"},
    {RENAME("OBJECT_COLUMN"), HAZARD_ERROR, "breaks-old-code", AEL,
     .breaks = true, .survives = hazards_new_column,
     .what = "RENAME of column {name} of {table}",
     .safer = "ALTER TABLE {table} ADD COLUMN {new} {type:renamed};\n"
              "-- write both, fill old rows in batches; with phase=after:\n"
              "ALTER TABLE {table} DROP COLUMN {name};"},
    BREAKS("OBJECT_VIEW", AEL, "view {name}"),
    BREAKS("OBJECT_MATVIEW", AEL, "materialized view {name}"),
    BREAKS("OBJECT_FOREIGN_TABLE", AEL, "foreign table {name}"),
    BREAKS("OBJECT_SEQUENCE", AEL, "sequence {name}"),
    BREAKS("OBJECT_FUNCTION", LOCK_NONE, "function {name}"),
    BREAKS("OBJECT_PROCEDURE", LOCK_NONE, "procedure {name}"),
    BREAKS("OBJECT_ROUTINE", LOCK_NONE, "routine {name}"),
    BREAKS("OBJECT_AGGREGATE", LOCK_NONE, "aggregate {name}"),
    BREAKS("OBJECT_TYPE", LOCK_NONE, "type {name}"),
    BREAKS("OBJECT_DOMAIN", LOCK_NONE, "domain {name}"),
    BREAKS("OBJECT_ATTRIBUTE", LOCK_NONE, "attribute {name}"),
    BREAKS("OBJECT_SCHEMA", LOCK_NONE, "schema {name}"),
    BREAKS("OBJECT_ROLE", LOCK_NONE, "role {name}"),
    BREAKS("OBJECT_DATABASE", LOCK_NONE, "database {name}"),
    BREAKS("OBJECT_COLLATION", LOCK_NONE, "collation {name}"),
    BREAKS("OBJECT_TSCONFIGURATION", LOCK_NONE,
           "text search configuration {name}"),
    BREAKS("OBJECT_TSDICTIONARY", LOCK_NONE, "text search dictionary {name}"),
    HARMLESS("OBJECT_INDEX", LOCK_SHARE_UPDATE_EXCLUSIVE, "index {table}"),
    {{"RenameStmt", "OBJECT_TABCONSTRAINT", inherited},
     HAZARD_NOTE,
     "lock",
     AEL,
     .what = "RENAME of constraint {name} of {table} is instant once it has "
             "the lock"},
    {{"RenameStmt", "OBJECT_TABCONSTRAINT", own},
     HAZARD_NOTE,
     "lock",
     AEL,
     .alone = true,
     .what = "RENAME of constraint {name} of {table} alone is instant once it "
             "has the lock"},
    {RENAME("OBJECT_TRIGGER"), HAZARD_NOTE, "lock", AEL, .parts = true,
     .what = "RENAME of trigger {name} of {table} is instant once it has the "
             "lock"},
    HARMLESS("OBJECT_POLICY", AEL, "policy {name} of {table}"),
    HARMLESS("OBJECT_RULE", AEL, "rule {name} of {table}"),
    {{"AlterObjectSchemaStmt", NULL, of_relation},
     HAZARD_ERROR,
     "breaks-old-code",
     AEL,
     .alone = true,
     .breaks = true,
     .survives = hazards_made_again,
     .what = "SET SCHEMA of {table} to {new}",
     .safer = "{statement};\n" OLD_NAME
              "CREATE VIEW {table} AS SELECT * FROM {moved};"},
    {{"AlterObjectSchemaStmt", NULL, of_other},
     HAZARD_ERROR,
     "breaks-old-code",
     LOCK_NONE,
     .breaks = true,
     .what = "SET SCHEMA of {name} to {new}",
     .safer = AFTER},
    {{NULL}},
};
