#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/clock.h"
#include "runner/report/output.h"

#define PLAIN_LIVE_MS 30000

static void add_subject(struct buf *line, const struct progress_note *n)
{
    if (n->subject)
        buf_printf(line, "%s: ", n->subject);
    buf_str(line, n->text);
    if (n->total > 0)
        buf_printf(line, " (%lld of %lld)", (long long)n->done,
                   (long long)n->total);
}

static void live(struct report_sink *s, const char *text, bool news)
{
    int64_t now = clock_mono();

    if (s->out->err_terminal) {
        output_live(s->out, text);
    } else if (news || now >= s->next_live) {
        output_note(s->out, STYLE_PLAIN, "    %s\n", text);
        s->next_live = now + PLAIN_LIVE_MS;
    }
}

static void note(struct progress *p, const struct progress_note *n)
{
    struct report_sink *s = (struct report_sink *)p;
    struct buf line;

    buf_init(&line);
    add_subject(&line, n);
    switch (n->kind) {
    case PROGRESS_STAGE:
        output_note(s->out, STYLE_BOLD, "==> %s\n", line.data);
        break;
    case PROGRESS_STEP:
        output_note(s->out, STYLE_PLAIN, "    %s\n", line.data);
        break;
    case PROGRESS_WARN:
        output_note(s->out, STYLE_WARN, "warning: %s\n", line.data);
        break;
    case PROGRESS_DETAIL:
        if (s->out->verbose > 0)
            output_note(s->out, STYLE_DIM, "    %s\n", line.data);
        break;
    case PROGRESS_NEWS:
    case PROGRESS_LIVE:
        live(s, line.data, n->kind == PROGRESS_NEWS);
        break;
    }
    buf_release(&line);
}

struct progress *report_sink_init(struct report_sink *s, struct output *o)
{
    *s = (struct report_sink){.progress = {.note = note}, .out = o};
    return &s->progress;
}
