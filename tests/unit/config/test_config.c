#include "tests/unit/config/folder.h"

#include "runner/config/config.h"

#define POLICY                            \
    "[expected]\nsignatures = optional\n" \
    "[window]\nzone = Europe/Tallinn\nallow = always\n"

#define PROJECT "[project]\nname = shop\n"
#define PLACE   "[environment production]\npolicy = policies/p.ini\n"
#define HOSTS   "hosts = web[01-04]\npath = /srv/shop\n"

struct loaded {
    struct folder *f;
    struct config config;
    bool good;
};

static struct loaded load(void **state, const char *ini, const char *policy)
{
    struct loaded l = {.f = *state};

    folder_text(l.f, "tidegate.ini", ini);
    folder_text(l.f, "policies/p.ini", policy);
    err_clear(&l.f->err);
    l.good = config_load(&l.config, &l.f->arena, l.f->path, &l.f->err);
    return l;
}

static struct loaded load_good(void **state, const char *ini,
                               const char *policy)
{
    struct loaded l = load(state, ini, policy);

    if (!l.good)
        fail_msg("%s / %s", l.f->err.what, l.f->err.why);
    return l;
}

static void test_least(void **state)
{
    struct loaded l = load_good(state, PROJECT PLACE HOSTS, POLICY);
    const struct environment *env = &l.config.environments[0];

    assert_string_equal(l.config.project, "shop");
    assert_int_equal(l.config.repository[0], '/');
    assert_string_equal(l.config.ledger + strlen(l.config.folder),
                        "/.tidegate/ledger");
    assert_string_equal(l.config.migrations_path, "migrations");
    assert_int_equal(env->n_hosts, 4);
    assert_string_equal(env->hosts[3].name, "web04");
    assert_int_equal(env->rollout.n_waves, 3);
    assert_true(env->rollout.waves[1].percent);
    assert_int_equal(env->rollout.max_out.amount, 25);
    assert_int_equal(env->rollout.timeout_ms, 60000);
    assert_int_equal(env->rollout.on_hold, ON_HOLD_AUTO);
    assert_int_equal(env->artifact.keep, 5);
    assert_null(env->artifact.file);
    assert_false(env->probe_host.on);
    assert_false(env->rehearsal.on);
    assert_null(env->pool_members);
    assert_null(env->database);
    assert_true(env->policy.expected.on);
    assert_int_equal(env->policy.expected.notice, 30 * 60);
    assert_false(env->policy.users.on);
    assert_int_equal(env->policy.users.abort_at, -1);
    assert_string_equal(zone_name(env->policy.window.calendar.zone),
                        "Europe/Tallinn");
    assert_int_equal(env->policy.window.calendar.allows, 1);
    config_release(&l.config);
}

