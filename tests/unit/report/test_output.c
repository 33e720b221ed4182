#include "tests/unit/report/captured.h"

#include <fcntl.h>
#include <signal.h>

#include "runner/base/clock.h"
#include "runner/report/output.h"

static void test_text_and_notes(void **state)
{
    struct captured c;
    struct output o;

    (void)state;
    capture_begin(&c);
    output_init(&o, false, false, 0);
    output_text(&o, "a%d\n", 1);
    output_style(&o, STYLE_BAD, "b\x1b[2J\n");
    output_note(&o, STYLE_WARN, "c\xe2\x80\xae\n");
    output_json(&o, json_new_object());
    capture_end(&c);
    assert_string_equal(c.out, "a1\nb\\x1b[2J\n");
    assert_string_equal(c.err, "c\\xe2\\x80\\xae\n");
    assert_false(o.answered);
}

static void test_styles_close_before_the_newline(void **state)
{
    struct captured c;
    struct output o;

    (void)state;
    capture_begin(&c);
    output_init(&o, false, false, 0);
    o.color = true;
    output_style(&o, STYLE_GOOD, "x\n");
    output_text(&o, "y\n");
    capture_end(&c);
    assert_string_equal(c.out, "\033[32mx\033[0m\ny\n");
}

static void test_one_document(void **state)
{
    struct captured c;
    struct output o;
    struct err e = {0};
    struct json *j = json_new_object();

    (void)state;
    json_set_int(j, "b", 1);
    json_set_str(j, "a", "x");
    err_what(&e, ERR_HELD, "held");
    capture_begin(&c);
    output_init(&o, true, false, 0);
    output_text(&o, "not this\n");
    output_json(&o, j);
    output_json(&o, json_new_array());
    output_error(&o, &e, 75);
    capture_end(&c);
    assert_string_equal(c.out, "{\"a\":\"x\",\"b\":1}\n");
    assert_string_equal(c.err, "tidegate: held\n");
}

static void test_error_document(void **state)
{
    struct captured c;
    struct output o;
    struct err e = {0};

    (void)state;
    err_what(&e, ERR_CONFIG, "what \x01");
    err_why(&e, "why");
    err_fix(&e, "fix");
    capture_begin(&c);
    output_init(&o, true, false, 0);
    output_error(&o, &e, 78);
    capture_end(&c);
    assert_string_equal(c.out, "{\"error\":{\"exit\":78,\"fix\":\"fix\","
                               "\"what\":\"what \\u0001\",\"why\":\"why\"}}\n");
    assert_string_equal(c.err,
                        "tidegate: what \\x01\n  why: why\n  fix: fix\n");
}

static void test_stop(void **state)
{
    struct captured c;
    struct output o;
    struct err e = {0};

    (void)state;
    err_what(&e, ERR_REFUSED, "v1.4.3 is not expected in production");
    err_why(&e, "nobody announced it");
    err_fix(&e, "do nothing\nask anna");
    capture_begin(&c);
    output_init(&o, false, false, 0);
    output_error(&o, &e, 10);
    capture_end(&c);
    assert_string_equal(c.err,
                        "   !!!   STOP: v1.4.3 is not expected in production\n"
                        "         why   nobody announced it\n"
                        "         fix   do nothing\n"
                        "               ask anna\n");
}

static void test_closing(void **state)
{
    struct closing line = {.word = "refused",
                           .command = "deploy",
                           .environment = "production",
                           .release = "v1",
                           .exit = 10,
                           .at = 0};
    struct captured c;
    struct output o;

    (void)state;
    capture_begin(&c);
    output_init(&o, false, false, 0);
    output_closing(&o, &line);
    o.json = true;
    output_closing(&o, &line);
    capture_end(&c);
    assert_string_equal(c.out, "tidegate: VERDICT refused exit=10 "
                               "command=deploy environment=production "
                               "release=v1 at=1970-01-01T00:00:00Z\n");
    assert_string_equal(c.err, c.out);
}

