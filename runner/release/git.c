#include "runner/release/git_intern.h"

#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/escape.h"
#include "runner/base/nearest.h"

#define NAMES_LIMIT 20000 /* above it nobody looks for the nearest tag */

const char *git_last_message(void)
{
    const git_error *last = git_error_last();

    return last && last->message ? last->message : "no reason given";
}

static bool open_failed(struct err *e, const char *path, int rc)
{
    const char *why = git_last_message();

    if (rc == GIT_EOWNER || strstr(why, "safe.directory") ||
        strstr(why, "not owned by current user")) {
        err_what(e, ERR_CONFIG, "the git repository %s belongs to another user",
                 path);
        err_why(e, "whoever owns a repository decides what is in it; git and "
                   "tidegate read only your own");
        return err_fix(e,
                       "run as its owner, or if you trust that owner: git "
                       "config --global --add safe.directory %s",
                       path);
    }
    if (strstr(why, "objectformat") || strstr(why, "object format")) {
        err_what(e, ERR_INPUT, "the git repository %s uses SHA-256 objects",
                 path);
        err_why(e, "libgit2 reads SHA-1 repositories only (%s)", why);
        return err_fix(e, "release from a clone with SHA-1 objects, or ship a "
                          "file: [artifact] from = file:PATH");
    }
    err_what(e, ERR_CONFIG, "no git repository at %s", path);
    err_why(e, "%s", why);
    return err_fix(e, "set `repository` in [project] to the folder that holds "
                      "the repository's .git");
}

struct git *git_open(struct arena *a, const char *path, struct err *e)
{
    struct git *g = arena_alloc(a, sizeof *g);
    int rc;

    g->path = arena_strdup(a, path);
    git_libgit2_init();
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 1);
    rc = git_repository_open_ext(&g->repo, path, GIT_REPOSITORY_OPEN_NO_SEARCH,
                                 NULL);
    if (rc == 0)
        return g;
    open_failed(e, g->path, rc);
    git_libgit2_shutdown();
    return NULL;
}

void git_close(struct git *g)
{
    if (!g)
        return;
    git_repository_free(g->repo);
    git_libgit2_shutdown();
}

bool git_full_id(const char *text, git_oid *id)
{
    return text && strlen(text) == GIT_HEX - 1 &&
           strspn(text, "0123456789abcdef") == GIT_HEX - 1 &&
           git_oid_fromstr(id, text) == 0;
}

bool git_object_missing(const struct git *g, struct err *e, const char *id)
{
    err_what(e, ERR_INPUT, "cannot read object %s of %s", id, g->path);
    err_why(e, "%s%s", git_last_message(),
            git_repository_is_shallow(g->repo)
                ? " (the clone is shallow: its history is cut off)"
                : "");
    return err_fix(e, "look with `git fsck`; in a shallow or partial clone: "
                      "git fetch --unshallow --tags");
}

static const char *nearest_tag(const struct git *g, struct arena *a,
                               const char *name, size_t *tags)
{
    git_strarray list = {0};
    const char *found = NULL;

    *tags = 0;
    if (git_tag_list(&list, g->repo) != 0)
        return NULL;
    *tags = list.count;
    if (list.count <= NAMES_LIMIT)
        found = nearest(name, (const char *const *)list.strings, list.count);
    found = arena_strdup(a, found);
    git_strarray_dispose(&list);
    return found ? escape(a, found) : NULL;
}

static bool is_branch(const struct git *g, const char *name)
{
    git_reference *ref = NULL;
    bool found =
        git_branch_lookup(&ref, g->repo, name, GIT_BRANCH_LOCAL) == 0 ||
        git_branch_lookup(&ref, g->repo, name, GIT_BRANCH_REMOTE) == 0;

    git_reference_free(ref);
    return found;
}

static bool tag_missing(const struct git *g, struct arena *a, const char *name,
                        struct err *e)
{
    const char *shown = escape(a, name);
    size_t tags;
    const char *close = nearest_tag(g, a, name, &tags);

    err_what(e, ERR_USAGE, "there is no tag %s in %s", shown, g->path);
    if (is_branch(g, name)) {
        err_why(e, "there is a branch of that name; a release is a tag, since "
                   "a branch moves");
        return err_fix(e, "name a tag, or make one: git tag RELEASE %s",
                       shell_word(a, shown));
    }
    if (tags == 0) {
        err_why(e, "the repository has no tags at all");
        return err_fix(e, "fetch them: git fetch --tags; or make one: git tag "
                          "RELEASE COMMIT");
    }
    if (close)
        err_why(e, "the nearest of its %zu tags is %s", tags, close);
    else
        err_why(e, "none of its %zu tags is close to that", tags);
    return err_fix(e, "look with `git tag`, then fetch (git fetch --tags) or "
                      "correct the name");
}

static bool tag_bad(struct err *e, const char *shown, const char *why)
{
    err_what(e, ERR_INPUT, "tag %s does not name a commit", shown);
    err_why(e, "%s", why);
    return err_fix(e, "tag the commit itself, under a new name: git tag "
                      "RELEASE COMMIT");
}

static bool tag_peel(const struct git *g, const git_reference *ref,
                     const char *shown, char commit[GIT_HEX], struct err *e)
{
    git_object *object = NULL;
    char at[GIT_HEX];
    int rc;

    if (git_reference_type(ref) != GIT_REFERENCE_DIRECT)
        return tag_bad(e, shown, "it is a symbolic reference: it moves");
    git_oid_tostr(at, sizeof at, git_reference_target(ref));
    rc = git_reference_peel(&object, ref, GIT_OBJECT_COMMIT);
    if (rc == GIT_EPEEL || rc == GIT_EINVALIDSPEC)
        return tag_bad(e, shown, "it names a file or a tree");
    if (rc != 0)
        return git_object_missing(g, e, at);
    git_oid_tostr(commit, GIT_HEX, git_object_id(object));
    git_object_free(object);
    return true;
}

