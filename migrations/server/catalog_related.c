/* Relations that have to do with something: what a view reads, what a CASCADE
 * takes along. */
#include "migrations/server/catalog_related.h"

#include "migrations/server/catalog_intern.h"

#define CLASS(name)   "'pg_catalog." name "'::pg_catalog.regclass"
#define RELATED(rest) "SELECT DISTINCT " PART_COLUMNS " FROM" PART_FROM rest

/* clang-format off */
/* Domains over the domain count as well. */
#define DOMAIN_USERS \
    RELATED("JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid WHERE "     \
    "NOT a.attisdropped AND a.attnum > 0 AND c.relkind IN ('r', 'm') AND "    \
    "a.atttypid IN (WITH RECURSIVE d(oid) AS (SELECT " RESOLVE("to_regtype")  \
    " UNION SELECT t.oid FROM pg_catalog.pg_type t JOIN d ON t.typbasetype "  \
    "= d.oid) SELECT oid FROM d) ORDER BY 2")
/* Through views, and to the partitions of what they name. */
#define VIEW_READS \
    "WITH RECURSIVE s(oid) AS (SELECT " RESOLVE("to_regclass") "), v(oid) "   \
    "AS (SELECT oid FROM s UNION SELECT n.oid FROM v CROSS JOIN LATERAL "     \
    "(SELECT d.refobjid FROM pg_catalog.pg_depend d JOIN "                    \
    "pg_catalog.pg_rewrite w ON w.oid = d.objid AND d.classid = "             \
    CLASS("pg_rewrite") " AND d.refclassid = " CLASS("pg_class") " JOIN "     \
    "pg_catalog.pg_class x ON x.oid = w.ev_class WHERE w.ev_class = v.oid "   \
    "AND (x.relkind = 'v' OR (x.relkind = 'm' AND x.oid IN (SELECT oid "      \
    "FROM s))) UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE "  \
    "i.inhparent = v.oid AND v.oid NOT IN (SELECT oid FROM s)) n(oid)) "      \
    RELATED("JOIN v ON v.oid = c.oid WHERE c.relkind NOT IN ('c', 'S') AND "  \
    "n.nspname <> 'pg_catalog' AND c.oid NOT IN (SELECT oid FROM s) ORDER "   \
    "BY 2")
#define IN_SPACE(kinds) \
    RELATED("JOIN pg_catalog.pg_tablespace s ON "                             \
    "pg_catalog.quote_ident(s.spcname) = $1 JOIN pg_catalog.pg_database b "   \
    "ON b.datname = pg_catalog.current_database() WHERE $2::text IS NOT "     \
    "NULL AND c.relkind IN (" kinds ") AND n.nspname NOT IN ('pg_catalog', "  \
    "'pg_toast', 'information_schema') AND c.reltablespace = CASE WHEN "      \
    "s.oid = b.dattablespace THEN 0 ELSE s.oid END ORDER BY 2")
/* clang-format on */

static const struct {
    const char *what, *sql;
} questions[] = {
    [RELATED_INDEXED] = {"indexed",
                         RELATED(
                             "WHERE c.oid = (SELECT indrelid FROM "
                             "pg_catalog.pg_index WHERE indexrelid = " RESOLVE(
                                 "to_regclass") ")")},
    [RELATED_MEASURED] =
        {"measured",
         RELATED("JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = c.oid "
                 "JOIN pg_catalog.pg_namespace m ON m.oid = s.stxnamespace "
                 "WHERE pg_catalog.quote_ident(m.nspname) || '.' || "
                 "pg_catalog.quote_ident(s.stxname) = $1 OR "
                 "(pg_catalog.quote_ident(s.stxname) = $1 AND m.nspname = ANY "
                 "($2::text[]))")},
    [RELATED_READ] = {"read", VIEW_READS},
    [RELATED_DOMAIN] = {"domain", DOMAIN_USERS},
    [RELATED_TYPED] = {"typed", RELATED("WHERE c.reloftype = " RESOLVE(
                                    "to_regtype") " ORDER BY 2")},
    [RELATED_PUBLISHED] =
        {"published",
         RELATED("JOIN pg_catalog.pg_publication_rel r ON r.prrelid = c.oid "
                 "JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid WHERE "
                 "pg_catalog.quote_ident(p.pubname) = $1 AND $2::text IS NOT "
                 "NULL ORDER BY 2")},
    [RELATED_SPACE] = {"space tables", IN_SPACE("'r', 'p'")},
    [RELATED_SPACE_INDEX] = {"space indexes", IN_SPACE("'i', 'I'")},
    [RELATED_SPACE_VIEW] = {"space views", IN_SPACE("'m'")},
};

/* The parts that a query gives, kept. */
static const struct catalog_part *
parts_of(struct catalog *c, const char *question, const char *sql,
         const char *const *params, int count, size_t *n)
{
    const struct catalog_answer *known = catalog_known(c, question);
    struct catalog_part *list = NULL;
    struct pg_result r;

    if (!known) {
        size_t got = 0;
        if (catalog_ask(c, sql, true, params, count, &r)) {
            list = arena_array(c->arena, (size_t)r.rows + 1, sizeof *list);
            for (int i = 0; i < r.rows; i++)
                list[got++] = catalog_part_of(r.cell[i]);
        }
        catalog_keep(c, question, list, got);
        known = c->answers;
    }
    *n = known->n;
    return known->n ? known->answer : NULL;
}

