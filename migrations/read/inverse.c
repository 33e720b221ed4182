#include "migrations/read/inverse.h"

#include <string.h>

#include "migrations/hazards/subject.h"

#define KEYS 32 /* commands of one ALTER TABLE, objects of one DROP */

/* What one statement makes, or drops, as keys; not all: something else too. */
struct keys {
    struct arena *a;
    const char *list[KEYS];
    size_t n;
    bool all;
};

static void add(struct keys *k, const char *key)
{
    if (!key || !*key || k->n == KEYS)
        k->all = false;
    else
        k->list[k->n++] = key;
}

static const char *part(struct keys *k, const char *kind,
                        const struct subject *s)
{
    return *s->name ? arena_printf(k->a, "%s %s.%s", kind, s->table, s->name)
                    : NULL;
}

static const char *of_command(struct keys *k, const struct subject *s,
                              const char *column, const char *constraint)
{
    const char *sub = node_enum(s->cmd, "subtype");

    return strcmp(sub, column) == 0       ? part(k, "column", s)
           : strcmp(sub, constraint) == 0 ? part(k, "constraint", s)
                                          : NULL;
}

static void made_by_command(const struct subject *s, void *arg)
{
    add(arg,
        s->cmd ? of_command(arg, s, "AT_AddColumn", "AT_AddConstraint") : NULL);
}

/* An index has its name without a schema where it is made. */
static void dropped(const struct subject *s, void *arg)
{
    struct keys *k = arg;

    if (s->cmd)
        add(k, of_command(k, s, "AT_DropColumn", "AT_DropConstraint"));
    else if (!node_is(s->stmt, "DropStmt"))
        add(k, NULL);
    else if (strcmp(node_enum(s->stmt, "remove_type"), "OBJECT_INDEX") == 0)
        add(k,
            arena_printf(k->a, "index %s", subject_last(s->object, "items")));
    else
        add(k, s->key);
}

static const struct node *tree_of(struct arena *a, const char *text)
{
    struct parse_failure failure;
    struct parsed parsed;

    return parser_parse(a, text, &parsed, &failure) && parsed.n == 1
               ? parsed.list[0].tree
               : NULL;
}

/* What it is about may have been there before it, by its name: nobody can tell
 * what it has made. Of an index that is built alone the journal can. A
 * temporary one hides another of its name. */
static bool may_have_been(const struct node *stmt)
{
    if (node_is(stmt, "IndexStmt") && node_bool(stmt, "concurrent"))
        return false;
    if (subject_perhaps(stmt) || subject_is_temporary(stmt))
        return true;
    for (size_t i = 0;
         node_is(stmt, "AlterTableStmt") && i < node_count(stmt, "cmds"); i++)
        if (subject_perhaps(node_item(stmt, "cmds", i)))
            return true;
    return false;
}

/* Is what this down drops just what that up has made? */
static bool undoes(struct arena *a, const struct node *up,
                   const struct keys *drops)
{
    struct keys makes = {.a = a, .all = true};
    struct fresh fresh = {0};
    size_t found = 0;

    if (!drops->all || drops->n == 0 || !up || may_have_been(up))
        return false;
    if (node_is(up, "IndexStmt") && *node_str(up, "idxname"))
        add(&makes, arena_printf(a, "index %s", node_str(up, "idxname")));
    else if (node_is(up, "AlterTableStmt"))
        subject_each(a, up, "", NULL, made_by_command, &makes);
    else if (drops->n == 1) {
        subject_remember(a, up, &fresh);
        return fresh_has(&fresh.made, drops->list[0]);
    }
    for (size_t i = 0; i < makes.n; i++)
        for (size_t k = 0; k < drops->n; k++)
            found += strcmp(makes.list[i], drops->list[k]) == 0;
    return makes.all && found == makes.n && found == drops->n;
}

static void look(const struct subject *s, void *arg)
{
    bool *leaves = arg;
    const char *sub = s->cmd ? node_enum(s->cmd, "subtype") : "";

    /* a partition would go with the table that it was attached to */
    *leaves |= strcmp(sub, "AT_AttachPartition") == 0 ||
               (!s->fresh && strcmp(sub, "AT_ValidateConstraint") != 0);
}

