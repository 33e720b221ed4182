/* What a file makes: nobody uses it yet, so nothing done to it is a hazard, and
 * what goes and comes back in one transaction is not missed. What may have been
 * there before counts as made, until it is taken away. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "migrations/hazards/subject.h"
#include "migrations/hazards/subject_rights.h"
#include "migrations/hazards/subject_text.h"
#include "runner/base/buf.h"

/* ---- keys ---- */

static const struct {
    const char *objtype, *kind;
} kinds[] = {
    {"OBJECT_TABLE", "relation"},      {"OBJECT_VIEW", "relation"},
    {"OBJECT_MATVIEW", "relation"},    {"OBJECT_INDEX", "relation"},
    {"OBJECT_SEQUENCE", "relation"},   {"OBJECT_FOREIGN_TABLE", "relation"},
    {"OBJECT_FUNCTION", "function"},   {"OBJECT_PROCEDURE", "function"},
    {"OBJECT_ROUTINE", "function"},    {"OBJECT_AGGREGATE", "function"},
    {"OBJECT_TYPE", "type"},           {"OBJECT_DOMAIN", "type"},
    {"OBJECT_SCHEMA", "schema"},       {"OBJECT_EXTENSION", "extension"},
    {"OBJECT_TRIGGER", "part"},        {"OBJECT_POLICY", "part"},
    {"OBJECT_RULE", "part"},           {"OBJECT_COLLATION", "collation"},
    {"OBJECT_LANGUAGE", "language"},   {"OBJECT_FOREIGN_SERVER", "server"},
    {"OBJECT_ROLE", "role"},           {"OBJECT_TSCONFIGURATION", "tsconfig"},
    {"OBJECT_TSDICTIONARY", "tsdict"},
};

static const char *kind_of(const char *objtype)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].objtype, objtype) == 0)
            return kinds[i].kind;
    return NULL;
}

static bool is_input(const struct node *parameter)
{
    const char *mode = node_enum(parameter, "mode");

    return strcmp(mode, "FUNC_PARAM_OUT") != 0 &&
           strcmp(mode, "FUNC_PARAM_TABLE") != 0;
}

const char *subject_arguments(struct arena *a, const struct node *n,
                              const char *field, const char *comma)
{
    size_t count = 0;
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; i < node_count(n, field); i++) {
        const struct node *arg = node_item(n, field, i);
        if (node_is(arg, "FunctionParameter")) {
            if (!is_input(arg))
                continue;
            arg = node_get(arg, "arg_type");
        }
        buf_printf(&b, "%s%s", count++ ? comma : "", subject_type(a, arg));
    }
    return buf_into(&b, a);
}

/* "f(integer, text)": names of arguments do not count. */
static const char *signature(struct arena *a, const struct node *n,
                             const char *name, const char *args)
{
    return arena_printf(a, "%s(%s)", subject_names(a, n, name),
                        subject_arguments(a, n, args, ", "));
}

const char *subject_function(struct arena *a, const struct node *stmt)
{
    return arena_printf(a, "function %s",
                        signature(a, stmt, "funcname", "parameters"));
}

const char *subject_key(struct arena *a, const char *objtype,
                        const struct node *object)
{
    const char *kind = kind_of(objtype), *name = "";

    if (!kind)
        return "";
    if (node_is(object, "ObjectWithArgs"))
        name = node_bool(object, "args_unspecified")
                   ? subject_names(a, object, "objname")
                   : signature(a, object, "objname", "objargs");
    else if (node_is(object, "List"))
        name = subject_names(a, object, "items");
    else if (node_is(object, "TypeName"))
        name = subject_names(a, object, "names");
    else if (node_is(object, "String"))
        name = subject_quoted(a, node_str(object, "sval"));
    return *name ? arena_printf(a, "%s %s", kind, name) : "";
}

/* ---- what is in it ---- */

