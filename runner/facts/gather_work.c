/* What the work needs, what its rehearsal said, and whether there is a way
 * back: the facts that come from the ledger's certificates. */
#include <stdlib.h>
#include <string.h>

#include "migrations/read/hazards_release.h"
#include "runner/facts/gather.h"
#include "runner/fleet/waves.h"

static int by_value(const void *x, const void *y)
{
    const int64_t *a = x, *b = y;

    return (*a > *b) - (*a < *b);
}

/* The 90th percentile of the last ten batches, once there are ten. */
static int64_t batch_time(struct subject *s, bool *known)
{
    size_t n = s->state.n_batches;

    *known = n >= 10;
    if (!*known)
        return s->env->rollout.host_time_ms;
    int64_t *sorted =
        arena_copy(s->arena, s->state.batch_ms, n * sizeof *sorted);

    qsort(sorted, n, sizeof *sorted, by_value);
    return sorted[(n * 9 + 9) / 10 - 1];
}

static int64_t batch_count(struct subject *s)
{
    size_t n = s->env->n_hosts;
    size_t *order = arena_array(s->arena, n, sizeof *order);
    bool *out = arena_array(s->arena, n, sizeof *out);

    for (size_t i = 0; i < n; i++)
        order[i] = i;
    struct waves w =
        waves_plan(s->arena, &s->env->rollout, n, order, n, out, false);

    return (int64_t)w.n;
}

void gather_need(struct subject *s, struct facts *f)
{
    struct need_facts *need = &f->need;
    struct rehearsal r;

    *need = (struct need_facts){0};
    need->batch = batch_time(s, &need->batch_known);
    if (s->phases == PHASES_ALL || s->phases == PHASES_RESTART) {
        need->soak = s->env->rollout.soak_ms;
        need->batches = s->env->n_hosts > 0 ? batch_count(s) : 0;
    }
    if (s->phases == PHASES_RESTART || !s->release ||
        (s->pending_known && s->pending.n == 0) || !subject_certificate(s, &r))
        return;
    for (size_t i = 0; i < r.n; i++) {
        const struct rehearsed *m = &r.list[i];

        if (m->after)
            need->after_down_high += rehearsed_need_back(m);
        if (!s->pending_known || subject_is_pending(s, m->name))
            *(m->after ? &need->after_high : &need->before_high) +=
                rehearsed_need(m);
    }
}

/* The first statement of several lines: a verdict has room for one. */
static const char *first_step(struct arena *a, const char *safer)
{
    size_t n;

    while (safer && strncmp(safer, "--", 2) == 0 && strchr(safer, '\n'))
        safer = strchr(safer, '\n') + 1;
    n = safer ? strcspn(safer, "\n") : 0;
    return safer && safer[n]
               ? arena_printf(a, "%.*s ... (all of it: tidegate lint FILE)",
                              (int)n, safer)
               : safer;
}

static void longest_wait(struct subject *s, const struct rehearsal *r,
                         struct rehearsal_facts *out)
{
    const struct rehearsed_statement *culprit = NULL;

    for (size_t i = 0; i < r->waited; i++) {
        const struct table_wait *w = &r->waits[i];
        int64_t wait = w->readers > w->writers ? w->readers : w->writers;

        if (wait <= out->blocked)
            continue;
        out->blocked = wait;
        out->blocked_by = arena_printf(s->arena, "%s on %s", w->by, w->table);
        culprit = rehearsal_culprit(r, w);
    }
    if (culprit)
        out->blocked_safer = first_step(s->arena, culprit->safer);
}

/* The first statement that rewrites a table, and what to write instead. */
static void first_rewrite(struct subject *s, const struct rehearsed *m,
                          struct rehearsal_facts *out)
{
    for (size_t i = 0; i < m->n && !out->rewrite; i++)
        for (size_t k = 0; k < m->up[i].n; k++) {
            if (!m->up[i].touched[k].rewritten)
                continue;
            out->rewrite =
                arena_printf(s->arena, "%s:%d rewrites %s", m->name,
                             m->up[i].line, m->up[i].touched[k].relation);
            out->safer = first_step(s->arena, m->up[i].safer);
            break;
        }
}

