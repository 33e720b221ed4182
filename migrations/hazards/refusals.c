#include "migrations/hazards/refusals.h"

#include <string.h>
#include <strings.h>

#include "migrations/hazards/refusals_reach.h"

/* ---- refused ---- */

struct refusal {
    struct match match;
    enum err_code code;
    const char *what, *why, *fix;
    enum refusals may; /* the policy allows it; 0: never */
};

/* SET LOCAL search_path ends with the transaction, and ours comes after. */
static bool sets_ours(const struct subject *s)
{
    const char *name = node_str(s->stmt, "name");
    bool local = node_bool(s->stmt, "is_local");

    return reach_is_kept(name) &&
           !(local && strcasecmp(name, "search_path") == 0);
}

static bool copies_program(const struct subject *s)
{
    return node_bool(s->stmt, "is_program");
}

static bool copies_file(const struct subject *s)
{
    return *node_str(s->stmt, "filename") && !copies_program(s);
}

static bool unnamed(const struct subject *s)
{
    return node_bool(s->stmt, "concurrent") && !*s->name;
}

static bool is_tidegate(const struct node *string)
{
    return node_is(string, "String") &&
           strcmp(node_str(string, "sval"), "tidegate") == 0;
}

/* Where a name of several parts, or a schema's own name, can stand. */
static const struct {
    const char *type, *field;
    size_t at_least; /* parts */
} qualified[] = {
    {"FuncCall", "funcname", 2},
    {"TypeName", "names", 2},
    {"List", "items", 2},
    {"ObjectWithArgs", "objname", 2},
    {"DropStmt", "objects", 1},
    {"GrantStmt", "objects", 1},
    {"CreateFunctionStmt", "funcname", 2},
    {"DefineStmt", "defnames", 2},
    {"CreateEnumStmt", "type_name", 2},
    {"CreateTrigStmt", "funcname", 2},
    {"CreateDomainStmt", "domainname", 2},
};
static const struct {
    const char *type, *field;
} schemas[] = {
    {"RangeVar", "schemaname"},
    {"CreateSchemaStmt", "schemaname"},
    {"RenameStmt", "subname"},
    {"AlterObjectSchemaStmt", "newschema"},
    {"CreateExtensionStmt", "extname"},
    {"ImportForeignSchemaStmt", "local_schema"},
};

static bool not_ours(const struct node *n, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < sizeof qualified / sizeof *qualified; i++)
        if (node_is(n, qualified[i].type) &&
            node_count(n, qualified[i].field) >= qualified[i].at_least &&
            is_tidegate(node_item(n, qualified[i].field, 0)))
            return false;
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++)
        if (node_is(n, schemas[i].type) &&
            strcmp(node_str(n, schemas[i].field), "tidegate") == 0)
            return false;
    return true;
}

static bool touches_tidegate(const struct node *stmt)
{
    const struct node *object =
        node_is(stmt, "AlterOwnerStmt") || node_is(stmt, "CommentStmt")
            ? node_get(stmt, "object")
            : NULL;

    return !node_walk(stmt, not_ours, NULL) || is_tidegate(object);
}

#define CONTROL                                                            \
    ERR_INPUT, "transaction control in a migration",                       \
        "tidegate begins and ends the transaction, together with the row " \
        "that "                                                            \
        "says the migration is applied",                                   \
        "delete the statement; for statements that cannot share a "        \
        "transaction write: -- tidegate: transaction=none"
#define FIRM_SETTING                                                         \
    ERR_REFUSED, "a migration changes a setting that tidegate keeps",        \
        "role, search_path, timeouts and replication role are set anew for " \
        "each migration, so that all run alike",                             \
        "qualify names with their schema; timeouts: -- tidegate: "           \
        "lock_timeout=2s statement_timeout=10m"
#define SETTING FIRM_SETTING, REFUSES_SETTINGS
#define TRIGGERS                                                            \
    ERR_REFUSED, "a migration disables triggers",                           \
        "foreign keys and the application's own rules are triggers: rows "  \
        "that "                                                             \
        "break them would slip in",                                         \
        "leave them on, and correct the data by statements that pass them", \
        REFUSES_TRIGGERS
#define SERVER                                                               \
    ERR_REFUSED, "a migration reaches outside of the database",              \
        "programs and files of the database server, and other servers, are " \
        "no part of a schema",                                               \
        "bring the data in with INSERT", REFUSES_SERVER

static const struct refusal refusals[] = {
    {{"TransactionStmt", "TRANS_STMT_BEGIN", NULL}, CONTROL},
    {{"TransactionStmt", "TRANS_STMT_START", NULL}, CONTROL},
    {{"TransactionStmt", "TRANS_STMT_COMMIT", NULL}, CONTROL},
    {{"TransactionStmt", "TRANS_STMT_ROLLBACK", NULL}, CONTROL},
    {{"TransactionStmt", "TRANS_STMT_PREPARE", NULL}, CONTROL},
    {{"TransactionStmt", "TRANS_STMT_COMMIT_PREPARED", NULL}, CONTROL},
    {{"TransactionStmt", "TRANS_STMT_ROLLBACK_PREPARED", NULL}, CONTROL},
    {{"VariableSetStmt", NULL, sets_ours}, SETTING},
    /* which would take the name away by which an orphan is found */
    {{"VariableSetStmt", "VAR_RESET_ALL", NULL}, FIRM_SETTING},
    {{"DiscardStmt", NULL, NULL}, FIRM_SETTING},
    {{"AlterTableStmt", "AT_DisableTrig", NULL}, TRIGGERS},
    {{"AlterTableStmt", "AT_DisableTrigAll", NULL}, TRIGGERS},
    {{"AlterTableStmt", "AT_DisableTrigUser", NULL}, TRIGGERS},
    {{"DropdbStmt", NULL, NULL},
     ERR_REFUSED,
     "a migration drops a database",
     "that cannot be undone, nor rehearsed",
     "do it by hand, outside of a "
     "release",
     REFUSES_DATABASES},
    {{"CopyStmt", NULL, copies_program}, SERVER},
    {{"CopyStmt", NULL, copies_file}, SERVER},
    {{"LoadStmt", NULL, NULL}, SERVER},
    {{"IndexStmt", NULL, unnamed},
     ERR_INPUT,
     "CREATE INDEX CONCURRENTLY without a name",
     "after a crash nobody could tell whether it is there",
     "write CREATE INDEX CONCURRENTLY NAME ON ..."},
};

