/* ledger: the record itself: is it intact, what does it hold, and all of it
 * for other programs. */
#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/duration.h"
#include "runner/command/cmd.h"
#include "runner/command/event_text.h"

struct ledger_args {
    const char *verb;
    int last;
};

static struct json *report_json(const struct tidegate *t,
                                const struct ledger_report *r)
{
    struct json *j = json_new_object();

    json_set_str(j, "ledger", t->config.ledger);
    json_set_bool(j, "intact", r->bad_seq == 0);
    json_set_int(j, "records", r->records);
    json_set_int(j, "bytes", r->bytes);
    json_set_str(j, "head", r->head);
    json_set_int(j, "torn_bytes", r->torn);
    if (r->bad_seq) {
        json_set_int(j, "bad_seq", r->bad_seq);
        json_set_int(j, "bad_offset", r->bad_offset);
        json_set_str(j, "why", r->why);
    }
    return j;
}

static bool verify(struct tidegate *t, const struct ledger_args *args,
                   struct err *e)
{
    struct ledger_report r;
    char size[32];

    (void)args;
    if (!ledger_verify(t->config.ledger, &r, e))
        return false;
    output_json(t->out, report_json(t, &r));
    if (r.bad_seq) {
        err_what(e, ERR_LEDGER,
                 "the ledger %s is damaged at record %lld, offset %lld",
                 t->config.ledger, (long long)r.bad_seq,
                 (long long)r.bad_offset);
        err_why(e, "%s; %lld records before it are intact", r.why,
                (long long)r.records);
        return err_fix(e, "keep this copy and bring back an intact one; "
                          "nothing was changed");
    }
    output_style(t->out, STYLE_GOOD, "intact");
    output_text(t->out, ": %lld records, %s, head %s\n", (long long)r.records,
                bytes_text(r.bytes, size, sizeof size), r.head);
    if (r.torn)
        output_style(t->out, STYLE_WARN,
                     "a torn record of %lld bytes stands at the end; the next "
                     "command that writes sets it aside\n",
                     (long long)r.torn);
    return true;
}

struct listing {
    struct tidegate *t;
    int64_t first; /* seq */
    struct table table;
    struct json *events;
};

static bool list_one(void *ctx, const struct event *event)
{
    struct listing *l = ctx;
    char at[21];

    if (event->seq < l->first)
        return true;
    json_append(l->events, event_json(event, true));
    table_cell(&l->table, "%lld", (long long)event->seq);
    table_cell(&l->table, "%s", clock_rfc3339(event->at, at));
    table_cell(&l->table, "%lld", (long long)event->epoch);
    table_cell(&l->table, "%s", event_word(event->kind));
    table_cell(&l->table, "%s", event_text(l->t->arena, event));
    return true;
}

/* JSON with every character that is not ASCII as \\uXXXX, so that nothing in
 * it steers a terminal and it passes unchanged through what escapes that. */
static char *ascii_json(struct arena *a, const char *text)
{
    struct buf b;

    buf_init(&b);
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        int more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
        uint32_t c = more ? *p & (0x3f >> more) : *p;
        for (p++; more > 0; more--)
            c = c << 6 | (*p++ & 0x3f);
        if (c < 0x7f)
            buf_char(&b, (char)c);
        else if (c < 0x10000)
            buf_printf(&b, "\\u%04x", c);
        else
            buf_printf(&b, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                       0xdc00 + ((c - 0x10000) & 0x3ff));
    }
    return buf_into(&b, a);
}

/* A document of all, or with text one JSON object a line, never all at
 * once. */
static bool export_one(void *ctx, const struct event *event)
{
    struct listing *l = ctx;
    struct json *j = event_json(event, true);
    struct arena scratch;

    if (l->t->out->json) {
        json_append(l->events, j);
        return true;
    }
    arena_init(&scratch);
    output_text(l->t->out, "%s\n",
                ascii_json(&scratch, json_canonical(&scratch, j)));
    arena_release(&scratch);
    json_free(j);
    return true;
}

static bool each(struct tidegate *t, struct listing *l,
                 bool (*visit)(void *, const struct event *), struct err *e)
{
    struct json *all;

    if (!t->ledger)
        t->ledger = ledger_open(t->arena, t->config.ledger, LEDGER_READ, e);
    if (!t->ledger)
        return false;
    if (ledger_trouble(t->ledger))
        output_note(t->out, STYLE_WARN, "warning: %s\n",
                    ledger_trouble(t->ledger));
    l->t = t;
    if (l->first < 0)
        l->first += ledger_seq(t->ledger) + 1;
    l->events = json_new_array();
    all = json_new_object();
    json_set_str(all, "ledger", ledger_id(t->ledger));
    json_set_int(all, "records", ledger_seq(t->ledger));
    json_set_str(all, "head", ledger_head(t->ledger));
    json_set(all, "events", l->events);
    if (!ledger_each(t->ledger, visit, l, e)) {
        json_free(all);
        return false;
    }
    output_json(t->out, all);
    return true;
}

static bool list(struct tidegate *t, const struct ledger_args *args,
                 struct err *e)
{
    static const char *const headings[] = {"SEQ",  "AT",    "EPOCH",
                                           "KIND", "EVENT", NULL};
    struct listing l = {.first = args->last ? -(int64_t)args->last : 1};

    table_init(&l.table, t->arena, headings);
    if (!each(t, &l, list_one, e))
        return false;
    output_text(t->out, "ledger %s: %lld records, epoch %lld, head %s\n\n",
                ledger_id(t->ledger), (long long)ledger_seq(t->ledger),
                (long long)ledger_epoch(t->ledger), ledger_head(t->ledger));
    table_print(t->out, &l.table);
    return true;
}

static bool export(struct tidegate *t, const struct ledger_args *args,
                   struct err *e)
{
    struct listing l = {0};

    (void)args;
    return each(t, &l, export_one, e);
}

static const struct {
    const char *verb;
    bool (*run)(struct tidegate *t, const struct ledger_args *args,
                struct err *e);
} verbs[] = {
    {"verify", verify},
    {"show", list},
    {"export", export},
};

static bool ledger_run(struct tidegate *t, void *p, struct err *e)
{
    const struct ledger_args *args = p;

    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].verb, args->verb) == 0)
            return verbs[i].run(t, args, e);
    BUG("ledger %s", args->verb);
}

static const struct arg ledger_words[] = {
    {"verify|show|export",
     "Check every record; list the records; print them all as JSON.", ARG_ONE,
     ARG(ledger_args, verb)},
    {0},
};

static const struct opt ledger_opts[] = {
    {"last", 'n', "N", "With show: the newest N; default: all.",
     OPT_INT(ledger_args, last)},
    {0},
};

const struct cmd cmd_ledger = {
    .name = "ledger",
    .summary = "Verify, list or export the ledger.",
    .help = "`verify` reads every record again and checks its hash and its "
            "place in the chain; damage is exit 74 with the record's number "
            "and offset, and is never repaired by itself. `export` prints one "
            "JSON object a line, with --format json one document.",
    .needs = NEED_CONFIG,
    .args = ledger_words,
    .opts = ledger_opts,
    .args_size = sizeof(struct ledger_args),
    .run = ledger_run,
};
