/* Opening an apply: three connections, one lock, the fence, no orphan. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrations/apply/work.h"

/* "tide", "gate": the advisory lock, one per database. */
#define LOCK "1953064037, 1734440037"

#define LOCK_TRY_MS    2000 /* a dead runner's backend is gone by then */
#define ORPHAN_WAIT_MS 10000
#define POLL_MS        50
#define FENCE_WAIT     "5s"

static bool ask(struct pg *pg, struct arena *a, const char *sql, char **cell,
                struct err *e)
{
    struct pg_result r;

    if (!pg_query(pg, a, sql, NULL, 0, &r, e))
        return false;
    *cell = r.rows ? r.cell[0][0] : NULL;
    return true;
}

/* ---- what kind of server answers ---- */

static bool direct(struct apply *ap, struct err *e)
{
    static const char sql[] = "SELECT pg_catalog.pg_backend_pid()";
    char *first, *second, mine[16];

    snprintf(mine, sizeof mine, "%d", pg_backend_pid(ap->idle));
    if (!ask(ap->idle, ap->a, sql, &first, e) ||
        !ask(ap->idle, ap->a, sql, &second, e))
        return false;
    if (strcmp(first, second) == 0 && strcmp(first, mine) == 0)
        return true;
    err_what(e, ERR_REFUSED, "%s is reached through a connection pooler",
             pg_name(ap->idle));
    err_why(e,
            "backend %s said it was %s and then %s: locks and settings "
            "would go to others' sessions",
            mine, first, second);
    return err_fix(e, "migrations need a direct connection: name the "
                      "database server itself in `database`");
}

static bool primary(struct apply *ap, struct err *e)
{
    char *standby;

    if (!ask(ap->idle, ap->a, "SELECT pg_catalog.pg_is_in_recovery()", &standby,
             e))
        return false;
    if (*standby == 'f')
        return true;
    err_what(e, ERR_REFUSED, "%s is a standby", pg_name(ap->idle));
    err_why(e, "it replays another server's changes and takes none itself");
    return err_fix(e, "name the primary in `database`, or add "
                      "target_session_attrs=read-write");
}

static bool interrupted(struct apply *ap, struct err *e)
{
    err_what(e, ERR_INTERRUPTED, "interrupted before anything was done in %s",
             pg_name(ap->idle));
    err_why(e, "signal %d asked us to stop", loop_stop_signal(ap->loop));
    return err_fix(e, "run it again");
}

/* ---- the lock ---- */

static bool holder(struct apply *ap, struct err *e)
{
    char *who = NULL;

    if (!ask(ap->idle, ap->a,
             "SELECT pg_catalog.format('%s, pid %s, user %s, from %s, since "
             "%s', a.application_name, a.pid, a.usename,"
             " coalesce(pg_catalog.host(a.client_addr), 'the server itself'),"
             " pg_catalog.date_trunc('second', a.backend_start))"
             " FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a"
             " ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted"
             " AND (l.classid, l.objid) = (" LOCK ") AND l.objsubid = 2"
             " AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d"
             " WHERE d.datname = pg_catalog.current_database())",
             &who, e))
        return false;
    err_what(e, ERR_HELD, "another run is changing %s", pg_name(ap->idle));
    err_why(e, "the lock is held by %s",
            who ? who : "somebody who has just let it go");
    return err_fix(e, "wait until it has ended, then run this again");
}

/* A session lock that another backend of a pooler holds is not ours. */
static bool lock_is_ours(struct apply *ap, struct err *e)
{
    char *count;

    if (!ask(ap->idle, ap->a,
             "SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks l WHERE"
             " l.locktype = 'advisory' AND l.granted AND"
             " (l.classid, l.objid) = (" LOCK ") AND l.objsubid = 2"
             " AND l.pid = pg_catalog.pg_backend_pid()",
             &count, e))
        return false;
    if (strcmp(count, "0") != 0)
        return true;
    err_what(e, ERR_REFUSED, "the session of %s does not last",
             pg_name(ap->idle));
    err_why(e, "a lock taken in one transaction was gone in the next: a "
               "connection pooler is in between");
    return err_fix(e, "migrations need a direct connection: name the "
                      "database server itself in `database`");
}

