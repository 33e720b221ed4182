/* fresh_set: a set of keys, for what a file makes: "relation orders".
 *
 * All zero is empty. Keys are borrowed, the rest lives in the arena that is
 * given to each fresh_put. A key that was put as not being there stays known,
 * so that what was made and went is told from what never was.
 */
#ifndef MIGRATIONS_HAZARDS_FRESH_SET_H
#define MIGRATIONS_HAZARDS_FRESH_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/base/arena.h"

struct fresh_key {
    const char *key; /* NULL: free */
    bool is;         /* false: it was made, and went */
};

struct fresh_set {
    struct fresh_key *slot; /* open addressing */
    size_t cap, n;
};

/* Others may move: no slot is kept over it. */
void fresh_put(struct arena *a, struct fresh_set *set, const char *key,
               bool is);
bool fresh_has(const struct fresh_set *set, const char *key);

#endif
