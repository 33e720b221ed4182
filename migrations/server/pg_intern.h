/* pg_intern: what the files of pg share. Not for others: see pg.h.
 *
 * pg.c connects and turns, pg_conninfo.c reads connection texts, pg_command.c
 * runs one command, pg_cancel.c cancels it, pg_text.c quotes and explains.
 */
#ifndef MIGRATIONS_SERVER_PG_INTERN_H
#define MIGRATIONS_SERVER_PG_INTERN_H

/* libpq's tag for PGresult is the name of our own struct. */
#define pg_result libpq_result
#include <libpq-fe.h>
#undef pg_result

#include "migrations/server/pg.h"
#include "runner/base/buf.h"

enum pg_state {
    PG_STATE_CONNECTING,
    PG_STATE_READY,    /* no command in flight */
    PG_STATE_RUNNING,  /* one is */
    PG_STATE_ANSWERED, /* its answer waits for pg_take */
    PG_STATE_GONE,     /* the connection is lost, or never came */
};

enum cancel_stage { CANCEL_NONE, CANCEL_ASKED, CANCEL_TERMINATE };

struct pg {
    struct loop *loop;
    struct source source;
    PGconn *conn;
    enum pg_state state;
    char *conninfo; /* for the connection that cancels */
    char name[160];

    /* the command in flight, or the last one */
    int64_t sent, us; /* monotonic and a span, microseconds */
    int64_t deadline;
    bool overdue; /* its deadline has passed */
    PGresult *good, *bad;
    int64_t rows; /* thrown away, counted */
    bool copying;
    const char *data; /* for COPY FROM STDIN; NULL: there is none */
    size_t data_len, data_at;
    struct pg_failure failure;

    struct buf notices;
    bool notices_cut;

    /* cancelling it: a second connection says pg_cancel_backend */
    enum cancel_stage cancel;
    int64_t cancel_at;
    struct pg *helper, *owner;
};

/* ---- pg.c ---- */

/* Begins to connect; NULL only for a text that is no conninfo. The answer
 * comes through the loop: state leaves PG_STATE_CONNECTING. */
struct pg *pg_begin(struct loop *l, const char *conninfo,
                    const char *application, struct err *e);
/* The connection is lost: nothing more is expected of it. */
void pg_gone(struct pg *pg);

/* ---- pg_conninfo.c ---- */

/* Begins to connect as a conninfo says, with our own keywords; NULL and e
 * (ERR_CONFIG) when the text is none. */
PGconn *pg_connect(const char *conninfo, const char *application,
                   struct err *e);

/* ---- pg_command.c ---- */

/* Sends one command: keep: extended protocol, its rows are kept. */
bool pg_start(struct pg *pg, const char *sql, const char *const *params, int n,
              bool keep, struct err *e);
/* Takes in what has come for the command in flight. */
void pg_absorb(struct pg *pg);

/* ---- pg_cancel.c ---- */

/* The next step of a cancel, now that the second connection may be ready. */
void pg_cancel_say(struct pg *pg);
/* The command's deadline, or the next step of a cancel, has come. */
void pg_overdue(struct pg *pg, int64_t now);

/* ---- pg_text.c ---- */

bool pg_say_lost(struct pg *pg, struct err *e);
bool pg_say_failed(struct pg *pg, struct err *e);
/* libpq calls it; keeps at most 64 KiB. */
void pg_keep_notice(void *pg, const PGresult *r);

#endif
