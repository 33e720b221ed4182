#include "runner/release/artifact.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/base/escape.h"
#include "runner/base/file.h"
#include "runner/release/tar.h"
#include "runner/release/tree.h"

/* What is to become an artifact. */
struct recipe {
    struct arena *a;
    struct git *g;
    const struct artifact_settings *settings;
    const char *folder, *release, *commit;
};

/* One pattern against one path (a prefix of the entry's name). */
static bool pattern_matches(struct arena *a, const char *pattern,
                            const char *path, bool folder)
{
    char *p = arena_strdup(a, pattern);
    size_t len = strlen(p);
    const char *base = strrchr(path, '/');
    bool rooted;

    if (len && p[len - 1] == '/') {
        if (!folder)
            return false;
        p[len - 1] = '\0';
    }
    rooted = strchr(p, '/') != NULL;
    if (p[0] == '/')
        p++;
    if (rooted)
        return fnmatch(p, path, FNM_PATHNAME) == 0;
    return fnmatch(p, base ? base + 1 : path, 0) == 0;
}

bool artifact_excludes(const struct artifact_settings *s, const char *name,
                       bool folder)
{
    size_t len = strlen(name);
    bool found = false;
    struct arena a;

    arena_init(&a);
    for (size_t end = 1; end <= len && !found; end++) {
        const char *path;

        if (name[end] != '/' && name[end] != '\0')
            continue;
        path = arena_strndup(&a, name, end);
        for (size_t i = 0; i < s->excludes && !found; i++)
            found =
                pattern_matches(&a, s->exclude[i], path, end < len || folder);
    }
    arena_release(&a);
    return found;
}

static bool not_excluded(void *ctx, const char *name, bool folder)
{
    return !artifact_excludes(ctx, name, folder);
}

struct collect {
    const struct artifact_settings *settings;
    struct tree *t;
};

static bool collect_file(struct tree *t, const struct git_entry *entry,
                         struct err *e)
{
    bool ok;

    if (!tree_file_begin(t, entry->name, entry->kind == GIT_PROGRAM, e))
        return false;
    ok = tree_file_add(t, entry->bytes, entry->len, e);
    return tree_file_end(t, ok ? e : &(struct err){0}) && ok;
}

static bool collect_visit(void *ctx, const struct git_entry *entry,
                          struct err *e)
{
    struct collect *c = ctx;

    if (artifact_excludes(c->settings, entry->name, false))
        return true;
    switch (entry->kind) {
    case GIT_FILE:
    case GIT_PROGRAM:
        return collect_file(c->t, entry, e);
    case GIT_LINK:
        if (memchr(entry->bytes, '\0', entry->len))
            return tree_refuse(e, entry->name, "it links to a name with NUL");
        return tree_link(c->t, entry->name,
                         arena_strndup(c->t->a, entry->bytes, entry->len), e);
    case GIT_SUBMODULE:
        return tree_refuse(e, entry->name,
                           "it is a submodule: its files are not in this "
                           "commit, and none are fetched");
    }
    BUG("git entry of kind %d", entry->kind);
}

