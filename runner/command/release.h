/* release: what the commands about releases share: the subject they open, the
 * screen before a change, and how a run is told.
 */
#ifndef RUNNER_COMMAND_RELEASE_H
#define RUNNER_COMMAND_RELEASE_H

#include "runner/command/cmd.h"
#include "runner/flow/deploy.h"

/* A subject from what main opened; close it with subject_close. */
bool release_subject(struct tidegate *t, struct subject *s, struct err *e);

/* The row of --terminate-orphan, for commands that migrate. */
#define RELEASE_ORPHAN_OPT(args)                                             \
    {                                                                        \
        "terminate-orphan", 0, NULL,                                         \
            "End a migration's statement that an earlier run left running.", \
            OPT_BOOL(args, terminate_orphan)                                 \
    }

/* For run_confirm: tells environment, hosts, local time, users, migrations
 * (low to high), end and way back, then wants the environment's name. */
struct release_confirm {
    struct tidegate *t;
    const char *yes;
};
bool release_confirm(void *ctx, const struct run *r, struct err *e);
bool release_confirm_back(void *ctx, const struct run *r, struct err *e);

/* What going back, or migrate down, undoes in the database: each migration
 * whose down will run, how long that took when it was rehearsed, how much of it
 * is there where that is not all, and the tables and columns whose data it
 * throws away. */
void release_say_down(struct tidegate *t, const struct run *r);
/* [{"name", "phase", "half", "low_ms", "high_ms", "loses"}]: the same; half
 * where it is half done, times and losses where it was rehearsed. */
struct json *release_down_json(const struct run *r);
/* The verdicts of a run, if it got as far as asking any. */
void release_show_gates(struct tidegate *t, const struct run *r);
/* {"environment", "release", "run", "gates": [...], "outcome", ...}; outcome
 * by e. Written with --format json only. */
void release_json(struct tidegate *t, const struct run *r, const struct err *e);
/* After a run that ended well: which contracting migrations wait, and until
 * when; also in the verdict line. */
void release_tell_left(struct tidegate *t, const struct run *r);
/* "0014_x, not before Tue ...": how one of them stands. */
char *release_contract_text(struct tidegate *t, const struct contract_facts *c);
/* [{"name", "after", "for_seconds", "not_before", "may_run"}], those that do
 * not run. */
struct json *release_contract_json(const struct contracts_facts *all);
/* Gate names of --override into a bit set; ERR_USAGE for an unknown one, one
 * that the policy does not let be lifted, or a missing --reason. */
bool release_overrides(struct tidegate *t, const struct opt_list *names,
                       const char *reason, unsigned *out, struct err *e);
/* Whether the environment has what these phases need; else ERR_CONFIG. */
bool release_possible(const struct environment *env, enum phases phases,
                      struct err *e);
/* "migrations", "contract" or NULL (all); ERR_USAGE otherwise, ERR_CONFIG where
 * the environment lacks what is needed. */
bool release_only(const struct environment *env, const char *only,
                  bool restart_only, enum phases *out, struct err *e);

#endif
