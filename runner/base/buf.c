#include "runner/base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/base/err.h"

#define FIRST_ROOM 64

void buf_init(struct buf *b)
{
    b->data = must_malloc(FIRST_ROOM);
    b->cap = FIRST_ROOM;
    buf_clear(b);
}

void buf_release(struct buf *b)
{
    free(b->data);
    memset(b, 0, sizeof(*b));
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->data[0] = '\0';
}

char *buf_room(struct buf *b, size_t n)
{
    if (n > SIZE_MAX / 4 || b->len > SIZE_MAX / 4)
        BUG("a buffer of %zu and %zu bytes", b->len, n);
    if (b->len + n + 1 > b->cap) {
        b->cap = 2 * (b->len + n + 1);
        b->data = must_realloc(b->data, b->cap);
    }
    return b->data + b->len;
}

void buf_wrote(struct buf *b, size_t n)
{
    if (n >= b->cap - b->len)
        BUG("%zu bytes written where %zu fit", n, b->cap - b->len);
    b->len += n;
    b->data[b->len] = '\0';
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
    char *room = buf_room(b, len);

    if (len)
        memcpy(room, bytes, len);
    buf_wrote(b, len);
}

void buf_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list args)
{
    va_list again;
    int len;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (len < 0)
        BUG("cannot format \"%s\"", fmt);
    vsnprintf(buf_room(b, (size_t)len), (size_t)len + 1, fmt, args);
    buf_wrote(b, (size_t)len);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    buf_vprintf(b, fmt, args);
    va_end(args);
}

void buf_drop(struct buf *b, size_t n)
{
    if (n > b->len)
        BUG("%zu bytes dropped of %zu", n, b->len);
    b->len -= n;
    memmove(b->data, b->data + n, b->len + 1);
}

char *buf_into(struct buf *b, struct arena *a)
{
    char *copy = arena_copy(a, b->data, b->len + 1);

    buf_release(b);
    return copy;
}
