#include "policies/fit.h"

#define MARGIN_LEAST INT64_C(300000)    /* 5 min */
#define TOO_LONG     (INT64_MAX / 1024) /* sums of a dozen cannot overflow */

/* Nothing negative and nothing that could overflow gets into a sum. */
static int64_t bounded(int64_t ms)
{
    if (ms < 0)
        return 0;
    return ms > TOO_LONG ? TOO_LONG : ms;
}

static int64_t times(int64_t n, int64_t ms)
{
    int64_t product;

    if (__builtin_mul_overflow(bounded(n), bounded(ms), &product))
        return TOO_LONG;
    return bounded(product);
}

int64_t need_finish(const struct need_facts *need)
{
    return bounded(need->before_high) + times(need->batches, need->batch) +
           bounded(need->soak);
}

int64_t need_back(const struct need_facts *need)
{
    return times(need->batches_done, need->batch) +
           bounded(need->after_down_high);
}

int64_t need_total(const struct need_facts *need)
{
    int64_t forward = need_finish(need) + bounded(need->after_high);
    int64_t sum = forward + need_back(need) + times(need->batches, need->batch);
    int64_t margin = sum / 5;

    return sum + (margin < MARGIN_LEAST ? MARGIN_LEAST : margin);
}
