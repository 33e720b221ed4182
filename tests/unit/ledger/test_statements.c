/* Manifests, approvals, withdrawals, overrides and policy pins. */
#include "runner/base/clock.h"
#include "runner/base/hash.h"
#include "runner/ledger/state.h"
#include "runner/release/statement.h"
#include "tests/unit/ledger/fixture.h"

#define DIGEST \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct world {
    struct fixture *f;
    struct ledger *l;
    struct environment_state s;
};

static struct world begin(void **state)
{
    struct world w = {.f = *state};

    w.l = fixture_new(w.f);
    return w;
}

static void look(struct world *w)
{
    assert_true(state_read(&w->s, &w->f->a, w->l, "production", &w->f->e));
}

static void append(struct world *w, enum event_kind kind, struct json *j)
{
    json_set_str(j, "environment", "production");
    if (!ledger_append(w->l, kind, j, &w->f->e))
        fail_msg("%s: %s", w->f->e.what, w->f->e.why);
}

static struct json *statement(const char *text, const char *person)
{
    struct json *j = json_new_object();

    json_set_str(j, "text", text);
    json_set_str(j, "signature", "armoured");
    json_set_str(j, "person", person);
    json_set_str(j, "key", "SHA256:key");
    return j;
}

/* Announces a release; the digest of its manifest. */
static const char *expect(struct world *w, const char *release)
{
    char nonce[33], digest[HASH_HEX];
    struct manifest m = {
        .project = "shop",
        .environment = "production",
        .release = release,
        .commit = "0123456789abcdef0123456789abcdef01234567",
        .artifact = DIGEST,
        .migrations = DIGEST,
        .hosts = DIGEST,
        .policy = DIGEST,
        .phases = PHASES_MIGRATIONS,
        .announced = 1000,
        .opens = 2000,
        .expires = 3000,
        .nonce = nonce,
        .announcer = "anna",
        .reason = "because",
        .again = true,
    };
    char *text;

    nonce_hex(nonce, 16);
    text = manifest_text(&w->f->a, &m);
    append(w, EVENT_STATEMENT, statement(text, "anna"));
    return arena_strdup(&w->f->a, hash_hex(text, strlen(text), digest));
}

static void about(struct world *w, bool approval, const char *manifest,
                  const char *person)
{
    char nonce[33];
    struct about x = {.manifest = manifest,
                      .person = person,
                      .at = 1500,
                      .reason = "",
                      .nonce = nonce};

    nonce_hex(nonce, 16);
    append(w, EVENT_STATEMENT,
           statement(approval ? approval_text(&w->f->a, &x)
                              : withdrawal_text(&w->f->a, &x),
                     person));
}

static void run(struct world *w, const char *id, const char *manifest)
{
    struct json *j = json_new_object();

    json_set_str(j, "run", id);
    json_set_str(j, "kind", "deploy");
    json_set_str(j, "release", "v1");
    json_set_str(j, "manifest", manifest);
    append(w, EVENT_RUN, j);
}

static void ended(struct world *w, const char *id, const char *outcome)
{
    struct json *j = json_new_object();

    json_set_str(j, "run", id);
    json_set_str(j, "outcome", outcome);
    json_set_int(j, "exit", 0);
    append(w, EVENT_ENDED, j);
}

static void a_manifest_comes_back_as_announced(void **state)
{
    struct world w = begin(state);
    const char *digest = expect(&w, "v1");
    const struct manifest_facts *m;

    look(&w);
    assert_int_equal(w.s.n_manifests, 1);
    m = &w.s.manifests[0];
    assert_string_equal(m->digest, digest);
    assert_string_equal(m->release, "v1");
    assert_string_equal(m->person, "anna");
    assert_string_equal(m->key, "SHA256:key");
    assert_int_equal(m->phases, PHASES_MIGRATIONS);
    assert_int_equal(m->announced, 1000);
    assert_in_range(m->recorded, clock_now() - 60, clock_now());
    assert_int_equal(m->opens, 2000);
    assert_int_equal(m->expires, 3000);
    assert_int_equal(m->how, SIGNED_NOT);
    assert_true(m->again);
    assert_false(m->repairs);
    assert_null(m->used_by);
    assert_null(m->replaced_by);
    assert_string_equal(w.s.manifest_statements[0].signature, "armoured");
    assert_string_equal(w.s.manifest_statements[0].digest, digest);
    assert_null(w.s.approvals[0][0].digest);
    ledger_close(w.l);
}

