/* back: undoing, in reverse: downs of "after" migrations, code, and (asked
 * for) downs of "before" migrations.
 */
#ifndef RUNNER_FLOW_BACK_H
#define RUNNER_FLOW_BACK_H

#include "runner/flow/run.h"

/* From r->undone to r->to. The decision is durable before the first step; no
 * gate is asked. Every reachable host is flipped; r->unknown tells of hosts
 * whose state nobody knows. ERR_REFUSED when there is no way back past a
 * forward-only migration; nothing was changed then by this call. */
bool back_run(struct run *r, bool schema, const char *why, struct err *e);
/* Is there a way back, as far as can be seen now? ERR_REFUSED: no, past a
 * forward-only migration; ERR_PARTWAY: its "after" has begun, and the database
 * does not answer, or what is half done cannot be undone; ERR_UNREACHABLE: it
 * is the database alone that goes back, and it does not answer. */
bool back_possible(struct run *r, struct err *e);
/* What it will undo, in that order, as the database says now: "after" rows,
 * then (r->schema) "before" ones; those that are half done among them. In r's
 * arena; none while the database is down. */
const struct applied_row **back_rows(const struct run *r, size_t *n);
/* Hosts that were reached, and would not go back: ERR_PARTWAY names the
 * first; true: there are none. */
bool back_complete(const struct run *r, struct err *e);
/* The names of the "before" migrations that stay, NULL-closed. */
const char *const *back_kept(struct run *r, bool schema);

#endif
