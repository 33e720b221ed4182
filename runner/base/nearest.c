#include "runner/base/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define WORD_LIMIT 64 /* longer words are no slips of the finger */

static bool same(char a, char b, bool fold)
{
    return a == b ||
           (fold && tolower((unsigned char)a) == tolower((unsigned char)b));
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance, one row of the table kept. */
static size_t edits(const char *a, const char *b, bool fold)
{
    size_t row[WORD_LIMIT + 1], n = strlen(b);

    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t change = diagonal + !same(a[i - 1], b[j - 1], fold);

            diagonal = row[j];
            row[j] = least(change, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[n];
}

const char *nearest(const char *word, const char *const *candidates, size_t n)
{
    size_t len = strlen(word), limit = len / 3 < 2 ? 2 : len / 3;
    const char *best = NULL;

    if (len > WORD_LIMIT)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t d;

        if (!candidates[i] || strlen(candidates[i]) > WORD_LIMIT)
            continue;
        d = least(edits(word, candidates[i], false),
                  edits(word, candidates[i], true) + 1);
        if (d <= limit && d < len) {
            best = candidates[i];
            if (!d)
                break;
            limit = d - 1;
        }
    }
    return best;
}
