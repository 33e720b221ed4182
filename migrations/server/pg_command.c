/* One command in flight: sent, fed, taken in, answered. */
#include <poll.h>
#include <stdlib.h>

#include "migrations/server/pg_intern.h"

#define COPY_CHUNK (64 * 1024)

static void pg_done(struct pg *pg)
{
    if (PQstatus(pg->conn) == CONNECTION_BAD) {
        pg_gone(pg);
        return;
    }
    pg->us = clock_mono_us() - pg->sent;
    pg->state = PG_STATE_ANSWERED;
    pg->source.deadline = CLOCK_NEVER;
    pg->source.events = POLLIN;
}

static void pg_flush(struct pg *pg)
{
    int left = PQflush(pg->conn);

    if (left < 0)
        pg_gone(pg);
    else
        pg->source.events = left ? POLLIN | POLLOUT : POLLIN;
}

/* Feeds COPY data; false: the rest when the socket has room. */
static bool copy_feed(struct pg *pg)
{
    int put;

    while (pg->data && pg->data_at < pg->data_len) {
        size_t n = pg->data_len - pg->data_at;
        n = n > COPY_CHUNK ? COPY_CHUNK : n;
        put = PQputCopyData(pg->conn, pg->data + pg->data_at, (int)n);
        if (put == 0)
            return false;
        if (put < 0)
            break;
        pg->data_at += n;
    }
    put = PQputCopyEnd(pg->conn,
                       pg->data ? NULL : "no data comes with this statement");
    if (put == 0)
        return false;
    pg->copying = false;
    return true;
}

/* Throws COPY TO STDOUT away; false: more must come first. */
static bool copy_drain(struct pg *pg)
{
    char *line = NULL;
    int got;

    while ((got = PQgetCopyData(pg->conn, &line, 1)) > 0) {
        PQfreemem(line);
        pg->rows++;
    }
    return got < 0;
}

/* One result kept, counted or thrown away; false: wait for the socket. */
static bool keep_result(struct pg *pg, PGresult *r)
{
    switch (PQresultStatus(r)) {
    case PGRES_COPY_IN:
        PQclear(r);
        pg->copying = true;
        return copy_feed(pg);
    case PGRES_COPY_OUT:
        PQclear(r);
        return copy_drain(pg);
    case PGRES_SINGLE_TUPLE:
        PQclear(r);
        pg->rows++;
        return true;
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
        PQclear(pg->good);
        pg->good = r;
        return true;
    default:
        if (pg->bad)
            PQclear(r); /* the first one says why */
        else
            pg->bad = r;
        return PQstatus(pg->conn) != CONNECTION_BAD;
    }
}

void pg_absorb(struct pg *pg)
{
    if (pg->copying && !copy_feed(pg)) {
        pg_flush(pg);
        return;
    }
    while (pg->state == PG_STATE_RUNNING && !PQisBusy(pg->conn)) {
        PGresult *r = PQgetResult(pg->conn);
        if (!r) {
            pg_done(pg);
            return;
        }
        if (!keep_result(pg, r))
            break;
    }
    if (pg->state != PG_STATE_RUNNING)
        return;
    if (PQstatus(pg->conn) == CONNECTION_BAD)
        pg_gone(pg);
    else
        pg_flush(pg);
}

bool pg_start(struct pg *pg, const char *sql, const char *const *params, int n,
              bool keep, struct err *e)
{
    int sent;

    if (pg->state == PG_STATE_GONE)
        return pg_say_lost(pg, e);
    if (pg->state != PG_STATE_READY)
        BUG("a second command on one connection: %s", pg->name);
    PQclear(pg->good);
    PQclear(pg->bad);
    pg->good = pg->bad = NULL;
    pg->rows = 0;
    pg->overdue = pg->copying = false;
    pg->failure = (struct pg_failure){0};
    pg->sent = clock_mono_us();
    if (params || n || keep)
        sent = PQsendQueryParams(pg->conn, sql, n, NULL, params, NULL, NULL, 0);
    else
        sent = PQsendQuery(pg->conn, sql) && PQsetSingleRowMode(pg->conn);
    if (!sent) {
        pg_gone(pg);
        return pg_say_lost(pg, e);
    }
    pg->state = PG_STATE_RUNNING;
    pg->source.deadline = pg->deadline;
    pg_flush(pg);
    return true;
}

