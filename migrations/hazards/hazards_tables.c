/* Whole tables: storage, settings, triggers' switches, partitions. */
#include <string.h>

#include "migrations/hazards/hazards.h"

#define AEL LOCK_ACCESS_EXCLUSIVE
#define SRE LOCK_SHARE_ROW_EXCLUSIVE
#define SUE LOCK_SHARE_UPDATE_EXCLUSIVE
#define ALTER(sub, when)            \
    {                               \
        "AlterTableStmt", sub, when \
    }
#define INSTANT(sub, lock_, what_)                                   \
    {                                                                \
        ALTER(sub, NULL), HAZARD_NOTE, "lock", lock_, .alone = true, \
                                                      .what = what_  \
    }
#define SWITCHES(sub, what_)                                       \
    {                                                              \
        ALTER(sub, NULL), HAZARD_NOTE, "lock", SRE, .parts = true, \
                                                    .what = what_  \
    }
#define COPIES(sub, what_)                                                    \
    {                                                                         \
        ALTER(sub, in_table), HAZARD_WARNING, "rewrite", AEL,                 \
            .rewrites = true, .scans = true, .alone = true, .what = what_,    \
            .safer = "CREATE TABLE {own:new} (LIKE {table} INCLUDING ALL);\n" \
                     "ALTER TABLE {own:new} {clause};\n"                      \
                     "-- write both, fill it in batches, then swap the "      \
                     "names"                                                  \
    }

/* ---- what rows ask ---- */

static bool in_table(const struct subject *s)
{
    return subject_word_in(node_enum(s->stmt, "objtype"),
                           "OBJECT_TABLE OBJECT_FOREIGN_TABLE "
                           "OBJECT_MATVIEW");
}

static bool in_view(const struct subject *s)
{
    return strcmp(node_enum(s->stmt, "objtype"), "OBJECT_VIEW") == 0;
}

static bool in_index(const struct subject *s)
{
    return strcmp(node_enum(s->stmt, "objtype"), "OBJECT_INDEX") == 0;
}

/* Parameters whose change blocks readers (PostgreSQL's reloptions.c). */
static const char exclusive[] =
    "user_catalog_table fastupdate gin_pending_list_limit buffering "
    "pages_per_range autosummarize";

static enum lock_mode options_lock(const struct subject *s)
{
    const struct node *def = node_get(s->cmd, "def");

    for (size_t i = 0; i < node_count(def, "items"); i++)
        if (subject_word_in(node_str(node_item(def, "items", i), "defname"),
                            exclusive))
            return AEL;
    return SUE;
}

static bool index_exclusive(const struct subject *s)
{
    return in_index(s) && options_lock(s) == AEL;
}

static bool all_indexes(const struct subject *s)
{
    return strcmp(node_enum(s->stmt, "objtype"), "OBJECT_INDEX") == 0;
}

static bool all_tables(const struct subject *s)
{
    return !all_indexes(s);
}

/* Policies of the file say what the old code sees. */
static bool has_policies(const struct subject *s)
{
    return subject_makes(s->made, "policy-on", s->table);
}

/* A page, and what an empty table has for its long values. */
#define HARDLY_ANY 16384

static bool is_checked(const struct subject *s, const char *name)
{
    const struct catalog_relation *r = catalog_relation(s->catalog, name);

    return r && (r->checked || r->self.bytes <= HARDLY_ANY);
}

/* CHECKs there are where else every row would be read; whether they say the
 * bound, the catalog cannot tell. */
static bool attach_checked(const struct subject *s)
{
    const struct catalog_relation *r = hazards_relation(s);
    struct arena scratch;
    bool is;

    if (!r || in_index(s))
        return false;
    arena_init(&scratch);
    is = is_checked(
             s, subject_relation(&scratch,
                                 node_get(node_get(s->cmd, "def"), "name"))) &&
         (!r->fallback || is_checked(s, r->fallback->name));
    arena_release(&scratch);
    return is;
}

static bool attach(const struct subject *s)
{
    return !in_index(s) && !attach_checked(s);
}

static bool detach_plain(const struct subject *s)
{
    return !node_bool(node_get(s->cmd, "def"), "concurrent");
}

static bool detach_concurrent(const struct subject *s)
{
    return !detach_plain(s);
}

/* ---- the rows ---- */

