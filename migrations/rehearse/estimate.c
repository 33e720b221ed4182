#include "migrations/rehearse/estimate.h"

#include <math.h>

/* So that a relation without bytes still has a weight: one page. */
#define PAGE             8192.0
#define FILLED_ROW_BYTES 100
/* What sorting a row for an index takes of maintenance_work_mem: PostgreSQL's
 * SortTuple (24 bytes) and a small index tuple with its memory chunk. */
#define SORTED_ROW_BYTES 48
#define MOST_MS          3.15e13 /* a thousand years */

/* What it worked on, whoever waits for it or nobody. */
static size_t touches(const struct traced_statement *s)
{
    return s->n + s->n_own;
}

static const struct traced_touch *touch(const struct traced_statement *s,
                                        size_t i)
{
    return i < s->n ? &s->touched[i] : &s->own[i - s->n];
}

bool estimate_grows(const struct traced_statement *s,
                    const struct traced_touch *touch, bool *by_rows)
{
    const struct relation *rel = touch->relation;

    *by_rows = false;
    if (rel->born && rel->kind != 'i' && rel->filled <= 0)
        return false; /* it is empty */
    if (touch->rewritten)
        return true;
    if (touch->scanned) {
        /* index builds and foreign keys follow rows, plain scans pages */
        *by_rows = s->builds_index || touch->took == LOCK_SHARE_ROW_EXCLUSIVE;
        return true;
    }
    *by_rows = true;
    return touch->changed > ESTIMATE_FEW_ROWS && relation_rows(rel) > 0 &&
           touch->changed * 100 >= relation_rows(rel);
}

enum work estimate_work(const struct traced_statement *s)
{
    enum work most = WORK_CATALOG;

    for (size_t i = 0; i < touches(s); i++) {
        const struct traced_touch *t = touch(s, i);
        enum work w = WORK_CATALOG;

        if (t->rewritten && t->relation->kind != 'i')
            w = WORK_REWRITE;
        else if (t->rewritten || (t->scanned && s->builds_index))
            w = WORK_INDEX;
        else if (t->changed > ESTIMATE_FEW_ROWS)
            return WORK_ROWS;
        else if (t->scanned && t->took == LOCK_SHARE_ROW_EXCLUSIVE)
            w = WORK_KEY;
        else if (t->scanned)
            w = WORK_SCAN;
        if (w > most)
            most = w;
    }
    return most;
}

/* Sorting n rows, or looking up n keys, takes n log n comparisons. */
static double sorted(const struct relation *rel, double ratio)
{
    int64_t rows = relation_rows(rel);
    int64_t production = relation_production_rows(rel);

    if (rows < 2 || production < 2)
        return ratio;
    return ratio * log((double)production) / log((double)rows);
}

static bool is_sorted(const struct traced_statement *s,
                      const struct traced_touch *t)
{
    return t->rewritten ? t->relation->kind == 'i'
                        : t->scanned && (s->builds_index ||
                                         t->took == LOCK_SHARE_ROW_EXCLUSIVE);
}

/* An index that is rebuilt with its table takes about as long as the table,
 * however small it is, and grows with the table's rows; also one that this
 * release has made. */
static const struct relation *measure_of(const struct traced_statement *s,
                                         const struct traced_touch *t,
                                         bool *by_rows)
{
    for (size_t i = 0; t->rewritten && t->relation->kind == 'i' && i < s->n;
         i++)
        if (s->touched[i].relation->oid == t->relation->table) {
            *by_rows = true;
            return s->touched[i].relation;
        }
    return t->relation;
}

/* Some rows here and there: each on a page of its own, and at another place of
 * each index. The larger the table, the fewer of these are in memory, and the
 * more are written to the WAL whole. */
static bool is_scattered(const struct traced_statement *s,
                         const struct traced_touch *t)
{
    int64_t there = t->changed - t->inserted;

    return !s->batches && !t->rewritten && there > ESTIMATE_FEW_ROWS &&
           2 * there < relation_rows(t->relation);
}

static double steeper(double ratio, int64_t per_e_fold)
{
    return ratio > 1 ? ratio * (1 + (double)per_e_fold * log(ratio) / 1000)
                     : ratio;
}

/* Rows written one after the other. */
static bool is_bulk(const struct traced_statement *s)
{
    bool bulk = false;

    for (size_t i = 0; i < touches(s); i++) {
        if (is_scattered(s, touch(s, i)))
            return false;
        bulk |= touch(s, i)->changed > ESTIMATE_FEW_ROWS;
    }
    return bulk && !s->batches;
}

/* What it counts beside the others. Of what the release filled only the rows
 * are known. */
static double weight_of(const struct relation *rel)
{
    double filled = (double)rel->filled * FILLED_ROW_BYTES;

    if (filled > (double)rel->bytes)
        return filled;
    return rel->bytes < PAGE ? PAGE : (double)rel->bytes;
}

/* Of rows and pages; of the time that they take: `time`. */
static double ratio_of(const struct traced_statement *s, bool time, bool *grows)
{
    double clone = 0, production = 0;

    *grows = false;
    for (size_t i = 0; i < touches(s); i++) {
        const struct traced_touch *t = touch(s, i);
        const struct relation *rel;
        double weight, ratio;
        bool by_rows;
        if (!estimate_grows(s, t, &by_rows))
            continue;
        *grows = true;
        rel = measure_of(s, t, &by_rows);
        ratio = relation_ratio(rel, by_rows);
        if (time && is_sorted(s, t))
            ratio = sorted(rel, ratio);
        else if (time && is_scattered(s, t))
            ratio = steeper(ratio, ESTIMATE_SCATTERED);
        weight = weight_of(rel);
        clone += weight;
        production += weight * (ratio > 0 ? ratio : 1);
    }
    if (!*grows)
        return 1;
    return time && is_bulk(s) ? steeper(production / clone, ESTIMATE_BULK)
                              : production / clone;
}

