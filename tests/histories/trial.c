#include "tests/histories/trial.h"

#include <string.h>

#define DATABASE "history"
#define BASE     "history_base"

bool trial_say(struct trial *t, struct arena *a, const char *sql, struct err *e)
{
    struct pg_result ignored;

    return pg_run(t->pg, a, sql, &ignored, e);
}

/* Roles are the whole server's: what a clone has made of them would be in the
 * way afterwards, and what it has renamed would not be found. Those known
 * already are kept in a table. */
#define ROLES "SELECT oid, rolname FROM pg_catalog.pg_roles"
static const char roles_begin[] = "CREATE TEMP TABLE first AS " ROLES ";"
                                  "CREATE TEMP TABLE known AS TABLE first";
static const char roles_keep[] =
    "TRUNCATE pg_temp.known; INSERT INTO pg_temp.known " ROLES;
static const char roles_again[] =
    "TRUNCATE pg_temp.known; INSERT INTO pg_temp.known TABLE pg_temp.first";
static const char roles_added[] =
    "SELECT pg_catalog.format('DROP ROLE %I', r.rolname)"
    " FROM pg_catalog.pg_roles r WHERE NOT EXISTS (SELECT FROM"
    " pg_temp.known k WHERE k.oid = r.oid)";
static const char roles_renamed[] =
    "SELECT pg_catalog.format('ALTER ROLE %I RENAME TO %I', r.rolname,"
    " k.rolname) FROM pg_catalog.pg_roles r JOIN pg_temp.known k USING (oid)"
    " WHERE r.rolname <> k.rolname";

/* Those that were added have to be gone before another gets its name back. */
static void restore_roles(struct trial *t, struct arena *a)
{
    struct pg_result added, renamed;
    struct err ignored;

    if (!pg_query(t->pg, a, roles_added, NULL, 0, &added, &ignored) ||
        !pg_query(t->pg, a, roles_renamed, NULL, 0, &renamed, &ignored))
        return;
    if (added.rows || renamed.rows)
        trial_copy_drop(t, a);
    for (int i = 0; i < added.rows; i++)
        trial_say(t, a, added.cell[i][0], &ignored);
    for (int i = 0; i < renamed.rows; i++)
        trial_say(t, a, renamed.cell[i][0], &ignored);
}

/* ---- each by itself ---- */

static bool apply(struct trial *t, struct arena *a, const struct migration *m,
                  struct err *e)
{
    struct apply_settings s = {
        .run = "history", .release = "v1", .ledger = "history", .epoch = 1};
    struct apply_result r;

    s.conninfo = pg_conninfo_with(a, t->server, "dbname", DATABASE, e);
    if (!t->apply && s.conninfo)
        t->apply = apply_open(t->loop, t->a, &s, NULL, e);
    return t->apply && apply_up(t->apply, m, NULL, &r, e);
}

static bool stopped(const struct trial *t, const struct err *e)
{
    return e->code == ERR_INTERRUPTED || pg_transaction(t->pg) == PG_LOST;
}

static void failed(struct trial *t, struct row *row, enum came came,
                   struct err *e)
{
    row->came = came;
    row->why = arena_printf(t->a, "%s: %s", e->what, e->why);
    err_clear(e);
}

static bool one(struct trial *t, struct arena *a, size_t i, struct err *e)
{
    const struct migration *m = &t->list[i];
    struct row *row = &t->rows[i];
    bool clean = false;

    *row = (struct row){.name = m->name, .lock = "-"};
    if (!trial_copy(t, a, e))
        return false;
    if (!trial_rehearse(t, a, m, row, &clean, e)) {
        if (stopped(t, e))
            return false;
        failed(t, row, CAME_UP_FAILED, e);
    }
    if (!clean)
        trial_copy_drop(t, a);
    restore_roles(t, a);
    if (row->came != CAME_UP_FAILED && !apply(t, a, m, e)) {
        if (stopped(t, e))
            return false;
        failed(t, row, CAME_APPLY_FAILED, e);
        trial_copy_drop(t, a);
    }
    return trial_say(t, a, roles_keep, e);
}

/* A signal between two of them, or while a copy was made. */
static bool goes_on(struct trial *t, struct err *e)
{
    if (loop_stops(t->loop) == t->stops)
        return true;
    err_what(e, ERR_INTERRUPTED, "interrupted");
    err_why(e, "a signal came");
    return err_fix(e, "run it again");
}

static bool each(struct trial *t, struct err *e)
{
    bool ok =
        trial_say(t, t->a, roles_begin, e) &&
        trial_say(t, t->a, "DROP DATABASE IF EXISTS " DATABASE, e) &&
        trial_say(t, t->a, "CREATE DATABASE " DATABASE " TEMPLATE " BASE, e);

    for (size_t i = 0; i < t->n && ok; i++) {
        struct arena scratch;

        arena_init(&scratch);
        ok = one(t, &scratch, i, e) && goes_on(t, e);
        if (ok)
            t->told(&scratch, &t->rows[i]);
        arena_release(&scratch);
    }
    apply_close(t->apply);
    t->apply = NULL;
    trial_copy_drop(t, t->a);
    return ok;
}

/* ---- all in one ---- */

static void count(struct trial *t, const struct rehearsal *r)
{
    t->stopped = r->failed;
    t->up = r->failed ? 0 : r->n;
    for (size_t i = r->n; i-- > 0;) {
        const struct rehearsed *m = &r->list[i];
        const char *failure = trial_failure(t->a, m->differs);

        t->down += m->n_down > 0 && !failure;
        t->undone += m->has_down && m->down_ok;
        if (!t->stopped)
            t->stopped = failure;
    }
}

/* Without those that do not go up, nor the downs that fail by themselves. */
static size_t those_that_run(struct trial *t, const struct migration **list)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++) {
        enum came came = t->rows[i].came;
        struct migration *copy;

        if (came == CAME_UP_FAILED || came == CAME_APPLY_FAILED)
            continue;
        copy = arena_copy(t->a, &t->list[i], sizeof *copy);
        copy->has_down &= came != CAME_DOWN_FAILED && came != CAME_AGAIN_FAILED;
        list[n++] = copy;
    }
    return n;
}

static bool at_once(struct trial *t, struct err *e)
{
    const struct migration **list = arena_array(t->a, t->n, sizeof *list);
    struct rehearse_settings s = {.how = CLONE_BY_TEMPLATE,
                                  .argument = BASE,
                                  .server = t->server,
                                  .run = "history",
                                  .lock_wait_ms = 5000};
    size_t n = those_that_run(t, list);
    struct rehearsal r;

    if (!trial_say(t, t->a, "DROP DATABASE " DATABASE, e) ||
        !trial_say(t, t->a, roles_again, e))
        return false;
    restore_roles(t, t->a);
    if (!rehearse_run(t->loop, t->a, &s, list, n, NULL, &r, e))
        return false;
    count(t, &r);
    return true;
}

bool trial_run(struct trial *t, struct err *e)
{
    bool ok;

    t->stops = loop_stops(t->loop);
    t->pg = pg_open(t->loop, t->server, "history", 0, e);
    t->rows = arena_array(t->a, t->n, sizeof *t->rows);
    ok = t->pg && each(t, e) && at_once(t, e);
    pg_close(t->pg);
    return ok;
}
