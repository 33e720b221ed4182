/* What is measured at this moment: users, backup, replicas, probes, the pool,
 * the clocks, and what another environment has proved. */
#include <stdlib.h>
#include <string.h>

#include "runner/facts/gather.h"
#include "runner/facts/source.h"
#include "runner/fleet/probe.h"

#define HISTORY_SECONDS (28 * 86400)

void gather_history(struct subject *s, struct facts *f)
{
    const char *source = s->env->policy.users.history;
    struct users_facts *u = &f->users;
    struct sample *list = NULL;

    u->history_read = false;
    u->history_why = NULL;
    if (!s->env->policy.users.on || !source)
        return;
    if (strcmp(source, "recorded") == 0) {
        u->history = s->state.users;
        u->samples = s->state.n_users;
        u->history_read = true;
    } else {
        u->history_read =
            source_samples(s, source, &list, &u->samples, &u->history_why);
        u->history = list;
    }
    while (u->samples > 0 && u->history[0].at < clock_now() - HISTORY_SECONDS) {
        u->history++;
        u->samples--;
    }
}

void gather_users(struct subject *s, struct facts *f)
{
    if (!s->env->policy.users.on)
        return;
    source_read(s, s->env->policy.users.count, &f->users.live);
    gather_history(s, f);
}

void gather_backup(struct subject *s, struct facts *f)
{
    const struct backup_settings *b = &s->env->policy.backup;

    if (!b->on)
        return;
    source_read(s, b->age_seconds, &f->backup_age);
    f->way_back.backup_fresh =
        f->backup_age.is == FACT_KNOWN && f->backup_age.value <= b->max_age;
}

void gather_replicas(struct subject *s, struct facts *f)
{
    static const char streaming[] =
        "sql: SELECT count(*) FROM pg_catalog.pg_stat_replication "
        "WHERE state = 'streaming'";
    static const char lag[] =
        "sql: SELECT coalesce(max(extract(epoch FROM replay_lag) * 1000), 0)"
        "::bigint FROM pg_catalog.pg_stat_replication "
        "WHERE state = 'streaming'";

    if (!s->env->policy.replicas.on)
        return;
    source_read(s, streaming, &f->replicas.streaming);
    source_read(s, lag, &f->replicas.lag_ms);
    f->replicas.streaming.source = "pg_stat_replication";
    f->replicas.lag_ms.source = "pg_stat_replication";
}

/* The front may name any release that some host has by now. */
static const char *other_release(const struct subject *s, const char *first,
                                 const char *const *each)
{
    for (size_t i = 0; each && i < s->n_hosts; i++)
        if (!s->left_out[i] && each[i] && strcmp(each[i], first) != 0)
            return each[i];
    return NULL;
}

void gather_probe(struct subject *s, struct facts *f, const char *const *each)
{
    const char *live = s->state.live;
    size_t n = 0;

    f->probe.configured =
        s->fleet && (s->env->probe_host.on || s->env->probe_front.on);
    f->probe.expected = live;
    f->probe.other = live ? other_release(s, live, each) : NULL;
    if (!f->probe.configured || !live)
        return;
    struct probe_target *targets =
        arena_array(s->arena, s->n_hosts + 1, sizeof *targets);

    for (size_t i = 0; s->env->probe_host.on && i < s->n_hosts; i++)
        if (!each || (each[i] && *each[i]))
            targets[n++] =
                (struct probe_target){i, each ? each[i] : live, NULL};
    if (s->env->probe_front.on)
        targets[n++] = (struct probe_target){PROBE_FRONT, live, f->probe.other};
    struct answer_facts *answers = arena_array(s->arena, n, sizeof *answers);

    probe_ask(s->fleet, s->arena, s->env, targets, n, true, answers);
    for (size_t i = 0; i < n; i++) {
        answers[i].expected = targets[i].release;
        answers[i].excepted =
            targets[i].host != PROBE_FRONT && s->left_out[targets[i].host];
    }
    f->probe.answers = answers;
    f->probe.n = n;
}

