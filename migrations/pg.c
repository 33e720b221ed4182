#include "migrations/pg.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "runner/base/buf.h"
#include "runner/base/escape.h"

#define CONNECT_MS    10000
#define NOTICES_LIMIT (64 * 1024)
#define COPY_CHUNK    (64 * 1024)

/* After a cancel: when the backend is terminated, when we hang up. */
#define TERMINATE_AFTER_MS 2000
#define HANG_UP_AFTER_MS   5000

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
    int64_t sent, ms, deadline;
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

static void pg_step(struct source *s, short revents, int64_t now);

/* ---- connecting ---- */

static bool is_local(const char *host)
{
    return !host || !*host || *host == '/' || *host == '@' ||
           strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "::1") == 0;
}

static const char *option_value(const PQconninfoOption *o, const char *keyword)
{
    for (; o->keyword; o++)
        if (strcmp(o->keyword, keyword) == 0)
            return o->val && *o->val ? o->val : NULL;
    return NULL;
}

static PQconninfoOption *parse_conninfo(const char *conninfo, struct err *e)
{
    char *message = NULL;
    PQconninfoOption *o = PQconninfoParse(conninfo, &message);

    if (!o) {
        struct arena a;
        arena_init(&a);
        err_what(e, ERR_CONFIG, "a connection text cannot be read");
        err_why(e, "%s", redact(&a, message ? message : "out of memory"));
        err_fix(e, "write it as libpq does: service=NAME, or "
                   "host=... dbname=... user=...");
        arena_release(&a);
    }
    PQfreemem(message);
    return o;
}

/* What we say where the conninfo is silent. A dead peer is noticed in 15 s. */
static const char *const defaults[][2] = {
    {"keepalives_idle", "5"},
    {"keepalives_interval", "5"},
    {"keepalives_count", "2"},
    {"tcp_user_timeout", "15000"},
};
#define DEFAULTS (sizeof defaults / sizeof *defaults)

static PGconn *connect_with(const PQconninfoOption *o, const char *application,
                            const char *sslmode)
{
    const char *keywords[80], *values[80];
    size_t n = 0;

    for (const PQconninfoOption *p = o; p->keyword && n < 64; p++) {
        if (!p->val || strcmp(p->keyword, "application_name") == 0 ||
            strcmp(p->keyword, "client_encoding") == 0)
            continue;
        keywords[n] = p->keyword;
        values[n++] = p->val;
    }
    for (size_t i = 0; i < DEFAULTS; i++) {
        if (option_value(o, defaults[i][0]))
            continue;
        keywords[n] = defaults[i][0];
        values[n++] = defaults[i][1];
    }
    keywords[n] = "application_name";
    values[n++] = application;
    keywords[n] = "client_encoding";
    values[n++] = "UTF8";
    if (sslmode) {
        keywords[n] = "sslmode";
        values[n++] = sslmode;
    }
    keywords[n] = NULL;
    values[n] = NULL;
    return PQconnectStartParams(keywords, values, 0);
}

/* A service's own sslmode shows only once libpq has read the service, so the
 * first start asks; nothing has been sent by then. */
static bool wants_verify(PGconn *conn, const PQconninfoOption *given)
{
    PQconninfoOption *o;
    const char *mode;
    bool wants;

    if (option_value(given, "sslmode") || PQstatus(conn) == CONNECTION_BAD ||
        is_local(PQhost(conn)))
        return false;
    o = PQconninfo(conn);
    mode = o ? option_value(o, "sslmode") : NULL;
    wants = mode && strcmp(mode, "prefer") == 0; /* libpq's default */
    PQconninfoFree(o);
    return wants;
}

static void keep_notice(void *arg, const PGresult *r)
{
    struct pg *pg = arg;
    const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY);
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    size_t room = NOTICES_LIMIT - pg->notices.len, len;

    text = text ? text : "";
    severity = severity ? severity : "NOTICE";
    len = strlen(severity) + strlen(text) + 3;
    if (pg->notices_cut)
        return;
    if (len + 32 > room) {
        pg->notices_cut = true;
        buf_str(&pg->notices, "(further notices cut)\n");
        return;
    }
    buf_printf(&pg->notices, "%s: %s\n", severity, text);
}

