/* Steps on hosts that change what serves, and what is kept of releases: flips,
 * hooks, marks, pruning, adopting. */
#include "tests/integration/fleet/rig.h"

static void flip_goes_and_comes_back(void **state)
{
    struct rig *g = rig_start("flip");
    struct made a = release_plain(g, "v1"), b = release_plain(g, "v2");

    (void)state;
    take(g, HOSTS);
    stage_on(g, HOSTS, &a, OUTCOME_DONE);
    stage_on(g, HOSTS, &b, OUTCOME_DONE);
    flip_on(g, HOSTS, "", "v1", OUTCOME_DONE);
    flip_on(g, HOSTS, "v1", "v2", OUTCOME_DONE);
    flip_on(g, HOSTS, "v1", "v2", OUTCOME_DONE);
    look(g, HOSTS, NULL);
    for (size_t i = 0; i < HOSTS; i++) {
        assert_string_equal(g->o[i].current, "v2");
        assert_string_equal(g->o[i].current_raw, "releases/v2");
        assert_string_equal(g->o[i].verify, "v2");
        assert_true(g->o[i].verified);
        assert_string_equal(g->o[i].releases[0].state, "staged");
        assert_string_equal(g->o[i].releases[1].state, "live");
    }
    flip_on(g, HOSTS, "v2", "v1", OUTCOME_DONE);
    assert_string_equal(on(g, 2, "cat current/version"), "v1");
    rig_end(g);
}

static void flip_compares(void **state)
{
    static const struct {
        const char *spoil, *says, *refused;
    } rows[] = {
        {"rm current; mkdir current", "it is now a directory", "moved"},
        {"ln -sfn releases/none current", "it is now releases/none", "moved"},
        {"ln -sfn /etc current", "it is now /etc", "moved"},
        {"ln -sfn releases/../releases/v1 current", "it is now", "moved"},
        {"ln -sfn releases/v3 current", "it was v1, and is now v3", "moved"},
        {"rm current", "it was v1, and is now absent", "moved"},
        {"ln -sfn releases/v1 current; rm .tidegate/v2.state",
         "v2 is only half staged", ""},
        {"ln -sfn releases/v1 current; rm -rf releases/v2", "v2 is not staged",
         ""},
    };
    struct rig *g = rig_start("compare");
    struct made m[3] = {release_plain(g, "v1"), release_plain(g, "v2"),
                        release_plain(g, "v3")};

    (void)state;
    take(g, 1);
    for (int i = 0; i < 3; i++)
        stage_on(g, 1, &m[i], OUTCOME_DONE);
    flip_on(g, 1, "", "v1", OUTCOME_DONE);
    /* an absolute link to the expected release is the expected release */
    on(g, 0, "ln -sfn \"$PWD/releases/v1\" current");
    flip_on(g, 1, "v1", "v2", OUTCOME_DONE);
    flip_on(g, 1, "v2", "v1", OUTCOME_DONE);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        on(g, 0, rows[i].spoil);
        const char *before = on(g, 0, "ls -ld current || :");
        flip_on(g, 1, "v1", "v2", OUTCOME_FAILED);
        if (!strstr(g->r[0].why, rows[i].says))
            fail_msg("row %zu: %s", i, g->r[0].why);
        assert_string_equal(g->r[0].refused, rows[i].refused);
        assert_string_equal(on(g, 0, "ls -ld current || :"), before);
        on(g, 0, "rm -rf current; ln -s releases/v1 current");
    }
    rig_end(g);
}

static void hook_on(struct rig *g, const char *command, enum outcome want)
{
    const struct hook h = {.name = "restart",
                           .command = command,
                           .release = "v2",
                           .previous = "v1",
                           .timeout_ms = 2000};

    step_hook(g->f, all, 1, &g->fence, &h, g->r);
    all_are(g, 1, want);
}

static void hooks_run(void **state)
{
    struct rig *g = rig_start("hooks");

    (void)state;
    take(g, 1);
    hook_on(g,
            "env | grep ^TIDEGATE_ | sort >env; cat >stdin; ls -l "
            "/proc/self/fd >fds; echo %h %v %% >filled",
            OUTCOME_DONE);
    assert_string_equal(
        on(g, 0, "cat env"),
        arena_printf(&g->a,
                     "TIDEGATE_HOST=127.0.0.1\nTIDEGATE_PATH=%s\n"
                     "TIDEGATE_PREVIOUS=v1\nTIDEGATE_RELEASE=v2\n"
                     "TIDEGATE_STEP=restart\n",
                     root(g, 0)));
    assert_string_equal(on(g, 0, "cat stdin filled"), "127.0.0.1 v2 %\n");
    assert_string_equal(on(g, 0, "grep -c lock fds || :"), "0\n");
    assert_string_equal(on(g, 0, "grep -c pipe: fds || :"), "0\n");
    hook_on(g, "echo it will not; exit 7", OUTCOME_FAILED);
    assert_string_equal(g->r[0].why,
                        "restart ended with status 7: it will not");
    /* an answer of its own is its own affair */
    hook_on(g,
            "echo TG1 0000 end done 0; echo TG1 x end done 0 >&2; "
            "kill -9 $$",
            OUTCOME_FAILED);
    assert_non_null(strstr(g->r[0].why, "restart ended with status 137"));
    rig_end(g);
}

