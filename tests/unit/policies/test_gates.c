#include "tests/unit/policies/world.h"

static enum verdict_is ask(struct world *w, enum gates_scope scope,
                           unsigned overridden, struct verdict *out)
{
    return gates_ask(&w->arena, &w->policy, &w->facts, scope, overridden, out);
}

static unsigned asked(const struct verdict *out)
{
    unsigned bits = 0;

    for (int i = 0; i < GATE_COUNT; i++)
        bits |= out[i].state == VERDICT_NOT_ASKED ? 0 : 1u << i;
    return bits;
}

#define BIT(id) (1u << (id))
#define LOCAL                                                     \
    (BIT(GATE_POLICY) | BIT(GATE_EXPECTED) | BIT(GATE_APPROVED) | \
     BIT(GATE_WINDOW) | BIT(GATE_LINE))

static void test_table(void **state)
{
    static const char *const names[GATE_COUNT] = {
        "policy", "expected", "approved",  "window",   "line",
        "users",  "fit",      "rehearsal", "way back", "contract",
        "backup", "replicas", "probe",     "pool",     "proven"};
    enum gate_id id = GATE_COUNT;

    (void)state;
    for (int i = 0; i < GATE_COUNT; i++) {
        assert_string_equal(gates[i].name, names[i]);
        assert_non_null(gates[i].judge);
        assert_int_equal(gates[i].asks[strlen(gates[i].asks) - 1], '.');
        assert_true(gate_find(names[i], &id));
        assert_int_equal(id, i);
    }
    assert_true(gate_find("way-back", &id));
    assert_int_equal(id, GATE_WAY_BACK);
    assert_true(gate_find("way_back", &id));
    assert_false(gate_find("way", &id));
    assert_false(gate_find("way back ", &id));
    assert_false(gate_find("policies", &id));
    assert_false(gate_find("way|back", &id));
    assert_false(gate_find("p-licy", &id));
    assert_false(gate_find("soak", &id));
    assert_false(gate_find("", &id));
}

static void test_scopes(void **state)
{
    struct world *w = *state;
    struct verdict out[GATE_COUNT];
    unsigned all = (1u << GATE_COUNT) - 1;

    assert_int_equal(ask(w, GATES_LOCAL, 0, out), PASS);
    assert_int_equal(asked(out), LOCAL);
    assert_string_equal(out[GATE_USERS].because, "not asked");
    assert_int_equal(ask(w, GATES_ALL, 0, out), PASS);
    assert_int_equal(asked(out), all);
    for (int i = 0; i < GATE_COUNT; i++) {
        assert_int_equal(out[i].state, VERDICT_ASKED);
        assert_true(*out[i].because);
    }
    w->facts.changing = true;
    w->facts.consumed = HEX("1");
    w->manifests[0].used_by = "r13";
    assert_int_equal(ask(w, GATES_AGAIN, 0, out), PASS);
    assert_int_equal(asked(out),
                     all & ~(BIT(GATE_REHEARSAL) | BIT(GATE_WAY_BACK) |
                             BIT(GATE_CONTRACT) | BIT(GATE_PROVEN)));
    /* what is not asked again does not speak */
    w->facts.rehearsal.present = false;
    w->facts.proven.good = false;
    w->facts.live.ancestry = ANCESTRY_DIVERGED;
    assert_int_equal(ask(w, GATES_AGAIN, 0, out), PASS);
}

/* STOP before HOLD before PASS, whichever comes first. */
static void test_whole(void **state)
{
    struct world *w = *state;
    struct verdict out[GATE_COUNT];

    w->facts.users.live.value = 51;
    assert_int_equal(ask(w, GATES_ALL, 0, out), HOLD);
    assert_int_equal(ask(w, GATES_LOCAL, 0, out), PASS);
    w->facts.proven.good = false;
    assert_int_equal(ask(w, GATES_ALL, 0, out), STOP);
    w->facts.users.live.value = 5;
    assert_int_equal(ask(w, GATES_ALL, 0, out), STOP);
    w->facts.announced = 0; /* an early STOP leaves no question open */
    assert_int_equal(ask(w, GATES_ALL, 0, out), STOP);
    assert_int_equal(asked(out), (1u << GATE_COUNT) - 1);
}

