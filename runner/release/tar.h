/* tar: a tree written as tar, and a tar somebody built read into a tree (the
 * only file that knows libarchive).
 */
#ifndef RUNNER_RELEASE_TAR_H
#define RUNNER_RELEASE_TAR_H

#include "runner/release/tree.h"

/* Writes the finished tree, contents from its spool, as GNU tar: sorted,
 * owner 0, time 0, so that one tree always gives the same bytes. */
bool tar_write(int fd, const struct tree *t, struct err *e);

/* Which entries are wanted; NULL: all. */
struct tar_filter {
    bool (*wanted)(void *ctx, const char *name, bool folder);
    void *ctx;
};
/* Adds the entries of a tar or a gzipped tar to t (tree_finish is the
 * caller's); name is for messages. Read twice, from the start: once for the
 * file as a whole, which must end where the tar ends (nothing cut off or
 * appended, one gzip member), once for the entries. Refused by name: other
 * than files, folders and links; setuid or setgid files; sparse files. */
bool tar_read(int fd, const char *name, struct tree *t,
              const struct tar_filter *filter, struct err *e);

const char *tar_library_version(void);

#endif
