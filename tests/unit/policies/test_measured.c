/* policy, line, rehearsal, way back, backup, replicas, probe, pool, proven. */
#include "tests/unit/policies/world.h"

static void test_policy(void **state)
{
    struct world *w = *state;
    struct policy_facts *p = &w->facts.policy;

    expect_verdict(w, GATE_POLICY, PASS, "policy.pinned",
                   "policy eeeeeeeeeeee is the pinned one");
    p->now = HEX("f");
    expect_verdict(w, GATE_POLICY, STOP, "policy.changed",
                   "policy changed: was eeeeeeeeeeee, is ffffffffffff");
    p->changes = "[window] allow: was always";
    expect_verdict(w, GATE_POLICY, STOP, "policy.changed",
                   "is ffffffffffff: [window] allow: was always");
    p->pinned = NULL;
    expect_verdict(w, GATE_POLICY, STOP, "policy.unpinned", "no policy");
    p->now = NULL;
    expect_verdict(w, GATE_POLICY, STOP, "policy.unread", "not known");
}

static void test_line(void **state)
{
    struct world *w = *state;
    struct line_facts *line = &w->facts.line;

    expect_verdict(w, GATE_LINE, PASS, "line.free", "");
    line->other_run = "r9";
    line->other_who = "jaak@ci";
    line->other_since = NOW - 10 * MINUTE;
    expect_verdict(w, GATE_LINE, HOLD, "line.busy",
                   "run r9 of jaak@ci holds the environment since 22:50 EET");
    line->other_who = NULL;
    expect_verdict(w, GATE_LINE, HOLD, "line.busy", "of somebody");
    line->unfinished = "r8";
    expect_verdict(w, GATE_LINE, STOP, "line.unfinished",
                   "run r8 stopped part-way");
    w->facts.changing = true; /* then it is our own */
    expect_verdict(w, GATE_LINE, HOLD, "line.busy", "");
    line->frozen_by = "anna";
    line->frozen_at = NOW - DAY;
    expect_verdict(w, GATE_LINE, STOP, "line.frozen",
                   "anna froze production at Mon 2026-11-23 23:00 EET: no "
                   "reason given");
    line->frozen_why = "auditors";
    expect_verdict(w, GATE_LINE, STOP, "line.frozen", ": auditors");
    line->lease_lost = true;
    expect_verdict(w, GATE_LINE, STOP, "line.lease", "superseded");
}

static void test_backup(void **state)
{
    struct world *w = *state;
    struct fact *age = &w->facts.backup_age;

    expect_verdict(w, GATE_BACKUP, PASS, "backup.fresh", "4 h");
    assert_string_equal(world_ask(w, GATE_BACKUP).limit, "max_age = 12 h");
    assert_string_equal(world_ask(w, GATE_BACKUP).source,
                        "command: bin/backup-age");
    age->at = NOW;
    age->value = 12 * HOUR;
    expect_verdict(w, GATE_BACKUP, PASS, "backup.fresh", "12 h");
    age->at = NOW - 1; /* it grew older since it was measured */
    expect_verdict(w, GATE_BACKUP, HOLD, "backup.max_age", "limit 12 h");
    age->at = NOW + 5; /* measured while we asked */
    expect_verdict(w, GATE_BACKUP, PASS, "backup.fresh", "12 h");
    assert_int_equal(world_ask(w, GATE_BACKUP).age, -1);
    age->value = -1;
    expect_verdict(w, GATE_BACKUP, HOLD, "backup.unreadable", "reads -1");
    *age = (struct fact){.is = FACT_UNREADABLE, .why = "exit 1"};
    expect_verdict(w, GATE_BACKUP, HOLD, "backup.unreadable", "exit 1");
    w->policy.backup.on = false;
    expect_verdict(w, GATE_BACKUP, PASS, "off", "");
}

