/* rehearse: the timed dry run of pending migrations on a clone.
 *
 * Makes a clone, runs every pending migration up, then down, compares the
 * schema with the one before, and runs up again; per statement it records
 * time, locks and until when they were held, rewrites, full scans, rows and
 * WAL. Never writes to production: a target whose system identifier and
 * database name both equal production's is refused, unless it carries
 * cluster_name = tidegate-clone and answers at another address.
 */
#ifndef MIGRATIONS_REHEARSE_REHEARSE_H
#define MIGRATIONS_REHEARSE_REHEARSE_H

#include "migrations/read/migration.h"
#include "migrations/rehearse/basis.h"
#include "migrations/rehearse/rehearsed_batches.h"
#include "migrations/server/pg.h"
#include "migrations/state/applied.h"
#include "runner/base/json.h"
#include "runner/base/progress.h"

enum clone_how {
    CLONE_BY_DUMP,     /* pg_dump of `from`, restored on `server` */
    CLONE_BY_TEMPLATE, /* CREATE DATABASE ... TEMPLATE argument on server */
    CLONE_AS_IS,       /* the database that `server` names, kept */
    CLONE_BY_COMMAND, /* argument: a program; see migrations/rehearse/clone.h */
    CLONE_BY_SCHEMA,  /* pg_dump -s of `from`: not one row. It tells locks,
                         rewrites and scans, and no time that grows */
};

struct rehearse_settings {
    enum clone_how how;
    const char *argument;      /* template's name, program's words */
    const char *from, *server; /* conninfos, without a password for a dump */
    const char *production;    /* conninfo: identity and sizes are read; NULL:
                                  no database yet */
    const char *run;           /* names the clone: tidegate_<run> */
    const char *notes;         /* folder where the names of clones that a
                                  command makes are kept while they may be
                                  there; NULL: none is kept */
    int64_t lock_wait_ms;      /* on the clone; default 5 s */
    int64_t data_exact;        /* bytes of a table up to which every row is
                                  compared; default 64 MiB */
    const struct factors *factors; /* learnt there; NULL: defaults */
    int64_t clone_ms; /* what such a clone took last time; 0: not known */
};

/* One relation touched by a statement; those that the same transaction made
 * are left out (in "before" migrations all that this release made), and so are
 * indexes locked no more than their table. */
struct touched {
    const char *relation; /* schema-qualified */
    const char *lock;     /* strongest newly taken, "ACCESS EXCLUSIVE" */
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
    const char *text; /* first 200 bytes, escaped */
    int64_t ms, rows, wal_bytes;
    int64_t temp_bytes; /* of temporary files; -1: not known by statement */
    const struct rehearsed_phase *phases; /* of building an index, in order;
                                             in a transaction none of what
                                             took less than 200 ms */
    size_t n_phases;
    const struct touched *touched;
    size_t n;
    int64_t low, likely, high; /* estimate for production, ms */
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
};

struct rehearsed {
    const char *name;
    bool after, transaction;
    const struct rehearsed_statement *up, *down;
    size_t n, n_down; /* of a certificate that would be too large, not all */
    int64_t up_ms, down_ms;
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
    bool has_down, down_ok; /* ok: ran, undid all but the order of columns,
                               and up ran again */
    const char *differs;    /* what up and down left ("left: ...") or lost
                               ("lost: ..."), or how it failed; lines, or
                               NULL: equal */
};

struct rehearsal {
    const struct rehearsed *list; /* as a release runs them: before, after */
    size_t n;
    const struct table_wait *waits;
    size_t waited;
    char digest[65];    /* of the pending migrations, in order */
    int64_t at;         /* UTC, its end */
    double clone_share; /* clone bytes / production bytes, of all tables or of
                           the one worked on that it holds least of; 1 when
                           unknown or production is under 8 MiB; 0 for a
                           clone of the schema alone */
    bool schema_only;   /* no rows: times say nothing of production */
    int64_t low, likely, high;
    const char *failed;   /* a migration failed on the clone: which, where,
                             why; NULL: all ran */
    const char *clone;    /* what it ran on, for people */
    int64_t clone_ms;     /* what making that took; 0: not known */
    const char *warnings; /* lines, or "" */
    struct basis basis;   /* production then; version 0: not known */
};

/* Runs the loop. False only if the rehearsal could not be made (no server:
 * ERR_UNREACHABLE; production as target, or a clone that has one of them
 * already: ERR_REFUSED; settings: ERR_CONFIG; no clone: ERR_FAILED; a stop
 * signal: ERR_INTERRUPTED); a migration that fails is a result. The clone is
 * always removed; one that could not be is named in warnings. Clones of dead
 * rehearsals on the same server are swept first. */
bool rehearse_run(struct loop *l, struct arena *a,
                  const struct rehearse_settings *s,
                  const struct migration *const *pending, size_t n,
                  struct progress *progress, struct rehearsal *out,
                  struct err *e);

/* The certificate: canonical JSON that the ledger keeps, and back. */
struct json *rehearsal_to_json(const struct rehearsal *r);
bool rehearsal_from_json(struct rehearsal *out, struct arena *a,
                         const struct json *j, struct err *e);

#endif
