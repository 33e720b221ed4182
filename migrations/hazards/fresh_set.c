#include "migrations/hazards/fresh_set.h"

#include <stdint.h>
#include <string.h>

/* FNV-1a */
static size_t hash_of(const char *key)
{
    uint64_t h = 14695981039346656037u;

    for (; *key; key++)
        h = (h ^ (unsigned char)*key) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

static struct fresh_key *slot_of(const struct fresh_set *set, const char *key)
{
    size_t i = hash_of(key) & (set->cap - 1);

    while (set->slot[i].key && strcmp(set->slot[i].key, key) != 0)
        i = (i + 1) & (set->cap - 1);
    return &set->slot[i];
}

static void widen(struct arena *a, struct fresh_set *set)
{
    struct fresh_set old = *set;

    set->cap = old.cap ? 2 * old.cap : 32;
    set->slot = arena_array(a, set->cap, sizeof *set->slot);
    for (size_t i = 0; i < old.cap; i++)
        if (old.slot[i].key)
            *slot_of(set, old.slot[i].key) = old.slot[i];
}

void fresh_put(struct arena *a, struct fresh_set *set, const char *key, bool is)
{
    struct fresh_key *at;

    if (2 * (set->n + 1) > set->cap)
        widen(a, set);
    at = slot_of(set, key);
    set->n += !at->key;
    *at = (struct fresh_key){key, is};
}

bool fresh_has(const struct fresh_set *set, const char *key)
{
    return set->cap && slot_of(set, key)->is;
}
