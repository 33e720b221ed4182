/* show: every event of one run. */
#include <string.h>

#include "runner/command/cmd.h"
#include "runner/command/event_text.h"
#include "runner/command/measured_text.h"

struct show_args {
    const char *run;
};

/* The runs whose id begins with a prefix: the first two, and how many. */
struct finding {
    const char *prefix;
    char id[2][80];
    size_t n;
};

static bool find(void *ctx, const struct event *event)
{
    struct finding *f = ctx;
    const char *id = json_str(event->payload, "run");

    if (event->kind != EVENT_RUN || !id ||
        strncmp(id, f->prefix, strlen(f->prefix)) != 0)
        return true;
    if (strcmp(id, f->prefix) == 0)
        f->n = 0;
    if (f->n < 2)
        snprintf(f->id[f->n], sizeof f->id[0], "%s", id);
    f->n++;
    return strcmp(id, f->prefix) != 0;
}

static bool found(const struct finding *f, struct err *e)
{
    if (f->n == 1)
        return true;
    if (f->n == 0) {
        err_what(e, ERR_USAGE, "there is no run %s", f->prefix);
        err_why(e, "no run in this ledger has an id that begins so");
    } else {
        err_what(e, ERR_USAGE, "%zu runs begin with %s", f->n, f->prefix);
        err_why(e, "two of them: %s, %s", f->id[0], f->id[1]);
    }
    return err_fix(e, "see the ids: tidegate history");
}

struct showing {
    struct tidegate *t;
    const char *run;
    struct table table;
    struct json *events;
    struct measured_text measured;
};

static bool show_one(void *ctx, const struct event *event)
{
    struct showing *s = ctx;
    const char *run = json_str(event->payload, "run");
    char at[21];

    if (!run || strcmp(run, s->run) != 0)
        return true;
    table_cell(&s->table, "%lld", (long long)event->seq);
    table_cell(&s->table, "%s", clock_rfc3339(event->at, at));
    table_cell(&s->table, "%lld", (long long)event->epoch);
    table_cell(&s->table, "%s", event_text(s->t->arena, event));
    json_append(s->events, event_json(event, false));
    if (event->kind == EVENT_MEASURED)
        measured_text_add(&s->measured, event->payload);
    return true;
}

static bool show_run(struct tidegate *t, void *p, struct err *e)
{
    static const char *const headings[] = {"SEQ", "AT", "EPOCH", "EVENT", NULL};
    struct finding f = {.prefix = ((struct show_args *)p)->run};
    struct showing s = {.t = t, .run = f.id[0]};
    struct json *all;

    if (!ledger_each(t->ledger, find, &f, e) || !found(&f, e))
        return false;
    if (ledger_trouble(t->ledger))
        output_note(t->out, STYLE_WARN, "warning: %s\n",
                    ledger_trouble(t->ledger));
    table_init(&s.table, t->arena, headings);
    s.events = json_new_array();
    measured_text_init(&s.measured, t->arena);
    if (!ledger_each(t->ledger, show_one, &s, e)) {
        json_free(s.events);
        json_free(s.measured.json);
        return false;
    }
    table_print(t->out, &s.table);
    measured_text_print(&s.measured, t->out);
    all = json_new_object();
    json_set_str(all, "run", s.run);
    json_set(all, "events", s.events);
    json_set(all, "statements", s.measured.json);
    output_json(t->out, all);
    return true;
}

static const struct arg show_words[] = {
    {"RUN", "Its id, or the beginning of it.", ARG_ONE, ARG(show_args, run)},
    {0},
};

const struct cmd cmd_show = {
    .name = "show",
    .summary = "Tell everything that one run did.",
    .help = "Every event of the run in the order in which it became durable: "
            "intents before effects, what came of them, decisions, the end. "
            "Then what each statement of its migrations took, against what "
            "its rehearsal had predicted.",
    .needs = NEED_CONFIG | NEED_LEDGER,
    .args = show_words,
    .args_size = sizeof(struct show_args),
    .run = show_run,
};
