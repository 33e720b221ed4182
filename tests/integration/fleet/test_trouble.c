/* What goes wrong between us and a host: keys, logins, lost sessions, hostile
 * answers. Host 5 is the one that misbehaves, so the others prove that trouble
 * stays where it is. */
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/integration/fleet/rig.h"

#define BAD 4 /* index of the host in trouble */

/* Host 5's sshd anew, with these lines of configuration. */
static void reconfigure(struct rig *g, const char *lines)
{
    sh(g, arena_printf(&g->a,
                       ". \"%s/tests/harness/sshd.sh\"; sshd_host_start "
                       "\"$FLEET\" 5 %s",
                       getenv("TOP"), lines));
}

/* Every login runs this instead, with the command in SSH_ORIGINAL_COMMAND. */
static void force(struct rig *g, const char *script)
{
    const char *path = arena_printf(&g->a, "%s/force", getenv("FLEET"));
    struct err e = {0};

    /* the harness's own login, which asks whether sshd is ready, passes */
    script =
        arena_printf(&g->a,
                     "FLEET=$(dirname \"$0\")\n"
                     "[ \"$SSH_ORIGINAL_COMMAND\" != 'exit 0' ] || exit 0\n"
                     "%s\n",
                     script);
    if (!file_write(path, script, strlen(script), 0755, &e))
        fail_msg("%s: %s", e.what, e.why);
    reconfigure(g, arena_printf(&g->a, "'ForceCommand sh %s'", path));
}

static int restore(void **state)
{
    struct rig *g = rig_start("restore");

    (void)state;
    unsetenv("SSH_AUTH_SOCK");
    sh(g, "cd $FLEET; [ ! -e key.away ] || mv key.away key; "
          "[ ! -e agent.pid ] || kill $(cat agent.pid); rm -f agent.pid");
    sh(g, "cp $FLEET/known_hosts.good $FLEET/known_hosts 2>/dev/null || "
          "cp $FLEET/known_hosts $FLEET/known_hosts.good");
    reconfigure(g, "");
    rig_end(g);
    return 0;
}

/* One observe of all: host 5's outcome and words; the others are fine. */
static struct observed *bad_look(struct rig *g, enum outcome want,
                                 const char *says)
{
    step_observe(g->f, all, HOSTS, NULL, g->o);
    for (size_t i = 0; i < BAD; i++)
        assert_int_equal(g->o[i].outcome, OUTCOME_DONE);
    if (g->o[BAD].outcome != want || (says && !strstr(g->o[BAD].why, says)))
        fail_msg("%s: %s", outcome_word(g->o[BAD].outcome), g->o[BAD].why);
    return &g->o[BAD];
}

static const char *known(struct rig *g, const char *script)
{
    return sh(g, arena_printf(&g->a, "cd $FLEET; %s", script));
}

static void key_not_known(void **state)
{
    struct rig *g = rig_start("trouble");

    (void)state;
    fleet_close(g->f);
    known(g, "sed -i '/127.0.0.5/d' known_hosts");
    known(g, ": >sshd/5/log");
    rig_open(g);
    struct observed *o = bad_look(g, OUTCOME_UNREACHABLE,
                                  "is not known: it "
                                  "shows SHA256:");
    assert_true(o->key_refused);
    assert_non_null(strstr(o->why, known(g, "ssh-keygen -lf sshd/5/key.pub | "
                                            "cut -d' ' -f2 | tr -d '\\n'")));
    assert_non_null(strstr(o->fix, "ssh-keyscan -p "));
    assert_false(g->o[0].key_refused);
    /* nobody tried to log in */
    assert_string_equal(known(g, "grep -c publickey sshd/5/log || :"), "0\n");
    rig_end(g);
}

