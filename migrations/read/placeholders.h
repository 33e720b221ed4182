/* placeholders: ${name} in Flyway's files, and what stands for it.
 *
 * As Flyway has it (its documentation, "Placeholders"; its class
 * PlaceholderReplacingReader): before anything else is read of a text, in
 * comments and strings as well; names in any case; a value is plain text,
 * which is not looked into again; after $$ a { begins none. Values have no
 * line ends, so lines stay where they are.
 *
 * Where Flyway's name has a colon, ours has a dot: flyway.defaultSchema is the
 * value of ${flyway:defaultSchema}. Flyway's own ones are not guessed, but for
 * ${flyway:filename}.
 *
 * One without a value stays as it is in a comment; elsewhere it is an error.
 */
#ifndef MIGRATIONS_READ_PLACEHOLDERS_H
#define MIGRATIONS_READ_PLACEHOLDERS_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"

struct sql_file;

struct placeholder {
    const char *name, *value;
};
struct placeholders {
    struct placeholder *list;
    size_t n;
};

/* The file's bytes with those that have a value filled in, whatever its `how`
 * says: what Flyway makes its checksum of. NULL: there is none. In a. */
char *placeholders_filled(struct arena *a, const struct sql_file *file);
/* text, which is what split_normalise made of the file, as it is to run: itself
 * where the tool replaces none, or nothing is to replace; else in a. NULL: one
 * has no value, or so much stands for them that the text is too large;
 * ERR_INPUT, "FILE:LINE: ...". */
char *placeholders_fill(struct arena *a, const struct sql_file *file,
                        char *text, struct err *e);

#endif
