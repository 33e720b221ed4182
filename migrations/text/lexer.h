/* lexer: SQL text cut into blanks, comments, words, strings and symbols.
 *
 * psql's rules: '' and E'' strings, "names", dollar quotes, nested comments.
 * Knows nothing of grammar; the text is NUL-closed.
 */
#ifndef MIGRATIONS_TEXT_LEXER_H
#define MIGRATIONS_TEXT_LEXER_H

#include <stdbool.h>
#include <stddef.h>

enum token_kind {
    TOKEN_END,
    TOKEN_BLANK,
    TOKEN_COMMENT, /* with its newline left out */
    TOKEN_WORD,    /* keywords, names, numbers */
    TOKEN_STRING,  /* '...', E'...', $tag$...$tag$ */
    TOKEN_NAME,    /* "..." */
    TOKEN_SYMBOL,  /* one character */
};

struct token {
    enum token_kind kind;
    size_t len;
    bool open; /* a string, name or comment that never ends */
};

/* The token that begins at text. */
struct token lexer_token(const char *text);
/* How many bytes of blanks and comments text begins with. */
size_t lexer_skip(const char *text);
/* The same at the end: the length of text without them. */
size_t lexer_trim(const char *text, size_t len);
/* The most words and symbols between two commas or semicolons: no expression
 * nests deeper. */
size_t lexer_depth(const char *text);
/* 1-based line of a byte. */
int lexer_line(const char *text, size_t offset);

#endif
