/* measured: what each statement of a migration took, against what its
 * rehearsal had predicted; told, and kept in the ledger (EVENT_MEASURED), from
 * where later estimates learn.
 */
#ifndef RUNNER_FLOW_MEASURED_H
#define RUNNER_FLOW_MEASURED_H

#include "migrations/apply/apply.h"
#include "runner/flow/run.h"

/* Of the migration's up or down, after it ran, whatever came of it. as: what
 * was predicted, or NULL. Nothing ran: nothing happens. A ledger that cannot
 * take it is a warning: the migration itself is on record. */
void measured_keep(struct run *r, const char *name, bool down,
                   const struct rehearsed *as, const struct apply_result *got);

#endif
