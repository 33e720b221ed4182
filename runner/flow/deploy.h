/* deploy: a release goes out; or back; or on after a crash.
 *
 * Each function runs to an end that the ledger knows. True: done and
 * verified. Else e->code tells how it ended: ERR_REFUSED and ERR_HELD (nothing
 * was changed), ERR_BACK (rolled back, verified), ERR_PARTWAY (stopped;
 * `resume` or `rollback`), ERR_UNKNOWN (a person must look), or what kept the
 * run from beginning.
 */
#ifndef RUNNER_FLOW_DEPLOY_H
#define RUNNER_FLOW_DEPLOY_H

#include "runner/flow/run.h"

/* Shown once it is known what will be done, and before anything is; false:
 * the person said no (e is set). NULL: nobody is asked. */
typedef bool run_confirm(void *ctx, const struct run *r, struct err *e);

struct deploy_wish {
    const char *release;
    enum phases phases;
    bool restart_only;
    unsigned overridden; /* gates, bit set */
    const char *reason;
    int64_t wait_ms; /* 0: do not wait; CLOCK_NEVER: until expiry */
    run_confirm *confirm;
    void *ctx;
};

/* The gates alone, all of them, everything measured: check and --dry-run. */
bool deploy_check(struct run *r, struct subject *s,
                  const struct deploy_wish *wish, struct err *e);
/* r is filled for showing: verdicts, id once it has begun. */
bool deploy(struct run *r, struct subject *s, const struct deploy_wish *wish,
            struct err *e);
/* The unfinished run goes on from what is observed; r->already: there is
 * none. */
bool resume(struct run *r, struct subject *s, run_confirm *confirm, void *ctx,
            struct err *e);

struct rollback_wish {
    const char *to; /* NULL: the good release before the live one */
    const char *reason;
    bool schema;  /* run the downs of "before" migrations too */
    bool dry_run; /* look, tell, change nothing */
    run_confirm *confirm;
    void *ctx;
};

/* What rollback would say no to, by what s holds now: its ledger, what its
 * hosts and its database told, as far as they did. r: what goes back to what; s
 * needs no contact for it. True: nothing stands against it but what only the
 * hosts' files can tell. */
bool rollback_foresee(struct run *r, struct subject *s,
                      const struct rollback_wish *wish, struct err *e);
/* Whether `rollback --schema` would undo the unfinished run in the database:
 * asks the ledger and the database anew. */
bool rollback_undoes(struct subject *s);

/* r->undone and r->to say what goes back to what; r->kept the migrations
 * that the database keeps, r->already that there was nothing to undo. */
bool rollback(struct run *r, struct subject *s,
              const struct rollback_wish *wish, struct err *e);

#endif
