#include "migrations/rehearse/trace_left.h"

#include <stdlib.h>
#include <string.h>

#include "migrations/state/index.h"
#include "runner/base/escape.h"

/* The sizes in what the server told since the last time:
 * LOG: temporary file: path "base/pgsql_tmp/pgsql_tmp7.0", size 24576 */
int64_t left_temp_told(struct trace *t)
{
    static const char begin_of[] = "temporary file: path ", size[] = ", size ";
    struct arena scratch;
    const char *at, *end;
    int64_t sum = 0;

    if (!t->tells_temp)
        return -1;
    arena_init(&scratch);
    at = pg_notices(t->work, &scratch);
    while ((at = strstr(at, begin_of))) {
        end = at + strcspn(at, "\n");
        at = strstr(at, size);
        if (!at || at > end)
            break;
        sum += strtoll(at + strlen(size), NULL, 10);
    }
    arena_release(&scratch);
    return sum;
}

const char *left_flush(const struct trace *t)
{
    return pg_server_version(t->work) >= 150000
               ? "SELECT pg_catalog.pg_stat_force_next_flush()"
               : "SELECT";
}

static bool database_temp(struct trace *t, int64_t *out, struct err *e)
{
    struct pg_result got;

    *out = -1;
    if (t->tells_temp || pg_server_version(t->work) < 150000)
        return true;
    if (!pg_query(t->work, t->arena,
                  "SELECT temp_bytes FROM pg_catalog.pg_stat_database "
                  "WHERE datname = pg_catalog.current_database()",
                  NULL, 0, &got, e))
        return false;
    *out = got.rows == 1 ? strtoll(got.cell[0][0], NULL, 10) : -1;
    return true;
}

bool left_begin(struct trace *t, struct err *e)
{
    struct pg_result ignored;

    left_temp_told(t);
    if (t->tells_temp || t->temp < 0)
        return true;
    return pg_run(t->watch, t->arena, left_flush(t), &ignored, e) &&
           pg_run(t->work, t->arena, left_flush(t), &ignored, e) &&
           database_temp(t, &t->temp, e);
}

static bool take_temp(struct trace *t, struct traced_script *out, struct err *e)
{
    int64_t now;

    out->temp_bytes = 0;
    for (size_t i = 0; t->tells_temp && i < out->n; i++)
        out->temp_bytes += out->statements[i].temp_bytes;
    if (t->tells_temp)
        return true;
    if (!database_temp(t, &now, e))
        return false;
    out->temp_bytes = now < 0 || t->temp < 0 ? -1 : now - t->temp;
    t->temp = now;
    if (out->n == 1)
        out->statements[0].temp_bytes = out->temp_bytes;
    return true;
}

static bool is_known_invalid(const struct trace *t, uint32_t oid)
{
    for (size_t i = 0; i < t->n_invalid; i++)
        if (t->invalid[i] == oid)
            return true;
    return false;
}

/* Adds those that were not known to names. A partitioned index is so until the
 * last of its parts is attached. */
static bool new_invalid(struct trace *t, const char ***names, size_t *n,
                        struct err *e)
{
    struct pg_result got;

    if (!pg_query(t->work, t->arena,
                  "SELECT i.indexrelid, pg_catalog.format('%I.%I on %I.%I', "
                  "n.nspname, c.relname, tn.nspname, tc.relname) "
                  "FROM pg_catalog.pg_index i "
                  "JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid "
                  "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                  "JOIN pg_catalog.pg_class tc ON tc.oid = i.indrelid "
                  "JOIN pg_catalog.pg_namespace tn ON tn.oid = tc.relnamespace "
                  "WHERE NOT i.indisvalid AND c.relpersistence <> 't' "
                  "AND n.nspname <> 'pg_toast' ORDER BY 2",
                  NULL, 0, &got, e))
        return false;
    for (int i = 0; i < got.rows; i++) {
        uint32_t oid = (uint32_t)strtoul(got.cell[i][0], NULL, 10);
        if (is_known_invalid(t, oid))
            continue;
        t->invalid = arena_grow(t->arena, t->invalid, t->n_invalid,
                                t->n_invalid + 1, sizeof *t->invalid);
        t->invalid[t->n_invalid++] = oid;
        *names = arena_grow(t->arena, *names, *n, *n + 1, sizeof **names);
        (*names)[(*n)++] = got.cell[i][1];
    }
    return true;
}

/* Inside a transaction an index is whole or not at all, but for one whose
 * parts are yet to be attached. Not asked for nothing: it would double what a
 * short migration takes. */
static bool take_invalid(struct trace *t, struct traced_script *out,
                         struct err *e)
{
    bool look = !out->script->transaction || t->built_parts;

    t->built_parts = false;
    return !look || new_invalid(t, &out->invalid, &out->n_invalid, e);
}

bool left_index(struct trace *t, struct traced_script *out,
                const struct statement *s, struct err *e)
{
    struct index_ask ask = {t->work, t->watch, t->arena, s};
    struct index_found found;

    if (!index_look(&ask, &found, e))
        return false;
    if (found.state == INDEX_ABSENT || found.state == INDEX_INVALID)
        out->failed = arena_printf(
            t->arena,
            "%s:%d: the index is not there: %s, and IF NOT EXISTS passed it "
            "over",
            escape(t->arena, out->script->file), s->line,
            found.state == INDEX_ABSENT ? "another relation has its name"
                                        : "it is INVALID");
    return true;
}

bool left_read(struct trace *t, struct traced_script *out, struct err *e)
{
    return take_temp(t, out, e) && take_invalid(t, out, e);
}

/* Whether our role may have temporary files told. */
static bool may_tell(struct trace *t, struct err *e)
{
    struct pg_result got;

    if (!pg_query(t->work, t->arena,
                  "SELECT pg_catalog.current_setting('is_superuser')", NULL, 0,
                  &got, e))
        return false;
    t->tells_temp = strcmp(got.cell[0][0], "on") == 0;
    return database_temp(t, &t->temp, e);
}

static bool say_invalid(struct trace *t, struct err *e)
{
    const char **names = NULL;
    size_t n = 0;

    if (!new_invalid(t, &names, &n, e))
        return false;
    for (size_t i = 0; t->warnings && i < n; i++)
        buf_printf(t->warnings,
                   "index %s is INVALID before any of this: IF NOT EXISTS "
                   "takes it for there, and no query uses it\n",
                   escape(t->arena, names[i]));
    return true;
}

bool left_open(struct trace *t, struct err *e)
{
    return may_tell(t, e) && say_invalid(t, e);
}
