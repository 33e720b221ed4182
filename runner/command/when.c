#include <string.h>

#include "runner/base/duration.h"
#include "runner/command/cmd.h"
#include "runner/command/time_arg.h"
#include "runner/report/verdicts.h"

#define AHEAD   (14 * 86400)
#define LONGEST ((int64_t)3660 * 86400)

struct when_args {
    const char *from, *until;
};

static struct json *instant(int64_t utc)
{
    char text[21];

    return json_new_string(clock_rfc3339(utc, text));
}

static struct json *when_json(const struct openings *o)
{
    struct json *openings = json_new_array(), *warnings = json_new_array();
    struct json *all = json_new_object();

    for (size_t i = 0; i < o->n; i++) {
        struct json *one = json_new_object();

        json_set(one, "from", instant(o->list[i].from));
        json_set(one, "until", instant(o->list[i].until));
        json_append(openings, one);
    }
    for (size_t i = 0; i < o->warned; i++)
        json_append(warnings, json_new_string(o->warnings[i]));
    json_set(all, "openings", openings);
    json_set(all, "warnings", warnings);
    return all;
}

static void when_text(struct tidegate *t, const struct openings *o,
                      int64_t from, int64_t until)
{
    static const char *const headings[] = {"OPENS", "CLOSES", "LASTS", NULL};
    const struct zone *zone = t->env->policy.window.calendar.zone;
    struct table table;
    char length[48];

    table_init(&table, t->arena, headings);
    for (size_t i = 0; i < o->n; i++) {
        table_cell(&table, "%s", report_time(t->arena, zone, o->list[i].from));
        table_cell(&table, "%s", report_time(t->arena, zone, o->list[i].until));
        table_cell(&table, "%s",
                   duration_text((o->list[i].until - o->list[i].from) * 1000,
                                 length, sizeof length));
    }
    if (!t->env->policy.window.on)
        output_text(t->out, "The policy has no [window]: always open.\n");
    if (o->n)
        table_print(t->out, &table);
    else
        output_text(t->out, "No opening between %s and %s.\n",
                    report_time(t->arena, zone, from),
                    report_time(t->arena, zone, until));
    for (size_t i = 0; i < o->warned; i++)
        output_style(t->out, STYLE_WARN, "warning: %s\n", o->warnings[i]);
}

/* A local time that exists twice or not at all: the wider range is shown. */
static bool range_read(struct tidegate *t, const struct when_args *args,
                       int64_t *from, int64_t *until, struct err *e)
{
    const struct zone *zone = t->env->policy.window.calendar.zone;
    int64_t now = clock_now();
    struct zone_readings r;

    *from = now;
    if (args->from) {
        if (!time_arg_read("--from", args->from, zone, now, &r, e))
            return false;
        *from = r.early < r.late ? r.early : r.late;
    }
    *until = *from + AHEAD;
    if (args->until) {
        if (!time_arg_read("--until", args->until, zone, now, &r, e))
            return false;
        *until = r.early > r.late ? r.early : r.late;
    }
    if (*from < *until && *until - *from <= LONGEST)
        return true;
    err_what(e, ERR_USAGE, "--until is %s",
             *from < *until ? "over ten years after --from"
                            : "not after --from");
    err_why(e, "openings are listed from --from until --until");
    return err_fix(e, "give a later --until, at most ten years later");
}

static bool when_run(struct tidegate *t, void *p, struct err *e)
{
    const struct window_settings *w = &t->env->policy.window;
    struct openings o = {0};
    struct opening always;
    int64_t from, until;

    if (!range_read(t, p, &from, &until, e))
        return false;
    if (w->on) {
        o = calendar_openings(t->arena, &w->calendar, from, until);
    } else {
        always = (struct opening){from, until};
        o = (struct openings){.list = &always, .n = 1};
    }
    when_text(t, &o, from, until);
    output_json(t->out, when_json(&o));
    return true;
}

static const struct opt when_opts[] = {
    {"from", 0, "T", "First instant; default: now.", OPT_STR(when_args, from)},
    {"until", 0, "T", "Where to stop; default: 14 days after --from.",
     OPT_STR(when_args, until)},
    {0},
};

const struct cmd cmd_when = {
    .name = "when",
    .summary = "Show when the policy's window is open.",
    .help = "Reckons from the policy alone and contacts nothing. T is now, "
            "RFC 3339, or YYYY-MM-DD[ HH:MM] in the policy's time zone.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT,
    .opts = when_opts,
    .args_size = sizeof(struct when_args),
    .run = when_run,
};
