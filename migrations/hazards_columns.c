/* Columns: added, retyped, made NOT NULL. */
#include <string.h>

#include "migrations/hazards.h"

#define AEL "ACCESS EXCLUSIVE"
#define SRE "SHARE ROW EXCLUSIVE"
#define ALTER(sub, when)            \
    {                               \
        "AlterTableStmt", sub, when \
    }

/* ---- what rows ask ---- */

static bool is_serial(const struct subject *s)
{
    static const char serials[] =
        "serial bigserial smallserial serial2 serial4 serial8";

    return subject_word_in(
               subject_last(node_get(s->column, "type_name"), "names"),
               serials) ||
           subject_column_has(s, "CONSTR_IDENTITY");
}

static bool volatile_default(const struct subject *s)
{
    const struct node *c = subject_column_has(s, "CONSTR_DEFAULT");

    return c && !node_walk(node_get(c, "raw_expr"), hazards_seems_stable, NULL);
}

static bool generated(const struct subject *s)
{
    return subject_column_has(s, "CONSTR_GENERATED");
}

/* Old code's INSERT does not name the column: it fails. */
static bool must_be_given(const struct subject *s)
{
    return subject_column_has(s, "CONSTR_NOTNULL") &&
           !subject_column_has(s, "CONSTR_DEFAULT") && !is_serial(s) &&
           !generated(s);
}

static bool column_check(const struct subject *s)
{
    return subject_column_has(s, "CONSTR_CHECK");
}

static bool column_references(const struct subject *s)
{
    return subject_column_has(s, "CONSTR_FOREIGN");
}

static bool column_unique(const struct subject *s)
{
    return subject_column_has(s, "CONSTR_UNIQUE") ||
           subject_column_has(s, "CONSTR_PRIMARY");
}

static bool column_json(const struct subject *s)
{
    return strcmp(s->type, "json") == 0;
}

static bool is_builtin_type(const struct node *type)
{
    static const char builtin[] =
        "text uuid jsonb json bytea date int2 int4 int8 timestamp inet cidr "
        "name citext timestamptz tsvector macaddr xml oid hstore point "
        "varchar money bool float4 float8 numeric geometry geography";
    const struct node *first = node_item(type, "names", 0);

    return strcmp(node_str(first, "sval"), "pg_catalog") == 0 ||
           subject_word_in(subject_last(type, "names"), builtin);
}

static bool maybe_domain(const struct subject *s)
{
    return !is_serial(s) && !is_builtin_type(node_get(s->column, "type_name"));
}

static bool plain_column(const struct subject *s)
{
    return !volatile_default(s) && !is_serial(s) && !generated(s) &&
           !column_check(s) && !column_references(s) && !column_unique(s);
}

/* ---- the rows ---- */

