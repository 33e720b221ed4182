/* backfill: what applying and rehearsing a batched script share: its key, the
 * ranges of it, and how large the next one is.
 *
 * Ranges follow the order of the key. A checkpoint is a key; all rows up to it
 * are done. Going up, it moves to the last key of the batch; going back (a
 * down), from the checkpoint downwards to the next key below the batch. So one
 * that was cut short goes on, or back, from wherever it stands.
 */
#ifndef MIGRATIONS_APPLY_BACKFILL_H
#define MIGRATIONS_APPLY_BACKFILL_H

#include "migrations/read/batch.h"
#include "migrations/server/pg.h"
#include "migrations/state/applied.h"

#define BACKFILL_BATCH_MS 1000 /* what one batch should take at most */

/* A column that batches may be ranges of: alone in a unique index that orders
 * it, NOT NULL, and of a type whose text is read back the same. */
struct backfill_key {
    const char *table, *column; /* as SQL writes them, qualified */
    const char *type;           /* "pg_catalog.int8" */
    const char *name;           /* "public.orders.id", for people */
};

/* Looks the batch's table up by pg's search_path. ERR_INPUT with the fix when
 * the key will not do, or the statement can find no rows. All in a. */
bool backfill_key(struct pg *pg, struct arena *a, const struct script *s,
                  struct backfill_key *out, struct err *e);
/* The same of a table that is found already, as SQL writes its name. */
bool backfill_key_of(struct pg *pg, struct arena *a, const struct script *s,
                     const char *table, struct backfill_key *out,
                     struct err *e);
/* The highest key now, NULL: no row; and about how many rows there are (the
 * planner's guess). */
bool backfill_end(struct pg *pg, struct arena *a, const struct backfill_key *k,
                  const char **until, int64_t *rows, struct err *e);

struct backfill_range {
    const char *from, *to;  /* both of it */
    const char *checkpoint; /* once it is done; NULL: nothing is done then */
    int64_t rows;           /* that have a key in it; 0: nothing is left */
};

/* The next range of at most size rows: above last (NULL: from the start) and
 * not above until; or, down, from last downwards. pg writes dates as ISO. */
bool backfill_next(struct pg *pg, struct arena *a, const struct backfill_key *k,
                   bool down, const char *last, const char *until, int64_t size,
                   struct backfill_range *out, struct err *e);
/* Makes pg write keys so that they are read back whatever its settings. */
bool backfill_dates(struct pg *pg, struct arena *a, struct err *e);
/* The script's statement over a range. */
char *backfill_text(struct pg *pg, struct arena *a, const struct script *s,
                    const struct backfill_key *k,
                    const struct backfill_range *range);

/* How large the next batch is, after one of `size` took ms: what fits into
 * `target`, at most twice and at least a quarter of this one, never above
 * most. Pure. */
int64_t backfill_size(int64_t size, int64_t most, int64_t ms, int64_t target);

/* "120000 of about 500000 rows, up to key 42": how far it is. */
char *backfill_far(struct arena *a, const struct backfill_row *row);
/* Whether its down can undo it as it stands: one in batches can, from the
 * checkpoint; one script would touch what the up has not come to. */
bool backfill_goes_back(const struct backfill_row *row);

#endif
