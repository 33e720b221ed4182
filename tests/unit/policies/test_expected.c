#include "tests/unit/policies/world.h"

#define ask(is, rule, says) expect_verdict(w, GATE_EXPECTED, is, rule, says)

static void test_announced(void **state)
{
    struct world *w = *state;

    ask(PASS, "expected.announced",
        "v1.4.2 was announced by anna 1 h ago, open until Wed "
        "2026-11-25 01:30 EET");
}

static void test_none(void **state)
{
    struct world *w = *state;
    struct verdict v;

    w->facts.release.release = "v1.4.3";
    w->facts.policy.announcers = "anna, jaak";
    ask(STOP, "expected.none",
        "nobody announced it; announced and open: v1.4.2, until Wed "
        "2026-11-25 01:30 EET");
    v = world_ask(w, GATE_EXPECTED);
    assert_string_equal(v.fix, "if you did not mean this, do nothing: nothing "
                               "was changed; releases are announced by anna, "
                               "jaak (README: \"Announcing a release\")");
    /* nothing else may look like a way to make the accident expected */
    assert_null(strstr(v.fix, "tidegate"));
    w->facts.announced = 0;
    ask(STOP, "expected.none", "announced and open: nothing");
}

/* Only what a deploy could use is named as open. */
static void test_what_is_open_instead(void **state)
{
    struct world *w = *state;
    struct manifest_facts *m = w->manifests;

    w->facts.release.release = "v9";
    w->facts.announced = 4;
    m[0] = world_manifest(HEX("1"), "v2");
    m[0].opens = NOW + DAY;
    m[0].expires = NOW + DAY + HOUR;
    m[1] = world_manifest(HEX("2"), "v3");
    m[1].how = SIGNED_BAD;
    m[2] = world_manifest(HEX("3"), "v4");
    m[2].environment = "staging";
    m[3] = world_manifest(HEX("4"), "v5");
    m[3].expires = NOW + 30 * MINUTE;
    ask(STOP, "expected.none",
        "open: v2, from Wed 2026-11-25 23:00 EET until Thu 2026-11-26 00:00 "
        "EET; v5, until 23:30 EET");
}

static void test_spent(void **state)
{
    struct world *w = *state;
    struct manifest_facts *m = w->manifests, good = *m;

    m->used_by = "r12";
    ask(STOP, "expected.used",
        "the announcement of v1.4.2 was used by run r12; announced and open: "
        "nothing");
    w->facts.line.other_run = "r12";
    ask(HOLD, "expected.in-use", "run r12 of somebody is releasing it");
    w->facts.line.other_run = "r13";
    ask(STOP, "expected.used", "was used by run r12");
    w->facts.line.other_run = NULL;
    *m = good;
    m->withdrawn = true;
    m->withdrawn_by = "jaak";
    ask(STOP, "expected.withdrawn", "was withdrawn by jaak");
    m->withdrawn_by = NULL;
    ask(STOP, "expected.withdrawn", "was withdrawn by somebody");
    *m = good;
    m->replaced_by = HEX("7");
    ask(STOP, "expected.replaced",
        "was replaced by a later one (777777777777)");
    *m = good;
    m->expires = NOW;
    ask(STOP, "expected.expired", "expired at 23:00 EET, 0 s ago");
    m->expires = NOW + 1;
    ask(PASS, "expected.announced", "");
}

