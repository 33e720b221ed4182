/* What the steps do on hosts: every remote script, by real sshd. */
#include "tests/integration/fleet/rig.h"

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
        assert_string_equal(fleet_address(g->f, i),
                            strchr(g->env.hosts[i].text, '@') + 1);
        assert_int_equal(strncmp(fleet_key(g->f, i), "SHA256:", 7), 0);
        assert_string_equal(
            fleet_methods(g->f, i),
            "ecdh-sha2-nistp256, ssh-ed25519, aes128-ctr, hmac-sha2-256");
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
    assert_non_null(
        strstr(on(g, 0, "cat .tidegate/README"), "go back by hand"));
    rig_end(g);
}

static void refused_as(struct rig *g, const char *kind)
{
    step_mark(g->f, all, 1, &g->fence, "v1", "bad", g->r);
    all_are(g, 1, OUTCOME_FAILED);
    assert_string_equal(g->r[0].refused, kind);
}

static void fence_refuses(void **state)
{
    struct rig *g = rig_start("refused");

    (void)state;
    take(g, 1);
    g->fence.epoch = 6;
    refused_as(g, "superseded");
    assert_string_equal(g->r[0].why,
                        "superseded by epoch 7, run run-7 (we are epoch 6)");
    g->fence.epoch = 7;
    g->fence.run = "run-b";
    refused_as(g, "forked");
    /* the same run, resumed from two copies of one ledger */
    g->fence.run = "run-7";
    g->fence.claim = "another record";
    g->fence.seq = 50;
    refused_as(g, "forked");
    g->fence = (struct fence){"ledger-2", 9, 99, "ffff", "run-9"};
    refused_as(g, "foreign");
    look(g, 1, NULL);
    assert_int_equal(g->o[0].epoch, 7);
    /* a higher epoch goes on, and leaves its mark with the first step */
    g->fence = (struct fence){"ledger-1", 8, 50, "ef01", "run-8"};
    step_after_begun(g->f, all, 1, &g->fence, NULL, g->r);
    all_are(g, 1, OUTCOME_DONE);
    look(g, 1, NULL);
    assert_int_equal(g->o[0].epoch, 8);
    assert_int_equal(g->o[0].seq, 50);
    rig_end(g);
}

static void fence_pins_policy(void **state)
{
    struct rig *g = rig_start("pinned");

    (void)state;
    take(g, 1);
    step_fence(g->f, all, 1, &g->fence, "policy-2", "policy-0\npolicy-9", g->r);
    all_are(g, 1, OUTCOME_FAILED);
    assert_string_equal(g->r[0].refused, "policy");
    step_fence(g->f, all, 1, &g->fence, "policy-2", "policy-0\npolicy-1", g->r);
    all_are(g, 1, OUTCOME_DONE);
    look(g, 1, NULL);
    assert_string_equal(g->o[0].policy, "policy-2");
    rig_end(g);
}

