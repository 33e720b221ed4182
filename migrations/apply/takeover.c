#include "migrations/apply/takeover.h"

#include <stdio.h>
#include <string.h>

#include "migrations/apply/work.h"
#include "runner/base/escape.h"

/* ---- the other tool's table ---- */

static const char *base_name(const char *table)
{
    const char *dot = strrchr(table, '.');

    return dot ? dot + 1 : table;
}

/* No view, no foreign table: to ask one of those runs what its owner wrote,
 * with our rights. */
#define ONLY_TABLES "c.relkind IN ('r', 'p')"

/* Tables of that name, quoted, whatever their schema; and whether one who may
 * do here what we may owns them. */
static bool tables_named(struct pg *pg, struct arena *a, const char *name,
                         struct pg_result *out, struct err *e)
{
    const char *params[] = {name};

    return pg_query(pg, a,
                    "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname),"
                    " NOT c.relrowsecurity AND (o.rolsuper"
                    " OR o.rolname = current_user OR o.oid = d.datdba),"
                    " o.rolname"
                    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
                    " ON n.oid = c.relnamespace"
                    " JOIN pg_catalog.pg_roles o ON o.oid = c.relowner"
                    " JOIN pg_catalog.pg_database d"
                    " ON d.datname = pg_catalog.current_database()"
                    " WHERE c.relname = $1 AND " ONLY_TABLES
                    " AND n.nspname !~ '^pg_' AND n.nspname <> 'tidegate'"
                    " ORDER BY 1",
                    params, 1, out, e);
}

static bool not_ours(char *const *found, struct arena *a, struct err *e)
{
    const char *table = escape(a, found[0]);

    err_what(e, ERR_REFUSED, "%s may be anybody's", table);
    err_why(e,
            "it is owned by %s, who is neither a superuser nor owns the "
            "database, or it has row security",
            escape(a, found[2]));
    return err_fix(e, "if it is the tool's own: --table %s", table);
}

/* Before any is asked. */
static bool all_ours(const struct pg_result *names, struct arena *a,
                     struct err *e)
{
    for (int i = 0; i < names->rows; i++)
        if (*names->cell[i][1] != 't')
            return not_ours(names->cell[i], a, e);
    return true;
}

/* As a person wrote it, checked and quoted by the server. */
static bool table_given(struct pg *pg, struct arena *a, const char *table,
                        const char **out, struct err *e)
{
    const char *params[] = {table};
    struct pg_result r;
    struct err old;

    if (pg_query(pg, a,
                 "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)"
                 " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
                 " ON n.oid = c.relnamespace"
                 " WHERE c.oid = pg_catalog.to_regclass($1)"
                 " AND " ONLY_TABLES,
                 params, 1, &r, e) &&
        r.rows == 1) {
        *out = r.cell[0][0];
        return true;
    }
    old = *e;
    if (old.code == ERR_UNREACHABLE)
        return false;
    err_what(e, ERR_REFUSED, "there is no table %.100s", table);
    err_why(e, "%s", *old.why ? old.why : "no table has that name");
    return err_fix(e, "name it with its schema: --table SCHEMA.NAME");
}

/* A table of that name that has other columns is another tool's. */
static bool other_shape(const struct pg *pg)
{
    const char *state = pg_failed(pg)->sqlstate;

    return strcmp(state, "42703") == 0 || strcmp(state, "42883") == 0;
}

/* Nothing is changed by it, and no policy of the table runs: it fails then. */
static bool ask_table(struct takeover_source *out, struct pg *pg,
                      struct arena *a, const char *table, bool *other,
                      struct err *e)
{
    struct pg_result r;
    struct err ignored = {0};

    out->table = escape(a, table);
    out->sql = layout_applied_sql(a, out->layout, table);
    *other = false;
    if (!pg_query(pg, a, "BEGIN READ ONLY", NULL, 0, &r, e))
        return false;
    bool ok = pg_query(pg, a, "SET LOCAL row_security = off", NULL, 0, &r, e) &&
              pg_query(pg, a, out->sql, NULL, 0, &out->answer, e);

