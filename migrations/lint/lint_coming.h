/* lint_coming: what a file before in the same call makes, and the database does
 * not have yet: nobody uses it.
 *
 * Without a database nothing is known to be coming: the files before may be
 * applied already. */
#ifndef MIGRATIONS_LINT_LINT_COMING_H
#define MIGRATIONS_LINT_LINT_COMING_H

#include "migrations/lint/lint.h"

/* What the subject is done to: a relation, a column, another object; of a
 * REVOKE, all the rights that it takes. */
bool lint_coming(struct arena *scratch, const struct lint_run *run,
                 const struct subject *s);

#endif