static void test_replicas(void **state)
{
    struct world *w = *state;
    struct replicas_facts *r = &w->facts.replicas, good = *r;

    expect_verdict(w, GATE_REPLICAS, PASS, "replicas.streaming",
                   "2 replicas stream, at most 120 ms behind");
    assert_string_equal(world_ask(w, GATE_REPLICAS).limit,
                        "min = 1, max_lag = 10 s");
    r->lag_ms.value = 10000;
    r->streaming.value = 1; /* just enough of both */
    expect_verdict(w, GATE_REPLICAS, PASS, "replicas.streaming", "");
    r->lag_ms.value = 10001;
    expect_verdict(w, GATE_REPLICAS, HOLD, "replicas.max_lag", "limit 10 s");
    r->lag_ms.is = FACT_UNREADABLE;
    expect_verdict(w, GATE_REPLICAS, HOLD, "replicas.lag_unreadable", "");
    *r = good;
    r->streaming.value = 0;
    expect_verdict(w, GATE_REPLICAS, HOLD, "replicas.min",
                   "0 replicas stream, at least 1");
    r->streaming.is = FACT_UNREAD;
    expect_verdict(w, GATE_REPLICAS, HOLD, "replicas.unreadable", "");
    *r = good;
    w->policy.replicas.min = 0;
    r->streaming.value = 0;
    r->lag_ms.is = FACT_UNREADABLE; /* nobody lags */
    expect_verdict(w, GATE_REPLICAS, PASS, "replicas.none_asked", "");
    w->policy.replicas.on = false;
    expect_verdict(w, GATE_REPLICAS, PASS, "off", "");
}

static void test_proven(void **state)
{
    struct world *w = *state;
    struct proven_facts *p = &w->facts.proven;

    expect_verdict(w, GATE_PROVEN, PASS, "proven.good",
                   "good in staging for 2 d (run r7)");
    p->good_at = NOW - DAY;
    expect_verdict(w, GATE_PROVEN, PASS, "proven.good", "");
    p->good_at = NOW - DAY + 1;
    expect_verdict(w, GATE_PROVEN, HOLD, "proven.younger", "are asked for");
    assert_int_equal(world_ask(w, GATE_PROVEN).retry_at, NOW + 1);
    assert_string_equal(world_ask(w, GATE_PROVEN).limit,
                        "in = staging, for = 1 d");
    p->good = false;
    expect_verdict(w, GATE_PROVEN, STOP, "proven.bad",
                   "ended bad in staging (run r7)");
    p->run = NULL;
    expect_verdict(w, GATE_PROVEN, STOP, "proven.bad", "(run ?)");
    p->known = false;
    expect_verdict(w, GATE_PROVEN, HOLD, "proven.unknown", "never ended good");
    w->policy.proven.on = false;
    expect_verdict(w, GATE_PROVEN, PASS, "off", "");
}

#define rehearsed(is, rule, says) \
    expect_verdict(w, GATE_REHEARSAL, is, rule, says)

static void test_rehearsal(void **state)
{
    struct world *w = *state;
    struct rehearsal_facts *r = &w->facts.rehearsal;

    rehearsed(PASS, "rehearsal.kept",
              "takes 20 s to 1 min, likely 40 s; users wait up to 300 ms");
    assert_int_equal(world_ask(w, GATE_REHEARSAL).age, 2 * HOUR);
    r->at = NOW + 1;
    assert_int_equal(world_ask(w, GATE_REHEARSAL).age, -1);
    r->at = NOW + 5; /* clocks may be that far apart */
    rehearsed(PASS, "rehearsal.kept", "");
    r->at++;
    rehearsed(HOLD, "rehearsal.future", "is dated 6 s ahead of now");
    assert_string_equal(world_ask(w, GATE_REHEARSAL).fix,
                        "rehearse again: tidegate rehearse v1.4.2");
    r->at = NOW + 365 * DAY;
    rehearsed(HOLD, "rehearsal.future", "a clock is wrong");
    r->at = NOW - DAY;
    rehearsed(PASS, "rehearsal.kept", "");
    r->at--;
    rehearsed(HOLD, "rehearsal.stale", "limit 1 d");
    r->at = NOW;
    r->clone_share = 0.01;
    rehearsed(PASS, "rehearsal.kept", "");
    r->clone_share = 0.0099;
    rehearsed(HOLD, "rehearsal.clone", "the clone was 0.99 % of production");
    assert_string_equal(world_ask(w, GATE_REHEARSAL).fix,
                        "rehearse again: tidegate rehearse v1.4.2, with a "
                        "larger clone");
    r->clone_share = 0.0 / 0.0;
    rehearsed(HOLD, "rehearsal.clone", "");
    r->same = false;
    rehearsed(HOLD, "rehearsal.other", "of other migrations");
    r->differs = "0013 is new";
    rehearsed(HOLD, "rehearsal.other", ": 0013 is new");
    assert_string_equal(world_ask(w, GATE_REHEARSAL).fix,
                        "rehearse again: tidegate rehearse v1.4.2");
    r->present = false;
    rehearsed(HOLD, "rehearsal.none", "never rehearsed");
    assert_string_equal(world_ask(w, GATE_REHEARSAL).fix,
                        "run: tidegate rehearse v1.4.2");
    r->needed = false;
    rehearsed(PASS, "rehearsal.not_needed", "no migration is pending");
    w->policy.budget.on = false;
    rehearsed(PASS, "off", "");
}

