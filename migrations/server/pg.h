/* pg: one PostgreSQL connection, asynchronous, a source of the loop.
 *
 * The only file that knows libpq (PostgreSQL documentation, chapter 34).
 * Every call that waits runs the loop until the answer is there, so other
 * sources (SSH keepalives, the observer, the live line) go on. One command in
 * flight per connection. The conninfo is all there is: PG* variables are gone
 * from our environment (runner/main.c), dbname is never expanded, and the
 * first statement on every connection empties search_path.
 */
#ifndef MIGRATIONS_SERVER_PG_H
#define MIGRATIONS_SERVER_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"
#include "runner/base/loop.h"

struct pg;

/* Connects, at most timeout_ms (0: 10 s), running the loop; a stop signal
 * ends it (ERR_INTERRUPTED). application is application_name;
 * sslmode=verify-full unless the conninfo or its service says otherwise
 * (`prefer` in a service counts as silence) or the server is local.
 * ERR_UNREACHABLE with libpq's text, redacted; ERR_CONFIG for a text that is
 * no conninfo. libpq resolves host names itself, and that blocks. */
struct pg *pg_open(struct loop *l, const char *conninfo,
                   const char *application, int64_t timeout_ms, struct err *e);
void pg_close(struct pg *pg); /* NULL is fine */

struct pg_result {
    int rows, columns;
    char ***cell;     /* cell[row][column], NULL for SQL null */
    const char *tag;  /* "ALTER TABLE", "UPDATE 5" */
    int64_t affected; /* rows, or -1 */
    int64_t us;       /* from sending to the last byte of the answer */
    int64_t ms;       /* the same, whole milliseconds */
};

/* Why a command failed. */
struct pg_failure {
    char sqlstate[6]; /* "" when the connection was lost */
    int position;     /* 1-based character in the text, 0: unknown */
    bool lost;        /* the connection is gone: outcome unknown */
};

/* One command with text parameters ($1 ...), through the extended protocol;
 * the result lives in a. params may hold NULLs. On failure e is ERR_FAILED
 * (ERR_UNREACHABLE when lost) with server's message, detail and hint, and
 * pg_failed tells more. A stop signal does not interrupt it: see pg_cancel. */
bool pg_query(struct pg *pg, struct arena *a, const char *sql,
              const char *const *params, int n, struct pg_result *out,
              struct err *e);
/* One statement of somebody else's text, through the simple protocol, results
 * thrown away but counted. */
bool pg_run(struct pg *pg, struct arena *a, const char *sql,
            struct pg_result *out, struct err *e);
/* COPY data for a COPY ... FROM STDIN statement in sql. */
bool pg_copy_in(struct pg *pg, struct arena *a, const char *sql,
                const char *data, size_t len, struct pg_result *out,
                struct err *e);
const struct pg_failure *pg_failed(const struct pg *pg);
/* A monotonic deadline for the command in flight and the next ones; passing
 * it cancels the statement as pg_cancel does. CLOCK_NEVER: none. */
void pg_deadline(struct pg *pg, int64_t deadline);
/* Begins to cancel the command in flight, without waiting: a second
 * connection says pg_cancel_backend, after 2 s pg_terminate_backend, after 5 s
 * we hang up (PQcancel would block without a timeout). The command still ends
 * with its own answer. No command: no effect. */
void pg_cancel(struct pg *pg);

/* Without waiting: send, then each turn ask pg_busy; pg_take when it is
 * done. This is what the guard and the rehearsal observer use. */
bool pg_send(struct pg *pg, const char *sql, struct err *e);
/* The same as pg_run does it: simple protocol, rows thrown away. */
bool pg_send_run(struct pg *pg, const char *sql, struct err *e);
/* The same for COPY ... FROM STDIN: data are fed while it runs, and stay with
 * the caller until pg_take. data NULL: as pg_send_run. */
bool pg_send_copy(struct pg *pg, const char *sql, const char *data, size_t len,
                  struct err *e);
bool pg_busy(const struct pg *pg);
bool pg_take(struct pg *pg, struct arena *a, struct pg_result *out,
             struct err *e);

enum pg_transaction {
    PG_IDLE,
    PG_ACTIVE,
    PG_IN_TRANSACTION,
    PG_IN_ERROR,
    PG_LOST
};
enum pg_transaction pg_transaction(const struct pg *pg);
int pg_backend_pid(const struct pg *pg);
int pg_server_version(const struct pg *pg); /* 150020 */
const char *pg_name(const struct pg *pg);   /* "shop on web1:5432", no secret */
/* Quoted identifier and literal, in a. */
char *pg_identifier(struct pg *pg, struct arena *a, const char *name);
char *pg_literal(struct pg *pg, struct arena *a, const char *text);
/* Notices since the last call, at most 64 KiB, in a; "" when none. */
char *pg_notices(struct pg *pg, struct arena *a);
/* A conninfo with one keyword replaced or added, in a; NULL and e when the
 * text is no conninfo (ERR_CONFIG). */
char *pg_conninfo_with(struct arena *a, const char *conninfo,
                       const char *keyword, const char *value, struct err *e);
const char *pg_library_version(struct arena *a);

/* Which database this is: (system identifier, database name). */
struct pg_identity {
    char system[32];
    char database[64];
    char address[96]; /* server address and port, or socket */
    char cluster_name[64];
    bool standby;
    int version;
    int64_t size;    /* bytes */
    int64_t skew_ms; /* clock_timestamp() less ours, round trip halved */
};
bool pg_identify(struct pg *pg, struct arena *a, struct pg_identity *out,
                 struct err *e);

#endif
