/* trace_left: what scripts leave: temporary files, and indexes that are
 * INVALID.
 *
 * The trace's own half: nobody else calls these.
 */
#ifndef MIGRATIONS_REHEARSE_TRACE_LEFT_H
#define MIGRATIONS_REHEARSE_TRACE_LEFT_H

#include "migrations/rehearse/trace.h"

/* Sets tells_temp, temp and what is INVALID already, which becomes a warning.
 */
bool left_open(struct trace *t, struct err *e);
/* Before a script: what was told or counted until now is not its own. */
bool left_begin(struct trace *t, struct err *e);
/* SQL: counters of an earlier transaction must not show in the next one. */
const char *left_flush(const struct trace *t);
/* Bytes of the temporary files told since the last time; -1: not told. */
int64_t left_temp_told(struct trace *t);
/* After a statement that ran alone: the index that it builds is there. Where IF
 * NOT EXISTS has passed over another one, the real run would fail, and so has
 * the script (`failed`). */
bool left_index(struct trace *t, struct traced_script *out,
                const struct statement *s, struct err *e);
/* After a script: fills temp_bytes and invalid. */
bool left_read(struct trace *t, struct traced_script *out, struct err *e);

#endif
