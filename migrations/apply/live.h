/* live: the line that is shown while a migration runs. Pure.
 *
 * What the rehearsal foretold, less what has passed; where the server counts
 * how far a statement is, its pace counts. Elapsed, remaining (low to high),
 * what stopping now costs, the point of no return, window left, users now.
 */
#ifndef MIGRATIONS_APPLY_LIVE_H
#define MIGRATIONS_APPLY_LIVE_H

#include "migrations/apply/apply.h"
#include "runner/base/buf.h"

/* How far a statement is, as the server's progress views say it. */
struct live_pace {
    int per_mille;     /* of the statement; -1: not known */
    const char *phase; /* "building index: scanning table", or "" */
};
/* done of total in a phase of an index build, as a share of the whole
 * statement: the phases follow each other, and take what they took when
 * rehearsed (NULL, or too short to tell: a guess). validates: a concurrent
 * build, which reads the table twice. Unknown phases: -1. */
int live_index_share(const struct apply_phases *rehearsed, const char *phase,
                     bool validates, int64_t done, int64_t total);

/* How far a backfill is. */
struct live_batches {
    const char *far;        /* "30 of about 100 rows, up to key 90, ..." */
    struct apply_span left; /* -1: unknown */
    bool some;              /* of it is there */
};

struct live {
    const struct apply_expected *expected;
    const char *name; /* of the migration */
    bool down;
    bool committing;       /* COMMIT is under way: nothing stops it now */
    bool journaled;        /* each statement is there once it is done */
    bool halves;           /* the one that runs may leave a part of its work */
    int done;              /* journaled: statements that are there */
    int statement, n;      /* the one that runs, from 1; 0: none of its own */
    int64_t elapsed_ms;    /* of the script, waits for locks included */
    int64_t statement_ms;  /* of that statement */
    int64_t limit_ms;      /* when it is cancelled; 0: never */
    struct live_pace pace; /* of that statement */
    const char *waits_for; /* who holds it up, or "" */
    int waiting;           /* sessions behind it */
    int64_t waiting_ms;    /* the longest of them */
    const char *kind;      /* of that statement, "UPDATE"; or NULL */
    const char *table;     /* that it works on most, or NULL */
    const struct live_batches *batches; /* NULL: it is none */
    struct apply_world world;
};

/* What is left, low to high; high -1: unknown, -2: over the high estimate. */
struct apply_span live_left(const struct live *l);
void live_text(const struct live *l, struct buf *out);

#endif
