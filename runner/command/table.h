/* table: the commands in the order of the help. One line adds one. */
#ifndef RUNNER_COMMAND_TABLE_H
#define RUNNER_COMMAND_TABLE_H

#include "runner/command/cmd.h"

#define COMMANDS(row) row(policy) row(when) row(freeze) row(thaw) row(help)

#define COMMAND_DECLARE(name) extern const struct cmd cmd_##name;
COMMANDS(COMMAND_DECLARE)

#endif
