#include "runner/command/release.h"

#include <string.h>

#include "runner/base/duration.h"
#include "runner/facts/contract.h"
#include "runner/flow/back.h"
#include "runner/flow/expected.h"
#include "runner/release/statement.h"
#include "runner/report/verdicts.h"

static bool end_orphan(void *ctx, const char *who)
{
    struct tidegate *t = ctx;

    output_note(t->out, STYLE_WARN,
                "still running, left by an earlier run: "
                "%s\n",
                who);
    return cmd_ask(t, "Type yes to end it, anything else to leave it:");
}

bool release_subject(struct tidegate *t, struct subject *s, struct err *e)
{
    *s = (struct subject){
        .arena = t->arena,
        .loop = t->loop,
        .progress = t->progress,
        .config = &t->config,
        .env = t->env,
        .ledger = t->ledger,
        .end_orphan = cmd_terminal() ? end_orphan : NULL,
        .end_orphan_ctx = t,
    };
    return subject_open(s, e);
}

static const struct zone *policy_zone(const struct tidegate *t)
{
    return t->env->policy.window.on ? t->env->policy.window.calendar.zone
                                    : NULL;
}

static void say_line(struct tidegate *t, const char *name, const char *text)
{
    output_note(t->out, STYLE_PLAIN, "  %-12s %s\n", name, text);
}

static void say_migrations(struct tidegate *t, const struct run *r)
{
    char low[32], high[32];

    if (r->s->pending.n == 0) {
        say_line(t, "migrations", "none");
        return;
    }
    if (r->facts.rehearsal.present)
        say_line(t, "migrations",
                 arena_printf(
                     t->arena, "%zu, %s to %s%s", r->s->pending.n,
                     duration_text(r->facts.rehearsal.low, low, sizeof low),
                     duration_text(r->facts.rehearsal.high, high, sizeof high),
                     r->facts.rehearsal.pausable > 0
                         ? ", with pauses where need be"
                         : ""));
    else
        say_line(
            t, "migrations",
            arena_printf(t->arena, "%zu, never rehearsed", r->s->pending.n));
}

static void say_contract(struct tidegate *t, const struct run *r)
{
    const struct contracts_facts *all = &r->facts.contract;

    for (size_t i = 0; i < all->n; i++)
        say_line(t, i ? "" : "contracting",
                 all->list[i].runs
                     ? arena_printf(t->arena, "%s runs", all->list[i].name)
                     : release_contract_text(t, &all->list[i]));
}

static void say_when(struct tidegate *t, const struct run *r)
{
    int64_t now = clock_now(), need = need_total(&r->facts.need);
    const char *which = NULL;
    int64_t close = fit_close(t->arena, &t->env->policy, &r->facts, &which);
    char text[32];

    say_line(t, "time", report_time(t->arena, policy_zone(t), now));
    say_line(
        t, "needs",
        arena_printf(t->arena, "up to %s, so until %s",
                     duration_text(need, text, sizeof text),
                     report_time(t->arena, policy_zone(t), now + need / 1000)));
    if (close > 0)
        say_line(t, "closes",
                 arena_printf(t->arena, "%s (%s)",
                              report_time(t->arena, policy_zone(t), close),
                              which));
}

static void say_users(struct tidegate *t, const struct run *r)
{
    const struct users_settings *users = &t->env->policy.users;

    if (users->on && r->facts.users.live.is == FACT_KNOWN)
        say_line(t, "users",
                 arena_printf(t->arena, "%lld now, limit %lld",
                              (long long)r->facts.users.live.value,
                              (long long)users->max));
}

static void say_overridden(struct tidegate *t, const struct run *r)
{
    for (size_t i = 0; i < GATE_COUNT; i++)
        if (r->verdicts[i].state == VERDICT_OVERRIDDEN)
            output_note(t->out, STYLE_WARN, "  OVERRIDDEN (was %s) %s: %s\n",
                        verdict_word(r->verdicts[i].was), gates[i].name,
                        r->verdicts[i].because);
}

/* Undoing wants an announcement of its own. */
static const char *way_down(const struct tidegate *t, const struct run *r)
{
    const char *release = r->s->release, *past = expected_no_return(r);

    if (past)
        return arena_printf(t->arena,
                            "no way back past %s; where it stops before: "
                            "tidegate rollback --schema",
                            past);
    return arena_printf(
        t->arena,
        "tidegate expect %s --only migrations --why TEXT,%s then tidegate "
        "migrate down %s; where it stops on its way: tidegate rollback "
        "--schema",
        release,
        t->env->policy.expected.approvals > 0
            ? arena_printf(t->arena, " tidegate approve %s,", release)
            : "",
        release);
}

