/* backfill_trace: the rehearsal of a batched script.
 *
 * Its statement runs over the whole of its key, as for real: range by range,
 * each a transaction, sizes fitted to time. All batches together are one
 * traced statement: times, rows and WAL are sums; a lock is held for as long
 * as the longest batch held it.
 */
#ifndef MIGRATIONS_REHEARSE_BACKFILL_TRACE_H
#define MIGRATIONS_REHEARSE_BACKFILL_TRACE_H

#include "migrations/rehearse/trace.h"

/* As trace_script does, for a script with a batch. */
bool backfill_trace(struct trace *t, const struct script *s,
                    struct traced_script *out, struct err *e);

#endif
