/* Connection texts: what they say, and what we say where they are silent. */
#include <string.h>

#include "migrations/server/pg_intern.h"
#include "runner/base/escape.h"

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

PGconn *pg_connect(const char *conninfo, const char *application, struct err *e)
{
    PQconninfoOption *o = parse_conninfo(conninfo, e);
    PGconn *conn;

    if (!o)
        return NULL;
    conn = connect_with(o, application, NULL);
    if (conn && wants_verify(conn, o)) {
        PQfinish(conn);
        conn = connect_with(o, application, "verify-full");
    }
    PQconninfoFree(o);
    if (!conn)
        BUG("out of memory");
    return conn;
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
