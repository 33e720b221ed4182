#include "tests/unit/config/folder.h"

#include "runner/base/nearest.h"
#include "runner/config/config.h"
#include "runner/config/keys.h"

#define EACH_KEY(s, k)                                             \
    for (const struct key_section *s = key_sections; s->name; s++) \
        for (const struct key *k = s->keys; k->name; k++)

static bool sentence(const char *text)
{
    return text && text[0] >= 'A' && text[0] <= 'Z' &&
           text[strlen(text) - 1] == '.';
}

static void test_every_row_has_help(void **state)
{
    (void)state;
    EACH_KEY(s, k)
    if (!sentence(k->help))
        fail_msg("[%s] %s: its help is no sentence", s->name, k->name);
    for (const struct key_section *s = key_sections; s->name; s++)
        if (!sentence(s->help))
            fail_msg("[%s]: its help is no sentence", s->name);
}

static void test_no_row_twice(void **state)
{
    (void)state;
    EACH_KEY(s, k)
    {
        assert_ptr_equal(key_find(s, k->name), k);
        for (const struct key *other = k + 1; other->name; other++)
            if (other->at == k->at)
                fail_msg("[%s] %s and %s land in one place", s->name, k->name,
                         other->name);
    }
}

/* A default is read by the same code as a written value. */
static void test_defaults_are_legal(void **state)
{
    struct folder *f = *state;

    EACH_KEY(s, k)
    {
        union {
            struct config config;
            struct environment environment;
            struct policy_settings policy;
        } any;
        struct setting put = {
            .arena = &f->arena, .key = k, .folder = "/", .base = &any};

        memset(&any, 0, sizeof any);
        assert_true(setting_put(&put, &f->err)); /* BUG() if it is not */
        assert_false(k->fallback && (k->flags & KEY_REQUIRED));
    }
}

static void test_every_row_has_a_form(void **state)
{
    struct folder *f = *state;

    EACH_KEY(s, k)
    if (!key_form(&f->arena, k)[0])
        fail_msg("[%s] %s has no form", s->name, k->name);
}

static void test_forms(void **state)
{
    struct folder *f = *state;
    const char *name;
    const struct key_section *rollout =
        key_section_find("rollout", false, &name);

    assert_string_equal(key_form(&f->arena, key_find(rollout, "at_once")),
                        "a whole number from 1 to 1000");
    assert_string_equal(key_form(&f->arena, key_find(rollout, "on_hold")),
                        "auto, finish or back");
    assert_string_equal(key_form(&f->arena, key_find(rollout, "timeout")),
                        "a duration with its unit (30s, 15m, 2h, 7d), from "
                        "1 s to 1 h");
}

static void test_sections_are_found(void **state)
{
    const char *name;

    (void)state;
    assert_non_null(key_section_find("probe host", false, &name));
    assert_null(name);
    assert_non_null(key_section_find("probe host production", false, &name));
    assert_string_equal(name, "production");
    assert_non_null(key_section_find("environment production", false, &name));
    assert_null(key_section_find("environment", false, &name));
    assert_null(key_section_find("probe", false, &name));
    assert_null(key_section_find("project production", false, &name));
    assert_null(key_section_find("rollout a b", false, &name));
    assert_null(key_section_find("window", false, &name));
    assert_non_null(key_section_find("window", true, &name));
    assert_null(key_section_find("window production", true, &name));
}

#define IN_FOLDER(test) \
    cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_every_row_has_help),
        IN_FOLDER(test_no_row_twice),
        IN_FOLDER(test_defaults_are_legal),
        IN_FOLDER(test_every_row_has_a_form),
        IN_FOLDER(test_forms),
        IN_FOLDER(test_sections_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
