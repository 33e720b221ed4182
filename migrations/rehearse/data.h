/* data: are the rows and values that were there before going up still there
 * after going down? "Equal schema, lost data" is no way back.
 *
 * Before an up, the tables that the migration may change (data_tables.h) are
 * noted in temporary tables of the observer's connection: of each row its key
 * as text and a hash of each value, so that rewrites, and the order of columns,
 * do not matter. After the down they are compared by key, so what is told is
 * exact: lost, changed, added. A table without a primary key is compared by
 * counts and by sums of hashes that know no order.
 *
 * The cost is bounded: tables over DATA_EXACT are sampled (the rows of some
 * pages, the same ones for the same table; found again by their keys), and what
 * is over the budget of a whole rehearsal is not compared, which is said.
 * Nothing of it is part of a migration's time.
 */
#ifndef MIGRATIONS_REHEARSE_DATA_H
#define MIGRATIONS_REHEARSE_DATA_H

#include "migrations/rehearse/data_tables.h"
#include "runner/base/buf.h"
#include "runner/base/progress.h"

#define DATA_EXACT ((int64_t)64 * 1024 * 1024)   /* bytes of one table */
#define DATA_COUNT ((int64_t)1024 * 1024 * 1024) /* rows are counted up to */
/* Of one rehearsal: bytes compared whole, bytes only counted, tables. */
#define DATA_BUDGET  ((int64_t)512 * 1024 * 1024)
#define DATA_COUNTED (4 * DATA_COUNT)
#define DATA_TABLES  300
#define DATA_SAMPLE  4000 /* rows */

/* A table as it was. */
struct data_note {
    struct data_table table;
    const char *kept;             /* name of the temporary table; NULL: sums */
    bool sampled;                 /* not all rows are in it */
    const char *count;            /* all rows; NULL: not counted */
    const char **nonnull, **sums; /* without a key: of each column */
    const char *row_sum;
};

struct data_set {
    struct data_note *list;
    size_t n;
};

struct data {
    struct loop *loop;
    struct arena *arena;
    struct pg *watch;              /* lent */
    const struct relations *known; /* lent: what is there */
    struct progress *progress;
    struct buf *warnings;   /* lent, lines */
    int stops;              /* loop_stops when the rehearsal began */
    int64_t exact;          /* DATA_EXACT, unless told otherwise */
    int64_t spent, counted; /* bytes read, before going up */
    size_t notes;           /* tables noted so far */
    size_t left_out;        /* over the budget */
    const char **told;      /* "public.orders.note": what is told already */
    size_t n_told;
    bool off; /* it cannot be done here */
};

struct data_difference {
    char *lines; /* "data public.orders.note: ...", or NULL */
    bool lost;   /* rows or values that were there are gone, or others */
};

/* Before the up of m. False: only when stopped or the connection is lost; what
 * else goes wrong is a warning. */
bool data_before(struct data *d, const struct migration *m,
                 struct data_set *out, struct err *e);
/* After its down. skip: whether another one, that did not go down, may have
 * changed the table. */
bool data_after(struct data *d, struct data_set *set,
                bool (*skip)(void *arg, uint32_t oid), void *arg,
                struct data_difference *out, struct err *e);
/* A warning for what was left out, at the end. */
void data_say_left_out(struct data *d);

#endif
