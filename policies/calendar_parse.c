#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "policies/calendar.h"
#include "policies/calendar_item.h"
#include "runner/base/clock.h"
#include "runner/base/duration.h"

#define DAY_MINUTES 1440
#define EVERY_DAY   0x7fu
#define LONGEST_MS  (7 * 24 * 3600 * INT64_C(1000))

static const char days_of_week[7][4] = {"Sun", "Mon", "Tue", "Wed",
                                        "Thu", "Fri", "Sat"};

/* The item being read: `at` walks through item->text. */
struct reader {
    struct calendar_item *item;
    const char *at;
    struct err *e;
};

static bool bad(struct reader *r, const char *why, const char *fix)
{
    err_what(r->e, ERR_CONFIG, "bad window item '%s'", r->item->text);
    err_why(r->e, "%s", why);
    return err_fix(r->e, "%s", fix);
}

static bool bad_time(struct reader *r)
{
    return bad(r, "a time of day is 00:00 to 23:59; 24:00 only ends",
               "write HH:MM-HH:MM with two digits each and no blanks, for "
               "example 22:00-02:00");
}

static bool bad_tail(struct reader *r)
{
    err_what(r->e, ERR_CONFIG, "bad window item '%s'", r->item->text);
    err_why(r->e, "'%s' is not understood", r->at);
    if (*r->at == ',')
        return err_fix(r->e, "a comma without a blank joins days; write ', ' "
                             "between items");
    return err_fix(r->e, "write it like 'Mon-Thu 22:00-02:00', 'Tue,Thu 22:00 "
                         "for 6h', 'Sat 20:00-Sun 08:00', '2026-10-24 "
                         "22:00-04:00', '2026-12-20..2027-01-03', 'Fri' or "
                         "'always'");
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Skips blanks; false when there were none. */
static bool read_blanks(struct reader *r)
{
    const char *begin = r->at;

    while (is_blank(*r->at))
        r->at++;
    return r->at != begin;
}

/* Exactly `count` digits; -1 when they are not there. */
static int read_digits(struct reader *r, int count)
{
    int value = 0;

    for (int i = 0; i < count; i++) {
        if (!isdigit((unsigned char)r->at[i]))
            return -1;
        value = value * 10 + (r->at[i] - '0');
    }
    r->at += count;
    return value;
}

static bool read_char(struct reader *r, char c)
{
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

/* HH:MM as minutes; 24:00 is 1440. -1 when it is none. */
static int read_time(struct reader *r)
{
    int hour = read_digits(r, 2);
    int minute = hour >= 0 && read_char(r, ':') ? read_digits(r, 2) : -1;

    if (minute < 0 || minute > 59 || hour > 24 || (hour == 24 && minute))
        return -1;
    return hour * 60 + minute;
}

/* 0 = Sunday .. 6 = Saturday; -1 when no day name stands here. */
static int read_day(struct reader *r)
{
    for (int i = 0; i < 7; i++) {
        if (strncmp(r->at, days_of_week[i], 3) == 0 &&
            !isalpha((unsigned char)r->at[3])) {
            r->at += 3;
            return i;
        }
    }
    return -1;
}

static bool bad_day(struct reader *r)
{
    return bad(r, "days are Mon, Tue, Wed, Thu, Fri, Sat and Sun",
               "write days as Mon-Thu or Tue,Thu, without blanks between "
               "them, then the time");
}

/* "Mon", "Mon-Thu", "Tue,Thu", "Mon-Wed,Fri" */
static bool read_days(struct reader *r)
{
    do {
        int first = read_day(r), last = first;

        if (first < 0)
            return bad_day(r);
        if (read_char(r, '-')) {
            last = read_day(r);
            if (last < 0)
                return bad_day(r);
            if (last == first)
                return bad(r, "a range of days begins and ends on one day",
                           "name the day once, or write 00:00-24:00 for "
                           "every day");
        }
        for (int d = first;; d = (d + 1) % 7) {
            r->item->days |= 1u << d;
            if (d == last)
                break;
        }
    } while (read_char(r, ','));
    return true;
}

static bool read_date(struct reader *r, int64_t *date)
{
    struct civil c = {0};

    c.year = read_digits(r, 4);
    c.month = c.year >= 1970 && read_char(r, '-') ? read_digits(r, 2) : -1;
    c.day = c.month >= 0 && read_char(r, '-') ? read_digits(r, 2) : -1;
    if (c.day < 0 || !civil_valid(&c))
        return bad(r, "there is no such date",
                   "write YYYY-MM-DD, from 1970 on, for example 2026-12-20");
    *date = civil_days(c.year, c.month, c.day);
    return true;
}

/* "for 6h", after the blank */
static bool read_elapsed(struct reader *r)
{
    int64_t ms;

    r->at += strlen("for");
    if (!read_blanks(r) || !duration_parse(r->at, &ms))
        return bad(r, "after `for` stands a duration with a unit",
                   "write it like 'Tue,Thu 22:00 for 6h'");
    if (ms < 1000 || ms % 1000 || ms > LONGEST_MS)
        return bad(r, "it lasts whole seconds, from 1s to 7d",
                   "write a length between 1s and 7d");
    r->item->elapsed = ms / 1000;
    r->at += strlen(r->at);
    return true;
}

/* Whether exactly one day is named. */
static int only_day(unsigned days)
{
    return days && !(days & (days - 1)) ? __builtin_ctz(days) : -1;
}

/* "Sun 08:00", after the dash of "Sat 20:00-" */
static bool read_end_day(struct reader *r)
{
    int from = only_day(r->item->days), to = read_day(r), end;

    if (to < 0)
        return bad_day(r);
    if (r->item->form != ITEM_WEEKLY || from < 0)
        return bad(r, "an end with a day wants one day at its start",
                   "write one item for each start, like 'Sat 20:00-Sun "
                   "08:00'");
    end = read_blanks(r) ? read_time(r) : -1;
    if (end < 0)
        return bad_time(r);
    r->item->end = (to - from + 7) % 7 * DAY_MINUTES + end;
    if (r->item->end <= r->item->start)
        return bad(r, "it does not end after it begins",
                   "name the day on which it ends; for more than six days "
                   "write several items");
    return true;
}

/* "02:00", after the dash */
static bool read_end(struct reader *r)
{
    int end = read_time(r);

    if (end < 0)
        return bad_time(r);
    if (end == r->item->start)
        return bad(r, "it begins and ends at the same time",
                   "write 00:00-24:00 for a whole day");
    r->item->end = end < r->item->start ? end + DAY_MINUTES : end;
    return true;
}

/* "22:00-02:00", "22:00-Sun 08:00", "22:00 for 6h" */
static bool read_times(struct reader *r)
{
    r->item->start = read_time(r);
    if (r->item->start < 0 || r->item->start == DAY_MINUTES)
        return bad_time(r);
    if (read_char(r, '-'))
        return isalpha((unsigned char)*r->at) ? read_end_day(r) : read_end(r);
    if (read_blanks(r) && strncmp(r->at, "for", 3) == 0)
        return read_elapsed(r);
    return bad(r, "after the time at which it begins stands no end",
               "write it like '22:00-02:00' or '22:00 for 6h'");
}

static bool read_dated(struct reader *r)
{
    int64_t last;

    r->item->form = ITEM_DATED;
    if (!read_date(r, &r->item->date))
        return false;
    if (is_blank(*r->at)) {
        read_blanks(r);
        return read_times(r);
    }
    if (strncmp(r->at, "..", 2) != 0)
        return bad(r, "after a date stands '..' and a last date, or a time",
                   "write '2026-12-24..2026-12-24' for one whole day, or "
                   "'2026-10-24 22:00-04:00'");
    r->at += 2;
    if (!read_date(r, &last))
        return false;
    if (last < r->item->date)
        return bad(r, "the last date lies before the first",
                   "write the earlier date first");
    r->item->end = (last - r->item->date + 1) * DAY_MINUTES;
    return true;
}

static bool read_weekly(struct reader *r)
{
    r->item->form = ITEM_WEEKLY;
    if (isdigit((unsigned char)*r->at)) {
        r->item->days = EVERY_DAY;
        return read_times(r);
    }
    if (!read_days(r))
        return false;
    if (*r->at == '\0') {
        r->item->bare = true;
        r->item->end = DAY_MINUTES;
        return true;
    }
    r->item->timed_day = true;
    return read_blanks(r) ? read_times(r) : bad_day(r);
}

static bool read_item(struct calendar_item *item, struct err *e)
{
    struct reader r = {item, item->text, e};
    bool dated = strspn(r.at, "0123456789") == 4 && r.at[4] == '-';

    if (strcmp(item->text, "always") == 0) {
        item->form = ITEM_ALWAYS;
        return true;
    }
    if (dated ? !read_dated(&r) : !read_weekly(&r))
        return false;
    return *r.at == '\0' || bad_tail(&r);
}

/* "Fri, Sun 01:00-06:00" reads as two items to us and as two days to its
 * writer: refused rather than guessed. */
static bool check_bare(const struct calendar_item *before,
                       const struct calendar_item *item, struct err *e)
{
    if (!before->bare || !item->timed_day)
        return true;
    err_what(e, ERR_CONFIG, "window items '%s, %s' can be read in two ways",
             before->text, item->text);
    err_why(e, "'%s' alone is a whole day, and a day with a time follows",
            before->text);
    return err_fix(e,
                   "write '%s,%s' for both days at that time, or '%s "
                   "00:00-24:00, %s'",
                   before->text, item->text, before->text, item->text);
}

/* Where the item that begins at s ends: a comma with a blank (or nothing)
 * after it, or the end of the line. */
static size_t item_length(const char *s)
{
    size_t i;

    for (i = 0; s[i] && s[i] != '\n'; i++) {
        if (s[i] == ',' && (!s[i + 1] || strchr(" \t\n", s[i + 1])))
            break;
    }
    return i;
}

static bool bad_list(struct err *e, const char *text)
{
    err_what(e, ERR_CONFIG, "window item missing in '%s'", text);
    err_why(e, "an item stands before and after each comma");
    return err_fix(e, "write items like 'Mon-Thu 22:00-02:00, Sun "
                      "01:00-06:00', or leave the key out");
}

static char *item_text(struct arena *a, const char *s, size_t len)
{
    while (len && is_blank(s[len - 1]))
        len--;
    return arena_strndup(a, s, len);
}

bool calendar_parse(struct arena *a, const char *text,
                    struct calendar_item **items, size_t *n, struct err *e)
{
    const char *s = text + strspn(text, " \t\n");
    struct calendar_item *list =
        arena_array(a, strlen(text) / 4 + 2, sizeof(*list));
    bool comma = true;
    size_t count = 0;

    while (*s) {
        struct calendar_item *item = &list[count];
        size_t len = item_length(s);

        item->text = item_text(a, s, len);
        if (!*item->text)
            return bad_list(e, text);
        if (!read_item(item, e))
            return false;
        if (count && !check_bare(item - 1, item, e))
            return false;
        count++;
        comma = s[len] == ',';
        s += len + comma;
        s += strspn(s, " \t\n");
    }
    if (comma)
        return bad_list(e, text);
    *items = list;
    *n = count;
    return true;
}
