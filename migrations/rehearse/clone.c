#include "migrations/rehearse/clone.h"

#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/duration.h"
#include "runner/base/escape.h"
#include "runner/base/failpoint.h"
#include "runner/base/hash.h"

#define NAME_LIMIT 63 /* NAMEDATALEN - 1 */
#define PREFIX     "tidegate_"
#define LIVE_MS    1000
/* An ETA is told after so long, and once 1/N is there. */
#define ETA_FROM_MS 3000
#define ETA_SHARE   50

/* How a clone says that it is one, although it is a physical copy. */
#define CLONE_CLUSTER_NAME "tidegate-clone"

/* ---- names and identities ---- */

char *clone_name(struct arena *a, const char *run)
{
    char *name = arena_printf(a, PREFIX "%s", run);
    char digest[HASH_HEX];

    if (strlen(name) <= NAME_LIMIT)
        return name;
    hash_hex(run, strlen(run), digest);
    return arena_printf(a, "%.*s_%.12s", NAME_LIMIT - 13, name, digest);
}

static bool refuse(struct arena *a, const struct pg_identity *target,
                   const char *why, const char *fix, struct err *e)
{
    err_what(e, ERR_REFUSED, "cannot rehearse on %s at %s",
             escape(a, target->database), escape(a, target->address));
    err_why(e, "%s", why);
    return err_fix(e, "%s", fix);
}

bool clone_judge(struct arena *a, const struct pg_identity *target,
                 const struct pg_identity *production, const char **warning,
                 struct err *e)
{
    bool is_copy = production &&
                   strcmp(target->cluster_name, CLONE_CLUSTER_NAME) == 0 &&
                   strcmp(target->address, production->address) != 0;

    *warning = NULL;
    if (target->standby)
        return refuse(a, target, "it is a standby: nothing can be written",
                      "let [rehearsal] server name a server of its own", e);
    if (!production || is_copy ||
        strcmp(target->system, production->system) != 0)
        return true;
    if (strcmp(target->database, production->database) != 0) {
        *warning = arena_printf(
            a,
            "%s stands in production's own cluster: production feels the "
            "load of the rehearsal",
            escape(a, target->database));
        return true;
    }
    return refuse(
        a, target,
        "it is production: system identifier and database name are the same",
        "let [rehearsal] name a clone; a physical copy must answer at another "
        "address and run with cluster_name = " CLONE_CLUSTER_NAME,
        e);
}

/* ---- how far it is ---- */

/* ", about 3 min left", once there is enough to tell. */
static const char *left(struct arena *a, int64_t done, int64_t total,
                        int64_t elapsed)
{
    char text[32];

    if (elapsed < ETA_FROM_MS || done * ETA_SHARE < total)
        return "";
    if (done >= total) /* indexes of a bloated source are smaller, say */
        return ", nearly done";
    duration_text(elapsed * (total - done) / done, text, sizeof text);
    return arena_printf(a, ", about %s left", text);
}

void clone_say_copied(struct clone *c, int64_t done, int64_t total,
                      int64_t elapsed_ms)
{
    char some[32], all[32], text[32];
    struct arena scratch;

    arena_init(&scratch);
    progress_live(c->progress, c->name, 0, 0, "copied %s of %s, %s%s",
                  bytes_text(done, some, sizeof some),
                  bytes_text(total, all, sizeof all),
                  duration_text(elapsed_ms, text, sizeof text),
                  left(&scratch, done, total, elapsed_ms));
    arena_release(&scratch);
}

/* ---- the server ---- */

bool clone_stopped(const struct clone *c, struct err *e)
{
    if (loop_stops(c->loop) == c->stops)
        return false;
    err_what(e, ERR_INTERRUPTED, "the rehearsal was interrupted");
    err_why(e, "a signal asked us to stop");
    err_fix(e, "nothing is left of it; run it again when you want");
    return true;
}

