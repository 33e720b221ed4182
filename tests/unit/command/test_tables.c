#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "runner/command/usage.h"

static bool sentence(const char *text)
{
    return text && text[0] && text[strlen(text) - 1] == '.' &&
           strlen(text) < 600;
}

static bool takes_value(const struct opt *o)
{
    return o->kind != OPT_KIND_BOOL && o->kind != OPT_KIND_COUNT;
}

static const size_t sizes[] = {
    [OPT_KIND_BOOL] = sizeof(bool),
    [OPT_KIND_COUNT] = sizeof(int),
    [OPT_KIND_STR] = sizeof(char *),
    [OPT_KIND_INT] = sizeof(int),
    [OPT_KIND_LIST] = sizeof(struct opt_list),
    [OPT_KIND_DURATION] = sizeof(int64_t),
    [OPT_KIND_SPAN] = sizeof(struct opt_span),
};

/* One option against all that may stand beside it. */
static void option_alone(const char *command, const struct opt *o,
                         const struct opt *others)
{
    for (; others && others->name; others++) {
        if (others == o)
            continue;
        if (strcmp(o->name, others->name) == 0)
            fail_msg("%s: --%s twice", command, o->name);
        if (o->letter && o->letter == others->letter)
            fail_msg("%s: -%c twice", command, o->letter);
    }
}

static void options_good(const char *command, const struct opt *rows,
                         size_t size)
{
    for (const struct opt *o = rows; o && o->name; o++) {
        if (!sentence(o->help))
            fail_msg("%s --%s: its help is no sentence", command, o->name);
        if (takes_value(o) != (o->value != NULL))
            fail_msg("%s --%s: value name and kind disagree", command, o->name);
        if (o->at + sizes[o->kind] > size)
            fail_msg("%s --%s lands outside", command, o->name);
        option_alone(command, o, rows);
        if (rows != global_opts)
            option_alone(command, o, global_opts);
    }
}

static void test_options(void **state)
{
    (void)state;
    options_good("tidegate", global_opts, sizeof(struct globals));
    for (const struct cmd *const *c = commands; *c; c++)
        options_good((*c)->name, (*c)->opts, (*c)->args_size);
}

static void test_arguments(void **state)
{
    (void)state;
    for (const struct cmd *const *c = commands; *c; c++) {
        enum arg_how before = ARG_ONE;

        for (const struct arg *a = (*c)->args; a && a->name; a++) {
            if (!sentence(a->help))
                fail_msg("%s %s: its help is no sentence", (*c)->name, a->name);
            if (before != ARG_ONE && (a->how == ARG_ONE || before != ARG_MAYBE))
                fail_msg("%s %s can never be reached", (*c)->name, a->name);
            if (a->at + sizeof(char *) > (*c)->args_size)
                fail_msg("%s %s lands outside", (*c)->name, a->name);
            before = a->how;
        }
    }
}

static void test_commands(void **state)
{
    struct err e;

    (void)state;
    for (const struct cmd *const *c = commands; *c; c++) {
        unsigned needs = (*c)->needs;

        if (!sentence((*c)->summary))
            fail_msg("%s: its summary is no sentence", (*c)->name);
        if ((*c)->help && !sentence((*c)->help))
            fail_msg("%s: its help is no paragraph", (*c)->name);
        assert_non_null((*c)->run);
        assert_ptr_equal(cmd_find((*c)->name, &e), *c);
        if (needs & (NEED_ENVIRONMENT | NEED_LEDGER | NEED_LEDGER_WRITE))
            assert_true(needs & NEED_CONFIG);
    }
    assert_null(cmd_find("wehn", &e));
    assert_int_equal(e.code, ERR_USAGE);
    assert_string_equal(e.fix, "did you mean: tidegate when?");
}

