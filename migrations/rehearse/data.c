#include "migrations/rehearse/data_intern.h"

#include "runner/base/escape.h"

#define LOOK_MS  200
#define QUERY_MS 120000 /* of one question, at most */

static bool data_stopped(const struct data *d, struct err *e)
{
    if (loop_stops(d->loop) == d->stops)
        return false;
    err_what(e, ERR_INTERRUPTED, "the rehearsal was interrupted");
    err_why(e, "a signal asked us to stop");
    err_fix(e, "nothing is left of it; run it again when you want");
    return true;
}

/* One question, which a stop signal ends. */
bool data_ask(struct data *d, const char *sql, struct arena *a,
              struct pg_result *out, struct err *e)
{
    struct err ignored;
    bool ok;

    if (data_stopped(d, e))
        return false;
    pg_deadline(d->watch, clock_mono() + QUERY_MS);
    ok = pg_send(d->watch, sql, e);
    while (ok && pg_busy(d->watch)) {
        loop_turn(d->loop, clock_mono() + LOOK_MS);
        if (data_stopped(d, &ignored))
            pg_cancel(d->watch);
    }
    ok = ok && pg_take(d->watch, a, out, e);
    pg_deadline(d->watch, CLOCK_NEVER);
    if (!ok)
        data_stopped(d, e); /* then that is why */
    return ok;
}

/* An error that ends the rehearsal, or one to be warned of. */
bool data_is_grave(const struct data *d, const struct err *e)
{
    return e->code == ERR_INTERRUPTED || e->code == ERR_UNREACHABLE ||
           pg_transaction(d->watch) == PG_LOST;
}

void data_warn(struct data *d, const char *table, const char *why)
{
    buf_printf(d->warnings, "data of %s was not compared: %s\n",
               escape(d->arena, table), escape(d->arena, why));
}

static bool note_all(struct data *d, struct data_table *tables, size_t n,
                     struct data_set *out, struct err *e)
{
    out->list = arena_array(d->arena, n, sizeof *out->list);
    for (size_t i = 0; i < n; i++) {
        struct data_note note = {.table = tables[i]};
        bool taken;
        if (!data_note_table(d, &note, &taken, e)) {
            if (data_is_grave(d, e))
                return false;
            /* 42501: no right, to read it or to make temporary tables */
            data_warn(d, note.table.name, e->why);
            err_clear(e);
            continue;
        }
        d->left_out += !taken;
        if (taken)
            out->list[out->n++] = note;
    }
    return true;
}

bool data_before(struct data *d, const struct migration *m,
                 struct data_set *out, struct err *e)
{
    struct data_table *tables = NULL;
    struct pg_result got;
    struct arena a;
    char *question;
    size_t n = 0;
    bool ok = true;

    *out = (struct data_set){0};
    if (!m->has_down)
        return true;
    arena_init(&a);
    question = data_tables_question(&a, d->watch, d->known, m);
    if (question && (ok = data_ask(d, question, &a, &got, e)))
        tables = data_tables_take(d->arena, &got, &n);
    arena_release(&a);
    if (!ok && !data_is_grave(d, e)) {
        data_warn(d, m->name, e->why);
        err_clear(e);
        return true;
    }
    return ok && note_all(d, tables, n, out, e);
}

static bool forget(struct data *d, const struct data_note *n, struct err *e)
{
    struct pg_result ignored;
    struct arena a;
    bool ok;

    if (!n->kept)
        return true;
    arena_init(&a);
    ok = pg_run(d->watch, &a, arena_printf(&a, "DROP TABLE %s", n->kept),
                &ignored, e);
    arena_release(&a);
    return ok || !data_is_grave(d, e);
}

bool data_after(struct data *d, struct data_set *set,
                bool (*skip)(void *arg, uint32_t oid), void *arg,
                struct data_difference *out, struct err *e)
{
    struct buf lines;
    bool ok = true;

    *out = (struct data_difference){0};
    buf_init(&lines);
    for (size_t i = 0; i < set->n && ok; i++) {
        const struct data_note *n = &set->list[i];
        progress_live(d->progress, n->table.name, 0, 0, "comparing its data");
        ok = skip(arg, n->table.oid) || data_compare(d, n, &lines, out, e);
        if (!ok && !data_is_grave(d, e)) {
            data_warn(d, n->table.name, e->why);
            err_clear(e);
            ok = true;
        }
        ok = ok && forget(d, n, e);
    }
    set->n = 0;
    out->lines = lines.len ? arena_strdup(d->arena, lines.data) : NULL;
    buf_release(&lines);
    return ok;
}

void data_say_left_out(struct data *d)
{
    if (d->left_out)
        buf_printf(d->warnings,
                   "data of %zu table%s was not compared: too large without a "
                   "key, or too many\n",
                   d->left_out, d->left_out == 1 ? "" : "s");
}
