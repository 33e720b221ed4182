/* table: the commands in the order of the help. One line adds one. */
#ifndef RUNNER_COMMAND_TABLE_H
#define RUNNER_COMMAND_TABLE_H

#include "runner/command/cmd.h"

/* A line for each, so that two who add one do not meet. */
/* clang-format off */
#define COMMANDS(row) \
    row(init) \
    row(doctor) \
    row(policy) \
    row(expect) \
    row(approve) \
    row(withdraw) \
    row(when) \
    row(freeze) \
    row(thaw) \
    row(lint) \
    row(status) \
    row(history) \
    row(show) \
    row(ledger) \
    row(help)
/* clang-format on */

#define COMMAND_DECLARE(name) extern const struct cmd cmd_##name;
COMMANDS(COMMAND_DECLARE)

#endif
