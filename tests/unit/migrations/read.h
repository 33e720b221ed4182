/* One migration's text, read. */
#ifndef TESTS_UNIT_MIGRATIONS_READ_H
#define TESTS_UNIT_MIGRATIONS_READ_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/read/migration.h"

struct fixture {
    struct arena a;
    struct err e;
    struct migrations m;
};

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    arena_init(&f->a);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    arena_release(&f->a);
    free(f);
    return 0;
}

static inline bool read_one(struct fixture *f, const char *text)
{
    struct sql_file file = {"0001_a.up.sql", text, strlen(text)};

    err_clear(&f->e);
    return migrations_read(&f->m, &f->a, "auto", &file, 1, &f->e);
}

static inline const struct script *script_of(struct fixture *f,
                                             const char *text)
{
    if (!read_one(f, text))
        err_print(&f->e, stderr);
    assert_int_equal(f->e.code, ERR_NONE);
    return &f->m.list[0].up;
}

static inline void assert_complete(const struct err *e)
{
    assert_true(e->what[0] && e->why[0] && e->fix[0]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
