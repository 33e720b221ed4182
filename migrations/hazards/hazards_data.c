/* Rows, new tables, and what the text does not tell. */
#include <string.h>
#include <strings.h>

#include "migrations/hazards/hazards.h"

#define AEL LOCK_ACCESS_EXCLUSIVE
#define SRE LOCK_SHARE_ROW_EXCLUSIVE
#define SUE LOCK_SHARE_UPDATE_EXCLUSIVE
#define RX  LOCK_ROW_EXCLUSIVE
#define IN_BATCHES \
    "-- tidegate: batch={table} key={key} size=5000\n{bounded};\n"
#define VACUUMED                                                  \
    "-- and then, in another migration, with transaction=none:\n" \
    "VACUUM {table};"
#define CALLS(type, sub)                                              \
    {                                                                 \
        {type, sub, calls}, HAZARD_NOTE, "unknown", LOCK_NONE,        \
            .what = "what a function does, only a rehearsal can tell" \
    }

/* ---- what rows ask ---- */

static bool names_none(const struct node *n, void *arg)
{
    (void)arg;
    return !node_is(n, "ColumnRef") && !node_is(n, "SubLink");
}

/* A column against what is known before the statement begins. */
static bool compares_none(const struct node *n, void *arg)
{
    const struct node *left, *right;

    (void)arg;
    if (!node_is(n, "AExpr"))
        return true;
    left = node_get(n, "lexpr");
    right = node_get(n, "rexpr");
    return !left || !right ||
           node_walk(left, names_none, NULL) ==
               node_walk(right, names_none, NULL);
}

/* Neither a range nor a value: every row is read, and any may be changed. */
static bool unbounded(const struct subject *s)
{
    return node_walk(node_get(s->stmt, "where_clause"), compares_none, NULL);
}

static bool bounded(const struct subject *s)
{
    return !unbounded(s);
}

static bool no_where(const struct subject *s)
{
    return !node_get(s->stmt, "where_clause");
}

static bool vague_where(const struct subject *s)
{
    return !no_where(s) && unbounded(s);
}

static bool insert_select(const struct subject *s)
{
    const struct node *from = node_get(s->stmt, "select_stmt");

    return from && !node_count(from, "values_lists") &&
           node_count(from, "from_clause");
}

/* PostgreSQL's own tables: taking a value out of an enum, say. */
static bool changes_catalog(const struct subject *s)
{
    const struct node *r = node_get(s->stmt, "relation");
    const char *schema = node_str(r, "schemaname");

    return strcmp(schema, "pg_catalog") == 0 ||
           (!*schema && strncmp(node_str(r, "relname"), "pg_", 3) == 0);
}

static bool new_partition(const struct subject *s)
{
    return node_get(s->stmt, "partbound");
}

