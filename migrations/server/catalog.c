#include "migrations/server/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "migrations/server/catalog_intern.h"
#include "migrations/text/lexer.h"

/* ---- the session ---- */

#define SETUP                                                                \
    "SET default_transaction_read_only = on; SET statement_timeout = '5s'; " \
    "SET lock_timeout = '1s'; BEGIN; SET LOCAL search_path TO DEFAULT"

struct catalog *catalog_open(struct arena *a, struct pg *pg, struct err *e)
{
    static const char question[] =
        "SELECT pg_catalog.current_schemas(false)::text, "
        "pg_catalog.lower(pg_catalog.current_setting('TimeZone')) IN ('utc', "
        "'etc/utc', 'gmt', 'etc/gmt', 'uct', 'etc/uct', 'zulu', 'universal')";
    struct catalog *c = arena_alloc(a, sizeof *c);
    struct pg_result r, ignored;

    *c = (struct catalog){.arena = a, .pg = pg};
    if (!pg_run(pg, a, SETUP, &ignored, e) ||
        !pg_query(pg, a, question, NULL, 0, &r, e) ||
        !pg_run(pg, a, "COMMIT", &ignored, e))
        return NULL;
    c->schemas = r.cell[0][0];
    c->utc = *r.cell[0][1] == 't';
    return c;
}

bool catalog_failed(const struct catalog *c, struct err *e)
{
    if (c->failed)
        *e = c->why;
    return c->failed;
}

bool catalog_lost(const struct catalog *c)
{
    return c->failed && pg_failed(c->pg)->lost;
}

int catalog_version(const struct catalog *c)
{
    return pg_server_version(c->pg);
}

bool catalog_in_utc(struct catalog *c)
{
    return c->utc;
}

bool catalog_ask(struct catalog *c, const char *sql, bool sized,
                 const char *const *params, int n, struct pg_result *out)
{
    struct err e = {0};
    const char *text = sql;

    if (catalog_lost(c))
        return false;
    if (sized)
        text = arena_printf(c->arena, sql,
                            c->by_pages ? "c.relpages::bigint * 8192"
                                        : "pg_catalog.pg_table_size(c.oid)");
    if (pg_query(c->pg, c->arena, text, params, n, out, &e))
        return true;
    if (sized && !c->by_pages &&
        strcmp(pg_failed(c->pg)->sqlstate, "55P03") == 0) {
        c->by_pages = true;
        return catalog_ask(c, sql, sized, params, n, out);
    }
    if (!c->failed)
        c->why = e;
    c->failed = true;
    return false;
}

/* ---- answers kept ---- */

const struct catalog_answer *catalog_known(const struct catalog *c,
                                           const char *question)
{
    for (const struct catalog_answer *at = c->answers; at; at = at->next)
        if (strcmp(at->question, question) == 0)
            return at;
    return NULL;
}

void catalog_keep(struct catalog *c, const char *question, const void *answer,
                  size_t n)
{
    struct catalog_answer *at = arena_alloc(c->arena, sizeof *at);

    *at = (struct catalog_answer){arena_strdup(c->arena, question), answer, n,
                                  c->answers};
    c->answers = at;
}

/* ---- parts of answers ---- */

static int64_t number(const char *text)
{
    return text ? strtoll(text, NULL, 10) : 0;
}

struct catalog_part catalog_part_of(char *const *cell)
{
    struct catalog_part p = {.oid = (uint32_t)number(cell[0]),
                             .name = cell[1],
                             .kind = *cell[2],
                             .bytes = number(cell[3]),
                             .rows = number(cell[4])};

    /* before 14, 0 is what was never counted */
    if (p.rows < 0 || (p.rows == 0 && p.bytes > 0))
        p.rows = -1;
    return p;
}

const char *catalog_schemas(const struct catalog *c, const char *name)
{
    for (; *name; name += lexer_token(name).len)
        if (*name == '.')
            return "{}";
    return c->schemas;
}

static struct catalog_part *parts(struct catalog *c, const char *sql,
                                  const char *oid, size_t *n)
{
    const char *params[] = {oid};
    struct catalog_part *list;
    struct pg_result r;

    *n = 0;
    if (!catalog_ask(c, sql, true, params, 1, &r))
        return NULL;
    list = arena_array(c->arena, (size_t)r.rows, sizeof *list);
    for (int i = 0; i < r.rows; i++)
        list[(*n)++] = catalog_part_of(r.cell[i]);
    return list;
}

static struct catalog_part *single(struct catalog *c, const char *sql,
                                   const char *oid)
{
    size_t n;
    struct catalog_part *list = parts(c, sql, oid, &n);

    return n ? list : NULL;
}

/* ---- relations ---- */

