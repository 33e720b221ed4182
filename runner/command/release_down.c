/* What going back undoes in the database, and what that costs. */
#include <string.h>

#include "migrations/apply/backfill.h"
#include "migrations/apply/half.h"
#include "runner/base/duration.h"
#include "runner/command/release.h"
#include "runner/flow/back.h"
#include "runner/flow/expected.h"
#include "runner/flow/migrate.h"

static const struct applied_row **undone(const struct run *r, size_t *n)
{
    return r->down ? migrate_down_rows(r, n) : back_rows(r, n);
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
    const struct rehearsed *m = expected_back(r, row);
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
    const struct applied_row **rows = undone(r, &n);

    for (size_t i = 0; i < n; i++)
        say_undone(t, r, rows[i]);
}

static struct json *loses_json(const struct rehearsed *m)
{
    struct json *list = json_new_array();

    for (size_t i = 0; i < m->n_loses; i++)
        json_append(list, json_new_string(m->loses[i]));
    return list;
}

struct json *release_down_json(const struct run *r)
{
    size_t n;
    const struct applied_row **rows = undone(r, &n);
    struct json *list = json_new_array();

    for (size_t i = 0; i < n; i++) {
        const struct rehearsed *m = expected_back(r, rows[i]);
        const char *half = half_there(r, rows[i]);
        struct json *one = json_new_object();

        json_set_str(one, "name", rows[i]->name);
        json_set_str(one, "phase", rows[i]->after ? "after" : "before");
        if (half)
            json_set_str(one, "half", half);
        if (m) {
            json_set_int(one, "low_ms", m->down_low);
            json_set_int(one, "high_ms", m->down_high);
            json_set(one, "loses", loses_json(m));
        }
        json_append(list, one);
    }
    return list;
}
