#include "migrations/rehearse/passes.h"

#include "migrations/rehearse/again.h"
#include "migrations/rehearse/filled.h"
#include "migrations/rehearse/old_code.h"
#include "runner/base/duration.h"

/* How often the schema is read on one way, at most. */
#define BLOCKS 16
/* What takes so long at most, and so many times as long in production, is
 * measured a third time. */
#define LITTLE_MS  20000
#define MULTIPLIED 10

void passes_init(struct passes *p, struct arena *a,
                 const struct migration *const *pending, size_t n)
{
    bool all_down = true;
    size_t step;

    p->n = 0;
    p->list = arena_array(a, n, sizeof *p->list);
    for (int after = 0; after < 2; after++) {
        p->before = after ? p->n : 0;
        for (size_t i = 0; i < n; i++)
            if (pending[i]->after == (after == 1))
                p->list[p->n++].migration = pending[i];
    }
    for (size_t i = 0; i < n; i++)
        all_down &= pending[i]->has_down;
    /* within a block one without a down would blame its neighbours */
    step = all_down ? (n + BLOCKS - 1) / BLOCKS : 1;
    for (size_t i = 0; i < n; i += step)
        p->list[i].block = n - i < step ? n - i : step;
}

static void say(struct passes *p, const struct migration *m, const char *way,
                const struct traced_script *s)
{
    char text[32];

    if (s->failed)
        progress_warn(p->trace.progress, m->name, "%s failed: %s", way,
                      s->failed);
    else
        progress_step(p->trace.progress, m->name, "%s: %s", way,
                      duration_text(s->ms, text, sizeof text));
}

static bool schema(struct passes *p, struct fingerprint *out, struct err *e)
{
    return fingerprint_take(p->trace.work, p->trace.arena, out, e);
}

/* Whether a block with a down begins at i. */
static bool goes_down(const struct passes *p, size_t i)
{
    return p->list[i].block && p->list[i].migration->has_down;
}

/* Whether the schema between i - 1 and i is asked for, by the block on either
 * side of it. */
static bool is_edge(const struct passes *p, size_t i)
{
    return p->list[i].block &&
           (goes_down(p, i) || (i && p->list[i - 1].migration->has_down));
}

/* Whether the old code is held against the schema before i: of each migration
 * that it meets; of many, of all of them at once. */
static bool is_met(const struct passes *p, size_t i)
{
    return p->before && i <= p->before &&
           (p->before <= BLOCKS || i == 0 || i == p->before);
}

static bool is_declared(const struct passes *p, size_t i, size_t end)
{
    for (; i < end; i++)
        if (p->list[i].migration->compatible)
            return true;
    return false;
}

/* What breaks between two of those schemas, and did not break before. */
static void judge_old_code(struct passes *p)
{
    struct arena *a = p->trace.arena;
    struct old_code known = {0}, now;

    for (size_t i = 0, end; i < p->before; i = end) {
        for (end = i + 1; !is_met(p, end);)
            end++;
        old_code_breaks(&now, a, &p->list[0].up_before,
                        end < p->n ? &p->list[end].up_before : &p->top);
        if (!is_declared(p, i, end))
            p->list[i].breaks = old_code_new(a, &known, &now);
        if (p->list[i].breaks && end > i + 1)
            p->list[i].breaks = arena_printf(
                a, "%s (by one of %s to %s)", p->list[i].breaks,
                p->list[i].migration->name, p->list[end - 1].migration->name);
        known = now;
    }
}

static bool all_up(struct passes *p, struct err *e)
{
    for (size_t i = 0; i < p->n && !p->failed; i++) {
        struct pass *at = &p->list[i];
        if ((is_edge(p, i) || is_met(p, i)) && !schema(p, &at->up_before, e))
            return false;
        if (!data_before(&p->data, at->migration, &at->before, e) ||
            !trace_script(&p->trace, &at->migration->up, &at->up, e))
            return false;
        filled_note(&at->up);
        say(p, at->migration, "up", &at->up);
        p->failed = at->up.failed;
        at->up_ran = !at->up.failed;
    }
    if (p->failed)
        return true;
    if (!schema(p, &p->top, e))
        return false;
    judge_old_code(p);
    return true;
}

