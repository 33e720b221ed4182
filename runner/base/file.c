#include "runner/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/base/buf.h"
#include "runner/base/failpoint.h"
#include "runner/base/hash.h"

/* what, why from errno, fix; the last step of every failure here. */
static bool failed(struct err *e, enum err_code code, const char *doing,
                   const char *path)
{
    const char *why = strerror(errno);

    err_what(e, code, "cannot %s %s", doing, path);
    err_why(e, "%s", why);
    return err_fix(e, "check the path, its owner and mode, and the space left");
}

static bool over_limit(struct err *e, enum err_code code, const char *path,
                       size_t limit)
{
    err_what(e, code, "%s is too large", path);
    err_why(e, "the limit is %zu bytes", limit);
    return err_fix(e, "check that this is the file you meant");
}

static bool not_regular(struct err *e, enum err_code code, const char *path)
{
    err_what(e, code, "%s is no regular file", path);
    err_why(e, "a folder, a FIFO, a socket or a device is not read");
    return err_fix(e, "put a regular file there");
}

static bool read_open(int fd, size_t limit, struct buf *out)
{
    for (;;) {
        size_t want =
            limit + 1 - out->len < 65536 ? limit + 1 - out->len : 65536;
        ssize_t n = want ? read(fd, buf_room(out, want), want) : 0;

        if (n < 0)
            return false;
        if (n == 0)
            return true;
        buf_wrote(out, (size_t)n);
    }
}

bool file_read(const char *path, size_t limit, enum err_code code,
               struct arena *a, char **bytes, size_t *len, struct err *e)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;
    struct buf all;
    bool ok;

    if (fd < 0)
        return failed(e, code, "read", path);
    buf_init(&all);
    if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
        ok = not_regular(e, code, path);
    else if (!read_open(fd, limit, &all))
        ok = failed(e, code, "read", path);
    else
        ok = all.len <= limit || over_limit(e, code, path, limit);
    close(fd);
    *len = all.len;
    *bytes = buf_into(&all, a);
    return ok;
}

bool write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
    return true;
}

/* Writes bytes under a new temporary name beside path, to the disk. */
static bool write_temporary(const char *temporary, const void *bytes,
                            size_t len, int mode)
{
    int fd = open(temporary,
                  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool ok;

    if (fd < 0)
        return false;
    ok = write_all(fd, bytes, len) && fchmod(fd, (mode_t)mode) == 0 &&
         fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    return ok;
}

/* link(2) and not renameat2(RENAME_NOREPLACE): NFS knows only the former. */
static bool give_name(const char *temporary, const char *path, bool replace)
{
    if (replace)
        return rename(temporary, path) == 0;
    return link(temporary, path) == 0 && unlink(temporary) == 0;
}

static bool put(const char *path, const void *bytes, size_t len, int mode,
                bool replace, struct err *e)
{
    struct arena a;
    char nonce[17], *temporary;
    bool ok;

    arena_init(&a);
    nonce_hex(nonce, 8);
    temporary = arena_printf(&a, "%s.%s.tmp", path, nonce);
    ok = write_temporary(temporary, bytes, len, mode);
    failpoint("file-written");
    ok = ok && give_name(temporary, path, replace);
    if (!ok) {
        failed(e, ERR_FAILED, replace ? "write" : "create", path);
        unlink(temporary);
    }
    failpoint("file-named");
    ok = ok && folder_sync(path_folder(&a, path), e);
    arena_release(&a);
    return ok;
}

bool file_write(const char *path, const void *bytes, size_t len, int mode,
                struct err *e)
{
    return put(path, bytes, len, mode, true, e);
}

bool file_create(const char *path, const void *bytes, size_t len, int mode,
                 struct err *e)
{
    return put(path, bytes, len, mode, false, e);
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool folder_sync(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (!ok)
        failed(e, ERR_FAILED, "sync folder", path);
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool make_one(const char *path, int mode)
{
    struct stat st;

    if (mkdir(path, (mode_t)mode) == 0)
        return true;
    if (errno != EEXIST || stat(path, &st) != 0)
        return false;
    errno = ENOTDIR;
    return S_ISDIR(st.st_mode);
}

bool folder_make(const char *path, int mode, struct err *e)
{
    struct arena a;
    char *part;
    bool ok = true;

    arena_init(&a);
    part = arena_strdup(&a, path);
    for (char *at = part + 1; ok && *part && at[-1]; at++) {
        char kept = *at;

        if (kept && kept != '/')
            continue;
        *at = '\0';
        ok = make_one(part, mode) || failed(e, ERR_FAILED, "make folder", part);
        *at = kept;
        if (!kept)
            break;
    }
    arena_release(&a);
    return ok;
}

/* A group is the owner's own when it is the owner's first group, carries the
 * owner's name, and has no other member (user private groups). */
static bool own_group(uid_t uid, gid_t gid)
{
    struct passwd *user = getpwuid(uid);
    bool own = user && user->pw_gid == gid;
    char *name = own ? strdup(user->pw_name) : NULL;
    struct group *group = name ? getgrgid(gid) : NULL;

    own = group && strcmp(group->gr_name, name) == 0;
    for (char **member = own ? group->gr_mem : NULL; member && *member;
         member++)
        own = own && strcmp(*member, name) == 0;
    free(name);
    return own;
}

static bool distrust(const char *path, struct err *e, const char *fix)
{
    err_what(e, ERR_CONFIG, "%s can be changed by others", path);
    return err_fix(e, "run: %s %s", fix, path);
}

bool file_trusted(const char *path, struct err *e)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return failed(e, ERR_CONFIG, "read", path);
    if (st.st_mode & S_IWOTH) {
        distrust(path, e, "chmod o-w");
        return err_why(e, "it is world-writable (mode %04o)",
                       st.st_mode & 07777);
    }
    if ((st.st_mode & S_IWGRP) && !own_group(st.st_uid, st.st_gid)) {
        distrust(path, e, "chmod g-w");
        return err_why(e, "group %u may write it (mode %04o)", st.st_gid,
                       st.st_mode & 07777);
    }
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        distrust(path, e, "chown \"$(id -un)\"");
        return err_why(e, "its owner is user %u, neither us nor root",
                       st.st_uid);
    }
    return true;
}

char *path_join(struct arena *a, const char *base, const char *name)
{
    size_t len = strlen(base);

    if (*name == '/' || !len)
        return arena_strdup(a, name);
    return arena_printf(a, "%s%s%s", base, base[len - 1] == '/' ? "" : "/",
                        name);
}

char *path_folder(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return arena_strdup(a, ".");
    return arena_strndup(a, path, slash == path ? 1 : (size_t)(slash - path));
}
