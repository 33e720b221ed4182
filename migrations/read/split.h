/* split: one file of SQL becomes a script of statements.
 *
 * Bytes are checked (UTF-8, no NUL, at most MIGRATION_LIMIT), line endings and
 * the byte-order mark normalised, placeholders filled in, directives read,
 * statements cut by PostgreSQL's own parser, and each judged: what may not
 * stand in a migration, what cannot run in a transaction, what the old code
 * would not survive.
 *
 * Where the parser does not know a text (it has the grammar of PostgreSQL 15),
 * the statements are cut by psql's rules (cut.h), and those that it does not
 * know are judged by their words (words.h): the worst is assumed. A text that
 * cannot be cut, or a statement that begins with no word of SQL, is an error.
 */
#ifndef MIGRATIONS_READ_SPLIT_H
#define MIGRATIONS_READ_SPLIT_H

#include "migrations/read/directives.h"
#include "migrations/read/migration.h"
#include "migrations/text/cut.h"
#include "migrations/text/parser.h"

/* ERR_INPUT or ERR_REFUSED with "FILE:LINE: ...". said may be NULL. */
bool split_script(struct script *out, struct directives *said, struct arena *a,
                  const struct sql_file *file, bool down, struct err *e);
/* Only the first step: the text with \n line ends and without the mark, and
 * psql's DBNAME filled in where it is psql's. A link is refused. */
char *split_normalise(struct arena *a, const struct sql_file *file,
                      struct err *e);

/* Only the second: statements with their trees, not judged. */
struct split_piece {
    struct piece at;         /* lines count from the text's first one */
    const char *text;        /* NUL-closed */
    const struct node *tree; /* NULL: the parser does not know it */
    const char *unparsed;    /* what it said then */
};
struct split_pieces {
    struct split_piece *list;
    size_t n;
};
/* Trees live in a: give it one of its own, they are large. ERR_INPUT for a
 * text that cannot be cut; its lines count from lines_before + 1. */
bool split_pieces(struct split_pieces *out, struct arena *a, const char *file,
                  const char *text, int lines_before, struct err *e);
/* Leaves out a plain BEGIN at the top and a COMMIT at the end, where both are:
 * they say what is done anyway. undone: a ROLLBACK, too. True: it has. */
bool split_unwrap(struct split_pieces *pieces, bool undone);
/* Transaction control of one of two kinds ("TRANS_STMT_BEGIN"), and nothing
 * more in it. */
bool split_is_control(const struct split_piece *p, const char *kind,
                      const char *other);

#endif
