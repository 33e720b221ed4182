#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runner/fleet/pool.h"

static struct arena a;

static void haproxy_words(void **state)
{
    static const struct {
        const char *status;
        enum member_state is;
    } rows[] = {
        {"UP", MEMBER_UP},
        {"UP 1/3", MEMBER_UP},
        {"no check", MEMBER_UP},
        {"DRAIN", MEMBER_DRAIN},
        {"DRAIN (agent)", MEMBER_DRAIN},
        {"NOLB", MEMBER_DRAIN},
        {"DOWN", MEMBER_DOWN},
        {"DOWN 1/2", MEMBER_DOWN},
        {"DOWN (agent)", MEMBER_DOWN},
        {"MAINT", MEMBER_DOWN},
        {"MAINT (via b/s)", MEMBER_DOWN},
        {"MAINT (resolution)", MEMBER_DOWN},
        {"UPPER", MEMBER_UNKNOWN},
        {"up", MEMBER_UNKNOWN},
        {"", MEMBER_UNKNOWN},
        {"OPEN", MEMBER_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (member_from_haproxy(rows[i].status) != rows[i].is)
            fail_msg("%s", rows[i].status);
}

static void lines(void **state)
{
    struct pool_facts p = {0};
    const char *why = NULL;

    (void)state;
    assert_true(pool_parse_lines(&a,
                                 "web1 up\n\n  web2\t drain \r\nweb3 down\n"
                                 "web4 UP\nweb5 gone",
                                 &p, &why));
    assert_int_equal(p.n, 5);
    assert_string_equal(p.members[1].name, "web2");
    assert_int_equal(p.members[0].state, MEMBER_UP);
    assert_int_equal(p.members[1].state, MEMBER_DRAIN);
    assert_int_equal(p.members[2].state, MEMBER_DOWN);
    assert_int_equal(p.members[3].state, MEMBER_UNKNOWN);
    assert_int_equal(p.members[4].state, MEMBER_UNKNOWN);
    static const char *const bad[] = {"web1", "web1 ", "web1 up down",
                                      "a up\n<html>\nb up\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        p = (struct pool_facts){0};
        if (pool_parse_lines(&a, bad[i], &p, &why))
            fail_msg("%s was read", bad[i]);
        assert_non_null(strstr(why, "is not followed by one STATE"));
    }
}

static const char csv[] = "# pxname,svname,qcur,status,weight,\n"
                          "web,FRONTEND,,OPEN,,\n"
                          "shop,web1,0,UP,1,\n"
                          "shop,web2,0,MAINT,1,\n"
                          "other,web3,0,UP,1,\n"
                          "shop,\"we,\"\"b4\",0,DRAIN,1,\n"
                          "shop,BACKEND,0,UP,1,\n"
                          "\n";

static void haproxy(void **state)
{
    struct pool_facts p = {0};
    const char *why = NULL;

    (void)state;
    assert_true(pool_parse_haproxy(&a, csv, "shop", &p, &why));
    assert_int_equal(p.n, 3);
    assert_string_equal(p.members[0].name, "web1");
    assert_int_equal(p.members[0].state, MEMBER_UP);
    assert_int_equal(p.members[1].state, MEMBER_DOWN);
    assert_string_equal(p.members[2].name, "we,\"b4");
    assert_int_equal(p.members[2].state, MEMBER_DRAIN);

    p = (struct pool_facts){0};
    assert_false(pool_parse_haproxy(&a, csv, "none", &p, &why));
    assert_string_equal(why, "HAProxy has no backend none");
    static const char *const bad[] = {
        "", "Unknown command\n", "# name,svname,status\n",
        "# pxname,svname,weight\nshop,web1,1\n", "pxname,svname,status\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (pool_parse_haproxy(&a, bad[i], "shop", &p, &why))
            fail_msg("%s was read", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(haproxy_words),
        cmocka_unit_test(lines),
        cmocka_unit_test(haproxy),
    };
    int failed;

    arena_init(&a);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&a);
    return failed;
}
