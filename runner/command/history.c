/* history: the runs of an environment, newest last. */
#include <string.h>

#include "runner/base/duration.h"
#include "runner/command/cmd.h"
#include "runner/ledger/state.h"
#include "runner/report/verdicts.h"

struct history_args {
    int last;
};

static const char *outcome(const struct run_state *r)
{
    return r->ended == RUN_OPEN ? "unfinished" : run_ended_word(r->ended);
}

/* "0014_drop_note, 0015_drop_old"; NULL: nothing contracting waits. */
static const char *left(struct arena *a, const struct run_state *r)
{
    const struct json *list = json_get(r->end, "contract");
    const char *names = NULL;

    for (size_t i = 0; i < json_len(list); i++) {
        const char *name = json_str(json_at(list, i), "name");

        names = names ? arena_printf(a, "%s, %s", names, name) : name;
    }
    return names;
}

static void say(struct tidegate *t, const struct run_state *runs, size_t n)
{
    static const char *const headings[] = {
        "BEGAN",   "TOOK", "RUN",     "KIND", "FROM",
        "RELEASE", "EXIT", "OUTCOME", "WHO",  NULL};
    struct table table;
    char took[32];

    table_init(&table, t->arena, headings);
    for (size_t i = 0; i < n; i++) {
        const struct run_state *r = &runs[i];
        int64_t ms = (r->ended_at - r->began) * 1000;
        table_cell(&table, "%s",
                   report_time(t->arena, t->env->policy.window.calendar.zone,
                               r->began));
        table_cell(&table, "%s",
                   r->ended_at ? duration_text(ms, took, sizeof took) : "-");
        table_cell(&table, "%s", r->id);
        table_cell(&table, "%s", run_word(r));
        table_cell(&table, "%s", r->from ? r->from : "-");
        table_cell(&table, "%s", r->release ? r->release : "-");
        table_cell(&table, "%s",
                   r->ended_at ? arena_printf(t->arena, "%d", r->exit) : "-");
        table_cell(&table, "%s%s%s", outcome(r),
                   left(t->arena, r) ? ", contract pending: " : "",
                   left(t->arena, r) ? left(t->arena, r) : "");
        table_cell(&table, "%s", r->who ? r->who : "-");
    }
    if (n)
        table_print(t->out, &table);
    else
        output_text(t->out, "No run yet in %s.\n", t->env->name);
}

static void set(struct json *j, const char *key, const char *text)
{
    if (text)
        json_set_str(j, key, text);
}

static struct json *one(const struct run_state *r)
{
    struct json *j = json_new_object();
    char text[21];

    json_set_str(j, "run", r->id);
    json_set_str(j, "kind", run_word(r));
    json_set_str(j, "outcome", outcome(r));
    json_set_str(j, "began", clock_rfc3339(r->began, text));
    if (r->ended_at) {
        json_set_str(j, "ended", clock_rfc3339(r->ended_at, text));
        json_set_int(j, "seconds", r->ended_at - r->began);
        json_set_int(j, "exit", r->exit);
    }
    set(j, "release", r->release);
    set(j, "from", r->from);
    set(j, "commit", r->commit);
    set(j, "who", r->who);
    set(j, "why", r->why);
    set(j, "taken_over_by", r->taken_over_by);
    if (json_len(json_get(r->end, "contract")))
        json_set(j, "contract",
                 json_share((struct json *)json_get(r->end, "contract")));
    return j;
}

static bool history_run(struct tidegate *t, void *p, struct err *e)
{
    const struct history_args *args = p;
    struct environment_state state;
    struct json *all, *runs;
    size_t first = 0;

    if (!state_read(&state, t->arena, t->ledger, t->env->name, e))
        return false;
    if (args->last > 0 && state.n_runs > (size_t)args->last)
        first = state.n_runs - (size_t)args->last;
    if (ledger_trouble(t->ledger))
        output_note(t->out, STYLE_WARN, "warning: %s\n",
                    ledger_trouble(t->ledger));
    say(t, state.runs + first, state.n_runs - first);
    runs = json_new_array();
    for (size_t i = first; i < state.n_runs; i++)
        json_append(runs, one(&state.runs[i]));
    all = json_new_object();
    json_set_str(all, "environment", t->env->name);
    json_set(all, "runs", runs);
    output_json(t->out, all);
    return true;
}

static const struct opt history_opts[] = {
    {"last", 'n', "N", "Show the newest N; default: all.",
     OPT_INT(history_args, last)},
    {0},
};

const struct cmd cmd_history = {
    .name = "history",
    .summary = "List the runs of an environment, newest last.",
    .help = "For each: when it began, how long it took, what it was to do, "
            "and how it ended. `tidegate show RUN` tells all of one.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | NEED_LEDGER,
    .opts = history_opts,
    .args_size = sizeof(struct history_args),
    .run = history_run,
};
