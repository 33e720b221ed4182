/* hold: what a run does when a gate says HOLD or STOP after the first change.
 *
 * Asked between steps, never inside a wave (that is finished or undone). A
 * HOLD is asked again each 30 s up to `pause_max`; a STOP, or users over
 * `abort_at`, goes to `on_hold` at once. Nothing is parked half way
 * unattended.
 */
#ifndef POLICIES_HOLD_H
#define POLICIES_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "policies/verdict.h"

#define HOLD_ASK_AGAIN INT64_C(30000) /* ms */

enum on_hold { ON_HOLD_AUTO, ON_HOLD_FINISH, ON_HOLD_BACK };

/* The step that the gates did not let begin. A backfill stops between any two
 * of its batches and goes on from there another day: it pauses, whatever
 * `on_hold` says of what cannot. */
enum hold_before {
    HOLD_BEFORE_MIGRATION,
    HOLD_BEFORE_WAVE,
    HOLD_BEFORE_AFTER,
    HOLD_BEFORE_BATCH,       /* of a "before" migration */
    HOLD_BEFORE_AFTER_BATCH, /* of an "after" one */
};

/* All spans in milliseconds. */
struct hold_facts {
    enum verdict_is is; /* the whole of gates_ask(GATES_AGAIN) */
    bool surge;         /* users_surge */
    bool superseded;    /* line.lease_lost: another run owns the line */
    int64_t held;       /* since the first HOLD without a PASS in between */
    int64_t retry;      /* until the answer may change; 0: unknown */
    enum hold_before next;
    bool way_back;        /* false: the first release of all, or a forward-only
                             "after" migration has begun */
    int64_t finish, back; /* need_finish, need_back */
};

enum hold_decision {
    HOLD_GO,          /* PASS: begin the step */
    HOLD_WAIT,        /* ask again in `wait` ms */
    HOLD_FINISH,      /* all waves and "before" migrations, gates or not */
    HOLD_BACK,        /* undo the run */
    HOLD_END_PENDING, /* end 12: all hosts on the new release, "after"
                         migrations pending, named */
    HOLD_END_HERE,    /* end 12 as it stands: `back` with nothing to go back
                         to, or a backfill that pauses; or 13, superseded: no
                         further effect */
};

struct hold_answer {
    enum hold_decision is;
    int64_t wait;      /* HOLD_WAIT: ms */
    char because[200]; /* one sentence */
};

struct hold_answer hold_decide(const struct hold_facts *facts,
                               enum on_hold on_hold, int64_t pause_max);

const char *on_hold_word(enum on_hold on_hold); /* "auto" ... */

#endif
