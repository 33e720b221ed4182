/* The hosts, what they answer, and who is in the pool. */
#include <stdlib.h>
#include <string.h>

#include "runner/base/duration.h"
#include "runner/fleet/probe.h"
#include "runner/flow/doctor_rows.h"

#define ROOM_LOW  (1LL << 30)
#define ROOM_NONE (100LL << 20)

static const char *named(const struct doctor *d, size_t i)
{
    return fleet_name(d->s.fleet, i);
}

static bool state_known(const struct doctor *d)
{
    return (d->proved & DOCTOR_STATE) != 0;
}

/* ---- one host ---- */

/* `missing` is one thing a line. */
static void look_missing(struct doctor *d, size_t i)
{
    const char *at = d->s.observed[i].missing;

    while (at && *at) {
        size_t len = strcspn(at, "\n");

        doctor_problem(d, named(d, i), ERR_REFUSED,
                       arena_printf(d->arena,
                                    "mend it on %s, or correct `path` in "
                                    "[environment %s]",
                                    named(d, i), d->env->name),
                       "not ready for releases: %.*s", (int)len, at);
        at += len + (at[len] == '\n');
    }
}

static void look_room(struct doctor *d, size_t i)
{
    int64_t room = d->s.observed[i].free_bytes;
    char text[32];

    bytes_text(room, text, sizeof text);
    if (room < ROOM_NONE)
        doctor_problem(d, named(d, i), ERR_REFUSED, "make room there",
                       "only %s free at %s", text, fleet_path(d->s.fleet, i));
    else if (room < ROOM_LOW)
        doctor_warning(d, named(d, i), "make room there", "only %s free at %s",
                       text, fleet_path(d->s.fleet, i));
}

static void look_clock(struct doctor *d, size_t i)
{
    int64_t skew = d->s.observed[i].skew_ms;
    char text[32];

    if (llabs(skew) > DOCTOR_SKEW_MS)
        doctor_problem(d, named(d, i), ERR_HELD, "set both clocks by NTP",
                       "its clock is %s %s ours",
                       duration_text(llabs(skew), text, sizeof text),
                       skew < 0 ? "behind" : "before");
}

/* The first host that answers says what each shared item is. */
static void look_shared(struct doctor *d, size_t i)
{
    const struct observed *all = d->s.observed;
    size_t first = 0;
    const char *at = all[i].shared, *model;

    while (all[first].outcome != OUTCOME_DONE)
        first++;
    model = all[first].shared;
    for (; at && *at; at += strcspn(at, "\n"), at += *at == '\n') {
        size_t len = strcspn(at, "\n"), like = model ? strcspn(model, "\n") : 0;
        const char *type = memrchr(at, ' ', len);
        size_t name = type ? (size_t)(type - at) : len;

        if (type && strncmp(type, " absent", 7) == 0)
            doctor_problem(d, named(d, i), ERR_REFUSED,
                           arena_printf(d->arena, "make %s/shared/%.*s",
                                        fleet_path(d->s.fleet, i), (int)name,
                                        at),
                           "the shared item %.*s is missing", (int)name, at);
        else if (like != len || strncmp(at, model, len) != 0)
            doctor_problem(
                d, named(d, i), ERR_REFUSED, "make it the same on all hosts",
                "the shared item is %.*s here, and %.*s on %s", (int)len, at,
                (int)like, model ? model : "", named(d, first));
        if (model)
            model += like + (model[like] == '\n');
    }
}

static bool owes(const struct doctor *d, const char *host)
{
    for (size_t i = 0; i < d->s.state.n_owing; i++)
        if (strcmp(d->s.state.owed[i].host, host) == 0)
            return true;
    return false;
}

/* A release of tidegate's has a list of its files. */
static bool ours(const struct observed *o, const char *release)
{
    for (size_t i = 0; i < o->n; i++)
        if (strcmp(o->releases[i].name, release) == 0)
            return *o->releases[i].digest != '\0';
    return false;
}

/* Nothing is live yet: what stands there may be another tool's. */
static void look_first(struct doctor *d, size_t i)
{
    const struct observed *o = &d->s.observed[i];

    if (o->current && (!*o->current || ours(o, o->current)))
        return;
    doctor_warning(d, named(d, i), "tidegate adopt takes it over",
                   "current is %s, and no release of tidegate's",
                   o->current ? o->current : o->current_raw);
}

