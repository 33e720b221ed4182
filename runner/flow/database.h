/* database: the migrations of a run, forward and back. */
#ifndef RUNNER_FLOW_DATABASE_H
#define RUNNER_FLOW_DATABASE_H

#include "runner/flow/run.h"

/* Connects, takes the advisory lock, raises the fence. Nothing configured or
 * nothing to do: true at once. */
bool database_open(struct run *r, struct err *e);
void database_close(struct run *r);
/* The pending migrations of one phase, each with gates asked before it. */
bool database_up(struct run *r, bool after, struct err *e);
/* The downs of what this release applied, newest first; after: those of its
 * "after" migrations, else of its "before" ones (rollback --schema). */
bool database_down(struct run *r, const char *release, bool after,
                   struct err *e);
/* The downs of these rows, in this order; `of` says whose, for people. */
bool database_down_rows(struct run *r, const struct applied_row **rows,
                        size_t n, const char *of, struct err *e);
/* Migrations that a killed run began, and of which it could not write how they
 * ended: what the database shows (s->applied, as read last) is written. */
bool database_settle(struct run *r, struct err *e);
/* What `release` applied in this phase, newest first, with those that it
 * began and did not finish; in r's arena. */
const struct applied_row **database_applied_by(const struct run *r,
                                               const char *release, bool after,
                                               size_t *n);

#endif
