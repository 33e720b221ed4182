#include "runner/report/verdicts.h"

#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/clock.h"
#include "runner/base/duration.h"

static const char *const days[] = {"Sun", "Mon", "Tue", "Wed",
                                   "Thu", "Fri", "Sat"};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

char *report_time(struct arena *a, const struct zone *zone, int64_t utc)
{
    struct civil u = civil_from_utc(utc);
    struct civil l = zone ? zone_local(zone, utc) : u;
    const char *name = zone ? zone_abbreviation(zone, utc) : "UTC";
    char *local = arena_printf(
        a, "%s %d %s %d %02d:%02d %s", days[civil_weekday(&l)], l.day,
        months[l.month - 1], l.year, l.hour, l.minute, name);

    if (!zone || strcmp(name, "UTC") == 0)
        return local;
    return l.day == u.day
               ? arena_printf(a, "%s (%02d:%02d UTC)", local, u.hour, u.minute)
               : arena_printf(a, "%s (%s %02d:%02d UTC)", local,
                              days[civil_weekday(&u)], u.hour, u.minute);
}

char *report_distance(struct arena *a, int64_t now, int64_t then)
{
    char text[48];

    if (then == now)
        return arena_strdup(a, "now");
    duration_text((then > now ? then - now : now - then) * 1000, text,
                  sizeof text);
    return then > now ? arena_printf(a, "in %s", text)
                      : arena_printf(a, "%s ago", text);
}

static const char *const states[] = {
    [VERDICT_ASKED] = "asked",
    [VERDICT_OFF] = "off",
    [VERDICT_NOT_ASKED] = "not asked",
    [VERDICT_OVERRIDDEN] = "overridden",
};

static const enum style styles[] = {
    [PASS] = STYLE_GOOD, [HOLD] = STYLE_WARN, [STOP] = STYLE_BAD};

/* How an answer is known. What rests on an estimate of time is assumed. */
static const char *known(size_t gate, const struct verdict *v)
{
    if (v->state == VERDICT_OFF || v->state == VERDICT_NOT_ASKED)
        return "not checked";
    return gate == GATE_FIT || gate == GATE_REHEARSAL ? "assumed" : "proved";
}

/* The words in front of a gate, as wide for each. */
static void verdict_head(struct output *o, size_t gate, const struct verdict *v)
{
    const char *name = gates[gate].name, *how = known(gate, v);

    switch (v->state) {
    case VERDICT_OFF:
        output_style(o, STYLE_DIM, "  off   %-10s%-12s", name, how);
        break;
    case VERDICT_NOT_ASKED:
        output_style(o, STYLE_DIM, "  -     %-10s%-12s", name, how);
        break;
    case VERDICT_OVERRIDDEN:
        output_style(o, STYLE_WARN, "  OVERRIDDEN (was %s) %s",
                     verdict_word(v->was), name);
        break;
    case VERDICT_ASKED:
        output_style(o, styles[v->is], "  %s", verdict_word(v->is));
        output_text(o, "  %-10s%-12s", name, how);
        break;
    }
}

static void detail(struct output *o, const char *label, const char *text)
{
    if (*text)
        output_style(o, STYLE_DIM, "%30s%-8s%s\n", "", label, text);
}

static void verdict_details(struct output *o, struct arena *a,
                            const struct verdict *v, int64_t now,
                            const struct zone *zone)
{
    char age[48] = "";

    if (v->age >= 0)
        duration_text(v->age * 1000, age, sizeof age);
    detail(o, "limit", v->limit);
    if (v->source[0])
        detail(o, "source",
               age[0] ? arena_printf(a, "%s, %s ago", v->source, age)
                      : v->source);
    else if (age[0])
        detail(o, "age", age);
    if (v->is == HOLD)
        detail(o, "when",
               v->retry_at ? arena_printf(a, "may pass %s, %s",
                                          report_time(a, zone, v->retry_at),
                                          report_distance(a, now, v->retry_at))
                           : "nobody can tell when it may pass");
    if (v->is != PASS)
        detail(o, "fix", v->fix);
}

void report_verdicts(struct output *o, struct arena *a,
                     const struct verdict verdicts[GATE_COUNT], int64_t now,
                     const struct zone *zone)
{
    for (size_t i = 0; i < GATE_COUNT; i++) {
        const struct verdict *v = &verdicts[i];

        verdict_head(o, i, v);
        if (v->state == VERDICT_OFF)
            output_style(o, STYLE_DIM, "off (not configured)\n");
        else if (v->state == VERDICT_NOT_ASKED)
            output_style(o, STYLE_DIM, "not asked\n");
        else
            output_text(o, "%s%s\n", v->state == VERDICT_OVERRIDDEN ? ": " : "",
                        v->because);
        if (v->state == VERDICT_ASKED || v->state == VERDICT_OVERRIDDEN)
            verdict_details(o, a, v, now, zone);
    }
}

