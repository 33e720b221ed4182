/* The arena of a test, fresh for each: its setup is begin, its teardown end. */
#ifndef TESTS_UNIT_FLOW_ARENA_H
#define TESTS_UNIT_FLOW_ARENA_H

#include "runner/base/arena.h"

static struct arena arena;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

#endif
