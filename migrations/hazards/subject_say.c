/* Templates of hazards, filled in with what the statement names. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "migrations/hazards/subject.h"
#include "migrations/hazards/subject_text.h"
#include "migrations/hazards/subject_uses.h"
#include "migrations/server/catalog.h"
#include "migrations/text/lexer.h"
#include "runner/base/buf.h"

/* ---- names made of the statement's ---- */

/* PostgreSQL's names for constraints that have none. */
static const char *constraint_name(struct arena *a, const struct subject *s)
{
    static const struct {
        const char *contype, *columns, *suffix;
    } kinds[] = {
        {"CONSTR_CHECK", NULL, "check"},
        {"CONSTR_FOREIGN", "fk_attrs", "fkey"},
        {"CONSTR_UNIQUE", "keys", "key"},
        {"CONSTR_PRIMARY", NULL, "pkey"},
        {"CONSTR_EXCLUSION", NULL, "excl"},
    };
    const char *contype = node_enum(s->constraint, "contype");

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const char *first;
        if (strcmp(kinds[i].contype, contype) != 0)
            continue;
        if (*node_str(s->constraint, "indexname"))
            return subject_quoted(a, node_str(s->constraint, "indexname"));
        first = kinds[i].columns
                    ? node_str(node_item(s->constraint, kinds[i].columns, 0),
                               "sval")
                    : "";
        return subject_quoted(
            a, arena_printf(a, "%s%s%s_%s", text_bare(a, s->table),
                            *first ? "_" : "", first, kinds[i].suffix));
    }
    return "NAME";
}

static const char *columns(struct arena *a, const struct subject *s,
                           const char *field)
{
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; i < node_count(s->constraint, field); i++)
        buf_printf(
            &b, "%s%s", i ? ", " : "",
            subject_quoted(
                a, node_str(node_item(s->constraint, field, i), "sval")));
    return buf_into(&b, a);
}

/* The template for each column of a key: %s is the table, the bare table and
 * column, the column. */
static const char *each_key(struct arena *a, const struct subject *s, bool add)
{
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; i < node_count(s->constraint, "keys"); i++) {
        const char *raw = node_str(node_item(s->constraint, "keys", i), "sval");
        const char *column = subject_quoted(a, raw);
        const char *own = subject_quoted(
            a, arena_printf(a, "%s_%s_present", text_bare(a, s->table), raw));
        if (add)
            buf_printf(&b,
                       "ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s IS NOT "
                       "NULL) NOT VALID;\n",
                       s->table, own, column);
        else
            buf_printf(&b,
                       "ALTER TABLE %s VALIDATE CONSTRAINT %s;\n"
                       "ALTER TABLE %s ALTER COLUMN %s SET NOT NULL;\n"
                       "ALTER TABLE %s DROP CONSTRAINT %s;\n",
                       s->table, own, s->table, column, s->table, own);
    }
    return buf_into(&b, a);
}

static const char *say_each_check(struct arena *a, const struct subject *s)
{
    return each_key(a, s, true);
}

static const char *say_each_present(struct arena *a, const struct subject *s)
{
    return each_key(a, s, false);
}

static const char *say_including(struct arena *a, const struct subject *s)
{
    const char *list = columns(a, s, "including");

    return *list ? arena_printf(a, " INCLUDE (%s)", list) : "";
}

static const char *say_deferrable(struct arena *a, const struct subject *s)
{
    (void)a;
    if (!node_bool(s->constraint, "deferrable"))
        return "";
    return node_bool(s->constraint, "initdeferred")
               ? " DEFERRABLE INITIALLY DEFERRED"
               : " DEFERRABLE";
}

/* ---- the marks ---- */

static const char *say_table(struct arena *a, const struct subject *s)
{
    (void)a;
    return *s->table ? s->table : "the table";
}

static const char *say_name(struct arena *a, const struct subject *s)
{
    if (*s->name)
        return s->name;
    return s->constraint ? constraint_name(a, s) : "NAME";
}

static const char *say_type(struct arena *a, const struct subject *s)
{
    (void)a;
    return s->type;
}

/* What a serial is made of. */
static const char *say_type_plain(struct arena *a, const struct subject *s)
{
    static const char *const serials[][2] = {
        {"serial", "integer"},       {"serial4", "integer"},
        {"bigserial", "bigint"},     {"serial8", "bigint"},
        {"smallserial", "smallint"}, {"serial2", "smallint"},
    };

    (void)a;
    for (size_t i = 0; i < sizeof serials / sizeof *serials; i++)
        if (strcmp(s->type, serials[i][0]) == 0)
            return serials[i][1];
    return s->type;
}

static const char *say_statement(struct arena *a, const struct subject *s)
{
    (void)a;
    return s->text;
}

