/* gates: the questions about a release, one row each.
 *
 * Each gate is a pure function in a file of its own (policies/<name>.c):
 * facts and settings in, verdict out. The arena is for scratch only.
 */
#ifndef POLICIES_GATES_H
#define POLICIES_GATES_H

#include "policies/facts.h"
#include "policies/fit.h"
#include "policies/forecast.h"
#include "policies/manifest.h"
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
    GATE_CONTRACT,
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
    bool local;       /* ledger and clock alone: asked before any contact */
    bool again;       /* asked again before each migration and wave */
    const char *asks; /* for help: the question, and what answers what */
};

extern const struct gate gates[GATE_COUNT];

gate_judge policy_judge, expected_judge, approved_judge, window_judge,
    line_judge, users_judge, fit_judge, rehearsal_judge, way_back_judge,
    contract_judge, backup_judge, replicas_judge, probe_judge, pool_judge,
    proven_judge;

/* A clone of less of production than this is too small to tell. */
#define REHEARSAL_CLONE_LEAST 0.01
/* Of one whose `failed` is set: what failed, and what to do. */
struct verdict rehearsal_failed(const struct facts *facts);

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

/* What `expect` judges a planned time by: window, users as usual, fit, and the
 * wait of contracting migrations, as if now were `at`; never the live count.
 * facts->now stays the real now. Put the draft of the manifest into
 * facts->manifests when its expiry is to bound fit; one that ends before `at`
 * bounds nothing. The other rows are VERDICT_NOT_ASKED. */
enum verdict_is gates_plan(struct arena *scratch,
                           const struct policy_settings *policy,
                           const struct facts *facts, int64_t at,
                           struct verdict out[GATE_COUNT]);

/* When this contracting migration may run: its release has been good for long
 * enough then. 0: nobody knows, for it is not good. */
int64_t contract_due(const struct contract_facts *contract);

/* Whether the live count is known and above `abort_at`. */
bool users_surge(const struct policy_settings *policy,
                 const struct facts *facts);

#endif
