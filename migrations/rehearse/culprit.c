/* Which statement made users wait, where there is a safer one. */
#include <string.h>

#include "migrations/rehearse/rehearse.h"

static const struct rehearsed *migration_of(const struct rehearsal *r,
                                            const struct table_wait *w)
{
    for (size_t i = 0; w->line && i < r->n; i++)
        if (strcmp(r->list[i].name, w->migration) == 0)
            return &r->list[i];
    return NULL;
}

/* A lock is held by all that comes after it in the transaction. */
const struct rehearsed_statement *rehearsal_culprit(const struct rehearsal *r,
                                                    const struct table_wait *w)
{
    const struct rehearsed_statement *worst = NULL;
    const struct rehearsed *m = migration_of(r, w);

    for (size_t i = 0; m && i < m->n; i++) {
        const struct rehearsed_statement *s = &m->up[i];

        if (s->safer &&
            (s->line == w->line || (m->transaction && s->line > w->line)) &&
            (!worst || s->high > worst->high))
            worst = s;
    }
    return worst;
}
