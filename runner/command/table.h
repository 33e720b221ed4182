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
    row(check) \
    row(plan) \
    row(rehearse) \
    row(deploy) \
    row(rollback) \
    row(resume) \
    row(status) \
    row(history) \
    row(show) \
    row(when) \
    row(users) \
    row(freeze) \
    row(thaw) \
    row(adopt) \
    row(catch_up) \
    row(lint) \
    row(migrate) \
    row(ledger) \
    row(help)
/* clang-format on */

#define COMMAND_DECLARE(name) extern const struct cmd cmd_##name;
COMMANDS(COMMAND_DECLARE)

#endif
