/* helpers: hosts that are no hosts of the environment, named by "on HOST:
 * COMMAND" in [rollout]; they run hooks only. Room-internal. */
#ifndef RUNNER_FLEET_HELPERS_H
#define RUNNER_FLEET_HELPERS_H

#include "runner/fleet/fleet.h"

/* As fleet_find, helpers included: they have the indexes from fleet_count on.
 * The index past the last one when there is none. */
size_t fleet_any(const struct fleet *f, const char *name);
const struct environment *fleet_environment(const struct fleet *f);

#endif
