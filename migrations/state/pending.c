/* Files against the applied set: what is pending, and what does not fit. */
#include <stdlib.h>
#include <string.h>

#include "migrations/state/applied.h"

static int64_t number_of(const struct applied_row *row)
{
    return row->number ? row->number : strtoll(row->name, NULL, 10);
}

char *applied_how(struct arena *a, const struct applied_row *row)
{
    if (strcmp(row->release, TAKEOVER_IMPORTED) == 0)
        return arena_strdup(a, "taken over from another tool's table");
    if (strcmp(row->release, TAKEOVER_BASELINE) == 0)
        return arena_strdup(a, "recorded as applied by hand (baseline)");
    return arena_printf(a, "applied by %s", row->release);
}

static bool edited(struct arena *a, const struct applied_row *row,
                   const struct migration *m, struct err *e)
{
    err_what(e, ERR_REFUSED, "%s was edited after it was applied", m->up.file);
    err_why(e, "%s with digest %s; the file has %s", applied_how(a, row),
            row->checksum, m->checksum);
    return err_fix(e,
                   "restore the file%s as it was, and write the change as a "
                   "new migration",
                   migration_values(m));
}

static bool renamed(const struct applied_row *row, const struct migration *m,
                    struct err *e)
{
    err_what(e, ERR_REFUSED, "%s was renamed after it was applied", m->up.file);
    err_why(e, "applied as %s with digest %s; the file has %s", row->name,
            row->checksum, m->checksum);
    return err_fix(e, "give it its name back: %s", row->name);
}

/* Another number, or place, and the same text. */
static bool moved(const struct applied_row *row, const struct migration *m,
                  struct err *e)
{
    err_what(e, ERR_REFUSED, "%s is applied already, as %s", m->up.file,
             row->name);
    err_why(e,
            "both have digest %s, and no file is called %s any more: it would "
            "run a second time",
            m->checksum, row->name);
    return err_fix(e,
                   "give it its name back: %s; if it is to run once more, "
                   "change a comment in it",
                   row->name);
}

static bool out_of_order(const struct applied_row *highest,
                         const struct migration *m, struct err *e)
{
    err_what(e, ERR_REFUSED, "%s comes before one that is applied", m->up.file);
    err_why(e, "%s is applied (digest %s); the file's digest is %s",
            highest->name, highest->checksum, m->checksum);
    return err_fix(e, "give it the next free number");
}

static bool came_back(const struct migration *m,
                      const struct applied_row *newer, struct err *e)
{
    err_what(e, ERR_REFUSED, "%s has gone back to an earlier text", m->up.file);
    err_why(e, "%s is applied, and %s after it: a text runs once", m->name,
            newer->name);
    return err_fix(e, "change a comment in it, so that it is a new text");
}

/* Files against rows, by name. */
struct match {
    struct arena *arena;
    const struct applied *applied;
    const struct migrations *files;
    const struct applied_row **by_name; /* rows */
    bool *kept;                         /* per row: a file is of its name */
    /* The highest rows that a pending file must not come before: of all, and
     * of those of phase after. All "before" ones of a release run first, so an
     * "after" one may bear a lower number than they. */
    const struct applied_row *highest[2];
    int64_t height[2];
};

static int by_row_name(const void *x, const void *y)
{
    const struct applied_row *const *a = x, *const *b = y;

    return strcmp((*a)->name, (*b)->name);
}

static int is_row(const void *name, const void *row)
{
    return strcmp(name, (*(const struct applied_row *const *)row)->name);
}

static const struct applied_row *row_of(const struct match *w, const char *name)
{
    const struct applied_row *const *found =
        w->applied->n ? bsearch(name, w->by_name, w->applied->n,
                                sizeof *w->by_name, is_row)
                      : NULL;

    return found ? *found : NULL;
}

/* A text of the repeatable migration m. */
static bool is_text_of(const struct applied_row *row, const struct migration *m)
{
    size_t n = m->repeats ? strlen(m->repeats) : 0;

    return n && strncmp(row->name, m->repeats, n) == 0 && row->name[n] == '@';
}

bool applied_replaced(const struct applied_row *row,
                      const struct migrations *files)
{
    for (size_t i = files->n; i-- > 0 && files->list[i].repeats;)
        if (is_text_of(row, &files->list[i]))
            return strcmp(row->name, files->list[i].name) != 0;
    return false;
}

