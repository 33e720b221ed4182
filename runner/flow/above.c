#include "runner/flow/above.h"

#include <stdlib.h>
#include <string.h>

#include "runner/base/buf.h"

/* How many are named, of migrations and of releases. */
#define NAMED 4

struct placed {
    const struct applied_row *row;
    size_t run; /* its place in the ledger; 0: unknown there */
};

static size_t place(const struct environment_state *state, const char *id)
{
    for (size_t i = state->n_runs; id && i-- > 0;)
        if (strcmp(state->runs[i].id, id) == 0)
            return i + 1;
    return 0;
}

static int64_t number_of(const struct applied_row *row)
{
    return row->number ? row->number : strtoll(row->name, NULL, 10);
}

static int newest_first(const void *x, const void *y)
{
    const struct placed *a = x, *b = y;
    int64_t i = number_of(a->row), k = number_of(b->row);

    if (a->run != b->run)
        return a->run < b->run ? 1 : -1;
    if (a->row->at != b->row->at)
        return a->row->at < b->row->at ? 1 : -1;
    return (i < k) - (i > k);
}

void above_sort(struct arena *a, const struct environment_state *state,
                const struct applied_row **rows, size_t n)
{
    struct placed *list = arena_array(a, n, sizeof *list);

    for (size_t i = 0; i < n; i++)
        list[i] = (struct placed){rows[i], place(state, rows[i]->run)};
    if (n)
        qsort(list, n, sizeof *list, newest_first);
    for (size_t i = 0; i < n; i++)
        rows[i] = list[i].row;
}

/* All that is there, whole or half. */
static struct placed *all(struct arena *a,
                          const struct environment_state *state,
                          const struct applied *applied, size_t *n)
{
    struct placed *list = arena_array(
        a, applied->n + applied->backfills_n + applied->open_n, sizeof *list);

    *n = 0;
    for (size_t i = 0; i < applied->n; i++)
        list[(*n)++].row = &applied->rows[i];
    for (size_t i = 0; i < applied->backfills_n; i++)
        list[(*n)++].row = &applied->backfills[i].row;
    for (size_t i = 0; i < applied->open_n; i++)
        if (applied->open[i].row)
            list[(*n)++].row = applied->open[i].row;
    for (size_t i = 0; i < *n; i++)
        list[i].run = place(state, list[i].row->run);
    if (*n)
        qsort(list, *n, sizeof *list, newest_first);
    return list;
}

static bool is_among(const struct applied_row *row,
                     const struct applied_row **rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i]->name, row->name) == 0)
            return true;
    return false;
}

const struct applied_row **above_find(struct arena *a,
                                      const struct environment_state *state,
                                      const struct applied *applied,
                                      const struct applied_row **rows, size_t n,
                                      size_t *found)
{
    size_t total, kept = 0;
    const struct placed *list = all(a, state, applied, &total);
    const struct applied_row **out = arena_array(a, total, sizeof *out);

    *found = 0;
    for (size_t i = 0; i < total; i++)
        if (is_among(list[i].row, rows, n))
            *found = kept;
        else
            out[kept++] = list[i].row;
    return out;
}

static void add(struct buf *out, size_t i, size_t n, const char *text)
{
    if (i < NAMED)
        buf_printf(out, "%s%s", i ? ", " : "", text);
    else if (i + 1 == n)
        buf_printf(out, "%s %s", n > NAMED + 1 ? " ..." : ",", text);
}

static char *names(struct arena *a, const struct applied_row **rows, size_t n)
{
    struct buf out;

    buf_init(&out);
    for (size_t i = 0; i < n; i++)
        add(&out, i, n,
            arena_printf(a, "%s (%s)", rows[i]->name, rows[i]->release));
    return buf_into(&out, a);
}

/* Each once, where it is met first. */
static char *releases(struct arena *a, const struct applied_row **rows,
                      size_t n)
{
    const char **list = arena_array(a, n, sizeof *list);
    size_t count = 0, k;
    struct buf out;

    for (size_t i = 0; i < n; i++) {
        for (k = 0; k < count && strcmp(list[k], rows[i]->release) != 0; k++)
            ;
        if (k == count)
            list[count++] = rows[i]->release;
    }
    buf_init(&out);
    for (size_t i = 0; i < count; i++)
        add(&out, i, count, list[i]);
    return buf_into(&out, a);
}

/* Where the release came by a deploy: the way that undoes all of them. */
static const char *at_once(struct arena *a,
                           const struct environment_state *state,
                           const char *release)
{
    for (size_t i = state->n_runs; i-- > 0;) {
        const struct run_state *run = &state->runs[i];

        if (run->kind != RUN_DEPLOY || run->phases != PHASES_ALL ||
            !run->from || !run->release || strcmp(run->release, release) != 0 ||
            strcmp(run->from, release) == 0 ||
            (run->ended != RUN_GOOD && run->ended != RUN_PENDING))
            continue;
        return arena_printf(
            a, "; or all at once: tidegate rollback --to %s --schema",
            run->from);
    }
    return "";
}

/* No command undoes what was taken over. */
static const char *by_hand(const struct applied_row **rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i]->release, TAKEOVER_IMPORTED) == 0 ||
            strcmp(rows[i]->release, TAKEOVER_BASELINE) == 0)
            return rows[i]->name;
    return NULL;
}

bool above_none(struct arena *a, const struct environment_state *state,
                const struct applied *applied, const struct applied_row **rows,
                size_t n, struct err *e)
{
    size_t found;
    const struct applied_row **list =
        above_find(a, state, applied, rows, n, &found);

    if (found == 0)
        return true;
    err_what(e, ERR_REFUSED,
             "the migrations of %s cannot be undone: %zu later "
             "%s on them",
             rows[0]->release, found, found == 1 ? "one stands" : "ones stand");
    err_why(e, "applied after them, and kept: %s", names(a, list, found));
    if (by_hand(list, found))
        return err_fix(e,
                       "nothing was changed; %s was recorded, and not run, so "
                       "no command undoes it: write a migration that mends "
                       "what is wrong, and release that",
                       by_hand(list, found));
    return err_fix(e,
                   "nothing was changed; first undo, newest first, by tidegate "
                   "migrate down: %s%s",
                   releases(a, list, found),
                   at_once(a, state, rows[0]->release));
}
