#include "runner/release/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runner/base/buf.h"
#include "runner/base/escape.h"
#include "runner/base/file.h"

#define LFS_HEAD "version https://git-lfs.github.com/spec/"

bool tree_refuse(struct err *e, const char *name, const char *why)
{
    struct arena a;

    arena_init(&a);
    err_what(e, ERR_REFUSED, "artifact entry %s is refused", escape(&a, name));
    err_why(e, "%s", why);
    arena_release(&a);
    return err_fix(e, "take it out of what is released, or name it in "
                      "`exclude` of [artifact]");
}

void tree_init(struct tree *t, struct arena *a, int spool)
{
    *t = (struct tree){.a = a, .spool = spool};
}

static const char *component_wrong(const char *name, size_t len)
{
    if (len == 0)
        return "its name has an empty part";
    if (len > 255)
        return "a part of its name is over 255 bytes long";
    if (len == 1 && name[0] == '.')
        return "its name has the part \".\"";
    if (len == 2 && memcmp(name, "..", 2) == 0)
        return "its name has the part \"..\": it would leave the release";
    if (len == 4 && name[0] == '.' && (name[1] | 32) == 'g' &&
        (name[2] | 32) == 'i' && (name[3] | 32) == 't')
        return "it is, or lies in, a git folder (whatever the case of .git)";
    return NULL;
}

static const char *name_wrong(const char *name)
{
    const char *why = NULL;

    if (name[0] == '/')
        return "its name is absolute";
    if (strlen(name) > TREE_NAME)
        return "its name is over 4,096 bytes long";
    for (const char *part = name; part && !why;) {
        const char *slash = strchrnul(part, '/');

        why = component_wrong(part, (size_t)(slash - part));
        part = *slash ? slash + 1 : NULL;
    }
    return why;
}

static struct tree_entry *tree_append(struct tree *t, const char *name,
                                      char type, int mode)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 256;

        t->list = arena_grow(t->a, t->list, t->n, cap, sizeof *t->list);
        t->cap = cap;
    }
    t->list[t->n] = (struct tree_entry){
        .name = arena_strdup(t->a, name), .type = type, .mode = mode};
    return &t->list[t->n++];
}

static struct tree_entry *tree_new(struct tree *t, const char *name, char type,
                                   int mode, struct err *e)
{
    const char *why = name_wrong(name);

    if (!why && t->n >= TREE_ENTRIES)
        why = "there are over 100,000 entries";
    if (why) {
        tree_refuse(e, name, why);
        return NULL;
    }
    return tree_append(t, name, type, mode);
}

bool tree_folder(struct tree *t, const char *name, struct err *e)
{
    return tree_new(t, name, 'd', 0755, e) != NULL;
}

static bool tree_target(struct tree *t, const char *name, char type,
                        const char *target, struct err *e)
{
    struct tree_entry *entry;

    if (!*target || strlen(target) >= TREE_NAME)
        return tree_refuse(e, name, "it links to an empty or endless name");
    entry = tree_new(t, name, type, 0777, e);
    if (entry)
        entry->target = arena_strdup(t->a, target);
    return entry != NULL;
}

bool tree_link(struct tree *t, const char *name, const char *target,
               struct err *e)
{
    return tree_target(t, name, 'l', target, e);
}

bool tree_hard_link(struct tree *t, const char *name, const char *target,
                    struct err *e)
{
    return tree_target(t, name, 'h', target, e);
}

bool tree_file_begin(struct tree *t, const char *name, bool program,
                     struct err *e)
{
    struct tree_entry *entry = tree_new(t, name, 'f', program ? 0755 : 0644, e);

    if (!entry)
        return false;
    entry->offset = t->bytes;
    t->head_len = 0;
    hash_init(&t->open);
    return true;
}

bool tree_file_add(struct tree *t, const void *bytes, size_t len, struct err *e)
{
    size_t more = sizeof t->head - t->head_len;

    if (t->bytes + (int64_t)len > TREE_BYTES)
        return tree_refuse(e, t->list[t->n - 1].name,
                           "with it the artifact is over 4 GB");
    if (t->spool >= 0 && !write_all(t->spool, bytes, len)) {
        err_what(e, ERR_FAILED, "cannot write the artifact's contents");
        err_why(e, "%s", strerror(errno));
        return err_fix(e, "make room where the ledger lies, then try again");
    }
    if (more > len)
        more = len;
    memcpy(t->head + t->head_len, bytes, more);
    t->head_len += more;
    t->bytes += (int64_t)len;
    hash_add(&t->open, bytes, len);
    return true;
}

bool tree_file_end(struct tree *t, struct err *e)
{
    struct tree_entry *entry = &t->list[t->n - 1];

    hash_end_hex(&t->open, entry->digest);
    entry->len = t->bytes - entry->offset;
    if (t->head_len >= strlen(LFS_HEAD) && entry->len < 1024 &&
        memcmp(t->head, LFS_HEAD, strlen(LFS_HEAD)) == 0)
        return tree_refuse(e, entry->name,
                           "it is a Git LFS pointer, not the file itself; "
                           "tidegate runs no filters");
    return true;
}

static int by_name(const void *x, const void *y)
{
    const struct tree_entry *a = x, *b = y;

    return strcmp(a->name, b->name);
}

