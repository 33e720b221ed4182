/* exits: the exit codes, one row each; the help and the manual print them. */
#ifndef RUNNER_COMMAND_EXITS_H
#define RUNNER_COMMAND_EXITS_H

#include "runner/base/err.h"

enum {
    EXIT_DONE = 0,
    EXIT_REFUSED = 10,
    EXIT_BACK = 11,
    EXIT_STOPPED = 12,
    EXIT_UNKNOWN = 13,
    EXIT_USAGE = 64,
    EXIT_INPUT = 65,
    EXIT_UNREACHABLE = 69,
    EXIT_BUG = 70,
    EXIT_LEDGER = 74,
    EXIT_HELD = 75,
    EXIT_CONFIG = 78,
};

struct exit_row {
    int code;
    const char *word; /* "done", "refused": of the verdict line */
    const char *help; /* one sentence with a full stop */
};
extern const struct exit_row exit_rows[]; /* closed by word NULL */

/* The code of an error when nothing was changed; signal: the one that
 * interrupted us, or 0. */
int exit_code_of(enum err_code code, int signal);
/* "done", "interrupted" for 128 + n. */
const char *exit_word(int code);

#endif