/* Polled: a waiter in pg_advisory_lock would hold a snapshot, and CREATE
 * INDEX CONCURRENTLY would wait for it for ever. */
static bool lock(struct apply *ap, struct err *e)
{
    int64_t until = clock_mono() + LOCK_TRY_MS;
    char *got;

    for (;;) {
        if (!ask(ap->idle, ap->a,
                 "SELECT pg_catalog.pg_try_advisory_lock(" LOCK ")", &got, e))
            return false;
        if (*got == 't')
            return lock_is_ours(ap, e);
        if (clock_mono() >= until)
            return holder(ap, e);
        if (!loop_sleep(ap->loop, POLL_MS))
            return interrupted(ap, e);
    }
}

/* ---- orphans ---- */

/* Backends that bear a migration's name, whose runner is gone: we hold the
 * lock. Names are any tool's: the "=" before it tells it from what our other
 * connections are called ("lock", "work"), and stands before the end that the
 * server cuts off. */
static char *orphan_sql(struct apply *ap)
{
    return arena_printf(
        ap->a,
        "SELECT a.pid, pg_catalog.format('pid %%s, %%s, since %%s: %%s',"
        " a.pid, a.application_name, pg_catalog.date_trunc('second',"
        " a.state_change), pg_catalog.left(a.query, 120))"
        " FROM pg_catalog.pg_stat_activity a"
        " WHERE a.datname = pg_catalog.current_database()"
        " AND a.application_name ~ '^tidegate:[^:]*:='"
        " AND a.pid NOT IN (%d, %d, %d)",
        pg_backend_pid(ap->idle), ap->work ? pg_backend_pid(ap->work) : 0,
        ap->observer ? pg_backend_pid(ap->observer) : 0);
}

static bool terminate(struct apply *ap, const struct pg_result *found,
                      struct err *e)
{
    struct pg_result r;

    for (int i = 0; i < found->rows; i++) {
        const char *params[] = {found->cell[i][0]};
        progress_warn(ap->progress, NULL, "ending what an earlier run left: %s",
                      found->cell[i][1]);
        if (!pg_query(ap->idle, ap->a,
                      "SELECT pg_catalog.pg_terminate_backend($1::int4)",
                      params, 1, &r, e))
            return false;
    }
    return true;
}

static bool still_there(struct apply *ap, const struct pg_result *found,
                        struct err *e)
{
    err_what(e, ERR_HELD, "an earlier run's statement still runs in %s",
             pg_name(ap->idle));
    err_why(e, "%s", found->cell[0][1]);
    return err_fix(e, "wait until it has ended, or run this again with "
                      "--terminate-orphan");
}

/* Asked once, when it has not ended by itself. */
static bool may_end(struct apply *ap, const char *who)
{
    const struct apply_outside *o = &ap->s.outside;

    return o->end_orphan && o->end_orphan(o->ctx, who);
}

bool door_orphans(struct apply *ap, struct err *e)
{
    int64_t until = clock_mono() + ORPHAN_WAIT_MS;
    bool told = false, ended = false;
    struct pg_result r;

    for (;;) {
        if (!pg_query(ap->idle, ap->a, orphan_sql(ap), NULL, 0, &r, e))
            return false;
        if (r.rows == 0)
            return true;
        if (!ended && (ap->s.terminate_orphan || clock_mono() >= until)) {
            if (!ap->s.terminate_orphan && !may_end(ap, r.cell[0][1]))
                return still_there(ap, &r, e);
            if (!terminate(ap, &r, e))
                return false;
            ended = true;
            until = clock_mono() + ORPHAN_WAIT_MS;
        } else if (!told && !ended) {
            progress_news(ap->progress, NULL,
                          "waiting for what an earlier run left: %s",
                          r.cell[0][1]);
            told = true;
        }
        if (ended && clock_mono() >= until)
            return still_there(ap, &r, e);
        if (!loop_sleep(ap->loop, POLL_MS))
            return interrupted(ap, e);
    }
}

