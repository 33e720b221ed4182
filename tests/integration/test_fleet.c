/* The fleet against real sshd; tests/integration/fleet.sh starts them and
 * runs this. FLEET is the folder of tests/harness/sshd.sh. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "runner/base/child.h"
#include "runner/base/escape.h"
#include "runner/base/file.h"
#include "runner/base/hash.h"
#include "runner/config/hosts.h"
#include "runner/fleet/fleet.h"
#include "runner/fleet/steps.h"

#define HOSTS 5

static const char *folder; /* of the harness */
static size_t all[HOSTS] = {0, 1, 2, 3, 4};

/* One test's fleet; its deploy roots are folders of their own. */
struct rig {
    struct arena a;
    struct loop *l;
    struct environment env;
    struct fleet *f;
    struct fence fence;
    struct step_result r[HOSTS];
    struct observed o[HOSTS];
};

static char *read_word(struct arena *a, const char *name)
{
    struct err e = {0};
    char *text;
    size_t len;

    if (!file_read(path_join(a, folder, name), 4096, ERR_INPUT, a, &text, &len,
                   &e))
        fail_msg("%s", e.what);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

/* Runs sh in the test's place: what a person on the host would do. */
static const char *sh(struct rig *g, const char *script)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    const char *env[] = {arena_printf(&g->a, "FLEET=%s", folder), NULL};
    struct child_spec spec = {.argv = argv, .env = env, .timeout_ms = 20000};
    struct child_result r;
    struct err e = {0};

    if (!child_run(g->l, &g->a, &spec, &r, &e))
        fail_msg("%s: %s", e.what, e.why);
    if (r.status != 0)
        fail_msg("sh: %s: %s%s", script, r.out, r.err);
    return r.out;
}

static const char *root(struct rig *g, size_t host)
{
    return fleet_path(g->f, host);
}

/* sh with %s the deploy root of host i. */
static const char *on(struct rig *g, size_t i, const char *script)
{
    return sh(g, arena_printf(&g->a,
                              "set -e; cd '%s'; . \"%s/tests/harness/sshd.sh\"; "
                              "%s",
                              root(g, i), getenv("TOP"), script));
}

static void rig_env(struct rig *g, const char *test)
{
    struct environment *env = &g->env;
    struct host_name *hosts = arena_array(&g->a, HOSTS, sizeof *hosts);
    const char *user = read_word(&g->a, "user");
    const char *port = read_word(&g->a, "port");
    struct err e = {0};

    for (int i = 0; i < HOSTS; i++)
        if (!host_parse(&g->a,
                        arena_printf(&g->a, "%s@127.0.0.%d:%s", user, i + 1,
                                     port),
                        &hosts[i], &e))
            fail_msg("%s", e.what);
    env->name = "test";
    env->hosts = hosts;
    env->n_hosts = HOSTS;
    env->path = arena_printf(&g->a, "%s/hosts/%%h/%s", folder, test);
    env->known_hosts = path_join(&g->a, folder, "known_hosts");
    env->identity = path_join(&g->a, folder, "key");
    env->rollout.at_once = 64;
}

static void rig_open(struct rig *g)
{
    struct err e = {0};

    g->f = fleet_open(&g->a, g->l, NULL, &g->env, &e);
    if (!g->f)
        fail_msg("%s: %s", e.what, e.why);
}

static struct rig *rig_start(const char *test)
{
    struct rig *g = test_malloc(sizeof *g);

    memset(g, 0, sizeof *g);
    arena_init(&g->a);
    g->l = loop_open();
    rig_env(g, test);
    g->fence = (struct fence){"ledger-1", 7, 42, "abcd", "run-7"};
    rig_open(g);
    return g;
}

static void rig_end(struct rig *g)
{
    fleet_close(g->f);
    loop_close(g->l);
    arena_release(&g->a);
    test_free(g);
}

static void all_are(struct rig *g, size_t n, enum outcome want)
{
    for (size_t i = 0; i < n; i++)
        if (g->r[i].outcome != want)
            fail_msg("host %zu: %s: %s (%s)", i, outcome_word(g->r[i].outcome),
                     g->r[i].why ? g->r[i].why : "",
                     g->r[i].fix ? g->r[i].fix : "");
}

static void take(struct rig *g, size_t n)
{
    step_fence(g->f, all, n, &g->fence, "policy-1", "", g->r);
    all_are(g, n, OUTCOME_DONE);
}

static void look(struct rig *g, size_t n, const char *verify)
{
    step_observe(g->f, all, n, verify, g->o);
    for (size_t i = 0; i < n; i++)
        if (g->o[i].outcome != OUTCOME_DONE)
            fail_msg("host %zu: %s: %s", i, outcome_word(g->o[i].outcome),
                     g->o[i].why);
}

static void observe_fresh(void **state)
{
    struct rig *g = rig_start("fresh");

    (void)state;
    look(g, HOSTS, NULL);
    for (size_t i = 0; i < HOSTS; i++) {
        struct observed *o = &g->o[i];
        assert_non_null(strstr(o->missing, "the folder "));
        assert_string_equal(o->current, "");
        assert_string_equal(o->ledger, "");
        assert_int_equal(o->n, 0);
        assert_in_range(o->skew_ms + 1000, 0, 2000);
        assert_int_equal(strlen(o->boot), 36);
    }
    rig_end(g);
}

static void fence_takes(void **state)
{
    struct rig *g = rig_start("taken");

    (void)state;
    take(g, HOSTS);
    look(g, HOSTS, NULL);
    assert_string_equal(g->o[0].ledger, "ledger-1");
    assert_int_equal(g->o[0].epoch, 7);
    assert_int_equal(g->o[0].seq, 42);
    assert_string_equal(g->o[0].head, "abcd");
    assert_string_equal(g->o[0].run, "run-7");
    assert_string_equal(g->o[0].policy, "policy-1");
    assert_string_equal(g->o[0].missing, "");
    assert_true(g->o[0].free_bytes > 0);
    assert_string_not_equal(g->o[0].place, g->o[1].place);
    rig_end(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(observe_fresh),
        cmocka_unit_test(fence_takes),
    };

    folder = getenv("FLEET");
    if (!folder || !getenv("TOP")) {
        fputs("run tests/integration/fleet.sh\n", stderr);
        return 64;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
