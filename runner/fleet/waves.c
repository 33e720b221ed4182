#include "runner/fleet/waves.h"

/* hosts of `of`: per cent rounded up or down, never under 1 */
static size_t part(struct wave_size s, size_t of, bool up)
{
    size_t amount = s.amount > 0 ? (size_t)s.amount : 0;

    if (s.percent)
        amount = (amount * of + (up ? 99 : 0)) / 100;
    return amount ? amount : 1;
}

/* Hosts that are out already come first; the order else stays. */
static size_t *sorted(struct arena *a, const size_t *order, size_t n,
                      const bool *out)
{
    size_t *hosts = arena_array(a, n, sizeof *hosts), k = 0;

    for (size_t i = 0; i < n; i++)
        if (out && out[order[i]])
            hosts[k++] = order[i];
    for (size_t i = 0; i < n; i++)
        if (!out || !out[order[i]])
            hosts[k++] = order[i];
    return hosts;
}

static size_t count(const bool *out, size_t n)
{
    size_t k = 0;

    for (size_t i = 0; out && i < n; i++)
        k += out[i];
    return k;
}

struct waves waves_plan(struct arena *a, const struct rollout_settings *r,
                        size_t total, const size_t *order, size_t n,
                        const bool *out, bool one_wave)
{
    const size_t *hosts = sorted(a, order, n, out);
    struct batch *batches = arena_array(a, n, sizeof *batches);
    struct waves w = {.batches = batches};
    size_t limit = part(r->max_out, total, false);
    /* in a rollback only hosts that we take out count */
    size_t others = one_wave ? 0 : count(out, total), at = 0;

    for (size_t k = 0; at < n; k++) {
        bool last = one_wave || k >= r->n_waves;
        size_t until = last ? n : part(r->waves[k], n, true);
        if (until > n)
            until = n;
        if (until <= at)
            continue;
        w.count++;
        while (at < until) {
            bool is_out = out && out[hosts[at]];
            size_t room = is_out           ? until - at
                          : limit > others ? limit - others
                                           : 0;
            size_t end = at;
            while (end < until && end - at < room &&
                   (out && out[hosts[end]]) == is_out)
                end++;
            if (end == at) {
                w.left = n - at;
                return w;
            }
            batches[w.n++] = (struct batch){hosts + at, end - at, w.count};
            at = end;
        }
    }
    return w;
}
