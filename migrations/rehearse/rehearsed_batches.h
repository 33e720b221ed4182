/* rehearsed_batches: what a rehearsal says of a script that runs in batches.
 */
#ifndef MIGRATIONS_REHEARSE_REHEARSED_BATCHES_H
#define MIGRATIONS_REHEARSE_REHEARSED_BATCHES_H

#include <stdint.h>

#include "runner/base/arena.h"
#include "runner/base/json.h"

struct rehearsed_batches {
    int64_t n, rows, size; /* on the clone; size: asked for */
    int64_t median_ms, p95_ms, longest_ms;
    int64_t high; /* the longest, production, ms */
};

struct grounds;
struct rehearsed;
struct traced_script;

/* NULL when it ran in one go, or not at all. */
const struct rehearsed_batches *batches_of(struct arena *a,
                                           const struct traced_script *s,
                                           const struct grounds *g);
/* As the member `key`; b NULL: no member. */
void batches_to_json(struct json *o, const char *key,
                     const struct rehearsed_batches *b);
const struct rehearsed_batches *
batches_from_json(struct arena *a, const struct json *o, const char *key);
/* What has to fit into a window, ms: the up's high; but batches stop at any
 * moment and go on in the next window: the longest of them. */
int64_t rehearsed_need(const struct rehearsed *m);
/* The same of its down; 0: it has none. */
int64_t rehearsed_need_back(const struct rehearsed *m);

#endif
