/* Columns: added, retyped, made NOT NULL. */
#include <stdio.h>
#include <string.h>

#include "migrations/hazards/hazards.h"

#define AEL LOCK_ACCESS_EXCLUSIVE
#define SRE LOCK_SHARE_ROW_EXCLUSIVE
#define ALTER(sub, when)            \
    {                               \
        "AlterTableStmt", sub, when \
    }
#define ADD   "ALTER TABLE {table} ADD COLUMN {name} {type};\n"
#define APART "-- in a migration of its own:\n"
#define IN_BATCHES                              \
    "-- old rows, in a migration of its own:\n" \
    "-- tidegate: batch={table} key={key} size=5000\n"
#define BETWEEN " AND {key} BETWEEN $1 AND $2;"
#define FILL                                                  \
    IN_BATCHES "UPDATE {table} SET {name} = {default} WHERE " \
               "{name} IS NULL" BETWEEN
#define LATER "-- tidegate: phase=after\n{statement};"

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

static const struct node *default_of(const struct subject *s)
{
    return node_get(subject_column_has(s, "CONSTR_DEFAULT"), "raw_expr");
}

static bool volatile_default(const struct subject *s)
{
    struct subject copy = *s;

    return default_of(s) &&
           !node_walk(default_of(s), hazards_seems_stable, &copy);
}

static bool generated(const struct subject *s)
{
    return subject_column_has(s, "CONSTR_GENERATED");
}

/* Old code's INSERT does not name the column: it fails. */
static bool must_be_given(const struct subject *s)
{
    return (subject_column_has(s, "CONSTR_NOTNULL") ||
            subject_column_has(s, "CONSTR_PRIMARY")) &&
           !default_of(s) && !is_serial(s) && !generated(s);
}

static bool column_check(const struct subject *s)
{
    return subject_column_has(s, "CONSTR_CHECK");
}

static bool column_references(const struct subject *s)
{
    return subject_column_has(s, "CONSTR_FOREIGN") && !default_of(s);
}

/* With a default every row refers to something, and that is looked up. */
static bool column_refers(const struct subject *s)
{
    return subject_column_has(s, "CONSTR_FOREIGN") && default_of(s);
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
        "varchar money bool float4 float8 numeric geometry geography ltree "
        "vector tsquery int4range int8range numrange tsrange tstzrange "
        "daterange interval time timetz bpchar bit varbit";
    const struct node *first = node_item(type, "names", 0);

    return strcmp(node_str(first, "sval"), "pg_catalog") == 0 ||
           subject_word_in(subject_last(type, "names"), builtin);
}

static bool own_type(const struct subject *s)
{
    return !is_serial(s) && !is_builtin_type(node_get(s->column, "type_name"));
}

static bool of_table(const struct subject *s)
{
    return strcmp(node_enum(s->stmt, "objtype"), "OBJECT_TYPE") != 0;
}

static bool of_type(const struct subject *s)
{
    return !of_table(s);
}

static enum catalog_domain domain_of(const struct subject *s)
{
    return s->catalog ? catalog_domain(s->catalog, s->type) : DOMAIN_UNKNOWN;
}

static bool maybe_domain(const struct subject *s)
{
    return of_table(s) && own_type(s) && domain_of(s) == DOMAIN_UNKNOWN;
}

static bool checked_domain(const struct subject *s)
{
    return own_type(s) && domain_of(s) == CHECKED_DOMAIN;
}

static bool plain_column(const struct subject *s)
{
    return of_table(s) && !must_be_given(s) && !volatile_default(s) &&
           !is_serial(s) && !generated(s) && !column_check(s) &&
           !subject_column_has(s, "CONSTR_FOREIGN") && !column_unique(s) &&
           !maybe_domain(s) && !checked_domain(s);
}

static bool drop_cascades(const struct subject *s)
{
    return of_table(s) && hazards_cascades(s);
}

/* A USING that says no more than the cast that is made without it. */
static bool using_computes(const struct subject *s)
{
    const struct node *using = node_get(s->column, "raw_default");

    if (node_is(using, "TypeCast"))
        using = node_get(using, "arg");
    return using && !(node_is(using, "ColumnRef") &&
                      strcmp(subject_last(using, "fields"),
                             node_str(s->cmd, "name")) == 0);
}

