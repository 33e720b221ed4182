#include "migrations/rehearse/basis.h"

#include <stdlib.h>
#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/escape.h"

#define MARK        8 /* hex digits kept of a fact's hash */
#define FACTS_LIMIT 8192
#define SHOWN       3 /* facts of a changed schema that are named */
#define SHOWN_BYTES 80
#define ORDER_LINE  "column order "

/* Settings that change how long a statement takes, what it locks, or what it
 * means; those of the session are tidegate's own (lock_timeout and its kin) or
 * the role's. Read from pg_settings.reset_val: what each migration starts
 * with. */
static const char *const settings[] = {
    "checkpoint_completion_target", /* how evenly a rewrite's pages go out */
    "checkpoint_timeout",
    "default_table_access_method", /* what CREATE TABLE makes */
    "default_toast_compression",
    "effective_cache_size", /* plans, and what we think fits in memory */
    "effective_io_concurrency",
    "fsync",
    "full_page_writes",
    "hash_mem_multiplier",
    "maintenance_io_concurrency",
    "maintenance_work_mem", /* a sort for an index in memory, or on disk */
    "max_parallel_maintenance_workers",
    "max_parallel_workers",
    "max_parallel_workers_per_gather",
    "max_wal_size", /* how often a rewrite meets a checkpoint */
    "random_page_cost",
    "search_path", /* which table a name means */
    "session_replication_role",
    "shared_buffers",
    "synchronous_commit", /* what COMMIT waits for */
    "synchronous_standby_names",
    "TimeZone", /* timestamp to timestamptz: rewrite or not */
    "wal_compression",
    "wal_level", /* minimal: a rewrite of a new table writes no WAL */
    "work_mem",
};
#define SETTINGS (sizeof settings / sizeof *settings)

static int64_t number(const char *text)
{
    return text ? strtoll(text, NULL, 10) : 0;
}

/* A query that production may refuse: then *unread says what and why, and the
 * answer is empty. False only when the connection is lost. */
static bool ask(struct pg *pg, struct arena *a, const char *sql,
                const char *param, const char *what, struct pg_result *out,
                const char **unread, struct err *e)
{
    if (pg_query(pg, a, sql, &param, param ? 1 : 0, out, e))
        return true;
    *out = (struct pg_result){0};
    if (pg_failed(pg)->lost)
        return false;
    if (!*unread)
        *unread = arena_printf(a, "%s: %s", what, escape(a, e->why));
    err_clear(e);
    return true;
}

static bool be_brief(struct pg *pg, struct arena *a, struct err *e)
{
    struct pg_result ignored;

    return pg_run(pg, a, "SET lock_timeout = '2s'", &ignored, e) ||
           !pg_failed(pg)->lost;
}

/* ---- settings ---- */

static bool read_settings(struct pg *pg, struct arena *a, struct basis *out,
                          struct err *e)
{
    struct basis_setting *list = arena_array(a, SETTINGS, sizeof *list);
    struct pg_result got;
    struct buf names;
    bool ok;

    buf_init(&names);
    for (size_t i = 0; i < SETTINGS; i++)
        buf_printf(&names, "%s%s", i ? "," : "", settings[i]);
    ok = ask(pg, a,
             "SELECT s.name, coalesce(s.reset_val, '') || coalesce(s.unit, '') "
             "FROM pg_catalog.pg_settings s WHERE s.name = ANY ("
             "pg_catalog.string_to_array($1, ',')) "
             "ORDER BY s.name COLLATE \"C\"",
             names.data, "settings", &got, &out->unread, e);
    buf_release(&names);
    out->settings = list;
    for (int i = 0; ok && i < got.rows && out->n_settings < SETTINGS; i++)
        list[out->n_settings++] = (struct basis_setting){
            arena_strdup(a, got.cell[i][0]), escape(a, got.cell[i][1])};
    return ok;
}

void basis_memory(struct pg *pg, struct arena *a, struct memory *out)
{
    struct pg_result got;
    struct err ignored;

    *out = (struct memory){0};
    if (!pg_query(pg, a,
                  "SELECT greatest(pg_catalog.pg_size_bytes("
                  "pg_catalog.current_setting('shared_buffers')), "
                  "pg_catalog.pg_size_bytes(pg_catalog.current_setting("
                  "'effective_cache_size'))), pg_catalog.pg_size_bytes("
                  "pg_catalog.current_setting('maintenance_work_mem'))",
                  NULL, 0, &got, &ignored) ||
        got.rows != 1)
        return;
    out->cache = number(got.cell[0][0]);
    out->sort = number(got.cell[0][1]);
}

/* ---- the schema ---- */

static void mark(const char *line, char out[MARK + 1])
{
    char hash[HASH_HEX];

    hash_hex(line, strlen(line), hash);
    memcpy(out, hash, MARK);
    out[MARK] = '\0';
}

static int by_bytes(const void *x, const void *y)
{
    return memcmp(x, y, MARK);
}

