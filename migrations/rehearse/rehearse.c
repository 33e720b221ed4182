#include "migrations/rehearse/rehearse.h"

#include <string.h>

#include "migrations/rehearse/clone.h"
#include "migrations/rehearse/passes.h"
#include "migrations/rehearse/result.h"
#include "runner/base/buf.h"
#include "runner/base/escape.h"

#define LOCK_WAIT_MS 5000

/* One rehearsal under way. */
struct rehearse {
    const struct rehearse_settings *settings;
    struct pg_identity production, target;
    struct pg_result sizes; /* of production's relations */
    struct basis basis;     /* what else production is like */
    struct clone clone;
    struct passes passes;
    struct buf warnings;
};

/* Who production is and how large; nothing of ours stays connected there. */
static bool production_read(struct rehearse *r, struct err *e)
{
    struct clone *c = &r->clone;
    struct pg *pg;
    bool ok;

    if (!r->settings->production)
        return true;
    pg = pg_open(c->loop, r->settings->production,
                 arena_printf(c->arena, "tidegate:%s:sizes", r->settings->run),
                 0, e);
    ok = pg && pg_identify(pg, c->arena, &r->production, e) &&
         relations_sizes(pg, c->arena, &r->sizes, e) &&
         basis_take(pg, c->arena, &r->basis, &r->passes.grounds.production, e);
    pg_close(pg);
    if (ok)
        c->production = &r->production;
    return ok;
}

/* The clone itself is judged once more: a command, or a server's name service,
 * may have led elsewhere. Nothing has been written to it by us yet. */
static bool target_open(struct rehearse *r, struct err *e)
{
    struct clone *c = &r->clone;
    struct trace *t = &r->passes.trace;
    const char *warning, *run = r->settings->run;

    t->work =
        pg_open(c->loop, c->conninfo,
                arena_printf(c->arena, "tidegate:%s:rehearse", run), 0, e);
    t->watch =
        t->work
            ? pg_open(c->loop, c->conninfo,
                      arena_printf(c->arena, "tidegate:%s:watch", run), 0, e)
            : NULL;
    if (!t->watch || !pg_identify(t->work, c->arena, &r->target, e) ||
        !clone_judge(c->arena, &r->target, c->production, &warning, e))
        return false;
    if (warning)
        buf_printf(&r->warnings, "%s\n", warning);
    return true;
}

/* A clone of something that has these migrations already proves nothing. */
static bool not_applied(struct rehearse *r, struct err *e)
{
    struct passes *p = &r->passes;
    struct applied applied;

    if (!applied_read(p->trace.work, p->trace.arena, &applied, e))
        return false;
    for (size_t i = 0; i < p->n; i++) {
        if (!applied_find(&applied, p->list[i].migration->name))
            continue;
        err_what(e, ERR_REFUSED, "the clone already has %s",
                 p->list[i].migration->name);
        err_why(e, "it was made of a database that is further than production");
        return err_fix(e, "make a new clone of production, or of its replica");
    }
    return true;
}

static bool run(struct rehearse *r, struct err *e)
{
    struct clone *c = &r->clone;
    struct trace *t = &r->passes.trace;

    if (!production_read(r, e) || !clone_open(c, e))
        return false;
    progress_stage(c->progress, "rehearsing %zu migration%s on a clone (%s)",
                   r->passes.n, r->passes.n == 1 ? "" : "s", c->label);
    if (!target_open(r, e) || !not_applied(r, e) || !trace_open(t, e))
        return false;
    r->passes.data = (struct data){
        .loop = c->loop,
        .arena = c->arena,
        .watch = t->watch,
        .known = &t->relations,
        .exact = r->settings->data_exact ? r->settings->data_exact : DATA_EXACT,
        .progress = c->progress,
        .warnings = &r->warnings,
        .stops = t->stops};
    basis_memory(t->work, t->arena, &r->passes.grounds.clone);
    /* by ratios to empty tables anything would take for ever */
    if (c->production && c->settings->how != CLONE_BY_SCHEMA)
        relations_weigh(&t->relations, &r->sizes);
    return passes_run(&r->passes, e);
}