/* What ends well has another way back than what stops on its way. */
static const char *way_back(const struct tidegate *t, const struct run *r)
{
    const char *live = r->from ? r->from : r->s->state.live;

    if (r->s->phases == PHASES_MIGRATIONS)
        return way_down(t, r);
    if (r->s->phases == PHASES_CONTRACT)
        return "their downs, with the code or (where it stops on its way) "
               "alone: tidegate rollback";
    return live ? arena_printf(t->arena, "to %s: tidegate rollback", live)
           : t->env->n_hosts == 0
               ? "none: it is the first release; where it stops on its way: "
                 "tidegate rollback --schema"
               : "none: it is the first release";
}

bool release_confirm(void *ctx, const struct run *r, struct err *e)
{
    struct release_confirm *c = ctx;
    struct tidegate *t = c->t;

    t->release = r->s->release;
    output_note(t->out, STYLE_BOLD, "%s to %s\n",
                r->s->release ? r->s->release
                : r->to       ? r->to
                              : "",
                t->env->name);
    say_line(t, "hosts", arena_printf(t->arena, "%zu", t->env->n_hosts));
    say_when(t, r);
    say_users(t, r);
    say_overridden(t, r);
    say_migrations(t, r);
    say_contract(t, r);
    if (r->down) /* resumed */
        release_say_down(t, r);
    else
        say_line(t, "way back", way_back(t, r));
    return cmd_confirm(t, c->yes, e);
}

static char *join(struct arena *a, const char *const *names)
{
    char *all = NULL;

    for (; names && *names; names++)
        all = all ? arena_printf(a, "%s, %s", all, *names)
                  : arena_strdup(a, *names);
    return all;
}

bool release_confirm_back(void *ctx, const struct run *r, struct err *e)
{
    struct release_confirm *c = ctx;
    struct tidegate *t = c->t;
    char *kept = join(t->arena, r->kept);
    size_t downs;

    back_rows(r, &downs);
    output_note(t->out, STYLE_BOLD, "rollback of %s\n", t->env->name);
    if (r->to && r->undone_run) {
        say_line(t, "code", arena_printf(t->arena, "stays on %s", r->to));
    } else if (r->to) {
        say_line(t, "from", r->undone ? r->undone : r->to);
        say_line(t, "to", r->to);
    }
    say_line(t, "hosts", arena_printf(t->arena, "%zu", t->env->n_hosts));
    say_line(t, "database",
             r->undone_run
                 ? arena_printf(t->arena, "what run %s did there is undone",
                                r->undone_run)
             : kept      ? arena_printf(t->arena, "keeps %s", kept)
             : downs > 0 ? "goes back as follows"
                         : "unchanged");
    release_say_down(t, r);
    if (r->s->state.frozen_by)
        say_line(t, "frozen",
                 arena_printf(t->arena,
                              "by %s; a rollback goes on all the "
                              "same",
                              r->s->state.frozen_by));
    return cmd_confirm(t, c->yes, e);
}

void release_show_gates(struct tidegate *t, const struct run *r)
{
    if (r->facts.now > 0)
        report_verdicts(t->out, t->arena, r->verdicts, r->facts.now,
                        policy_zone(t));
}

char *release_contract_text(struct tidegate *t, const struct contract_facts *c)
{
    int64_t due = contract_due(c);
    char span[32];

    if (due)
        return arena_printf(
            t->arena, "%s, %s %s", c->name,
            due <= clock_now() ? "may run since" : "not before",
            report_time(t->arena, t->env->policy.window.calendar.zone, due));
    return arena_printf(t->arena, "%s, once %s has been good for %s%s", c->name,
                        c->release,
                        duration_text(c->seconds * 1000, span, sizeof span),
                        c->taken_back ? "; it was taken back" : "");
}

struct json *release_contract_json(const struct contracts_facts *all)
{
    struct json *list = json_new_array();
    char at[21];

    for (size_t i = 0; i < all->n; i++) {
        const struct contract_facts *c = &all->list[i];
        int64_t due = contract_due(c);
        struct json *j;

        if (c->runs)
            continue;
        j = json_new_object();
        json_set_str(j, "name", c->name);
        json_set_str(j, "after", c->release);
        json_set_int(j, "for_seconds", c->seconds);
        if (due)
            json_set_str(j, "not_before", clock_rfc3339(due, at));
        json_set_bool(j, "may_run", due && due <= clock_now());
        json_append(list, j);
    }
    return list;
}

