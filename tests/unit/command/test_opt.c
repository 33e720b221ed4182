#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "runner/command/opt.h"

struct things {
    const char *release, *format, *verb, *first, *second;
    bool dry;
    int count, verbose;
    struct opt_list gates, files;
    struct opt_span wait;
    int64_t span;
};

static const struct opt own[] = {
    {"release", 'r', "TAG", "A release.", OPT_STR(things, release)},
    {"dry-run", 'n', NULL, "Change nothing.", OPT_BOOL(things, dry)},
    {"override", 0, "GATE", "Lift a gate.", OPT_LIST(things, gates)},
    {"wait", 0, "DUR", "Wait.", OPT_SPAN(things, wait)},
    {"for", 0, "DUR", "How long.", OPT_DURATION(things, span)},
    {"count", 'c', "N", "How many.", OPT_INT(things, count)},
    {0},
};
static const struct opt global[] = {
    {"format", 0, "text|json", "The format.", OPT_STR(things, format)},
    {"verbose", 'v', NULL, "Say more.", OPT_COUNT(things, verbose)},
    {0},
};

struct result {
    struct things got;
    struct opt_list words;
    struct err e;
    bool good;
};

static struct arena arena;

static struct result read_all(const char *const *argv)
{
    struct result r = {0};
    struct opt_reader reader = {.arena = &arena, .argv = argv};
    const char *word;

    reader.sets[0].rows = global;
    reader.sets[0].base = &r.got;
    reader.sets[1].rows = own;
    reader.sets[1].base = &r.got;
    for (;;) {
        r.good = opt_next(&reader, &word, &r.e);
        if (!r.good || !word)
            return r;
        r.words.words = arena_grow(&arena, r.words.words, r.words.n,
                                   r.words.n + 1, sizeof *r.words.words);
        r.words.words[r.words.n++] = word;
    }
}
#define READ(...) read_all((const char *const[]){__VA_ARGS__, NULL})

static void test_forms(void **state)
{
    struct result r = READ("one", "--release=v1", "-nvv", "-c7", "two",
                           "--override", "users", "--override=fit", "--wait",
                           "--for", "1h30m", "--format", "json", "--", "-x");

    (void)state;
    assert_true(r.good);
    assert_string_equal(r.got.release, "v1");
    assert_true(r.got.dry);
    assert_int_equal(r.got.verbose, 2);
    assert_int_equal(r.got.count, 7);
    assert_int_equal(r.got.gates.n, 2);
    assert_string_equal(r.got.gates.words[1], "fit");
    assert_true(r.got.wait.given);
    assert_int_equal(r.got.wait.ms, 0);
    assert_int_equal(r.got.span, 5400000);
    assert_string_equal(r.got.format, "json");
    assert_int_equal(r.words.n, 3);
    assert_string_equal(r.words.words[2], "-x");
    r = READ("-r", "v2", "--wait=2h", "-");
    assert_true(r.good);
    assert_string_equal(r.got.release, "v2");
    assert_int_equal(r.got.wait.ms, 7200000);
    assert_string_equal(r.words.words[0], "-");
    r = READ("-vrv3");
    assert_string_equal(r.got.release, "v3");
    assert_int_equal(r.got.verbose, 1);
}

static void refused(struct result r, const char *what, const char *fix)
{
    assert_false(r.good);
    assert_int_equal(r.e.code, ERR_USAGE);
    if (!strstr(r.e.what, what) || !strstr(r.e.fix, fix))
        fail_msg("'%s' / '%s' instead of '%s' / '%s'", r.e.what, r.e.fix, what,
                 fix);
    assert_true(r.e.why[0]);
}

static void test_refuses(void **state)
{
    (void)state;
    refused(READ("--relese=x"), "--relese", "did you mean --release?");
    refused(READ("--RELEASE=x"), "--RELEASE", "--release");
    refused(READ("-x"), "-x", "--help");
    refused(READ("-nx"), "-x", "--help");
    refused(READ("--release"), "value is missing", "");
    refused(READ("-r"), "value is missing", "");
    refused(READ("--release="), "value is empty", "");
    refused(READ("--dry-run=yes"), "takes no value", "");
    refused(READ("--release=a", "-r", "b"), "given twice", "");
    refused(READ("--wait", "--wait=1h"), "given twice", "");
    refused(READ("--wait=5"), "unit", "");
    refused(READ("--wait="), "value is empty", "");
    refused(READ("--for", "-1h"), "unit", "");
    refused(READ("--count", "1x"), "number", "");
    refused(READ("--count=-1"), "number", "");
    refused(READ("--count=12345678"), "number", "");
    refused(READ("--format", "yaml"), "none of these", "");
    refused(READ("--format=tex"), "none of these", "");
}

static const struct arg verbs[] = {
    {"show|accept", "What to do.", ARG_ONE, ARG(things, verb)},
    {"FIRST", "A word.", ARG_MAYBE, ARG(things, first)},
    {0},
};
static const struct arg files[] = {
    {"FILE", "Files.", ARG_MANY, ARG(things, files)},
    {0},
};
static const struct arg any[] = {
    {"FILE", "Files.", ARG_ANY, ARG(things, files)},
    {0},
};

static struct result place(const struct arg *rows, const char *const *words,
                           size_t n)
{
    struct result r = {0};
    struct opt_list list = {(const char **)words, n};

    r.good = arg_place(&arena, rows, &r.got, &list, "policy", &r.e);
    return r;
}
#define PLACE(rows, ...)                            \
    place(rows, (const char *const[]){__VA_ARGS__}, \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void test_arguments(void **state)
{
    struct result r = PLACE(verbs, "show");

    (void)state;
    assert_true(r.good);
    assert_string_equal(r.got.verb, "show");
    assert_null(r.got.first);
    r = PLACE(verbs, "accept", "x");
    assert_string_equal(r.got.first, "x");
    refused(PLACE(verbs, "acept"), "'acept' is none of show|accept",
            "tidegate policy accept?");
    refused(PLACE(verbs, "show", "a", "b"), "'b' is too much", "--help");
    refused(place(verbs, NULL, 0), "show|accept is missing", "--help");
    refused(place(files, NULL, 0), "FILE is missing", "--help");
    refused(PLACE(NULL, "x"), "'x' is too much", "--help");
    r = PLACE(files, "a", "b");
    assert_int_equal(r.got.files.n, 2);
    assert_true(place(any, NULL, 0).good);
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_arguments),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
