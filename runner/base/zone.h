/* zone: time zones by IANA name, from the system's tzdata (GLib GTimeZone).
 *
 * TZ changes nothing here, and no answer depends on what was asked before
 * (glibc's mktime does neither of the two).
 */
#ifndef RUNNER_BASE_ZONE_H
#define RUNNER_BASE_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "runner/base/clock.h"

struct zone;

/* NULL when the name is no IANA name of this system: characters outside
 * [A-Za-z0-9_+/-], not beginning with a letter, not in tzdata, or one of
 * tzdata's names that are no zone (localtime, posixrules, Factory, posix/,
 * right/). Never falls back to UTC. */
struct zone *zone_open(const char *name);
void zone_close(struct zone *z);
const char *zone_name(const struct zone *z);

int zone_offset(const struct zone *z, int64_t utc); /* seconds east of UTC */
struct civil zone_local(const struct zone *z, int64_t utc);
/* "EET", "EEST": the abbreviation in force; valid until the zone is closed. */
const char *zone_abbreviation(const struct zone *z, int64_t utc);

/* The instants that a local time may mean. An ordinary time has one reading:
 * early == late. A repeated one has two. A missing one has two as well: the
 * instant of the jump, and the reading with the offset before the gap. */
struct zone_readings {
    int64_t early, late;
    enum { ZONE_ONCE, ZONE_TWICE, ZONE_MISSING } kind;
};
struct zone_readings zone_utc(const struct zone *z, const struct civil *local);

#endif
