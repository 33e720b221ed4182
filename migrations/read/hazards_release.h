/* hazards_release: what the old code would not survive of a release.
 *
 * A file by itself cannot tell that a migration before it, which the same
 * release brings, made the table: the old code knows neither.
 */
#ifndef MIGRATIONS_READ_HAZARDS_RELEASE_H
#define MIGRATIONS_READ_HAZARDS_RELEASE_H

#include "migrations/read/migration.h"

/* As `breaks` of the i-th ("3: DROP COLUMN note of orders"), less what those
 * before it in the list make; NULL: nothing. In a. */
const char *hazards_release(struct arena *a,
                            const struct migration *const *list, size_t i);

#endif