/* Begins to connect; NULL only for a text that is no conninfo. The answer
 * comes through the loop: state leaves PG_STATE_CONNECTING. */
static struct pg *pg_begin(struct loop *l, const char *conninfo,
                           const char *application, struct err *e)
{
    PQconninfoOption *o = parse_conninfo(conninfo, e);
    struct pg *pg;

    if (!o)
        return NULL;
    pg = must_malloc(sizeof *pg);
    *pg = (struct pg){.loop = l, .deadline = CLOCK_NEVER};
    pg->conninfo = must_malloc(strlen(conninfo) + 1);
    memcpy(pg->conninfo, conninfo, strlen(conninfo) + 1);
    buf_init(&pg->notices);
    pg->conn = connect_with(o, application, NULL);
    if (pg->conn && wants_verify(pg->conn, o)) {
        PQfinish(pg->conn);
        pg->conn = connect_with(o, application, "verify-full");
    }
    PQconninfoFree(o);
    if (!pg->conn)
        BUG("out of memory");
    snprintf(pg->name, sizeof pg->name, "%s on %s:%s",
             PQdb(pg->conn) ? PQdb(pg->conn) : "?",
             PQhost(pg->conn) ? PQhost(pg->conn) : "?",
             PQport(pg->conn) ? PQport(pg->conn) : "?");
    PQsetNoticeReceiver(pg->conn, keep_notice, pg);
    pg->source = (struct source){.fd = PQsocket(pg->conn),
                                 .events = POLLOUT,
                                 .deadline = CLOCK_NEVER,
                                 .step = pg_step,
                                 .ctx = pg};
    pg->state = PQstatus(pg->conn) == CONNECTION_BAD ? PG_STATE_GONE
                                                     : PG_STATE_CONNECTING;
    loop_add(l, &pg->source);
    return pg;
}

