#include "migrations/fingerprint.h"

#include <stdlib.h>
#include <string.h>

#include "runner/base/buf.h"

/* All of it runs with an empty search_path: regclass, regtype and the
 * pg_get_* functions then write every name with its schema. */
#define OURS(ns) \
#ns " <> 'tidegate' AND " #ns " !~ '^(pg_|information_schema$)'"
#define OWN(class, oid)                                                   \
    " AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = '" #class \
        "'::regclass AND x.objid = " #oid " AND x.deptype = 'e') "
#define SORTED(acl)                                                     \
    "(SELECT string_agg(i::text, ', ' ORDER BY i::text COLLATE \"C\") " \
    "FROM unnest(" acl ") i)"
#define RIGHTS(acl, kind, owner) \
    SORTED("coalesce(" #acl ", acldefault(" kind ", " #owner "))")
#define FLAG(condition, text) "CASE WHEN " condition " THEN '" text "' END"
#define RELATIONS \
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
#define OF_USERS(kinds) \
    " WHERE c.relkind IN (" kinds ") AND " OURS(n.nspname) OWN(pg_class, c.oid)
#define TABLES "'r', 'p', 'v', 'm', 'f'"

/* clang-format off */
/* One row for each kind of fact: a query that gives its lines, and the first
 * server version that can answer it. */
static const struct {
    int version;
    const char *sql;
} kinds[] = {
    {0, "SELECT format('schema %I', n.nspname) FROM pg_namespace n WHERE "
        OURS(n.nspname) OWN(pg_namespace, n.oid)},
    {0, "SELECT format('owner of schema %I: %s', n.nspname, "
        "pg_get_userbyid(n.nspowner)) FROM pg_namespace n WHERE "
        OURS(n.nspname) OWN(pg_namespace, n.oid)},
    {0, "SELECT format('rights on schema %I: %s', n.nspname, "
        RIGHTS(n.nspacl, "'n'", n.nspowner) ") FROM pg_namespace n WHERE "
        OURS(n.nspname) OWN(pg_namespace, n.oid)},
    {0, "SELECT format('extension %I: %s in %I', e.extname, e.extversion, "
        "n.nspname) FROM pg_extension e "
        "JOIN pg_namespace n ON n.oid = e.extnamespace"},
    {0, "SELECT format('%s %s: %s', CASE c.relkind WHEN 'p' THEN "
        "'partitioned table' WHEN 'v' THEN 'view' WHEN 'm' THEN "
        "'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'c' THEN "
        "'composite type' ELSE 'table' END, c.oid::regclass, concat_ws(' ', "
        FLAG("c.relpersistence = 'u'", "unlogged") ", "
        "'using ' || am.amname, 'with ' || " SORTED("c.reloptions") ", "
        "'tablespace ' || t.spcname, "
        FLAG("c.relrowsecurity", "row security") ", "
        FLAG("c.relforcerowsecurity", "forced") ", "
        "'replica identity ' || nullif(c.relreplident::text, CASE WHEN "
        "c.relkind IN ('r', 'p', 'm') THEN 'd' ELSE c.relreplident::text "
        "END), 'partition by ' || pg_get_partkeydef(c.oid), "
        "pg_get_expr(c.relpartbound, c.oid), 'of ' || "
        "nullif(c.reloftype, 0)::regtype, "
        FLAG("NOT c.relispopulated", "not populated") "))"
        RELATIONS "LEFT JOIN pg_am am ON am.oid = c.relam "
        "LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace"
        OF_USERS(TABLES ", 'c'")},
    {0, "SELECT format('owner of %s: %s', c.oid::regclass, "
        "pg_get_userbyid(c.relowner))" RELATIONS OF_USERS(TABLES ", 'S'")},
    {0, "SELECT format('rights on %s: %s', c.oid::regclass, "
        RIGHTS(c.relacl, "CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' "
               "END::\"char\"", c.relowner) ")"
        RELATIONS OF_USERS(TABLES ", 'S'")},
    {0, "SELECT format('rights on column %s.%I: %s', c.oid::regclass, "
        "a.attname, " SORTED("a.attacl") ")" RELATIONS
        "JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped "
        "AND a.attacl IS NOT NULL" OF_USERS(TABLES)},
    {0, "SELECT format('inherits %s: %s, %s', i.inhrelid::regclass, "
        "i.inhparent::regclass, i.inhseqno)" RELATIONS
        "JOIN pg_inherits i ON i.inhrelid = c.oid" OF_USERS(TABLES)},
    {0, "SELECT format('column %s.%I: %s', c.oid::regclass, a.attname, "
        "concat_ws(' ', format_type(a.atttypid, a.atttypmod), "
        FLAG("a.attnotnull", "not null") ", "
        "CASE a.attgenerated WHEN '' THEN 'default ' ELSE 'generated ' END "
        "|| pg_get_expr(d.adbin, d.adrelid), "
        "CASE a.attidentity WHEN 'a' THEN 'identity always' "
        "WHEN 'd' THEN 'identity by default' END, "
        "'collate ' || CASE WHEN a.attcollation <> t.typcollation THEN "
        "a.attcollation::regcollation END, 'storage ' || "
        "nullif(a.attstorage, t.typstorage)::text, "
        "'statistics ' || nullif(a.attstattarget, -1), 'with ' || "
        "(SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(a.attoptions) o "
        "WHERE o LIKE 'n_distinct%')))" RELATIONS
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
        "AND NOT a.attisdropped JOIN pg_type t ON t.oid = a.atttypid "
        "LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum"
        OF_USERS(TABLES ", 'c'")},
    {140000, "SELECT format('compression of %s.%I: %s', c.oid::regclass, "
        "a.attname, a.attcompression)" RELATIONS
        "JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped "
        "AND a.attcompression <> ''" OF_USERS(TABLES)},
    {0, "SELECT format('column order of %s: %s', c.oid::regclass, "
        "string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum))"
        RELATIONS "JOIN pg_attribute a ON a.attrelid = c.oid "
        "AND a.attnum > 0 AND NOT a.attisdropped" OF_USERS(TABLES ", 'c'")
        "GROUP BY c.oid"},
    {0, "SELECT format('constraint %I on %s: %s%s', k.conname, CASE WHEN "
        "k.conrelid <> 0 THEN k.conrelid::regclass::text ELSE "
        "k.contypid::regtype::text END, pg_get_constraintdef(k.oid), "
        "CASE WHEN NOT k.convalidated THEN ' (not validated)' END) "
        "FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace "
        "WHERE k.contype <> 't' AND " OURS(n.nspname)
        OWN(pg_constraint, k.oid) OWN(pg_class, k.conrelid)},
    {0, "SELECT format('index %s: %s', c.oid::regclass, concat_ws(' ', "
        "pg_get_indexdef(c.oid), " FLAG("NOT i.indisvalid", "INVALID") ", "
        FLAG("NOT i.indisready", "not ready") ", "
        FLAG("i.indisclustered", "clustered") ", "
        FLAG("i.indisreplident", "replica identity") "))" RELATIONS
        "JOIN pg_index i ON i.indexrelid = c.oid" OF_USERS("'i', 'I'")},
    {0, "SELECT format('trigger %I on %s: %s, %s', g.tgname, "
        "c.oid::regclass, pg_get_triggerdef(g.oid), g.tgenabled)" RELATIONS
        "JOIN pg_trigger g ON g.tgrelid = c.oid AND NOT g.tgisinternal"
        OF_USERS(TABLES)},
    {0, "SELECT format('trigger of constraint %I on %s: %s, %s', k.conname, "
        "c.oid::regclass, g.tgfoid::regproc, g.tgenabled)" RELATIONS
        "JOIN pg_trigger g ON g.tgrelid = c.oid AND g.tgisinternal "
        "AND g.tgenabled <> 'O' "
        "JOIN pg_constraint k ON k.oid = g.tgconstraint" OF_USERS(TABLES)},
    {0, "SELECT format('rule %I on %s: %s, %s', r.rulename, c.oid::regclass, "
        "pg_get_ruledef(r.oid), r.ev_enabled)" RELATIONS
        "JOIN pg_rewrite r ON r.ev_class = c.oid "
        "AND r.rulename <> '_RETURN'" OF_USERS(TABLES)},
    {0, "SELECT format('definition of %s: %s', c.oid::regclass, "
        "pg_get_viewdef(c.oid))" RELATIONS OF_USERS("'v', 'm'")},
    {0, "SELECT format('policy %I on %s: %s', p.polname, c.oid::regclass, "
        "concat_ws(' ', CASE WHEN p.polpermissive THEN 'permissive' ELSE "
        "'restrictive' END, 'for ' || p.polcmd::text, 'to ' || "
        "(SELECT string_agg(CASE r WHEN 0 THEN 'public' ELSE "
        "pg_get_userbyid(r) END, ', ' ORDER BY r) FROM unnest(p.polroles) "
        "r), 'using ' || pg_get_expr(p.polqual, c.oid), 'check ' || "
        "pg_get_expr(p.polwithcheck, c.oid)))" RELATIONS
        "JOIN pg_policy p ON p.polrelid = c.oid" OF_USERS(TABLES)},
    {0, "SELECT format('sequence %s: %s', c.oid::regclass, concat_ws(' ', "
        "s.seqtypid::regtype, 'start ' || s.seqstart, 'by ' || "
        "s.seqincrement, 'from ' || s.seqmin, 'to ' || s.seqmax, 'cache ' "
        "|| s.seqcache, " FLAG("s.seqcycle", "cycle") ", 'owned by ' || "
        "(SELECT string_agg(d.refobjid::regclass || '.' || a.attname, ', ') "
        "FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid "
        "AND a.attnum = d.refobjsubid WHERE d.classid = "
        "'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = "
        "'pg_class'::regclass AND d.deptype IN ('a', 'i'))))" RELATIONS
        "JOIN pg_sequence s ON s.seqrelid = c.oid" OF_USERS("'S'")},
    {0, "SELECT format('type %s: %s', t.oid::regtype, concat_ws(' ', "
        "t.typtype, (SELECT string_agg(quote_literal(l.enumlabel), ', ' "
        "ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = "
        "t.oid), CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, "
        "t.typtypmod) END, " FLAG("t.typnotnull", "not null") ", "
        "'default ' || t.typdefault, (SELECT r.rngsubtype::regtype::text "
        "FROM pg_range r WHERE r.rngtypid = t.oid))) "
        "FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace "
        "WHERE t.typtype IN ('b', 'd', 'e', 'r') AND t.typcategory <> 'A' "
        "AND " OURS(n.nspname) OWN(pg_type, t.oid)},
    {0, "SELECT format('owner of type %s: %s', t.oid::regtype, "
        "pg_get_userbyid(t.typowner)) FROM pg_type t "
        "JOIN pg_namespace n ON n.oid = t.typnamespace "
        "WHERE t.typtype IN ('b', 'd', 'e', 'r') AND t.typcategory <> 'A' "
        "AND " OURS(n.nspname) OWN(pg_type, t.oid)},
    {0, "SELECT format('rights on type %s: %s', t.oid::regtype, "
        RIGHTS(t.typacl, "'T'", t.typowner) ") FROM pg_type t "
        "JOIN pg_namespace n ON n.oid = t.typnamespace "
        "WHERE t.typtype IN ('b', 'd', 'e', 'r') AND t.typcategory <> 'A' "
        "AND " OURS(n.nspname) OWN(pg_type, t.oid)},
    {0, "SELECT format('function %s: %s', p.oid::regprocedure, CASE WHEN "
        "p.prokind = 'a' THEN (SELECT 'aggregate ' || md5(concat_ws(' ', "
        "g.aggkind, g.aggtransfn, g.aggfinalfn, g.aggcombinefn, "
        "g.aggtranstype::regtype, g.agginitval, g.aggsortop)) FROM "
        "pg_aggregate g WHERE g.aggfnoid = p.oid) ELSE 'definition ' || "
        "md5(pg_get_functiondef(p.oid)) END) FROM pg_proc p "
        "JOIN pg_namespace n ON n.oid = p.pronamespace WHERE "
        OURS(n.nspname) OWN(pg_proc, p.oid)},
    {0, "SELECT format('owner of function %s: %s', p.oid::regprocedure, "
        "pg_get_userbyid(p.proowner)) FROM pg_proc p "
        "JOIN pg_namespace n ON n.oid = p.pronamespace WHERE "
        OURS(n.nspname) OWN(pg_proc, p.oid)},
    {0, "SELECT format('rights on function %s: %s', p.oid::regprocedure, "
        RIGHTS(p.proacl, "'f'", p.proowner) ") FROM pg_proc p "
        "JOIN pg_namespace n ON n.oid = p.pronamespace WHERE "
        OURS(n.nspname) OWN(pg_proc, p.oid)},
    {0, "SELECT format('default rights of %s in %s for %s: %s', "
        "pg_get_userbyid(d.defaclrole), coalesce(quote_ident(n.nspname), "
        "'every schema'), d.defaclobjtype, " SORTED("d.defaclacl") ") "
        "FROM pg_default_acl d "
        "LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace"},
    {0, "SELECT format('comment on %s %s: %s', o.type, o.identity, "
        "d.description) FROM pg_description d, "
        "LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) o "
        "WHERE d.objoid >= 16384 AND d.classoid <> "
        "'pg_largeobject'::regclass AND o.identity <> 'tidegate' AND "
        "coalesce(o.schema, '') <> 'tidegate' AND NOT EXISTS (SELECT FROM "
        "pg_depend x WHERE x.classid = d.classoid AND x.objid = d.objoid "
        "AND x.deptype = 'e')"},
    {0, "SELECT format('statistics: %s', pg_get_statisticsobjdef(s.oid)) "
        "FROM pg_statistic_ext s "
        "JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE "
        OURS(n.nspname)},
    {0, "SELECT format('publication %I: %s', p.pubname, concat_ws(' ', "
        FLAG("p.puballtables", "all tables") ", "
        FLAG("p.pubinsert", "insert") ", " FLAG("p.pubupdate", "update") ", "
        FLAG("p.pubdelete", "delete") ", "
        FLAG("p.pubtruncate", "truncate") ")) FROM pg_publication p"},
    {0, "SELECT format('publication %I has %s', p.pubname, "
        "r.prrelid::regclass) FROM pg_publication p "
        "JOIN pg_publication_rel r ON r.prpubid = p.oid"},
    {0, "SELECT format('event trigger %I: %s %s %s', evtname, evtevent, "
        "evtfoid::regproc, evtenabled) FROM pg_event_trigger"},
    {0, "SELECT format('%s %s', o.type, o.identity) FROM ("
        "SELECT 'pg_operator'::regclass AS class, oid FROM pg_operator "
        "UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast "
        "UNION ALL SELECT 'pg_opclass'::regclass, oid FROM pg_opclass "
        "UNION ALL SELECT 'pg_collation'::regclass, oid FROM pg_collation "
        "UNION ALL SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config "
        "UNION ALL SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict "
        "UNION ALL SELECT 'pg_foreign_server'::regclass, oid "
        "FROM pg_foreign_server) k, "
        "LATERAL pg_identify_object(k.class, k.oid, 0) o "
        "WHERE k.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend x WHERE "
        "x.classid = k.class AND x.objid = k.oid AND x.deptype = 'e')"},
};
/* clang-format on */
#define KINDS (sizeof kinds / sizeof *kinds)

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All kinds in one question: one round trip, one snapshot. */
static char *question(struct arena *a, int version)
{
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; i < KINDS; i++)
        if (version >= kinds[i].version)
            buf_printf(&b, "%s%s", b.len ? " UNION ALL " : "", kinds[i].sql);
    return buf_into(&b, a);
}

static void take_lines(struct fingerprint *out, struct arena *a,
                       const struct pg_result *got)
{
    struct hash h;

    out->lines = arena_array(a, (size_t)got->rows, sizeof *out->lines);
    for (int i = 0; i < got->rows; i++)
        if (got->cell[i][0])
            out->lines[out->n++] = arena_strdup(a, got->cell[i][0]);
    if (out->n)
        qsort(out->lines, out->n, sizeof *out->lines, by_bytes);
    hash_init(&h);
    for (size_t i = 0; i < out->n; i++)
        hash_field(&h, out->lines[i]);
    hash_end_hex(&h, out->digest);
}

bool fingerprint_take(struct pg *pg, struct arena *a, struct fingerprint *out,
                      struct err *e)
{
    struct arena scratch;
    struct pg_result got;
    bool ok;

    *out = (struct fingerprint){0};
    arena_init(&scratch);
    ok = pg_run(pg, &scratch, "SET search_path = ''", &got, e) &&
         pg_query(pg, &scratch, question(&scratch, pg_server_version(pg)), NULL,
                  0, &got, e);
    if (ok)
        take_lines(out, a, &got);
    arena_release(&scratch);
    return ok;
}