/* The facts' marks, sorted, so that the same schema gives the same text. */
static const char *marks_of(struct arena *a, const struct fingerprint *f)
{
    char *out;

    if (f->n > FACTS_LIMIT)
        return "";
    out = arena_array(a, f->n * MARK + 1, 1);
    for (size_t i = 0; i < f->n; i++) {
        char one[MARK + 1];

        mark(f->lines[i], one);
        memcpy(out + i * MARK, one, MARK);
    }
    qsort(out, f->n, MARK, by_bytes);
    return out;
}

/* The fingerprint lives in a; "" in its digest: not read. */
static bool read_schema(struct pg *pg, struct arena *a, struct fingerprint *out,
                        const char **unread, struct err *e)
{
    if (fingerprint_take(pg, a, out, e))
        return true;
    *out = (struct fingerprint){0};
    if (pg_failed(pg)->lost)
        return false;
    if (!*unread)
        *unread = arena_printf(a, "the schema: %s", escape(a, e->why));
    err_clear(e);
    return true;
}

bool basis_take(struct pg *pg, struct arena *a, struct basis *out,
                struct memory *memory, struct err *e)
{
    struct fingerprint f;

    *out = (struct basis){.version = pg_server_version(pg)};
    if (!be_brief(pg, a, e) || !read_settings(pg, a, out, e) ||
        !read_schema(pg, a, &f, &out->unread, e))
        return false;
    basis_memory(pg, a, memory);
    memcpy(out->schema, f.digest, sizeof out->schema);
    out->lines = marks_of(a, &f);
    return true;
}

static bool had(const struct basis *was, const char *line)
{
    char one[MARK + 1];

    mark(line, one);
    return bsearch(one, was->lines, strlen(was->lines) / MARK, MARK,
                   by_bytes) != NULL;
}

/* The order of a table's columns follows from the columns themselves. */
static bool is_order(const char *line)
{
    return strncmp(line, ORDER_LINE, strlen(ORDER_LINE)) == 0;
}

/* "new: column public.orders.x: integer; 2 facts of it are gone" */
static const char *schema_words(struct arena *a, const struct basis *was,
                                const struct fingerprint *now)
{
    size_t before = strlen(was->lines) / MARK, fresh = 0, orders = 0, gone;
    struct buf b;

    if (strcmp(was->schema, now->digest) == 0)
        return NULL;
    if (!before)
        return "it is another one (too large to say where)";
    buf_init(&b);
    for (size_t i = 0; i < now->n; i++) {
        if (had(was, now->lines[i]))
            continue;
        if (is_order(now->lines[i]))
            orders++;
        else if (++fresh <= SHOWN)
            buf_printf(&b, "%snew: %.*s", b.len ? "; " : "", SHOWN_BYTES,
                       escape(a, now->lines[i]));
    }
    if (fresh > SHOWN)
        buf_printf(&b, "; and %zu more", fresh - SHOWN);
    /* each new order has taken the place of another */
    gone = before + fresh > now->n ? before + fresh - now->n : 0;
    if (gone)
        buf_printf(&b, "%s%zu fact%s of it %s gone", b.len ? "; " : "", gone,
                   gone == 1 ? "" : "s", gone == 1 ? "is" : "are");
    if (orders && !b.len)
        buf_str(&b, "the order of columns is another one");
    return buf_into(&b, a);
}

/* ---- sizes ---- */

static const char *names_of(struct arena *a, const struct basis *was)
{
    struct json *list = json_new_array();
    const char *text;

    for (size_t i = 0; i < was->n_tables; i++)
        json_append(list, json_new_string(was->tables[i].name));
    text = json_canonical(a, list);
    json_free(list);
    return text;
}

static bool read_tables(struct pg *pg, struct arena *a, const struct basis *was,
                        struct basis_change *out, struct err *e)
{
    struct basis_grown *list = arena_array(a, was->n_tables, sizeof *list);
    struct pg_result got = {0};

    out->tables = list;
    if (was->n_tables &&
        !ask(pg, a,
             "SELECT CASE c.relkind WHEN 'i' THEN pg_catalog.pg_relation_size("
             "c.oid) ELSE pg_catalog.pg_table_size(c.oid) END, "
             "CASE WHEN c.relpages > 0 AND c.relkind IN ('r', 'm') THEN "
             "(c.reltuples * (pg_catalog.pg_relation_size(c.oid) / 8192.0) / "
             "c.relpages)::bigint ELSE c.reltuples::bigint END FROM "
             "pg_catalog.json_array_elements_text("
             "$1::json) WITH ORDINALITY AS u(name, at) LEFT JOIN "
             "pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(u.name) "
             "ORDER BY u.at",
             names_of(a, was), "the size of the tables", &got, &out->unread, e))
        return false;
    for (int i = 0; i < got.rows && out->n_tables < was->n_tables; i++) {
        const struct basis_table *t = &was->tables[i];
        int64_t rows = got.cell[i][1] ? number(got.cell[i][1]) : -1;

        list[out->n_tables++] = (struct basis_grown){
            .name = escape(a, t->name),
            .bytes_was = t->bytes,
            .bytes_now = got.cell[i][0] ? number(got.cell[i][0]) : -1,
            .rows_was = t->rows,
            .rows_now = rows > 0 ? rows : -1,
        };
    }
    return true;
}

