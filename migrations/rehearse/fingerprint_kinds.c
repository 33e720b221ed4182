#include "migrations/rehearse/fingerprint_kinds.h"

/* clang-format off */
#define SORTED(list)                                                    \
    "(SELECT string_agg(i::text, ', ' ORDER BY i::text COLLATE \"C\") " \
    "FROM unnest(" list ") i)"
/* Of a line that concat makes, which leaves NULLs out; it is half the price of
 * a chain of ||. */
#define FLAG(condition, text) "CASE WHEN " condition " THEN ' " text "' END"
/* of a list that concat_ws makes */
#define PART(condition, text) "CASE WHEN " condition " THEN '" text "' END"
#define MAYBE(word, value) "' " word "' || " value
#define NOT_OF_EXTENSION(class, oid)                                 \
    " NOT EXISTS (SELECT FROM member m WHERE m.classid = '" class    \
    "'::regclass AND m.objid = " oid ") "
#define USUAL(kind, owner) "acldefault((" kind ")::\"char\", " owner ")"
/* Where nobody granted anything there is no list; one that says the same is as
 * good as none. */
#define RIGHTS(acl, kind, owner)                                        \
    "CASE WHEN " acl " IS NULL OR " acl " @> " USUAL(kind, owner)       \
    " AND " acl " <@ " USUAL(kind, owner) " THEN 'the usual' ELSE "     \
    "coalesce(" SORTED(acl) ", 'nobody') END"
#define OWNER(oid) "pg_get_userbyid(" oid ")"
/* Of `o`; each schema may have one of that name. */
#define OPCLASS                                                    \
    "concat(CASE WHEN o.opcnamespace <> 'pg_catalog'::regnamespace " \
    "THEN o.opcnamespace::regnamespace || '.' END, o.opcname)"
/* Every column of an index as it stands, whether by default or not, of `i`.
 * pg_get_indexdef loads all of the table for it: twice the price. 100 is the
 * default collation. */
#define INDEX_COLUMNS                                                       \
    "array_to_string(ARRAY(SELECT concat((SELECT quote_ident(a.attname) "   \
    "FROM pg_attribute a WHERE a.attrelid = i.indrelid "                    \
    "AND a.attnum = k.att), ' ' || (SELECT " OPCLASS " FROM pg_opclass o "  \
    "WHERE o.oid = k.class), " FLAG("k.class IS NULL", "included") ", "     \
    "CASE WHEN k.coll NOT IN (0, 100) THEN ' collate ' || "                 \
    "k.coll::regcollation END, " FLAG("k.opt & 1 = 1", "desc") ", "         \
    FLAG("k.opt & 2 = 2", "nulls first") ") FROM unnest(i.indkey, "         \
    "i.indclass, i.indcollation, i.indoption) k(att, class, coll, opt)), "  \
    "', ')"
#define TABLES "('r', 'p', 'v', 'm', 'f')"
#define IN_OURS(of) " JOIN ours n ON n.oid = " of " "
#define BUILTIN "16384"

/* ours: schemas of users; member: what belongs to an extension; rel: relations
 * with their names; col: columns of those that have any, and what somebody has
 * rights on. */
const char fingerprint_prelude[] =
    "WITH ours AS MATERIALIZED (SELECT oid, quote_ident(nspname) AS name, "
    "nspowner, nspacl FROM pg_namespace WHERE nspname <> 'tidegate' "
    "AND nspname !~ '^(pg_|information_schema$)'), "
    "member AS MATERIALIZED (SELECT classid, objid FROM pg_depend "
    "WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'), "
    "rel AS MATERIALIZED (SELECT c.oid, c.relkind, c.relowner, c.relacl, "
    "c.relam, c.reltablespace, c.relpersistence, c.reloptions, "
    "c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.relpartbound, "
    "c.reloftype, c.relispopulated, c.reltoastrelid, n.name || '.' || "
    "quote_ident(c.relname) AS name FROM pg_class c" IN_OURS("c.relnamespace")
    "WHERE" NOT_OF_EXTENSION("pg_class", "c.oid") "), "
    "col AS MATERIALIZED (SELECT c.name, c.relkind, a.attrelid, "
    "a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.atthasdef, "
    "a.attidentity, a.attgenerated, a.attcollation, a.attstorage, "
    "a.attstattarget, a.attoptions, a.attfdwoptions, a.attislocal, a.attacl"
    "%s FROM rel c "
    "JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped "
    "AND (a.attnum > 0 OR a.attacl IS NOT NULL) "
    "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')) ";

