/* rehearse: the timed dry run of what a release adds, and its certificate. */
#ifndef RUNNER_FLOW_REHEARSE_H
#define RUNNER_FLOW_REHEARSE_H

#include "runner/flow/run.h"

/* Folder beside the ledger for the names of clones that commands make. */
#define CLONE_NOTES "clones"

/* Rehearses what a run of s->phases would run of the release, writes the
 * certificate to the ledger, and judges it: *verdict is what the gate
 * `rehearsal` says, and where that passes and a down was found wanting,
 * `way back`. True: rehearsed (whatever the verdict). Nothing pending:
 * *nothing. */
bool rehearse_release(struct subject *s, const char *release,
                      struct rehearsal *out, struct verdict *verdict,
                      bool *nothing, struct err *e);

/* The newest rehearsal before the newest one that was of the same release (and
 * of a migration that is in both), or of migrations with the same names;
 * false: there is none. *release: of what,
 * in s's arena. After rehearse_release. */
bool rehearse_previous(struct subject *s, const struct rehearsal *now,
                       struct rehearsal *out, const char **release);

/* Removes what rehearsals left that were killed: databases on [rehearsal]
 * server, and what commands made. *swept: their names. */
bool rehearse_sweep(struct loop *l, struct arena *a,
                    const struct environment *env, const struct ledger *ledger,
                    const char ***swept, size_t *n, struct err *e);

#endif
