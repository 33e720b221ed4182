#include "runner/command/estimate_text.h"

#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/clock.h"
#include "runner/command/rehearsal_text.h"

/* What was estimated of each kind of work. */
struct seen {
    bool any[WORKS];
    int runs[WORKS];
};

static void look(struct seen *seen, const struct rehearsal *r)
{
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->list[i].n; k++) {
            const struct rehearsed_statement *s = &r->list[i].up[k];

            seen->any[s->work] = true;
            seen->runs[s->work] = s->runs;
        }
}

static void say_factors(struct output *out, const struct seen *seen)
{
    struct buf learnt, defaults;

    buf_init(&learnt);
    buf_init(&defaults);
    for (int w = 0; w < WORKS; w++)
        if (seen->runs[w])
            buf_printf(&learnt, "%s%s by %d past runs", learnt.len ? ", " : "",
                       work_people((enum work)w, true), seen->runs[w]);
        else if (seen->any[w])
            buf_printf(&defaults, "%s%s", defaults.len ? ", " : "",
                       work_people((enum work)w, true));
    if (defaults.len)
        buf_printf(&learnt, "%s%s by default factors", learnt.len ? "; " : "",
                   defaults.data);
    if (learnt.len)
        output_text(out, "estimated: %s\n", learnt.data);
    buf_release(&learnt);
    buf_release(&defaults);
}

static void say_regime(struct output *out, const struct rehearsed *m,
                       const struct rehearsed_statement *s)
{
    if (s->cold)
        output_style(out, STYLE_WARN,
                     "%s:%d: the clone fits in cache, production does not: "
                     "reading may take far longer (counted in the upper "
                     "bound)\n",
                     m->name, s->line);
    if (s->spills)
        output_style(out, STYLE_WARN,
                     "%s:%d: sorts in memory on the clone, on disk in "
                     "production: maintenance_work_mem is too small for it "
                     "there (counted in the upper bound)\n",
                     m->name, s->line);
}

void estimate_text_grounds(struct output *out, const struct rehearsal *r)
{
    struct seen seen = {0};

    look(&seen, r);
    say_factors(out, &seen);
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->list[i].n; k++)
            say_regime(out, &r->list[i], &r->list[i].up[k]);
    if (r->basis.unread)
        output_style(out, STYLE_WARN,
                     "production does not let us read all of it; what was not "
                     "read is not compared later: %s\n",
                     r->basis.unread);
}

static const char *place(struct arena *a, const struct versus_change *c)
{
    if (c->line)
        return arena_printf(a, "%s:%d", c->migration, c->line);
    return *c->migration ? c->migration : "all of it";
}

static const char *side(struct arena *a, const struct versus_change *c,
                        const char *text)
{
    return strcmp(c->what, "statement") == 0 ? rehearsal_text_line(a, text)
                                             : text;
}

void estimate_text_versus(struct output *out, struct arena *a,
                          const struct versus *v, const char *release,
                          int64_t at)
{
    static const char *const headings[] = {"WHERE", "WHAT", "BEFORE", "NOW",
                                           NULL};
    struct table table;
    char time[21];

    output_text(out, "against the rehearsal of %s at %s: ", release,
                clock_rfc3339(at, time));
    if (v->n == 0) {
        output_text(out, "%zu statement%s, nothing changed beyond the noise\n",
                    v->n_statements, v->n_statements == 1 ? "" : "s");
        return;
    }
    output_text(out, "%zu change%s\n", v->n, v->n == 1 ? "" : "s");
    table_init(&table, a, headings);
    for (size_t i = 0; i < v->n; i++) {
        const struct versus_change *c = &v->list[i];

        table_cell(&table, "%s", place(a, c));
        table_cell(&table, "%s", c->what);
        table_cell(&table, "%s", side(a, c, c->before));
        table_cell(&table, "%s", side(a, c, c->after));
    }
    table_print(out, &table);
}
