/* migrate: migrations by themselves: what stands in the database, and undoing
 * what a release applied. (Applying is deploy with PHASES_MIGRATIONS.)
 */
#ifndef RUNNER_FLOW_MIGRATE_H
#define RUNNER_FLOW_MIGRATE_H

#include "runner/flow/deploy.h"

enum migrate_is {
    MIGRATE_APPLIED,
    MIGRATE_PENDING,
    MIGRATE_LATE,     /* pending, and its number is below an applied one */
    MIGRATE_EDITED,   /* applied, and the file is another one now */
    MIGRATE_GONE,     /* applied, and the commit does not have it */
    MIGRATE_CONTRACT, /* pending, and waits for a release to be good */
    MIGRATE_HALF      /* begun statement by statement, and not ended */
};
const char *migrate_word(enum migrate_is is); /* "applied", "pending", ... */

struct migrate_row {
    const char *name;
    int64_t place; /* its number, or its place among the files */
    enum migrate_is is;
    bool after;
    const char *release; /* that applied it; NULL: none did */
    int64_t at;          /* UTC; 0: not applied */
    const char *how;     /* half done: how far, or NULL */
};

/* The applied set against the files of a commit (NULL: none asked about,
 * nothing is gone or edited), by number; in a. Pure. */
struct migrate_row *migrate_compare(struct arena *a,
                                    const struct applied *applied,
                                    const struct migrations *files, size_t *n);
/* The same, read now. release NULL: what is applied alone. ERR_UNREACHABLE
 * when the database does not answer. */
bool migrate_status(struct subject *s, const char *release,
                    struct migrate_row **rows, size_t *n, struct err *e);

/* Whether the environment has a database; else ERR_USAGE. */
bool migrate_possible(const struct subject *s, struct err *e);

struct migrate_wish {
    const char *release;
    bool dry_run; /* look, and change nothing: no gate is asked */
    run_confirm *confirm;
    void *ctx;
};

/* Undoes what the release applied, newest first, "after" migrations before
 * "before" ones, as a run that consumes an announcement of its migrations.
 * Refused before anything: a migration without a down, later ones that stand
 * on it (runner/flow/above.h), a live release that needs them. r->already: it
 * applied nothing. Ends as deploy does. */
bool migrate_down(struct run *r, struct subject *s,
                  const struct migrate_wish *wish, struct err *e);
/* What it undoes, in that order; in r's arena. */
const struct applied_row **migrate_down_rows(const struct run *r, size_t *n);
/* Whether an unfinished run is one of these, and its end. */
bool migrate_was_down(const struct run_state *was);
bool migrate_down_resume(struct run *r, struct subject *s, run_confirm *confirm,
                         void *ctx, struct err *e);

#endif
