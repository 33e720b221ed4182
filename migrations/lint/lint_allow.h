/* lint_allow: findings that a comment answers for.
 *
 *     -- tidegate: allow scan the table has 40 rows
 *     CREATE INDEX i ON color (name);
 *
 * The line stands above its statement, with nothing but comments between, and
 * names a rule of lint and a reason. Several may stand there. What it allows
 * becomes a note. breaks-old-code is not to be allowed here: the gate asks for
 * `compatible REASON`; nor is what would never run.
 */
#ifndef MIGRATIONS_LINT_LINT_ALLOW_H
#define MIGRATIONS_LINT_LINT_ALLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"

struct allowance {
    const char *rule, *reason;
    size_t offset; /* of the comment, in the text */
    int line;
    bool used;
};

struct allowances {
    struct allowance *list; /* ascending by offset */
    size_t n, cap;
};

/* All of a text, in order. A line that allows nothing (no such rule, no
 * reason) goes to bad instead, with file:line. */
void allowances_read(struct allowances *out, struct arena *a, const char *file,
                     const char *text,
                     void (*bad)(void *arg, int line, const struct err *e),
                     void *arg);
/* The one for that rule between two offsets (the end of the statement before,
 * and the beginning of this one), or NULL. */
struct allowance *allowances_find(const struct allowances *all,
                                  const char *rule, size_t from, size_t to);

#endif
