#include "migrations/lint/lint_parts.h"

#include <string.h>

#include "migrations/read/layout.h"

/* ---- files of other tools, by their names ---- */

static bool is_own(const char *name)
{
    return layout_ends_with(name, ".up.sql") ||
           layout_ends_with(name, ".down.sql");
}

static bool is_diesel(const char *name)
{
    const char *base = layout_base(name);

    return strcmp(base, "up.sql") == 0 || strcmp(base, "down.sql") == 0;
}

/* V1_2__what.sql, U1_2__what.sql, R__what.sql */
static bool is_flyway(const char *name)
{
    const char *base = layout_base(name);

    return strncmp(base, "R__", 3) == 0 ||
           (*base && strchr("VU", *base) && base[1] >= '0' && base[1] <= '9' &&
            strstr(base, "__"));
}

static bool is_below(const char *name, const char *folder)
{
    size_t n = strlen(folder);
    const char *at = strstr(name, folder);

    while (at && at != name && at[-1] != '/')
        at = strstr(at + n, folder);
    return at != NULL;
}

static bool is_sqitch(const char *name)
{
    return !is_own(name) &&
           (is_below(name, "deploy/") || is_below(name, "revert/"));
}

static bool is_verify(const char *name)
{
    return !is_own(name) && !is_flyway(name) && is_below(name, "verify/");
}

static const struct {
    bool (*is)(const char *name);
    struct sql_how how;
} others[] = {
    {is_diesel, {.foreign = true}},
    {is_flyway, {.foreign = true}},
    {is_sqitch, {.foreign = true, .each_alone = true, .psql = true}},
    {is_verify, {.foreign = true, .psql = true, .undone = true}},
};

static bool is_down(const char *name)
{
    const char *base = layout_base(name);

    return layout_ends_with(name, ".down.sql") ||
           strcmp(base, "down.sql") == 0 || (is_flyway(name) && *base == 'U') ||
           (is_sqitch(name) && is_below(name, "revert/")) || is_verify(name);
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
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].is(file->name)) {
            out[0].file.how = others[i].how;
            out[0].file.how.placeholders =
                others[i].is == is_flyway && file->values;
            break;
        }
    return true;
}
