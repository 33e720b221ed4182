/* start: the process made fit to be trusted, before anything else happens.
 *
 * Results must not depend on who calls: descriptors 0-2 are open, umask is
 * 077, no core is dumped, and variables that would redirect libpq, git, the
 * linker or the clock are unset.
 */
#ifndef RUNNER_COMMAND_START_H
#define RUNNER_COMMAND_START_H

#include "runner/base/buf.h"

/* libpq's variables as they were; `init` writes them into the file. */
struct inherited {
    const char *host, *port, *user, *database, *service; /* or NULL */
    struct buf names;   /* of these five, as far as they were set */
    struct buf dropped; /* of all others that were unset */
};

/* Cleans up. Texts in `out` live as long as the process. */
void start_clean(struct inherited *out);
/* Says on stderr, once, the names of what was unset; whoever took the five
 * empties `names` before. Releases both lists. */
void start_tell(struct inherited *in);

#endif
