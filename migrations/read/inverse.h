/* inverse: which statement of a down undoes which of its up.
 *
 * A migration that runs statement by statement may stop between two. Its down
 * was written for all of them: what undoes the half is those of its statements
 * that undo what is done, and no other. Only what names say is taken: a DROP of
 * exactly what one CREATE or ADD has made, and nothing else by that name: not
 * of what IF NOT EXISTS or OR REPLACE may have found there.
 */
#ifndef MIGRATIONS_READ_INVERSE_H
#define MIGRATIONS_READ_INVERSE_H

#include "migrations/read/migration.h"

#define INVERSE_ALL  (-1) /* a SET: it belongs to all of them */
#define INVERSE_NONE (-2) /* it undoes no one statement of the up */

struct inverse {
    int *undoes;  /* for each statement of the down: the one of the up, from
                     0, or one of these */
    bool *traces; /* for each of the up: false where nothing is left of it
                     once the others are undone (SET, VALIDATE, ANALYZE, what
                     is done to a table that the same file made) */
};

/* In a. Pure. */
void inverse_find(struct inverse *out, struct arena *a, const struct script *up,
                  const struct script *down);

#endif