/* Whether something is left of it that its own undoing must take away. */
static bool leaves_traces(struct arena *a, const struct node *up,
                          const struct fresh *made)
{
    bool leaves = false;

    if (node_is(up, "VariableSetStmt") || node_is(up, "VacuumStmt"))
        return false;
    if (!node_is(up, "AlterTableStmt") && !node_is(up, "IndexStmt") &&
        !node_is(up, "CommentStmt") &&
        (!node_is(up, "InsertStmt") || node_get(up, "with_clause")))
        return true;
    subject_each(a, up, "", made, look, &leaves);
    return leaves;
}

static bool builds(const struct node *stmt, const char *index)
{
    return node_is(stmt, "IndexStmt") && !node_bool(stmt, "if_not_exists") &&
           strcmp(node_str(stmt, "idxname"), index) == 0;
}

/* USING INDEX of one that this file has not built: it would go with the
 * constraint. ups: those before it. */
static bool takes_index(const struct node *stmt, const struct node *const *ups,
                        size_t n)
{
    size_t cmds =
        node_is(stmt, "AlterTableStmt") ? node_count(stmt, "cmds") : 0;

    for (size_t i = 0; i < cmds; i++) {
        const struct node *def = node_get(node_item(stmt, "cmds", i), "def");
        const char *index =
            node_is(def, "Constraint") ? node_str(def, "indexname") : "";
        bool built = !*index;

        for (size_t k = 0; k < n && !built; k++)
            built = ups[k] && builds(ups[k], index);
        if (!built)
            return true;
    }
    return false;
}

static const struct node **trees(struct arena *a, const struct script *s)
{
    const struct node **list = arena_array(a, s->n, sizeof *list);

    for (size_t i = 0; i < s->n; i++)
        list[i] = tree_of(a, s->statements[i].text);
    return list;
}

/* One of several that make what has that name might be any of them. */
static int undone_by(struct arena *a, const struct node *down,
                     const struct node *const *ups, size_t n)
{
    struct keys drops = {.a = a, .all = true};
    int found = INVERSE_NONE;
    size_t times = 0;

    if (!down)
        return INVERSE_NONE;
    if (node_is(down, "VariableSetStmt"))
        return INVERSE_ALL;
    subject_each(a, down, "", NULL, dropped, &drops);
    for (size_t i = 0; i < n; i++)
        if (undoes(a, ups[i], &drops)) {
            found = takes_index(ups[i], ups, i) ? INVERSE_NONE : (int)i;
            times++;
        }
    return times == 1 ? found : INVERSE_NONE;
}

/* Two that undo the same would undo it twice: one of them is about another
 * object of that name. */
static void once_each(int *undoes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool twice = false;

        for (size_t k = i + 1; undoes[i] >= 0 && k < n; k++)
            if (undoes[k] == undoes[i]) {
                undoes[k] = INVERSE_NONE;
                twice = true;
            }
        if (twice)
            undoes[i] = INVERSE_NONE;
    }
}

void inverse_find(struct inverse *out, struct arena *a, const struct script *up,
                  const struct script *down)
{
    struct fresh made = {0};
    struct arena own; /* trees are large */

    arena_init(&own);
    const struct node **ups = trees(&own, up), **downs = trees(&own, down);

    out->undoes = arena_array(a, down->n, sizeof *out->undoes);
    out->traces = arena_array(a, up->n, sizeof *out->traces);
    for (size_t i = 0; i < up->n; i++) {
        out->traces[i] = !ups[i] || leaves_traces(&own, ups[i], &made);
        if (ups[i] && !may_have_been(ups[i]))
            subject_remember(&own, ups[i], &made);
    }
    for (size_t i = 0; i < down->n; i++)
        out->undoes[i] = undone_by(&own, downs[i], ups, up->n);
    once_each(out->undoes, down->n);
    arena_release(&own);
}
