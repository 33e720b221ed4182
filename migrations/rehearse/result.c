#include "migrations/rehearse/result.h"

#include <string.h>

#include "migrations/lint/lint.h"
#include "migrations/rehearse/waits.h"
#include "runner/base/duration.h"
#include "runner/base/escape.h"

#define TEXT_LIMIT 200
/* Below this a relation says nothing about how small the clone is. */
#define SHARE_LEAST_BYTES ((int64_t)8 * 1024 * 1024)
/* A clone under 1 % of production is too small to tell. */
#define SHARE_LEAST 0.01

/* The first bytes of a statement, in its own lines, no character cut. */
static const char *excerpt(struct arena *a, const char *text)
{
    size_t len = strlen(text);
    struct buf b;

    if (len > TEXT_LIMIT) {
        len = TEXT_LIMIT;
        while (len && (text[len] & 0xC0) == 0x80)
            len--;
    }
    buf_init(&b);
    escape_to(&b, text, len, true);
    return buf_into(&b, a);
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

/* A way around is worth telling where a table is rewritten or its writers
 * wait. */
static bool hurts(const struct traced_statement *s, bool after)
{
    for (size_t i = 0; i < s->n; i++)
        if (traced_touch_matters(&s->touched[i], after) &&
            (s->touched[i].rewritten || s->touched[i].took >= LOCK_SHARE ||
             waits_rows(&s->touched[i])))
            return true;
    return false;
}

static struct rehearsed_phase *phases_of(struct arena *a,
                                         const struct traced_statement *s)
{
    struct rehearsed_phase *out = arena_array(a, s->n_phases, sizeof *out);

    for (size_t i = 0; i < s->n_phases; i++)
        out[i] = (struct rehearsed_phase){.name = escape(a, s->phases[i].name),
                                          .ms = s->phases[i].ms};
    return out;
}

/* Whether it has to do with rows, on a clone that has none. */
static bool is_untold(const struct passes *p, const struct traced_statement *s)
{
    static const char *const kinds[] = {"UPDATE",
                                        "DELETE",
                                        "INSERT",
                                        "MERGE",
                                        "COPY",
                                        "SELECT",
                                        "WITH",
                                        "CALL",
                                        "DO",
                                        "EXECUTE",
                                        "VACUUM",
                                        "ANALYZE",
                                        "REFRESH",
                                        "REINDEX",
                                        "CLUSTER",
                                        "CREATE TABLE AS",
                                        "CREATE MATERIALIZED VIEW",
                                        "CREATE INDEX"};
    const char *kind = s->statement->kind;
    bool untold = s->batches || estimate_work(s) != WORK_CATALOG;

    for (size_t i = 0; i < s->n; i++)
        untold |= s->touched[i].rewritten || s->touched[i].scanned;
    for (size_t i = 0; kind && i < sizeof kinds / sizeof *kinds; i++)
        untold |= strncmp(kind, kinds[i], strlen(kinds[i])) == 0;
    return p->schema_only && untold;
}

static struct rehearsed_statement
statement_of(const struct passes *p, const struct traced_script *script,
             size_t i, bool after)
{
    const struct traced_statement *s = &script->statements[i];
    struct arena *a = p->trace.arena;
    struct estimate est = estimate_statement(s, &p->grounds);
    struct rehearsed_statement out = {
        .number = (int)i + 1,
        .line = s->statement->line,
        .text = excerpt(a, s->statement->text),
        .ms = s->ms,
        .rows = s->rows,
        .wal_bytes = s->wal_bytes,
        .temp_bytes = s->temp_bytes,
        .phases = phases_of(a, s),
        .n_phases = s->n_phases,
        .low = est.low,
        .likely = est.likely,
        .high = est.high,
        .untold = is_untold(p, s),
        .scaled = est.scaled,
        .work = est.work,
        .runs = est.runs,
        .cold = est.cold,
        .spills = est.spills,
        .safer =
            hurts(s, after) ? lint_safer(a, s->statement, p->catalog) : NULL,
    };

    out.touched = touched_of(a, s, after, &out.n);
    return out;
}

static struct rehearsed_statement *
statements_of(const struct passes *p, const struct traced_script *script,
              bool after, struct estimate *sum)
{
    struct rehearsed_statement *out =
        arena_array(p->trace.arena, script->n, sizeof *out);

    *sum = (struct estimate){0};
    for (size_t i = 0; i < script->n; i++) {
        out[i] = statement_of(p, script, i, after);
        sum->low += out[i].low;
        sum->likely += out[i].likely;
        sum->high += out[i].high;
    }
    return out;
}

static bool any_untold(const struct rehearsed_statement *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].untold)
            return true;
    return false;
}

