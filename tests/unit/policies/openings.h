/* What the calendar tests share: one calendar from two lines of text. */
#ifndef TESTS_UNIT_POLICIES_OPENINGS_H
#define TESTS_UNIT_POLICIES_OPENINGS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "policies/calendar.h"
#include "runner/base/clock.h"

struct calendar_under_test {
    struct arena arena;
    struct zone *zone;
    struct calendar calendar;
};

static inline int64_t utc(const char *text)
{
    int64_t at = 0;

    if (!clock_parse_rfc3339(text, &at))
        fail_msg("'%s' is no RFC 3339 time", text);
    return at;
}

static inline void calendar_set(struct calendar_under_test *t, const char *zone,
                                const char *allow, const char *freeze)
{
    struct calendar *c = &t->calendar;
    struct err e = {0};

    memset(t, 0, sizeof(*t));
    arena_init(&t->arena);
    t->zone = zone_open(zone);
    assert_non_null(t->zone);
    c->zone = t->zone;
    if (!calendar_parse(&t->arena, allow, &c->allow, &c->allows, &e))
        fail_msg("%s: %s", e.what, e.why);
    if (freeze &&
        !calendar_parse(&t->arena, freeze, &c->freeze, &c->freezes, &e))
        fail_msg("%s: %s", e.what, e.why);
}

static inline void calendar_unset(struct calendar_under_test *t)
{
    zone_close(t->zone);
    arena_release(&t->arena);
}

#endif