static void set_text(struct json *j, const char *key, const char *text)
{
    if (text && *text)
        json_set_str(j, key, text);
}

static const char *lower(enum verdict_is is)
{
    return is == PASS ? "pass" : is == HOLD ? "hold" : "stop";
}

struct json *report_verdicts_json(const struct verdict verdicts[GATE_COUNT])
{
    struct json *all = json_new_array();
    char at[21];

    for (size_t i = 0; i < GATE_COUNT; i++) {
        const struct verdict *v = &verdicts[i];
        struct json *row = json_new_object();

        json_set_str(row, "gate", gates[i].name);
        json_set_str(row, "state", states[v->state]);
        json_set_str(row, "known", known(i, v));
        if (v->state == VERDICT_ASKED || v->state == VERDICT_OVERRIDDEN) {
            json_set_str(row, "verdict", lower(v->is));
            set_text(row, "rule", v->rule);
            set_text(row, "because", v->because);
            set_text(row, "fix", v->fix);
            set_text(row, "limit", v->limit);
            set_text(row, "source", v->source);
            if (v->age >= 0)
                json_set_int(row, "age_seconds", v->age);
            if (v->retry_at)
                json_set_str(row, "retry_at", clock_rfc3339(v->retry_at, at));
        }
        if (v->state == VERDICT_OVERRIDDEN)
            json_set_str(row, "was", lower(v->was));
        json_append(all, row);
    }
    return all;
}

int64_t report_retry_at(const struct verdict verdicts[GATE_COUNT])
{
    int64_t last = 0;

    for (size_t i = 0; i < GATE_COUNT; i++) {
        if (verdicts[i].is != HOLD || verdicts[i].state != VERDICT_ASKED)
            continue;
        if (!verdicts[i].retry_at)
            return 0;
        if (verdicts[i].retry_at > last)
            last = verdicts[i].retry_at;
    }
    return last;
}

static size_t first_of(const struct verdict verdicts[GATE_COUNT],
                       enum verdict_is is)
{
    size_t i = 0;

    while (i < GATE_COUNT &&
           (verdicts[i].is != is || verdicts[i].state != VERDICT_ASKED))
        i++;
    return i;
}

/* The gates besides `first` that do not pass, each with its reason. */
static void others(const struct verdict verdicts[GATE_COUNT], size_t first,
                   struct buf *out)
{
    for (size_t i = 0; i < GATE_COUNT; i++)
        if (i != first && verdicts[i].is != PASS &&
            verdicts[i].state == VERDICT_ASKED)
            buf_printf(out, "\nalso %s (%s): %s", gates[i].name,
                       verdict_word(verdicts[i].is), verdicts[i].because);
}

/* "v1.4.3 is not expected in production": the accident has words of its own. */
static void verdict_what(enum gate_id id, const struct verdict *v,
                         const char *release, const char *environment,
                         struct err *e)
{
    if (v->is == HOLD)
        err_what(e, ERR_HELD, "%s must wait for %s: gate `%s` holds", release,
                 environment, gates[id].name);
    else if (id == GATE_EXPECTED)
        err_what(e, ERR_REFUSED, "%s is not expected in %s", release,
                 environment);
    else
        err_what(e, ERR_REFUSED, "%s may not go to %s: gate `%s` stops it",
                 release, environment, gates[id].name);
}

bool report_verdict_err(const struct verdict verdicts[GATE_COUNT],
                        const char *release, const char *environment,
                        struct err *e)
{
    size_t i = first_of(verdicts, STOP);
    const struct verdict *v;
    struct buf more;

    if (i == GATE_COUNT)
        i = first_of(verdicts, HOLD);
    if (i == GATE_COUNT)
        return true;
    v = &verdicts[i];
    buf_init(&more);
    others(verdicts, i, &more);
    verdict_what((enum gate_id)i, v, release, environment, e);
    err_why(e, "%s%s", v->because, more.data);
    buf_release(&more);
    return err_fix(e, "%s",
                   v->fix[0]       ? v->fix
                   : v->is == HOLD ? "try again later, or wait with --wait"
                                   : "see: tidegate check");
}
