/* How status is told to people. */
#include <string.h>

#include "migrations/apply/backfill.h"
#include "runner/command/release.h"
#include "runner/command/status.h"
#include "runner/facts/contract.h"
#include "runner/report/verdicts.h"

static char *when(const struct status *s, int64_t utc)
{
    return report_time(s->t->arena, s->t->env->policy.window.calendar.zone,
                       utc);
}

static void line(const struct status *s, enum style style, const char *name,
                 const char *text)
{
    output_text(s->t->out, "  %-11s", name);
    output_style(s->t->out, style, " %s\n", text);
}

static void say_live(const struct status *s)
{
    const struct environment_state *st = &s->state;
    const struct release_state *r = state_release(st, st->live);
    struct arena *a = s->t->arena;

    if (!st->live) {
        line(s, STYLE_PLAIN, "live", "nothing yet");
        return;
    }
    line(s, STYLE_BOLD, "live",
         arena_printf(a, "%s%s%s%s%s", st->live,
                      st->live_verified ? ", verified" : ", not verified",
                      r && r->good_at ? ", good since " : "",
                      r && r->good_at ? when(s, r->good_at) : "",
                      st->live_by_going_back ? ", reached by going back" : ""));
    if (st->previous)
        line(s, STYLE_PLAIN, "before it", st->previous);
}

/* What it was doing when it was last heard of. */
static const char *how_it_stands(const struct status *s)
{
    const struct run_state *r = s->state.unfinished;

    if (s->held && strcmp(s->holder.run, r->id) == 0)
        return arena_printf(s->t->arena, "goes on now, %s", s->holder.who);
    if (r->ended == RUN_OPEN)
        return "its process is gone: killed, or the machine went down";
    return arena_printf(s->t->arena, "%s (exit %d)%s%s",
                        run_ended_word(r->ended), r->exit, r->why ? ": " : "",
                        r->why ? r->why : "");
}

static void say_pending(const struct status *s, const struct run_state *r)
{
    const struct json *names = json_get(r->end, "pending");

    for (size_t i = 0; i < json_len(names); i++)
        line(s, STYLE_WARN, i == 0 ? "pending" : "",
             json_text(json_at(names, i)));
}

static void say_backfills(const struct status *s)
{
    struct arena *a = s->t->arena;

    for (size_t i = 0; i < s->n_backfills; i++)
        line(s, STYLE_WARN, i == 0 ? "backfill" : "",
             arena_printf(a, "%s: %s%s", s->backfills[i].row.name,
                          s->backfills[i].undoing ? "being undone: " : "",
                          backfill_far(a, &s->backfills[i])));
    if (s->database_why)
        line(s, STYLE_WARN, "database",
             arena_printf(a, "not looked at: %s", s->database_why));
}

static void say_ways(const struct status *s)
{
    struct arena *a = s->t->arena;

    line(s, STYLE_PLAIN, "",
         s->undo ? arena_printf(a, "finish it: tidegate resume; undo it: %s",
                                s->undo)
                 : "finish it: tidegate resume");
    if (s->undo_why)
        line(s, STYLE_PLAIN, "",
             arena_printf(a, "it cannot be undone as it stands: %s",
                          s->undo_why));
}

static void say_run(const struct status *s)
{
    const struct run_state *r = s->state.unfinished;
    struct arena *a = s->t->arena;
    bool running = r && s->held && strcmp(s->holder.run, r->id) == 0;

    if (!r) {
        if (s->held)
            line(s, STYLE_WARN, "held",
                 arena_printf(a, "by run %s of %s, since %s", s->holder.run,
                              s->holder.who, when(s, s->holder.since)));
        return;
    }
    line(s, STYLE_WARN, "unfinished",
         arena_printf(a, "%s %s%s%s, by %s, begun %s", run_word(r), r->id,
                      r->release ? " of " : "", r->release ? r->release : "",
                      r->who ? r->who : "?", when(s, r->began)));
    line(s, STYLE_PLAIN, "", how_it_stands(s));
    if (!running && r->rolling_back)
        line(s, STYLE_PLAIN, "", "it was going back: tidegate rollback");
    else if (!running && r->kind == RUN_ADOPT)
        line(s, STYLE_PLAIN, "",
             "finish it: tidegate resume, or: tidegate adopt --release TAG");
    else if (!running)
        say_ways(s);
    say_pending(s, r);
    say_backfills(s);
    for (size_t i = 0; i < r->overridden; i++)
        line(s, STYLE_WARN, "overridden",
             arena_printf(a, "%s, by %s: %s", r->overrides[i].gate,
                          r->overrides[i].person, r->overrides[i].reason));
}