/* Production is no longer what was rehearsed for: one row, one change. */
static void test_expiry(void **state)
{
    static const struct setting_change settings[] = {
        {"maintenance_work_mem", "65536kB", "8192kB"}, {"fsync", "on", "off"}};
    static const struct {
        struct basis_facts basis;
        const char *rule, *says;
    } rows[] = {
        {{.known = false}, "rehearsal.unknown", "an older tidegate made it"},
        {{.known = true, .unread = "the schema: permission denied"},
         "rehearsal.unread",
         "still as it was rehearsed: the schema: permission denied"},
        {{.known = true, .version_was = 150020, .version_now = 150021},
         "rehearsal.server",
         "the server is PostgreSQL 15.21 now, and was 15.20 at the"},
        {{.known = true, .version_was = 150020, .version_now = 160001},
         "rehearsal.server",
         "PostgreSQL 16.1 now"},
        {{.known = true, .schema = "new: column public.orders.x: integer"},
         "rehearsal.schema",
         "changed since the rehearsal: new: column public.orders.x"},
        {{.known = true, .settings = settings, .n_settings = 1},
         "rehearsal.settings",
         "maintenance_work_mem is \"8192kB\" now, and was \"65536kB\" at the "
         "rehearsal"},
        {{.known = true, .settings = settings, .n_settings = 2},
         "rehearsal.settings",
         "at the rehearsal; 1 more setting differs"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        w->facts.rehearsal.basis = rows[i].basis;
        rehearsed(HOLD, rows[i].rule, rows[i].says);
        assert_string_equal(world_ask(w, GATE_REHEARSAL).fix,
                            "rehearse again: tidegate rehearse v1.4.2");
    }
    /* what could not be read then either is said, and passes */
    w->facts.rehearsal.basis = (struct basis_facts){
        .known = true, .blind = "the schema: permission denied"};
    rehearsed(PASS, "rehearsal.kept", "not compared: the schema: permission");
    /* a broken budget stays one */
    w->facts.rehearsal.basis.known = false;
    w->facts.rehearsal.high = 600001;
    rehearsed(STOP, "rehearsal.total", "");
}

#define MIB (INT64_C(1024) * 1024)

static void test_growth(void **state)
{
    static const struct {
        struct table_growth table;
        const char *says; /* NULL: not worth a word */
    } rows[] = {
        {{"orders", 100 * MIB, 120 * MIB, 1000, 1200}, NULL},
        {{"orders", 100 * MIB, 121 * MIB, 1000, 1000},
         "orders has grown since the rehearsal, from 100 MB to 121 MB"},
        {{"orders", 100 * MIB, 100 * MIB, 1000, 1201},
         "orders has grown since the rehearsal, from 1000 to 1201 rows"},
        {{"orders", 100 * MIB, 50 * MIB, 1000, 500}, NULL},
        {{"orders", 1 * MIB, 8 * MIB, 1000, 9000}, "from 1.0 MB to 8.0 MB"},
        {{"orders", 1 * MIB, 8 * MIB - 1, 1000, 9000}, NULL},
        {{"orders", 0, 8 * MIB, -1, 9000}, "from 0 B to 8.0 MB"},
        {{"orders", -1, 80 * MIB, -1, 9000}, NULL}, /* unknown then */
        {{"orders", 80 * MIB, -1, 9000, -1}, NULL}, /* gone: the schema says */
    };
    struct world *w = *state;
    struct table_growth tables[2] = {
        {"customers", 100 * MIB, 100 * MIB, 10, 10}};

    w->facts.rehearsal.basis.tables = tables;
    w->facts.rehearsal.basis.n_tables = 2;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tables[1] = rows[i].table;
        if (rows[i].says)
            rehearsed(HOLD, "rehearsal.grown", rows[i].says);
        else
            rehearsed(PASS, "rehearsal.kept", "");
    }
}