void release_tell_left(struct tidegate *t, const struct run *r)
{
    struct err ignored = {0};

    subject_refresh(r->s, &ignored); /* it is good now */
    struct contracts_facts all = contract_facts(r->s);

    for (size_t i = 0; r->s->pending_known && i < all.n; i++) {
        if (all.list[i].runs)
            continue;
        output_text(t->out, "%s %s\n",
                    t->contract ? "                 " : "contract pending:",
                    release_contract_text(t, &all.list[i]));
        t->contract = t->contract ? arena_printf(t->arena, "%s,%s", t->contract,
                                                 all.list[i].name)
                                  : all.list[i].name;
    }
    if (t->contract)
        output_text(t->out,
                    "when it may run: tidegate expect %s --only contract, then "
                    "tidegate migrate finish %s\n",
                    r->s->release, r->s->release);
}

void release_json(struct tidegate *t, const struct run *r, const struct err *e)
{
    struct json *j = json_new_object();

    json_set_str(j, "environment", t->env->name);
    json_set_str(j, "outcome",
                 exit_word(exit_code_of(e->code, loop_stop_signal(t->loop))));
    if (r->s && r->s->release)
        json_set_str(j, "release", r->s->release);
    if (r->to)
        json_set_str(j, "to", r->to);
    if (r->undone)
        json_set_str(j, "undone", r->undone);
    if (r->undone_run)
        json_set_str(j, "undone_run", r->undone_run);
    if (r->id)
        json_set_str(j, "run", r->id);
    if (r->facts.now > 0) {
        json_set(j, "gates", report_verdicts_json(r->verdicts));
        int64_t retry = report_retry_at(r->verdicts);

        if (e->code == ERR_HELD && retry > 0)
            json_set_int(j, "retry_after", retry - clock_now());
    }
    if ((r->kind == RUN_ROLLBACK || r->down) && !r->id && e->code == ERR_NONE)
        json_set(j, "undoes", release_down_json(r));
    if (r->s && r->s->release && r->s->pending_known) {
        struct contracts_facts all = contract_facts(r->s);

        json_set(j, "contract", release_contract_json(&all));
    }
    if (e->code != ERR_NONE) {
        json_set_str(j, "what", e->what);
        json_set_str(j, "why", e->why);
        json_set_str(j, "fix", e->fix);
    }
    output_json(t->out, j);
}

bool release_overrides(struct tidegate *t, const struct opt_list *names,
                       const char *reason, unsigned *out, struct err *e)
{
    *out = 0;
    for (size_t i = 0; i < names->n; i++) {
        enum gate_id id;

        if (!gate_find(names->words[i], &id)) {
            err_what(e, ERR_USAGE, "--override: no gate is called %s",
                     names->words[i]);
            err_why(e, "gates are window, fit, users, rehearsal, backup, "
                       "replicas, proven");
            return err_fix(e, "see them all: tidegate check");
        }
        if (!gate_may_override(id, &t->env->policy)) {
            err_what(e, ERR_USAGE, "--override: %s cannot be lifted",
                     gates[id].name);
            err_why(e, "the policy does not say `override = yes` for it");
            return err_fix(e, "wait for it, or change the policy: tidegate "
                              "policy accept");
        }
        *out |= 1u << id;
    }
    if (*out == 0 || (reason && *reason))
        return true;
    err_what(e, ERR_USAGE, "--override wants --reason");
    err_why(e, "an override is kept in the ledger with its reason");
    return err_fix(e, "add --reason TEXT");
}

bool release_possible(const struct environment *env, enum phases phases,
                      struct err *e)
{
    const char *lacks =
        (phases == PHASES_MIGRATIONS || phases == PHASES_CONTRACT) &&
                !env->database
            ? "database"
        : phases == PHASES_RESTART && env->n_hosts == 0 ? "hosts"
                                                        : NULL;

    if (!lacks)
        return true;
    err_what(e, ERR_CONFIG, "[environment %s] names no %s", env->name, lacks);
    err_why(e, "%s alone cannot be without",
            phases == PHASES_RESTART ? "a restart" : "migrations");
    return err_fix(e, "add `%s`, or release the whole", lacks);
}

bool release_only(const struct environment *env, const char *only,
                  bool restart_only, enum phases *out, struct err *e)
{
    *out = restart_only ? PHASES_RESTART : PHASES_ALL;
    if (!only)
        return release_possible(env, *out, e);
    if (restart_only) {
        err_what(e, ERR_USAGE, "--only %s cannot be", only);
        err_why(e, "there is --restart-only too, and each is something alone");
        return err_fix(e, "give one of the two");
    }
    *out = strcmp(only, "contract") == 0 ? PHASES_CONTRACT : PHASES_MIGRATIONS;
    return release_possible(env, *out, e);
}
