#include "migrations/rehearse/loses.h"

#include <stdlib.h>
#include <string.h>

#define OF_USERS                                                \
    "FROM pg_catalog.pg_class c "                               \
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace " \
    "AND n.nspname <> 'tidegate' "                              \
    "AND n.nspname !~ '^(pg_|information_schema$)' "
/* Columns of parts go with their whole. */
#define EVERYTHING_SQL                                                         \
    "SELECT c.oid, 0, pg_catalog.format('%I.%I', n.nspname, "                  \
    "c.relname) " OF_USERS "WHERE c.relkind IN ('r', 'p') "                    \
    "UNION ALL SELECT c.oid, a.attnum, "                                       \
    "pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname) " OF_USERS \
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid "                    \
    "AND a.attnum > 0 AND NOT a.attisdropped "                                 \
    "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition "                  \
    "ORDER BY 1, 2"
#define LEFT_SQL                                                       \
    "SELECT oid, 0 FROM pg_catalog.pg_class WHERE oid = ANY ('{%s}') " \
    "UNION ALL SELECT attrelid, attnum FROM pg_catalog.pg_attribute "  \
    "WHERE attrelid = ANY ('{%s}') AND attnum > 0 AND NOT attisdropped"

bool loses_read(struct loses *l, struct arena *a, struct pg *pg, struct err *e)
{
    struct arena scratch;
    struct pg_result got;
    bool ok;

    *l = (struct loses){.arena = a};
    arena_init(&scratch);
    ok = pg_query(pg, &scratch, EVERYTHING_SQL, NULL, 0, &got, e);
    if (ok)
        l->list = arena_array(a, (size_t)got.rows, sizeof *l->list);
    for (int i = 0; ok && i < got.rows; i++)
        l->list[l->n++] = (struct loses_entry){
            .oid = (uint32_t)strtoul(got.cell[i][0], NULL, 10),
            .number = (int)strtol(got.cell[i][1], NULL, 10),
            .name = arena_strdup(a, got.cell[i][2])};
    arena_release(&scratch);
    return ok;
}

/* Nothing is dropped without the strongest lock. */
static void add_locked(struct buf *oids, const struct traced_statement *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct traced_touch *t = &s->touched[i];
        if (t->lock == LOCK_ACCESS_EXCLUSIVE && !t->relation->table)
            buf_printf(oids, "%s%u", oids->len ? "," : "", t->relation->oid);
    }
}

static bool is_listed(const char *oids, uint32_t oid)
{
    char text[16];
    const char *at = oids;
    size_t len = (size_t)snprintf(text, sizeof text, "%u", oid);

    while ((at = strstr(at, text))) {
        if ((at == oids || at[-1] == ',') && (!at[len] || at[len] == ','))
            return true;
        at++;
    }
    return false;
}

static bool is_left(const struct pg_result *left, uint32_t oid, int number)
{
    for (int i = 0; i < left->rows; i++)
        if (strtoul(left->cell[i][0], NULL, 10) == oid &&
            strtol(left->cell[i][1], NULL, 10) == number)
            return true;
    return false;
}

static void take_gone(struct loses *l, const char *oids,
                      const struct pg_result *left, const char ***names,
                      size_t *n)
{
    uint32_t dropped = 0; /* the table, which takes its columns along */

    for (size_t i = 0; i < l->n; i++) {
        struct loses_entry *at = &l->list[i];
        if (at->gone || !is_listed(oids, at->oid) ||
            is_left(left, at->oid, at->number))
            continue;
        at->gone = true;
        if (at->number && at->oid == dropped)
            continue;
        dropped = at->number ? dropped : at->oid;
        *names = arena_grow(l->arena, *names, *n, *n + 1, sizeof **names);
        (*names)[(*n)++] = at->name;
    }
}

bool loses_after(struct loses *l, struct pg *pg,
                 const struct traced_script *down, const char ***names,
                 size_t *n, struct err *e)
{
    struct pg_result left;
    struct arena scratch;
    struct buf oids;
    bool ok = true;

    *names = NULL;
    *n = 0;
    buf_init(&oids);
    arena_init(&scratch);
    for (size_t i = 0; i < down->n; i++)
        add_locked(&oids, &down->statements[i]);
    if (oids.len) {
        ok = pg_query(pg, &scratch,
                      arena_printf(&scratch, LEFT_SQL, oids.data, oids.data),
                      NULL, 0, &left, e);
        if (ok)
            take_gone(l, oids.data, &left, names, n);
    }
    arena_release(&scratch);
    buf_release(&oids);
    return ok;
}
