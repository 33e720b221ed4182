/* batch: a script whose one statement runs over a table's key, range by range.
 *
 *     -- tidegate: batch=orders key=id size=5000
 *     UPDATE orders SET total_cents = total * 100
 *     WHERE id BETWEEN $1 AND $2 AND total_cents IS NULL;
 *
 * $1 and $2 are the first and the last key of a batch, both of it: so the
 * first batch needs no value below all keys, whatever their type. Each batch
 * is a transaction of its own, with its checkpoint in it
 * (migrations/apply/backfill.h).
 *
 * What would touch rows outside of the range, or pass rows over, is refused:
 * the range must be a condition of the statement's own WHERE (of an INSERT's
 * SELECT), joined to others by AND; the key itself is not updated; no LIMIT,
 * no SKIP LOCKED. The batch's table is what the statement itself goes over: an
 * UPDATE's or DELETE's target, a table of its FROM or USING or of an INSERT's
 * SELECT, with a schema exactly if batch= has one. Of several tables, the key
 * says whose it is (o.id).
 */
#ifndef MIGRATIONS_READ_BATCH_H
#define MIGRATIONS_READ_BATCH_H

#include "migrations/read/directives.h"
#include "migrations/read/migration.h"

#define BATCH_SIZE 5000 /* unless it is said */

/* Where the statement's text names $1 or $2. */
struct batch_mark {
    size_t at; /* byte */
    int number;
};

struct node;

struct batch {
    const char *schema, *table; /* as PostgreSQL folds them; schema or "" */
    const char *key;            /* column */
    int64_t size;               /* rows, at most */
    int64_t pause_ms;           /* after each batch; 0: none */
    int64_t max_lag_ms;         /* of a replica; -1: not said */
    const struct batch_mark *marks;
    size_t n;
    const char **only; /* tables that the statement goes over with ONLY, and
                          NULL; or NULL: none */
};

/* Whether a directive speaks of batches, rightly or not. */
bool batch_is_said(const struct directives *d);
/* Whether the directives speak of batches; if so, sets s->batch and clears
 * s->transaction. False: they, or the statement, do not do (ERR_INPUT). Texts
 * are in a. */
bool batch_read(struct script *s, const struct directives *d, struct arena *a,
                struct err *e);
/* False, with e (ERR_INPUT): the statement of no batch has a $1, that nothing
 * fills. at: "FILE:LINE". */
bool batch_needs_none(const struct node *stmt, const char *at, struct err *e);
/* False, with e (ERR_INPUT): ONLY of the table, which the database says is
 * partitioned, has no rows. */
bool batch_is_empty(const struct script *s, const char *table, struct err *e);
/* The statement over one range; from and to are SQL expressions. */
char *batch_text(struct arena *a, const struct script *s, const char *from,
                 const char *to);

#endif
