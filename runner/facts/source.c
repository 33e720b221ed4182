#include "runner/facts/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runner/base/child.h"
#include "runner/base/escape.h"
#include "runner/fleet/probe.h"

#define SOURCE_TIMEOUT_MS 10000

/* A kind of source: how to read one number of it. */
struct source_kind {
    const char *prefix;
    bool (*read)(struct subject *s, const char *rest, int64_t *value,
                 struct err *e);
};

static bool not_a_number(struct err *e, const char *text)
{
    err_what(e, ERR_FAILED, "the answer is not a whole number");
    err_why(e, "it was \"%.80s\"", text ? text : "(null)");
    return err_fix(e, "make the source print one number, zero or more");
}

/* Digits alone, blanks around them allowed. */
static bool whole_number(const char *text, int64_t *value)
{
    char *end;

    if (!text)
        return false;
    text += strspn(text, " \t\r\n");
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return errno == 0 && end[strspn(end, " \t\r\n")] == '\0';
}

static bool connected(struct subject *s, struct err *e)
{
    if (s->pg && pg_transaction(s->pg) != PG_LOST)
        return true;
    pg_close(s->pg);
    s->pg = NULL;
    if (!s->env->database) {
        err_what(e, ERR_CONFIG, "[environment %s] names no database",
                 s->env->name);
        err_why(e, "a fact of kind sql: is asked of that database");
        return err_fix(e, "add `database`, or use a command: source");
    }
    s->pg = pg_open(s->loop, s->env->database, "tidegate", 0, e);
    return s->pg != NULL;
}

static bool query(struct subject *s, const char *sql, struct pg_result *out,
                  struct err *e)
{
    struct pg_result ignored;
    struct err trouble = {0};

    if (!connected(s, e))
        return false;
    /* the policy's queries name tables as its authors do; ours do not */
    pg_deadline(s->pg, clock_mono() + SOURCE_TIMEOUT_MS);
    bool ok =
        pg_query(s->pg, s->arena, "RESET search_path", NULL, 0, &ignored, e) &&
        pg_query(s->pg, s->arena, sql, NULL, 0, out, e);

    if (!pg_query(s->pg, s->arena, "SET search_path = ''", NULL, 0, &ignored,
                  &trouble)) {
        pg_close(s->pg);
        s->pg = NULL;
    }
    if (s->pg)
        pg_deadline(s->pg, CLOCK_NEVER);
    return ok;
}

static bool read_sql(struct subject *s, const char *rest, int64_t *value,
                     struct err *e)
{
    struct pg_result r;

    if (!query(s, rest, &r, e))
        return false;
    if (r.rows != 1 || r.columns != 1) {
        err_what(e, ERR_FAILED, "the query gave %d rows of %d columns", r.rows,
                 r.columns);
        err_why(e, "one row of one column is the number");
        return err_fix(e, "correct the query in the policy");
    }
    return whole_number(r.cell[0][0], value) || not_a_number(e, r.cell[0][0]);
}

static bool run_command(struct subject *s, const char *rest, char **out,
                        struct err *e)
{
    char **words = command_words(s->arena, rest, e);
    struct child_spec spec = {
        .argv = (const char *const *)words,
        .folder = s->config->folder,
        .timeout_ms = SOURCE_TIMEOUT_MS,
    };
    struct child_result r;

    if (!words || !child_run(s->loop, s->arena, &spec, &r, e))
        return false;
    if (r.status != 0) {
        err_what(e, ERR_FAILED, "the command ended with %s %d",
                 r.signal ? "signal" : "status",
                 r.signal ? r.signal : r.status);
        err_why(e, "%s", r.timed_out ? "it took over 10 s" : r.err);
        return err_fix(e, "run it by hand: %s", rest);
    }
    *out = r.out;
    return true;
}

static bool read_command(struct subject *s, const char *rest, int64_t *value,
                         struct err *e)
{
    char *out = NULL;

    return run_command(s, rest, &out, e) &&
           (whole_number(out, value) || not_a_number(e, out));
}

static bool read_http(struct subject *s, const char *rest, int64_t *value,
                      struct err *e)
{
    const char *hash = strchr(rest, '#');
    char *url = arena_strndup(s->arena, rest,
                              hash ? (size_t)(hash - rest) : strlen(rest));
    int status;
    char *body;
    size_t len;

    if (!http_get(s->loop, s->arena, url, SOURCE_TIMEOUT_MS, &status, &body,
                  &len, e))
        return false;
    if (status != 200) {
        err_what(e, ERR_FAILED, "%s answered %d", url, status);
        err_why(e, "200 is the answer that counts");
        return err_fix(e, "correct the address in the policy");
    }
    if (!hash || hash[1] == '\0')
        return whole_number(body, value) || not_a_number(e, body);
    struct json *j = json_parse_foreign(body, len, e);

    if (!j)
        return false;
    *value = json_number(json_pointer(j, hash + 1), -1);
    json_free(j);
    return *value >= 0 || not_a_number(e, hash + 1);
}

/* One column of one row of HAProxy's CSV, or NULL. */
static char *csv_cell(struct arena *a, const char *row, int column)
{
    for (; column > 0; column--) {
        row += strcspn(row, ",\n");
        if (*row != ',')
            return NULL;
        row++;
    }
    return arena_strndup(a, row, strcspn(row, ",\n"));
}

static int csv_column(struct arena *a, const char *csv, const char *name)
{
    char *cell;

    csv += strspn(csv, "# ");
    for (int i = 0; (cell = csv_cell(a, csv, i)) != NULL; i++)
        if (strcmp(cell, name) == 0)
            return i;
    return -1;
}

static bool read_haproxy(struct subject *s, const char *rest, int64_t *value,
                         struct err *e)
{
    const char *slash = strrchr(rest, '/');
    char *csv;

