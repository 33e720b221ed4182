/* status: what stands where, from the ledger and, as far as hosts answer, from
 * the hosts themselves; of an unfinished run, also from the database.
 */
#ifndef RUNNER_COMMAND_STATUS_H
#define RUNNER_COMMAND_STATUS_H

#include "migrations/state/applied.h"
#include "runner/command/cmd.h"
#include "runner/fleet/steps.h"
#include "runner/ledger/state.h"

enum host_is {
    HOST_WHOLE,
    HOST_MIDWAY,  /* old or new release of a run that has not ended */
    HOST_BEHIND,  /* recorded as owing */
    HOST_DRIFTED, /* neither: somebody else changed it */
    HOST_FOREIGN, /* nothing is live yet, and something serves: adopt */
    HOST_UNKNOWN, /* not checked */
};

struct host_status {
    const char *name;
    enum host_is is;
    const struct observed *seen;   /* NULL: not checked */
    const struct step_state *last; /* of the unfinished run; or NULL */
    const char *note;              /* one line; "" */
};

struct status {
    struct tidegate *t;
    struct environment_state state;
    struct host_status *hosts;
    size_t n;
    struct observed *seen; /* of each; NULL: none was asked */
    /* While a run is unfinished: backfills under way, or why the database
     * could not tell. */
    const struct backfill_row *backfills;
    size_t n_backfills;
    const char *database_why;
    /* The command that undoes the unfinished run; NULL: none does, and here is
     * why, where there would be a way. */
    const char *undo, *undo_why;
    bool held; /* a process works on it now */
    struct lease_holder holder;
    const char *policy; /* pinned and in force differ: in words; or NULL */
    int exit;           /* 0, 12, 13 */
    struct err ledger;  /* what is wrong with the ledger; ERR_NONE */
};

const char *host_is_word(enum host_is is);
const char *status_step_word(const struct step_state *x); /* "begun", ... */
/* Open: not used, withdrawn, replaced or expired. */
bool status_announced(const struct manifest_facts *m);
void status_text(const struct status *s);
struct json *status_json(const struct status *s);

#endif
