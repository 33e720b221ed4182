#include "migrations/apply/backfill.h"

#include <stdlib.h>
#include <string.h>

#include "runner/base/escape.h"
#include "runner/base/json.h"

/* ---- the key ---- */

/* One row: the column, whether a unique index has it alone, or first of
 * several; names are quoted. Domains count as what they are of. */
static const char key_sql[] =
    "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.relkind,"
    " pg_catalog.format('%I.%I', tn.nspname, t.typname), a.attnotnull,"
    " pg_catalog.format('%s.%s.%s', n.nspname, c.relname, a.attname),"
    " coalesce(b.typname, t.typname),"
    " coalesce(pg_catalog.bool_or(i.indnkeyatts = 1), false),"
    " pg_catalog.count(i.indexrelid) > 0, c.relkind = 'r' AND EXISTS (SELECT"
    " FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid)"
    " FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid"
    " AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped"
    " JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
    " JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace"
    " LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype"
    " LEFT JOIN (pg_catalog.pg_index i"
    " JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid"
    " JOIN pg_catalog.pg_am am ON am.oid = ic.relam AND am.amname = 'btree')"
    " ON i.indrelid = c.oid AND i.indisunique AND i.indisvalid"
    " AND i.indpred IS NULL AND i.indkey[0] = a.attnum"
    " AND i.indcollation[0] = a.attcollation"
    " AND EXISTS (SELECT FROM pg_catalog.pg_opclass o"
    " WHERE o.oid = i.indclass[0] AND o.opcdefault)"
    " WHERE c.oid = pg_catalog.to_regclass($1)"
    " GROUP BY 1, 2, 3, 4, 5, 6, c.oid";

enum {
    KEY_TABLE,
    KEY_KIND,
    KEY_TYPE,
    KEY_NOT_NULL,
    KEY_NAME,
    KEY_BASE,
    KEY_ALONE,
    KEY_FIRST,
    KEY_PARENT
};

/* Their text is read back as the same value, whatever the settings are once
 * dates are ISO. */
static const char *const types[] = {
    "int2",    "int4",   "int8", "numeric",   "uuid",        "text",
    "varchar", "bpchar", "date", "timestamp", "timestamptz",
};

static bool is_known(const char *type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i], type) == 0)
            return true;
    return false;
}

static bool no_key(const struct script *s, struct err *e, const char *why,
                   const char *fix)
{
    err_what(e, ERR_INPUT, "%s: %s%s%s.%s cannot be a batch's key", s->file,
             s->batch->schema, *s->batch->schema ? "." : "", s->batch->table,
             s->batch->key);
    err_why(e, "%s", why);
    return err_fix(e, "%s", fix);
}

static bool judge_key(const struct script *s, struct arena *a,
                      char *const *cell, struct err *e)
{
    static const char other[] =
        "name another column: unique by itself, NOT NULL, with an index that "
        "orders it (the primary key, mostly)";

    if (!strchr("rp", cell[KEY_KIND][0]))
        return no_key(s, e, "it is no table", "name the table behind it");
    if (cell[KEY_PARENT][0] == 't')
        return no_key(s, e,
                      "other tables inherit from it: the index does not keep "
                      "their keys apart",
                      "write it without batches, or in batches of each child "
                      "and an UPDATE ONLY of the parent");
    if (!is_known(cell[KEY_BASE]))
        return no_key(s, e,
                      arena_printf(a, "keys of type %s are not supported",
                                   escape(a, cell[KEY_BASE])),
                      other);
    if (cell[KEY_NOT_NULL][0] != 't')
        return no_key(s, e, "it may be NULL: such rows are in no batch", other);
    if (cell[KEY_ALONE][0] == 't')
        return true;
    if (cell[KEY_FIRST][0] == 't')
        return no_key(s, e, "it is unique only together with further columns",
                      other);
    return no_key(s, e, "no valid unique index has it alone",
                  "add one first (CREATE UNIQUE INDEX CONCURRENTLY), or name "
                  "another column");
}

/* ONLY of a partitioned table: the batches would go by, and change nothing. */
static bool has_rows(struct pg *pg, struct arena *a, const struct script *s,
                     struct err *e)
{
    static const char sql[] =
        "SELECT relkind FROM pg_catalog.pg_class"
        " WHERE oid = pg_catalog.to_regclass($1) AND relkind = 'p'";
    struct pg_result r;

    for (const char **only = s->batch->only; only && *only; only++) {
        if (!pg_query(pg, a, sql, only, 1, &r, e))
            return false;
        if (r.rows)
            return batch_is_empty(s, *only, e);
    }
    return true;
}

bool backfill_key(struct pg *pg, struct arena *a, const struct script *s,
                  struct backfill_key *out, struct err *e)
{
    const struct batch *b = s->batch;
    const char *table = pg_identifier(pg, a, b->table);

    if (*b->schema)
        table =
            arena_printf(a, "%s.%s", pg_identifier(pg, a, b->schema), table);
    return backfill_key_of(pg, a, s, table, out, e);
}

bool backfill_key_of(struct pg *pg, struct arena *a, const struct script *s,
                     const char *table, struct backfill_key *out, struct err *e)
{
    const struct batch *b = s->batch;
    struct pg_result r;

    if (!pg_query(pg, a, key_sql, (const char *[]){table, b->key}, 2, &r, e))
        return false;
    if (!r.rows)
        return no_key(s, e, "there is no such table or column",
                      "correct batch= and key=, or make the column in a "
                      "migration before this one");
    *out = (struct backfill_key){.table = r.cell[0][KEY_TABLE],
                                 .column = pg_identifier(pg, a, b->key),
                                 .type = r.cell[0][KEY_TYPE],
                                 .name = r.cell[0][KEY_NAME]};
    return judge_key(s, a, r.cell[0], e) && has_rows(pg, a, s, e);
}

