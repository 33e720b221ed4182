/* again: a script's second time held against its first.
 *
 * A rehearsal goes up, down and up again. Where the second up did the same work
 * as the first, statement by statement, there are two times of it, and the
 * lesser is nearer to what it takes (migrations/rehearse/estimate.h). It did
 * not where its down gives nothing back, say after a DELETE.
 */
#ifndef MIGRATIONS_REHEARSE_AGAIN_H
#define MIGRATIONS_REHEARSE_AGAIN_H

#include "migrations/rehearse/trace.h"

/* Sets again_us of first's statements. */
void again_note(struct traced_script *first,
                const struct traced_script *second);

#endif
