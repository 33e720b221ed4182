/* calendar: maintenance windows in local time, judged as UTC instants.
 *
 * Items (the grammar of `allow` and `freeze`): `always`; `HH:MM-HH:MM`;
 * `Mon-Thu 22:00-02:00`; `Tue,Thu 22:00 for 6h` (elapsed time);
 * `Sat 20:00-Sun 08:00`; `2026-10-24 22:00-04:00`;
 * `2026-12-20..2027-01-03` and `Fri` (whole local days). `for 6h` may follow
 * any start (none, days or a date before it), 1s to 7d. A comma without a
 * blank after it joins days; a comma with a blank, or the end of a line,
 * separates items. A bare day followed by an item that is a day with a time
 * is an error. A day name belongs to the START; `22:00-02:00` ends the next
 * day; `A-A` is an error; `24:00` is allowed as an end.
 *
 * Instants are half-open [from, until). Allows are OR-ed, a freeze wins. A
 * local time that exists twice or not at all is read the less open way: an
 * allow opens at the latest and closes at the earliest reading, a freeze the
 * reverse. `for 6h` counts from the reading taken; in a freeze it ends 6 h
 * after the later reading, so that neither escapes. An allow emptied by that
 * is reported as a warning. TZ plays no part, and no answer depends on an
 * earlier question.
 */
#ifndef POLICIES_CALENDAR_H
#define POLICIES_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"
#include "runner/base/zone.h"

struct calendar_item; /* policies/calendar_parse.c */

struct calendar {
    struct zone *zone; /* borrowed */
    struct calendar_item *allow, *freeze;
    size_t allows, freezes;
};

struct opening {
    int64_t from, until; /* UTC, half-open */
};

struct openings {
    struct opening *list; /* ascending, merged where they touch */
    size_t n;
    char **warnings; /* "allow item 'Sun 03:00-03:30' is empty on ..." */
    size_t warned;
};

/* Parse the value of one key (continuation lines joined by '\n'). On a bad
 * item e names the item and what is wrong (ERR_CONFIG; the caller adds
 * file:line). freeze items accept the same grammar. */
bool calendar_parse(struct arena *a, const char *text,
                    struct calendar_item **items, size_t *n, struct err *e);

/* All openings cut to [from, until), freezes taken out. */
struct openings calendar_openings(struct arena *a, const struct calendar *c,
                                  int64_t from, int64_t until);
/* Is `now` open? When it is, *until is the end of the merged opening, or
 * now + 14 days when it lasts that long or longer; when it is not, *until is
 * 0. *next is the start of the next opening within 14 days, or 0. Either
 * pointer may be NULL. */
bool calendar_open_at(struct arena *a, const struct calendar *c, int64_t now,
                      int64_t *until, int64_t *next);
/* The text of the first freeze item that holds at `now`, or NULL. */
const char *calendar_frozen_by(struct arena *a, const struct calendar *c,
                               int64_t now);

#endif
