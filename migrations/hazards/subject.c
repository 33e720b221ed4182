#include "migrations/hazards/subject.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "migrations/text/lexer.h"

/* What an object of DROP, RENAME, COMMENT is called. */
static const char *object_name(struct arena *a, const struct node *object)
{
    static const struct {
        const char *type, *field;
    } lists[] = {{"List", "items"},
                 {"TypeName", "names"},
                 {"ObjectWithArgs", "objname"}};

    if (node_is(object, "String"))
        return subject_quoted(a, node_str(object, "sval"));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (node_is(object, lists[i].type))
            return subject_names(a, object, lists[i].field);
    return "";
}

/* ---- subjects ---- */

/* Where a statement keeps its table, its sub-kind and its object's name. */
static const struct {
    const char *type, *relation, *sub, *name;
} shapes[] = {
    {"AlterTableStmt", "relation", NULL, NULL},
    {"CreateStmt", "relation", NULL, NULL},
    {"IndexStmt", "relation", NULL, "idxname"},
    {"RenameStmt", "relation", "rename_type", "subname"},
    {"UpdateStmt", "relation", NULL, NULL},
    {"DeleteStmt", "relation", NULL, NULL},
    {"InsertStmt", "relation", NULL, NULL},
    {"MergeStmt", "relation", NULL, NULL},
    {"CopyStmt", "relation", NULL, NULL},
    {"CreateTrigStmt", "relation", NULL, "trigname"},
    {"ClusterStmt", "relation", NULL, "indexname"},
    {"ReindexStmt", "relation", "kind", "name"},
    {"RefreshMatViewStmt", "relation", NULL, NULL},
    {"AlterObjectSchemaStmt", "relation", "object_type", "newschema"},
    {"AlterOwnerStmt", "relation", "object_type", NULL},
    {"ViewStmt", "view", NULL, NULL},
    {"CreatePolicyStmt", "table", NULL, "policy_name"},
    {"AlterPolicyStmt", "table", NULL, "policy_name"},
    {"RuleStmt", "relation", NULL, "rulename"},
    {"AlterSeqStmt", "sequence", NULL, NULL},
    {"AlterTableMoveAllStmt", NULL, "objtype", "orig_tablespacename"},
    {"DropStmt", NULL, "remove_type", NULL},
    {"CommentStmt", NULL, "objtype", NULL},
    {"VariableSetStmt", NULL, "kind", "name"},
    {"TransactionStmt", NULL, "kind", NULL},
    {"DiscardStmt", NULL, "target", NULL},
    {"AlterSubscriptionStmt", NULL, "kind", "subname"},
    {"DropdbStmt", NULL, NULL, "dbname"},
    {"CreateSchemaStmt", NULL, NULL, "schemaname"},
    {"GrantStmt", NULL, "objtype", NULL},
    {"CreateRoleStmt", NULL, NULL, "role"},
};
#define SHAPES (sizeof shapes / sizeof *shapes)

/* Statements about several tables or objects: a subject for each. */
static const struct {
    const char *type, *list;
} several[] = {
    {"DropStmt", "objects"},
    {"TruncateStmt", "relations"},
    {"LockStmt", "relations"},
    {"GrantStmt", "objects"},
    {"VacuumStmt", "rels"},
    {"CreateStatsStmt", "relations"},
    {"DropRoleStmt", "roles"},
    {"DropOwnedStmt", "roles"},
    {"GrantRoleStmt", "granted_roles"},
    {"CreatePublicationStmt", "pubobjects"},
    {"AlterPublicationStmt", "pubobjects"},
};

static size_t shape_of(const struct node *stmt)
{
    size_t i = 0;

    while (i < SHAPES && !node_is(stmt, shapes[i].type))
        i++;
    return i;
}

static const char *sub_of(const struct subject *s)
{
    size_t i;

    if (s->cmd)
        return node_enum(s->cmd, "subtype");
    if (node_is(s->stmt, "AlterDomainStmt"))
        return node_str(s->stmt, "subtype");
    i = shape_of(s->stmt);
    return i < SHAPES && shapes[i].sub ? node_enum(s->stmt, shapes[i].sub) : "";
}

