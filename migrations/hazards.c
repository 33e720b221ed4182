#include "migrations/hazards.h"

#include <string.h>

#define AEL "ACCESS EXCLUSIVE"
#define SRE "SHARE ROW EXCLUSIVE"
#define SUE "SHARE UPDATE EXCLUSIVE"

/* ---- what rows ask ---- */

static bool is_word_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

static bool in_table(const struct subject *s)
{
    const char *of = node_enum(s->stmt, "objtype");

    return strcmp(of, "OBJECT_TABLE") == 0 ||
           strcmp(of, "OBJECT_FOREIGN_TABLE") == 0;
}

static bool is_serial(const struct subject *s)
{
    static const char *const serials[] = {"serial",  "bigserial", "smallserial",
                                          "serial2", "serial4",   "serial8",
                                          NULL};

    return is_word_of(subject_last(node_get(s->column, "type_name"), "names"),
                      serials) ||
           subject_column_has(s, "CONSTR_IDENTITY");
}

/* Functions that are known to give one value for a whole statement: their
 * default is stored once. Any other may be volatile. */
static const char *const stable[] = {"now",
                                     "statement_timestamp",
                                     "transaction_timestamp",
                                     "lower",
                                     "upper",
                                     "md5",
                                     "abs",
                                     "round",
                                     "floor",
                                     "ceil",
                                     "length",
                                     "concat",
                                     "format",
                                     "to_char",
                                     "to_date",
                                     "to_timestamp",
                                     "date_trunc",
                                     "timezone",
                                     "make_date",
                                     "make_interval",
                                     "make_timestamptz",
                                     "json_build_object",
                                     "json_build_array",
                                     "jsonb_build_object",
                                     "jsonb_build_array",
                                     "to_json",
                                     "to_jsonb",
                                     "current_setting",
                                     "encode",
                                     "decode",
                                     "sha256",
                                     "array_fill",
                                     "string_to_array",
                                     "left",
                                     "right",
                                     "substr",
                                     "replace",
                                     "int4range",
                                     "int8range",
                                     "tstzrange",
                                     "daterange",
                                     "numrange",
                                     "tsrange",
                                     NULL};

static bool seems_stable(const struct node *n, void *arg)
{
    (void)arg;
    return !node_is(n, "FuncCall") ||
           is_word_of(subject_last(n, "funcname"), stable);
}

