/* One migration on the copy. */
#include <string.h>

#include "migrations/rehearse/passes.h"
#include "tests/histories/trial.h"

#define COPY "history_copy"

void trial_copy_drop(struct trial *t, struct arena *a)
{
    struct err ignored;

    pg_close(t->watch);
    pg_close(t->work);
    t->work = t->watch = NULL;
    trial_say(t, a, "DROP DATABASE IF EXISTS " COPY " WITH (FORCE)", &ignored);
}

bool trial_copy(struct trial *t, struct arena *a, struct err *e)
{
    const char *conninfo;

    if (t->watch)
        return true;
    /* nobody may be connected to what is copied */
    apply_close(t->apply);
    t->apply = NULL;
    conninfo = pg_conninfo_with(a, t->server, "dbname", COPY, e);
    if (!conninfo ||
        !trial_say(t, a, "CREATE DATABASE " COPY " TEMPLATE history", e))
        return false;
    t->copies++;
    t->work = pg_open(t->loop, conninfo, "history:work", 0, e);
    t->watch =
        t->work ? pg_open(t->loop, conninfo, "history:watch", 0, e) : NULL;
    return t->watch != NULL;
}

/* ---- what came of it ---- */

static const char *strongest(const struct traced_script *s)
{
    enum lock_mode most = 0;

    for (size_t i = 0; i < s->n; i++)
        for (size_t j = 0; j < s->statements[i].n; j++) {
            const struct traced_touch *touch = &s->statements[i].touched[j];
            if (!touch->relation->born && touch->lock > most)
                most = touch->lock;
        }
    return most > LOCK_ROW_SHARE ? lock_mode_name(most) : "-";
}

const char *trial_failure(struct arena *a, const char *differs)
{
    static const char *const marks[] = {"down failed: ",
                                        "up fails after its down: "};

    for (size_t i = 0; differs && i < 2; i++) {
        const char *at = strstr(differs, marks[i]);
        if (at)
            return arena_strndup(a, at, strcspn(at, "\n"));
    }
    return NULL;
}

static enum came came_of(const struct pass *p, const char *failed, bool again)
{
    if (failed)
        return CAME_UP_FAILED;
    if (!p->migration->has_down)
        return CAME_UP;
    if (p->down_ok)
        return CAME_UNDONE;
    if (!p->down_ran)
        return CAME_DOWN_FAILED;
    return again ? CAME_AGAIN_FAILED : CAME_NOT_UNDONE;
}

static void tell(struct trial *t, struct arena *a, struct row *row,
                 const struct passes *p)
{
    const struct pass *at = &p->list[0];

    row->statements = at->up.n;
    row->up_ms = at->up.ms;
    row->down_ms = at->down.ms;
    row->lock = strongest(&at->up);
    row->differs = arena_strdup(t->a, at->differs);
    row->why = arena_strdup(t->a, p->failed ? p->failed
                                            : trial_failure(a, at->differs));
    row->came = came_of(at, p->failed, row->why != NULL);
}

/* Rows that come again have other numbers of a sequence, and later migrations
 * may name the first ones. */
static bool has_rows(const struct traced_script *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->statements[i].rows)
            return true;
        for (size_t j = 0; j < s->statements[i].n; j++)
            if (s->statements[i].touched[j].changed)
                return true;
    }
    return false;
}

static bool is_clean(const struct passes *p)
{
    const struct pass *at = &p->list[0];

    if (p->failed)
        return at->migration->up.transaction;
    if (!at->migration->has_down)
        return true;
    return at->down_ok && !at->differs && !p->warnings->len &&
           !has_rows(&at->up);
}

bool trial_rehearse(struct trial *t, struct arena *a, const struct migration *m,
                    struct row *row, bool *clean, struct err *e)
{
    struct buf warnings;
    struct passes p = {.warnings = &warnings};
    struct pg_result ignored;
    bool ok;

    buf_init(&warnings);
    passes_init(&p, a, &m, 1);
    p.trace = (struct trace){.loop = t->loop,
                             .arena = a,
                             .work = t->work,
                             .watch = t->watch,
                             .warnings = &warnings,
                             .lock_wait_ms = 5000,
                             .stops = loop_stops(t->loop)};
    p.data = (struct data){.loop = t->loop,
                           .arena = a,
                           .watch = t->watch,
                           .known = &p.trace.relations,
                           .exact = DATA_EXACT,
                           .warnings = &warnings,
                           .stops = p.trace.stops};
    ok = pg_run(t->watch, a, "DISCARD TEMP", &ignored, e) &&
         trace_open(&p.trace, e) && passes_run(&p, e);
    if (ok) {
        tell(t, a, row, &p);
        *clean = is_clean(&p);
    }
    buf_release(&warnings);
    return ok;
}
