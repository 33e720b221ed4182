/* ini: one file of sections and keys, read strictly (owner of inih).
 *
 * inih alone would cut a line over 199 bytes and take its tail for another
 * key, take ':' for '=', let a continuation line hold a section, and tell no
 * line number. So our reader looks at every physical line first and hands
 * inih only what both of us read the same way:
 *
 *   - physical lines up to 180 bytes; a value with its continuation lines up
 *     to 4 KiB; a file up to FILE_LIMIT;
 *   - the separator is '='; keys and sections are written once;
 *   - a comment is a whole line (';' or '#' first), or begins at a ';' with a
 *     blank before it, on continuation lines too; a quote is an ordinary
 *     character, and so are ~ and $;
 *   - an indented line continues the value above it, joined by '\n';
 *   - no NUL, control byte, invalid UTF-8 or bidirectional control; a BOM at
 *     the start and CR before LF are dropped.
 *
 * What keys there are is no business of this file: runner/config/keys.h.
 * Everything is kept in the arena. Errors: ERR_CONFIG, "FILE:LINE: ...".
 */
#ifndef RUNNER_CONFIG_INI_H
#define RUNNER_CONFIG_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"

#define INI_LINE_LIMIT  180
#define INI_VALUE_LIMIT 4096
#define INI_NAME_LIMIT  48 /* of a key or section: inih cuts at 49 */

struct ini_section {
    const char *name; /* one blank between words: "probe host" */
    int line;
};

struct ini_entry {
    const char *section, *key;
    const char *value; /* pieces joined by '\n', trimmed; never NULL */
    int line;          /* of the key */
    const int *lines;  /* of each piece; the first is `line` */
    size_t pieces;
    int comment; /* the line of the first comment inside it; 0: none */
};

struct ini_file {
    const char *shown; /* its name in messages */
    struct ini_section *sections;
    size_t n_sections;
    struct ini_entry *entries;
    size_t n_entries;
};

/* Reads path; shown is how messages name it. */
bool ini_file_read(struct ini_file *out, struct arena *a, const char *path,
                   const char *shown, struct err *e);
const struct ini_section *ini_section_find(const struct ini_file *f,
                                           const char *name);
/* section NULL finds nothing. */
const struct ini_entry *ini_entry_find(const struct ini_file *f,
                                       const char *section, const char *key);

/* Starts an error "SHOWN:LINE: KEY: ..." (key NULL: left out), code
 * ERR_CONFIG. Returns false; the caller adds why and fix. */
bool ini_refuse(const struct ini_file *f, int line, const char *key,
                struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

#endif
