/* fit: how much time the work needs, and where there is that much.
 */
#ifndef POLICIES_FIT_H
#define POLICIES_FIT_H

#include "policies/facts.h"
#include "policies/settings.h"
#include "runner/base/arena.h"

/* Milliseconds the whole work needs: "before" + rollout + soak + "after" +
 * way back + margin (20 %, at least 5 min), each at its high estimate. */
int64_t need_total(const struct need_facts *need);
/* What finishing the waves and the "before" migrations takes, soak included,
 * and what going back from here takes: for hold_decide. */
int64_t need_finish(const struct need_facts *need);
int64_t need_back(const struct need_facts *need);

/* A time in which all of the work fits. */
struct fit_slot {
    int64_t from;       /* begin at the earliest */
    int64_t last_start; /* and at the latest */
    int64_t until;
    const char *closes; /* what ends it: "window end", "freeze", "expiry of
                           the announcement", "users above max" */
};
/* The first at or after `at` (looked for 14 days ahead); false: none. For
 * `expect` without --at, and to name the next that fits. */
bool fit_next(struct arena *scratch, const struct policy_settings *policy,
              const struct facts *facts, int64_t at, struct fit_slot *slot);
/* The earliest of window end, freeze, manifest expiry and forecast crossing
 * max, seen from facts->now; now itself when closed; 0 when nothing bounds it.
 * *which names it. */
int64_t fit_close(struct arena *scratch, const struct policy_settings *policy,
                  const struct facts *facts, const char **which);

#endif