static void key_changed(void **state)
{
    struct rig *g = rig_start("trouble");

    (void)state;
    /* even on a fleet that has talked to it before */
    look(g, HOSTS, NULL);
    sh(g, arena_printf(&g->a,
                       "cp -p $FLEET/sshd/5/key $FLEET/k; cp -p "
                       "$FLEET/sshd/5/key.pub $FLEET/k.pub; "
                       ". \"%s/tests/harness/sshd.sh\"; sshd_new_key "
                       "\"$FLEET\" 5; : >$FLEET/sshd/5/log",
                       getenv("TOP")));
    struct observed *o = bad_look(g, OUTCOME_UNREACHABLE,
                                  "has changed: it "
                                  "shows SHA256:");
    assert_true(o->key_refused);
    assert_non_null(strstr(o->why, "known_hosts:5 knows SHA256:"));
    assert_string_equal(known(g, "grep -c 'publickey' sshd/5/log || :"), "0\n");
    sh(g, "cp -p $FLEET/k $FLEET/sshd/5/key; cp -p $FLEET/k.pub "
          "$FLEET/sshd/5/key.pub");
    rig_end(g);
}

static void key_revoked(void **state)
{
    struct rig *g = rig_start("trouble");

    (void)state;
    fleet_close(g->f);
    known(g, "sed -n 's/^.*127.0.0.5/@revoked *:*,*5/; T; s/5[^ ]*/*/; p' "
             "known_hosts >r; sed -i '/^$/d' r; "
             "printf '@revoked * %s\\n' \"$(cut -d' ' -f1,2 sshd/5/key.pub)\" "
             ">>known_hosts");
    rig_open(g);
    struct observed *o = bad_look(g, OUTCOME_UNREACHABLE, "is revoked");
    assert_true(o->key_refused);
    rig_end(g);
}

static void key_hashed(void **state)
{
    struct rig *g = rig_start("trouble");

    (void)state;
    fleet_close(g->f);
    known(g, "ssh-keygen -q -H -f known_hosts >/dev/null 2>&1; "
             "grep -c '^|1|' known_hosts");
    rig_open(g);
    look(g, HOSTS, NULL);
    rig_end(g);
}

/* Each kind of algorithm of which nothing is in common is named. */
static void no_algorithm(void **state)
{
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"'Ciphers chacha20-poly1305@openssh.com,aes128-gcm@openssh.com'",
         "no cipher algorithm in common: the host offers "
         "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com; we accept "
         "aes128-ctr"},
        {"'MACs hmac-sha2-256-etm@openssh.com'", "no MAC algorithm in common"},
        {"'KexAlgorithms diffie-hellman-group14-sha256'",
         "no key exchange algorithm in common"},
        {"'HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com'", ""},
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct rig *g = rig_start("trouble");
        reconfigure(g, rows[i].line);
        bad_look(g, OUTCOME_UNREACHABLE, rows[i].says);
        assert_false(g->o[BAD].key_refused);
        rig_end(g);
    }
}

/* known_hosts has another type than the host: told, and not as "changed". */
static void key_of_another_type(void **state)
{
    struct rig *g = rig_start("trouble");

    (void)state;
    fleet_close(g->f);
    known(g, "ssh-keygen -q -t ecdsa -N '' -f other; sed -i '/127.0.0.5/d' "
             "known_hosts; printf '[127.0.0.5]:%s %s\\n' \"$(cat port)\" "
             "\"$(cut -d' ' -f1,2 other.pub)\" >>known_hosts; rm other*");
    rig_open(g);
    bad_look(g, OUTCOME_UNREACHABLE,
             "no host key algorithm in common: the host offers");
    rig_end(g);
}

static void login_refused(void **state)
{
    struct rig *g = rig_start("trouble");

    (void)state;
    reconfigure(g, "'AuthorizedKeysFile /dev/null'");
    bad_look(g, OUTCOME_UNREACHABLE, "/key (refused)");
    rig_end(g);
}