/* Every violation of the deploy root is refused by name. */
static void root_is_guarded(void **state)
{
    static const struct {
        const char *spoil, *says;
    } rows[] = {
        {"chmod o+w releases", "is writable by everybody"},
        {"chmod o+w .", "is writable by everybody"},
        {"mv shared elsewhere; ln -s elsewhere shared", "is not a folder"},
        {"mv .tidegate other; ln -s other .tidegate", "is not a folder"},
        {"rm .tidegate/lock; ln -s /etc/passwd .tidegate/lock", "is a link"},
        {"cd ..; mv guarded4 real; ln -s real guarded4", "is not a folder"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[32];
        snprintf(name, sizeof name, "guarded%zu", i == 5 ? (size_t)4 : i + 10);
        struct rig *g = rig_start(name);
        take(g, 1);
        on(g, 0, rows[i].spoil);
        step_after_begun(g->f, all, 1, &g->fence, "v1", g->r);
        all_are(g, 1, OUTCOME_FAILED);
        if (!strstr(g->r[0].why, rows[i].says))
            fail_msg("row %zu: %s", i, g->r[0].why);
        rig_end(g);
    }
}

static void a_link_on_the_way_is_refused(void **state)
{
    struct rig *g = rig_start("behind/way");

    (void)state;
    sh(g,
       "mkdir -p $FLEET/hosts/127.0.0.1/real && cd $FLEET/hosts/127.0.0.1 && "
       "rm -rf behind && ln -s real behind && mkdir real/way");
    step_fence(g->f, all, 1, &g->fence, "", "", g->r);
    all_are(g, 1, OUTCOME_FAILED);
    assert_non_null(strstr(g->r[0].why, "is a link: it is really"));
    rig_end(g);
}

static const struct entry odd[] = {
    {"bin/", NULL, 0755},
    {"bin/run", "#!/bin/sh\necho run\n", 0755},
    {"a b", "blank", 0644},
    {"a\nb", "newline", 0644},
    {"-rf", "dash", 0644},
    {"back\\slash", "backslash", 0644},
    {"quo'te\"$(id)`id`", "quotes", 0644},
    {"t\xc3\xa4ht", "utf-8", 0644},
    {"\xff\xfe", "no utf-8", 0644},
    {"\x1b[31m", "escape", 0644},
    {"tab\there", "tab", 0644},
    {"empty", "", 0644},
    {"link", "bin/run", 0},
    {"odd link", "a\nb \\ c", 0},
    {"dir/", NULL, 0755},
    {"dir/deep/", NULL, 0755},
    {"dir/deep/file", "deep", 0644},
    {"dir-file", "sorts between dir and dir/", 0644},
};
#define ODD (sizeof odd / sizeof *odd)

static void stage_odd_names(void **state)
{
    struct rig *g = rig_start("odd");
    struct made m = release_make(g, "v-odd", odd, ODD);

    (void)state;
    take(g, HOSTS);
    stage_on(g, HOSTS, &m, OUTCOME_DONE);
    assert_false(g->r[0].present);
    look(g, HOSTS, "v-odd");
    for (size_t i = 0; i < HOSTS; i++) {
        assert_string_equal(g->o[i].wrong, "");
        assert_true(g->o[i].verified);
        assert_int_equal(g->o[i].extra, 0);
        assert_string_equal(g->o[i].releases[0].digest, m.digest);
        assert_string_equal(g->o[i].releases[0].state, "staged");
        assert_string_equal(g->o[i].current, "");
    }
    stage_on(g, HOSTS, &m, OUTCOME_DONE);
    assert_true(g->r[4].present);
    assert_string_equal(on(g, 0, "ls -A releases"), "v-odd\n");
    assert_string_equal(on(g, 0, "ls -A .tidegate | sort"),
                        "README\nfence\nlock\npolicy\nv-odd.files\n"
                        "v-odd.state\n");
    rig_end(g);
}

static void verify_sees_all(void **state)
{
    static const struct {
        const char *spoil, *wrong;
        int extra;
    } rows[] = {
        {"printf X >>empty", "empty differs in its content", 0},
        {"rm 'a b'", "a\\040b is missing", 0},
        {"chmod 0600 empty", "empty differs in its mode", 0},
        {"ln -sfn other link", "link differs in its content", 0},
        {"rm empty; mkdir empty", "empty differs in its type", 0},
        {"rm empty; ln -s /dev/null empty", "empty differs in its type", 0},
        {"mkdir new; : >new/one; mkfifo fifo", "", 3},
    };
    struct rig *g = rig_start("tampered");
    struct made m = release_make(g, "v1", odd, ODD);

    (void)state;
    take(g, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        stage_on(g, 1, &m, OUTCOME_DONE);
        assert_false(g->r[0].present);
        on(g, 0, arena_printf(&g->a, "cd releases/v1; %s", rows[i].spoil));
        look(g, 1, "v1");
        assert_string_equal(g->o[0].wrong, rows[i].wrong);
        assert_int_equal(g->o[0].verified, !*rows[i].wrong);
        assert_int_equal(g->o[0].extra, rows[i].extra);
    }
    rig_end(g);
}

static void nothing_staged(struct rig *g, const char *says)
{
    if (!strstr(g->r[0].why, says))
        fail_msg("%s", g->r[0].why);
    assert_string_equal(on(g, 0, "ls -A releases"), "");
    assert_string_equal(on(g, 0, "ls -A .tidegate | grep -v hook- | sort"),
                        "README\nfence\nlock\npolicy\n");
}

static void stage_refuses(void **state)
{
    struct rig *g = rig_start("cut");
    struct made m = release_make(g, "v1", odd, ODD), bad;

    (void)state;
    take(g, 1);
    bad = m;
    bad.stage.tar_len -= 8192; /* the end marker and some of the last files */
    stage_on(g, 1, &bad, OUTCOME_FAILED);
    nothing_staged(g, "");
    bad = m;
    bad.stage.tar_len += 100000; /* the file is shorter than was said */
    stage_on(g, 1, &bad, OUTCOME_DONE);
    on(g, 0, "rm -rf releases/v1 .tidegate/v1.*");
    /* one byte of content, swapped behind our back */
    sh(g, "cd $FLEET; LC_ALL=C sed -i s/newline/newlime/ v1.tar");
    m.stage.tar_fd = open(arena_printf(&g->a, "%s/v1.tar", getenv("FLEET")),
                          O_RDONLY | O_CLOEXEC);
    stage_on(g, 1, &m, OUTCOME_FAILED);
    nothing_staged(g, "not what was sent: a\\012b differs in its content");
    bad = m;
    bad.stage.tar_len = (int64_t)1 << 50;
    stage_on(g, 1, &bad, OUTCOME_FAILED);
    nothing_staged(g, "KiB are needed");
    m.stage.shared = "log";
    m = release_plain(g, "v1");
    m.stage.shared = "log";
    stage_on(g, 1, &m, OUTCOME_FAILED);
    nothing_staged(g, "the shared item log is missing");
    m.stage.shared = "";
    if (getuid() != 0) {
        on(g, 0, "chmod u-w releases");
        stage_on(g, 1, &m, OUTCOME_FAILED);
        on(g, 0, "chmod u+w releases");
        nothing_staged(g, "cannot make");
    }
    rig_end(g);
}

static void stage_links_shared_items(void **state)
{
    static const char *items[] = {"log", "config/local.env", "a b/"};
    const struct entry entries[] = {{"config/", NULL, 0755},
                                    {"config/main", "x", 0644},
                                    {"log/", NULL, 0755},
                                    {"log/.keep", "", 0644}};
    struct rig *g = rig_start("shared");
    struct made m = release_make(g, "v1", entries, 4);

    (void)state;
    g->env.artifact.shared = items;
    g->env.artifact.shareds = 3;
    m.stage.shared = "log\nconfig/local.env\na b/";
    take(g, 1);
    on(g, 0,
       "mkdir -p shared/log shared/config 'shared/a b'; "
       "echo secret >shared/config/local.env");
    stage_on(g, 1, &m, OUTCOME_DONE);
    assert_string_equal(on(g, 0, "cat releases/v1/config/local.env"),
                        "secret\n");
    assert_string_equal(on(g, 0,
                           "cd releases/v1; readlink log "
                           "config/local.env 'a b'"),
                        "../../shared/log\n../../../shared/config/local.env\n"
                        "../../shared/a b\n");
    look(g, 1, "v1");
    assert_string_equal(g->o[0].wrong, "");
    assert_int_equal(g->o[0].extra, 0);
    assert_string_equal(g->o[0].shared,
                        "log folder\nconfig/local.env file\na b folder");
    rig_end(g);
}

static void stage_prepares(void **state)
{
    struct rig *g = rig_start("prepare");
    struct made m = release_plain(g, "v2");

    (void)state;
    take(g, 1);
    m.stage.previous = "v1";
    m.stage.prepare = "echo $TIDEGATE_STEP $TIDEGATE_HOST $TIDEGATE_RELEASE "
                      "$TIDEGATE_PREVIOUS >built; pwd >>built; cat >>built; "
                      "echo told >&2";
    stage_on(g, 1, &m, OUTCOME_DONE);
    assert_string_equal(
        on(g, 0, "cat releases/v2/built"),
        arena_printf(&g->a, "prepare 127.0.0.1 v2 v1\n%s/releases/v2\n",
                     root(g, 0)));
    look(g, 1, "v2");
    assert_true(g->o[0].verified);
    assert_int_equal(g->o[0].extra, 1);
    assert_string_equal(on(g, 0, "cat .tidegate/hook-prepare.log"), "told\n");
    on(g, 0, "rm -rf releases/v2 .tidegate/v2.*");

    m.stage.prepare = "echo it broke; exit 3";
    stage_on(g, 1, &m, OUTCOME_FAILED);
    nothing_staged(g, "prepare ended with status 3: it broke");
    m.stage.prepare = "echo more >>version";
    stage_on(g, 1, &m, OUTCOME_FAILED);
    nothing_staged(g, "prepare changed the release: version differs");
    m.stage.prepare = "sleep 20";
    m.stage.prepare_timeout_ms = 1000;
    stage_on(g, 1, &m, OUTCOME_FAILED);
    nothing_staged(g, "prepare did not end within 1 s");
    rig_end(g);
}

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
        cmocka_unit_test(observe_fresh),
        cmocka_unit_test(fence_takes),
        cmocka_unit_test(fence_refuses),
        cmocka_unit_test(fence_pins_policy),
        cmocka_unit_test(root_is_guarded),
        cmocka_unit_test(a_link_on_the_way_is_refused),
        cmocka_unit_test(stage_odd_names),
        cmocka_unit_test(verify_sees_all),
        cmocka_unit_test(stage_refuses),
        cmocka_unit_test(stage_links_shared_items),
        cmocka_unit_test(stage_prepares),
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
    return cmocka_run_group_tests_name("fleet steps", tests, NULL, NULL);
}
