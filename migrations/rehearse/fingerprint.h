/* fingerprint: a schema as a sorted set of facts, one line each.
 *
 * "column public.orders.note: text not null default 'x'::text". What is no
 * part of the schema is left out: oids, the state of sequences, statistics,
 * dropped columns, the moment that 'now' was, system schemas, members of
 * extensions, schema tidegate. Column order, ACLs (what stands without a grant
 * is "the usual"), ownership and comments are lines of their own, so that a
 * difference says what it is.
 */
#ifndef MIGRATIONS_REHEARSE_FINGERPRINT_H
#define MIGRATIONS_REHEARSE_FINGERPRINT_H

#include "migrations/server/pg.h"
#include "runner/base/hash.h"

struct fingerprint {
    const char **lines; /* sorted bytewise */
    size_t n;
    char digest[HASH_HEX];
};

/* Servers 12 to 17. Lines live in a. Leaves the session with its own
 * role, an empty search_path, without JIT, and with the planner set for small
 * questions. */
bool fingerprint_take(struct pg *pg, struct arena *a, struct fingerprint *out,
                      struct err *e);

#endif