/* A broken budget is STOP, also of an old rehearsal on a small clone. */
static void test_budgets(void **state)
{
    struct world *w = *state;
    struct rehearsal_facts *r = &w->facts.rehearsal;

    r->at = NOW - 2 * DAY;
    r->clone_share = 0;
    r->high = 600000;
    r->blocked = 2000;
    rehearsed(HOLD, "rehearsal.stale", "");
    r->high = 600001;
    rehearsed(STOP, "rehearsal.total", "budget 10 min");
    assert_string_equal(world_ask(w, GATE_REHEARSAL).limit, "total = 10 min");
    r->pausable = 1; /* what can pause is none of it */
    rehearsed(HOLD, "rehearsal.stale", "");
    r->pausable = 0;
    r->blocked = 2001;
    rehearsed(STOP, "rehearsal.blocked", "budget 2 s: a table is locked");
    r->blocked_by = "0012_x.up.sql:3 ACCESS EXCLUSIVE on orders";
    rehearsed(STOP, "rehearsal.blocked", ": 0012_x.up.sql:3 ACCESS EXCLUSIVE");
    r->safer = "what belongs to a rewrite";
    assert_non_null(strstr(world_ask(w, GATE_REHEARSAL).fix, "split or"));
    r->blocked_safer = "add the column without a default";
    assert_string_equal(world_ask(w, GATE_REHEARSAL).fix,
                        "safer: add the column without a default");
    r->rewrite = "0012_x.up.sql:3";
    rehearsed(STOP, "rehearsal.rewrite", "rewritten: 0012_x.up.sql:3; and ");
    rehearsed(STOP, "rehearsal.rewrite",
              "; and users wait up to 2 s, budget 2 s: 0012_x");
    r->failed = "syntax error";
    rehearsed(STOP, "rehearsal.failed", "failed: syntax error");
    assert_string_equal(world_ask(w, GATE_REHEARSAL).fix,
                        "correct the migration and tag that, then run: "
                        "tidegate rehearse TAG");
    r->lacks = "public.orders and 3 more";
    assert_string_equal(world_ask(w, GATE_REHEARSAL).fix,
                        "the clone lacks tables of production's (public.orders "
                        "and 3 more): make it anew from production, then run: "
                        "tidegate rehearse v1.4.2");
    /* a limit of nothing is a limit */
    r->failed = r->rewrite = NULL;
    w->policy.budget.blocked_ms = 0;
    r->blocked = 1;
    rehearsed(STOP, "rehearsal.blocked", "budget 0 s");
    r->blocked = 0;
    w->policy.budget.total_ms = 0;
    rehearsed(STOP, "rehearsal.total", "budget 0 s");
    /* limits that are not set */
    r->rewrite = "0012_x.up.sql:3";
    r->blocked = 2001;
    r->failed = NULL;
    r->at = NOW;
    r->clone_share = 1;
    w->policy.budget.rewrite_forbidden = false;
    w->policy.budget.blocked_ms = w->policy.budget.total_ms = -1;
    rehearsed(PASS, "rehearsal.kept", "");
}

#define back(is, rule, says) expect_verdict(w, GATE_WAY_BACK, is, rule, says)

static void test_way_back(void **state)
{
    struct world *w = *state;
    struct migration_facts *m = w->migrations;
    struct way_back_facts *facts = &w->facts.way_back;

    back(PASS, "way_back.code", "code only");
    facts->migrations = m;
    facts->n = 1;
    m[0] = (struct migration_facts){.name = "0012_x"};
    back(PASS, "way_back.open", "1 \"before\" migrations are kept");
    m[0].breaks = "drops column total";
    back(STOP, "way_back.breaks",
         "the old code would not run with 0012_x: drops column total");
    m[0].compatible = "nobody reads it";
    back(PASS, "way_back.open", "");

    facts->n = 2;
    m[1] = (struct migration_facts){
        .name = "0013_y", .after = true, .breaks = "drops table old"};
    back(STOP, "way_back.no_down", "0013_y has no down");
    m[1].has_down = true;
    back(STOP, "way_back.not_rehearsed", "the down of 0013_y");
    m[1].down_lacks = "public.t.a: 7 of 9 values lost";
    m[1].down_loses = true;
    back(STOP, "way_back.loses",
         "the down of 0013_y was rehearsed, and does not bring the data back: "
         "public.t.a: 7 of 9 values lost");
    m[1].down_loses = false;
    back(STOP, "way_back.lacks", "does not give back what was there");
    m[1].down_lacks = NULL;
    m[1].down_rehearsed = true;
    back(PASS, "way_back.open", "1 \"after\" ones go down, 0 are forward-only");
    m[1].forward_only = "data is gone";
    back(STOP, "way_back.backup",
         "0013_y is forward-only, and no fresh "
         "backup");
    facts->backup_fresh = true;
    back(PASS, "way_back.open", "0 \"after\" ones go down, 1 are forward-only");
}

#define probed(is, rule, says) expect_verdict(w, GATE_PROBE, is, rule, says)

