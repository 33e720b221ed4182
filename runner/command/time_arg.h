/* time_arg: instants as people write them on the command line. */
#ifndef RUNNER_COMMAND_TIME_ARG_H
#define RUNNER_COMMAND_TIME_ARG_H

#include "runner/base/err.h"
#include "runner/base/zone.h"

/* `now`, RFC 3339, or `[Tue ]2026-11-24[ 23:00]` in zone; a weekday must agree
 * with the date. A local time that exists twice or not at all has two
 * readings: the caller judges. False: ERR_USAGE; option names itself ("--at").
 */
bool time_arg_read(const char *option, const char *text,
                   const struct zone *zone, int64_t now,
                   struct zone_readings *out, struct err *e);
/* The same, but such a local time is refused, with both readings. */
bool time_arg_once(const char *option, const char *text,
                   const struct zone *zone, int64_t now, int64_t *out,
                   struct err *e);

#endif
