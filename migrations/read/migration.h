/* migration: what stands in the migrations folder of a commit, read.
 *
 * Files (script.h) are named `NNNN_name.up.sql` and `NNNN_name.down.sql`, or as
 * another tool has it (layout.h); directives are comment lines "-- tidegate:
 * ..." before the first statement.
 */
#ifndef MIGRATIONS_READ_MIGRATION_H
#define MIGRATIONS_READ_MIGRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "migrations/read/script.h"
#include "runner/base/arena.h"
#include "runner/base/err.h"
#include "runner/base/hash.h"

#define MIGRATIONS_MAX 10000

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
/* For people, what may have changed besides the file: " and the values of
 * [placeholders] in it", or "". */
const char *migration_values(const struct migration *m);
/* The digest of a list in this order (pending ones, say). */
char *migrations_digest(const struct migration *const *list, size_t n,
                        char out[HASH_HEX]);

#endif
