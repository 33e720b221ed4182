#include "migrations/state/applied.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/base/embedded.h"

/* ---- the tables ---- */

static bool has_schema(struct pg *pg, struct arena *a, bool *out, struct err *e)
{
    struct pg_result r;

    if (!pg_query(pg, a,
                  "SELECT pg_catalog.to_regclass('tidegate.version') IS NOT "
                  "NULL",
                  NULL, 0, &r, e))
        return false;
    *out = *r.cell[0][0] == 't';
    return true;
}

static bool read_version(struct pg *pg, struct arena *a, int64_t *out,
                         struct err *e)
{
    struct pg_result r;
    bool there;

    *out = 0;
    if (!has_schema(pg, a, &there, e))
        return false;
    if (!there)
        return true;
    if (!pg_query(pg, a,
                  "SELECT coalesce(pg_catalog.max(number), 0) FROM "
                  "tidegate.version",
                  NULL, 0, &r, e))
        return false;
    *out = strtoll(r.cell[0][0], NULL, 10);
    return true;
}

static bool make_version(struct pg *pg, struct arena *a,
                         const struct embedded *own, struct err *e)
{
    char number[24];
    const char *params[] = {number};
    struct pg_result r;

    snprintf(number, sizeof number, "%ld", strtol(own->name, NULL, 10));
    return pg_run(pg, a, own->bytes, &r, e) &&
           pg_query(pg, a, "INSERT INTO tidegate.version (number) VALUES ($1)",
                    params, 1, &r, e);
}

static bool make_missing(struct pg *pg, struct arena *a, struct err *e)
{
    int64_t version, newest = 0;

    if (!read_version(pg, a, &version, e))
        return false;
    for (const struct embedded *own = own_migrations; own->name; own++) {
        newest = strtol(own->name, NULL, 10);
        if (newest > version && !make_version(pg, a, own, e))
            return false;
    }
    if (version <= newest)
        return true;
    err_what(e, ERR_REFUSED, "schema tidegate of %s is newer than this program",
             pg_name(pg));
    err_why(e, "it has version %lld, this program knows %lld",
            (long long)version, (long long)newest);
    return err_fix(e, "install the newer tidegate");
}

bool applied_prepare(struct pg *pg, struct arena *a, struct err *e)
{
    struct pg_result r;
    struct err ignored;
    int64_t version, newest = 0;

    for (const struct embedded *own = own_migrations; own->name; own++)
        newest = strtol(own->name, NULL, 10);
    if (!read_version(pg, a, &version, e))
        return false;
    if (version == newest)
        return true;
    /* two that prepare at once: the second waits, then finds all made */
    if (!pg_run(pg, a, "BEGIN", &r, e) ||
        !pg_query(pg, a,
                  "SELECT pg_catalog.pg_advisory_xact_lock(1953064037, 1)",
                  NULL, 0, &r, e) ||
        !make_missing(pg, a, e)) {
        pg_run(pg, a, "ROLLBACK", &r, &ignored);
        return false;
    }
    return pg_run(pg, a, "COMMIT", &r, e);
}

/* ---- the applied set ---- */

static int64_t number(const char *cell)
{
    return cell ? strtoll(cell, NULL, 10) : 0;
}

static bool is_true(const char *cell)
{
    return cell && *cell == 't';
}

/* A query, and what one of its rows becomes. */
struct listing {
    const char *sql;
    size_t size;
    void (*take)(void *row, char **c);
};

struct list {
    void *rows;
    size_t n;
};

static bool read_list(struct pg *pg, struct arena *a, const struct listing *how,
                      struct list *out, struct err *e)
{
    struct pg_result r;

    *out = (struct list){0};
    if (!pg_query(pg, a, how->sql, NULL, 0, &r, e))
        return false;
    out->n = (size_t)r.rows;
    out->rows = arena_array(a, out->n, how->size);
    for (size_t i = 0; i < out->n; i++)
        how->take((char *)out->rows + i * how->size, r.cell[i]);
    return true;
}

/* What is kept of a migration, wherever it stands: row_of reads it. */
#define ROW_COLUMNS                                                   \
    "name, checksum, release, phase = 'after', up, down, compatible," \
    " forward_only, pg_catalog.date_part('epoch', at)::int8, run, number"
#define ROW_WIDTH 11

static struct applied_row row_of(char **c)
{
    return (struct applied_row){.name = c[0],
                                .checksum = c[1],
                                .release = c[2],
                                .after = is_true(c[3]),
                                .up = c[4],
                                .down = c[5],
                                .compatible = c[6],
                                .forward_only = c[7],
                                .at = number(c[8]),
                                .run = c[9],
                                .number = number(c[10])};
}

static void take_row(void *row, char **c)
{
    struct applied_row *out = row;

    *out = row_of(c);
    out->ms = number(c[ROW_WIDTH]);
}

static const struct listing rows = {"SELECT " ROW_COLUMNS
                                    ", ms FROM tidegate.migration"
                                    " ORDER BY number, name COLLATE \"C\"",
                                    sizeof(struct applied_row), take_row};

static void take_journal(void *row, char **c)
{
    *(struct journal_row *)row =
        (struct journal_row){.name = c[0],
                             .run = c[1],
                             .down = is_true(c[2]),
                             .statements_done = (int)number(c[3]),
                             .statements = (int)number(c[4]),
                             .backend_pid = (int)number(c[5]),
                             .backend_start = number(c[6])};
}

static const struct listing journal = {
    "SELECT name, pg_catalog.max(run), down,"
    " pg_catalog.count(*) FILTER (WHERE state = 'done'),"
    " pg_catalog.max(statements), pg_catalog.max(backend_pid),"
    " pg_catalog.max(pg_catalog.date_part('epoch', backend_start))::int8"
    " FROM tidegate.journal GROUP BY name, down ORDER BY name COLLATE \"C\"",
    sizeof(struct journal_row), take_journal};

