/* say: instants, spans and digests as gates write them into sentences.
 *
 * Private to the policies. All times are local to the policy's zone (UTC
 * without one) and carry the zone's abbreviation.
 */
#ifndef POLICIES_SAY_H
#define POLICIES_SAY_H

#include <stdint.h>

#include "policies/settings.h"

struct say {
    char text[48];
};

/* "23:30 EET" when that is on the local day of now; else
 * "Tue 2026-11-24 23:30 EET". */
struct say say_time(const struct policy_settings *policy, int64_t now,
                    int64_t at);
/* "Tue 15:00 EET" */
struct say say_weekly(const struct policy_settings *policy, int64_t at);
struct say say_date(const struct policy_settings *policy, int64_t at);
/* "1 h 12 min" of seconds, never negative */
struct say say_span(int64_t seconds);
struct say say_ms(int64_t ms);
/* The first 12 characters of a digest or commit; "none" for NULL. */
struct say say_digest(const char *digest);

/* The zone of [window], or NULL: UTC. */
const struct zone *say_zone(const struct policy_settings *policy);

#endif
