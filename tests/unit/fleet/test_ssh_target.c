#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runner/fleet/ssh_target.h"

static struct arena a;

static bool parse(const char *text, struct ssh_target *t, struct err *e)
{
    *e = (struct err){0};
    return ssh_target_parse(&a, "web1", arena_strdup(&a, text), t, e);
}

static void settings(void **state)
{
    struct ssh_target t;
    struct err e;

    (void)state;
    setenv("HOME", "/home/me", 1);
    setenv("SSH_AUTH_SOCK", "/run/agent", 1);
    assert_true(parse("host web1\nuser deploy\nhostname 10.0.0.1\nport 2222\n"
                      "identitiesonly no\nidentityfile ~/.ssh/id_ed25519\n"
                      "identityfile %d/keys/%r@%h\nidentityfile /x/100%%\n"
                      "identityfile /y/%k\n"
                      "globalknownhostsfile /etc/ssh/ssh_known_hosts\n"
                      "userknownhostsfile /home/me/.ssh/a ~/.ssh/b\n"
                      "proxycommand none\nbatchmode\n",
                      &t, &e));
    assert_string_equal(t.hostname, "10.0.0.1");
    assert_string_equal(t.user, "deploy");
    assert_int_equal(t.port, 2222);
    assert_string_equal(t.key_name, "10.0.0.1");
    assert_int_equal(t.key_port, 2222);
    assert_int_equal(t.n_identities, 3);
    assert_string_equal(t.identities[0], "/home/me/.ssh/id_ed25519");
    assert_string_equal(t.identities[1], "/home/me/keys/deploy@10.0.0.1");
    assert_string_equal(t.identities[2], "/x/100%");
    assert_int_equal(t.n_known_hosts, 3);
    assert_string_equal(t.known_hosts[2], "/home/me/.ssh/b");
    assert_string_equal(t.agent, "/run/agent");
    assert_false(t.identities_only);

    assert_true(parse("user u\nhostname h\nhostkeyalias web\nidentitiesonly "
                      "yes\nidentityagent none\n",
                      &t, &e));
    assert_string_equal(t.key_name, "web");
    assert_int_equal(t.key_port, 0);
    assert_int_equal(t.port, 22);
    assert_null(t.agent);
    assert_true(t.identities_only);
    assert_true(parse("user u\nidentityagent ~/agent\n", &t, &e));
    assert_string_equal(t.agent, "/home/me/agent");
    assert_true(parse("user u\nidentityagent $SSH_AUTH_SOCK\n", &t, &e));
    assert_string_equal(t.agent, "/run/agent");
}

static void not_followed(void **state)
{
    static const char *const bad[] = {"user u\nproxyjump bastion\n",
                                      "user u\nproxycommand nc %h %p\n",
                                      "user u\nport 0\n",
                                      "user u\nport 65536\n",
                                      "port 22\n",
                                      ""};
    struct ssh_target t;
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (parse(bad[i], &t, &e))
            fail_msg("row %zu was followed", i);
        assert_int_equal(e.code, ERR_CONFIG);
        assert_true(*e.why && *e.fix);
    }
    parse(bad[0], &t, &e);
    assert_string_equal(
        e.what, "web1 is reached through ProxyJump, which is not supported");
}

static void addresses(void **state)
{
    const struct ssh_address *list;
    size_t n = ssh_addresses_parse(&a,
                                   "192.0.2.1       STREAM web1\n"
                                   "192.0.2.1       DGRAM  \n"
                                   "2001:db8::1     STREAM \n"
                                   "nonsense        STREAM \n"
                                   "192.0.2.2\n",
                                   2222, &list);

    (void)state;
    assert_int_equal(n, 2);
    assert_string_equal(list[0].text, "192.0.2.1:2222");
    assert_string_equal(list[1].text, "[2001:db8::1]:2222");
    assert_int_equal(list[1].at.ss_family, AF_INET6);
    assert_int_equal(ssh_addresses_parse(&a, "", 22, &list), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings),
        cmocka_unit_test(not_followed),
        cmocka_unit_test(addresses),
    };
    int failed;

    arena_init(&a);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&a);
    return failed;
}