/* ---- the fence ---- */

/* Somebody whom no lock and no name tells of has passed the fence and not
 * ended: it is waited for, but not for ever. */
static bool fence_held(struct apply *ap, struct err *e)
{
    err_what(e, ERR_HELD, "an earlier run's transaction is still open in %s",
             pg_name(ap->idle));
    err_why(e, "it holds the row of tidegate.fence for more than " FENCE_WAIT);
    return err_fix(e, "find it in pg_locks (relation tidegate.fence) and wait "
                      "until it has ended, then run this again");
}

static bool fence_refused(struct apply *ap, const char *state, struct err *e)
{
    struct err old = *e;

    if (strcmp(state, "55P03") == 0)
        return fence_held(ap, e);
    if (strncmp(state, "TG", 2) != 0)
        return false;
    err_what(e, ERR_REFUSED, "%s refuses run %s", pg_name(ap->idle), ap->s.run);
    err_why(e, "%s", old.why);
    return err_fix(e, strcmp(state, "TG003") == 0
                          ? "use the ledger that this database belongs to"
                          : "see who has taken over: tidegate status");
}

static bool fence(struct apply *ap, struct err *e)
{
    char epoch[24];
    const char *params[] = {ap->s.ledger, epoch, ap->s.run};
    struct pg_result r;

    snprintf(epoch, sizeof epoch, "%lld", (long long)ap->s.epoch);
    if (!pg_query(ap->idle, ap->a, "SET lock_timeout = '" FENCE_WAIT "'", NULL,
                  0, &r, e))
        return false;
    if (!pg_query(ap->idle, ap->a,
                  "SELECT tidegate.raise_fence($1, $2::int8, $3)", params, 3,
                  &r, e))
        return fence_refused(ap, pg_failed(ap->idle)->sqlstate, e);
    return pg_query(ap->idle, ap->a, "RESET lock_timeout", NULL, 0, &r, e);
}

/* ---- all of it ---- */

static struct pg *open_as(struct apply *ap, const char *what, struct err *e)
{
    return pg_open(ap->loop, ap->s.conninfo,
                   arena_printf(ap->a, "tidegate:%s:%s", ap->s.run, what), 0,
                   e);
}

/* What this server and these rights allow. */
static bool abilities(struct apply *ap, struct err *e)
{
    char *setting, *files;

    if (!ask(ap->work, ap->a,
             "SELECT coalesce(pg_catalog.current_setting("
             "'client_connection_check_interval', true), '0')",
             &setting, e))
        return false;
    ap->checks_client = strcmp(setting, "0") != 0;
    if (!ask(ap->observer, ap->a,
             "SELECT pg_catalog.has_function_privilege("
             "'pg_catalog.pg_stat_file(text, boolean)', 'EXECUTE')",
             &files, e))
        return false;
    ap->sees_files = *files == 't';
    return true;
}

bool door_open(struct apply *ap, struct err *e)
{
    ap->sight = (struct sight){.pace = {-1, ""}};
    ap->idle = open_as(ap, "lock", e);
    if (!ap->idle || !direct(ap, e) || !primary(ap, e) || !lock(ap, e))
        return false;
    /* only who holds the lock opens these: no other run's are mistaken for
     * orphans */
    ap->work = open_as(ap, "work", e);
    ap->observer = ap->work ? open_as(ap, "watch", e) : NULL;
    return ap->observer && abilities(ap, e) &&
           applied_prepare(ap->idle, ap->a, e) && door_orphans(ap, e) &&
           fence(ap, e) && applied_read(ap->idle, ap->a, &ap->applied, e);
}

void door_close(struct apply *ap)
{
    pg_close(ap->observer);
    pg_close(ap->work);
    pg_close(ap->idle); /* the lock goes with it, last */
    ap->observer = ap->work = ap->idle = NULL;
}
