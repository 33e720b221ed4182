#include "runner/config/load.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/base/file.h"

const char *load_shown(const struct load *l, const char *path)
{
    size_t n = strlen(l->config->folder);

    if (strncmp(path, l->config->folder, n) == 0 && path[n] == '/')
        return path + n + 1;
    return path;
}

bool load_trusted(const struct load *l, const char *path)
{
    struct stat st;

    if (file_trusted(path, l->e))
        return true;
    if (stat(path, &st) != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) ||
        st.st_uid == 0 || st.st_uid == geteuid())
        return false;
    if (!l->config->foreign)
        l->config->foreign =
            arena_printf(l->arena, "%s: %s", load_shown(l, path), l->e->why);
    err_clear(l->e);
    return true;
}

bool load_file(const struct load *l, const char *path, bool policy,
               struct ini_file *f)
{
    return load_trusted(l, path) &&
           ini_file_read(f, l->arena, path, load_shown(l, path), l->e) &&
           keys_check(l->arena, f, policy, l->e);
}

/* "[rollout] drain = a \\\n b": one line whatever the value holds. */
static void pin(struct buf *pinned, const struct key_section *s,
                const struct key *k, const char *value)
{
    buf_printf(pinned, "[%s] %s = ", s->name, k->name);
    for (const char *c = value; *c; c++) {
        if (*c == '\\' || *c == '\n')
            buf_char(pinned, '\\');
        buf_char(pinned, *c == '\n' ? 'n' : *c);
    }
    buf_char(pinned, '\n');
}

static bool key_missing(const struct load *l, const struct ini_file *f,
                        const struct ini_section *section, const struct key *k)
{
    ini_refuse(f, section->line, k->name, l->e, "the key is missing in [%s]",
               section->name);
    err_why(l->e, "it has no default");
    return err_fix(l->e, "add: %s = %s", k->name, key_form(l->arena, k));
}

/* Every key of [SECTION ENVIRONMENT], then every one of [SECTION]: who puts
 * them lets the first of a name stand. */
static bool put_any(const struct load *l, const char *own, const char *shared,
                    struct setting *put)
{
    const char *const sections[] = {own, shared};

    for (int i = 0; i < 2; i++)
        for (size_t n = 0; sections[i] && n < put->file->n_entries; n++) {
            put->entry = &put->file->entries[n];
            if (strcmp(put->entry->section, sections[i]) == 0 &&
                !setting_put(put, l->e))
                return false;
        }
    return true;
}

bool load_section(const struct load *l, const struct ini_file *f,
                  const struct key_section *s, const char *environment,
                  void *base, struct buf *pinned)
{
    const char *own =
        environment ? arena_printf(l->arena, "%s %s", s->name, environment)
                    : NULL;
    const struct ini_section *at = own ? ini_section_find(f, own) : NULL;
    struct setting put = {.arena = l->arena,
                          .file = f,
                          .base = base,
                          .folder = l->config->folder};

    if (!at)
        at = ini_section_find(f, s->name);
    if (at && s->on != KEY_NOWHERE) {
        *(bool *)((char *)base + s->on) = true;
        if (s->pinned)
            buf_printf(pinned, "[%s]\n", s->name);
    }
    for (const struct key *k = s->keys; k->name; k++) {
        put.key = k;
        if (k->flags & KEY_ANY) {
            if (!put_any(l, own, s->name, &put))
                return false;
            continue;
        }
        put.entry = ini_entry_find(f, own, k->name);
        if (!put.entry)
            put.entry = ini_entry_find(f, s->name, k->name);
        if (at && (k->flags & KEY_REQUIRED) && !put.entry)
            return key_missing(l, f, at, k);
        if (!setting_put(&put, l->e))
            return false;
        if (put.entry && s->pinned && !(k->flags & KEY_LOOSE) &&
            (!k->fallback || strcmp(put.entry->value, k->fallback) != 0))
            pin(pinned, s, k, put.entry->value);
    }
    return true;
}
