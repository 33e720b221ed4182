/* trace: what each statement of a script does, seen while it runs.
 *
 * In a transaction everything is asked on the same connection after each
 * statement: its locks (pg_locks of our backend; they are kept until the
 * transaction ends), the scan and row counters of the locked relations alone
 * (pg_stat_get_xact_*), file nodes (another one is a rewrite) and the WAL
 * position. A statement that cannot be in a transaction leaves nothing to see
 * there: an observer on a second connection samples its locks and progress.
 *
 * Before a script that changes rows there is a checkpoint, where our role may
 * ask for one: after it PostgreSQL writes each page whole to the WAL that is
 * changed for the first time (PostgreSQL documentation, 30.5, on
 * full_page_writes). In production that is nearly every page; on the clone the
 * statement before may have been there a moment ago (ten times faster in our
 * measurements).
 *
 * Temporary files are told by the server as they go, where our role may set
 * log_temp_files; else pg_stat_database knows them, by script alone: inside a
 * transaction it stands still.
 */
#ifndef MIGRATIONS_REHEARSE_TRACE_H
#define MIGRATIONS_REHEARSE_TRACE_H

#include "migrations/read/migration.h"
#include "migrations/rehearse/observe.h"
#include "migrations/server/relations.h"
#include "runner/base/buf.h"
#include "runner/base/progress.h"

/* What one statement did to one relation. */
struct traced_touch {
    struct relation *relation;
    enum lock_mode lock; /* the strongest it works under: its own, or one that
                            its transaction holds */
    enum lock_mode took; /* strongest it took anew; where none, as lock */
    int64_t taken;       /* monotonic ms, when the statement began */
    int64_t held_ms;     /* until the transaction ended */
    bool rewritten, scanned;
    int64_t changed; /* rows inserted, updated, deleted */
    int64_t inserted;
};

/* Whether anybody can be in its way: a relation that this release made is used
 * by the new code alone, which runs when "after" migrations do. */
bool traced_touch_matters(const struct traced_touch *t, bool after);

/* A script that ran in batches: what each took. */
struct traced_batches {
    int64_t n, rows, size; /* how many; rows of the key in all; asked for */
    int64_t median_ms, p95_ms, longest_ms;
    int64_t pauses_ms; /* that a real run adds */
};

struct traced_statement {
    const struct statement *statement;
    int64_t began, ms, rows, wal_bytes;
    int64_t us;         /* ms, finer: what is short is scaled as well */
    int64_t again_us;   /* its least later time (again.h); 0: none */
    int64_t temp_bytes; /* -1: not known */
    struct traced_phase *phases; /* of building an index */
    size_t n_phases;
    bool builds_index;                    /* a new index appeared */
    const struct traced_batches *batches; /* it is all of these; or NULL */
    struct traced_touch *touched;
    size_t n;
    /* Of relations made in the same transaction: work for which nobody
     * waits. */
    struct traced_touch *own;
    size_t n_own;
};

struct traced_script {
    const struct script *script;
    struct traced_statement *statements; /* those that ran */
    size_t n;
    int64_t ms;           /* from BEGIN to the end of COMMIT */
    int64_t around_us;    /* of its last transaction: BEGIN and COMMIT alone */
    const char *failed;   /* "FILE:LINE: message (SQLSTATE ...)", or NULL */
    int64_t temp_bytes;   /* of all of it; -1: not known */
    const char **invalid; /* indexes it left so: "public.i on public.t" */
    size_t n_invalid;
    /* What script->verify took: while the locks are held, where the script is
     * one transaction. */
    struct traced_statement *verify;
    size_t n_verify;
};

struct trace {
    struct loop *loop;
    struct arena *arena;
    struct pg *work, *watch; /* lent: the two connections to the clone */
    struct progress *progress;
    int64_t lock_wait_ms;
    int stops; /* loop_stops when the rehearsal began */
    struct relations relations;
    bool prepared;      /* INSPECT_PREPARED is, on the working connection */
    int transaction;    /* how many so far */
    int64_t wal;        /* position after the last statement */
    bool tells_temp;    /* a role that may have temporary files told */
    int64_t temp;       /* the database's, so far; -1: not to be had */
    bool built_parts;   /* a partitioned index appeared */
    bool no_checkpoint; /* we may not ask for one */
    uint32_t *invalid;  /* indexes that are known to be so */
    size_t n_invalid;
    struct buf *warnings; /* lent; may be NULL */
};

/* Reads the relations. The fields down to stops are set by the caller. */
bool trace_open(struct trace *t, struct err *e);
/* The session as a script finds it when it begins. */
bool trace_enter(struct trace *t, const struct script *s, struct err *e);
/* Runs it, traced, and commits. A statement that fails is an answer (`failed`
 * set, all of the transaction undone); false: the connection was lost
 * (ERR_UNREACHABLE) or a stop signal came (ERR_INTERRUPTED; what ran is
 * undone). script->verify runs after it, and is rolled back; where it fails,
 * so has the script. */
bool trace_script(struct trace *t, const struct script *s,
                  struct traced_script *out, struct err *e);

#endif
