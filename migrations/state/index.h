/* index: what a statement that builds an index concurrently has left.
 *
 * A failed CREATE INDEX CONCURRENTLY leaves an INVALID index, a failed REINDEX
 * CONCURRENTLY one called NAME_ccnew, or NAME_ccold when it had come as far as
 * dropping the old one; IF NOT EXISTS then skips and succeeds.
 */
#ifndef MIGRATIONS_STATE_INDEX_H
#define MIGRATIONS_STATE_INDEX_H

#include "migrations/read/migration.h"
#include "migrations/server/pg.h"

enum index_state { INDEX_NONE, INDEX_ABSENT, INDEX_INVALID, INDEX_VALID };

/* Who asks: work has the search_path that the statement has, idle an empty
 * one; all but names is asked on idle. */
struct index_ask {
    struct pg *work, *idle;
    struct arena *a;
    const struct statement *s;
};

/* The index that the statement makes, as it stands; INDEX_NONE for statements
 * that make none by name. name is quoted and qualified; oid is its own, as
 * text. */
struct index_found {
    enum index_state state;
    const char *name, *oid;
};
bool index_look(const struct index_ask *ask, struct index_found *out,
                struct err *e);
/* The oids of all invalid indexes, as the text of an oid[]. */
bool index_invalid(struct pg *idle, struct arena *a, char **oids,
                   struct err *e);
/* Drops (concurrently) invalid indexes that the statement made: those not in
 * `before` and not being built by anybody. dropped: how many. */
bool index_clean(const struct index_ask *ask, const char *before, int *dropped,
                 struct err *e);

#endif
