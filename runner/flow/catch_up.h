/* catch_up: hosts that owe the live release, or are new, brought level.
 *
 * A run of its own, without an announcement: what it brings is what is live
 * already. It holds the lease and obeys the pinned policy and a freeze.
 */
#ifndef RUNNER_FLOW_CATCH_UP_H
#define RUNNER_FLOW_CATCH_UP_H

#include "runner/flow/deploy.h"

/* The hosts get the live release from the artifact that its run kept, else
 * from git if that gives the same digest; they are flipped, restarted, probed
 * and found in the pool; the others are left alone. The good release before
 * the live one is staged there too, so that `rollback` stays possible. names
 * (none: every host that owes, or is not as the live release should be) are
 * as in `hosts`. r->already: nothing to do. An unfinished catch-up is taken
 * over; any other unfinished run is ERR_REFUSED. */
bool catch_up(struct run *r, struct subject *s, const char *const *names,
              size_t n, run_confirm *confirm, void *ctx, struct err *e);

#endif