    if (ok)
        return pg_query(pg, a, "COMMIT", NULL, 0, &r, e);
    *other = other_shape(pg);
    pg_query(pg, a, "ROLLBACK", NULL, 0, &r, &ignored);
    return false;
}

static bool none_found(const struct takeover_source *s, struct pg *pg,
                       struct err *e)
{
    err_what(e, ERR_REFUSED, "no table of %s is in %s", s->layout->name,
             pg_name(pg));
    err_why(e, "it would be called %s, and have its columns",
            base_name(s->layout->applied_table));
    return err_fix(e, "name it: --table SCHEMA.NAME; another tool: --from "
                      "TOOL; if no tool kept one: tidegate migrate baseline");
}

static bool several(const struct takeover_source *s, const char *first,
                    const char *second, struct err *e)
{
    err_what(e, ERR_REFUSED, "%s has more than one table", s->layout->name);
    err_why(e, "there are %s and %s", first, second);
    return err_fix(e, "say which: --table %s", first);
}

/* Connections have an empty search_path; what the role, the database and the
 * conninfo give is asked by a name alone, so nobody's operator runs. */
static bool ask_creates_in(struct pg *pg, struct arena *a, const char **out,
                           struct err *e)
{
    struct pg_result r;
    struct err ignored = {0};

    if (!pg_query(pg, a, "BEGIN READ ONLY", NULL, 0, &r, e))
        return false;
    bool ok =
        pg_query(pg, a, "SET LOCAL search_path TO DEFAULT", NULL, 0, &r, e) &&
        pg_query(pg, a, "SELECT pg_catalog.current_schema()", NULL, 0, &r, e);

    if (ok)
        *out = r.rows && r.cell[0][0] ? escape(a, r.cell[0][0]) : "";
    return pg_query(pg, a, "ROLLBACK", NULL, 0, &r, ok ? e : &ignored) && ok;
}

/* These tools make their table where unqualified names go; sqitch keeps its
 * own schema. */
static bool look_where(struct takeover_source *s, struct pg *pg,
                       struct arena *a, const char *table, struct err *e)
{
    const char *params[] = {table}, *creates_in, *schema;
    struct pg_result r;

    if (strncmp(s->layout->applied_table, "public.", 7) != 0)
        return true;
    if (!ask_creates_in(pg, a, &creates_in, e) ||
        !pg_query(pg, a,
                  "SELECT n.nspname FROM pg_catalog.pg_class c"
                  " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                  " WHERE c.oid = pg_catalog.to_regclass($1)",
                  params, 1, &r, e))
        return false;
    schema = r.rows ? escape(a, r.cell[0][0]) : creates_in;
    if (strcmp(schema, creates_in) != 0) {
        s->schema = schema;
        s->creates_in = creates_in;
    }
    return true;
}

bool takeover_ask(struct takeover_source *out, struct pg *pg, struct arena *a,
                  const struct layout *layout, const char *table, struct err *e)
{
    const char *where = NULL;
    struct takeover_source found = {.layout = layout}, one;
    struct pg_result names;
    struct err trouble = {0};
    bool other;

    *out = (struct takeover_source){.layout = layout};
    if (table)
        return table_given(pg, a, table, &table, e) &&
               ask_table(out, pg, a, table, &other, e) &&
               look_where(out, pg, a, table, e);
    if (!tables_named(pg, a, base_name(layout->applied_table), &names, e) ||
        !all_ours(&names, a, e))
        return false;
    for (int i = 0; i < names.rows; i++) {
        one = found;
        if (ask_table(&one, pg, a, names.cell[i][0], &other, &trouble)) {
            if (out->table)
                return several(out, out->table, one.table, e);
            *out = one;
            where = names.cell[i][0];
        } else if (!other) {
            *e = trouble;
            return false;
        }
    }
    return out->table ? look_where(out, pg, a, where, e)
                      : none_found(out, pg, e);
}

/* ---- recording ---- */

