/* A folder of another tool's files, read. */
#ifndef TESTS_UNIT_MIGRATIONS_LAYOUTS_H
#define TESTS_UNIT_MIGRATIONS_LAYOUTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/read/layout.h"
#include "runner/base/buf.h"

#define MOST 12
#define PLAN                                 \
    "%syntax-version=1.0.0\n%project=shop\n" \
    "%uri=https://example.org/shop\n\n# a comment\n"
#define WHO " 2024-01-05T12:00:0"
#define BY  "Z A Person <a@example.org> # why\n"

struct folder {
    const char *files[MOST][2];
};

static struct arena arena;
static struct err e;
static struct migrations m;
static const struct placeholders *values; /* of every file; or NULL */

static inline bool read_folder(const char *layout, const struct folder *f)
{
    struct sql_file list[MOST];
    size_t n = 0;

    for (; n < MOST && f->files[n][0]; n++)
        list[n] = (struct sql_file){.name = f->files[n][0],
                                    .bytes = f->files[n][1],
                                    .len = strlen(f->files[n][1]),
                                    .values = values};
    err_clear(&e);
    return migrations_read(&m, &arena, layout, list, n, &e);
}

/* "NAME=VERSION:STATEMENTS/DOWN-STATEMENTS", with ! without a transaction, and
 * ?STATEMENTS of what verifies it. */
static inline const char *said(void)
{
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; i < m.n; i++) {
        const struct migration *one = &m.list[i];
        buf_printf(&b, "%s%s=%s:%zu%s", i ? " " : "", one->name, one->version,
                   one->up.n, one->up.transaction ? "" : "!");
        if (one->has_down)
            buf_printf(&b, "/%zu%s", one->down.n,
                       one->down.transaction ? "" : "!");
        if (one->up.verify)
            buf_printf(&b, "?%zu", one->up.verify->n);
    }
    return buf_into(&b, &arena);
}

static inline int setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
