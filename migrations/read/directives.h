/* directives: what a migration says of itself, in comment lines before its
 * first statement.
 *
 *     -- tidegate: phase=after
 *     -- tidegate: transaction=none
 *     -- tidegate: lock_timeout=2s statement_timeout=10m
 *     -- tidegate: compatible REASON
 *     -- tidegate: forward-only REASON
 *     -- tidegate: batch=orders key=id size=5000 pause=100ms max_lag=10s
 *     -- tidegate: after=v1.4.2 for=24h
 *
 * after= makes it a contracting migration: it runs after the code, once
 * that release has been good for so long; `after=this` names the release that
 * first brings it. A line holds several of the form key=value, or one that
 * takes a reason. A down file has transaction, the timeouts and what
 * belongs to a batch only. Lines
 *
 *     -- tidegate: allow RULE REASON
 *
 * may stand anywhere: they are lint's (lint_allow.h), and passed over here.
 */
#ifndef MIGRATIONS_READ_DIRECTIVES_H
#define MIGRATIONS_READ_DIRECTIVES_H

#include <stdbool.h>
#include <stdint.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"

#define CONTRACT_THIS "this"

struct directive_reader;

/* What the reader knows; ends in a row without a name. Help and the manual
 * page are printed from it. */
struct directive_row {
    const char *name;
    bool reason;  /* takes the rest of the line */
    bool in_down; /* has a meaning in a way back, too */
    bool (*take)(struct directive_reader *r, const char *value); /* NULL: it is
                                                                    lint's */
    const char *takes, *help;
};
extern const struct directive_row directive_rows[];

struct directives {
    bool after;
    bool no_transaction;
    int64_t lock_timeout_ms, statement_timeout_ms; /* -1: not said */
    const char *compatible, *forward_only;         /* reasons, or NULL */
    /* migrations/read/batch.h reads them further */
    const char *batch, *key;      /* as written, or NULL */
    int64_t batch_size;           /* rows; 0: not said */
    int64_t pause_ms, max_lag_ms; /* -1: not said */
    const char *contract; /* after=: a release, or CONTRACT_THIS; or NULL */
    int64_t contract_for; /* seconds */
};

/* text is normalised, and lines_before of the file's stand before it. Unknown,
 * doubled, misplaced or malformed ones are ERR_INPUT with file:line and the
 * nearest name. */
bool directives_read(struct directives *out, struct arena *a, const char *file,
                     const char *text, int lines_before, bool down,
                     struct err *e);

#endif
