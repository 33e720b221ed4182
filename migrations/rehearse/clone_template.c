#include <stdlib.h>
#include <string.h>

#include "migrations/rehearse/clone.h"
#include "runner/base/duration.h"
#include "runner/base/escape.h"

/* The template itself is never written to, but nobody can connect to it while
 * it is copied: it must not be production. */
static bool template_judge(struct clone *c, struct err *e)
{
    const struct pg_identity *p = c->production;
    const char *name = c->settings->argument;

    if (!p || strcmp(p->system, c->server_identity.system) != 0 ||
        strcmp(p->database, name) != 0)
        return true;
    err_what(e, ERR_REFUSED, "cannot take %s as a template", name);
    err_why(e, "it is production: nobody could connect while it is copied");
    return err_fix(e, "copy a golden copy of it: clone = template:NAME");
}

/* How much there is to copy, for the live line: how far CREATE DATABASE has
 * come nobody tells. */
static const char *amount(struct clone *c, const char *name)
{
    struct pg_result got;
    struct err ignored;
    char text[32];

    if (!pg_query(c->server, c->arena,
                  "SELECT pg_database_size(oid) FROM pg_database "
                  "WHERE datname = $1",
                  &name, 1, &got, &ignored) ||
        got.rows != 1 || !got.cell[0][0])
        return "copying";
    return arena_printf(
        c->arena, "copying %s",
        bytes_text(strtoll(got.cell[0][0], NULL, 10), text, sizeof text));
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
    if (!c->conninfo || !clone_database_create(c, words, amount(c, name), e)) {
        if (e->code == ERR_FAILED)
            err_fix(e, "see that %s exists and that nobody is connected to it",
                    name);
        return false;
    }
    return true;
}

const struct clone_provider clone_template = {.name = "template",
                                              .makes_database = true,
                                              .wants_server = true,
                                              .wants_argument = true,
                                              .create = template_create,
                                              .destroy = clone_database_drop};
