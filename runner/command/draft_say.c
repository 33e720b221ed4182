#include <string.h>

#include "runner/base/buf.h"
#include "runner/command/draft.h"
#include "runner/command/release.h"
#include "runner/report/verdicts.h"

static char *reasons(struct draft *d)
{
    struct buf all;

    buf_init(&all);
    for (size_t i = 0; i < GATE_COUNT; i++)
        if (d->verdicts[i].state == VERDICT_ASKED && d->verdicts[i].is != PASS)
            buf_printf(&all, "%s%s: %s", all.len ? "; " : "", gates[i].name,
                       d->verdicts[i].because);
    return buf_into(&all, d->t->arena);
}

static void refusal_json(struct draft *d, const struct err *e, int64_t next)
{
    struct json *j = json_new_object();
    int64_t retry = report_retry_at(d->verdicts);
    char at[21];

    json_set_str(j, "environment", d->t->env->name);
    json_set_str(j, "release", d->m.release);
    json_set_str(j, "outcome", exit_word(exit_code_of(e->code, 0)));
    json_set_str(j, "opens", clock_rfc3339(d->m.opens, at));
    json_set(j, "gates", report_verdicts_json(d->verdicts));
    json_set_str(j, "next", next ? clock_rfc3339(next, at) : NULL);
    if (e->code == ERR_HELD && (next || retry))
        json_set_int(j, "retry_after", (next ? next : retry) - d->f.now);
    json_set_str(j, "what", e->what);
    json_set_str(j, "why", e->why);
    json_set_str(j, "fix", e->fix);
    output_json(d->t->out, j);
}

bool draft_refuse(struct draft *d, enum verdict_is is, int64_t next,
                  struct err *e)
{
    struct tidegate *t = d->t;
    char utc[21];

    err_what(e, is == STOP ? ERR_REFUSED : ERR_HELD,
             "%s is not announced for %s in %s", d->m.release,
             report_time(t->arena, d->zone, d->m.opens), t->env->name);
    err_why(e, "%s", reasons(d));
    if (next)
        err_fix(e, "next it fits: %s, so --at %s; nothing was recorded",
                report_time(t->arena, d->zone, next), clock_rfc3339(next, utc));
    else
        err_fix(e, "no time that fits can be told for the next 14 days: make "
                   "the release smaller or the window wider; nothing was "
                   "recorded");
    refusal_json(d, e, next);
    return false;
}

/* The announcement that this one replaces; NULL: none. */
static const struct manifest_facts *replaced(const struct draft *d,
                                             size_t *approvals)
{
    const struct environment_state *state = &d->s->state;

    *approvals = 0;
    for (size_t i = state->n_manifests; i-- > 0;) {
        const struct manifest_facts *m = &state->manifests[i];

        if (!manifest_open(m, d->f.now) ||
            strcmp(m->release, d->m.release) != 0)
            continue;
        while (state->approvals[i][*approvals].digest)
            ++*approvals;
        return m;
    }
    return NULL;
}

static const char *what_of(struct draft *d)
{
    struct tidegate *t = d->t;
    size_t files = d->s->migrations.n;

    if (d->m.phases == PHASES_RESTART)
        return arena_printf(t->arena, "a restart of %zu hosts",
                            t->env->n_hosts);
    if (d->m.phases == PHASES_CONTRACT)
        return arena_strdup(t->arena, "its contracting migrations alone");
    if (d->m.phases == PHASES_MIGRATIONS)
        return arena_printf(t->arena, "the migrations alone (%zu in all)",
                            files);
    return arena_printf(t->arena,
                        "the whole release: %zu entries, %zu hosts, "
                        "%zu migrations in all",
                        d->s->artifact.entries, t->env->n_hosts, files);
}

static void read_back_replaced(struct draft *d)
{
    size_t approvals;
    const struct manifest_facts *m = replaced(d, &approvals);
    struct tidegate *t = d->t;

    if (!m)
        return;
    say_row(t, "replaces",
            arena_printf(t->arena, "the announcement by %s for %s%s", m->person,
                         report_time(t->arena, d->zone, m->opens),
                         approvals == 1 ? "; its approval is void"
                         : approvals    ? "; its approvals are void"
                                        : ""));
}

/* What the announcement settles of contracting migrations: those whose wait is
 * over when it opens run, the others do not. */
static void read_back_contract(struct draft *d)
{
    const struct contracts_facts *all = &d->f.contract;

    for (size_t i = 0; d->m.phases != PHASES_RESTART && i < all->n; i++) {
        const struct contract_facts *c = &all->list[i];
        int64_t due = contract_due(c);

        say_row(d->t, i ? "" : "contracting",
                due && due <= d->m.opens
                    ? arena_printf(d->t->arena, "%s runs", c->name)
                    : release_contract_text(d->t, c));
    }
}

static void read_back(struct draft *d, const char *digest)
{
    struct tidegate *t = d->t;
    int wanted = t->env->policy.expected.approvals;
    int64_t begin = draft_begins(d, d->m.opens);

    output_style(t->out, STYLE_BOLD, "%s is expected in %s\n", d->m.release,
                 t->env->name);
    say_row(t, "opens",
            arena_printf(t->arena, "%s, %s",
                         report_time(t->arena, d->zone, d->m.opens),
                         report_distance(t->arena, d->f.now, d->m.opens)));
    if (begin > d->m.opens)
        say_row(t, "begins",
                arena_printf(t->arena, "not before %s (notice)",
                             report_time(t->arena, d->zone, begin)));
    say_row(t, "until", report_time(t->arena, d->zone, d->m.expires));
    say_row(t, "what", what_of(d));
    say_row(t, "commit", d->m.commit);
    read_back_contract(d);
    for (size_t i = 0; i < GATE_COUNT; i++)
        if (d->verdicts[i].state == VERDICT_ASKED)
            say_row(t, gates[i].name, d->verdicts[i].because);
    say_row(t, "by", speaker_words(t, &d->by));
    say_row(t, "why", d->m.reason);
    read_back_replaced(d);
    say_row(t, "digest", digest);
    if (wanted > 0)
        say_row(t, "next",
                arena_printf(t->arena, "%d %s of others: tidegate approve %s",
                             wanted, wanted == 1 ? "approval" : "approvals",
                             d->m.release));
}

static void answer_json(struct draft *d, const char *digest)
{
    struct json *j = json_new_object();
    size_t approvals;
    const struct manifest_facts *m = replaced(d, &approvals);
    char at[21];

    json_set_str(j, "environment", d->t->env->name);
    json_set_str(j, "release", d->m.release);
    json_set_str(j, "outcome", "done");
    json_set_str(j, "manifest", digest);
    json_set_str(j, "commit", d->m.commit);
    json_set_str(j, "phases", phases_word(d->m.phases));
    json_set_str(j, "opens", clock_rfc3339(d->m.opens, at));
    json_set_str(j, "expires", clock_rfc3339(d->m.expires, at));
    json_set_str(j, "announcer", d->m.announcer);
    json_set_bool(j, "signed", d->by.key != NULL);
    json_set_int(j, "approvals_wanted", d->t->env->policy.expected.approvals);
    json_set_str(j, "replaced", m ? m->digest : NULL);
    json_set(j, "gates", report_verdicts_json(d->verdicts));
    output_json(d->t->out, j);
}

void draft_say(struct draft *d, const char *digest)
{
    read_back(d, digest);
    answer_json(d, digest);
}
