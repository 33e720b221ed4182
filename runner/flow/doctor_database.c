/* The database of the environment, and the server that rehearsals run on. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "migrations/apply/backfill.h"
#include "migrations/rehearse/clone.h"
#include "runner/base/child.h"
#include "runner/base/duration.h"
#include "runner/base/file.h"
#include "runner/flow/doctor_rows.h"
#include "runner/flow/rehearse.h"

#define OLDEST_SERVER 120000 /* the locks we know are those of 12 and later */

static const char *cell(struct doctor *d, struct pg *pg, const char *sql,
                        const char *param, struct err *e)
{
    struct pg_result r;

    if (!pg_query(pg, d->arena, sql, &param, param ? 1 : 0, &r, e))
        return NULL;
    return r.rows > 0 && r.cell[0][0] ? r.cell[0][0] : "";
}

/* The backend that answers must be the one we connected to, twice. */
static void direct(struct doctor *d, struct pg *pg)
{
    static const char sql[] = "SELECT pg_catalog.pg_backend_pid()";
    struct err e = {0};
    const char *first = cell(d, pg, sql, NULL, &e);
    const char *second = first ? cell(d, pg, sql, NULL, &e) : NULL;

    if (!second)
        doctor_error(d, NULL, &e);
    else if (strcmp(first, second) != 0 || atol(first) != pg_backend_pid(pg))
        doctor_problem(d, NULL, ERR_REFUSED,
                       "name the server itself in `database`, not the pooler",
                       "%s is reached through a connection pooler: backends %s "
                       "and %s answered",
                       pg_name(pg), first, second);
}

static void rights(struct doctor *d, struct pg *pg)
{
    static const char sql[] =
        "SELECT CASE WHEN n.oid IS NULL THEN"
        " CASE WHEN pg_catalog.has_database_privilege("
        "pg_catalog.current_database(), 'CREATE') THEN '' ELSE 'none' END"
        " WHEN pg_catalog.has_schema_privilege(n.oid, 'USAGE, CREATE')"
        " THEN '' ELSE 'schema' END"
        " FROM (SELECT 1) AS one LEFT JOIN pg_catalog.pg_namespace n"
        " ON n.nspname = 'tidegate'";
    struct err e = {0};
    const char *lacks = cell(d, pg, sql, NULL, &e);
    const char *who =
        lacks ? cell(d, pg, "SELECT current_user", NULL, &e) : NULL;

    if (!who)
        doctor_error(d, NULL, &e);
    else if (strcmp(lacks, "none") == 0)
        doctor_problem(
            d, NULL, ERR_REFUSED,
            arena_printf(d->arena, "GRANT CREATE ON DATABASE \"%s\" TO \"%s\"",
                         d->s.identity.database, who),
            "%s may not create schema tidegate in %s", who, pg_name(pg));
    else if (*lacks)
        doctor_problem(d, NULL, ERR_REFUSED,
                       arena_printf(d->arena,
                                    "GRANT USAGE, CREATE ON SCHEMA tidegate TO "
                                    "\"%s\"",
                                    who),
                       "%s may not write to schema tidegate in %s", who,
                       pg_name(pg));
}

static void server_kind(struct doctor *d, struct pg *pg)
{
    const struct pg_identity *id = &d->s.identity;
    char text[32];

    if (id->standby)
        doctor_problem(d, NULL, ERR_REFUSED,
                       "name the primary in `database`, or add "
                       "target_session_attrs=read-write",
                       "%s is a standby and takes no changes", pg_name(pg));
    if (id->version < OLDEST_SERVER)
        doctor_problem(d, NULL, ERR_REFUSED,
                       "upgrade to PostgreSQL 12 or later",
                       "%s is PostgreSQL %d", pg_name(pg), id->version / 10000);
    if (llabs(id->skew_ms) > DOCTOR_SKEW_MS)
        doctor_problem(d, NULL, ERR_HELD, "set both clocks by NTP",
                       "the clock of %s is %s off", pg_name(pg),
                       duration_text(llabs(id->skew_ms), text, sizeof text));
}

