/* cmd: what a command is, and what it runs on.
 *
 * A command is one file that ends in its row; table.c lists the rows. The row
 * says what it needs and main opens that in order, so the body of a command
 * begins at its real work. To add one: write runner/command/NAME.c ending in
 * `const struct cmd cmd_NAME`, and add its line to table.h.
 */
#ifndef RUNNER_COMMAND_CMD_H
#define RUNNER_COMMAND_CMD_H

#include "runner/base/arena.h"
#include "runner/base/err.h"
#include "runner/base/loop.h"
#include "runner/base/progress.h"
#include "runner/command/exits.h"
#include "runner/command/opt.h"
#include "runner/command/start.h"
#include "runner/config/config.h"
#include "runner/ledger/ledger.h"
#include "runner/report/output.h"

/* Accepted before and after the command. */
struct globals {
    const char *folder;      /* -C, "." */
    const char *environment; /* -e, or NULL */
    const char *format;      /* NULL: text */
    bool no_color, help, version;
    int verbose;
};
extern const struct opt global_opts[];

struct tidegate {
    struct arena *arena; /* lives as long as the command */
    struct loop *loop;
    struct progress *progress; /* the terminal; never NULL */
    struct output *out;
    struct config config;    /* with NEED_CONFIG */
    struct environment *env; /* with NEED_ENVIRONMENT, else NULL */
    struct ledger *ledger;   /* with NEED_LEDGER or NEED_LEDGER_WRITE */
    struct globals globals;
    struct inherited *inherited; /* PG* as they were; for init */
    /* What a command adds to the closing verdict line; NULL: left out. */
    const char *release, *run, *contract;
    /* The exit code, where the err code alone does not tell: 10, 75, 11, 12,
     * 13 and such. 0: the err code decides. Counts with run's true as well. */
    int exit_code;
};

enum cmd_needs {
    NEED_CONFIG = 1,
    NEED_ENVIRONMENT = 2,  /* one is chosen; goes with NEED_CONFIG */
    NEED_LEDGER = 4,       /* to read; goes with NEED_CONFIG */
    NEED_LEDGER_WRITE = 8, /* to append; wins over NEED_LEDGER */
    CMD_VERDICT = 16,      /* ends in a verdict line */
    CMD_ANNOTATES = 32,    /* knows --format github */
};

struct cmd {
    const char *name;
    const char *summary; /* one sentence with a full stop */
    const char *help;    /* a paragraph, or NULL */
    unsigned needs;
    const struct arg *args; /* NULL: none; closed by a {0} row */
    const struct opt *opts; /* NULL: none; closed by a {0} row */
    size_t args_size;       /* of the struct that both land in, zeroed */
    bool (*run)(struct tidegate *t, void *args, struct err *e);
};

extern const struct cmd *const commands[]; /* NULL-closed */
/* NULL with ERR_USAGE and the nearest name. */
const struct cmd *cmd_find(const char *name, struct err *e);

/* Whether the person in front of us means it: the caller has printed what
 * will be done; here the name of the environment is typed on a terminal, or
 * given as --yes=ENV (yes, or NULL) without one. False: ERR_USAGE when it is
 * missing or another, ERR_INTERRUPTED on a signal. */
bool cmd_confirm(struct tidegate *t, const char *yes, struct err *e);
/* Somebody sits at the terminal and can be asked. */
bool cmd_terminal(void);
/* Asks the question there; true: "yes" was typed. */
bool cmd_ask(struct tidegate *t, const char *question);
/* Whether --yes, if given, names the environment at hand: asked before
 * anything else, so that a slip is no long wait. */
bool cmd_yes_agrees(struct tidegate *t, const char *yes, struct err *e);

#endif
