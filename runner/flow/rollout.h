/* rollout: the hosts change, wave by wave, each proved before the next.
 *
 * A batch is drained, flipped, restarted, probed, put back, and found in the
 * pool again; inside a batch we always finish or undo. With
 * subject.restart_only nothing is flipped.
 */
#ifndef RUNNER_FLOW_ROLLOUT_H
#define RUNNER_FLOW_ROLLOUT_H

#include "runner/flow/hosts.h"

/* All hosts to r->to. Forward, the gates are asked again before each batch,
 * and a host that fails ends it (beyond max_failed); r->go_back is set when a
 * gate asks for the way back. Going back, no gate is asked and no probe ends
 * it: every reachable host is flipped. */
bool rollout_run(struct run *r, struct err *e);
/* Probes and pool of everything, again and again until the soak time is
 * over; at least once. */
bool rollout_soak(struct run *r, struct err *e);
#endif