const struct catalog_part *catalog_related(struct catalog *c,
                                           enum catalog_related how,
                                           const char *name, size_t *n)
{
    const char *params[] = {name, catalog_schemas(c, name)};

    return parts_of(c,
                    arena_printf(c->arena, "%s %s", questions[how].what, name),
                    questions[how].sql, params, 2, n);
}

/* ---- what CASCADE takes along ---- */

/* clang-format off */
/* Where it begins: of the object $1 (in $2), or its part $3, as $4 says. */
#define BEGINS \
    "SELECT " CLASS("pg_class") "::oid, o.oid, 0 FROM (SELECT "               \
    RESOLVE("to_regclass") " AS oid) o WHERE $4 = 'relation' UNION ALL "      \
    "SELECT " CLASS("pg_class") "::oid, a.attrelid, a.attnum FROM "           \
    "pg_catalog.pg_attribute a WHERE $4 = 'column' AND a.attrelid = "         \
    RESOLVE("to_regclass") " AND pg_catalog.quote_ident(a.attname) = $3 "     \
    "UNION ALL SELECT " CLASS("pg_constraint") "::oid, k.oid, 0 FROM "        \
    "pg_catalog.pg_constraint k WHERE $4 = 'constraint' AND k.conrelid = "    \
    RESOLVE("to_regclass") " AND pg_catalog.quote_ident(k.conname) = $3 "     \
    "UNION ALL SELECT " CLASS("pg_proc") "::oid, p.oid, 0 FROM "              \
    "pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = "         \
    "p.pronamespace WHERE $4 = 'function' AND " NAMES_IT " UNION ALL "        \
    "SELECT " CLASS("pg_type") "::oid, o.oid, 0 FROM (SELECT "                \
    RESOLVE("to_regtype") " AS oid) o WHERE $4 = 'type' UNION ALL SELECT "    \
    CLASS("pg_namespace") "::oid, oid, 0 FROM pg_catalog.pg_namespace "       \
    "WHERE $4 = 'schema' AND pg_catalog.quote_ident(nspname) = $1 UNION "     \
    "ALL SELECT " CLASS("pg_extension") "::oid, oid, 0 FROM "                 \
    "pg_catalog.pg_extension WHERE $4 = 'extension' AND "                     \
    "pg_catalog.quote_ident(extname) = $1"
/* What depends on it; and the owner of what is a part of another. */
#define GOES_ON                                                              \
    "SELECT n.* FROM x CROSS JOIN LATERAL (SELECT d.classid, d.objid, "      \
    "d.objsubid FROM pg_catalog.pg_depend d WHERE d.refclassid = x.class "   \
    "AND d.refobjid = x.oid AND (x.sub = 0 OR d.refobjsubid = x.sub) UNION " \
    "ALL SELECT d.refclassid, d.refobjid, d.refobjsubid FROM "               \
    "pg_catalog.pg_depend d WHERE d.classid = x.class AND d.objid = x.oid "  \
    "AND d.objsubid = x.sub AND d.deptype = 'i') n"
/* The relation of a part: one column of them is set. A foreign key has two. */
#define RELATIONS \
    "SELECT x.oid FROM x WHERE class = " CLASS("pg_class") " UNION SELECT "   \
    "f.adrelid FROM x JOIN pg_catalog.pg_attrdef f ON f.oid = x.oid AND "     \
    "class = " CLASS("pg_attrdef") " UNION SELECT t.tgrelid FROM x JOIN "     \
    "pg_catalog.pg_trigger t ON t.oid = x.oid AND class = "                   \
    CLASS("pg_trigger") " UNION SELECT p.polrelid FROM x JOIN "               \
    "pg_catalog.pg_policy p ON p.oid = x.oid AND class = "                    \
    CLASS("pg_policy") " UNION SELECT u.r FROM x JOIN "                       \
    "pg_catalog.pg_constraint k ON k.oid = x.oid AND class = "                \
    CLASS("pg_constraint") " CROSS JOIN LATERAL (VALUES (k.conrelid), "       \
    "(k.confrelid)) u(r)"
/* clang-format on */

const struct catalog_part *catalog_cascade(struct catalog *c, const char *kind,
                                           const char *name, const char *part,
                                           size_t *n)
{
    static const char sql[] =
        "WITH RECURSIVE x(class, oid, sub) AS (" BEGINS " UNION " GOES_ON
        "), r AS (" RELATIONS
        ") " RELATED("JOIN r ON r.oid = c.oid WHERE c.relkind IN ('r', 'p', "
                     "'v', 'm', 'f', 'S') AND n.nspname <> 'pg_catalog' AND "
                     "($4 <> 'relation' OR c.oid <> " RESOLVE(
                         "to_regclass") ") ORDER BY 2");
    const char *params[] = {name, catalog_schemas(c, name), part ? part : "",
                            kind};

    return parts_of(
        c, arena_printf(c->arena, "cascade %s %s %s", kind, name, params[2]),
        sql, params, 4, n);
}
