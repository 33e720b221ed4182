#include "migrations/rehearse/data_tables.h"

#include <stdlib.h>
#include <string.h>

#include "migrations/hazards/subject.h"
#include "migrations/text/parser.h"
#include "runner/base/json.h"

/* Statements and commands of ALTER TABLE that change no row that is there. */
static const char harmless[] =
    " IndexStmt CommentStmt GrantStmt GrantRoleStmt CreateStmt CreateTrigStmt "
    "AlterDefaultPrivilegesStmt ViewStmt RuleStmt CreatePolicyStmt "
    "AlterPolicyStmt CreateStatsStmt AlterStatsStmt VariableSetStmt "
    "VariableShowStmt CreateFunctionStmt AlterFunctionStmt CreateSeqStmt "
    "AlterSeqStmt VacuumStmt ReindexStmt ClusterStmt LockStmt CreateSchemaStmt "
    "CreateEnumStmt AlterEnumStmt CreateDomainStmt AlterDomainStmt "
    "CompositeTypeStmt CreateRangeStmt AlterOwnerStmt CreateExtensionStmt "
    "AlterExtensionStmt CreatePublicationStmt AlterPublicationStmt "
    "TransactionStmt DiscardStmt CreateRoleStmt AlterRoleStmt DefineStmt "
    "SecLabelStmt CreateCastStmt CreateEventTrigStmt AlterEventTrigStmt "
    "CreateForeignTableStmt CreateFdwStmt CreateForeignServerStmt "
    "AlterTypeStmt AlterCollationStmt CreateOpClassStmt CreateOpFamilyStmt "
    "AlterObjectDependsStmt ConstraintsSetStmt RefreshMatViewStmt "
    "AT_AddConstraint AT_ValidateConstraint AT_ColumnDefault AT_SetNotNull "
    "AT_DropNotNull AT_SetStatistics AT_SetStorage AT_SetCompression "
    "AT_AddIndexConstraint AT_ClusterOn AT_DropCluster AT_SetRelOptions "
    "AT_ResetRelOptions AT_EnableTrig AT_DisableTrig AT_EnableTrigAll "
    "AT_DisableTrigAll AT_EnableTrigUser AT_DisableTrigUser "
    "AT_EnableAlwaysTrig AT_EnableReplicaTrig AT_EnableRowSecurity "
    "AT_DisableRowSecurity AT_ForceRowSecurity AT_NoForceRowSecurity "
    "AT_ReplicaIdentity AT_ChangeOwner AT_AddIdentity AT_SetIdentity "
    "AT_DropIdentity AT_AlterConstraint AT_DropConstraint AT_SetOptions "
    "AT_ResetOptions ";

/* Built-in functions that migrations often call: not worth a question. */
static const char plain_functions[] =
    " now nextval setval currval gen_random_uuid random clock_timestamp count "
    "sum min max avg lower upper md5 length round generate_series to_char "
    "jsonb_build_object json_build_object jsonb_set concat replace repeat "
    "date_trunc pg_sleep set_config array_agg string_agg row_number trim "
    "btrim substr substring to_timestamp regexp_replace ";

/* What the statements name. */
struct named {
    const struct relations *known;
    struct json *tables, *functions;
    bool anything; /* nobody can tell what */
};

static bool is_in(const char *list, const char *word)
{
    size_t len = strlen(word);
    const char *at = list;

    while ((at = strstr(at, word))) {
        if (at[-1] == ' ' && at[len] == ' ')
            return true;
        at++;
    }
    return false;
}

static bool alters_rows(const struct node *stmt)
{
    for (size_t i = 0; i < node_count(stmt, "cmds"); i++)
        if (!is_in(harmless, node_enum(node_item(stmt, "cmds", i), "subtype")))
            return true;
    return false;
}

/* Is there a table of that name, in whatever schema? In relations names are
 * quoted where SQL wants it: of those the question is asked. */
static bool is_known(const struct relations *known, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < known->cap; i++) {
        const struct relation *r = known->slot[i];
        const char *dot;
        if (!r || (r->kind != 'r' && r->kind != 'p'))
            continue;
        dot = strrchr(r->name, '.');
        dot = dot ? dot + 1 : r->name;
        if (strchr(dot, '"') || (strncmp(dot, name, len) == 0 && !dot[len]))
            return true;
    }
    return false;
}

