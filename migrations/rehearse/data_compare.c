/* A table as it is, held against a note of it. */
#include <stdlib.h>
#include <string.h>

#include "migrations/rehearse/data_intern.h"
#include "runner/base/escape.h"

/* What stands there now of what was noted. */
struct now {
    bool there;     /* the table is */
    bool *column;   /* by the note's columns */
    bool keyed;     /* all columns of the key are */
    struct arena a; /* for this table */
};

static bool look(struct data *d, const struct data_table *t, struct now *now,
                 struct err *e)
{
    struct pg_result got;

    now->column = arena_array(&now->a, t->n + 1, sizeof *now->column);
    now->keyed = true;
    if (!data_ask(d,
                  arena_printf(&now->a,
                               "SELECT pg_catalog.format('%%I', a.attname) "
                               "FROM pg_catalog.pg_class c "
                               "LEFT JOIN pg_catalog.pg_attribute a ON "
                               "a.attrelid = c.oid AND a.attnum > 0 AND NOT "
                               "a.attisdropped WHERE c.oid = "
                               "pg_catalog.to_regclass(%s)",
                               pg_literal(d->watch, &now->a, t->name)),
                  &now->a, &got, e))
        return false;
    now->there = got.rows > 0;
    for (size_t i = 0; i < t->n; i++)
        for (int k = 0; k < got.rows && !now->column[i]; k++)
            now->column[i] =
                got.cell[k][0] && strcmp(got.cell[k][0], t->columns[i]) == 0;
    for (size_t i = 0; i < t->n_key; i++) {
        bool found = false;
        for (int k = 0; k < got.rows && !found; k++)
            found = got.cell[k][0] && strcmp(got.cell[k][0], t->key[i]) == 0;
        now->keyed = now->keyed && found;
    }
    return true;
}

static bool is_told(const struct data *d, const char *subject)
{
    for (size_t i = 0; i < d->n_told; i++)
        if (strcmp(d->told[i], subject) == 0)
            return true;
    return false;
}

/* 4000 -> "4,000" */
static const char *grouped(struct arena *a, long long n)
{
    char *text = arena_printf(a, "%lld", n), *out;
    size_t len = strlen(text), at = 0;

    out = arena_alloc(a, len + len / 3 + 1);
    for (size_t i = 0; i < len; i++) {
        out[at++] = text[i];
        if ((len - i) % 3 == 1 && i + 1 < len && text[i] != '-')
            out[at++] = ',';
    }
    out[at] = 0;
    return out;
}

/* One line about a table (column NULL) or a column; what a later migration's
 * way back was told for already is not told again: false. */
static bool tell(struct data *d, struct buf *lines, const struct data_note *n,
                 const char *column, const char *what)
{
    char *subject = column
                        ? arena_printf(d->arena, "%s.%s", n->table.name, column)
                        : arena_strdup(d->arena, n->table.name);

    if (is_told(d, subject))
        return false;
    d->told = arena_grow(d->arena, d->told, d->n_told, d->n_told + 1,
                         sizeof *d->told);
    d->told[d->n_told++] = subject;
    buf_printf(lines, "data %s: %s%s\n", escape(d->arena, subject), what,
               n->sampled && column ? " (of a sample)" : "");
    return true;
}

static long long number(const char *text)
{
    return text ? strtoll(text, NULL, 10) : 0;
}

/* "7 of 4,000 values lost, 2 changed". */
static void tell_values(struct data *d, struct buf *lines,
                        const struct data_note *n, size_t i, long long was,
                        const long long counts[3], struct data_difference *out)
{
    static const char *const words[] = {"lost", "changed"};
    struct arena *a = d->arena;
    const char *text = "";

    for (int k = 0; k < 3; k++)
        if (counts[k] && k < 2)
            text = arena_printf(a, "%s%s%s of %s values %s", text,
                                *text ? ", " : "", grouped(a, counts[k]),
                                grouped(a, was), words[k]);
        else if (counts[k])
            text = arena_printf(a, "%s%s%s values where there were none", text,
                                *text ? ", " : "", grouped(a, counts[k]));
    if (*text && tell(d, lines, n, n->table.columns[i], text))
        out->lost |= counts[0] || counts[1];
}

static void tell_rows(struct data *d, struct buf *lines,
                      const struct data_note *n, long long was, long long lost,
                      long long more, struct data_difference *out)
{
    struct arena *a = d->arena;

    if (lost > 0)
        out->lost |= tell(d, lines, n, NULL,
                          arena_printf(a, "%s of %s rows lost%s",
                                       grouped(a, lost), grouped(a, was),
                                       n->sampled ? " (of a sample)" : ""));
    else if (more > 0)
        tell(d, lines, n, NULL,
             arena_printf(a, "%s rows more than before", grouped(a, more)));
}

