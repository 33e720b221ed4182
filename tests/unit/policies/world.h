/* world: a release that every gate lets pass, for tests to spoil one thing at
 * a time. It is Tuesday 2026-11-24 23:00 in Tallinn; the window closes at
 * 02:00; v1.4.2 is announced and open until 01:30, v1.4.1 is live.
 */
#ifndef TESTS_UNIT_POLICIES_WORLD_H
#define TESTS_UNIT_POLICIES_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "policies/gates.h"
#include "runner/base/clock.h"

#define NOW    INT64_C(1795554000) /* 2026-11-24T21:00:00Z */
#define MINUTE INT64_C(60)
#define HOUR   INT64_C(3600)
#define DAY    INT64_C(86400)
#define WEEK   INT64_C(604800)

/* 64 hex digits of one kind */
#define HEX(d)                                                                \
    d d d d d d d d d d d d d d d d d d d d d d d d d d d d d d d d d d d d d \
        d d d d d d d d d d d d d d d d d d d d d d d d d d d

struct world {
    struct arena arena;
    struct zone *zone;
    struct policy_settings policy;
    struct facts facts;
    struct manifest_facts manifests[4];
    struct approval_facts approvals[4];
    struct sample samples[4 * 7 * 24 * 4 + 1]; /* each quarter hour */
    struct migration_facts migrations[4];
    struct answer_facts answers[4];
    struct member_facts members[4];
};

static inline void world_window(struct world *w, const char *allow,
                                const char *freeze)
{
    struct calendar *c = &w->policy.window.calendar;
    struct err e = {0};

    if (!calendar_parse(&w->arena, allow, &c->allow, &c->allows, &e))
        fail_msg("%s", e.what);
    c->freezes = 0;
    if (freeze &&
        !calendar_parse(&w->arena, freeze, &c->freeze, &c->freezes, &e))
        fail_msg("%s", e.what);
}

static inline struct manifest_facts world_manifest(const char *digest,
                                                   const char *release)
{
    return (struct manifest_facts){
        .digest = digest,
        .environment = "production",
        .release = release,
        .commit = HEX("c"),
        .artifact = HEX("a"),
        .migrations = HEX("d"),
        .hosts = HEX("b"),
        .policy = HEX("e"),
        .announced = NOW - HOUR,
        .opens = NOW - HOUR,
        .expires = NOW + 150 * MINUTE,
        .person = "anna",
        .key = "SHA256:anna",
        .how = SIGNED_GOOD,
    };
}

static inline struct approval_facts world_approval(const char *person,
                                                   const char *key)
{
    return (struct approval_facts){.person = person,
                                   .key = key,
                                   .at = NOW - 30 * MINUTE,
                                   .how = SIGNED_GOOD,
                                   .manifest = HEX("1")};
}

static inline void world_settings(struct world *w)
{
    struct policy_settings *p = &w->policy;

    p->path = "policies/production.ini";
    p->expected = (struct expected_settings){.on = true,
                                             .signatures_required = true,
                                             .approvals = 1,
                                             .notice = 30 * MINUTE};
    p->window.on = true;
    p->window.calendar.zone = w->zone;
    world_window(w, "Mon-Thu 22:00-02:00", NULL);
    p->users = (struct users_settings){.on = true,
                                       .count = "sql: SELECT 1",
                                       .history = "recorded",
                                       .max = 50,
                                       .abort_at = 200,
                                       .forecast = true};
    p->budget = (struct budget_settings){.on = true,
                                         .total_ms = 600000,
                                         .blocked_ms = 2000,
                                         .rewrite_forbidden = true,
                                         .certificate = DAY};
    p->backup = (struct backup_settings){.on = true, .max_age = 12 * HOUR};
    p->replicas =
        (struct replicas_settings){.on = true, .min = 1, .max_lag_ms = 10000};
    p->proven =
        (struct proven_settings){.on = true, .in = "staging", .for_time = DAY};
}

static inline struct fact world_fact(int64_t value, const char *source)
{
    return (struct fact){FACT_KNOWN, value, NOW - 2, source, NULL};
}

/* A sample each quarter hour of the last four weeks, all the same. */
static inline void world_history(struct world *w, int64_t users)
{
    size_t n = sizeof(w->samples) / sizeof(w->samples[0]);

    for (size_t i = 0; i < n; i++)
        w->samples[i] =
            (struct sample){NOW - (int64_t)(n - 1 - i) * 15 * MINUTE, users};
    w->facts.users.history = w->samples;
    w->facts.users.samples = n;
    w->facts.users.history_read = true;
}

