/* Constraints: added, validated, dropped.
 *
 * A new constraint is no break of the old code: it says what holds of the
 * rows that the old code wrote so far, or it could not be validated, while
 * SET NOT NULL, DROP and RENAME are sure to meet it. That a write which breaks
 * it fails from now on is said.
 */
#include <string.h>

#include "migrations/hazards/hazards.h"

#define AEL LOCK_ACCESS_EXCLUSIVE
#define SRE LOCK_SHARE_ROW_EXCLUSIVE
#define SUE LOCK_SHARE_UPDATE_EXCLUSIVE
#define ALTER(sub, when)            \
    {                               \
        "AlterTableStmt", sub, when \
    }
#define REFUSES "; rows of the old code that break it are refused from then on"
#define LATER                                  \
    "ALTER TABLE {table} {named} NOT VALID;\n" \
    "-- in a migration of its own:\n"          \
    "ALTER TABLE {table} VALIDATE CONSTRAINT {name};"

#define KEY_LATER                                                      \
    "-- in a migration of its own, with transaction=none:\n"           \
    "CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} "              \
    "({columns}){including};\n"                                        \
    "-- in a migration of its own:\n"                                  \
    "ALTER TABLE {table} ADD CONSTRAINT {name} {keykind} USING INDEX " \
    "{name}{deferrable};"

/* ---- what rows ask ---- */

static bool is_a(const struct subject *s, const char *contype)
{
    return strcmp(node_enum(s->constraint, "contype"), contype) == 0;
}

static bool is_later(const struct subject *s)
{
    return node_bool(s->constraint, "skip_validation");
}

static bool add_check(const struct subject *s)
{
    return is_a(s, "CONSTR_CHECK") && !is_later(s);
}

static bool add_check_later(const struct subject *s)
{
    return is_a(s, "CONSTR_CHECK") && is_later(s);
}

static bool is_partitioned(const struct subject *s)
{
    const struct catalog_relation *r = hazards_relation(s);

    return r && r->self.kind == 'p';
}

static bool add_foreign(const struct subject *s)
{
    return is_a(s, "CONSTR_FOREIGN") && !is_later(s) && !is_partitioned(s);
}

static bool refers(const struct catalog_relation *r, uint32_t to)
{
    for (size_t i = 0; r && i < r->n_keys; i++)
        if (r->keys[i].outward && r->keys[i].other.oid == to)
            return true;
    return false;
}

/* Every partition has a foreign key to the same table, which is taken over
 * if its columns and actions are the same. */
static bool partitions_refer(const struct subject *s)
{
    const struct catalog_relation *r = hazards_relation(s), *to;
    struct arena scratch;
    bool all = r && r->n_below;

    arena_init(&scratch);
    to =
        all ? catalog_relation(
                  s->catalog, subject_relation(
                                  &scratch, node_get(s->constraint, "pktable")))
            : NULL;
    for (size_t i = 0; all && i < r->n_below; i++)
        all = to && (r->below[i].kind == 'p' ||
                     refers(catalog_relation(s->catalog, r->below[i].name),
                            to->self.oid));
    arena_release(&scratch);
    return all;
}

static bool add_foreign_partitioned(const struct subject *s)
{
    return is_a(s, "CONSTR_FOREIGN") && !is_later(s) && is_partitioned(s) &&
           !partitions_refer(s);
}

static bool add_foreign_over(const struct subject *s)
{
    return is_a(s, "CONSTR_FOREIGN") && !is_later(s) && is_partitioned(s) &&
           partitions_refer(s);
}

static bool add_foreign_later(const struct subject *s)
{
    return is_a(s, "CONSTR_FOREIGN") && is_later(s);
}

/* Before server 18. */
static bool add_foreign_in_vain(const struct subject *s)
{
    return add_foreign_later(s) && is_partitioned(s) &&
           catalog_version(s->catalog) < 180000;
}

static bool uses_index(const struct subject *s)
{
    return *node_str(s->constraint, "indexname");
}

static bool add_unique(const struct subject *s)
{
    return is_a(s, "CONSTR_UNIQUE") && !uses_index(s);
}

static bool add_primary(const struct subject *s)
{
    return is_a(s, "CONSTR_PRIMARY") && !uses_index(s);
}

static bool add_unique_using(const struct subject *s)
{
    return is_a(s, "CONSTR_UNIQUE") && uses_index(s);
}