bool clone_server_run(struct clone *c, const char *sql,
                      const struct clone_live *live, struct err *e)
{
    int64_t since = clock_mono(), next = since + LIVE_MS;
    struct pg_result ignored;

    if (clone_stopped(c, e) || !pg_send_run(c->server, sql, e))
        return false;
    while (pg_busy(c->server)) {
        struct err stop;
        loop_turn(c->loop, next);
        if (clone_stopped(c, &stop))
            pg_cancel(c->server);
        if (clock_mono() < next)
            continue;
        next = clock_mono() + LIVE_MS;
        if (live)
            live->show(c, live->arg, clock_mono() - since);
    }
    if (pg_take(c->server, c->arena, &ignored, e))
        return true;
    clone_stopped(c, e); /* then that is why */
    return false;
}

static bool server_open(struct clone *c, struct err *e)
{
    c->server = pg_open(
        c->loop, c->settings->server,
        arena_printf(c->arena, "tidegate:%s:clone", c->settings->run), 0, e);
    return c->server != NULL;
}

/* As long as this connection lives, nobody sweeps that name. */
static bool hold_name(struct clone *c, struct err *e)
{
    struct pg_result got;

    if (!pg_query(c->server, c->arena,
                  "SELECT pg_try_advisory_lock(hashtextextended($1, 0))",
                  &c->name, 1, &got, e))
        return false;
    if (*got.cell[0][0] == 't')
        return true;
    err_what(e, ERR_HELD, "clone %s is somebody else's now", c->name);
    err_why(e, "a rehearsal of the same run is under way on %s",
            pg_name(c->server));
    return err_fix(e, "wait until it has ended");
}

bool clone_database_create(struct clone *c, const char *words,
                           const struct clone_live *live, struct err *e)
{
    char *name = pg_identifier(c->server, c->arena, c->name), at[21];
    const char *mark;

    clock_rfc3339(clock_now(), at);
    mark = arena_printf(c->arena,
                        CLONE_MARK ", run %s, made %s; dropped when the "
                                   "run is gone",
                        c->settings->run, at);
    if (clone_stopped(c, e))
        return false;
    c->made = true;
    if (!clone_server_run(c,
                          arena_printf(c->arena,
                                       "CREATE DATABASE %s %s "
                                       "CONNECTION LIMIT %d",
                                       name, words, CLONE_MARK_LIMIT),
                          live, e)) {
        c->made = strcmp(pg_failed(c->server)->sqlstate, "42P04") != 0;
        return false; /* 42P04: there is one already, and it is not ours */
    }
    failpoint("clone.created");
    return clone_server_run(c,
                            arena_printf(c->arena,
                                         "COMMENT ON DATABASE %s IS %s", name,
                                         pg_literal(c->server, c->arena, mark)),
                            NULL, e);
}

/* The connection that made it may be gone: another one does as well. */
bool clone_database_drop(struct clone *c, struct err *e)
{
    if (!c->made)
        return true;
    if (c->server && pg_transaction(c->server) == PG_LOST) {
        pg_close(c->server);
        c->server = NULL;
    }
    if (!c->server && !server_open(c, e))
        return false;
    if (clone_drop(c->server, c->arena, c->name, e))
        return true;
    return err_fix(e,
                   "drop database %s there; the next rehearsal sweeps it "
                   "as well",
                   c->name);
}

/* Another's leftover that resists does not stop this rehearsal. */
static void swept(struct clone *c, bool ok, const char **names, size_t n,
                  const struct err *e)
{
    for (size_t i = 0; i < n; i++)
        progress_step(c->progress, names[i],
                      "a dead rehearsal left it: removed");
    if (!ok)
        progress_warn(c->progress, NULL,
                      "a clone that a dead rehearsal left stays: %s: %s",
                      escape(c->arena, e->what), escape(c->arena, e->why));
}

static void sweep_databases(struct clone *c)
{
    const char **names;
    size_t n = 0;
    struct err e;
    bool ok = clone_databases_sweep(c->server, c->arena, &names, &n, &e);

    swept(c, ok, names, n, &e);
}

