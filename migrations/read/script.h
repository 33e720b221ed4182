/* script: one text of SQL, and the statements that it becomes.
 *
 * A file is {name, bytes} (from a git tree or a folder; this room does not
 * care), with how its layout wants it read; a script is what one way of a
 * migration runs. split.h makes the one of the other.
 */
#ifndef MIGRATIONS_READ_SCRIPT_H
#define MIGRATIONS_READ_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIGRATION_LIMIT (1024 * 1024) /* bytes of one file */

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

struct placeholders; /* migrations/read/placeholders.h */

struct sql_file {
    const char *name; /* in the migrations folder; may have slashes */
    const char *bytes;
    size_t len;
    struct sql_how how;
    bool link; /* a symbolic link: bytes are where it leads to, and it is an
                  error to read it */
    const struct placeholders *values; /* what ${name} stands for, where the
                                          tool replaces it; or NULL */
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
    bool filled;               /* values of [placeholders] stand in it */
    bool timeouts; /* SET of a timeout is left out, and holds for the file */
    int path;      /* line of another tool's that sets search_path; or 0 */
    int joined;    /* line of the first BEGIN or COMMIT of several parts, which
                      are one transaction here; or 0 */
    int pauses;    /* line that disables triggers, to be enabled again; or 0 */
    int64_t lock_timeout_ms;      /* -1: the default */
    int64_t statement_timeout_ms; /* -1: the default (none) */
};

#endif
