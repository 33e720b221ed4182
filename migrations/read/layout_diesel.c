/* diesel: a folder per migration, with up.sql, down.sql and perhaps
 * metadata.toml ("run_in_transaction = false"). The version is what stands
 * before the first _ of the folder's name, dashes left out, and the order is
 * that of versions as texts (diesel_migrations, file_based_migrations.rs). */
#include <stdlib.h>
#include <string.h>

#include "migrations/read/layout.h"
#include "runner/base/escape.h"

/* "2024-01-05-120000_x/up.sql": the length of the folder; 0: no such file, or
 * hidden from diesel by a dot. */
static size_t folder_of(const char *name, const char *file)
{
    const char *slash = strchr(name, '/');

    return slash && *name != '.' && strcmp(slash + 1, file) == 0
               ? (size_t)(slash - name)
               : 0;
}

static bool is_diesel(const struct layout_reading *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (folder_of(r->files[i]->name, "up.sql"))
            return true;
    return false;
}

static const char *version_of(struct arena *a, const char *folder)
{
    size_t n = strcspn(folder, "_"), kept = 0;
    char *version = arena_strndup(a, folder, n);

    for (size_t i = 0; i < n; i++)
        if (folder[i] != '-')
            version[kept++] = folder[i];
    version[kept] = '\0';
    return version;
}

/* ---- metadata.toml ---- */

/* One line of it: "run_in_transaction = false". Other keys are none of ours. */
static bool take_setting(struct layout_reading *r, const struct sql_file *file,
                         char *text, int line, struct sql_how *how,
                         struct err *e)
{
    char *value = strchr(text, '='), *end;

    text[strcspn(text, "#")] = '\0';
    text += strspn(text, " \t");
    if (!value || strncmp(text, "run_in_transaction", 18) != 0 ||
        text + 18 + strspn(text + 18, " \t") != value)
        return true;
    value += 1 + strspn(value + 1, " \t");
    for (end = value + strlen(value); end > value && strchr(" \t\r", end[-1]);)
        *--end = '\0';
    how->no_transaction = strcmp(value, "false") == 0;
    return how->no_transaction || strcmp(value, "true") == 0 ||
           layout_refuse(e, escape(r->a, file->name), line,
                         "run_in_transaction is true or false",
                         arena_printf(r->a, "it says %s", escape(r->a, value)),
                         "correct it");
}

static bool read_metadata(struct layout_reading *r, const char *folder,
                          struct sql_how *how, struct err *e)
{
    const struct sql_file *file =
        layout_file(r, arena_printf(r->a, "%s/metadata.toml", folder));
    char *text;
    int line = 0;

    if (!file)
        return true;
    text = arena_strndup(r->a, file->bytes, file->len);
    while (*text) {
        size_t n = strcspn(text, "\n");
        char *next = text + n + (text[n] == '\n');
        text[n] = '\0';
        if (!take_setting(r, file, text, ++line, how, e))
            return false;
        text = next;
    }
    return true;
}

/* ---- folders ---- */

static bool add_folder(struct layout_reading *r, const struct sql_file *up,
                       size_t n, struct err *e)
{
    struct layout_entry *entry = layout_add(r);
    const char *folder = arena_strndup(r->a, up->name, n);
    const struct sql_file *down =
        layout_file(r, arena_printf(r->a, "%s/down.sql", folder));
    struct sql_how how = {.foreign = true};

    entry->name = folder;
    entry->version = version_of(r->a, folder);
    entry->up = *up;
    entry->has_down = down != NULL;
    if (down)
        entry->down = *down;
    if (!read_metadata(r, folder, &how, e))
        return false;
    entry->up.how = entry->down.how = how;
    return true;
}

static int by_version(const void *x, const void *y)
{
    const struct layout_entry *a = x, *b = y;
    int order = strcmp(a->version, b->version);

    return order ? order : strcmp(a->name, b->name);
}

static bool is_lone_down(struct layout_reading *r, const char *name)
{
    size_t n = folder_of(name, "down.sql");

    return n &&
           !layout_file(r, arena_printf(r->a, "%.*s/up.sql", (int)n, name));
}

static bool versions_are_good(struct layout_reading *r, struct err *e)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct layout_entry *m = &r->list[i];
        if (!*m->version)
            return layout_refuse(
                e, escape(r->a, m->up.name), 0, "no name of a migration",
                "diesel's folders are VERSION_name", "rename the folder");
        if (i && strcmp(m->version, r->list[i - 1].version) == 0)
            return layout_refuse(
                e, escape(r->a, m->name), 0, "its version is taken",
                arena_printf(r->a, "%s has it, too",
                             escape(r->a, r->list[i - 1].name)),
                "give the newer one a later version");
    }
    return true;
}

/* Versions that are numbers in their order may be ours as well. */
static void number_them(struct layout_reading *r)
{
    int64_t last = -1;

    for (size_t i = 0; i < r->count; i++) {
        const char *version = r->list[i].version;
        size_t n = strlen(version);
        int64_t number = strtoll(version, NULL, 10);
        if (n > 18 || strspn(version, "0123456789") < n || number <= last)
            return;
        last = number;
    }
    for (size_t i = 0; i < r->count; i++)
        r->list[i].number = strtoll(r->list[i].version, NULL, 10);
}

static bool read_diesel(struct layout_reading *r, struct err *e)
{
    for (size_t i = 0; i < r->n; i++) {
        const char *name = r->files[i]->name;
        size_t n = folder_of(name, "up.sql");
        if (is_lone_down(r, name))
            return layout_refuse(e, escape(r->a, name), 0, "has no up.sql",
                                 "there is nothing that it could undo",
                                 "add up.sql, or delete the folder");
        if (n && !add_folder(r, r->files[i], n, e))
            return false;
    }
    if (r->count)
        qsort(r->list, r->count, sizeof *r->list, by_version);
    number_them(r);
    return versions_are_good(r, e);
}

const struct layout layout_diesel = {
    .name = "diesel",
    .form = "VERSION_name/up.sql",
    .recognise = is_diesel,
    .read = read_diesel,
    .applied_table = "public.__diesel_schema_migrations",
    .applied_sql = "SELECT version, 'applied' FROM {table}",
};
