/* theirs: what other tools keep of themselves in a database.
 *
 * Their table of what is applied, by the name that it usually has, in any
 * schema, with its indexes and sequences; sqitch's schema; and a table that a
 * person names. No migration makes these, so a schema is compared with what
 * files make without them.
 */
#ifndef MIGRATIONS_REHEARSE_THEIRS_H
#define MIGRATIONS_REHEARSE_THEIRS_H

#include "migrations/rehearse/fingerprint.h"

struct theirs {
    const char **names; /* quoted as in a fingerprint: "public.x_pkey" */
    size_t n;
    const char *tables; /* for people: "public.x, public.y"; NULL: none */
};

/* table: the one that a person names, or NULL. One that is not there:
 * ERR_REFUSED. All in a. */
bool theirs_find(struct theirs *out, struct pg *pg, struct arena *a,
                 const char *table, struct err *e);
/* Takes the lines that describe them out; the digest is not made anew. Pure. */
void theirs_leave_out(struct fingerprint *f, const struct theirs *t);

#endif
