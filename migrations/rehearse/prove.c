#include "migrations/rehearse/prove.h"

#include <string.h>

#include "migrations/rehearse/clone.h"
#include "runner/base/buf.h"
#include "runner/base/escape.h"

struct prove {
    struct clone clone;
    struct pg_identity production;
    struct pg *there, *here; /* production, and what the files make */
    const struct theirs *theirs;
};

static bool blame(const struct prove *p, const struct script *script,
                  const struct statement *s, struct err *e)
{
    struct err old = *e;

    if (e->code != ERR_FAILED)
        return false;
    err_what(e, ERR_REFUSED, "%s:%d fails on an empty database", script->file,
             s->line);
    err_why(e, "%s", escape(p->clone.arena, *old.why ? old.why : old.what));
    return err_fix(e, "these files alone do not make the schema: leave out "
                      "--verify and compare by hand");
}

static bool say(struct prove *p, const char *sql, struct err *e)
{
    struct pg_result r;

    return pg_run(p->here, p->clone.arena, sql, &r, e);
}

/* A stop signal ends it as well. */
static bool run_statement(struct prove *p, const struct statement *s,
                          struct err *e)
{
    struct arena *a = p->clone.arena;
    struct arena_mark mark = arena_mark(a);
    struct pg_result r;
    struct err stop;

    if (!pg_send_copy(p->here, s->text, s->data, s->data_len, e))
        return false;
    while (pg_busy(p->here)) {
        loop_turn(p->clone.loop, CLOCK_NEVER);
        if (clone_stopped(&p->clone, &stop))
            pg_cancel(p->here);
    }
    if (!pg_take(p->here, a, &r, e))
        return false;
    arena_rewind(a, mark);
    return true;
}

/* Each begins with the settings of its role, as when it is applied. */
static bool run_script(struct prove *p, const struct script *script,
                       struct err *e)
{
    if (!say(p, "DISCARD ALL", e) ||
        (script->transaction && !say(p, "BEGIN", e)))
        return false;
    for (size_t i = 0; i < script->n; i++) {
        const struct statement *s = &script->statements[i];
        bool ok = run_statement(p, s, e);

        if (clone_stopped(&p->clone, e))
            return false;
        if (!ok)
            return blame(p, script, s, e);
    }
    return !script->transaction || say(p, "COMMIT", e);
}

/* Owners and rights follow roles, not files. */
static void leave_out_roles(struct fingerprint *f)
{
    size_t kept = 0;

    for (size_t i = 0; i < f->n; i++)
        if (strncmp(f->lines[i], "owner of ", 9) != 0 &&
            strncmp(f->lines[i], "rights on ", 10) != 0)
            f->lines[kept++] = f->lines[i];
    f->n = kept;
}

static bool take(struct prove *p, struct pg *pg, struct fingerprint *out,
                 struct err *e)
{
    if (!fingerprint_take(pg, p->clone.arena, out, e))
        return false;
    leave_out_roles(out);
    theirs_leave_out(out, p->theirs);
    return true;
}

static bool open_both(struct prove *p, const struct prove_settings *s,
                      struct err *e)
{
    struct clone *c = &p->clone;
    const char *name = arena_printf(c->arena, "tidegate:%s:verify", s->run);

    p->there = pg_open(c->loop, s->production, name, 0, e);
    if (!p->there || !pg_identify(p->there, c->arena, &p->production, e))
        return false;
    c->production = &p->production;
    if (!clone_open(c, e))
        return false;
    p->here = pg_open(c->loop, c->conninfo, name, 0, e);
    return p->here != NULL;
}

static bool run(struct prove *p, const struct prove_settings *s,
                const struct migration *const *list, size_t n,
                struct comparison *out, struct err *e)
{
    struct fingerprint made, found;

    if (!open_both(p, s, e))
        return false;
    progress_stage(p->clone.progress,
                   "running %zu migration%s on an empty database", n,
                   n == 1 ? "" : "s");
    for (size_t i = 0; i < n; i++)
        if (!run_script(p, &list[i]->up, e))
            return false;
    if (!say(p, "DISCARD ALL", e) ||
        !say(p, "SELECT pg_catalog.set_config('search_path', '', false)", e) ||
        !take(p, p->here, &made, e) || !take(p, p->there, &found, e))
        return false;
    *out = compare_schemas(p->clone.arena, &made, &found);
    return true;
}

bool prove_schema(struct loop *l, struct arena *a,
                  const struct prove_settings *s,
                  const struct migration *const *list, size_t n,
                  struct progress *progress, struct comparison *out,
                  struct err *e)
{
    const struct rehearse_settings how = {.how = CLONE_BY_TEMPLATE,
                                          .argument = "template0",
                                          .server = s->server,
                                          .production = s->production,
                                          .run = s->run};
    struct buf warnings;
    struct prove p = {.theirs = s->theirs,
                      .clone = {.loop = l,
                                .arena = a,
                                .settings = &how,
                                .progress = progress,
                                .warnings = &warnings,
                                .stops = loop_stops(l)}};
    struct err trouble;
    bool ok;

    buf_init(&warnings);
    ok = run(&p, s, list, n, out, e);
    pg_close(p.here);
    pg_close(p.there);
    if (!clone_close(&p.clone, &trouble))
        progress_warn(progress, p.clone.name,
                      "the database was not removed: %s", trouble.why);
    buf_release(&warnings);
    return ok;
}
