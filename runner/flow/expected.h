/* expected: what the certificate says of one migration, as an apply takes it.
 */
#ifndef RUNNER_FLOW_EXPECTED_H
#define RUNNER_FLOW_EXPECTED_H

#include "migrations/apply/apply.h"
#include "runner/flow/run.h"

/* What the certificate says of the migration of that name, or NULL. */
const struct rehearsed *expected_of(const struct run *r, const char *name);
/* The newest rehearsal of that migration in the release that ran it, where its
 * down was timed; NULL: none. What undoing it costs, as it was then. */
const struct rehearsed *expected_back(const struct run *r,
                                      const struct applied_row *row);
/* Not in the certificate: its times are 0; of a down they are those of the
 * rehearsal before it was applied, which tell, and limit nothing. In r's arena.
 */
struct apply_expected expected_up(const struct run *r,
                                  const struct migration *m);
struct apply_expected expected_down(const struct run *r,
                                    const struct applied_row *row);
/* Where the certificate does not know what the script locks: reads it from
 * its text, with the database's catalog over a connection of its own. */
void expected_read(const struct run *r, const struct script *s,
                   struct apply_expected *x);

/* The first pending migration after which there is no way back; NULL: none. */
const char *expected_no_return(const struct run *r);

#endif