/* Whether the columns of the index are all NOT NULL. */
static bool columns_filled(const struct subject *s)
{
    const struct catalog_relation *r = hazards_relation(s);

    return r && catalog_index_filled(s->catalog, r,
                                     node_str(s->constraint, "indexname"));
}

static bool add_primary_using(const struct subject *s)
{
    return is_a(s, "CONSTR_PRIMARY") && uses_index(s) && columns_filled(s);
}

static bool add_primary_reading(const struct subject *s)
{
    return is_a(s, "CONSTR_PRIMARY") && uses_index(s) && !columns_filled(s);
}

static bool add_exclude(const struct subject *s)
{
    return is_a(s, "CONSTR_EXCLUSION");
}

static char type_of(const struct subject *s)
{
    const struct catalog_relation *r = hazards_relation(s);

    return r ? catalog_constraint(s->catalog, r, s->name) : 0;
}

static bool of_foreign(const struct subject *s)
{
    return type_of(s) == 'f';
}

static bool of_other(const struct subject *s)
{
    return type_of(s) && type_of(s) != 'f' && type_of(s) != 'u' &&
           type_of(s) != 'p';
}

static bool of_unknown(const struct subject *s)
{
    return !type_of(s);
}

static bool of_key(const struct subject *s)
{
    return type_of(s) == 'u' || type_of(s) == 'p';
}

static bool of_check(const struct subject *s)
{
    return type_of(s) && !of_foreign(s);
}

/* ---- the rows ---- */

