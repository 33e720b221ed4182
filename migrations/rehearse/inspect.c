/* From what a connection answers to what a statement did. */
#include "migrations/rehearse/inspect.h"

#include <stdlib.h>
#include <string.h>

#include "runner/base/buf.h"

/* A sequential scan that returned less than a twentieth of the rows was no
 * full one (LIMIT, EXISTS). Parallel index builds count the leader's share
 * only, so the bar is low. */
#define FULL_SCAN_SHARE 20
#define EMPTY_BYTES     8192

/* One row for each lock of `locks` (relation, mode), at least one row; the WAL
 * position is on all of them. */
#define INSPECT(locks)                                                        \
    "SELECT l.relation, l.mode, pg_catalog.quote_ident(n.nspname) || '.' || " \
    "pg_catalog.quote_ident(c.relname), c.relkind, "                          \
    "coalesce(i.indrelid, 0), coalesce(c.relfilenode, 0), "                   \
    "pg_catalog.pg_stat_get_xact_numscans(l.relation), "                      \
    "pg_catalog.pg_stat_get_xact_tuples_returned(l.relation), "               \
    "pg_catalog.pg_stat_get_xact_tuples_inserted(l.relation), "               \
    "pg_catalog.pg_stat_get_xact_tuples_updated(l.relation) + "               \
    "pg_catalog.pg_stat_get_xact_tuples_deleted(l.relation), "                \
    "n.nspname = 'tidegate' OR n.nspname ~ '^(pg_|information_schema$)', "    \
    "w.at FROM (SELECT pg_catalog.pg_wal_lsn_diff("                           \
    "pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint AS at) w "        \
    "LEFT JOIN (" locks ") l ON true "                                        \
    "LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation "                  \
    "LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "          \
    "LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = l.relation"
#define OWN_LOCKS_SQL                                                        \
    "SELECT relation, mode FROM pg_catalog.pg_locks "                        \
    "WHERE locktype = 'relation' AND granted AND relation >= 16384 "         \
    "AND pid = pg_catalog.pg_backend_pid() AND database = (SELECT oid FROM " \
    "pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
enum column {
    COL_OID,
    COL_MODE,
    COL_NAME,
    COL_KIND,
    COL_TABLE,
    COL_FILENODE,
    COL_SCANS,
    COL_RETURNED,
    COL_INSERTED,
    COL_CHANGED,
    COL_SYSTEM,
    COL_WAL,
};

static int64_t number(const char *text)
{
    return text ? strtoll(text, NULL, 10) : 0;
}

/* What was held and counted in another transaction is over. */
static void renew(struct trace *t, struct relation *rel)
{
    if (rel->tx == t->transaction)
        return;
    rel->tx = t->transaction;
    rel->modes = 0;
    rel->scans = rel->returned = rel->inserted = rel->changed = 0;
}

static struct relation *learn_new(struct trace *t, struct traced_statement *s,
                                  uint32_t oid, char *const *cell)
{
    struct relation *rel = relations_put(&t->relations, oid);

    rel->born = t->transaction;
    rel->kind = *cell[COL_KIND];
    rel->table = (uint32_t)number(cell[COL_TABLE]);
    rel->filenode = (uint32_t)number(cell[COL_FILENODE]);
    t->built_parts |= rel->kind == 'I';
    s->builds_index |= rel->kind == 'i' || rel->kind == 'I';
    return rel;
}

/* NULL: not ours to watch. A relation that is dropped by now has no name; it
 * is known from before. One of production keeps the name it has there. */
static struct relation *learn(struct trace *t, struct traced_statement *s,
                              char *const *cell)
{
    uint32_t oid = (uint32_t)number(cell[COL_OID]);
    struct relation *rel = relations_find(&t->relations, oid);
    const char *name = cell[COL_NAME];

    if (name && (!cell[COL_SYSTEM] || *cell[COL_SYSTEM] == 't'))
        return NULL;
    if (!rel && name)
        rel = learn_new(t, s, oid, cell);
    if (!rel)
        return NULL;
    if (name && rel->born && strcmp(rel->name, name) != 0)
        rel->name = arena_strdup(t->arena, name);
    renew(t, rel);
    return rel;
}

