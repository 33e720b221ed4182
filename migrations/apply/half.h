/* half: undoing a migration that stopped between two of its statements.
 *
 * Its down was written for all of it. Where each statement that is done is
 * undone by statements of the down alone (inverse.h), those are what runs, in
 * the order of the down; elsewhere only a person can, or it is finished first.
 */
#ifndef MIGRATIONS_APPLY_HALF_H
#define MIGRATIONS_APPLY_HALF_H

#include "migrations/state/applied.h"

/* What undoes the statements of which done[] (by number less one, n of them as
 * they were when it began) says that they are: script is of the down, with no
 * other statement. False: why says, with line and kind, what stands against it.
 * All in a. ERR_INPUT in e: a text that was applied cannot be read any more. */
bool half_script(struct arena *a, const struct applied_row *row,
                 const bool *done, size_t n, struct script *script,
                 const char **why, struct err *e);
/* The texts as they were read when it was begun. */
bool half_texts(struct arena *a, const struct applied_row *row,
                struct script *up, struct script *down, struct err *e);
/* Whether it can be undone as the journal has it; else why not. in a. */
bool half_goes_back(struct arena *a, const struct journal_row *half,
                    const char **why);
/* "1 of its 3 statements is done", in a. */
char *half_far(struct arena *a, const struct journal_row *half);
/* The same, and after which: "1 of its 3 statements is done; it stopped after
 * line 2, ALTER TABLE"; of: what it is of, or NULL where that was not kept. */
char *half_stopped(struct arena *a, const struct journal_row *half,
                   const struct applied_row *of);
/* What a person can do instead of an undoing that cannot be, for err_fix. */
char *half_by_hand(struct arena *a, const char *name);

#endif
