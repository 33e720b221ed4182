#include "tests/histories/folder.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "migrations/read/layout.h"
#include "migrations/read/split.h"
#include "runner/base/file.h"

#define FILES_MAX (4 * MIGRATIONS_MAX)

/* ---- what is left out ---- */

static const char *reason(struct arena *a, const char *file,
                          const struct err *why)
{
    const char *what = why->what;
    size_t n = strlen(file);

    if (strncmp(what, file, n) == 0 && what[n] == ':')
        what += what[n + 1] == ' ' ? n + 2 : n;
    return arena_printf(a, "%s%s%s", *what == ':' ? "line " : "",
                        what + (*what == ':'),
                        *why->why ? arena_printf(a, ": %s", why->why) : "");
}

static void note(struct folder *f, const char *file, const char *why)
{
    f->left_out[f->left_out_n++] =
        (struct left_out){arena_strdup(f->a, file), why};
}

static struct sql_file *file_of(struct folder *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->files[i].name, name) == 0)
            return &f->files[i];
    return NULL;
}

/* A plan asks for its scripts: there they are emptied. */
static void take_away(struct folder *f, const char *name, bool planned)
{
    struct sql_file *file = file_of(f, name);

    if (file && planned)
        file->len = 0;
    else if (file)
        *file = f->files[--f->n];
}

/* ---- files ---- */

static bool read_file(struct folder *f, const char *path, const char *name,
                      struct err *e)
{
    struct sql_file *file = &f->files[f->n];
    char *bytes;

    if (f->n == FILES_MAX) {
        err_what(e, ERR_INPUT, "more than %d files", FILES_MAX);
        return false;
    }
    f->all++;
    *file = (struct sql_file){.name = name, .bytes = ""};
    if (layout_wants(name)) {
        if (!file_read(path, MIGRATION_LIMIT, ERR_INPUT, f->a, &bytes,
                       &file->len, e)) {
            note(f, name, reason(f->a, path, e));
            err_clear(e);
            return true;
        }
        file->bytes = bytes;
    }
    f->n++;
    return true;
}

/* Names are relative to the top, with slashes, as a git tree gives them. */
static bool read_below(struct folder *f, const char *top, const char *name,
                       struct err *e)
{
    const char *where = *name ? path_join(f->a, top, name) : top;
    DIR *folder = opendir(where);
    struct dirent *entry;
    bool ok = folder != NULL;

    if (!folder)
        err_what(e, ERR_INPUT, "%s cannot be opened", where);
    while (ok && (entry = readdir(folder))) {
        char *inner = *name ? path_join(f->a, name, entry->d_name)
                            : arena_strdup(f->a, entry->d_name);
        char *path = path_join(f->a, top, inner);
        struct stat st;

        if (entry->d_name[0] == '.' || lstat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode))
            ok = read_below(f, top, inner, e);
        else if (S_ISREG(st.st_mode))
            ok = read_file(f, path, inner, e);
    }
    if (folder)
        closedir(folder);
    return ok;
}

/* ---- without what is refused ---- */

/* The file that a refusal begins with, the longest where several do. */
static struct sql_file *blamed(struct folder *f, const struct err *e)
{
    struct sql_file *found = NULL;
    size_t longest = 0;

    for (size_t i = 0; i < f->n; i++) {
        size_t n = strlen(f->files[i].name);
        if (n > longest && strncmp(e->what, f->files[i].name, n) == 0 &&
            e->what[n] && strchr(": ", e->what[n])) {
            found = &f->files[i];
            longest = n;
        }
    }
    return found;
}

static bool is_plan(const char *name)
{
    return strcmp(name, "sqitch.plan") == 0 || strcmp(name, "sqitch.conf") == 0;
}

/* Each refusal costs one file. */
static bool go_on(struct folder *f, struct err *e)
{
    struct sql_file *bad = blamed(f, e);
    const char *name = bad ? bad->name : "";

    if (!bad || is_plan(name))
        return false;
    note(f, name, reason(f->a, name, e));
    take_away(f, name, false);
    /* settings of a script, FILE.conf: they are part of it */
    if (layout_ends_with(name, ".conf"))
        take_away(f, arena_strndup(f->a, name, strlen(name) - 5), false);
    err_clear(e);
    return true;
}

static bool read_names(struct folder *f, struct layout_reading *r,
                       const struct layout *l, struct err *e)
{
    while (!layout_read(r, f->a, l->name, f->files, f->n, e))
        if (!go_on(f, e))
            return false;
    return true;
}

/* A way back alone: its up file was no SQL, and is left out. */
static bool has_no_up(const struct layout *l, const struct layout_entry *m)
{
    return l == &layout_golang_migrate && m->has_down &&
           strcmp(m->up.name, m->down.name) == 0;
}

/* A part of a file goes alone, the rest of it stays. */
static void drop_down(struct folder *f, const struct layout_entry *m,
                      bool planned)
{
    struct sql_file *file = file_of(f, m->down.name);

    if (file && strcmp(m->up.name, m->down.name) == 0)
        file->len = (size_t)(m->down.bytes - file->bytes);
    else
        take_away(f, m->down.name, planned);
}

static void check_entry(struct folder *f, const struct layout *l,
                        const struct layout_entry *m)
{
    bool planned = l == &layout_sqitch;
    struct err e = {0};
    struct script s;

    if (has_no_up(l, m)) {
        note(f, m->down.name, "a way back without a way up");
        take_away(f, m->down.name, false);
        return;
    }
    if (!split_script(&s, NULL, f->a, &m->up, false, &e)) {
        note(f, m->up.name, reason(f->a, m->up.name, &e));
        take_away(f, m->up.name, planned);
        if (m->has_down)
            take_away(f, m->down.name, planned);
        return;
    }
    err_clear(&e);
    if (m->has_down && !split_script(&s, NULL, f->a, &m->down, true, &e)) {
        note(f, m->down.name,
             arena_printf(f->a, "the way back: %s",
                          reason(f->a, m->down.name, &e)));
        drop_down(f, m, planned);
    }
}

bool folder_read(struct folder *out, struct arena *a, const char *path,
                 const char *layout, struct err *e)
{
    struct layout_reading r;
    const struct layout *l;

    *out = (struct folder){
        .a = a,
        .files = arena_array(a, FILES_MAX, sizeof *out->files),
        .left_out = arena_array(a, FILES_MAX, sizeof *out->left_out)};
    if (!read_below(out, path, "", e))
        return false;
    l = layout_recognise(&r, a, layout, out->files, out->n, e);
    if (!l || !read_names(out, &r, l, e))
        return false;
    for (size_t i = 0; i < r.count; i++)
        check_entry(out, l, &r.list[i]);
    while (!migrations_read(&out->found, a, l->name, out->files, out->n, e))
        if (!go_on(out, e))
            return false;
    if (out->left_out_n && strcmp(layout, "auto") == 0 && l == &layout_tidegate)
        return folder_read(out, a, path, layout_golang_migrate.name, e);
    if (out->found.n || out->left_out_n)
        return true;
    err_what(e, ERR_INPUT, "no migrations in %s", path);
    err_why(e,
            "it has %zu files; those of the folder itself count, and below "
            "it those of Flyway, diesel and sqitch",
            out->all);
    return err_fix(e, "name the folder that holds them");
}
