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

/* Which gates a call asks. */
enum gates_scope { GATES_LOCAL, GATES_ALL, GATES_AGAIN };

/* Ask the gates of a scope in order. Fills all GATE_COUNT rows; what is not
 * in scope is VERDICT_NOT_ASKED. overridden is a bit set of 1 << gate_id: a
 * HOLD or STOP of such a gate becomes PASS, VERDICT_OVERRIDDEN. The return
 * is the whole: STOP before HOLD before PASS. */
enum verdict_is gates_ask(struct arena *scratch,
                          const struct policy_settings *policy,
                          const struct facts *facts, enum gates_scope scope,
                          unsigned overridden, struct verdict out[GATE_COUNT]);

/* What `expect` judges a planned time by: window, users as usual, and fit, as
 * if now were `at`; never the live count. */
enum verdict_is gates_plan(struct arena *scratch,
                           const struct policy_settings *policy,
                           const struct facts *facts, int64_t at,
                           struct verdict out[GATE_COUNT]);

/* Milliseconds the whole work needs, way back and margin included (fit). */
int64_t need_total(const struct need_facts *need);
/* The earliest of window end, freeze, manifest expiry, forecast crossing
 * max; 0 when nothing bounds it. *which names it. */
int64_t fit_close(struct arena *scratch, const struct policy_settings *policy,
                  const struct facts *facts, const char **which);

/* The forecast of users at `when` (see forecast.c for the rule), or -1 when
 * it cannot be told; *week is the start of the sample that spoke, 0: slope. */
int64_t forecast_at(const struct users_facts *users, const struct zone *zone,
                    int64_t now, int64_t when, int64_t *week);
/* The first instant in (now, until] at which the forecast is at most max (or
 * above it, with above), in steps of 15 minutes; 0: none. */
int64_t forecast_next(const struct users_facts *users, const struct zone *zone,
                      int64_t now, int64_t until, int64_t max, bool above);

#endif
