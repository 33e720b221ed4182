#include "migrations/estimate.h"

/* So that a relation without bytes still has a weight: one page. */
#define PAGE 8192.0

bool estimate_grows(const struct traced_statement *s,
                    const struct traced_touch *touch, bool *by_rows)
{
    const struct relation *rel = touch->relation;

    *by_rows = false;
    if (touch->rewritten)
        return true;
    if (touch->scanned) {
        /* index builds and foreign keys follow rows, plain scans pages */
        *by_rows = s->builds_index || touch->lock == LOCK_SHARE_ROW_EXCLUSIVE;
        return true;
    }
    *by_rows = true;
    return touch->changed > ESTIMATE_FEW_ROWS && rel->rows > 0 &&
           touch->changed * 100 >= rel->rows;
}

double estimate_ratio(const struct traced_statement *s, bool *grows)
{
    double clone = 0, production = 0;

    *grows = false;
    for (size_t i = 0; i < s->n; i++) {
        const struct traced_touch *t = &s->touched[i];
        double weight = (double)t->relation->bytes, ratio;
        bool by_rows;
        if (!estimate_grows(s, t, &by_rows))
            continue;
        *grows = true;
        ratio = relation_ratio(t->relation, by_rows);
        weight = weight < PAGE ? PAGE : weight;
        clone += weight;
        production += weight * (ratio > 0 ? ratio : 1);
    }
    return *grows ? production / clone : 1;
}

static int64_t times(double ms, double ratio, int per_mille)
{
    return (int64_t)(ms * ratio * per_mille / 1000.0 + 0.5);
}

struct estimate estimate_statement(const struct traced_statement *s)
{
    bool grows;
    double ratio = estimate_ratio(s, &grows), ms = (double)s->ms;
    double less = ms > 1 ? ms - 1 : 0, more = ms + 1;
    struct estimate out;

    if (grows) {
        out.low = times(less, ratio, ESTIMATE_LOW);
        out.likely = times(ms, ratio, 1000);
        out.high = times(more * ESTIMATE_COLD / 1000, ratio, ESTIMATE_LOAD);
    } else {
        out.low = times(less, 1, 1000);
        out.likely = s->ms;
        out.high = times(more, 1, ESTIMATE_LOAD_METADATA);
    }
    if (out.high < ESTIMATE_FLOOR_MS)
        out.high = ESTIMATE_FLOOR_MS;
    if (s->batches) {
        int64_t pauses = times((double)s->batches->pauses_ms, ratio, 1000);
        estimate_add(&out, &(struct estimate){pauses, pauses, pauses});
    }
    return out;
}

int64_t estimate_batch_high(const struct traced_batches *b)
{
    int64_t high = times(((double)b->longest_ms + 1) * ESTIMATE_COLD / 1000, 1,
                         ESTIMATE_LOAD);

    return high < ESTIMATE_FLOOR_MS ? ESTIMATE_FLOOR_MS : high;
}

void estimate_add(struct estimate *sum, const struct estimate *one)
{
    sum->low += one->low;
    sum->likely += one->likely;
    sum->high += one->high;
}