/* The example of the manual, whole. */
static void test_all(void **state)
{
    struct loaded l = load_good(
        state,
        PROJECT
        "repository = ..\nledger = /var/lib/tidegate\n" PLACE
        "hosts = deploy@web[01-12].example.net\npath = /srv/shop\n"
        "database = service=shop-production\nknown_hosts = keys/known_hosts\n"
        "[migrations]\npath = db/migrations\nlayout = auto\n"
        "[rehearsal]\nclone = template:golden\nserver = service=r\n"
        "[artifact]\nfrom = file:build/shop-%v.tar.gz\n"
        "exclude = tests/ docs/\nshared = log config/local.env\n"
        "prepare = bin/build %v && echo 100%%\nkeep = 3\n"
        "[rollout]\nwaves = 1 25% 100%\nmax_out = 2 ; of twelve\n"
        "on_failure = stop\ndrain = on lb1: echo drain %h\n"
        "restart = sudo -n systemctl restart shop\nsoak = 1m30s\n"
        "on_hold = back\n"
        "[probe host]\nurl = http://%h:8080/health\n"
        "body = \"release\":\"%v\"\npasses = 3\n"
        "[probe front]\nurl = https://shop.example.net/a%20b\n"
        "[pool]\nmembers = haproxy:/run/haproxy.sock/shop\n",
        "[expected]\nsigners = policies/allowed_signers\napprovals = 1\n"
        "[window]\nzone = Europe/Tallinn\n"
        "allow = Mon-Thu 22:00-02:00,\n  Sun 01:00-06:00\n"
        "freeze = 2026-12-20..2027-01-03, Fri\noverride = yes\n"
        "[users]\ncount = sql: SELECT count(*) FROM session\n"
        "  WHERE name LIKE '%h'\nhistory = recorded\nmax = 50\n"
        "abort_at = 200\n"
        "[budget]\nrewrite = allow\ncertificate = 2h\n"
        "[backup]\nage_seconds = command: bin/backup-age 'a b'\n"
        "max_age = 12h\n[replicas]\nmin = 1\n");
    const struct environment *env = &l.config.environments[0];
    const struct policy_settings *p = &env->policy;

    assert_string_equal(l.config.ledger, "/var/lib/tidegate");
    assert_int_equal(env->rehearsal.clone, CLONE_TEMPLATE);
    assert_string_equal(env->rehearsal.clone_argument, "golden");
    assert_string_equal(env->artifact.file + strlen(l.config.folder),
                        "/build/shop-%v.tar.gz");
    assert_int_equal(env->artifact.excludes, 2);
    assert_string_equal(env->artifact.shared[1], "config/local.env");
    assert_false(env->rollout.max_out.percent);
    assert_int_equal(env->rollout.on_failure, ON_FAILURE_STOP);
    assert_int_equal(env->rollout.on_hold, ON_HOLD_BACK);
    assert_int_equal(env->rollout.soak_ms, 90000);
    assert_int_equal(env->probe_host.passes, 3);
    assert_int_equal(env->probe_host.timeout_ms, 2000);
    assert_string_equal(env->probe_host.body, "\"release\":\"%v\"");
    assert_string_equal(env->pool_members, "haproxy: /run/haproxy.sock/shop");
    assert_string_equal(env->known_hosts + strlen(l.config.folder),
                        "/keys/known_hosts");
    assert_true(p->window.override_allowed);
    assert_false(p->users.override_allowed);
    assert_int_equal(p->window.calendar.allows, 2);
    assert_string_equal(p->users.count, "sql: SELECT count(*) FROM session\n"
                                        "WHERE name LIKE '%h'");
    assert_string_equal(p->users.history, "recorded");
    assert_int_equal(p->users.abort_at, 200);
    assert_false(p->budget.rewrite_forbidden);
    assert_int_equal(p->budget.overrun, 3);
    assert_int_equal(p->budget.certificate, 7200);
    assert_int_equal(p->backup.max_age, 12 * 3600);
    assert_int_equal(p->replicas.max_lag_ms, 10000);
    config_release(&l.config);
}

static void test_sections_of_one_environment(void **state)
{
    struct loaded l =
        load_good(state,
                  PROJECT PLACE HOSTS
                  "[environment staging]\npolicy = policies/p.ini\nhosts = s1\n"
                  "path = /srv/shop\n"
                  "[rollout]\ntimeout = 10s\nsoak = 1m\n"
                  "[rollout staging]\ntimeout = 20s\n"
                  "[probe host staging]\nurl = http://%h/\n",
                  POLICY);
    const struct environment *p = &l.config.environments[0], *s = p + 1;

    assert_int_equal(p->rollout.timeout_ms, 10000);
    assert_int_equal(s->rollout.timeout_ms, 20000);
    assert_int_equal(s->rollout.soak_ms, 60000);
    assert_false(p->probe_host.on);
    assert_true(s->probe_host.on);
    assert_ptr_equal(config_environment(&l.config, "staging", &l.f->err), s);
    assert_null(config_environment(&l.config, NULL, &l.f->err));
    assert_int_equal(l.f->err.code, ERR_USAGE);
    assert_says(l.f->err.why, "production, staging");
    assert_null(config_environment(&l.config, "stagin", &l.f->err));
    config_release(&l.config);
}

static void test_without_window_the_zone_is_utc(void **state)
{
    struct loaded l = load_good(state, PROJECT PLACE HOSTS,
                                "[expected]\nsignatures = optional\n");

    assert_false(l.config.environments[0].policy.window.on);
    assert_string_equal(
        zone_name(l.config.environments[0].policy.window.calendar.zone), "UTC");
    config_release(&l.config);
}

struct bad {
    const char *ini, *policy;
    const char *what, *hint; /* hint: in why or fix */
};
#define INI(text, what, hint)                        \
    {                                                \
        PROJECT PLACE HOSTS text, POLICY, what, hint \
    }
