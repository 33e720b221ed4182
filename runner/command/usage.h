/* usage: help and manual, printed from the tables of commands, options, gates,
 * exit codes and configuration keys.
 */
#ifndef RUNNER_COMMAND_USAGE_H
#define RUNNER_COMMAND_USAGE_H

#include "migrations/read/directives.h"
#include "policies/gates.h"
#include "runner/base/buf.h"
#include "runner/command/cmd.h"

#define USAGE_WIDTH 78
#define DIRECTIVES_STAND                                                       \
    "A migration says of itself what its SQL cannot, in lines `-- tidegate: "  \
    "KEY=VALUE ...` or `-- tidegate: KEY REASON` before its first statement, " \
    "in files of other tools as well."

void usage_overview(struct buf *out);
void usage_command(struct buf *out, const struct cmd *c);
void usage_config(struct buf *out);
void usage_exits(struct buf *out);
void usage_gates(struct buf *out);
void usage_directives(struct buf *out);
void usage_version(struct buf *out);
/* mdoc(7), for man 1 tidegate. */
void usage_manual(struct buf *out);

/* "RELEASE [--dry-run] ..." of a command, without its name. */
void usage_synopsis(struct buf *out, const struct cmd *c);
/* "-C, --directory DIR" */
void usage_option(struct buf *out, const struct opt *o);
/* Words of text in lines of USAGE_WIDTH, further lines indented. The first
 * begins at column `at`. Ends with a newline. */
void usage_wrap(struct buf *out, const char *text, size_t at, size_t indent);
/* What a directive says and takes: sentences. */
const char *usage_directive(struct arena *a, const struct directive_row *row);
/* What a gate asks, when, and what lifts it: sentences. */
const char *usage_gate(struct arena *a, const struct gate *g);

#endif
