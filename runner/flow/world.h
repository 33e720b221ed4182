/* world: what the live line of a migration says of the world outside it.
 */
#ifndef RUNNER_FLOW_WORLD_H
#define RUNNER_FLOW_WORLD_H

#include "migrations/apply/apply.h"
#include "runner/flow/run.h"

struct world;

/* Opens a connection of its own where `count` of [users] is a query, so that
 * looking never waits; a failure to connect leaves the last measured count.
 * Runs the loop. */
struct world *world_open(struct run *r);
void world_close(struct world *w); /* NULL is fine */
struct apply_outside world_outside(struct world *w);

#endif