static bool holds(const struct fresh_set *set, const char *kind,
                  const char *name)
{
    struct buf b;
    bool is;

    if (!set->n)
        return false;
    buf_init(&b);
    buf_printf(&b, "%s %s", kind, name);
    is = fresh_has(set, b.data);
    buf_release(&b);
    return is;
}

bool subject_made(const struct fresh *fresh, const char *kind, const char *name)
{
    return fresh && holds(&fresh->made, kind, name);
}

bool subject_makes(const struct fresh *fresh, const char *kind,
                   const char *name)
{
    return fresh && holds(&fresh->later, kind, name);
}

static bool is_name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (c & 0x80);
}

/* Not a part of a longer name. */
static bool has_word(const char *text, size_t len, const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; n && i + n <= len; i++)
        if (memcmp(text + i, word, n) == 0 &&
            (i == 0 || !is_name_byte(text[i - 1])) &&
            (i + n == len || !is_name_byte(text[i + n])))
            return true;
    return false;
}

static bool dropped_in(const struct fresh_set *set, const char *text,
                       size_t len)
{
    for (size_t i = 0; i < set->cap; i++) {
        const struct fresh_key *at = &set->slot[i];
        if (at->key && at->is && strncmp(at->key, "dropped ", 8) == 0 &&
            has_word(text, len, at->key + 8))
            return true;
    }
    return false;
}

bool subject_dropped(const struct fresh *fresh, const char *list)
{
    while (fresh && *list) {
        const char *end = strstr(list, ", ");
        size_t len = end ? (size_t)(end - list) : strlen(list);
        if (!dropped_in(&fresh->made, list, len))
            return false;
        list += len + (end ? 2 : 0);
    }
    return fresh != NULL;
}

/* ---- what may have been there ---- */

bool subject_perhaps(const struct node *stmt)
{
    static const char *const flags[][2] = {
        {"ViewStmt", "replace"},
        {"CreateFunctionStmt", "replace"},
        {"CreateTrigStmt", "replace"},
        {"RuleStmt", "replace"},
        {"DefineStmt", "replace"},
        {"DefineStmt", "if_not_exists"},
        {"CreateStmt", "if_not_exists"},
        {"CreateTableAsStmt", "if_not_exists"},
        {"CreateSeqStmt", "if_not_exists"},
        {"CreateSchemaStmt", "if_not_exists"},
        {"CreateExtensionStmt", "if_not_exists"},
        {"CreateForeignServerStmt", "if_not_exists"},
        {"IndexStmt", "if_not_exists"},
    };

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (node_is(stmt, flags[i][0]) && node_bool(stmt, flags[i][1]))
            return true;
    if (node_is(stmt, "CreateForeignTableStmt"))
        return node_bool(node_get(stmt, "base_stmt"), "if_not_exists");
    return node_is(stmt, "AlterTableCmd") && node_bool(stmt, "missing_ok") &&
           strcmp(node_enum(stmt, "subtype"), "AT_AddColumn") == 0;
}

bool subject_is_temporary(const struct node *stmt)
{
    static const char *const fields[][2] = {{"CreateStmt", "relation"},
                                            {"CreateSeqStmt", "sequence"},
                                            {"ViewStmt", "view"}};
    const struct node *relation = NULL;

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (node_is(stmt, fields[i][0]))
            relation = node_get(stmt, fields[i][1]);
    if (node_is(stmt, "CreateTableAsStmt"))
        relation = node_get(node_get(stmt, "into"), "rel");
    if (node_is(stmt, "SelectStmt"))
        relation = node_get(node_get(stmt, "into_clause"), "rel");
    return relation && strcmp(node_str(relation, "relpersistence"), "t") == 0;
}

static bool takes_away(const struct subject *s)
{
    return s->cmd
               ? subject_word_in(node_enum(s->cmd, "subtype"),
                                 "AT_DropColumn AT_AlterColumnType")
               : subject_word_in(node_type(s->stmt), "DropStmt RenameStmt "
                                                     "AlterObjectSchemaStmt");
}