static void test_probe(void **state)
{
    struct world *w = *state;
    struct answer_facts *a = w->answers;
    struct probe_facts *p = &w->facts.probe;

    probed(PASS, "probe.answers", "2 of 2 answer for v1.4.1");
    a[0].named = a[1].named = "v1.4.1";
    probed(PASS, "probe.answers", "");
    a[0].named = "v1.4.0";
    probed(HOLD, "probe.release",
           "web1 answers as v1.4.0, it should be "
           "v1.4.1");
    a[0].expected = "v1.4.0"; /* mid-run each host has its own */
    probed(PASS, "probe.answers", "");
    a[0].named = "v1.4.1";
    probed(HOLD, "probe.release", "it should be v1.4.0");
    a[0].named = "v1.4.0";
    a[1].named = "v1.4.2";
    probed(HOLD, "probe.release", "front answers as v1.4.2");
    p->other = "v1.4.2"; /* the front alone may name either */
    probed(PASS, "probe.answers", "");
    a[0].named = "v1.4.2";
    probed(HOLD, "probe.release", "web1");
    a[0].excepted = true;
    probed(PASS, "probe.answers",
           "1 of 2 answer for v1.4.1; the rest is left "
           "out");
    a[1].good = false;
    probed(HOLD, "probe.fails",
           "front does not answer as it should: no "
           "reason known");
    a[1].why = "status 500";
    probed(HOLD, "probe.fails", ": status 500");
    p->n = 0;
    probed(HOLD, "probe.unread", "nothing was probed");
    p->expected = NULL; /* nothing live yet */
    probed(PASS, "not asked", "");
    assert_int_equal(world_ask(w, GATE_PROBE).state, VERDICT_NOT_ASKED);
    p->configured = false;
    probed(PASS, "off", "");
}

static void test_probe_repairs(void **state)
{
    struct world *w = *state;
    struct answer_facts *a = w->answers;

    a[0].good = false;
    probed(HOLD, "probe.fails", "");
    w->manifests[0].repairs = true;
    probed(PASS, "probe.repairs", "1 of 2 answers are wrong");
    /* what has the new release must answer, what waits for it may be broken */
    w->facts.changing = true;
    w->facts.consumed = HEX("1");
    a[0].expected = "v1.4.1";
    probed(PASS, "probe.repairs", "");
    a[0].expected = "v1.4.2";
    probed(HOLD, "probe.fails", "");
    a[0].good = true;
    w->facts.probe.expected = NULL;
    a[1].named = NULL;
    probed(PASS, "probe.answers", "2 of 2 answer for their release");
}

#define pooled(is, rule, says) expect_verdict(w, GATE_POOL, is, rule, says)

static void test_pool(void **state)
{
    struct world *w = *state;
    struct pool_facts *p = &w->facts.pool;
    struct member_facts *m = w->members;

    pooled(PASS, "pool.whole", "2 of 2 members serve");
    assert_int_equal(world_ask(w, GATE_POOL).age, 1);
    m[1].state = MEMBER_DOWN;
    pooled(HOLD, "pool.member", "1 of 2 members do not serve: web2 is down");
    m[0].state = MEMBER_DRAIN;
    pooled(HOLD, "pool.member", "web1 is draining, web2 is down");
    m[0].state = MEMBER_UNKNOWN;
    pooled(HOLD, "pool.member", "web1 is in an unknown state");
    m[0].excepted = true;
    pooled(HOLD, "pool.member", "1 of 2 members do not serve: web2 is down");
    w->manifests[0].repairs = true;
    pooled(PASS, "pool.repairs", "web2 is down; this release is announced");
    m[1].state = MEMBER_UP;
    pooled(PASS, "pool.whole", "1 of 2 members serve; the rest is left out");
    p->n = 0;
    pooled(HOLD, "pool.empty", "no member");
    p->read = false;
    pooled(HOLD, "pool.unreadable", "it was not asked");
    p->why = "no such socket";
    pooled(HOLD, "pool.unreadable", "no such socket");
    assert_int_equal(world_ask(w, GATE_POOL).age, -1);
    w->facts.live.release = NULL;
    pooled(PASS, "not asked", "");
    p->configured = false;
    pooled(PASS, "off", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(test_policy),  world_test(test_line),
        world_test(test_backup),  world_test(test_replicas),
        world_test(test_proven),  world_test(test_rehearsal),
        world_test(test_expiry),  world_test(test_growth),
        world_test(test_budgets), world_test(test_way_back),
        world_test(test_probe),   world_test(test_probe_repairs),
        world_test(test_pool),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
