#include "migrations/rehearse/filled.h"

#include "migrations/rehearse/estimate.h"

#define MOST_ROWS 1e15 /* so that sums of a few stay numbers */

static void add(const struct traced_touch *t, size_t n, double ratio)
{
    for (size_t i = 0; i < n; i++) {
        double rows = (double)t[i].inserted * ratio;

        t[i].relation->filled += t[i].inserted;
        t[i].relation->production_filled +=
            (int64_t)(rows < MOST_ROWS ? rows : MOST_ROWS);
    }
}

/* Its ratio comes from what it read: what it fills is not known before. */
void filled_note(const struct traced_script *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct traced_statement *st = &s->statements[i];
        bool grows;
        double ratio = estimate_growth(st, &grows);

        add(st->touched, st->n, ratio);
        add(st->own, st->n_own, ratio);
    }
}