/* A later migration that does not go down may have changed the table: what
 * stands there then says nothing about this one. */
struct later {
    const struct passes *passes;
    size_t from;
};

static bool is_later(void *arg, uint32_t oid)
{
    const struct later *l = arg;

    for (size_t i = l->from; i < l->passes->n; i++) {
        const struct pass *at = &l->passes->list[i];
        for (size_t k = 0; !at->down_ran && k < at->up.n; k++)
            for (size_t m = 0; m < at->up.statements[k].n; m++) {
                const struct traced_touch *t = &at->up.statements[k].touched[m];
                if (t->relation->oid == oid && t->lock >= LOCK_ROW_EXCLUSIVE)
                    return true;
            }
    }
    return false;
}

/* What came of the rows, once the down of i has run. */
static bool down_data(struct passes *p, size_t i, struct err *e)
{
    struct pass *at = &p->list[i];
    struct later later = {p, i + 1};

    return data_after(&p->data, &at->before, is_later, &later, &at->data, e) &&
           loses_after(&p->loses, p->trace.work, &at->down, &at->loses,
                       &at->n_loses, e);
}

static void add_differs(struct passes *p, struct pass *at, const char *lines)
{
    at->down_ok = false;
    at->differs = arena_printf(p->trace.arena, "%s%s",
                               at->differs ? at->differs : "", lines);
}

/* Values where there were none are told, and undo nothing. */
static void add_data(struct passes *p, struct pass *at)
{
    bool ok = at->down_ok && !at->data.lost;

    if (at->data.lines)
        add_differs(p, at, at->data.lines);
    at->down_ok = ok;
}

/* Judges the block that begins at i; before: the schema above it. */
static void judge_block(struct passes *p, size_t i,
                        const struct fingerprint *up_after,
                        const struct fingerprint *down_before)
{
    struct pass *at = &p->list[i];
    struct comparison c = compare_way_back(
        p->trace.arena, &at->up_before, up_after, down_before, &at->down_after);

    for (size_t j = i; j < i + at->block; j++) {
        if (!p->list[j].down_ran)
            continue;
        p->list[j].down_ok = !c.lines || c.order_only;
        p->list[j].differs = c.lines;
        add_data(p, &p->list[j]);
    }
}

/* The rest of the downs was not tried: what stands there is nobody's. */
static void give_up(struct passes *p, size_t failed)
{
    const char *name = p->list[failed].migration->name;

    add_differs(p, &p->list[failed],
                arena_printf(p->trace.arena, "down failed: %s\n",
                             p->list[failed].down.failed));
    for (size_t i = 0; i < failed; i++)
        if (p->list[i].migration->has_down)
            add_differs(p, &p->list[i],
                        arena_printf(p->trace.arena,
                                     "down not tried: that of %s failed\n",
                                     name));
}

/* *whole: every down ran. */
static bool all_down(struct passes *p, bool *whole, struct err *e)
{
    const struct fingerprint *up_after = &p->top, *down_before = &p->top;

    *whole = true;
    for (size_t i = p->n; i-- > 0;) {
        struct pass *at = &p->list[i];
        if (at->migration->has_down) {
            if (!trace_script(&p->trace, &at->migration->down, &at->down, e))
                return false;
            say(p, at->migration, "down", &at->down);
            at->down_ran = !at->down.failed;
            if (!at->down_ran) {
                *whole = false;
                give_up(p, i);
                return true;
            }
            if (!down_data(p, i, e))
                return false;
        }
        if (goes_down(p, i)) {
            if (!schema(p, &at->down_after, e))
                return false;
            judge_block(p, i, up_after, down_before);
            down_before = &at->down_after;
        }
        if (is_edge(p, i))
            up_after = &at->up_before;
    }
    return true;
}

/* Script of at, once more; *whole: whether it ran. */
static bool repeat(struct passes *p, struct pass *at, bool up, bool *whole,
                   struct err *e)
{
    const struct migration *m = at->migration;
    struct traced_script *first = up ? &at->up : &at->down, s;