static bool in_utc(const struct subject *s)
{
    if (subject_made(s->made, "setting", "timezone utc"))
        return true;
    return !subject_made(s->made, "setting", "timezone other") &&
           catalog_in_utc(s->catalog);
}

static enum catalog_retype retype_of(const struct subject *s)
{
    const struct catalog_relation *r = hazards_relation(s);

    if (!of_table(s) || !r)
        return RETYPE_UNKNOWN;
    if (using_computes(s))
        return RETYPE_REWRITES;
    return catalog_retype(s->catalog, r, s->name, s->type, in_utc(s));
}

static bool indexed(const struct subject *s)
{
    const struct catalog_column *c = hazards_column(s);

    return c && c->indexes && node_get(s->column, "coll_clause");
}

static bool retype_free(const struct subject *s)
{
    return retype_of(s) == RETYPE_FREE && !indexed(s);
}

static bool retype_checks(const struct subject *s)
{
    return retype_of(s) == RETYPE_FREE && indexed(s);
}

static bool retype_rewrites(const struct subject *s)
{
    return of_table(s) &&
           (retype_of(s) == RETYPE_UNKNOWN || retype_of(s) == RETYPE_REWRITES);
}

static bool has_dependents(const struct subject *s)
{
    const char *dependents =
        s->catalog ? catalog_dependents(s->catalog, "relation", s->table,
                                        node_str(s->cmd, "name"))
                   : NULL;

    return dependents && !subject_dropped(s->made, dependents);
}

static const char *column_key(const struct subject *s, char *out, size_t size)
{
    snprintf(out, size, "%s.%s", s->table, s->name);
    return out;
}

static bool has_default(const struct subject *s)
{
    char key[256];

    return subject_made(s->made, "default", column_key(s, key, sizeof key));
}

/* A CHECK (c IS NOT NULL), valid or not: a new NULL is refused already. */
static bool says_present(const struct subject *s)
{
    const struct catalog_column *c = hazards_column(s);
    char key[256];

    column_key(s, key, sizeof key);
    return subject_made(s->made, "present", key) ||
           subject_made(s->made, "nearly", key) ||
           (c && (c->never_null || c->nearly));
}

/* The old code's rows get the default of a column that came with this file,
 * or cannot hold NULL already. */
static bool never_null(const struct subject *s)
{
    const struct catalog_column *c = hazards_column(s);

    return (hazards_new_column(s) && has_default(s)) || (c && c->not_null) ||
           says_present(s);
}

/* A CHECK of an earlier migration, which this one validated. */
static bool validated(const struct subject *s, const struct catalog_column *c)
{
    char key[256];

    if (!c || !c->nearly)
        return false;
    snprintf(key, sizeof key, "%s.%s", s->table, c->nearly);
    return subject_made(s->made, "validated", key);
}

static bool null_read(const struct subject *s)
{
    const struct catalog_column *c = hazards_column(s);
    char key[256];

    column_key(s, key, sizeof key);
    return !(c && (c->not_null || c->never_null)) && !validated(s, c) &&
           !subject_made(s->made, "present", key);
}

static bool null_known(const struct subject *s)
{
    return !null_read(s);
}

static bool drops_default(const struct subject *s)
{
    return !node_get(s->cmd, "def");
}

static bool sets_default(const struct subject *s)
{
    return node_get(s->cmd, "def");
}

/* Set again, or of a new column that may be NULL. */
static bool default_unmissed(const struct subject *s)
{
    char key[256];

    column_key(s, key, sizeof key);
    return subject_makes(s->made, "default-set", key) ||
           (hazards_new_column(s) && !subject_makes(s->made, "not-null", key));
}

/* ---- the rows ---- */

