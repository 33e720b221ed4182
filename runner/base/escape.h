/* escape: foreign bytes made safe to show, and text checked.
 *
 * Whatever came from a host, a database, a repository or a file goes through
 * here before it reaches a terminal or a log.
 */
#ifndef RUNNER_BASE_ESCAPE_H
#define RUNNER_BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/base/arena.h"
#include "runner/base/buf.h"

/* Append text with C0, DEL, C1, invalid UTF-8 and bidirectional controls
 * (U+061C, U+200E-F, U+202A-E, U+2066-9) written as \xNN per byte. With
 * keep_newlines, "\n" and "\t" stay. */
void escape_to(struct buf *out, const char *bytes, size_t len,
               bool keep_newlines);
/* One line, newlines escaped too; NULL becomes "". */
char *escape(struct arena *a, const char *text);

/* The byte offset of the first byte that is NUL, a control byte other than
 * tab, invalid UTF-8 or a bidirectional control; -1 when there is none. */
long text_bad_byte(const char *bytes, size_t len);
bool utf8_valid(const char *bytes, size_t len);

/* One word for sh, quoted only where needed: for commands shown to people,
 * never for commands we run (data reaches hosts length-framed). */
char *shell_word(struct arena *a, const char *text);

/* Replace secrets in an error text: the password of user:password@ in URLs,
 * and the values of password= and sslpassword= in conninfo strings. */
char *redact(struct arena *a, const char *text);

#endif