/* The words that a command of ALTER TABLE begins with. */
static const char verbs[] =
    "add alter attach cluster detach disable drop enable force inherit no not "
    "of options owner rename replica reset set validate";

/* Between ALTER and the name of the table. */
static const char heads[] =
    "alter table view index materialized foreign sequence type if exists only";

static bool is_one_of(const char *text, size_t len, const char *words)
{
    char word[16];

    if (len >= sizeof word)
        return false;
    for (size_t i = 0; i < len; i++)
        word[i] = (char)tolower((unsigned char)text[i]);
    word[len] = '\0';
    return subject_word_in(word, words);
}

/* Where the first command begins: after the name of the table. */
static const char *first_clause(const char *text)
{
    bool named = false, dot = false;

    while (*text) {
        struct token t = lexer_token(text);
        bool name = t.kind == TOKEN_WORD || t.kind == TOKEN_NAME;
        if (name && named && !dot && is_one_of(text, t.len, verbs))
            return text;
        named |= name && !is_one_of(text, t.len, heads);
        if (t.kind != TOKEN_BLANK && t.kind != TOKEN_COMMENT)
            dot = *text == '.';
        text += t.len;
    }
    return text;
}

/* Commands are parted by commas outside of parentheses; "" where the text
 * does not come apart into n of them. */
static const char *clause_of(struct arena *a, const char *text, size_t i,
                             size_t n)
{
    const char *at = first_clause(text), *begin = at, *from = at, *to = NULL;
    size_t commas = 0;
    int depth = 0;

    for (;; at += lexer_token(at).len) {
        struct token t = lexer_token(at);
        bool ends = t.kind == TOKEN_END ||
                    (depth == 0 && t.kind == TOKEN_SYMBOL && *at == ',');
        if (t.kind == TOKEN_SYMBOL)
            depth += (*at == '(' || *at == '[') - (*at == ')' || *at == ']');
        if (!ends)
            continue;
        if (commas == i) {
            from = begin;
            to = at;
        }
        if (t.kind == TOKEN_END)
            break;
        commas++;
        begin = at + 1;
    }
    if (!to || commas + 1 != n)
        return "";
    from += lexer_skip(from);
    return arena_strndup(a, from, lexer_trim(from, (size_t)(to - from)));
}

static void fill_cmd(struct arena *a, struct subject *s)
{
    const struct node *def = node_get(s->cmd, "def");

    s->name = subject_quoted(a, node_str(s->cmd, "name"));
    if (node_is(def, "ColumnDef")) {
        s->column = def;
        s->type = subject_type(a, node_get(def, "type_name"));
        if (*node_str(def, "colname"))
            s->name = subject_quoted(a, node_str(def, "colname"));
    } else if (node_is(def, "Constraint")) {
        s->constraint = def;
        if (*node_str(def, "conname"))
            s->name = subject_quoted(a, node_str(def, "conname"));
    }
}

static bool is_relation_kind(const char *objtype)
{
    return subject_word_in(objtype, "OBJECT_TABLE OBJECT_VIEW OBJECT_MATVIEW "
                                    "OBJECT_SEQUENCE OBJECT_FOREIGN_TABLE");
}

static const struct node *range_of(const struct node *object)
{
    if (node_is(object, "VacuumRelation"))
        return node_get(object, "relation");
    if (node_is(object, "PublicationObjSpec"))
        return node_get(node_get(object, "pubtable"), "relation");
    return node_is(object, "RangeVar") ? object : NULL;
}

/* The table of a trigger, policy or rule stands before its name. */
static void fill_part(struct arena *a, struct subject *s)
{
    s->table = subject_before_last(a, s->object, "items");
    s->name = subject_quoted(a, subject_last(s->object, "items"));
}

