#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "migrations/rehearse/clone.h"
#include "runner/base/buf.h"
#include "runner/base/child.h"
#include "runner/base/duration.h"
#include "runner/base/escape.h"
#include "runner/base/json.h"

#define LIVE_MS 1000

/* What pg_dump and pg_restore are told, and about the two ends. */
struct copy {
    struct clone *clone;
    const char *from, *to; /* conninfos without a secret */
    const char *from_tls, *to_tls;
    bool owners;      /* owners and rights come along */
    bool schema_only; /* and nothing else */
    int64_t total;
    struct child *dump, *restore;
};

/* A password on a command line can be read by everybody on the machine. */
static bool no_secret(struct arena *a, const char *key, const char *conninfo,
                      struct err *e)
{
    if (strcmp(redact(a, conninfo), conninfo) == 0)
        return true;
    err_what(e, ERR_CONFIG, "[rehearsal] %s holds a password", key);
    err_why(e, "pg_dump and pg_restore would show it on their command lines");
    return err_fix(e, "put it into a passfile (~/.pgpass, or passfile=PATH), "
                      "or name a service");
}

static const char *child_conninfo(struct clone *c, const char *key,
                                  const char *conninfo, const char *part,
                                  struct err *e)
{
    if (!no_secret(c->arena, key, conninfo, e))
        return NULL;
    return pg_conninfo_with(
        c->arena, conninfo, "application_name",
        arena_printf(c->arena, "tidegate:%s:%s", c->settings->run, part), e);
}

/* As strict as our own connections: verify-full, unless the conninfo says
 * otherwise (it wins over the environment) or the server is on this machine
 * ("" and sockets; a loopback address). */
static const char *tls(const struct pg_identity *id)
{
    const char *at = id->address;
    bool local = !*at || *at == '/' || strncmp(at, "127.", 4) == 0 ||
                 strncmp(at, "::1", 3) == 0 || strncmp(at, "[::1]", 5) == 0 ||
                 !strpbrk(at, ".:");

    return local ? NULL : "PGSSLMODE=verify-full";
}

/* ---- the source: locale, owners, size ---- */

/* Words for CREATE DATABASE: template0, and the source's own locale, since
 * sort orders and unique indexes hang on it. */
#define LOCALE_SQL                                                         \
    "SELECT pg_encoding_to_char(encoding), datcollate, datctype, "         \
    "to_jsonb(d)->>'datlocprovider', coalesce(to_jsonb(d)->>'datlocale', " \
    "to_jsonb(d)->>'daticulocale'), pg_database_size(oid) "                \
    "FROM pg_database d WHERE datname = current_database()"

static const char *locale_words(struct clone *c, char *const *cell)
{
    struct arena *a = c->arena;
    const char *words = arena_printf(
        a, "TEMPLATE template0 ENCODING %s LC_COLLATE %s LC_CTYPE %s",
        pg_literal(c->server, a, cell[0]), pg_literal(c->server, a, cell[1]),
        pg_literal(c->server, a, cell[2]));

    if (cell[3] && *cell[3] == 'i' && cell[4])
        words = arena_printf(a, "%s LOCALE_PROVIDER icu ICU_LOCALE %s", words,
                             pg_literal(c->server, a, cell[4]));
    return words;
}

/* Roles that own or may do something in the source. */
#define ROLES_SQL                                                          \
    "SELECT DISTINCT r.rolname FROM pg_shdepend s "                        \
    "JOIN pg_roles r ON r.oid = s.refobjid "                               \
    "WHERE s.refclassid = 'pg_authid'::regclass AND s.dbid = (SELECT oid " \
    "FROM pg_database WHERE datname = current_database()) ORDER BY 1"
/* Those of them ($1, a JSON array) that this server lacks; and whether we may
 * give objects away. */
#define MISSING_SQL                                                          \
    "SELECT string_agg(w.name, ', '), (SELECT rolsuper FROM pg_roles "       \
    "WHERE rolname = current_user) FROM json_array_elements_text($1::json) " \
    "w(name) WHERE NOT EXISTS (SELECT FROM pg_roles r "                      \
    "WHERE r.rolname = w.name)"

