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
#include "migrations/rehearse/rehearsed.h"
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
    const char *lacks;    /* of production's tables the clone had none:
                             "public.orders and 3 more"; NULL: it had all */
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

/* What to write otherwise: of the statements that w waits for, the longest
 * that has something safer; NULL: none. */
const struct rehearsed_statement *rehearsal_culprit(const struct rehearsal *r,
                                                    const struct table_wait *w);

/* The certificate: canonical JSON that the ledger keeps, and back. */
struct json *rehearsal_to_json(const struct rehearsal *r);
bool rehearsal_from_json(struct rehearsal *out, struct arena *a,
                         const struct json *j, struct err *e);

#endif
