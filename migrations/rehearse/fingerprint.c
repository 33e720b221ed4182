#include "migrations/rehearse/fingerprint.h"

#include <stdlib.h>
#include <string.h>

#include "migrations/rehearse/fingerprint_kinds.h"
#include "runner/base/buf.h"

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The catalog is in memory, and the question's joins stand in a good order:
 * what the planner would still weigh takes a tenth of the time. */
static const char settings[] = "SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; "
                               "SET search_path = ''; SET jit = off; "
                               "SET random_page_cost = 1; "
                               "SET join_collapse_limit = 1";
/* The connection may be asked other things afterwards, by a policy, say. */
static const char as_before[] = "RESET jit; RESET random_page_cost; "
                                "RESET join_collapse_limit";

/* All kinds in one question: one round trip, one snapshot. It runs with an
 * empty search_path: regclass, regtype and the pg_get_* functions then write
 * every name with its schema. */
static char *question(struct arena *a, int version)
{
    struct buf b;
    bool first = true;

    buf_init(&b);
    buf_printf(&b, fingerprint_prelude,
               version >= 140000 ? ", a.attcompression" : "");
    for (size_t i = 0; i < fingerprint_kinds_n; i++) {
        if (version < fingerprint_kinds[i].from)
            continue;
        buf_printf(&b, "%s%s", first ? "" : " UNION ALL ",
                   fingerprint_kinds[i].sql);
        first = false;
    }
    return buf_into(&b, a);
}

/* "2024-01-05 12:00:00.123456+00'": how many bytes before the quote; 0: it is
 * no such literal. */
static size_t moment_length(const char *p)
{
    static const char form[] = "0000-00-00 00:00:00.";
    size_t n;

    for (n = 0; form[n]; n++)
        if (form[n] == '0' ? p[n] < '0' || p[n] > '9' : p[n] != form[n])
            return 0;
    n += strspn(p + n, "0123456789");
    if (p[n] == '+' || p[n] == '-')
        n += 1 + strspn(p + n + 1, "0123456789:");
    return p[n] == '\'' ? n : 0;
}

/* 'now' in a view or a default is folded to the moment at which that was made;
 * made again, it is another one. Nobody else writes parts of a second. */
static void leave_out_moments(char *line)
{
    for (char *p = line; (p = strchr(p, '\'')); p++) {
        size_t n = moment_length(p + 1);
        if (!n)
            continue;
        memcpy(p + 1, "now", 3);
        memmove(p + 4, p + 1 + n, strlen(p + 1 + n) + 1);
    }
}

static void take_lines(struct fingerprint *out, struct arena *a,
                       const struct pg_result *got)
{
    struct hash h;

    out->lines = arena_array(a, (size_t)got->rows, sizeof *out->lines);
    for (int i = 0; i < got->rows; i++)
        if (got->cell[i][0]) {
            char *line = arena_strdup(a, got->cell[i][0]);
            leave_out_moments(line);
            out->lines[out->n++] = line;
        }
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
    struct pg_result got, ignored;
    struct err trouble;
    bool ok;

    *out = (struct fingerprint){0};
    arena_init(&scratch);
    ok = pg_run(pg, &scratch, settings, &got, e) &&
         pg_query(pg, &scratch, question(&scratch, pg_server_version(pg)), NULL,
                  0, &got, e);
    if (ok)
        ok = pg_run(pg, &scratch, as_before, &ignored, e);
    else if (!pg_failed(pg)->lost)
        pg_run(pg, &scratch, as_before, &ignored, &trouble);
    if (ok)
        take_lines(out, a, &got);
    arena_release(&scratch);
    return ok;
}
