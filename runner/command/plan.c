#include "runner/command/plan.h"

#include "runner/base/duration.h"
#include "runner/command/release.h"
#include "runner/facts/contract.h"
#include "runner/fleet/waves.h"
#include "runner/report/verdicts.h"

#include <string.h>

struct plan_args {
    const char *release, *only;
};

/* Each line of a plan says how it is known. */
enum known { PROVED, ASSUMED, NOT_CHECKED };

static void line(struct tidegate *t, struct json *list, enum known how,
                 const char *text)
{
    static const char *const words[] = {"proved", "assumed", "not checked"};
    static const enum style styles[] = {STYLE_GOOD, STYLE_PLAIN, STYLE_WARN};
    struct json *j = json_new_object();

    output_style(t->out, styles[how], "  %-12s", words[how]);
    output_text(t->out, "%s\n", text);
    json_set_str(j, "known", words[how]);
    json_set_str(j, "text", text);
    json_append(list, j);
}

static void plan_release(struct tidegate *t, const struct subject *s,
                         struct json *list)
{
    struct arena *a = t->arena;

    line(t, list, PROVED,
         arena_printf(a, "%s is commit %.12s: %zu files, digest %.12s",
                      s->release, s->commit, s->artifact.entries,
                      s->artifact.digest));
    line(t, list, PROVED,
         arena_printf(a, "policy %.12s%s", s->policy_digest,
                      s->state.pinned &&
                              strcmp(s->state.pinned, s->policy_digest) == 0
                          ? ", the pinned one"
                          : ", NOT the pinned one"));
    line(t, list, PROVED,
         s->state.live
             ? arena_printf(a, "live by the ledger: %s%s", s->state.live,
                            s->state.live_verified ? ", good" : "")
             : "nothing is live yet: there is no way back");
}

static void plan_hosts(struct tidegate *t, const struct subject *s,
                       struct json *list)
{
    struct arena *a = t->arena;
    char free_text[32];

    for (size_t i = 0; i < s->n_hosts; i++) {
        const struct observed *o = &s->observed[i];
        const char *name = fleet_name(s->fleet, i);

        if (o->outcome != OUTCOME_DONE)
            line(t, list, NOT_CHECKED, arena_printf(a, "%s: %s", name, o->why));
        else
            line(t, list, PROVED,
                 arena_printf(
                     a, "%s: has %s%s, %s free", name,
                     o->current ? (*o->current ? o->current : "no release")
                                : o->current_raw,
                     o->verified ? ", its files verified" : "",
                     bytes_text(o->free_bytes, free_text, sizeof free_text)));
    }
}

static void plan_migrations(struct tidegate *t, struct subject *s,
                            struct json *list, const struct err *e)
{
    struct arena *a = t->arena;
    struct rehearsal r;
    bool certified = s->pending.n > 0 && subject_certificate(s, &r);
    char low[32], high[32];

    if (!s->pending_known) {
        line(t, list, NOT_CHECKED,
             arena_printf(a, "migrations: %s",
                          s->pg_why             ? s->pg_why
                          : e->code != ERR_NONE ? e->what
                                                : "no database"));
        return;
    }
    if (s->migrations.n > 0)
        line(t, list, PROVED, subject_layout(s));
    for (size_t i = 0; i < s->pending.n; i++) {
        const struct migration *m = s->pending.list[i];

        line(t, list, PROVED,
             arena_printf(a, "pending: %s, %s%s%s", m->name,
                          m->contract ? "contracting"
                          : m->after  ? "after the code"
                                      : "before the code",
                          m->has_down ? "" : ", no down",
                          m->up.batch         ? ", in batches"
                          : m->up.transaction ? ""
                                              : ", statement by statement"));
    }
    struct contracts_facts all = contract_facts(s);

    for (size_t i = 0; i < all.n; i++)
        if (!all.list[i].runs)
            line(t, list, PROVED,
                 arena_printf(a, "contract pending: %s",
                              release_contract_text(t, &all.list[i])));
    if (certified)
        line(t, list, ASSUMED,
             arena_printf(a, "in production %s to %s, by the rehearsal",
                          duration_text(r.low, low, sizeof low),
                          duration_text(r.high, high, sizeof high)));
    else if (s->pending.n > 0)
        line(t, list, NOT_CHECKED, "how long they take: never rehearsed");
    else
        line(t, list, PROVED, "no migration is pending");
    if (t->env->rehearsal.from && t->env->database &&
        strcmp(t->env->rehearsal.from, t->env->database) == 0)
        line(t, list, PROVED,
             "[rehearsal] from is production: the dump is read from there");
}

static void plan_waves(struct tidegate *t, const struct subject *s,
                       struct json *list)
{
    struct arena *a = t->arena;
    size_t n = s->n_hosts;
    size_t *order = arena_array(a, n, sizeof *order);
    bool *out = arena_array(a, n, sizeof *out);

    for (size_t i = 0; i < n; i++)
        order[i] = i;
    struct waves w = waves_plan(a, &t->env->rollout, n, order, n, out, false);

    for (size_t i = 0; i < w.n; i++) {
        char *names = arena_strdup(a, "");

        for (size_t k = 0; k < w.batches[i].n; k++)
            names = arena_printf(a, "%s %s", names,
                                 fleet_name(s->fleet, w.batches[i].hosts[k]));
        line(t, list, ASSUMED,
             arena_printf(a, "wave %d, batch %zu:%s", w.batches[i].wave, i + 1,
                          names));
    }
}

void plan_show(struct tidegate *t, struct run *r, const struct err *e)
{
    struct subject *s = r->s;
    struct json *j, *list;

    if (!s->release || (!s->fleet && t->env->n_hosts > 0))
        return;
    j = json_new_object();
    list = json_new_array();
    plan_release(t, s, list);
    plan_hosts(t, s, list);
    plan_migrations(t, s, list, e);
    if (s->n_hosts > 0)
        plan_waves(t, s, list);
    json_set(j, "plan", list);
    if (s->migrations.n > 0)
        json_set_str(j, "layout", s->migrations.layout);
    json_set(j, "gates", report_verdicts_json(r->verdicts));
    release_show_gates(t, r);
    output_json(t->out, j);
}

static bool plan_run(struct tidegate *t, void *args, struct err *e)
{
    struct plan_args *p = args;
    struct deploy_wish wish = {.release = p->release};
    struct subject s;
    struct run r = {0};

    t->release = p->release;
    if (!release_only(t->env, p->only, false, &wish.phases, e) ||
        !release_subject(t, &s, e))
        return false;
    bool ok = deploy_check(&r, &s, &wish, e);

    plan_show(t, &r, e);
    subject_close(&s);
    return ok;
}

static const struct arg plan_words[] = {
    {"RELEASE", "The tag to plan.", ARG_ONE, ARG(plan_args, release)},
    {0},
};

static const struct opt plan_opts[] = {
    {"only", 0, "migrations|contract",
     "Plan the migrations alone, or the contracting ones.",
     OPT_STR(plan_args, only)},
    {0},
};

const struct cmd cmd_plan = {
    .name = "plan",
    .summary = "Show what a release would change, and change nothing.",
    .help = "Looks at every host and the database. Each line says whether it "
            "was proved, is assumed, or was not checked; the exit code is "
            "what a deploy would say now.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | NEED_LEDGER | CMD_VERDICT,
    .args = plan_words,
    .opts = plan_opts,
    .args_size = sizeof(struct plan_args),
    .run = plan_run,
};
