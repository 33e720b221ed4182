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
 * ends the memory of its being good). What was gone back past and becomes live
 * once more begins anew: LIVE, and good since it is GOOD again.
 */
#ifndef RUNNER_LEDGER_STATE_H
#define RUNNER_LEDGER_STATE_H

#include "migrations/rehearse/learn.h"
#include "policies/facts.h"
#include "runner/ledger/ledger.h"
#include "runner/ledger/run_state.h"

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
    bool live_by_going_back;  /* reached by a rollback */
    const char *previous;     /* the good release before live, or NULL */
    const char *const *lives; /* live last, before it what it came after: going
                                 back takes what is undone out */
    size_t n_lives;
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
    const struct past *past;       /* what statements took, oldest first */
    size_t n_past;
    const char *unreadable; /* first statement that this program cannot
                               read, in words; NULL: none */
};

bool state_read(struct environment_state *out, struct arena *a,
                struct ledger *l, const char *environment, struct err *e);
const struct run_state *state_run(const struct environment_state *s,
                                  const char *id);
const struct release_state *state_release(const struct environment_state *s,
                                          const char *name);

#endif
