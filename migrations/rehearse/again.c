#include "migrations/rehearse/again.h"

#include <stdlib.h>
#include <string.h>

/* Rows changed may differ by this share: what a volatile condition picks. */
#define NEARLY 20

static bool nearly(int64_t a, int64_t b)
{
    return llabs(a - b) * NEARLY <= a;
}

/* Its relations may have been made anew: they are known by name. */
static bool same_touch(const struct traced_touch *a,
                       const struct traced_touch *b)
{
    return a->rewritten == b->rewritten && a->scanned == b->scanned &&
           nearly(a->changed, b->changed) &&
           strcmp(a->relation->name, b->relation->name) == 0;
}

static bool same_work(const struct traced_statement *a,
                      const struct traced_statement *b)
{
    bool same = a->n == b->n && !a->batches && !b->batches &&
                a->builds_index == b->builds_index && nearly(a->rows, b->rows);

    for (size_t i = 0; same && i < a->n; i++)
        same = same_touch(&a->touched[i], &b->touched[i]);
    return same;
}

static void note(struct traced_statement *s, int64_t us)
{
    if (!s->again_us || us < s->again_us)
        s->again_us = us;
}

void again_note(struct traced_script *first, const struct traced_script *again)
{
    for (size_t i = 0; i < first->n && i < again->n; i++)
        if (same_work(&first->statements[i], &again->statements[i]))
            note(&first->statements[i], again->statements[i].us);
}
