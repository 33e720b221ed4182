/* git: the repository, read in process (only git*.c know libgit2).
 *
 * Only refs/tags are looked at; a name is resolved once. No hooks, filters,
 * submodules or network. Ref names are data: shown escaped, never words.
 */
#ifndef RUNNER_RELEASE_GIT_H
#define RUNNER_RELEASE_GIT_H

#include <stdbool.h>
#include <stddef.h>

#include "policies/facts.h"
#include "runner/base/arena.h"
#include "runner/base/err.h"

#define GIT_HEX 41

struct git;

/* Refuses bare words with reasons of their own: no repository, owned by
 * another user, SHA-256 objects (each with what to do). */
struct git *git_open(struct arena *a, const char *path, struct err *e);
void git_close(struct git *g);

/* refs/tags/NAME, peeled to a commit. No such tag: ERR_USAGE naming the
 * nearest; a branch of that name is said. */
bool git_tag(struct git *g, struct arena *a, const char *name,
             char commit[GIT_HEX], struct err *e);
/* The commit that is checked out; false: there is none yet. */
bool git_head(struct git *g, char commit[GIT_HEX]);
/* The commit a full id names; short ids are refused. */
bool git_commit_exists(struct git *g, const char *commit);
/* How the candidate stands to live; ANCESTRY_UNKNOWN with *why for a shallow
 * clone or an object that is missing. live NULL: NOTHING_LIVE. */
enum ancestry git_ancestry(struct git *g, struct arena *a, const char *live,
                           const char *candidate, const char **why);
/* Tags that point at commit, newline-separated; "" when none. */
char *git_tags_of(struct git *g, struct arena *a, const char *commit);

/* How many tags there are, and whether the history is cut off (a shallow
 * clone). */
bool git_survey(struct git *g, size_t *tags, bool *shallow, struct err *e);

struct git_entry {
    const char *name; /* path inside the commit */
    enum { GIT_FILE, GIT_PROGRAM, GIT_LINK, GIT_SUBMODULE } kind;
    const char *bytes; /* file content, or link target */
    size_t len;
};
/* Walks the tree in git's order; folder NULL or "": all. visit returns false
 * to stop (with e set). bytes live only during the visit. */
bool git_walk(struct git *g, const char *commit, const char *folder,
              bool (*visit)(void *ctx, const struct git_entry *entry,
                            struct err *e),
              void *ctx, struct err *e);
/* The value of git's own configuration (user.signingkey), or NULL; in a. */
char *git_setting(struct git *g, struct arena *a, const char *key);
const char *git_library_version(struct arena *a);

#endif
