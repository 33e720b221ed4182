/* hazards: what a statement does to a busy table, as far as its text tells.
 *
 * One table of rows (hazards.c), after PostgreSQL's documentation of explicit
 * locking and ALTER TABLE, and measurements on PostgreSQL 15. Locks are those
 * of servers 12 to 17.
 */
#ifndef MIGRATIONS_HAZARDS_H
#define MIGRATIONS_HAZARDS_H

#include "migrations/subject.h"

enum hazard_level { HAZARD_NOTE, HAZARD_WARNING, HAZARD_ERROR };

struct hazard {
    struct match match;
    enum hazard_level level;
    const char *rule;
    const char *lock; /* or NULL */
    bool rewrites, scans;
    bool breaks;       /* the old code would not survive it */
    const char *what;  /* templates of subject_say */
    const char *safer; /* or NULL */
};

extern const struct hazard hazards[]; /* ends in a row without what */

/* The first hazard of the statement that the old code would not survive:
 * "DROP COLUMN note of orders", or NULL. Lives in a. */
const char *hazards_breaks(struct arena *a, const struct node *stmt,
                           const char *text, const struct fresh *fresh);

#endif
