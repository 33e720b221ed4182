#include "tests/unit/release/workshop.h"

#include "runner/release/statement.h"

#define D1    "1111111111111111111111111111111111111111111111111111111111111111"
#define D2    "2222222222222222222222222222222222222222222222222222222222222222"
#define D3    "3333333333333333333333333333333333333333333333333333333333333333"
#define D4    "4444444444444444444444444444444444444444444444444444444444444444"
#define NONCE "00112233445566778899aabbccddeeff"

static const struct manifest sample = {
    .project = "shop",
    .environment = "production",
    .release = "v1.2",
    .commit = "5555555555555555555555555555555555555555",
    .artifact = D1,
    .migrations = D2,
    .hosts = D3,
    .policy = D4,
    .phases = PHASES_ALL,
    .announced = 1795000000,
    .opens = 1795000100,
    .expires = 1795007300,
    .nonce = NONCE,
    .announcer = "anna",
    .reason = "the \"big\" one\n\xe2\x98\x83",
    .repairs = true,
};

static const char sample_text[] =
    "{\"again\":false,\"announced\":1795000000,\"announcer\":\"anna\","
    "\"artifact\":\"" D1 "\","
    "\"commit\":\"5555555555555555555555555555555555555555\","
    "\"environment\":\"production\",\"expires\":1795007300,"
    "\"hosts\":\"" D3 "\",\"migrations\":\"" D2 "\",\"nonce\":\"" NONCE "\","
    "\"opens\":1795000100,\"phases\":\"all\",\"policy\":\"" D4 "\","
    "\"project\":\"shop\",\"reason\":\"the \\\"big\\\" one\\n\xe2\x98\x83\","
    "\"release\":\"v1.2\",\"repairs\":true,\"replaces\":null,"
    "\"type\":\"manifest\"}";

static void a_manifest_is_canonical_and_comes_back(void **state)
{
    struct workshop *w = *state;
    struct manifest m;
    struct err e = {0};
    char *text = manifest_text(&w->a, &sample);

    assert_string_equal(text, sample_text);
    assert_string_equal(statement_type(&w->a, text), "manifest");
    assert_true(manifest_parse(&m, &w->a, text, &e));
    assert_string_equal(m.release, "v1.2");
    assert_string_equal(m.reason, sample.reason);
    assert_null(m.replaces);
    assert_true(m.repairs);
    assert_false(m.again);
    assert_int_equal(m.expires, sample.expires);
    assert_string_equal(manifest_text(&w->a, &m), text);
}

static void every_kind_of_phases_comes_back(void **state)
{
    struct workshop *w = *state;
    struct err e = {0};

    for (int p = PHASES_ALL; p <= PHASES_CONTRACT; p++) {
        struct manifest m = sample, back;

        m.phases = (enum phases)p;
        m.replaces = "v0.9";
        assert_true(manifest_parse(&back, &w->a, manifest_text(&w->a, &m), &e));
        assert_int_equal(back.phases, p);
        assert_string_equal(back.replaces, "v0.9");
    }
    assert_string_equal(phases_word(PHASES_MIGRATIONS), "migrations");
}

/* `from` in the sample becomes `to`: refused, and why says so. */
static const struct {
    const char *from, *to, *says;
} broken[] = {
    {"\"type\":\"manifest\"", "\"type\":\"approval\"", "type"},
    {"\"again\":false,", "", "again"},
    {"\"again\":false,", "\"aaa\":1,\"again\":false,", "aaa"},
    {"\"again\":false", "\"again\":\"no\"", "again"},
    {"\"again\":false", "\"again\":0", "again"},
    {"\"artifact\":\"" D1 "\",", "", "artifact"},
    {"\"artifact\":\"1", "\"artifact\":\"A", "artifact"},
    {"\"artifact\":\"1", "\"artifact\":\"", "artifact"},
    {"\"artifact\":\"1", "\"artifact\":\"sha512:1", "artifact"},
    {"\"hosts\":\"" D3 "\"", "\"hosts\":null", "hosts"},
    {"\"commit\":\"5", "\"commit\":\"", "commit"},
    {"\"expires\":1795007300", "\"expires\":1795000100", "expires"},
    {"\"expires\":1795007300", "\"expires\":\"1795007300\"", "expires"},
    {"\"opens\":1795000100", "\"opens\":-5", "opens"},
    {"\"opens\":1795000100", "\"opens\":1795000100.5", ""},
    {"\"nonce\":\"00", "\"nonce\":\"0x", "nonce"},
    {"\"phases\":\"all\"", "\"phases\":\"some\"", "phases"},
    {"\"phases\":\"all\"", "\"phases\":null", "phases"},
    {"\"reason\":\"the", "\"reason\":null,\"x\":\"the", ""},
    {"{\"again\"", "{ \"again\"", "canonical"},
    {"\"again\":false,", "\"again\":false,\"again\":false,", ""},
    {"\"type\":\"manifest\"}", "\"type\":\"manifest\"", ""},
    {"\"type\":\"manifest\"}", "\"type\":\"manifest\"} x", ""},
    {"\\n\xe2", "\\u000a\xe2", "canonical"},
};

