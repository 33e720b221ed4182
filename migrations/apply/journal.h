/* journal: what journal.c and alone.c share.
 *
 * Not for other files: see migrations/apply/work.h, journal_run. The rows of
 * tidegate.journal are written on the idle connection: intent before a
 * statement, outcome after. A statement that was not done ends the script:
 * the functions that say so return false, or set t->out for it.
 */
#ifndef MIGRATIONS_APPLY_JOURNAL_H
#define MIGRATIONS_APPLY_JOURNAL_H

#include "migrations/apply/work.h"

struct line {
    bool begun; /* by a run that failed, or that nobody saw end */
    bool done;
    bool absent;         /* it failed, and is known to have left nothing */
    const char *invalid; /* indexes invalid before it, and what it makes */
    const char *finish;  /* it is half done: the statement that does the rest */
};

/* Statements are counted from 0 here. */
struct journal {
    struct apply *ap;
    struct task *t;
    struct line *lines;
    int done;  /* how many are, by whoever */
    bool left; /* something may be there of one that is not done */
};

/* Says that statement i begins; invalid: what leaves_before said. */
bool journal_intend(struct journal *j, int i, const char *invalid,
                    struct err *e);
/* Opens the connections again, and sets what the statements before i set. */
bool journal_reopen(struct journal *j, int i, struct err *e);
/* Statement i is not done; what came before it may be, or what it has left.
 * Always false; e is kept. */
bool journal_stop_at(struct journal *j, int i);
/* Statement i is done; where that cannot be noted, the next run sees it. */
bool journal_note_done(struct journal *j, int i, struct err *e);
/* Nobody knows whether it was done: ERR_UNKNOWN, and what to do. False. */
bool journal_unknown_at(struct journal *j, int i, const char *why,
                        struct err *e);

#endif