const struct tree_entry *tree_find(const struct tree *t, const char *name)
{
    struct tree_entry key = {.name = name};

    return t->n ? bsearch(&key, t->list, t->n, sizeof key, by_name) : NULL;
}

/* Sorted, all names below one folder stand together: a folder is new unless
 * the entry before lies in it too. Appended entries wait behind `n`. */
static void add_folders_of(struct tree *t, struct tree *sorted, size_t i)
{
    const char *name = sorted->list[i].name;
    const char *before = i ? sorted->list[i - 1].name : "";

    for (const char *slash = strchr(name, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        size_t len = (size_t)(slash - name);
        const char *folder = arena_strndup(t->a, name, len);

        if (strncmp(before, name, len + 1) != 0 && !tree_find(sorted, folder))
            tree_append(t, folder, 'd', 0755);
    }
}

static void add_folders(struct tree *t)
{
    struct tree sorted = *t;

    qsort(t->list, t->n, sizeof *t->list, by_name);
    sorted.list = arena_copy(t->a, t->list, t->n * sizeof *t->list);
    for (size_t i = 0; i < sorted.n; i++)
        add_folders_of(t, &sorted, i);
    qsort(t->list, t->n, sizeof *t->list, by_name);
}

static bool judge_parent(const struct tree *t, const struct tree_entry *entry,
                         struct err *e)
{
    const char *slash = strrchr(entry->name, '/');
    const struct tree_entry *parent;

    if (!slash)
        return true;
    parent = tree_find(
        t, arena_strndup(t->a, entry->name, (size_t)(slash - entry->name)));
    if (parent && parent->type == 'd')
        return true;
    return tree_refuse(e, entry->name, "it lies below a file or a link");
}

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 32 : c);
}

/* Not strcasecmp: the locale must not change what is refused. */
static int by_folded(const void *x, const void *y)
{
    const char *a = *(const char *const *)x, *b = *(const char *const *)y;

    while (*a && fold(*a) == fold(*b))
        a++, b++;
    return fold(*a) - fold(*b);
}

static bool judge_case(const struct tree *t, struct err *e)
{
    const char **names = arena_array(t->a, t->n, sizeof *names);

    for (size_t i = 0; i < t->n; i++)
        names[i] = t->list[i].name;
    qsort(names, t->n, sizeof *names, by_folded);
    for (size_t i = 1; i < t->n; i++)
        if (by_folded(&names[i - 1], &names[i]) == 0)
            return tree_refuse(
                e, names[i],
                arena_printf(t->a, "its name differs from %s by case alone",
                             escape(t->a, names[i - 1])));
    return true;
}

static bool judge_hard_link(const struct tree *t, struct tree_entry *entry,
                            struct err *e)
{
    const struct tree_entry *of = tree_find(t, entry->target);

    if (!of || of->type != 'f')
        return tree_refuse(e, entry->name,
                           arena_printf(t->a,
                                        "it is a hard link to %s, which is no "
                                        "file of the artifact",
                                        escape(t->a, entry->target)));
    entry->type = 'f';
    entry->mode = of->mode;
    entry->offset = of->offset;
    entry->len = of->len;
    memcpy(entry->digest, of->digest, sizeof entry->digest);
    return true;
}

static bool judge_entry(const struct tree *t, size_t i, struct err *e)
{
    struct tree_entry *entry = &t->list[i];
    const char *why;

    if (i && strcmp(entry->name, t->list[i - 1].name) == 0)
        return tree_refuse(e, entry->name, "its name is there twice");
    if (!judge_parent(t, entry, e))
        return false;
    if (entry->type == 'h')
        return judge_hard_link(t, entry, e);
    if (entry->type != 'l')
        return true;
    why = link_wrong(t, entry->name, entry->target);
    return why ? tree_refuse(e, entry->name, why) : true;
}

bool tree_finish(struct tree *t, struct err *e)
{
    if (t->n == 0) {
        err_what(e, ERR_REFUSED, "the artifact is empty");
        err_why(e, "the release has no file left after `exclude`");
        return err_fix(e, "correct `from` or `exclude` in [artifact]");
    }
    add_folders(t);
    if (t->n > TREE_ENTRIES)
        return tree_refuse(e, t->list[t->n - 1].name,
                           "with folders there are over 100,000 entries");
    for (size_t i = 0; i < t->n; i++)
        if (!judge_entry(t, i, e))
            return false;
    return judge_case(t, e);
}

static void files_escape(struct buf *out, const char *text)
{
    for (const char *c = text; *c; c++)
        if (*c < '!' || *c > '~' || *c == '\\')
            buf_printf(out, "\\%03o", (unsigned char)*c);
        else
            buf_char(out, *c);
}

char *tree_files(const struct tree *t, size_t *len)
{
    struct buf text;

    buf_init(&text);
    for (size_t i = 0; i < t->n; i++) {
        const struct tree_entry *entry = &t->list[i];

        buf_printf(&text, "%04o %c ", entry->mode, entry->type);
        if (entry->type == 'l')
            files_escape(&text, entry->target);
        else
            buf_str(&text, entry->type == 'f' ? entry->digest : "-");
        buf_char(&text, ' ');
        files_escape(&text, entry->name);
        buf_char(&text, '\n');
    }
    *len = text.len;
    return buf_into(&text, t->a);
}
