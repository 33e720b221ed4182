#include "tests/unit/config/folder.h"

#include "runner/config/hosts.h"

struct hosts {
    struct host_name *list;
    size_t n, bad;
};

static bool parse(void **state, const char *text, struct hosts *h)
{
    struct folder *f = *state;

    return hosts_parse(&f->arena, text, &h->list, &h->n, &h->bad, &f->err);
}

static void test_one(void **state)
{
    struct hosts h;

    assert_true(parse(state, "deploy@web-1.example.net:2222", &h));
    assert_int_equal(h.n, 1);
    assert_string_equal(h.list[0].text, "deploy@web-1.example.net:2222");
    assert_string_equal(h.list[0].user, "deploy");
    assert_string_equal(h.list[0].name, "web-1.example.net");
    assert_int_equal(h.list[0].port, 2222);
    assert_true(parse(state, "db_alias", &h));
    assert_null(h.list[0].user);
    assert_int_equal(h.list[0].port, 0);
}

static void test_addresses(void **state)
{
    struct hosts h;

    assert_true(parse(state, "a@[2001:db8::1]:22\n10.0.0.1:8022", &h));
    assert_int_equal(h.n, 2);
    assert_string_equal(h.list[0].name, "[2001:db8::1]");
    assert_string_equal(h.list[0].address, "2001:db8::1");
    assert_int_equal(h.list[0].port, 22);
    assert_string_equal(h.list[1].address, "10.0.0.1");
}

static void test_ranges(void **state)
{
    struct hosts h;

    assert_true(parse(state, "d@web[08-11].x:22 db[1-2]", &h));
    assert_int_equal(h.n, 6);
    assert_string_equal(h.list[0].text, "d@web08.x:22");
    assert_string_equal(h.list[3].name, "web11.x");
    assert_string_equal(h.list[5].text, "db2");
    assert_true(parse(state, "r[1-2]h[07-08]", &h));
    assert_int_equal(h.n, 4);
    assert_string_equal(h.list[0].text, "r1h07");
    assert_string_equal(h.list[3].text, "r2h08");
    assert_true(parse(state, "[1-3]web", &h));
    assert_string_equal(h.list[2].name, "3web");
}

static void test_limit(void **state)
{
    struct hosts h;
    struct folder *f = *state;

    assert_true(parse(state, "w[1-1000]", &h));
    assert_int_equal(h.n, 1000);
    assert_false(parse(state, "w[1-1000] x", &h));
    assert_says(f->err.what, "over 1000 hosts");
    assert_int_equal(h.bad, 10);
    assert_false(parse(state, "w[1-1001]", &h));
    assert_false(parse(state, "w[1-999][1-999][1-999]", &h));
}

static void test_twins(void **state)
{
    static const char *const twins[] = {
        "web1 web1",
        "web1 WEB1",
        "web1 web1:22",
        "anna@web1 jaak@web1",
        "web[1-3] web2",
        "10.0.0.1 [::ffff:10.0.0.1]",
        "[::1] [0:0:0:0:0:0:0:1]:22",
    };
    struct folder *f = *state;
    struct hosts h;

    for (size_t i = 0; i < sizeof twins / sizeof *twins; i++) {
        if (parse(state, twins[i], &h))
            fail_msg("'%s' was taken", twins[i]);
        assert_says(f->err.what, "stands twice");
        assert_says(f->err.why, "are one host");
    }
    assert_true(parse(state, "web1 web1:2222", &h));
}

static void test_refuses(void **state)
{
    static const char *const bad[] = {
        "-oProxyCommand=x",
        "a;id",
        "user@a@b",
        "[::1]:99999",
        "web1:",
        "web1:0",
        "web1:022",
        "web1:65536",
        "@web1",
        "web1..x",
        ".web1",
        "web1.",
        "-web1",
        "web1-",
        "a.-b",
        "w\303\244b",
        "$(id)",
        "web[01-2]",
        "web[3-1]",
        "web[1]",
        "web[1-2",
        "web[-2]",
        "::1",
        "1.2.3",
        "127.1",
        "2130706433",
        "1.2.3.256",
        "[1.2.3.4]",
        "[::1",
        "[::1]22",
        "[fe80::1%25]",
        "a/b",
        "web1:22:23",
        "-x@web1",
        "a b@",
        "web[1000001-1000002]",
    };
    struct folder *f = *state;
    struct hosts h;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (parse(state, bad[i], &h))
            fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(f->err.code, ERR_CONFIG);
        assert_true(f->err.why[0] && f->err.fix[0]);
    }
}

static void test_long_names(void **state)
{
    struct hosts h;
    char name[400];

    memset(name, 'a', 300);
    name[300] = '\0';
    assert_false(parse(state, name, &h));
    name[64] = '\0';
    assert_false(parse(state, name, &h));
    name[63] = '\0';
    assert_true(parse(state, name, &h));
    for (int i = 0; i < 254; i++)
        name[i] = i % 2 ? '.' : 'a';
    name[253] = '\0';
    assert_true(parse(state, name, &h));
    memcpy(name + 253, ".a", 3);
    assert_false(parse(state, name, &h));
}

static void test_on_host(void **state)
{
    struct folder *f = *state;
    struct host_name on;
    const char *command;

    assert_true(host_command_parse(&f->arena, "on lb1:22: echo a: b", &on,
                                   &command, &f->err));
    assert_string_equal(on.name, "lb1");
    assert_int_equal(on.port, 22);
    assert_string_equal(command, "echo a: b");
    assert_true(
        host_command_parse(&f->arena, "once more", &on, &command, &f->err));
    assert_null(on.name);
    assert_string_equal(command, "once more");
    assert_false(
        host_command_parse(&f->arena, "on lb1 x", &on, &command, &f->err));
    assert_false(
        host_command_parse(&f->arena, "on lb1:", &on, &command, &f->err));
    assert_false(
        host_command_parse(&f->arena, "on -x: y", &on, &command, &f->err));
}

#define IN_FOLDER(test) \
    cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_one),        IN_FOLDER(test_addresses),
        IN_FOLDER(test_ranges),     IN_FOLDER(test_limit),
        IN_FOLDER(test_twins),      IN_FOLDER(test_refuses),
        IN_FOLDER(test_long_names), IN_FOLDER(test_on_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
