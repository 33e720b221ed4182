/* Objects that go, or become another. */
#include <string.h>

#include "migrations/hazards/hazards.h"

#define AEL LOCK_ACCESS_EXCLUSIVE
#define DROP(kind)             \
    {                          \
        "DropStmt", kind, NULL \
    }
#define AFTER "-- tidegate: phase=after\n{statement};"
/* What the same file makes again is not missed. */
#define GOES(kind, lock_, words)                            \
    {                                                       \
        DROP(kind), HAZARD_ERROR, "breaks-old-code", lock_, \
            .breaks = true, .survives = hazards_made_again, \
            .what = "DROP " words " {name}", .safer = AFTER \
    }
#define PART(kind, words)                                                \
    {                                                                    \
        DROP(kind), HAZARD_NOTE, "lock", AEL,                            \
            .alone = true,                                               \
            .what = "DROP " words " {name} locks {table} for an instant" \
    }
#define LEAVES(kind, words, level_, rule_)                            \
    {                                                                 \
        DROP(kind), level_, rule_, LOCK_NONE, .what = words " {name}" \
    }

#define LEAVES_STATISTICS                                                  \
    {                                                                      \
        DROP("OBJECT_STATISTIC_EXT"), HAZARD_NOTE, "lock", LOCK_NONE,      \
            .what = "DROP STATISTICS {name} blocks nobody but VACUUM and " \
                    "DDL",                                                 \
            .also = {                                                      \
                {WHOSE_MEASURED, LOCK_SHARE_UPDATE_EXCLUSIVE}              \
            }                                                              \
    }

/* ---- what rows ask ---- */

static const char *kind_of(const struct subject *s)
{
    return subject_word_in(node_enum(s->stmt, "remove_type"),
                           "OBJECT_FUNCTION OBJECT_PROCEDURE OBJECT_ROUTINE")
               ? "function"
           : subject_word_in(node_enum(s->stmt, "remove_type"),
                             "OBJECT_TYPE OBJECT_DOMAIN")
               ? "type"
               : "relation";
}

static bool has_dependents(const struct subject *s)
{
    static const char kinds[] =
        "OBJECT_TABLE OBJECT_VIEW OBJECT_MATVIEW OBJECT_FOREIGN_TABLE "
        "OBJECT_SEQUENCE OBJECT_FUNCTION OBJECT_PROCEDURE OBJECT_TYPE "
        "OBJECT_DOMAIN";

    const char *dependents = NULL;

    if (s->catalog && subject_word_in(node_enum(s->stmt, "remove_type"), kinds))
        dependents = catalog_dependents(s->catalog, kind_of(s), s->name, NULL);
    return dependents && !subject_dropped(s->made, dependents);
}

static bool policy_missed(const struct subject *s)
{
    return !subject_makes(s->made, "policy-on", s->table);
}

static bool policy_replaced(const struct subject *s)
{
    return !policy_missed(s);
}

static bool trigger_missed(const struct subject *s)
{
    return !hazards_made_again(s);
}

static bool enum_renames(const struct subject *s)
{
    return *node_str(s->stmt, "old_val");
}

static bool enum_adds(const struct subject *s)
{
    return !enum_renames(s);
}

static bool domain_checked(const struct subject *s)
{
    return !node_bool(node_get(s->stmt, "def"), "skip_validation");
}

static bool replaces(const struct subject *s)
{
    return node_bool(s->stmt, "replace");
}

/* What the database has of that kind that calls the function. */
static bool replaced_in(const struct subject *s, const char *kind)
{
    return replaces(s) && s->catalog && !node_bool(s->stmt, "is_procedure") &&
           catalog_dependents(s->catalog, kind, s->name, NULL);
}

static bool replaced_in_triggers(const struct subject *s)
{
    return replaced_in(s, "triggers");
}

static bool replaced_in_indexes(const struct subject *s)
{
    return replaced_in(s, "indexes");
}

/* Functions of that name there are, but none that takes these arguments. */
static bool overloads(const struct subject *s)
{
    struct arena scratch;
    bool does;

    if (!s->catalog)
        return false;
    arena_init(&scratch);
    does = catalog_overloads(
        s->catalog, s->name,
        subject_arguments(&scratch, s->stmt, "parameters", CATALOG_COMMA));
    arena_release(&scratch);
    return does;
}

