/* hosts: one step on several hosts, with its intents and endings.
 *
 * Writes an intent for each host, runs the step on all of them at once, and
 * writes what came of it. A host without an answer is asked again for what
 * it has (observed), so that UNKNOWN stays only where nobody can tell.
 */
#ifndef RUNNER_FLOW_HOSTS_H
#define RUNNER_FLOW_HOSTS_H

#include "runner/flow/run.h"

struct host_step {
    const char *name; /* in the ledger: "flip" */
    bool change;
    const char *undo;
    /* The step of fleet/steps.h. */
    void (*act)(struct run *r, const void *ctx, const size_t *hosts, size_t n,
                struct step_result *outs);
    /* After an unknown end: does observation show the effect? NULL: cannot
     * be told from outside. */
    bool (*shows)(struct run *r, const void *ctx, size_t host,
                  const struct observed *seen);
    const void *ctx;
};

/* True when every host did it. Else e tells of the first that did not, and
 * outs[i] what each said. r->unknown is set when some end is unknown. */
bool hosts_step(struct run *r, const struct host_step *step,
                const size_t *hosts, size_t n, struct step_result *outs,
                struct err *e);

/* The same on all hosts this run changes. Going back, a host that does not do
 * it is left behind, and owes r->to. */
bool hosts_step_all(struct run *r, const struct host_step *step, struct err *e);

/* Does this host have r->to by now, as far as is known? */
bool hosts_has(const struct run *r, size_t host);
/* The hosts this run changes: all but those left out. In r's arena. */
size_t *hosts_all(struct run *r, size_t *n);
/* Passes over hosts that are left out; leaves out what cannot be reached, as
 * long as max_unreachable allows (going back: always); else ERR_UNREACHABLE.
 * Refuses two names of one host, a foreign ledger and missing tools; where
 * contracting migrations are to run, a host that may be behind what is live.
 * Fills r->now. */
bool hosts_look(struct run *r, struct err *e);

/* Asks the hosts that this run began to change, or of which nobody knows, what
 * `current` is: a step may have failed on some of a batch only. What is neither
 * r->to nor r->undone was moved by another, and is not taken over. */
void hosts_look_again(struct run *r);

/* Writes down that hosts which were left out owe r->to, and that those which
 * were not owe nothing any more. */
bool hosts_owe(struct run *r, const char *why, struct err *e);

/* The steps of a whole run (hosts_steps.c). Every run begins with the fence.
 */
bool hosts_fence(struct run *r, struct err *e);
/* Artifact written once, sent, verified, prepared on every host. */
bool hosts_stage(struct run *r, struct err *e);
/* The same with an artifact that is open already, of whatever release. */
bool hosts_send(struct run *r, const char *release,
                const struct artifact *artifact, struct err *e);
bool hosts_mark(struct run *r, const char *release, const char *state,
                struct err *e);
bool hosts_after_begun(struct run *r, const char *release, struct err *e);
bool hosts_prune(struct run *r, struct err *e);

#endif
