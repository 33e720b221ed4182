/* refusals: statements that no migration may hold, and those that cannot run
 * in a transaction.
 */
#ifndef MIGRATIONS_HAZARDS_REFUSALS_H
#define MIGRATIONS_HAZARDS_REFUSALS_H

#include "migrations/hazards/allowed.h"
#include "migrations/hazards/subject.h"
#include "runner/base/err.h"

/* True when the statement may stand in a migration. Else e says what (with
 * `at`, "0012_x.up.sql:3"), why and what to write: ERR_INPUT or ERR_REFUSED.
 * allowed: enum refusals. */
bool refusals_allow(struct arena *a, const struct node *stmt, const char *text,
                    unsigned allowed, const char *at, struct err *e);
/* It must run outside of any transaction. */
bool refusals_alone(struct arena *a, const struct node *stmt, const char *text);

#endif
