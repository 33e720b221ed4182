/* migration: what stands in the migrations folder of a commit, read.
 *
 * Files come as {name, bytes} (from a git tree or a folder; this room does
 * not care). `NNNN_name.up.sql` and `NNNN_name.down.sql`, or the layout of
 * another tool (layout.h); directives are comment lines "-- tidegate: ..."
 * before the first statement.
 */
#ifndef MIGRATIONS_READ_MIGRATION_H
#define MIGRATIONS_READ_MIGRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"
#include "runner/base/hash.h"

#define MIGRATION_LIMIT (1024 * 1024) /* bytes of one file */
#define MIGRATIONS_MAX  10000

/* How a layout wants a text read. Zero: as tidegate's own. */
struct sql_how {
    int lines_before;    /* of its file, before bytes */
    bool no_transaction; /* the tool's own directive says so */
    bool each_alone;     /* the tool commits each statement by itself, unless
                            the text says BEGIN and COMMIT */
    bool foreign;        /* another tool's: see foreign.h; it may be empty of
                            statements */
    bool placeholders;   /* the tool replaces ${name} */
    bool psql;           /* the tool hands it to psql: see psql_name.h */
    unsigned allowed;    /* enum refusals: what the policy allows it */
    bool undone;         /* it only asks: it is rolled back whatever it does,
                            and may end in ROLLBACK itself */
};

struct sql_file {
    const char *name; /* in the migrations folder; may have slashes */
    const char *bytes;
    size_t len;
    struct sql_how how;
    bool link; /* a symbolic link: bytes are where it leads to, and it is an
                  error to read it */
};

/* One statement: where it stands, and what the parser says of it. */
struct statement {
    const char *text; /* NUL-closed copy, no trailing semicolon */
    size_t offset, len;
    int line;                    /* 1-based in its file, of its first byte */
    const char *kind;            /* "ALTER TABLE", for people */
    const char *data;            /* of COPY ... FROM stdin, or NULL */
    size_t data_len;             /* bytes before the line \. */
    const char *unparsed;        /* the parser does not know it: what it said;
                                    then the worst is assumed. NULL: parsed */
    bool needs_no_transaction;   /* CREATE INDEX CONCURRENTLY and its kin; with
                                    transaction=none, or each_alone, what may
                                    commit, too */
    bool commits;                /* that: it may commit a part of its work */
    const char *breaks_old_code; /* DROP, RENAME, retype, SET NOT NULL: what,
                                    or NULL */
};

struct batch; /* migrations/read/batch.h */

struct script {
    const char *file; /* name, for messages */
    /* Run once it has run, before its row is written, and always rolled back:
     * what fails there was not done well. NULL: nothing is asked. */
    const struct script *verify;
    const char *text; /* line endings normalised to \n, BOM dropped; with
                         "-- tidegate: transaction=none" on top where only
                         the layout said that */
    const struct statement *statements;
    size_t n;
    bool transaction;          /* false: statement by statement, journaled,
                                  or in batches */
    const struct batch *batch; /* its one statement runs over the ranges of
                                  a key; NULL: it does not */
    bool wrapped;              /* a BEGIN and COMMIT around it is left out */
    bool timeouts; /* SET of a timeout is left out, and holds for the file */
    int path;      /* line of another tool's that sets search_path; or 0 */
    int joined;    /* line of the first BEGIN or COMMIT of several parts, which
                      are one transaction here; or 0 */
    int pauses;    /* line that disables triggers, to be enabled again; or 0 */
    int64_t lock_timeout_ms;      /* -1: the default */
    int64_t statement_timeout_ms; /* -1: the default (none) */
};

/* What a person should know of how a migration was read. */
struct reading_note {
    bool warns;
    const char *text; /* "FILE:LINE: ..." */
};

struct migration {
    const char *name;       /* "0012_add_total" */
    const char *version;    /* what the tool of its layout calls it */
    const char *repeats;    /* layout.h: the applied one of that name, whatever
                               its digest, is what this one replaces; or NULL */
    const char *mark;       /* layout.h, or NULL */
    int64_t number;         /* see ranked */
    bool after;             /* phase=after */
    const char *compatible; /* reason, or NULL */
    const char *forward_only; /* reason, or NULL */
    /* Contracting: the release that must have been good for so many seconds
     * (CONTRACT_THIS: the one that first brings the file), or NULL. */
    const char *contract;
    int64_t contract_for;
    struct script up;
    bool has_down;
    struct script down;
    char checksum[HASH_HEX]; /* of up and down, normalised; not of what
                                verifies it: that may be mended later */
    /* The first statement of up that the old code would not survive, with
     * its line ("3: DROP COLUMN orders.note"), or NULL. */
    const char *breaks;
    struct reading_note *notes;
    size_t notes_n;
};

struct migrations {
    struct migration *list; /* ascending by number */
    size_t n;
    char digest[HASH_HEX]; /* over names, checksums and what verifies them, in
                              order */
    const char *layout;    /* the one that was recognised */
    const char **strays;   /* what to tell of files that are passed over and
                              look meant as migrations (layout.h) */
    size_t strays_n;
    bool ranked; /* numbers are places in this list, and no part of names:
                    the same migration may have another one tomorrow */
};

/* Reads and checks all files: names, numbers twice, directives, encoding,
 * statements. The first bad file is ERR_INPUT, "NAME:LINE: ...". layout is
 * "auto" or the name of one (layout.h). Texts are copied into a. */
bool migrations_read(struct migrations *out, struct arena *a,
                     const char *layout, const struct sql_file *files, size_t n,
                     struct err *e);
/* The same, with statements in them that are refused otherwise: enum
 * refusals. */
bool migrations_read_allowing(struct migrations *out, struct arena *a,
                              const char *layout, unsigned allowed,
                              const struct sql_file *files, size_t n,
                              struct err *e);
const struct migration *migrations_find(const struct migrations *m,
                                        const char *name);
/* The digest of a list in this order (pending ones, say). */
char *migrations_digest(const struct migration *const *list, size_t n,
                        char out[HASH_HEX]);

#endif
