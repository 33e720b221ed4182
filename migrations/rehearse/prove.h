/* prove: do these migrations, run on an empty database, make the schema that
 * production has?
 *
 * The database is made on the rehearsal's server and removed again, as a clone
 * is. Owners and rights are left out: the roles of another server are others;
 * and so is what another tool keeps of itself (theirs.h).
 */
#ifndef MIGRATIONS_REHEARSE_PROVE_H
#define MIGRATIONS_REHEARSE_PROVE_H

#include "migrations/rehearse/compare.h"
#include "migrations/rehearse/rehearse.h"
#include "migrations/rehearse/theirs.h"

struct prove_settings {
    const char *production, *server; /* conninfos */
    const char *run;                 /* names the database */
    const struct theirs *theirs;     /* left out of both schemas */
};

/* Runs the loop. out->lines: "left: ..." is only in production, "lost: ..."
 * only what the files make; NULL: equal. A migration that fails is ERR_REFUSED
 * with its file and line. */
bool prove_schema(struct loop *l, struct arena *a,
                  const struct prove_settings *s,
                  const struct migration *const *list, size_t n,
                  struct progress *progress, struct comparison *out,
                  struct err *e);

#endif
