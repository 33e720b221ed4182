#include <stdio.h>
#include <string.h>

#include "runner/release/tree.h"

#define LINKS_FOLLOWED 40 /* as Linux: path_resolution(7) */

/* A path below the root that is being resolved: `at` is where we stand (no
 * link in it), `rest` what is still to be walked. */
struct path {
    const struct tree *tree;
    struct arena scratch;
    char at[2 * TREE_NAME + 512];
    const char *rest;
    int followed;
};

static bool path_up(struct path *p)
{
    char *slash = strrchr(p->at, '/');

    if (!p->at[0])
        return false;
    *(slash ? slash : p->at) = '\0';
    return true;
}

static const char *path_enter(struct path *p, const char *part, size_t len)
{
    size_t have = strlen(p->at);
    const struct tree_entry *entry;

    if (have + len + 2 > sizeof p->at)
        return "it links to a name that is too long";
    snprintf(p->at + have, sizeof p->at - have, "%s%.*s", have ? "/" : "",
             (int)len, part);
    entry = tree_find(p->tree, p->at);
    if (!entry || entry->type != 'l')
        return NULL;
    if (entry->target[0] == '/')
        return "it links to an absolute name";
    if (++p->followed > LINKS_FOLLOWED)
        return "it links in a circle";
    if (strlen(entry->target) + strlen(p->rest) > TREE_NAME)
        return "it links to a name that is too long";
    path_up(p);
    p->rest = arena_printf(&p->scratch, "%s/%s", entry->target, p->rest);
    return NULL;
}

static const char *path_step(struct path *p)
{
    const char *part = p->rest;
    const char *slash = strchrnul(part, '/');
    size_t len = (size_t)(slash - part);

    p->rest = *slash ? slash + 1 : slash;
    if (len == 0 || (len == 1 && part[0] == '.'))
        return NULL;
    if (len == 2 && memcmp(part, "..", 2) == 0)
        return path_up(p) ? NULL : "it links out of the release";
    return path_enter(p, part, len);
}

const char *link_wrong(const struct tree *t, const char *name,
                       const char *target)
{
    struct path p = {.tree = t, .rest = target};
    const char *why = NULL;

    if (target[0] == '/')
        return "it links to an absolute name";
    snprintf(p.at, sizeof p.at, "%s", name);
    path_up(&p);
    arena_init(&p.scratch);
    while (!why && *p.rest)
        why = path_step(&p);
    arena_release(&p.scratch);
    return why;
}
