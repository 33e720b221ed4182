#include "runner/command/rehearsal_text.h"

#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/duration.h"
#include "runner/command/estimate_text.h"

#define EXCERPT 60 /* bytes of a statement that are shown */

/* Columns that are left out where nothing stands in them. */
struct shown {
    bool rows, wal, temp, text;
};

static const char *span(struct arena *a, int64_t ms)
{
    char text[32];

    return arena_strdup(a, duration_text(ms, text, sizeof text));
}

char *rehearsal_text_line(struct arena *a, const char *sql)
{
    struct buf b;
    size_t len;

    buf_init(&b);
    for (sql += strspn(sql, " \n\t"); *sql; sql += len) {
        len = strcspn(sql, " \n\t");
        buf_printf(&b, "%s%.*s", b.len ? " " : "", (int)len, sql);
        len += strspn(sql + len, " \n\t");
    }
    if (b.len > EXCERPT) {
        len = EXCERPT;
        while ((b.data[len] & 0xC0) == 0x80)
            len--;
        b.data[len] = '\0';
        b.len = len;
        buf_str(&b, "...");
    }
    return buf_into(&b, a);
}

static const char *size(struct arena *a, int64_t bytes)
{
    char text[32];

    return bytes > 0 ? arena_strdup(a, bytes_text(bytes, text, sizeof text))
                     : "-";
}

static const char *range(struct arena *a, int64_t low, int64_t high)
{
    return arena_printf(a, "%s to %s", span(a, low), span(a, high));
}

/* What has to do with rows cannot be told from a clone without any. */
static const char *production(struct arena *a,
                              const struct rehearsed_statement *s)
{
    return s->untold ? "not told" : range(a, s->low, s->high);
}

/* ---- statements ---- */

static const char *effects(struct arena *a, const struct touched *t)
{
    return arena_printf(a, "%s%s%s", t->lock, t->rewritten ? ", rewritten" : "",
                        t->scanned ? ", scanned" : "");
}

static struct shown look(const struct output *out, const struct rehearsal *r)
{
    struct shown shown = {.text = out->verbose > 0};

    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->list[i].n; k++) {
            const struct rehearsed_statement *s = &r->list[i].up[k];
            shown.rows |= s->rows > 0;
            shown.wal |= s->wal_bytes > 0;
            shown.temp |= s->temp_bytes > 0;
        }
    return shown;
}

static void head(struct table *table, struct arena *a, const struct shown *s)
{
    const char *names[11];
    size_t n = 0;

    names[n++] = "STATEMENT";
    names[n++] = "ON CLONE";
    names[n++] = "IN PRODUCTION";
    if (s->rows)
        names[n++] = "ROWS";
    if (s->wal)
        names[n++] = "WAL";
    if (s->temp)
        names[n++] = "TEMP";
    names[n++] = "RELATION";
    names[n++] = "HELD";
    names[n++] = "LOCK";
    if (s->text)
        names[n++] = "TEXT";
    names[n] = NULL;
    table_init(table, a, names);
}

static const char *count(struct arena *a, int64_t rows)
{
    return rows > 0 ? arena_printf(a, "%lld", (long long)rows) : "-";
}

/* The first line of a statement has its figures, the next ones more of the
 * relations that it touched. */
static void statement(struct table *table, struct arena *a,
                      const struct shown *shown, const struct rehearsed *m,
                      const struct rehearsed_statement *s)
{
    for (size_t i = 0; i < (s->n ? s->n : 1); i++) {
        const struct touched *on = s->n ? &s->touched[i] : NULL;

        table_cell(table, "%s",
                   i == 0 ? arena_printf(a, "%s:%d", m->name, s->line) : "");
        table_cell(table, "%s", i == 0 ? span(a, s->ms) : "");
        table_cell(table, "%s", i == 0 ? production(a, s) : "");
        if (shown->rows)
            table_cell(table, "%s", i == 0 ? count(a, s->rows) : "");
        if (shown->wal)
            table_cell(table, "%s", i == 0 ? size(a, s->wal_bytes) : "");
        if (shown->temp)
            table_cell(table, "%s", i == 0 ? size(a, s->temp_bytes) : "");
        table_cell(table, "%s", on ? on->relation : "-");
        table_cell(table, "%s", on ? span(a, on->held_ms) : "-");
        table_cell(table, "%s", on ? effects(a, on) : "-");
        if (shown->text)
            table_cell(table, "%s",
                       i == 0 ? rehearsal_text_line(a, s->text) : "");
    }
}