/* Owners and rights come along where the rehearsal server can hold them. */
static bool owners_fit(struct copy *copy, struct pg *source, struct err *e)
{
    struct clone *c = copy->clone;
    struct json *names = json_new_array();
    struct pg_result got;
    const char *text, *missing;
    bool ok = pg_query(source, c->arena, ROLES_SQL, NULL, 0, &got, e);

    for (int i = 0; ok && i < got.rows; i++)
        json_append(names, json_new_string(got.cell[i][0]));
    text = json_canonical(c->arena, names);
    json_free(names);
    if (!ok || !pg_query(c->server, c->arena, MISSING_SQL, &text, 1, &got, e))
        return false;
    missing = got.cell[0][0];
    copy->owners = !missing && got.cell[0][1] && *got.cell[0][1] == 't';
    if (!copy->owners)
        buf_printf(c->warnings,
                   "owners and rights were left out of the clone: %s%s\n",
                   missing ? "the rehearsal server lacks the roles "
                           : "our role there is no superuser",
                   missing ? escape(c->arena, missing) : "");
    return true;
}

static bool read_source(struct copy *copy, struct pg *source,
                        const char **words, struct err *e)
{
    struct clone *c = copy->clone;
    struct pg_identity id;
    struct pg_result got;

    if (!pg_identify(source, c->arena, &id, e) ||
        !pg_query(source, c->arena, LOCALE_SQL, NULL, 0, &got, e))
        return false;
    *words = locale_words(c, got.cell[0]);
    copy->total = got.cell[0][5] ? strtoll(got.cell[0][5], NULL, 10) : 0;
    copy->from_tls = tls(&id);
    copy->to_tls = tls(&c->server_identity);
    return owners_fit(copy, source, e);
}

/* ---- the two children ---- */

static struct child *start(struct copy *copy, const char *const *argv,
                           const char *mode, int in, int out, struct err *e)
{
    struct clone *c = copy->clone;
    const char *password = getenv("PGPASSWORD");
    const char *env[3] = {0};
    struct child_spec spec = {
        .argv = argv, .env = env, .input_fd = in, .output_fd = out};
    size_t n = 0;

    if (password)
        env[n++] = arena_printf(c->arena, "PGPASSWORD=%s", password);
    if (mode)
        env[n++] = mode;
    return child_start(c->loop, c->arena, &spec, e);
}

static bool start_both(struct copy *copy, struct err *e)
{
    enum { DUMP_LAST = 8 }; /* room for one more word */
    const char *dump[] = {"pg_dump",
                          "--format=custom",
                          "--compress=0",
                          "--no-password",
                          "--no-tablespaces",
                          "--no-subscriptions",
                          "--dbname",
                          copy->from,
                          NULL,
                          NULL};
    const char *restore[] = {"pg_restore",
                             "--no-password",
                             "--exit-on-error",
                             "--no-tablespaces",
                             "--dbname",
                             copy->to,
                             copy->owners ? NULL : "--no-owner",
                             "--no-privileges",
                             NULL};
    int pipe_ends[2];

    if (copy->schema_only)
        dump[DUMP_LAST] = "--schema-only";
    if (pipe2(pipe_ends, O_CLOEXEC) != 0) {
        err_what(e, ERR_FAILED, "cannot begin to copy the database");
        err_why(e, "pipe: %s", strerror(errno));
        return err_fix(e, "close other programs, then run it again");
    }
    copy->dump = start(copy, dump, copy->from_tls, 0, pipe_ends[1], e);
    if (copy->dump)
        copy->restore = start(copy, restore, copy->to_tls, pipe_ends[0], 0, e);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    return copy->restore != NULL;
}

static bool both_done(void *arg)
{
    const struct copy *copy = arg;

    return child_done(copy->dump) && child_done(copy->restore);
}

static void say_size(struct copy *copy, int64_t since)
{
    struct clone *c = copy->clone;
    struct pg_result got;
    struct err ignored;
    char text[32];
    int64_t size = 0, elapsed = clock_mono() - since;
    struct arena scratch;

    arena_init(&scratch);
    if (pg_query(c->server, &scratch,
                 "SELECT pg_database_size(oid) FROM pg_database "
                 "WHERE datname = $1",
                 &c->name, 1, &got, &ignored) &&
        got.rows == 1 && got.cell[0][0])
        size = strtoll(got.cell[0][0], NULL, 10);
    if (copy->schema_only)
        progress_live(c->progress, c->name, 0, 0, "copying the schema, %s",
                      duration_text(elapsed, text, sizeof text));
    else
        clone_say_copied(c, size, copy->total, elapsed);
    arena_release(&scratch);
}

