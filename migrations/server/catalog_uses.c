/* What depends on an object, in words; what an index is made of; functions. */
#include <string.h>

#include "migrations/server/catalog_intern.h"
#include "runner/base/buf.h"

/* So many dependents are named. */
#define NAMED_MAX 4

bool catalog_index_filled(struct catalog *c, const struct catalog_relation *r,
                          const char *index)
{
    static const char sql[] =
        "SELECT pg_catalog.bool_and(a.attnotnull) FROM pg_catalog.pg_index i "
        "JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN "
        "pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = "
        "ANY (i.indkey::int2[]) WHERE i.indrelid = $1::oid AND x.relname = $2";
    const char *params[] = {arena_printf(c->arena, "%u", (unsigned)r->self.oid),
                            index};
    struct pg_result got;

    return catalog_ask(c, sql, false, params, 2, &got) && got.rows &&
           got.cell[0][0] && *got.cell[0][0] == 't';
}

/* ---- functions ---- */

/* One text, kept; NULL: none. */
static const char *text_of(struct catalog *c, const char *question,
                           const char *sql, const char *const *params, int n)
{
    const struct catalog_answer *known = catalog_known(c, question);
    struct pg_result r;

    if (!known) {
        bool there = catalog_ask(c, sql, false, params, n, &r) && r.rows;
        catalog_keep(c, question, there ? r.cell[0][0] : NULL, 0);
        known = c->answers;
    }
    return known->answer;
}

const char *catalog_overloads(struct catalog *c, const char *name,
                              const char *types)
{
    /* a type that is not to be found here may be any: nothing is said */
    static const char sql[] =
        "WITH own AS (SELECT pg_catalog.to_regtype(t)::oid AS o, ord FROM "
        "pg_catalog.unnest(pg_catalog.string_to_array($3, $4)) WITH ORDINALITY "
        "AS u(t, ord)), list AS (SELECT p.oid, p.proargtypes FROM "
        "pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = "
        "p.pronamespace WHERE " NAMES_IT ") "
        "SELECT pg_catalog.string_agg(list.oid::pg_catalog.regprocedure::text, "
        "', ' ORDER BY 1) FROM list WHERE NOT EXISTS (SELECT FROM own WHERE o "
        "IS NULL) AND NOT EXISTS (SELECT FROM list l WHERE "
        "pg_catalog.array_to_string(l.proargtypes::oid[], ',') = coalesce("
        "(SELECT pg_catalog.string_agg(o::text, ',' ORDER BY ord) FROM own), "
        "''))";
    const char *params[] = {name, catalog_schemas(c, name), types,
                            CATALOG_COMMA};

    return text_of(c, arena_printf(c->arena, "overloads %s %s", name, types),
                   sql, params, 4);
}

int catalog_volatile(struct catalog *c, const char *name)
{
    static const char sql[] =
        "SELECT pg_catalog.bool_or(p.provolatile = 'v') FROM "
        "pg_catalog.pg_proc p WHERE p.proname = $1";
    const char *params[] = {name};
    const char *got =
        text_of(c, arena_printf(c->arena, "volatile %s", name), sql, params, 1);

    return got ? *got == 't' : -1;
}

/* ---- dependents ---- */

/* Of a view it is the rule that depends. What a table has of its own (policies,
 * triggers, defaults, constraints) goes with it. */
