/* Who is in the way of a migration before it begins. */
#include <stdlib.h>
#include <string.h>

#include "migrations/apply/work.h"
#include "runner/base/buf.h"
#include "runner/base/duration.h"

#define POLL_MS  250
#define NAMED    3      /* no more are named at once */
#define LONG_AGO "10 s" /* where nobody knows what will be locked */

/* Which locks of others keep us from taking one (PostgreSQL documentation,
 * table 13.2). */
static const struct {
    const char *lock, *against;
} conflicts[] = {
    {"ACCESS SHARE", "{AccessExclusiveLock}"},
    {"ROW SHARE", "{ExclusiveLock,AccessExclusiveLock}"},
    {"ROW EXCLUSIVE", "{ShareLock,ShareRowExclusiveLock,ExclusiveLock,"
                      "AccessExclusiveLock}"},
    {"SHARE UPDATE EXCLUSIVE",
     "{ShareUpdateExclusiveLock,ShareLock,ShareRowExclusiveLock,ExclusiveLock,"
     "AccessExclusiveLock}"},
    {"SHARE", "{RowExclusiveLock,ShareUpdateExclusiveLock,"
              "ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}"},
    {"SHARE ROW EXCLUSIVE",
     "{RowExclusiveLock,ShareUpdateExclusiveLock,ShareLock,"
     "ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}"},
    {"EXCLUSIVE",
     "{RowShareLock,RowExclusiveLock,ShareUpdateExclusiveLock,ShareLock,"
     "ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}"},
    {"ACCESS EXCLUSIVE",
     "{AccessShareLock,RowShareLock,RowExclusiveLock,ShareUpdateExclusiveLock,"
     "ShareLock,ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}"},
};

static const char *against(const char *lock)
{
    for (size_t i = 0; lock && i < sizeof conflicts / sizeof *conflicts; i++)
        if (strcmp(conflicts[i].lock, lock) == 0)
            return conflicts[i].against;
    return NULL;
}

#define WHO                                                                 \
    "pg_catalog.format('pid %s, user %s, %s, in its transaction for %s s'," \
    " a.pid, coalesce(a.usename, 'none'),"                                  \
    " coalesce(nullif(a.application_name, ''),"                             \
    " nullif(a.backend_type, 'client backend'), 'no application name'),"    \
    " pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()"           \
    " - a.xact_start)::int8)"

/* Holders of a lock on table w.oid that keeps ours away: transactions older
 * than a second (younger ones are gone before a retry), dumps of any age (they
 * keep their locks to the end), and prepared ones. */
#define HOLDERS                                                              \
    " SELECT " WHO " || pg_catalog.format(', holds %s on %s',"               \
    " pg_catalog.string_agg(DISTINCT l.mode, ', '),"                         \
    " pg_catalog.string_agg(DISTINCT w.oid::regclass::text, ', ')),"         \
    " pg_catalog.min(a.xact_start) AS since"                                 \
    " FROM w JOIN pg_catalog.pg_locks l ON l.relation = w.oid"               \
    " AND l.mode = ANY (w.against) AND l.granted"                            \
    " AND l.locktype = 'relation'"                                           \
    " JOIN pg_catalog.pg_database d ON d.oid = l.database"                   \
    " AND d.datname = pg_catalog.current_database()"                         \
    " JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"                   \
    " WHERE a.application_name IN ('pg_dump', 'pg_dumpall')"                 \
    " OR a.xact_start < pg_catalog.clock_timestamp() - interval '1 s'"       \
    " GROUP BY a.pid, a.usename, a.application_name, a.backend_type,"        \
    " a.xact_start"                                                          \
    " UNION ALL SELECT pg_catalog.format('prepared transaction %s, user %s," \
    " prepared %s s ago, holds a lock on %s', p.gid, p.owner,"               \
    " pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()"            \
    " - p.prepared)::int8, w.oid::regclass), p.prepared"                     \
    " FROM w JOIN pg_catalog.pg_locks l ON l.relation = w.oid"               \
    " AND l.mode = ANY (w.against) AND l.granted"                            \
    " JOIN pg_catalog.pg_prepared_xacts p"                                   \
    " ON l.virtualtransaction = '-1/' || p.transaction::text"                \
    " ORDER BY since"

