/* state: what the events add up to, for one environment.
 *
 * Derived by replaying, never stored. Everything lives in the arena given.
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
const char *run_kind_word(enum run_kind k);

/* Open until RUN_ENDED; ENDED carries the outcome's word. */
enum run_ended {
    RUN_OPEN,
    RUN_GOOD,      /* exit 0 */
    RUN_PENDING,   /* exit 12, all hosts new, "after" migrations pending */
    RUN_BACK,      /* exit 11, rolled back and verified */
    RUN_NOTHING,   /* ended with nothing changed: manifest reopens */
    RUN_ABANDONED, /* superseded: a later run took over and finished it */
    RUN_BROKEN,    /* exit 13: a person must look */
};

/* One step of a run on one target, from its last events. */
struct step_state {
    const char *step, *target;
    enum { STEP_INTENT, STEP_DONE, STEP_FAILED, STEP_UNKNOWN } is;
    bool change;   /* the step changes something (not fence, stage, prepare) */
    bool observed; /* DONE by observation after a crash */
    int64_t at, ms;
    const struct json *intent; /* payload */
    const char *text;          /* evidence, or why */
};

struct run_state {
    const char *id;
    enum run_kind kind;
    enum run_ended ended;
    int exit;
    int64_t epoch, began, ended_at;
    const char *who;
    const char *release, *commit, *from; /* from: live before; NULL: none */
    const char *artifact, *migrations, *manifest; /* digests, or NULL */
    enum phases phases;
    bool restart_only, rolling_back; /* a rollback decision is durable */
    const struct json *begun;        /* the EVENT_RUN payload */
    const struct step_state *steps;  /* in order of first intent */
    size_t n;
    bool changed; /* any durable intent to change */
    const char **notes;
    size_t noted;
};

struct release_state {
    const char *name, *commit, *artifact, *migrations;
    enum { RELEASE_STAGED, RELEASE_LIVE, RELEASE_GOOD, RELEASE_BAD } is;
    int64_t good_at;
    bool adopted;
};

struct statement_state {
    const char *digest, *text, *signature, *person, *key;
    int64_t at;
};

struct environment_state {
    const char *pinned, *pinned_text; /* policy digest and text, or NULL */
    const char *known_policies;       /* all digests, newline-separated */
    const char *live;                 /* release name, or NULL */
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
    const struct sample *users;
    size_t n_users;
    const char **owing; /* "host release" */
    size_t n_owing;
    const int64_t *batch_ms; /* newest last, at most ten */
    size_t n_batches;
    const struct json *rehearsal;  /* the newest certificate event, or NULL */
    const struct json *rehearsals; /* array of certificate events, newest
                                      last, at most 20 */
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
