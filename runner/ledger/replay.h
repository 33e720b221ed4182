/* replay: the inside of state_read, for the state_*.c files alone. What is
 * handed on in events is kept by the ledger, so texts are borrowed from
 * payloads, not copied.
 */
#ifndef RUNNER_LEDGER_REPLAY_H
#define RUNNER_LEDGER_REPLAY_H

#include "runner/ledger/state.h"

struct list {
    void *items;
    size_t n, room;
};
/* One more zeroed item of that size, in a; the items may have moved. */
void *list_add(struct arena *a, struct list *list, size_t size);

struct run_build {
    struct run_state s;
    struct list steps;      /* struct step_state */
    struct list notes;      /* const char * */
    struct list overrides;  /* struct override_state */
    enum run_ended before;  /* when it was taken over */
    struct run_build *over; /* the run that this one takes over */
};

struct manifest_build {
    struct manifest_facts facts;
    struct statement_state statement;
    struct list approvals; /* struct statement_state */
};

/* An override is written before its run begins. */
struct override_build {
    const char *run;
    struct override_state s;
};

/* Where a step of a run lies, by a hash of run, step and target. */
struct step_slot {
    struct run_build *run;
    size_t index;
};

struct replay {
    struct environment_state *out;
    struct arena *a;
    struct ledger *l;
    const char *environment;
    const struct event *event; /* the one at hand */
    const struct json *p;      /* its payload, kept */
    struct list runs;          /* struct run_build * */
    struct list releases;      /* struct release_state */
    struct list lives;         /* const char *, newest last */
    struct list manifests;     /* struct manifest_build */
    struct list overrides;     /* struct override_build */
    struct list policies;      /* struct statement_state */
    struct list pinned;        /* const char *: digests */
    struct list users;         /* struct sample */
    struct list owed;          /* struct owing_state */
    struct list batches;       /* int64_t */
    struct list rehearsals;    /* const struct json * */
    struct list past;          /* struct past */
    struct step_slot *slots;
    size_t n_slots, used_slots;
};

/* state_run.c */
void replay_epoch(struct replay *r);
void replay_run(struct replay *r);
void replay_intent(struct replay *r);
void replay_answer(struct replay *r); /* DONE, FAILED, UNKNOWN */
void replay_decision(struct replay *r);
void replay_note(struct replay *r);
void replay_ended(struct replay *r);
void runs_finish(struct replay *r);

/* state_release.c */
void release_named(struct replay *r, const struct run_build *run);
void release_ended(struct replay *r, const struct run_build *run);
void releases_finish(struct replay *r);

/* state_statement.c */
void replay_statement(struct replay *r);
void replay_policy(struct replay *r);
void manifest_use(struct replay *r, const char *digest, const char *run);
void statements_finish(struct replay *r);

#endif
