#include "runner/flow/measured.h"

#include "runner/base/duration.h"

/* Of one migration: in the ledger, and on the screen. */
#define KEPT 1000
#define TOLD 20

static const struct rehearsed_statement *predicted(const struct rehearsed *as,
                                                   bool down, size_t number)
{
    const struct rehearsed_statement *list = down ? as->down : as->up;
    size_t n = down ? as->n_down : as->n;

    for (size_t i = 0; i < n; i++)
        if (list[i].number == (int)number)
            return &list[i];
    return NULL;
}

static struct json *statement_json(const struct rehearsed_statement *p,
                                   size_t number, int64_t took)
{
    struct json *o = json_new_object();

    json_set_int(o, "number", (int64_t)number);
    json_set_int(o, "took_ms", took);
    if (!p)
        return o;
    json_set_int(o, "line", p->line);
    json_set_int(o, "low_ms", p->low);
    json_set_int(o, "likely_ms", p->likely);
    json_set_int(o, "high_ms", p->high);
    json_set_int(o, "scaled_ms", p->scaled);
    json_set_str(o, "work", work_word(p->work));
    return o;
}

/* What nobody waited for and nobody expected to. */
static bool is_trifle(const struct rehearsed_statement *p, int64_t took)
{
    return took < LEARN_FLOOR && (!p || p->likely < LEARN_FLOOR);
}

static void tell(struct run *r, const char *name,
                 const struct rehearsed_statement *p, int64_t took)
{
    char low[32], likely[32], high[32], real[32];

    duration_text(p->low, low, sizeof low);
    duration_text(p->likely, likely, sizeof likely);
    duration_text(p->high, high, sizeof high);
    duration_text(took, real, sizeof real);
    progress_step(r->s->progress,
                  arena_printf(r->s->arena, "%s:%d", name, p->line),
                  "predicted %s (%s to %s), took %s%s", likely, low, high, real,
                  took > p->high ? ": longer than predicted" : "");
}

void measured_keep(struct run *r, const char *name, bool down,
                   const struct rehearsed *as, const struct apply_result *got)
{
    struct json *o = json_new_object(), *list = json_new_array();
    size_t kept = 0, told = 0, left_out = 0;
    struct err e;

    for (size_t i = 0; i < got->statements; i++) {
        int64_t took = got->statement_ms[i];
        const struct rehearsed_statement *p =
            as ? predicted(as, down, i + 1) : NULL;

        if (took < 0)
            continue;
        if (p && !is_trifle(p, took) && told++ < TOLD)
            tell(r, name, p, took);
        if (kept < KEPT && (got->statements <= KEPT || !is_trifle(p, took))) {
            json_append(list, statement_json(p, i + 1, took));
            kept++;
        } else {
            left_out++;
        }
    }
    json_set_str(o, "run", r->id);
    json_set_str(o, "environment", r->s->env->name);
    json_set_str(o, "target", name);
    json_set_bool(o, "down", down);
    json_set(o, "statements", list);
    if (left_out)
        json_set_int(o, "left_out", (int64_t)left_out);
    if (kept + left_out == 0)
        json_free(o);
    else if (!ledger_append(r->s->ledger, EVENT_MEASURED, o, &e))
        progress_warn(r->s->progress, name,
                      "what its statements took was not kept: %s", e.why);
}
