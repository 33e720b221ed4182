/* Rows, new tables, and what the text does not tell. */
#include <string.h>

#include "migrations/hazards.h"

#define AEL "ACCESS EXCLUSIVE"
#define SRE "SHARE ROW EXCLUSIVE"

/* ---- what rows ask ---- */

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

/* Functions of PostgreSQL's that do no more than they say. */
static bool calls_known(const struct node *n, void *arg)
{
    return hazards_seems_stable(n, arg) ||
           subject_word_in(subject_last(n, "funcname"),
                           "count max min sum coalesce setval nextval "
                           "set_config");
}

static bool select_calls(const struct subject *s)
{
    return !node_walk(s->stmt, calls_known, NULL);
}

/* ---- the rows ---- */

const struct hazard hazards_data[] = {
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