/* Hosts of ours that have dropped out are not listed as down by every pool:
 * some do not list them at all. An empty list is told as that. */
static void add_absent(struct subject *s, struct pool_facts *pool)
{
    size_t listed = pool->n;
    struct member_facts *list =
        arena_array(s->arena, listed + s->n_hosts, sizeof *list);

    for (size_t i = 0; i < listed; i++)
        list[i] = pool->members[i];
    for (size_t host = 0; listed > 0 && host < s->n_hosts; host++) {
        size_t i = 0;

        while (i < listed && fleet_find(s->fleet, list[i].name) != host)
            i++;
        if (i == listed)
            list[pool->n++] = (struct member_facts){
                .name = fleet_name(s->fleet, host), .state = MEMBER_ABSENT};
    }
    pool->members = list;
}

void gather_pool(struct subject *s, struct facts *f)
{
    f->pool.configured = s->env->pool_members != NULL;
    if (!f->pool.configured || !s->fleet)
        return;
    pool_read(s->fleet, s->arena, s->env, &f->pool);
    add_absent(s, &f->pool);
    struct member_facts *list = (struct member_facts *)f->pool.members;

    for (size_t i = 0; i < f->pool.n; i++) {
        size_t host = fleet_find(s->fleet, list[i].name);

        list[i].excepted = host < s->n_hosts && s->left_out[host];
    }
}

static bool same_content(const struct subject *s, const struct release_state *r)
{
    return r->artifact && strcmp(r->artifact, s->artifact.digest) == 0 &&
           r->migrations && strcmp(r->migrations, s->migrations.digest) == 0;
}

/* One content may have gone out under several names: bad under one of them is
 * bad; else the one that has been good for longest speaks. */
static void prove(struct proven_facts *p, const struct release_state *r)
{
    bool good = r->is == RELEASE_GOOD;

    if (!good && r->is != RELEASE_BAD) /* on its way, or not finished */
        return;
    if (p->known && (!p->good || (good && r->good_at >= p->good_at)))
        return;
    *p = (struct proven_facts){true, good, r->good_at, r->run};
}

/* Contracting migrations are proved by a run of them there, not by the release
 * that they wait for. */
static void proven_contract(const struct environment_state *other,
                            const struct subject *s, struct facts *f)
{
    for (size_t i = 0; i < other->n_runs; i++) {
        const struct run_state *run = &other->runs[i];

        if (run->phases != PHASES_CONTRACT || run->ended != RUN_GOOD ||
            !run->migrations ||
            strcmp(run->migrations, s->migrations.digest) != 0)
            continue;
        f->proven.known = f->proven.good = true;
        f->proven.good_at = run->ended_at;
        f->proven.run = run->id;
    }
}

void gather_proven(struct subject *s, struct facts *f)
{
    const struct proven_settings *p = &s->env->policy.proven;
    struct environment_state other;
    struct err ignored = {0};

    if (!p->on || !state_read(&other, s->arena, s->ledger, p->in, &ignored))
        return;
    if (s->phases == PHASES_CONTRACT)
        proven_contract(&other, s, f);
    for (size_t i = 0; s->phases != PHASES_CONTRACT && i < other.n_releases;
         i++)
        if (same_content(s, &other.releases[i]))
            prove(&f->proven, &other.releases[i]);
}

static void worse_skew(struct facts *f, int64_t ms, const char *who)
{
    int64_t worst = f->clock.worst_skew_ms;

    if (f->clock.worst_who && llabs(ms) <= llabs(worst))
        return;
    f->clock.worst_skew_ms = ms;
    f->clock.worst_who = who;
}

void gather_clock(struct subject *s, struct facts *f)
{
    f->clock = (struct clock_facts){0};
    for (size_t i = 0; i < s->n_hosts; i++)
        if (s->observed[i].outcome == OUTCOME_DONE)
            worse_skew(f, s->observed[i].skew_ms, fleet_name(s->fleet, i));
    if (s->pg)
        worse_skew(f, s->identity.skew_ms, "the database");
}
