/* batch: the hosts that change together: drained, flipped, restarted, probed,
 * put back, and found to serve. What is begun here is finished or undone.
 */
#ifndef RUNNER_FLOW_BATCH_H
#define RUNNER_FLOW_BATCH_H

#include "runner/flow/hosts.h"

/* Indexes into the fleet. Hosts that are spared drop out of their batch. */
struct hosts {
    size_t *list;
    size_t n;
};

/* All rows of the batch's table, in order. False: a host failed that may not
 * be left behind (beyond max_failed; going back all may), e names it. */
bool batch_run(struct run *r, struct hosts *batch, struct err *e);

/* The name of a step in the ledger: undoing has steps of its own. */
const char *batch_step_name(const struct run *r, const char *step);
/* Those on which a resumed run has not done the step. */
struct hosts batch_still(struct run *r, const char *step,
                         const struct hosts *batch);

#endif
