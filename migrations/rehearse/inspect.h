/* inspect: what a statement did, asked right after it.
 *
 * The trace's own half: nobody else calls these.
 */
#ifndef MIGRATIONS_REHEARSE_INSPECT_H
#define MIGRATIONS_REHEARSE_INSPECT_H

#include "migrations/rehearse/trace.h"

/* PREPARE of the question that inspect_own asks: planning it anew cost more
 * than a short statement itself. */
extern const char inspect_prepare[];
/* In the transaction: reads the locks of the working connection, and for the
 * locked relations file nodes and counters; fills touched, wal_bytes,
 * builds_index. */
bool inspect_own(struct trace *t, struct traced_statement *s, struct err *e);
/* After a statement that ran alone: the same from what the observer saw. */
bool inspect_observed(struct trace *t, struct traced_statement *s,
                      const struct observer *o, struct err *e);

#endif
