/* words: what can be told of a statement that the parser does not know.
 *
 * Its syntax is newer than the parser's, or it is wrong: a server decides, in
 * the rehearsal. Until then its words say as much as words can.
 */
#ifndef MIGRATIONS_HAZARDS_WORDS_H
#define MIGRATIONS_HAZARDS_WORDS_H

#include <stdbool.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"

/* Some PostgreSQL has statements that begin so. */
bool words_begin(const char *text);
/* Its first words, "CREATE TABLE", for people. In a. */
const char *words_kind(struct arena *a, const char *text);
/* It must run outside of any transaction, as far as words tell. */
bool words_alone(struct arena *a, const char *text);
/* As refusals_allow, as far as words tell. */
bool words_allow(struct arena *a, const char *text, unsigned allowed,
                 const char *at, struct err *e);

#endif
