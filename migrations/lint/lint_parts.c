#include "migrations/lint/lint_parts.h"

#include <string.h>

#include "migrations/read/layout.h"

static bool is_down(const char *name)
{
    return layout_ends_with(name, ".down.sql");
}

static void take(struct lint_part out[2], size_t *n, const char *name,
                 const struct sql_file *file, bool down)
{
    out[*n] = (struct lint_part){*file, down};
    out[(*n)++].file.name = name;
}

bool lint_parts(struct lint_part out[2], size_t *n, struct arena *a,
                const struct sql_file *file, struct err *e)
{
    static const struct layout *const sections[] = {&layout_dbmate,
                                                    &layout_goose};
    struct sql_file bare = *file;
    const struct sql_file *list[] = {&bare};

    *n = 0;
    bare.name = layout_base(file->name);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        struct layout_reading r = {.a = a, .files = list, .n = 1};
        if (!sections[i]->recognise(&r))
            continue;
        if (!sections[i]->read(&r, e))
            return false;
        if (!r.count)
            continue;
        take(out, n, file->name, &r.list[0].up, false);
        if (r.list[0].has_down)
            take(out, n, file->name, &r.list[0].down, true);
        return true;
    }
    take(out, n, file->name, file, is_down(file->name));
    return true;
}
