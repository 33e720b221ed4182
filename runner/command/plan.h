/* plan: what a release would change, line by line; for plan and --dry-run. */
#ifndef RUNNER_COMMAND_PLAN_H
#define RUNNER_COMMAND_PLAN_H

#include "runner/command/release.h"

/* After deploy_check, whatever it said: release, hosts, migrations, waves and
 * gates, each line proved, assumed or not checked; with --format json the one
 * document. Nothing when the release or the fleet could not be opened. */
void plan_show(struct tidegate *t, struct run *r, const struct err *e);

#endif
