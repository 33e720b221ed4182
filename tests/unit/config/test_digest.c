#include "tests/unit/config/folder.h"

#include "runner/config/config.h"

#define INI                                              \
    "[project]\nname = shop\n[environment production]\n" \
    "policy = policies/p.ini\nhosts = web[01-04]\npath = /srv/shop\n"
#define POLICY                                 \
    "[expected]\nsigners = policies/signers\n" \
    "[window]\nzone = UTC\nallow = Mon 10:00-12:00\n"
#define SIGNERS "# people\nanna ssh-ed25519 AAAA\n"

static char *text_of(void **state, const char *ini, const char *policy,
                     const char *signers, char digest[65])
{
    struct folder *f = *state;
    struct config c;
    char *text;

    folder_text(f, "tidegate.ini", ini);
    folder_text(f, "policies/p.ini", policy);
    folder_text(f, "policies/signers", signers);
    if (!config_load(&c, &f->arena, f->path, &f->err))
        fail_msg("%s", f->err.what);
    text = config_policy_text(&f->arena, &c.environments[0], &f->err);
    assert_non_null(text);
    assert_true(config_policy_digest(&c.environments[0], digest, &f->err));
    config_release(&c);
    return text;
}

static void test_says_what_is_in_force(void **state)
{
    char digest[65];

    assert_string_equal(text_of(state, INI, POLICY, SIGNERS, digest),
                        "[environment] hosts = web[01-04]\n"
                        "[environment] path = /srv/shop\n"
                        "[expected]\n"
                        "[expected] signers = policies/signers\n"
                        "[window]\n"
                        "[window] zone = UTC\n"
                        "[window] allow = Mon 10:00-12:00\n"
                        "[signers] anna ssh-ed25519 AAAA\n");
}

/* Comments, order of keys and defaults written out change nothing. */
static void test_same(void **state)
{
    char one[65], two[65];

    text_of(state, INI, POLICY, SIGNERS, one);
    text_of(state,
            INI "[rollout]\nmax_out = 25% ; as ever\n[artifact]\nkeep = "
                "9\n[rehearsal]\nclone = existing\nserver = service=x\n",
            "; hello\n[window]\nallow = Mon 10:00-12:00\nzone = UTC\n"
            "override = no\n[expected]\nsignatures = required\n"
            "signers = policies/signers\n",
            "\n" SIGNERS, two);
    assert_string_equal(one, two);
}

struct change {
    const char *ini, *policy, *signers, *said;
};

static const struct change changes[] = {
    {INI "[rollout]\nmax_out = 50%\n", POLICY, SIGNERS,
     "[rollout] max_out: was 25% (default), is 50%\n"},
    {INI "[rollout]\ndrain = a\\b\n  c\n", POLICY, SIGNERS,
     "[rollout] drain: was not set, is a\\\\b\\nc\n"},
    {INI "[probe front]\nurl = http://x/\n", POLICY, SIGNERS,
     "[probe front]: added\n[probe front] url: was not set, is http://x/\n"},
    {INI, POLICY "override = yes\n", SIGNERS,
     "[window] override: was no (default), is yes\n"},
    {INI,
     "[expected]\nsigners = policies/signers\n"
     "[window]\nzone = UTC\nallow = always\n",
     SIGNERS, "[window] allow: was Mon 10:00-12:00, is always\n"},
    {INI, "[expected]\nsigners = policies/signers\n", SIGNERS,
     "[window]: taken out\n[window] zone: was UTC, is not set\n"
     "[window] allow: was Mon 10:00-12:00, is not set\n"},
    {INI, POLICY, SIGNERS "eve ssh-ed25519 BBBB\n",
     "[signers] eve ssh-ed25519 BBBB: added\n"},
    {INI, POLICY, "", "[signers] anna ssh-ed25519 AAAA: taken out\n"},
};

static void test_changes(void **state)
{
    struct folder *f = *state;
    char digest[65], other[65];
    char *was = text_of(state, INI, POLICY, SIGNERS, digest);

    assert_string_equal(config_policy_changes(&f->arena, was, was), "");
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const struct change *c = &changes[i];
        char *is = text_of(state, c->ini, c->policy, c->signers, other);

        assert_string_not_equal(digest, other);
        assert_string_equal(config_policy_changes(&f->arena, was, is), c->said);
    }
}

/* A pinned text comes from the ledger, perhaps of another version. */
static void test_odd_lines(void **state)
{
    struct folder *f = *state;

    assert_string_equal(
        config_policy_sentence(&f->arena, "[window] allow = a\n[x] y = b\n",
                               "[window] allow = c\n"),
        "[window] allow: was a, is c; [x] y = b: taken out");
    assert_string_equal(config_policy_changes(&f->arena, "[window]", "[window"),
                        "[window]: taken out\n[window: added\n");
    assert_string_equal(
        config_policy_changes(&f->arena,
                              "[window] allow = ", "[window] gone = 1"),
        "[window] allow: was , is not set\n[window] gone = 1: added\n");
    assert_string_equal(config_policy_changes(&f->arena, "]\n", ""),
                        "]: taken out\n");
}

static void test_missing_signers(void **state)
{
    struct folder *f = *state;
    char digest[65];
    struct config c;

    text_of(state, INI, POLICY, SIGNERS, digest);
    assert_int_equal(unlink(folder_path(f, "policies/signers")), 0);
    assert_true(config_load(&c, &f->arena, f->path, &f->err));
    assert_false(config_policy_digest(&c.environments[0], digest, &f->err));
    assert_int_equal(f->err.code, ERR_CONFIG);
    config_release(&c);
}

#define IN_FOLDER(test) \
    cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_says_what_is_in_force),
        IN_FOLDER(test_same),
        IN_FOLDER(test_changes),
        IN_FOLDER(test_odd_lines),
        IN_FOLDER(test_missing_signers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
