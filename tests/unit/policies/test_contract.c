/* The wait of contracting migrations: when one may run, and what is said. */
#include "tests/unit/policies/world.h"

#define expect(is, rule, says) expect_verdict(w, GATE_CONTRACT, is, rule, says)

static struct contract_facts list[2];

/* v1.4.1 is live; 0014 waits for it, and it has been good for `hours`. */
static struct world *finishing(void **state, int64_t hours)
{
    struct world *w = *state;

    list[0] = (struct contract_facts){.name = "0014_drop_note",
                                      .release = "v1.4.1",
                                      .seconds = DAY,
                                      .good_at = NOW - hours * HOUR};
    list[1] = (struct contract_facts){0};
    w->facts.release.release = "v1.4.1";
    w->facts.release.phases = PHASES_CONTRACT;
    w->facts.contract = (struct contracts_facts){list, 1, 0};
    return w;
}

static void test_due(void **state)
{
    struct world *w = finishing(state, 24);

    assert_int_equal(contract_due(&list[0]), NOW);
    expect(PASS, "contract.due",
           "contracting: 0014_drop_note may run since 23:00 EET");
    list[0].runs = true;
    expect(PASS, "contract.due", "contracting: 0014_drop_note runs");
    w = finishing(state, 23);
    expect(HOLD, "contract.early",
           "0014_drop_note waits until v1.4.1 has been good for 1 d: not "
           "before Wed 2026-11-25 00:00 EET, in 1 h");
    assert_int_equal(world_ask(w, GATE_CONTRACT).retry_at, NOW + HOUR);
    assert_non_null(
        strstr(world_ask(w, GATE_CONTRACT).fix, "v1.4.1 --only contract"));
    list[0].seconds = 0; /* as soon as it is good */
    expect(PASS, "contract.due", "since 00:00 EET");
}

/* The one that may run first decides; the others are told. */
static void test_several(void **state)
{
    struct world *w = finishing(state, 1);

    w->facts.contract.n = 2;
    list[1] = (struct contract_facts){"0015_drop_old", "v1.4.2", HOUR, 0,
                                      false,           false};
    expect(HOLD, "contract.early", "0014_drop_note");
    assert_int_equal(contract_due(&list[1]), 0);
    list[1].good_at = NOW - 2 * HOUR;
    expect(PASS, "contract.due",
           "0014_drop_note not before Wed 2026-11-25 22:00 EET; 0015_drop_old "
           "may run since 22:00 EET");
    list[1].good_at = 0;
    list[0].good_at = NOW - DAY;
    expect(PASS, "contract.due", "0015_drop_old once v1.4.2 has been good for");
}

static void test_not_good(void **state)
{
    struct world *w = finishing(state, 48);

    list[0].good_at = 0;
    expect(HOLD, "contract.not_good", "it is not good yet");
    assert_int_equal(world_ask(w, GATE_CONTRACT).retry_at, 0);
    list[0].taken_back = true;
    expect(STOP, "contract.taken_back",
           "0014_drop_note waits for v1.4.1, which was taken back");
    /* another may still come to it */
    w->facts.contract.n = 2;
    list[1] = (struct contract_facts){"0015_drop_old", "v1.4.2", DAY, 0,
                                      false,           false};
    expect(HOLD, "contract.not_good", "0015_drop_old waits until v1.4.2");
    list[1].taken_back = true;
    expect(STOP, "contract.taken_back", "0015_drop_old waits for v1.4.2");
}

static void test_unapplied(void **state)
{
    struct world *w = finishing(state, 48);

    w->facts.contract.unapplied = 1;
    expect(STOP, "contract.unapplied",
           "1 other migration of v1.4.1 is pending");
    w->facts.contract.unapplied = 2;
    expect(STOP, "contract.unapplied", "2 other migrations of v1.4.1 are");
}

/* In a deploy the gate only tells. */
static void test_told(void **state)
{
    struct world *w = finishing(state, 1);

    w->facts.release.phases = PHASES_ALL;
    expect(PASS, "contract.pending",
           "contracting: 0014_drop_note not before Wed 2026-11-25 22:00 EET");
    w->facts.contract.n = 0;
    expect(PASS, "contract.none", "nothing contracting is pending");
}

/* `expect --only contract` judges the planned time. */
static void test_planned(void **state)
{
    struct world *w = finishing(state, 1);
    struct verdict out[GATE_COUNT];

    world_window(w, "always", NULL);
    assert_int_equal(
        gates_plan(&w->arena, &w->policy, &w->facts, NOW + 22 * HOUR, out),
        HOLD);
    assert_string_equal(out[GATE_CONTRACT].rule, "contract.early");
    assert_int_equal(
        gates_plan(&w->arena, &w->policy, &w->facts, NOW + 23 * HOUR, out),
        PASS);
    w->facts.release.phases = PHASES_ALL;
    gates_plan(&w->arena, &w->policy, &w->facts, NOW + HOUR, out);
    assert_int_equal(out[GATE_CONTRACT].state, VERDICT_NOT_ASKED);
}

/* What is missing is named as it is called. */
static void test_rehearsed(void **state)
{
    struct world *w = finishing(state, 48);

    w->facts.rehearsal.present = false;
    expect_verdict(w, GATE_REHEARSAL, HOLD, "rehearsal.none",
                   "never rehearsed");
    assert_string_equal(world_ask(w, GATE_REHEARSAL).fix,
                        "run: tidegate rehearse v1.4.1 --only contract");
    w->migrations[0] = (struct migration_facts){
        .name = "0014_drop_note", .after = true, .has_down = true};
    w->facts.way_back =
        (struct way_back_facts){.migrations = w->migrations, .n = 1};
    assert_string_equal(world_ask(w, GATE_WAY_BACK).fix,
                        "run: tidegate rehearse v1.4.1 --only contract");
    w->facts.release.phases = PHASES_ALL;
    assert_string_equal(world_ask(w, GATE_WAY_BACK).fix,
                        "run: tidegate rehearse v1.4.1");
}

/* Only what is live is finished; without hosts none need be. */
static void test_live(void **state)
{
    struct world *w = finishing(state, 48);
    struct live_facts *live = &w->facts.live;

    w->manifests[0].release = "v1.4.1";
    w->manifests[0].phases = PHASES_CONTRACT;
    live->ancestry = ANCESTRY_SAME;
    live->commit = HEX("c");
    expect_verdict(w, GATE_EXPECTED, PASS, "expected.announced", "v1.4.1");
    live->release = "v1.4";
    live->ancestry = ANCESTRY_DESCENDS;
    expect_verdict(w, GATE_EXPECTED, STOP, "expected.contract",
                   "v1.4.1 is not live, so it cannot be finished: live is "
                   "v1.4");
    *live = (struct live_facts){.ancestry = ANCESTRY_NOTHING_LIVE};
    expect_verdict(w, GATE_EXPECTED, STOP, "expected.contract", "nothing");
    w->facts.release.hostless = true;
    expect_verdict(w, GATE_EXPECTED, PASS, "expected.announced", "v1.4.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(test_due),      world_test(test_several),
        world_test(test_not_good), world_test(test_unapplied),
        world_test(test_told),     world_test(test_planned),
        world_test(test_live),     world_test(test_rehearsed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
