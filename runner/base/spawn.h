/* spawn: the fork and exec under base/child.h; nobody else needs it.
 *
 * The program starts in a session of its own (so no terminal: one that would
 * ask for a passphrase fails instead of stopping for ever), with default
 * signals, an empty signal mask and no descriptor but 0-2.
 */
#ifndef RUNNER_BASE_SPAWN_H
#define RUNNER_BASE_SPAWN_H

#include <sys/types.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"

struct spawn {
    const char *const *argv;
    char **env;
    const char *folder; /* NULL: ours */
    int fds[3];         /* become 0, 1, 2; stay open here */
};

/* The fixed environment of every child, with `extra` (NAME=VALUE, or NULL)
 * added last; NULL-closed, in a. */
char **spawn_environment(struct arena *a, const char *const *extra);

/* Returns when the program has been executed; -1 and e set (ERR_FAILED) when
 * it could not be. The process leads a session and group of its own id. */
pid_t spawn_program(const struct spawn *s, struct err *e);

#endif
