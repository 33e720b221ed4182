/* migration: what stands in the migrations folder of a commit, read.
 *
 * Files come as {name, bytes} (from a git tree or a folder; this room does
 * not care). `NNNN_name.up.sql` and `NNNN_name.down.sql`; directives are
 * comment lines "-- tidegate: ..." before the first statement.
 */
#ifndef MIGRATIONS_MIGRATION_H
#define MIGRATIONS_MIGRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"
#include "runner/base/hash.h"

#define MIGRATION_LIMIT (1024 * 1024) /* bytes of one file */
#define MIGRATIONS_MAX  10000

struct sql_file {
    const char *name; /* no folder */
    const char *bytes;
    size_t len;
};

/* One statement: where it stands, and what the parser says of it. */
struct statement {
    const char *text; /* NUL-closed copy, no trailing semicolon */
    size_t offset, len;
    int line;                    /* 1-based, of its first byte */
    const char *kind;            /* "ALTER TABLE", for people */
    bool needs_no_transaction;   /* CREATE INDEX CONCURRENTLY and its kin */
    const char *breaks_old_code; /* DROP, RENAME, retype, SET NOT NULL: what,
                                    or NULL */
};

struct batch; /* migrations/batch.h */

struct script {
    const char *file; /* name, for messages */
    const char *text; /* line endings normalised to \n, BOM dropped */
    const struct statement *statements;
    size_t n;
    bool transaction;             /* false: statement by statement, journaled,
                                     or in batches */
    const struct batch *batch;    /* its one statement runs over the ranges of
                                     a key; NULL: it does not */
    int64_t lock_timeout_ms;      /* -1: the default */
    int64_t statement_timeout_ms; /* -1: the default (none) */
};

struct migration {
    const char *name; /* "0012_add_total" */
    int64_t number;
    bool after;               /* phase=after */
    const char *compatible;   /* reason, or NULL */
    const char *forward_only; /* reason, or NULL */
    struct script up;
    bool has_down;
    struct script down;
    char checksum[HASH_HEX]; /* of up and down, normalised */
    /* The first statement of up that the old code would not survive, with
     * its line ("3: DROP COLUMN orders.note"), or NULL. */
    const char *breaks;
};

struct migrations {
    struct migration *list; /* ascending by number */
    size_t n;
    char digest[HASH_HEX]; /* over names and checksums, in order */
};

/* Reads and checks all files: names, numbers twice, directives, encoding,
 * statements. The first bad file is ERR_INPUT, "NAME:LINE: ...". layout is
 * "auto" or "tidegate". Texts are copied into a. */
bool migrations_read(struct migrations *out, struct arena *a,
                     const char *layout, const struct sql_file *files, size_t n,
                     struct err *e);
const struct migration *migrations_find(const struct migrations *m,
                                        const char *name);
/* The digest of a list in this order (pending ones, say). */
char *migrations_digest(const struct migration *const *list, size_t n,
                        char out[HASH_HEX]);

#endif