const struct fingerprint_kind fingerprint_kinds[] = {
    /* ---- schemas, extensions, the database ---- */
    {0, "SELECT 'schema ' || n.name FROM ours n WHERE"
        NOT_OF_EXTENSION("pg_namespace", "n.oid")},
    {0, "SELECT 'owner of schema ' || n.name || ': ' || " OWNER("n.nspowner")
        " FROM ours n WHERE" NOT_OF_EXTENSION("pg_namespace", "n.oid")},
    {0, "SELECT 'rights on schema ' || n.name || ': ' || "
        RIGHTS("n.nspacl", "'n'", "n.nspowner")
        " FROM ours n WHERE" NOT_OF_EXTENSION("pg_namespace", "n.oid")},
    {0, "SELECT format('extension %I: %s in %I', e.extname, e.extversion, "
        "n.nspname) FROM pg_extension e "
        "JOIN pg_namespace n ON n.oid = e.extnamespace"},
    /* those of others than PostgreSQL may hold keys: their digests */
    {0, "SELECT format('setting of %s in this database: %s', "
        "CASE WHEN s.setrole = 0 THEN 'everybody' ELSE "
        OWNER("s.setrole") "::text END, CASE WHEN split_part(c, '=', 1) LIKE "
        "'%.%' THEN split_part(c, '=', 1) || ' ' || md5(c) ELSE c END) "
        "FROM pg_db_role_setting s, "
        "unnest(s.setconfig) c WHERE s.setdatabase = (SELECT oid FROM "
        "pg_database WHERE datname = current_database())"},
    /* ---- relations ---- */
    {0, "SELECT concat(CASE c.relkind WHEN 'p' THEN 'partitioned table ' WHEN "
        "'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'f' THEN "
        "'foreign table ' WHEN 'c' THEN 'composite type ' ELSE 'table ' END, "
        "c.name, ':', " FLAG("c.relpersistence = 'u'", "unlogged") ", "
        MAYBE("using ", "am.amname") ", "
        "CASE WHEN c.reloptions IS NOT NULL THEN "
        MAYBE("with ", SORTED("c.reloptions")) " END, "
        MAYBE("tablespace ", "t.spcname") ", "
        FLAG("c.relrowsecurity", "row security") ", "
        FLAG("c.relforcerowsecurity", "forced") ", "
        "CASE WHEN c.relkind IN ('r', 'p', 'm') AND c.relreplident <> 'd' "
        "THEN ' replica identity ' || c.relreplident::text END, "
        "CASE c.relkind WHEN 'p' THEN ' partition by ' || "
        "pg_get_partkeydef(c.oid) END, "
        "' ' || pg_get_expr(c.relpartbound, c.oid), "
        MAYBE("of ", "nullif(c.reloftype, 0)::regtype::text") ", "
        FLAG("NOT c.relispopulated", "not populated") ")"
        " FROM rel c LEFT JOIN pg_am am ON am.oid = c.relam "
        "LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace "
        "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')"},
    {0, "SELECT 'toast options of ' || c.name || ': ' || "
        SORTED("t.reloptions") " FROM rel c JOIN pg_class t "
        "ON t.oid = c.reltoastrelid WHERE t.reloptions IS NOT NULL"},
    {0, "SELECT 'foreign options of ' || c.name || ': ' || s.srvname || "
        "coalesce(" MAYBE("", SORTED("f.ftoptions")) ", '') FROM rel c JOIN pg_foreign_table f "
        "ON f.ftrelid = c.oid JOIN pg_foreign_server s ON s.oid = f.ftserver"},
    {0, "SELECT 'owner of ' || c.name || ': ' || " OWNER("c.relowner")
        " FROM rel c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"},
    {0, "SELECT 'rights on ' || c.name || ': ' || "
        RIGHTS("c.relacl", "CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END",
               "c.relowner")
        " FROM rel c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"},
    {0, "SELECT 'rights on column ' || a.name || '.' || quote_ident(a.attname) "
        "|| ': ' || coalesce(" SORTED("a.attacl") ", 'nobody') FROM col a "
        "WHERE a.attacl IS NOT NULL AND a.relkind IN " TABLES},
    {0, "SELECT 'inherits ' || c.name || ': ' || i.inhparent::regclass || "
        "', ' || i.inhseqno || coalesce(CASE WHEN (to_jsonb(i) ->> "
        "'inhdetachpending')::bool THEN ' (detach pending)' END, '') "
        "FROM rel c JOIN pg_inherits i ON i.inhrelid = c.oid "
        "WHERE c.relkind IN " TABLES},
    {0, "SELECT 'part of index ' || i.inhparent::regclass || ': ' || c.name "
        "FROM rel c JOIN pg_inherits i ON i.inhrelid = c.oid "
        "WHERE c.relkind IN ('i', 'I')"},
    /* ---- columns ---- */
    {0, "SELECT concat('column ', a.name, '.', quote_ident(a.attname), ': ', "
        "format_type(a.atttypid, a.atttypmod), "
        FLAG("a.attnotnull", "not null") ", CASE WHEN d.oid IS NOT NULL THEN "
        "CASE a.attgenerated WHEN '' THEN ' default ' ELSE ' generated ' END "
        "|| pg_get_expr(d.adbin, CASE a.attgenerated WHEN '' THEN 0 ELSE "
        "d.adrelid END) END, CASE a.attidentity "
        "WHEN 'a' THEN ' identity always' WHEN 'd' THEN "
        "' identity by default' END, CASE WHEN a.attcollation <> "
        "t.typcollation THEN ' collate ' || a.attcollation::regcollation "
        "END, CASE WHEN a.attstorage <> t.typstorage THEN "
        "' storage ' || a.attstorage::text END, "
        "CASE WHEN a.attstattarget >= 0 THEN ' statistics ' || "
        "a.attstattarget END, CASE WHEN array_to_string(a.attoptions, ' ') "
        "LIKE '%n_distinct%' THEN "
        MAYBE("with ", "(SELECT string_agg(o, ', ' ORDER BY o) "
        "FROM unnest(a.attoptions) o WHERE o LIKE 'n_distinct%')") " END, "
        "CASE WHEN a.attfdwoptions IS NOT NULL THEN "
        MAYBE("options ", SORTED("a.attfdwoptions")) " END, "
        FLAG("NOT a.attislocal", "inherited") ")"
        " FROM col a "
        "JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d "
        "ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef "
        "WHERE a.attnum > 0"},
    {140000, "SELECT 'compression of ' || a.name || '.' || "
        "quote_ident(a.attname) || ': ' || a.attcompression::text FROM col a "
        "WHERE a.attcompression <> '' AND a.relkind IN " TABLES},
    {0, "SELECT 'column order of ' || a.name || ': ' || "
        "string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) "
        "FROM col a WHERE a.attnum > 0 GROUP BY a.attrelid, a.name"},
    /* ---- what hangs on relations ---- */
    {0, "SELECT concat('constraint ', quote_ident(k.conname), ' on ', "
        "coalesce(c.name, k.contypid::regtype::text), ': ', "
        "pg_get_constraintdef(k.oid), "
        FLAG("NOT k.convalidated", "(not validated)") ", "
        FLAG("NOT k.conislocal", "(inherited)")
        ") FROM pg_constraint k" IN_OURS("k.connamespace")
        "LEFT JOIN rel c ON c.oid = k.conrelid WHERE k.contype <> 't' "
        "AND (k.conrelid = 0 OR c.oid IS NOT NULL) AND"
        NOT_OF_EXTENSION("pg_constraint", "k.oid")},
    /* that of a key says no more than its constraint */
    {0, "SELECT concat('index ', c.name, ': ', CASE WHEN k.conname IS NOT NULL "
        "THEN 'of constraint ' || quote_ident(k.conname) "
        "WHEN i.indexprs IS NOT NULL OR i.indpred IS NOT NULL "
        "THEN pg_get_indexdef(c.oid) ELSE concat('on ', i.indrelid::regclass, "
        "' using ', am.amname, ' (', " INDEX_COLUMNS ", ')', "
        FLAG("i.indisunique", "unique") ") END, "
        "CASE WHEN c.reloptions IS NOT NULL THEN "
        MAYBE("with ", SORTED("c.reloptions")) " END, "
        MAYBE("tablespace ", "t.spcname") ", "
        FLAG("NOT i.indisvalid", "INVALID") ", "
        FLAG("NOT i.indisready", "not ready") ", "
        FLAG("i.indisclustered", "clustered") ", "
        FLAG("i.indisreplident", "replica identity") ")"
        " FROM rel c JOIN pg_index i ON i.indexrelid = c.oid "
        "JOIN pg_am am ON am.oid = c.relam "
        "LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace "
        "LEFT JOIN pg_constraint k ON k.conindid = c.oid "
        "AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u')"},
    {0, "SELECT concat('options of index ', c.name, '.', a.attnum, ':', "
        "CASE WHEN a.attstattarget >= 0 THEN ' statistics ' || "
        "a.attstattarget END, " MAYBE("with ", SORTED("a.attoptions"))
        ") FROM rel c JOIN (SELECT attrelid, attnum, attstattarget, attoptions "
        "FROM pg_attribute WHERE attrelid >= " BUILTIN " AND attnum > 0 AND "
        "(attstattarget >= 0 OR attoptions IS NOT NULL) OFFSET 0) a "
        "ON a.attrelid = c.oid "
        "WHERE c.relkind IN ('i', 'I')"},
    {150000, "SELECT 'nulls not distinct in index ' || c.name FROM rel c "
        "JOIN pg_index i ON i.indexrelid = c.oid AND i.indnullsnotdistinct"},
    {0, "SELECT format('trigger %I on %s: %s, %s', g.tgname, c.name, "
        "pg_get_triggerdef(g.oid), g.tgenabled) FROM rel c "
        "JOIN pg_trigger g ON g.tgrelid = c.oid AND NOT g.tgisinternal"},
    {0, "SELECT format('trigger of constraint %I on %s: %s, %s', k.conname, "
        "c.name, g.tgfoid::regproc, g.tgenabled) FROM rel c "
        "JOIN pg_trigger g ON g.tgrelid = c.oid AND g.tgisinternal "
        "AND g.tgenabled <> 'O' "
        "JOIN pg_constraint k ON k.oid = g.tgconstraint"},
    {0, "SELECT format('rule %I on %s: %s, %s', r.rulename, c.name, "
        "pg_get_ruledef(r.oid), r.ev_enabled) FROM rel c "
        "JOIN pg_rewrite r ON r.ev_class = c.oid "
        "AND (r.rulename <> '_RETURN' OR r.ev_enabled <> 'O')"},
    {0, "SELECT 'definition of ' || c.name || ': ' || pg_get_viewdef(c.oid) "
        "FROM rel c WHERE c.relkind IN ('v', 'm')"},
    {0, "SELECT format('policy %I on %s: %s', p.polname, c.name, "
        "concat_ws(' ', CASE WHEN p.polpermissive THEN 'permissive' ELSE "
        "'restrictive' END, 'for ' || p.polcmd::text, 'to ' || "
        "(SELECT string_agg(x, ', ' ORDER BY x) FROM (SELECT CASE r WHEN 0 "
        "THEN 'public' ELSE " OWNER("r") "::text END FROM "
        "unnest(p.polroles) r) y(x)), 'using ' || pg_get_expr(p.polqual, "
        "c.oid), 'check ' || pg_get_expr(p.polwithcheck, c.oid))) FROM rel c "
        "JOIN pg_policy p ON p.polrelid = c.oid"},
    {0, "SELECT concat('sequence ', c.name, ': ', format_type(s.seqtypid, "
        "NULL), ' start ', s.seqstart, ' by ', s.seqincrement, ' from ', "
        "s.seqmin, ' to ', s.seqmax, ' cache ', s.seqcache, "
        FLAG("s.seqcycle", "cycle") ", "
        FLAG("c.relpersistence = 'u'", "unlogged") ", "
        MAYBE("owned by ", "o.name || '.' || (SELECT quote_ident(a.attname) "
        "FROM pg_attribute a WHERE a.attrelid = d.refobjid "
        "AND a.attnum = d.refobjsubid)") ")"
        " FROM rel c JOIN pg_sequence s ON s.seqrelid = c.oid "
        "LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass "
        "AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass "
        "AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i') "
        "LEFT JOIN rel o ON o.oid = d.refobjid"},
    {0, "SELECT 'statistics: ' || pg_get_statisticsobjdef(s.oid) || "
        "coalesce(' target ' || nullif(to_jsonb(s) ->> 'stxstattarget', "
        "'-1'), '') FROM pg_statistic_ext s" IN_OURS("s.stxnamespace")},
    {0, "SELECT format('owner of statistics %s.%I: %s', n.name, s.stxname, "
        OWNER("s.stxowner") ") FROM pg_statistic_ext s"
        IN_OURS("s.stxnamespace")},
    /* ---- types and functions ---- */
    {0, "SELECT format('type %s: %s', t.oid::regtype, concat_ws(' ', "
        "t.typtype, (SELECT string_agg(quote_literal(l.enumlabel), ', ' "
        "ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = "
        "t.oid), CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, "
        "t.typtypmod) END, " PART("t.typnotnull", "not null") ", "
        "'default ' || t.typdefault, CASE WHEN t.typtype = 'd' AND "
        "t.typcollation <> (SELECT b.typcollation FROM pg_type b WHERE b.oid "
        "= t.typbasetype) THEN 'collate ' || t.typcollation::regcollation "
        "END, (SELECT concat_ws(' ', r.rngsubtype::regtype, 'opclass ' || "
        "(SELECT o.opcname FROM pg_opclass o WHERE o.oid = r.rngsubopc), "
        "'collate ' || nullif(r.rngcollation, 0)::regcollation, "
        "'canonical ' || nullif(r.rngcanonical::oid, 0)::regproc, "
        "'difference ' || nullif(r.rngsubdiff::oid, 0)::regproc) "
        "FROM pg_range r WHERE r.rngtypid = t.oid), CASE t.typtype WHEN 'b' "
        "THEN concat_ws(' ', t.typlen, t.typbyval, t.typalign, t.typstorage, "
        "t.typcategory, t.typinput, t.typoutput, t.typreceive, t.typsend) "
        "END)) FROM pg_type t" IN_OURS("t.typnamespace")
        "WHERE t.typtype IN ('b', 'd', 'e', 'r') AND t.typcategory <> 'A' "
        "AND" NOT_OF_EXTENSION("pg_type", "t.oid")},
    {0, "SELECT format('owner of type %s: %s', t.oid::regtype, "
        OWNER("t.typowner") ") FROM pg_type t" IN_OURS("t.typnamespace")
        "LEFT JOIN rel c ON c.oid = t.typrelid WHERE (t.typtype IN ('b', "
        "'d', 'e', 'r') OR c.relkind = 'c') AND t.typcategory <> 'A' "
        "AND" NOT_OF_EXTENSION("pg_type", "t.oid")},
    {0, "SELECT format('rights on type %s: %s', t.oid::regtype, "
        RIGHTS("t.typacl", "'T'", "t.typowner") ") FROM pg_type t"
        IN_OURS("t.typnamespace") "LEFT JOIN rel c ON c.oid = t.typrelid "
        "WHERE (t.typtype IN ('b', 'd', 'e', 'r') OR c.relkind = 'c') "
        "AND t.typcategory <> 'A' AND" NOT_OF_EXTENSION("pg_type", "t.oid")},
    {0, "SELECT format('function %s: %s%s%s', p.oid::regprocedure, "
        "nullif(p.pronargdefaults, 0) || ' optional, ', 'returns ' || "
        "pg_get_function_result(p.oid) || ', ', CASE WHEN "
        "p.prokind = 'a' THEN (SELECT 'aggregate ' || md5(concat_ws(' ', "
        "g.aggkind, g.aggtransfn, g.aggfinalfn, g.aggcombinefn, "
        "g.aggtranstype::regtype, g.agginitval, g.aggsortop::regoperator, "
        "p.proparallel)) FROM pg_aggregate g WHERE g.aggfnoid = p.oid) ELSE "
        "'definition ' || md5(pg_get_functiondef(p.oid)) END) FROM pg_proc p"
        IN_OURS("p.pronamespace") "WHERE" NOT_OF_EXTENSION("pg_proc", "p.oid")},
    {0, "SELECT format('owner of function %s: %s', p.oid::regprocedure, "
        OWNER("p.proowner") ") FROM pg_proc p" IN_OURS("p.pronamespace")
        "WHERE" NOT_OF_EXTENSION("pg_proc", "p.oid")},
    {0, "SELECT format('rights on function %s: %s', p.oid::regprocedure, "
        RIGHTS("p.proacl", "'f'", "p.proowner") ") FROM pg_proc p"
        IN_OURS("p.pronamespace") "WHERE" NOT_OF_EXTENSION("pg_proc", "p.oid")},
    /* ---- rights to come, comments, labels ---- */
    {0, "SELECT format('default rights of %s in %s for %s: %s', "
        OWNER("d.defaclrole") ", coalesce(quote_ident(n.nspname), "
        "'every schema'), d.defaclobjtype, " SORTED("d.defaclacl") ") "
        "FROM pg_default_acl d "
        "LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace"},
    /* 2200: schema public, the one object of initdb that is ours */
    {0, "SELECT format('comment on %s %s: %s', o.type, o.identity, "
        "d.description) FROM pg_description d, "
        "LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) o "
        "WHERE (d.objoid >= " BUILTIN " OR d.objoid = 2200 AND d.classoid = "
        "'pg_namespace'::regclass) AND d.classoid <> "
        "'pg_largeobject'::regclass AND o.identity <> 'tidegate' AND "
        "coalesce(o.schema, '') <> 'tidegate' AND NOT EXISTS (SELECT FROM "
        "member m WHERE m.classid = d.classoid AND m.objid = d.objoid)"},
    {0, "SELECT format('label of %s on %s %s: %s', l.provider, o.type, "
        "o.identity, l.label) FROM pg_seclabel l, "
        "LATERAL pg_identify_object(l.classoid, l.objoid, l.objsubid) o "
        "WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = l.classoid "
        "AND m.objid = l.objoid)"},
    /* ---- publications and event triggers ---- */
    {0, "SELECT format('publication %I: %s', p.pubname, concat_ws(' ', "
        PART("p.puballtables", "all tables") ", "
        PART("p.pubinsert", "insert") ", " PART("p.pubupdate", "update") ", "
        PART("p.pubdelete", "delete") ", " PART("p.pubtruncate", "truncate")
        ", CASE WHEN (to_jsonb(p) ->> 'pubviaroot')::bool THEN 'via root' "
        "END)) FROM pg_publication p"},
    {0, "SELECT format('owner of publication %I: %s', p.pubname, "
        OWNER("p.pubowner") ") FROM pg_publication p"},
    {150000, "SELECT format('publication %I has %s%s%s', p.pubname, "
        "r.prrelid::regclass, ' columns ' || (SELECT string_agg("
        "quote_ident(a.attname), ', ' ORDER BY a.attname) FROM "
        "pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY "
        "(r.prattrs::int2[])), ' where ' || pg_get_expr(r.prqual, "
        "r.prrelid)) FROM pg_publication p "
        "JOIN pg_publication_rel r ON r.prpubid = p.oid"},
    {150000, "SELECT format('publication %I has schema %I', p.pubname, "
        "n.nspname) FROM pg_publication p "
        "JOIN pg_publication_namespace s ON s.pnpubid = p.oid "
        "JOIN pg_namespace n ON n.oid = s.pnnspid"},
    {0, "SELECT format('event trigger %I: %s %s %s %s, owner %s', t.evtname, "
        "t.evtevent, t.evtfoid::regproc, t.evtenabled, " SORTED("t.evttags")
        ", " OWNER("t.evtowner") ") FROM pg_event_trigger t WHERE"
        NOT_OF_EXTENSION("pg_event_trigger", "t.oid")},
    /* ---- what few have ---- */
    {0, "SELECT format('operator %s: %s, owner %s', o.oid::regoperator, "
        "concat_ws(' ', o.oprcode, nullif(o.oprcom, 0)::regoperator, "
        "nullif(o.oprnegate, 0)::regoperator, nullif(o.oprrest::oid, "
        "0)::regproc, nullif(o.oprjoin::oid, 0)::regproc, "
        PART("o.oprcanmerge", "merges") ", " PART("o.oprcanhash", "hashes")
        "), " OWNER("o.oprowner") ") FROM pg_operator o"
        IN_OURS("o.oprnamespace") "WHERE" NOT_OF_EXTENSION("pg_operator", "o.oid")},
    {0, "SELECT format('cast from %s to %s: %s', c.castsource::regtype, "
        "c.casttarget::regtype, concat_ws(' ', nullif(c.castfunc, "
        "0)::regprocedure, c.castcontext, c.castmethod)) FROM pg_cast c "
        "WHERE c.oid >= " BUILTIN " AND" NOT_OF_EXTENSION("pg_cast", "c.oid")},
    {0, "SELECT format('operator class %s.%I for %s using %s:%s, owner %s', "
        "n.name, o.opcname, o.opcintype::regtype, a.amname, "
        FLAG("o.opcdefault", "default") ", " OWNER("o.opcowner") ") "
        "FROM pg_opclass o" IN_OURS("o.opcnamespace")
        "JOIN pg_am a ON a.oid = o.opcmethod WHERE"
        NOT_OF_EXTENSION("pg_opclass", "o.oid")},
    {0, "SELECT format('operator family %s.%I using %s: %s; %s', n.name, "
        "f.opfname, a.amname, (SELECT string_agg(o.amopstrategy || ' ' || "
        "o.amopopr::regoperator, ', ' ORDER BY o.amopstrategy, "
        "o.amopopr::regoperator::text) FROM pg_amop o WHERE o.amopfamily = "
        "f.oid), (SELECT string_agg(p.amprocnum || ' ' || p.amproc, ', ' "
        "ORDER BY p.amprocnum, p.amproc::text) FROM pg_amproc p WHERE "
        "p.amprocfamily = f.oid)) FROM pg_opfamily f"
        IN_OURS("f.opfnamespace") "JOIN pg_am a ON a.oid = f.opfmethod WHERE"
        NOT_OF_EXTENSION("pg_opfamily", "f.oid")},
    {0, "SELECT format('collation %s.%I: %s, owner %s', n.name, c.collname, "
        "concat_ws(' ', c.collprovider, c.collcollate, c.collctype, "
        "coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> "
        "'colliculocale'), CASE WHEN NOT c.collisdeterministic THEN "
        "'not deterministic' END), " OWNER("c.collowner") ") "
        "FROM pg_collation c" IN_OURS("c.collnamespace") "WHERE"
        NOT_OF_EXTENSION("pg_collation", "c.oid")},
    {0, "SELECT format('text search configuration %s.%I: %s; %s', n.name, "
        "c.cfgname, c.cfgparser, (SELECT string_agg(m.maptokentype || ' ' || "
        "m.mapseqno || ' ' || m.mapdict::regdictionary, ', ' ORDER BY "
        "m.maptokentype, m.mapseqno) FROM pg_ts_config_map m WHERE m.mapcfg "
        "= c.oid)) FROM pg_ts_config c" IN_OURS("c.cfgnamespace") "WHERE"
        NOT_OF_EXTENSION("pg_ts_config", "c.oid")},
    {0, "SELECT format('text search dictionary %s.%I: %s %s', n.name, "
        "d.dictname, (SELECT t.tmplname FROM pg_ts_template t WHERE t.oid = "
        "d.dicttemplate), d.dictinitoption) FROM pg_ts_dict d"
        IN_OURS("d.dictnamespace") "WHERE"
        NOT_OF_EXTENSION("pg_ts_dict", "d.oid")},
    {0, "SELECT format('foreign data wrapper %I: %s, owner %s, rights %s', "
        "f.fdwname, concat_ws(' ', nullif(f.fdwhandler, 0)::regproc, "
        "nullif(f.fdwvalidator, 0)::regproc, md5(" SORTED("f.fdwoptions")
        ")), " OWNER("f.fdwowner") ", " RIGHTS("f.fdwacl", "'F'", "f.fdwowner")
        ") FROM pg_foreign_data_wrapper f WHERE"
        NOT_OF_EXTENSION("pg_foreign_data_wrapper", "f.oid")},
    /* options may hold passwords: their digests */
    {0, "SELECT format('foreign server %I: %s, owner %s, rights %s', "
        "s.srvname, concat_ws(' ', w.fdwname, s.srvtype, s.srvversion, md5("
        SORTED("s.srvoptions") ")), " OWNER("s.srvowner") ", "
        RIGHTS("s.srvacl", "'S'", "s.srvowner") ") FROM pg_foreign_server s "
        "JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw WHERE"
        NOT_OF_EXTENSION("pg_foreign_server", "s.oid")},
    {0, "SELECT format('user mapping of %s on %I: %s', u.usename, u.srvname, "
        "md5(" SORTED("u.umoptions") ")) FROM pg_user_mappings u"},
    {0, "SELECT format('language %I: %s, owner %s, rights %s', l.lanname, "
        "concat_ws(' ', " PART("l.lanpltrusted", "trusted") ", "
        "l.lanplcallfoid::regproc, nullif(l.laninline, 0)::regproc, "
        "nullif(l.lanvalidator, 0)::regproc), " OWNER("l.lanowner") ", "
        RIGHTS("l.lanacl", "'l'", "l.lanowner") ") FROM pg_language l "
        "WHERE l.lanispl"},
    {0, "SELECT format('%s %s', o.type, o.identity) FROM ("
        "SELECT 'pg_conversion'::regclass AS class, oid FROM pg_conversion "
        "UNION ALL SELECT 'pg_transform'::regclass, oid FROM pg_transform "
        "UNION ALL SELECT 'pg_am'::regclass, oid FROM pg_am "
        "UNION ALL SELECT 'pg_ts_parser'::regclass, oid FROM pg_ts_parser "
        "UNION ALL SELECT 'pg_ts_template'::regclass, oid "
        "FROM pg_ts_template) k, "
        "LATERAL pg_identify_object(k.class, k.oid, 0) o "
        "WHERE k.oid >= " BUILTIN " AND NOT EXISTS (SELECT FROM member m "
        "WHERE m.classid = k.class AND m.objid = k.oid)"},
};
/* clang-format on */
const size_t fingerprint_kinds_n =
    sizeof fingerprint_kinds / sizeof *fingerprint_kinds;
