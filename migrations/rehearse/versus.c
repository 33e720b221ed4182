#include "migrations/rehearse/versus.h"

#include <string.h>

#include "runner/base/duration.h"

struct side {
    struct versus *out;
    bool untold; /* one of them had no rows: no times, and nobody waits */
    struct arena *a;
    const char *migration;
    int line;
};

static void add(const struct side *s, const char *what, const char *before,
                const char *after)
{
    struct versus *out = s->out;

    out->list =
        arena_grow(s->a, out->list, out->n, out->n + 1, sizeof *out->list);
    out->list[out->n++] =
        (struct versus_change){s->migration, s->line, what, before, after};
}

/* ---- times ---- */

static bool differ(int64_t x, int64_t y)
{
    int64_t less = x < y ? x : y, more = x < y ? y : x;

    return more - less >= VERSUS_LEAST_MS &&
           more * 100 >= less * (100 + VERSUS_PERCENT);
}

static const char *span(struct arena *a, int64_t ms)
{
    char text[32];

    return arena_strdup(a, duration_text(ms, text, sizeof text));
}

static void compare_time(const struct side *s, const char *what, int64_t before,
                         int64_t after)
{
    if (!s->untold && differ(before, after))
        add(s, what, span(s->a, before), span(s->a, after));
}

/* ---- what a statement does ---- */

static const struct touched *touched_find(const struct rehearsed_statement *s,
                                          const char *relation)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->touched[i].relation, relation) == 0)
            return &s->touched[i];
    return NULL;
}

static const char *on(const struct side *s, const char *word, const char *name)
{
    return arena_printf(s->a, "%s on %s", word, name);
}

static void compare_flag(const struct side *s, const char *what,
                         const char *name, bool before, bool after)
{
    if (before != after)
        add(s, what, before ? name : "-", after ? name : "-");
}

/* before or after NULL: it did not touch it. */
static void compare_touch(const struct side *s, const struct touched *before,
                          const struct touched *after)
{
    static const struct touched none = {.lock = ""};
    const char *name = before ? before->relation : after->relation;

    before = before ? before : &none;
    after = after ? after : &none;
    if (strcmp(before->lock, after->lock) != 0)
        add(s, "lock", *before->lock ? on(s, before->lock, name) : "-",
            *after->lock ? on(s, after->lock, name) : "-");
    compare_flag(s, "rewrite", name, before->rewritten, after->rewritten);
    compare_flag(s, "scan", name, before->scanned, after->scanned);
}

static void compare_statement(const struct side *s,
                              const struct rehearsed_statement *before,
                              const struct rehearsed_statement *after)
{
    struct versus *out = s->out;

    compare_time(s, "time", before->likely, after->likely);
    for (size_t i = 0; i < before->n; i++)
        compare_touch(s, &before->touched[i],
                      touched_find(after, before->touched[i].relation));
    for (size_t i = 0; i < after->n; i++)
        if (!touched_find(before, after->touched[i].relation))
            compare_touch(s, NULL, &after->touched[i]);
    out->statements =
        arena_grow(s->a, out->statements, out->n_statements,
                   out->n_statements + 1, sizeof *out->statements);
    out->statements[out->n_statements++] = (struct versus_statement){
        s->migration, s->line, before->likely, after->likely};
}

/* ---- which statement is which ---- */

/* How many of that text stand before i. */
static size_t nth(const struct rehearsed *m, size_t i)
{
    size_t n = 0;

    for (size_t k = 0; k < i; k++)
        n += strcmp(m->up[k].text, m->up[i].text) == 0;
    return n;
}

static const struct rehearsed_statement *
same_in(const struct rehearsed *m, const struct rehearsed *other, size_t i)
{
    size_t left = nth(other, i);

    for (size_t k = 0; k < m->n; k++)
        if (strcmp(m->up[k].text, other->up[i].text) == 0 && left-- == 0)
            return &m->up[k];
    return NULL;
}

static void compare_way_back(const struct side *s, const struct rehearsed *x,
                             const struct rehearsed *y)
{
    static const char *const words[] = {"none", "leaves another schema",
                                        "undoes it"};
    int before = x->has_down ? 1 + x->down_ok : 0;
    int after = y->has_down ? 1 + y->down_ok : 0;

    if (before != after)
        add(s, "way back", words[before], words[after]);
    else if (before)
        compare_time(s, "way back", x->down_likely, y->down_likely);
}