static void a_changed_manifest_is_refused(void **state)
{
    struct workshop *w = *state;

    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        const char *spot = strstr(sample_text, broken[i].from);
        struct manifest m;
        struct err e = {0};
        char *text;

        assert_non_null(spot);
        text = arena_printf(&w->a, "%.*s%s%s", (int)(spot - sample_text),
                            sample_text, broken[i].to,
                            spot + strlen(broken[i].from));
        if (manifest_parse(&m, &w->a, text, &e))
            fail_msg("row %zu was taken: %s", i, text);
        assert_err(&e, ERR_INPUT);
        assert_says(e.why, broken[i].says);
    }
    assert_null(statement_type(&w->a, "no json"));
    assert_null(statement_type(&w->a, "{}"));
}

/* No byte of what was signed can be another and still be read as the same. */
static void every_byte_of_a_manifest_counts(void **state)
{
    struct workshop *w = *state;
    char *text = arena_strdup(&w->a, sample_text);

    for (size_t i = 0; text[i]; i++) {
        char kept = text[i];
        struct manifest m;
        struct err e = {0};

        text[i] = kept == 'x' ? 'y' : (char)(kept ^ 1);
        if (manifest_parse(&m, &w->a, text, &e))
            assert_string_equal(manifest_text(&w->a, &m), text);
        else
            assert_err(&e, ERR_INPUT);
        text[i] = kept;
    }
}

static void approvals_and_withdrawals_are_not_each_other(void **state)
{
    struct workshop *w = *state;
    struct about x = {D1, "jaak", 1795000050, "", NONCE}, back;
    struct err e = {0};
    char *text = approval_text(&w->a, &x);

    assert_string_equal(text, "{\"at\":1795000050,\"manifest\":\"" D1
                              "\",\"nonce\":\"" NONCE
                              "\",\"person\":\"jaak\",\"reason\":\"\","
                              "\"type\":\"approval\"}");
    assert_true(about_parse(&back, &w->a, "approval", text, &e));
    assert_string_equal(back.manifest, D1);
    assert_string_equal(back.person, "jaak");
    assert_false(about_parse(&back, &w->a, "withdrawal", text, &e));
    assert_err(&e, ERR_INPUT);
    x.reason = "too early";
    text = withdrawal_text(&w->a, &x);
    assert_true(about_parse(&back, &w->a, "withdrawal", text, &e));
    assert_string_equal(back.reason, "too early");
    assert_false(about_parse(&back, &w->a, "approval", text, &e));
}

static void policies_and_overrides(void **state)
{
    struct workshop *w = *state;
    struct acceptance back;
    struct err e = {0};
    char *text = policy_text(&w->a, "shop", "production", NULL, D2, "anna",
                             1795000000, NONCE);

    assert_true(policy_parse(&back, &w->a, text, &e));
    assert_null(back.was);
    assert_string_equal(back.is, D2);
    text = policy_text(&w->a, "shop", "production", D1, D2, "anna", 1795000000,
                       NONCE);
    assert_true(policy_parse(&back, &w->a, text, &e));
    assert_string_equal(back.was, D1);
    text = override_text(&w->a, "production", "v1", "users", "3 a.m.", "anna",
                         1795000000, NONCE);
    assert_string_equal(statement_type(&w->a, text), "override");
    assert_false(policy_parse(&back, &w->a, text, &e));
    assert_err(&e, ERR_INPUT);
}

static void hosts_have_one_digest_in_any_order(void **state)
{
    const struct host_name ab[] = {{.text = "a", .name = "a"},
                                   {.text = "b", .name = "b"}};
    const struct host_name ba[] = {{.text = "b", .name = "b"},
                                   {.text = "a", .name = "a"}};
    char one[HASH_HEX], two[HASH_HEX], less[HASH_HEX];

    (void)state;
    hosts_digest(ab, 2, one);
    hosts_digest(ba, 2, two);
    hosts_digest(ab, 1, less);
    assert_string_equal(one, two);
    assert_string_not_equal(one, less);
    assert_true(hash_hex_valid(hosts_digest(NULL, 0, less)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_manifest_is_canonical_and_comes_back),
        TEST(every_kind_of_phases_comes_back),
        TEST(a_changed_manifest_is_refused),
        TEST(every_byte_of_a_manifest_counts),
        TEST(approvals_and_withdrawals_are_not_each_other),
        TEST(policies_and_overrides),
        cmocka_unit_test(hosts_have_one_digest_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
