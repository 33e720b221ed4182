#include "runner/flow/expected.h"

#include <string.h>

#include "migrations/lint/lint_locks.h"

const struct rehearsed *expected_of(const struct run *r, const char *name)
{
    for (size_t i = 0; r->certified && i < r->certificate.n; i++)
        if (strcmp(r->certificate.list[i].name, name) == 0)
            return &r->certificate.list[i];
    return NULL;
}

const struct rehearsed *expected_back(const struct run *r,
                                      const struct applied_row *row)
{
    const struct json *all = r->s->state.rehearsals;

    for (size_t i = json_len(all); i-- > 0;) {
        const struct json *event = json_at(all, i);
        const char *of = json_str(event, "release");
        struct rehearsal was;
        struct err ignored;

        if (!of || strcmp(of, row->release) != 0 ||
            !rehearsal_from_json(&was, r->s->arena,
                                 json_get(event, "certificate"), &ignored))
            continue;
        for (size_t k = 0; k < was.n; k++)
            if (was.list[k].has_down && was.list[k].down_high > 0 &&
                strcmp(was.list[k].name, row->name) == 0)
                return &was.list[k];
    }
    return NULL;
}

/* Going back from here undoes "after" migrations; where migrations run by
 * themselves, all of them. */
static int64_t committed_back(const struct run *r)
{
    int64_t sum = 0;

    for (size_t i = 0; r->certified && i < r->certificate.n; i++) {
        const struct rehearsed *as = &r->certificate.list[i];

        if ((as->after || r->s->phases == PHASES_MIGRATIONS) &&
            as->down_high > 0 && !subject_is_pending(r->s, as->name))
            sum += as->down_high;
    }
    return sum;
}

/* Code goes back without the database: a "before" migration closes no way. */
const char *expected_no_return(const struct run *r)
{
    bool alone = r->s->phases == PHASES_MIGRATIONS;

    for (int after = 0; after <= 1; after++)
        for (size_t i = 0; i < r->s->pending.n; i++) {
            const struct migration *m = r->s->pending.list[i];

            if (m->after == after && (m->after || alone) &&
                (m->forward_only || !m->has_down))
                return m->name;
        }
    return NULL;
}

/* The same of what this run has committed. */
static bool past_return(const struct run *r)
{
    bool alone = r->s->phases == PHASES_MIGRATIONS;

    for (size_t i = 0; r->id && i < r->s->applied.n; i++) {
        const struct applied_row *row = &r->s->applied.rows[i];

        if (strcmp(row->run, r->id) == 0 && (row->after || alone) &&
            (row->forward_only || !row->down))
            return true;
    }
    return false;
}

static void add_touches(const struct run *r,
                        const struct rehearsed_statement *list, size_t n,
                        struct apply_expected *x)
{
    size_t most = 0;

    for (size_t i = 0; i < n; i++)
        most += list[i].n;
    struct apply_touch *touches =
        arena_array(r->s->arena, most, sizeof *touches);

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < list[i].n; k++) {
            const struct touched *t = &list[i].touched[k];
            double ratio = t->ratio > 0 ? t->ratio : 1;

            touches[x->touched++] = (struct apply_touch){
                .relation = t->relation,
                .lock = t->lock,
                .statement = list[i].number,
                .rewritten = t->rewritten,
                .bytes = (int64_t)((double)t->bytes * ratio),
            };
        }
    x->touches = touches;
}

static struct apply_phases phases_of(struct arena *a,
                                     const struct rehearsed_statement *s)
{
    struct apply_phase *list = arena_array(a, s->n_phases, sizeof *list);

    for (size_t i = 0; i < s->n_phases; i++)
        list[i] = (struct apply_phase){s->phases[i].name, s->phases[i].ms};
    return (struct apply_phases){list, s->n_phases};
}

static void add_each(const struct run *r,
                     const struct rehearsed_statement *list, size_t n,
                     struct apply_expected *x)
{
    struct apply_phases *phases;
    struct apply_span *each;

    for (size_t i = 0; i < n; i++)
        if (list[i].number > (int)x->n)
            x->n = (size_t)list[i].number;
    each = arena_array(r->s->arena, x->n, sizeof *each);
    phases = arena_array(r->s->arena, x->n, sizeof *phases);
    for (size_t i = 0; i < n; i++) {
        if (list[i].number <= 0)
            continue;
        each[list[i].number - 1] =
            (struct apply_span){list[i].low, list[i].likely, list[i].high};
        phases[list[i].number - 1] = phases_of(r->s->arena, &list[i]);
    }
    x->each = each;
    x->phases = phases;
}

void expected_read(const struct run *r, const struct script *s,
                   struct apply_expected *x)
{
    struct arena *a = r->s->arena;
    struct catalog *catalog = NULL;
    struct apply_touch *touches;
    struct lint_locks locks;
    struct err ignored;
    struct pg *pg;

    if (x->n >= s->n)
        return;
    pg =
        pg_open(r->s->loop, r->s->env->database, "tidegate:locks", 0, &ignored);
    if (pg)
        catalog = catalog_open(a, pg, &ignored);
    lint_locks_read(&locks, a, s, catalog);
    pg_close(pg);
    touches = arena_array(a, locks.n, sizeof *touches);
    for (size_t i = 0; i < locks.n; i++)
        touches[i] =
            (struct apply_touch){.relation = locks.list[i].relation,
                                 .lock = lock_mode_name(locks.list[i].lock),
                                 .statement = locks.list[i].statement};
    x->touches = touches;
    x->touched = locks.n;
    x->unread = locks.unread;
}

struct apply_expected expected_up(const struct run *r,
                                  const struct migration *m)
{
    const struct rehearsed *as = expected_of(r, m->name);
    struct apply_expected x = {.back_high = -1};

    x.committed_back = committed_back(r);
    x.no_return = expected_no_return(r);
    x.past_return = past_return(r);
    if (!as)
        return x;
    if (as->untold) {
        add_touches(r, as->up, as->n, &x);
        return x;
    }
    x.all = (struct apply_span){as->low, as->likely, as->high};
    x.back_high = as->has_down ? as->down_high : -1;
    add_each(r, as->up, as->n, &x);
    add_touches(r, as->up, as->n, &x);
    return x;
}

struct apply_expected expected_down(const struct run *r,
                                    const struct applied_row *row)
{
    const struct rehearsed *as = expected_of(r, row->name);
    struct apply_expected x = {.back_high = -1, .past = !as};

    if (!as)
        as = expected_back(r, row);
    if (!as)
        return x;
    if (as->down_high > 0)
        x.all =
            (struct apply_span){as->down_low, as->down_likely, as->down_high};
    add_each(r, as->down, as->n_down, &x);
    add_touches(r, as->down, as->n_down, &x);
    return x;
}