static void add_table(struct named *n, const char *schema, const char *name)
{
    struct json *o;

    if (!is_known(n->known, name))
        return;
    o = json_new_object();
    if (schema && *schema)
        json_set_str(o, "s", schema);
    json_set_str(o, "n", name);
    json_append(n->tables, o);
}

/* Objects of DROP are lists of names, the last of them the object's own. */
static void add_dropped(struct named *n, const struct node *stmt)
{
    for (size_t i = 0; i < node_count(stmt, "objects"); i++) {
        const struct node *object = node_item(stmt, "objects", i);
        const char *name =
            node_is(object, "List") ? subject_last(object, "items") : "";
        if (*name)
            add_table(n, NULL, name);
    }
    n->anything |= strcmp(node_enum(stmt, "remove_type"), "OBJECT_SCHEMA") == 0;
}

static bool visit(const struct node *node, void *arg)
{
    struct named *n = arg;

    if (node_is(node, "RangeVar"))
        add_table(n, node_str(node, "schemaname"), node_str(node, "relname"));
    else if (node_is(node, "FuncCall") &&
             !is_in(plain_functions, subject_last(node, "funcname")))
        json_append(n->functions,
                    json_new_string(subject_last(node, "funcname")));
    else if (node_is(node, "TruncateStmt"))
        n->anything |= strcmp(node_enum(node, "behavior"), "DROP_CASCADE") == 0;
    return true;
}

static void add_statement(struct named *n, const struct node *stmt)
{
    if (is_in(harmless, node_type(stmt)) ||
        (node_is(stmt, "AlterTableStmt") && !alters_rows(stmt)))
        return;
    if (node_is(stmt, "DoStmt") || node_is(stmt, "CallStmt") ||
        node_is(stmt, "ExecuteStmt") || node_is(stmt, "DropOwnedStmt"))
        n->anything = true;
    else if (node_is(stmt, "DropStmt"))
        add_dropped(n, stmt);
    else
        node_walk(stmt, visit, n);
}

static void add_script(struct named *n, const struct script *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct parse_failure failure;
        struct parsed parsed;
        struct arena trees;
        arena_init(&trees);
        if (parser_parse(&trees, s->statements[i].text, &parsed, &failure))
            for (size_t k = 0; k < parsed.n; k++)
                add_statement(n, parsed.list[k].tree);
        else
            n->anything = true;
        arena_release(&trees);
    }
}

/* $1: tables named, $2: functions called, $3: anything. A function that is no
 * built-in and is not known to be stable may do anything; so may one that the
 * migration makes itself. */
#define NAMED_SQL                                                            \
    "WITH RECURSIVE anything AS MATERIALIZED (SELECT %s OR EXISTS (SELECT "  \
    "FROM pg_catalog.json_array_elements_text(%s::json) f(name) WHERE NOT "  \
    "EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.proname = f.name AND " \
    "(p.pronamespace = 'pg_catalog'::regnamespace OR p.provolatile <> "      \
    "'v'))) AS yes), named AS (SELECT c.oid FROM pg_catalog.pg_class c "     \
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "              \
    "JOIN pg_catalog.json_to_recordset(%s::json) w(s text, n text) "         \
    "ON w.n = c.relname AND coalesce(w.s, n.nspname) = n.nspname "           \
    "UNION SELECT x.child FROM named JOIN (SELECT confrelid AS parent, "     \
    "conrelid AS child FROM pg_catalog.pg_constraint WHERE contype = 'f' "   \
    "AND confdeltype IN ('c', 'n', 'd') "                                    \
    "UNION ALL SELECT inhparent, inhrelid FROM pg_catalog.pg_inherits) x "   \
    "ON x.parent = named.oid) "
#define NAMES_SQL(what)                                        \
    "(SELECT pg_catalog.json_agg(" what " ORDER BY k.i) FROM " \
    "pg_catalog.unnest(i.indkey) WITH ORDINALITY k(n, i) "     \
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid "    \
    "AND a.attnum = k.n), "
