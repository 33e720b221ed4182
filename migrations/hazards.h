/* hazards: what a statement does to a busy table, as far as its text tells.
 *
 * Tables of rows (hazards_*.c), after PostgreSQL's documentation of explicit
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

/* The tables, each in a file with what its rows ask; each ends in a row
 * without what. */
extern const struct hazard hazards_columns[], hazards_tables[],
    hazards_objects[], hazards_data[];
extern const struct hazard *const hazard_tables[]; /* all, and NULL */

/* The rows that a subject matches, one after the other: begin with NULL. */
const struct hazard *hazards_next(const struct subject *s,
                                  const struct hazard *last);

/* For the tables: whether a node calls no function that may be volatile (for
 * node_walk). Functions known to give one value for a whole statement are
 * listed; any other may be volatile. */
bool hazards_seems_stable(const struct node *n, void *arg);

/* The first hazard of the statement that the old code would not survive:
 * "DROP COLUMN note of orders", or NULL. Lives in a. */
const char *hazards_breaks(struct arena *a, const struct node *stmt,
                           const char *text, const struct fresh *fresh);

#endif
