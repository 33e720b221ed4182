/* guard: one command of a migration, watched from a second connection.
 *
 * Not for other rooms: see migrations/apply/apply.h. The observer looks ten
 * times a second who waits behind us, directly or behind one that does, and who
 * holds us up; twice a second how far the statement is. It cancels when
 * somebody would wait longer than `blocked`, when a signal came, when the
 * statement is over its limit or its deadline: pg_cancel_backend, and
 * pg_terminate_backend when that has not helped for 2 s.
 */
#ifndef MIGRATIONS_APPLY_GUARD_H
#define MIGRATIONS_APPLY_GUARD_H

#include "migrations/apply/apply.h"
#include "migrations/apply/live.h"

struct task;

enum guard_why {
    GUARD_LET,
    GUARD_STOPPED, /* a signal */
    GUARD_CROWDED, /* somebody waited for `blocked` */
    GUARD_OVERRUN, /* `overrun` times its estimate */
    GUARD_LATE,    /* its deadline */
};

/* How one command is watched. */
struct guard {
    const struct task *t;
    int statement;     /* 1-based; 0: one of our own */
    int64_t deadline;  /* monotonic, or CLOCK_NEVER */
    int64_t limit_ms;  /* of its own work; CLOCK_NEVER: none */
    int64_t passed_ms; /* of that before this command began */
    bool uncancelled;  /* COMMIT: let it end */
    const char *data;  /* of COPY FROM stdin, or NULL */
    size_t data_len;
    bool halves;        /* it may leave a part of its work when it fails */
    bool patient;       /* nobody that waits behind it matters */
    enum guard_why why; /* out: why it was cancelled */
    int waiting;        /* out: sessions behind us then */
    int64_t waited_ms;  /* out: the longest of them, or how long it ran */
    bool held;          /* out: it waited for a lock then */
    int64_t held_ms;    /* out: how long it waited for locks */
    struct pg_failure failure; /* out: of the command, when it failed */
};

#define SIGHT_MOST 128

/* What the observer saw last; kept from statement to statement, for who waits
 * for our transaction waits on. */
struct sight {
    enum { SIGHT_IDLE, SIGHT_LOOKS, SIGHT_MEASURES, SIGHT_CANCELS } asked;
    int64_t asked_at; /* monotonic */
    bool blind;       /* the observer's connection is gone */
    struct sight_waiter {
        long pid;
        int64_t since;
    } list[SIGHT_MOST];
    size_t n;
    int waiting;        /* all of them */
    int64_t longest_ms; /* of those in the list */
    char ahead[200];    /* who held us up when we last waited */
    bool held;          /* we waited when we last looked */
    struct live_pace pace;
    char phase[80];      /* pace.phase */
    char waits_for[200]; /* whom a concurrent build waits for, or "" */
    bool waits;          /* it waits for others, in whatever phase */
    const struct apply_expected *expected; /* of what was measured */
    int statement;                         /* the one that was, from 1 */
    bool rewrites;                         /* it does */
    int64_t next_live;                     /* monotonic */
    char said[160]; /* what the live line last told of, but for times */
};

/* Runs one command on ap->work while the observer looks. */
bool guard_run(struct apply *ap, struct guard *g, const char *sql,
               struct pg_result *out, struct err *e);
bool guard_stopped(const struct apply *ap);
/* Says the line at once; doing: what goes on between two commands. */
void guard_say(struct apply *ap, const struct guard *g, const char *doing);

/* ---- sight.c ---- */

/* Forgets who waits: a new transaction begins. */
void sight_clear(struct apply *ap);
/* Asks who waits, or how far the statement is. False: the observer is gone.
 */
bool sight_look(struct apply *ap);
bool sight_measure(struct apply *ap, const struct guard *g);
/* Takes the answer that is there; a measure that was asked before `began`
 * speaks of another command. */
void sight_take(struct apply *ap, int64_t now, int64_t began);

#endif
