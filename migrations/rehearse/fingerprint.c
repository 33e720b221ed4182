#include "migrations/rehearse/fingerprint.h"

#include <stdlib.h>
#include <string.h>

#include "migrations/rehearse/fingerprint_kinds.h"
#include "runner/base/buf.h"

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All kinds in one question: one round trip, one snapshot. It runs with an
 * empty search_path: regclass, regtype and the pg_get_* functions then write
 * every name with its schema. */
static char *question(struct arena *a, int version)
{
    struct buf b;
    bool first = true;

    buf_init(&b);
    buf_str(&b, fingerprint_prelude);
    for (size_t i = 0; i < fingerprint_kinds_n; i++) {
        if (version < fingerprint_kinds[i].from)
            continue;
        buf_printf(&b, "%s%s", first ? "" : " UNION ALL ",
                   fingerprint_kinds[i].sql);
        first = false;
    }
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
    ok = pg_run(pg, &scratch, "SET search_path = ''; SET jit = off", &got, e) &&
         pg_query(pg, &scratch, question(&scratch, pg_server_version(pg)), NULL,
                  0, &got, e);
    if (ok)
        take_lines(out, a, &got);
    arena_release(&scratch);
    return ok;
}