/* A migration of several: from BEGIN to the end of COMMIT. */
static void migration(struct table *table, struct arena *a,
                      const struct shown *shown, const struct rehearsed *m)
{
    int64_t rows = 0, wal = 0;

    for (size_t k = 0; k < m->n; k++) {
        rows += m->up[k].rows;
        wal += m->up[k].wal_bytes;
    }
    table_cell(table, "%s", m->name);
    table_cell(table, "%s", span(a, m->up_ms));
    table_cell(table, "%s", m->untold ? "not told" : range(a, m->low, m->high));
    if (shown->rows)
        table_cell(table, "%s", count(a, rows));
    if (shown->wal)
        table_cell(table, "%s", size(a, wal));
    if (shown->temp)
        table_cell(table, "%s", size(a, m->temp_bytes));
    table_cell(table, "%s", "all of it");
    table_cell(table, "%s", "");
    table_cell(table, "%s", "");
    if (shown->text)
        table_cell(table, "%s", "");
}

static void statements(struct output *out, struct arena *a,
                       const struct rehearsal *r)
{
    struct shown shown = look(out, r);
    struct table table;

    head(&table, a, &shown);
    for (size_t i = 0; i < r->n; i++) {
        for (size_t k = 0; k < r->list[i].n; k++)
            statement(&table, a, &shown, &r->list[i], &r->list[i].up[k]);
        if (r->list[i].n > 1)
            migration(&table, a, &shown, &r->list[i]);
    }
    table_print(out, &table);
}

/* "0003_x:1 waiting for writers before build 4 ms, building index: ..." */
static void phases(struct output *out, struct arena *a,
                   const struct rehearsed *m)
{
    for (size_t k = 0; k < m->n; k++) {
        const struct rehearsed_statement *s = &m->up[k];
        const char *text = "";
        for (size_t i = 0; i < s->n_phases; i++)
            text = arena_printf(a, "%s%s%s %s", text, i ? ", " : "",
                                s->phases[i].name, span(a, s->phases[i].ms));
        if (s->n_phases)
            output_text(out, "%s:%d phases: %s\n", m->name, s->line, text);
    }
}

static void batches(struct output *out, struct arena *a,
                    const struct rehearsed *m)
{
    const struct rehearsed_batches *b = m->batches;

    if (!b)
        return;
    if (m->untold) {
        output_text(out,
                    "%s: batches of up to %lld rows: how many and how long is "
                    "not told by a clone without rows\n",
                    m->name, (long long)b->size);
        return;
    }
    output_text(out,
                "%s: %lld batches of up to %lld rows, %lld rows: median %s, "
                "95 %% %s, longest %s; in production up to %s each, %s in "
                "all; it may pause between them\n",
                m->name, (long long)b->n, (long long)b->size,
                (long long)b->rows, span(a, b->median_ms), span(a, b->p95_ms),
                span(a, b->longest_ms), span(a, b->high), span(a, m->likely));
}

/* ---- who waits ---- */

static const char *up_to(struct arena *a, int64_t ms, bool untold)
{
    if (!ms)
        return "no";
    return untold ? "not told" : arena_printf(a, "up to %s", span(a, ms));
}

static void waits(struct output *out, struct arena *a, const char *of,
                  const struct table_wait *list, size_t n, bool untold)
{
    const char *const names[] = {of, "READERS WAIT", "WRITERS WAIT",
                                 "BECAUSE OF", NULL};
    struct table table;

    if (n == 0)
        return;
    output_text(out, "\n");
    table_init(&table, a, names);
    for (size_t i = 0; i < n; i++) {
        table_cell(&table, "%s", list[i].table);
        table_cell(&table, "%s", up_to(a, list[i].readers, untold));
        table_cell(&table, "%s", up_to(a, list[i].writers, untold));
        table_cell(&table, "%s", list[i].by);
    }
    table_print(out, &table);
}