/* ---- the rows ---- */

const struct hazard hazards_objects[] = {
    {DROP("OBJECT_TABLE"), HAZARD_ERROR, "breaks-old-code", AEL, .breaks = true,
     .what = "DROP TABLE {name}; tables that reference each other are locked "
             "together",
     .safer = AFTER, .also = {{WHOSE_KEYS, AEL}, {WHOSE_ABOVE, AEL}}},
    GOES("OBJECT_FOREIGN_TABLE", AEL, "FOREIGN TABLE"),
    GOES("OBJECT_VIEW", AEL, "VIEW"),
    GOES("OBJECT_MATVIEW", AEL, "MATERIALIZED VIEW"),
    GOES("OBJECT_FUNCTION", LOCK_NONE, "FUNCTION"),
    GOES("OBJECT_PROCEDURE", LOCK_NONE, "PROCEDURE"),
    GOES("OBJECT_ROUTINE", LOCK_NONE, "ROUTINE"),
    GOES("OBJECT_AGGREGATE", LOCK_NONE, "AGGREGATE"),
    GOES("OBJECT_OPERATOR", LOCK_NONE, "OPERATOR"),
    GOES("OBJECT_TYPE", LOCK_NONE, "TYPE"),
    GOES("OBJECT_DOMAIN", LOCK_NONE, "DOMAIN"),
    GOES("OBJECT_SEQUENCE", AEL, "SEQUENCE"),
    GOES("OBJECT_SCHEMA", LOCK_NONE, "SCHEMA"),
    GOES("OBJECT_EXTENSION", LOCK_NONE, "EXTENSION"),
    GOES("OBJECT_CAST", LOCK_NONE, "CAST"),
    GOES("OBJECT_COLLATION", LOCK_NONE, "COLLATION"),
    GOES("OBJECT_LANGUAGE", LOCK_NONE, "LANGUAGE"),
    GOES("OBJECT_OPCLASS", LOCK_NONE, "OPERATOR CLASS"),
    GOES("OBJECT_OPFAMILY", LOCK_NONE, "OPERATOR FAMILY"),
    GOES("OBJECT_TSCONFIGURATION", LOCK_NONE, "TEXT SEARCH CONFIGURATION"),
    GOES("OBJECT_TSDICTIONARY", LOCK_NONE, "TEXT SEARCH DICTIONARY"),
    GOES("OBJECT_FOREIGN_SERVER", LOCK_NONE, "SERVER"),
    LEAVES("OBJECT_PUBLICATION",
           "whoever subscribes to it gets no more changes: DROP PUBLICATION",
           HAZARD_WARNING, "rights"),
    LEAVES_STATISTICS,
    {{"DropStmt", NULL, hazards_cascades},
     HAZARD_WARNING,
     "lock",
     LOCK_NONE,
     .what = "CASCADE drops what depends on {name}, and locks the tables that "
             "it was a part of",
     .safer = "-- what depends on it by name, in the same migration",
     .also = {{WHOSE_CASCADED, AEL}}},
    {{"DropOwnedStmt"},
     HAZARD_ERROR,
     "breaks-old-code",
     AEL,
     .breaks = true,
     .what = "DROP OWNED BY {name}",
     .safer = AFTER},
    {{"DropRoleStmt"},
     HAZARD_ERROR,
     "breaks-old-code",
     LOCK_NONE,
     .breaks = true,
     .what = "DROP ROLE {name}",
     .safer = AFTER},
    {{"DropStmt", NULL, has_dependents},
     HAZARD_ERROR,
     "dependents",
     LOCK_NONE,
     .what = "{dependents} depend on {name}: without CASCADE it fails, with it "
             "they go too",
     .safer = "-- drop or change them first, in the same migration"},
    {{"DropStmt", "OBJECT_TRIGGER", trigger_missed},
     HAZARD_WARNING,
     "lock",
     AEL,
     .parts = true,
     .what = "DROP TRIGGER {name} locks {table}; what it did for the old code "
             "is done no more"},
    {{"DropStmt", "OBJECT_TRIGGER", hazards_made_again},
     HAZARD_NOTE,
     "lock",
     AEL,
     .parts = true,
     .what = "DROP TRIGGER {name} locks {table} for an instant"},
    {{"DropStmt", "OBJECT_POLICY", policy_missed},
     HAZARD_ERROR,
     "breaks-old-code",
     AEL,
     .alone = true,
     .breaks = true,
     .what = "DROP POLICY {name} of {table}: rows that it showed are hidden",
     .safer = "-- make the policy that replaces it in the same migration, or "
              "drop it with phase=after"},
    {{"DropStmt", "OBJECT_POLICY", policy_replaced},
     HAZARD_NOTE,
     "lock",
     AEL,
     .alone = true,
     .what = "DROP POLICY {name} locks {table} for an instant"},
    PART("OBJECT_RULE", "RULE"),
    /* types */
    {{"AlterEnumStmt", NULL, enum_renames},
     HAZARD_ERROR,
     "breaks-old-code",
     LOCK_NONE,
     .breaks = true,
     .what = "RENAME VALUE of an enum",
     .safer = "-- ALTER TYPE ... ADD VALUE the new one, and write both until "
              "phase=after"},
    {{"AlterEnumStmt", NULL, enum_adds},
     HAZARD_NOTE,
     "enum",
     LOCK_NONE,
     .what = "the new enum value cannot be used in the same transaction"},
    {{"AlterDomainStmt", "C", domain_checked},
     HAZARD_WARNING,
     "scan",
     LOCK_NONE,
     .scans = true,
     .what = "a new constraint of domain {name} reads every table that uses "
             "it, their writers waiting",
     .safer = "{statement} NOT VALID;\n-- in a migration of its own:\n"
              "ALTER DOMAIN {name} VALIDATE CONSTRAINT {constraint};",
     .also = {{WHOSE_USERS, LOCK_SHARE, .scans = true}}},
    {{"AlterDomainStmt", "V", NULL},
     HAZARD_NOTE,
     "scan",
     LOCK_NONE,
     .scans = true,
     .what = "VALIDATE CONSTRAINT of domain {name} reads every table that uses "
             "it, their writers waiting",
     .also = {{WHOSE_USERS, LOCK_SHARE, .scans = true}}},
    {{"AlterDomainStmt", "O", NULL},
     HAZARD_WARNING,
     "scan",
     LOCK_NONE,
     .scans = true,
     .breaks = true,
     .what = "SET NOT NULL of domain {name} reads every table that uses it",
     .safer = "ALTER DOMAIN {name} ADD CONSTRAINT present CHECK (VALUE IS NOT "
              "NULL) NOT VALID;\n-- in a migration of its own:\n"
              "ALTER DOMAIN {name} VALIDATE CONSTRAINT present;",
     .also = {{WHOSE_USERS, LOCK_SHARE, .scans = true}}},
    /* functions and views */
    {{"CreateFunctionStmt", NULL, overloads},
     HAZARD_WARNING,
     "overload",
     LOCK_NONE,
     .what = "{name} stays beside {functions}: other arguments make another "
             "function, and calls that fit both fail as ambiguous",
     .safer = "-- keep the arguments, or drop the old function with "
              "phase=after"},
    {{"CreateFunctionStmt", NULL, replaced_in_triggers},
     HAZARD_WARNING,
     "trigger",
     LOCK_NONE,
     .what = "{triggers} call {name}: from COMMIT on, writes of the old code "
             "run the new text too",
     .safer = "-- what the old code survives as well; else a function and a "
              "trigger of another name, which {name} leaves the work to"},
    {{"CreateFunctionStmt", NULL, replaced_in_indexes},
     HAZARD_WARNING,
     "index",
     LOCK_NONE,
     .what = "{function_indexes} are made of {name}: entries that are there "
             "stay as the old text made them",
     .safer = "-- if it answers otherwise for any row: a function of another "
              "name, and a new index on that, CONCURRENTLY"},
    {{"AlterSeqStmt", NULL, NULL},
     HAZARD_NOTE,
     "lock",
     LOCK_SHARE_ROW_EXCLUSIVE,
     .what = "ALTER SEQUENCE {table}: whoever takes a number from it waits "
             "for an instant"},
    {{"ViewStmt", NULL, replaces},
     HAZARD_NOTE,
     "lock",
     AEL,
     .alone = true,
     .what = "CREATE OR REPLACE VIEW {table}: if it is there, its readers wait "
             "for an instant"},
    {{NULL}},
};
