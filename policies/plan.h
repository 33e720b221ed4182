/* plan: the gates that can judge a planned time as well as now. Private.
 *
 * facts->now is the real now, `at` the time that is judged: the forecast
 * starts from what is known now.
 */
#ifndef POLICIES_PLAN_H
#define POLICIES_PLAN_H

#include "policies/gates.h"

#define WINDOW_SKEW "window.skew"

struct verdict window_at(struct arena *scratch,
                         const struct policy_settings *policy,
                         const struct facts *facts, int64_t at);
/* Usual users alone: facts->users.live must not be FACT_KNOWN. */
struct verdict users_at(struct arena *scratch,
                        const struct policy_settings *policy,
                        const struct facts *facts, int64_t at);
struct verdict fit_at(struct arena *scratch,
                      const struct policy_settings *policy,
                      const struct facts *facts, int64_t at);

struct verdict contract_at(struct arena *scratch,
                           const struct policy_settings *policy,
                           const struct facts *facts, int64_t at);

/* need_total in whole seconds, rounded up. */
int64_t need_seconds(const struct need_facts *need);

#endif
