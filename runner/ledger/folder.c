/* The folder and files of a ledger are ours alone: 0700 and 0600, no links,
 * and nobody else can put another folder in their place. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/ledger/store.h"

static bool refuse(const char *path, const char *why, const char *fix,
                   struct err *e)
{
    err_what(e, ERR_CONFIG, "the ledger %s cannot be trusted", path);
    err_why(e, "%s", why);
    return err_fix(e, "%s, then run it again", fix);
}

static bool private_to_us(const struct stat *st, const char *path,
                          struct err *e)
{
    char why[200];

    if (st->st_uid != geteuid()) {
        snprintf(why, sizeof why, "it belongs to uid %ld, we are uid %ld",
                 (long)st->st_uid, (long)geteuid());
        return refuse(path, why, "run tidegate as its owner, or chown it", e);
    }
    if ((st->st_mode & 077) == 0)
        return true;
    snprintf(why, sizeof why, "its mode is %04o: others can %s it",
             (unsigned)(st->st_mode & 07777),
             st->st_mode & 022 ? "write" : "read");
    return refuse(path, why,
                  S_ISDIR(st->st_mode) ? "chmod 0700 the folder"
                                       : "chmod 0600 the file",
                  e);
}

/* A folder above the ledger: whoever can write it could swap ours. The sticky
 * bit stops that. */
static bool sound_parent(const char *path, struct err *e)
{
    struct stat st;
    char why[PATH_MAX + 64];

    if (stat(path, &st) != 0 || (st.st_mode & S_ISVTX))
        return true;
    if ((st.st_mode & S_IWOTH) ||
        ((st.st_mode & S_IWGRP) && st.st_gid != getegid() && st.st_gid != 0)) {
        snprintf(why, sizeof why, "%s above it is %s-writable (%04o)", path,
                 st.st_mode & S_IWOTH ? "world" : "group",
                 (unsigned)(st.st_mode & 07777));
        return refuse(path, why, "chmod go-w that folder", e);
    }
    return true;
}

static bool sound_parents(const char *folder, struct err *e)
{
    char path[PATH_MAX];
    char *slash;

    if (!realpath(folder, path))
        return true; /* opening it tells */
    while ((slash = strrchr(path, '/'))) {
        if (slash == path)
            return sound_parent("/", e);
        *slash = 0;
        if (!sound_parent(path, e))
            return false;
    }
    return true;
}

static int open_failed(const char *path, int error, struct err *e)
{
    if (error == ENOENT || error == ENOTDIR) {
        err_what(e, ERR_CONFIG, "there is no ledger in %s", path);
        err_why(e, "a ledger is made once, by `tidegate init`, and kept; with "
                   "this store one deploy machine keeps it, and CI must bring "
                   "the kept folder to every job");
        err_fix(e, "correct `ledger` in [project] or bring the folder back; "
                   "only for a new project: tidegate init");
    } else if (error == ELOOP || error == EMLINK) {
        refuse(path, "it is a symbolic link", "name the folder itself", e);
    } else {
        err_what(e, ERR_LEDGER, "cannot open the ledger %s", path);
        err_why(e, "%s", strerror(error));
        err_fix(e, "make it readable and writable for this user");
    }
    return -1;
}

int folder_open(const char *folder, struct err *e)
{
    struct stat st;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        int error = errno;
        /* O_DIRECTORY says ENOTDIR of a link. */
        if (lstat(folder, &st) == 0 && S_ISLNK(st.st_mode))
            error = ELOOP;
        return open_failed(folder, error, e);
    }
    if (fstat(fd, &st) != 0 || !private_to_us(&st, folder, e) ||
        !sound_parents(folder, e)) {
        close(fd);
        return -1;
    }
    return fd;
}

int folder_file(int dir, const char *folder, const char *name, int flags,
                struct err *e)
{
    char path[PATH_MAX];
    struct stat st;
    int fd =
        openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);

    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (fd < 0)
        return open_failed(path, errno, e);
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        if (private_to_us(&st, path, e))
            return fd;
    } else {
        refuse(path, "it is no regular file", "put the ledger back", e);
    }
    close(fd);
    return -1;
}
