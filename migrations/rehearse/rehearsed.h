/* rehearsed: what a rehearsal saw of one migration, and foretells of it.
 *
 * Filled by rehearse_run, or read from a certificate (rehearse.h); lives in the
 * arena given there. Times are of the clone, except low, likely, high and
 * waits, which are estimates for production.
 */
#ifndef MIGRATIONS_REHEARSE_REHEARSED_H
#define MIGRATIONS_REHEARSE_REHEARSED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "migrations/rehearse/learn.h"
#include "migrations/rehearse/rehearsed_batches.h"

/* One relation touched by a statement; those that the same transaction made
 * are left out (in "before" migrations all that this release made), and so are
 * indexes locked no more than their table. */
struct touched {
    const char *relation; /* schema-qualified */
    const char *lock;     /* "ACCESS EXCLUSIVE": the strongest that it took,
                             or that its transaction held already */
    int64_t held_ms;      /* from the statement to the transaction's end */
    bool rewritten;
    bool scanned;        /* read in full, not rewritten */
    int64_t rows, bytes; /* of the clone's relation, before; rows -1: not
                            counted */
    double ratio;        /* production's size / the clone's; 0: unknown */
};

/* A phase of building an index, as pg_stat_progress_create_index names it:
 * "waiting for writers before build". Times from samples 50 ms apart. */
struct rehearsed_phase {
    const char *name;
    int64_t ms;
};

struct rehearsed_statement {
    int number, line; /* 1-based in its script */
    const char *text; /* first 200 bytes, escaped but for its lines */
    int64_t ms, rows, wal_bytes;
    int64_t temp_bytes; /* of temporary files; -1: not known by statement */
    const struct rehearsed_phase *phases; /* of building an index, in order;
                                             in a transaction none of what
                                             took less than 200 ms */
    size_t n_phases;
    const struct touched *touched;
    size_t n;
    int64_t low, likely, high; /* estimate for production, ms */
    bool untold;               /* it has to do with rows, and the clone had
                                  none: no such time is to be told */
    int64_t scaled;            /* the same before any factor */
    enum work work;
    int runs;    /* how many past ones gave the factors; 0: default ones */
    bool cold;   /* fits in the clone's cache, not in production's */
    bool spills; /* sorts on disk in production alone */
    const char *safer; /* alternative when it rewrites or blocks */
};

/* How long the readers and the writers of a table wait, production, ms. */
struct table_wait {
    const char *table;
    int64_t readers, writers; /* high */
    const char *by;           /* "0012_x.up.sql:3 ACCESS EXCLUSIVE" */
    const char *migration;    /* "0012_x", or "" where an older certificate */
    int line;                 /* does not tell: 0 */
};

struct rehearsed {
    const char *name;
    bool after, transaction;
    const struct rehearsed_statement *up, *down;
    size_t n, n_down; /* of a certificate that would be too large, not all */
    int64_t up_ms, down_ms;
    bool untold, down_untold;                     /* a statement of it is */
    bool verified;                                /* its verify script held */
    int64_t low, likely, high;                    /* up, production, ms */
    const struct rehearsed_batches *batches;      /* of up; NULL: in one go */
    const struct rehearsed_batches *down_batches; /* of down, likewise */
    /* The cost of going back, production, ms; -1: no down. */
    int64_t down_low, down_likely, down_high;
    const struct table_wait *down_waits; /* while it goes back */
    size_t n_down_waits;
    int64_t temp_bytes;         /* of up, all of it; -1: not known */
    const char *const *invalid; /* indexes that up left INVALID, with their
                                   tables: "public.i on public.t" */
    size_t n_invalid;
    const char *const *loses; /* what going back throws away: "public.t",
                                 "public.t.column" */
    size_t n_loses;
    const char *breaks;     /* what the old code does not survive, as the schema
                               shows: "view public.v is gone"; NULL: nothing that
                               is not declared */
    bool has_down, down_ok; /* ok: ran, undid all but the order of columns,
                               and up ran again */
    const char *differs;    /* what up and down left ("left: ...") or lost
                               ("lost: ..."), or how it failed; lines, or
                               NULL: equal */
};

#endif
