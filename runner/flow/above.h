/* above: in which order migrations were applied, and what was applied after one
 * and stands on it, for it may need what that one made.
 *
 * "After" is the order in which the runs of the ledger applied them, whatever
 * their numbers are; what no run of it applied is older than all that they did.
 * Of one run it is the time that the database has, then the number. A rollback
 * asks none of this: it undoes all that came after the release that it goes
 * back to.
 */
#ifndef RUNNER_FLOW_ABOVE_H
#define RUNNER_FLOW_ABOVE_H

#include "migrations/state/applied.h"
#include "runner/ledger/state.h"

/* Rows in the order in which going back undoes them, newest first. Pure. */
void above_sort(struct arena *a, const struct environment_state *state,
                const struct applied_row **rows, size_t n);
/* What is applied, or half done, later than the first of rows, and is none of
 * them: newest first, in a. Pure. */
const struct applied_row **above_find(struct arena *a,
                                      const struct environment_state *state,
                                      const struct applied *applied,
                                      const struct applied_row **rows, size_t n,
                                      size_t *found);
/* There is none such; else ERR_REFUSED, which names them and the releases to
 * undo before, newest first; what was only recorded, a person undoes. */
bool above_none(struct arena *a, const struct environment_state *state,
                const struct applied *applied, const struct applied_row **rows,
                size_t n, struct err *e);

#endif
