/* Which database this is, and how far its clock is from ours. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrations/server/pg.h"

static const char identify[] =
    "SELECT c.system_identifier, pg_catalog.current_database(),"
    " pg_catalog.host(pg_catalog.inet_server_addr()) || ':' ||"
    " pg_catalog.inet_server_port()::pg_catalog.text,"
    " pg_catalog.current_setting('cluster_name', true),"
    " pg_catalog.pg_is_in_recovery(),"
    " pg_catalog.pg_database_size(pg_catalog.current_database()),"
    " (extract(epoch from pg_catalog.clock_timestamp()) * 1000)"
    "::pg_catalog.int8"
    " FROM pg_catalog.pg_control_system() c";

/* "shop on /run/postgresql:5432": what follows the last " on ". */
static const char *place(const char *name)
{
    const char *at = name, *next;

    while ((next = strstr(at, " on ")))
        at = next + 4;
    return at;
}

static void put(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
}

bool pg_identify(struct pg *pg, struct arena *a, struct pg_identity *out,
                 struct err *e)
{
    struct pg_result r;
    int64_t before = clock_wall_ms(), after;
    char **row;

    *out = (struct pg_identity){0};
    if (!pg_query(pg, a, identify, NULL, 0, &r, e))
        return false;
    after = clock_wall_ms();
    row = r.cell[0];
    put(out->system, sizeof out->system, row[0]);
    put(out->database, sizeof out->database, row[1]);
    /* through a socket the server knows no address: ours must do */
    put(out->address, sizeof out->address,
        row[2] ? row[2] : place(pg_name(pg)));
    put(out->cluster_name, sizeof out->cluster_name, row[3]);
    out->standby = strcmp(row[4], "t") == 0;
    out->version = pg_server_version(pg);
    out->size = strtoll(row[5], NULL, 10);
    out->skew_ms = strtoll(row[6], NULL, 10) - (before + (after - before) / 2);
    return true;
}
