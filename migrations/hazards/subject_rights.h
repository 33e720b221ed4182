/* subject_rights: the rights that a GRANT or REVOKE speaks of, of one object or
 * role: one for each grantee and privilege.
 */
#ifndef MIGRATIONS_HAZARDS_SUBJECT_RIGHTS_H
#define MIGRATIONS_HAZARDS_SUBJECT_RIGHTS_H

#include "migrations/hazards/subject.h"

struct right {
    const char *key;       /* of fresh: "grant relation t app select" */
    const char *all;       /* "grant relation t app all" */
    const char *who;       /* the grantee; "": PUBLIC */
    const char *privilege; /* "select", "select(a, b)", "all"; NULL: to be a
                              member of the role */
};

/* Lives in a. */
struct right *subject_rights(struct arena *a, const struct subject *s,
                             size_t *n);
/* Whether the file gives back all of them, or ALL, or the grantee is a new
 * role. A GRANT before proves nothing: who had the right is given it again. */
bool subject_rights_given(struct arena *a, const struct subject *s);

#endif
