/* old_code: what code that was written for one schema does not survive in
 * another. Pure.
 *
 * The text of a migration tells what it drops by name (hazards.h). What a DO
 * block, a function or a CASCADE takes along, what a view lacks that is made
 * again, and what a new function is mistaken for, shows in the schema alone: in
 * two fingerprints, whichever statement did it. Told are relations, columns,
 * functions, types and sequences that are gone, types and results that are
 * others, columns that must be given or refuse NULL, enum labels and rights
 * that are gone, and row security.
 */
#ifndef MIGRATIONS_REHEARSE_OLD_CODE_H
#define MIGRATIONS_REHEARSE_OLD_CODE_H

#include "migrations/rehearse/fingerprint.h"

struct old_code {
    const char **list; /* sorted: "view public.v is gone"; names as in a
                          fingerprint */
    size_t n;
};

/* All in a. */
void old_code_breaks(struct old_code *out, struct arena *a,
                     const struct fingerprint *was,
                     const struct fingerprint *now);
/* Those of after that are not in before: "A; B; C; and 2 more", or NULL. */
const char *old_code_new(struct arena *a, const struct old_code *before,
                         const struct old_code *after);

#endif