/* Of the live release: what waits, and since when it may run. */
static void say_contract(const struct status *s)
{
    struct contracts_facts all = contract_left(s->t->arena, &s->state);
    const char *release = contract_finishes(&s->state);

    for (size_t i = 0; i < all.n; i++)
        line(s, STYLE_PLAIN, i ? "" : "contract",
             release_contract_text(s->t, &all.list[i]));
    if (all.n > 0)
        line(s, STYLE_PLAIN, "",
             arena_printf(s->t->arena,
                          "when it may run: tidegate expect %s --only "
                          "contract, then tidegate migrate finish %s",
                          release, release));
}

static void say_announced(const struct status *s)
{
    for (size_t i = 0; i < s->state.n_manifests; i++) {
        const struct manifest_facts *m = &s->state.manifests[i];
        size_t n = 0;
        if (!status_announced(m))
            continue;
        while (s->state.approvals[i][n].digest)
            n++;
        line(s, STYLE_PLAIN, "announced",
             arena_printf(s->t->arena, "%s by %s, %s until %s, approvals: %zu",
                          m->release, m->person, when(s, m->opens),
                          when(s, m->expires), n));
    }
}

static void say_rest(const struct status *s)
{
    const struct environment_state *st = &s->state;
    struct arena *a = s->t->arena;

    say_contract(s);
    if (st->frozen_by)
        line(s, STYLE_WARN, "frozen",
             arena_printf(a, "by %s since %s: %s", st->frozen_by,
                          when(s, st->frozen_at),
                          st->frozen_why ? st->frozen_why : ""));
    for (size_t i = 0; i < st->n_owing; i++)
        line(s, STYLE_WARN, "owing",
             arena_printf(a, "%s has yet to get %s, since %s: %s",
                          st->owed[i].host, st->owed[i].release,
                          when(s, st->owed[i].at),
                          st->owed[i].why ? st->owed[i].why : ""));
    if (s->policy)
        line(s, STYLE_WARN, "policy", s->policy);
    if (st->unreadable)
        line(s, STYLE_WARN, "unreadable", st->unreadable);
    say_announced(s);
}

static char *step_text(struct arena *a, const struct step_state *x)
{
    return x ? arena_printf(a, "%s %s", x->step, status_step_word(x))
             : arena_strdup(a, "-");
}

static const char *has(const struct host_status *h)
{
    if (!h->seen)
        return "?";
    if (!h->seen->current)
        return "other";
    return h->seen->current[0] ? h->seen->current : "nothing";
}

static void say_hosts(const struct status *s)
{
    static const char *const headings[] = {"HOST",      "HAS",  "IS",
                                           "LAST STEP", "NOTE", NULL};
    struct table table;

    if (s->n == 0)
        return;
    table_init(&table, s->t->arena, headings);
    for (size_t i = 0; i < s->n; i++) {
        const struct host_status *h = &s->hosts[i];
        table_cell(&table, "%s", h->name);
        table_cell(&table, "%s", has(h));
        table_cell(&table, "%s", host_is_word(h->is));
        table_cell(&table, "%s", step_text(s->t->arena, h->last));
        table_cell(&table, "%s", h->note);
    }
    output_text(s->t->out, "\n");
    table_print(s->t->out, &table);
}

/* What the run did or began elsewhere: migrations, the front, the pool. */
static void say_steps(const struct status *s)
{
    static const char *const headings[] = {"STEP", "ON", "IS", "NOTE", NULL};
    const struct run_state *r = s->state.unfinished;
    struct table table;
    size_t n = 0;

    table_init(&table, s->t->arena, headings);
    for (size_t i = 0; r && i < r->n; i++) {
        const struct step_state *x = &r->steps[i];
        bool host = false;
        for (size_t k = 0; k < s->n && !host; k++)
            host = strcmp(s->hosts[k].name, x->target) == 0;
        if (host || (x->is == STEP_DONE && !x->change))
            continue;
        table_cell(&table, "%s", x->step);
        table_cell(&table, "%s", x->target[0] ? x->target : s->t->env->name);
        table_cell(&table, "%s", status_step_word(x));
        table_cell(&table, "%s", x->text);
        n++;
    }
    if (n == 0)
        return;
    output_text(s->t->out, "\n");
    table_print(s->t->out, &table);
}

void status_text(const struct status *s)
{
    output_style(s->t->out, STYLE_BOLD, "%s\n", s->t->env->name);
    say_live(s);
    say_run(s);
    say_rest(s);
    say_hosts(s);
    say_steps(s);
}
