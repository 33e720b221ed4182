#include "migrations/rehearse/rehearsed_batches.h"

#include "migrations/rehearse/estimate.h"
#include "migrations/rehearse/rehearse.h"

const struct rehearsed_batches *batches_of(struct arena *a,
                                           const struct traced_script *s,
                                           const struct grounds *g)
{
    const struct traced_batches *b = s->n ? s->statements[0].batches : NULL;
    struct rehearsed_batches *out;

    if (!b)
        return NULL;
    out = arena_array(a, 1, sizeof *out);
    *out = (struct rehearsed_batches){
        .n = b->n,
        .rows = b->rows,
        .size = b->size,
        .median_ms = b->median_ms,
        .p95_ms = b->p95_ms,
        .longest_ms = b->longest_ms,
        .high = estimate_batch(s->statements, g).high};
    return out;
}

void batches_to_json(struct json *o, const char *key,
                     const struct rehearsed_batches *b)
{
    struct json *batches;

    if (!b)
        return;
    batches = json_new_object();
    json_set_int(batches, "count", b->n);
    json_set_int(batches, "rows", b->rows);
    json_set_int(batches, "size", b->size);
    json_set_int(batches, "median_ms", b->median_ms);
    json_set_int(batches, "p95_ms", b->p95_ms);
    json_set_int(batches, "longest_ms", b->longest_ms);
    json_set_int(batches, "high_ms", b->high);
    json_set(o, key, batches);
}

const struct rehearsed_batches *
batches_from_json(struct arena *a, const struct json *o, const char *key)
{
    const struct json *batches = json_get(o, key);
    struct rehearsed_batches *out;

    if (!json_is_object(batches))
        return NULL;
    out = arena_array(a, 1, sizeof *out);
    *out = (struct rehearsed_batches){
        .n = json_int(batches, "count", 0),
        .rows = json_int(batches, "rows", 0),
        .size = json_int(batches, "size", 0),
        .median_ms = json_int(batches, "median_ms", 0),
        .p95_ms = json_int(batches, "p95_ms", 0),
        .longest_ms = json_int(batches, "longest_ms", 0),
        .high = json_int(batches, "high_ms", 0)};
    return out;
}

int64_t rehearsed_need(const struct rehearsed *m)
{
    return m->batches ? m->batches->high : m->high;
}

int64_t rehearsed_need_back(const struct rehearsed *m)
{
    if (!m->has_down || m->down_high < 0)
        return 0;
    return m->down_batches ? m->down_batches->high : m->down_high;
}