const struct hazard hazards_columns[] = {
    /* ADD COLUMN */
    {ALTER("AT_AddColumn", must_be_given), HAZARD_ERROR, "not-null", AEL,
     .breaks = true,
     .what = "new column {name} of {table} is NOT NULL without default: fails "
             "if the table has rows, and the old code's INSERT fails",
     .safer = "give it a default, or add it without NOT NULL"},
    {ALTER("AT_AddColumn", volatile_default), HAZARD_WARNING, "rewrite", AEL,
     .rewrites = true, .scans = true,
     .what = "new column {name} of {table} has a default that may differ for "
             "each row: the whole table is rewritten under lock",
     .safer = "ALTER TABLE {table} ADD COLUMN {name} {type}; ALTER TABLE "
              "{table} ALTER COLUMN {name} SET DEFAULT ...; then fill old rows "
              "in batches"},
    {ALTER("AT_AddColumn", is_serial), HAZARD_WARNING, "rewrite", AEL,
     .rewrites = true, .scans = true,
     .what = "new column {name} of {table} numbers every row: the whole table "
             "is rewritten under lock",
     .safer = "add a plain column, a sequence as its default, then fill old "
              "rows in batches"},
    {ALTER("AT_AddColumn", generated), HAZARD_WARNING, "rewrite", AEL,
     .rewrites = true, .scans = true,
     .what = "new column {name} of {table} is generated and stored: the whole "
             "table is rewritten under lock",
     .safer = "add a plain column, fill it by a trigger, then old rows in "
              "batches"},
    {ALTER("AT_AddColumn", column_check), HAZARD_WARNING, "scan", AEL,
     .scans = true,
     .what = "new column {name} of {table} has a CHECK: every row is read "
             "under lock",
     .safer = "add the column, then ADD CONSTRAINT ... CHECK (...) NOT VALID, "
              "then VALIDATE CONSTRAINT in a migration of its own"},
    {ALTER("AT_AddColumn", column_references), HAZARD_WARNING, "lock", AEL,
     .what = "new column {name} of {table} references another table, which is "
             "locked against writes (" SRE ") as well",
     .safer = "add the column, then ADD CONSTRAINT ... FOREIGN KEY ... NOT "
              "VALID, then VALIDATE CONSTRAINT in a migration of its own"},
    {ALTER("AT_AddColumn", column_unique), HAZARD_WARNING, "scan", AEL,
     .scans = true,
     .what = "new column {name} of {table} builds an index under lock",
     .safer = "add the column, CREATE UNIQUE INDEX CONCURRENTLY, then ADD "
              "CONSTRAINT ... UNIQUE USING INDEX"},
    {ALTER("AT_AddColumn", maybe_domain), HAZARD_NOTE, "rewrite", AEL,
     .what = "if type {type} is a domain with constraints, adding {name} "
             "rewrites {table}",
     .safer = "use the base type, with a CHECK added NOT VALID"},
    {ALTER("AT_AddColumn", column_json), HAZARD_NOTE, "type", NULL,
     .what = "type json has no equality: DISTINCT and GROUP BY over {table} "
             "will fail",
     .safer = "ALTER TABLE {table} ADD COLUMN {name} jsonb"},
    {ALTER("AT_AddColumn", plain_column), HAZARD_NOTE, "lock", AEL,
     .what = "adding {name} to {table} is instant once it has the lock"},
    /* columns */
    {ALTER("AT_DropColumn", NULL), HAZARD_ERROR, "breaks-old-code", AEL,
     .breaks = true, .what = "DROP COLUMN {name} of {table}",
     .safer = "stop reading and writing it first; drop it in a migration with "
              "phase=after"},
    {ALTER("AT_AlterColumnType", NULL), HAZARD_WARNING, "rewrite", AEL,
     .rewrites = true, .scans = true, .breaks = true,
     .what = "change of type of {name} of {table} to {type}: rewrites the "
             "table and its indexes under lock, unless the old type is stored "
             "alike",
     .safer = "add a new column of type {type}, write both, fill old rows in "
              "batches, then swap"},
    {ALTER("AT_SetNotNull", NULL), HAZARD_WARNING, "scan", AEL, .scans = true,
     .breaks = true,
     .what = "SET NOT NULL of {name} of {table}: every row is read under lock",
     .safer = "ALTER TABLE {table} ADD CONSTRAINT present CHECK ({name} IS NOT "
              "NULL) NOT VALID; in a migration of its own: ALTER TABLE {table} "
              "VALIDATE CONSTRAINT present; then SET NOT NULL reads nothing "
              "(12 and later), and the constraint can go"},
    {ALTER("AT_DropNotNull", NULL), HAZARD_NOTE, "lock", AEL,
     .what = "DROP NOT NULL of {name} of {table} is instant once it has the "
             "lock"},
    {ALTER("AT_ColumnDefault", NULL), HAZARD_NOTE, "lock", AEL,
     .what = "the default of {name} of {table} changes at once when it has the "
             "lock"},
    {ALTER("AT_DropExpression", NULL), HAZARD_NOTE, "lock", AEL,
     .what = "DROP EXPRESSION of {name} of {table} is instant once it has the "
             "lock"},
    {ALTER("AT_AddIdentity", NULL), HAZARD_NOTE, "lock", AEL,
     .what = "ADD GENERATED AS IDENTITY to {name} of {table} is instant once "
             "it has the lock"},
    {{NULL}},
};
