#include "migrations/server/relations.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 8192

static const struct {
    const char *pg, *name;
} modes[] = {
    [LOCK_NONE] = {"", ""},
    [LOCK_ACCESS_SHARE] = {"AccessShareLock", "ACCESS SHARE"},
    [LOCK_ROW_SHARE] = {"RowShareLock", "ROW SHARE"},
    [LOCK_ROW_EXCLUSIVE] = {"RowExclusiveLock", "ROW EXCLUSIVE"},
    [LOCK_SHARE_UPDATE_EXCLUSIVE] = {"ShareUpdateExclusiveLock",
                                     "SHARE UPDATE EXCLUSIVE"},
    [LOCK_SHARE] = {"ShareLock", "SHARE"},
    [LOCK_SHARE_ROW_EXCLUSIVE] = {"ShareRowExclusiveLock",
                                  "SHARE ROW EXCLUSIVE"},
    [LOCK_EXCLUSIVE] = {"ExclusiveLock", "EXCLUSIVE"},
    [LOCK_ACCESS_EXCLUSIVE] = {"AccessExclusiveLock", "ACCESS EXCLUSIVE"},
};
#define MODES (sizeof modes / sizeof *modes)

const char *lock_mode_name(enum lock_mode m)
{
    return modes[m].name;
}

enum lock_mode lock_mode_from_pg(const char *name)
{
    for (size_t i = 1; name && i < MODES; i++)
        if (strcmp(modes[i].pg, name) == 0)
            return (enum lock_mode)i;
    return LOCK_NONE;
}

/* ---- the map ---- */

static size_t slot_of(const struct relations *r, uint32_t oid)
{
    size_t i = (oid * 2654435761u) & (r->cap - 1);

    while (r->slot[i] && r->slot[i]->oid != oid)
        i = (i + 1) & (r->cap - 1);
    return i;
}

struct relation *relations_find(const struct relations *r, uint32_t oid)
{
    return r->cap ? r->slot[slot_of(r, oid)] : NULL;
}

static void relations_widen(struct relations *r)
{
    struct relations old = *r;

    r->cap = old.cap ? old.cap * 2 : 256;
    r->slot = arena_array(r->arena, r->cap, sizeof *r->slot);
    for (size_t i = 0; i < old.cap; i++)
        if (old.slot[i])
            r->slot[slot_of(r, old.slot[i]->oid)] = old.slot[i];
}

struct relation *relations_put(struct relations *r, uint32_t oid)
{
    size_t i;

    if (2 * (r->n + 1) > r->cap)
        relations_widen(r);
    i = slot_of(r, oid);
    if (!r->slot[i]) {
        r->slot[i] = arena_alloc(r->arena, sizeof **r->slot);
        *r->slot[i] = (struct relation){.oid = oid,
                                        .name = "",
                                        .rows = -1,
                                        .production_bytes = -1,
                                        .production_rows = -1};
        r->n++;
    }
    return r->slot[i];
}

/* ---- reading ---- */

/* The first %s: how the rows are found, the second: the bytes of a relation
 * with storage. A table's TOAST counts as the table. */
#define SIZES_SQL                                                     \
    "SELECT c.oid, pg_catalog.quote_ident(n.nspname) || '.' || "      \
    "pg_catalog.quote_ident(c.relname), c.relkind, "                  \
    "coalesce(i.indrelid, 0), coalesce(c.relfilenode, 0), "           \
    "%s, "                                                            \
    "CASE WHEN c.relkind IN ('r', 'm', 'i') THEN %s ELSE 0 END "      \
    "FROM pg_catalog.pg_class c "                                     \
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "       \
    "LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid "        \
    "WHERE c.oid >= 16384 AND c.relkind IN "                          \
    "('r', 'i', 'S', 'v', 'm', 'f', 'p', 'I', 'c') AND n.nspname <> " \
    "'tidegate' "                                                     \
    "AND n.nspname !~ '^(pg_|information_schema$)'"

#define BYTES_BY_FILE                                                      \
    "coalesce(CASE WHEN c.relkind = 'i' THEN pg_catalog.pg_relation_size(" \
    "c.oid) ELSE pg_catalog.pg_table_size(c.oid) END, 0)"
#define BYTES_BY_PAGES "c.relpages::bigint * 8192"

/* As many rows on a page as when they were counted last, on the pages of
 * today: what the planner does. */
#define ROWS_BY_FILE                                                          \
    "CASE WHEN c.relpages > 0 AND c.relkind IN ('r', 'm') THEN (c.reltuples " \
    "* (coalesce(pg_catalog.pg_relation_size(c.oid), 0) / 8192.0) / "         \
    "c.relpages)::bigint ELSE c.reltuples::bigint END"