static void climb(struct match *w, const struct applied_row *row,
                  int64_t number)
{
    for (int after = 0; after < 2; after++)
        if ((row->after || !after) &&
            (!w->highest[after] || number >= w->height[after])) {
            w->highest[after] = row;
            w->height[after] = number;
        }
}

static bool match_file(struct match *w, const struct migration *m,
                       struct err *e)
{
    const struct applied_row *row = row_of(w, m->name);

    if (!row)
        return true;
    w->kept[row - w->applied->rows] = true;
    if (strcmp(row->checksum, m->checksum) != 0)
        return edited(w->arena, row, m, e);
    for (size_t i = 0; m->repeats && i < w->applied->n; i++)
        if (is_text_of(&w->applied->rows[i], m) &&
            w->applied->rows[i].at > row->at)
            return came_back(m, &w->applied->rows[i], e);
    if (!m->repeats)
        climb(w, row, m->number);
    return true;
}

static void match_gone(struct match *w, struct pending *out)
{
    for (size_t i = 0; i < w->applied->n; i++) {
        const struct applied_row *row = &w->applied->rows[i];
        if (w->kept[i] || applied_replaced(row, w->files))
            continue;
        if (!w->files->ranked)
            climb(w, row, number_of(row));
        out->gone[out->gone_n++] = row->name;
    }
}

static int has_number(const void *number, const void *row)
{
    int64_t a = *(const int64_t *)number, b = number_of(row);

    return a < b ? -1 : a > b;
}

/* An applied row that no file is of, and that has this text. */
static const struct applied_row *same_text(const struct match *w,
                                           const struct migration *m)
{
    for (size_t i = 0; m->up.n && !m->repeats && i < w->applied->n; i++)
        if (!w->kept[i] &&
            strcmp(w->applied->rows[i].checksum, m->checksum) == 0)
            return &w->applied->rows[i];
    return NULL;
}

static bool take_pending(const struct match *w, const struct migration *m,
                         struct pending *out, struct err *e)
{
    const struct applied_row *row = NULL;

    if (!w->files->ranked && w->applied->n)
        row = bsearch(&m->number, w->applied->rows, w->applied->n, sizeof *row,
                      has_number);
    if (row)
        return renamed(row, m, e);
    row = same_text(w, m);
    if (row)
        return moved(row, m, e);
    if (m->contract) { /* its number says nothing of when it runs */
        out->contract[out->contract_n++] = m;
        return true;
    }
    if (!m->repeats && w->highest[m->after] && w->height[m->after] > m->number)
        return out_of_order(w->highest[m->after], m, e);
    out->list[out->n++] = m;
    return true;
}

/* "before" ones first, each phase in its order: as they run. */
static void order_as_run(struct pending *p, struct arena *a)
{
    const struct migration **list = arena_array(a, p->n, sizeof *list);
    size_t n = 0;

    for (int after = 0; after < 2; after++)
        for (size_t i = 0; i < p->n; i++)
            if (p->list[i]->after == after)
                list[n++] = p->list[i];
    p->list = list;
}

static void match_begin(struct match *w, struct arena *a)
{
    const struct applied *applied = w->applied;

    w->kept = arena_array(a, applied->n, sizeof *w->kept);
    w->by_name = arena_array(a, applied->n, sizeof *w->by_name);
    for (size_t i = 0; i < applied->n; i++)
        w->by_name[i] = &applied->rows[i];
    qsort(w->by_name, applied->n, sizeof *w->by_name, by_row_name);
}

bool applied_pending(const struct applied *applied,
                     const struct migrations *files, struct arena *a,
                     struct pending *out, struct err *e)
{
    struct match w = {.arena = a, .applied = applied, .files = files};

    *out = (struct pending){0};
    out->list = arena_array(a, files->n, sizeof *out->list);
    out->contract = arena_array(a, files->n, sizeof *out->contract);
    out->gone = arena_array(a, applied->n, sizeof *out->gone);
    match_begin(&w, a);
    for (size_t i = 0; i < files->n; i++)
        if (!match_file(&w, &files->list[i], e))
            return false;
    match_gone(&w, out);
    for (size_t i = 0; i < files->n; i++)
        if (!row_of(&w, files->list[i].name) &&
            !take_pending(&w, &files->list[i], out, e))
            return false;
    order_as_run(out, a);
    return true;
}