static void pg_gone(struct pg *pg)
{
    pg->state = PG_STATE_GONE;
    pg->failure = (struct pg_failure){.lost = true};
    pg->ms = clock_mono() - pg->sent;
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

/* ---- cancelling: pg_cancel_backend on a connection of its own, because
 * PQcancel blocks without a timeout ---- */

static void cancel_say(struct pg *pg)
{
    struct pg *h = pg->helper;
    char sql[96];
    struct err ignored;

    if (!h || h->state != PG_STATE_READY || pg->state != PG_STATE_RUNNING)
        return; /* the command has ended by itself: nothing to cancel */
    snprintf(sql, sizeof sql, "SELECT pg_catalog.%s(%d)",
             pg->cancel == CANCEL_TERMINATE ? "pg_terminate_backend"
                                            : "pg_cancel_backend",
             PQbackendPID(pg->conn));
    pg_send(h, sql, &ignored);
}

static void cancel_begin(struct pg *pg, int64_t now)
{
    struct err ignored;

    pg->cancel = CANCEL_ASKED;
    pg->cancel_at = now;
    pg->source.deadline = now + TERMINATE_AFTER_MS;
    pg->helper = pg_begin(pg->loop, pg->conninfo, "tidegate:cancel", &ignored);
    if (pg->helper)
        pg->helper->owner = pg;
}

/* The command's deadline, or the next step of a cancel that is under way. */
static void pg_overdue(struct pg *pg, int64_t now)
{
    if (pg->cancel == CANCEL_NONE) {
        pg->overdue = true;
        cancel_begin(pg, now);
    } else if (now < pg->cancel_at + HANG_UP_AFTER_MS) {
        pg->cancel = CANCEL_TERMINATE;
        pg->source.deadline = pg->cancel_at + HANG_UP_AFTER_MS;
        if (pg->helper && pg->helper->state == PG_STATE_ANSWERED)
            pg->helper->state = PG_STATE_READY;
        cancel_say(pg);
    } else {
        /* client_connection_check_interval ends the backend */
        shutdown(PQsocket(pg->conn), SHUT_RDWR);
        pg_gone(pg);
    }
}

void pg_cancel(struct pg *pg)
{
    if (pg->state == PG_STATE_RUNNING && pg->cancel == CANCEL_NONE)
        cancel_begin(pg, clock_mono());
}

/* ---- one command in flight ---- */

static void pg_done(struct pg *pg)
{
    if (PQstatus(pg->conn) == CONNECTION_BAD) {
        pg_gone(pg);
        return;
    }
    pg->ms = clock_mono() - pg->sent;
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

static void pg_absorb(struct pg *pg)
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

static void pg_step(struct source *s, short revents, int64_t now)
{
    struct pg *pg = s->ctx;

    if (pg->state == PG_STATE_CONNECTING) {
        if (revents)
            connect_turn(pg);
        if (pg->owner)
            cancel_say(pg->owner);
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

static bool say_lost(struct pg *pg, struct err *e)
{
    struct arena a;
    const char *text =
        pg->bad ? PQresultErrorMessage(pg->bad) : PQerrorMessage(pg->conn);

    arena_init(&a);
    err_what(e, ERR_UNREACHABLE, "the connection to %s was lost", pg->name);
    err_why(e, "%s",
            text && *text ? redact(&a, text) : "it was closed by our side");
    arena_release(&a);
    return err_fix(e, "see what stands there once it answers again: "
                      "tidegate status");
}

static bool pg_start(struct pg *pg, const char *sql, const char *const *params,
                     int n, bool keep, struct err *e)
{
    int sent;

    if (pg->state == PG_STATE_GONE)
        return say_lost(pg, e);
    if (pg->state != PG_STATE_READY)
        BUG("a second command on one connection: %s", pg->name);
    PQclear(pg->good);
    PQclear(pg->bad);
    pg->good = pg->bad = NULL;
    pg->rows = 0;
    pg->overdue = pg->copying = false;
    pg->failure = (struct pg_failure){0};
    pg->sent = clock_mono();
    if (params || n || keep)
        sent = PQsendQueryParams(pg->conn, sql, n, NULL, params, NULL, NULL, 0);
    else
        sent = PQsendQuery(pg->conn, sql) && PQsetSingleRowMode(pg->conn);
    if (!sent) {
        pg_gone(pg);
        return say_lost(pg, e);
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

/* A cancel that is on its way would hit the next command: its answer is
 * waited for as well. */
bool pg_busy(const struct pg *pg)
{
    const struct pg *h = pg->helper;

    return pg->state == PG_STATE_RUNNING || (pg->state == PG_STATE_ANSWERED &&
                                             h && h->state == PG_STATE_RUNNING);
}

/* What to do about an error, by SQLSTATE or its class. */
static const struct {
    const char *state, *fix;
} fixes[] = {
    {"42501", "give the role that right, or connect as another one"},
    {"55P03", "somebody holds the lock: see pg_locks, then run it again"},
    {"40P01", "run it again; take locks in one order everywhere"},
    {"57014", "it was cancelled: run it again, with more time if need be"},
    {"53300", "close connections, or raise max_connections"},
    {"53100", "make room on the database server's disk"},
    {"53", "the server lacks a resource: see its log"},
    {"23", "the data does not allow it: correct the data or the statement"},
    {"42", "correct the statement"},
    {"", "see the server's message above and its log"},
};

static const char *fix_of(const char *sqlstate)
{
    size_t i = 0;

    while (strncmp(sqlstate, fixes[i].state, strlen(fixes[i].state)) != 0)
        i++;
    return fixes[i].fix;
}

static bool say_failed(struct pg *pg, struct err *e)
{
    const char *state = PQresultErrorField(pg->bad, PG_DIAG_SQLSTATE);
    const char *at = PQresultErrorField(pg->bad, PG_DIAG_STATEMENT_POSITION);
    const char *text = PQresultErrorField(pg->bad, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(pg->bad, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = PQresultErrorField(pg->bad, PG_DIAG_MESSAGE_HINT);

    state = state ? state : "";
    snprintf(pg->failure.sqlstate, sizeof pg->failure.sqlstate, "%s", state);
    pg->failure.position = at ? (int)strtol(at, NULL, 10) : 0;
    err_what(e, ERR_FAILED, "the database %s refused a command", pg->name);
    err_why(e, "%s (SQLSTATE %s)%s%s%s", text ? text : "no message", state,
            detail ? "; " : "", detail ? detail : "",
            pg->overdue ? "; our deadline had passed" : "");
    return err_fix(e, "%s", hint ? hint : fix_of(state));
}

static void fill(struct pg *pg, struct arena *a, struct pg_result *out)
{
    PGresult *r = pg->good;
    const char *count = r ? PQcmdTuples(r) : "";

    *out = (struct pg_result){.ms = pg->ms, .affected = -1, .tag = ""};
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
    *out = (struct pg_result){.ms = pg->ms, .affected = -1, .tag = ""};
    if (pg->state == PG_STATE_GONE)
        return say_lost(pg, e);
    pg->state = PG_STATE_READY;
    ok = !pg->bad;
    if (ok)
        fill(pg, a, out);
    else
        say_failed(pg, e);
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
    bool ok;

    pg->data = data ? data : "";
    pg->data_len = len;
    pg->data_at = 0;
    ok = pg_run(pg, a, sql, out, e);
    pg->data = NULL;
    return ok;
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

/* ---- asking and quoting ---- */

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

/* Invalid UTF-8 is escaped first: then quoting cannot fail. */
static char *quoted(struct pg *pg, struct arena *a, const char *text,
                    char *(*quote)(PGconn *, const char *, size_t))
{
    char *q = quote(pg->conn, text, strlen(text)), *out;

    if (!q) {
        text = escape(a, text);
        q = quote(pg->conn, text, strlen(text));
    }
    if (!q)
        BUG("cannot quote: %s", PQerrorMessage(pg->conn));
    out = arena_strdup(a, q);
    PQfreemem(q);
    return out;
}

char *pg_identifier(struct pg *pg, struct arena *a, const char *name)
{
    return quoted(pg, a, name, PQescapeIdentifier);
}

char *pg_literal(struct pg *pg, struct arena *a, const char *text)
{
    return quoted(pg, a, text, PQescapeLiteral);
}

char *pg_notices(struct pg *pg, struct arena *a)
{
    char *out = arena_strndup(a, pg->notices.data, pg->notices.len);

    buf_clear(&pg->notices);
    pg->notices_cut = false;
    return out;
}

static void add_setting(struct buf *b, const char *keyword, const char *value)
{
    buf_printf(b, "%s%s='", b->len ? " " : "", keyword);
    for (; *value; value++) {
        if (*value == '\'' || *value == '\\')
            buf_char(b, '\\');
        buf_char(b, *value);
    }
    buf_char(b, '\'');
}

char *pg_conninfo_with(struct arena *a, const char *conninfo,
                       const char *keyword, const char *value, struct err *e)
{
    PQconninfoOption *o = parse_conninfo(conninfo, e);
    struct buf b;

    if (!o)
        return NULL;
    buf_init(&b);
    for (PQconninfoOption *p = o; p->keyword; p++)
        if (p->val && strcmp(p->keyword, keyword) != 0)
            add_setting(&b, p->keyword, p->val);
    if (value)
        add_setting(&b, keyword, value);
    PQconninfoFree(o);
    return buf_into(&b, a);
}

const char *pg_library_version(struct arena *a)
{
    int v = PQlibVersion();

    return arena_printf(a, "libpq %d.%d", v / 10000, v % 10000);
}
