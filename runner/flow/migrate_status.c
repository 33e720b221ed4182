/* What stands in the database, against the files of a commit. */
#include <stdlib.h>
#include <string.h>

#include "migrations/apply/backfill.h"
#include "migrations/apply/half.h"
#include "runner/flow/migrate.h"

const char *migrate_word(enum migrate_is is)
{
    static const char *const words[] = {
        [MIGRATE_APPLIED] = "applied", [MIGRATE_PENDING] = "pending",
        [MIGRATE_LATE] = "late",       [MIGRATE_EDITED] = "edited",
        [MIGRATE_GONE] = "gone",       [MIGRATE_CONTRACT] = "contract",
        [MIGRATE_HALF] = "half done"};

    return words[is];
}

/* Begun, kept, and not recorded as applied. */
static bool is_begun(const struct applied *applied,
                     const struct journal_row *open)
{
    return !open->down && open->row && !applied_find(applied, open->name);
}

/* The database tells of it by itself. */
static bool is_there(const struct applied *applied, const char *name)
{
    const struct journal_row *up = applied_half(applied, name, false);

    return applied_find(applied, name) || applied_backfill(applied, name) ||
           (up && is_begun(applied, up));
}

static int64_t number_of(const char *name)
{
    return strtoll(name, NULL, 10);
}

/* Numbers are places in the list of files where names have none. */
static int64_t highest(const struct applied *applied,
                       const struct migrations *files)
{
    int64_t max = -1;

    if (files && files->ranked) {
        for (size_t i = 0; i < files->n; i++)
            if (!files->list[i].repeats &&
                applied_find(applied, files->list[i].name))
                max = files->list[i].number;
        return max;
    }

    for (size_t i = 0; i < applied->n; i++)
        if (number_of(applied->rows[i].name) > max)
            max = number_of(applied->rows[i].name);
    return max;
}

static int64_t place_of(const struct migrations *files,
                        const struct migration *m, const char *name)
{
    if (!files || !files->ranked)
        return number_of(name);
    return m ? m->number : INT64_MAX;
}

/* One under way; release and time are those of what was done last. */
static struct migrate_row row_half(const struct applied_row *row,
                                   const struct migrations *files, char *how)
{
    const struct migration *m =
        files ? migrations_find(files, row->name) : NULL;

    return (struct migrate_row){.name = row->name,
                                .place = place_of(files, m, row->name),
                                .is = MIGRATE_HALF,
                                .after = row->after,
                                .release = row->release,
                                .at = row->at,
                                .how = how};
}

static struct migrate_row row_backfill(struct arena *a,
                                       const struct backfill_row *half,
                                       const struct migrations *files)
{
    return row_half(&half->row, files,
                    arena_printf(a, "%s%s",
                                 half->undoing ? "being undone: " : "",
                                 backfill_far(a, half)));
}

/* How far the one of that name is, up or down; NULL: it is not half done. */
static char *journal_far(struct arena *a, const struct applied *applied,
                         const char *name)
{
    const struct journal_row *up = applied_half(applied, name, false);
    const struct journal_row *down = applied_half(applied, name, true);

    return down ? arena_printf(
                      a, "being undone: %s",
                      half_stopped(a, down, applied_find(applied, name)))
           : up ? half_stopped(a, up, up->row)
                : NULL;
}

static struct migrate_row row_applied(struct arena *a,
                                      const struct applied_row *row,
                                      const struct applied *applied,
                                      const struct migrations *files)
{
    const struct migration *m =
        files ? migrations_find(files, row->name) : NULL;
    struct migrate_row out = {.name = row->name,
                              .place = place_of(files, m, row->name),
                              .is = MIGRATE_APPLIED,
                              .after = row->after,
                              .release = row->release,
                              .at = row->at};

    out.how = journal_far(a, applied, row->name);
    if (out.how)
        out.is = MIGRATE_HALF;
    else if (files && !m)
        out.is = MIGRATE_GONE;
    else if (m && strcmp(m->checksum, row->checksum) != 0)
        out.is = MIGRATE_EDITED;
    return out;
}

static int by_number(const void *x, const void *y)
{
    const struct migrate_row *a = x, *b = y;

    return a->place != b->place ? (a->place > b->place) - (a->place < b->place)
                                : strcmp(a->name, b->name);
}

struct migrate_row *migrate_compare(struct arena *a,
                                    const struct applied *applied,
                                    const struct migrations *files, size_t *n)
{
    size_t total = applied->n + applied->backfills_n + applied->open_n +
                   (files ? files->n : 0);
    struct migrate_row *list = arena_array(a, total, sizeof *list);
    int64_t max = highest(applied, files);

    *n = 0;
    for (size_t i = 0; i < applied->n; i++)
        if (!files || !applied_replaced(&applied->rows[i], files))
            list[(*n)++] = row_applied(a, &applied->rows[i], applied, files);
    for (size_t i = 0; i < applied->backfills_n; i++)
        list[(*n)++] = row_backfill(a, &applied->backfills[i], files);
    for (size_t i = 0; i < applied->open_n; i++)
        if (is_begun(applied, &applied->open[i]))
            list[(*n)++] =
                row_half(applied->open[i].row, files,
                         journal_far(a, applied, applied->open[i].name));
    for (size_t i = 0; files && i < files->n; i++) {
        const struct migration *m = &files->list[i];

        if (is_there(applied, m->name))
            continue;
        list[(*n)++] = (struct migrate_row){
            .name = m->name,
            .place = place_of(files, m, m->name),
            .how = journal_far(a, applied, m->name),
            .is = journal_far(a, applied, m->name) ? MIGRATE_HALF
                  : m->contract                    ? MIGRATE_CONTRACT
                  : m->number < max && !m->repeats ? MIGRATE_LATE
                                                   : MIGRATE_PENDING,
            .after = m->after};
    }
    qsort(list, *n, sizeof *list, by_number);
    return list;
}

bool migrate_possible(const struct subject *s, struct err *e)
{
    if (s->env->database)
        return true;
    err_what(e, ERR_USAGE, "%s has no database", s->env->name);
    err_why(e, "[environment %s] has no `database`", s->env->name);
    return err_fix(e, "releases without migrations go out with: tidegate "
                      "deploy");
}

bool migrate_status(struct subject *s, const char *release,
                    struct migrate_row **rows, size_t *n, struct err *e)
{
    if (!migrate_possible(s, e))
        return false;
    if (release && !subject_resolve(s, release, e))
        return false;
    s->pg = pg_open(s->loop, s->env->database, "tidegate", 0, e);
    if (!s->pg || !applied_read(s->pg, s->arena, &s->applied, e))
        return false;
    *rows = migrate_compare(s->arena, &s->applied,
                            release ? &s->migrations : NULL, n);
    return true;
}