static void fill_object(struct arena *a, struct subject *s)
{
    const char *objtype = sub_of(s);

    if (range_of(s->object)) {
        s->table = subject_relation(a, range_of(s->object));
        s->name = s->table;
    } else if (node_is(s->object, "RoleSpec")) {
        s->name = subject_quoted(a, node_str(s->object, "rolename"));
    } else if (node_is(s->object, "AccessPriv")) {
        s->name = subject_quoted(a, node_str(s->object, "priv_name"));
    } else if (subject_word_in(objtype,
                               "OBJECT_TRIGGER OBJECT_POLICY OBJECT_RULE "
                               "OBJECT_COLUMN OBJECT_TABCONSTRAINT") &&
               node_is(s->object, "List")) {
        fill_part(a, s);
    } else {
        s->name = object_name(a, s->object);
        if (is_relation_kind(objtype))
            s->table = s->name;
    }
    if (node_is(s->object, "RoleSpec") || node_is(s->object, "AccessPriv"))
        s->key = arena_printf(a, "role %s", s->name);
    else
        s->key = node_is(s->object, "RangeVar") || is_relation_kind(objtype)
                     ? arena_printf(a, "relation %s", s->name)
                     : subject_key(a, objtype, s->object);
}

/* What a RENAME names by a word, and a composite type of which it renames an
 * attribute. */
static const char *renamed_key(struct arena *a, const struct subject *s)
{
    const char *of = sub_of(s);

    if (strcmp(of, "OBJECT_SCHEMA") == 0)
        return arena_printf(a, "schema %s", s->name);
    if (strcmp(of, "OBJECT_ROLE") == 0)
        return arena_printf(a, "role %s", s->name);
    return strcmp(of, "OBJECT_ATTRIBUTE") == 0
               ? arena_printf(a, "type %s", s->table)
               : s->key;
}

static struct subject whole(struct arena *a, const struct node *stmt,
                            const char *text)
{
    struct subject s = {.stmt = stmt,
                        .text = text,
                        .clause = "",
                        .table = "",
                        .name = "",
                        .type = "",
                        .key = ""};
    size_t i = shape_of(stmt);

    if (i < SHAPES && shapes[i].relation)
        s.table = subject_relation(a, node_get(stmt, shapes[i].relation));
    if (i < SHAPES && shapes[i].name)
        s.name = subject_quoted(a, node_str(stmt, shapes[i].name));
    if (*s.table)
        s.key = arena_printf(a, "relation %s", s.table);
    if (node_is(stmt, "AlterDomainStmt") || node_is(stmt, "AlterEnumStmt")) {
        s.name = subject_names(a, stmt, "type_name");
        s.key = arena_printf(a, "type %s", s.name);
    }
    if (node_is(stmt, "CreateFunctionStmt")) {
        s.name = subject_names(a, stmt, "funcname");
        s.key = subject_function(a, stmt);
    }
    if (node_is(stmt, "CommentStmt")) {
        s.object = node_get(stmt, "object");
        fill_object(a, &s);
    }
    if (node_is(stmt, "RenameStmt") || node_is(stmt, "AlterObjectSchemaStmt") ||
        node_is(stmt, "AlterOwnerStmt")) {
        const struct node *object = node_get(stmt, "object");
        if (!*s.name || object)
            s.name = *s.table ? s.table : object_name(a, object);
        if (object && !*s.table)
            s.key = subject_key(a, sub_of(&s), object);
        else if (!object)
            s.key = renamed_key(a, &s);
    }
    return s;
}

/* The schema of the table; of one that may have been there nobody knows what
 * was in it. */
static bool in_new_schema(struct arena *a, const struct subject *s)
{
    const char *dot = strchr(s->table, '.'), *key;

    if (!dot)
        return false;
    key = arena_printf(a, "schema %.*s", (int)(dot - s->table), s->table);
    return fresh_has(&s->made->made, key) &&
           !subject_made(s->made, "perhaps", key);
}

/* An object of its own, or the table that it belongs to. */
static bool is_fresh(struct arena *a, const struct subject *s)
{
    const char *table;

    if (!s->made || !s->made->made.n)
        return false;
    table = *s->table ? arena_printf(a, "relation %s", s->table) : "";
    if (*s->key && fresh_has(&s->made->made, s->key) &&
        !subject_takes_old(s, s->key))
        return true;
    if (*table && fresh_has(&s->made->made, table) &&
        !subject_takes_old(s, table))
        return true;
    return in_new_schema(a, s);
}

