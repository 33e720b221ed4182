/* nearest: "did you mean": the candidate closest to what was written. */
#ifndef RUNNER_BASE_NEAREST_H
#define RUNNER_BASE_NEAREST_H

#include <stddef.h>

/* The candidate with the least edit distance (case counts as one edit at the
 * most), or NULL when none is within a third of the word's length, at least
 * two edits and fewer than its letters. The first of equals. candidates is n
 * names; NULL entries are passed over. */
const char *nearest(const char *word, const char *const *candidates, size_t n);

#endif
