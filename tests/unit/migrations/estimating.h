/* A table of production's that is a hundred times as large there, and a
 * statement that worked on it: what the tests of estimates begin with. */
#ifndef TESTS_UNIT_MIGRATIONS_ESTIMATING_H
#define TESTS_UNIT_MIGRATIONS_ESTIMATING_H

#include "migrations/rehearse/trace.h"

#define MB ((int64_t)1024 * 1024)

static inline struct relation orders(void)
{
    return (struct relation){.oid = 20000,
                             .name = "public.orders",
                             .kind = 'r',
                             .bytes = 10 * MB,
                             .rows = 100000,
                             .production_bytes = 1000 * MB,
                             .production_rows = 5000000};
}

static inline struct traced_statement statement_of(int64_t ms,
                                                   struct traced_touch *touch)
{
    static const struct statement text = {.text = "x", .line = 3};

    return (struct traced_statement){.statement = &text,
                                     .ms = ms,
                                     .us = ms * 1000,
                                     .touched = touch,
                                     .n = touch ? 1 : 0};
}

#endif
