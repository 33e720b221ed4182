/* forecast: how many users there will be, many instants at once.
 *
 * Private to the policies; others call forecast_at and forecast_next.
 */
#ifndef POLICIES_FORECAST_H
#define POLICIES_FORECAST_H

#include "policies/facts.h"
#include "runner/base/arena.h"
#include "runner/base/zone.h"

#define FORECAST_WEEKS 4
#define FORECAST_STEP  INT64_C(900)

struct forecast {
    const struct users_facts *users; /* borrowed */
    const struct zone *zone;         /* borrowed; NULL: UTC */
    int64_t now;
    int64_t base[FORECAST_WEEKS]; /* history_w(now), -1: missing */
};

/* A number of users at an instant; users -1: it cannot be told. */
struct forecast_point {
    int64_t at, users, week;
};

struct forecast forecast_open(const struct users_facts *users,
                              const struct zone *zone, int64_t now);
/* The same as usual: the live count scales nothing. */
struct forecast forecast_usual(struct arena *scratch, const struct forecast *f);
struct forecast_point forecast_point(const struct forecast *f, int64_t when);

/* Instants are visited at `from`, each quarter hour (of UTC) and `until`. */
enum forecast_wanted { FORECAST_ABOVE, FORECAST_AT_MOST, FORECAST_NOT_WITHIN };
/* The first instant in [from, until] that is above max, known to be at most
 * max, or either above or not to be told; 0: none. */
int64_t forecast_search(const struct forecast *f, int64_t from, int64_t until,
                        int64_t max, enum forecast_wanted wanted);
/* The highest in [from, until]; users -1: none can be told. */
struct forecast_point forecast_peak(const struct forecast *f, int64_t from,
                                    int64_t until);

#endif
