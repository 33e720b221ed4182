/* Steps on hosts before anything changes that serves: looking, fences, staging.
 */
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
    };

    if (!getenv("FLEET") || !getenv("TOP")) {
        fputs("run tests/integration/fleet.sh\n", stderr);
        return 64;
    }
    return cmocka_run_group_tests_name("fleet steps", tests, NULL, NULL);
}