static void test_table(void **state)
{
    static const char *const headings[] = {"HOST", "STATE", NULL};
    struct captured c;
    struct output o;
    struct arena a;
    struct table t;

    (void)state;
    arena_init(&a);
    table_init(&t, &a, headings);
    table_cell(&t, "w%d", 1);
    table_cell(&t, "up");
    table_cell(&t, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4");
    table_cell(&t, "%s", "");
    capture_begin(&c);
    output_init(&o, false, false, 0);
    table_print(&o, &t);
    capture_end(&c);
    arena_release(&a);
    assert_string_equal(c.out, "HOST   STATE\nw1     up\n"
                               "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\n");
}

static void test_sink_without_terminal(void **state)
{
    struct captured c;
    struct output o;
    struct report_sink sink;
    struct progress *p;

    (void)state;
    capture_begin(&c);
    output_init(&o, false, false, 0);
    p = report_sink_init(&sink, &o);
    progress_stage(p, "wave %d", 2);
    progress_step(p, "web1", "flipped");
    progress_warn(p, NULL, "slow\x1b");
    progress_detail(p, "web1", "not asked for");
    o.verbose = 1;
    progress_detail(p, "web1", "flip begins");
    progress_live(p, NULL, 1, 3, "hosts");
    progress_live(p, NULL, 2, 3, "hosts"); /* within 30 s: not said again */
    progress_news(p, NULL, "hosts wait");
    capture_end(&c);
    assert_string_equal(c.err, "==> wave 2\n    web1: flipped\n"
                               "warning: slow\\x1b\n    web1: flip begins\n"
                               "    hosts (1 of 3)\n    hosts wait\n");
    assert_string_equal(c.out, "");
}

static void test_live_line(void **state)
{
    struct captured c;
    struct output o;
    struct report_sink sink;
    struct progress *p;

    (void)state;
    capture_begin(&c);
    output_init(&o, false, false, 0);
    o.err_terminal = true;
    o.width = 6;
    p = report_sink_init(&sink, &o);
    progress_live(p, NULL, 0, 0, "abcd");
    progress_live(p, NULL, 0, 0, "abcdefgh\xc3\xa4jklmnopq\xc3\xa4z");
    progress_news(p, NULL, "ab");
    progress_step(p, NULL, "done");
    capture_end(&c);
    /* three rows, the last one without its last column */
    assert_string_equal(c.err, "\r\033[Kabcd\r\033[Kabcdefgh\xc3\xa4jklmnopq"
                               "\033[2A\r\033[Jab\r\033[K    done\n");
}

/* A reader that is gone, and one that is stuck, end nothing. */
static void test_nobody_reads(void **state)
{
    struct output o;
    int ends[2], kept = dup(STDOUT_FILENO);
    char block[65536];

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(ends), 0);
    fflush(stdout);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    output_init(&o, false, false, 0);
    output_text(&o, "x\n");
    close(ends[1]);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDOUT_FILENO);
    o.patience = 0;
    memset(block, 'x', sizeof block - 1);
    block[sizeof block - 1] = '\0';
    for (int i = 0; i < 4; i++)
        output_text(&o, "%s", block);
    assert_true(o.stuck[0]);
    assert_true(read(ends[0], block, sizeof block) > 0);
    output_text(&o, "z\n"); /* it reads again, so it is written to again */
    assert_false(o.stuck[0]);
    close(STDOUT_FILENO);
    output_text(&o, "y\n");
    dup2(kept, STDOUT_FILENO);
    close(kept);
    close(ends[0]);
    close(ends[1]);
}

static void test_color_rules(void **state)
{
    struct output o;

    (void)state;
    setenv("NO_COLOR", "1", 1);
    output_init(&o, false, false, 0);
    assert_false(o.color || o.err_color);
    unsetenv("NO_COLOR");
    output_init(&o, false, true, 0);
    assert_false(o.color || o.err_color);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_notes),
        cmocka_unit_test(test_styles_close_before_the_newline),
        cmocka_unit_test(test_one_document),
        cmocka_unit_test(test_error_document),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_closing),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_sink_without_terminal),
        cmocka_unit_test(test_live_line),
        cmocka_unit_test(test_nobody_reads),
        cmocka_unit_test(test_color_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
