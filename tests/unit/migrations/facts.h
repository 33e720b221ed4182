/* Schemas written down as lines, for tests of what compares them. */
#ifndef TESTS_UNIT_MIGRATIONS_FACTS_H
#define TESTS_UNIT_MIGRATIONS_FACTS_H

#include <stdlib.h>
#include <string.h>

#include "migrations/rehearse/fingerprint.h"

#define FACTS_MAX 400

static inline int facts_by_bytes(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* "a|b|c" is a schema of three facts. In a. */
static inline struct fingerprint facts_of(struct arena *a, const char *text)
{
    struct fingerprint f = {.lines = arena_array(a, FACTS_MAX, sizeof(char *))};
    char *copy = arena_strdup(a, text), *save = NULL;

    for (char *p = strtok_r(copy, "|", &save); p && f.n < FACTS_MAX;
         p = strtok_r(NULL, "|", &save))
        f.lines[f.n++] = p;
    if (f.n)
        qsort(f.lines, f.n, sizeof *f.lines, facts_by_bytes);
    hash_hex(text, strlen(text), f.digest);
    return f;
}

#endif
