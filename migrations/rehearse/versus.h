/* versus: a rehearsal against the one before: what has changed. Pure.
 *
 * Statements belong together when their migration has the same name and their
 * text is the same (the same text twice: in order). Times are those estimated
 * for production; they differ when the larger is both 50 ms and a quarter
 * above the smaller, so that noise is no change.
 */
#ifndef MIGRATIONS_REHEARSE_VERSUS_H
#define MIGRATIONS_REHEARSE_VERSUS_H

#include "migrations/rehearse/rehearse.h"

#define VERSUS_LEAST_MS 50
#define VERSUS_PERCENT  25

/* One difference. before or after is "-" where there was nothing. */
struct versus_change {
    const char *migration; /* or the table, of a wait; "" of the whole */
    int line;              /* 0: not of one statement */
    const char *what;      /* "time", "lock", "rewrite", "scan", "statement",
                              "migration", "wait", "way back", "failed" */
    const char *before, *after;
};

/* Of a statement that is in both, whether or not it changed. */
struct versus_statement {
    const char *migration;
    int line;
    int64_t before, after; /* likely, production, ms */
};

struct versus {
    struct versus_change *list;
    size_t n;
    struct versus_statement *statements;
    size_t n_statements;
};

/* Texts are in a or borrowed from the two. */
void versus(struct versus *out, struct arena *a, const struct rehearsal *before,
            const struct rehearsal *after);
/* Whether two rehearsals are of migrations with the same names; whether any is
 * in both. */
bool versus_same_names(const struct rehearsal *x, const struct rehearsal *y);
bool versus_shares(const struct rehearsal *x, const struct rehearsal *y);
struct json *versus_to_json(const struct versus *v);

#endif
