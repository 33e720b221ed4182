#include "migrations/applied.h"

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

static const char select_rows[] =
    "SELECT name, checksum, release, phase = 'after', up, down, compatible,"
    " forward_only, pg_catalog.date_part('epoch', at)::int8, ms, run,"
    " number FROM tidegate.migration ORDER BY number, name COLLATE \"C\"";

static const char select_journal[] =
    "SELECT name, pg_catalog.max(run), down,"
    " pg_catalog.count(*) FILTER (WHERE state = 'done'),"
    " pg_catalog.max(statements), pg_catalog.max(backend_pid),"
    " pg_catalog.max(pg_catalog.date_part('epoch', backend_start))::int8"
    " FROM tidegate.journal GROUP BY name, down ORDER BY name COLLATE \"C\"";

static int64_t number(const char *cell)
{
    return cell ? strtoll(cell, NULL, 10) : 0;
}

static bool is_true(const char *cell)
{
    return cell && *cell == 't';
}

static bool read_rows(struct pg *pg, struct arena *a, struct applied *out,
                      struct err *e)
{
    struct applied_row *rows;
    struct pg_result r;

    if (!pg_query(pg, a, select_rows, NULL, 0, &r, e))
        return false;
    rows = arena_array(a, (size_t)r.rows, sizeof *rows);
    for (int i = 0; i < r.rows; i++) {
        char **c = r.cell[i];
        rows[i] = (struct applied_row){.name = c[0],
                                       .checksum = c[1],
                                       .release = c[2],
                                       .after = is_true(c[3]),
                                       .up = c[4],
                                       .down = c[5],
                                       .compatible = c[6],
                                       .forward_only = c[7],
                                       .at = number(c[8]),
                                       .ms = number(c[9]),
                                       .run = c[10],
                                       .number = number(c[11])};
    }
    out->rows = rows;
    out->n = (size_t)r.rows;
    return true;
}

static bool read_journal(struct pg *pg, struct arena *a, struct applied *out,
                         struct err *e)
{
    struct journal_row *rows;
    struct pg_result r;

    if (!pg_query(pg, a, select_journal, NULL, 0, &r, e))
        return false;
    rows = arena_array(a, (size_t)r.rows, sizeof *rows);
    for (int i = 0; i < r.rows; i++) {
        char **c = r.cell[i];
        rows[i] = (struct journal_row){.name = c[0],
                                       .run = c[1],
                                       .down = is_true(c[2]),
                                       .statements_done = (int)number(c[3]),
                                       .statements = (int)number(c[4]),
                                       .backend_pid = (int)number(c[5]),
                                       .backend_start = number(c[6])};
    }
    out->open = rows;
    out->open_n = (size_t)r.rows;
    return true;
}

/* ---- backfills ---- */

#define BACKFILL_COLUMNS                                                       \
    "b.name, b.checksum, b.release, b.phase = 'after', b.up, b.down,"          \
    " b.compatible, b.forward_only,"                                           \
    " pg_catalog.date_part('epoch', b.at)::int8, b.run, b.number, b.undoing,"  \
    " b.over_key, b.last, b.until, b.rows, b.estimated, b.changed, b.batches," \
    " b.size FROM tidegate.backfill b"

static struct backfill_row backfill_of(char **c)
{
    return (struct backfill_row){.row = {.name = c[0],
                                         .checksum = c[1],
                                         .release = c[2],
                                         .after = is_true(c[3]),
                                         .up = c[4],
                                         .down = c[5],
                                         .compatible = c[6],
                                         .forward_only = c[7],
                                         .at = number(c[8]),
                                         .run = c[9]},
                                 .number = number(c[10]),
                                 .undoing = is_true(c[11]),
                                 .over = c[12],
                                 .last = c[13],
                                 .until = c[14],
                                 .rows = number(c[15]),
                                 .estimated = number(c[16]),
                                 .changed = number(c[17]),
                                 .batches = number(c[18]),
                                 .size = number(c[19])};
}

static bool read_backfills(struct pg *pg, struct arena *a, struct applied *out,
                           struct err *e)
{
    struct backfill_row *rows;
    struct pg_result r;