    if (!slash)
        return not_a_number(e, rest);
    char *socket = arena_strndup(s->arena, rest, (size_t)(slash - rest));

    if (!haproxy_stat(s->loop, s->arena, socket, &csv, e))
        return false;
    int scur = csv_column(s->arena, csv, "scur");

    for (const char *row = csv; row && *row; row = strchr(row, '\n')) {
        row += *row == '\n';
        const char *backend = csv_cell(s->arena, row, 0);
        const char *server = csv_cell(s->arena, row, 1);

        if (backend && server && strcmp(backend, slash + 1) == 0 &&
            strcmp(server, "BACKEND") == 0)
            return whole_number(csv_cell(s->arena, row, scur), value) ||
                   not_a_number(e, row);
    }
    err_what(e, ERR_FAILED, "HAProxy has no backend %s", slash + 1);
    err_why(e, "\"show stat\" on %s does not list it", socket);
    return err_fix(e, "correct the source in the policy");
}

static const struct source_kind kinds[] = {
    {"sql:", read_sql},    {"command:", read_command}, {"http:", read_http},
    {"https:", read_http}, {"haproxy:", read_haproxy},
};

static const struct source_kind *kind_of(const char *text)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strncmp(text, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
            return &kinds[i];
    return NULL;
}

/* What follows the prefix; a URL keeps its scheme ("http:URL" drops ours). */
static const char *rest_of(const struct source_kind *kind, const char *text)
{
    const char *rest = text + strlen(kind->prefix);

    if (kind->read == read_http && strncmp(rest, "//", 2) == 0)
        return text;
    return rest + strspn(rest, " \t");
}

bool source_valid(const char *text, struct err *e)
{
    if (kind_of(text))
        return true;
    err_what(e, ERR_CONFIG, "\"%.60s\" is no source of facts", text);
    err_why(e, "it begins with none of sql:, command:, http:, haproxy:");
    return err_fix(e, "write, for example: sql: SELECT count(*) FROM session");
}

void source_read(struct subject *s, const char *text, struct fact *out)
{
    const struct source_kind *kind = kind_of(text);
    struct err e = {0};

    *out = (struct fact){.source = escape(s->arena, text), .at = clock_now()};
    if (kind ? kind->read(s, rest_of(kind, text), &out->value, &e)
             : source_valid(text, &e)) {
        out->is = FACT_KNOWN;
        return;
    }
    out->is = FACT_UNREADABLE;
    out->why = escape(s->arena, arena_printf(s->arena, "%s%s%s", e.what,
                                             *e.why ? ": " : "", e.why));
}

/* "2026-11-24T23:00:00Z" or seconds since 1970. */
static bool sample_instant(const char *text, int64_t *at)
{
    return clock_parse_rfc3339(text, at) || whole_number(text, at);
}

static int by_instant(const void *x, const void *y)
{
    const struct sample *a = x, *b = y;

    return (a->at > b->at) - (a->at < b->at);
}

/* Instants come out of PostgreSQL as seconds, whatever type and zone. */
static bool samples_sql(struct subject *s, const char *rest,
                        struct sample **list, size_t *n, struct err *e)
{
    struct pg_result r;
    size_t len = strlen(rest);

    while (len > 0 && strchr("; \t\r\n", rest[len - 1]))
        len--;
    char *sql = arena_printf(
        s->arena,
        "SELECT extract(epoch FROM q.at)::bigint, q.users::bigint FROM "
        "(%.*s) AS q (at, users) ORDER BY 1",
        (int)len, rest);

    if (!query(s, sql, &r, e))
        return false;
    *list = arena_array(s->arena, (size_t)r.rows, sizeof **list);
    *n = (size_t)r.rows;
    for (int i = 0; i < r.rows; i++)
        if (!whole_number(r.cell[i][0], &(*list)[i].at) ||
            !whole_number(r.cell[i][1], &(*list)[i].users))
            return not_a_number(e, r.cell[i][1]);
    return true;
}

static bool samples_command(struct subject *s, const char *rest,
                            struct sample **list, size_t *n, struct err *e)
{
    char *out, *line, *next;
    size_t cap = 0;

    if (!run_command(s, rest, &out, e))
        return false;
    for (line = out; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        char *blank = strpbrk(line, " \t");

        if (*n == cap) {
            cap = cap ? 2 * cap : 256;
            *list = arena_grow(s->arena, *list, *n, cap, sizeof **list);
        }
        if (!blank)
            return not_a_number(e, line);
        *blank++ = '\0';
        if (!sample_instant(line, &(*list)[*n].at) ||
            !whole_number(blank, &(*list)[*n].users))
            return not_a_number(e, blank);
        (*n)++;
    }
    if (*n > 0)
        qsort(*list, *n, sizeof **list, by_instant);
    return true;
}

static bool not_history(const char *text, struct err *e)
{
    err_what(e, ERR_CONFIG, "the users of past weeks cannot be read");
    err_why(e, "history comes from sql: or command:, not from %s", text);
    return err_fix(e, "correct `history` in [users]");
}

bool source_samples(struct subject *s, const char *text, struct sample **list,
                    size_t *n, const char **why)
{
    const struct source_kind *kind = kind_of(text);
    struct err e = {0};
    bool ok = false;

    *list = NULL;
    *n = 0;
    if (kind && kind->read == read_sql)
        ok = samples_sql(s, rest_of(kind, text), list, n, &e);
    else if (kind && kind->read == read_command)
        ok = samples_command(s, rest_of(kind, text), list, n, &e);
    else
        not_history(text, &e);
    if (!ok)
        *why =
            escape(s->arena, arena_printf(s->arena, "%s: %s", e.what, e.why));
    return ok;
}