static void approvals_go_to_their_manifest(void **state)
{
    struct world w = begin(state);
    const char *one = expect(&w, "v1"), *two = expect(&w, "v2");

    about(&w, true, two, "jaak");
    about(&w, true, two, "mari");
    about(&w, true, DIGEST, "nobody");
    look(&w);
    assert_null(w.s.approvals[0][0].digest);
    assert_string_equal(w.s.approvals[1][0].person, "jaak");
    assert_string_equal(w.s.approvals[1][1].person, "mari");
    assert_null(w.s.approvals[1][2].digest);
    assert_string_not_equal(one, two);
    ledger_close(w.l);
}

static void a_second_expect_replaces_and_voids(void **state)
{
    struct world w = begin(state);
    const char *one = expect(&w, "v1"), *two;

    about(&w, true, one, "jaak");
    expect(&w, "v2");
    two = expect(&w, "v1");
    look(&w);
    assert_string_equal(w.s.manifests[0].replaced_by, two);
    assert_null(w.s.approvals[0][0].digest);
    assert_null(w.s.manifests[1].replaced_by);
    assert_null(w.s.manifests[2].replaced_by);
    ledger_close(w.l);
}

static void a_withdrawal_names_who(void **state)
{
    struct world w = begin(state);

    about(&w, false, expect(&w, "v1"), "jaak");
    expect(&w, "v1");
    look(&w);
    assert_true(w.s.manifests[0].withdrawn);
    assert_string_equal(w.s.manifests[0].withdrawn_by, "jaak");
    assert_null(w.s.manifests[0].replaced_by);
    assert_false(w.s.manifests[1].withdrawn);
    ledger_close(w.l);
}

static void only_a_run_that_did_nothing_gives_it_back(void **state)
{
    static const char *const kept[] = {"good",   "back",    "pending",
                                       "broken", "stopped", "?"};
    struct world w = begin(state);
    const char *digest = expect(&w, "v1");
    char id[16];

    run(&w, "r0", digest);
    look(&w);
    assert_string_equal(w.s.manifests[0].used_by, "r0");
    assert_string_equal(w.s.unfinished->manifest, digest);
    ended(&w, "r0", "nothing");
    look(&w);
    assert_null(w.s.manifests[0].used_by);
    assert_null(w.s.unfinished);
    assert_int_equal(w.s.runs[0].ended, RUN_NOTHING);
    for (int i = 0; i < 6; i++) {
        snprintf(id, sizeof id, "r%d", i + 1);
        digest = expect(&w, arena_printf(&w.f->a, "v%d", i + 2));
        run(&w, id, digest);
        ended(&w, id, kept[i]);
        look(&w);
        assert_string_equal(w.s.manifests[i + 1].used_by, id);
    }
    ledger_close(w.l);
}

static void intent(struct world *w, const char *run_id, const char *step,
                   bool change)
{
    struct json *j = json_new_object();

    json_set_str(j, "run", run_id);
    json_set_str(j, "step", step);
    json_set_str(j, "target", "web1");
    json_set_bool(j, "change", change);
    append(w, EVENT_INTENT, j);
}

static void take_over(struct world *w, const char *run_id, const char *other)
{
    struct json *j = json_new_object();

    json_set_str(j, "run", run_id);
    json_set_str(j, "kind", "rollback");
    json_set_str(j, "release", "v0");
    json_set_str(j, "takes_over", other);
    append(w, EVENT_RUN, j);
}

