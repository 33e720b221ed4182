#include "migrations/read/layout.h"

#include <stdlib.h>
#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/escape.h"
#include "runner/base/nearest.h"

const struct layout *const layouts[] = {
    &layout_tidegate, &layout_golang_migrate, &layout_dbmate, &layout_goose,
    &layout_flyway,   &layout_sqitch,         &layout_diesel, NULL,
};
const char layout_choices[] =
    "auto tidegate golang-migrate dbmate goose flyway sqitch diesel";

const struct layout *layout_find(const char *name)
{
    for (size_t i = 0; layouts[i]; i++)
        if (strcmp(layouts[i]->name, name) == 0)
            return layouts[i];
    return NULL;
}

/* ---- for the rows ---- */

bool layout_ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

const char *layout_base(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash ? slash + 1 : name;
}

struct layout_entry *layout_add(struct layout_reading *r)
{
    if (r->count == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 32;
        r->list = arena_grow(r->a, r->list, r->cap, cap, sizeof *r->list);
        r->cap = cap;
    }
    r->list[r->count] = (struct layout_entry){.number = -1};
    return &r->list[r->count++];
}

static int by_file_name(const void *x, const void *y)
{
    const struct sql_file *const *a = x, *const *b = y;

    return strcmp((*a)->name, (*b)->name);
}

static int is_named(const void *name, const void *file)
{
    return strcmp(name, (*(const struct sql_file *const *)file)->name);
}

const struct sql_file *layout_file(const struct layout_reading *r,
                                   const char *name)
{
    const struct sql_file *const *found =
        r->n ? bsearch(name, r->files, r->n, sizeof *r->files, is_named) : NULL;

    return found ? *found : NULL;
}

