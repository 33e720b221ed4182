#include "migrations/lint/lint_missing.h"

#include <string.h>

#include "migrations/apply/backfill.h"
#include "migrations/hazards/subject_text.h"
#include "migrations/read/layout.h"
#include "migrations/server/catalog_there.h"

/* ---- tables ---- */

/* What may have made anything. */
static bool is_code(const struct node *stmt)
{
    static const char *const types[] = {
        "DoStmt",           "CallStmt",
        "SelectStmt",       "CreateExtensionStmt",
        "CreateSchemaStmt", "AlterObjectSchemaStmt",
        "VariableSetStmt",  "ImportForeignSchemaStmt"};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (node_is(stmt, types[i]))
            return !node_is(stmt, "VariableSetStmt") ||
                   strcmp(node_str(stmt, "name"), "search_path") == 0;
    return false;
}

static bool is_table(const struct node *stmt, const char *field)
{
    return strcmp(node_enum(stmt, field), "OBJECT_TABLE") == 0;
}

/* It fails without its table. */
static bool wants_table(const struct node *stmt)
{
    if (node_is(stmt, "AlterTableStmt"))
        return is_table(stmt, "objtype") && !node_bool(stmt, "missing_ok");
    if (node_is(stmt, "RenameStmt"))
        return (is_table(stmt, "rename_type") ||
                is_table(stmt, "relation_type")) &&
               !node_bool(stmt, "missing_ok");
    return node_is(stmt, "IndexStmt") || node_is(stmt, "InsertStmt") ||
           node_is(stmt, "UpdateStmt") || node_is(stmt, "DeleteStmt");
}

static const char *altered_key(struct arena *a, const char *table)
{
    return arena_printf(a, "altered %s", text_bare(a, table));
}

static bool made_before(const struct linter *l, const char *table)
{
    const char *bare = text_bare(l->scratch, table);

    return subject_made(&l->run->earlier, "relation", table) ||
           subject_made(&l->fresh, "relation", table) ||
           subject_made(&l->run->earlier, "table", bare);
}

static void say_missing(struct linter *l, int line, const char *table)
{
    struct finding *f = lint_add(l);

    f->line = line;
    f->level = l->run->code ? FINDING_WARNING : FINDING_ERROR;
    f->rule = "missing";
    f->what = arena_printf(l->a,
                           "the database has no table %s, and no file before "
                           "makes it: it fails",
                           table);
    if (l->run->code)
        f->worst = "code that runs before may make it";
    f->safer = "correct the name, or give the file that makes it, too";
}

/* Under its last name alone: the schema may be said at one place only. */
static void remember(struct linter *l, const struct node *stmt)
{
    struct fresh_set *made = &l->run->earlier.made;

    if (node_is(stmt, "CreateStmt"))
        fresh_put(l->a, made,
                  arena_printf(l->a, "table %s",
                               node_str(node_get(stmt, "relation"), "relname")),
                  true);
    if (node_is(stmt, "RenameStmt") && is_table(stmt, "rename_type"))
        fresh_put(l->a, made,
                  arena_printf(l->a, "table %s", node_str(stmt, "newname")),
                  true);
    if (node_is(stmt, "AlterTableStmt") || node_is(stmt, "IndexStmt"))
        fresh_put(
            l->a, made,
            altered_key(l->a, node_str(node_get(stmt, "relation"), "relname")),
            true);
}

void lint_missing(struct linter *l, const struct node *stmt)
{
    const struct node *range;
    const char *table;

    if (l->down || !l->run->catalog)
        return;
    l->run->code |= is_code(stmt) || l->path_line;
    range = wants_table(stmt) ? node_get(stmt, "relation") : NULL;
    if (node_is(range, "RangeVar")) {
        table = subject_relation(l->a, range);
        if (!made_before(l, table) &&
            catalog_there(l->run->catalog, "relation", table) == IS_NOT_THERE)
            say_missing(l, l->line, table);
    }
    remember(l, stmt);
}

/* ---- batches ---- */

static int line_of_batch(const struct script *s)
{
    return s->n ? s->statements[0].line : 1;
}

void lint_missing_batch(struct linter *l, const struct script *s)
{
    struct catalog *c = l->run->catalog;
    const struct batch *b = s->batch;
    const struct catalog_relation *r;
    struct backfill_key key;
    const char *table;
    struct err e;

    if (!c || !l->run->pg || l->down)
        return;
    table = subject_quoted(l->scratch, b->table);
    if (*b->schema)
        table = arena_printf(l->scratch, "%s.%s",
                             subject_quoted(l->scratch, b->schema), table);
    if (made_before(l, table) ||
        fresh_has(&l->run->earlier.made, altered_key(l->scratch, table)))
        return;
    r = catalog_relation(c, table);
    if (!r && catalog_there(c, "relation", table) == IS_NOT_THERE)
        say_missing(l, line_of_batch(s), arena_strdup(l->a, table));
    if (r &&
        !backfill_key_of(l->run->pg, l->scratch, s, r->self.name, &key, &e) &&
        e.code == ERR_INPUT)
        lint_add_error(l, line_of_batch(s), "batch", &e);
}

/* ---- names ---- */

/* Which tool's it is meant to be, and why; NULL: its name is a good one. */
static const char *misnamed(struct linter *l, const struct sql_file *file,
                            const struct layout **of)
{
    static const struct layout *const tools[] = {&layout_goose, &layout_dbmate,
                                                 &layout_golang_migrate};
    struct sql_file bare = *file;

    bare.name = layout_base(file->name);
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        *of = tools[i];
        if (tools[i]->mark && !layout_holds(file, tools[i]->mark))
            continue;
        if (layout_takes(l->scratch, tools[i], &bare))
            return NULL;
        /* numbers alone say nothing of a file by itself */
        return layout_meant(l->scratch, tools[i]->mark ? *of : &layout_sqitch,
                            &bare);
    }
    return NULL;
}

bool lint_missing_name(struct linter *l, const struct sql_file *file)
{
    const struct layout *of = &layout_tidegate;
    const char *why = l->run->stray;
    struct finding *f;

    if (!why && !l->run->named)
        why = misnamed(l, file, &of);
    if (!why)
        return true;
    f = lint_add(l);
    f->line = 1;
    f->level = FINDING_WARNING;
    f->rule = "name";
    f->what = arena_printf(l->a,
                           "no migration has such a name, so it is passed "
                           "over: %s",
                           why);
    f->safer = l->run->stray
                   ? "rename it as the others are, or move it out of the folder"
                   : arena_printf(l->a, "a name of the form %s", of->form);
    return !l->run->stray;
}