static void compare_migration(const struct side *whole,
                              const struct rehearsed *before,
                              const struct rehearsed *after)
{
    struct side s = *whole;

    s.migration = after->name;
    for (size_t i = 0; i < before->n; i++) {
        s.line = before->up[i].line;
        if (!same_in(after, before, i))
            add(&s, "statement", before->up[i].text, "-");
    }
    for (size_t i = 0; i < after->n; i++) {
        const struct rehearsed_statement *was = same_in(before, after, i);

        s.line = after->up[i].line;
        if (was)
            compare_statement(&s, was, &after->up[i]);
        else
            add(&s, "statement", "-", after->up[i].text);
    }
    s.line = 0;
    compare_way_back(&s, before, after);
}

static const struct rehearsed *migration_find(const struct rehearsal *r,
                                              const char *name)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->list[i].name, name) == 0)
            return &r->list[i];
    return NULL;
}

static void compare_migrations(const struct side *whole,
                               const struct rehearsal *before,
                               const struct rehearsal *after)
{
    struct side s = *whole;

    for (size_t i = 0; i < before->n; i++) {
        s.migration = before->list[i].name;
        if (!migration_find(after, s.migration))
            add(&s, "migration", span(s.a, before->list[i].likely), "-");
    }
    for (size_t i = 0; i < after->n; i++) {
        const struct rehearsed *was =
            migration_find(before, after->list[i].name);

        s.migration = after->list[i].name;
        if (was)
            compare_migration(&s, was, &after->list[i]);
        else
            add(&s, "migration", "-", span(s.a, after->list[i].likely));
    }
}

/* ---- waits ---- */

static const struct table_wait *wait_find(const struct rehearsal *r,
                                          const char *table)
{
    for (size_t i = 0; i < r->waited; i++)
        if (strcmp(r->waits[i].table, table) == 0)
            return &r->waits[i];
    return NULL;
}

static const char *wait_text(struct arena *a, const struct table_wait *w)
{
    return arena_printf(a, "readers %s, writers %s", span(a, w->readers),
                        span(a, w->writers));
}

static void compare_wait(const struct side *whole, const struct table_wait *x,
                         const struct table_wait *y)
{
    static const struct table_wait none;
    const struct table_wait *before = x ? x : &none, *after = y ? y : &none;
    struct side s = *whole;

    s.migration = x ? x->table : y->table;
    if (!s.untold && (differ(before->readers, after->readers) ||
                      differ(before->writers, after->writers)))
        add(&s, "wait", wait_text(s.a, before), wait_text(s.a, after));
}

void versus(struct versus *out, struct arena *a, const struct rehearsal *before,
            const struct rehearsal *after)
{
    struct side s = {.out = out,
                     .untold = before->schema_only || after->schema_only,
                     .a = a,
                     .migration = ""};

    *out = (struct versus){0};
    if ((before->failed != NULL) != (after->failed != NULL))
        add(&s, "failed", before->failed ? before->failed : "-",
            after->failed ? after->failed : "-");
    compare_migrations(&s, before, after);
    for (size_t i = 0; i < before->waited; i++)
        compare_wait(&s, &before->waits[i],
                     wait_find(after, before->waits[i].table));
    for (size_t i = 0; i < after->waited; i++)
        if (!wait_find(before, after->waits[i].table))
            compare_wait(&s, NULL, &after->waits[i]);
    compare_time(&s, "time", before->likely, after->likely);
}

bool versus_same_names(const struct rehearsal *x, const struct rehearsal *y)
{
    if (x->n != y->n)
        return false;
    for (size_t i = 0; i < x->n; i++)
        if (!migration_find(y, x->list[i].name))
            return false;
    return true;
}

bool versus_shares(const struct rehearsal *x, const struct rehearsal *y)
{
    for (size_t i = 0; i < x->n; i++)
        if (migration_find(y, x->list[i].name))
            return true;
    return false;
}

/* ---- to JSON ---- */

static struct json *change_json(const struct versus_change *c)
{
    struct json *o = json_new_object();

    json_set_str(o, "of", c->migration);
    if (c->line)
        json_set_int(o, "line", c->line);
    json_set_str(o, "what", c->what);
    json_set_str(o, "before", c->before);
    json_set_str(o, "after", c->after);
    return o;
}

struct json *versus_to_json(const struct versus *v)
{
    struct json *o = json_new_object(), *changes = json_new_array();
    struct json *statements = json_new_array();

    for (size_t i = 0; i < v->n; i++)
        json_append(changes, change_json(&v->list[i]));
    json_set(o, "changes", changes);
    for (size_t i = 0; i < v->n_statements; i++) {
        const struct versus_statement *s = &v->statements[i];
        struct json *one = json_new_object();

        json_set_str(one, "migration", s->migration);
        json_set_int(one, "line", s->line);
        json_set_int(one, "before_ms", s->before);
        json_set_int(one, "after_ms", s->after);
        json_append(statements, one);
    }
    json_set(o, "statements", statements);
    return o;
}
