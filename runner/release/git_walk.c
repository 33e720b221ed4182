/* The files of a commit. */
#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/escape.h"
#include "runner/release/git_intern.h"

#define DEPTH_LIMIT 128
#define NODE_LIMIT  1000000
#define BLOB_LIMIT  (256LL * 1024 * 1024)
#define NAME_LIMIT  4096

struct walk {
    struct git *g;
    git_odb *odb;
    bool (*visit)(void *ctx, const struct git_entry *entry, struct err *e);
    void *ctx;
    size_t nodes;
    int depth;
    struct buf name;
};

static bool walk_tree(struct walk *w, const git_oid *id, struct err *e);

static bool walk_refused(struct walk *w, struct err *e, const char *why)
{
    struct arena a;

    arena_init(&a);
    err_what(e, ERR_INPUT, "cannot read %s of the commit's tree",
             escape(&a, w->name.data));
    err_why(e, "%s", why);
    arena_release(&a);
    return err_fix(e, "take it out of the commit, and tag the new commit");
}

/* The size is asked before the bytes: a huge delta is not unpacked. */
static bool walk_blob(struct walk *w, const git_tree_entry *item,
                      struct git_entry *entry, struct err *e)
{
    const git_oid *id = git_tree_entry_id(item);
    git_blob *blob = NULL;
    git_object_t type;
    char hex[GIT_HEX];
    size_t size;
    bool ok;

    git_oid_tostr(hex, sizeof hex, id);
    if (git_odb_read_header(&size, &type, w->odb, id) != 0)
        return git_object_missing(w->g, e, hex);
    if ((int64_t)size > BLOB_LIMIT)
        return walk_refused(w, e, "it is larger than 256 MB");
    if (git_blob_lookup(&blob, w->g->repo, id) != 0)
        return git_object_missing(w->g, e, hex);
    entry->bytes = git_blob_rawcontent(blob);
    entry->len = (size_t)git_blob_rawsize(blob);
    if (!entry->bytes)
        entry->bytes = "";
    ok = w->visit(w->ctx, entry, e);
    git_blob_free(blob);
    return ok;
}

static bool walk_item(struct walk *w, const git_tree_entry *item, struct err *e)
{
    struct git_entry entry = {.name = w->name.data};

    switch (git_tree_entry_filemode(item)) {
    case GIT_FILEMODE_TREE:
        return walk_tree(w, git_tree_entry_id(item), e);
    case GIT_FILEMODE_BLOB:
        entry.kind = GIT_FILE;
        return walk_blob(w, item, &entry, e);
    case GIT_FILEMODE_BLOB_EXECUTABLE:
        entry.kind = GIT_PROGRAM;
        return walk_blob(w, item, &entry, e);
    case GIT_FILEMODE_LINK:
        entry.kind = GIT_LINK;
        return walk_blob(w, item, &entry, e);
    case GIT_FILEMODE_COMMIT:
        entry.kind = GIT_SUBMODULE;
        entry.bytes = "";
        return w->visit(w->ctx, &entry, e);
    default:
        return walk_refused(w, e, "git gives it a mode nobody knows");
    }
}

/* Nodes, depth and names are bounded: a small pack can hold a tree that
 * unfolds without end. */
static bool walk_tree(struct walk *w, const git_oid *id, struct err *e)
{
    git_tree *tree = NULL;
    char hex[GIT_HEX];
    size_t before = w->name.len;
    bool ok = true;

    git_oid_tostr(hex, sizeof hex, id);
    if (w->depth >= DEPTH_LIMIT)
        return walk_refused(w, e, "folders are nested over 128 deep");
    if (git_tree_lookup(&tree, w->g->repo, id) != 0)
        return git_object_missing(w->g, e, hex);
    w->depth++;
    for (size_t i = 0; ok && i < git_tree_entrycount(tree); i++) {
        const git_tree_entry *item = git_tree_entry_byindex(tree, i);

        buf_printf(&w->name, "%s%s", before ? "/" : "",
                   git_tree_entry_name(item));
        if (++w->nodes > NODE_LIMIT)
            ok = walk_refused(w, e, "the tree has over 1,000,000 entries");
        else if (w->name.len > NAME_LIMIT)
            ok = walk_refused(w, e, "its name is over 4,096 bytes long");
        else
            ok = walk_item(w, item, e);
        w->name.len = before;
        w->name.data[before] = '\0';
    }
    w->depth--;
    git_tree_free(tree);
    return ok;
}

/* "./db/migrations/" is the folder db/migrations of the commit. */
static char *folder_name(struct arena *a, const char *folder)
{
    char *name;
    size_t len;

    if (!folder)
        return NULL;
    while (folder[0] == '.' && (folder[1] == '/' || folder[1] == '\0'))
        folder += folder[1] ? 2 : 1;
    name = arena_strdup(a, folder);
    len = strlen(name);
    while (len && name[len - 1] == '/')
        name[--len] = '\0';
    return len ? name : NULL;
}

static bool walk_folder(struct walk *w, const git_tree *root,
                        const char *folder, struct err *e)
{
    git_tree_entry *item = NULL;
    bool ok;
    int rc;

    buf_str(&w->name, folder ? folder : "");
    if (!folder)
        return walk_tree(w, git_tree_id(root), e);
    rc = git_tree_entry_bypath(&item, root, folder);
    if (rc == GIT_ENOTFOUND)
        return true;
    if (rc != 0)
        return walk_refused(w, e, git_last_message());
    ok = git_tree_entry_type(item) == GIT_OBJECT_TREE
             ? walk_tree(w, git_tree_entry_id(item), e)
             : walk_refused(w, e, "it is not a folder");
    git_tree_entry_free(item);
    return ok;
}

bool git_walk(struct git *g, const char *commit, const char *folder,
              bool (*visit)(void *ctx, const struct git_entry *entry,
                            struct err *e),
              void *ctx, struct err *e)
{
    struct walk w = {.g = g, .visit = visit, .ctx = ctx};
    git_commit *found = NULL;
    git_tree *root = NULL;
    struct arena a;
    git_oid id;
    bool ok;

    if (!git_full_id(commit, &id)) {
        git_error_clear();
        return git_object_missing(g, e, commit);
    }
    arena_init(&a);
    buf_init(&w.name);
    if (git_commit_lookup(&found, g->repo, &id) != 0 ||
        git_repository_odb(&w.odb, g->repo) != 0 ||
        git_commit_tree(&root, found) != 0)
        ok = git_object_missing(g, e, commit);
    else
        ok = walk_folder(&w, root, folder_name(&a, folder), e);
    git_tree_free(root);
    git_odb_free(w.odb);
    git_commit_free(found);
    buf_release(&w.name);
    arena_release(&a);
    return ok;
}