#define POL(text, what, hint)                        \
    {                                                \
        PROJECT PLACE HOSTS, POLICY text, what, hint \
    }

static const struct bad bads[] = {
    /* names */
    INI("[rolout]\n", "tidegate.ini:7: there is no section [rolout]",
        "did you mean [rollout]?"),
    INI("[Rollout]\n", "there is no section [Rollout]", "[rollout]"),
    INI("[rollout]\nconfirn = 1\n", "tidegate.ini:8: confirn: ", "help"),
    INI("[rollout]\ntimeot = 1s\n", "tidegate.ini:8: timeot: ", "`timeout`"),
    INI("[rollout]\nTimeout = 1s\n", "tidegate.ini:8: Timeout: ", "`timeout`"),
    INI("[rollout]\noverride = yes\n", "tidegate.ini:8: override: ", "help"),
    INI("[rollout productio]\n", "there is no environment 'productio'",
        "`production`"),
    INI("[probe]\n", "there is no section [probe]", "probe"),
    INI("[window]\n", "there is no section [window]", "policy file"),
    INI("[environment]\n", "there is no section [environment]", "has a name"),
    INI("[environment .x]\n", "names no environment", "letters"),
    POL("[rollout]\n", "policies/p.ini:6: there is no section", "tidegate.ini"),
    POL("[backup]\nmax_age = 1h\n",
        "policies/p.ini:6: age_seconds: ", "age_seconds = "),
    /* what is missing */
    {"[environment a]\npolicy = policies/p.ini\n" HOSTS, POLICY,
     "there is no [project]", "add"},
    {PROJECT, POLICY, "there is no [environment NAME]", "add"},
    {PROJECT "[environment a]\n" HOSTS, POLICY,
     "tidegate.ini:3: policy: ", "policy = "},
    {PROJECT PLACE, POLICY, "neither hosts nor a database", "both"},
    {PROJECT PLACE "hosts =\npath = /srv/x\n", POLICY,
     "tidegate.ini:5: hosts: ", "empty"},
    {PROJECT PLACE "hosts = a\n", POLICY, "tidegate.ini:3: path: ", "hosts"},
    {PROJECT PLACE "hosts = a\npath = srv\n", POLICY,
     "tidegate.ini:6: path: ", "both"},
    {PROJECT PLACE HOSTS, "[window]\nzone = UTC\nallow = always\n",
     "policies/p.ini: there is no [expected]", "gate off"},
    {PROJECT PLACE HOSTS, "[expected]\n",
     "policies/p.ini:1: signers: ", "signers = FILE"},
    {PROJECT PLACE HOSTS, "[expected]\nsignatures = optional\napprovals = 1\n",
     "policies/p.ini:3: approvals: ", "signatures = required"},
    INI("[rehearsal]\nserver = service=x\n", "tidegate.ini:7: from: ", "from"),
    /* hosts */
    {PROJECT PLACE "hosts = a\n  b:99999\npath = /x/y\n", POLICY,
     "tidegate.ini:6: hosts: ", "65535"},
    {PROJECT PLACE "hosts = a A:22\npath = /x/y\n", POLICY,
     "tidegate.ini:5: hosts: 'A:22' stands twice", "one host"},
    /* numbers, durations, booleans */
    INI("[rollout]\nat_once = 10x\n",
        "tidegate.ini:8: at_once: ", "from 1 to 1000"),
    INI("[rollout]\nat_once = -1\n", "at_once: ", "whole number"),
    INI("[rollout]\nat_once = 1e9\n", "at_once: ", "whole number"),
    INI("[rollout]\nat_once = 9223372036854775808\n", "at_once: ", "range"),
    INI("[rollout]\nat_once = 08\n", "at_once: ", "leading zero"),
    INI("[rollout]\nat_once =\n", "at_once: ", "empty"),
    INI("[rollout]\nat_once = 0\n", "at_once: ", "range"),
    INI("[rollout]\ntimeout = 60\n", "timeout: ", "unit is missing"),
    INI("[rollout]\ntimeout = 60 s\n", "timeout: ", "duration"),
    INI("[rollout]\ntimeout = 2h\n", "timeout: ", "range"),
    POL("[budget]\ncertificate = 61500ms\n", "certificate: ", "whole seconds"),
    POL("[users]\nmax = 1\ncount = sql: x\nforecast = maybe\n",
        "forecast: ", "no or yes"),
    POL("[users]\nmax = 1\ncount = sql: x\nforecast = true\n",
        "forecast: ", "no or yes"),
    POL("[users]\nmax = 1\ncount = sql: x\nforecast = 1\n",
        "forecast: ", "no or yes"),
    POL("[users]\nmax = 1\ncount = sql: x\nforecast = Yes\n",
        "forecast: ", "no or yes"),
    INI("[rollout]\non_hold = maybe\n", "on_hold: ", "auto, finish or back"),
    INI("[rollout]\nwaves = 1 0%\n", "waves: ", "percentage"),
    INI("[probe host]\nurl = http://127.0.0.1:80/%%h\n",
        "url: it is the same address for 4 hosts", "%h"),
    INI("[rollout]\nwaves = 1 50%\n", "waves: they end at 2 of 4", "total"),
    INI("[rollout]\nwaves = 3 1 100%\n", "waves: the total falls from 3 to 1",
        "total"),
    INI("[rollout]\nwaves = 101%\n", "waves: ", "more than all"),
    /* calendars and zones */
    {PROJECT PLACE HOSTS,
     "[expected]\nsignatures = optional\n[window]\nzone = Europe/Talinn\n"
     "allow = always\n",
     "policies/p.ini:4: zone: ", "no such time zone"},
    {PROJECT PLACE HOSTS,
     "[expected]\nsignatures = optional\n[window]\nzone = +02:00\n"
     "allow = always\n",
     "policies/p.ini:4: zone: ", "no such time zone"},
    {PROJECT PLACE HOSTS,
     "[expected]\nsignatures = optional\n[window]\nzone = UTC\n"
     "allow = Mon 10:00-12:00\n  Tue 25:00-26:00\n",
     "policies/p.ini:6: allow: ", ""},
    {PROJECT PLACE HOSTS,
     "[expected]\nsignatures = optional\n[window]\nzone = UTC\n"
     "allow = 10:00-10:00\n",
     "policies/p.ini:5: allow: ", ""},
    {PROJECT PLACE HOSTS,
     "[expected]\nsignatures = optional\n[window]\nzone = UTC\n"
     "allow = always\nfreeze = 2026-02-30\n",
     "policies/p.ini:6: freeze: ", ""},
    /* ` ;` in what another program runs */
    INI("[rollout]\nrestart = a ; b\n", "tidegate.ini:8: restart: ", "use &&"),
    INI("[rollout]\nrestart = a\n  b ; c\n",
        "tidegate.ini:9: restart: ", "use &&"),
    INI("[artifact]\nprepare = a\n  ; b\n",
        "tidegate.ini:9: prepare: ", "use &&"),
    POL("[users]\nmax = 1\ncount = sql: SELECT 1 ; x\n", "count: ", "use &&"),
    POL("[users]\nmax = 1\ncount = command: a ; b\n", "count: ", "use &&"),
    /* a key swallowed by the value above it */
    POL("[users]\ncount = sql: SELECT 1\n  max = 50\n",
        "policies/p.ini:8: max: the key is indented", "margin"),
    INI("[rollout]\ntimeout = 1s\n  2s\n",
        "tidegate.ini:9: timeout: ", "second line"),
    /* placeholders */
    INI("[rollout]\nrestart = date +%s\n", "restart: ", "%%"),
    INI("[rollout]\nrestart = 100%\n", "restart: ", "%%"),
    {PROJECT PLACE "hosts = a\npath = /srv/%v\n", POLICY, "path: ", "%v"},
    INI("[probe front]\nurl = http://%h/\n", "url: ", "%h"),
    {PROJECT PLACE HOSTS "database = service=%v\n", POLICY, "database: ", "%v"},
    /* places */
    {PROJECT "ledger = postgresql://db/tidegate\n" PLACE HOSTS, POLICY,
     "ledger: ", "not yet supported: use a folder"},
    {PROJECT PLACE HOSTS "database = host=x password=secret\n", POLICY,
     "database: ", "password"},
    {PROJECT PLACE HOSTS "database = postgresql://u:secret@h/d\n", POLICY,
     "database: ", "password"},
    INI("[probe front]\nurl = ftp://x/\n", "url: ", "http or https"),
    INI("[pool]\nmembers = haprox:/run/x/y\n", "members: ", "haproxy:"),
    INI("[pool]\nmembers = haproxy:shop\n", "members: ", "/SOCKET/BACKEND"),
    INI("[pool]\nmembers = sql: SELECT 1\n", "members: ", "haproxy:"),
    POL("[users]\nmax = 1\ncount = command: 'open\n", "count: ", "quote"),
    POL("[users]\nmax = 1\ncount = sql:\n", "count: ", "follows the colon"),
    POL("[users]\nmax = 1\ncount = sql: x\nhistory = recorded x\n",
        "history: ", "alone"),
    INI("[artifact]\nfrom = tar\n", "from: ", "git, or file:PATH"),
    INI("[artifact]\nshared = /log\n", "shared: ", "begin with /"),
    INI("[artifact]\nshared = a/../b\n", "shared: ", "no .."),
    INI("[artifact]\nexclude = a a\n", "exclude: ", "twice"),
    INI("[rehearsal]\nclone = template\n", "clone: ", "colon"),
    INI("[rehearsal]\nclone = dump:x\n", "clone: ", "alone"),
    INI("[rehearsal]\nclone = schema:x\n", "clone: ", "alone"),
    INI("[rehearsal]\nclone = schema\nserver = service=r\n",
        "from: ", "no default"),
    INI("[migrations]\npath = ../m\n", "path: ", "commit"),
    INI("[migrations]\nlayout = rails\n", "layout: ", "auto, tidegate"),
    /* what is put into migrations */
    INI("[placeholders]\nschema = a ; b\n",
        "tidegate.ini:8: schema: ", "line of its own"),
    INI("[placeholders]\nschema = a\n  b\n",
        "tidegate.ini:9: schema: ", "second line"),
    INI("[placeholders]\na = 1\nb = 2\nA = 2\n",
        "tidegate.ini:10: A: the name stands twice in [placeholders]",
        "line 8"),
    INI("[placeholders]\nflyway:user = a\n", "tidegate.ini:8: ", "not :"),
    INI("[placeholders staging]\na = 1\n", "no environment 'staging'", ""),
    POL("[placeholders]\na = 1\n", "no section [placeholders]", "tidegate.ini"),
    POL("[proven]\nin = staging\n", "'staging' is no other environment",
        "name another"),
    POL("[proven]\nin = production\n", "'production' is no other", "proven"),
};