/* The same, wherever in the statement it stands; the worst first. */
static const struct {
    enum reach reach;
    struct refusal refusal;
} reaches[] = {
    {REACH_SERVER, {{NULL}, SERVER}},
    {REACH_TRIGGERS, {{NULL}, TRIGGERS}},
    {REACH_SETTING, {{NULL}, SETTING}},
};

struct question {
    unsigned allowed;
    const struct refusal *refused;
};

static void ask(const struct subject *s, void *arg)
{
    struct question *q = arg;

    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (!q->refused && !(refusals[i].may & q->allowed) &&
            subject_matches(s, &refusals[i].match))
            q->refused = &refusals[i];
}

static void ask_reach(unsigned reach, struct question *q)
{
    for (size_t i = 0; i < sizeof reaches / sizeof *reaches; i++)
        if (!q->refused && (reach & reaches[i].reach) &&
            !(reaches[i].refusal.may & q->allowed))
            q->refused = &reaches[i].refusal;
}

bool refusals_allow(struct arena *a, const struct node *stmt, const char *text,
                    unsigned allowed, const char *at, struct err *e)
{
    unsigned reach = reach_of(stmt);
    struct question q = {.allowed = allowed};

    if ((reach & REACH_OURS) || touches_tidegate(stmt)) {
        err_what(e, ERR_INPUT, "%s: touches schema tidegate", at);
        err_why(e, "it holds what tidegate remembers of this database");
        return err_fix(e, "leave schema tidegate alone");
    }
    subject_each(a, stmt, text, NULL, ask, &q);
    ask_reach(reach, &q);
    if (!q.refused)
        return true;
    err_what(e, q.refused->code, "%s: %s", at, q.refused->what);
    err_why(e, "%s", q.refused->why);
    return err_fix(e, "%s%s", q.refused->fix,
                   q.refused->may ? "; or let the policy allow it: [statements]"
                                  : "");
}

/* ---- outside of any transaction ---- */

static bool concurrent(const struct subject *s)
{
    return node_bool(s->stmt, "concurrent");
}

static bool reindex_alone(const struct subject *s)
{
    const char *kind = node_enum(s->stmt, "kind");

    return subject_option(s->stmt, "params", "concurrently") ||
           (strcmp(kind, "REINDEX_OBJECT_INDEX") != 0 &&
            strcmp(kind, "REINDEX_OBJECT_TABLE") != 0);
}

static bool vacuums(const struct subject *s)
{
    return node_bool(s->stmt, "is_vacuumcmd");
}

static bool cluster_all(const struct subject *s)
{
    return !node_get(s->stmt, "relation");
}

static bool says_no(const struct node *stmt, const char *option)
{
    for (size_t i = 0; i < node_count(stmt, "options"); i++)
        if (strcmp(node_str(node_item(stmt, "options", i), "defname"),
                   option) == 0)
            return !subject_option(stmt, "options", option);
    return false;
}

/* Making the slot is what cannot be undone. */
static bool makes_slot(const struct subject *s)
{
    return !says_no(s->stmt, "connect") && !says_no(s->stmt, "create_slot");
}

static bool detaches(const struct subject *s)
{
    return node_bool(node_get(s->cmd, "def"), "concurrent");
}

static bool moves_database(const struct subject *s)
{
    const struct node *o = node_item(s->stmt, "options", 0);

    return o && strcmp(node_str(o, "defname"), "tablespace") == 0;
}

static const struct match alone[] = {
    {"IndexStmt", NULL, concurrent},
    {"DropStmt", "OBJECT_INDEX", concurrent},
    {"ReindexStmt", NULL, reindex_alone},
    {"VacuumStmt", NULL, vacuums},
    {"ClusterStmt", NULL, cluster_all},
    {"CreatedbStmt", NULL, NULL},
    {"DropdbStmt", NULL, NULL},
    {"AlterDatabaseStmt", NULL, moves_database},
    {"AlterSystemStmt", NULL, NULL},
    {"CreateTableSpaceStmt", NULL, NULL},
    {"DropTableSpaceStmt", NULL, NULL},
    {"CreateSubscriptionStmt", NULL, makes_slot},
    {"DropSubscriptionStmt", NULL, NULL},
    {"AlterSubscriptionStmt", "ALTER_SUBSCRIPTION_REFRESH", NULL},
    {"AlterTableStmt", "AT_DetachPartition", detaches},
};

static void ask_alone(const struct subject *s, void *arg)
{
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        *(bool *)arg |= subject_matches(s, &alone[i]);
}

bool refusals_alone(struct arena *a, const struct node *stmt, const char *text)
{
    bool is = false;

    subject_each(a, stmt, text, NULL, ask_alone, &is);
    return is;
}
