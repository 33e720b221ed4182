/* file: small files read and written with care. */
#ifndef RUNNER_BASE_FILE_H
#define RUNNER_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"

#define FILE_LIMIT (1024 * 1024) /* of any input file, bytes */

/* The whole content, NUL-closed, in a. Refuses what is no regular file
 * (opened with O_NONBLOCK: a FIFO never hangs us) and what is over limit.
 * code is the kind of error to report: ERR_CONFIG, ERR_INPUT, ERR_LEDGER. */
bool file_read(const char *path, size_t limit, enum err_code code,
               struct arena *a, char **bytes, size_t *len, struct err *e);
/* Temporary name beside it, mode, write, fsync, rename, fsync of the
 * folder. */
bool file_write(const char *path, const void *bytes, size_t len, int mode,
                struct err *e);
/* Like file_write, but an existing path is an error. */
bool file_create(const char *path, const void *bytes, size_t len, int mode,
                 struct err *e);
bool file_exists(const char *path);
/* mkdir -p with mode for what it makes. */
bool folder_make(const char *path, int mode, struct err *e);
bool folder_sync(const char *path, struct err *e);
/* Who may write it: refuses world-writable, group-writable by a group other
 * than the owner's own, owner neither us nor root. ERR_CONFIG, and the bit or
 * the owner is named. */
bool file_trusted(const char *path, struct err *e);
/* base/name unless name is absolute; in a. */
char *path_join(struct arena *a, const char *base, const char *name);
/* The folder part ("." when there is none); in a. */
char *path_folder(struct arena *a, const char *path);
/* All of it, EINTR and short counts handled; false with errno. */
bool write_all(int fd, const void *bytes, size_t len);

#endif