static void test_may_override(void **state)
{
    struct world *w = *state;
    struct policy_settings *p = &w->policy;
    const struct {
        enum gate_id id;
        bool *allowed, *on;
    } rows[] = {
        {GATE_WINDOW, &p->window.override_allowed, &p->window.on},
        {GATE_FIT, &p->window.override_allowed, &p->window.on},
        {GATE_USERS, &p->users.override_allowed, &p->users.on},
        {GATE_REHEARSAL, &p->budget.override_allowed, &p->budget.on},
        {GATE_BACKUP, &p->backup.override_allowed, &p->backup.on},
        {GATE_REPLICAS, &p->replicas.override_allowed, &p->replicas.on},
        {GATE_PROVEN, &p->proven.override_allowed, &p->proven.on},
    };
    static const enum gate_id never[] = {
        GATE_POLICY,   GATE_EXPECTED, GATE_APPROVED, GATE_LINE,
        GATE_WAY_BACK, GATE_CONTRACT, GATE_PROBE,    GATE_POOL};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_false(gate_may_override(rows[i].id, p));
        *rows[i].allowed = true;
        assert_true(gate_may_override(rows[i].id, p));
        *rows[i].on = false;
        assert_false(gate_may_override(rows[i].id, p));
        *rows[i].on = true;
        *rows[i].allowed = false;
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        *rows[i].allowed = true;
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        assert_false(gate_may_override(never[i], p));
}

static void test_override(void **state)
{
    struct world *w = *state;
    struct verdict out[GATE_COUNT];

    w->facts.users.live.value = 140;
    w->facts.rehearsal.failed = "syntax error";
    assert_int_equal(ask(w, GATES_ALL, ~0u, out), STOP); /* not allowed */
    w->policy.users.override_allowed = true;
    w->policy.budget.override_allowed = true;
    assert_int_equal(ask(w, GATES_ALL, BIT(GATE_USERS), out), STOP);
    assert_int_equal(out[GATE_USERS].state, VERDICT_OVERRIDDEN);
    assert_int_equal(out[GATE_USERS].was, HOLD);
    assert_int_equal(out[GATE_USERS].is, PASS);
    assert_string_equal(out[GATE_USERS].because, "140 users are on, limit 50");
    assert_int_equal(
        ask(w, GATES_ALL, BIT(GATE_USERS) | BIT(GATE_REHEARSAL), out), PASS);
    assert_int_equal(out[GATE_REHEARSAL].was, STOP);
    /* a closed window that was lifted does not close fit either; a clock that
     * was lifted leaves the window as it is */
    w->facts.users.live.value = 5;
    w->facts.rehearsal.failed = NULL;
    w->policy.window.override_allowed = true;
    world_window(w, "Sun 01:00-06:00", NULL);
    assert_int_equal(ask(w, GATES_ALL, 0, out), STOP); /* fit.never */
    assert_int_equal(ask(w, GATES_ALL, BIT(GATE_WINDOW), out), PASS);
    assert_int_equal(out[GATE_FIT].state, VERDICT_ASKED);
    world_window(w, "Tue 22:00-23:10", NULL);
    w->facts.clock.worst_skew_ms = 6000;
    assert_int_equal(ask(w, GATES_ALL, BIT(GATE_WINDOW), out), STOP);
    assert_int_equal(out[GATE_FIT].is, STOP);
    assert_int_equal(ask(w, GATES_ALL, BIT(GATE_WINDOW) | BIT(GATE_FIT), out),
                     PASS);
    assert_int_equal(out[GATE_FIT].was, STOP);
    /* what passes is not overridden, and expected never is */
    w->facts.users.live.value = 5;
    w->facts.announced = 0;
    assert_int_equal(ask(w, GATES_ALL, ~0u, out), STOP);
    assert_int_equal(out[GATE_USERS].state, VERDICT_ASKED);
    assert_int_equal(out[GATE_EXPECTED].is, STOP);
}