/* Who holds what this script wants; NULL: it wants nothing that we know. */
static char *holders_sql(struct apply *ap, struct arena *a,
                         const struct apply_expected *x)
{
    const char *between = "WITH w (oid, against) AS (SELECT pg_catalog."
                          "to_regclass(v.name)::oid, v.against FROM (VALUES ";
    bool any = false;
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; i < x->touched; i++) {
        const char *modes = against(x->touches[i].lock);

        if (!modes)
            continue;
        buf_printf(&b, "%s(%s, '%s'::text[])", between,
                   pg_literal(ap->idle, a, x->touches[i].relation), modes);
        between = ", ";
        any = true;
    }
    buf_str(&b, ") AS v (name, against))" HOLDERS);
    return any ? buf_into(&b, a) : (buf_release(&b), NULL);
}

static bool concurrent(const struct script *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (strstr(s->statements[i].kind, "CONCURRENTLY"))
            return true;
    return false;
}

/* The oldest transactions of this database: those a concurrent build waits
 * for whatever they have locked, or those that may hold what nobody told us
 * about. */
static bool warn_of(struct apply *ap, struct arena *a, const char *name,
                    const char *age, const char *words, struct err *e)
{
    const char *params[] = {age, arena_printf(a, "{%d,%d,%d}",
                                              pg_backend_pid(ap->idle),
                                              pg_backend_pid(ap->work),
                                              pg_backend_pid(ap->observer))};
    struct pg_result r;

    if (!pg_query(ap->idle, a,
                  "SELECT " WHO " FROM pg_catalog.pg_stat_activity a"
                  " WHERE a.datname = pg_catalog.current_database()"
                  " AND a.backend_xmin IS NOT NULL"
                  " AND a.xact_start < pg_catalog.clock_timestamp()"
                  " - $1::interval AND a.pid <> ALL ($2::int4[])"
                  " ORDER BY a.xact_start LIMIT 3",
                  params, 2, &r, e))
        return false;
    for (int i = 0; i < r.rows; i++)
        progress_warn(ap->progress, name, "%s: %s", words, r.cell[i][0]);
    return true;
}

static char *name_them(struct arena *a, const struct pg_result *r)
{
    char *all = r->cell[0][0];

    for (int i = 1; i < r->rows && i < NAMED; i++)
        all = arena_printf(a, "%s; %s", all, r->cell[i][0]);
    if (r->rows > NAMED)
        all = arena_printf(a, "%s; and %d more", all, r->rows - NAMED);
    return all;
}

static bool held(struct apply *ap, const char *name, const char *who,
                 struct err *e)
{
    char waited[40];

    duration_text(ap->s.retry_for_ms, waited, sizeof waited);
    err_what(e, ERR_HELD, "%s waits for a transaction that stays open", name);
    err_why(e, "after %s: %s", waited, who);
    return err_fix(e, "wait until it has ended, or end it; then run this "
                      "again. Nothing of this migration was begun");
}

static bool stopped(struct apply *ap, const char *name, struct err *e)
{
    err_what(e, ERR_INTERRUPTED, "%s: interrupted before it began", name);
    err_why(e, "signal %d asked us to stop", loop_stop_signal(ap->loop));
    return err_fix(e, "run it again");
}

static bool wait_for(struct apply *ap, struct arena *a, const char *name,
                     const char *sql, struct err *e)
{
    int64_t began = clock_mono(), until = began + ap->s.retry_for_ms;
    struct arena_mark mark = arena_mark(a);
    bool told = false;
    struct pg_result r;

    for (;;) {
        arena_rewind(a, mark);
        if (!pg_query(ap->idle, a, sql, NULL, 0, &r, e))
            return false;
        if (r.rows == 0)
            return true;
        char *who = name_them(a, &r);

        if (clock_mono() >= until)
            return held(ap, name, who, e);
        if (!told)
            progress_news(ap->progress, name, "not begun yet: waits for %s",
                          who);
        else
            progress_live(ap->progress, name, 0, 0,
                          "not begun yet: waits for %s", who);
        told = true;
        if (!loop_sleep(ap->loop, POLL_MS))
            return stopped(ap, name, e);
    }
}

bool apply_clear(struct apply *ap, const struct migration *m,
                 const struct apply_expected *expected, struct err *e)
{
    struct arena a;
    bool ok = apply_ready(ap, e);
    char *sql;

    arena_init(&a);
    sql = ok && expected ? holders_sql(ap, &a, expected) : NULL;
    if (ok && concurrent(&m->up))
        ok = warn_of(ap, &a, m->name, "1 s",
                     "what it does concurrently waits for all older "
                     "transactions, this one too",
                     e);
    else if (ok && (!expected || expected->n == 0))
        ok = warn_of(ap, &a, m->name, LONG_AGO,
                     "what it will lock was not rehearsed; open for long", e);
    if (ok && sql)
        ok = wait_for(ap, &a, m->name, sql, e);
    arena_release(&a);
    return ok;
}
