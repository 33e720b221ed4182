/* artifact: the bytes that go to every host, and their digests.
 *
 * A deterministic tar (GNU format, sorted by name, owner 0, mtime of 0) of the
 * commit's tree less `exclude`, or of a tar file named by the configuration;
 * scanned by our own rules before anything is sent: no absolute names, no
 * "..", no links out of the root, no devices, no setuid, no duplicates or
 * names that clash by case, at most 1e5 entries. Written once, read by every
 * host from the same descriptor.
 *
 * `.files`, the release's manifest on a host, has one line per entry, sorted
 * bytewise by name:
 *     MODE TYPE DIGEST NAME\n
 * MODE is four octal digits, TYPE f, d or l, DIGEST the SHA-256 of a file,
 * "-" for a folder, the escaped target for a link. In names and targets every
 * byte outside [!-~], and the backslash, is written \ooo (three octal digits).
 * Modes are 0755 (programs, folders), 0644 (files) and 0777 (links).
 * The release digest is the SHA-256 of that text: it depends on the content
 * alone, not on the tar.
 *
 * `exclude` reads as .gitignore does: a pattern with a slash before its end is
 * held against the path from the root, another one against each part of it; a
 * slash at the end asks for a folder; what lies in an excluded folder is
 * excluded. Globs are those of fnmatch(3).
 */
#ifndef RUNNER_RELEASE_ARTIFACT_H
#define RUNNER_RELEASE_ARTIFACT_H

#include "runner/base/hash.h"
#include "runner/base/loop.h"
#include "runner/config/config.h"
#include "runner/release/git.h"

struct artifact {
    int fd; /* the tar, opened read-only; artifact_close */
    int64_t len;
    const char *path;
    const char *files; /* the text of .files */
    size_t files_len;
    size_t entries;
    char digest[HASH_HEX];     /* of `files`: what a manifest binds */
    char tar_digest[HASH_HEX]; /* of the tar's bytes */
};

/* The digest alone, nothing written: for expect, check and plan. */
bool artifact_digest(struct arena *a, struct git *g,
                     const struct artifact_settings *s, const char *folder,
                     const char *release, const char *commit,
                     struct artifact *out, struct err *e);
/* Writes `path` (mode 0600, fsync) and opens it; folder is where a relative
 * `file:` starts from. An empty tree is ERR_REFUSED. */
bool artifact_write(struct arena *a, struct git *g,
                    const struct artifact_settings *s, const char *folder,
                    const char *release, const char *commit, const char *path,
                    struct artifact *out, struct err *e);
/* An artifact written earlier by this run; refused if it is not `digest`. */
bool artifact_open(struct arena *a, const char *path, const char *digest,
                   struct artifact *out, struct err *e);
void artifact_close(struct artifact *artifact);
/* Whether `exclude` takes this entry out; folder: it is one itself. */
bool artifact_excludes(const struct artifact_settings *s, const char *name,
                       bool folder);

#endif
