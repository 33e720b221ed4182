/* explain: what is wrong with a text that cannot be cut or parsed, and what to
 * write instead: psql's commands, templates, data of a COPY.
 */
#ifndef MIGRATIONS_READ_EXPLAIN_H
#define MIGRATIONS_READ_EXPLAIN_H

#include "migrations/text/cut.h"
#include "migrations/text/parser.h"
#include "runner/base/err.h"

/* e is ERR_INPUT, "FILE:LINE: what". Both return false. lines_before: of the
 * file, before the text. */
bool explain_cut(const char *file, const struct cut *c, int lines_before,
                 struct err *e);
/* The parser's failure counts from the piece's first byte. */
bool explain_parse(const char *file, const struct piece *piece,
                   const char *text, int lines_before,
                   const struct parse_failure *failure, struct err *e);

#endif
