#include "policies/gates.h"

#include <string.h>

#include "policies/plan.h"

/* In the order in which they are asked and printed. */
const struct gate gates[GATE_COUNT] = {
    /* name, section, judge, local, again, asks */
    [GATE_POLICY] =
        {"policy", NULL, policy_judge, true, true,
         "The configuration in force is the pinned one; another is STOP."},
    [GATE_EXPECTED] =
        {"expected", NULL, expected_judge, true, true,
         "An open, unused announcement binds exactly this release; before its "
         "opening or within its `notice` HOLD, else STOP."},
    [GATE_APPROVED] = {"approved", NULL, approved_judge, true, true,
                       "Enough others approved, with other keys; too few is "
                       "HOLD, a revoked or expired key STOP."},
    [GATE_WINDOW] = {"window", "window", window_judge, true, true,
                     "Now lies in an `allow` item and in no `freeze` item; a "
                     "closed window is HOLD, with the next opening."},
    [GATE_LINE] = {"line", NULL, line_judge, true, true,
                   "No other run holds the environment (HOLD), none is "
                   "unfinished and nobody froze it (STOP)."},
    [GATE_USERS] =
        {"users", "users", users_judge, false, true,
         "The users that are on, and the forecast until the run would end, are "
         "not above `max`; above, stale or unreadable is HOLD."},
    [GATE_FIT] = {"fit", "window", fit_judge, false, true,
                  "All the work, its way back and a margin end before the "
                  "window, the announcement or the quiet hours do; a later "
                  "time that fits is HOLD, none within 14 days STOP."},
    [GATE_REHEARSAL] =
        {"rehearsal", "budget", rehearsal_judge, false, false,
         "Pending migrations were rehearsed not long ago and keep every "
         "budget, and production is as it was then: server, settings, "
         "schema, size; else HOLD, and a broken budget STOP."},
    [GATE_WAY_BACK] = {"way back", NULL, way_back_judge, false, false,
                       "The old code runs with every \"before\" migration, and "
                       "every \"after\" one can be undone or is declared "
                       "forward-only with a fresh backup; else STOP."},
    [GATE_CONTRACT] =
        {"contract", NULL, contract_judge, false, false,
         "In a `migrate finish`: the release that a contracting migration "
         "waits for has been good for long enough; not yet is HOLD, taken "
         "back is STOP."},
    [GATE_BACKUP] =
        {"backup", "backup", backup_judge, false, true,
         "The last good backup is not older than `max_age`; else HOLD."},
    [GATE_REPLICAS] = {"replicas", "replicas", replicas_judge, false, true,
                       "Enough replicas stream, and none lags more than "
                       "`max_lag`; else HOLD."},
    [GATE_PROBE] = {"probe", NULL, probe_judge, false, true,
                    "Every host and the front answer as the live release, "
                    "before anything is touched; else HOLD."},
    [GATE_POOL] = {"pool", NULL, pool_judge, false, true,
                   "Every member of the pool serves; else HOLD."},
    [GATE_PROVEN] =
        {"proven", "proven", proven_judge, false, false,
         "The same files and migrations ended good in another environment; not "
         "yet for long enough is HOLD, bad there STOP."},
};

static bool same_name(const char *gate, const char *name)
{
    for (; *gate && *name; gate++, name++) {
        if (*gate != *name && !(*gate == ' ' && (*name == '-' || *name == '_')))
            return false;
    }
    return *gate == *name;
}

bool gate_find(const char *name, enum gate_id *id)
{
    for (int i = 0; i < GATE_COUNT; i++) {
        if (same_name(gates[i].name, name)) {
            *id = (enum gate_id)i;
            return true;
        }
    }
    return false;
}

bool gate_may_override(enum gate_id id, const struct policy_settings *policy)
{
    const struct {
        const char *section;
        bool on, allowed;
    } sections[] = {
        {"window", policy->window.on, policy->window.override_allowed},
        {"users", policy->users.on, policy->users.override_allowed},
        {"budget", policy->budget.on, policy->budget.override_allowed},
        {"backup", policy->backup.on, policy->backup.override_allowed},
        {"replicas", policy->replicas.on, policy->replicas.override_allowed},
        {"proven", policy->proven.on, policy->proven.override_allowed},
    };

    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        if (gates[id].section &&
            strcmp(gates[id].section, sections[i].section) == 0)
            return sections[i].on && sections[i].allowed;
    }
    return false;
}

static bool in_scope(const struct gate *gate, enum gates_scope scope)
{
    return scope == GATES_ALL ||
           (scope == GATES_LOCAL ? gate->local : gate->again);
}

static void lift(struct verdict *v)
{
    v->was = v->is;
    v->is = PASS;
    v->state = VERDICT_OVERRIDDEN;
}

static enum verdict_is worst(const struct verdict out[GATE_COUNT])
{
    enum verdict_is whole = PASS;

    for (int i = 0; i < GATE_COUNT; i++) {
        if (out[i].is > whole)
            whole = out[i].is;
    }
    return whole;
}

bool gates_nothing_to_do(const struct verdict out[GATE_COUNT])
{
    return out[GATE_POLICY].is == PASS && out[GATE_EXPECTED].rule &&
           strcmp(out[GATE_EXPECTED].rule, EXPECTED_ALREADY_LIVE) == 0;
}

/* What fit is asked by: who goes out outside the window, or in spite of the
 * users, is not held by the same bound a second time. */
static struct policy_settings fit_policy(const struct policy_settings *policy,
                                         const struct verdict *out)
{
    const struct verdict *window = &out[GATE_WINDOW];
    struct policy_settings p = *policy;

    if (window->state == VERDICT_OVERRIDDEN &&
        strcmp(window->rule, WINDOW_SKEW) != 0)
        p.window.on = false;
    if (out[GATE_USERS].state == VERDICT_OVERRIDDEN)
        p.users.forecast = false;
    return p;
}

enum verdict_is gates_ask(struct arena *scratch,
                          const struct policy_settings *policy,
                          const struct facts *facts, enum gates_scope scope,
                          unsigned overridden, struct verdict out[GATE_COUNT])
{
    for (int i = 0; i < GATE_COUNT; i++)
        out[i] = verdict_not_asked();
    for (int i = 0; i < GATE_COUNT && !gates_nothing_to_do(out); i++) {
        enum gate_id id = (enum gate_id)i;
        struct policy_settings p =
            id == GATE_FIT ? fit_policy(policy, out) : *policy;

        if (!in_scope(&gates[i], scope))
            continue;
        out[i] = gates[i].judge(scratch, &p, facts);
        if (out[i].is != PASS && (overridden & (1u << i)) &&
            gate_may_override(id, policy))
            lift(&out[i]);
    }
    return worst(out);
}

enum verdict_is gates_plan(struct arena *scratch,
                           const struct policy_settings *policy,
                           const struct facts *facts, int64_t at,
                           struct verdict out[GATE_COUNT])
{
    struct facts usual = *facts;

    usual.users.live = (struct fact){.is = FACT_UNREAD};
    for (int i = 0; i < GATE_COUNT; i++)
        out[i] = verdict_not_asked();
    out[GATE_WINDOW] = window_at(scratch, policy, &usual, at);
    out[GATE_USERS] = users_at(scratch, policy, &usual, at);
    out[GATE_FIT] = fit_at(scratch, policy, &usual, at);
    if (release_phases(&facts->release) == PHASES_CONTRACT)
        out[GATE_CONTRACT] = contract_at(scratch, policy, facts, at);
    return worst(out);
}