static void pg_wait(struct pg *pg)
{
    while (pg_busy(pg))
        loop_turn(pg->loop, CLOCK_NEVER);
}

bool pg_send(struct pg *pg, const char *sql, struct err *e)
{
    return pg_start(pg, sql, NULL, 0, true, e);
}

bool pg_send_run(struct pg *pg, const char *sql, struct err *e)
{
    return pg_start(pg, sql, NULL, 0, false, e);
}

bool pg_send_copy(struct pg *pg, const char *sql, const char *data, size_t len,
                  struct err *e)
{
    pg->data = data;
    pg->data_len = len;
    pg->data_at = 0;
    return pg_start(pg, sql, NULL, 0, false, e);
}

/* A cancel that is on its way would hit the next command: its answer is
 * waited for as well. */
bool pg_busy(const struct pg *pg)
{
    const struct pg *h = pg->helper;

    return pg->state == PG_STATE_RUNNING || (pg->state == PG_STATE_ANSWERED &&
                                             h && h->state == PG_STATE_RUNNING);
}

static void fill(struct pg *pg, struct arena *a, struct pg_result *out)
{
    PGresult *r = pg->good;
    const char *count = r ? PQcmdTuples(r) : "";

    *out = (struct pg_result){
        .us = pg->us, .ms = pg->us / 1000, .affected = -1, .tag = ""};
    if (!r)
        return;
    out->tag = arena_strdup(a, PQcmdStatus(r));
    out->affected = *count ? strtoll(count, NULL, 10) : -1;
    if (pg->rows && out->affected < 0)
        out->affected = pg->rows;
    out->rows = PQntuples(r);
    out->columns = PQnfields(r);
    out->cell = arena_array(a, (size_t)out->rows, sizeof *out->cell);
    for (int i = 0; i < out->rows; i++) {
        out->cell[i] = arena_array(a, (size_t)out->columns, sizeof **out->cell);
        for (int j = 0; j < out->columns; j++)
            if (!PQgetisnull(r, i, j))
                out->cell[i][j] = arena_strndup(a, PQgetvalue(r, i, j),
                                                (size_t)PQgetlength(r, i, j));
    }
}

bool pg_take(struct pg *pg, struct arena *a, struct pg_result *out,
             struct err *e)
{
    bool ok;

    if (pg_busy(pg))
        BUG("no answer yet on %s", pg->name);
    pg_close(pg->helper);
    pg->helper = NULL;
    pg->cancel = CANCEL_NONE;
    pg->data = NULL;
    *out = (struct pg_result){
        .us = pg->us, .ms = pg->us / 1000, .affected = -1, .tag = ""};
    if (pg->state == PG_STATE_GONE)
        return pg_say_lost(pg, e);
    pg->state = PG_STATE_READY;
    ok = !pg->bad;
    if (ok)
        fill(pg, a, out);
    else
        pg_say_failed(pg, e);
    PQclear(pg->good);
    PQclear(pg->bad);
    pg->good = pg->bad = NULL;
    return ok;
}

bool pg_query(struct pg *pg, struct arena *a, const char *sql,
              const char *const *params, int n, struct pg_result *out,
              struct err *e)
{
    if (!pg_start(pg, sql, params, n, true, e))
        return false;
    pg_wait(pg);
    return pg_take(pg, a, out, e);
}

bool pg_run(struct pg *pg, struct arena *a, const char *sql,
            struct pg_result *out, struct err *e)
{
    if (!pg_start(pg, sql, NULL, 0, false, e))
        return false;
    pg_wait(pg);
    return pg_take(pg, a, out, e);
}

bool pg_copy_in(struct pg *pg, struct arena *a, const char *sql,
                const char *data, size_t len, struct pg_result *out,
                struct err *e)
{
    if (!pg_send_copy(pg, sql, data ? data : "", len, e))
        return false;
    pg_wait(pg);
    return pg_take(pg, a, out, e);
}

const struct pg_failure *pg_failed(const struct pg *pg)
{
    return &pg->failure;
}

void pg_deadline(struct pg *pg, int64_t deadline)
{
    pg->deadline = deadline;
    if (pg->state == PG_STATE_RUNNING && pg->cancel == CANCEL_NONE)
        pg->source.deadline = deadline;
}