static struct traced_touch *touch(struct trace *t, struct traced_statement *s,
                                  struct relation *rel)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->touched[i].relation == rel)
            return &s->touched[i];
    s->touched =
        arena_grow(t->arena, s->touched, s->n, s->n + 1, sizeof *s->touched);
    s->touched[s->n] =
        (struct traced_touch){.relation = rel, .taken = s->began};
    return &s->touched[s->n++];
}

static void take_lock(struct trace *t, struct traced_statement *s,
                      struct relation *rel, enum lock_mode lock)
{
    struct traced_touch *at;

    if (lock == LOCK_NONE || rel->modes & 1u << lock)
        return;
    rel->modes |= 1u << lock;
    at = touch(t, s, rel);
    if (lock > at->took)
        at->took = lock;
}

/* A counter's growth; one that fell was flushed in between. */
static int64_t grown(int64_t *last, const char *now_text)
{
    int64_t now = number(now_text);
    int64_t by = now >= *last ? now - *last : now;

    *last = now;
    return by;
}

static void take_counters(struct trace *t, struct traced_statement *s,
                          struct relation *rel, char *const *cell)
{
    int64_t scans = grown(&rel->scans, cell[COL_SCANS]);
    int64_t returned = grown(&rel->returned, cell[COL_RETURNED]);
    int64_t inserted = grown(&rel->inserted, cell[COL_INSERTED]);
    int64_t changed = inserted + grown(&rel->changed, cell[COL_CHANGED]);

    if (rel->kind != 'r' && rel->kind != 'm' && rel->kind != 'f')
        return;
    if (scans && (rel->rows <= 0 || returned * FULL_SCAN_SHARE >= rel->rows))
        touch(t, s, rel)->scanned = true;
    if (changed) {
        struct traced_touch *at = touch(t, s, rel);
        at->changed += changed;
        at->inserted += inserted;
    }
}

/* TRUNCATE gives new files as well; those hold nothing, a rewrite does. Of a
 * table that was empty before (a page for its TOAST at most) only the statement
 * tells. */
static bool is_rewrite(struct trace *t, const struct traced_statement *s,
                       const struct relation *rel)
{
    const char *kind = s->statement->kind;
    struct pg_result got;
    struct arena scratch;
    struct err ignored;
    bool empty;

    if (rel->bytes <= EMPTY_BYTES)
        return !kind || strcmp(kind, "TRUNCATE") != 0;
    arena_init(&scratch);
    empty = pg_query(t->work, &scratch,
                     arena_printf(&scratch,
                                  "SELECT pg_catalog.pg_relation_size(%u)",
                                  rel->oid),
                     NULL, 0, &got, &ignored) &&
            got.rows == 1 && number(got.cell[0][0]) == 0;
    arena_release(&scratch);
    return !empty;
}

static void take_filenode(struct trace *t, struct traced_statement *s,
                          struct relation *rel, char *const *cell)
{
    uint32_t now = (uint32_t)number(cell[COL_FILENODE]);

    if (!cell[COL_NAME] || now == rel->filenode)
        return;
    rel->filenode = now;
    if (rel->born != t->transaction && now && is_rewrite(t, s, rel))
        touch(t, s, rel)->rewritten = true;
}

static int by_strength(const void *a, const void *b)
{
    const struct traced_touch *x = a, *y = b;

    if (x->lock != y->lock)
        return x->lock > y->lock ? -1 : 1;
    return strcmp(x->relation->name, y->relation->name);
}

static enum lock_mode strongest(unsigned modes)
{
    return modes ? (enum lock_mode)(31 - __builtin_clz(modes)) : LOCK_NONE;
}

