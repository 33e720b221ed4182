/* lint_folder: the files of a folder, as its layout has them. */
#ifndef RUNNER_COMMAND_LINT_FOLDER_H
#define RUNNER_COMMAND_LINT_FOLDER_H

#include "migrations/read/migration.h"
#include "runner/base/arena.h"
#include "runner/base/err.h"

struct lint_listed {
    struct sql_file file; /* its name begins with the folder's */
    const char *stray;    /* why it looks meant, where the layout passes it
                             over; or NULL */
};

/* How they are to be read. */
struct lint_set {
    const char *layout;                /* "auto", or the name of one */
    const struct placeholders *values; /* or NULL */
};

bool lint_is_folder(const char *path);
/* Files of migrations: as they run up, then the ways back that are files of
 * their own, from the last on; then what is passed over and looks meant. Hidden
 * files and folders are left out, as what no layout reads is. All in a. */
bool lint_folder(struct lint_listed **out, size_t *n, struct arena *a,
                 const char *path, const struct lint_set *as, struct err *e);

#endif
