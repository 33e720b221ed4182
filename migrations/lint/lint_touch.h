/* lint_touch: which relations a hazard of a statement locks, rewrites, reads:
 * its own, with what lies below it, and others that its row names. */
#ifndef MIGRATIONS_LINT_LINT_TOUCH_H
#define MIGRATIONS_LINT_LINT_TOUCH_H

#include "migrations/hazards/hazards.h"
#include "migrations/lint/lint.h"

struct touches {
    struct arena *arena;
    struct finding_touch *list;
    size_t n;
};

/* Relations that the same file made are left out: nobody waits for them. The
 * strongest comes first. */
void touches_of(struct touches *out, struct arena *a, const struct subject *s,
                const struct hazard *h);

#endif