bool git_tag(struct git *g, struct arena *a, const char *name,
             char commit[GIT_HEX], struct err *e)
{
    const char *full = arena_printf(a, "refs/tags/%s", name);
    git_reference *ref = NULL;
    int rc = git_reference_lookup(&ref, g->repo, full);
    bool ok;

    if (rc == GIT_ENOTFOUND || rc == GIT_EINVALIDSPEC)
        return tag_missing(g, a, name, e);
    if (rc != 0)
        return tag_bad(e, escape(a, name), git_last_message());
    ok = tag_peel(g, ref, escape(a, name), commit, e);
    git_reference_free(ref);
    return ok;
}

bool git_head(struct git *g, char commit[GIT_HEX])
{
    git_oid id;

    if (git_reference_name_to_id(&id, g->repo, "HEAD") != 0)
        return false;
    git_oid_tostr(commit, GIT_HEX, &id);
    return true;
}

bool git_commit_exists(struct git *g, const char *commit)
{
    git_commit *found = NULL;
    git_oid id;
    bool ok = git_full_id(commit, &id) &&
              git_commit_lookup(&found, g->repo, &id) == 0;

    git_commit_free(found);
    return ok;
}

static const char *cut_off(const struct git *g, struct arena *a)
{
    if (git_repository_is_shallow(g->repo))
        return arena_printf(a, "the clone is shallow, its history is cut off: "
                               "git fetch --unshallow --tags");
    return arena_printf(a, "history cannot be read: %s",
                        escape(a, git_last_message()));
}

enum ancestry git_ancestry(struct git *g, struct arena *a, const char *live,
                           const char *candidate, const char **why)
{
    git_oid l, c;
    int descends, older;

    *why = NULL;
    if (!live || !*live)
        return ANCESTRY_NOTHING_LIVE;
    if (!git_full_id(live, &l) || !git_full_id(candidate, &c)) {
        *why = "a commit is named by a text that is no full commit id";
        return ANCESTRY_UNKNOWN;
    }
    if (git_oid_equal(&l, &c))
        return ANCESTRY_SAME;
    if (!git_commit_exists(g, live) || !git_commit_exists(g, candidate)) {
        *why = arena_printf(a, "commit %.12s is not in this repository%s",
                            git_commit_exists(g, live) ? candidate : live,
                            git_repository_is_shallow(g->repo)
                                ? ": the clone is shallow (git fetch "
                                  "--unshallow --tags)"
                                : ": git fetch --tags");
        return ANCESTRY_UNKNOWN;
    }
    descends = git_graph_descendant_of(g->repo, &c, &l);
    if (descends == 1)
        return ANCESTRY_DESCENDS;
    older = descends == 0 ? git_graph_descendant_of(g->repo, &l, &c) : -1;
    if (older == 1)
        return ANCESTRY_OLDER;
    /* What looks diverged in a shallow clone may only be cut off. */
    if (older < 0 || git_repository_is_shallow(g->repo)) {
        *why = cut_off(g, a);
        return ANCESTRY_UNKNOWN;
    }
    return ANCESTRY_DIVERGED;
}

struct tags_of {
    const struct git *g;
    git_oid commit;
    struct buf names;
};

static int tags_of_visit(const char *name, git_oid *id, void *ctx)
{
    struct tags_of *t = ctx;
    git_object *object = NULL, *peeled = NULL;

    if (git_object_lookup(&object, t->g->repo, id, GIT_OBJECT_ANY) == 0 &&
        git_object_peel(&peeled, object, GIT_OBJECT_COMMIT) == 0 &&
        git_oid_equal(git_object_id(peeled), &t->commit)) {
        if (t->names.len)
            buf_char(&t->names, '\n');
        buf_str(&t->names, name + strlen("refs/tags/"));
    }
    git_object_free(peeled);
    git_object_free(object);
    return 0;
}

char *git_tags_of(struct git *g, struct arena *a, const char *commit)
{
    struct tags_of t = {.g = g};

    buf_init(&t.names);
    if (git_full_id(commit, &t.commit))
        git_tag_foreach(g->repo, tags_of_visit, &t);
    return buf_into(&t.names, a);
}

bool git_survey(struct git *g, size_t *tags, bool *shallow, struct err *e)
{
    git_strarray names;

    if (git_tag_list(&names, g->repo) != 0) {
        err_what(e, ERR_INPUT, "cannot list the tags of %s", g->path);
        err_why(e, "%s", git_last_message());
        return err_fix(e, "see what git says: git -C %s tag", g->path);
    }
    *tags = names.count;
    *shallow = git_repository_is_shallow(g->repo) == 1;
    git_strarray_dispose(&names);
    return true;
}

char *git_setting(struct git *g, struct arena *a, const char *key)
{
    git_config *all = NULL;
    const char *value = NULL;
    char *kept = NULL;

    if (git_repository_config_snapshot(&all, g->repo) == 0 &&
        git_config_get_string(&value, all, key) == 0)
        kept = arena_strdup(a, value);
    git_config_free(all);
    return kept;
}

const char *git_library_version(struct arena *a)
{
    int major, minor, patch;

    git_libgit2_version(&major, &minor, &patch);
    return arena_printf(a, "libgit2 %d.%d.%d", major, minor, patch);
}
