#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/hash.h"
#include "runner/base/json.h"
#include "tests/unit/base/forked.h"

/* jansson's, here by the types json.h gives them */
struct json *__wrap_json_object(void);
struct json *__real_json_object(void);
char *__wrap_json_dumps(const struct json *j, size_t flags);
char *__real_json_dumps(const struct json *j, size_t flags);

static struct arena arena;
static bool jansson_fails;

struct json *__wrap_json_object(void)
{
    return jansson_fails ? NULL : __real_json_object();
}

char *__wrap_json_dumps(const struct json *j, size_t flags)
{
    return jansson_fails ? NULL : __real_json_dumps(j, flags);
}

_Noreturn void __wrap__exit(int status)
{
    forked_exit(status);
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static struct json *parsed(const char *text)
{
    struct err e = {0};
    struct json *j = json_parse(text, strlen(text), &e);

    if (!j)
        fail_msg("%s: %s", text, e.why);
    return j;
}

static void assert_refused(const char *text, size_t len, const char *why)
{
    struct err e = {0};

    assert_null(json_parse(text, len, &e));
    assert_int_equal(e.code, ERR_INPUT);
    assert_true(*e.what && *e.fix);
    if (!strstr(e.why, why))
        fail_msg("\"%s\" does not say \"%s\"", e.why, why);
}

static void values_are_set_and_read(void **state)
{
    struct json *o = json_new_object(), *list = json_new_array();

    (void)state;
    json_set_str(o, "name", "shop");
    json_set_str(o, "none", NULL);
    json_set_int(o, "n", INT64_MIN);
    json_set_bool(o, "yes", true);
    json_set_bool(o, "no", false);
    json_append(list, json_new_int(INT64_MAX));
    json_append(list, json_new_bool(false));
    json_append(list, json_new_null());
    json_append(list, json_share(o));
    json_free(o); /* the list holds it still */
    assert_string_equal(json_str(o, "name"), "shop");
    assert_null(json_str(o, "none"));
    assert_true(json_is_null(json_get(o, "none")));
    assert_true(json_int(o, "n", 1) == INT64_MIN);
    assert_true(json_bool(o, "yes", false));
    assert_false(json_bool(o, "no", true));
    assert_int_equal(json_len(list), 4);
    assert_true(json_number(json_at(list, 0), 1) == INT64_MAX);
    assert_true(json_is_object(json_at(list, 3)));
    assert_true(json_is_array(list));
    assert_true(json_is_string(json_get(o, "name")));
    assert_true(json_is_int(json_at(list, 0)));
    json_free(list);
    json_free(NULL);
}

static void what_is_missing_gives_the_fallback(void **state)
{
    struct json *j = parsed("{\"s\":\"x\",\"n\":1,\"l\":[]}");

    (void)state;
    assert_null(json_get(j, "absent"));
    assert_null(json_str(j, "n"));
    assert_null(json_text(NULL));
    assert_int_equal(json_int(j, "s", 7), 7);
    assert_int_equal(json_number(NULL, 8), 8);
    assert_true(json_bool(j, "s", true));
    assert_false(json_bool(j, "absent", false));
    assert_int_equal(json_len(j), 0);
    assert_int_equal(json_len(NULL), 0);
    assert_null(json_at(json_get(j, "l"), 0));
    assert_null(json_get(json_get(j, "l"), "x"));
    assert_false(json_is_object(NULL));
    assert_false(json_is_real(json_get(j, "n")));
    assert_null(json_key(j, 3));
    assert_null(json_key(NULL, 0));
    json_free(j);
}

static void canonical_bytes(void **state)
{
    static const struct {
        const char *text, *canonical;
    } rows[] = {
        {" { \"b\" : [ 1 , true, null ] , \"a\" : {} } ",
         "{\"a\":{},\"b\":[1,true,null]}"},
        {"{\"\xc3\xa4\":1,\"z\":2,\"Z\":3,\"\":4,\"a\":5,\"aa\":6}",
         "{\"\":4,\"Z\":3,\"a\":5,\"aa\":6,\"z\":2,\"\xc3\xa4\":1}"},
        {"\"a\\/b\\u0041\\u00e4\\ud83d\\ude80\"",
         "\"a/bA\xc3\xa4\xf0\x9f\x9a\x80\""},
        {"\"\\\"\\\\\\b\\f\\n\\r\\t\\u001f\"",
         "\"\\\"\\\\\\b\\f\\n\\r\\t\\u001F\""},
        {"-9223372036854775808", "-9223372036854775808"},
        {"[]", "[]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json *j = parsed(rows[i].text);
        char direct[HASH_HEX], digest[HASH_HEX];

        assert_string_equal(json_canonical(&arena, j), rows[i].canonical);
        assert_string_equal(
            json_digest(j, digest),
            hash_hex(rows[i].canonical, strlen(rows[i].canonical), direct));
        json_free(j);
    }
}

static void pretty_keeps_the_order(void **state)
{
    struct json *j = json_new_object();

    (void)state;
    json_set_int(j, "b", 1);
    json_set_int(j, "a", 2);
    assert_string_equal(json_pretty(&arena, j),
                        "{\n  \"b\": 1,\n  \"a\": 2\n}");
    assert_string_equal(json_key(j, 0), "a");
    assert_string_equal(json_key(j, 1), "b");
    json_set_int(j, "b", 3);
    assert_int_equal(json_int(j, "b", 0), 3);
    json_free(j);
}

static void invalid_utf8_loses_nothing(void **state)
{
    static const struct {
        const char *bytes, *text;
    } rows[] = {
        {"plain \\xff", "plain \\xff"},
        {"a\xff\\xff", "a\\xff\\\\xff"},
        {"\xc3\xa4\xc3", "\xc3\xa4\\xc3"},
        {"\xe2\x82\xac\xe2\x82", "\xe2\x82\xac\\xe2\\x82"},
        {"\xf0\x9f\x9a\x80\x80", "\xf0\x9f\x9a\x80\\x80"},
    };
    struct json *o = json_new_object();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_set_str(o, rows[i].bytes, rows[i].bytes);
        assert_string_equal(json_str(o, rows[i].text), rows[i].text);
    }
    json_free(o);
}

static void pointers_lead_to_values(void **state)
{
    /* the example of RFC 6901, section 5 */
    struct json *j = parsed("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,"
                            "\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,"
                            "\"k\\\"l\":6,\" \":7,\"m~n\":8}");
    static const char *const paths[] = {
        "/", "/a~1b", "/c%d", "/e^f", "/g|h", "/i\\j", "/k\"l", "/ ", "/m~0n"};
    static const char *const nowhere[] = {
        "foo",   "/foo/2", "/foo/-", "/foo/00",  "/foo/01",         "/foo/x",
        "/foo/", "/bar",   "//",     "/foo/0/0", "/foo/1234567890", "/foo/1x"};

    (void)state;
    assert_ptr_equal(json_pointer(j, ""), j);
    assert_string_equal(json_text(json_pointer(j, "/foo/0")), "bar");
    assert_string_equal(json_text(json_pointer(j, "/foo/1")), "baz");
    for (int i = 0; i < (int)(sizeof(paths) / sizeof(paths[0])); i++)
        assert_int_equal(json_number(json_pointer(j, paths[i]), -1), i);
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++)
        assert_null(json_pointer(j, nowhere[i]));
    json_free(j);
}