static void escape_tables(struct arena *a, const struct waits *w)
{
    for (size_t i = 0; i < w->n; i++)
        w->list[i].table = escape(a, w->list[i].table);
}

static void fill_down(struct rehearsed *out, struct arena *a,
                      const struct passes *p, const struct pass *at)
{
    struct waits waits = {
        .arena = a, .grounds = &p->grounds, .migration = at->migration->name};
    struct estimate sum;

    out->down_low = out->down_likely = out->down_high = -1;
    if (!at->migration->has_down)
        return;
    out->down = statements_of(p, &at->down, at->migration->after, &sum);
    out->n_down = at->down.n;
    out->down_untold = any_untold(out->down, out->n_down);
    out->down_ms = at->down.ms;
    out->down_batches = batches_of(a, &at->down, &p->grounds);
    out->down_low = sum.low;
    out->down_likely = sum.likely;
    out->down_high = sum.high;
    if (at->down_ran)
        waits_add(&waits, &p->trace.relations, &at->down, at->migration->after);
    escape_tables(a, &waits);
    out->down_waits = waits.list;
    out->n_down_waits = waits.n;
    for (size_t i = 0; i < at->n_loses; i++)
        at->loses[i] = escape(a, at->loses[i]);
    out->loses = at->loses;
    out->n_loses = at->n_loses;
}

static struct rehearsed rehearsed_of(const struct passes *p,
                                     const struct pass *at)
{
    struct arena *a = p->trace.arena;
    const struct migration *m = at->migration;
    struct estimate sum, asked;
    struct rehearsed out = {
        .name = m->name,
        .after = m->after,
        .transaction = m->up.transaction,
        .up = statements_of(p, &at->up, m->after, &sum),
        .n = at->up.n,
        .up_ms = at->up.ms,
        .verified = m->up.verify && at->up_ran,
        .batches = batches_of(a, &at->up, &p->grounds),
        .temp_bytes = at->up.temp_bytes,
        .has_down = m->has_down,
        .down_ok = at->down_ok,
        .differs = at->differs,
        .breaks = at->breaks ? escape(a, at->breaks) : NULL,
        .invalid = at->up.invalid,
        .n_invalid = at->up.n_invalid,
    };

    out.untold = any_untold(out.up, out.n) || (p->schema_only && out.verified);
    asked = estimate_verify(&at->up, &p->grounds);
    estimate_add(&sum, &asked);
    out.low = sum.low;
    out.likely = sum.likely;
    out.high = sum.high;
    for (size_t i = 0; i < at->up.n_invalid; i++)
        at->up.invalid[i] = escape(a, at->up.invalid[i]);
    fill_down(&out, a, p, at);
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

/* ---- what the estimates were made for ---- */

static bool is_listed(const struct basis_table *list, size_t n,
                      const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0)
            return true;
    return false;
}

static void add_tables(const struct passes *p, const struct traced_statement *s,
                       struct basis_table **list, size_t *n)
{
    bool by_rows;

    for (size_t i = 0; i < s->n; i++) {
        const struct relation *rel = s->touched[i].relation;

        if (rel->born || rel->production_bytes < 0 ||
            !estimate_grows(s, &s->touched[i], &by_rows) ||
            is_listed(*list, *n, rel->name))
            continue;
        *list = arena_grow(p->trace.arena, *list, *n, *n + 1, sizeof **list);
        (*list)[(*n)++] = (struct basis_table){rel->name, rel->production_bytes,
                                               rel->production_rows};
    }
}

const struct basis_table *result_tables(const struct passes *p, size_t *n)
{
    struct basis_table *list = NULL;

    *n = 0;
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->list[i].up.n; k++)
            add_tables(p, &p->list[i].up.statements[k], &list, n);
    return list;
}

void result_fill(struct rehearsal *out, const struct passes *p,
                 struct buf *warnings)
{
    struct arena *a = p->trace.arena;
    struct rehearsed *list = arena_array(a, p->n, sizeof *list);
    struct waits waits = {.arena = a, .grounds = &p->grounds};

    *out = (struct rehearsal){.list = list, .failed = p->failed};
    for (size_t i = 0; i < p->n; i++) {
        const struct pass *at = &p->list[i];
        if (!at->migration)
            continue;
        list[out->n] = rehearsed_of(p, at);
        out->low += list[out->n].low;
        out->likely += list[out->n].likely;
        out->high += list[out->n].high;
        out->n++;
        waits.migration = at->migration->name;
        if (at->up_ran)
            waits_add(&waits, &p->trace.relations, &at->up,
                      at->migration->after);
    }
    escape_tables(a, &waits);
    out->waits = waits.list;
    out->waited = waits.n;
    out->clone_share = share_of(p, warnings);
}
