/* lint_missing: what would fail at once: tables that neither the database nor
 * a file before has, names that no migration is read from, keys that no batch
 * can go by. */
#ifndef MIGRATIONS_LINT_LINT_MISSING_H
#define MIGRATIONS_LINT_LINT_MISSING_H

#include "migrations/lint/lint_intern.h"

/* Of a statement of a way up, before it is remembered. */
void lint_missing(struct linter *l, const struct node *stmt);
/* Of the batch of a script, with a database. */
void lint_missing_batch(struct linter *l, const struct script *s);
/* Says so of a file whose name no tool takes for a migration, and that looks
 * meant. False: the layout of its folder passes it over: no more is said. */
bool lint_missing_name(struct linter *l, const struct sql_file *file);

#endif