const struct hazard hazards_tables[] = {
    COPIES("AT_SetLogged", "SET LOGGED rewrites {table} under lock"),
    COPIES("AT_SetUnLogged",
           "SET UNLOGGED rewrites {table} under lock; a crash empties it"),
    COPIES("AT_SetAccessMethod", "SET ACCESS METHOD rewrites {table} under "
                                 "lock (15 and later)"),
    COPIES("AT_SetTableSpace", "SET TABLESPACE copies {table} under lock"),
    {ALTER("AT_SetTableSpace", in_index), HAZARD_WARNING, "rewrite", AEL,
     .rewrites = true, .alone = true,
     .what = "SET TABLESPACE copies index {table} under lock: whoever plans "
             "with it waits",
     .safer = "-- 14 and later, with transaction=none:\n"
              "REINDEX (TABLESPACE {name}) INDEX CONCURRENTLY {table};"},
    INSTANT("AT_SetStatistics", SUE,
            "SET STATISTICS of {table} blocks nobody but VACUUM and DDL"),
    INSTANT("AT_SetOptions", SUE,
            "column options of {table} block nobody but VACUUM and DDL"),
    INSTANT("AT_ResetOptions", SUE,
            "column options of {table} block nobody but VACUUM and DDL"),
    INSTANT("AT_ClusterOn", SUE,
            "CLUSTER ON of {table} blocks nobody but VACUUM and DDL"),
    INSTANT("AT_DropCluster", SUE,
            "SET WITHOUT CLUSTER of {table} blocks nobody but VACUUM and DDL"),
    {ALTER("AT_SetRelOptions", in_table), HAZARD_NOTE, "lock", SUE,
     .alone = true, .lock_of = options_lock,
     .what = "storage parameters of {table} change at once when it has the "
             "lock"},
    {ALTER("AT_ResetRelOptions", in_table), HAZARD_NOTE, "lock", SUE,
     .alone = true, .lock_of = options_lock,
     .what = "storage parameters of {table} change at once when it has the "
             "lock"},
    {ALTER("AT_SetRelOptions", index_exclusive), HAZARD_NOTE, "lock", AEL,
     .alone = true,
     .what = "parameters of index {table} change at once when it has the lock; "
             "whoever plans with it waits"},
    {{"AlterTableMoveAllStmt", NULL, all_tables},
     HAZARD_WARNING,
     "rewrite",
     LOCK_NONE,
     .rewrites = true,
     .scans = true,
     .what = "ALL IN TABLESPACE {name} copies one after the other, all locked "
             "to the end",
     .safer = "-- one by one, in migrations of their own",
     .also = {{WHOSE_SPACE, AEL, .rewrites = true, .scans = true}}},
    {{"AlterTableMoveAllStmt", NULL, all_indexes},
     HAZARD_WARNING,
     "rewrite",
     LOCK_NONE,
     .rewrites = true,
     .what = "INDEX ALL IN TABLESPACE {name} copies one after the other, all "
             "locked to the end: whoever plans with one waits",
     .safer = "-- 14 and later, each with transaction=none:\n"
              "REINDEX (TABLESPACE {new}) INDEX CONCURRENTLY INDEX_NAME;",
     .also = {{WHOSE_SPACE, AEL, .rewrites = true}}},
    {ALTER("AT_SetRelOptions", in_view), HAZARD_NOTE, "lock", AEL,
     .alone = true,
     .what = "options of view {table} change at once when it has the lock"},
    {ALTER("AT_SetStorage", NULL), HAZARD_NOTE, "lock", AEL,
     .what = "SET STORAGE of {table} is instant once it has the lock"},
    {ALTER("AT_SetCompression", NULL), HAZARD_NOTE, "lock", AEL,
     .what = "SET COMPRESSION of {table} is instant once it has the lock"},
    INSTANT("AT_ReplicaIdentity", AEL,
            "REPLICA IDENTITY of {table} is instant once it has the lock"),
    {ALTER("AT_ChangeOwner", NULL), HAZARD_WARNING, "rights", AEL,
     .alone = true,
     .what = "OWNER TO on {table}: code that runs as the old owner keeps no "
             "right of it",
     .safer = "GRANT ALL ON {table} TO OLD_OWNER;  -- in the same migration"},
    {ALTER("AT_EnableRowSecurity", NULL), HAZARD_WARNING, "breaks-old-code",
     AEL, .alone = true, .breaks = true, .survives = has_policies,
     .what = "row level security on {table}: who is not its owner sees no row "
             "but those that policies show",
     .safer = "CREATE POLICY {own:all} ON {table} USING (true) WITH CHECK "
              "(true);\n{statement};"},
    {ALTER("AT_ForceRowSecurity", NULL), HAZARD_WARNING, "breaks-old-code", AEL,
     .alone = true, .breaks = true, .survives = has_policies,
     .what = "row level security on {table} for its owner as well: it sees no "
             "row but those that policies show",
     .safer = "CREATE POLICY {own:all} ON {table} USING (true) WITH CHECK "
              "(true);\n{statement};"},
    INSTANT("AT_DisableRowSecurity", AEL,
            "row level security off for {table}, instant once it has the "
            "lock"),
    INSTANT("AT_NoForceRowSecurity", AEL,
            "row level security not forced for {table}, instant once it has "
            "the lock"),
    SWITCHES("AT_EnableTrig",
             "ENABLE TRIGGER blocks writes to {table} for an instant"),
    SWITCHES("AT_EnableAlwaysTrig",
             "ENABLE TRIGGER blocks writes to {table} for an instant"),
    SWITCHES("AT_EnableReplicaTrig",
             "ENABLE TRIGGER blocks writes to {table} for an instant"),
    SWITCHES("AT_EnableTrigAll",
             "ENABLE TRIGGER blocks writes to {table} for an instant"),
    SWITCHES("AT_EnableTrigUser",
             "ENABLE TRIGGER blocks writes to {table} for an instant"),
    SWITCHES("AT_DisableTrig",
             "DISABLE TRIGGER blocks writes to {table} for an instant"),
    SWITCHES("AT_DisableTrigAll",
             "DISABLE TRIGGER blocks writes to {table} for an instant"),
    SWITCHES("AT_DisableTrigUser",
             "DISABLE TRIGGER blocks writes to {table} for an instant"),
    INSTANT("AT_EnableRule", AEL,
            "ENABLE RULE of {table} is instant once it has the lock"),
    INSTANT("AT_DisableRule", AEL,
            "DISABLE RULE of {table} is instant once it has the lock"),
    INSTANT("AT_AddOf", AEL, "OF on {table} is instant once it has the lock"),
    INSTANT("AT_DropOf", AEL,
            "NOT OF on {table} is instant once it has the lock"),
    INSTANT("AT_GenericOptions", AEL,
            "OPTIONS of {table} change at once when it has the lock"),
    /* partitions and children */
    {ALTER("AT_AddInherit", NULL), HAZARD_NOTE, "lock", AEL, .alone = true,
     .what = "INHERIT of {table} is instant once it has the locks",
     .also = {{WHOSE_PARENT, SUE}}},
    {ALTER("AT_DropInherit", NULL), HAZARD_WARNING, "lock", AEL, .alone = true,
     .what = "NO INHERIT of {table}: whoever reads its parent no longer sees "
             "its rows",
     .also = {{WHOSE_PARENT, LOCK_ACCESS_SHARE}}},
    {ALTER("AT_AttachPartition", attach), HAZARD_WARNING, "scan", SUE,
     .alone = true, .worst = true,
     .what = "ATTACH PARTITION reads {partition}, and the default partition, "
             "both under ACCESS EXCLUSIVE, unless validated CHECKs of theirs "
             "say the bound",
     .safer =
         "-- in a migration of its own, BOUND being what {bound} says:\n"
         "ALTER TABLE {partition} ADD CONSTRAINT {own:bound} CHECK (BOUND) NOT "
         "VALID;\n"
         "-- in a migration of its own:\n"
         "ALTER TABLE {partition} VALIDATE CONSTRAINT {own:bound};\n"
         "-- so the opposite of BOUND on the default partition; then, in a "
         "migration of its own:\n"
         "{statement};",
     .also = {{WHOSE_PARTITION, AEL, .scans = true},
              {WHOSE_DEFAULT, AEL, .scans = true},
              {WHOSE_ABOVE_KEYS, SRE, .scans = true}}},
    {ALTER("AT_AttachPartition", attach_checked), HAZARD_NOTE, "scan", SUE,
     .alone = true, .unsure = true,
     .what =
         "ATTACH PARTITION reads hardly anything if the validated CHECKs of "
         "{partition}, and of the default partition, say the bound",
     .also = {{WHOSE_PARTITION, AEL, .scans = true},
              {WHOSE_DEFAULT, AEL, .scans = true},
              {WHOSE_ABOVE_KEYS, SRE, .scans = true}}},
    {ALTER("AT_AttachPartition", in_index), HAZARD_NOTE, "lock", AEL,
     .alone = true,
     .what = "ATTACH PARTITION of index {partition} is instant once it has the "
             "locks",
     .also = {{WHOSE_PARTITION, AEL}}},
    {ALTER("AT_DetachPartition", detach_plain), HAZARD_WARNING, "lock", AEL,
     .alone = true,
     .what = "DETACH PARTITION locks {table} and {partition}; whoever reads "
             "{table} no longer sees its rows",
     .safer = "{statement} CONCURRENTLY;  -- 14 and later, without a default "
              "partition, with transaction=none",
     .also = {{WHOSE_PARTITION, AEL},
              {WHOSE_DEFAULT, AEL},
              {WHOSE_ABOVE_KEYS, SRE},
              {WHOSE_REFERRING, AEL, .scans = true}}},
    {ALTER("AT_DetachPartition", detach_concurrent), HAZARD_NOTE, "lock", SUE,
     .alone = true,
     .what = "DETACH PARTITION CONCURRENTLY waits for whoever uses {table}, "
             "and locks {partition} at its end",
     .also = {{WHOSE_PARTITION, AEL}}},
    {ALTER("AT_DetachPartitionFinalize", NULL), HAZARD_NOTE, "lock", SUE,
     .alone = true, .what = "DETACH PARTITION FINALIZE locks {partition}",
     .also = {{WHOSE_PARTITION, AEL}}},
    {{NULL}},
};
