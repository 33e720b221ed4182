/* run_state: one run as its events tell it; part of state.h, which says by
 * which rules. Texts and JSON live as long as the arena and the open ledger.
 */
#ifndef RUNNER_LEDGER_RUN_STATE_H
#define RUNNER_LEDGER_RUN_STATE_H

#include "policies/facts.h"
#include "runner/base/json.h"

enum run_kind {
    RUN_DEPLOY,
    RUN_ROLLBACK,
    RUN_MIGRATE,
    RUN_ADOPT,
    RUN_CATCH_UP,
    RUN_IMPORT,
    RUN_BASELINE
};
/* "deploy", "rollback", "migrate", "adopt", "catch-up", "import", "baseline"
 */
const char *run_kind_word(enum run_kind k);

/* As people call it: "finish" for one of contracting migrations, "down" for
 * one that undoes a release's. */
struct run_state;
const char *run_word(const struct run_state *r);

/* Open until ENDED, which carries the outcome's word. */
enum run_ended {
    RUN_OPEN,      /* running, or killed */
    RUN_GOOD,      /* exit 0 */
    RUN_PENDING,   /* exit 12, all hosts new, "after" migrations pending */
    RUN_BACK,      /* exit 11, rolled back and verified */
    RUN_NOTHING,   /* ended with nothing changed: manifest reopens */
    RUN_ABANDONED, /* superseded: a later run took over and finished it */
    RUN_BROKEN,    /* exit 13: a person must look */
    RUN_STOPPED,   /* exit 12: part-way; resume or rollback */
};
/* "open", "good", "pending", "back", "nothing", "abandoned", "broken",
 * "stopped" */
const char *run_ended_word(enum run_ended x);

/* One step of a run on one target, from its last events. */
struct step_state {
    const char *step, *target;
    enum { STEP_INTENT, STEP_DONE, STEP_FAILED, STEP_UNKNOWN } is;
    bool change;   /* the step changes something (not fence, stage, prepare) */
    bool observed; /* DONE by observation after a crash */
    int64_t at, ms;
    int64_t epoch;             /* that made the last event */
    const struct json *intent; /* last INTENT payload; NULL: there was none */
    const struct json *answer; /* DONE, FAILED, UNKNOWN payload, or NULL */
    const char *text;          /* evidence, or why; "" when none */
};

/* A gate lifted for one run; stays in `status` until the run ends. */
struct override_state {
    const char *gate, *reason, *person;
    int64_t at;
};

struct run_state {
    const char *id;
    enum run_kind kind;
    enum run_ended ended;
    int exit;
    int64_t epoch; /* the last that worked on it */
    int64_t began, ended_at;
    const char *who;
    const char *release, *commit, *from; /* from: live before; NULL: none */
    const char *artifact, *migrations, *manifest; /* digests, or NULL */
    enum phases phases;
    bool restart_only, rolling_back;        /* a rollback decision is durable */
    const char *takes_over, *taken_over_by; /* run ids, or NULL */
    const char *why;                        /* of ENDED, or NULL */
    const struct json *begun;               /* the EVENT_RUN payload */
    const struct json *end;                 /* of the last ENDED, or NULL */
    const struct step_state *steps; /* in order of first INTENT (or DONE) */
    size_t n;
    bool changed; /* any durable intent to change */
    const char **notes;
    size_t noted;
    const struct override_state *overrides;
    size_t overridden;
};

/* NULL: the run never began this step on this target. */
const struct step_state *run_step(const struct run_state *r, const char *step,
                                  const char *target);

#endif
