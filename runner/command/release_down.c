/* What going back undoes in the database, and what that costs. */
#include <string.h>

#include "migrations/apply/backfill.h"
#include "migrations/apply/half.h"
#include "runner/base/duration.h"
#include "runner/command/release.h"
#include "runner/flow/back.h"

/* The newest rehearsal of a migration in the release that ran it, or NULL. */
static const struct rehearsed *rehearsed(const struct run *r,
                                         const struct applied_row *row)
{
    const struct json *all = r->s->state.rehearsals;

    for (size_t i = json_len(all); i-- > 0;) {
        const struct json *event = json_at(all, i);
        const char *of = json_str(event, "release");
        struct rehearsal was;
        struct err ignored;
        if (!of || strcmp(of, row->release) != 0 ||
            !rehearsal_from_json(&was, r->s->arena,
                                 json_get(event, "certificate"), &ignored))
            continue;
        for (size_t k = 0; k < was.n; k++)
            if (was.list[k].has_down && was.list[k].down_high > 0 &&
                strcmp(was.list[k].name, row->name) == 0)
                return &was.list[k];
    }
    return NULL;
}

/* How much of it is there, where that is not all; else NULL. */
static const char *half_there(const struct run *r,
                              const struct applied_row *row)
{
    const struct journal_row *begun =
        applied_half(&r->s->applied, row->name, false);
    const struct backfill_row *half =
        applied_backfill(&r->s->applied, row->name);

    return begun  ? half_far(r->s->arena, begun)
           : half ? backfill_far(r->s->arena, half)
                  : NULL;
}

static void say_undone(struct tidegate *t, const struct run *r,
                       const struct applied_row *row)
{
    const struct rehearsed *m = rehearsed(r, row);
    const char *half = half_there(r, row);
    char low[32], high[32];

    if (m) {
        duration_text(m->down_low, low, sizeof low);
        duration_text(m->down_high, high, sizeof high);
    }
    output_note(t->out, STYLE_PLAIN, "  %-12s %s, %s%s%s%s%s\n", "undoes",
                row->name,
                m ? "rehearsed: " : "never rehearsed: nobody knows its cost",
                m ? low : "", m ? arena_printf(t->arena, " to %s", high) : "",
                half ? "; " : "", half ? half : "");
    for (size_t k = 0; m && k < m->n_loses; k++)
        output_note(t->out, STYLE_PLAIN, "  %-12s %s\n", "data lost",
                    m->loses[k]);
}

void release_say_down(struct tidegate *t, const struct run *r)
{
    size_t n;
    const struct applied_row **rows = back_rows(r, &n);

    for (size_t i = 0; i < n; i++)
        say_undone(t, r, rows[i]);
}

struct json *release_down_json(const struct run *r)
{
    size_t n;
    const struct applied_row **rows = back_rows(r, &n);
    struct json *list = json_new_array();

    for (size_t i = 0; i < n; i++) {
        const struct rehearsed *m = rehearsed(r, rows[i]);
        const char *half = half_there(r, rows[i]);
        struct json *one = json_new_object();

        json_set_str(one, "name", rows[i]->name);
        json_set_str(one, "phase", rows[i]->after ? "after" : "before");
        if (half)
            json_set_str(one, "half", half);
        if (m) {
            json_set_int(one, "low_ms", m->down_low);
            json_set_int(one, "high_ms", m->down_high);
        }
        json_append(list, one);
    }
    return list;
}
