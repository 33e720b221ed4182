/* clock: what time it is, and how instants are written.
 *
 * Instants are `int64_t` seconds since 1970-01-01T00:00:00Z (POSIX time, no
 * leap seconds); spans inside a run are milliseconds of CLOCK_MONOTONIC, so
 * that a jump of the wall clock changes no deadline. Time zones: base/zone.h.
 */
#ifndef RUNNER_BASE_CLOCK_H
#define RUNNER_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_NEVER INT64_MAX

int64_t clock_now(void);     /* wall, seconds */
int64_t clock_wall_ms(void); /* wall, milliseconds */
int64_t clock_mono(void);    /* monotonic, milliseconds */
int64_t clock_mono_us(void); /* the same clock, microseconds */

/* A date and time of day without a zone. month 1..12, day 1..31, hour 0..23
 * (24 only where a parser says so). */
struct civil {
    int year, month, day, hour, minute, second;
};

/* Days since 1970-01-01 of a proleptic Gregorian date (Howard Hinnant,
 * "chrono-Compatible Low-Level Date Algorithms"). */
int64_t civil_days(int year, int month, int day);
/* Read c as if it were UTC. */
int64_t civil_to_utc(const struct civil *c);
struct civil civil_from_utc(int64_t utc);
bool civil_valid(const struct civil *c);  /* leap years; 0000 to 9999 */
int civil_weekday(const struct civil *c); /* 0 = Sunday .. 6 = Saturday */

/* "2026-11-24T23:00:00Z", 21 bytes with the NUL; an instant outside the years
 * 0000 to 9999 is shown as the nearest one inside. Returns out. */
char *clock_rfc3339(int64_t utc, char out[21]);
/* RFC 3339 section 5.6 with Z or an offset; fractions are read and dropped,
 * a leap second and lower case t or z are refused. The whole text must fit. */
bool clock_parse_rfc3339(const char *text, int64_t *utc);

#endif
