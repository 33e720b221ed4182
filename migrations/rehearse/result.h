/* result: what the passes found, as the rehearsal that others read. */
#ifndef MIGRATIONS_REHEARSE_RESULT_H
#define MIGRATIONS_REHEARSE_RESULT_H

#include "migrations/rehearse/passes.h"
#include "migrations/rehearse/rehearse.h"

/* Fills all but digest, at, clone and warnings' text; adds warnings. Lives in
 * the passes' arena; foreign text is escaped. */
void result_fill(struct rehearsal *out, const struct passes *p,
                 struct buf *warnings);
/* The relations that were there before and that the ups' work grows with, as
 * large as they are in production. */
const struct basis_table *result_tables(const struct passes *p, size_t *n);

#endif
