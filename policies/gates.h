/* gates: the questions about a release, one row each.
 *
 * Each gate is a pure function in a file of its own (policies/<name>.c):
 * facts and settings in, verdict out. The arena is for scratch only.
 */
#ifndef POLICIES_GATES_H
#define POLICIES_GATES_H

#include "policies/facts.h"
#include "policies/settings.h"
#include "policies/verdict.h"
#include "runner/base/arena.h"

enum gate_id {
    GATE_POLICY,
    GATE_EXPECTED,
    GATE_APPROVED,
    GATE_WINDOW,
    GATE_LINE,
    GATE_USERS,
    GATE_FIT,
    GATE_REHEARSAL,
    GATE_WAY_BACK,
    GATE_BACKUP,
    GATE_REPLICAS,
    GATE_PROBE,
    GATE_POOL,
    GATE_PROVEN,
    GATE_COUNT
};

typedef struct verdict gate_judge(struct arena *scratch,
                                  const struct policy_settings *policy,
                                  const struct facts *facts);

struct gate {
    const char *name;    /* as in --override and in output: "way back" */
    const char *section; /* of the policy file whose `override` lifts it */
    gate_judge *judge;
    bool local; /* ledger and clock alone: asked before any contact */
    bool again; /* asked again before each migration and wave */
};

extern const struct gate gates[GATE_COUNT];

gate_judge policy_judge, expected_judge, approved_judge, window_judge,
    line_judge, users_judge, fit_judge, rehearsal_judge, way_back_judge,
    backup_judge, replicas_judge, probe_judge, pool_judge, proven_judge;

/* "way back" and "way-back" both name GATE_WAY_BACK; false: no such gate. */
bool gate_find(const char *name, enum gate_id *id);
/* Whether `override = yes` may lift this gate and stands in the policy. */
bool gate_may_override(enum gate_id id, const struct policy_settings *policy);

/* The rule of an `expected` PASS that means: the release is live, verified,
 * nothing is pending and no restart was asked, so exit 0 with nothing done. */
#define EXPECTED_ALREADY_LIVE "expected.already_live"
/* Whether `expected` said so (and the policy is the pinned one). gates_ask
 * then asks no further gate: the rest is VERDICT_NOT_ASKED, the whole PASS.
 * While release.pending_read is false the answer is HOLD, never this. */
bool gates_nothing_to_do(const struct verdict out[GATE_COUNT]);

/* The manifest that the run would consume: the one it has consumed, else the
 * open one of this release and environment whose phases are asked, else the
 * newest that is not open any more (then `expected` says why not); NULL: none.
 * approved, fit and the flow use the same. */
const struct manifest_facts *manifest_pick(const struct facts *facts);
/* Not used, withdrawn, replaced or expired. */
bool manifest_open(const struct manifest_facts *m, int64_t now);
enum phases release_phases(const struct release_facts *release);

/* Which gates a call asks. */
enum gates_scope { GATES_LOCAL, GATES_ALL, GATES_AGAIN };

/* Ask the gates of a scope in order. Fills all GATE_COUNT rows; what is not
 * in scope is VERDICT_NOT_ASKED. overridden is a bit set of 1 << gate_id: a
 * HOLD or STOP of such a gate becomes PASS, VERDICT_OVERRIDDEN, where
 * gate_may_override allows it; fit then leaves out the bound (closed window,
 * users forecast) that was lifted. The return is the whole: STOP before HOLD
 * before PASS. Once facts->changing, ask GATES_AGAIN. */
enum verdict_is gates_ask(struct arena *scratch,
                          const struct policy_settings *policy,
                          const struct facts *facts, enum gates_scope scope,
                          unsigned overridden, struct verdict out[GATE_COUNT]);

/* What `expect` judges a planned time by: window, users as usual, and fit, as
 * if now were `at`; never the live count. facts->now stays the real now. Put
 * the draft of the manifest into facts->manifests when its expiry is to bound
 * fit; one that ends before `at` bounds nothing. The other rows are
 * VERDICT_NOT_ASKED. */
enum verdict_is gates_plan(struct arena *scratch,
                           const struct policy_settings *policy,
                           const struct facts *facts, int64_t at,
                           struct verdict out[GATE_COUNT]);

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

/* The forecast of users at `when`, or -1 when it cannot be told. Over the last
 * four weeks w, same weekday and local time (zone NULL: UTC): the highest
 * history_w(when) x max(1, live / max(history_w(now), 10)); a week without a
 * sample within 15 min does not count. Fewer than two weeks: the slope of the
 * last hour, at most 2 h ahead. A live count that is not FACT_KNOWN scales
 * nothing: users as usual. *week is the instant of the sample that spoke;
 * 0: the slope. */
int64_t forecast_at(const struct users_facts *users, const struct zone *zone,
                    int64_t now, int64_t when, int64_t *week);
/* The first instant in (now, until] at which the forecast is at most max (or
 * above it, with above), in steps of 15 minutes; 0: none. Where it cannot be
 * told it is neither. */
int64_t forecast_next(const struct users_facts *users, const struct zone *zone,
                      int64_t now, int64_t until, int64_t max, bool above);
/* Whether the live count is known and above `abort_at`. */
bool users_surge(const struct policy_settings *policy,
                 const struct facts *facts);

#endif
