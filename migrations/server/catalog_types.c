/* Types: domains, and what changing a column's type takes (PostgreSQL's
 * ATColumnChangeRequiresRewrite, and the support functions of varchar, varbit,
 * numeric and the times). */
#include <stdlib.h>
#include <string.h>

#include "migrations/server/catalog_intern.h"

/* "double precision" and its kin are PostgreSQL's own: no schema may stand
 * before them. */
static const char *type_schemas(const struct catalog *c, const char *type)
{
    return strchr(type, ' ') && *type != '"' ? "{}" : catalog_schemas(c, type);
}

/* ---- domains ---- */

/* The domains below a domain count as well. */
static const char domain_sql[] =
    "WITH RECURSIVE d(oid, base, checked) AS (SELECT t.oid, t.typbasetype, "
    "t.typnotnull OR EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE "
    "contypid = t.oid) FROM pg_catalog.pg_type t WHERE t.typtype = 'd' AND "
    "t.oid = " RESOLVE(
        "to_regtype") " UNION ALL SELECT t.oid, t.typbasetype, "
                      "t.typnotnull OR EXISTS (SELECT FROM "
                      "pg_catalog.pg_constraint WHERE "
                      "contypid = t.oid) FROM pg_catalog.pg_type t JOIN d ON "
                      "t.oid = d.base "
                      "WHERE t.typtype = 'd') SELECT " RESOLVE(
                          "to_regtype") ", (SELECT "
                                        "pg_catalog.bool_or(checked) FROM d)";

enum catalog_domain catalog_domain(struct catalog *c, const char *type)
{
    static const enum catalog_domain values[] = {DOMAIN_UNKNOWN, NO_DOMAIN,
                                                 FREE_DOMAIN, CHECKED_DOMAIN};
    const char *params[] = {type, type_schemas(c, type)};
    const char *question = arena_printf(c->arena, "domain %s", type);
    const struct catalog_answer *known = catalog_known(c, question);
    enum catalog_domain is = DOMAIN_UNKNOWN;
    struct pg_result r;

    if (known)
        return values[known->n];
    if (catalog_ask(c, domain_sql, false, params, 2, &r) && r.cell[0][0])
        is = !r.cell[0][1]          ? NO_DOMAIN
             : *r.cell[0][1] == 't' ? CHECKED_DOMAIN
                                    : FREE_DOMAIN;
    catalog_keep(c, question, NULL, is);
    return is;
}

/* ---- changing a column's type ---- */

struct change {
    const char *from, *to;           /* base types: "character varying" */
    const char *from_mods, *to_mods; /* "(20)", "" */
    bool binary;                     /* a cast without a function */
    bool to_checked;                 /* a domain with constraints */
    bool same;                       /* the very same type */
    bool utc;
};

static const char retype_sql[] = "WITH RECURSIVE new(oid) AS (SELECT " RESOLVE(
    "to_regtype") "), "
                  "old AS (SELECT a.atttypid AS oid, a.atttypmod AS mod FROM "
                  "pg_catalog.pg_attribute a WHERE a.attrelid = $3::oid AND "
                  "pg_catalog.quote_ident(a.attname) = $4), "
                  "b(side, oid, base, mod) AS (SELECT 'n', t.oid, "
                  "t.typbasetype, "
                  "t.typtypmod FROM pg_catalog.pg_type t JOIN new ON new.oid = "
                  "t.oid UNION "
                  "ALL SELECT 'o', t.oid, t.typbasetype, old.mod FROM "
                  "pg_catalog.pg_type t "
                  "JOIN old ON old.oid = t.oid UNION ALL SELECT b.side, t.oid, "
                  "t.typbasetype, CASE WHEN b.mod = -1 THEN t.typtypmod ELSE "
                  "b.mod END FROM "
                  "pg_catalog.pg_type t JOIN b ON t.oid = b.base), "
                  "n AS (SELECT oid, mod FROM b WHERE side = 'n' AND base = "
                  "0), "
                  "o AS (SELECT oid, mod FROM b WHERE side = 'o' AND base = 0) "
                  "SELECT pg_catalog.format_type(o.oid, NULL), "
                  "pg_catalog.format_type(o.oid, o.mod), "
                  "pg_catalog.format_type(n.oid, NULL), "
                  "EXISTS (SELECT FROM pg_catalog.pg_cast WHERE castsource = "
                  "o.oid AND "
                  "casttarget = n.oid AND castmethod = 'b'), new.oid = old.oid "
                  "FROM o, n, new, old";

