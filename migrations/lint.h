/* lint: hazards that the text alone shows. */
#ifndef MIGRATIONS_LINT_H
#define MIGRATIONS_LINT_H

#include "migrations/migration.h"

enum finding_level { FINDING_NOTE, FINDING_WARNING, FINDING_ERROR };

struct finding {
    const char *file;
    int line;
    enum finding_level level;
    const char *rule; /* "rewrite", "not-in-transaction", "breaks-old-code" */
    const char *what; /* one sentence */
    const char *lock; /* "ACCESS EXCLUSIVE", or NULL */
    bool rewrites, scans;
    const char *safer; /* what to write instead, or NULL */
};

/* Findings for one file, in order of lines; a file that does not parse has
 * one FINDING_ERROR with the parser's message. Lives in a. */
struct finding *lint_file(struct arena *a, const struct sql_file *file,
                          size_t *n);
/* The safe alternative for one statement, or NULL. */
const char *lint_safer(struct arena *a, const struct statement *s);

#endif
