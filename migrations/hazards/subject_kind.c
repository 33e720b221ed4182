/* Statements in words: "CREATE INDEX CONCURRENTLY". */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "migrations/hazards/subject.h"
#include "runner/base/buf.h"

static void add_upper(struct buf *b, const char *text)
{
    for (; *text; text++)
        buf_char(b, *text == '_' ? ' ' : (char)toupper((unsigned char)*text));
}

/* "CreateTableAsStmt" to "CREATE TABLE AS". */
static void add_type(struct buf *b, const char *type)
{
    size_t len = strlen(type);

    if (len > 4 && strcmp(type + len - 4, "Stmt") == 0)
        len -= 4;
    for (size_t i = 0; i < len; i++) {
        if (i && isupper((unsigned char)type[i]))
            buf_char(b, ' ');
        buf_char(b, (char)toupper((unsigned char)type[i]));
    }
}

/* Kinds whose node says it otherwise; {o}: the object type follows. */
static const struct {
    const char *type, *words, *object;
} kinds[] = {
    {"CreateStmt", "CREATE TABLE", NULL},
    {"IndexStmt", "CREATE INDEX", NULL},
    {"DropStmt", "DROP", "remove_type"},
    {"RenameStmt", "RENAME", "rename_type"},
    {"AlterTableStmt", "ALTER", "objtype"},
    {"AlterObjectSchemaStmt", "SET SCHEMA of", "object_type"},
    {"AlterOwnerStmt", "OWNER TO of", "object_type"},
    {"CreateTrigStmt", "CREATE TRIGGER", NULL},
    {"CreateSeqStmt", "CREATE SEQUENCE", NULL},
    {"CreatedbStmt", "CREATE DATABASE", NULL},
    {"DropdbStmt", "DROP DATABASE", NULL},
    {"RefreshMatViewStmt", "REFRESH MATERIALIZED VIEW", NULL},
    {"ViewStmt", "CREATE VIEW", NULL},
    {"RuleStmt", "CREATE RULE", NULL},
    {"VariableSetStmt", "SET", NULL},
    {"CreateTableSpaceStmt", "CREATE TABLESPACE", NULL},
    {"DropTableSpaceStmt", "DROP TABLESPACE", NULL},
    {"AlterEnumStmt", "ALTER TYPE", NULL},
    {"CompositeTypeStmt", "CREATE TYPE", NULL},
    {"CreateEnumStmt", "CREATE TYPE", NULL},
    {"CreateRangeStmt", "CREATE TYPE", NULL},
    {"DefineStmt", "CREATE", "kind"},
    {"CheckPointStmt", "CHECKPOINT", NULL},
    {"TransactionStmt", "transaction control", NULL},
    {"CreateStatsStmt", "CREATE STATISTICS", NULL},
};

static bool is_concurrent(const struct node *stmt)
{
    static const char *const types[] = {"IndexStmt", "DropStmt",
                                        "RefreshMatViewStmt"};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (node_is(stmt, types[i]))
            return node_bool(stmt, "concurrent");
    return node_is(stmt, "ReindexStmt") &&
           subject_option(stmt, "params", "concurrently");
}

const char *subject_kind(struct arena *a, const struct node *stmt)
{
    struct buf b;
    size_t i = 0;

    buf_init(&b);
    while (i < sizeof kinds / sizeof *kinds && !node_is(stmt, kinds[i].type))
        i++;
    if (i == sizeof kinds / sizeof *kinds) {
        if (node_is(stmt, "VacuumStmt") && !node_bool(stmt, "is_vacuumcmd"))
            buf_str(&b, "ANALYZE");
        else
            add_type(&b, node_type(stmt));
    } else {
        buf_str(&b, kinds[i].words);
        if (kinds[i].object) {
            buf_char(&b, ' ');
            add_upper(&b, node_enum(stmt, kinds[i].object) + strlen("OBJECT_"));
        }
    }
    if (is_concurrent(stmt))
        buf_str(&b, " CONCURRENTLY");
    return buf_into(&b, a);
}