static void test_exit_codes(void **state)
{
    static const enum err_code codes[] = {
        ERR_USAGE,   ERR_INPUT, ERR_CONFIG, ERR_UNREACHABLE, ERR_LEDGER,
        ERR_REFUSED, ERR_HELD,  ERR_FAILED, ERR_UNKNOWN,     ERR_BUG};

    (void)state;
    for (const struct exit_row *row = exit_rows; row->word; row++) {
        assert_true(sentence(row->help));
        assert_string_equal(exit_word(row->code), row->word);
    }
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_string_not_equal(exit_word(exit_code_of(codes[i], 0)), "done");
    assert_int_equal(exit_code_of(ERR_REFUSED, 0), 10);
    assert_int_equal(exit_code_of(ERR_HELD, 0), 75);
    assert_int_equal(exit_code_of(ERR_CONFIG, 0), 78);
    assert_int_equal(exit_code_of(ERR_LEDGER, 0), 74);
    assert_int_equal(exit_code_of(ERR_INTERRUPTED, 15), 143);
    assert_string_equal(exit_word(143), "interrupted");
}

/* Help is made of the tables: each row is in it. */
static void test_help_names_all(void **state)
{
    struct buf overview, manual, one;

    (void)state;
    buf_init(&overview);
    buf_init(&manual);
    buf_init(&one);
    usage_overview(&overview);
    usage_manual(&manual);
    for (const struct cmd *const *c = commands; *c; c++) {
        assert_non_null(strstr(overview.data, (*c)->name));
        buf_clear(&one);
        buf_printf(&one, ".Ss %s\n", (*c)->name);
        assert_non_null(strstr(manual.data, one.data));
        buf_clear(&one);
        usage_command(&one, *c);
        assert_non_null(strstr(one.data, (*c)->name));
        for (const struct opt *o = (*c)->opts; o && o->name; o++)
            assert_non_null(strstr(one.data, o->name));
    }
    buf_release(&overview);
    buf_release(&manual);
    buf_release(&one);
}

/* Each keyword that the reader takes. */
static void test_directives_are_told(void **state)
{
    struct buf manual, help;

    (void)state;
    buf_init(&manual);
    buf_init(&help);
    usage_manual(&manual);
    usage_directives(&help);
    assert_non_null(strstr(manual.data, "\n.Sh DIRECTIVES\n"));
    for (const struct directive_row *row = directive_rows; row->name; row++) {
        char item[64];

        snprintf(item, sizeof item, "\n.It Cm %s%s\n", row->name,
                 row->reason ? "" : "=");
        assert_non_null(strstr(manual.data, item));
        snprintf(item, sizeof item, "\n  %s%s ", row->name,
                 row->reason ? "" : "=");
        assert_non_null(strstr(help.data, item));
        assert_true(row->help[strlen(row->help) - 1] == '.');
    }
    buf_release(&manual);
    buf_release(&help);
}

static void widest(const struct buf *text)
{
    for (const char *at = text->data; *at; at += strcspn(at, "\n"), at++)
        if (strcspn(at, "\n") > USAGE_WIDTH + 2)
            fail_msg("too wide: %.*s", (int)strcspn(at, "\n"), at);
}

static void test_help_fits(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out);
    usage_overview(&out);
    usage_config(&out);
    usage_exits(&out);
    usage_directives(&out);
    for (const struct cmd *const *c = commands; *c; c++)
        usage_command(&out, *c);
    widest(&out);
    buf_release(&out);
}

static void test_wrap(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out);
    usage_wrap(&out, "a b", 4, 2);
    assert_string_equal(out.data, "\n  a b\n");
    buf_clear(&out);
    usage_wrap(&out,
               "0123456789 0123456789 0123456789 0123456789 0123456789 "
               "0123456789 0123456789 0",
               0, 2);
    assert_string_equal(out.data,
                        "  0123456789 0123456789 0123456789 0123456789 "
                        "0123456789 0123456789 0123456789\n  0\n");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_exit_codes),
        cmocka_unit_test(test_help_names_all),
        cmocka_unit_test(test_help_fits),
        cmocka_unit_test(test_directives_are_told),
        cmocka_unit_test(test_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
