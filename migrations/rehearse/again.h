/* again: a script's later times held against its first.
 *
 * A rehearsal goes up, down and up again, and where little is measured once
 * more. Where a script did the same work each time, statement by statement,
 * there are two or three times of it, and the least is nearest to what it takes
 * (migrations/rehearse/estimate.h). It did not where its down gives nothing
 * back, say after a DELETE.
 */
#ifndef MIGRATIONS_REHEARSE_AGAIN_H
#define MIGRATIONS_REHEARSE_AGAIN_H

#include "migrations/rehearse/trace.h"

/* Sets again_us of first's statements, or makes it less. */
void again_note(struct traced_script *first, const struct traced_script *again);

#endif