static bool inherits(const struct subject *s)
{
    return node_count(s->stmt, "inh_relations") && !new_partition(s);
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

static bool selects_into(const struct subject *s)
{
    return node_get(s->stmt, "into_clause");
}

static bool locks_rows(const struct subject *s)
{
    return node_count(s->stmt, "locking_clause") && unbounded(s);
}

static bool cascades(const struct subject *s)
{
    return strcmp(node_enum(s->stmt, "behavior"), "DROP_CASCADE") == 0;
}

static bool no_cascade(const struct subject *s)
{
    return !cascades(s);
}

/* Functions of PostgreSQL's that do no more than they say. */
static bool calls_known(const struct node *n, void *arg)
{
    return hazards_seems_stable(n, arg) ||
           subject_word_in(subject_last(n, "funcname"),
                           "count max min sum avg setval nextval set_config "
                           "currval array_agg string_agg pg_sleep random "
                           "gen_random_uuid uuid_generate_v4 generate_series "
                           "clock_timestamp row_number rank unnest "
                           "has_table_privilege has_column_privilege "
                           "has_schema_privilege has_database_privilege "
                           "has_function_privilege has_sequence_privilege "
                           "has_type_privilege pg_get_functiondef "
                           "pg_get_serial_sequence parse_ident to_regclass "
                           "current_database");
}

/* Of a volatile one nobody knows what it does. */
static bool calls(const struct subject *s)
{
    struct subject asked = *s;

    return !node_walk(s->cmd ? s->cmd : s->stmt, calls_known, &asked);
}

/* Lock modes are numbered as PostgreSQL numbers them. */
static enum lock_mode lock_named(const struct subject *s)
{
    int64_t mode = node_int(s->stmt, "mode");

    return mode >= LOCK_ACCESS_SHARE && mode <= LOCK_ACCESS_EXCLUSIVE
               ? (enum lock_mode)mode
               : LOCK_ACCESS_EXCLUSIVE;
}

static bool locks_readers(const struct subject *s)
{
    return lock_named(s) == LOCK_ACCESS_EXCLUSIVE;
}

static bool locks_others(const struct subject *s)
{
    return !locks_readers(s);
}

/* What a comment on a part of a table locks is the part. */
static bool comments(const struct subject *s)
{
    return *s->table && subject_word_in(node_enum(s->stmt, "objtype"),
                                        "OBJECT_TABLE OBJECT_COLUMN "
                                        "OBJECT_VIEW OBJECT_MATVIEW "
                                        "OBJECT_FOREIGN_TABLE "
                                        "OBJECT_SEQUENCE");
}

static bool publication_drops(const struct subject *s)
{
    return strcmp(node_enum(s->stmt, "action"), "AP_DropObjects") == 0;
}

static bool publication_sets(const struct subject *s)
{
    return strcmp(node_enum(s->stmt, "action"), "AP_SetObjects") == 0;
}

static bool publication_adds(const struct subject *s)
{
    return *s->table && !publication_drops(s) && !publication_sets(s);
}

static bool on_relation(const struct subject *s)
{
    return *s->table;
}

/* ---- the rows ---- */

const struct hazard hazards_data[] = {
    /* rows */
    {{"UpdateStmt", NULL, no_where},
     HAZARD_WARNING,
     "bulk",
     RX,
     .scans = true,
     .rows = true,
     .what = "UPDATE of every row of {table}: locks them all until the end, "
             "and doubles the table",
     .safer = IN_BATCHES VACUUMED,
     .also = {{WHOSE_SOURCES, LOCK_ACCESS_SHARE, .scans = true}}},
    {{"UpdateStmt", NULL, vague_where},
     HAZARD_WARNING,
     "bulk",
     RX,
     .scans = true,
     .rows = true,
     .what = "UPDATE of {table} with a WHERE that no value bounds: it reads "
             "every row, and those that it changes are locked until the end",
     .safer = IN_BATCHES VACUUMED,
     .also = {{WHOSE_SOURCES, LOCK_ACCESS_SHARE, .scans = true}}},
    {{"UpdateStmt", NULL, bounded},
     HAZARD_NOTE,
     "bulk",
     RX,
     .what = "UPDATE of {table}: how many rows it reads and locks, only a "
             "rehearsal can tell"},
    {{"DeleteStmt", NULL, no_where},
     HAZARD_WARNING,
     "bulk",
     RX,
     .scans = true,
     .rows = true,
     .what = "DELETE of every row of {table}: locks them all until the end",
     .safer = IN_BATCHES VACUUMED,
     .also = {{WHOSE_SOURCES, LOCK_ACCESS_SHARE, .scans = true}}},
    {{"DeleteStmt", NULL, vague_where},
     HAZARD_WARNING,
     "bulk",
     RX,
     .scans = true,
     .rows = true,
     .what = "DELETE from {table} with a WHERE that no value bounds: it reads "
             "every row, and those that go are locked until the end",
     .safer = IN_BATCHES VACUUMED,
     .also = {{WHOSE_SOURCES, LOCK_ACCESS_SHARE, .scans = true}}},
    {{"DeleteStmt", NULL, bounded},
     HAZARD_NOTE,
     "bulk",
     RX,
     .what = "DELETE from {table}: how many rows it reads and locks, only a "
             "rehearsal can tell"},
    {{"MergeStmt", NULL, NULL},
     HAZARD_WARNING,
     "bulk",
     RX,
     .scans = true,
     .rows = true,
     .what = "MERGE into {table} (15 and later): locks all rows that it "
             "changes until the end",
     .safer = "-- bounded by key, each batch a transaction of its own",
     .also = {{WHOSE_SOURCES, LOCK_ACCESS_SHARE, .scans = true}}},
    {{"InsertStmt", NULL, insert_select},
     HAZARD_NOTE,
     "bulk",
     RX,
     .what = "INSERT ... SELECT into {table}: if it is large, replicas lag",
     .safer = "-- in batches of what is read, by its key: batch=TABLE "
              "key=KEY, with\n-- WHERE KEY BETWEEN $1 AND $2:\n{statement};",
     .also = {{WHOSE_SOURCES, LOCK_ACCESS_SHARE, .scans = true}}},
    {{"InsertStmt", NULL, changes_catalog},
     HAZARD_ERROR,
     "catalog",
     RX,
     .breaks = true,
     .what = "INSERT into {table}: PostgreSQL's own tables are not for "
             "writing"},
    {{"UpdateStmt", NULL, changes_catalog},
     HAZARD_ERROR,
     "catalog",
     RX,
     .breaks = true,
     .what = "UPDATE of {table}: PostgreSQL's own tables are not for writing"},
    {{"DeleteStmt", NULL, changes_catalog},
     HAZARD_ERROR,
     "catalog",
     RX,
     .breaks = true,
     .what = "DELETE from {table}: PostgreSQL's own tables are not for "
             "writing, and an enum's value may still be in use",
     .safer = "-- a new type, and ALTER COLUMN ... TYPE with phase=after; or "
              "a look-up table"},
    {{"CreateTableAsStmt", NULL, NULL},
     HAZARD_NOTE,
     "bulk",
     LOCK_NONE,
     .what = "CREATE TABLE AS copies what it selects in one go",
     .also = {{WHOSE_SOURCES, LOCK_ACCESS_SHARE, .scans = true}}},
    {{"SelectStmt", NULL, selects_into},
     HAZARD_NOTE,
     "bulk",
     LOCK_NONE,
     .what = "SELECT INTO copies what it selects in one go",
     .also = {{WHOSE_SOURCES, LOCK_ACCESS_SHARE, .scans = true}}},
    {{"SelectStmt", NULL, locks_rows},
     HAZARD_WARNING,
     "bulk",
     LOCK_NONE,
     .rows = true,
     .what = "SELECT ... FOR locks every row that it reads until the end",
     .safer = "-- name the rows, or lock the table for an instant",
     .also = {{WHOSE_SOURCES, LOCK_ROW_SHARE, .scans = true}}},
    {{"TruncateStmt", NULL, no_cascade},
     HAZARD_WARNING,
     "lock",
     AEL,
     .what = "TRUNCATE {table}: the data is lost, for the old code too",
     .safer = "-- tidegate: batch={table} key={key} size=5000\n"
              "DELETE FROM {table} WHERE {key} BETWEEN $1 AND $2;"},
    {{"TruncateStmt", NULL, cascades},
     HAZARD_WARNING,
     "lock",
     AEL,
     .worst = true,
     .what = "TRUNCATE {table} CASCADE: the data is lost, and that of every "
             "table that references it",
     .safer = "-- name the tables, without CASCADE",
     .also = {{WHOSE_REFERRING, AEL}}},
    {{"LockStmt", NULL, locks_readers},
     HAZARD_WARNING,
     "lock",
     AEL,
     .what = "LOCK TABLE {table} is held to the end of the transaction, and "
             "readers wait",
     .safer = "LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE;  -- the weakest "
              "that does",
     .also = {{WHOSE_QUERIED}}},
    {{"LockStmt", NULL, locks_others},
     HAZARD_NOTE,
     "lock",
     .lock_of = lock_named,
     .what = "LOCK TABLE {table} is held to the end of the transaction",
     .also = {{WHOSE_QUERIED}}},
    /* parts of tables */
    {{"CreateTrigStmt", NULL, NULL},
     HAZARD_NOTE,
     "lock",
     SRE,
     .parts = true,
     .what = "CREATE TRIGGER blocks writes to {table} for an instant"},
    {{"CreatePolicyStmt", NULL, NULL},
     HAZARD_NOTE,
     "lock",
     AEL,
     .alone = true,
     .what = "CREATE POLICY is instant once it has the lock"},
    {{"AlterPolicyStmt", NULL, NULL},
     HAZARD_WARNING,
     "lock",
     AEL,
     .alone = true,
     .what = "ALTER POLICY of {table}: what the old code may see and write "
             "changes at once"},
    {{"RuleStmt", NULL, NULL},
     HAZARD_NOTE,
     "lock",
     AEL,
     .alone = true,
     .what = "CREATE RULE is instant once it has the lock"},
    {{"CreateStatsStmt", NULL, NULL},
     HAZARD_NOTE,
     "lock",
     SUE,
     .alone = true,
     .what = "CREATE STATISTICS on {table} blocks nobody but VACUUM and DDL"},
    {{"CommentStmt", NULL, comments},
     HAZARD_NOTE,
     "lock",
     SUE,
     .alone = true,
     .what = "COMMENT on {table} blocks nobody but VACUUM and DDL"},
    {{"CreatePublicationStmt", NULL, on_relation},
     HAZARD_NOTE,
     "lock",
     SUE,
     .alone = true,
     .what = "CREATE PUBLICATION for {table} blocks nobody but VACUUM and DDL"},
    {{"AlterPublicationStmt", NULL, publication_adds},
     HAZARD_NOTE,
     "lock",
     SUE,
     .alone = true,
     .what = "ALTER PUBLICATION for {table} blocks nobody but VACUUM and DDL"},
    {{"AlterPublicationStmt", NULL, publication_drops},
     HAZARD_WARNING,
     "rights",
     SUE,
     .alone = true,
     .what = "whoever subscribes gets no more changes of {table}"},
    {{"AlterPublicationStmt", NULL, publication_sets},
     HAZARD_WARNING,
     "rights",
     SUE,
     .alone = true,
     .what = "whoever subscribes gets changes of what is named alone, {table} "
             "among them",
     .also = {{WHOSE_PUBLISHED, SUE}}},
    /* new tables */
    {{"CreateStmt", NULL, new_partition},
     HAZARD_WARNING,
     "lock",
     LOCK_NONE,
     .worst = true,
     .what = "{table} as a new partition locks {parent}, and reads its default "
             "partition",
     .safer = "CREATE TABLE {table} (LIKE {parent} INCLUDING ALL);\n"
              "-- in a migration of its own:\n"
              "ALTER TABLE {parent} ATTACH PARTITION {table} {bound};",
     .also = {{WHOSE_PARENT, AEL},
              {WHOSE_DEFAULT, AEL, .scans = true},
              {WHOSE_ABOVE_KEYS, SRE}}},
    {{"CreateStmt", NULL, inherits},
     HAZARD_NOTE,
     "lock",
     LOCK_NONE,
     .what = "{table} as a child locks {parent} for an instant",
     .also = {{WHOSE_PARENT, SUE}}},
    {{"CreateStmt", NULL, table_references},
     HAZARD_NOTE,
     "lock",
     LOCK_NONE,
     .what = "{table} references {referenced}, which is locked against writes "
             "for an instant",
     .also = {{WHOSE_REFERENCED, SRE}}},
    /* what the text does not tell */
    {{"DoStmt", NULL, NULL},
     HAZARD_NOTE,
     "unknown",
     LOCK_NONE,
     .what = "what a DO block does, only a rehearsal can tell"},
    {{"CallStmt", NULL, NULL},
     HAZARD_NOTE,
     "unknown",
     LOCK_NONE,
     .what = "what a procedure does, only a rehearsal can tell"},
    CALLS("SelectStmt", NULL),
    CALLS("InsertStmt", NULL),
    CALLS("UpdateStmt", NULL),
    CALLS("DeleteStmt", NULL),
    CALLS("MergeStmt", NULL),
    CALLS("CreateTableAsStmt", NULL),
    CALLS("AlterTableStmt", "AT_AddColumn"),
    CALLS("AlterTableStmt", "AT_AlterColumnType"),
    {{NULL}},
};
