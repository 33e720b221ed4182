/* learn: factors for estimates from what earlier statements took. Pure.
 *
 * The history holds, for each statement of a real run, what its estimate was
 * before any factor and what it then took; so factors do not feed on
 * themselves. It is a history of one environment: its machine, its load.
 */
#ifndef MIGRATIONS_REHEARSE_LEARN_H
#define MIGRATIONS_REHEARSE_LEARN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What makes a statement take its time. */
enum work {
    WORK_CATALOG, /* metadata only */
    WORK_SCAN,    /* reads a table in full */
    WORK_KEY,     /* a foreign key looked up for every row */
    WORK_INDEX,   /* builds one */
    WORK_REWRITE, /* writes a table anew */
    WORK_ROWS,    /* inserts, updates, deletes many */
    WORKS
};
const char *work_word(enum work w);                 /* "catalog", "scan" */
bool work_find(const char *word, enum work *out);   /* false: no such work */
const char *work_people(enum work w, bool several); /* "index build" */

struct past {
    enum work work;
    int64_t scaled; /* ms */
    int64_t took;   /* ms */
};

/* Per mille of the scaled time. */
struct factor {
    int runs; /* that taught it; 0: nothing learnt, use the default */
    int64_t low, likely, high;
};
struct factors {
    struct factor of[WORKS];
};

/* As many must be known of one kind of work; the newest LEARN_MOST count. */
#define LEARN_LEAST 10
#define LEARN_MOST  50
/* Times under this say nothing: both sides count as at least so much (ms). */
#define LEARN_FLOOR 10

/* From the oldest to the newest. low and high are the 5th and the 95th
 * percentile of took / scaled (with under 20: the extremes), kept within
 * limits; likely is the median. */
void learn(struct factors *out, const struct past *list, size_t n);

#endif