bool subject_takes_old(const struct subject *s, const char *key)
{
    return takes_away(s) && subject_made(s->made, "perhaps", key);
}

/* ---- what a statement makes ---- */

struct maker {
    struct arena *a;
    struct fresh_set *set;
    bool perhaps;
};

static void make(struct maker *m, const char *kind, const char *name)
{
    const char *key, *perhaps;

    if (!*name)
        return;
    key = arena_printf(m->a, "%s %s", kind, name);
    perhaps = arena_printf(m->a, "perhaps %s", key);
    fresh_put(m->a, m->set, key, true);
    if (m->perhaps || fresh_has(m->set, perhaps))
        fresh_put(m->a, m->set, perhaps, m->perhaps);
}

static void forget(struct maker *m, const char *kind, const char *name)
{
    fresh_put(m->a, m->set, arena_printf(m->a, "%s %s", kind, name), false);
}

/* Statements whose relation is what they make. */
static const char *relation_made(struct arena *a, const struct node *stmt)
{
    static const struct {
        const char *type, *field;
    } makers[] = {
        {"CreateStmt", "relation"},
        {"ViewStmt", "view"},
        {"CreateSeqStmt", "sequence"},
    };

    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
        if (node_is(stmt, makers[i].type))
            return subject_relation(a, node_get(stmt, makers[i].field));
    if (node_is(stmt, "CreateTableAsStmt"))
        return subject_relation(a, node_get(node_get(stmt, "into"), "rel"));
    if (node_is(stmt, "SelectStmt") && node_get(stmt, "into_clause"))
        return subject_relation(a,
                                node_get(node_get(stmt, "into_clause"), "rel"));
    if (node_is(stmt, "CreateForeignTableStmt"))
        return subject_relation(
            a, node_get(node_get(stmt, "base_stmt"), "relation"));
    return "";
}

/* Others name what they make by a list, or a word. */
static void make_named(struct maker *m, const struct node *stmt)
{
    static const struct {
        const char *type, *field, *kind;
    } lists[] = {
        {"CreateEnumStmt", "type_name", "type"},
        {"CreateRangeStmt", "type_name", "type"},
        {"CreateDomainStmt", "domainname", "type"},
    };
    static const struct {
        const char *type, *field, *kind;
    } words[] = {
        {"CreateSchemaStmt", "schemaname", "schema"},
        {"CreateExtensionStmt", "extname", "extension"},
        {"CreateRoleStmt", "role", "role"},
        {"CreateForeignServerStmt", "servername", "server"},
        {"CreatePLangStmt", "plname", "language"},
    };

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (node_is(stmt, lists[i].type))
            make(m, lists[i].kind, subject_names(m->a, stmt, lists[i].field));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (node_is(stmt, words[i].type))
            make(m, words[i].kind,
                 subject_quoted(m->a, node_str(stmt, words[i].field)));
}

/* Triggers, policies and rules are parts of a table. */
static void make_part(struct maker *m, const struct node *stmt)
{
    static const struct {
        const char *type, *table, *name;
    } parts[] = {
        {"CreateTrigStmt", "relation", "trigname"},
        {"CreatePolicyStmt", "table", "policy_name"},
        {"RuleStmt", "relation", "rulename"},
    };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (node_is(stmt, parts[i].type)) {
            const char *table =
                subject_relation(m->a, node_get(stmt, parts[i].table));
            make(m, "part",
                 arena_printf(
                     m->a, "%s.%s", table,
                     subject_quoted(m->a, node_str(stmt, parts[i].name))));
            if (node_is(stmt, "CreatePolicyStmt"))
                make(m, "policy-on", table);
        }
}

/* So that a REVOKE knows what comes back, or has come. */
static void make_rights(struct maker *m, const struct subject *s)
{
    size_t n;
    const struct right *list = subject_rights(m->a, s, &n);

    for (size_t i = 0; i < n; i++)
        fresh_put(m->a, m->set, list[i].key, true);
}

