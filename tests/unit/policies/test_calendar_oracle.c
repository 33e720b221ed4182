/* The calendar against a second opinion: a map with one bit for each minute,
 * painted from the rules by looking at every minute's local time. It shares
 * nothing with the calendar but zone_offset.
 */
#include "tests/unit/policies/openings.h"

#include <stdio.h>
#include <stdlib.h>

#define DAY_MIN  1440
#define SPAN     (10 * DAY_MIN) /* minutes that are compared */
#define AROUND   (10 * DAY_MIN) /* minutes looked at before and after */
#define ALL      (SPAN + 2 * AROUND)
#define DAY_SECS INT64_C(86400)

/* What the oracle knows of an item, made up rather than parsed. */
struct wanted {
    enum { WEEKLY_RANGE, WEEKLY_FOR, DATE_RANGE, DATES } form;
    unsigned days;
    int64_t date, last; /* days since 1970 */
    int start, end;     /* minutes of the local clock; end may be >= 1440 */
    int length;         /* minutes of WEEKLY_FOR */
};

struct oracle {
    int64_t begin;   /* minutes since 1970, of index 0 */
    int offset[ALL]; /* minutes east of UTC */
    bool open[ALL], frozen[ALL];
};

static uint64_t seed;

static int pick(int n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (int)((seed >> 33) % (uint64_t)n);
}

static void look(struct oracle *o, const struct zone *z, int64_t begin)
{
    memset(o, 0, sizeof(*o));
    o->begin = begin;
    for (int i = 0; i < ALL; i++)
        o->offset[i] = zone_offset(z, (begin + i) * 60) / 60;
}

/* The earliest and latest minute that a local minute may mean. */
static bool readings(const struct oracle *o, int64_t local, int64_t *early,
                     int64_t *late)
{
    bool found = false;

    for (int i = 0; i < ALL; i++) {
        if (o->begin + i + o->offset[i] != local)
            continue;
        if (!found)
            *early = o->begin + i;
        *late = o->begin + i;
        found = true;
    }
    for (int i = 1; i < ALL && !found; i++) {
        int64_t before = o->begin + i - 1 + o->offset[i - 1];
        int64_t after = o->begin + i + o->offset[i];

        if (before < local && local < after) {
            *early = o->begin + i;            /* the jump */
            *late = local - o->offset[i - 1]; /* the offset before it */
            found = true;
        }
    }
    return found;
}

static void paint(struct oracle *o, bool freeze, int64_t from, int64_t until)
{
    bool *map = freeze ? o->frozen : o->open;

    for (int64_t m = from; m < until; m++) {
        if (m >= o->begin && m < o->begin + ALL)
            map[m - o->begin] = true;
    }
}

static void paint_once(struct oracle *o, bool freeze, const struct wanted *w,
                       int64_t day)
{
    int64_t start_early, start_late, end_early, end_late;
    int64_t end = day * DAY_MIN + w->end;

    if (w->form == DATES)
        end = (w->last + 1) * DAY_MIN;
    if (!readings(o, day * DAY_MIN + w->start, &start_early, &start_late))
        return;
    if (w->form == WEEKLY_FOR)
        end_early = end_late = start_late + w->length;
    else if (!readings(o, end, &end_early, &end_late))
        return;
    if (freeze)
        paint(o, true, start_early, end_late);
    else
        paint(o, false, start_late, end_early);
}

static void paint_item(struct oracle *o, bool freeze, const struct wanted *w)
{
    int64_t first = o->begin / DAY_MIN - 1;

    for (int64_t day = first; day < first + ALL / DAY_MIN + 3; day++) {
        bool on = w->form == DATE_RANGE || w->form == DATES
                      ? day == w->date
                      : (w->days >> ((day + 4) % 7)) & 1;

        if (on)
            paint_once(o, freeze, w, day);
    }
}

static void date_text(char *out, size_t size, int64_t day)
{
    struct civil c = civil_from_utc(day * DAY_SECS);

    snprintf(out, size, "%04d-%02d-%02d", c.year, c.month, c.day);
}

static void days_text(char *out, unsigned days)
{
    static const char *const names[] = {"Sun", "Mon", "Tue", "Wed",
                                        "Thu", "Fri", "Sat"};

    *out = '\0';
    for (int d = 0; d < 7; d++) {
        if (!(days >> d & 1))
            continue;
        snprintf(out + strlen(out), 8, "%s%s", *out ? "," : "", names[d]);
    }
}

/* Makes an item up, near the middle of the span, and writes it down. */
static void invent(struct wanted *w, char *out, size_t size, int64_t middle)
{
    char days[40], date[16], last[16];

    w->form = pick(4);
    w->days = (unsigned)(1 + pick(127));
    w->date = middle + pick(9) - 4;
    w->last = w->date + pick(4);
    w->start = pick(48) * 30 + (pick(3) ? 0 : pick(30));
    w->length = 1 + pick(600);
    do
        w->end = 1 + pick(1440);
    while (w->end == w->start);
    days_text(days, w->days);
    date_text(date, sizeof(date), w->date);
    date_text(last, sizeof(last), w->last);
    if (w->form == DATES)
        snprintf(out, size, "%s..%s", date, last);
    else if (w->form == WEEKLY_FOR)
        snprintf(out, size, "%s %02d:%02d for %dm", days, w->start / 60,
                 w->start % 60, w->length);
    else
        snprintf(out, size, "%s %02d:%02d-%02d:%02d",
                 w->form == DATE_RANGE ? date : days, w->start / 60,
                 w->start % 60, w->end / 60, w->end % 60);
    if (w->form == DATES)
        w->start = 0;
    if (w->end < w->start)
        w->end += DAY_MIN;
}