/* ---- where it ends ---- */

static bool read_guess(struct arena *a, const char *text, int64_t *rows)
{
    struct err ignored;
    struct json *plan = json_parse_foreign(text, strlen(text), &ignored);

    (void)a;
    *rows = (int64_t)json_double(json_pointer(plan, "/0/Plan/Plan Rows"), 0);
    json_free(plan);
    return true;
}

bool backfill_end(struct pg *pg, struct arena *a, const struct backfill_key *k,
                  const char **until, int64_t *rows, struct err *e)
{
    struct pg_result r;

    *until = NULL;
    *rows = 0;
    if (!pg_query(
            pg, a,
            arena_printf(a,
                         "SELECT %s::pg_catalog.text AS \"the text\" FROM %s"
                         " ORDER BY %s DESC LIMIT 1",
                         k->column, k->table, k->column),
            NULL, 0, &r, e))
        return false;
    if (!r.rows)
        return true;
    *until = r.cell[0][0];
    return pg_query(pg, a,
                    arena_printf(a, "EXPLAIN (FORMAT JSON) SELECT FROM %s",
                                 k->table),
                    NULL, 0, &r, e) &&
           read_guess(a, r.rows ? r.cell[0][0] : "", rows);
}

/* ---- ranges ---- */

bool backfill_dates(struct pg *pg, struct arena *a, struct err *e)
{
    struct pg_result r;

    return pg_run(pg, a, "SET datestyle = 'ISO, YMD'", &r, e);
}

static char *literal(struct pg *pg, struct arena *a,
                     const struct backfill_key *k, const char *key)
{
    return arena_printf(a, "%s::%s", pg_literal(pg, a, key), k->type);
}

/* Keys in order, one more than size when going down: that is the checkpoint
 * below. (An output column bears the name of what is cast: ORDER BY k would
 * order texts.) */
static char *next_sql(struct pg *pg, struct arena *a,
                      const struct backfill_key *k, bool down, const char *last,
                      const char *until, int64_t size)
{
    const char *from = "";

    if (!down && last)
        from =
            arena_printf(a, " AND %s > %s", k->column, literal(pg, a, k, last));
    return arena_printf(
        a,
        "WITH w AS MATERIALIZED (SELECT %s AS k FROM %s WHERE %s <= %s%s"
        " ORDER BY %s%s LIMIT %lld)"
        " SELECT (SELECT k::pg_catalog.text FROM w ORDER BY w.k LIMIT 1),"
        " (SELECT k::pg_catalog.text FROM w ORDER BY w.k DESC LIMIT 1),"
        " (SELECT pg_catalog.count(*) FROM w),"
        " (SELECT k::pg_catalog.text FROM w ORDER BY w.k OFFSET 1 LIMIT 1)",
        k->column, k->table, k->column, literal(pg, a, k, down ? last : until),
        from, k->column, down ? " DESC" : "", (long long)(size + down));
}

bool backfill_next(struct pg *pg, struct arena *a, const struct backfill_key *k,
                   bool down, const char *last, const char *until, int64_t size,
                   struct backfill_range *out, struct err *e)
{
    struct pg_result r;
    char **c;

    *out = (struct backfill_range){0};
    if (down ? !last : !until)
        return true;
    if (!pg_query(pg, a, next_sql(pg, a, k, down, last, until, size), NULL, 0,
                  &r, e))
        return false;
    c = r.cell[0];
    *out = (struct backfill_range){.from = c[0],
                                   .to = c[1],
                                   .checkpoint = down ? NULL : c[1],
                                   .rows = strtoll(c[2], NULL, 10)};
    if (down && out->rows > size) {
        out->checkpoint = c[0];
        out->from = c[3];
        out->rows = size;
    }
    return true;
}

char *backfill_text(struct pg *pg, struct arena *a, const struct script *s,
                    const struct backfill_key *k,
                    const struct backfill_range *range)
{
    return batch_text(a, s, literal(pg, a, k, range->from),
                      literal(pg, a, k, range->to));
}

/* ---- how large, how far ---- */

int64_t backfill_size(int64_t size, int64_t most, int64_t ms, int64_t target)
{
    int64_t fits = ms > 0 ? (int64_t)((double)size * target / ms) : 2 * size;

    if (fits > size && ms * 4 > target * 3)
        return size; /* near enough */
    if (fits > 2 * size)
        fits = 2 * size;
    if (fits < size / 4)
        fits = size / 4;
    if (fits > most)
        fits = most;
    return fits < 1 ? 1 : fits;
}

char *backfill_far(struct arena *a, const struct backfill_row *row)
{
    const char *rows =
        row->estimated > 0
            ? arena_printf(a, "%lld of about %lld rows", (long long)row->rows,
                           (long long)row->estimated)
            : arena_printf(a, "%lld rows", (long long)row->rows);

    if (!row->last)
        return arena_printf(a, "%s", rows);
    return arena_printf(a, "%s, up to key %s", rows, escape(a, row->last));
}

bool backfill_goes_back(const struct backfill_row *row)
{
    struct directives said;
    struct arena a;
    struct err ignored;
    bool ok;

    if (!row->row.down || row->row.forward_only)
        return false;
    arena_init(&a);
    ok = directives_read(&said, &a, row->row.name, row->row.down, 0, true,
                         &ignored) &&
         said.batch;
    arena_release(&a);
    return ok;
}