static void login_by_agent(void **state)
{
    struct rig *g = rig_start("trouble");
    const char *socket = arena_printf(&g->a, "%s/agent", getenv("FLEET"));

    (void)state;
    sh(g,
       "cd $FLEET; eval \"$(ssh-agent -a agent)\" >/dev/null; "
       "echo $SSH_AGENT_PID >agent.pid; for i in 1 2 3; do "
       "ssh-keygen -q -t ed25519 -N '' -f other$i; ssh-add -q other$i; done; "
       "ssh-keygen -q -t rsa -b 2048 -N '' -f other4; ssh-add -q other4; "
       "ssh-add -q key; rm other*; mv key key.away");
    fleet_close(g->f);
    setenv("SSH_AUTH_SOCK", socket, 1);
    rig_open(g);
    look(g, HOSTS, NULL);
    fleet_close(g->f);
    g->env.identity = NULL;
    /* of all keys, then: MaxAuthTries is 6 */
    rig_open(g);
    look(g, HOSTS, NULL);
    rig_end(g);
}

static int socket_listen(struct sockaddr_un *at, const char *path)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(at->sun_path, sizeof at->sun_path, "%s", path);
    unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof *at), 0);
    assert_int_equal(listen(fd, 5), 0);
    return fd;
}

/* An agent that hangs costs its five seconds, and then the key file serves. */
static void agent_hangs(void **state)
{
    struct rig *g = rig_start("trouble");
    const char *path = arena_printf(&g->a, "%s/hung", getenv("FLEET"));
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int listener = socket_listen(&at, path);
    const size_t host = BAD;

    (void)state;
    fleet_close(g->f);
    setenv("SSH_AUTH_SOCK", path, 1);
    rig_open(g);
    step_observe(g->f, &host, 1, NULL, g->o);
    assert_int_equal(g->o[0].outcome, OUTCOME_DONE);
    close(listener);
    rig_end(g);
}

static void host_down(void **state)
{
    struct rig *g = rig_start("trouble");

    (void)state;
    sh(g, arena_printf(&g->a,
                       ". \"%s/tests/harness/sshd.sh\"; sshd_host_stop "
                       "\"$FLEET\" 5",
                       getenv("TOP")));
    bad_look(g, OUTCOME_UNREACHABLE, "cannot connect to 127.0.0.5:");
    assert_non_null(strstr(g->o[BAD].why, "Connection refused"));
    rig_end(g);
}

static void hook_bad(struct rig *g, const char *command, enum outcome want)
{
    const size_t host = BAD;
    const struct hook h = {
        .name = "restart", .command = command, .timeout_ms = 20000};

    step_hook(g->f, &host, 1, &g->fence, &h, g->r);
    all_are(g, 1, want);
}

static void session_killed(void **state)
{
    struct rig *g = rig_start("killed");
    const char *end = arena_printf(&g->a,
                                   ". \"%s/tests/harness/sshd.sh\"; "
                                   "sshd_sessions_end \"%s\" 5",
                                   getenv("TOP"), getenv("FLEET"));

    (void)state;
    take(g, HOSTS);
    /* in mid-command: it goes on there, and nobody knows */
    hook_bad(g, arena_printf(&g->a, "%s; echo done >after", end),
             OUTCOME_UNKNOWN);
    assert_non_null(strstr(g->r[0].why, "no answer came; "));
    /* the next step has a new connection, and waits for the lock */
    hook_bad(g, "cat after", OUTCOME_DONE);
    /* between two steps: nothing was sent, nobody notices */
    sh(g, end);
    look(g, HOSTS, NULL);
    rig_end(g);
}

static void second_run_waits_for_the_lock(void **state)
{
    struct rig *g = rig_start("lock");

    (void)state;
    take(g, HOSTS);
    on(g, BAD,
       "flock .tidegate/lock sh -c 'touch held; sleep 1; echo 1 "
       ">order' >/dev/null 2>&1 & while ! [ -e held ]; do :; done");
    hook_bad(g, "cat order", OUTCOME_DONE);
    rig_end(g);
}

