/* basis: what production was like when a rehearsal was made.
 *
 * Kept in the certificate and held against production before a release: the
 * server's version, the settings that change time or locks, the schema (its
 * fingerprint, taken from production itself, whatever the clone was made of)
 * and how large the tables are that the migrations work on. What a role may
 * not read is named, never guessed. Pure but for basis_take and basis_hold.
 *
 * Cost on production: one question for the schema (some 0.3 s for 1,000
 * tables), two small ones; none waits longer than 2 s for a lock.
 */
#ifndef MIGRATIONS_REHEARSE_BASIS_H
#define MIGRATIONS_REHEARSE_BASIS_H

#include "migrations/rehearse/fingerprint.h"
#include "migrations/rehearse/grounds.h"
#include "migrations/server/pg.h"
#include "runner/base/json.h"

struct basis_setting {
    const char *name, *value; /* as RESET would give it, with its unit */
};

struct basis_table {
    const char *name;    /* schema-qualified, quoted where SQL wants it */
    int64_t bytes, rows; /* rows -1: not counted */
};

struct basis {
    int version; /* 150020; 0: nothing is known (an older certificate) */
    const struct basis_setting *settings;
    size_t n_settings;
    char schema[HASH_HEX]; /* "": not known */
    const char *lines;     /* 8 hex digits of each fact's hash; "": too many */
    const struct basis_table *tables; /* those that work grows with */
    size_t n_tables;
    const char *unread; /* what production did not let us read, and why; NULL:
                           all was read */
};

/* Reads all but the tables, and the memory. False only when the connection is
 * lost. Lives in a. */
bool basis_take(struct pg *pg, struct arena *a, struct basis *out,
                struct memory *memory, struct err *e);
/* What a server has to work with; what cannot be read stays 0. */
void basis_memory(struct pg *pg, struct arena *a, struct memory *out);

struct basis_changed_setting {
    const char *name, *was, *now;
};
struct basis_grown {
    const char *name;
    int64_t bytes_was, bytes_now, rows_was, rows_now; /* -1: unknown */
};

/* Then against now. */
struct basis_change {
    int version_was, version_now;
    const struct basis_changed_setting *settings; /* only what differs */
    size_t n_settings;
    const char *schema; /* what differs, in words; NULL: the same, or unknown */
    const struct basis_grown *tables; /* all; one that is gone has -1 bytes */
    size_t n_tables;
    const char *unread; /* could be read then, and not now: what, why; NULL */
};

/* Asks pg what is like now; never fails: see unread. In a, escaped. */
void basis_hold(struct pg *pg, struct arena *a, const struct basis *was,
                struct basis_change *out);

/* As a member of the certificate, and back. j NULL: version 0. */
struct json *basis_to_json(const struct basis *b);
void basis_from_json(struct basis *out, struct arena *a, const struct json *j);

#endif
