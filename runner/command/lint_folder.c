#include "runner/command/lint_folder.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "migrations/read/layout.h"
#include "runner/base/file.h"

#define FILES_MAX  (4 * MIGRATIONS_MAX)
#define DEPTH_MAX  16
#define PLAN_LIMIT (4 * MIGRATION_LIMIT) /* sqitch's own file */

struct listing {
    struct arena *a;
    const char *folder;
    const struct placeholders *values;
    struct sql_file *files; /* named from the folder on */
    size_t n, cap;
    struct lint_listed *out;
    size_t listed;
};

bool lint_is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* ---- what is there ---- */

static bool unreadable(const char *path, const char *why, struct err *e)
{
    err_what(e, ERR_INPUT, "cannot read folder %s", path);
    err_why(e, "%s", why);
    return err_fix(e, "name the folder of the migrations, or their files");
}

static bool take(struct listing *l, const char *path, const char *name,
                 bool link, struct err *e)
{
    struct sql_file file = {
        .name = name, .bytes = "", .link = link, .values = l->values};
    char *bytes;

    if (l->n == FILES_MAX)
        return unreadable(l->folder, "it has too many files", e);
    if (layout_wants(name)) {
        if (!file_read(path, PLAN_LIMIT, ERR_INPUT, l->a, &bytes, &file.len, e))
            return false;
        file.bytes = bytes;
    }
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        l->files = arena_grow(l->a, l->files, l->n, cap, sizeof *l->files);
        l->cap = cap;
    }
    l->files[l->n++] = file;
    return true;
}

static bool read_below(struct listing *l, const char *prefix, int depth,
                       struct err *e);

static bool read_one(struct listing *l, const char *prefix, const char *base,
                     int depth, struct err *e)
{
    const char *name = arena_printf(l->a, "%s%s", prefix, base);
    const char *path = path_join(l->a, l->folder, name);
    struct stat st;

    if (*base == '.' || lstat(path, &st) != 0)
        return true;
    if (S_ISDIR(st.st_mode))
        return depth == DEPTH_MAX ||
               read_below(l, arena_printf(l->a, "%s/", name), depth + 1, e);
    return take(l, path, name, S_ISLNK(st.st_mode), e);
}

static bool read_below(struct listing *l, const char *prefix, int depth,
                       struct err *e)
{
    const char *path = path_join(l->a, l->folder, prefix);
    DIR *dir = opendir(path);
    const struct dirent *at;
    bool ok = true;

    if (!dir)
        return unreadable(path, strerror(errno), e);
    while (ok && (at = readdir(dir)))
        ok = read_one(l, prefix, at->d_name, depth, e);
    closedir(dir);
    return ok;
}

/* ---- in the order in which they run ---- */

/* The whole file, whatever the layout has made of it; but its placeholders are
 * none where the layout says so. */
static void list(struct listing *l, const struct layout_reading *r,
                 const struct sql_file *part, const char *stray)
{
    const char *name = part->name;
    const struct sql_file *file = name ? layout_file(r, name) : NULL;
    struct lint_listed *at = &l->out[l->listed];

    if (!file)
        return;
    *at = (struct lint_listed){*file, stray};
    if (!part->how.placeholders)
        at->file.values = NULL;
    if (strcmp(l->folder, ".") != 0)
        at->file.name = path_join(l->a, l->folder, name);
    l->listed++;
}

static bool none(const struct listing *l, struct err *e)
{
    err_what(e, ERR_INPUT, "no migrations in %s", l->folder);
    err_why(e, "it has %zu files, and no layout reads a migration from them",
            l->n);
    return err_fix(e, "name the folder that holds them, or the files");
}

static bool list_all(struct listing *l, const char *layout, struct err *e)
{
    struct layout_reading r;

    if (!layout_read(&r, l->a, layout, l->files, l->n, e))
        return false;
    if (!r.count && !r.strays_n)
        return none(l, e);
    l->out = arena_array(l->a, 3 * r.count + r.strays_n, sizeof *l->out);
    for (size_t i = 0; i < r.count; i++) {
        list(l, &r, &r.list[i].up, NULL);
        list(l, &r, &r.list[i].verify, NULL);
    }
    for (size_t i = r.count; i-- > 0;)
        if (r.list[i].has_down &&
            strcmp(r.list[i].down.name, r.list[i].up.name) != 0)
            list(l, &r, &r.list[i].down, NULL);
    for (size_t i = 0; i < r.strays_n; i++)
        list(l, &r, &(struct sql_file){.name = r.strays[i].name},
             r.strays[i].why);
    return true;
}

bool lint_folder(struct lint_listed **out, size_t *n, struct arena *a,
                 const char *path, const struct lint_set *as, struct err *e)
{
    struct listing l = {.a = a, .values = as->values};
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/')
        len--;
    l.folder = arena_strndup(a, path, len);
    if (!read_below(&l, "", 0, e) || !list_all(&l, as->layout, e))
        return false;
    *out = l.out;
    *n = l.listed;
    return true;
}
