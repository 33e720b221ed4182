/* applied: the set of migrations that a database has, in schema `tidegate`.
 *
 * The tables are migrations of tidegate's own (migrations/sql). The applied
 * row of a transactional migration is written in the migration's own
 * transaction; a set, not a high-water mark.
 */
#ifndef MIGRATIONS_STATE_APPLIED_H
#define MIGRATIONS_STATE_APPLIED_H

#include "migrations/read/migration.h"
#include "migrations/server/pg.h"

/* The `release` of rows that were recorded, and not run (takeover.h). */
#define TAKEOVER_IMPORTED "imported"
#define TAKEOVER_BASELINE "baseline"

struct applied_row {
    const char *name, *checksum, *release;
    int64_t number; /* as it was then; 0: the one its name begins with */
    bool after;
    const char *up, *down; /* texts as applied; down NULL when none */
    const char *compatible, *forward_only;
    int64_t at, ms;
    const char *run;
};

/* A non-transactional migration that was begun and not ended. */
struct journal_row {
    const char *name, *run;
    bool down;
    int statements_done, statements;
    int backend_pid;
    int64_t backend_start; /* UTC */
    /* What is recorded when it is done, run and release those that last worked
     * on it; NULL: its down, or begun by a tidegate that did not keep it. */
    const struct applied_row *row;
};

/* A backfill that was begun and is neither done nor wholly undone. */
struct backfill_row {
    struct applied_row row;   /* what is recorded when it is done */
    bool undoing;             /* its down was begun */
    const char *over;         /* the column it goes over: "public.orders.id" */
    const char *last, *until; /* the checkpoint, and where the up ends: keys as
                                text, or NULL */
    int64_t rows, estimated;  /* done, and about how many there are */
    int64_t changed, batches, size;
};

struct applied {
    bool schema;                    /* false: no schema tidegate there yet */
    const struct applied_row *rows; /* ascending by name's number */
    size_t n;
    const struct journal_row *open; /* unfinished journals */
    size_t open_n;
    const struct backfill_row *backfills; /* unfinished ones */
    size_t backfills_n;
    /* The fence in the database. */
    char ledger[64];
    int64_t epoch;
};

/* "applied by v1.4.2", or how it was taken over. */
char *applied_how(struct arena *a, const struct applied_row *row);
/* Reads; creates nothing. */
bool applied_read(struct pg *pg, struct arena *a, struct applied *out,
                  struct err *e);
const struct applied_row *applied_find(const struct applied *applied,
                                       const char *name);
/* The journal of that name, up or down, or NULL. */
const struct journal_row *applied_half(const struct applied *applied,
                                       const char *name, bool down);
/* It is an earlier text of a repeatable migration of these files. */
bool applied_replaced(const struct applied_row *row,
                      const struct migrations *files);
/* The unfinished backfill of that name, or NULL. */
const struct backfill_row *applied_backfill(const struct applied *applied,
                                            const char *name);
/* The row of one backfill, finished or not; found false: there is none. */
bool applied_backfill_read(struct pg *pg, struct arena *a, const char *name,
                           struct backfill_row *out, bool *found,
                           struct err *e);
/* Makes or upgrades schema tidegate; idempotent. */
bool applied_prepare(struct pg *pg, struct arena *a, struct err *e);

/* What is still to run, in the order in which it runs ("before" ones, then
 * "after" ones, each by number), and what does not fit: an edited or renamed
 * file (known by its number, or by its text), or a number below one that is
 * applied, is ERR_REFUSED naming both digests (an "after" one may stand below
 * applied "before" ones: those run first). Contracting ones are a list of their
 * own, by number: they run when their wait is over, whatever was applied
 * meanwhile. Rows and files ascend by number; where numbers are places in a
 * list (`ranked`), those of today count.
 * `gone` lists applied names that are absent from the files: the caller knows
 * whether their release was rolled back. An applied text of a repeatable one
 * is not gone when another took its place; going back to an earlier text is
 * ERR_REFUSED. */
struct pending {
    const struct migration **list;
    size_t n;
    const struct migration **contract;
    size_t contract_n;
    const char **gone;
    size_t gone_n;
};
bool applied_pending(const struct applied *applied,
                     const struct migrations *files, struct arena *a,
                     struct pending *out, struct err *e);

#endif
