/* estimate: from what a statement took on the clone to what it may take in
 * production. Pure.
 *
 * Work that grows with the data (rewrites, scans, index builds, rows changed)
 * is scaled by the worked-on relations' own size ratio: pages for scans and
 * rewrites, rows for indexes and keys, n log n where they are sorted or looked
 * up. What only touches the catalog never is (scaling it was off by 60 times in
 * our measurements). Of a statement that a rehearsal ran more than once the
 * least time is scaled: a wait of 50 ms for a processor on a clone of 1 % is no
 * 5 s in production. Around that lie low and high: by default factors for a
 * cold cache and for load, or by what earlier statements of the same work took
 * (migrations/rehearse/learn.h) once there are enough.
 */
#ifndef MIGRATIONS_REHEARSE_ESTIMATE_H
#define MIGRATIONS_REHEARSE_ESTIMATE_H

#include "migrations/rehearse/grounds.h"
#include "migrations/rehearse/trace.h"

/* Per mille. The clone has just been written: its pages are in memory.
 * Measured on PostgreSQL 15, cold against warm: 1.6 to 7.4 times; under load
 * against idle: 1.5 to 3.2 times. High takes the geometric middle of the
 * first (the upper end where only the clone fits in its cache) and the lower
 * end of the second, since a release goes out when few users are on; a
 * statement on the catalog alone is all load: the upper end. From a 10 % clone
 * the error was 18 % in the median and 39 % at worst: low allows for that. */
#define ESTIMATE_COLD          3400
#define ESTIMATE_COLDEST       7400
#define ESTIMATE_LOAD          1500
#define ESTIMATE_LOAD_METADATA 3200
#define ESTIMATE_LOW           600
/* What updating or deleting some rows of a table adds for each e-fold of it.
 * Measured on tables of 6 and 15 million rows with six indexes, against 1, 10
 * and 33 % of them: 2.6 to 5.5, 1.7 to 3.5, 1.4 to 2.2 times as long a row; the
 * longer ones on the larger table and a quiet machine. */
#define ESTIMATE_SCATTERED 500
/* And what writing many rows adds, one after the other: waits for the WAL and
 * for checkpoints. Measured there: 1.0 to 1.7, 1.0 to 1.6, 1.0 to 1.2 times. */
#define ESTIMATE_BULK 80
/* A sort that goes to disk in production and did not on the clone. */
#define ESTIMATE_SPILL 1500
/* A time so short nobody can promise on a busy server; low leaves room for it,
 * high is no less. */
#define ESTIMATE_FLOOR_MS 10
/* Parsing, planning, the catalog: the same on the clone and in production. */
#define ESTIMATE_FIXED_US 1000
/* What still counts as a few rows: not scaled, unless the table was read. */
#define ESTIMATE_FEW_ROWS 1000

struct estimate {
    int64_t low, likely, high; /* ms */
    int64_t scaled; /* ms, before any factor: what history is held against */
    enum work work;
    int runs;    /* how many past ones gave the factors; 0: default ones */
    bool cold;   /* fits in the clone's cache, not in production's */
    bool spills; /* sorts on disk in production alone */
};

enum work estimate_work(const struct traced_statement *s);
/* Production's size over the clone's, of what s worked on; 1 when it worked
 * on nothing that grows (*grows false) or when production is unknown. */
double estimate_growth(const struct traced_statement *s, bool *grows);
/* How many times as long that takes. */
double estimate_ratio(const struct traced_statement *s, bool *grows);
/* g NULL: defaults. */
struct estimate estimate_statement(const struct traced_statement *s,
                                   const struct grounds *g);
/* The longest of its batches, which grows with its own size alone. */
struct estimate estimate_batch(const struct traced_statement *s,
                               const struct grounds *g);
/* What verifies it, all of it. */
struct estimate estimate_verify(const struct traced_script *s,
                                const struct grounds *g);
void estimate_add(struct estimate *sum, const struct estimate *one);
/* Whether this touch is work that grows with the relation, and by rows or by
 * pages. */
bool estimate_grows(const struct traced_statement *s,
                    const struct traced_touch *touch, bool *by_rows);

#endif