#define COLUMN "pg_catalog.quote_ident(a.attname)"
/* clang-format off */
/* A part whose whole is taken is in it. */
#define TABLES_SQL \
    NAMED_SQL "SELECT c.oid, pg_catalog.format('%%I.%%I', n.nspname, "        \
    "c.relname), c.relkind, s.bytes, c.reltuples::bigint, (SELECT "           \
    "pg_catalog.json_agg(" COLUMN " ORDER BY a.attname) FROM "                \
    "pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 "    \
    "AND NOT a.attisdropped), " NAMES_SQL(COLUMN) NAMES_SQL(                  \
    "pg_catalog.format_type(a.atttypid, a.atttypmod)") "0 FROM "              \
    "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = "        \
    "c.relnamespace LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid "   \
    "AND i.indisprimary AND i.indisvalid, LATERAL (SELECT CASE c.relkind "    \
    "WHEN 'p' THEN (SELECT "                                                  \
    "coalesce(sum(pg_catalog.pg_table_size(t.relid)), 0)::bigint FROM "       \
    "pg_catalog.pg_partition_tree(c.oid) t) ELSE "                            \
    "pg_catalog.pg_table_size(c.oid) END AS bytes) s WHERE c.relkind IN "     \
    "('r', 'p') AND c.relpersistence <> 't' AND n.nspname <> 'tidegate' "     \
    "AND n.nspname !~ '^(pg_|information_schema$)' AND (c.oid IN (SELECT "    \
    "oid FROM named) OR (SELECT yes FROM anything)) AND NOT "                 \
    "(c.relispartition AND ((SELECT yes FROM anything) OR EXISTS (SELECT "    \
    "FROM pg_catalog.pg_partition_ancestors(c.oid) u(oid) WHERE u.oid <> "    \
    "c.oid AND u.oid IN (SELECT oid FROM named)))) ORDER BY c.oid NOT IN "    \
    "(SELECT oid FROM named), s.bytes, 2"
/* clang-format on */

char *data_tables_question(struct arena *a, struct pg *pg,
                           const struct relations *known,
                           const struct migration *m)
{
    struct named n = {.known = known,
                      .tables = json_new_array(),
                      .functions = json_new_array()};
    char *sql = NULL;

    add_script(&n, &m->up);
    add_script(&n, &m->down);
    if (n.anything || json_len(n.tables) || json_len(n.functions))
        sql = arena_printf(a, TABLES_SQL, n.anything ? "true" : "false",
                           pg_literal(pg, a, json_canonical(a, n.functions)),
                           pg_literal(pg, a, json_canonical(a, n.tables)));
    json_free(n.tables);
    json_free(n.functions);
    return sql;
}

static const char **texts(struct arena *a, const char *json, size_t *n)
{
    struct err ignored;
    struct json *list = json ? json_parse(json, strlen(json), &ignored) : NULL;
    const char **out;

    *n = json_len(list);
    out = arena_array(a, *n, sizeof *out);
    for (size_t i = 0; i < *n; i++)
        out[i] = arena_strdup(a, json_text(json_at(list, i)));
    json_free(list);
    return out;
}

struct data_table *data_tables_take(struct arena *a,
                                    const struct pg_result *got, size_t *n)
{
    struct data_table *out = arena_array(a, (size_t)got->rows, sizeof *out);

    *n = (size_t)got->rows;
    for (size_t i = 0; i < *n; i++) {
        char **cell = got->cell[i];
        size_t types;
        out[i] = (struct data_table){
            .oid = (uint32_t)strtoul(cell[0], NULL, 10),
            .name = arena_strdup(a, cell[1]),
            .partitioned = *cell[2] == 'p',
            .bytes = cell[3] ? strtoll(cell[3], NULL, 10) : 0,
            .rows = cell[4] ? strtoll(cell[4], NULL, 10) : -1,
        };
        out[i].columns = texts(a, cell[5], &out[i].n);
        out[i].key = texts(a, cell[6], &out[i].n_key);
        out[i].key_types = texts(a, cell[7], &types);
    }
    return out;
}
