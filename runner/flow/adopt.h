/* adopt: taking over hosts as they stand. */
#ifndef RUNNER_FLOW_ADOPT_H
#define RUNNER_FLOW_ADOPT_H

#include "runner/flow/deploy.h"

/* Every host must show the same tree under `current`; it becomes the release
 * `name` (NULL: the folder's name), bound to that tag's commit, else to the
 * one in REVISION, and is marked good. Nothing that is served changes. */
bool adopt(struct run *r, struct subject *s, const char *name,
           run_confirm *confirm, void *ctx, struct err *e);

#endif
