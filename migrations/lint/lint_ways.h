/* lint_ways: what the two ways of one migration say of each other: a way back
 * where the way up says forward-only, and one that makes again, empty, what
 * the way up dropped. They may stand in one file or in two of one call, in any
 * order. */
#ifndef MIGRATIONS_LINT_LINT_WAYS_H
#define MIGRATIONS_LINT_LINT_WAYS_H

#include "migrations/lint/lint.h"
#include "migrations/read/directives.h"

struct linter;

/* "column orders.note", or "table orders", and where. */
struct lint_thing {
    const char *key;
    int line;
};

/* One of the two. */
struct lint_way {
    struct lint_thing *things; /* up: dropped; down: made */
    size_t n;
    bool seen;  /* it has statements */
    bool fills; /* it writes rows */
    int begins; /* line */
};

struct lint_ways {
    const char *stem; /* of the file's name */
    struct lint_way up, down;
    bool forward_only, after, told;
    struct lint_ways *next;
};

/* Before the statements of a part, each of them, and after. */
void lint_ways_begin(struct linter *l, const struct directives *d);
void lint_ways_statement(struct linter *l, const struct node *stmt,
                         const char *text);
void lint_ways_end(struct linter *l);

#endif