#define SELF_SQL                                                               \
    "SELECT " PART_COLUMNS ", EXISTS (SELECT FROM pg_catalog.pg_constraint k " \
    "WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.convalidated) "        \
    "FROM" PART_FROM "WHERE c.oid = " RESOLVE("to_regclass")
#define BELOW_SQL                                                            \
    "WITH RECURSIVE t(oid) AS (SELECT inhrelid FROM pg_catalog.pg_inherits " \
    "WHERE inhparent = $1::oid UNION SELECT i.inhrelid FROM "                \
    "pg_catalog.pg_inherits i JOIN t ON i.inhparent = t.oid) "               \
    "SELECT " PART_COLUMNS " FROM" PART_FROM                                 \
    "JOIN t ON t.oid = c.oid ORDER BY n.nspname, c.relname"
#define PARENT_SQL                                                          \
    "SELECT " PART_COLUMNS " FROM" PART_FROM "WHERE c.oid = (SELECT "       \
    "i.inhparent FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class x " \
    "ON x.oid = i.inhrelid WHERE x.oid = $1::oid AND x.relispartition)"
#define DEFAULT_OF(whose)                                                     \
    "SELECT " PART_COLUMNS " FROM" PART_FROM "WHERE c.oid = (SELECT "         \
    "partdefid FROM pg_catalog.pg_partitioned_table WHERE partrelid = " whose \
    ") AND c.oid <> $1::oid"
#define FALLBACK_SQL DEFAULT_OF("$1::oid")
#define BESIDE_SQL                                                        \
    DEFAULT_OF("(SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE " \
               "i.inhrelid = $1::oid ORDER BY i.inhseqno LIMIT 1)")
#define INDEXES_SQL                                                        \
    "SELECT " PART_COLUMNS " FROM" PART_FROM "JOIN pg_catalog.pg_index i " \
    "ON i.indexrelid = c.oid WHERE i.indrelid = $1::oid ORDER BY c.relname"
#define KEYS_SQL                                                               \
    "SELECT " PART_COLUMNS ", k.conname, k.conrelid = $1::oid, (SELECT "       \
    "',' || pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ',') || " \
    "',' FROM "                                                                \
    "pg_catalog.pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum = ANY " \
    "(CASE WHEN k.conrelid = $1::oid THEN k.conkey ELSE k.confkey END)) "      \
    "FROM" PART_FROM                                                           \
    "JOIN pg_catalog.pg_constraint k ON c.oid = CASE WHEN k.conrelid = "       \
    "$1::oid THEN k.confrelid ELSE k.conrelid END WHERE k.contype = 'f' "      \
    "AND (k.conrelid = $1::oid OR k.confrelid = $1::oid) ORDER BY 2, 6"
/* The CHECK that says "c IS NOT NULL", alone or among what must all hold: of
 * the definition as PostgreSQL prints it. */
#define NEVER_NULL(valid, end)                                                \
    "(SELECT pg_catalog.quote_ident(k.conname) FROM "                         \
    "pg_catalog.pg_constraint k, LATERAL (SELECT "                            \
    "pg_catalog.pg_get_constraintdef(k.oid) AS said) d WHERE k.conrelid = "   \
    "a.attrelid AND k.contype = 'c' AND " valid " k.convalidated AND "        \
    "a.attnum = ANY (k.conkey) AND (d.said = pg_catalog.format('CHECK ((%I "  \
    "IS NOT NULL))" end "', a.attname) OR ((pg_catalog.strpos(d.said, "       \
    "pg_catalog.format('((%I IS NOT NULL) AND ', a.attname)) > 0 OR "         \
    "pg_catalog.strpos(d.said, pg_catalog.format(' AND (%I IS NOT NULL)', "   \
    "a.attname)) > 0) AND d.said !~ ' OR |NOT \\(|CASE ')) ORDER BY 1 LIMIT " \
    "1)"
#define PRESENT NEVER_NULL("", "")
#define NEARLY  NEVER_NULL("NOT", " NOT VALID")
#define COLUMNS_SQL                                                         \
    "SELECT a.attname, a.attnotnull OR t.typnotnull, " PRESENT              \
    " IS NOT NULL, (SELECT count(*) FROM pg_catalog.pg_index i WHERE "      \
    "i.indrelid = a.attrelid AND a.attnum = ANY (i.indkey::int2[])), "      \
    "EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = "         \
    "a.attrelid AND i.indisprimary AND i.indkey[0] = a.attnum), "           \
    "pg_catalog.quote_ident(a.attname), " NEARLY                            \
    ", pg_catalog.format_type(a.atttypid, a.atttypmod)"                     \
    " FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = " \
    "a.atttypid WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT "       \
    "a.attisdropped ORDER BY a.attnum"

static bool yes(const char *cell)
{
    return cell && *cell == 't';
}

