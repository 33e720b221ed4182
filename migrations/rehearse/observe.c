#include "migrations/rehearse/observe.h"

#include <stdlib.h>
#include <string.h>

#define DENSE_FOR_MS 200
/* A machine that is busy begins late; who waits for us shows its locks. */
#define HOLD_MS 3000
/* Locks and progress are not read at one moment: the first sample may show the
 * one and not yet the other. */
#define TIMES     2
#define DENSE_MS  2
#define SPARSE_MS 50
#define PHASE     "phase "

/* Locks of a backend, and the relations its progress views say it reads. */
#define SAMPLE_SQL                                                            \
    "SELECT l.relation, l.mode FROM pg_catalog.pg_locks l "                   \
    "WHERE l.locktype = 'relation' AND l.granted AND l.pid = %d "             \
    "AND l.relation >= 16384 AND l.database = (SELECT oid FROM "              \
    "pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) "  \
    "UNION ALL SELECT relid, 'scan' FROM "                                    \
    "pg_catalog.pg_stat_progress_create_index WHERE pid = %d AND relid <> 0 " \
    "UNION ALL SELECT relid, 'phase ' || phase FROM "                         \
    "pg_catalog.pg_stat_progress_create_index WHERE pid = %d AND relid <> 0 " \
    "UNION ALL SELECT relid, 'scan' FROM "                                    \
    "pg_catalog.pg_stat_progress_vacuum WHERE pid = %d AND relid <> 0"
#define PHASE_SQL                           \
    "SELECT relid, 'phase ' || phase FROM " \
    "pg_catalog.pg_stat_progress_create_index WHERE pid = %d AND relid <> 0"
#define CLUSTER_SQL                         \
    " UNION ALL SELECT relid, 'scan' FROM " \
    "pg_catalog.pg_stat_progress_cluster WHERE pid = %d AND relid <> 0"

bool observer_begin(struct observer *o, struct loop *l, struct arena *a,
                    struct pg *watch, int backend, struct err *e)
{
    struct pg_result ignored;
    int64_t now;

    if (!pg_run(watch, a,
                "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1",
                &ignored, e))
        return false;
    now = clock_mono();
    *o = (struct observer){.loop = l,
                           .watch = watch,
                           .arena = a,
                           .backend = backend,
                           .began = now,
                           .sampled = now,
                           .next = now,
                           .holding = true};
    return true;
}

void observer_begin_phases(struct observer *o, struct loop *l, struct arena *a,
                           struct pg *watch, int backend)
{
    int64_t now = clock_mono();

    *o = (struct observer){.loop = l,
                           .watch = watch,
                           .arena = a,
                           .backend = backend,
                           .began = now,
                           .sampled = now,
                           .next = now + DENSE_FOR_MS,
                           .phases_only = true};
}

static void note(struct observer *o, uint32_t relation, const char *mode,
                 int64_t now)
{
    bool scan = strcmp(mode, "scan") == 0;
    enum lock_mode lock = lock_mode_from_pg(mode);

    for (size_t i = 0; i < o->n; i++) {
        struct observed *seen = &o->list[i];
        if (seen->relation == relation && seen->lock == lock &&
            seen->scanned == scan) {
            seen->last = now;
            return;
        }
    }
    o->list = arena_grow(o->arena, o->list, o->n, o->n + 1, sizeof *o->list);
    o->list[o->n++] = (struct observed){.relation = relation,
                                        .lock = lock,
                                        .scanned = scan,
                                        .first = now,
                                        .last = now};
}

/* name NULL: none any more. What comes again (the second index of a REINDEX)
 * adds up. */
static void phase_begins(struct observer *o, const char *name, int64_t now)
{
    size_t i = 0;

    if (o->phase < o->n_phases) {
        struct traced_phase *at = &o->phases[o->phase];
        if (name && strcmp(at->name, name) == 0)
            return;
        at->ms += now - o->phase_since;
    }
    while (name && i < o->n_phases && strcmp(o->phases[i].name, name) != 0)
        i++;
    if (name && i == o->n_phases) {
        o->phases = arena_grow(o->arena, o->phases, o->n_phases,
                               o->n_phases + 1, sizeof *o->phases);
        o->phases[o->n_phases++] =
            (struct traced_phase){.name = arena_strdup(o->arena, name)};
    }
    o->phase = name ? i : o->n_phases;
    o->phase_since = o->phases_only && o->n_phases == 1 ? o->began : now;
}

static bool observer_take(struct observer *o, struct err *e)
{
    struct pg_result got;
    struct arena scratch;
    int64_t now = clock_mono();
    const char *phase = NULL;
    bool ok, locked = false;

    arena_init(&scratch);
    ok = pg_take(o->watch, &scratch, &got, e);
    for (int i = 0; ok && i < got.rows; i++) {
        const char *mode = got.cell[i][1];
        locked |= lock_mode_from_pg(mode) != LOCK_NONE;
        if (strncmp(mode, PHASE, strlen(PHASE)) == 0)
            phase = mode + strlen(PHASE);
        else if (*got.cell[i][0] != '0')
            note(o, (uint32_t)strtoul(got.cell[i][0], NULL, 10), mode, now);
    }
    if (ok && got.columns) /* no answer to COMMIT */
        phase_begins(o, phase, now);
    arena_release(&scratch);
    o->locked += locked;
    o->asked = false;
    if (now - o->sampled > o->gap)
        o->gap = now - o->sampled;
    o->sampled = now;
    o->next = now + (now - o->began < DENSE_FOR_MS ? DENSE_MS : SPARSE_MS);
    return ok;
}

/* The snapshot has done its work, or waited long enough. */
static bool observer_free(struct observer *o, struct err *e)
{
    o->holding = false;
    o->next = CLOCK_NEVER;
    return o->asked = pg_send(o->watch, "COMMIT", e);
}

static bool observer_ask(struct observer *o, struct err *e)
{
    struct arena scratch;
    const char *sql;
    bool ok;

    if (o->holding && (o->locked >= TIMES || clock_mono() - o->began > HOLD_MS))
        return observer_free(o, e);
    arena_init(&scratch);
    sql = arena_printf(&scratch, SAMPLE_SQL, o->backend, o->backend, o->backend,
                       o->backend);
    if (o->phases_only)
        sql = arena_printf(&scratch, PHASE_SQL, o->backend);
    else if (pg_server_version(o->watch) >= 120000)
        sql = arena_printf(&scratch, "%s" CLUSTER_SQL, sql, o->backend);
    ok = pg_send(o->watch, sql, e);
    arena_release(&scratch);
    o->asked = ok;
    o->next = CLOCK_NEVER;
    return ok;
}

bool observer_turn(struct observer *o, struct err *e)
{
    if (o->asked)
        return pg_busy(o->watch) || observer_take(o, e);
    return clock_mono() < o->next || observer_ask(o, e);
}

bool observer_end(struct observer *o, struct err *e)
{
    struct pg_result ignored;

    while (o->asked && pg_busy(o->watch))
        loop_turn(o->loop, CLOCK_NEVER);
    if (o->asked && !observer_take(o, e))
        return false;
    phase_begins(o, NULL, clock_mono());
    return !o->holding || pg_run(o->watch, o->arena, "COMMIT", &ignored, e);
}

int64_t observed_held(const struct observer *o, const struct observed *seen,
                      int64_t limit)
{
    int64_t held = seen->last - seen->first + o->gap;

    return held < limit ? held : limit;
}