static void answers_hostile(void **state)
{
    static const struct {
        const char *script;
        enum outcome want;
        const char *says;
    } rows[] = {
        /* banners, start-up files and old answers mean nothing */
        {"echo welcome; echo; printf 'no newline'; echo; "
         "echo 'TG1 00000000000000000000000000000000 end done 0'; "
         "echo noise >&2; exec sh -c \"$SSH_ORIGINAL_COMMAND\"",
         OUTCOME_DONE, NULL},
        {"printf '\\033[2J\\377\\376\\000x\\n'; "
         "exec sh -c \"$SSH_ORIGINAL_COMMAND\"",
         OUTCOME_DONE, NULL},
        /* what follows the end is waited for only a moment */
        {"sh -c \"$SSH_ORIGINAL_COMMAND\"; sleep 4 & exit 0", OUTCOME_DONE,
         NULL},
        {"sh -c \"$SSH_ORIGINAL_COMMAND\" | sed '/ end /p'", OUTCOME_UNKNOWN,
         "it ended its answer twice"},
        {"sh -c \"$SSH_ORIGINAL_COMMAND\" | sed '/ epoch /d'", OUTCOME_UNKNOWN,
         "lines of its answer are missing"},
        {"sh -c \"$SSH_ORIGINAL_COMMAND\" | sed '/ end /d'", OUTCOME_UNKNOWN,
         "it gave no answer"},
        {"sh -c \"$SSH_ORIGINAL_COMMAND\" | sed 's/ =/ y/'", OUTCOME_UNKNOWN,
         "malformed"},
        {"sh -c \"$SSH_ORIGINAL_COMMAND\" | sed 's/ end done / end fine /'",
         OUTCOME_UNKNOWN, "malformed"},
        {"exec tr -d '\\n' </dev/zero", OUTCOME_UNKNOWN, "over 1 MiB"},
        {"exec yes", OUTCOME_UNKNOWN, "over 1 MiB"},
        {"echo 'no shell for \033[31myou' >&2; exit 0", OUTCOME_UNKNOWN,
         "it said: no shell for \\x1b[31myou"},
        {"exit 0", OUTCOME_UNKNOWN, "it gave no answer"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rig *g = rig_start("trouble");
        int64_t began = clock_mono();
        force(g, rows[i].script);
        bad_look(g, rows[i].want, rows[i].says);
        assert_in_range(clock_mono() - began, 0, 4000);
        rig_end(g);
    }
}

/* A shell that dies, or says no, while we upload. */
static void upload_cut(void **state)
{
    static char big[8 * 1024 * 1024];
    struct rig *g = rig_start("upload");

    (void)state;
    memset(big, 'x', sizeof big - 1);
    const struct entry entries[] = {{"big", big, 0644}};
    struct made m = release_make(g, "v1", entries, 1);

    take(g, HOSTS);
    force(g, arena_printf(&g->a,
                          "if mkdir $FLEET/once; then head -c 3000000 "
                          ">/dev/null; . \"%s/tests/harness/sshd.sh\"; "
                          "sshd_sessions_end $FLEET 5; fi; "
                          "exec sh -c \"$SSH_ORIGINAL_COMMAND\"",
                          getenv("TOP")));
    stage_on(g, HOSTS, &m, OUTCOME_DONE);
    look(g, HOSTS, "v1");
    assert_true(g->o[BAD].verified);
    on(g, BAD, "rm -rf releases/v1 .tidegate/v1.*");
    force(g, "head -c 3000000 >/dev/null; exit 0");
    step_stage(g->f, all, HOSTS, &g->fence, &m.stage, g->r);
    assert_int_equal(g->r[BAD].outcome, OUTCOME_UNKNOWN);
    all_are(g, BAD, OUTCOME_DONE);
    rig_end(g);
}

/* sshd drops logins at random from the second on; all get through. */
static void many_at_one_address(void **state)
{
    enum { MANY = 40 };
    struct rig *g = rig_start("trouble");
    struct host_name *hosts = arena_array(&g->a, MANY, sizeof *hosts);
    size_t which[MANY];
    struct observed o[MANY];

    (void)state;
    reconfigure(g, "'MaxStartups 4:50:30'");
    fleet_close(g->f);
    for (size_t i = 0; i < MANY; i++) {
        hosts[i] = g->env.hosts[BAD];
        which[i] = i;
    }
    g->env.hosts = hosts;
    g->env.n_hosts = MANY;
    rig_open(g);
    step_observe(g->f, which, MANY, NULL, o);
    for (size_t i = 0; i < MANY; i++)
        if (o[i].outcome != OUTCOME_DONE)
            fail_msg("%zu: %s", i, o[i].why);
    rig_end(g);
}

static void a_few_at_once(void **state)
{
    struct rig *g = rig_start("few");

    (void)state;
    g->env.rollout.at_once = 2;
    take(g, HOSTS);
    look(g, HOSTS, NULL);
    rig_end(g);
}

static void names_that_do_not_resolve(void **state)
{
    struct rig *g = rig_start("trouble");
    struct host_name hosts[2] = {g->env.hosts[0]};
    size_t which[2] = {0, 1};
    struct err e = {0};

    (void)state;
    fleet_close(g->f);
    assert_true(host_parse(&g->a, "nobody.invalid", &hosts[1], &e));
    g->env.hosts = hosts;
    g->env.n_hosts = 2;
    rig_open(g);
    step_observe(g->f, which, 2, NULL, g->o);
    assert_int_equal(g->o[0].outcome, OUTCOME_DONE);
    assert_int_equal(g->o[1].outcome, OUTCOME_UNREACHABLE);
    assert_non_null(strstr(g->o[1].why, "nobody.invalid does not resolve"));
    rig_end(g);
}

/* A full disk, as a limit on what any file may hold there. */
static void disk_full(void **state)
{
    static char big[2 * 1024 * 1024];
    struct rig *g = rig_start("full");
    struct made old = release_plain(g, "v1");

    (void)state;
    memset(big, 'x', sizeof big - 1);
    const struct entry entries[] = {{"big", big, 0644}};
    struct made m = release_make(g, "v2", entries, 1);

    take(g, HOSTS);
    stage_on(g, HOSTS, &old, OUTCOME_DONE);
    flip_on(g, HOSTS, "", "v1", OUTCOME_DONE);
    force(g, "ulimit -f 1000; exec sh -c \"$SSH_ORIGINAL_COMMAND\"");
    step_stage(g->f, all, HOSTS, &g->fence, &m.stage, g->r);
    all_are(g, BAD, OUTCOME_DONE);
    assert_int_equal(g->r[BAD].outcome, OUTCOME_FAILED);
    assert_non_null(strstr(g->r[BAD].why, "tar failed"));
    assert_string_equal(on(g, BAD, "ls -A releases"), "v1\n");
    g->fence.epoch++;
    g->fence.run = "run-8";
    force(g, "ulimit -f 0; exec sh -c \"$SSH_ORIGINAL_COMMAND\"");
    step_flip(g->f, all, HOSTS, &g->fence, "v1", "v2", g->r);
    all_are(g, BAD, OUTCOME_DONE);
    assert_int_equal(g->r[BAD].outcome, OUTCOME_FAILED);
    assert_non_null(strstr(g->r[BAD].why, "/.tidegate/fence"));
    assert_non_null(strstr(g->r[BAD].fix, "is the disk full"));
    reconfigure(g, "");
    look(g, HOSTS, NULL);
    assert_string_equal(g->o[BAD].current, "v1");
    assert_int_equal(g->o[BAD].epoch, 7);
    assert_string_equal(on(g, BAD, "ls -A .tidegate | grep new || :"), "");
    /* a folder that became read-only */
    stage_on(g, HOSTS, &m, OUTCOME_DONE);
    on(g, BAD, "chmod u-w .");
    step_flip(g->f, all, HOSTS, &g->fence, "v1", "v2", g->r);
    assert_int_equal(g->r[BAD].outcome, OUTCOME_FAILED);
    assert_non_null(strstr(g->r[BAD].why, "cannot write"));
    look(g, HOSTS, NULL);
    assert_string_equal(g->o[BAD].current, "v1");
    on(g, BAD, "chmod u+w .");
    rig_end(g);
}

/* The first stop signal: the running hook ends, no further one begins. The
 * second: we leave at once, and what was sent is unknown. */
static void stop_signals(void **state)
{
    struct rig *g = rig_start("stop");
    struct hook h = {.name = "restart", .timeout_ms = 20000};
    int64_t began;

    (void)state;
    take(g, HOSTS);
    g->env.rollout.at_once = 1;
    h.command = arena_printf(&g->a, "kill -TERM %d; sleep 0.5", getpid());
    step_hook(g->f, all, HOSTS, &g->fence, &h, g->r);
    assert_int_equal(g->r[0].outcome, OUTCOME_DONE);
    for (int i = 1; i < HOSTS; i++)
        assert_int_equal(g->r[i].outcome, OUTCOME_NONE);
    /* afterwards the fleet still works: a rollback needs it */
    look(g, HOSTS, NULL);
    began = clock_mono();
    h.command = arena_printf(&g->a,
                             "kill -TERM %d; sleep 0.3; kill -TERM %d; "
                             "sleep 9",
                             getpid(), getpid());
    step_hook(g->f, all, HOSTS, &g->fence, &h, g->r);
    assert_int_equal(g->r[0].outcome, OUTCOME_UNKNOWN);
    assert_int_equal(g->r[1].outcome, OUTCOME_NONE);
    assert_in_range(clock_mono() - began, 0, 5000);
    rig_end(g);
}

/* known_hosts holds only a type that we cannot use: not "changed". */
static void key_of_no_use(void **state)
{
    struct rig *g = rig_start("trouble");

    (void)state;
    fleet_close(g->f);
    known(g, "ssh-keygen -q -t rsa -b 2048 -N '' -f other; sed -i "
             "'/127.0.0.5/d' known_hosts; printf '[127.0.0.5]:%s %s\\n' "
             "\"$(cat port)\" \"$(cut -d' ' -f1,2 other.pub)\" >>known_hosts; "
             "rm other*");
    rig_open(g);
    bad_look(g, OUTCOME_UNREACHABLE, "of this type (only ssh-rsa)");
    assert_true(g->o[BAD].key_refused);
    rig_end(g);
}

/* No agent, X11 or port goes along. */
static void nothing_is_forwarded(void **state)
{
    struct rig *g = rig_start("forward");

    (void)state;
    reconfigure(g, "'AllowAgentForwarding yes' 'X11Forwarding yes'");
    take(g, HOSTS);
    hook_bad(
        g, "env | grep -c 'SSH_AUTH_SOCK\\|DISPLAY' >seen || :", OUTCOME_DONE);
    assert_string_equal(on(g, BAD, "cat seen"), "0\n");
    rig_end(g);
}

int main(void)
{
#define TROUBLE(t) cmocka_unit_test_setup(t, restore)
    const struct CMUnitTest tests[] = {
        TROUBLE(key_not_known),
        TROUBLE(key_changed),
        TROUBLE(key_revoked),
        TROUBLE(key_hashed),
        TROUBLE(no_algorithm),
        TROUBLE(key_of_another_type),
        TROUBLE(login_refused),
        TROUBLE(login_by_agent),
        TROUBLE(agent_hangs),
        TROUBLE(host_down),
        TROUBLE(session_killed),
        TROUBLE(second_run_waits_for_the_lock),
        TROUBLE(answers_hostile),
        TROUBLE(upload_cut),
        TROUBLE(many_at_one_address),
        TROUBLE(a_few_at_once),
        TROUBLE(names_that_do_not_resolve),
        TROUBLE(nothing_is_forwarded),
        TROUBLE(disk_full),
        TROUBLE(stop_signals),
        TROUBLE(key_of_no_use),
    };

    if (!getenv("FLEET") || !getenv("TOP")) {
        fputs("run tests/integration/fleet.sh\n", stderr);
        return 64;
    }
    return cmocka_run_group_tests_name("fleet trouble", tests, NULL, NULL);
}