/* ---- then against now ---- */

static void compare_settings(struct arena *a, const struct basis *was,
                             const struct basis *now, struct basis_change *out)
{
    struct basis_changed_setting *list =
        arena_array(a, was->n_settings, sizeof *list);

    out->settings = list;
    for (size_t i = 0; i < was->n_settings; i++)
        for (size_t k = 0; k < now->n_settings; k++) {
            const struct basis_setting *x = &was->settings[i];
            const struct basis_setting *y = &now->settings[k];

            if (strcmp(x->name, y->name) == 0 &&
                strcmp(x->value, y->value) != 0)
                list[out->n_settings++] = (struct basis_changed_setting){
                    x->name, x->value, arena_strdup(a, y->value)};
        }
}

static bool hold(struct pg *pg, struct arena *a, struct arena *scratch,
                 const struct basis *was, struct basis_change *out,
                 struct err *e)
{
    struct basis now = {0};
    struct fingerprint f = {0};

    if (!be_brief(pg, scratch, e) ||
        (was->n_settings && !read_settings(pg, scratch, &now, e)) ||
        (*was->schema && !read_schema(pg, scratch, &f, &now.unread, e)))
        return false;
    if (now.unread)
        out->unread = arena_strdup(a, now.unread);
    compare_settings(a, was, &now, out);
    if (*was->schema && *f.digest)
        out->schema = schema_words(a, was, &f);
    return read_tables(pg, a, was, out, e);
}

void basis_hold(struct pg *pg, struct arena *a, const struct basis *was,
                struct basis_change *out)
{
    struct arena scratch;
    struct err e = {0};

    *out = (struct basis_change){.version_was = was->version,
                                 .version_now = pg_server_version(pg)};
    arena_init(&scratch);
    if (!hold(pg, a, &scratch, was, out, &e))
        out->unread = arena_strdup(a, escape(&scratch, e.why));
    arena_release(&scratch);
}

/* ---- in the certificate ---- */

struct json *basis_to_json(const struct basis *b)
{
    struct json *o = json_new_object(), *values = json_new_object();
    struct json *tables = json_new_array();

    json_set_int(o, "version", b->version);
    for (size_t i = 0; i < b->n_settings; i++)
        json_set_str(values, b->settings[i].name, b->settings[i].value);
    json_set(o, "settings", values);
    if (*b->schema) {
        json_set_str(o, "schema", b->schema);
        json_set_str(o, "facts", b->lines ? b->lines : "");
    }
    for (size_t i = 0; i < b->n_tables; i++) {
        struct json *t = json_new_object();

        json_set_str(t, "table", b->tables[i].name);
        json_set_int(t, "bytes", b->tables[i].bytes);
        json_set_int(t, "rows", b->tables[i].rows);
        json_append(tables, t);
    }
    json_set(o, "tables", tables);
    if (b->unread)
        json_set_str(o, "unread", b->unread);
    return o;
}

static void settings_from(struct basis *out, struct arena *a,
                          const struct json *values)
{
    struct basis_setting *list;
    const char *name;
    size_t n = 0;

    while (json_key(values, n))
        n++;
    list = arena_array(a, n, sizeof *list);
    for (size_t i = 0; (name = json_key(values, i)) != NULL; i++) {
        const char *value = json_str(values, name);

        if (value)
            list[out->n_settings++] = (struct basis_setting){
                arena_strdup(a, name), arena_strdup(a, value)};
    }
    out->settings = list;
}

static void tables_from(struct basis *out, struct arena *a,
                        const struct json *tables)
{
    struct basis_table *list = arena_array(a, json_len(tables), sizeof *list);

    for (size_t i = 0; i < json_len(tables); i++) {
        const struct json *t = json_at(tables, i);
        const char *name = json_str(t, "table");

        if (name)
            list[out->n_tables++] = (struct basis_table){
                arena_strdup(a, name), json_int(t, "bytes", -1),
                json_int(t, "rows", -1)};
    }
    out->tables = list;
}

void basis_from_json(struct basis *out, struct arena *a, const struct json *j)
{
    const char *schema = json_str(j, "schema"), *facts = json_str(j, "facts");
    const char *unread = json_str(j, "unread");

    *out = (struct basis){.version = (int)json_int(j, "version", 0)};
    settings_from(out, a, json_get(j, "settings"));
    if (schema && hash_hex_valid(schema))
        memcpy(out->schema, schema, HASH_HEX);
    out->lines = arena_strdup(a, facts ? facts : "");
    tables_from(out, a, json_get(j, "tables"));
    out->unread = unread ? arena_strdup(a, unread) : NULL;
}