static void test_signature(void **state)
{
    static const struct {
        enum signed_how how;
        const char *rule, *says;
    } rows[] = {
        {SIGNED_NOT, "expected.unsigned", "is not signed"},
        {SIGNED_BAD, "expected.signature", "altered"},
        {SIGNED_UNKNOWN, "expected.key_unknown", "not in the signers file"},
        {SIGNED_NAMESPACE, "expected.namespace", "something else"},
        {SIGNED_REVOKED, "expected.key_revoked", "revoked key"},
        {SIGNED_EXPIRED, "expected.key_expired", "has expired"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        w->manifests[0].how = rows[i].how;
        w->policy.expected.signatures_required = true;
        ask(STOP, rows[i].rule, rows[i].says);
        assert_string_equal(world_ask(w, GATE_EXPECTED).limit,
                            "signatures = required");
        /* optional means that none is needed, not that a bad one will do */
        w->policy.expected.signatures_required = false;
        if (rows[i].how == SIGNED_NOT)
            ask(PASS, "expected.announced", "");
        else
            ask(STOP, rows[i].rule, rows[i].says);
    }
    assert_string_equal(world_ask(w, GATE_EXPECTED).limit,
                        "signatures = optional");
}

static void test_bound(void **state)
{
    struct world *w = *state;
    struct release_facts *r = &w->facts.release;
    struct {
        const char **now, *rule, *what;
    } rows[] = {
        {&r->commit, "expected.commit", "commit"},
        {&r->artifact, "expected.artifact", "artifact"},
        {&r->migrations, "expected.migrations", "migrations"},
        {&r->hosts, "expected.hosts", "host set"},
        {&r->policy, "expected.policy", "policy"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *good = *rows[i].now;

        *rows[i].now = HEX("f");
        ask(STOP, rows[i].rule, "and now it is ffffffffffff");
        ask(STOP, rows[i].rule, rows[i].what);
        *rows[i].now = NULL; /* not known is not equal */
        ask(STOP, rows[i].rule, "and now it is none");
        *rows[i].now = good;
    }
    ask(PASS, "expected.announced", "");
}

static void test_phases(void **state)
{
    struct world *w = *state;

    w->manifests[0].phases = PHASES_MIGRATIONS;
    ask(STOP, "expected.phases",
        "v1.4.2 is announced for its migrations only, and the whole release "
        "is asked");
    assert_string_equal(world_ask(w, GATE_EXPECTED).fix,
                        "ask for what is announced: tidegate check v1.4.2 "
                        "--only migrations");
    w->facts.release.phases = PHASES_MIGRATIONS;
    ask(PASS, "expected.announced", "");
    w->facts.release.restart_only = true;
    ask(STOP, "expected.phases", "and a restart only is asked");
    w->manifests[0].phases = PHASES_RESTART;
    ask(STOP, "expected.restart",
        "v1.4.2 is not live, so it cannot be restarted: live is v1.4.1");
    w->facts.live.release = "v1.4.2";
    w->facts.live.commit = w->facts.release.commit;
    w->facts.live.ancestry = ANCESTRY_SAME;
    ask(PASS, "expected.announced", "");
}

static void test_ancestry(void **state)
{
    struct world *w = *state;
    struct live_facts *live = &w->facts.live;
    struct manifest_facts *m = w->manifests;

    live->ancestry = ANCESTRY_OLDER;
    ask(STOP, "expected.older",
        "the commit of v1.4.2 is older than live "
        "v1.4.1");
    assert_string_equal(world_ask(w, GATE_EXPECTED).fix,
                        "to go back, run: tidegate rollback");
    m->replaces = "v1.4.1"; /* does not help here */
    ask(STOP, "expected.older", "");

    live->ancestry = ANCESTRY_DIVERGED;
    ask(PASS, "expected.announced", "");
    m->replaces = "v1.4.0";
    ask(STOP, "expected.replaces",
        "announced to replace v1.4.0, and live is "
        "v1.4.1");
    m->replaces = NULL;
    ask(STOP, "expected.diverged", "v1.4.2 does not contain live v1.4.1");

    live->ancestry = ANCESTRY_UNKNOWN;
    ask(STOP, "expected.ancestry_unknown", "its commit is not known");
    live->why = "the clone is shallow";
    ask(STOP, "expected.ancestry_unknown", "the clone is shallow");
    assert_non_null(
        strstr(world_ask(w, GATE_EXPECTED).fix, "expect --replaces v1.4.1"));
    m->replaces = "v1.4.1";
    ask(PASS, "expected.announced", "");

    /* live, and nobody compared the two */
    live->ancestry = ANCESTRY_NOTHING_LIVE;
    m->replaces = NULL;
    ask(STOP, "expected.ancestry_unknown", "");
    m->replaces = "v1.4.1";
    live->ancestry = ANCESTRY_UNKNOWN;

    live->release = NULL;
    ask(STOP, "expected.replaces", "live is nothing");
    assert_non_null(strstr(world_ask(w, GATE_EXPECTED).fix, "LIVE"));
    live->ancestry = ANCESTRY_NOTHING_LIVE;
    ask(PASS, "expected.announced", "");
    live->release = "v1.4.0";
    live->ancestry = ANCESTRY_SAME; /* another tag of the same commit */
    ask(PASS, "expected.announced", "");
}

static void live_is_asked(struct world *w)
{
    w->facts.live = (struct live_facts){.release = "v1.4.2",
                                        .commit = HEX("c"),
                                        .verified = true,
                                        .ancestry = ANCESTRY_SAME};
    w->facts.release.pending = 0;
    w->facts.announced = 0;
}

static void test_already_live(void **state)
{
    struct world *w = *state;

    live_is_asked(w);
    ask(PASS, EXPECTED_ALREADY_LIVE,
        "v1.4.2 is live and verified, and no migration is pending: nothing to "
        "do");
    w->facts.release.pending = 1;
    ask(STOP, "expected.none", "");
    w->facts.release.pending = 0;
    w->facts.live.verified = false;
    ask(STOP, "expected.none", "");
    w->facts.live.verified = true;
    w->facts.release.restart_only = true;
    ask(STOP, "expected.none", "");
    w->facts.release.restart_only = false;
    w->facts.release.phases = PHASES_RESTART;
    ask(STOP, "expected.none", "");
    w->facts.release.phases = PHASES_ALL;
    /* an unread database is no empty one */
    w->facts.release.pending_read = false;
    ask(HOLD, "expected.pending_unread",
        "whether a migration is pending is "
        "not known");
}

/* With an announcement, an unverified live release goes out again. */
static void test_live_again(void **state)
{
    struct world *w = *state;

    live_is_asked(w);
    w->facts.announced = 1;
    w->facts.live.verified = false;
    ask(PASS, "expected.announced", "");
    /* its own run asks again under the lease: not "nothing to do" */
    w->facts.live.verified = true;
    w->facts.consumed = HEX("1");
    w->manifests[0].used_by = "r13";
    ask(PASS, "expected.announced", "");
}

static void test_reused_tag(void **state)
{
    struct world *w = *state;

    live_is_asked(w);
    w->facts.announced = 1;
    w->facts.live.commit = HEX("5");
    w->facts.live.ancestry = ANCESTRY_DESCENDS;
    ask(STOP, "expected.reused",
        "v1.4.2 is live from commit 555555555555, and now names commit "
        "cccccccccccc");
    w->facts.live.commit = NULL;
    ask(PASS, "expected.announced", "");
}

/* A name keeps its content, also when something else is live by now. */
static void test_reused_name(void **state)
{
    static const struct {
        const char *commit, *artifact, *says;
    } rows[] = {
        {HEX("5"), HEX("a"),
         "v1.4.2 was live here with commit 555555555555, and now it is "
         "cccccccccccc"},
        {HEX("c"), HEX("5"),
         "v1.4.2 was live here with artifact 555555555555, and now it is "
         "aaaaaaaaaaaa"},
        {HEX("5"), NULL, "with commit 555555555555"},
        {NULL, HEX("5"), "with artifact 555555555555"},
    };
    struct world *w = *state;

    w->facts.release.was_commit = HEX("c");
    w->facts.release.was_artifact = HEX("a");
    ask(PASS, "expected.announced", "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        w->facts.release.was_commit = rows[i].commit;
        w->facts.release.was_artifact = rows[i].artifact;
        ask(STOP, "expected.reused", rows[i].says);
    }
    w->facts.changing = true; /* never asked again once something changed */
    w->facts.consumed = HEX("1");
    ask(PASS, "expected.announced", "");
}

static void test_again(void **state)
{
    struct world *w = *state;
    struct manifest_facts *used = &w->manifests[1];

    *used = world_manifest(HEX("2"), "v1.4.2");
    used->used_by = "r11";
    used->announced = NOW - DAY;
    w->facts.announced = 2;
    ask(STOP, "expected.again", "v1.4.2 went out with run r11 and is not live");
    w->manifests[0].again = true;
    ask(PASS, "expected.announced", "");
    w->manifests[0].again = false;
    used->phases = PHASES_MIGRATIONS; /* only its migrations went out */
    ask(PASS, "expected.announced", "");
    used->phases = PHASES_ALL;
    used->environment = "staging";
    ask(PASS, "expected.announced", "");
    used->environment = "production";
    used->used_by = NULL;
    used->withdrawn = true;
    ask(PASS, "expected.announced", "");
    /* live again by other means: nothing was taken back */
    used->used_by = "r11";
    w->facts.live.release = "v1.4.2";
    w->facts.live.commit = HEX("c");
    w->facts.live.ancestry = ANCESTRY_SAME;
    ask(PASS, "expected.announced", "");
}

static void test_early_and_notice(void **state)
{
    struct world *w = *state;
    struct manifest_facts *m = w->manifests;

    m->opens = NOW + 10 * MINUTE;
    ask(HOLD, "expected.early",
        "v1.4.2 is announced from 23:10 EET, in 10 "
        "min");
    assert_int_equal(world_ask(w, GATE_EXPECTED).retry_at, NOW + 10 * MINUTE);
    m->announced = NOW; /* noticed at 23:30, after the opening */
    assert_int_equal(world_ask(w, GATE_EXPECTED).retry_at, NOW + 30 * MINUTE);
    m->opens = NOW;
    ask(HOLD, "expected.notice",
        "v1.4.2 was announced 0 s ago; it may begin "
        "at 23:30 EET");
    assert_int_equal(world_ask(w, GATE_EXPECTED).retry_at, NOW + 30 * MINUTE);
    assert_string_equal(world_ask(w, GATE_EXPECTED).limit, "notice = 30 min");
    /* signed as of this morning, and in the ledger since ten minutes ago */
    m->announced = NOW - 12 * HOUR;
    m->recorded = NOW - 10 * MINUTE;
    ask(HOLD, "expected.notice",
        "v1.4.2 was announced 10 min ago; it may begin at 23:20");
    m->recorded = NOW - 12 * HOUR;
    m->announced = NOW;
    ask(HOLD, "expected.notice", "it may begin at 23:30");
    m->announced = NOW - 30 * MINUTE;
    ask(PASS, "expected.announced", "");
    w->policy.expected.notice = 0;
    m->announced = NOW;
    ask(PASS, "expected.announced", "");
}

/* STOP speaks before HOLD. */
static void test_order(void **state)
{
    struct world *w = *state;

    w->manifests[0].opens = NOW + HOUR;
    w->facts.release.commit = HEX("f");
    ask(STOP, "expected.commit", "");
    w->manifests[0].how = SIGNED_REVOKED;
    ask(STOP, "expected.key_revoked", "");
    w->manifests[0].withdrawn = true;
    ask(STOP, "expected.withdrawn", "");
}

/* Under the lease this run's own consumption is no obstacle, another's is. */
static void test_consumed(void **state)
{
    struct world *w = *state;

    w->facts.consumed = HEX("1");
    w->manifests[0].used_by = "r13";
    ask(PASS, "expected.announced", "");
    w->facts.release.artifact = HEX("f");
    ask(STOP, "expected.artifact", "");
    w->facts.consumed = HEX("2");
    ask(STOP, "expected.lost", "not in the ledger");
}

/* Mid-run: withdrawn, expired, revoked; nothing else is asked again. */
static void test_changing(void **state)
{
    struct world *w = *state;
    struct manifest_facts *m = w->manifests, good;

    w->facts.changing = true;
    w->facts.consumed = HEX("1");
    m->used_by = "r13";
    m->opens = NOW + HOUR;
    m->how = SIGNED_EXPIRED; /* the key ran out meanwhile */
    w->facts.live.ancestry = ANCESTRY_OLDER;
    w->facts.release.artifact = HEX("f");
    good = *m;
    ask(PASS, "expected.announced", "");
    m->withdrawn = true;
    ask(STOP, "expected.withdrawn", "");
    assert_string_equal(world_ask(w, GATE_EXPECTED).fix,
                        "nothing new begins; the run finishes or goes back as "
                        "`on_hold` says");
    *m = good;
    m->expires = NOW;
    ask(STOP, "expected.expired", "");
    *m = good;
    m->how = SIGNED_REVOKED;
    ask(STOP, "expected.key_revoked", "");
    w->facts.announced = 0;
    ask(STOP, "expected.lost", "");
}

static void test_open(void **state)
{
    struct manifest_facts m = world_manifest(HEX("1"), "v1");

    (void)state;
    m.expires = NOW;
    assert_true(manifest_open(&m, NOW - 1));
    assert_false(manifest_open(&m, NOW));
    m.used_by = "r1";
    assert_false(manifest_open(&m, NOW - 1));
    m.used_by = NULL;
    m.replaced_by = HEX("2");
    assert_false(manifest_open(&m, NOW - 1));
    m.replaced_by = NULL;
    m.withdrawn = true;
    assert_false(manifest_open(&m, NOW - 1));
}

/* Which of several is judged. */
static void test_pick(void **state)
{
    struct world *w = *state;
    struct manifest_facts *m = w->manifests;

    w->facts.announced = 4;
    m[1] = m[2] = m[3] = m[0];
    m[1].digest = HEX("2");
    m[1].used_by = "r1";
    m[1].announced = NOW - MINUTE;
    m[2].digest = HEX("3");
    m[2].phases = PHASES_MIGRATIONS;
    m[3].digest = HEX("4");
    m[3].release = "v1.4.1";
    assert_ptr_equal(manifest_pick(&w->facts), &m[0]);
    w->facts.release.phases = PHASES_MIGRATIONS;
    assert_ptr_equal(manifest_pick(&w->facts), &m[2]);
    w->facts.release.phases = PHASES_ALL;
    m[2].phases = PHASES_ALL;
    m[2].announced = NOW - 10 * MINUTE; /* the later one */
    assert_ptr_equal(manifest_pick(&w->facts), &m[2]);
    m[2].expires = NOW;
    assert_ptr_equal(manifest_pick(&w->facts), &m[0]);
    m[0].withdrawn = m[2].withdrawn = true;
    assert_ptr_equal(manifest_pick(&w->facts), &m[1]);
    w->facts.consumed = HEX("3");
    assert_ptr_equal(manifest_pick(&w->facts), &m[2]);
    /* others stand before it */
    w->facts.consumed = NULL;
    w->facts.release.release = "v1.4.1";
    assert_ptr_equal(manifest_pick(&w->facts), &m[3]);
    m[3].environment = "staging";
    assert_null(manifest_pick(&w->facts));
    /* of two alike the later in the ledger */
    m[3] = m[0];
    w->facts.release.release = "v1.4.2";
    m[0].withdrawn = m[3].withdrawn = false;
    assert_ptr_equal(manifest_pick(&w->facts), &m[3]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(test_announced),
        world_test(test_none),
        world_test(test_what_is_open_instead),
        world_test(test_spent),
        world_test(test_signature),
        world_test(test_bound),
        world_test(test_phases),
        world_test(test_ancestry),
        world_test(test_already_live),
        world_test(test_live_again),
        world_test(test_reused_tag),
        world_test(test_reused_name),
        world_test(test_again),
        world_test(test_early_and_notice),
        world_test(test_order),
        world_test(test_consumed),
        world_test(test_changing),
        world_test(test_pick),
        cmocka_unit_test(test_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
