/* adopt: taking over hosts as they stand; catch-up: bringing a host level. */
#ifndef RUNNER_FLOW_ADOPT_H
#define RUNNER_FLOW_ADOPT_H

#include "runner/flow/deploy.h"

/* Every host must show the same tree under `current`; it becomes the release
 * `name` (NULL: the folder's name), bound to that tag's commit, else to the
 * one in REVISION, and is marked good. Nothing that is served changes. */
bool adopt(struct run *r, struct subject *s, const char *name,
           run_confirm *confirm, void *ctx, struct err *e);

/* Hosts that owe the live release, or are new, get it from the artifact that
 * its run kept, are flipped, restarted, probed and put into the pool; the
 * others are left alone. names NULL: all that owe. */
bool catch_up(struct run *r, struct subject *s, const char *const *names,
              size_t n, run_confirm *confirm, void *ctx, struct err *e);

#endif