const struct hazard hazards_constraints[] = {
    {ALTER("AT_AddConstraint", add_check), HAZARD_WARNING, "scan", AEL,
     .scans = true,
     .what = "new CHECK {name} of {table}: every row is read under "
             "lock" REFUSES,
     .safer = LATER},
    {ALTER("AT_AddConstraint", add_check_later), HAZARD_NOTE, "lock", AEL,
     .what = "CHECK {name} of {table} NOT VALID is instant once it has the "
             "lock" REFUSES},
    {ALTER("AT_AddConstraint", add_foreign), HAZARD_WARNING, "scan", SRE,
     .scans = true,
     .what = "new foreign key {name} of {table}: it and {referenced} are "
             "locked against writes while both are read" REFUSES,
     .safer = LATER, .also = {{WHOSE_REFERENCED, SRE, .scans = true}}},
    {ALTER("AT_AddConstraint", add_foreign_partitioned), HAZARD_WARNING, "scan",
     SRE, .scans = true,
     .what = "new foreign key {name} of {table}: all its partitions and "
             "{referenced} are locked against writes while they are "
             "read" REFUSES,
     .safer = "-- for each partition, since NOT VALID of a partitioned table "
              "comes with 18:\n"
              "{leaves:add}"
              "-- in migrations of their own:\n"
              "{leaves:validate}"
              "-- and at last, taking those over, in a migration of its own:\n"
              "ALTER TABLE {table} {named};",
     .also = {{WHOSE_REFERENCED, SRE, .scans = true}}},
    {ALTER("AT_AddConstraint", add_foreign_over), HAZARD_NOTE, "lock", SRE,
     .unsure = true,
     .what = "foreign key {name} of {table} takes over those of its partitions "
             "if they are the same and valid, and reads nothing then" REFUSES,
     .also = {{WHOSE_REFERENCED, SRE}}},
    {ALTER("AT_AddConstraint", add_foreign_later), HAZARD_NOTE, "lock", SRE,
     .what = "foreign key {name} of {table} NOT VALID locks it and "
             "{referenced} against writes for an instant" REFUSES,
     .also = {{WHOSE_REFERENCED, SRE}}},
    {ALTER("AT_AddConstraint", add_foreign_in_vain), HAZARD_ERROR, "fails",
     LOCK_NONE,
     .what = "{table} is partitioned: a NOT VALID foreign key of it fails "
             "before server 18",
     .safer = "-- NOT VALID for each partition, then VALIDATE, then the whole "
              "table without NOT VALID"},
    {ALTER("AT_AddConstraint", add_unique), HAZARD_WARNING, "scan", AEL,
     .scans = true, .below = LOCK_SHARE,
     .what = "UNIQUE {name} of {table} builds its index under lock" REFUSES,
     .safer = KEY_LATER},
    {ALTER("AT_AddConstraint", add_primary), HAZARD_WARNING, "scan", AEL,
     .scans = true,
     .what = "PRIMARY KEY {name} of {table} builds its index under lock, and "
             "makes its columns NOT NULL" REFUSES,
     .safer =
         "{each:check}-- in a migration of its own:\n{each:present}" KEY_LATER},
    {ALTER("AT_AddConstraint", add_unique_using), HAZARD_NOTE, "lock", AEL,
     .alone = true,
     .what = "constraint {name} of {table} takes over its index at once when "
             "it has the lock"},
    {ALTER("AT_AddConstraint", add_primary_using), HAZARD_NOTE, "lock", AEL,
     .alone = true,
     .what = "PRIMARY KEY {name} of {table} takes over its index at once when "
             "it has the lock: its columns are NOT NULL"},
    {ALTER("AT_AddConstraint", add_primary_reading), HAZARD_WARNING, "scan",
     AEL, .scans = true, .alone = true, .worst = true,
     .what = "PRIMARY KEY {name} of {table} takes over its index; over columns "
             "without NOT NULL it reads every row under lock",
     .safer = "-- first, for each of its columns C, in migrations of their "
              "own:\n"
              "ALTER TABLE {table} ADD CONSTRAINT {own:present} CHECK (C IS "
              "NOT NULL) NOT VALID;\n"
              "-- in a migration of its own:\n"
              "ALTER TABLE {table} VALIDATE CONSTRAINT {own:present};\n"
              "ALTER TABLE {table} ALTER COLUMN C SET NOT NULL;"},
    {ALTER("AT_AddConstraint", add_exclude), HAZARD_WARNING, "scan", AEL,
     .scans = true,
     .what = "exclusion constraint {name} of {table} builds a slow index under "
             "lock" REFUSES,
     .safer = "-- there is no way to build it beside the writers:\n"
              "CREATE TABLE {own:new} (LIKE {table} INCLUDING ALL);\n"
              "ALTER TABLE {own:new} {clause};\n"
              "-- write both, fill it in batches, then swap the names"},
    /* validated, dropped */
    {ALTER("AT_ValidateConstraint", of_check), HAZARD_NOTE, "scan", SUE,
     .scans = true,
     .what = "VALIDATE CONSTRAINT {name} reads {table} and blocks nobody but "
             "VACUUM and DDL"},
    {ALTER("AT_ValidateConstraint", of_foreign), HAZARD_NOTE, "scan", SUE,
     .scans = true,
     .what = "VALIDATE CONSTRAINT {name} reads {table} and what it references, "
             "and blocks nobody but VACUUM and DDL",
     .also = {{WHOSE_CONSTRAINT, LOCK_ROW_SHARE, .scans = true}}},
    {ALTER("AT_ValidateConstraint", of_unknown), HAZARD_NOTE, "scan", SUE,
     .scans = true, .worst = true,
     .what = "VALIDATE CONSTRAINT {name} reads {table}, and what it references "
             "where it is a foreign key; it blocks nobody but VACUUM and DDL",
     .also = {{WHOSE_CONSTRAINT, LOCK_ROW_SHARE, .scans = true}}},
    {ALTER("AT_DropConstraint", of_foreign), HAZARD_WARNING, "lock", AEL,
     .what = "DROP CONSTRAINT {name} of {table} locks the referenced table as "
             "well",
     .also = {{WHOSE_CONSTRAINT, AEL}}},
    {ALTER("AT_DropConstraint", of_key), HAZARD_WARNING, "lock", AEL,
     .what = "DROP CONSTRAINT {name} of {table} drops its index; the old "
             "code's ON CONFLICT and look-ups by it do without"},
    {ALTER("AT_DropConstraint", of_other), HAZARD_NOTE, "lock", AEL,
     .what = "DROP CONSTRAINT {name} of {table} is instant once it has the "
             "lock"},
    {ALTER("AT_DropConstraint", of_unknown), HAZARD_WARNING, "lock", AEL,
     .worst = true,
     .what = "DROP CONSTRAINT {name} of {table}: a foreign key locks both "
             "tables; a unique one takes its index along, and the old code's "
             "ON CONFLICT fails",
     .also = {{WHOSE_CONSTRAINT, AEL}}},
    {ALTER("AT_DropConstraint", hazards_cascades), HAZARD_WARNING, "lock",
     LOCK_NONE,
     .what = "CASCADE drops the foreign keys that depend on {name} of {table}, "
             "and locks their tables",
     .safer = "-- those by name, each in a migration of its own, then without "
              "CASCADE",
     .also = {{WHOSE_CASCADED, AEL}}},
    {ALTER("AT_AlterConstraint", NULL), HAZARD_NOTE, "lock", AEL,
     .what = "ALTER CONSTRAINT {name} of {table} is instant once it has the "
             "lock"},
    {{NULL}},
};
