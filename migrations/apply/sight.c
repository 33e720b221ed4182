/* What the observer asks while a command runs, and what it makes of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrations/apply/work.h"
#include "runner/base/buf.h"

/* Of pg_stat_activity b, for people; goes through printf. */
#define SIGHT_WHO                                                        \
    "pg_catalog.format('pid %%s, user %%s, %%s, in its transaction for " \
    "%%s s', b.pid, coalesce(b.usename, 'none'),"                        \
    " coalesce(nullif(b.application_name, ''),"                          \
    " nullif(b.backend_type, 'client backend'), 'no application name')," \
    " pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()"        \
    " - b.xact_start)::int8)"

#define FILE_SEGMENT ((int64_t)1 << 30)

void sight_clear(struct apply *ap)
{
    ap->sight.n = 0;
    ap->sight.waiting = 0;
    ap->sight.longest_ms = 0;
    ap->sight.held = false;
}

/* ---- who waits ---- */

/* pg_blocking_pids knows those in the queue before us, too; a lock that we
 * only wait for makes those behind us wait as well. Who waits for one of them
 * waits for us. */
static const char look_sql[] =
    "WITH RECURSIVE w AS (SELECT a.pid, pg_catalog.pg_blocking_pids(a.pid)"
    " AS by FROM pg_catalog.pg_stat_activity a"
    " WHERE a.wait_event_type = 'Lock' AND a.pid <> %d),"
    " behind AS (SELECT w.pid FROM w WHERE %d = ANY (w.by)"
    " UNION SELECT w.pid FROM w JOIN behind ON behind.pid = ANY (w.by))"
    " SELECT 'behind', behind.pid, NULL FROM behind"
    " UNION ALL SELECT 'ahead', b.pid, " SIGHT_WHO
    " FROM pg_catalog.pg_stat_activity b"
    " WHERE b.pid = ANY (pg_catalog.pg_blocking_pids(%d))";

bool sight_look(struct apply *ap)
{
    int pid = pg_backend_pid(ap->work);
    char sql[sizeof look_sql + 48];
    struct err ignored;

    snprintf(sql, sizeof sql, look_sql, pid, pid, pid);
    ap->sight.blind = !pg_send(ap->observer, sql, &ignored);
    if (!ap->sight.blind)
        ap->sight.asked = SIGHT_LOOKS;
    return !ap->sight.blind;
}

static int64_t since_of(const struct sight *s, long pid, int64_t now)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->list[i].pid == pid)
            return s->list[i].since;
    return now;
}

static void take_look(struct sight *s, const struct pg_result *r, int64_t now)
{
    struct sight_waiter list[SIGHT_MOST];
    size_t n = 0;

    s->held = false;
    s->waiting = 0;
    s->longest_ms = 0;
    for (int i = 0; i < r->rows; i++) {
        long pid = strtol(r->cell[i][1], NULL, 10);
        if (strcmp(r->cell[i][0], "ahead") == 0) {
            snprintf(s->ahead, sizeof s->ahead, "%s",
                     r->cell[i][2] ? r->cell[i][2] : "");
            s->held = true;
            continue;
        }
        s->waiting++;
        if (n == SIGHT_MOST)
            continue;
        list[n] = (struct sight_waiter){pid, since_of(s, pid, now)};
        if (now - list[n].since > s->longest_ms)
            s->longest_ms = now - list[n].since;
        n++;
    }
    memcpy(s->list, list, n * sizeof *list);
    s->n = n;
}

/* ---- how far it is ---- */

/* One row: kind, phase, done, total, whom it waits for. */
static const struct {
    int version;
    const char *sql;
} views[] = {
    {120000, "SELECT CASE WHEN p.command LIKE '%%CONCURRENTLY' THEN"
             " 'concurrent' ELSE 'index' END, p.phase,"
             " CASE WHEN p.tuples_total > 0 THEN p.tuples_done"
             " ELSE p.blocks_done END,"
             " CASE WHEN p.tuples_total > 0 THEN p.tuples_total"
             " ELSE p.blocks_total END,"
             " CASE WHEN b.pid IS NOT NULL THEN " SIGHT_WHO " END"
             " FROM pg_catalog.pg_stat_progress_create_index p LEFT JOIN"
             " pg_catalog.pg_stat_activity b ON b.pid = nullif("
             "p.current_locker_pid, 0) WHERE p.pid = %d"},
    {120000, "SELECT 'blocks', p.phase, p.heap_blks_scanned,"
             " CASE WHEN p.phase LIKE '%%heap' THEN p.heap_blks_total"
             " ELSE 0 END, NULL"
             " FROM pg_catalog.pg_stat_progress_cluster p WHERE p.pid = %d"},
    {90600, "SELECT 'blocks', p.phase, CASE WHEN p.phase = 'scanning heap'"
            " THEN p.heap_blks_scanned ELSE p.heap_blks_vacuumed END,"
            " CASE WHEN p.phase = 'scanning heap' THEN p.heap_blks_total"
            " ELSE 0 END, NULL"
            " FROM pg_catalog.pg_stat_progress_vacuum p WHERE p.pid = %d"},
    {130000, "SELECT 'blocks', p.phase, p.sample_blks_scanned,"
             " p.sample_blks_total, NULL"
             " FROM pg_catalog.pg_stat_progress_analyze p WHERE p.pid = %d"},
    {140000, "SELECT 'blocks', p.command || ', ' || p.tuples_processed ||"
             " ' rows', p.bytes_processed, p.bytes_total, NULL"
             " FROM pg_catalog.pg_stat_progress_copy p WHERE p.pid = %d"},
};