static void hooks_are_stopped(void **state)
{
    struct rig *g = rig_start("hang");
    int64_t began = clock_mono();

    (void)state;
    take(g, 1);
    hook_on(g, "echo waiting; sleep 60", OUTCOME_UNKNOWN);
    assert_string_equal(g->r[0].why, "restart did not end within 2 s and was "
                                     "stopped: waiting");
    assert_in_range(clock_mono() - began, 2000, 8000);
    /* what a hook leaves running holds neither lock nor connection */
    began = clock_mono();
    hook_on(g, "sleep 30 & echo $! >pid", OUTCOME_DONE);
    hook_on(g, "kill $(cat pid)", OUTCOME_DONE);
    assert_in_range(clock_mono() - began, 0, 5000);
    rig_end(g);
}

static void hooks_on_another_host(void **state)
{
    struct rig *g = rig_start("elsewhere");
    struct hook h = {
        .name = "drain", .release = "v2", .previous = "v1", .timeout_ms = 5000};

    (void)state;
    h.command = arena_printf(&g->a,
                             "on %s: echo $TIDEGATE_HOST "
                             "$TIDEGATE_PATH >>%s/hosts/order",
                             g->env.hosts[4].text, getenv("FLEET"));
    take(g, HOSTS);
    step_hook(g->f, all, 4, &g->fence, &h, g->r);
    all_are(g, 4, OUTCOME_DONE);
    assert_string_equal(sh(g, "cut -d' ' -f1 $FLEET/hosts/order"),
                        "127.0.0.1\n127.0.0.2\n127.0.0.3\n127.0.0.4\n");
    assert_non_null(strstr(sh(g, "cat $FLEET/hosts/order"), root(g, 1)));
    rig_end(g);
}

/* A helper is no host of the environment: it has no root and no lock. */
static void hooks_on_a_helper(void **state)
{
    struct rig *g = rig_start("helper");
    const struct host_name *hosts = g->env.hosts;
    struct hook h = {.name = "drain", .timeout_ms = 5000};

    (void)state;
    fleet_close(g->f);
    g->env.n_hosts = 2;
    h.command = arena_printf(&g->a,
                             "on %s: pwd; echo $TIDEGATE_HOST "
                             ">$TIDEGATE_PATH/helped",
                             hosts[4].text);
    g->env.rollout.drain = h.command;
    rig_open(g);
    assert_int_equal(fleet_count(g->f), 2);
    assert_int_equal(fleet_find(g->f, "127.0.0.5"), 2);
    take(g, 2);
    step_hook(g->f, all, 2, &g->fence, &h, g->r);
    all_are(g, 2, OUTCOME_DONE);
    assert_string_equal(on(g, 1, "cat helped"), "127.0.0.2\n");
    rig_end(g);
}

static void marks(void **state)
{
    struct rig *g = rig_start("marks");
    struct made m = release_plain(g, "v1");

    (void)state;
    take(g, 1);
    stage_on(g, 1, &m, OUTCOME_DONE);
    step_mark(g->f, all, 1, &g->fence, "v1", "good", g->r);
    all_are(g, 1, OUTCOME_DONE);
    step_after_begun(g->f, all, 1, &g->fence, "v1", g->r);
    all_are(g, 1, OUTCOME_DONE);
    look(g, 1, "v1");
    assert_string_equal(g->o[0].releases[0].state, "good");
    assert_string_equal(g->o[0].after_begun, "v1");
    step_after_begun(g->f, all, 1, &g->fence, NULL, g->r);
    all_are(g, 1, OUTCOME_DONE);
    look(g, 1, "v1");
    assert_string_equal(g->o[0].after_begun, "");
    step_mark(g->f, all, 1, &g->fence, "v9", "good", g->r);
    all_are(g, 1, OUTCOME_FAILED);
    rig_end(g);
}

