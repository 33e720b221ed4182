/* takeover: `migrate import` and `migrate baseline`, told and confirmed. */
#ifndef RUNNER_COMMAND_TAKEOVER_H
#define RUNNER_COMMAND_TAKEOVER_H

#include "runner/command/cmd.h"
#include "runner/flow/takeover.h"

/* wish: all but confirm and ctx. */
bool takeover_command(struct tidegate *t, struct takeover_wish *wish,
                      const char *yes, struct err *e);

#endif
