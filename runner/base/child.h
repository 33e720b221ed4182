/* child: a program run from an argv, never through a shell of ours.
 *
 * The child gets a fixed environment (PATH=/usr/local/sbin:...:/bin, HOME,
 * LC_ALL=C, SSH_AUTH_SOCK, PGPASSFILE, PGSERVICEFILE, PGSYSCONFDIR, PGSSL*,
 * plus `env`), the folder `folder`, a session and process group of its own
 * (so no terminal to ask on), default signals, stdin from `input`, and no
 * descriptor of ours but 0-2. Its output is kept up to a bound, marked when
 * cut. At the deadline it gets SIGTERM, 2 s later SIGKILL, both to the group;
 * what it leaves behind when it ends by itself is not touched, and not waited
 * for either. It is a source of the loop (pidfd and pipes).
 */
#ifndef RUNNER_BASE_CHILD_H
#define RUNNER_BASE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"
#include "runner/base/loop.h"

#define CHILD_OUTPUT_LIMIT (64 * 1024)

struct child_spec {
    const char *const *argv; /* NULL-closed; argv[0] from the child's PATH,
                              * or, with a slash, from the folder */
    const char *const *env;  /* NULL-closed NAME=VALUE pairs, or NULL */
    const char *folder;      /* NULL: ours */
    const void *input;       /* NULL: /dev/null */
    size_t input_len;
    int input_fd;        /* > 0: the child's stdin; wins over input */
    int output_fd;       /* > 0: stdout goes there, not into `out` */
    int64_t timeout_ms;  /* 0: none */
    size_t output_limit; /* of each stream; 0: CHILD_OUTPUT_LIMIT */
};

struct child_result {
    int status;      /* exit status, or -1 when ended by a signal */
    int signal;      /* the signal, or 0 */
    bool timed_out;  /* we ended it at its deadline */
    bool cut;        /* more output came than is kept */
    char *out, *err; /* NUL-closed, in the arena */
    size_t out_len, err_len;
};

/* Starts it and runs the loop until it has ended. False (e set, ERR_FAILED)
 * only if it could not be started or a stop signal arrived meanwhile (the
 * child is ended first, ERR_INTERRUPTED); a bad exit status is the caller's
 * to judge. */
bool child_run(struct loop *l, struct arena *a, const struct child_spec *spec,
               struct child_result *out, struct err *e);

/* The same without waiting: child_start, then child_done each turn. */
struct child;
struct child *child_start(struct loop *l, struct arena *a,
                          const struct child_spec *spec, struct err *e);
bool child_done(const struct child *c);
pid_t child_pid(const struct child *c); /* of it and of its group */
/* What it has written on stderr so far, up to the bound; until it is done. */
const char *child_said(const struct child *c, size_t *len);
/* NULL until it is done; lives in the arena. */
const struct child_result *child_result(const struct child *c);
/* Ends it if it still runs (SIGTERM, up to 2 s without the loop, SIGKILL) and
 * reaps it. NULL is fine. */
void child_close(struct child *c);

/* Splits a `command:` setting into words: blanks separate, '...' and "..."
 * hold together, nothing is expanded. NULL-closed, in a; NULL and e set
 * (ERR_CONFIG) on an open quote or no word. */
char **command_words(struct arena *a, const char *text, struct err *e);

#endif