static void test_refuses(void **state)
{
    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        struct loaded l = load(state, bads[i].ini, bads[i].policy);
        struct err *e = &l.f->err;

        if (l.good)
            fail_msg("row %zu was taken: %s", i, bads[i].what);
        config_release(&l.config);
        assert_int_equal(e->code, ERR_CONFIG);
        assert_says(e->what, bads[i].what);
        if (!strstr(e->why, bads[i].hint) && !strstr(e->fix, bads[i].hint))
            fail_msg("row %zu: neither '%s' nor '%s' says '%s'", i, e->why,
                     e->fix, bads[i].hint);
        assert_true(e->why[0] && e->fix[0]);
        assert_null(strstr(e->what, "secret"));
        assert_null(strstr(e->why, "secret"));
    }
}

/* Neither ~ nor $ nor quotes mean anything. */
static void test_nothing_expands(void **state)
{
    struct loaded l = load_good(
        state, PROJECT PLACE "hosts = a\npath = /srv/~$HOME%%x\n", POLICY);

    assert_string_equal(l.config.environments[0].path, "/srv/~$HOME%%x");
    assert_string_equal(config_fill(&l.f->arena, "/a%%/%h/%v", "web1", "v2"),
                        "/a%/web1/v2");
    config_release(&l.config);
}

