/* run: one deploy, rollback or migrate, and what it writes down.
 *
 * A run holds the environment's lease and an epoch from run_open to run_close.
 * It exists in the ledger from run_begin to run_end; in between every effect
 * has an intent that was durable before it began, and an ending (done, failed
 * or unknown) with evidence. A run that dies in between is found open by the
 * next command, which resumes it or undoes it.
 */
#ifndef RUNNER_FLOW_RUN_H
#define RUNNER_FLOW_RUN_H

#include "policies/gates.h"
#include "policies/hold.h"
#include "runner/facts/gather.h"

struct apply;
struct world;

struct run {
    struct subject *s;
    const char *id;
    enum run_kind kind;
    const char *to;   /* release the hosts shall have, or NULL: no hosts */
    const char *from; /* live before; NULL: nothing was */
    struct fence fence;
    const char *reason; /* of a rollback or an override, or NULL */

    /* A run that goes on from another's crash, or undoes another. */
    const struct run_state *before; /* resumed: its state when taken over */
    const char *undoes;             /* the unfinished run's id, or NULL */
    const char *undone; /* going back: the release that is undone, or NULL */
    const char *undone_run; /* or the run that changed the database alone:
                               the code stays as it is */
    const char *undone_of;  /* the release whose migrations that one ran */
    bool schema;            /* and the downs of its "before" migrations too */
    const char *const *records; /* import, baseline: names, NULL-closed */
    const char *const *kept;    /* NULL-closed: migrations the database keeps */

    struct facts facts;
    struct verdict verdicts[GATE_COUNT];
    unsigned overridden; /* bit set of gates */
    int64_t wait_ms;     /* deploy --wait: 0 not, CLOCK_NEVER until expiry */
    struct rehearsal certificate;
    bool certified;

    /* Per host: the release it has ("" none, NULL not known), whether this
     * process began to change it, and (the front last) whether its probe
     * answered before. */
    const char **now;
    bool *touched;
    bool *was_good;
    bool *was_up; /* per host: the pool listed it as up before; or NULL */
    int failed_hosts;
    int64_t batches_left, batches_done; /* of the rollout, for fit */
    struct apply *apply; /* opened when the first migration runs */
    struct world *world; /* what its live line says beside */

    bool contacted;   /* hosts and database were looked at */
    bool applied;     /* some migration of this run was committed */
    bool changed;     /* an intent to change something is durable */
    bool unknown;     /* some effect may or may not have happened */
    bool partial;     /* some statements of a migration are there */
    bool after_begun; /* the hosts carry the mark of this release */
    bool going_back;
    bool down;          /* migrate down: it undoes migrations */
    bool last_flip;     /* every host has `to` */
    bool already;       /* there was nothing to do */
    bool go_back;       /* on_hold or abort_at asked for it */
    bool finish;        /* on_hold decided: no gate is asked again */
    bool pending_after; /* ends with "after" migrations left */
    bool end_here;      /* nothing further may happen: ends as it stands */
};

/* Names the run, takes the lease and the epoch. resumed: keeps its id. */
bool run_open(struct run *r, struct subject *s, enum run_kind kind,
              const struct run_state *resumed, struct err *e);
void run_close(struct run *r);

/* The first event: what this run is about (RUN in ledger/events.h).
 * manifest: digest of the consumed one, or NULL; takes_over: the unfinished
 * run that this one undoes, or NULL. */
bool run_begin(struct run *r, const char *manifest, const char *takes_over,
               struct err *e);
/* Replays the ledger; r->before is found again. */
bool run_refresh(struct run *r, struct err *e);

/* target is a host as written, "database", or "environment". change: it
 * alters something that serves users. undo tells a person how it is undone. */
bool run_intent(struct run *r, const char *step, const char *target,
                bool change, const char *undo, struct err *e);
bool run_done(struct run *r, const char *step, const char *target,
              const char *evidence, int64_t ms, bool observed, struct err *e);
bool run_failed(struct run *r, const char *step, const char *target,
                const char *why, struct err *e);
bool run_unknown(struct run *r, const char *step, const char *target,
                 const char *why, struct err *e);
bool run_decide(struct run *r, const char *what, const char *why,
                struct err *e);
bool run_note(struct run *r, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool run_owes(struct run *r, size_t host, const char *release, const char *why,
              struct err *e);

/* Is this host known to owe a release? */
bool run_owed(const struct run *r, size_t host);

/* How it ended (ENDED in ledger/events.h); false when even that could not be
 * written. */
struct run_ending {
    enum run_ended ended;
    int exit_code;
    const char *live; /* "": nothing; NULL: unchanged */
    bool unverified;
    const char *bad; /* a release that is bad from now on, or NULL */
    const char *why; /* or NULL */
    const char *commit, *artifact; /* adopt: of `live`; else NULL */
    const char *const *kept;       /* migrations kept, NULL-closed; or NULL */
    const char *const *pending;    /* migrations still to run, likewise */
    bool left;                     /* write down what contracting ones wait */
};
bool run_end(struct run *r, const struct run_ending *ending, struct err *e);
/* What it means that the ledger takes nothing more: nothing was changed; or
 * stopped part-way; or, where another run has taken over, unknown. */
enum err_code run_without_ledger(struct run *r);

/* Was this step done on this target before the run was resumed? */
bool run_was_done(const struct run *r, const char *step, const char *target);
/* Was it begun, with no ending known? */
bool run_was_open(const struct run *r, const char *step, const char *target);

/* Did this run (or what it undoes) begin to change this host? */
bool run_touched(const struct run *r, size_t host);

/* True once a stop signal came; e says so (ERR_INTERRUPTED). */
bool run_stopped(struct run *r, struct err *e);
/* True once a second one came: what is in hand is not finished any more. */
bool run_stopped_at_once(struct run *r, struct err *e);

#endif
