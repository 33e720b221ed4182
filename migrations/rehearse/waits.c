#include "migrations/rehearse/waits.h"

#include <string.h>

#include "runner/base/escape.h"

/* Reads need ACCESS SHARE, which only ACCESS EXCLUSIVE stops; writes need ROW
 * EXCLUSIVE, which SHARE and everything stronger stops. */
static bool stops_readers(enum lock_mode m)
{
    return m == LOCK_ACCESS_EXCLUSIVE;
}

bool waits_rows(const struct traced_touch *t)
{
    const struct relation *rel = t->relation;

    return t->changed > ESTIMATE_FEW_ROWS &&
           (relation_rows(rel) <= 0 || t->changed * 100 >= relation_rows(rel));
}

static bool stops_writers(const struct traced_touch *t)
{
    return t->lock >= LOCK_SHARE || waits_rows(t);
}

static struct table_wait *entry(struct waits *w, const char *table)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->list[i].table, table) == 0)
            return &w->list[i];
    w->list = arena_grow(w->arena, w->list, w->n, w->n + 1, sizeof *w->list);
    w->list[w->n] = (struct table_wait){.table = table, .migration = ""};
    return &w->list[w->n++];
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void note(struct waits *w, const struct relations *relations,
                 const struct traced_script *s, size_t i, size_t j,
                 int64_t span)
{
    const struct traced_statement *st = &s->statements[i];
    const struct traced_touch *t = &st->touched[j];
    const struct relation *rel = t->relation, *table;
    int64_t readers = stops_readers(t->lock) ? span : 0;
    int64_t writers = stops_writers(t) ? span : 0;
    struct table_wait *at;

    if (!readers && !writers)
        return;
    table = rel->table ? relations_find(relations, rel->table) : rel;
    at = entry(w, table ? table->name : rel->name);
    if (larger(readers, writers) > larger(at->readers, at->writers)) {
        at->by = arena_printf(w->arena, "%s:%d %s",
                              escape(w->arena, s->script->file),
                              st->statement->line, lock_mode_name(t->lock));
        at->migration = w->migration;
        at->line = st->statement->line;
    }
    at->readers = larger(at->readers, readers);
    at->writers = larger(at->writers, writers);
}

void waits_add(struct waits *w, const struct relations *relations,
               const struct traced_script *s, bool after)
{
    int64_t rest =
        s->script->transaction ? estimate_verify(s, w->grounds).high : 0;

    for (size_t i = s->n; i-- > 0;) {
        const struct traced_statement *st = &s->statements[i];
        struct estimate all = st->batches ? estimate_batch(st, w->grounds)
                                          : estimate_statement(st, w->grounds);
        int64_t high = all.high;
        rest += high;
        for (size_t j = 0; j < st->n; j++) {
            const struct traced_touch *t = &st->touched[j];
            int64_t span = rest;
            if (!traced_touch_matters(t, after))
                continue;
            if (!s->script->transaction && !st->batches)
                /* released when it ended, or before */
                span = st->ms ? high * t->held_ms / st->ms : high;
            note(w, relations, s, i, j, span);
        }
    }
}