#define ROWS_AS_COUNTED "c.reltuples::bigint"

/* rows: -1 where PostgreSQL has not counted (0 and pages, before 14). */
static int64_t rows_known(int64_t rows, int64_t bytes)
{
    return rows > 0 || (rows == 0 && bytes == 0) ? rows : -1;
}

static int64_t number(const char *text)
{
    return text ? strtoll(text, NULL, 10) : 0;
}

static bool has_content(char kind)
{
    return kind == 'r' || kind == 'm';
}

bool relations_read(struct relations *r, struct arena *a, struct pg *pg,
                    struct err *e)
{
    struct pg_result got;
    struct arena scratch;
    bool ok;

    *r = (struct relations){.arena = a, .production_bytes = -1};
    arena_init(&scratch);
    ok =
        pg_query(pg, &scratch,
                 arena_printf(&scratch, SIZES_SQL, ROWS_BY_FILE, BYTES_BY_FILE),
                 NULL, 0, &got, e);
    for (int i = 0; ok && i < got.rows; i++) {
        char **cell = got.cell[i];
        struct relation *rel = relations_put(r, (uint32_t)number(cell[0]));
        rel->name = arena_strdup(a, cell[1]);
        rel->kind = cell[2][0];
        rel->table = (uint32_t)number(cell[3]);
        rel->filenode = (uint32_t)number(cell[4]);
        rel->bytes = number(cell[6]);
        rel->rows = rows_known(number(cell[5]), rel->bytes);
        if (has_content(rel->kind))
            r->bytes += rel->bytes;
    }
    arena_release(&scratch);
    return ok;
}

static int by_name(const void *a, const void *b)
{
    const struct relation *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static void note_missing(struct relations *r, char *const *cell)
{
    if (*cell[2] != 'r' && *cell[2] != 'p')
        return;
    if (!r->missing++)
        r->first_missing = arena_strdup(r->arena, cell[1]);
}

void relations_weigh(struct relations *r, const struct pg_result *sizes)
{
    struct relation **sorted = must_malloc((r->n + 1) * sizeof *sorted);
    size_t n = 0;

    for (size_t i = 0; i < r->cap; i++)
        if (r->slot[i])
            sorted[n++] = r->slot[i];
    qsort(sorted, n, sizeof *sorted, by_name);
    r->production_bytes = 0;
    for (int i = 0; i < sizes->rows; i++) {
        char **cell = sizes->cell[i];
        struct relation key = {.name = cell[1]}, *at = &key, **found;
        int64_t bytes = number(cell[6]);
        if (has_content(*cell[2]))
            r->production_bytes += bytes;
        found = bsearch(&at, sorted, n, sizeof *sorted, by_name);
        if (!found) {
            note_missing(r, cell);
            continue;
        }
        (*found)->production_bytes = bytes;
        (*found)->production_rows = rows_known(number(cell[5]), bytes);
    }
    free(sorted);
}

bool relations_sizes(struct pg *production, struct arena *a,
                     struct pg_result *out, struct err *e)
{
    if (!pg_run(production, a, "SET lock_timeout = '2s'", out, e))
        return false;
    if (pg_query(production, a,
                 arena_printf(a, SIZES_SQL, ROWS_BY_FILE, BYTES_BY_FILE), NULL,
                 0, out, e))
        return true;
    return strcmp(pg_failed(production)->sqlstate, "55P03") == 0 &&
           pg_query(production, a,
                    arena_printf(a, SIZES_SQL, ROWS_AS_COUNTED, BYTES_BY_PAGES),
                    NULL, 0, out, e);
}

static int64_t with_filled(int64_t rows, int64_t filled)
{
    int64_t sum;

    if (filled <= 0)
        return rows;
    if (rows <= 0)
        return filled;
    return __builtin_add_overflow(rows, filled, &sum) ? INT64_MAX : sum;
}

int64_t relation_rows(const struct relation *rel)
{
    return with_filled(rel->rows, rel->filled);
}

int64_t relation_production_rows(const struct relation *rel)
{
    return with_filled(rel->production_rows, rel->production_filled);
}

static int64_t a_page_at_least(int64_t bytes)
{
    return bytes < PAGE ? PAGE : bytes;
}

double relation_ratio(const struct relation *rel, bool by_rows)
{
    int64_t rows = relation_rows(rel);
    int64_t production = relation_production_rows(rel);
    bool ours = rel->filled > 0 && rel->filled >= rel->rows;

    if (rel->born && !ours)
        return 1;
    if ((by_rows || ours) && rows > 0 && production > 0)
        return (double)production / (double)rows;
    if (rel->production_bytes < 0)
        return 0;
    return (double)a_page_at_least(rel->production_bytes) /
           (double)a_page_at_least(rel->bytes);
}
