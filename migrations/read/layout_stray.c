/* Files that no migration of the layout is read from, and that look as if
 * somebody meant them as one: the one place that decides it. What stands in a
 * folder for another reason (schema.sql, README.sql, seed.sql) is none. */
#include <string.h>
#include <strings.h>

#include "migrations/read/layout.h"
#include "runner/base/escape.h"

static bool ends_like(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n >= m && strcasecmp(name + n - m, end) == 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* v1__x.sql */
static bool is_small_flyway(const char *base)
{
    return strchr("vur", *base) && strstr(base, "__") &&
           (*base == 'r' || is_digit(base[1]));
}

const char *layout_meant(struct arena *a, const struct layout *l,
                         const struct sql_file *file)
{
    const char *base = layout_base(file->name);

    if (!*base || !ends_like(base, ".sql"))
        return NULL;
    if (!layout_ends_with(base, ".sql"))
        return arena_printf(a, "its name ends in %s, not in .sql",
                            escape(a, base + strlen(base) - 4));
    if (l->mark && layout_holds(file, l->mark))
        return arena_printf(a, "it holds a line -- %s", l->mark);
    if (ends_like(base, ".up.sql") || ends_like(base, ".down.sql"))
        return arena_printf(a, "its name ends in %s",
                            ends_like(base, ".up.sql") ? ".up.sql"
                                                       : ".down.sql");
    if (l == &layout_flyway && is_small_flyway(base))
        return arena_printf(a, "its name begins with %c", *base);
    /* sqitch: old scripts of reworked changes */
    return l != &layout_sqitch && is_digit(*base)
               ? "its name begins with a number"
               : NULL;
}

bool layout_takes(struct arena *a, const struct layout *l,
                  const struct sql_file *file)
{
    struct layout_reading r = {.a = a, .files = &file, .n = 1};
    struct err e;

    return !l->read(&r, &e) || r.count > 0;
}

static void mark_used(const struct layout_reading *r, bool *used,
                      const char *name)
{
    size_t i = name ? layout_from(r, name) : r->n;

    if (i < r->n && strcmp(r->files[i]->name, name) == 0)
        used[i] = true;
}

void layout_strays(struct layout_reading *r, const struct layout *l)
{
    bool *used = arena_array(r->a, r->n, sizeof *used);
    const char *why;

    for (size_t i = 0; i < r->count; i++) {
        mark_used(r, used, r->list[i].up.name);
        mark_used(r, used, r->list[i].down.name);
        mark_used(r, used, r->list[i].verify.name);
    }
    r->strays = arena_array(r->a, r->n, sizeof *r->strays);
    for (size_t i = 0; i < r->n; i++)
        if (!used[i] && (why = layout_meant(r->a, l, r->files[i])))
            r->strays[r->strays_n++] =
                (struct layout_stray){r->files[i]->name, why};
}

char *layout_stray_text(struct arena *a, const struct layout *l,
                        const struct layout_stray *s)
{
    return arena_printf(a,
                        "%s is passed over: %s, and no migration of the "
                        "layout %s (%s) has that name; rename it, or move it "
                        "out of the folder",
                        escape(a, s->name), s->why, l->name, l->form);
}