    /* a schema of before there were any is read as it is */
    if (!pg_query(pg, a,
                  "SELECT pg_catalog.to_regclass('tidegate.backfill') IS NOT "
                  "NULL",
                  NULL, 0, &r, e))
        return false;
    if (!is_true(r.cell[0][0]))
        return true;
    if (!pg_query(pg, a,
                  "SELECT " BACKFILL_COLUMNS " WHERE NOT EXISTS (SELECT FROM"
                  " tidegate.migration m WHERE m.name = b.name)"
                  " ORDER BY b.number, b.name COLLATE \"C\"",
                  NULL, 0, &r, e))
        return false;
    rows = arena_array(a, (size_t)r.rows, sizeof *rows);
    for (int i = 0; i < r.rows; i++)
        rows[i] = backfill_of(r.cell[i]);
    out->backfills = rows;
    out->backfills_n = (size_t)r.rows;
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

bool applied_read(struct pg *pg, struct arena *a, struct applied *out,
                  struct err *e)
{
    *out = (struct applied){0};
    if (!has_schema(pg, a, &out->schema, e))
        return false;
    return !out->schema ||
           (read_rows(pg, a, out, e) && read_journal(pg, a, out, e) &&
            read_backfills(pg, a, out, e) && read_fence(pg, a, out, e));
}

const struct applied_row *applied_find(const struct applied *applied,
                                       const char *name)
{
    for (size_t i = 0; i < applied->n; i++)
        if (strcmp(applied->rows[i].name, name) == 0)
            return &applied->rows[i];
    return NULL;
}

/* ---- what is pending ---- */

static int64_t number_of(const struct applied_row *row)
{
    return row->number ? row->number : strtoll(row->name, NULL, 10);
}

static bool edited(const struct applied_row *row, const struct migration *m,
                   struct err *e)
{
    err_what(e, ERR_REFUSED, "%s was edited after it was applied", m->up.file);
    err_why(e, "applied by %s with digest %s; the file has %s", row->release,
            row->checksum, m->checksum);
    return err_fix(e, "restore the file as it was, and write the change as a "
                      "new migration");
}

static bool renamed(const struct applied_row *row, const struct migration *m,
                    struct err *e)
{
    err_what(e, ERR_REFUSED, "%s was renamed after it was applied", m->up.file);
    err_why(e, "applied as %s with digest %s; the file has %s", row->name,
            row->checksum, m->checksum);
    return err_fix(e, "give it its name back: %s.up.sql", row->name);
}

static bool out_of_order(const struct applied_row *highest,
                         const struct migration *m, struct err *e)
{
    err_what(e, ERR_REFUSED, "%s comes before one that is applied", m->up.file);
    err_why(e, "%s is applied (digest %s); the file's digest is %s",
            highest->name, highest->checksum, m->checksum);
    return err_fix(e, "give it the next free number");
}

static bool came_back(const struct migration *m,
                      const struct applied_row *newer, struct err *e)
{
    err_what(e, ERR_REFUSED, "%s has gone back to an earlier text", m->up.file);
    err_why(e, "%s is applied, and %s after it: a text runs once", m->name,
            newer->name);
    return err_fix(e, "change a comment in it, so that it is a new text");
}

/* Files against rows, by name. */
struct match {
    const struct applied *applied;
    const struct migrations *files;
    const struct applied_row **by_name; /* rows */
    bool *kept;                         /* per row: a file is of its name */
    /* The highest rows that a pending file must not come before: of all, and
     * of those of phase after. All "before" ones of a release run first, so an
     * "after" one may bear a lower number than they. */
    const struct applied_row *highest[2];
    int64_t height[2];
};

static int by_row_name(const void *x, const void *y)
{
    const struct applied_row *const *a = x, *const *b = y;

    return strcmp((*a)->name, (*b)->name);
}

static int is_row(const void *name, const void *row)
{
    return strcmp(name, (*(const struct applied_row *const *)row)->name);
}

static const struct applied_row *row_of(const struct match *w, const char *name)
{
    const struct applied_row *const *found =
        w->applied->n ? bsearch(name, w->by_name, w->applied->n,
                                sizeof *w->by_name, is_row)
                      : NULL;

    return found ? *found : NULL;
}

/* A text of the repeatable migration m. */
static bool is_text_of(const struct applied_row *row, const struct migration *m)
{
    size_t n = m->repeats ? strlen(m->repeats) : 0;

    return n && strncmp(row->name, m->repeats, n) == 0 && row->name[n] == '@';
}

static bool replaced(const struct match *w, const struct applied_row *row)
{
    for (size_t i = w->files->n; i-- > 0 && w->files->list[i].repeats;)
        if (is_text_of(row, &w->files->list[i]))
            return true;
    return false;
}

static void climb(struct match *w, const struct applied_row *row,
                  int64_t number)
{
    for (int after = 0; after < 2; after++)
        if ((row->after || !after) &&
            (!w->highest[after] || number >= w->height[after])) {
            w->highest[after] = row;
            w->height[after] = number;
        }
}

static bool match_file(struct match *w, const struct migration *m,
                       struct err *e)
{
    const struct applied_row *row = row_of(w, m->name);

