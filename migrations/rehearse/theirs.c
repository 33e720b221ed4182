#include "migrations/rehearse/theirs.h"

#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/escape.h"

/* As their tools call them by default. */
static const char tables[] =
    "schema_migrations," /* golang-migrate, dbmate, Rails, Ecto */
    "ar_internal_metadata,"
    "goose_db_version,"
    "flyway_schema_history,"
    "schema_version," /* Flyway before 5 */
    "__diesel_schema_migrations,"
    "pgmigrations," /* node-pg-migrate */
    "knex_migrations,knex_migrations_lock,"
    "databasechangelog,databasechangeloglock," /* Liquibase */
    "alembic_version,"
    "django_migrations,"
    "_prisma_migrations,"
    "_sqlx_migrations,"
    "refinery_schema_history,"
    "__EFMigrationsHistory";

/* Name, whether it is a table, whether a person named it. */
static const char question[] =
    "WITH t AS (SELECT c.oid, coalesce(c.oid = pg_catalog.to_regclass($2),"
    " false) AS named FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_'"
    " AND n.nspname NOT IN ('information_schema', 'tidegate')"
    " AND (c.relname = ANY (pg_catalog.string_to_array($1, ','))"
    " OR c.oid = pg_catalog.to_regclass($2))),"
    " part AS (SELECT oid, named, true AS is_table FROM t"
    " UNION ALL SELECT i.indexrelid, false, false FROM pg_catalog.pg_index i"
    " JOIN t ON t.oid = i.indrelid"
    " UNION ALL SELECT d.objid, false, false FROM pg_catalog.pg_depend d"
    " JOIN t ON t.oid = d.refobjid"
    " WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
    " AND d.refclassid = d.classid AND d.refobjsubid > 0"
    " AND d.deptype IN ('a', 'i'))"
    " SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), p.is_table,"
    " p.named FROM part p JOIN pg_catalog.pg_class c ON c.oid = p.oid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " UNION ALL SELECT 'sqitch', true, false"
    " WHERE pg_catalog.to_regclass('sqitch.changes') IS NOT NULL ORDER BY 1";

static bool not_there(const char *table, const char *why, struct err *e)
{
    err_what(e, ERR_REFUSED, "there is no table %.100s", table);
    err_why(e, "%s", why);
    return err_fix(e, "name it with its schema: --table SCHEMA.NAME");
}

bool theirs_find(struct theirs *out, struct pg *pg, struct arena *a,
                 const char *table, struct err *e)
{
    const char *params[] = {tables, table};
    struct pg_result r;
    struct buf told;
    bool named = false;

    *out = (struct theirs){0};
    if (!pg_query(pg, a, question, params, 2, &r, e)) {
        struct err old = *e;
        return table && !pg_failed(pg)->lost ? not_there(table, old.why, e)
                                             : false;
    }
    out->names = arena_array(a, (size_t)r.rows, sizeof *out->names);
    buf_init(&told);
    for (int i = 0; i < r.rows; i++) {
        out->names[out->n++] = r.cell[i][0];
        named |= *r.cell[i][2] == 't';
        if (*r.cell[i][1] == 't')
            buf_printf(&told, "%s%s", told.len ? ", " : "",
                       escape(a, r.cell[i][0]));
    }
    out->tables = told.len ? arena_strdup(a, told.data) : NULL;
    buf_release(&told);
    return !table || named || not_there(table, "no table has that name", e);
}

/* "index public.x_pkey: ..." is of public.x_pkey, "column public.x.id: ..." of
 * public.x: before the colon stands what a line describes. */
static bool describes(const char *line, const char *name)
{
    const char *colon = strstr(line, ": "), *at = line;
    const char *end = colon ? colon : line + strlen(line);
    size_t n = strlen(name);

    while ((at = strstr(at, name)) && at + n <= end) {
        if (at > line && at[-1] == ' ' && (at + n == end || at[n] == '.'))
            return true;
        at++;
    }
    return false;
}

void theirs_leave_out(struct fingerprint *f, const struct theirs *t)
{
    size_t kept = 0;

    for (size_t i = 0; i < f->n; i++) {
        bool theirs = false;

        for (size_t k = 0; k < t->n && !theirs; k++)
            theirs = describes(f->lines[i], t->names[k]);
        if (!theirs)
            f->lines[kept++] = f->lines[i];
    }
    f->n = kept;
}