static const char *say_concurrently(struct arena *a, const struct subject *s)
{
    const char *word = "CONCURRENTLY", *column;

    /* an index has to have a name: after a crash it is looked for */
    if (node_is(s->stmt, "IndexStmt") && !*s->name) {
        column = node_str(node_item(s->stmt, "index_params", 0), "name");
        word = arena_printf(
            a, "CONCURRENTLY %s",
            subject_quoted(a,
                           arena_printf(a, "%s_%s_idx", text_bare(a, s->table),
                                        *column ? column : "expr")));
    }
    return text_with_word(a, s->text, "index table view schema database", word);
}

static const char *say_only(struct arena *a, const struct subject *s)
{
    return text_with_word(a, s->text, "on", "ONLY");
}

static const struct catalog_relation *known(const struct subject *s)
{
    return s->catalog && *s->table ? catalog_relation(s->catalog, s->table)
                                   : NULL;
}

/* Of the column that a RENAME names. */
static const char *say_type_renamed(struct arena *a, const struct subject *s)
{
    const struct catalog_relation *r = known(s);
    const struct catalog_column *c =
        r ? catalog_column(r, node_str(s->stmt, "subname")) : NULL;

    (void)a;
    return c ? c->type : "TYPE";
}

static const char *say_key(struct arena *a, const struct subject *s)
{
    const struct catalog_relation *r = known(s);

    (void)a;
    return r && r->key ? r->key : "KEY";
}

static const char *say_bounded(struct arena *a, const struct subject *s)
{
    const struct node *target = node_get(s->stmt, "relation");
    const struct node *alias = node_get(target, "alias");
    const char *by =
        alias ? node_str(alias, "aliasname") : node_str(target, "relname");

    return text_bounded(
        a, s->text,
        arena_printf(a, "%s.%s", subject_quoted(a, by), say_key(a, s)));
}

static const char *say_clause(struct arena *a, const struct subject *s)
{
    (void)a;
    return *s->clause ? s->clause : "...";
}

/* ADD CONSTRAINT with a name, so that it can be validated by it. */
static const char *say_named(struct arena *a, const struct subject *s)
{
    size_t add = lexer_token(s->clause).len;

    if (*s->name || !*s->clause)
        return say_clause(a, s);
    return arena_printf(a, "ADD CONSTRAINT %s%s", constraint_name(a, s),
                        s->clause + add);
}

static const char *say_default(struct arena *a, const struct subject *s)
{
    return text_part(a, s->clause, "default", false);
}

static const char *say_check(struct arena *a, const struct subject *s)
{
    return text_part(a, s->clause, "check", true);
}

static const char *say_references(struct arena *a, const struct subject *s)
{
    return text_part(a, s->clause, "references", true);
}

static const char *say_generated(struct arena *a, const struct subject *s)
{
    const char *from = text_part(a, s->clause, "as", false), *at = from;
    int depth = 0;

    for (; *at; at += lexer_token(at).len) {
        depth += (*at == '(') - (*at == ')');
        if (*at == ')' && depth == 0)
            return arena_strndup(a, from, (size_t)(at - from) + 1);
    }
    return from;
}

static const char *say_columns(struct arena *a, const struct subject *s)
{
    return columns(a, s, "keys");
}

static const char *say_keykind(struct arena *a, const struct subject *s)
{
    (void)a;
    return strcmp(node_enum(s->constraint, "contype"), "CONSTR_PRIMARY") == 0
               ? "PRIMARY KEY"
               : "UNIQUE";
}

static const char *say_constraint(struct arena *a, const struct subject *s)
{
    const char *name = node_str(node_get(s->stmt, "def"), "conname");

    return subject_quoted(
        a, *name ? name : arena_printf(a, "%s_check", text_bare(a, s->name)));
}

struct reference {
    const struct node *found;
};

static bool no_reference(const struct node *n, void *arg)
{
    struct reference *r = arg;

    if (node_is(n, "Constraint") && node_get(n, "pktable"))
        r->found = node_get(n, "pktable");
    return !r->found;
}

static const char *say_referenced(struct arena *a, const struct subject *s)
{
    struct reference r = {NULL};

    node_walk(s->cmd ? s->cmd : s->stmt, no_reference, &r);
    return r.found ? subject_relation(a, r.found) : "the table";
}

static const char *say_partition(struct arena *a, const struct subject *s)
{
    const struct node *def = s->cmd ? node_get(s->cmd, "def") : NULL;

    return node_is(def, "PartitionCmd")
               ? subject_relation(a, node_get(def, "name"))
               : "PARTITION";
}

static const char *say_parent(struct arena *a, const struct subject *s)
{
    const struct node *first = node_is(s->stmt, "CreateStmt")
                                   ? node_item(s->stmt, "inh_relations", 0)
                                   : NULL;

    return first ? subject_relation(a, first) : "its parent";
}

/* FOR VALUES ..., or DEFAULT, at the end. */
static const char *say_bound(struct arena *a, const struct subject *s)
{
    const char *text = s->cmd ? s->clause : s->text, *at = text;
    char here[24];

    for (; *at; at += lexer_token(at).len)
        if (lexer_token(at).kind == TOKEN_WORD &&
            subject_word_in(text_small(at, lexer_token(at).len, here),
                            "for default"))
            return arena_strdup(a, at);
    return "FOR VALUES ...";
}