const struct hazard hazards_columns[] = {
    /* ADD COLUMN */
    {ALTER("AT_AddColumn", must_be_given), HAZARD_ERROR, "not-null", AEL,
     .breaks = true,
     .what = "new column {name} of {table} is NOT NULL without default: fails "
             "if the table has rows, and the old code's INSERT fails",
     .safer = ADD IN_BATCHES
     "UPDATE {table} SET {name} = VALUE WHERE {name} IS NULL" BETWEEN
     "\n-- in a migration of its own, with phase=after:\n"
     "ALTER TABLE {table} ADD CONSTRAINT {own:present} CHECK "
     "({name} IS NOT NULL) NOT VALID;\n" APART
     "ALTER TABLE {table} VALIDATE CONSTRAINT {own:present};\n"
     "ALTER TABLE {table} ALTER COLUMN {name} SET NOT NULL;"},
    {ALTER("AT_AddColumn", volatile_default), HAZARD_WARNING, "rewrite", AEL,
     .rewrites = true, .scans = true,
     .what = "new column {name} of {table} has a default that may differ for "
             "each row: the whole table is rewritten under lock",
     .safer = ADD "ALTER TABLE {table} ALTER COLUMN {name} SET DEFAULT "
                  "{default};\n" FILL},
    {ALTER("AT_AddColumn", is_serial), HAZARD_WARNING, "rewrite", AEL,
     .rewrites = true, .scans = true,
     .what = "new column {name} of {table} numbers every row: the whole table "
             "is rewritten under lock",
     .safer = "ALTER TABLE {table} ADD COLUMN {name} {type:plain};\n"
              "CREATE SEQUENCE {own:seq} OWNED BY {table}.{name};\n"
              "ALTER TABLE {table} ALTER COLUMN {name} SET DEFAULT "
              "nextval('{own:seq}');\n" IN_BATCHES
              "UPDATE {table} SET {name} = DEFAULT WHERE {name} IS "
              "NULL" BETWEEN},
    {ALTER("AT_AddColumn", generated), HAZARD_WARNING, "rewrite", AEL,
     .rewrites = true, .scans = true,
     .what = "new column {name} of {table} is generated and stored: the whole "
             "table is rewritten under lock",
     .safer = ADD
     "CREATE FUNCTION {own:fill}() RETURNS trigger LANGUAGE plpgsql AS\n"
     "  $$ BEGIN new.{name} := (SELECT {generated} FROM (SELECT new.*) r); "
     "RETURN new; END $$;\n"
     "CREATE TRIGGER {own:fill} BEFORE INSERT OR UPDATE ON {table}\n"
     "  FOR EACH ROW EXECUTE FUNCTION {own:fill}();\n" IN_BATCHES
     "UPDATE {table} SET {name} = {generated} WHERE {name} IS NULL" BETWEEN},
    {ALTER("AT_AddColumn", column_check), HAZARD_WARNING, "scan", AEL,
     .scans = true,
     .what = "new column {name} of {table} has a CHECK: every row is read "
             "under lock",
     .safer = ADD "ALTER TABLE {table} ADD CONSTRAINT {own:check} {check} NOT "
                  "VALID;\n" APART
                  "ALTER TABLE {table} VALIDATE CONSTRAINT {own:check};"},
    {ALTER("AT_AddColumn", column_references), HAZARD_WARNING, "lock", AEL,
     .what = "new column {name} of {table} references {referenced}, which is "
             "locked against writes as well",
     .safer = ADD "ALTER TABLE {table} ADD CONSTRAINT {own:fkey} FOREIGN KEY "
                  "({name}) {references} NOT VALID;\n" APART
                  "ALTER TABLE {table} VALIDATE CONSTRAINT {own:fkey};",
     .also = {{WHOSE_REFERENCED, SRE}}},
    {ALTER("AT_AddColumn", column_refers), HAZARD_WARNING, "scan", AEL,
     .scans = true,
     .what = "new column {name} of {table} references {referenced}: every row "
             "has the default, and is looked up under lock of both tables",
     .safer = ADD "ALTER TABLE {table} ADD CONSTRAINT {own:fkey} FOREIGN KEY "
                  "({name}) {references} NOT VALID;\n"
                  "ALTER TABLE {table} ALTER COLUMN {name} SET DEFAULT "
                  "{default};\n" FILL "\n" APART
                  "ALTER TABLE {table} VALIDATE CONSTRAINT {own:fkey};",
     .also = {{WHOSE_REFERENCED, SRE, .scans = true}}},
    {ALTER("AT_AddColumn", column_unique), HAZARD_WARNING, "scan", AEL,
     .scans = true,
     .what = "new column {name} of {table} builds an index under lock",
     .safer = "ALTER TABLE {table} ADD COLUMN {name} {type:plain};\n"
              "-- in a migration of its own, with transaction=none:\n"
              "CREATE UNIQUE INDEX CONCURRENTLY {own:key} ON {table} "
              "({name});\n" APART
              "ALTER TABLE {table} ADD CONSTRAINT {own:key} UNIQUE USING "
              "INDEX {own:key};"},
    {ALTER("AT_AddColumn", maybe_domain), HAZARD_NOTE, "rewrite", AEL,
     .rewrites = true, .scans = true, .worst = true,
     .what = "if type {type} is a domain with constraints, adding {name} "
             "rewrites {table}",
     .safer = "ALTER TABLE {table} ADD COLUMN {name} BASE_TYPE;  -- and its "
              "CHECK NOT VALID"},
    {ALTER("AT_AddColumn", checked_domain), HAZARD_WARNING, "rewrite", AEL,
     .rewrites = true, .scans = true,
     .what = "type {type} is a domain with constraints: adding {name} rewrites "
             "{table} under lock",
     .safer = "ALTER TABLE {table} ADD COLUMN {name} BASE_TYPE;  -- and its "
              "CHECK NOT VALID"},
    {ALTER("AT_AddColumn", column_json), HAZARD_NOTE, "type", LOCK_NONE,
     .what = "type json has no equality: DISTINCT and GROUP BY over {table} "
             "will fail",
     .safer = "ALTER TABLE {table} ADD COLUMN {name} jsonb;"},
    {ALTER("AT_AddColumn", plain_column), HAZARD_NOTE, "lock", AEL,
     .what = "adding {name} to {table} is instant once it has the lock"},
    {ALTER("AT_AddColumn", of_type), HAZARD_NOTE, "lock", AEL,
     .what = "ADD ATTRIBUTE {name} to {table}: instant once it has the lock, "
             "and those of all tables of the type",
     .also = {{WHOSE_TYPED, AEL}}},
    /* DROP COLUMN, TYPE */
    {ALTER("AT_DropColumn", of_table), HAZARD_ERROR, "breaks-old-code", AEL,
     .breaks = true, .survives = hazards_new_column,
     .what = "DROP COLUMN {name} of {table}", .safer = LATER,
     .also = {{WHOSE_COLUMN, AEL}}},
    {ALTER("AT_DropColumn", drop_cascades), HAZARD_WARNING, "lock", LOCK_NONE,
     .what = "CASCADE drops what depends on {name} of {table}, and locks the "
             "tables that it was a part of",
     .safer = "-- what depends on it by name, in the same migration, then "
              "without CASCADE",
     .also = {{WHOSE_CASCADED, AEL}}},
    {ALTER("AT_DropColumn", of_type), HAZARD_ERROR, "breaks-old-code", AEL,
     .breaks = true, .what = "DROP ATTRIBUTE {name} of {table}", .safer = LATER,
     .also = {{WHOSE_TYPED, AEL}}},
    {ALTER("AT_DropColumn", has_dependents), HAZARD_ERROR, "dependents",
     LOCK_NONE,
     .what = "{dependents} use {name} of {table}: without CASCADE it fails, "
             "with it they go too",
     .safer = "-- drop or change them first, in the same migration"},
    {ALTER("AT_AlterColumnType", retype_rewrites), HAZARD_WARNING, "rewrite",
     AEL, .rewrites = true, .scans = true, .breaks = true, .worst = true,
     .survives = hazards_new_column,
     .what = "change of type of {name} of {table} to {type}: rewrites the "
             "table and its indexes{indexes} under lock{unless}",
     .safer =
         "ALTER TABLE {table} ADD COLUMN {col:new} {type};\n"
         "CREATE FUNCTION {own:both}() RETURNS trigger LANGUAGE plpgsql AS\n"
         "  $$ BEGIN new.{col:new} := new.{name}; RETURN new; END $$;\n"
         "CREATE TRIGGER {own:both} BEFORE INSERT OR UPDATE ON {table}\n"
         "  FOR EACH ROW EXECUTE FUNCTION {own:both}();\n" IN_BATCHES
         "UPDATE {table} SET {col:new} = {name} WHERE {col:new} IS "
         "NULL" BETWEEN "\n"
         "-- once the code uses {col:new} alone, with phase=after:\n"
         "DROP TRIGGER {own:both} ON {table};\n"
         "DROP FUNCTION {own:both}();\n"
         "ALTER TABLE {table} DROP COLUMN {name};",
     .also = {{WHOSE_COLUMN, AEL, .scans = true}}},
    {ALTER("AT_AlterColumnType", retype_checks), HAZARD_WARNING, "scan", AEL,
     .scans = true, .breaks = true, .survives = hazards_new_column,
     .what = "change of type of {name} of {table} to {type}: every row is read "
             "under lock, none is written; indexes on it are built anew",
     .safer = "-- a new index CONCURRENTLY first; then the change, and the "
              "old index goes",
     .also = {{WHOSE_COLUMN, AEL}}},
    {ALTER("AT_AlterColumnType", retype_free), HAZARD_NOTE, "lock", AEL,
     .breaks = true, .survives = hazards_new_column,
     .what = "change of type of {name} of {table} to {type}: instant once it "
             "has the lock, both are stored alike",
     .also = {{WHOSE_COLUMN, AEL}}},
    {ALTER("AT_AlterColumnType", of_type), HAZARD_WARNING, "breaks-old-code",
     AEL, .breaks = true,
     .what = "change of type of attribute {name} of {table} to {type}",
     .safer = LATER, .also = {{WHOSE_TYPED, AEL}}},
    {ALTER("AT_AlterColumnType", has_dependents), HAZARD_ERROR, "dependents",
     LOCK_NONE, .what = "{dependents} use {name} of {table}: it fails",
     .safer = "-- drop them before, and create them again after, in the same "
              "migration"},
    /* NOT NULL */
    {ALTER("AT_SetNotNull", null_read), HAZARD_WARNING, "scan", AEL,
     .scans = true, .breaks = true, .survives = never_null, .worst = true,
     .what = "SET NOT NULL of {name} of {table}: every row is read under lock",
     .safer = "ALTER TABLE {table} ADD CONSTRAINT {own:present} CHECK ({name} "
              "IS NOT NULL) NOT VALID;\n" APART
              "ALTER TABLE {table} VALIDATE CONSTRAINT {own:present};\n"
              "-- then it reads nothing (12 and later):\n"
              "ALTER TABLE {table} ALTER COLUMN {name} SET NOT NULL;\n"
              "ALTER TABLE {table} DROP CONSTRAINT {own:present};"},
    {ALTER("AT_SetNotNull", null_known), HAZARD_NOTE, "lock", AEL,
     .breaks = true, .survives = never_null,
     .what = "SET NOT NULL of {name} of {table}: instant once it has the lock, "
             "since a validated CHECK says the same"},
    {ALTER("AT_DropNotNull", NULL), HAZARD_NOTE, "lock", AEL,
     .what = "DROP NOT NULL of {name} of {table} is instant once it has the "
             "lock; the old code may then read NULL"},
    /* defaults */
    {ALTER("AT_ColumnDefault", sets_default), HAZARD_NOTE, "lock", AEL,
     .what = "the default of {name} of {table} changes at once when it has the "
             "lock"},
    {ALTER("AT_ColumnDefault", drops_default), HAZARD_WARNING,
     "breaks-old-code", AEL, .breaks = true, .survives = default_unmissed,
     .what = "DROP DEFAULT of {name} of {table}: an INSERT of the old code "
             "that leaves it out stores NULL, or fails where it is NOT NULL",
     .safer = LATER},
    {ALTER("AT_DropExpression", NULL), HAZARD_NOTE, "lock", AEL,
     .what = "DROP EXPRESSION of {name} of {table} is instant once it has the "
             "lock; from then on nobody fills it"},
    {ALTER("AT_AddIdentity", NULL), HAZARD_NOTE, "lock", AEL, .alone = true,
     .what = "ADD GENERATED AS IDENTITY to {name} of {table} is instant once "
             "it has the lock"},
    {ALTER("AT_SetIdentity", NULL), HAZARD_NOTE, "lock", AEL, .alone = true,
     .what = "the identity of {name} of {table} changes at once when it has "
             "the lock"},
    {ALTER("AT_DropIdentity", NULL), HAZARD_WARNING, "breaks-old-code", AEL,
     .alone = true, .breaks = true, .survives = default_unmissed,
     .what = "DROP IDENTITY of {name} of {table}: an INSERT of the old code "
             "that leaves it out fails",
     .safer = LATER},
    {{NULL}},
};