static void invent_list(struct oracle *o, bool freeze, char *out, size_t size,
                        int64_t middle)
{
    int n = 1 + pick(freeze ? 2 : 4);

    *out = '\0';
    for (int i = 0; i < n; i++) {
        struct wanted w;
        size_t at = strlen(out);

        if (i)
            at += (size_t)snprintf(out + at, size - at, ",\n");
        invent(&w, out + at, size - at, middle);
        paint_item(o, freeze, &w);
    }
}

/* The clocks change in each of these zones near one of these days. */
static const char *const zones[] = {
    "UTC",           "Europe/Tallinn",      "America/New_York",
    "Europe/London", "Australia/Lord_Howe", "America/Havana",
    "Africa/Cairo",  "Pacific/Chatham",     "America/Santiago",
};
static const char *const middles[] = {
    "2026-03-08T12:00:00Z", "2026-03-29T12:00:00Z", "2026-04-05T12:00:00Z",
    "2026-04-24T12:00:00Z", "2026-06-15T12:00:00Z", "2026-09-06T12:00:00Z",
    "2026-09-27T12:00:00Z", "2026-10-04T12:00:00Z", "2026-10-25T12:00:00Z",
    "2026-10-30T12:00:00Z", "2026-11-01T12:00:00Z",
};

static bool within(const struct openings *list, int64_t at)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->list[i].from <= at && at < list->list[i].until)
            return true;
    }
    return false;
}

static void compare(const struct oracle *o, const struct openings *got,
                    int64_t from, const char *zone, const char *allow,
                    const char *freeze)
{
    for (int i = 0; i < SPAN; i++) {
        int64_t at = from + i * INT64_C(60);
        size_t k = (size_t)(at / 60 - o->begin);
        bool want = o->open[k] && !o->frozen[k];
        char text[21];

        if (within(got, at) != want)
            fail_msg("%s %s: allow %s freeze %s: calendar says %d, the map %d",
                     zone, clock_rfc3339(at, text), allow, freeze, !want, want);
    }
    for (size_t i = 1; i < got->n; i++)
        assert_true(got->list[i - 1].until < got->list[i].from);
}

/* Asked piece by piece, the joined answers are the answer to all at once. */
static void compare_pieces(struct calendar_under_test *t,
                           const struct openings *whole, int64_t from)
{
    int64_t until = from + SPAN * INT64_C(60), at = from;
    size_t k = 0;
    struct opening last = {0};

    while (at < until) {
        int64_t next = at + 1 + pick(30 * 3600);
        struct openings part;

        next = next < until ? next : until;
        part = calendar_openings(&t->arena, &t->calendar, at, next);
        for (size_t i = 0; i < part.n; i++) {
            if (last.until && part.list[i].from == last.until) {
                last.until = part.list[i].until;
                continue;
            }
            if (last.until) {
                assert_true(k < whole->n);
                assert_memory_equal(&whole->list[k++], &last, sizeof(last));
            }
            last = part.list[i];
        }
        at = next;
    }
    if (last.until)
        assert_memory_equal(&whole->list[k++], &last, sizeof(last));
    assert_int_equal(k, whole->n);
}

static void one_case(struct oracle *o, const char *zone, const char *middle)
{
    int64_t noon = utc(middle);
    int64_t from = noon - SPAN / 2 * INT64_C(60) + pick(DAY_MIN) * INT64_C(60);
    struct zone *z = zone_open(zone);
    char allow[400], freeze[400];
    struct calendar_under_test t;
    struct openings got;

    assert_non_null(z);
    look(o, z, from / 60 - AROUND);
    zone_close(z);
    invent_list(o, false, allow, sizeof(allow), noon / DAY_SECS);
    invent_list(o, true, freeze, sizeof(freeze), noon / DAY_SECS);
    calendar_set(&t, zone, allow, freeze);
    got = calendar_openings(&t.arena, &t.calendar, from,
                            from + SPAN * INT64_C(60));
    compare(o, &got, from, zone, allow, freeze);
    compare_pieces(&t, &got, from);
    calendar_unset(&t);
}

static void test_against_the_map(void **state)
{
    struct oracle *o = calloc(1, sizeof(*o));

    (void)state;
    assert_non_null(o);
    seed = 20260329;
    for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++) {
        for (size_t m = 0; m < sizeof(middles) / sizeof(middles[0]); m++) {
            one_case(o, zones[z], middles[m]);
            one_case(o, zones[z], middles[m]);
        }
    }
    free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_the_map),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
