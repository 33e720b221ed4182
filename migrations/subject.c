#include "migrations/subject.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "migrations/lexer.h"
#include "runner/base/buf.h"

/* ---- names ---- */

bool subject_word_in(const char *word, const char *list)
{
    size_t n = strlen(word);

    while (*list) {
        size_t len = strcspn(list, " ");
        if (len == n && strncmp(list, word, n) == 0)
            return true;
        list += len + (list[len] == ' ');
    }
    return false;
}

/* Words that PostgreSQL reserves (its documentation, appendix C). */
static const char reserved[] =
    "all analyse analyze and any array as asc asymmetric authorization binary "
    "both case cast check collate collation column concurrently constraint "
    "create cross current_catalog current_date current_role current_schema "
    "current_time current_timestamp current_user default deferrable desc "
    "distinct do else end except false fetch for foreign freeze from full "
    "grant group having ilike in initially inner intersect into is isnull "
    "join lateral leading left like limit localtime localtimestamp natural "
    "not notnull null offset on only or order outer overlaps placing primary "
    "references returning right select session_user similar some symmetric "
    "table tablesample then to trailing true union unique user using variadic "
    "verbose when where window with";

static void add_name(struct buf *b, const char *name)
{
    bool plain = (islower((unsigned char)*name) || *name == '_') &&
                 !subject_word_in(name, reserved);

    for (const char *p = name; *p; p++)
        plain &= islower((unsigned char)*p) || isdigit((unsigned char)*p) ||
                 *p == '_' || *p == '$';
    if (plain) {
        buf_str(b, name);
        return;
    }
    buf_char(b, '"');
    for (const char *p = name; *p; p++) {
        if (*p == '"')
            buf_char(b, '"');
        buf_char(b, *p);
    }
    buf_char(b, '"');
}

static void add_part(struct buf *b, const char *name)
{
    if (!*name)
        return;
    if (b->len)
        buf_char(b, '.');
    add_name(b, name);
}

/* As SQL wants it written; "" stays. */
static const char *quoted(struct arena *a, const char *name)
{
    struct buf b;

    buf_init(&b);
    add_part(&b, name);
    return buf_into(&b, a);
}

char *subject_relation(struct arena *a, const struct node *range)
{
    struct buf b;

    buf_init(&b);
    add_part(&b, node_str(range, "schemaname"));
    add_part(&b, node_str(range, "relname"));
    return buf_into(&b, a);
}

char *subject_names(struct arena *a, const struct node *n, const char *field)
{
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; i < node_count(n, field); i++) {
        const struct node *part = node_item(n, field, i);
        if (node_is(part, "String"))
            add_part(&b, node_str(part, "sval"));
    }
    return buf_into(&b, a);
}

const char *subject_last(const struct node *n, const char *field)
{
    size_t count = node_count(n, field);
    const struct node *last = count ? node_item(n, field, count - 1) : NULL;

    return node_is(last, "String") ? node_str(last, "sval") : "";
}

/* What an object of DROP, RENAME, COMMENT is called. */
static const char *object_name(struct arena *a, const struct node *object)
{
    static const struct {
        const char *type, *field;
    } lists[] = {{"List", "items"},
                 {"TypeName", "names"},
                 {"ObjectWithArgs", "objname"}};

    if (node_is(object, "String"))
        return quoted(a, node_str(object, "sval"));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (node_is(object, lists[i].type))
            return subject_names(a, object, lists[i].field);
    return "";
}

/* The parser's names of built-in types, as people write them. */
static const char *const type_words[][2] = {
    {"int2", "smallint"},   {"int4", "integer"}, {"int8", "bigint"},
    {"float4", "real"},     {"bool", "boolean"}, {"float8", "double precision"},
    {"varchar", "varchar"}, {"bpchar", "char"},
};

static const char *type_text(struct arena *a, const struct node *type)
{
    const char *last = subject_last(type, "names");

    if (node_count(type, "names") == 2 &&
        strcmp(node_str(node_item(type, "names", 0), "sval"), "pg_catalog") ==
            0)
        for (size_t i = 0; i < sizeof type_words / sizeof *type_words; i++)
            if (strcmp(last, type_words[i][0]) == 0)
                last = type_words[i][1];
    if (node_count(type, "typmods") == 1) {
        const struct node *mod = node_item(type, "typmods", 0);
        const struct node *n =
            node_is(mod, "AConst") ? node_get(mod, "ival") : NULL;
        if (n)
            return arena_printf(a, "%s(%d)", last, (int)node_int(n, "ival"));
    }
    return node_count(type, "array_bounds") ? arena_printf(a, "%s[]", last)
                                            : last;
}

/* ---- subjects ---- */