static void bad_text_is_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "line 1, byte 0"},
        {"{\"a\":1,\"a\":2}", "duplicate"},
        {"{\"a\":1} x", "end of file"},
        {"[1,]", "line 1"},
        {"{a:1}", "line 1"},
        {"'a'", "line 1"},
        {"[\n\"\xff\"]", "unable to decode"},
        {"\"\\ud800\"", "\\uD800"},
        {"\"a\\u0000b\"", "\\u0000"},
        {"\"a\nb\"", "unexpected newline"},
        {"9223372036854775808", "too big"},
        {"1e999", "overflow"},
        {"NaN", "line 1"},
        {"01", "line 1"},
        {"1.5", "real number"},
        {"{\"a\":[{\"b\":1e3}]}", "real number"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_refused(rows[i].text, strlen(rows[i].text), rows[i].why);
    assert_refused("[1]\0", 4, "end of file");
    assert_refused("\"a\0b\"", 5, "line 1");
}

static char *nested(int depth)
{
    char *text = arena_alloc(&arena, 2 * (size_t)depth + 1);

    memset(text, '[', (size_t)depth);
    memset(text + depth, ']', (size_t)depth);
    return text;
}

static void a_depth_bomb_is_refused(void **state)
{
    (void)state;
    json_free(parsed(nested(64)));
    assert_refused(nested(65), 130, "byte 64: more than 64 levels");
    assert_refused(nested(100000), 200000, "more than 64 levels");
    /* brackets in strings are no levels, and closed ones do not add up */
    json_free(parsed("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
                     "[[[[[[[[[[[[[[[[[[[\\\"[[[{{{{\""));
    json_free(parsed("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
                     "[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
                     "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]"));
}

static void foreign_answers_may_hold_reals(void **state)
{
    static const char text[] = "{\"load\":0.5,\"users\":40}";
    struct err e = {0};
    struct json *j = json_parse_foreign(text, strlen(text), &e);

    (void)state;
    assert_true(json_double(json_get(j, "load"), 0) == 0.5);
    assert_true(json_double(json_get(j, "users"), 0) == 40);
    assert_true(json_double(json_get(j, "absent"), -1) == -1);
    assert_true(json_is_real(json_get(j, "load")));
    assert_int_equal(json_int(j, "load", -1), -1);
    json_free(j);
}

static void sign_a_real(void *arg)
{
    struct err e = {0};

    (void)arg;
    json_canonical(&arena, json_parse_foreign("[[1.0]]", 7, &e));
}

static void set_in_an_array(void *arg)
{
    (void)arg;
    json_set_int(json_new_array(), "x", 1);
}

static void append_to_an_object(void *arg)
{
    (void)arg;
    json_append(json_new_object(), json_new_null());
}

static void make_without_memory(void *arg)
{
    (void)arg;
    jansson_fails = true;
    json_new_object();
}

static void write_without_memory(void *arg)
{
    (void)arg;
    jansson_fails = true;
    json_pretty(&arena, json_new_null());
}

static void misuse_is_a_bug(void **state)
{
    void (*const misuses[])(void *) = {sign_a_real, set_in_an_array,
                                       append_to_an_object, make_without_memory,
                                       write_without_memory};
    char said[300];

    (void)state;
    for (size_t i = 0; i < sizeof(misuses) / sizeof(misuses[0]); i++) {
        assert_int_equal(forked(misuses[i], NULL, said, sizeof(said)), 70);
        assert_non_null(strstr(said, "tidegate: bug at runner/base/json.c:"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_set_and_read),
        cmocka_unit_test(what_is_missing_gives_the_fallback),
        cmocka_unit_test(canonical_bytes),
        cmocka_unit_test(pretty_keeps_the_order),
        cmocka_unit_test(invalid_utf8_loses_nothing),
        cmocka_unit_test(pointers_lead_to_values),
        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(a_depth_bomb_is_refused),
        cmocka_unit_test(foreign_answers_may_hold_reals),
        cmocka_unit_test(misuse_is_a_bug),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
