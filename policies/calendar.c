#include "policies/calendar.h"

#include <stdlib.h>

#include "policies/calendar_item.h"

#define DAY   INT64_C(86400)
#define AHEAD (14 * DAY)

/* Openings while they are collected. */
struct spans {
    struct opening *list;
    size_t n, cap;
};

static void spans_add(struct arena *a, struct spans *s, int64_t from,
                      int64_t until)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 16;

        s->list = arena_grow(a, s->list, s->cap, cap, sizeof(*s->list));
        s->cap = cap;
    }
    s->list[s->n++] = (struct opening){from, until};
}

static int by_from(const void *left, const void *right)
{
    const struct opening *l = left, *r = right;

    return (l->from > r->from) - (l->from < r->from);
}

/* Sort, and join what overlaps or touches. */
static void spans_merge(struct spans *s)
{
    size_t kept = 0;

    if (s->n)
        qsort(s->list, s->n, sizeof(*s->list), by_from);
    for (size_t i = 0; i < s->n; i++) {
        struct opening *last = kept ? &s->list[kept - 1] : NULL;

        if (!last || s->list[i].from > last->until)
            s->list[kept++] = s->list[i];
        else if (s->list[i].until > last->until)
            last->until = s->list[i].until;
    }
    s->n = kept;
}

/* The question: which items, read how, over which time. */
struct question {
    struct arena *a;
    const struct zone *zone;
    bool freeze;
    int64_t from, until;
    struct openings *answer; /* takes the warnings; NULL: nobody wants them */
};

static struct zone_readings reading(const struct zone *zone, int64_t day,
                                    int64_t minute)
{
    struct civil local = civil_from_utc(day * DAY + minute * 60);

    return zone_utc(zone, &local);
}

static int64_t local_day(const struct zone *zone, int64_t utc)
{
    struct civil c = zone_local(zone, utc);

    return civil_days(c.year, c.month, c.day);
}

static void warn_emptied(const struct question *q,
                         const struct calendar_item *item, int64_t day)
{
    struct openings *o = q->answer;
    struct civil c = civil_from_utc(day * DAY);

    o->warnings = arena_grow(q->a, o->warnings, o->warned, o->warned + 1,
                             sizeof(*o->warnings));
    o->warnings[o->warned++] = arena_printf(
        q->a,
        "allow item '%s' is empty on %04d-%02d-%02d: the clocks of %s change "
        "then, and its times are missing or repeated",
        item->text, c.year, c.month, c.day, zone_name(q->zone));
}

/* The item as it begins on one local day. A time that is missing or repeated
 * is read the less open way; elapsed time counts from the reading taken, and
 * in a freeze from the later one, so that neither reading escapes it. */
static void add_occurrence(const struct question *q, struct spans *out,
                           const struct calendar_item *item, int64_t day)
{
    struct zone_readings start = reading(q->zone, day, item->start), end;
    int64_t from, until;

    if (item->elapsed) {
        end.early = end.late = start.late + item->elapsed;
    } else {
        end = reading(q->zone, day, item->end);
    }
    from = q->freeze ? start.early : start.late;
    until = q->freeze ? end.late : end.early;
    if (from < until && from < q->until && until > q->from)
        spans_add(q->a, out, from < q->from ? q->from : from,
                  until > q->until ? q->until : until);
    if (from >= until && q->answer && start.early < q->until &&
        end.late >= q->from)
        warn_emptied(q, item, day);
}

static bool begins_on(const struct calendar_item *item, int64_t day)
{
    int weekday = (int)(((day + 4) % 7 + 7) % 7); /* 1970-01-01: a Thursday */

    return item->days & (1u << weekday);
}

static void add_item(const struct question *q, struct spans *out,
                     const struct calendar_item *item)
{
    int64_t reach = item->end / 1440 + item->elapsed / DAY + 2;
    int64_t first = local_day(q->zone, q->from) - reach;
    int64_t last = local_day(q->zone, q->until) + 1;

    if (item->form == ITEM_ALWAYS)
        spans_add(q->a, out, q->from, q->until);
    if (item->form == ITEM_DATED && item->date >= first && item->date <= last)
        add_occurrence(q, out, item, item->date);
    if (item->form != ITEM_WEEKLY)
        return;
    for (int64_t day = first; day <= last; day++) {
        if (begins_on(item, day))
            add_occurrence(q, out, item, day);
    }
}

static struct spans collect(const struct question *q,
                            const struct calendar_item *items, size_t n)
{
    struct spans out = {0};

    for (size_t i = 0; i < n; i++)
        add_item(q, &out, &items[i]);
    spans_merge(&out);
    return out;
}

/* What of `open` lies in none of `shut`; both ascending and merged. */
static struct spans subtract(struct arena *a, const struct spans *open,
                             const struct spans *shut)
{
    struct spans out = {0};
    size_t j = 0;

    for (size_t i = 0; i < open->n; i++) {
        int64_t from = open->list[i].from, until = open->list[i].until;

        while (j < shut->n && shut->list[j].until <= from)
            j++;
        for (size_t k = j; k < shut->n && shut->list[k].from < until; k++) {
            if (shut->list[k].from > from)
                spans_add(a, &out, from, shut->list[k].from);
            from = shut->list[k].until;
        }
        if (from < until)
            spans_add(a, &out, from, until);
    }
    return out;
}

struct openings calendar_openings(struct arena *a, const struct calendar *c,
                                  int64_t from, int64_t until)
{
    struct openings out = {0};
    struct question q = {a, c->zone, false, from, until, &out};
    struct spans allowed, frozen, open;

    if (from >= until)
        return out;
    allowed = collect(&q, c->allow, c->allows);
    q.freeze = true;
    q.answer = NULL;
    frozen = collect(&q, c->freeze, c->freezes);
    open = subtract(a, &allowed, &frozen);
    out.list = open.list;
    out.n = open.n;
    return out;
}

bool calendar_open_at(struct arena *a, const struct calendar *c, int64_t now,
                      int64_t *until, int64_t *next)
{
    struct openings o = calendar_openings(a, c, now, now + AHEAD);
    bool open = o.n && o.list[0].from == now;
    size_t later = open ? 1 : 0;

    if (until)
        *until = open ? o.list[0].until : 0;
    if (next)
        *next = later < o.n ? o.list[later].from : 0;
    return open;
}

const char *calendar_frozen_by(struct arena *a, const struct calendar *c,
                               int64_t now)
{
    struct question q = {a, c->zone, true, now, now + 1, NULL};

    for (size_t i = 0; i < c->freezes; i++) {
        if (collect(&q, &c->freeze[i], 1).n)
            return c->freeze[i].text;
    }
    return NULL;
}