/* What tidegate left there: whose it is, and whether something is half done. */
static void applied_set(struct doctor *d, struct pg *pg)
{
    const struct applied *applied = &d->s.applied;
    struct err e = {0};

    if (!applied_read(pg, d->arena, &d->s.applied, &e)) {
        doctor_error(d, NULL, &e);
        return;
    }
    for (size_t i = 0; i < applied->open_n; i++)
        doctor_warning(d, NULL, "tidegate status; then resume, or rollback",
                       "%s is half done: %d of %d statements",
                       applied->open[i].name, applied->open[i].statements_done,
                       applied->open[i].statements);
    for (size_t i = 0; i < applied->backfills_n; i++)
        doctor_warning(d, NULL, "tidegate status; then resume, or rollback",
                       "%s is half done: %s", applied->backfills[i].row.name,
                       backfill_far(d->arena, &applied->backfills[i]));
    if (d->ledger && *applied->ledger &&
        strcmp(applied->ledger, ledger_id(d->ledger)) != 0)
        doctor_problem(d, NULL, ERR_LEDGER,
                       "use the ledger that released there before",
                       "%s belongs to ledger %.16s, and ours is %.16s",
                       pg_name(pg), applied->ledger, ledger_id(d->ledger));
}

void doctor_look_database(struct doctor *d)
{
    struct subject *s = &d->s;
    struct err e = {0};
    size_t n = d->n;
    char size[32];

    if (!d->env->database) {
        doctor_off(d, "not configured: releases without migrations");
        return;
    }
    s->pg = pg_open(d->loop, d->env->database, "tidegate:doctor", 0, &e);
    if (!s->pg || !pg_identify(s->pg, d->arena, &s->identity, &e)) {
        doctor_error(d, NULL, &e);
        pg_close(s->pg);
        s->pg = NULL;
        return;
    }
    server_kind(d, s->pg);
    direct(d, s->pg);
    rights(d, s->pg);
    applied_set(d, s->pg);
    if (d->n == n)
        doctor_ok(d, NULL,
                  "%s, PostgreSQL %d, %s, clock %lld ms off; %zu migrations "
                  "applied",
                  pg_name(s->pg), s->identity.version / 10000,
                  bytes_text(s->identity.size, size, sizeof size),
                  (long long)s->identity.skew_ms, s->applied.n);
}

/* ---- rehearsals ---- */

int doctor_tool_major(const char *text)
{
    const char *at = strstr(text, "(PostgreSQL) ");
    long major = at ? strtol(at + strlen("(PostgreSQL) "), NULL, 10) : 0;

    return major > 0 && major < 1000 ? (int)major : 0;
}

/* pg_dump refuses servers newer than itself; pg_restore's archives too. */
static void tool(struct doctor *d, const char *name, int server)
{
    const char *argv[] = {name, "--version", NULL};
    struct child_spec spec = {.argv = argv, .timeout_ms = 10000};
    struct child_result got;
    struct err e = {0};
    int major;

    if (!child_run(d->loop, d->arena, &spec, &got, &e)) {
        doctor_problem(d, NULL, ERR_UNREACHABLE,
                       "install PostgreSQL's client programs", "%s: %s", e.what,
                       e.why);
        return;
    }
    major = doctor_tool_major(got.out);
    if (major < server / 10000)
        doctor_problem(d, NULL, ERR_UNREACHABLE,
                       arena_printf(d->arena, "install %s %d or later", name,
                                    server / 10000),
                       "%s is version %d, and the server is %d", name, major,
                       server / 10000);
}

static void may_create(struct doctor *d, struct pg *pg)
{
    struct err e = {0};
    const char *may =
        cell(d, pg,
             "SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles"
             " WHERE rolname = current_user",
             NULL, &e);

    if (!may)
        doctor_error(d, NULL, &e);
    else if (*may != 't')
        doctor_problem(d, NULL, ERR_UNREACHABLE,
                       "ALTER ROLE ... CREATEDB for the user of `server`",
                       "databases may not be created on %s", pg_name(pg));
}

/* What would be written to must not be production. */
static void not_production(struct doctor *d, const struct pg_identity *target,
                           const char *database)
{
    struct pg_identity as = *target;
    const char *warning;
    struct err e = {0};

    if (database)
        snprintf(as.database, sizeof as.database, "%s", database);
    if (!clone_judge(d->arena, &as, d->s.pg ? &d->s.identity : NULL, &warning,
                     &e))
        doctor_error(d, NULL, &e);
    else if (warning)
        doctor_warning(d, NULL, "let [rehearsal] server name another cluster",
                       "%s", warning);
}