static void sweep_commands(struct clone *c)
{
    const char **names, *notes = c->settings->notes;
    size_t n = 0;
    struct err e;
    bool ok = clone_commands_sweep(c->loop, c->arena, notes, &names, &n, &e);

    swept(c, ok, names, n, &e);
}

/* ---- opening and closing ---- */

static const struct clone_provider *const providers[] = {
    [CLONE_BY_DUMP] = &clone_dump,     [CLONE_BY_TEMPLATE] = &clone_template,
    [CLONE_AS_IS] = &clone_as_is,      [CLONE_BY_COMMAND] = &clone_command,
    [CLONE_BY_SCHEMA] = &clone_schema,
};

/* Judges the server before anything is written there: with the clone's name
 * where we shall make it, with its own where it is the target. */
static bool prepare_server(struct clone *c, struct err *e)
{
    struct pg_identity target;
    const char *warning;

    if (!server_open(c, e) || !hold_name(c, e) ||
        !pg_identify(c->server, c->arena, &c->server_identity, e))
        return false;
    target = c->server_identity;
    snprintf(target.database, sizeof target.database, "%s", c->name);
    if (!clone_judge(c->arena, &target, c->production, &warning, e))
        return false;
    sweep_databases(c);
    return true;
}

/* What this way cannot do without. */
static bool is_complete(const struct clone *c, struct err *e)
{
    const struct clone_provider *p = c->provider;
    const struct rehearse_settings *s = c->settings;
    const char *missing = p->wants_from && !s->from           ? "from"
                          : p->wants_server && !s->server     ? "server"
                          : p->wants_argument && !s->argument ? "clone"
                                                              : NULL;

    if (!missing)
        return true;
    err_what(e, ERR_CONFIG, "[rehearsal] %s is missing", missing);
    err_why(e, "clone = %s cannot be made without it", p->name);
    return err_fix(e, "%s",
                   strcmp(missing, "clone") == 0
                       ? "write what comes after the colon: template:NAME or "
                         "command:PROGRAM"
                       : "name a connection, say service=NAME");
}

bool clone_open(struct clone *c, struct err *e)
{
    struct err second;

    c->provider = providers[c->settings->how];
    if (!is_complete(c, e))
        return false;
    c->name = clone_name(c->arena, c->settings->run);
    c->stops = loop_stops(c->loop);
    sweep_commands(c);
    if (c->provider->makes_database && !prepare_server(c, e)) {
        pg_close(c->server);
        c->server = NULL;
        return false;
    }
    c->begun = true;
    int64_t since = clock_mono();

    if (c->provider->create(c, e)) {
        c->ms = clock_mono() - since;
        return true;
    }
    if (clone_close(c, &second))
        return false;
    progress_warn(c->progress, c->name, "%s: %s", second.what, second.why);
    return clone_is_left(c, e);
}

bool clone_is_left(const struct clone *c, struct err *e)
{
    return err_fix(e,
                   "clone %s is left of it: the next rehearsal removes it, or: "
                   "tidegate rehearse --sweep",
                   c->name);
}

bool clone_close(struct clone *c, struct err *e)
{
    bool ok = !c->begun || c->provider->destroy(c, e);

    pg_close(c->server);
    c->server = NULL;
    c->begun = false;
    return ok;
}

/* ---- existing: as it is, and kept ---- */

static bool as_is_create(struct clone *c, struct err *e)
{
    (void)e;
    progress_stage(c->progress, "taking the database of [rehearsal] server as "
                                "it is");
    c->conninfo = c->settings->server;
    c->label = "existing database";
    return true;
}

static bool as_is_destroy(struct clone *c, struct err *e)
{
    (void)c;
    (void)e;
    return true;
}

const struct clone_provider clone_as_is = {.name = "existing",
                                           .wants_server = true,
                                           .create = as_is_create,
                                           .destroy = as_is_destroy};