    if (!row)
        return true;
    w->kept[row - w->applied->rows] = true;
    if (strcmp(row->checksum, m->checksum) != 0)
        return edited(row, m, e);
    for (size_t i = 0; m->repeats && i < w->applied->n; i++)
        if (is_text_of(&w->applied->rows[i], m) &&
            w->applied->rows[i].at > row->at)
            return came_back(m, &w->applied->rows[i], e);
    if (!m->repeats)
        climb(w, row, m->number);
    return true;
}

static void match_gone(struct match *w, struct pending *out)
{
    for (size_t i = 0; i < w->applied->n; i++) {
        const struct applied_row *row = &w->applied->rows[i];
        if (w->kept[i] || replaced(w, row))
            continue;
        if (!w->files->ranked)
            climb(w, row, number_of(row));
        out->gone[out->gone_n++] = row->name;
    }
}

static int has_number(const void *number, const void *row)
{
    int64_t a = *(const int64_t *)number, b = number_of(row);

    return a < b ? -1 : a > b;
}

static bool take_pending(const struct match *w, const struct migration *m,
                         struct pending *out, struct err *e)
{
    const struct applied_row *row = NULL;

    if (!w->files->ranked && w->applied->n)
        row = bsearch(&m->number, w->applied->rows, w->applied->n, sizeof *row,
                      has_number);
    if (row)
        return renamed(row, m, e);
    if (m->contract) { /* its number says nothing of when it runs */
        out->contract[out->contract_n++] = m;
        return true;
    }
    if (!m->repeats && w->highest[m->after] && w->height[m->after] > m->number)
        return out_of_order(w->highest[m->after], m, e);
    out->list[out->n++] = m;
    return true;
}

/* "before" ones first, each phase in its order: as they run. */
static void order_as_run(struct pending *p, struct arena *a)
{
    const struct migration **list = arena_array(a, p->n, sizeof *list);
    size_t n = 0;

    for (int after = 0; after < 2; after++)
        for (size_t i = 0; i < p->n; i++)
            if (p->list[i]->after == after)
                list[n++] = p->list[i];
    p->list = list;
}

static void match_begin(struct match *w, struct arena *a)
{
    const struct applied *applied = w->applied;

    w->kept = arena_array(a, applied->n, sizeof *w->kept);
    w->by_name = arena_array(a, applied->n, sizeof *w->by_name);
    for (size_t i = 0; i < applied->n; i++)
        w->by_name[i] = &applied->rows[i];
    qsort(w->by_name, applied->n, sizeof *w->by_name, by_row_name);
}

bool applied_pending(const struct applied *applied,
                     const struct migrations *files, struct arena *a,
                     struct pending *out, struct err *e)
{
    struct match w = {.applied = applied, .files = files};

    *out = (struct pending){0};
    out->list = arena_array(a, files->n, sizeof *out->list);
    out->contract = arena_array(a, files->n, sizeof *out->contract);
    out->gone = arena_array(a, applied->n, sizeof *out->gone);
    match_begin(&w, a);
    for (size_t i = 0; i < files->n; i++)
        if (!match_file(&w, &files->list[i], e))
            return false;
    match_gone(&w, out);
    for (size_t i = 0; i < files->n; i++)
        if (!row_of(&w, files->list[i].name) &&
            !take_pending(&w, &files->list[i], out, e))
            return false;
    order_as_run(out, a);
    return true;
}