/* Was, lost, changed and added of each column that is there again. */
static char *compare_question(const struct data_note *n, struct now *now)
{
    const struct data_table *t = &n->table;
    struct arena *a = &now->a;
    struct buf sql;

    buf_init(&sql);
    buf_str(&sql,
            "SELECT count(*), count(*) FILTER (WHERE t.tableoid IS NULL)");
    for (size_t i = 0; i < t->n; i++) {
        const char *name = arena_printf(a, "t.%s", t->columns[i]);
        if (!now->column[i])
            buf_printf(&sql, ", count(d.h%zu), count(d.h%zu), 0, 0", i, i);
        else
            buf_printf(&sql,
                       ", count(d.h%zu), count(d.h%zu) FILTER (WHERE "
                       "t.tableoid IS NOT NULL AND %s IS NULL), "
                       "count(*) FILTER (WHERE d.h%zu <> %s), "
                       "count(%s) FILTER (WHERE d.h%zu IS NULL)",
                       i, i, name, i, data_hash_of(a, name), name, i);
    }
    buf_printf(&sql, " FROM %s d LEFT JOIN %s t ON ", n->kept, data_from(a, t));
    for (size_t i = 0; i < t->n_key; i++)
        buf_printf(&sql, "%st.%s = d.k%zu::%s", i ? " AND " : "", t->key[i], i,
                   t->key_types[i]);
    return buf_into(&sql, a);
}

/* So that a sample is looked up by the key's index, never by reading all. */
static bool by_index(struct data *d, bool yes, struct arena *a, struct err *e)
{
    struct pg_result ignored;

    return pg_run(d->watch, a,
                  yes ? "SET enable_hashjoin = off; SET enable_mergejoin = off"
                      : "RESET enable_hashjoin; RESET enable_mergejoin",
                  &ignored, e);
}

static bool compare_keyed(struct data *d, const struct data_note *n,
                          struct now *now, struct buf *lines,
                          struct data_difference *out, struct err *e)
{
    const char *count = NULL;
    long long lost, more = 0;
    struct pg_result got;

    if (n->count && !data_count_rows(d, &n->table, &count, e))
        return false;
    if (!by_index(d, n->sampled, &now->a, e) ||
        !data_ask(d, compare_question(n, now), &now->a, &got, e) ||
        !by_index(d, false, &now->a, e))
        return false;
    lost = number(got.cell[0][1]);
    if (count)
        more = number(count) - number(n->count) + (n->sampled ? 0 : lost);
    tell_rows(d, lines, n, number(got.cell[0][0]), lost, more, out);
    for (size_t i = 0; i < n->table.n; i++) {
        char **cell = &got.cell[0][2 + 4 * i];
        tell_values(
            d, lines, n, i, number(cell[0]),
            (long long[]){number(cell[1]), number(cell[2]), number(cell[3])},
            out);
    }
    if (n->sampled && count && !lost && number(count) < number(n->count))
        tell_rows(d, lines, n, number(n->count),
                  number(n->count) - number(count), 0, out);
    return true;
}

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool compare_sums(struct data *d, const struct data_note *n,
                         struct now *now, struct buf *lines,
                         struct data_difference *out, struct err *e)
{
    struct data_table t = n->table;
    struct data_note then = {.table = n->table};
    size_t left = 0, said = lines->len;
    long long rows;

    t.columns = arena_array(&now->a, t.n, sizeof *t.columns);
    for (size_t i = t.n = 0; i < n->table.n; i++)
        if (now->column[i])
            t.columns[t.n++] = n->table.columns[i];
    if (!data_sum_rows(d, &t, &then, e))
        return false;
    rows = number(n->count) - number(then.count);
    tell_rows(d, lines, n, number(n->count), rows, -rows, out);
    for (size_t i = 0; i < n->table.n; i++) {
        long long before = number(n->nonnull[i]);
        long long gone =
            before - (now->column[i] ? number(then.nonnull[left]) : 0);
        bool other = now->column[i] && !same(n->sums[i], then.sums[left]);
        left += now->column[i];
        if (gone > (rows > 0 ? rows : 0)) /* more than went with their rows */
            tell_values(d, lines, n, i, before, (long long[]){gone, 0, 0}, out);
        else if (other && rows == 0 && gone == 0)
            out->lost |= tell(d, lines, n, n->table.columns[i],
                              "other values than before");
        else if (gone < 0 && rows == 0)
            tell_values(d, lines, n, i, before, (long long[]){0, 0, -gone},
                        out);
    }
    if (lines->len == said && rows == 0 && t.n == n->table.n &&
        !same(n->row_sum, then.row_sum))
        tell(d, lines, n, NULL, "values stand in other rows than before");
    return true;
}

bool data_compare(struct data *d, const struct data_note *n, struct buf *lines,
                  struct data_difference *out, struct err *e)
{
    struct now now = {0};
    bool ok;

    arena_init(&now.a);
    ok = look(d, &n->table, &now, e);
    if (ok && !now.there) {
        if (number(n->count))
            tell_rows(d, lines, n, number(n->count), number(n->count), 0, out);
    } else if (ok && n->kept && now.keyed) {
        ok = compare_keyed(d, n, &now, lines, out, e);
    } else if (ok && n->kept) {
        data_warn(d, n->table.name, "its key is not there again");
    } else if (ok) {
        ok = compare_sums(d, n, &now, lines, out, e);
    }
    arena_release(&now.a);
    return ok;
}