/* Any name; those of the environment rule, and the text is as it stands. */
static void test_placeholders(void **state)
{
    static const char *const want[][2] = {{"SCHEMA", "other"},
                                          {"empty", ""},
                                          {"like", "'%h 100%' ${x};\"a\""},
                                          {"flyway.user", "shop"}};
    struct loaded plain = load_good(state, PROJECT PLACE HOSTS, POLICY);
    struct loaded l = load_good(
        state,
        PROJECT PLACE HOSTS "[placeholders]\nschema = app\nempty =\n"
                            "like = '%h 100%' ${x};\"a\"\nflyway.user = shop\n"
                            "[placeholders production]\nSCHEMA = other\n",
        POLICY);
    const struct environment *env = &l.config.environments[0];

    assert_int_equal(plain.config.environments[0].placeholders.n, 0);
    assert_int_equal(env->placeholders.n, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(env->placeholders.list[i].name, want[i][0]);
        assert_string_equal(env->placeholders.list[i].value, want[i][1]);
    }
    assert_string_equal(env->pinned_text,
                        plain.config.environments[0].pinned_text);
    config_release(&l.config);
    config_release(&plain.config);
}

/* What a CRLF editor with a byte-order mark saves is the same. */
static void test_bom_and_crlf(void **state)
{
    struct loaded l = load_good(state,
                                "\xef\xbb\xbf[project]\r\nname = shop\r\n"
                                "[environment production]\r\n"
                                "policy = policies/p.ini\r\n"
                                "hosts = web[01-04]\r\npath = /srv/shop",
                                POLICY);
    struct loaded plain = load_good(state, PROJECT PLACE HOSTS, POLICY);

    assert_string_equal(l.config.environments[0].pinned_text,
                        plain.config.environments[0].pinned_text);
    config_release(&l.config);
    config_release(&plain.config);
}