/* What is live there, and whether its files are those of the release. */
static void look_current(struct doctor *d, size_t i)
{
    const struct observed *o = &d->s.observed[i];
    const char *live = state_known(d) ? d->s.state.live : NULL;

    if (!state_known(d))
        return;
    if (!live) {
        look_first(d, i);
        return;
    }
    if (!o->current || strcmp(o->current, live) != 0) {
        const char *has = o->current && *o->current ? o->current
                          : o->current              ? "nothing"
                                                    : o->current_raw;

        if (owes(d, named(d, i)) || (o->current && !*o->current))
            doctor_warning(d, named(d, i), "tidegate catch-up",
                           "it has %s, and %s is live", has, live);
        else
            doctor_problem(d, named(d, i), ERR_REFUSED,
                           "find out who changed it; then tidegate catch-up",
                           "it has %s, and %s is live", has, live);
    } else if (!o->verified) {
        doctor_problem(d, named(d, i), ERR_REFUSED,
                       "find out who changed it; then put the file back",
                       "its files are not those of %s: %s", live, o->wrong);
    } else if (o->extra > 0) {
        doctor_warning(d, named(d, i),
                       "name what is written there in "
                       "[artifact] shared",
                       "%lld files in %s are not of the release",
                       (long long)o->extra, live);
    }
}

static bool listed(const char *lines, const char *word)
{
    size_t len = strlen(word);

    for (; lines && *lines;
         lines += strcspn(lines, "\n"), lines += *lines == '\n')
        if (strcspn(lines, "\n") == len && strncmp(lines, word, len) == 0)
            return true;
    return false;
}

static void look_fence(struct doctor *d, size_t i)
{
    const struct observed *o = &d->s.observed[i];
    struct err e = {0};

    if (!state_known(d))
        return;
    if (!ledger_anchor(d->ledger, named(d, i), o->ledger, o->seq, o->head, &e))
        doctor_error(d, named(d, i), &e);
    if (*o->policy && !listed(d->s.state.known_policies, o->policy))
        doctor_problem(d, named(d, i), ERR_REFUSED,
                       "find out who released there; only a policy that this "
                       "ledger pinned once is replaced",
                       "it has a policy that this ledger never pinned: %.12s",
                       o->policy);
}

static void (*const looks[])(struct doctor *d, size_t i) = {
    look_missing, look_room, look_clock, look_shared, look_current, look_fence,
};

static void unreached(struct doctor *d, size_t i)
{
    const struct observed *o = &d->s.observed[i];
    enum err_code code = o->key_refused || o->outcome == OUTCOME_FAILED
                             ? ERR_REFUSED
                             : ERR_UNREACHABLE;

    doctor_problem(d, named(d, i), code,
                   o->fix ? o->fix : "try it: ssh to it as tidegate does", "%s",
                   o->why ? o->why : outcome_word(o->outcome));
}

static void look_host(struct doctor *d, size_t i)
{
    const struct observed *o = &d->s.observed[i];
    size_t n = d->n;
    char text[32];

    if (o->outcome != OUTCOME_DONE) {
        unreached(d, i);
        return;
    }
    for (size_t k = 0; k < sizeof looks / sizeof *looks; k++)
        looks[k](d, i);
    if (d->n == n)
        doctor_ok(d, named(d, i), "%s, %s free, clock %lld ms off, current %s",
                  fleet_address(d->s.fleet, i),
                  bytes_text(o->free_bytes, text, sizeof text),
                  (long long)o->skew_ms,
                  o->current && *o->current ? o->current : "nothing");
}

/* ---- all of them ---- */

static void look_twins(struct doctor *d)
{
    const struct observed *o = d->s.observed;

    for (size_t i = 0; i < d->s.n_hosts; i++)
        for (size_t k = i + 1; k < d->s.n_hosts; k++)
            if (o[i].outcome == OUTCOME_DONE && o[k].outcome == OUTCOME_DONE &&
                *o[i].place && strcmp(o[i].machine, o[k].machine) == 0 &&
                strcmp(o[i].place, o[k].place) == 0)
                doctor_problem(
                    d, named(d, k), ERR_CONFIG, "list it once in `hosts`",
                    "it is the same machine and folder as %s", named(d, i));
}

void doctor_look_hosts(struct doctor *d)
{
    struct err e = {0};

    if (d->env->n_hosts == 0) {
        doctor_off(d, "not configured: releases without hosts");
        return;
    }
    if (!subject_contact_hosts(&d->s, &e)) {
        doctor_error(d, NULL, &e);
        return;
    }
    d->proved |= DOCTOR_HOSTS;
    for (size_t i = 0; i < d->s.n_hosts; i++)
        look_host(d, i);
    look_twins(d);
}

/* ---- probes and pool ---- */

/* The release to ask a host for: the live one; without a ledger, what it has.
 * NULL: there is none to ask for. */
