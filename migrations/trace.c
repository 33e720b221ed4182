#include "migrations/trace.h"

#include <stdlib.h>
#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/duration.h"
#include "runner/base/escape.h"

#define LIVE_MS 1000
/* A sequential scan that returned less than a twentieth of the rows was no
 * full one (LIMIT, EXISTS). Parallel index builds count the leader's share
 * only, so the bar is low. */
#define FULL_SCAN_SHARE 20

/* One row for each lock of `%s` (relation, mode), at least one row; the WAL
 * position is on all of them. */
#define INSPECT_SQL                                                           \
    "SELECT l.relation, l.mode, pg_catalog.quote_ident(n.nspname) || '.' || " \
    "pg_catalog.quote_ident(c.relname), c.relkind, "                          \
    "coalesce(i.indrelid, 0), coalesce(c.relfilenode, 0), "                   \
    "pg_catalog.pg_stat_get_xact_numscans(l.relation), "                      \
    "pg_catalog.pg_stat_get_xact_tuples_returned(l.relation), "               \
    "pg_catalog.pg_stat_get_xact_tuples_inserted(l.relation) + "              \
    "pg_catalog.pg_stat_get_xact_tuples_updated(l.relation) + "               \
    "pg_catalog.pg_stat_get_xact_tuples_deleted(l.relation), "                \
    "n.nspname = 'tidegate' OR n.nspname ~ '^(pg_|information_schema$)', "    \
    "w.at FROM (SELECT pg_catalog.pg_wal_lsn_diff("                           \
    "pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint AS at) w "        \
    "LEFT JOIN (%s) l ON true "                                               \
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
    COL_CHANGED,
    COL_SYSTEM,
    COL_WAL,
};

static int64_t number(const char *text)
{
    return text ? strtoll(text, NULL, 10) : 0;
}

/* ---- from rows to touches ---- */

/* NULL: not ours to watch. A dropped relation is known from before. */
static struct relation *learn(struct trace *t, struct traced_statement *s,
                              char *const *cell)
{
    uint32_t oid = (uint32_t)number(cell[COL_OID]);
    struct relation *rel = relations_find(&t->relations, oid);

    if (!cell[COL_NAME] || !cell[COL_SYSTEM] || *cell[COL_SYSTEM] == 't')
        return cell[COL_NAME] ? NULL : rel;
    if (!rel) {
        rel = relations_put(&t->relations, oid);
        rel->born = t->transaction;
        rel->kind = *cell[COL_KIND];
        rel->table = (uint32_t)number(cell[COL_TABLE]);
        rel->filenode = (uint32_t)number(cell[COL_FILENODE]);
        s->builds_index |= rel->kind == 'i';
    }
    if (strcmp(rel->name, cell[COL_NAME]) != 0 && (!*rel->name || rel->born))
        rel->name = arena_strdup(t->arena, cell[COL_NAME]);
    if (rel->tx != t->transaction) {
        rel->tx = t->transaction;
        rel->modes = 0;
        rel->scans = rel->returned = rel->changed = 0;
    }
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
    if (lock > at->lock)
        at->lock = lock;
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
    int64_t changed = grown(&rel->changed, cell[COL_CHANGED]);

    if (rel->kind != 'r' && rel->kind != 'm' && rel->kind != 'f')
        return;
    if (scans && (rel->rows <= 0 || returned * FULL_SCAN_SHARE >= rel->rows))
        touch(t, s, rel)->scanned = true;
    if (changed)
        touch(t, s, rel)->changed += changed;
}

/* TRUNCATE gives new files as well; those hold nothing, a rewrite does. */
static bool is_rewrite(struct trace *t, const struct relation *rel)
{
    struct pg_result got;
    struct arena scratch;
    struct err ignored;
    bool empty;

    if (rel->bytes == 0)
        return true;
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
    if (rel->born != t->transaction && now && is_rewrite(t, rel))
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

/* Leaves out what was made in this transaction, and indexes that are locked
 * no more than their table and were not rewritten. */
static void settle(struct trace *t, struct traced_statement *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->n; i++) {
        struct traced_touch at = s->touched[i];
        struct relation *rel = at.relation, *table;
        if (rel->born == t->transaction)
            continue;
        if (at.lock == LOCK_NONE)
            at.lock = strongest(rel->modes);
        table = rel->table ? relations_find(&t->relations, rel->table) : NULL;
        if (table && !at.rewritten && table->tx == t->transaction &&
            strongest(table->modes) >= at.lock)
            continue;
        if (rel->table && !at.rewritten && at.lock < LOCK_ACCESS_EXCLUSIVE)
            continue;
        s->touched[kept++] = at;
    }
    s->n = kept;
    if (kept)
        qsort(s->touched, kept, sizeof *s->touched, by_strength);
}