static void read_columns(struct catalog *c, struct catalog_relation *r,
                         const char *oid)
{
    const char *params[] = {oid};
    struct pg_result got;

    if (!catalog_ask(c, COLUMNS_SQL, false, params, 1, &got))
        return;
    r->columns = arena_array(c->arena, (size_t)got.rows, sizeof *r->columns);
    for (int i = 0; i < got.rows; i++) {
        char **cell = got.cell[i];
        r->columns[r->n_columns++] =
            (struct catalog_column){.name = cell[0],
                                    .not_null = yes(cell[1]),
                                    .never_null = yes(cell[2]),
                                    .nearly = cell[6],
                                    .type = cell[7],
                                    .indexes = (int)number(cell[3])};
        if (yes(cell[4]))
            r->key = cell[5];
    }
}

static void read_keys(struct catalog *c, struct catalog_relation *r,
                      const char *oid)
{
    const char *params[] = {oid};
    struct pg_result got;

    if (!catalog_ask(c, KEYS_SQL, true, params, 1, &got))
        return;
    r->keys = arena_array(c->arena, (size_t)got.rows, sizeof *r->keys);
    for (int i = 0; i < got.rows; i++)
        r->keys[r->n_keys++] =
            (struct catalog_key){.name = got.cell[i][5],
                                 .outward = yes(got.cell[i][6]),
                                 .columns = got.cell[i][7],
                                 .other = catalog_part_of(got.cell[i])};
}

/* What lies below counts as the whole. */
static void add_sizes(struct catalog_relation *r)
{
    if (r->self.kind != 'p')
        return;
    r->self.rows = 0;
    for (size_t i = 0; i < r->n_below; i++) {
        r->self.bytes += r->below[i].bytes;
        if (r->below[i].kind == 'p')
            continue;
        if (r->below[i].rows < 0 || r->self.rows < 0)
            r->self.rows = -1;
        else
            r->self.rows += r->below[i].rows;
    }
}

static struct catalog_relation *read_relation(struct catalog *c,
                                              const char *name)
{
    const char *params[] = {name, catalog_schemas(c, name)}, *oid;
    struct catalog_relation *r;
    struct pg_result got;

    if (!catalog_ask(c, SELF_SQL, true, params, 2, &got) || !got.rows)
        return NULL;
    r = arena_alloc(c->arena, sizeof *r);
    *r = (struct catalog_relation){.self = catalog_part_of(got.cell[0]),
                                   .checked = yes(got.cell[0][5])};
    oid = got.cell[0][0];
    r->below = parts(c, BELOW_SQL, oid, &r->n_below);
    r->parent = single(c, PARENT_SQL, oid);
    r->fallback = single(c, FALLBACK_SQL, oid);
    r->beside = single(c, BESIDE_SQL, oid);
    r->indexes = parts(c, INDEXES_SQL, oid, &r->n_indexes);
    read_columns(c, r, oid);
    read_keys(c, r, oid);
    add_sizes(r);
    return r;
}

const struct catalog_relation *catalog_relation(struct catalog *c,
                                                const char *name)
{
    const char *question = arena_printf(c->arena, "relation %s", name);
    const struct catalog_answer *known = catalog_known(c, question);

    if (!known) {
        catalog_keep(c, question, read_relation(c, name), 0);
        known = c->answers;
    }
    return known->answer;
}

/* A name of SQL, without the quotes. */
static bool same_name(const char *raw, const char *sql)
{
    if (*sql != '"')
        return strcmp(raw, sql) == 0;
    for (sql++; *sql && !(*sql == '"' && sql[1] != '"'); raw++, sql++) {
        if (*raw != *sql)
            return false;
        sql += *sql == '"';
    }
    return !*raw;
}

const struct catalog_column *catalog_column(const struct catalog_relation *r,
                                            const char *name)
{
    for (size_t i = 0; i < r->n_columns; i++)
        if (same_name(r->columns[i].name, name))
            return &r->columns[i];
    return NULL;
}

char catalog_constraint(struct catalog *c, const struct catalog_relation *r,
                        const char *name)
{
    static const char sql[] =
        "SELECT contype FROM pg_catalog.pg_constraint WHERE conrelid = $1::oid "
        "AND pg_catalog.quote_ident(conname) = $2";
    const char *params[] = {arena_printf(c->arena, "%u", (unsigned)r->self.oid),
                            name};
    const char *question =
        arena_printf(c->arena, "constraint %s %s", params[0], name);
    const struct catalog_answer *known = catalog_known(c, question);
    struct pg_result got;

    if (!known) {
        bool there = catalog_ask(c, sql, false, params, 2, &got) && got.rows;
        catalog_keep(c, question, there ? got.cell[0][0] : "", 0);
        known = c->answers;
    }
    return *(const char *)known->answer;
}