/* A rewrite fills a new file, whose relation nobody else can see yet: a lock
 * of ours on an oid that pg_class does not show. Its file has that number. */
static const char file_sql[] =
    "SELECT 'blocks', 'rewriting the table', coalesce(pg_catalog.sum("
    "(pg_catalog.pg_stat_file('base/' || d.oid || '/' || l.relation ||"
    " CASE WHEN g = 0 THEN '' ELSE '.' || g END, true)).size), 0)::int8,"
    " %lld, NULL FROM (SELECT DISTINCT l.relation, l.database"
    " FROM pg_catalog.pg_locks l WHERE l.pid = %d"
    " AND l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock') l"
    " JOIN pg_catalog.pg_database d ON d.oid = l.database"
    " CROSS JOIN pg_catalog.generate_series(0, %d) g WHERE NOT EXISTS"
    " (SELECT FROM pg_catalog.pg_class c WHERE c.oid = l.relation)"
    " HAVING pg_catalog.count(*) > 0";

static bool rewrites(const struct apply_expected *x, int statement)
{
    for (size_t i = 0; i < x->touched; i++)
        if (x->touches[i].rewritten && x->touches[i].statement == statement)
            return true;
    return false;
}

/* The bytes of what this statement rewrites; 0: nothing, not known, or a file
 * of a statement before would be counted with it. */
static int64_t rewritten_bytes(const struct apply_expected *x, int statement)
{
    int64_t bytes = 0;

    for (size_t i = 0; i < x->touched; i++) {
        const struct apply_touch *t = &x->touches[i];
        if (t->rewritten && t->statement < statement)
            return 0;
        if (t->rewritten && t->statement == statement)
            bytes += t->bytes;
    }
    return bytes;
}

bool sight_measure(struct apply *ap, const struct guard *g)
{
    int64_t bytes = rewritten_bytes(g->t->expected, g->statement);
    int pid = pg_backend_pid(ap->work);
    const char *between = "";
    struct err ignored;
    struct buf sql;

    ap->sight.rewrites = rewrites(g->t->expected, g->statement);
    ap->sight.expected = g->t->expected;
    ap->sight.statement = g->statement;
    buf_init(&sql);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        if (pg_server_version(ap->observer) >= views[i].version) {
            buf_str(&sql, between);
            buf_printf(&sql, views[i].sql, pid);
            between = " UNION ALL ";
        }
    if (bytes > 0 && ap->sees_files) {
        buf_str(&sql, between);
        buf_printf(&sql, file_sql, (long long)bytes, pid,
                   (int)(2 * bytes / FILE_SEGMENT + 1));
    }
    ap->sight.blind = !pg_send(ap->observer, sql.data, &ignored);
    if (!ap->sight.blind)
        ap->sight.asked = SIGHT_MEASURES;
    ap->sight.asked_at = clock_mono();
    buf_release(&sql);
    return !ap->sight.blind;
}

static int64_t number(const char *text)
{
    return text ? strtoll(text, NULL, 10) : 0;
}

/* Those of the statement that was measured. */
static const struct apply_phases *phases_of(const struct sight *s)
{
    const struct apply_expected *x = s->expected;

    return x && x->phases && s->statement >= 1 && (size_t)s->statement <= x->n
               ? &x->phases[s->statement - 1]
               : NULL;
}

static void take_measure(struct sight *s, const struct pg_result *r)
{
    s->pace = (struct live_pace){-1, s->phase};
    s->phase[0] = s->waits_for[0] = '\0';
    s->waits = false;
    if (r->rows == 0)
        return;
    char **cell = r->cell[0];
    int64_t done = number(cell[2]), total = number(cell[3]);
    bool concurrent = strcmp(cell[0], "concurrent") == 0;

    snprintf(s->phase, sizeof s->phase, "%s", cell[1] ? cell[1] : "");
    snprintf(s->waits_for, sizeof s->waits_for, "%s", cell[4] ? cell[4] : "");
    s->waits = strncmp(s->phase, "waiting for", 11) == 0;
    if (r->rows > 1 || (s->rewrites && strcmp(cell[0], "index") == 0))
        return; /* the table is there, its indexes follow */
    if (strcmp(cell[0], "blocks") != 0)
        s->pace.per_mille =
            live_index_share(phases_of(s), s->phase, concurrent, done, total);
    else if (total > 0)
        s->pace.per_mille = (int)(1000 * (done < total ? done : total) / total);
}

void sight_take(struct apply *ap, int64_t now, int64_t began)
{
    struct sight *s = &ap->sight;
    struct arena a;
    struct pg_result r;
    struct err ignored;

    arena_init(&a);
    if (!pg_take(ap->observer, &a, &r, &ignored))
        s->blind = pg_transaction(ap->observer) == PG_LOST;
    else if (s->asked == SIGHT_LOOKS)
        take_look(s, &r, now);
    else if (s->asked == SIGHT_MEASURES && s->asked_at >= began)
        take_measure(s, &r);
    s->asked = SIGHT_IDLE;
    arena_release(&a);
}
