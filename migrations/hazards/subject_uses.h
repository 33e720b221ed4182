/* subject_uses: words for what else has to do with a subject, from the catalog:
 * "view public.totals, trigger t on table u"; "others" where nobody knows.
 */
#ifndef MIGRATIONS_HAZARDS_SUBJECT_USES_H
#define MIGRATIONS_HAZARDS_SUBJECT_USES_H

#include "migrations/hazards/subject.h"

/* What depends on the object, or on the column of the cmd. */
const char *subject_uses_dependents(struct arena *a, const struct subject *s);
/* Of the function that a statement replaces: triggers that call it ... */
const char *subject_uses_triggers(struct arena *a, const struct subject *s);
/* ... and indexes with it in an expression. */
const char *subject_uses_function_indexes(struct arena *a,
                                          const struct subject *s);
/* Those of the same name that a new function stays beside. */
const char *subject_uses_functions(struct arena *a, const struct subject *s);

#endif