double estimate_growth(const struct traced_statement *s, bool *grows)
{
    return ratio_of(s, false, grows);
}

double estimate_ratio(const struct traced_statement *s, bool *grows)
{
    return ratio_of(s, true, grows);
}

/* The least of its times: a hiccup of the server is in another. */
static double quiet_us(const struct traced_statement *s)
{
    return (double)(s->again_us && s->again_us < s->us ? s->again_us : s->us);
}

/* What another time had on top: it may happen in production as well, and
 * does not grow with the data. */
static double hiccup_ms(const struct traced_statement *s)
{
    return s->again_us ? fabs((double)(s->us - s->again_us)) / 1000 : 0;
}

/* Production's time: what any statement takes does not grow. */
static double scaled_ms(const struct traced_statement *s, bool *grows)
{
    double ratio = estimate_ratio(s, grows), us = quiet_us(s);
    double fixed = us < 2 * ESTIMATE_FIXED_US ? us / 2 : ESTIMATE_FIXED_US;

    return (*grows ? fixed + (us - fixed) * ratio : us) / 1000;
}

static bool is_cold(const struct relation *rel, const struct grounds *g)
{
    return g->clone.cache > 0 && g->production.cache > 0 &&
           rel->bytes <= g->clone.cache &&
           rel->production_bytes > g->production.cache;
}

static bool does_spill(const struct relation *rel, const struct grounds *g)
{
    return g->clone.sort > 0 && g->production.sort > 0 &&
           rel->rows <= g->clone.sort / SORTED_ROW_BYTES &&
           rel->production_rows > g->production.sort / SORTED_ROW_BYTES;
}

/* Where production works in another way than the clone did. */
static void note_regime(struct estimate *out, const struct traced_statement *s,
                        const struct grounds *g)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct relation *rel = s->touched[i].relation;
        bool by_rows;

        if (rel->born || !estimate_grows(s, &s->touched[i], &by_rows))
            continue;
        out->cold |= is_cold(rel, g);
        out->spills |= s->builds_index && does_spill(rel, g);
    }
}

static double times(double ms, int64_t per_mille)
{
    return ms * (double)per_mille / 1000.0;
}

/* Sums of these stay numbers, whatever statistics somebody has set. */
static int64_t whole(double ms)
{
    return ms < MOST_MS ? (int64_t)(ms + 0.5) : (int64_t)MOST_MS;
}

/* The default: as wide to both sides for the catalog, whose time is all load
 * and luck. */
static struct factor factor_for(const struct grounds *g, enum work work,
                                bool grows)
{
    if (g->factors.of[work].runs)
        return g->factors.of[work];
    if (!grows)
        return (struct factor){0, 1000000 / ESTIMATE_LOAD_METADATA, 1000,
                               ESTIMATE_LOAD_METADATA};
    return (struct factor){0, ESTIMATE_LOW, 1000,
                           ESTIMATE_COLD * ESTIMATE_LOAD / 1000};
}

/* Low, likely and high around ms, which was measured as it is or scaled. What
 * is short was held against the floor when it was learnt. */
static void spread(struct estimate *out, double ms, const struct factor *f)
{
    double most = f->runs && ms < LEARN_FLOOR ? LEARN_FLOOR : ms;
    double low = times(ms, f->low) - ESTIMATE_FLOOR_MS;
    double high = times(most, f->high);

    out->runs = f->runs;
    out->low = low > 0 ? whole(low) : 0;
    out->likely = whole(times(ms, f->likely));
    if (out->cold)
        high = high * ESTIMATE_COLDEST / ESTIMATE_COLD;
    if (out->spills)
        high = times(high, ESTIMATE_SPILL);
    out->high = whole(high < ESTIMATE_FLOOR_MS ? ESTIMATE_FLOOR_MS : high);
}

struct estimate estimate_statement(const struct traced_statement *s,
                                   const struct grounds *g)
{
    static const struct grounds none;
    struct estimate out = {.work = estimate_work(s)};
    struct factor f;
    bool grows;
    double ms = scaled_ms(s, &grows);

    if (!g)
        g = &none;
    note_regime(&out, s, g);
    out.scaled = whole(ms);
    f = factor_for(g, out.work, grows);
    spread(&out, ms, &f);
    out.high += whole(hiccup_ms(s));
    if (s->batches) {
        int64_t pauses =
            whole((double)s->batches->pauses_ms * estimate_growth(s, &grows));
        estimate_add(&out, &(struct estimate){.low = pauses,
                                              .likely = pauses,
                                              .high = pauses});
    }
    return out;
}

struct estimate estimate_batch(const struct traced_statement *s,
                               const struct grounds *g)
{
    static const struct grounds none;
    struct estimate out = {.work = estimate_work(s)};
    struct factor f;

    if (!g)
        g = &none;
    note_regime(&out, s, g);
    out.scaled = s->batches->longest_ms;
    f = factor_for(g, out.work, true);
    spread(&out, (double)s->batches->longest_ms, &f);
    return out;
}

void estimate_add(struct estimate *sum, const struct estimate *one)
{
    sum->low += one->low;
    sum->likely += one->likely;
    sum->high += one->high;
}

struct estimate estimate_verify(const struct traced_script *s,
                                const struct grounds *g)
{
    struct estimate sum = {0};

    for (size_t i = 0; i < s->n_verify; i++) {
        struct estimate one = estimate_statement(&s->verify[i], g);

        estimate_add(&sum, &one);
    }
    return sum;
}