static bool volatile_default(const struct subject *s)
{
    const struct node *c = subject_column_has(s, "CONSTR_DEFAULT");

    return c && !node_walk(node_get(c, "raw_expr"), seems_stable, NULL);
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
    static const char *const builtin[] = {
        "text",   "uuid",   "jsonb",       "json",      "bytea",     "date",
        "int2",   "int4",   "int8",        "timestamp", "inet",      "cidr",
        "name",   "citext", "timestamptz", "tsvector",  "macaddr",   "xml",
        "oid",    "hstore", "point",       "varchar",   "money",     "bool",
        "float4", "float8", "numeric",     "geometry",  "geography", NULL};
    const struct node *first = node_item(type, "names", 0);

    return strcmp(node_str(first, "sval"), "pg_catalog") == 0 ||
           is_word_of(subject_last(type, "names"), builtin);
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

static bool no_where(const struct subject *s)
{
    return !node_get(s->stmt, "where_clause");
}

static bool insert_select(const struct subject *s)
{
    const struct node *from = node_get(s->stmt, "select_stmt");

    return from && !node_count(from, "values_lists");
}

static bool new_partition(const struct subject *s)
{
    return node_get(s->stmt, "partbound");
}

static bool finds_foreign(const struct node *n, void *arg)
{
    (void)arg;
    return !node_is(n, "Constraint") ||
           strcmp(node_enum(n, "contype"), "CONSTR_FOREIGN") != 0;
}

static bool table_references(const struct subject *s)
{
    return !node_walk(s->stmt, finds_foreign, NULL);
}

static bool detach_plain(const struct subject *s)
{
    return !node_bool(node_get(s->cmd, "def"), "concurrent");
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

static bool calls_function(const struct node *n, void *arg)
{
    (void)arg;
    return !node_is(n, "FuncCall") ||
           is_word_of(subject_last(n, "funcname"), stable) ||
           is_word_of(subject_last(n, "funcname"),
                      (const char *const[]){"count", "max", "min", "sum",
                                            "coalesce", "setval", "nextval",
                                            "set_config", NULL});
}

static bool select_calls(const struct subject *s)
{
    return !node_walk(s->stmt, calls_function, NULL);
}

static bool domain_checked(const struct subject *s)
{
    return !node_bool(node_get(s->stmt, "def"), "skip_validation");
}

/* ---- the rows ---- */

#define ALTER(sub, when)            \
    {                               \
        "AlterTableStmt", sub, when \
    }
#define LATER                                                              \
    "{statement} NOT VALID; then, in a migration of its own: ALTER TABLE " \
    "{table} VALIDATE CONSTRAINT {name}"

const struct hazard hazards[] = {
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
     .safer = "ALTER TABLE {table} ADD CONSTRAINT {name}_present CHECK ({name} "
              "IS NOT NULL) NOT VALID; VALIDATE CONSTRAINT {name}_present in a "
              "migration of its own; then SET NOT NULL reads nothing (12 and "
              "later), and the constraint can go"},
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
    /* what goes, or gets another name */
    {{"DropStmt", "OBJECT_TABLE", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     AEL,
     .breaks = true,
     .what = "DROP TABLE {name}; tables that reference each "
             "other are locked together",
     .safer = "drop it in a migration with phase=after"},
    {{"DropStmt", "OBJECT_FOREIGN_TABLE", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     AEL,
     .breaks = true,
     .what = "DROP FOREIGN TABLE "
             "{name}"},
    {{"DropStmt", "OBJECT_VIEW", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     AEL,
     .breaks = true,
     .what = "DROP VIEW {name}",
     .safer = "CREATE OR REPLACE VIEW, or drop it with phase=after"},
    {{"DropStmt", "OBJECT_MATVIEW", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     AEL,
     .breaks = true,
     .what = "DROP MATERIALIZED VIEW {name}"},
    {{"DropStmt", "OBJECT_FUNCTION", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     NULL,
     .breaks = true,
     .what = "DROP FUNCTION {name}",
     .safer = "keep the old signature until phase=after"},
    {{"DropStmt", "OBJECT_PROCEDURE", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     NULL,
     .breaks = true,
     .what = "DROP PROCEDURE {name}"},
    {{"DropStmt", "OBJECT_ROUTINE", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     NULL,
     .breaks = true,
     .what = "DROP ROUTINE {name}"},
    {{"DropStmt", "OBJECT_AGGREGATE", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     NULL,
     .breaks = true,
     .what = "DROP AGGREGATE {name}"},
    {{"DropStmt", "OBJECT_OPERATOR", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     NULL,
     .breaks = true,
     .what = "DROP OPERATOR {name}"},
    {{"DropStmt", "OBJECT_TYPE", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     NULL,
     .breaks = true,
     .what = "DROP TYPE {name}"},
    {{"DropStmt", "OBJECT_DOMAIN", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     NULL,
     .breaks = true,
     .what = "DROP DOMAIN {name}"},
    {{"DropStmt", "OBJECT_SEQUENCE", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     AEL,
     .breaks = true,
     .what = "DROP SEQUENCE {name}"},
    {{"DropStmt", "OBJECT_SCHEMA", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     NULL,
     .breaks = true,
     .what = "DROP SCHEMA {name}"},
    {{"DropStmt", "OBJECT_EXTENSION", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     NULL,
     .breaks = true,
     .what = "DROP EXTENSION {name}"},
    {{"DropStmt", "OBJECT_TRIGGER", NULL},
     HAZARD_WARNING,
     "lock",
     AEL,
     .what = "DROP TRIGGER {name} locks its table"},
    {{"DropStmt", "OBJECT_POLICY", NULL},
     HAZARD_NOTE,
     "lock",
     AEL,
     .what = "DROP POLICY {name} locks its table for an instant"},
    {{"DropStmt", "OBJECT_RULE", NULL},
     HAZARD_NOTE,
     "lock",
     AEL,
     .what = "DROP RULE {name} locks its table for an instant"},
    {{"DropOwnedStmt", NULL, NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     AEL,
     .breaks = true,
     .what = "DROP OWNED"},
    {{"RenameStmt", "OBJECT_TABLE", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     AEL,
     .breaks = true,
     .what = "RENAME of table {table}",
     .safer = "keep the old name as a view until phase=after"},
    {{"RenameStmt", "OBJECT_COLUMN", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     AEL,
     .breaks = true,
     .what = "RENAME of column {name} of {table}",
     .safer = "add a column with the new name, write both, drop the old one "
              "with phase=after"},
    {{"RenameStmt", "OBJECT_VIEW", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     AEL,
     .breaks = true,
     .what = "RENAME of view {name}"},
    {{"RenameStmt", "OBJECT_MATVIEW", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     AEL,
     .breaks = true,
     .what = "RENAME of materialized view {name}"},
    {{"RenameStmt", "OBJECT_FUNCTION", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     NULL,
     .breaks = true,
     .what = "RENAME of function {name}"},
    {{"RenameStmt", "OBJECT_PROCEDURE", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     NULL,
     .breaks = true,
     .what = "RENAME of procedure {name}"},
    {{"RenameStmt", "OBJECT_TYPE", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     NULL,
     .breaks = true,
     .what = "RENAME of type {name}"},
    {{"RenameStmt", "OBJECT_DOMAIN", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     NULL,
     .breaks = true,
     .what = "RENAME of domain {name}"},
    {{"RenameStmt", "OBJECT_ATTRIBUTE", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     NULL,
     .breaks = true,
     .what = "RENAME of attribute {name}"},
    {{"RenameStmt", "OBJECT_SCHEMA", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     NULL,
     .breaks = true,
     .what = "RENAME of schema {name}"},
    {{"RenameStmt", "OBJECT_SEQUENCE", NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     AEL,
     .breaks = true,
     .what = "RENAME of sequence {name}"},
    {{"AlterObjectSchemaStmt", NULL, NULL},
     HAZARD_ERROR,
     "breaks-old-code",
     AEL,
     .breaks = true,
     .what = "SET SCHEMA of {table} to {name}"},
    {{"AlterEnumStmt", NULL, enum_renames},
     HAZARD_ERROR,
     "breaks-old-code",
     NULL,
     .breaks = true,
     .what = "RENAME VALUE of an enum"},
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
    /* data */
    {{"UpdateStmt", NULL, no_where},
     HAZARD_WARNING,
     "bulk",
     "ROW EXCLUSIVE",
     .scans = true,
     .what = "UPDATE of every row of {table}: locks them all until the end, "
             "and doubles the table",
     .safer = "batches by key, each its own transaction, then VACUUM"},
    {{"DeleteStmt", NULL, no_where},
     HAZARD_WARNING,
     "bulk",
     "ROW EXCLUSIVE",
     .scans = true,
     .what = "DELETE of every row of {table}: locks them all until the end",
     .safer = "batches by key, each its own transaction"},
    {{"InsertStmt", NULL, insert_select},
     HAZARD_NOTE,
     "bulk",
     "ROW EXCLUSIVE",
     .scans = true,
     .what = "INSERT ... SELECT into {table}: if it is large, replicas lag",
     .safer = "batches by key, each its own transaction"},
    {{"CreateTableAsStmt", NULL, NULL},
     HAZARD_NOTE,
     "bulk",
     NULL,
     .scans = true,
     .what = "CREATE TABLE AS copies what it selects in one go"},
    {{"TruncateStmt", NULL, NULL},
     HAZARD_WARNING,
     "lock",
     AEL,
     .what = "TRUNCATE {table}: the data is lost, for the old code too",
     .safer = "DELETE in batches, or drop a partition"},
    {{"LockStmt", NULL, NULL},
     HAZARD_WARNING,
     "lock",
     AEL,
     .what = "LOCK TABLE {table} is held to the end of the transaction",
     .safer = "name the weakest mode that does"},
    {{"CreateTrigStmt", NULL, NULL},
     HAZARD_NOTE,
     "lock",
     SRE,
     .what = "CREATE TRIGGER blocks writes to {table} for an instant"},
    {{"CreatePolicyStmt", NULL, NULL},
     HAZARD_NOTE,
     "lock",
     AEL,
     .what = "CREATE POLICY is instant once it has the lock"},
    {{"RuleStmt", NULL, NULL},
     HAZARD_NOTE,
     "lock",
     AEL,
     .what = "CREATE RULE is instant once it has the lock"},
    {{"CreateStmt", NULL, new_partition},
     HAZARD_WARNING,
     "lock",
     AEL,
     .scans = true,
     .what = "{table} as a new partition locks its parent, and reads the "
             "default partition",
     .safer = "create the table by itself, then ATTACH PARTITION"},
    {{"CreateStmt", NULL, table_references},
     HAZARD_NOTE,
     "lock",
     SRE,
     .what = "{table} references another table, which is locked against "
             "writes for an instant"},
    {{"DoStmt", NULL, NULL},
     HAZARD_NOTE,
     "unknown",
     NULL,
     .what = "what a DO block does shows only in a rehearsal"},
    {{"CallStmt", NULL, NULL},
     HAZARD_NOTE,
     "unknown",
     NULL,
     .what = "what a procedure does shows only in a rehearsal"},
    {{"SelectStmt", NULL, select_calls},
     HAZARD_NOTE,
     "unknown",
     NULL,
     .what = "what a function does shows only in a rehearsal"},
    {{NULL}},
};

struct search {
    struct arena *a;
    const char *found;
};

static void look(const struct subject *s, void *arg)
{
    struct search *search = arg;

    for (const struct hazard *h = hazards; h->what && !search->found; h++)
        if (h->breaks && !s->fresh && subject_matches(s, &h->match))
            search->found = subject_say(search->a, s, h->what);
}

const char *hazards_breaks(struct arena *a, const struct node *stmt,
                           const char *text, const struct fresh *fresh)
{
    struct search search = {a, NULL};

    subject_each(a, stmt, text, fresh, look, &search);
    return search.found;
}