/* Reads the state of `what` (OWN_LOCKS_SQL, or oids) after a statement. */
static bool inspect(struct trace *t, struct traced_statement *s,
                    const char *what, struct err *e)
{
    struct pg_result got;
    struct arena scratch;
    bool ok;

    arena_init(&scratch);
    ok = pg_query(t->work, &scratch, arena_printf(&scratch, INSPECT_SQL, what),
                  NULL, 0, &got, e);
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

/* ---- running ---- */

static bool stopped(const struct trace *t)
{
    return loop_stops(t->loop) != t->stops;
}

static bool say_stopped(struct err *e)
{
    err_what(e, ERR_INTERRUPTED, "the rehearsal was interrupted");
    err_why(e, "a signal asked us to stop");
    return err_fix(e, "nothing is left of it; run it again when you want");
}

static void say_live(struct trace *t, const struct script *s, size_t i,
                     int64_t since)
{
    char text[32];

    duration_text(clock_mono() - since, text, sizeof text);
    progress_live(t->progress, s->file, (int64_t)i + 1, (int64_t)s->n,
                  "line %d: %s, %s", s->statements[i].line,
                  s->statements[i].kind ? s->statements[i].kind : "statement",
                  text);
}

/* Runs one statement, with an observer or without (NULL). */
static bool run_statement(struct trace *t, const struct script *s, size_t i,
                          struct observer *o, struct pg_result *out,
                          struct err *e)
{
    int64_t since = clock_mono(), live = since + LIVE_MS;
    struct err ignored;

    if (stopped(t))
        return say_stopped(e);
    if (!pg_send_run(t->work, s->statements[i].text, e))
        return false;
    while (pg_busy(t->work)) {
        int64_t until = live;
        if (o && !observer_turn(o, &ignored))
            o = NULL;
        if (o && o->next < until)
            until = o->next;
        loop_turn(t->loop, until);
        if (stopped(t))
            pg_cancel(t->work);
        if (clock_mono() >= live) {
            say_live(t, s, i, since);
            live = clock_mono() + LIVE_MS;
        }
    }
    if (o && o->asked)
        observer_end(o, &ignored);
    if (!pg_take(t->work, t->arena, out, e))
        return stopped(t) ? say_stopped(e) : false;
    return true;
}

/* Where in the file the server points at, or the statement's own line. */
static int line_of(const struct statement *s, int position)
{
    int line = s->line;
    const char *p = s->text;

    for (; position > 1 && *p; p++) {
        if ((*p & 0xC0) == 0x80)
            continue; /* PostgreSQL counts characters */
        position--;
        line += *p == '\n';
    }
    return line;
}

/* Turns e into an answer; false where it is no answer. */
static bool failed(struct trace *t, struct traced_script *out, size_t i,
                   struct err *e)
{
    const struct statement *s = &out->script->statements[i];
    const struct pg_failure *f = pg_failed(t->work);

    if (e->code != ERR_FAILED || f->lost)
        return false;
    out->failed = arena_printf(
        t->arena, "%s:%d: %s", escape(t->arena, out->script->file),
        line_of(s, f->position), escape(t->arena, *e->why ? e->why : e->what));
    err_clear(e);
    return true;
}

static bool command(struct trace *t, const char *sql, struct err *e)
{
    struct pg_result ignored;

    return pg_run(t->work, t->arena, sql, &ignored, e);
}

/* Counters of an earlier transaction must not show in the next one. */
static const char *flush(const struct trace *t)
{
    return pg_server_version(t->work) >= 150000
               ? "SELECT pg_catalog.pg_stat_force_next_flush()"
               : "SELECT";
}

/* search_path: the one the role and the database give, as in the real run. */
static const char *settings(struct trace *t, const struct script *s,
                            const char *local, int64_t lock_ms)
{
    return arena_printf(
        t->arena,
        "SET %s search_path TO DEFAULT; SET %s lock_timeout = '%lldms'; "
        "SET %s statement_timeout = '%lldms'; %s",
        local, local, (long long)lock_ms, local,
        (long long)(s->statement_timeout_ms > 0 ? s->statement_timeout_ms : 0),
        flush(t));
}

static void held_until(struct traced_script *out, int64_t end)
{
    for (size_t i = 0; i < out->n; i++)
        for (size_t j = 0; j < out->statements[i].n; j++) {
            struct traced_touch *at = &out->statements[i].touched[j];
            at->held_ms = end - at->taken;
        }
}

static struct traced_statement *begin(struct trace *t,
                                      struct traced_script *out, size_t i)
{
    struct traced_statement *s = &out->statements[i];

    *s = (struct traced_statement){.statement = &out->script->statements[i],
                                   .began = clock_mono()};
    progress_live(t->progress, out->script->file, (int64_t)i + 1,
                  (int64_t)out->script->n, "line %d: %s", s->statement->line,
                  s->statement->kind ? s->statement->kind : "statement");
    return s;
}

static bool left_transaction(struct trace *t, struct traced_script *out,
                             const struct traced_statement *s)
{
    if (pg_transaction(t->work) == PG_IN_TRANSACTION)
        return false;
    out->failed = arena_printf(
        t->arena, "%s:%d: it ended the transaction that tidegate began",
        escape(t->arena, out->script->file), s->statement->line);
    return true;
}

static bool run_together(struct trace *t, struct traced_script *out,
                         struct err *e)
{
    const struct script *script = out->script;

    if (!command(t, "BEGIN", e) ||
        !command(t, settings(t, script, "LOCAL", t->lock_wait_ms), e))
        return false;
    for (size_t i = 0; i < script->n; i++) {
        struct traced_statement *s = begin(t, out, i);
        struct pg_result r;
        if (!run_statement(t, script, i, NULL, &r, e))
            return failed(t, out, i, e) && command(t, "ROLLBACK", e);
        s->ms = r.ms;
        s->rows = r.affected > 0 ? r.affected : 0;
        out->n = i + 1;
        if (left_transaction(t, out, s))
            return pg_transaction(t->work) == PG_IDLE ||
                   command(t, "ROLLBACK", e);
        if (!inspect(t, s, OWN_LOCKS_SQL, e))
            return false;
        settle(t, s);
    }
    /* deferred constraints are checked here: that can fail as well */
    if (!command(t, "COMMIT", e))
        return script->n && failed(t, out, script->n - 1, e);
    held_until(out, clock_mono());
    return true;
}

/* What the observer saw, as touches of the statement. */
static bool take_observed(struct trace *t, struct traced_statement *s,
                          const struct observer *o, struct err *e)
{
    struct buf oids;
    const char *what;

    buf_init(&oids);
    for (size_t i = 0; i < o->n; i++)
        buf_printf(&oids, "%s%u", i ? "," : "", o->list[i].relation);
    what = arena_printf(t->arena,
                        "SELECT DISTINCT relation, ''::text AS mode FROM "
                        "pg_catalog.unnest('{%s}'::oid[]) AS u(relation)",
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
        rel->tx = t->transaction;
        take_lock(t, s, rel, seen->lock);
        at = touch(t, s, rel);
        at->scanned |= seen->scanned;
        if (seen->lock == at->lock && held > at->held_ms)
            at->held_ms = held;
    }
    settle(t, s);
    return true;
}

static bool run_apart(struct trace *t, struct traced_script *out, struct err *e)
{
    const struct script *script = out->script;

    if (!command(t, settings(t, script, "SESSION", 0), e))
        return false;
    for (size_t i = 0; i < script->n; i++) {
        struct traced_statement *s = begin(t, out, i);
        struct observer o;
        struct pg_result r;
        if (i)
            t->transaction++;
        observer_begin(&o, t->loop, t->arena, t->watch,
                       pg_backend_pid(t->work));
        observer_turn(&o, e);
        if (!run_statement(t, script, i, &o, &r, e))
            return failed(t, out, i, e);
        s->ms = r.ms;
        s->rows = r.affected > 0 ? r.affected : 0;
        out->n = i + 1;
        if (!take_observed(t, s, &o, e) || !command(t, flush(t), e))
            return false;
    }
    return command(t, "SET search_path = ''", e);
}

bool trace_script(struct trace *t, const struct script *s,
                  struct traced_script *out, struct err *e)
{
    int64_t began = clock_mono();
    bool ok;

    *out = (struct traced_script){.script = s};
    out->statements = arena_array(t->arena, s->n, sizeof *out->statements);
    t->transaction++;
    ok = s->transaction ? run_together(t, out, e) : run_apart(t, out, e);
    out->ms = clock_mono() - began;
    return ok;
}

bool trace_open(struct trace *t, struct err *e)
{
    struct traced_statement nothing = {0};

    t->transaction = 0;
    t->wal = 0;
    return relations_read(&t->relations, t->arena, t->work, e) &&
           inspect(t, &nothing, OWN_LOCKS_SQL, e);
}
