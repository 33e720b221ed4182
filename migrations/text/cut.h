/* cut: a text of SQL cut into statements by psql's rules, without a parser.
 *
 * A semicolon ends a statement outside of quotes, comments, parentheses and
 * the BEGIN ATOMIC ... END of a CREATE FUNCTION or PROCEDURE; after COPY ...
 * FROM stdin the lines up to \. are its data. What libpg_query parses is cut
 * where that cuts it, and what is too new for it is cut as well; what no psql
 * could cut (a quote that never ends), or is psql's own (\i), fails. The text
 * is NUL-closed, without a byte-order mark. One pass, nothing allocated.
 */
#ifndef MIGRATIONS_TEXT_CUT_H
#define MIGRATIONS_TEXT_CUT_H

#include <stdbool.h>
#include <stddef.h>

struct piece {
    size_t offset, len; /* without blanks and comments around it, and without
                           its semicolon */
    int line;           /* 1-based, of offset */
    bool copies;        /* COPY FROM stdin: its data */
    size_t data, data_len;
    size_t end; /* behind its semicolon and data */
};

enum cut_failure {
    CUT_FINE,
    CUT_QUOTE,     /* a string, name or comment never ends */
    CUT_PAREN,     /* a parenthesis never closes */
    CUT_ATOMIC,    /* BEGIN ATOMIC without its END */
    CUT_BACKSLASH, /* a command to psql */
    CUT_BRACE,     /* {: a template */
    CUT_DATA,      /* the data of a COPY do not end in \. */
    CUT_DATA_LINE, /* they do not begin on the next line */
};

struct cut {
    const char *text;
    size_t at; /* all before is cut */
    int line;  /* of at */
    enum cut_failure failure;
    size_t failed_at; /* byte */
    int failed_line;
};

void cut_begin(struct cut *c, const char *text);
/* The next statement. False: the text has ended, or failure says why not. */
bool cut_next(struct cut *c, struct piece *out);

#endif
