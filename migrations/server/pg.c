#include "migrations/server/pg.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "migrations/server/pg_intern.h"
#include "runner/base/escape.h"

#define CONNECT_MS 10000

void pg_gone(struct pg *pg)
{
    pg->state = PG_STATE_GONE;
    pg->failure = (struct pg_failure){.lost = true};
    pg->us = clock_mono_us() - pg->sent;
    pg->source.fd = -1;
    pg->source.deadline = CLOCK_NEVER;
}

static void connect_turn(struct pg *pg)
{
    switch (PQconnectPoll(pg->conn)) {
    case PGRES_POLLING_READING:
        pg->source.events = POLLIN;
        break;
    case PGRES_POLLING_WRITING:
        pg->source.events = POLLOUT;
        break;
    case PGRES_POLLING_OK:
        pg->source.events = POLLIN;
        PQsetnonblocking(pg->conn, 1);
        pg->state = PG_STATE_READY;
        break;
    default:
        pg_gone(pg);
        return;
    }
    pg->source.fd = PQsocket(pg->conn); /* another one for each address */
}

static void pg_step(struct source *s, short revents, int64_t now)
{
    struct pg *pg = s->ctx;

    if (pg->state == PG_STATE_CONNECTING) {
        if (revents)
            connect_turn(pg);
        if (pg->owner)
            pg_cancel_say(pg->owner);
        return;
    }
    if (pg->state == PG_STATE_GONE)
        return;
    if (revents && !PQconsumeInput(pg->conn) && pg->state != PG_STATE_RUNNING)
        pg_gone(pg);
    if (pg->state == PG_STATE_RUNNING && revents)
        pg_absorb(pg);
    if (pg->state == PG_STATE_RUNNING && now >= s->deadline)
        pg_overdue(pg, now);
}

/* A connection text that libpq could not read (a service that is not there)
 * names itself. */
static void name_it(struct pg *pg)
{
    const char *db = PQdb(pg->conn), *host = PQhost(pg->conn);

    if (db && *db && host && *host)
        snprintf(pg->name, sizeof pg->name, "%s on %s:%s", db, host,
                 PQport(pg->conn) ? PQport(pg->conn) : "?");
    else
        snprintf(pg->name, sizeof pg->name, "%s", pg->conninfo);
}

struct pg *pg_begin(struct loop *l, const char *conninfo,
                    const char *application, struct err *e)
{
    PGconn *conn = pg_connect(conninfo, application, e);
    struct pg *pg;

    if (!conn)
        return NULL;
    pg = must_malloc(sizeof *pg);
    *pg = (struct pg){.loop = l, .conn = conn, .deadline = CLOCK_NEVER};
    pg->conninfo = must_malloc(strlen(conninfo) + 1);
    memcpy(pg->conninfo, conninfo, strlen(conninfo) + 1);
    buf_init(&pg->notices);
    name_it(pg);
    PQsetNoticeReceiver(conn, pg_keep_notice, pg);
    pg->source = (struct source){.fd = PQsocket(conn),
                                 .events = POLLOUT,
                                 .deadline = CLOCK_NEVER,
                                 .step = pg_step,
                                 .ctx = pg};
    pg->state =
        PQstatus(conn) == CONNECTION_BAD ? PG_STATE_GONE : PG_STATE_CONNECTING;
    loop_add(l, &pg->source);
    return pg;
}

static bool connect_ended(void *arg)
{
    return ((struct pg *)arg)->state != PG_STATE_CONNECTING;
}

static bool connect_failed(struct pg *pg, bool stopped, struct err *e)
{
    struct arena a;

    if (stopped) {
        err_what(e, ERR_INTERRUPTED, "interrupted while connecting to %s",
                 pg->name);
        err_why(e, "a signal asked us to stop");
        return err_fix(e, "run the command again");
    }
    arena_init(&a);
    err_what(e, ERR_UNREACHABLE, "cannot reach database %s", pg->name);
    if (pg->state == PG_STATE_CONNECTING)
        err_why(e, "no answer in time");
    else
        err_why(e, "%s", redact(&a, PQerrorMessage(pg->conn)));
    arena_release(&a);
    return err_fix(e, "start the server, or correct the connection text, "
                      "then run: tidegate doctor");
}

/* search_path empty: no function of a user's schema can stand in for one of
 * PostgreSQL's (CVE-2018-1058). A backend whose client died looks for that
 * every 500 ms; servers that cannot (before 14, not Linux) do without. */
static bool settle(struct pg *pg, struct err *e)
{
    struct arena a;
    struct pg_result r;
    struct err ignored;
    bool ok;

    arena_init(&a);
    ok = pg_query(pg, &a,
                  "SELECT pg_catalog.set_config('search_path', '', false), "
                  "pg_catalog.set_config('standard_conforming_strings', "
                  "'on', false)",
                  NULL, 0, &r, e);
    if (ok && pg_server_version(pg) >= 140000)
        pg_query(pg, &a,
                 "SELECT pg_catalog.set_config("
                 "'client_connection_check_interval', '500ms', false)",
                 NULL, 0, &r, &ignored);
    arena_release(&a);
    return ok;
}

struct pg *pg_open(struct loop *l, const char *conninfo,
                   const char *application, int64_t timeout_ms, struct err *e)
{
    struct pg *pg = pg_begin(l, conninfo, application, e);
    int64_t deadline = clock_mono() + (timeout_ms ? timeout_ms : CONNECT_MS);
    int stops = loop_stops(l);
    bool ok;

    if (!pg)
        return NULL;
    loop_until(l, connect_ended, pg, deadline);
    if (pg->state == PG_STATE_READY) {
        pg->deadline = deadline;
        ok = settle(pg, e);
        pg->deadline = CLOCK_NEVER;
    } else {
        ok = connect_failed(pg, loop_stops(l) != stops, e);
    }
    if (ok)
        return pg;
    pg_close(pg);
    return NULL;
}

void pg_close(struct pg *pg)
{
    if (!pg)
        return;
    pg_close(pg->helper);
    loop_remove(pg->loop, &pg->source);
    PQclear(pg->good);
    PQclear(pg->bad);
    PQfinish(pg->conn);
    buf_release(&pg->notices);
    free(pg->conninfo);
    free(pg);
}

enum pg_transaction pg_transaction(const struct pg *pg)
{
    static const enum pg_transaction of[] = {
        [PQTRANS_IDLE] = PG_IDLE,
        [PQTRANS_ACTIVE] = PG_ACTIVE,
        [PQTRANS_INTRANS] = PG_IN_TRANSACTION,
        [PQTRANS_INERROR] = PG_IN_ERROR,
        [PQTRANS_UNKNOWN] = PG_LOST,
    };

    return pg->state == PG_STATE_GONE ? PG_LOST
                                      : of[PQtransactionStatus(pg->conn)];
}

int pg_backend_pid(const struct pg *pg)
{
    return PQbackendPID(pg->conn);
}

int pg_server_version(const struct pg *pg)
{
    return PQserverVersion(pg->conn);
}

const char *pg_name(const struct pg *pg)
{
    return pg->name;
}

const char *pg_library_version(struct arena *a)
{
    int v = PQlibVersion();

    return arena_printf(a, "libpq %d.%d", v / 10000, v % 10000);
}