/* The line of a rehearsal that says it best: of data, or the first. */
static void down_lacks(struct arena *a, const char *lines,
                       struct migration_facts *m)
{
    for (const char *p = lines; p && *p; p += strcspn(p, "\n")) {
        const char *line;

        p += *p == '\n';
        line = arena_strndup(a, p, strcspn(p, "\n"));
        m->down_loses = strncmp(line, "data ", 5) == 0 &&
                        (strstr(line, " lost") || strstr(line, " changed"));
        if (!m->down_lacks || m->down_loses)
            m->down_lacks = line + (m->down_loses ? 5 : 0);
        if (m->down_loses)
            return;
    }
}

static void way_back_rehearsed(struct arena *a, const struct rehearsed *r,
                               struct migration_facts *m)
{
    if (!m->breaks)
        m->breaks = r->breaks;
    m->down_rehearsed = r->has_down && r->down_ok;
    if (r->has_down && !r->down_ok)
        down_lacks(a, r->differs, m);
}

static void gather_way_back(struct subject *s, struct facts *f,
                            const struct rehearsal *r)
{
    struct migration_facts *list =
        arena_array(s->arena, s->pending.n, sizeof *list);

    for (size_t i = 0; i < s->pending.n; i++) {
        const struct migration *m = s->pending.list[i];

        list[i] = (struct migration_facts){
            .name = m->name,
            .after = m->after,
            .breaks = hazards_release(s->arena, s->pending.list, i),
            .compatible = m->compatible,
            .has_down = m->has_down,
            .forward_only = m->forward_only,
        };
        for (size_t k = 0; r && k < r->n; k++)
            if (strcmp(r->list[k].name, m->name) == 0)
                way_back_rehearsed(s->arena, &r->list[k], &list[i]);
    }
    f->way_back.migrations = list;
    f->way_back.n = s->pending.n;
}

/* Production as it is now, held against what the certificate says it was. Once
 * we change it ourselves that is no question any more. */
static void gather_basis(struct subject *s, const struct basis *was,
                         struct basis_facts *out)
{
    struct basis_change now;
    struct setting_change *settings;
    struct table_growth *tables;

    out->known = was->version > 0;
    out->blind = was->unread;
    if (!out->known || !s->pg)
        return;
    basis_hold(s->pg, s->arena, was, &now);
    out->version_was = now.version_was;
    out->version_now = now.version_now;
    out->schema = now.schema;
    out->unread = now.unread;
    settings = arena_array(s->arena, now.n_settings, sizeof *settings);
    for (size_t i = 0; i < now.n_settings; i++)
        settings[i] = (struct setting_change){
            now.settings[i].name, now.settings[i].was, now.settings[i].now};
    out->settings = settings;
    out->n_settings = now.n_settings;
    tables = arena_array(s->arena, now.n_tables, sizeof *tables);
    for (size_t i = 0; i < now.n_tables; i++) {
        const struct basis_grown *t = &now.tables[i];

        tables[i] = (struct table_growth){t->name, t->bytes_was, t->bytes_now,
                                          t->rows_was, t->rows_now};
    }
    out->tables = tables;
    out->n_tables = now.n_tables;
}

/* Of a run that is taken up again, a part of what was rehearsed is done. */
static void take_out_done(const struct subject *s, const struct rehearsed *m,
                          struct rehearsal_facts *out)
{
    if (!s->pending_known || subject_is_pending(s, m->name)) {
        out->pausable += m->high - rehearsed_need(m);
        return;
    }
    out->low -= m->low;
    out->likely -= m->likely;
    out->high -= m->high;
}

void gather_rehearsal(struct subject *s, struct facts *f)
{
    struct rehearsal_facts *out = &f->rehearsal;
    struct rehearsal r;

    *out = (struct rehearsal_facts){0};
    out->needed = s->phases != PHASES_RESTART &&
                  (s->pending_known ? s->pending.n : s->migrations.n) > 0;
    out->present = out->needed && subject_certificate(s, &r);
    if (out->present) {
        out->at = r.at;
        out->same = s->pending_known;
        out->differs = s->pg_why;
        out->clone_share = r.clone_share;
        out->low = r.low;
        out->likely = r.likely;
        out->high = r.high;
        for (size_t i = 0; i < r.n; i++)
            take_out_done(s, &r.list[i], out);
        out->failed = r.failed;
        out->lacks = r.lacks;
        if (s->env->policy.budget.on && !f->changing && s->pending_known)
            gather_basis(s, &r.basis, &out->basis);
        longest_wait(s, &r, out);
        for (size_t i = 0; i < r.n && !out->rewrite; i++)
            first_rewrite(s, &r.list[i], out);
    }
    gather_way_back(s, f, out->present ? &r : NULL);
}
