/* state: what the events add up to, for one environment.
 *
 * Derived by replaying, never stored. Arrays live in the arena; texts and JSON
 * live as long as both the arena and the open ledger. The rules, by event:
 *
 * Manifests: a STATEMENT of type manifest opens one; a later one for the same
 * release replaces it unless a run holds it (replaced_by; its approvals are
 * void). RUN.manifest uses it (used_by); ENDED nothing gives it back, any
 * other end keeps it used. A withdrawal, whoever's, withdraws it.
 *
 * Runs: open from RUN to ENDED. `unfinished` is the newest run that is open,
 * stopped, pending or broken, was not taken over (RUN.takes_over makes it
 * ABANDONED, unless the taker ended nothing), and after which no deploy,
 * rollback, adopt ended good or back.
 *
 * Live: only ENDED.live changes `live`. live_by_going_back becomes true when
 * the run is a rollback or its outcome is back, false when another outcome
 * makes another release live, and is kept when the same stays live.
 * `previous` is the newest release below `live` that is GOOD, in the order in
 * which releases became live; going back to one forgets those above it.
 *
 * Releases: STAGED when a RUN names one first, LIVE by ENDED.live not good,
 * GOOD by ENDED.live with outcome good or back, BAD by ENDED.bad (which also
 * ends the memory of its being good).
 */
#ifndef RUNNER_LEDGER_STATE_H
#define RUNNER_LEDGER_STATE_H

#include "policies/facts.h"
#include "runner/ledger/ledger.h"

enum run_kind {
    RUN_DEPLOY,
    RUN_ROLLBACK,
    RUN_MIGRATE,
    RUN_ADOPT,
    RUN_CATCH_UP
};
/* "deploy", "rollback", "migrate", "adopt", "catch-up" */
const char *run_kind_word(enum run_kind k);

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

struct release_state {
    const char *name, *commit, *artifact, *migrations;
    enum { RELEASE_STAGED, RELEASE_LIVE, RELEASE_GOOD, RELEASE_BAD } is;
    int64_t good_at;
    const char *run; /* the last that made it what it is */
    bool adopted;
};

struct statement_state {
    const char *digest, *text, *signature, *person, *key;
    int64_t at;
};

struct owing_state {
    const char *host, *release, *why;
    int64_t at;
};

struct environment_state {
    const char *pinned, *pinned_text; /* policy digest and text, or NULL */
    int64_t pinned_at;
    const char *known_policies; /* all digests, newline-separated; "" */
    const struct statement_state *policy_statements; /* since the last pin */
    size_t n_policy_statements;
    const char *live; /* release name, or NULL */
    bool live_verified;
    bool live_by_going_back; /* reached by a rollback */
    const char *previous;    /* the good release before live, or NULL */
    const struct release_state *releases; /* oldest first */
    size_t n_releases;
    const struct run_state *runs; /* oldest first */
    size_t n_runs;
    const struct run_state *unfinished; /* NULL: none */
    /* Manifests as parsed, signatures NOT checked (how == SIGNED_NOT): the
     * caller checks each text and signature. */
    struct manifest_facts *manifests;
    struct statement_state *manifest_statements; /* same index */
    struct statement_state **approvals; /* per manifest, closed by a digest
                                           NULL row */
    size_t n_manifests;
    const char *frozen_by, *frozen_why; /* NULL: not frozen */
    int64_t frozen_at;
    const struct sample *users; /* ascending in time */
    size_t n_users;
    const char **owing;             /* "host release" */
    const struct owing_state *owed; /* the same, apart */
    size_t n_owing;
    const int64_t *batch_ms; /* newest last, at most ten */
    size_t n_batches;
    const struct json *rehearsal;  /* the newest REHEARSAL payload, or NULL */
    const struct json *rehearsals; /* array of REHEARSAL payloads, newest
                                      last, at most 20 */
    const char *unreadable;        /* first statement that this program cannot
                                      read, in words; NULL: none */
};

bool state_read(struct environment_state *out, struct arena *a,
                struct ledger *l, const char *environment, struct err *e);
const struct run_state *state_run(const struct environment_state *s,
                                  const char *id);
const struct release_state *state_release(const struct environment_state *s,
                                          const char *name);
const struct step_state *run_step(const struct run_state *r, const char *step,
                                  const char *target);

#endif