static void test_trust(void **state)
{
    struct folder *f = *state;
    struct loaded l = load_good(state, PROJECT PLACE HOSTS, POLICY);

    config_release(&l.config);
    assert_int_equal(chmod(folder_path(f, "tidegate.ini"), 0666), 0);
    assert_false(config_load(&l.config, &f->arena, f->path, &f->err));
    assert_int_equal(f->err.code, ERR_CONFIG);
    assert_says(f->err.why, "world-writable");
    assert_int_equal(chmod(folder_path(f, "tidegate.ini"), 0600), 0);
    assert_int_equal(chmod(folder_path(f, "policies/p.ini"), 0602), 0);
    assert_false(config_load(&l.config, &f->arena, f->path, &f->err));
    config_release(&l.config);
    assert_says(f->err.why, "world-writable");
    assert_int_equal(chmod(folder_path(f, "policies/p.ini"), 0600), 0);
    if (geteuid() != 0)
        skip();
    assert_int_equal(chown(folder_path(f, "policies/p.ini"), 12345, -1), 0);
    assert_true(config_load(&l.config, &f->arena, f->path, &f->err));
    assert_says(l.config.foreign, "policies/p.ini: its owner is user 12345");
    config_release(&l.config);
}

static void test_no_file(void **state)
{
    struct folder *f = *state;
    struct config c;

    assert_false(config_load(&c, &f->arena, f->path, &f->err));
    assert_says(f->err.fix, "tidegate init");
    config_release(&c);
    assert_false(config_load(&c, &f->arena, "/nowhere/at/all", &f->err));
    config_release(&c);
    assert_int_equal(mkfifo(folder_path(f, "tidegate.ini"), 0600), 0);
    assert_false(config_load(&c, &f->arena, f->path, &f->err));
    config_release(&c);
}

static void test_release_names(void **state)
{
    struct folder *f = *state;
    char name[80];

    assert_true(release_name_valid("v1.4.2", &f->err));
    assert_false(release_name_valid("a/b", &f->err));
    assert_false(release_name_valid("a..b", &f->err));
    assert_false(release_name_valid("-rf", &f->err));
    assert_false(release_name_valid(".x", &f->err));
    assert_false(release_name_valid("", &f->err));
    assert_false(release_name_valid("a b", &f->err));
    assert_false(release_name_valid("$(id)", &f->err));
    memset(name, 'a', sizeof name);
    name[64] = '\0';
    assert_true(release_name_valid(name, &f->err));
    memset(name, 'a', sizeof name);
    name[65] = '\0';
    assert_false(release_name_valid(name, &f->err));
    assert_int_equal(f->err.code, ERR_USAGE);
}

#define IN_FOLDER(test) \
    cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_least),
        IN_FOLDER(test_all),
        IN_FOLDER(test_sections_of_one_environment),
        IN_FOLDER(test_without_window_the_zone_is_utc),
        IN_FOLDER(test_refuses),
        IN_FOLDER(test_nothing_expands),
        IN_FOLDER(test_placeholders),
        IN_FOLDER(test_bom_and_crlf),
        IN_FOLDER(test_trust),
        IN_FOLDER(test_no_file),
        IN_FOLDER(test_release_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
