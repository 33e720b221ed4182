/* buf: bytes that grow.
 *
 * Always closed by a NUL that `len` does not count, so `data` is a C string
 * wherever the content has no NUL. An initialised, empty buf has data "".
 * Lives on the heap: buf_release it, or hand the content on with buf_into.
 */
#ifndef RUNNER_BASE_BUF_H
#define RUNNER_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "runner/base/arena.h"

struct buf {
    char *data;
    size_t len, cap;
};

void buf_init(struct buf *b);
void buf_release(struct buf *b);
void buf_clear(struct buf *b); /* len 0, memory kept */
void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list args);
/* Forget the first n bytes. */
void buf_drop(struct buf *b, size_t n);
/* Room for at least n more bytes; returns where to write them. The caller
 * then adds what it wrote to len through buf_wrote. */
char *buf_room(struct buf *b, size_t n);
void buf_wrote(struct buf *b, size_t n);
/* Copy the content into a, release the buf, return the copy. */
char *buf_into(struct buf *b, struct arena *a);

#endif