#define DEPENDENTS(class_, oid, and)                                         \
    "SELECT DISTINCT CASE WHEN d.classid = "                                 \
    "'pg_catalog.pg_rewrite'::pg_catalog.regclass THEN "                     \
    "pg_catalog.pg_describe_object("                                         \
    "'pg_catalog.pg_class'::pg_catalog.regclass, w.ev_class, 0) ELSE "       \
    "pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) END "     \
    "FROM pg_catalog.pg_depend d LEFT JOIN pg_catalog.pg_rewrite w ON "      \
    "w.oid = d.objid AND d.classid = "                                       \
    "'pg_catalog.pg_rewrite'::pg_catalog.regclass LEFT JOIN "                \
    "pg_catalog.pg_constraint k ON k.oid = d.objid AND d.classid = "         \
    "'pg_catalog.pg_constraint'::pg_catalog.regclass WHERE d.deptype = 'n' " \
    "AND d.refclassid = 'pg_catalog." class_ "'::pg_catalog.regclass AND "   \
    "d.refobjid = " oid " AND w.ev_class IS DISTINCT FROM d.refobjid AND "   \
    "k.conrelid IS DISTINCT FROM d.refobjid " and                            \
        " ORDER BY 1"

/* Of those that depend on a function, only what is kept in one catalog: a
 * trigger, or what has it in an expression. Views depend by their rules. */
#define OF_FUNCTION(catalog)                                                  \
    DEPENDENTS(                                                               \
        "pg_proc",                                                            \
        "ANY (SELECT p.oid FROM pg_catalog.pg_proc p JOIN "                   \
        "pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE " NAMES_IT \
        ")",                                                                  \
        "AND d.classid = 'pg_catalog." catalog "'::pg_catalog.regclass")

static const struct {
    const char *kind, *sql;
    bool column;
} dependent_kinds[] = {
    {"relation",
     DEPENDENTS("pg_class", RESOLVE("to_regclass"),
                "AND k.oid IS NULL AND d.refobjsubid = (SELECT attnum FROM "
                "pg_catalog.pg_attribute WHERE attrelid = d.refobjid AND "
                "attname = $3)"),
     true},
    {"relation",
     DEPENDENTS("pg_class", RESOLVE("to_regclass"),
                "AND d.classid NOT IN "
                "('pg_catalog.pg_policy'::pg_catalog.regclass, "
                "'pg_catalog.pg_trigger'::pg_catalog.regclass) AND NOT EXISTS "
                "(SELECT FROM pg_catalog.pg_attrdef f WHERE f.oid = d.objid "
                "AND f.adrelid = d.refobjid)"),
     false},
    {"type", DEPENDENTS("pg_type", RESOLVE("to_regtype"), ""), false},
    {"function",
     DEPENDENTS(
         "pg_proc",
         "ANY (SELECT p.oid FROM pg_catalog.pg_proc p JOIN "
         "pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE " NAMES_IT
         ")",
         ""),
     false},
    {"triggers", OF_FUNCTION("pg_trigger"), false},
    {"indexes", OF_FUNCTION("pg_class") " LIMIT 100", false},
};

static const char *join(struct catalog *c, const struct pg_result *r)
{
    struct buf b;

    buf_init(&b);
    for (int i = 0; i < r->rows && i < NAMED_MAX; i++)
        buf_printf(&b, "%s%s", i ? ", " : "",
                   r->cell[i][0] ? r->cell[i][0] : "?");
    if (r->rows > NAMED_MAX)
        buf_printf(&b, " and %d more", r->rows - NAMED_MAX);
    return buf_into(&b, c->arena);
}

const char *catalog_dependents(struct catalog *c, const char *kind,
                               const char *name, const char *column)
{
    const char *params[] = {name, catalog_schemas(c, name), column};
    const char *question = arena_printf(c->arena, "dependents %s %s.%s", kind,
                                        name, column ? column : "");
    const struct catalog_answer *known = catalog_known(c, question);
    size_t i = 0, n = sizeof dependent_kinds / sizeof *dependent_kinds;
    struct pg_result r;
    const char *got = NULL;

    if (known)
        return known->answer;
    while (i < n && (strcmp(dependent_kinds[i].kind, kind) != 0 ||
                     dependent_kinds[i].column != (column != NULL)))
        i++;
    if (i < n &&
        catalog_ask(c, dependent_kinds[i].sql, false, params, column ? 3 : 2,
                    &r) &&
        r.rows)
        got = join(c, &r);
    catalog_keep(c, question, got, 0);
    return got;
}