/* For names in what is safer. The last that the session is used for. */
static void catalog_read(struct rehearse *r)
{
    struct trace *t = &r->passes.trace;
    struct pg_result ignored;
    struct err unknown;

    if (pg_run(t->work, t->arena,
               "ROLLBACK; RESET ALL; SET SESSION AUTHORIZATION DEFAULT",
               &ignored, &unknown))
        r->passes.catalog = catalog_open(t->arena, t->work, &unknown);
}

static const char *lacks(const struct rehearse *r)
{
    const struct relations *all = &r->passes.trace.relations;
    struct arena *a = r->clone.arena;

    if (!all->missing)
        return NULL;
    if (all->missing == 1)
        return escape(a, all->first_missing);
    return arena_printf(a, "%s and %zu more", escape(a, all->first_missing),
                        all->missing - 1);
}

/* False: the clone stays. */
static bool release(struct rehearse *r)
{
    struct err e;

    pg_close(r->passes.trace.watch);
    pg_close(r->passes.trace.work);
    if (clone_close(&r->clone, &e))
        return true;
    progress_warn(r->clone.progress, r->clone.name,
                  "the clone was not removed: %s", e.why);
    buf_printf(&r->warnings, "clone %s was not removed: %s\n", r->clone.name,
               escape(r->clone.arena, e.why));
    return false;
}

static void prepare(struct rehearse *r, struct loop *l, struct arena *a,
                    const struct rehearse_settings *s,
                    struct progress *progress)
{
    *r = (struct rehearse){.settings = s};
    buf_init(&r->warnings);
    r->clone = (struct clone){.loop = l,
                              .arena = a,
                              .settings = s,
                              .progress = progress,
                              .warnings = &r->warnings,
                              .stops = loop_stops(l)};
    r->passes.keep_clean = s->how == CLONE_AS_IS;
    r->passes.schema_only = s->how == CLONE_BY_SCHEMA;
    r->passes.warnings = &r->warnings;
    if (s->factors)
        r->passes.grounds.factors = *s->factors;
    r->passes.trace = (struct trace){
        .loop = l,
        .arena = a,
        .progress = progress,
        .warnings = &r->warnings,
        .lock_wait_ms = s->lock_wait_ms ? s->lock_wait_ms : LOCK_WAIT_MS,
        .stops = loop_stops(l)};
}

/* An existing clone that was left half way. */
static bool say_kept(const struct rehearse *r, struct err *e)
{
    for (size_t i = 0; i < r->passes.n; i++)
        if (r->passes.keep_clean && r->passes.list[i].up_ran)
            return err_fix(e,
                           "the clone keeps %s: make it anew before the "
                           "next rehearsal",
                           r->passes.list[i].migration->name);
    return false;
}

static void say_schema_only(struct rehearsal *out, struct rehearse *r)
{
    out->schema_only = true;
    out->clone_share = 0;
    buf_printf(&r->warnings,
               "the clone has the schema and no rows: locks, rewrites and "
               "scans are told; how long they take is not\n");
}

bool rehearse_run(struct loop *l, struct arena *a,
                  const struct rehearse_settings *s,
                  const struct migration *const *pending, size_t n,
                  struct progress *progress, struct rehearsal *out,
                  struct err *e)
{
    struct rehearse r;
    bool ok, removed;

    prepare(&r, l, a, s, progress);
    passes_init(&r.passes, a, pending, n);
    ok = run(&r, e);
    if (ok) {
        catalog_read(&r);
        result_fill(out, &r.passes, &r.warnings);
    }
    removed = release(&r);
    if (ok) {
        out->lacks = lacks(&r);
        migrations_digest(pending, n, out->digest);
        if (s->how == CLONE_BY_SCHEMA)
            say_schema_only(out, &r);
        out->clone = arena_printf(a, "%s, %s", r.clone.label, r.target.address);
        out->clone_ms = r.clone.ms;
        out->at = clock_now();
        out->warnings = arena_strdup(a, r.warnings.data);
        out->basis = r.basis;
        out->basis.tables = result_tables(&r.passes, &out->basis.n_tables);
    }
    buf_release(&r.warnings);
    if (ok)
        return true;
    return removed ? say_kept(&r, e) : clone_is_left(&r.clone, e);
}
