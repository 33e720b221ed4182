/* tree: the entries of an artifact, held against our own rules.
 *
 * Whatever the source (a commit, a tar somebody built), entries are added one
 * by one and judged together by tree_finish: names inside the root, no
 * duplicates, no names that differ by case alone (ASCII), no entry below a
 * file or a link, links that stay inside, hard links to a file of the tree
 * only (they become copies), no git folders, no Git LFS pointers.
 * A refusal is ERR_REFUSED and names the entry.
 *
 * Names and digests live in the arena; contents go to the spool, an unlinked
 * file of the caller's, or nowhere when only the digest is wanted.
 */
#ifndef RUNNER_RELEASE_TREE_H
#define RUNNER_RELEASE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"
#include "runner/base/hash.h"

#define TREE_ENTRIES 100000
#define TREE_BYTES   (4LL * 1024 * 1024 * 1024)
#define TREE_NAME    4096

struct tree_entry {
    const char *name;
    char type;             /* f, d, l; h (hard link) until tree_finish */
    int mode;              /* 0755, 0644, 0777 */
    char digest[HASH_HEX]; /* f */
    const char *target;    /* l, h */
    int64_t offset, len;   /* f: in the spool */
};

struct tree {
    struct arena *a;
    struct tree_entry *list; /* sorted bytewise after tree_finish */
    size_t n, cap;
    int spool; /* -1: contents are only digested */
    int64_t bytes;
    struct hash open; /* of the file being added */
    char head[64];    /* its first bytes */
    size_t head_len;
};

void tree_init(struct tree *t, struct arena *a, int spool);
bool tree_folder(struct tree *t, const char *name, struct err *e);
bool tree_link(struct tree *t, const char *name, const char *target,
               struct err *e);
bool tree_hard_link(struct tree *t, const char *name, const char *target,
                    struct err *e);
/* A file: begin, then its bytes in pieces, then end (also after a failed
 * add: it frees the hash). */
bool tree_file_begin(struct tree *t, const char *name, bool program,
                     struct err *e);
bool tree_file_add(struct tree *t, const void *bytes, size_t len,
                   struct err *e);
bool tree_file_end(struct tree *t, struct err *e);
/* Adds the folders that names imply, sorts, judges. Nothing in it: refused. */
bool tree_finish(struct tree *t, struct err *e);
/* NULL: no such entry. After tree_finish. */
const struct tree_entry *tree_find(const struct tree *t, const char *name);
/* The text of .files (see artifact.h), in the tree's arena. */
char *tree_files(const struct tree *t, size_t *len);

/* Refuses an entry: "artifact entry NAME is refused". Returns false. */
bool tree_refuse(struct err *e, const char *name, const char *why);
/* Whether a link at `name` to `target` stays in the root, other links of the
 * tree followed (runner/release/link.c); NULL when it does, else why not. */
const char *link_wrong(const struct tree *t, const char *name,
                       const char *target);

#endif