static bool is_fresh(const struct fresh *fresh, const char *table)
{
    for (size_t i = 0; fresh && i < fresh->n; i++)
        if (strcmp(fresh->names[i], table) == 0)
            return true;
    return false;
}

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
    {"CopyStmt", "relation", NULL, NULL},
    {"CreateTrigStmt", "relation", NULL, "trigname"},
    {"ClusterStmt", "relation", NULL, "indexname"},
    {"ReindexStmt", "relation", "kind", "name"},
    {"RefreshMatViewStmt", "relation", NULL, NULL},
    {"AlterObjectSchemaStmt", "relation", "object_type", "newschema"},
    {"AlterOwnerStmt", "relation", "object_type", NULL},
    {"DropStmt", NULL, "remove_type", NULL},
    {"VariableSetStmt", NULL, "kind", "name"},
    {"TransactionStmt", NULL, "kind", NULL},
    {"DiscardStmt", NULL, "target", NULL},
    {"AlterSubscriptionStmt", NULL, "kind", "subname"},
    {"DropdbStmt", NULL, NULL, "dbname"},
    {"CreateSchemaStmt", NULL, NULL, "schemaname"},
};
#define SHAPES (sizeof shapes / sizeof *shapes)

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

static void fill_cmd(struct arena *a, struct subject *s)
{
    const struct node *def = node_get(s->cmd, "def");

    s->name = quoted(a, node_str(s->cmd, "name"));
    if (node_is(def, "ColumnDef")) {
        s->column = def;
        s->type = type_text(a, node_get(def, "type_name"));
        if (*node_str(def, "colname"))
            s->name = quoted(a, node_str(def, "colname"));
    } else if (node_is(def, "Constraint")) {
        s->constraint = def;
        s->name = quoted(a, node_str(def, "conname"));
    }
}

static struct subject whole(struct arena *a, const struct node *stmt,
                            const char *text, const struct fresh *fresh)
{
    struct subject s = {
        .stmt = stmt, .text = text, .table = "", .name = "", .type = ""};
    size_t i = shape_of(stmt);

    if (i < SHAPES && shapes[i].relation)
        s.table = subject_relation(a, node_get(stmt, shapes[i].relation));
    if (i < SHAPES && shapes[i].name)
        s.name = quoted(a, node_str(stmt, shapes[i].name));
    if (node_is(stmt, "DropStmt"))
        s.name = object_name(a, node_item(stmt, "objects", 0));
    if (node_is(stmt, "RenameStmt") && !*s.name)
        s.name = *s.table ? s.table : object_name(a, node_get(stmt, "object"));
    if (node_is(stmt, "TruncateStmt") || node_is(stmt, "LockStmt"))
        s.table = subject_relation(a, node_item(stmt, "relations", 0));
    s.fresh = *s.table && is_fresh(fresh, s.table);
    return s;
}

void subject_each(struct arena *a, const struct node *stmt, const char *text,
                  const struct fresh *fresh,
                  void (*each)(const struct subject *s, void *arg), void *arg)
{
    struct subject s = whole(a, stmt, text, fresh);

    if (!node_is(stmt, "AlterTableStmt")) {
        each(&s, arg);
        return;
    }
    for (size_t i = 0; i < node_count(stmt, "cmds"); i++) {
        struct subject one = s;
        one.cmd = node_item(stmt, "cmds", i);
        fill_cmd(a, &one);
        each(&one, arg);
    }
}

bool subject_matches(const struct subject *s, const struct match *m)
{
    return node_is(s->stmt, m->type) &&
           (!m->sub || strcmp(m->sub, sub_of(s)) == 0) &&
           (!m->when || m->when(s));
}

void subject_remember(struct arena *a, const struct node *stmt,
                      struct fresh *fresh)
{
    const struct node *made = NULL;

    if (node_is(stmt, "CreateStmt"))
        made = node_get(stmt, "relation");
    else if (node_is(stmt, "CreateTableAsStmt"))
        made = node_get(node_get(stmt, "into"), "rel");
    if (!made)
        return;
    fresh->names = arena_grow(a, fresh->names, fresh->n, fresh->n + 1,
                              sizeof *fresh->names);
    fresh->names[fresh->n++] = subject_relation(a, made);
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

/* ---- words for people ---- */

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

/* The statement with CONCURRENTLY after its word INDEX. */
static void add_concurrently(struct buf *b, const char *text)
{
    bool done = false;

    while (*text) {
        struct token t = lexer_token(text);
        buf_add(b, text, t.len);
        if (!done && t.kind == TOKEN_WORD && t.len == 5 &&
            strncasecmp(text, "index", 5) == 0) {
            buf_str(b, " CONCURRENTLY");
            done = true;
        }
        text += t.len;
    }
}

char *subject_say(struct arena *a, const struct subject *s,
                  const char *template)
{
    const struct {
        const char *mark, *text;
    } marks[] = {{"{table}", *s->table ? s->table : "the table"},
                 {"{name}", *s->name ? s->name : "NAME"},
                 {"{type}", s->type},
                 {"{statement}", s->text}};
    struct buf b;

    buf_init(&b);
    while (*template) {
        size_t i = 0, n = sizeof marks / sizeof *marks;
        while (i < n &&
               strncmp(template, marks[i].mark, strlen(marks[i].mark)) != 0)
            i++;
        if (i < n) {
            buf_str(&b, marks[i].text);
            template += strlen(marks[i].mark);
        } else if (strncmp(template, "{concurrently}", 14) == 0) {
            add_concurrently(&b, s->text);
            template += 14;
        } else {
            buf_char(&b, *template ++);
        }
    }
    return buf_into(&b, a);
}
