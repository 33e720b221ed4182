#include "migrations/lint/lint_locks.h"

#include <string.h>

#include "migrations/hazards/hazards.h"
#include "migrations/lint/lint_touch.h"

struct reader {
    struct lint_locks *out;
    struct arena *a, *scratch;
    struct catalog *catalog;
    struct fresh fresh;
    const struct script *script;
    int at; /* of the statement in hand, from 0 */
};

static void put(struct reader *r, const char *relation, enum lock_mode lock)
{
    struct lint_locks *out = r->out;

    for (size_t i = 0; i < out->n; i++)
        if (strcmp(out->list[i].relation, relation) == 0) {
            if (lock > out->list[i].lock) {
                out->list[i].lock = lock;
                out->list[i].statement = r->at + 1;
            }
            return;
        }
    out->list =
        arena_grow(r->a, out->list, out->n, out->n + 1, sizeof *out->list);
    out->list[out->n++] =
        (struct lint_lock){arena_strdup(r->a, relation), lock, r->at + 1};
}

static void unread(struct reader *r)
{
    const struct statement *s = &r->script->statements[r->at];

    if (!r->out->unread)
        r->out->unread =
            arena_printf(r->a, "%s:%d: %s", r->script->file, s->line, s->kind);
}

/* The rows of hazards speak of what may hurt; these never do, but must have
 * their lock. */
static void put_plain(struct reader *r, const struct subject *s)
{
    const struct catalog_relation *table;

    if (!node_is(s->stmt, "InsertStmt") && !node_is(s->stmt, "CopyStmt"))
        return;
    table =
        *s->table && !s->fresh ? catalog_relation(r->catalog, s->table) : NULL;
    if (table)
        put(r, table->self.name, LOCK_ROW_EXCLUSIVE);
}

static void weigh(const struct subject *s, void *arg)
{
    struct reader *r = arg;
    struct touches t;

    put_plain(r, s);
    for (const struct hazard *h = NULL; (h = hazards_next(s, h));) {
        if (strcmp(h->rule, "unknown") == 0)
            unread(r);
        touches_of(&t, r->scratch, s, h);
        for (size_t i = 0; i < t.n; i++)
            if (t.list[i].named)
                put(r, t.list[i].relation, t.list[i].lock);
    }
}

static void read_statement(struct reader *r)
{
    const struct statement *s = &r->script->statements[r->at];
    struct parse_failure ignored;
    struct parsed parsed;

    if (s->unparsed || !parser_parse(r->scratch, s->text, &parsed, &ignored) ||
        parsed.n != 1) {
        unread(r);
        return;
    }
    subject_each_with(r->scratch, parsed.list[0].tree, s->text, &r->fresh,
                      r->catalog, weigh, r);
    subject_remember(r->scratch, parsed.list[0].tree, &r->fresh);
}

void lint_locks_read(struct lint_locks *out, struct arena *a,
                     const struct script *s, struct catalog *catalog)
{
    struct arena scratch;
    struct err e = {0};
    struct reader r = {.out = out,
                       .a = a,
                       .scratch = &scratch,
                       .catalog = catalog,
                       .script = s};

    *out = (struct lint_locks){0};
    arena_init(&scratch);
    for (r.at = 0; r.at < (int)s->n; r.at++)
        if (catalog)
            read_statement(&r);
        else
            unread(&r);
    if (catalog && !out->unread && catalog_failed(catalog, &e))
        out->unread = arena_printf(a, "%s: %s", s->file, e.why);
    arena_release(&scratch);
}