static inline void world_release(struct world *w)
{
    struct facts *f = &w->facts;

    f->now = NOW;
    f->release = (struct release_facts){.project = "shop",
                                        .environment = "production",
                                        .release = "v1.4.2",
                                        .commit = HEX("c"),
                                        .artifact = HEX("a"),
                                        .migrations = HEX("d"),
                                        .hosts = HEX("b"),
                                        .policy = HEX("e"),
                                        .pending = 1,
                                        .pending_read = true};
    f->live = (struct live_facts){.release = "v1.4.1",
                                  .commit = HEX("9"),
                                  .verified = true,
                                  .ancestry = ANCESTRY_DESCENDS};
    f->policy = (struct policy_facts){HEX("e"), HEX("e"), NULL, NULL};
    w->manifests[0] = world_manifest(HEX("1"), "v1.4.2");
    w->approvals[0] = world_approval("jaak", "SHA256:jaak");
    w->manifests[0].approvals = w->approvals;
    w->manifests[0].approved = 1;
    f->manifests = w->manifests;
    f->announced = 1;
}

static inline void world_measured(struct world *w)
{
    struct facts *f = &w->facts;

    world_history(w, 20);
    f->users.live = world_fact(12, "sql: SELECT 1");
    f->need = (struct need_facts){.before_high = 60000,
                                  .batches = 5,
                                  .batch = 60000,
                                  .batch_known = true};
    f->rehearsal = (struct rehearsal_facts){
        .needed = true,
        .present = true,
        .at = NOW - 2 * HOUR,
        .same = true,
        .clone_share = 1,
        .low = 20000,
        .likely = 40000,
        .high = 60000,
        .blocked = 300,
        .basis = {.known = true, .version_was = 150020, .version_now = 150020}};
    f->backup_age = world_fact(4 * HOUR, "command: bin/backup-age");
    f->replicas.streaming = world_fact(2, "pg_stat_replication");
    f->replicas.lag_ms = world_fact(120, "pg_stat_replication");
    f->proven = (struct proven_facts){true, true, NOW - 2 * DAY, "r7"};
    f->clock = (struct clock_facts){40, "web2"};
    w->answers[0] = (struct answer_facts){.who = "web1", .good = true};
    w->answers[1] = (struct answer_facts){.who = "front", .good = true};
    f->probe = (struct probe_facts){.configured = true,
                                    .expected = "v1.4.1",
                                    .answers = w->answers,
                                    .n = 2};
    w->members[0] = (struct member_facts){"web1", MEMBER_UP, false};
    w->members[1] = (struct member_facts){"web2", MEMBER_UP, false};
    f->pool = (struct pool_facts){.configured = true,
                                  .read = true,
                                  .at = NOW - 1,
                                  .members = w->members,
                                  .n = 2};
}

/* cmocka set-up: a fresh world for each test. */
static inline int world_open(void **state)
{
    struct world *w = test_calloc(1, sizeof(*w));

    arena_init(&w->arena);
    w->zone = zone_open("Europe/Tallinn");
    assert_non_null(w->zone);
    world_settings(w);
    world_release(w);
    world_measured(w);
    *state = w;
    return 0;
}

static inline int world_close(void **state)
{
    struct world *w = *state;

    zone_close(w->zone);
    arena_release(&w->arena);
    test_free(w);
    return 0;
}

#define world_test(f) \
    cmocka_unit_test_setup_teardown(f, world_open, world_close)

static inline struct verdict world_ask(struct world *w, enum gate_id id)
{
    return gates[id].judge(&w->arena, &w->policy, &w->facts);
}

/* The rule and the answer; a sentence that contains `says`; what is not PASS
 * offers a way out. */
#define expect_verdict(w, id, is, rule, says) \
    expect_verdict_at(w, id, is, rule, says, __FILE__, __LINE__)

static inline void expect_verdict_at(struct world *w, enum gate_id id,
                                     enum verdict_is is, const char *rule,
                                     const char *says, const char *file,
                                     int line)
{
    struct verdict v = world_ask(w, id);

    if (v.is != is || strcmp(v.rule, rule) != 0 || !strstr(v.because, says)) {
        print_error("%s:%d: got %s %s: %s; want %s %s: %s\n", file, line,
                    verdict_word(v.is), v.rule, v.because, verdict_word(is),
                    rule, says);
        _fail(file, line);
    }
    if (v.is != PASS && !*v.fix) {
        print_error("%s:%d: %s has no fix\n", file, line, v.rule);
        _fail(file, line);
    }
}

#endif
