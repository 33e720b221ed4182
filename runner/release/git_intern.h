/* git_intern: what git.c and git_walk.c share; not for other files. */
#ifndef RUNNER_RELEASE_GIT_INTERN_H
#define RUNNER_RELEASE_GIT_INTERN_H

#include "runner/release/git.h"

/* libgit2 calls a type by the name of our function. */
#define git_tag libgit2_tag
#include <git2.h>
#undef git_tag

struct git {
    git_repository *repo;
    const char *path;
};

/* libgit2's words for its last error. */
const char *git_last_message(void);
/* Only full ids: a short one may mean another commit tomorrow. */
bool git_full_id(const char *text, git_oid *id);
/* ERR_INPUT about the object of that id; false. */
bool git_object_missing(const struct git *g, struct err *e, const char *id);

#endif
