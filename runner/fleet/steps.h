/* steps: what tidegate does on a host, one remote script each, typed.
 *
 * Each function runs one step on a set of hosts at once (runs the loop). The
 * caller has made its intents durable before, and records the answers after.
 * Every step but `observe` takes the host's lock (flock, bounded wait),
 * refuses a lower epoch or a foreign ledger, checks the state it expects,
 * acts under temporary names, renames, syncs, and answers with what it then
 * observed. outs[i] belongs to hosts[i].
 *
 * Every text that a host said is escaped already.
 *
 * On a host: <path>/releases/<release>/, <path>/current, <path>/shared/,
 * <path>/.tidegate/{fence,lock,policy,<release>.files,<release>.state,
 * after-begun,README}.
 */
#ifndef RUNNER_FLEET_STEPS_H
#define RUNNER_FLEET_STEPS_H

#include "runner/fleet/fleet.h"
#include "runner/fleet/observe.h"

struct fence {
    const char *ledger;
    int64_t epoch;
    int64_t seq;      /* head of the ledger when written */
    const char *head; /* its hash */
    const char *run;
    const char *claim; /* ledger_claim */
};

struct step_result {
    enum outcome outcome;
    const char *why; /* not DONE */
    const char *fix; /* or NULL */
    /* FAILED for one of these reasons, else "": "foreign" (another ledger),
     * "superseded" (a higher epoch), "forked" (our epoch, taken by another
     * record), "locked", "moved" (current is not what was expected), "policy".
     */
    const char *refused;
    bool key_refused; /* as in struct answer */
    bool present;     /* step_stage: it was there and equal already */
    int64_t ms;
};

/* Takes the host for this ledger and epoch; pins the policy digest when the
 * host has none or one that `known` (newline-separated) lists. */
void step_fence(struct fleet *f, const size_t *hosts, size_t n,
                const struct fence *fence, const char *policy,
                const char *known, struct step_result *outs);
/* Uploads the artifact tar (from fd), extracts under a temporary name, checks
 * every entry against `files` (the text of <release>.files), renames, links
 * shared items, runs prepare (in the folder's final name, which builds write
 * into their output), and writes the state that makes it a release. Present
 * and equal: done at once. */
struct stage {
    const char *release;
    const char *previous; /* for TIDEGATE_PREVIOUS; "" or NULL */
    int tar_fd;
    int64_t tar_len;
    const char *files;
    size_t files_len;
    const char *shared;  /* newline-separated */
    const char *prepare; /* a command, or "" */
    int64_t prepare_timeout_ms;
};
void step_stage(struct fleet *f, const size_t *hosts, size_t n,
                const struct fence *fence, const struct stage *s,
                struct step_result *outs);
/* current: from -> to by rename, only if it is `from` (release name, "" for
 * none) now; already `to` is done. Writes state live to `to`. */
void step_flip(struct fleet *f, const size_t *hosts, size_t n,
               const struct fence *fence, const char *from, const char *to,
               struct step_result *outs);
/* One of the commands of [rollout]; "on H: CMD" runs on another host, for
 * each of hosts in turn (TIDEGATE_HOST is the host it is about). DONE when it
 * ended with 0, FAILED with any other status, UNKNOWN when it had to be
 * stopped. */
struct hook {
    const char *name;    /* "drain", "restart", "undrain" */
    const char *command; /* with %h, %v already allowed: filled per host */
    const char *release, *previous;
    int64_t timeout_ms;
};
void step_hook(struct fleet *f, const size_t *hosts, size_t n,
               const struct fence *fence, const struct hook *h,
               struct step_result *outs);
/* <release>.state = state ("good", "bad", "staged", "live"). */
void step_mark(struct fleet *f, const size_t *hosts, size_t n,
               const struct fence *fence, const char *release,
               const char *state, struct step_result *outs);
/* Writes (release) or removes (NULL) after-begun. */
void step_after_begun(struct fleet *f, const size_t *hosts, size_t n,
                      const struct fence *fence, const char *release,
                      struct step_result *outs);
/* Removes releases that tidegate made beyond `keep`, never live, the newest
 * two good, or those named in `needed` (newline-separated). */
void step_prune(struct fleet *f, const size_t *hosts, size_t n,
                const struct fence *fence, int keep, const char *needed,
                struct step_result *outs);
/* Takes over a tree that stands: what `current` (absolute link too) shows
 * becomes releases/<release> (another name for the same files: the folder
 * being served stays), digested, marked good; release NULL: the folder's own
 * name. revision is the text of REVISION, "" when there is none. look_only:
 * nothing is changed, fence may be NULL. */
struct adopted {
    enum outcome outcome;
    const char *why, *fix, *refused;
    bool key_refused;
    const char *digest, *revision, *folder;
};
void step_adopt(struct fleet *f, const size_t *hosts, size_t n,
                const struct fence *fence, const char *release, bool look_only,
                struct adopted *outs);

#endif
