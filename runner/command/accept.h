/* accept: another policy pinned, by the people whom the pinned one names. */
#ifndef RUNNER_COMMAND_ACCEPT_H
#define RUNNER_COMMAND_ACCEPT_H

#include "runner/command/cmd.h"

/* `policy accept`: shows what changed and signs for it with key (NULL: git's
 * user.signingkey). The pinned policy's own signers, revoked keys and numbers
 * decide: with `signatures = required` it wants as many different persons and
 * keys as a release does, the announcer and its approvers. The one who
 * completes them pins it; until then each is recorded and the exit code is 75.
 * Opens the ledger for writing by itself. */
bool policy_accept(struct tidegate *t, const char *key, struct err *e);

#endif