/* ---- the way back ---- */

static void indented(struct output *out, const char *lines)
{
    while (*lines) {
        int len = (int)strcspn(lines, "\n");
        output_style(out, STYLE_WARN, "    %.*s\n", len, lines);
        lines += len + (lines[len] != 0);
    }
}

/* "public.t: readers wait up to 2 s, writers up to 3 s" */
static const char *wait_of(struct arena *a, const struct table_wait *w)
{
    if (!w->readers)
        return arena_printf(a, "%s: writers wait up to %s", w->table,
                            span(a, w->writers));
    return arena_printf(a, "%s: readers wait up to %s, writers up to %s",
                        w->table, span(a, w->readers), span(a, w->writers));
}

static void cost(struct output *out, struct arena *a, const struct rehearsed *m)
{
    output_text(out, "    going back takes %s on the clone, %s in production\n",
                span(a, m->down_ms),
                m->down_untold ? "not told"
                               : range(a, m->down_low, m->down_high));
    for (size_t i = 0; !m->down_untold && i < m->n_down_waits; i++)
        output_text(out, "    %s\n", wait_of(a, &m->down_waits[i]));
}

static void way_back(struct output *out, struct arena *a,
                     const struct rehearsed *m)
{
    if (!m->has_down) {
        output_text(out, "%s: no way back (no down)\n", m->name);
        return;
    }
    if (m->down_ok)
        output_text(out, "%s: up,%s down, schema equal%s, up again\n", m->name,
                    m->verified ? " verified," : "",
                    m->differs ? " but for what follows" : ", data equal");
    else
        output_style(out, STYLE_WARN,
                     "%s: its down does not give back what was there\n",
                     m->name);
    if (m->differs)
        indented(out, m->differs);
    cost(out, a, m);
    for (size_t i = 0; i < m->n_loses; i++)
        output_text(out, "    going back throws away %s\n", m->loses[i]);
}

/* ---- all of it ---- */

static void invalid(struct output *out, const struct rehearsed *m)
{
    for (size_t i = 0; i < m->n_invalid; i++)
        output_style(out, STYLE_BAD, "%s leaves an INVALID index: %s\n",
                     m->name, m->invalid[i]);
}

static void breaks(struct output *out, const struct rehearsed *m)
{
    if (m->breaks)
        output_style(out, STYLE_BAD,
                     "%s: the old code would not run with it: %s\n", m->name,
                     m->breaks);
}

static void warnings(struct output *out, const char *lines)
{
    while (lines && *lines) {
        int len = (int)strcspn(lines, "\n");
        output_style(out, STYLE_WARN, "warning: %.*s\n", len, lines);
        lines += len + (lines[len] != 0);
    }
}

static void total(struct output *out, struct arena *a,
                  const struct rehearsal *r)
{
    if (r->schema_only)
        output_text(out, "in production: not told by a clone without rows\n");
    else
        output_text(out, "in production: %s, likely %s\n",
                    range(a, r->low, r->high), span(a, r->likely));
}

void rehearsal_text(struct output *out, struct arena *a,
                    const struct rehearsal *r)
{
    if (r->schema_only)
        output_text(out, "rehearsed on %s (no rows)\n", r->clone);
    else
        output_text(out, "rehearsed on %s (%.0f %% of production)\n", r->clone,
                    100 * r->clone_share);
    statements(out, a, r);
    for (size_t i = 0; i < r->n; i++) {
        phases(out, a, &r->list[i]);
        batches(out, a, &r->list[i]);
        invalid(out, &r->list[i]);
        breaks(out, &r->list[i]);
    }
    waits(out, a, "TABLE", r->waits, r->waited, r->schema_only);
    output_text(out, "\n");
    for (size_t i = 0; !r->failed && i < r->n; i++)
        way_back(out, a, &r->list[i]);
    total(out, a, r);
    estimate_text_grounds(out, r);
    warnings(out, r->warnings);
}