static const char *release_on(const struct doctor *d, size_t i)
{
    const struct observed *o = &d->s.observed[i];

    if (state_known(d))
        return d->s.state.live;
    return o->outcome == OUTCOME_DONE && o->current && ours(o, o->current)
               ? o->current
               : NULL;
}

static size_t targets_of(struct doctor *d, struct probe_target *list)
{
    const struct subject *s = &d->s;
    size_t n = 0;

    for (size_t i = 0; d->env->probe_host.on && i < s->n_hosts; i++)
        if (s->observed[i].outcome == OUTCOME_DONE && release_on(d, i))
            list[n++] = (struct probe_target){i, release_on(d, i), NULL};
    if (d->env->probe_front.on && s->n_hosts > 0 && release_on(d, 0))
        list[n++] = (struct probe_target){PROBE_FRONT, release_on(d, 0), NULL};
    return n;
}

/* Before the first release nothing has to answer; but a name that does not
 * resolve, or another program's answer, is better seen now. */
static void look_at_addresses(struct doctor *d)
{
    const struct environment *env = d->env;
    size_t n = 0, good = 0;
    struct probe_target *list =
        arena_array(d->arena, d->s.n_hosts + 1, sizeof *list);
    struct answer_facts *answers;

    for (size_t i = 0; env->probe_host.on && i < d->s.n_hosts; i++)
        list[n++] = (struct probe_target){i, NULL, NULL, true};
    if (env->probe_front.on)
        list[n++] = (struct probe_target){PROBE_FRONT, NULL, NULL, true};
    answers = arena_array(d->arena, n, sizeof *answers);
    probe_ask(d->s.fleet, d->arena, env, list, n, true, answers);
    for (size_t i = 0; i < n; i++) {
        good += answers[i].good;
        if (!answers[i].good)
            doctor_warning(d, answers[i].who,
                           "no harm when only the application is missing; "
                           "else correct `url` (%h is the host as in `hosts`)",
                           "nothing is live yet, and so far: %s",
                           answers[i].why);
    }
    if (good == n)
        doctor_ok(d, NULL, "%zu of %zu addresses answer; nothing is live yet",
                  good, n);
}

void doctor_look_probes(struct doctor *d)
{
    struct probe_target *targets =
        arena_array(d->arena, d->s.n_hosts + 1, sizeof *targets);
    size_t n = targets_of(d, targets), good = 0;
    struct answer_facts *answers = arena_array(d->arena, n, sizeof *answers);

    if (!d->env->probe_host.on && !d->env->probe_front.on) {
        doctor_off(d, "not configured: nobody would notice a dead application");
        return;
    }
    if (n == 0 && d->s.fleet && !d->s.state.live) {
        look_at_addresses(d);
        return;
    }
    if (n == 0) {
        doctor_off(d, "not asked: no host shows a release");
        return;
    }
    probe_ask(d->s.fleet, d->arena, d->env, targets, n, true, answers);
    for (size_t i = 0; i < n; i++) {
        good += answers[i].good;
        if (!answers[i].good)
            doctor_problem(d, answers[i].who, ERR_HELD,
                           "see what it says, and its log",
                           "does not answer as %s: %s", targets[i].release,
                           answers[i].why);
    }
    if (good == n)
        doctor_ok(d, NULL, "%zu of %zu answer as %s", good, n,
                  targets[n - 1].release);
}

void doctor_look_pool(struct doctor *d)
{
    static const char *const words[] = {[MEMBER_UP] = "up",
                                        [MEMBER_DRAIN] = "drain",
                                        [MEMBER_DOWN] = "down",
                                        [MEMBER_UNKNOWN] = "not listed"};
    struct pool_facts pool = {0};
    size_t up = 0;

    if (!d->env->pool_members) {
        doctor_off(d, "not configured: nobody would notice a host outside");
        return;
    }
    pool_read(d->s.fleet, d->arena, d->env, &pool);
    if (!pool.read) {
        doctor_problem(d, NULL, ERR_HELD, "correct `members` in [pool]",
                       "%s: %s", d->env->pool_members, pool.why);
        return;
    }
    for (size_t i = 0; i < d->s.n_hosts; i++) {
        enum member_state is = pool_state(&pool, d->s.fleet, i);

        up += is == MEMBER_UP;
        if (is == MEMBER_UNKNOWN)
            doctor_problem(d, named(d, i), ERR_HELD,
                           "list it in the pool under the name in `hosts`",
                           "the pool does not list it, or not as up, drain or "
                           "down");
        else if (is != MEMBER_UP)
            doctor_warning(d, named(d, i), "find out who took it out",
                           "it is %s in the pool", words[is]);
    }
    if (up == d->s.n_hosts)
        doctor_ok(d, NULL, "%s: all %zu are up", d->env->pool_members, up);
}