/* A schema of before there were any is read as it is. */
static bool has_table(struct pg *pg, struct arena *a, const char *name,
                      bool *out, struct err *e)
{
    struct pg_result r;

    if (!pg_query(pg, a, "SELECT pg_catalog.to_regclass($1) IS NOT NULL",
                  (const char *[]){name}, 1, &r, e))
        return false;
    *out = is_true(r.cell[0][0]);
    return true;
}

static void take_alone(void *row, char **c)
{
    *(struct applied_row *)row = row_of(c);
}

static const struct listing alone = {"SELECT " ROW_COLUMNS
                                     " FROM tidegate.alone",
                                     sizeof(struct applied_row), take_alone};

/* What the journals of ups are of. */
static bool read_alone(struct pg *pg, struct arena *a, struct journal_row *open,
                       size_t n, struct err *e)
{
    struct list list;
    bool there;

    if (n == 0)
        return true;
    if (!has_table(pg, a, "tidegate.alone", &there, e))
        return false;
    if (!there)
        return true;
    if (!read_list(pg, a, &alone, &list, e))
        return false;
    for (size_t i = 0; i < list.n; i++)
        for (size_t k = 0; k < n; k++) {
            struct applied_row *row = (struct applied_row *)list.rows + i;

            if (open[k].down || strcmp(open[k].name, row->name) != 0)
                continue;
            row->run = open[k].run;
            open[k].row = row;
        }
    return true;
}

/* ---- backfills ---- */

#define BACKFILL_COLUMNS                                             \
    ROW_COLUMNS ", undoing, over_key, last, until, rows, estimated," \
                " changed, batches, size FROM tidegate.backfill b"

static struct backfill_row backfill_of(char **c)
{
    char **more = c + ROW_WIDTH;

    return (struct backfill_row){.row = row_of(c),
                                 .undoing = is_true(more[0]),
                                 .over = more[1],
                                 .last = more[2],
                                 .until = more[3],
                                 .rows = number(more[4]),
                                 .estimated = number(more[5]),
                                 .changed = number(more[6]),
                                 .batches = number(more[7]),
                                 .size = number(more[8])};
}

static void take_backfill(void *row, char **c)
{
    *(struct backfill_row *)row = backfill_of(c);
}

static const struct listing backfills = {
    "SELECT " BACKFILL_COLUMNS " WHERE NOT EXISTS (SELECT FROM"
    " tidegate.migration m WHERE m.name = b.name)"
    " ORDER BY b.number, b.name COLLATE \"C\"",
    sizeof(struct backfill_row), take_backfill};

static bool read_backfills(struct pg *pg, struct arena *a, struct applied *out,
                           struct err *e)
{
    struct list list;
    bool there;

    if (!has_table(pg, a, "tidegate.backfill", &there, e))
        return false;
    if (!there)
        return true;
    if (!read_list(pg, a, &backfills, &list, e))
        return false;
    out->backfills = list.rows;
    out->backfills_n = list.n;
    return true;
}

bool applied_backfill_read(struct pg *pg, struct arena *a, const char *name,
                           struct backfill_row *out, bool *found, struct err *e)
{
    struct pg_result r;

    if (!pg_query(pg, a, "SELECT " BACKFILL_COLUMNS " WHERE b.name = $1",
                  (const char *[]){name}, 1, &r, e))
        return false;
    *found = r.rows > 0;
    if (*found)
        *out = backfill_of(r.cell[0]);
    return true;
}

const struct backfill_row *applied_backfill(const struct applied *applied,
                                            const char *name)
{
    for (size_t i = 0; i < applied->backfills_n; i++)
        if (strcmp(applied->backfills[i].row.name, name) == 0)
            return &applied->backfills[i];
    return NULL;
}

static bool read_fence(struct pg *pg, struct arena *a, struct applied *out,
                       struct err *e)
{
    struct pg_result r;

    if (!pg_query(pg, a, "SELECT ledger, epoch FROM tidegate.fence", NULL, 0,
                  &r, e))
        return false;
    if (r.rows) {
        snprintf(out->ledger, sizeof out->ledger, "%s", r.cell[0][0]);
        out->epoch = number(r.cell[0][1]);
    }
    return true;
}

static bool read_all(struct pg *pg, struct arena *a, struct applied *out,
                     struct err *e)
{
    struct list applied, open;

    if (!read_list(pg, a, &rows, &applied, e) ||
        !read_list(pg, a, &journal, &open, e))
        return false;
    out->rows = applied.rows;
    out->n = applied.n;
    out->open = open.rows;
    out->open_n = open.n;
    return read_alone(pg, a, open.rows, open.n, e) &&
           read_backfills(pg, a, out, e) && read_fence(pg, a, out, e);
}

bool applied_read(struct pg *pg, struct arena *a, struct applied *out,
                  struct err *e)
{
    *out = (struct applied){0};
    if (!has_schema(pg, a, &out->schema, e))
        return false;
    return !out->schema || read_all(pg, a, out, e);
}

const struct applied_row *applied_find(const struct applied *applied,
                                       const char *name)
{
    for (size_t i = 0; i < applied->n; i++)
        if (strcmp(applied->rows[i].name, name) == 0)
            return &applied->rows[i];
    return NULL;
}

const struct journal_row *applied_half(const struct applied *applied,
                                       const char *name, bool down)
{
    for (size_t i = 0; i < applied->open_n; i++)
        if (applied->open[i].down == down &&
            strcmp(applied->open[i].name, name) == 0)
            return &applied->open[i];
    return NULL;
}