static void keep_own(struct trace *t, struct traced_statement *s,
                     const struct traced_touch *at)
{
    if (!at->scanned && !at->changed)
        return;
    s->own =
        arena_grow(t->arena, s->own, s->n_own, s->n_own + 1, sizeof *s->own);
    s->own[s->n_own++] = *at;
}

/* Puts what was made in this transaction aside; leaves out indexes that are
 * locked no more than their table and were not rewritten. */
static void keep(struct trace *t, struct traced_statement *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->n; i++) {
        struct traced_touch at = s->touched[i];
        struct relation *rel = at.relation, *table;
        if (rel->born == t->transaction) {
            keep_own(t, s, &at);
            continue;
        }
        at.lock = strongest(rel->modes);
        if (at.took == LOCK_NONE)
            at.took = at.lock;
        table = rel->table ? relations_find(&t->relations, rel->table) : NULL;
        if (table && !at.rewritten && table->tx == t->transaction &&
            strongest(table->modes) >= at.took)
            continue;
        if (rel->table && !at.rewritten && at.took < LOCK_ACCESS_EXCLUSIVE)
            continue;
        s->touched[kept++] = at;
    }
    s->n = kept;
    if (kept)
        qsort(s->touched, kept, sizeof *s->touched, by_strength);
}

const char inspect_prepare[] =
    "PREPARE tidegate_inspect AS " INSPECT(OWN_LOCKS_SQL);

static bool inspect(struct trace *t, struct traced_statement *s,
                    const char *sql, struct err *e)
{
    struct pg_result got;
    struct arena scratch;
    bool ok;

    arena_init(&scratch);
    ok = pg_query(t->work, &scratch, sql, NULL, 0, &got, e);
    for (int i = 0; ok && i < got.rows; i++) {
        char **cell = got.cell[i];
        int64_t wal = number(cell[COL_WAL]);
        struct relation *rel = cell[COL_OID] ? learn(t, s, cell) : NULL;
        if (i == 0) {
            s->wal_bytes = t->wal ? wal - t->wal : 0;
            t->wal = wal;
        }
        if (!rel)
            continue;
        take_lock(t, s, rel, lock_mode_from_pg(cell[COL_MODE]));
        take_counters(t, s, rel, cell);
        take_filenode(t, s, rel, cell);
    }
    arena_release(&scratch);
    return ok;
}

/* What the observer saw, as touches of the statement. */
bool inspect_observed(struct trace *t, struct traced_statement *s,
                      const struct observer *o, struct err *e)
{
    struct buf oids;
    const char *what;

    buf_init(&oids);
    for (size_t i = 0; i < o->n; i++)
        buf_printf(&oids, "%s%u", i ? "," : "", o->list[i].relation);
    what =
        arena_printf(t->arena,
                     INSPECT("SELECT DISTINCT relation, ''::text AS mode FROM "
                             "pg_catalog.unnest('{%s}'::oid[]) AS u(relation)"),
                     oids.data);
    buf_release(&oids);
    if (!inspect(t, s, what, e))
        return false;
    for (size_t i = 0; i < o->n; i++) {
        const struct observed *seen = &o->list[i];
        struct relation *rel = relations_find(&t->relations, seen->relation);
        struct traced_touch *at;
        int64_t held = observed_held(o, seen, s->ms);
        if (!rel)
            continue;
        take_lock(t, s, rel, seen->lock);
        at = touch(t, s, rel);
        at->scanned |= seen->scanned;
        if (seen->lock == at->took && held > at->held_ms)
            at->held_ms = held;
    }
    keep(t, s);
    return true;
}

bool inspect_own(struct trace *t, struct traced_statement *s, struct err *e)
{
    static const char question[] = INSPECT(OWN_LOCKS_SQL);

    if (!inspect(t, s, t->prepared ? "EXECUTE tidegate_inspect" : question, e))
        return false;
    keep(t, s);
    return true;
}
