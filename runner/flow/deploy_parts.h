/* deploy_parts: what deploy and resume share. A run that has begun, or was
 * taken up again, goes through its parts to an end that the ledger knows.
 */
#ifndef RUNNER_FLOW_DEPLOY_PARTS_H
#define RUNNER_FLOW_DEPLOY_PARTS_H

#include "runner/flow/run.h"

/* Forward: each part looks first at what is there. False: e tells how the run
 * ended, after going back where that is what the policy says. */
bool deploy_parts(struct run *r, struct err *e);
/* A run that was going back when it was cut short; why: what had failed. */
bool deploy_back(struct run *r, struct err *why, struct err *e);

#endif
