/* The policy files a user starts from: each loads as it is, and with every
 * setting that it offers behind a comment sign (";key" without a blank). */
#include "tests/unit/config/folder.h"

#include "runner/base/embedded.h"
#include "runner/config/config.h"

#define INI                                                           \
    "[project]\nname = shop\n[environment production]\n"              \
    "policy = policies/p.ini\nhosts = web[01-02]\npath = /srv/shop\n" \
    "database = service=shop\n[environment staging]\n"                \
    "policy = policies/s.ini\nhosts = stage1\npath = /srv/shop\n"

static const struct embedded *preset(const char *name)
{
    for (const struct embedded *f = preset_files; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    fail_msg("no preset %s", name);
    return NULL;
}

/* The preset with its optional settings in force. */
static char *uncommented(struct folder *f, const char *text)
{
    char *out = arena_strdup(&f->arena, text), *to = out;

    for (const char *at = out; *at; at++) {
        bool begins = at == out || at[-1] == '\n';

        if (begins && *at == ';' && at[1] != ' ' && at[1] != '\n')
            continue;
        *to++ = *at;
    }
    *to = '\0';
    return out;
}

static struct policy_settings load(struct folder *f, const char *text,
                                   struct config *config)
{
    folder_text(f, "tidegate.ini", INI);
    folder_text(f, "policies/p.ini", text);
    folder_text(f, "policies/s.ini", "[expected]\nsignatures = optional\n");
    if (!config_load(config, &f->arena, f->path, &f->err))
        fail_msg("%s / %s / %s", f->err.what, f->err.why, f->err.fix);
    return config->environments[0].policy;
}

static void test_as_they_are(void **state)
{
    static const struct {
        const char *name;
        bool signatures;
        int approvals;
        bool users, backup, override;
    } rows[] = {
        {"careful.ini", true, 2, true, true, false},
        {"standard.ini", true, 1, false, false, true},
        {"solo.ini", false, 0, false, false, true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config config = {0};
        struct policy_settings p =
            load(*state, preset(rows[i].name)->bytes, &config);

        assert_true(p.expected.on && p.window.on && p.budget.on);
        assert_int_equal(p.expected.signatures_required, rows[i].signatures);
        assert_int_equal(p.expected.approvals, rows[i].approvals);
        assert_int_equal(p.users.on, rows[i].users);
        assert_int_equal(p.backup.on, rows[i].backup);
        assert_false(p.proven.on); /* staging may not exist */
        assert_int_equal(p.window.override_allowed, rows[i].override);
        assert_true(p.budget.rewrite_forbidden);
        config_release(&config);
    }
}

static void test_all_that_they_offer(void **state)
{
    struct folder *f = *state;

    for (const struct embedded *file = preset_files; file->name; file++) {
        struct config config = {0};
        struct policy_settings p =
            load(f, uncommented(f, file->bytes), &config);

        assert_true(p.users.on && p.backup.on);
        assert_non_null(p.expected.signers);
        assert_true(p.users.max > 0 && p.backup.max_age > 0);
        config_release(&config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_as_they_are, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(test_all_that_they_offer, folder_setup,
                                        folder_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
