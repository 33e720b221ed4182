/* What is there already: objects by name, and rights in ACLs. */
#include "migrations/server/catalog_there.h"

#include <string.h>

#include "migrations/server/catalog_intern.h"

/* SQL: whether an ACL, or the one that an owner has by default, gives $3 the
 * right $4. */
#define ACL_HAS(acl, kind, owner)                                          \
    "EXISTS (SELECT FROM pg_catalog.aclexplode(coalesce(" acl              \
    ", pg_catalog.acldefault(" kind ", " owner                             \
    "))) x WHERE x.grantee = CASE WHEN $3 = '' THEN 0 ELSE (SELECT oid "   \
    "FROM pg_catalog.pg_roles WHERE rolname = $3) END AND ($4 = 'all' OR " \
    "x.privilege_type = pg_catalog.upper($4)))"

static const struct kind {
    const char *kind, *sql;
    int n; /* of its parameters */
} objects[] =
    {
        {"relation", "SELECT " RESOLVE("to_regclass") " IS NOT NULL", 2},
        {"type", "SELECT " RESOLVE("to_regtype") " IS NOT NULL", 2},
        {"function",
         "SELECT EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN "
         "pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE " NAMES_IT
         ")",
         2},
        {"schema", "SELECT pg_catalog.to_regnamespace($1) IS NOT NULL", 1},
        {"role", "SELECT pg_catalog.to_regrole($1) IS NOT NULL", 1},
        {"extension",
         "SELECT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE "
         "pg_catalog.quote_ident(extname) = $1)",
         1},
},
  rights[] = {
      {"relation",
       "SELECT EXISTS (SELECT FROM pg_catalog.pg_class r WHERE r.oid "
       "= " RESOLVE("to_regclass") " AND " ACL_HAS(
           "r.relacl",
           "CASE r.relkind WHEN 'S' THEN "
           "'s'::\"char\" ELSE 'r' END",
           "r.relowner") ")",
       4},
      {"function",
       "SELECT EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN "
       "pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE " NAMES_IT
       " AND " ACL_HAS("p.proacl", "'f'", "p.proowner") ")",
       4},
      {"schema",
       "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.oid = "
       "pg_catalog.to_regnamespace($1) AND $2::text IS NOT NULL AND " ACL_HAS(
           "n.nspacl", "'n'", "n.nspowner") ")",
       4},
      {"role",
       "SELECT EXISTS (SELECT FROM pg_catalog.pg_auth_members m JOIN "
       "pg_catalog.pg_roles r ON r.oid = m.member WHERE m.roleid = "
       "pg_catalog.to_regrole($1) AND $2::text IS NOT NULL AND r.rolname = $3)",
       3},
};

static enum catalog_is ask(struct catalog *c, const char *question,
                           const struct kind *list, size_t n, const char *kind,
                           const char *const *params)
{
    static const enum catalog_is values[] = {IS_UNKNOWN, IS_THERE,
                                             IS_NOT_THERE};
    const struct catalog_answer *known = catalog_known(c, question);
    enum catalog_is is = IS_UNKNOWN;
    struct pg_result r;
    size_t i = 0;

    if (known)
        return values[known->n];
    while (i < n && strcmp(list[i].kind, kind) != 0)
        i++;
    if (i < n && catalog_ask(c, list[i].sql, false, params, list[i].n, &r) &&
        r.rows && r.cell[0][0])
        is = *r.cell[0][0] == 't' ? IS_THERE : IS_NOT_THERE;
    catalog_keep(c, question, NULL, is);
    return is;
}

/* A function's name without its arguments. */
static const char *bare(struct catalog *c, const char *kind, const char *name)
{
    return strcmp(kind, "function") == 0
               ? arena_strndup(c->arena, name, strcspn(name, "("))
               : name;
}

enum catalog_is catalog_there(struct catalog *c, const char *kind,
                              const char *name)
{
    const char *params[] = {bare(c, kind, name), catalog_schemas(c, name)};

    return ask(c, arena_printf(c->arena, "there %s %s", kind, name), objects,
               sizeof objects / sizeof *objects, kind, params);
}

enum catalog_is catalog_granted(struct catalog *c, const char *kind,
                                const char *name, const char *who,
                                const char *privilege)
{
    const char *params[] = {bare(c, kind, name), catalog_schemas(c, name), who,
                            privilege};

    return ask(c,
               arena_printf(c->arena, "granted %s %s %s %s", kind, name, who,
                            privilege),
               rights, sizeof rights / sizeof *rights, kind, params);
}
