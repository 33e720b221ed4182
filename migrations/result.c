#include "migrations/result.h"

#include <string.h>

#include "migrations/lint.h"
#include "migrations/waits.h"
#include "runner/base/duration.h"
#include "runner/base/escape.h"

#define TEXT_LIMIT 200
/* Below this a relation says nothing about how small the clone is. */
#define SHARE_LEAST_BYTES ((int64_t)8 * 1024 * 1024)
/* A clone under 1 % of production is too small to tell. */
#define SHARE_LEAST 0.01

/* The first bytes of a statement, on one line, no character cut. */
static const char *excerpt(struct arena *a, const char *text)
{
    size_t len = strlen(text);

    if (len > TEXT_LIMIT) {
        len = TEXT_LIMIT;
        while (len && (text[len] & 0xC0) == 0x80)
            len--;
    }
    return escape(a, arena_strndup(a, text, len));
}

static struct touched *touched_of(struct arena *a,
                                  const struct traced_statement *s, bool after,
                                  size_t *n)
{
    struct touched *out = arena_array(a, s->n, sizeof *out);

    *n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct traced_touch *t = &s->touched[i];
        bool by_rows = false;
        if (!traced_touch_matters(t, after))
            continue;
        estimate_grows(s, t, &by_rows);
        out[(*n)++] = (struct touched){
            .relation = escape(a, t->relation->name),
            .lock = lock_mode_name(t->lock),
            .held_ms = t->held_ms,
            .rewritten = t->rewritten,
            .scanned = t->scanned && !t->rewritten,
            .rows = t->relation->rows,
            .bytes = t->relation->bytes,
            .ratio = relation_ratio(t->relation, by_rows),
        };
    }
    return out;
}

/* A way around is worth telling where a table is rewritten or its writers are
 * shut out. */
static bool hurts(const struct traced_statement *s, bool after)
{
    for (size_t i = 0; i < s->n; i++)
        if (traced_touch_matters(&s->touched[i], after) &&
            (s->touched[i].rewritten || s->touched[i].lock >= LOCK_SHARE))
            return true;
    return false;
}

static struct rehearsed_statement statement_of(struct arena *a,
                                               const struct pass *p, size_t i)
{
    const struct traced_statement *s = &p->up.statements[i];
    bool after = p->migration->after;
    struct estimate est = estimate_statement(s);
    struct rehearsed_statement out = {
        .number = (int)i + 1,
        .line = s->statement->line,
        .text = excerpt(a, s->statement->text),
        .ms = s->ms,
        .rows = s->rows,
        .wal_bytes = s->wal_bytes,
        .low = est.low,
        .likely = est.likely,
        .high = est.high,
        .safer = hurts(s, after) ? lint_safer(a, s->statement) : NULL,
    };

    out.touched = touched_of(a, s, after, &out.n);
    return out;
}

static int64_t high_of(const struct traced_script *s)
{
    struct estimate sum = {0};

    for (size_t i = 0; i < s->n; i++) {
        struct estimate one = estimate_statement(&s->statements[i]);
        estimate_add(&sum, &one);
    }
    return sum.high;
}

static struct rehearsed rehearsed_of(struct arena *a, const struct pass *p)
{
    const struct migration *m = p->migration;
    struct rehearsed_statement *up = arena_array(a, p->up.n, sizeof *up);
    struct rehearsed out = {
        .name = m->name,
        .after = m->after,
        .transaction = m->up.transaction,
        .up = up,
        .n = p->up.n,
        .up_ms = p->up.ms,
        .batches = batches_of(a, p->up.batches),
        .down_ms = p->down.ms,
        .down_high = m->has_down ? high_of(&p->down) : -1,
        .has_down = m->has_down,
        .down_ok = p->down_ok,
        .differs = p->differs,
    };

    for (size_t i = 0; i < p->up.n; i++) {
        up[i] = statement_of(a, p, i);
        out.low += up[i].low;
        out.likely += up[i].likely;
        out.high += up[i].high;
    }
    return out;
}

/* ---- how much of production the clone is ---- */

static void warn_small(struct arena *a, struct buf *warnings,
                       const struct relation *rel)
{
    char clone[32], production[32];
    const char *line = arena_printf(
        a,
        "%s has %s on the clone and %s in production: too little to tell how "
        "long it takes\n",
        escape(a, rel->name), bytes_text(rel->bytes, clone, sizeof clone),
        bytes_text(rel->production_bytes, production, sizeof production));

    if (!strstr(warnings->data, line))
        buf_str(warnings, line);
}

/* The share of the relation that the clone holds least of, among those that
 * were worked on; the whole database's where it is less. */
static void worked_on(const struct passes *p, const struct traced_statement *s,
                      double *share, struct buf *warnings)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct relation *rel = s->touched[i].relation;
        bool by_rows;
        double part;
        if (rel->born || rel->production_bytes < SHARE_LEAST_BYTES ||
            !estimate_grows(s, &s->touched[i], &by_rows))
            continue;
        part = (double)rel->bytes / (double)rel->production_bytes;
        if (part < SHARE_LEAST)
            warn_small(p->trace.arena, warnings, rel);
        if (part < *share)
            *share = part;
    }
}

static double share_of(const struct passes *p, struct buf *warnings)
{
    const struct relations *r = &p->trace.relations;
    double share = 1;

    if (r->production_bytes >= SHARE_LEAST_BYTES)
        share = (double)r->bytes / (double)r->production_bytes;
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->list[i].up.n; j++)
            worked_on(p, &p->list[i].up.statements[j], &share, warnings);
    return share;
}

void result_fill(struct rehearsal *out, const struct passes *p,
                 struct buf *warnings)
{
    struct arena *a = p->trace.arena;
    struct rehearsed *list = arena_array(a, p->n, sizeof *list);
    struct waits waits = {.arena = a};

    *out = (struct rehearsal){.list = list, .failed = p->failed};
    for (size_t i = 0; i < p->n; i++) {
        const struct pass *at = &p->list[i];
        if (!at->migration)
            continue;
        list[out->n] = rehearsed_of(a, at);
        out->low += list[out->n].low;
        out->likely += list[out->n].likely;
        out->high += list[out->n].high;
        out->n++;
        if (at->up_ran)
            waits_add(&waits, &p->trace.relations, &at->up,
                      at->migration->after);
    }
    for (size_t i = 0; i < waits.n; i++)
        waits.list[i].table = escape(a, waits.list[i].table);
    out->waits = waits.list;
    out->waited = waits.n;
    out->clone_share = share_of(p, warnings);
}
