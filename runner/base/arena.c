#include "runner/base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner/base/err.h"

/* Bytes in an ordinary block; a build under AddressSanitizer sets 0, so that
 * every piece is an allocation of its own and an overrun is seen. */
#ifndef ARENA_BLOCK
#define ARENA_BLOCK 16000
#endif

struct arena_block {
    struct arena_block *before;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

static _Noreturn void out_of_memory(size_t size)
{
    fprintf(stderr,
            "tidegate: out of memory: %zu bytes wanted\n"
            "  fix: free memory, then run: tidegate status\n",
            size);
    _exit(70);
}

void *must_malloc(size_t size)
{
    return must_realloc(NULL, size);
}

void *must_realloc(void *old, size_t size)
{
    void *got = realloc(old, size ? size : 1);

    if (!got)
        out_of_memory(size);
    return got;
}

void arena_init(struct arena *a)
{
    a->last = NULL;
}

void arena_release(struct arena *a)
{
    while (a->last) {
        struct arena_block *block = a->last;

        a->last = block->before;
        free(block);
    }
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){a->last, a->last ? a->last->used : 0};
}

void arena_rewind(struct arena *a, struct arena_mark to)
{
    while (a->last != to.block) {
        struct arena_block *block = a->last;

        if (!block)
            BUG("a mark of another arena");
        a->last = block->before;
        free(block);
    }
    if (a->last)
        a->last->used = to.used;
}

static struct arena_block *add_block(struct arena *a, size_t size)
{
    struct arena_block *block = must_malloc(sizeof(*block) + size);

    block->before = a->last;
    block->used = 0;
    block->size = size;
    a->last = block;
    return block;
}

/* Rounded up past the next multiple: a piece of 0 bytes is one too. */
void *arena_alloc(struct arena *a, size_t size)
{
    struct arena_block *block = a->last;
    char *piece;

    if (size > SIZE_MAX / 2)
        BUG("a piece of %zu bytes", size);
    size = (size + alignof(max_align_t)) & ~(alignof(max_align_t) - 1);
    if (!block || block->size - block->used < size)
        block = add_block(a, size > ARENA_BLOCK ? size : ARENA_BLOCK);
    piece = block->bytes + block->used;
    block->used += size;
    return memset(piece, 0, size);
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(n, size, &total))
        BUG("an array of %zu times %zu bytes", n, size);
    return arena_alloc(a, total);
}

void *arena_grow(struct arena *a, const void *old, size_t old_n, size_t new_n,
                 size_t size)
{
    char *grown = arena_array(a, new_n, size);

    if (old && old_n)
        memcpy(grown, old, (old_n < new_n ? old_n : new_n) * size);
    return grown;
}

void *arena_copy(struct arena *a, const void *bytes, size_t len)
{
    char *copy = arena_alloc(a, len);

    if (len)
        memcpy(copy, bytes, len);
    return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s ? arena_copy(a, s, strlen(s) + 1) : NULL;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
    size_t n = strnlen(s, len);
    char *copy = arena_alloc(a, n + 1);

    memcpy(copy, s, n);
    return copy;
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list args)
{
    va_list again;
    char *text;
    int len;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (len < 0)
        BUG("cannot format \"%s\"", fmt);
    text = arena_alloc(a, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, fmt, args);
    return text;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args;
    char *text;

    va_start(args, fmt);
    text = arena_vprintf(a, fmt, args);
    va_end(args);
    return text;
}
