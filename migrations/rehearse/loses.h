/* loses: what going down throws away, whatever it holds by then.
 *
 * A column that up adds is empty on the clone; once the release has served for
 * a day it holds what people wrote, and the down drops it. By the catalog's own
 * numbers, so that a rename is no loss.
 */
#ifndef MIGRATIONS_REHEARSE_LOSES_H
#define MIGRATIONS_REHEARSE_LOSES_H

#include "migrations/rehearse/trace.h"

struct loses_entry {
    uint32_t oid;
    int number; /* of the column; 0: the table itself */
    const char *name;
    bool gone;
};

struct loses {
    struct arena *arena;
    struct loses_entry *list; /* by oid, then number */
    size_t n;
};

/* Tables and columns as they are now. */
bool loses_read(struct loses *l, struct arena *a, struct pg *pg, struct err *e);
/* Which of them are gone after down: "public.t", "public.t.c", in l's arena. */
bool loses_after(struct loses *l, struct pg *pg,
                 const struct traced_script *down, const char ***names,
                 size_t *n, struct err *e);

#endif
