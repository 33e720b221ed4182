/* waves: who changes when; pure arithmetic.
 *
 * waves = running total after each wave (hosts or per cent, rounded up);
 * max_out = most hosts out of the pool at once (rounded down, at least 1).
 * Hosts already out are flipped first and take nobody more out. A wave larger
 * than max_out allows is done in batches.
 */
#ifndef RUNNER_FLEET_WAVES_H
#define RUNNER_FLEET_WAVES_H

#include "runner/config/config.h"

struct batch {
    const size_t *hosts;
    size_t n;
    int wave; /* 1-based */
};

struct waves {
    const struct batch *batches;
    size_t n;
    int count;   /* waves */
    size_t left; /* hosts in no batch: so many are out already that taking
                    one more would break max_out */
};

/* The totals of waves are of the n hosts to change; a last wave takes what the
 * settings leave over. total: hosts of the environment; order: the hosts to
 * change, in order; out[i]: host i (by index into the fleet) is out of the pool
 * already. one_wave: the rollback's plan, all in batches of max_out, where only
 * hosts that we take out count. out may be NULL. */
struct waves waves_plan(struct arena *a, const struct rollout_settings *r,
                        size_t total, const size_t *order, size_t n,
                        const bool *out, bool one_wave);

#endif
