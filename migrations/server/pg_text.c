/* Words about failures, notices, and quoting. */
#include <stdlib.h>
#include <string.h>

#include "migrations/server/pg_intern.h"
#include "runner/base/escape.h"

#define NOTICES_LIMIT (64 * 1024)

void pg_keep_notice(void *arg, const PGresult *r)
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

bool pg_say_lost(struct pg *pg, struct err *e)
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

bool pg_say_failed(struct pg *pg, struct err *e)
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
