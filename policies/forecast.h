/* forecast: how many users there will be, from how many there were.
 *
 * Over the last four weeks w, same weekday and local time: the highest
 * history_w(when) x max(1, live / max(history_w(now), 10)). A week without a
 * sample within 15 min does not count. Fewer than two weeks: the slope of the
 * last hour, at most 2 h ahead. A live count that is not FACT_KNOWN scales
 * nothing: users as usual. Users of -1: it cannot be told.
 */
#ifndef POLICIES_FORECAST_H
#define POLICIES_FORECAST_H

#include "policies/facts.h"
#include "runner/base/arena.h"
#include "runner/base/zone.h"

#define FORECAST_WEEKS 4
#define FORECAST_STEP  INT64_C(900)

/* The forecast at `when`, or -1. zone NULL: UTC. *week is the instant of the
 * sample that spoke; 0: the slope. */
int64_t forecast_at(const struct users_facts *users, const struct zone *zone,
                    int64_t now, int64_t when, int64_t *week);
/* The first instant in (now, until] at which the forecast is at most max (or
 * above it, with above), in steps of 15 minutes; 0: none. Where it cannot be
 * told it is neither. */
int64_t forecast_next(const struct users_facts *users, const struct zone *zone,
                      int64_t now, int64_t until, int64_t max, bool above);

/* The same for many instants at once: opened for one `now`. */
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