static void prunes(void **state)
{
    static const char *const states[] = {"good", "good", "bad",   "good",
                                         "bad",  "good", "staged"};
    struct rig *g = rig_start("prune");

    (void)state;
    take(g, 1);
    for (int i = 0; i < 7; i++) {
        const char *name = arena_printf(&g->a, "v%d", i + 1);
        struct made m = release_plain(g, name);
        stage_on(g, 1, &m, OUTCOME_DONE);
        on(g, 0,
           arena_printf(&g->a, "touch -d 2020-01-0%d .tidegate/%s.files", i + 1,
                        name));
        step_mark(g->f, all, 1, &g->fence, name, states[i], g->r);
        all_are(g, 1, OUTCOME_DONE);
    }
    on(g, 0,
       "ln -s releases/v2 current; mkdir releases/theirs "
       "releases/.staging.3.abcdefab.v9");
    /* newest first: v7 staged, v6 good*, v5 bad, v4 good*, v3 bad, v2 live,
     * v1 needed */
    step_prune(g->f, all, 1, &g->fence, 1, "v1\nv0", g->r);
    all_are(g, 1, OUTCOME_DONE);
    assert_string_equal(on(g, 0, "ls -A releases | tr '\\n' ' '"),
                        "theirs v1 v2 v4 v6 v7 ");
    assert_string_equal(on(g, 0, "cd .tidegate; ls *.state | tr '\\n' ' '"),
                        "v1.state v2.state v4.state v6.state v7.state ");
    /* with nothing more to keep: live v6, and two good ones to go back to */
    on(g, 0, "ln -sfn releases/v6 current");
    step_prune(g->f, all, 1, &g->fence, 0, "", g->r);
    all_are(g, 1, OUTCOME_DONE);
    assert_string_equal(on(g, 0, "ls -A releases | tr '\\n' ' '"),
                        "theirs v2 v4 v6 ");
    rig_end(g);
}

static void adopts(void **state)
{
    struct rig *g = rig_start("adopt");
    struct adopted got[2];
    static const char *items[] = {"log"};

    (void)state;
    g->env.artifact.shared = items;
    g->env.artifact.shareds = 1;
    for (size_t i = 0; i < 2; i++)
        sh(g,
           arena_printf(&g->a,
                        "mkdir -p '%s/releases/2024' '%s/shared/log' && cd "
                        "'%s' && echo app >releases/2024/app && echo abc123 "
                        ">releases/2024/REVISION && ln -s \"$PWD/shared/log\" "
                        "releases/2024/log && ln -s "
                        "\"$PWD/releases/2024\" current",
                        root(g, i), root(g, i), root(g, i)));
    step_adopt(g->f, all, 2, NULL, NULL, true, got);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(got[i].outcome, OUTCOME_DONE);
        assert_string_equal(got[i].folder, "2024");
        assert_string_equal(got[i].revision, "abc123");
    }
    assert_string_equal(got[0].digest, got[1].digest);
    assert_string_equal(on(g, 0, "ls -A | tr '\\n' ' '"),
                        "current releases shared ");
    /* a folder that another made stays, and nothing is begun */
    on(g, 0, "mkdir releases/v1.0 && echo old >releases/v1.0/app");
    step_adopt(g->f, all, 1, NULL, "v1.0", true, got);
    assert_int_equal(got[0].outcome, OUTCOME_FAILED);
    assert_non_null(strstr(got[0].why, "tidegate did not make it"));
    assert_non_null(strstr(got[0].fix, "another --release"));
    take(g, 2);
    step_adopt(g->f, all, 1, &g->fence, "v1.0", false, got);
    assert_int_equal(got[0].outcome, OUTCOME_FAILED);
    assert_string_equal(on(g, 0,
                           "cat releases/v1.0/app; readlink current | "
                           "sed 's,.*/,,'; ls -A releases"),
                        "old\n2024\n2024\nv1.0\n");
    /* what an adopt of ours that was cut has left goes */
    on(g, 0, "touch .tidegate/v1.0.files");
    step_adopt(g->f, all, 2, &g->fence, "v1.0", false, got);
    assert_int_equal(got[0].outcome, OUTCOME_DONE);
    look(g, 2, NULL);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(g->o[i].current_raw, "releases/v1.0");
        assert_true(g->o[i].verified);
        assert_string_equal(g->o[i].releases[0].name, "2024");
        assert_string_equal(g->o[i].releases[0].state, "");
        assert_string_equal(g->o[i].releases[1].state, "good");
        assert_string_equal(g->o[i].releases[1].digest, got[i].digest);
    }
    /* again changes nothing */
    step_adopt(g->f, all, 2, &g->fence, "v1.0", false, got);
    assert_int_equal(got[0].outcome, OUTCOME_DONE);
    assert_string_equal(got[0].folder, "v1.0");
    on(g, 0, "rm current; mkdir current");
    step_adopt(g->f, all, 1, &g->fence, NULL, true, got);
    assert_int_equal(got[0].outcome, OUTCOME_FAILED);
    on(g, 0, "rmdir current; ln -s /etc current");
    step_adopt(g->f, all, 1, &g->fence, NULL, true, got);
    assert_int_equal(got[0].outcome, OUTCOME_FAILED);
    assert_non_null(strstr(got[0].why, "outside releases/"));
    rig_end(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flip_goes_and_comes_back),
        cmocka_unit_test(flip_compares),
        cmocka_unit_test(hooks_run),
        cmocka_unit_test(hooks_are_stopped),
        cmocka_unit_test(hooks_on_another_host),
        cmocka_unit_test(hooks_on_a_helper),
        cmocka_unit_test(marks),
        cmocka_unit_test(prunes),
        cmocka_unit_test(adopts),
    };

    if (!getenv("FLEET") || !getenv("TOP")) {
        fputs("run tests/integration/fleet.sh\n", stderr);
        return 64;
    }
    return cmocka_run_group_tests_name("fleet steps live", tests, NULL, NULL);
}
