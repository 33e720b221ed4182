/* Databases that dead rehearsals left: found, and dropped. */
#include "migrations/rehearse/clone.h"

#define DROP_MS    60000
#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)

/* Ends who is connected, and drops; FORCE came with 13. */
bool clone_drop(struct pg *server, struct arena *a, const char *name,
                struct err *e)
{
    char *quoted = pg_identifier(server, a, name);
    struct pg_result got;
    bool ok;

    pg_deadline(server, clock_mono() + DROP_MS);
    if (pg_server_version(server) >= 130000)
        ok = pg_run(
            server, a,
            arena_printf(a, "DROP DATABASE IF EXISTS %s WITH (FORCE)", quoted),
            &got, e);
    else
        ok = pg_query(server, a,
                      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                      "WHERE datname = $1",
                      &name, 1, &got, e) &&
             pg_run(server, a,
                    arena_printf(a, "DROP DATABASE IF EXISTS %s", quoted), &got,
                    e);
    pg_deadline(server, CLOCK_NEVER);
    return ok;
}

/* Marked, and nobody holds the name. */
static const char leftovers_sql[] =
    "SELECT d.datname FROM pg_database d WHERE d.datname LIKE "
    "'tidegate\\_%' AND (CASE WHEN shobj_description(d.oid, 'pg_database') "
    "IS NULL THEN d.datconnlimit = " TEXT(
        CLONE_MARK_LIMIT) " ELSE shobj_description(d.oid, 'pg_database') LIKE "
                          "'" CLONE_MARK
                          "%' END) AND NOT EXISTS (SELECT FROM pg_locks l "
                          "WHERE l.locktype = 'advisory' "
                          "AND l.objsubid = 1 AND l.granted AND "
                          "(l.classid::bigint << 32) | "
                          "l.objid::bigint = hashtextextended(d.datname::text, "
                          "0)) ORDER BY 1";

bool clone_databases_left(struct pg *server, struct arena *a,
                          const char ***names, size_t *n, struct err *e)
{
    struct pg_result got;

    *n = 0;
    if (!pg_query(server, a, leftovers_sql, NULL, 0, &got, e))
        return false;
    *names = arena_array(a, (size_t)got.rows, sizeof **names);
    for (int i = 0; i < got.rows; i++)
        (*names)[(*n)++] = got.cell[i][0];
    return true;
}

bool clone_databases_sweep(struct pg *server, struct arena *a,
                           const char ***swept, size_t *n, struct err *e)
{
    const char **names;
    size_t found;

    *n = 0;
    if (!clone_databases_left(server, a, &names, &found, e))
        return false;
    for (*swept = names; *n < found; (*n)++)
        if (!clone_drop(server, a, names[*n], e))
            return false;
    return true;
}

bool clone_leftovers(struct loop *l, struct arena *a, const char *server,
                     const char ***names, size_t *n, struct err *e)
{
    struct pg *pg = pg_open(l, server, "tidegate:leftovers", 0, e);
    bool ok = pg && clone_databases_left(pg, a, names, n, e);

    pg_close(pg);
    return ok;
}

bool clone_sweep(struct loop *l, struct arena *a, const char *server,
                 const char ***swept, size_t *n, struct err *e)
{
    struct pg *pg = pg_open(l, server, "tidegate:sweep", 0, e);
    bool ok = pg && clone_databases_sweep(pg, a, swept, n, e);

    pg_close(pg);
    return ok;
}
