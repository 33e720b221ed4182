/* compare: did going down undo what going up did? Pure.
 *
 * Judged by what each direction changed, so that migrations without a down
 * between them do not blame their neighbours.
 */
#ifndef MIGRATIONS_REHEARSE_COMPARE_H
#define MIGRATIONS_REHEARSE_COMPARE_H

#include "migrations/rehearse/fingerprint.h"

struct comparison {
    const char *lines; /* "left: ..." (up made it, down did not remove it),
                          "lost: ..." (not there again), or NULL: equal */
    bool order_only;   /* nothing but the order of columns differs: a dropped
                          column cannot come back to its place */
};

/* before and after an up; before and after its down. In a. At most 100 lines,
 * then a count. */
struct comparison compare_way_back(struct arena *a,
                                   const struct fingerprint *before_up,
                                   const struct fingerprint *after_up,
                                   const struct fingerprint *before_down,
                                   const struct fingerprint *after_down);
/* Two schemas that should be the same: "left" is only in found, "lost" only
 * in wanted. */
struct comparison compare_schemas(struct arena *a,
                                  const struct fingerprint *wanted,
                                  const struct fingerprint *found);

#endif
