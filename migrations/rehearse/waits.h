/* waits: how long a table's readers and writers wait. Pure.
 *
 * Locks last to the end of the transaction, so a wait runs from the statement
 * that takes one to COMMIT: the sum of what these statements, and what
 * verifies them, may take in production. Over several transactions the longest
 * counts.
 */
#ifndef MIGRATIONS_REHEARSE_WAITS_H
#define MIGRATIONS_REHEARSE_WAITS_H

#include "migrations/rehearse/estimate.h"
#include "migrations/rehearse/rehearse.h"

struct waits {
    struct arena *arena;
    const struct grounds *grounds; /* NULL: defaults */
    const char *migration;         /* whose script is added */
    struct table_wait *list;
    size_t n;
};

/* Rows that were changed are locked as well: whether they are so many that
 * writers meet them. */
bool waits_rows(const struct traced_touch *t);
/* The script's waits, high ones. after: the new code runs already, so tables
 * that this release made are in use. */
void waits_add(struct waits *w, const struct relations *relations,
               const struct traced_script *s, bool after);

#endif