static const char *say_new(struct arena *a, const struct subject *s)
{
    if (node_is(s->stmt, "RenameStmt"))
        return subject_quoted(a, node_str(s->stmt, "newname"));
    if (node_is(s->stmt, "AlterTableMoveAllStmt"))
        return subject_quoted(a, node_str(s->stmt, "new_tablespacename"));
    return node_is(s->stmt, "AlterObjectSchemaStmt")
               ? subject_quoted(a, node_str(s->stmt, "newschema"))
               : "NEW";
}

static const char *say_moved(struct arena *a, const struct subject *s)
{
    return arena_printf(a, "%s.%s", say_new(a, s),
                        subject_quoted(a, text_bare(a, s->table)));
}

/* For each partition that holds rows, or one that stands for all. */
static const char *leaves(struct arena *a, const struct subject *s,
                          const char *command)
{
    const struct catalog_relation *r = known(s);
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; r && i < r->n_below; i++)
        if (r->below[i].kind != 'p')
            buf_printf(&b, "ALTER TABLE %s %s;\n", r->below[i].name, command);
    if (!b.len)
        buf_printf(&b, "ALTER TABLE PARTITION %s;\n", command);
    return buf_into(&b, a);
}

static const char *say_leaves_add(struct arena *a, const struct subject *s)
{
    return leaves(a, s, arena_printf(a, "%s NOT VALID", say_named(a, s)));
}

static const char *say_leaves_validate(struct arena *a, const struct subject *s)
{
    return leaves(a, s,
                  arena_printf(a, "VALIDATE CONSTRAINT %s", say_name(a, s)));
}

static const char *say_indexes(struct arena *a, const struct subject *s)
{
    const struct catalog_relation *r = known(s);

    return r ? arena_printf(a, " (%zu)", r->n_indexes) : "";
}

static const char *say_unless(struct arena *a, const struct subject *s)
{
    (void)a;
    return s->catalog ? "" : ", unless the old type is stored alike";
}

static const struct {
    const char *mark;
    const char *(*say)(struct arena *a, const struct subject *s);
} marks[] = {
    {"table", say_table},
    {"name", say_name},
    {"type", say_type},
    {"type:plain", say_type_plain},
    {"type:renamed", say_type_renamed},
    {"statement", say_statement},
    {"concurrently", say_concurrently},
    {"only", say_only},
    {"bounded", say_bounded},
    {"leaves:add", say_leaves_add},
    {"leaves:validate", say_leaves_validate},
    {"each:check", say_each_check},
    {"each:present", say_each_present},
    {"including", say_including},
    {"deferrable", say_deferrable},
    {"clause", say_clause},
    {"named", say_named},
    {"default", say_default},
    {"check", say_check},
    {"references", say_references},
    {"generated", say_generated},
    {"columns", say_columns},
    {"keykind", say_keykind},
    {"constraint", say_constraint},
    {"referenced", say_referenced},
    {"partition", say_partition},
    {"parent", say_parent},
    {"bound", say_bound},
    {"new", say_new},
    {"moved", say_moved},
    {"key", say_key},
    {"indexes", say_indexes},
    {"unless", say_unless},
    {"dependents", subject_uses_dependents},
    {"triggers", subject_uses_triggers},
    {"function_indexes", subject_uses_function_indexes},
    {"functions", subject_uses_functions},
};

/* {own:x} is TABLE_NAME_x, {col:x} NAME_x: names for what is new. */
static const char *made_name(struct arena *a, const struct subject *s,
                             const char *mark)
{
    const char *name = text_bare(a, say_name(a, s));
    bool whole = !s->cmd || strcmp(mark, "own:new") == 0 ||
                 (!s->column && !*node_str(s->cmd, "name"));

    if (strncmp(mark, "col:", 4) == 0)
        return subject_quoted(a, arena_printf(a, "%s_%s", name, mark + 4));
    if (strncmp(mark, "own:", 4) != 0)
        return NULL;
    if (whole)
        return subject_quoted(
            a, arena_printf(a, "%s_%s", text_bare(a, s->table), mark + 4));
    return subject_quoted(
        a, arena_printf(a, "%s_%s_%s", text_bare(a, s->table), name, mark + 4));
}

static const char *fill(struct arena *a, const struct subject *s,
                        const char *mark)
{
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strcmp(marks[i].mark, mark) == 0)
            return marks[i].say(a, s);
    return made_name(a, s, mark);
}

char *subject_say(struct arena *a, const struct subject *s,
                  const char *template)
{
    struct buf b;

    buf_init(&b);
    while (*template) {
        size_t n = *template == '{' ? strcspn(template, "}") : 0;
        const char *text =
            n ? fill(a, s, arena_strndup(a, template + 1, n - 1)) : NULL;
        if (!text) {
            buf_char(&b, *template ++);
            continue;
        }
        buf_str(&b, text);
        template += n + 1;
    }
    return buf_into(&b, a);
}