    if (!trace_script(&p->trace, up ? &m->up : &m->down, &s, e))
        return false;
    say(p, m, up ? "up again" : "down again", &s);
    *whole = !s.failed;
    if (s.failed)
        add_differs(p, at,
                    arena_printf(p->trace.arena, "%s: %s\n",
                                 up ? "up fails after its down"
                                    : "down fails the second time",
                                 s.failed));
    else
        again_note(first, &s);
    return true;
}

/* Those that went down go up once more. */
static bool ups_again(struct passes *p, bool *whole, struct err *e)
{
    for (size_t i = 0; i < p->n && *whole; i++)
        if (p->list[i].down_ran && !repeat(p, &p->list[i], true, whole, e))
            return false;
    return true;
}

static bool downs_again(struct passes *p, bool *whole, struct err *e)
{
    for (size_t i = p->n; i-- > 0 && *whole;)
        if (p->list[i].down_ran && !repeat(p, &p->list[i], false, whole, e))
            return false;
    return true;
}

static bool is_multiplied(const struct traced_script *s)
{
    for (size_t i = 0; i < s->n; i++) {
        bool grows;
        if (estimate_ratio(&s->statements[i], &grows) >= MULTIPLIED)
            return true;
    }
    return false;
}

/* Little time, and many times as much in production: so is each hiccup, and
 * two measurements may both have had one. */
static bool hangs_on_little(const struct passes *p)
{
    bool multiplied = false;
    int64_t ms = 0;

    for (size_t i = 0; i < p->n; i++) {
        const struct pass *at = &p->list[i];
        if (!at->down_ran)
            continue;
        ms += at->up.ms + at->down.ms;
        multiplied |= is_multiplied(&at->up) || is_multiplied(&at->down);
    }
    return multiplied && ms <= LITTLE_MS;
}

static bool again(struct passes *p, bool *whole, struct err *e)
{
    struct comparison c;
    struct fingerprint top;

    if (!ups_again(p, whole, e))
        return false;
    if (*whole && hangs_on_little(p) &&
        (!downs_again(p, whole, e) || !ups_again(p, whole, e)))
        return false;
    if (!*whole)
        return true;
    if (!schema(p, &top, e))
        return false;
    c = compare_schemas(p->trace.arena, &p->top, &top);
    if (c.lines && !c.order_only)
        buf_printf(p->warnings, "up, down and up gives another schema:\n%s",
                   c.lines);
    return true;
}

/* An existing clone goes back to where it was, as far as downs reach. */
static bool clean(struct passes *p, struct err *e)
{
    struct traced_script down = {0};

    for (size_t i = p->n; i-- > 0;) {
        const struct migration *m = p->list[i].migration;
        if (!p->list[i].up_ran)
            continue;
        if (m->has_down && !trace_script(&p->trace, &m->down, &down, e))
            return false;
        if (m->has_down && !down.failed)
            continue;
        buf_printf(p->warnings,
                   "the clone keeps %s and what came before it: "
                   "make it anew before the next rehearsal\n",
                   m->name);
        break;
    }
    return true;
}

/* Its schema may be what it was, and its rows not. */
static void say_data_left(struct passes *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->list[i].data.lines)
            buf_printf(p->warnings,
                       "the clone does not hold the data that it held before "
                       "%s: make it anew before the next rehearsal\n",
                       p->list[i].migration->name);
}

bool passes_run(struct passes *p, struct err *e)
{
    bool whole = false;

    if (!all_up(p, e))
        return false;
    if (!p->failed &&
        (!loses_read(&p->loses, p->trace.arena, p->trace.work, e) ||
         !all_down(p, &whole, e) || (whole && !again(p, &whole, e))))
        return false;
    data_say_left_out(&p->data);
    if (!p->keep_clean)
        return true;
    say_data_left(p);
    if (p->failed || whole)
        return clean(p, e);
    buf_printf(p->warnings, "the clone is not as it was: make it anew before "
                            "the next rehearsal\n");
    return true;
}
