/* alone: statements that cannot share a transaction.
 *
 * Not for other files: see migrations/apply/journal.h. Their outcome cannot be
 * written together with them: after an end that nobody saw, the catalog is
 * looked at, and what is half done is dropped or gone on with.
 */
#ifndef MIGRATIONS_APPLY_ALONE_H
#define MIGRATIONS_APPLY_ALONE_H

#include "migrations/apply/journal.h"

/* Runs statement i, from intent to outcome. */
bool alone_run(struct journal *j, int i, struct err *e);

/* What stands there of a statement whose end nobody saw; what it left half
 * built is dropped. ALONE_UNKNOWN: e says why, and what to do. */
enum alone { ALONE_DONE, ALONE_ABSENT, ALONE_UNKNOWN };
enum alone alone_see(struct journal *j, int i, struct err *e);
/* Of one that is done: IF NOT EXISTS passed over an index that was there. */
bool alone_made_nothing(struct journal *j, int i, bool *nothing, struct err *e);

#endif