static bool fills_itself(const struct subject *s)
{
    return subject_column_has(s, "CONSTR_DEFAULT") ||
           subject_column_has(s, "CONSTR_IDENTITY") ||
           subject_column_has(s, "CONSTR_GENERATED") ||
           strstr(s->type, "serial");
}

/* ---- CHECK (c IS NOT NULL) ---- */

static bool is_kept(const char *key)
{
    return strncmp(key, "present ", 8) == 0 ||
           strncmp(key, "nearly ", 7) == 0 ||
           strncmp(key, "validated ", 10) == 0 ||
           strncmp(key, "says ", 5) == 0 || strncmp(key, "dropped ", 8) == 0;
}

void subject_carry(struct arena *a, const struct fresh *from, struct fresh *to)
{
    for (size_t i = 0; i < from->made.cap; i++) {
        const struct fresh_key *at = &from->made.slot[i];
        if (at->key && at->is && is_kept(at->key))
            fresh_put(a, &to->made, at->key, true);
    }
}

/* Of one condition, or of several that must all hold. */
static void make_present(struct maker *m, const struct subject *s,
                         const struct node *test)
{
    bool later = node_bool(s->constraint, "skip_validation");
    const char *column;

    if (node_is(test, "BoolExpr") &&
        strcmp(node_enum(test, "boolop"), "AND_EXPR") == 0)
        for (size_t i = 0; i < node_count(test, "args"); i++)
            make_present(m, s, node_item(test, "args", i));
    if (!node_is(test, "NullTest") ||
        strcmp(node_enum(test, "nulltesttype"), "IS_NOT_NULL") != 0 ||
        !node_is(node_get(test, "arg"), "ColumnRef"))
        return;
    column =
        subject_quoted(m->a, subject_last(node_get(test, "arg"), "fields"));
    make(m, later ? "nearly" : "present",
         arena_printf(m->a, "%s.%s", s->table, column));
    make(m, "says", arena_printf(m->a, "%s.%s %s", s->table, s->name, column));
}

/* What the constraint says of columns holds from now on, or no more. The keys
 * are taken first: making others may move them. */
static void settle(struct maker *m, const struct subject *s, bool holds)
{
    const char *says = arena_printf(m->a, "says %s.%s ", s->table, s->name);
    const char **columns = arena_array(m->a, m->set->n + 1, sizeof *columns);
    size_t len = strlen(says), n = 0;

    for (size_t i = 0; i < m->set->cap; i++) {
        const struct fresh_key *at = &m->set->slot[i];
        if (at->key && at->is && strncmp(at->key, says, len) == 0)
            columns[n++] = arena_printf(m->a, "%s.%s", s->table, at->key + len);
    }
    for (size_t i = 0; i < n; i++)
        if (holds) {
            make(m, "present", columns[i]);
        } else {
            forget(m, "present", columns[i]);
            forget(m, "nearly", columns[i]);
        }
}

static void make_constraint(struct maker *m, const struct subject *s)
{
    const char *sub = node_enum(s->cmd, "subtype");

    if (strcmp(sub, "AT_AddConstraint") == 0 &&
        strcmp(node_enum(s->constraint, "contype"), "CONSTR_CHECK") == 0) {
        make_present(m, s, node_get(s->constraint, "raw_expr"));
    } else if (strcmp(sub, "AT_ValidateConstraint") == 0) {
        make(m, "validated", arena_printf(m->a, "%s.%s", s->table, s->name));
        settle(m, s, true);
    } else if (strcmp(sub, "AT_DropConstraint") == 0) {
        settle(m, s, false);
    }
}

