/* announced: the announcements that stand, for the commands that speak about
 * one of them.
 */
#ifndef RUNNER_COMMAND_ANNOUNCED_H
#define RUNNER_COMMAND_ANNOUNCED_H

#include "runner/command/cmd.h"
#include "runner/ledger/state.h"
#include "runner/release/statement.h"

struct announced {
    struct environment_state state;
    size_t at; /* index in state.manifests */
    const struct manifest_facts *facts;
    const struct statement_state *statement;
    struct manifest m;
};

/* The announcement that `name` means: a release's open one, or one by the
 * first eight or more digits of its digest. in_use: also one that an
 * unfinished run has consumed. None: ERR_USAGE that lists the open ones. */
bool announced_find(struct tidegate *t, const char *name, bool in_use,
                    struct announced *out, struct err *e);
/* What it binds, in rows on stdout. */
void announced_show(struct tidegate *t, const struct announced *x);

#endif