static struct pg *reach(struct doctor *d, const char *conninfo,
                        struct pg_identity *id)
{
    struct err e = {0};
    struct pg *pg = pg_open(d->loop, conninfo, "tidegate:doctor", 0, &e);

    if (pg && pg_identify(pg, d->arena, id, &e))
        return pg;
    doctor_error(d, NULL, &e);
    pg_close(pg);
    return NULL;
}

/* What dead rehearsals left: it costs space, and may hold people's data. */
static void say_left(struct doctor *d, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        doctor_warning(d, NULL, "tidegate rehearse --sweep",
                       "a rehearsal that was killed left the clone %s",
                       names[i]);
}

static void databases_left(struct doctor *d, struct pg *pg)
{
    const char **names;
    struct err e = {0};
    size_t n;

    if (clone_databases_left(pg, d->arena, &names, &n, &e))
        say_left(d, names, n);
    else
        doctor_error(d, NULL, &e);
}

static void commands_left(struct doctor *d)
{
    const char **names, *notes;
    struct err e = {0};
    size_t n;

    if (!d->ledger)
        return;
    notes = path_join(d->arena, ledger_folder(d->ledger), CLONE_NOTES);
    if (clone_commands_left(d->arena, notes, &names, &n, &e))
        say_left(d, names, n);
    else
        doctor_error(d, NULL, &e);
}

static void template_there(struct doctor *d, struct pg *pg, const char *name)
{
    struct err e = {0};
    const char *there =
        cell(d, pg,
             "SELECT count(*) FROM pg_catalog.pg_database WHERE "
             "datname = $1",
             name, &e);

    if (!there)
        doctor_error(d, NULL, &e);
    else if (*there == '0')
        doctor_problem(d, NULL, ERR_UNREACHABLE,
                       "make it, or correct `clone` in [rehearsal]",
                       "%s has no database %s to clone", pg_name(pg), name);
}

static void look_server(struct doctor *d, const struct rehearsal_settings *r)
{
    struct pg_identity from = {0}, server;
    struct pg *source, *pg = reach(d, r->server, &server);

    if (!pg)
        return;
    if (r->clone == CLONE_EXISTING) {
        not_production(d, &server, NULL);
    } else {
        not_production(d, &server, "the clone");
        may_create(d, pg);
        databases_left(d, pg);
    }
    if (r->clone == CLONE_TEMPLATE)
        template_there(d, pg, r->clone_argument);
    if ((r->clone == CLONE_DUMP || r->clone == CLONE_SCHEMA) &&
        (source = reach(d, r->from, &from))) {
        tool(d, "pg_dump", from.version);
        tool(d, "pg_restore", server.version);
        pg_close(source);
    }
    pg_close(pg);
}

static void look_program(struct doctor *d, const struct rehearsal_settings *r)
{
    struct err e = {0};
    char **words = command_words(d->arena, r->clone_argument, &e);

    if (!words)
        doctor_error(d, NULL, &e);
    else if (strchr(words[0], '/') && access(words[0], X_OK) != 0)
        doctor_problem(d, NULL, ERR_CONFIG, "correct `clone` in [rehearsal]",
                       "%s is no program that can be run", words[0]);
}

void doctor_look_rehearsal(struct doctor *d)
{
    static const char *const kinds[] = {[CLONE_DUMP] = "dump",
                                        [CLONE_TEMPLATE] = "template",
                                        [CLONE_EXISTING] = "existing",
                                        [CLONE_COMMAND] = "command",
                                        [CLONE_SCHEMA] = "schema"};
    const struct rehearsal_settings *r = &d->env->rehearsal;
    size_t n = d->n;

    if (!r->on && d->env->database && d->env->policy.budget.on) {
        doctor_warning(d, NULL, "add [rehearsal], or take [budget] out",
                       "[budget] asks for rehearsals, and there is no "
                       "[rehearsal]");
        return;
    }
    if (!r->on) {
        doctor_off(d, "not configured");
        return;
    }
    if (r->clone == CLONE_COMMAND)
        look_program(d, r);
    else
        look_server(d, r);
    commands_left(d);
    for (; n < d->n; n++)
        if (d->lines[n].is == DOCTOR_PROBLEM)
            return;
    doctor_ok(d, NULL, "clones by %s can be made%s", kinds[r->clone],
              r->clone == CLONE_COMMAND ? ": the program is there" : "");
}
