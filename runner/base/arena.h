/* arena: memory that is released all at once.
 *
 * Configuration, plans, messages and answers live in an arena: one per run,
 * one per host. Nothing from an arena is freed singly. No call returns NULL:
 * when memory is out the process says so and exits 70, so no path tests for
 * it. Handles (sockets, PGconn, git objects) never live in an arena alone.
 */
#ifndef RUNNER_BASE_ARENA_H
#define RUNNER_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *last;
};

void arena_init(struct arena *a);
/* Frees everything taken from a; a may be used again. */
void arena_release(struct arena *a);

/* What was taken after a mark is freed again by going back to it; for loops
 * that wait long. Nothing taken since may be used afterwards. */
struct arena_mark {
    struct arena_block *block;
    size_t used;
};
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark to);

/* Zeroed memory, aligned for any type; lives as long as a. size 0 is legal. */
void *arena_alloc(struct arena *a, size_t size);
/* A zeroed array; BUG() when n * size overflows. */
void *arena_array(struct arena *a, size_t n, size_t size);
/* A grown copy of an array (old may be NULL); the tail is zeroed. */
void *arena_grow(struct arena *a, const void *old, size_t old_n, size_t new_n,
                 size_t size);
void *arena_copy(struct arena *a, const void *bytes, size_t len);
/* NULL stays NULL. */
char *arena_strdup(struct arena *a, const char *s);
/* At most len bytes of s, always closed by a NUL. */
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list args);

/* malloc and realloc that exit 70 when memory is out. */
void *must_malloc(size_t size);
void *must_realloc(void *old, size_t size);

#endif
