/* A table as it is: questions whose answers are kept. */
#include "migrations/rehearse/data_intern.h"

#define COLUMNS_MOST 400 /* three results each; a query has 1,664 */
/* Rows of a page when nobody has counted them. */
#define ROWS_OF_PAGE 50
#define PAGE         8192

const char *data_from(struct arena *a, const struct data_table *t)
{
    return arena_printf(a, "%s%s", t->partitioned ? "" : "ONLY ", t->name);
}

const char *data_hash_of(struct arena *a, const char *value)
{
    return arena_printf(a, "pg_catalog.hashtextextended((%s)::text, 0)", value);
}

bool data_count_rows(struct data *d, const struct data_table *t,
                     const char **out, struct err *e)
{
    struct pg_result got;
    struct arena a;
    bool ok;

    arena_init(&a);
    ok = data_ask(d,
                  arena_printf(&a, "SELECT count(*) FROM %s", data_from(&a, t)),
                  &a, &got, e);
    if (ok)
        *out = arena_strdup(d->arena, got.cell[0][0]);
    arena_release(&a);
    return ok;
}

bool data_sum_rows(struct data *d, const struct data_table *t,
                   struct data_note *out, struct err *e)
{
    struct pg_result got;
    struct arena a;
    struct buf sql;
    bool ok;

    arena_init(&a);
    buf_init(&sql);
    buf_str(&sql, "SELECT count(*), sum(pg_catalog.hashtextextended(ROW(");
    for (size_t i = 0; i < t->n; i++)
        buf_printf(&sql, "%st.%s", i ? ", " : "", t->columns[i]);
    buf_str(&sql, ")::text, 0))");
    for (size_t i = 0; i < t->n; i++) {
        const char *name = arena_printf(&a, "t.%s", t->columns[i]);
        buf_printf(&sql, ", count(%s), sum(%s)", name, data_hash_of(&a, name));
    }
    buf_printf(&sql, " FROM %s t", data_from(&a, t));
    ok = data_ask(d, sql.data, &a, &got, e);
    if (ok) {
        out->count = arena_strdup(d->arena, got.cell[0][0]);
        out->row_sum = arena_strdup(d->arena, got.cell[0][1]);
        out->nonnull = arena_array(d->arena, t->n, sizeof *out->nonnull);
        out->sums = arena_array(d->arena, t->n, sizeof *out->sums);
        for (size_t i = 0; i < t->n; i++) {
            out->nonnull[i] = arena_strdup(d->arena, got.cell[0][2 + 2 * i]);
            out->sums[i] = arena_strdup(d->arena, got.cell[0][3 + 2 * i]);
        }
    }
    buf_release(&sql);
    arena_release(&a);
    return ok;
}

/* So many per cent of the pages that they hold the rows of a sample. */
static double share_of(const struct data_table *t)
{
    double rows =
        t->rows > 0 ? (double)t->rows : (double)t->bytes / PAGE * ROWS_OF_PAGE;
    double share = 100.0 * DATA_SAMPLE / rows;

    return share > 100 ? 100 : share;
}

static bool note_rows(struct data *d, struct data_note *n, struct err *e)
{
    const struct data_table *t = &n->table;
    struct pg_result ignored;
    struct arena a;
    struct buf sql;
    bool ok;

    arena_init(&a);
    buf_init(&sql);
    n->kept = arena_printf(d->arena, "pg_temp.tidegate_data_%zu", d->notes);
    buf_printf(&sql, "CREATE TEMP TABLE tidegate_data_%zu AS SELECT ",
               d->notes);
    for (size_t i = 0; i < t->n_key; i++)
        buf_printf(&sql, "%s(t.%s)::text AS k%zu", i ? ", " : "", t->key[i], i);
    for (size_t i = 0; i < t->n; i++)
        buf_printf(&sql, ", %s AS h%zu",
                   data_hash_of(&a, arena_printf(&a, "t.%s", t->columns[i])),
                   i);
    buf_printf(&sql, " FROM %s t", data_from(&a, t));
    if (n->sampled)
        buf_printf(&sql, " TABLESAMPLE SYSTEM (%.6f) REPEATABLE (7) LIMIT %d",
                   share_of(t), DATA_SAMPLE);
    ok = data_ask(d, sql.data, &a, &ignored, e);
    buf_release(&sql);
    arena_release(&a);
    return ok;
}

static bool may_count(struct data *d, const struct data_table *t, bool small)
{
    if (small)
        return true;
    if (t->bytes > DATA_COUNT || d->counted + t->bytes > DATA_COUNTED)
        return false;
    d->counted += t->bytes;
    return true;
}

/* *taken false: it was too much. */
bool data_note_table(struct data *d, struct data_note *n, bool *taken,
                     struct err *e)
{
    const struct data_table *t = &n->table;
    bool small = t->bytes <= d->exact && d->spent + t->bytes <= DATA_BUDGET;

    *taken =
        (small || t->n_key) && d->notes < DATA_TABLES && t->n <= COLUMNS_MOST;
    if (!*taken)
        return true;
    d->notes++;
    d->spent += small ? t->bytes : 0;
    n->sampled = !small;
    progress_live(d->progress, t->name, 0, 0, "noting its data");
    if (!t->n_key)
        return data_sum_rows(d, t, n, e);
    if (may_count(d, t, small) && !data_count_rows(d, t, &n->count, e))
        return false;
    return note_rows(d, n, e);
}
