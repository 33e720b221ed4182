/* Who is in the way of a migration before it begins. */
#include <stdlib.h>
#include <string.h>

#include "migrations/apply/work.h"
#include "runner/base/buf.h"
#include "runner/base/duration.h"

#define POLL_MS  250
#define NAMED    3      /* no more are named at once */
#define LONG_AGO "10 s" /* where nobody knows what will be locked */
#define LATELY   "1 s"  /* younger ones are gone before a retry */

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

/* Holders of a lock on table w.oid that keeps ours away: transactions of some
 * age, dumps of any (they keep their locks to the end), and prepared ones. Not
 * w.sure: where only perhaps it is wanted, VACUUM may go on. */
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
    " OR (a.xact_start < pg_catalog.clock_timestamp() - w.age AND (w.sure"   \
    " OR a.backend_type IS DISTINCT FROM 'autovacuum worker'))"              \
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

/* Every table but the system's: any of them may be wanted. */
#define ANY_TABLE                                                           \
    "SELECT c.oid, '%s'::text[], interval '" LONG_AGO "', false"            \
    " FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p', 'm', 'f')"   \
    " AND c.relpersistence <> 't' AND c.relnamespace <> ALL ('{pg_catalog," \
    "information_schema,pg_toast,tidegate}'::pg_catalog.regnamespace[])"

/* Who holds what this script wants; NULL: it wants nothing that we know. */
static char *holders_sql(struct apply *ap, struct arena *a,
                         const struct apply_expected *x)
{
    const char *between = "";
    struct buf b;

    buf_init(&b);
    buf_str(&b, "WITH w (oid, against, age, sure) AS (");
    for (size_t i = 0; i < x->touched; i++) {
        const char *modes = against(x->touches[i].lock);

        if (!modes)
            continue;
        buf_printf(&b,
                   "%sSELECT pg_catalog.to_regclass(%s)::oid, '%s'::text[],"
                   " interval '" LATELY "', true",
                   between, pg_literal(ap->idle, a, x->touches[i].relation),
                   modes);
        between = " UNION ALL ";
    }
    if (x->unread) {
        buf_printf(&b, "%s" ANY_TABLE, between, against("ACCESS EXCLUSIVE"));
        between = " UNION ALL ";
    }
    buf_str(&b, ")" HOLDERS);
    return *between ? buf_into(&b, a) : (buf_release(&b), NULL);
}

static bool concurrent(const struct script *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (strstr(s->statements[i].kind, "CONCURRENTLY"))
            return true;
    return false;
}

/* The oldest transactions of this database: a concurrent build waits for them
 * whatever they have locked. */
static bool warn_of(struct apply *ap, struct arena *a, const char *name,
                    struct err *e)
{
    const char *params[] = {
        arena_printf(a, "{%d,%d,%d}", pg_backend_pid(ap->idle),
                     pg_backend_pid(ap->work), pg_backend_pid(ap->observer))};
    struct pg_result r;

    if (!pg_query(ap->idle, a,
                  "SELECT " WHO " FROM pg_catalog.pg_stat_activity a"
                  " WHERE a.datname = pg_catalog.current_database()"
                  " AND a.backend_xmin IS NOT NULL"
                  " AND a.xact_start < pg_catalog.clock_timestamp()"
                  " - interval '" LATELY "' AND a.pid <> ALL ($1::int4[])"
                  " ORDER BY a.xact_start LIMIT 3",
                  params, 1, &r, e))
        return false;
    for (int i = 0; i < r.rows; i++)
        progress_warn(ap->progress, name,
                      "what it does concurrently waits for all older "
                      "transactions, this one too: %s",
                      r.cell[i][0]);
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

/* What is wanted and the wait for it. */
struct wait {
    struct apply *ap;
    struct arena *a;
    const char *name, *sql, *unread; /* unread: of apply_expected */
};

static bool held(const struct wait *w, const char *who, struct err *e)
{
    char waited[40];

    duration_text(w->ap->s.retry_for_ms, waited, sizeof waited);
    err_what(e, ERR_HELD, "%s waits for a transaction that stays open",
             w->name);
    err_why(e, "after %s: %s%s%s%s", waited, who, w->unread ? "; " : "",
            w->unread ? w->unread : "",
            w->unread ? ": what it locks cannot be told, so whoever has locked "
                        "a table for " LONG_AGO " counts"
                      : "");
    return err_fix(e, "wait until it has ended, or end it; then run this "
                      "again. Nothing of this migration was begun");
}

static bool stopped(const struct wait *w, struct err *e)
{
    err_what(e, ERR_INTERRUPTED, "%s: interrupted before it began", w->name);
    err_why(e, "signal %d asked us to stop", loop_stop_signal(w->ap->loop));
    return err_fix(e, "run it again");
}

static void say(const struct wait *w, const char *who, int64_t left_ms,
                bool told)
{
    struct progress *p = w->ap->progress;
    const char *text;
    char left[40];

    duration_text(left_ms, left, sizeof left);
    text = arena_printf(w->a, "not begun yet: waits for %s; it gives up in %s",
                        who, left);

    if (!told && w->unread)
        progress_warn(p, w->name,
                      "what %s locks cannot be told: whoever has locked a "
                      "table for " LONG_AGO " is waited for",
                      w->unread);
    if (!told)
        progress_news(p, w->name, "%s", text);
    else
        progress_live(p, w->name, 0, 0, "%s", text);
}

static bool wait_for(const struct wait *w, struct err *e)
{
    struct apply *ap = w->ap;
    int64_t began = clock_mono(), until = began + ap->s.retry_for_ms;
    struct arena_mark mark = arena_mark(w->a);
    struct pg_result r;

    for (bool told = false;; told = true) {
        arena_rewind(w->a, mark);
        if (!pg_query(ap->idle, w->a, w->sql, NULL, 0, &r, e))
            return false;
        if (r.rows == 0)
            return true;
        char *who = name_them(w->a, &r);

        int64_t left = until - clock_mono();

        if (left <= 0)
            return held(w, who, e);
        say(w, who, left, told);
        if (!loop_sleep(ap->loop, POLL_MS))
            return stopped(w, e);
    }
}

bool apply_clear(struct apply *ap, const char *name,
                 const struct script *script,
                 const struct apply_expected *expected, struct err *e)
{
    struct arena a;
    struct wait w = {ap, &a, name, NULL, expected->unread};
    bool ok = apply_ready(ap, e);

    arena_init(&a);
    if (ok && concurrent(script))
        ok = warn_of(ap, &a, name, e);
    w.sql = ok ? holders_sql(ap, &a, expected) : NULL;
    if (w.sql)
        ok = wait_for(&w, e);
    arena_release(&a);
    return ok;
}
