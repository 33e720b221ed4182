/* leaves: what a statement that runs alone leaves, by which its end can be
 * told when nobody saw it.
 *
 * A runner that dies during such a statement leaves no outcome behind. A new
 * database, an index that is gone, a partition that is detached: one look at
 * the catalog, compared with what was there before, tells.
 */
#ifndef MIGRATIONS_STATE_LEAVES_H
#define MIGRATIONS_STATE_LEAVES_H

#include "migrations/state/index.h"

enum leaves {
    LEAVES_NOTHING, /* of a kind that leaves nothing to tell by */
    LEAVES_DONE,
    LEAVES_ABSENT,
};

/* Before the statement, for the journal: the oids of all invalid indexes, and
 * of what is there of the kind and name that the statement makes, as the text
 * of an oid[]. */
bool leaves_before(const struct index_ask *ask, char **oids, struct err *e);
/* Afterwards. before: what leaves_before said. */
bool leaves_look(const struct index_ask *ask, const char *before,
                 enum leaves *out, struct err *e);
/* The statement that ends what this one has left half done (a partition that
 * is pending detach), or NULL when nothing is. */
bool leaves_half(const struct index_ask *ask, const char **finish,
                 struct err *e);

#endif
