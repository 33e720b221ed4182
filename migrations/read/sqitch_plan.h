/* sqitch_plan: sqitch's plan, read by its rules (sqitch's manual, sqitchplan).
 *
 *     %syntax-version=1.0.0
 *     %project=shop
 *
 *     orders 2024-01-05T12:00:00Z A Person <a@example.org> # a note
 *     total [orders !old] 2024-01-06T12:00:00Z A Person <a@example.org>
 *     @v1 2024-01-07T12:00:00Z A Person <a@example.org>
 *     total [total@v1] 2024-01-08T12:00:00Z A Person <a@example.org>
 *
 * A change may come again (be reworked) once a tag stands between. What a
 * change requires stands before it; what it conflicts with does not.
 */
#ifndef MIGRATIONS_READ_SQITCH_PLAN_H
#define MIGRATIONS_READ_SQITCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"

struct plan_change {
    const char *name;
    const char *planned; /* "2024-01-05T12:00:00Z" */
    int line;
    int instance;      /* 1; 2 when it is reworked for the first time, ... */
    bool reworked;     /* a later one of its name follows */
    size_t before;     /* index + 1 of the one of its name before; 0: none */
    size_t tags_begin; /* then its scripts bear one of these tags of the plan */
    size_t tags_end;
};

struct plan_tag {
    const char *name; /* without @ */
    size_t changes;   /* how many stand before it */
};

struct sqitch_plan {
    const char *project;
    struct plan_change *list; /* as they are deployed */
    size_t n;
    struct plan_tag *tags;
    size_t tags_n;
};

/* The first line that is not right is ERR_INPUT, "FILE:LINE: ...". */
bool sqitch_plan_read(struct sqitch_plan *out, struct arena *a,
                      const char *file, const char *text, struct err *e);

#endif