static void make_column(struct maker *m, const struct subject *s)
{
    const char *sub = node_enum(s->cmd, "subtype");
    const char *name = arena_printf(m->a, "%s.%s", s->table, s->name);

    if (strcmp(sub, "AT_AddColumn") == 0) {
        m->perhaps = subject_perhaps(s->cmd);
        make(m, "column", name);
        m->perhaps = false;
        if (fills_itself(s))
            make(m, "default", name);
        if (subject_column_has(s, "CONSTR_NOTNULL") ||
            subject_column_has(s, "CONSTR_PRIMARY"))
            make(m, "not-null", name);
    } else if (strcmp(sub, "AT_ColumnDefault") == 0) {
        if (node_get(s->cmd, "def")) {
            make(m, "default", name);
            make(m, "default-set", name);
        } else {
            forget(m, "default", name);
        }
    } else if (strcmp(sub, "AT_AddIdentity") == 0) {
        /* ALWAYS refuses what the old code writes there */
        if (strcmp(node_str(s->constraint, "generated_when"), "d") == 0)
            make(m, "default-set", name);
    } else if (strcmp(sub, "AT_SetNotNull") == 0) {
        make(m, "not-null", name);
    } else if (strcmp(sub, "AT_DisableRowSecurity") == 0) {
        make(m, "policy-on", s->table);
    }
}

static void make_parts(const struct subject *s, void *arg)
{
    struct maker *m = arg;

    if (s->cmd) {
        make_column(m, s);
        make_constraint(m, s);
    }
    if (node_is(s->stmt, "DropStmt") ||
        (s->cmd &&
         strcmp(node_enum(s->cmd, "subtype"), "AT_DropConstraint") == 0))
        make(m, "dropped", text_bare(m->a, s->name));
    if ((node_is(s->stmt, "GrantStmt") || node_is(s->stmt, "GrantRoleStmt")) &&
        node_bool(s->stmt, "is_grant"))
        make_rights(m, s);
}

/* Conversions of timestamps depend on it. */
static void make_setting(struct maker *m, const struct node *stmt)
{
    static const char utc[] =
        "utc etc/utc gmt etc/gmt uct etc/uct zulu universal";
    const struct node *arg = node_item(stmt, "args", 0);
    const char *text = node_str(node_get(arg, "sval"), "sval");
    char zone[32];

    snprintf(zone, sizeof zone, "%s", text);
    for (char *p = zone; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    forget(m, "setting", "timezone utc");
    forget(m, "setting", "timezone other");
    make(m, "setting",
         *zone && subject_word_in(zone, utc) ? "timezone utc"
                                             : "timezone other");
}

static void make_all(struct maker *m, const struct node *stmt)
{
    if (node_is(stmt, "VariableSetStmt") &&
        strcasecmp(node_str(stmt, "name"), "timezone") == 0)
        make_setting(m, stmt);

    m->perhaps = subject_perhaps(stmt);
    make(m, "relation", relation_made(m->a, stmt));
    if (node_is(stmt, "CompositeTypeStmt"))
        make(m, "type", subject_relation(m->a, node_get(stmt, "typevar")));
    if (node_is(stmt, "CreateFunctionStmt")) {
        make(m, "function", signature(m->a, stmt, "funcname", "parameters"));
        make(m, "function", subject_names(m->a, stmt, "funcname"));
    }
    if (node_is(stmt, "DefineStmt") && kind_of(node_enum(stmt, "kind")))
        make(m, kind_of(node_enum(stmt, "kind")),
             subject_names(m->a, stmt, "defnames"));
    if (node_is(stmt, "IndexStmt") && *node_str(stmt, "idxname"))
        make(m, "relation", subject_quoted(m->a, node_str(stmt, "idxname")));
    make_named(m, stmt);
    make_part(m, stmt);
    m->perhaps = false;
    subject_each(m->a, stmt, "", NULL, make_parts, m);
}

void subject_remember(struct arena *a, const struct node *stmt,
                      struct fresh *fresh)
{
    struct maker m = {a, &fresh->made, false};

    make_all(&m, stmt);
}

void subject_foresee(struct arena *a, const struct node *stmt,
                     struct fresh *fresh)
{
    struct maker m = {a, &fresh->later, false};

    if (!subject_is_temporary(stmt))
        make_all(&m, stmt);
}