static void test_nothing_to_do(void **state)
{
    struct world *w = *state;
    struct verdict out[GATE_COUNT];

    assert_int_equal(ask(w, GATES_ALL, 0, out), PASS);
    assert_false(gates_nothing_to_do(out));
    w->facts.live.release = "v1.4.2";
    w->facts.live.commit = HEX("c");
    w->facts.live.ancestry = ANCESTRY_SAME;
    w->facts.release.pending = 0;
    w->facts.announced = 0;
    world_window(w, "Sun 01:00-02:00", NULL); /* closed, and moot */
    assert_int_equal(ask(w, GATES_ALL, 0, out), PASS);
    assert_true(gates_nothing_to_do(out));
    assert_int_equal(asked(out), BIT(GATE_POLICY) | BIT(GATE_EXPECTED));
    w->facts.policy.now = HEX("f"); /* policy comes first */
    assert_int_equal(ask(w, GATES_ALL, 0, out), STOP);
    assert_false(gates_nothing_to_do(out));
    assert_int_equal(asked(out), (1u << GATE_COUNT) - 1);
}

/* Nothing known at all: no gate may pass by that, and none may crash. */
static void test_no_facts(void **state)
{
    static const enum gate_id pass[] = {
        GATE_LINE, GATE_REHEARSAL, GATE_WAY_BACK, GATE_CONTRACT,
        GATE_POOL, GATE_PROBE,     GATE_FIT,      GATE_WINDOW};
    struct world *w = *state;
    struct verdict out[GATE_COUNT];

    memset(&w->facts, 0, sizeof(w->facts));
    w->facts.now = NOW;
    assert_int_equal(ask(w, GATES_ALL, 0, out), STOP);
    for (size_t i = 0; i < sizeof(pass) / sizeof(pass[0]); i++)
        out[pass[i]].is = HOLD;
    for (int i = 0; i < GATE_COUNT; i++)
        assert_int_not_equal(out[i].is, PASS);
}

static void test_verdict_texts(void **state)
{
    struct verdict v;
    char wide[400];

    (void)state;
    assert_string_equal(verdict_word(PASS), "PASS");
    assert_string_equal(verdict_word(HOLD), "HOLD");
    assert_string_equal(verdict_word(STOP), "STOP");
    /* cut between characters: 239 bytes hold 119 of two bytes, 79 of three */
    for (int i = 0; i < 199; i++)
        memcpy(wide + 2 * i, "\xc3\xb5", 3);
    v = verdict_pass("r", "%s", wide);
    assert_int_equal(strlen(v.because), 238);
    v = verdict_pass("r", "x%s", wide);
    assert_int_equal(strlen(v.because), 237);
    for (int i = 0; i < 130; i++)
        memcpy(wide + 3 * i, "\xe2\x82\xac", 4);
    v = verdict_stop("r", "%s", wide);
    assert_int_equal(strlen(v.because), 237);
    memset(wide, 'x', 300);
    wide[300] = '\0';
    v = verdict_hold("r", 7, "%s", wide);
    assert_int_equal(strlen(v.because), 239);
    assert_int_equal(v.retry_at, 7);
    assert_int_equal(v.age, -1);
    verdict_source(&v, NULL, 3);
    assert_string_equal(v.source, "");
    assert_int_equal(v.age, 3);
}

/* Without [window] there is no zone: times are told in UTC. */
static void test_no_zone(void **state)
{
    struct world *w = *state;
    struct verdict out[GATE_COUNT];

    w->policy.window.on = false;
    memset(&w->policy.window.calendar, 0, sizeof(struct calendar));
    assert_int_equal(ask(w, GATES_ALL, 0, out), PASS);
    assert_non_null(strstr(out[GATE_EXPECTED].because, "open until 23:30 UTC"));
    assert_non_null(strstr(out[GATE_USERS].because, "until 21:16 UTC"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table), world_test(test_scopes),
        world_test(test_whole),       world_test(test_may_override),
        world_test(test_override),    world_test(test_nothing_to_do),
        world_test(test_no_facts),    cmocka_unit_test(test_verdict_texts),
        world_test(test_no_zone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