/* What a rollback takes over before it changed anything is not used up. */
static void a_run_undone_before_any_change_gives_it_back(void **state)
{
    struct world w = begin(state);
    const char *digest = expect(&w, "v1");

    run(&w, "r1", digest);
    intent(&w, "r1", "fence", false);
    take_over(&w, "b1", "r1");
    look(&w);
    assert_null(w.s.manifests[0].used_by);
    ended(&w, "b1", "nothing");
    look(&w);
    assert_string_equal(w.s.manifests[0].used_by, "r1");
    intent(&w, "r1", "flip", true);
    take_over(&w, "b2", "r1");
    look(&w);
    assert_string_equal(w.s.manifests[0].used_by, "r1");
    ledger_close(w.l);
}

static void a_used_one_is_not_replaced_until_given_back(void **state)
{
    struct world w = begin(state);
    const char *one = expect(&w, "v1"), *two;

    run(&w, "r1", one);
    two = expect(&w, "v1");
    look(&w);
    assert_null(w.s.manifests[0].replaced_by);
    assert_null(w.s.manifests[1].used_by);
    ended(&w, "r1", "nothing");
    look(&w);
    assert_string_equal(w.s.manifests[0].replaced_by, two);
    ledger_close(w.l);
}

static void overrides_belong_to_their_run(void **state)
{
    struct world w = begin(state);
    struct json *j =
        statement(override_text(&w.f->a, "production", "v1", "users",
                                "night shift", "jaak", 1500, DIGEST),
                  "jaak");

    json_set_str(j, "run", "r1");
    append(&w, EVENT_STATEMENT, j);
    look(&w);
    run(&w, "r0", NULL);
    run(&w, "r1", NULL);
    look(&w);
    assert_int_equal(w.s.runs[0].overridden, 0);
    assert_int_equal(w.s.runs[1].overridden, 1);
    assert_string_equal(w.s.runs[1].overrides[0].gate, "users");
    assert_string_equal(w.s.runs[1].overrides[0].reason, "night shift");
    assert_string_equal(w.s.runs[1].overrides[0].person, "jaak");
    ledger_close(w.l);
}

static void pin(struct world *w, const char *digest, const char *text)
{
    struct json *j = json_new_object();

    json_set_str(j, "digest", digest);
    json_set_str(j, "text", text);
    append(w, EVENT_POLICY, j);
}

static void policies_are_pinned_and_remembered(void **state)
{
    struct world w = begin(state);

    pin(&w, "d1", "one");
    append(&w, EVENT_STATEMENT,
           statement(policy_text(&w.f->a, "shop", "production", DIGEST, DIGEST,
                                 "anna", 1, DIGEST),
                     "anna"));
    look(&w);
    assert_string_equal(w.s.pinned, "d1");
    assert_string_equal(w.s.pinned_text, "one");
    assert_int_equal(w.s.n_policy_statements, 1);
    assert_string_equal(w.s.policy_statements[0].person, "anna");
    pin(&w, "d2", "two");
    look(&w);
    assert_string_equal(w.s.pinned, "d2");
    assert_string_equal(w.s.known_policies, "d1\nd2");
    assert_int_equal(w.s.n_policy_statements, 0);
    assert_null(w.s.unreadable);
    ledger_close(w.l);
}

static void what_cannot_be_read_is_said(void **state)
{
    struct world w = begin(state);

    append(&w, EVENT_STATEMENT,
           statement("{\"type\":\"manifest\",\"release\":\"v1\"}", "anna"));
    append(&w, EVENT_STATEMENT, statement("{\"type\":\"poem\"}", "anna"));
    look(&w);
    assert_int_equal(w.s.n_manifests, 0);
    assert_non_null(strstr(w.s.unreadable, "record 2: "));
    ledger_close(w.l);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_manifest_comes_back_as_announced),
        TEST(approvals_go_to_their_manifest),
        TEST(a_second_expect_replaces_and_voids),
        TEST(a_withdrawal_names_who),
        TEST(only_a_run_that_did_nothing_gives_it_back),
        TEST(a_run_undone_before_any_change_gives_it_back),
        TEST(a_used_one_is_not_replaced_until_given_back),
        TEST(overrides_belong_to_their_run),
        TEST(policies_are_pinned_and_remembered),
        TEST(what_cannot_be_read_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
