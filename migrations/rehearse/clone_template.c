#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrations/rehearse/clone.h"
#include "runner/base/duration.h"
#include "runner/base/escape.h"

/* The template itself is never written to, but nobody can connect to it while
 * it is copied: it must not be production. */
static bool template_judge(struct clone *c, struct err *e)
{
    struct pg_identity golden = c->server_identity;
    const char *name = c->settings->argument, *ignored;

    snprintf(golden.database, sizeof golden.database, "%s", name);
    if (clone_judge(c->arena, &golden, c->production, &ignored, e))
        return true;
    err_what(e, ERR_REFUSED, "cannot take %s as a template", name);
    err_why(e, "it is production: nobody could connect while it is copied");
    return err_fix(e, "copy a golden copy of it: clone = template:NAME");
}

/* Until it commits, no catalog has the new database: its folder is the one that
 * no database has, and that was not there before. Only a superuser may look. */
#define FOLDERS                                                             \
    "SELECT d FROM pg_catalog.pg_ls_dir('base') d WHERE d ~ '^[0-9]+$' AND" \
    " NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE oid = d::oid)"
#define BEFORE                                            \
    "SELECT pg_catalog.pg_database_size(oid), (SELECT"    \
    " pg_catalog.array_agg(d) FROM (" FOLDERS ") f) FROM" \
    " pg_catalog.pg_database WHERE datname = $1"
#define NOW                                                           \
    "SELECT pg_catalog.pg_database_size(d::oid) FROM (" FOLDERS ") f" \
    " WHERE d <> ALL (coalesce($1::text[], '{}'))"

struct growth {
    struct pg *watch;    /* a second connection; NULL: time alone is told */
    int64_t total;       /* 0: not known */
    const char *folders; /* that were there before */
};

static void show(struct clone *c, void *arg, int64_t elapsed_ms)
{
    struct growth *g = arg;
    char text[32], all[32];
    struct pg_result got;
    struct arena scratch;
    struct err ignored;

    arena_init(&scratch);
    if (g->watch &&
        pg_query(g->watch, &scratch, NOW, &g->folders, 1, &got, &ignored) &&
        got.rows == 1 && got.cell[0][0])
        clone_say_copied(c, strtoll(got.cell[0][0], NULL, 10), g->total,
                         elapsed_ms);
    else
        progress_live(c->progress, c->name, 0, 0, "copying %s, %s",
                      g->total ? bytes_text(g->total, all, sizeof all) : "it",
                      duration_text(elapsed_ms, text, sizeof text));
    arena_release(&scratch);
}

static void growth_open(struct growth *g, struct clone *c, const char *name)
{
    struct pg_result got;
    struct err ignored;

    *g = (struct growth){0};
    g->watch =
        pg_open(c->loop, c->settings->server,
                arena_printf(c->arena, "tidegate:%s:watch", c->settings->run),
                0, &ignored);
    if (g->watch &&
        pg_query(g->watch, c->arena, BEFORE, &name, 1, &got, &ignored) &&
        got.rows == 1 && got.cell[0][0]) {
        g->total = strtoll(got.cell[0][0], NULL, 10);
        g->folders = got.cell[0][1];
        return;
    }
    pg_close(g->watch);
    g->watch = NULL;
    if (pg_query(c->server, c->arena,
                 "SELECT pg_catalog.pg_database_size(oid) FROM "
                 "pg_catalog.pg_database WHERE datname = $1",
                 &name, 1, &got, &ignored) &&
        got.rows == 1 && got.cell[0][0])
        g->total = strtoll(got.cell[0][0], NULL, 10);
}

static bool template_create(struct clone *c, struct err *e)
{
    const char *name = c->settings->argument, *words;

    if (!template_judge(c, e))
        return false;
    /* file_copy: 2.5 s for 4 GB where wal_log, the default, took 12 s */
    words = arena_printf(
        c->arena, "TEMPLATE %s%s", pg_identifier(c->server, c->arena, name),
        pg_server_version(c->server) >= 150000 ? " STRATEGY file_copy" : "");
    progress_stage(c->progress, "cloning template %s", escape(c->arena, name));
    c->conninfo =
        pg_conninfo_with(c->arena, c->settings->server, "dbname", c->name, e);
    c->label = arena_printf(c->arena, "template %s", escape(c->arena, name));
    if (!c->conninfo)
        return false;
    struct growth growth;
    struct clone_live live = {show, &growth};

    growth_open(&growth, c, name);
    bool ok = clone_database_create(c, words, &live, e);

    pg_close(growth.watch);
    if (!ok && e->code == ERR_FAILED)
        err_fix(e, "see that %s exists and that nobody is connected to it",
                name);
    return ok;
}

const struct clone_provider clone_template = {.name = "template",
                                              .makes_database = true,
                                              .wants_server = true,
                                              .wants_argument = true,
                                              .create = template_create,
                                              .destroy = clone_database_drop};
