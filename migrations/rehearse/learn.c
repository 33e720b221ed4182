#include "migrations/rehearse/learn.h"

#include <stdlib.h>
#include <string.h>

/* Whatever the past: a server is not a hundred times faster or slower than
 * the rehearsal's; and a range keeps some width. */
#define LEAST         50
#define MOST          20000
#define LOW_AT_MOST   950
#define HIGH_AT_LEAST 1250

static const struct {
    const char *word, *one, *several;
} works[WORKS] = {
    [WORK_CATALOG] = {"catalog", "catalog change", "catalog changes"},
    [WORK_SCAN] = {"scan", "scan", "scans"},
    [WORK_KEY] = {"key", "foreign key", "foreign keys"},
    [WORK_INDEX] = {"index", "index build", "index builds"},
    [WORK_REWRITE] = {"rewrite", "rewrite", "rewrites"},
    [WORK_ROWS] = {"rows", "change of rows", "changes of rows"},
};

const char *work_word(enum work w)
{
    return works[w].word;
}

bool work_find(const char *word, enum work *out)
{
    for (int i = 0; word && i < WORKS; i++)
        if (strcmp(works[i].word, word) == 0) {
            *out = (enum work)i;
            return true;
        }
    return false;
}

const char *work_people(enum work w, bool several)
{
    return several ? works[w].several : works[w].one;
}

static int64_t at_least(int64_t ms, int64_t least)
{
    return ms < least ? least : ms;
}

static int64_t within(int64_t v, int64_t least, int64_t most)
{
    return v < least ? least : v > most ? most : v;
}

static int by_value(const void *x, const void *y)
{
    const int64_t *a = x, *b = y;

    return (*a > *b) - (*a < *b);
}

/* The newest of one kind, as per mille of what was scaled. */
static int shares(const struct past *list, size_t n, enum work w,
                  int64_t out[LEARN_MOST])
{
    int known = 0;

    for (size_t i = n; i-- > 0 && known < LEARN_MOST;) {
        const struct past *o = &list[i];
        if (o->work == w && o->scaled >= 0 && o->took >= 0)
            out[known++] = at_least(o->took, LEARN_FLOOR) * 1000 /
                           at_least(o->scaled, LEARN_FLOOR);
    }
    qsort(out, (size_t)known, sizeof *out, by_value);
    return known;
}

/* The value below which that share (percent) of a sorted list lies; of a
 * short list the extremes. */
static int64_t quantile(const int64_t *sorted, int n, int percent)
{
    int at = (n * percent) / 100;

    return sorted[at < n ? at : n - 1];
}

void learn(struct factors *out, const struct past *list, size_t n)
{
    int64_t seen[LEARN_MOST];

    memset(out, 0, sizeof *out);
    for (int w = 0; w < WORKS; w++) {
        struct factor *f = &out->of[w];
        int known = shares(list, n, (enum work)w, seen);

        if (known < LEARN_LEAST)
            continue;
        f->runs = known;
        f->likely = within(quantile(seen, known, 50), LEAST, MOST);
        f->low = within(quantile(seen, known, 5), LEAST,
                        f->likely * LOW_AT_MOST / 1000);
        f->high = at_least(quantile(seen, known, 95),
                           f->likely * HIGH_AT_LEAST / 1000);
        f->high = within(f->high, LEAST, 2 * MOST);
    }
}
