/* subject_text: parts of a statement's text, cut by its tokens. All that is
 * given lives in a.
 */
#ifndef MIGRATIONS_HAZARDS_SUBJECT_TEXT_H
#define MIGRATIONS_HAZARDS_SUBJECT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/base/arena.h"

/* A word in small letters, cut to what out holds. */
const char *text_small(const char *text, size_t len, char out[24]);
/* From after the first `word` of the clause that stands outside of
 * parentheses (with it, where with says so) to the next constraint. SET NULL
 * and SET DEFAULT belong to a REFERENCES. */
const char *text_part(struct arena *a, const char *text, const char *word,
                      bool with);
/* The statement with a word put in after the first of those words. */
char *text_with_word(struct arena *a, const char *text, const char *after,
                     const char *word);
/* An UPDATE or DELETE whose WHERE says "and key BETWEEN $1 AND $2" as well. */
char *text_bounded(struct arena *a, const char *text, const char *key);
/* The last part of a name, without its quotes. */
char *text_bare(struct arena *a, const char *name);

#endif