static int source_open(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    if (fd < 0) {
        err_what(e, ERR_INPUT, "cannot open the artifact %s", path);
        err_why(e, "%s", strerror(errno));
        err_fix(e, "build it first, or correct `from` in [artifact]");
        return -1;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    close(fd);
    err_what(e, ERR_INPUT, "the artifact %s is no regular file", path);
    err_why(e, "it is a folder, a pipe or a device");
    err_fix(e, "name a tar file in `from` of [artifact]");
    return -1;
}

static bool collect_tar(const struct recipe *s, struct tree *t, struct err *e)
{
    const char *path =
        path_join(s->a, s->folder,
                  config_fill(s->a, s->settings->file, NULL, s->release));
    struct tar_filter filter = {not_excluded, (void *)s->settings};
    int fd = source_open(path, e);
    bool ok;

    if (fd < 0)
        return false;
    ok = tar_read(fd, path, t, &filter, e);
    close(fd);
    return ok;
}

static bool collect(const struct recipe *s, struct tree *t, struct err *e)
{
    struct collect c = {s->settings, t};

    if (s->settings->file) {
        if (!collect_tar(s, t, e))
            return false;
    } else if (!git_walk(s->g, s->commit, NULL, collect_visit, &c, e)) {
        return false;
    }
    return tree_finish(t, e);
}

static void artifact_fill(const struct tree *t, struct artifact *out)
{
    out->files = tree_files(t, &out->files_len);
    out->entries = t->n;
    hash_hex(out->files, out->files_len, out->digest);
}

bool artifact_digest(struct arena *a, struct git *g,
                     const struct artifact_settings *s, const char *folder,
                     const char *release, const char *commit,
                     struct artifact *out, struct err *e)
{
    struct recipe recipe = {a, g, s, folder, release, commit};
    struct tree t;

    *out = (struct artifact){.fd = -1};
    tree_init(&t, a, -1);
    if (!collect(&recipe, &t, e))
        return false;
    artifact_fill(&t, out);
    return true;
}

static bool write_failed(struct err *e, const char *path, const char *doing)
{
    int number = errno;

    err_what(e, ERR_FAILED, "cannot %s %s", doing, path);
    err_why(e, "%s", strerror(number));
    return err_fix(e, "make room and correct the rights there, then try again");
}

/* A new file beside path that has no name any more. */
static int spool_open(struct arena *a, const char *path, struct err *e)
{
    char *name = arena_printf(a, "%s.spool-XXXXXX", path);
    int fd = mkostemp(name, O_CLOEXEC);

    if (fd < 0)
        write_failed(e, name, "make");
    else
        unlink(name);
    return fd;
}

static bool digest_fd(int fd, int64_t *len, char hex[HASH_HEX])
{
    char piece[64 * 1024];
    struct hash h;
    ssize_t got;

    *len = 0;
    hash_init(&h);
    while ((got = pread(fd, piece, sizeof piece, *len)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        hash_add(&h, piece, (size_t)got);
        *len += got;
    }
    hash_end_hex(&h, hex);
    return got == 0;
}

/* Opens what lies at path; its digest is that of the very bytes behind the
 * descriptor that is sent. */
static bool artifact_reopen(const char *path, struct artifact *out,
                            struct err *e)
{
    out->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (out->fd < 0)
        return write_failed(e, path, "open");
    if (digest_fd(out->fd, &out->len, out->tar_digest))
        return true;
    write_failed(e, path, "read");
    artifact_close(out);
    return false;
}

static bool tar_store(const struct tree *t, const char *temporary,
                      const char *path, struct err *e)
{
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok;

    if (fd < 0)
        return write_failed(e, temporary, "make");
    ok = tar_write(fd, t, e);
    if (ok && fsync(fd) != 0)
        ok = write_failed(e, temporary, "sync");
    if (close(fd) != 0 && ok)
        ok = write_failed(e, temporary, "close");
    if (ok &&
        renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) != 0)
        ok = write_failed(e, path, "write once");
    if (!ok)
        unlink(temporary);
    return ok;
}

static bool source_write(const struct recipe *s, const char *path,
                         struct artifact *out, struct err *e)
{
    char nonce[17];
    struct tree t;
    int spool = spool_open(s->a, path, e);
    bool ok;

    if (spool < 0)
        return false;
    nonce_hex(nonce, 8);
    tree_init(&t, s->a, spool);
    ok = collect(s, &t, e) &&
         tar_store(&t, arena_printf(s->a, "%s.new-%s", path, nonce), path, e) &&
         folder_sync(path_folder(s->a, path), e);
    close(spool);
    if (ok)
        artifact_fill(&t, out);
    return ok;
}

bool artifact_write(struct arena *a, struct git *g,
                    const struct artifact_settings *s, const char *folder,
                    const char *release, const char *commit, const char *path,
                    struct artifact *out, struct err *e)
{
    struct recipe recipe = {a, g, s, folder, release, commit};

    *out = (struct artifact){.fd = -1, .path = arena_strdup(a, path)};
    return source_write(&recipe, path, out, e) && artifact_reopen(path, out, e);
}

bool artifact_open(struct arena *a, const char *path, const char *digest,
                   struct artifact *out, struct err *e)
{
    struct tree t;

    *out = (struct artifact){.fd = -1, .path = arena_strdup(a, path)};
    if (!artifact_reopen(path, out, e))
        return false;
    tree_init(&t, a, -1);
    if (!tar_read(out->fd, path, &t, NULL, e) || !tree_finish(&t, e)) {
        artifact_close(out);
        return false;
    }
    artifact_fill(&t, out);
    if (strcmp(out->digest, digest) == 0)
        return true;
    err_what(e, ERR_REFUSED, "the artifact %s is not the planned one", path);
    err_why(e, "its digest is %.12s, planned was %.12s", out->digest, digest);
    artifact_close(out);
    return err_fix(e, "somebody changed the run's folder: find out who, then "
                      "start a new release");
}

void artifact_close(struct artifact *artifact)
{
    if (artifact->fd >= 0)
        close(artifact->fd);
    artifact->fd = -1;
}
