/* filled: what a release puts into tables, and how much more that would be in
 * production.
 *
 * A table that it makes, or finds empty, has no size to scale by: what a later
 * statement does to it grows as the statements did that filled it.
 */
#ifndef MIGRATIONS_REHEARSE_FILLED_H
#define MIGRATIONS_REHEARSE_FILLED_H

#include "migrations/rehearse/trace.h"

/* Adds what s inserted to its relations; scripts in the order in which they
 * ran, each once. */
void filled_note(const struct traced_script *s);

#endif
