/* Transactions that may still commit rows with keys up to where it ends. */
#include <stdio.h>
#include <string.h>

#include "migrations/apply/backfill_work.h"
#include "runner/base/duration.h"
#include "runner/base/escape.h"

#define LOOK_MS 200

/* Who writes to it or to a partition; $2: only these. An INSERT has the lock
 * before it takes a number from a sequence. Prepared ones have no pid. */
static const char writers_sql[] =
    "SELECT pg_catalog.count(*), pg_catalog.array_agg(DISTINCT"
    " l.virtualtransaction)::pg_catalog.text, coalesce(pg_catalog.string_agg("
    "DISTINCT coalesce('pid ' || l.pid, 'a prepared transaction'), ', '), '')"
    " FROM pg_catalog.pg_locks l WHERE l.locktype = 'relation' AND l.granted"
    " AND l.mode = 'RowExclusiveLock' AND l.database = (SELECT oid FROM"
    " pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
    " AND (l.relation = $1::pg_catalog.regclass OR l.relation IN (SELECT relid"
    " FROM pg_catalog.pg_partition_tree($1::pg_catalog.regclass)))"
    " AND ($2::pg_catalog.text[] IS NULL OR l.virtualtransaction ="
    " ANY ($2::pg_catalog.text[]))";

static bool held(struct backfill *f, const char *by, struct err *e)
{
    char waited[40];

    duration_text(f->ap->s.retry_for_ms, waited, sizeof waited);
    err_what(e, ERR_HELD, "%s: %s is being written to by an old transaction",
             f->t->script->file, f->key.table);
    err_why(e,
            "%s did not end in %s, and may commit rows that no batch would "
            "see",
            escape(f->t->a, by), waited);
    return err_fix(e, "let it end, then run it again");
}

static bool interrupted(struct backfill *f, struct err *e)
{
    err_what(e, ERR_INTERRUPTED, "%s: interrupted", f->t->script->file);
    err_why(e, "signal %d asked us to stop", loop_stop_signal(f->ap->loop));
    return err_fix(e, "see what stands where: tidegate status");
}

static void say_waits(struct backfill *f, const char *by)
{
    struct guard g = {
        .t = f->t, .deadline = CLOCK_NEVER, .limit_ms = CLOCK_NEVER};
    char text[160];

    snprintf(text, sizeof text, "waits for those that write to it: %s", by);
    guard_say(f->ap, &g, text);
}

bool backfill_writers(struct backfill *f, struct err *e)
{
    const char *params[] = {f->key.table, NULL};
    int64_t until = clock_mono() + f->ap->s.retry_for_ms;
    struct pg_result r;

    for (;;) {
        if (!pg_query(f->ap->idle, f->t->a, writers_sql, params, 2, &r, e))
            return false;
        if (strcmp(r.cell[0][0], "0") == 0)
            return true;
        params[1] = r.cell[0][1];
        if (clock_mono() >= until)
            return held(f, r.cell[0][2], e);
        say_waits(f, r.cell[0][2]);
        if (guard_stopped(f->ap) || !loop_sleep(f->ap->loop, LOOK_MS))
            return interrupted(f, e);
    }
}
