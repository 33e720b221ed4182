#include "runner/flow/expected.h"

#include <string.h>

const struct rehearsed *expected_of(const struct run *r, const char *name)
{
    for (size_t i = 0; r->certified && i < r->certificate.n; i++)
        if (strcmp(r->certificate.list[i].name, name) == 0)
            return &r->certificate.list[i];
    return NULL;
}

static bool is_pending(const struct run *r, const char *name)
{
    for (size_t i = 0; i < r->s->pending.n; i++)
        if (strcmp(r->s->pending.list[i]->name, name) == 0)
            return true;
    return false;
}

/* Going back from here undoes "after" migrations; where migrations run by
 * themselves, all of them. */
static int64_t committed_back(const struct run *r)
{
    int64_t sum = 0;

    for (size_t i = 0; r->certified && i < r->certificate.n; i++) {
        const struct rehearsed *as = &r->certificate.list[i];

        if ((as->after || r->s->phases == PHASES_MIGRATIONS) &&
            as->down_high > 0 && !is_pending(r, as->name))
            sum += as->down_high;
    }
    return sum;
}

/* Code goes back without the database: a "before" migration closes no way. */
static const char *no_return(const struct run *r)
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

static void add_touches(const struct run *r, const struct rehearsed *as,
                        struct apply_expected *x)
{
    size_t n = 0;

    for (size_t i = 0; i < as->n; i++)
        n += as->up[i].n;
    struct apply_touch *list = arena_array(r->s->arena, n, sizeof *list);

    for (size_t i = 0; i < as->n; i++)
        for (size_t k = 0; k < as->up[i].n; k++) {
            const struct touched *t = &as->up[i].touched[k];
            double ratio = t->ratio > 0 ? t->ratio : 1;

            list[x->touched++] = (struct apply_touch){
                .relation = t->relation,
                .lock = t->lock,
                .statement = as->up[i].number,
                .rewritten = t->rewritten,
                .bytes = (int64_t)((double)t->bytes * ratio),
            };
        }
    x->touches = list;
}

static void add_each(const struct run *r, const struct rehearsed *as,
                     struct apply_expected *x)
{
    struct apply_span *each;

    for (size_t i = 0; i < as->n; i++)
        if (as->up[i].number > (int)x->n)
            x->n = (size_t)as->up[i].number;
    each = arena_array(r->s->arena, x->n, sizeof *each);
    for (size_t i = 0; i < as->n; i++)
        if (as->up[i].number > 0)
            each[as->up[i].number - 1] = (struct apply_span){
                as->up[i].low, as->up[i].likely, as->up[i].high};
    x->each = each;
}

struct apply_expected expected_up(const struct run *r,
                                  const struct migration *m)
{
    const struct rehearsed *as = expected_of(r, m->name);
    struct apply_expected x = {.back_high = -1};

    x.committed_back = committed_back(r);
    x.no_return = no_return(r);
    if (!as)
        return x;
    x.all = (struct apply_span){as->low, as->likely, as->high};
    x.back_high = as->has_down ? as->down_high : -1;
    add_each(r, as, &x);
    add_touches(r, as, &x);
    return x;
}

struct apply_expected expected_down(const struct run *r,
                                    const struct applied_row *row)
{
    const struct rehearsed *as = expected_of(r, row->name);
    struct apply_expected x = {.back_high = -1};

    if (as && as->down_high > 0)
        x.all = (struct apply_span){0, as->down_high, as->down_high};
    return x;
}
