/* numbers: what all gates say about a measured number. Private. */
#ifndef POLICIES_NUMBERS_H
#define POLICIES_NUMBERS_H

#include "policies/facts.h"
#include "policies/verdict.h"

/* s; what is dated later than now by more than that comes from a clock that
 * is wrong, and its age tells nothing. */
#define CLOCKS_APART 5

/* Fills source and age of v. */
void number_source(struct verdict *v, const struct fact *fact, int64_t now);
/* True when the fact is a usable number; else *v is the HOLD with `rule`:
 * data that cannot be read is never zero and never PASS. */
bool number_known(const struct fact *fact, int64_t now, const char *rule,
                  const char *what, struct verdict *v);

#endif
