#include "tests/unit/policies/world.h"

#define ask(is, rule, says) expect_verdict(w, GATE_APPROVED, is, rule, says)

static void test_count(void **state)
{
    struct world *w = *state;

    ask(PASS, "approved.enough", "1 of 1 approvals");
    w->policy.expected.approvals = 2;
    ask(HOLD, "approved.fewer", "1 of 2 approvals");
    assert_string_equal(world_ask(w, GATE_APPROVED).limit, "approvals = 2");
    w->approvals[1] = world_approval("mari", "SHA256:mari");
    w->manifests[0].approved = 2;
    ask(PASS, "approved.enough", "2 of 2 approvals");
    w->policy.expected.approvals = 1;
    ask(PASS, "approved.enough", "2 of 1 approvals");
    w->policy.expected.approvals = 0;
    ask(PASS, "approved.none_asked", "");
    w->policy.expected.approvals = 1;
    w->facts.announced = 0;
    ask(HOLD, "approved.nothing", "0 of 1 approvals");
}

/* Different persons AND keys, none the announcer's, this very manifest. */
static void test_not_counted(void **state)
{
    static const struct {
        const char *person, *key, *manifest, *rule, *says;
    } rows[] = {
        {"anna", "SHA256:other", HEX("1"), "approved.own", "they announced"},
        {"Anna", "SHA256:other", HEX("1"), "approved.own", "they announced"},
        {"other", "SHA256:anna", HEX("1"), "approved.own", "they announced"},
        {"JAAK", "SHA256:other", HEX("1"), "approved.same_person",
         "the one by JAAK counts once for one person"},
        {"jaak", "SHA256:other", HEX("1"), "approved.same_person",
         "the one by jaak counts once for one person"},
        {"other", "SHA256:jaak", HEX("1"), "approved.same_key", "one key"},
        {"mari", "SHA256:mari", HEX("2"), "approved.other_manifest",
         "another announcement"},
        {"mari", "SHA256:mari", NULL, "approved.other_manifest",
         "another announcement"},
        {NULL, NULL, HEX("2"), "approved.other_manifest", "by somebody"},
        {NULL, "SHA256:mari", HEX("1"), "approved.unnamed", "by somebody"},
        {"mari", NULL, HEX("1"), "approved.unnamed", "by mari names no"},
    };
    struct world *w = *state;

    w->policy.expected.approvals = 2;
    w->manifests[0].approved = 2;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        w->approvals[1] = world_approval(rows[i].person, rows[i].key);
        w->approvals[1].manifest = rows[i].manifest;
        ask(HOLD, rows[i].rule, rows[i].says);
        ask(HOLD, rows[i].rule, "1 of 2 approvals");
    }
    /* looked for behind one that does not count */
    w->approvals[0] = world_approval("anna", "SHA256:x");
    w->approvals[1] = world_approval("jaak", "SHA256:jaak");
    w->approvals[2] = world_approval("jaak", "SHA256:other");
    w->manifests[0].approved = 3;
    w->policy.expected.approvals = 2;
    ask(HOLD, "approved.own", "1 of 2 approvals");
    w->manifests[0].approved = 2;
    /* one that does not count takes nothing from one that does */
    w->approvals[0] = world_approval("anna", "SHA256:shared");
    w->approvals[1] = world_approval("jaak", "SHA256:shared");
    w->policy.expected.approvals = 1;
    ask(PASS, "approved.enough", "1 of 1");
}

static void test_refused(void **state)
{
    static const struct {
        enum signed_how how;
        const char *rule;
        bool mid_run;
    } rows[] = {
        {SIGNED_NOT, "approved.unsigned", false},
        {SIGNED_BAD, "approved.signature", false},
        {SIGNED_UNKNOWN, "approved.key_unknown", false},
        {SIGNED_NAMESPACE, "approved.namespace", false},
        {SIGNED_REVOKED, "approved.key_revoked", true},
        {SIGNED_EXPIRED, "approved.key_expired", false},
    };
    struct world *w = *state;

    w->approvals[1] = world_approval("mari", "SHA256:mari");
    w->manifests[0].approved = 2;
    w->manifests[0].used_by = "r13";
    w->facts.consumed = HEX("1");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        w->approvals[1].how = rows[i].how;
        ask(STOP, rows[i].rule, "the approval by mari ");
        w->facts.changing = true;
        if (rows[i].mid_run)
            ask(STOP, rows[i].rule, "the approval by mari ");
        else
            ask(PASS, "approved.kept", "");
        w->facts.changing = false;
    }
}

static void test_future(void **state)
{
    struct world *w = *state;

    w->approvals[0].at = NOW + 5;
    ask(PASS, "approved.enough", "");
    w->approvals[0].at = NOW + 6;
    ask(STOP, "approved.future", "is dated 6 s ahead of now");
    w->facts.changing = true;
    ask(PASS, "approved.kept", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(test_count),
        world_test(test_not_counted),
        world_test(test_refused),
        world_test(test_future),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