size_t layout_from(const struct layout_reading *r, const char *name)
{
    size_t low = 0, high = r->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(r->files[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool layout_refuse(struct err *e, const char *file, int line, const char *what,
                   const char *why, const char *fix)
{
    if (line)
        err_what(e, ERR_INPUT, "%s:%d: %s", file, line, what);
    else
        err_what(e, ERR_INPUT, "%s: %s", file, what);
    err_why(e, "%s", why);
    return err_fix(e, "%s", fix);
}

/* ---- which one ---- */

static const struct layout *unknown(const char *name, struct err *e)
{
    const char *names[16] = {"auto"}, *near;
    size_t n = 1;

    for (size_t i = 0; layouts[i]; i++)
        names[n++] = layouts[i]->name;
    near = nearest(name, names, n);
    err_what(e, ERR_CONFIG, "[migrations] layout: no layout has that name");
    err_why(e, "it says %.60s", name);
    err_fix(e, "%s%s", near ? "did you mean " : "write one of: ",
            near ? near : layout_choices);
    return NULL;
}

static const struct sql_file *first_sql(const struct layout_reading *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (!strchr(r->files[i]->name, '/') &&
            layout_ends_with(r->files[i]->name, ".sql"))
            return r->files[i];
    return NULL;
}

static char *forms(struct arena *a)
{
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; layouts[i]; i++)
        buf_printf(&b, "%s%s (%s)", i ? ", " : "", layouts[i]->name,
                   layouts[i]->form);
    return buf_into(&b, a);
}

static const struct layout *none(const struct layout_reading *r, struct err *e)
{
    const struct sql_file *first = first_sql(r);

    if (!first)
        return &layout_tidegate; /* nothing to migrate */
    err_what(e, ERR_INPUT, "%s: no name of a migration",
             escape(r->a, first->name));
    err_why(e, "no layout recognises the folder; there are %s", forms(r->a));
    err_fix(e, "rename it, or move it out of the folder%s",
            strstr(first->name, "__")
                ? "; Flyway's names begin with V here, whatever its prefix is"
                : "");
    return NULL;
}

static const struct layout *two(const struct layout *x, const struct layout *y,
                                struct err *e)
{
    err_what(e, ERR_INPUT, "migrations of two layouts: %s and %s", x->name,
             y->name);
    err_why(e, "there are files of the form %s, and of %s", x->form, y->form);
    err_fix(e, "say which it is: [migrations] layout = %s", x->name);
    return NULL;
}

static const struct layout *recognise(const struct layout_reading *r,
                                      struct err *e)
{
    const struct layout *found = NULL;

    for (size_t i = 0; layouts[i]; i++) {
        if (!layouts[i]->recognise(r))
            continue;
        if (found)
            return two(found, layouts[i], e);
        found = layouts[i];
    }
    return found ? found : none(r, e);
}

/* ---- reading ---- */

static int by_entry_name(const void *x, const void *y)
{
    const struct layout_entry *const *a = x, *const *b = y;

    return strcmp((*a)->name, (*b)->name);
}

static bool names_are_good(const struct layout_reading *r, struct err *e)
{
    const struct layout_entry **sorted =
        arena_array(r->a, r->count, sizeof *sorted);

    for (size_t i = 0; i < r->count; i++) {
        const char *name = r->list[i].name;
        sorted[i] = &r->list[i];
        if (strlen(name) > 200 || text_bad_byte(name, strlen(name)) >= 0 ||
            strpbrk(name, "\t\\"))
            return layout_refuse(e, escape(r->a, r->list[i].up.name), 0,
                                 "no name of a migration",
                                 "it is longer than 200 bytes, or has bytes "
                                 "that cannot be shown",
                                 "rename it");
    }
    qsort(sorted, r->count, sizeof *sorted, by_entry_name);
    for (size_t i = 1; i < r->count; i++)
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            return layout_refuse(
                e, sorted[i]->up.name, 0, "two migrations have this name",
                arena_printf(r->a, "the other is %s", sorted[i - 1]->up.name),
                "rename the newer one");
    return true;
}

/* Our own layout has no other tool that would pass them over. */
static bool no_strays(const struct layout_reading *r, struct err *e)
{
    return !r->strays_n ||
           layout_refuse(e, escape(r->a, r->strays[0].name), 0,
                         "no name of a migration",
                         arena_printf(r->a,
                                      "%s, and migrations are "
                                      "NNNN_name.up.sql in the folder itself: "
                                      "this one would be passed over",
                                      r->strays[0].why),
                         "rename it, or move it out of the folder; files of "
                         "another tool: [migrations] layout");
}

static void sort_files(struct layout_reading *r, const struct sql_file *files,
                       size_t n)
{
    const struct sql_file **sorted = arena_array(r->a, n, sizeof *sorted);

    for (size_t i = 0; i < n; i++)
        sorted[i] = &files[i];
    qsort(sorted, n, sizeof *sorted, by_file_name);
    r->files = sorted;
    r->n = n;
}

const struct layout *layout_recognise(struct layout_reading *out,
                                      struct arena *a, const char *name,
                                      const struct sql_file *files, size_t n,
                                      struct err *e)
{
    bool any = strcmp(name, "auto") == 0;
    const struct layout *l = any ? NULL : layout_find(name);

    *out = (struct layout_reading){.a = a};
    if (!any && !l)
        return unknown(name, e);
    sort_files(out, files, n);
    return any ? recognise(out, e) : l;
}

const struct layout *layout_read(struct layout_reading *out, struct arena *a,
                                 const char *name, const struct sql_file *files,
                                 size_t n, struct err *e)
{
    const struct layout *l = layout_recognise(out, a, name, files, n, e);

    if (!l || !l->read(out, e) || !names_are_good(out, e))
        return NULL;
    layout_strays(out, l);
    return l == &layout_tidegate && !no_strays(out, e) ? NULL : l;
}

bool layout_wants(const char *name)
{
    static const char *const ends[] = {".sql", ".sql.conf", "metadata.toml",
                                       "sqitch.plan", "sqitch.conf"};

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (layout_ends_with(name, ends[i]))
            return true;
    return false;
}