static bool same_answer(const struct pg_result *x, const struct pg_result *y)
{
    if (x->rows != y->rows || x->columns != y->columns)
        return false;
    for (int i = 0; i < x->rows; i++)
        for (int k = 0; k < x->columns; k++) {
            const char *a = x->cell[i][k], *b = y->cell[i][k];

            if (!a != !b || (a && strcmp(a, b) != 0))
                return false;
        }
    return true;
}

/* In this transaction, that is to write: read only within a savepoint. */
static bool ask_again(struct apply *ap, const struct takeover_source *source,
                      struct pg_result *now, struct err *e)
{
    static const char *const before[] = {"SAVEPOINT ask",
                                         "SET TRANSACTION READ ONLY",
                                         "SET LOCAL row_security = off"};
    struct pg_result r;

    for (size_t i = 0; i < sizeof before / sizeof *before; i++)
        if (!pg_query(ap->work, ap->a, before[i], NULL, 0, &r, e))
            return false;
    return pg_query(ap->work, ap->a, source->sql, NULL, 0, now, e) &&
           pg_query(ap->work, ap->a, "ROLLBACK TO SAVEPOINT ask", NULL, 0, &r,
                    e);
}

/* Nobody has migrated with the other tool since it was asked. */
static bool unchanged(struct apply *ap, const struct takeover_source *source,
                      struct err *e)
{
    struct pg_result now;

    if (!source)
        return true;
    if (!ask_again(ap, source, &now, e))
        return false;
    if (same_answer(&source->answer, &now))
        return true;
    err_what(e, ERR_REFUSED, "%s has changed meanwhile", source->table);
    err_why(e, "somebody migrates with %s at this moment",
            source->layout->name);
    return err_fix(e, "wait until they have ended, then run this again");
}

static bool pass_fence(struct apply *ap, const char *epoch, struct err *e)
{
    const char *params[] = {ap->s.ledger, epoch, ap->s.run};
    struct pg_result r;

    return pg_query(ap->work, ap->a,
                    "SELECT tidegate.pass_fence($1, $2::int8, $3)", params, 3,
                    &r, e);
}

static bool insert(struct apply *ap, const char *as, const struct migration *m,
                   struct err *e)
{
    char number[24];
    const char *params[] = {m->name,
                            number,
                            m->checksum,
                            m->after ? "after" : "before",
                            as,
                            ap->s.run,
                            m->up.text,
                            m->has_down ? m->down.text : NULL,
                            m->compatible,
                            m->forward_only};
    struct pg_result r;

    snprintf(number, sizeof number, "%lld", (long long)m->number);
    return pg_query(ap->work, ap->a,
                    "INSERT INTO tidegate.migration (name, number, checksum,"
                    " phase, release, run, up, down, compatible, forward_only,"
                    " ms) VALUES ($1, $2::int8, $3, $4, $5, $6, $7, $8, $9,"
                    " $10, 0)",
                    params, 10, &r, e);
}

static bool commit(struct apply *ap, struct err *e)
{
    struct pg_result r;

    if (pg_query(ap->work, ap->a, "COMMIT", NULL, 0, &r, e))
        return true;
    if (pg_failed(ap->work)->lost)
        e->code = ERR_UNKNOWN;
    return false;
}

bool takeover_record(struct apply *ap, const char *as,
                     const struct migration *const *list, size_t n,
                     const struct takeover_source *source, struct err *e)
{
    struct pg_result r;
    struct err ignored;
    char epoch[24];
    bool ok;

    snprintf(epoch, sizeof epoch, "%lld", (long long)ap->s.epoch);
    if (!pg_query(ap->work, ap->a, "BEGIN ISOLATION LEVEL REPEATABLE READ",
                  NULL, 0, &r, e))
        return false;
    ok = pass_fence(ap, epoch, e) && unchanged(ap, source, e);
    for (size_t i = 0; ok && i < n; i++)
        ok = insert(ap, as, list[i], e);
    if (ok)
        return commit(ap, e);
    pg_query(ap->work, ap->a, "ROLLBACK", NULL, 0, &r, &ignored);
    return false;
}