static void each_cmd(struct arena *a, const struct subject *s,
                     void (*each)(const struct subject *s, void *arg),
                     void *arg)
{
    size_t n = node_count(s->stmt, "cmds");

    for (size_t i = 0; i < n; i++) {
        struct subject one = *s;
        one.cmd = node_item(s->stmt, "cmds", i);
        one.clause = clause_of(a, s->text, i, n);
        fill_cmd(a, &one);
        one.fresh = is_fresh(a, &one);
        each(&one, arg);
    }
}

static void each_object(struct arena *a, const struct subject *s,
                        const char *list,
                        void (*each)(const struct subject *s, void *arg),
                        void *arg)
{
    for (size_t i = 0; i < node_count(s->stmt, list); i++) {
        struct subject one = *s;
        one.object = node_item(s->stmt, list, i);
        fill_object(a, &one);
        one.fresh = is_fresh(a, &one);
        each(&one, arg);
    }
}

/* WITH d AS (DELETE ...): what it does is done as well. */
static void each_inner(struct arena *a, const struct subject *outer,
                       void (*each)(const struct subject *s, void *arg),
                       void *arg)
{
    static const char with[] = "SelectStmt InsertStmt UpdateStmt DeleteStmt";
    static const char does[] = "InsertStmt UpdateStmt DeleteStmt";
    const struct node *clause = subject_word_in(node_type(outer->stmt), with)
                                    ? node_get(outer->stmt, "with_clause")
                                    : NULL;

    for (size_t i = 0; i < node_count(clause, "ctes"); i++) {
        const struct node *query =
            node_get(node_item(clause, "ctes", i), "ctequery");
        struct subject s;
        if (!subject_word_in(node_type(query), does))
            continue;
        s = whole(a, query, outer->text);
        s.made = outer->made;
        s.catalog = outer->catalog;
        s.inner = true;
        s.fresh = is_fresh(a, &s);
        each(&s, arg);
    }
}

void subject_each_with(struct arena *a, const struct node *stmt,
                       const char *text, const struct fresh *made,
                       struct catalog *catalog,
                       void (*each)(const struct subject *s, void *arg),
                       void *arg)
{
    struct subject s = whole(a, stmt, text);

    s.made = made;
    s.catalog = catalog;
    s.fresh = is_fresh(a, &s);
    if (node_is(stmt, "AlterTableStmt")) {
        each_cmd(a, &s, each, arg);
        return;
    }
    for (size_t i = 0; i < sizeof several / sizeof *several; i++)
        if (node_is(stmt, several[i].type) &&
            node_count(stmt, several[i].list)) {
            each_object(a, &s, several[i].list, each, arg);
            return;
        }
    each(&s, arg);
    each_inner(a, &s, each, arg);
}

void subject_each(struct arena *a, const struct node *stmt, const char *text,
                  const struct fresh *made,
                  void (*each)(const struct subject *s, void *arg), void *arg)
{
    subject_each_with(a, stmt, text, made, NULL, each, arg);
}

bool subject_matches(const struct subject *s, const struct match *m)
{
    return node_is(s->stmt, m->type) &&
           (!m->sub || strcmp(m->sub, sub_of(s)) == 0) &&
           (!m->when || m->when(s));
}

const struct node *subject_column_has(const struct subject *s,
                                      const char *contype)
{
    for (size_t i = 0; i < node_count(s->column, "constraints"); i++) {
        const struct node *c = node_item(s->column, "constraints", i);
        if (strcmp(node_enum(c, "contype"), contype) == 0)
            return c;
    }
    return NULL;
}

/* PostgreSQL's defGetBoolean: no value, "true", "on" and 1 are true. */
bool subject_option(const struct node *n, const char *field, const char *name)
{
    for (size_t i = 0; i < node_count(n, field); i++) {
        const struct node *o = node_item(n, field, i), *arg;
        if (strcasecmp(node_str(o, "defname"), name) != 0)
            continue;
        arg = node_get(o, "arg");
        if (node_is(arg, "String"))
            return strcasecmp(node_str(arg, "sval"), "true") == 0 ||
                   strcasecmp(node_str(arg, "sval"), "on") == 0;
        return !node_is(arg, "Integer") || node_int(arg, "ival") != 0;
    }
    return false;
}