/* What stands in parentheses, with them: "timestamp(3) without time zone". */
static const char *mods_of(struct arena *a, const char *type)
{
    const char *from = strchr(type, '('), *to = from ? strchr(from, ')') : NULL;

    return to ? arena_strndup(a, from, (size_t)(to - from) + 1) : "";
}

/* The i-th number in "(10, 2)"; absent where there is none. */
static long mod(const char *mods, int i, long absent)
{
    const char *p = *mods ? mods + 1 : NULL;

    while (p && i-- > 0) {
        p = strchr(p, ',');
        p += p != NULL;
    }
    return p ? strtol(p, NULL, 10) : absent;
}

/* The longer is free, the shorter is checked and cut. */
static bool longer(const struct change *c, long none)
{
    return mod(c->to_mods, 0, none) >= mod(c->from_mods, 0, none);
}

#define NO_LIMIT 1000000000L

static bool same_base_free(const struct change *c)
{
    static const char times[] = "time";

    if (strcmp(c->to_mods, c->from_mods) == 0)
        return true;
    if (strcmp(c->to, "character varying") == 0 ||
        strcmp(c->to, "bit varying") == 0)
        return longer(c, NO_LIMIT);
    if (strcmp(c->to, "numeric") == 0)
        return !*c->to_mods ||
               (*c->from_mods && longer(c, NO_LIMIT) &&
                mod(c->to_mods, 1, 0) == mod(c->from_mods, 1, 0));
    if (strncmp(c->to, times, strlen(times)) == 0)
        return longer(c, 6);
    return false;
}

static bool is_timestamps(const struct change *c)
{
    static const char with[] = "timestamp with time zone";
    static const char without[] = "timestamp without time zone";

    return (strcmp(c->from, with) == 0 && strcmp(c->to, without) == 0) ||
           (strcmp(c->from, without) == 0 && strcmp(c->to, with) == 0);
}

static bool is_free(const struct change *c)
{
    if (c->to_checked && !c->same)
        return false;
    if (strcmp(c->from, c->to) == 0)
        return same_base_free(c);
    if (is_timestamps(c)) /* from 12 on */
        return c->utc && !*c->to_mods;
    return c->binary && !*c->to_mods;
}

enum catalog_retype catalog_retype(struct catalog *c,
                                   const struct catalog_relation *r,
                                   const char *column, const char *type,
                                   bool utc)
{
    const char *params[] = {type, type_schemas(c, type),
                            arena_printf(c->arena, "%u", (unsigned)r->self.oid),
                            column};
    const char *question =
        arena_printf(c->arena, "retype %s %s %s", params[2], column, type);
    const struct catalog_answer *known = catalog_known(c, question);
    struct change change;
    char **cell;
    struct pg_result got;

    if (!known) {
        bool there =
            catalog_ask(c, retype_sql, false, params, 4, &got) && got.rows;
        catalog_keep(c, question, there ? got.cell[0] : NULL, 0);
        known = c->answers;
    }
    if (!known->answer)
        return RETYPE_UNKNOWN;
    cell = *(char **const *)&known->answer;
    change =
        (struct change){.from = cell[0],
                        .to = cell[2],
                        .from_mods = mods_of(c->arena, cell[1]),
                        .to_mods = mods_of(c->arena, type),
                        .binary = *cell[3] == 't',
                        .same = *cell[4] == 't',
                        .to_checked = catalog_domain(c, type) == CHECKED_DOMAIN,
                        .utc = utc};
    return is_free(&change) ? RETYPE_FREE : RETYPE_REWRITES;
}
