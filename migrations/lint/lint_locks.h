/* lint_locks: which relations a script will lock, read from its text.
 *
 * For where no rehearsal has seen it: the tables of hazards say what each
 * statement locks, the catalog what the names mean and what else is touched.
 */
#ifndef MIGRATIONS_LINT_LINT_LOCKS_H
#define MIGRATIONS_LINT_LINT_LOCKS_H

#include "migrations/read/migration.h"
#include "migrations/server/catalog.h"
#include "migrations/server/relations.h"

struct lint_lock {
    const char *relation; /* qualified, quoted where SQL wants it */
    enum lock_mode lock;  /* the strongest */
    int statement;        /* 1-based: the one that locks it so */
};

struct lint_locks {
    struct lint_lock *list; /* each relation once, in the order found */
    size_t n;
    const char *unread; /* the first statement whose locks no text tells
                           ("0003_x.up.sql:4: DO"): one that the parser does
                           not know, or that runs code; NULL: none */
};

/* What the script itself makes is left out: nobody else has it. Without a
 * catalog nothing is known of any statement. Lives in a. */
void lint_locks_read(struct lint_locks *out, struct arena *a,
                     const struct script *s, struct catalog *catalog);

#endif