static bool judge(struct copy *copy, const struct child *child,
                  const char *program, struct err *e)
{
    const struct child_result *r = child_result(child);
    struct arena *a = copy->clone->arena;

    if (r->status == 0)
        return true;
    err_what(e, ERR_FAILED, "cannot copy the database: %s failed", program);
    err_why(e, "%s", *r->err ? redact(a, r->err) : "it said nothing");
    return err_fix(e,
                   "run it by hand with [rehearsal] %s; pg_dump must be as "
                   "new as the server",
                   strcmp(program, "pg_dump") == 0 ? "from" : "server");
}

/* pg_restore fails after pg_dump did, and pg_dump is killed by SIGPIPE after
 * pg_restore did: the first one says why. */
static bool judge_both(struct copy *copy, struct err *e)
{
    if (child_result(copy->dump)->signal)
        return judge(copy, copy->restore, "pg_restore", e) &&
               judge(copy, copy->dump, "pg_dump", e);
    return judge(copy, copy->dump, "pg_dump", e) &&
           judge(copy, copy->restore, "pg_restore", e);
}

static bool copy_all(struct copy *copy, struct err *e)
{
    struct clone *c = copy->clone;
    int64_t since = clock_mono();
    bool ok = start_both(copy, e);

    while (ok && !both_done(copy)) {
        loop_until(c->loop, both_done, copy, clock_mono() + LIVE_MS);
        ok = !clone_stopped(c, e);
        if (ok && !both_done(copy))
            say_size(copy, since);
    }
    ok = ok && judge_both(copy, e);
    if (copy->restore)
        child_close(copy->restore);
    if (copy->dump)
        child_close(copy->dump);
    return ok;
}

/* A restored database has no statistics; plans, and how many rows there are,
 * would be another thing than in production. */
static bool analyze(struct clone *c, struct err *e)
{
    struct pg *pg = pg_open(c->loop, c->conninfo, "tidegate:analyze", 0, e);
    int64_t next = clock_mono();
    struct pg_result ignored;
    struct err stop;
    bool ok = pg && pg_send_run(pg, "ANALYZE", e);

    while (ok && pg_busy(pg)) {
        if (clock_mono() >= next)
            progress_live(c->progress, c->name, 0, 0, "gathering statistics");
        next = clock_mono() + LIVE_MS;
        loop_turn(c->loop, next);
        if (clone_stopped(c, &stop))
            pg_cancel(pg);
    }
    ok = ok && pg_take(pg, c->arena, &ignored, e);
    pg_close(pg);
    return !clone_stopped(c, e) && ok; /* the reason, where it was cancelled */
}

static bool dump_create(struct clone *c, struct err *e)
{
    struct copy copy = {.clone = c,
                        .schema_only = c->provider == &clone_schema};
    const char *words;
    struct pg *source;
    bool ok;

    c->conninfo =
        pg_conninfo_with(c->arena, c->settings->server, "dbname", c->name, e);
    copy.from = child_conninfo(c, "from", c->settings->from, "dump", e);
    if (!c->conninfo || !copy.from)
        return false;
    copy.to = child_conninfo(c, "server", c->conninfo, "restore", e);
    source = copy.to
                 ? pg_open(c->loop, c->settings->from, "tidegate:source", 0, e)
                 : NULL;
    if (!source)
        return false;
    progress_stage(c->progress, "cloning %s", pg_name(source));
    c->label = arena_printf(c->arena, "%s of %s",
                            copy.schema_only ? "schema alone" : "dump",
                            pg_name(source));
    ok = read_source(&copy, source, &words, e);
    pg_close(source);
    return ok && clone_database_create(c, words, NULL, e) &&
           copy_all(&copy, e) && analyze(c, e);
}

const struct clone_provider clone_schema = {.name = "schema",
                                            .makes_database = true,
                                            .wants_from = true,
                                            .wants_server = true,
                                            .create = dump_create,
                                            .destroy = clone_database_drop};

const struct clone_provider clone_dump = {.name = "dump",
                                          .makes_database = true,
                                          .wants_from = true,
                                          .wants_server = true,
                                          .create = dump_create,
                                          .destroy = clone_database_drop};
