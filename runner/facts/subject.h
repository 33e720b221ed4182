/* subject: one release in one environment, and the means to measure it.
 *
 * What is known without contact comes first (configuration, ledger, git); the
 * fleet and the database are opened by subject_contact. `rollback` has a
 * subject without git and release. Everything lives in the subject's arena;
 * subject_close ends the connections.
 */
#ifndef RUNNER_FACTS_SUBJECT_H
#define RUNNER_FACTS_SUBJECT_H

#include "migrations/read/migration.h"
#include "migrations/rehearse/rehearse.h"
#include "migrations/server/pg.h"
#include "migrations/state/applied.h"
#include "runner/fleet/fleet.h"
#include "runner/fleet/steps.h"
#include "runner/ledger/ledger.h"
#include "runner/ledger/state.h"
#include "runner/release/artifact.h"
#include "runner/release/git.h"

struct subject {
    /* Set by the caller before subject_open. */
    struct arena *arena;
    struct loop *loop;
    struct progress *progress;
    const struct config *config;
    const struct environment *env;
    struct ledger *ledger;

    struct environment_state state;
    char hosts_digest[HASH_HEX], policy_digest[HASH_HEX];

    /* From the tag; release NULL: not resolved. */
    struct git *git;
    const char *release;
    char commit[GIT_HEX];
    struct artifact artifact; /* digests only, unless the run wrote it */
    struct migrations migrations;
    enum phases phases;
    bool restart_only;
    bool terminate_orphan; /* end a backend that an earlier run left */
    /* Asks the person in front of us whether to; NULL: nobody is there. */
    bool (*end_orphan)(void *ctx, const char *who);
    void *end_orphan_ctx;

    /* After subject_contact. */
    struct fleet *fleet;       /* NULL: no hosts configured */
    size_t n_hosts;            /* 0 without hosts */
    struct observed *observed; /* per host */
    bool *left_out; /* hosts this run does without (max_unreachable) */
    struct pg *pg;  /* NULL: none configured, or not reached: see pg_why */
    const char *pg_why;
    struct pg_identity identity;
    struct applied applied;
    struct pending pending; /* of `migrations`: what a run of these phases
                               runs, and the contracting ones it does not */
    bool pending_known;
    /* Of a run that is taken up again: the digest of the certificate that it
     * began with, of more than is pending now; or NULL. */
    const char *begun_with;
    bool gone_told; /* what the database keeps was said once */
};

/* Reads the state and computes the policy and host digests. */
bool subject_open(struct subject *s, struct err *e);
/* Replays the ledger again: after appends, and after waiting. */
bool subject_refresh(struct subject *s, struct err *e);
/* The tag, its commit, artifact digest and migrations. */
bool subject_resolve(struct subject *s, const char *release, struct err *e);
/* The migrations of s->commit, which s->git has: part of subject_resolve. */
bool subject_read_migrations(struct subject *s, struct err *e);
/* "42 migrations in db, layout goose (recognised), 0001_a to 0042_z". */
const char *subject_layout(const struct subject *s);
/* Observes all hosts at once and reads the applied set. A host or database
 * that does not answer is no failure here: observed[i].outcome and pg_why
 * tell. An edited or out-of-order migration is, and one that is applied and
 * missing from a commit that comes after it. */
bool subject_contact(struct subject *s, struct err *e);
/* Each half alone. */
bool subject_contact_hosts(struct subject *s, struct err *e);
bool subject_contact_database(struct subject *s, struct err *e);
/* What is pending, from the applied set as it is now. */
bool subject_read_pending(struct subject *s, struct err *e);
void subject_close(struct subject *s);

/* The newest certificate for exactly the pending migrations (or, before any
 * contact, for this release), else the one that the run began with; false:
 * there is none. One of a clone too small to tell, on which nothing failed,
 * gives way to an older one that is good and not stale: what the small one
 * found of times, locks and budgets then counts for nothing. */
bool subject_certificate(struct subject *s, struct rehearsal *out);
bool subject_is_pending(const struct subject *s, const char *name);
/* How many pending migrations belong to a phase. */
size_t subject_count(const struct subject *s, bool after);

#endif
