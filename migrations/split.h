/* split: one file of SQL becomes a script of statements.
 *
 * Bytes are checked (UTF-8, no NUL, at most MIGRATION_LIMIT), line endings and
 * the byte-order mark normalised, directives read, statements cut by
 * PostgreSQL's own parser, and each judged: what may not stand in a migration,
 * what cannot run in a transaction, what the old code would not survive.
 */
#ifndef MIGRATIONS_SPLIT_H
#define MIGRATIONS_SPLIT_H

#include "migrations/directives.h"
#include "migrations/migration.h"

/* ERR_INPUT or ERR_REFUSED with "FILE:LINE: ...". said may be NULL. */
bool split_script(struct script *out, struct directives *said, struct arena *a,
                  const struct sql_file *file, bool down, struct err *e);
/* Only the first step: the text with \n line ends and without the mark. */
char *split_normalise(struct arena *a, const struct sql_file *file,
                      struct err *e);
/* "FILE:LINE: what" for a text that does not parse; psql commands and COPY
 * data get words of their own. */
struct parse_failure;
bool split_explain(const char *file, const char *text,
                   const struct parse_failure *failure, struct err *e);

#endif
