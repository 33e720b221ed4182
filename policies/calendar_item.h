/* calendar_item: one parsed window item, shared by the parser and the
 * reckoner of openings; nobody else includes this.
 */
#ifndef POLICIES_CALENDAR_ITEM_H
#define POLICIES_CALENDAR_ITEM_H

#include <stdbool.h>
#include <stdint.h>

struct calendar_item {
    const char *text; /* as written, for messages */
    enum {
        ITEM_ALWAYS,
        ITEM_WEEKLY, /* begins on each of `days` */
        ITEM_DATED   /* begins once, on `date` */
    } form;
    unsigned days;      /* bit 0 = Sunday .. bit 6 = Saturday */
    int64_t date;       /* days since 1970-01-01 */
    int64_t start, end; /* minutes after the local midnight of the day it
                           begins on; end may lie on a later day */
    int64_t elapsed;    /* seconds that it lasts; 0: until local time `end` */
    bool bare;          /* days without a time, "Fri" */
    bool timed_day;     /* a day with a time, "Sun 01:00-06:00" */
};

#endif
