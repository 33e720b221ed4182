/* Which contracting migrations wait, for what, and which a run runs: from what
 * the ledger says of releases and runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policies/gates.h"
#include "runner/base/clock.h"
#include "runner/facts/contract.h"

#define DAY 86400

static struct arena arena;
static int64_t now;

/* v1 has been good for three days, v2 for two hours; v0 was rolled back. */
static struct release_state releases[3];
static const char *lives[] = {"v1", "v2"};
static struct run_state runs[3];
static struct migration files[3];
static struct environment env = {.name = "production", .n_hosts = 1};
static struct manifest_facts announced;
static struct subject s;

static struct json *kept[40];
static size_t n_kept;

static const struct json *json(const char *text)
{
    struct err e = {0};
    struct json *j = json_parse(text, strlen(text), &e);

    assert_non_null(j);
    kept[n_kept++] = j;
    return j;
}

static struct migration file(const char *name, const char *after, int64_t wait)
{
    return (struct migration){
        .name = name, .after = true, .contract = after, .contract_for = wait};
}

static int begin(void **state)
{
    (void)state;
    arena_init(&arena);
    now = clock_now();
    releases[0] = (struct release_state){.name = "v0", .is = RELEASE_BAD};
    releases[1] = (struct release_state){
        .name = "v1", .is = RELEASE_GOOD, .good_at = now - 3 * DAY};
    releases[2] = (struct release_state){
        .name = "v2", .is = RELEASE_GOOD, .good_at = now - 7200};
    memset(runs, 0, sizeof runs);
    for (size_t i = 0; i < 3; i++)
        runs[i] = (struct run_state){.id = "r",
                                     .kind = RUN_DEPLOY,
                                     .ended = RUN_GOOD,
                                     .release = releases[i].name};
    files[0] = file("0003_a", "this", DAY);
    files[1] = file("0004_b", "v2", DAY);
    files[2] = file("0005_c", "v0", 0);
    env = (struct environment){.name = "production", .n_hosts = 1};
    s = (struct subject){.arena = &arena,
                         .env = &env,
                         .release = "v2",
                         .migrations = {.list = files, .n = 3}};
    s.state = (struct environment_state){.live = "v2",
                                         .lives = lives,
                                         .n_lives = 2,
                                         .releases = releases,
                                         .n_releases = 3,
                                         .runs = runs,
                                         .n_runs = 3};
    return 0;
}

static int end(void **state)
{
    (void)state;
    while (n_kept > 0)
        json_free(kept[--n_kept]);
    arena_release(&arena);
    return 0;
}

/* As subject_read_pending leaves it. */
static void all_pending(void)
{
    const struct migration **list = arena_array(&arena, 3, sizeof *list);

    for (size_t i = 0; i < 3; i++)
        list[i] = &files[i];
    s.pending = (struct pending){.list = arena_array(&arena, 3, sizeof *list),
                                 .contract = list,
                                 .contract_n = 3};
    contract_sort(&s);
    s.pending_known = true;
}

static void announce(enum phases phases, int64_t opens)
{
    announced = (struct manifest_facts){.digest = "m",
                                        .environment = "production",
                                        .release = "v2",
                                        .phases = phases,
                                        .opens = opens,
                                        .expires = opens + 10 * DAY};
    s.phases = phases;
    s.state.manifests = &announced;
    s.state.n_manifests = 1;
}

static const char *runs_now(void)
{
    char *text = arena_strdup(&arena, "");

    for (size_t i = 0; i < s.pending.n; i++)
        text = arena_printf(&arena, "%s%s ", text, s.pending.list[i]->name);
    return text;
}

/* Tags and commits in a row: "4" contains "3", "2" and "1". */
bool __wrap_git_tag(struct git *g, struct arena *a, const char *name,
                    char commit[GIT_HEX], struct err *e);
bool __wrap_git_tag(struct git *g, struct arena *a, const char *name,
                    char commit[GIT_HEX], struct err *e)
{
    static const char *const tags[][2] = {
        {"v0.9", "1"}, {"v1.5", "3"}, {"v2.5", "5"}};

    (void)g, (void)a, (void)e;
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (strcmp(tags[i][0], name) == 0) {
            memcpy(commit, tags[i][1], 2);
            return true;
        }
    return false;
}

enum ancestry __wrap_git_ancestry(struct git *g, struct arena *a,
                                  const char *live, const char *candidate,
                                  const char **why);
enum ancestry __wrap_git_ancestry(struct git *g, struct arena *a,
                                  const char *live, const char *candidate,
                                  const char **why)
{
    (void)g, (void)a, (void)why;
    return *candidate == *live  ? ANCESTRY_SAME
           : *candidate > *live ? ANCESTRY_DESCENDS
                                : ANCESTRY_OLDER;
}

/* What the runs of v1 and v2 left 0004_b waiting for; NULL: they had no such
 * file. */
static void left_waiting(const char *v1, const char *v2)
{
    const char *const after[] = {v1, v2};

    for (size_t i = 0; i < 2; i++)
        runs[i + 1].end =
            after[i] ? json(arena_printf(&arena,
                                         "{\"contract\":[{\"name\":\"0004_b\","
                                         "\"after\":\"%s\"}]}",
                                         after[i]))
                     : NULL;
}

/* One that this environment has skipped came with a later one, if the tag was
 * there before that was good. */
static void one_that_was_skipped(void **state)
{
    static const struct {
        const char *after, *v1, *v2, *left1, *left2, *release, *at, *want;
    } rows[] = {
        /* the first that has it */
        {"v0.9", "2", "4", "v1", "v1", "v3", "6", "v1"},
        {"v1.5", "2", "4", "v1.5", "v2", "v3", "6", "v2"},
        {"v1.5", "2", "3", NULL, "v2", "v3", "6", "v2"},  /* the same commit */
        {"v1.5", NULL, "4", NULL, "v2", "v3", "6", "v2"}, /* adopted */
        /* with what is looked at */
        {"v2.5", "2", "4", "v2.5", "v2.5", "v3", "6", "v3"},
        {"v2.5", "2", "4", "v2.5", "v2.5", "v3", "4", "v2.5"}, /* not yet */
        /* set after v1 and v2 had gone out without it */
        {"v0.9", "2", "4", "v0.9", "v0.9", "v2", "4", "v0.9"},
        {"v0.9", "2", "4", "v0.9", "v0.9", "v3", "6", "v3"},
        {"v0.9", "2", "4", "v0.9", "v2", "v3", "6", "v2"}, /* or v1 had */
        {"v0.9", "2", "4", NULL, NULL, "v3", "6", "v3"},   /* nobody can tell */
        {"v9", "2", "4", "v9", "v9", "v3", "6", "v9"}, /* no tag of that name */
        {"v0", "2", "4", "v0", "v0", "v3", "6", "v0"}, /* it was taken back */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        releases[1].commit = rows[i].v1;
        releases[2].commit = rows[i].v2;
        memcpy(s.commit, rows[i].at, 2);
        s.release = rows[i].release;
        files[1].contract = rows[i].after;
        left_waiting(rows[i].left1, rows[i].left2);
        s.git = NULL;
        assert_string_equal(contract_release(&s, &files[1]), rows[i].after);
        s.git = (struct git *)&s;
        assert_string_equal(contract_release(&s, &files[1]), rows[i].want);
    }
    lives[1] = "v0"; /* what has it was taken back: it is not there */
    files[1].contract = "v1.5";
    left_waiting("v1.5", "v2");
    memcpy(s.commit, "2", 2);
    assert_string_equal(contract_release(&s, &files[1]), "v1.5");
    lives[1] = "v2";
    all_pending();
    assert_int_equal(contract_facts(&s).list[1].good_at, now - 7200);
}

/* `this` is the first release that stands and left it. */
static void what_is_waited_for(void **state)
{
    struct contracts_facts all;

    (void)state;
    assert_string_equal(contract_release(&s, &files[0]), "v2");
    runs[0].end = json("{\"contract\":[{\"name\":\"0003_a\"}]}"); /* bad v0 */
    assert_string_equal(contract_release(&s, &files[0]), "v2");
    runs[1].end = json("{\"contract\":[{\"name\":\"0003_a\"}]}");
    assert_string_equal(contract_release(&s, &files[0]), "v1");
    assert_string_equal(contract_release(&s, &files[2]), "v0");
    all_pending();
    all = contract_facts(&s);
    assert_int_equal(all.n, 3);
    assert_int_equal(all.list[0].good_at, now - 3 * DAY);
    assert_int_equal(contract_due(&all.list[1]), now - 7200 + DAY);
    assert_int_equal(all.list[2].good_at, 0);
    assert_true(all.list[2].taken_back);
}

/* It is the announcement's opening that settles what runs. */
static void what_runs(void **state)
{
    (void)state;
    runs[1].end = json("{\"contract\":[{\"name\":\"0003_a\"}]}");
    announce(PHASES_CONTRACT, now - 60);
    all_pending();
    assert_string_equal(runs_now(), "0003_a ");
    assert_int_equal(s.pending.contract_n, 2);
    announce(PHASES_CONTRACT, now - 2 * DAY - 60);
    all_pending();
    assert_string_equal(runs_now(), "");
    announce(PHASES_CONTRACT, now + DAY);
    all_pending();
    assert_string_equal(runs_now(), "0003_a 0004_b ");
    s.state.n_manifests = 0; /* nobody announced: now */
    all_pending();
    assert_string_equal(runs_now(), "0003_a ");
    s.phases = PHASES_ALL; /* what is live once more brings nothing new */
    all_pending();
    assert_string_equal(runs_now(), "");
    s.state.live = "v1";
    all_pending();
    assert_string_equal(runs_now(), "0003_a ");
    s.phases = PHASES_RESTART;
    all_pending();
    assert_string_equal(runs_now(), "");
}

/* A run that is under way goes by what it consumed, whatever is open since. */
static void a_run_keeps_its_own(void **state)
{
    struct run_state open = {.id = "r9", .release = "v2", .manifest = "m"};

    (void)state;
    runs[1].end = json("{\"contract\":[{\"name\":\"0003_a\"}]}");
    announce(PHASES_CONTRACT, now + DAY);
    announced.used_by = "r9";
    s.state.unfinished = &open;
    all_pending();
    assert_string_equal(runs_now(), "0003_a 0004_b ");
    s.state.unfinished = NULL; /* used up: it says nothing any more */
    all_pending();
    assert_string_equal(runs_now(), "0003_a ");
}

static void ahead_of_time_all_are_rehearsed(void **state)
{
    (void)state;
    s.phases = PHASES_CONTRACT;
    all_pending();
    assert_string_equal(runs_now(), "");
    contract_foresee(&s);
    assert_string_equal(runs_now(), "0003_a 0004_b 0005_c ");
    assert_int_equal(s.pending.contract_n, 0);
}

/* Before any contact, and for status, the ledger alone tells. */
static void the_ledger_alone(void **state)
{
    const struct step_state done[] = {
        {.step = "migrate", .target = "0003_a", .is = STEP_DONE},
        {.step = "migrate", .target = "0004_b", .is = STEP_DONE},
        {.step = "migrate-down", .target = "0004_b", .is = STEP_DONE},
        {.step = "migrate", .target = "0005_c", .is = STEP_INTENT}};
    struct contracts_facts all;

    (void)state;
    assert_int_equal(contract_left(&arena, &s.state).n, 0);
    runs[2].end = json("{\"contract\":["
                       "{\"name\":\"0003_a\",\"after\":\"v1\",\"seconds\":60},"
                       "{\"name\":\"0004_b\",\"after\":\"v2\",\"seconds\":60},"
                       "{\"name\":\"0005_c\",\"after\":\"v0\",\"seconds\":9}]"
                       "}");
    all = contract_left(&arena, &s.state);
    assert_int_equal(all.n, 3);
    assert_int_equal(all.list[0].seconds, 60);
    assert_true(all.list[2].taken_back);
    runs[2].steps = done;
    runs[2].n = 4;
    all = contract_left(&arena, &s.state);
    assert_int_equal(all.n, 2);
    assert_string_equal(all.list[0].name, "0004_b");
    assert_int_equal(contract_facts(&s).n, 2);
    runs[1].begun = json("{\"records\":[\"0004_b\"]}"); /* taken over */
    runs[2].n = 1;
    assert_int_equal(contract_left(&arena, &s.state).n, 1);
    s.state.live = "v1"; /* back: that release left nothing */
    assert_int_equal(contract_left(&arena, &s.state).n, 0);
}

/* Without hosts a release is good when its migrations are applied. */
static void without_hosts(void **state)
{
    (void)state;
    s.state.live = NULL;
    s.state.n_lives = 0;
    for (size_t i = 0; i < 3; i++) {
        runs[i].kind = RUN_MIGRATE;
        runs[i].phases = PHASES_MIGRATIONS;
        runs[i].ended_at = now - DAY;
    }
    s.phases = PHASES_CONTRACT;
    all_pending();
    assert_string_equal(runs_now(), "0003_a 0004_b 0005_c ");
    runs[0].begun = json("{\"down\":true}");
    all_pending();
    assert_string_equal(runs_now(), "0003_a 0004_b ");
    assert_true(contract_facts(&s).list[2].taken_back);
}

static void what_is_written_down(void **state)
{
    const struct contract_facts list[] = {
        {.name = "0003_a", .release = "v1", .seconds = 60, .runs = true},
        {.name = "0004_b", .release = "v2", .seconds = 90}};
    const struct contracts_facts all = {.list = list, .n = 2};
    struct json *begun = json_new_object();
    struct run_state run = {.begun = begun};

    (void)state;
    json_set(begun, "contract", contract_json(&all, true));
    assert_string_equal(json_canonical(&arena, begun),
                        "{\"contract\":[{\"after\":\"v1\",\"name\":"
                        "\"0003_a\",\"seconds\":60}]}");
    assert_string_equal(contract_waited(&run, "0003_a"), "v1");
    assert_null(contract_waited(&run, "0004_b"));
    assert_int_equal(contract_standing(&s.state, "v2"), 1);
    assert_int_equal(contract_standing(&s.state, "v0"), -1);
    assert_int_equal(contract_standing(&s.state, NULL), -1);
    json_free(begun);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
        TEST(what_is_waited_for),
        TEST(one_that_was_skipped),
        TEST(what_runs),
        TEST(a_run_keeps_its_own),
        TEST(ahead_of_time_all_are_rehearsed),
        TEST(the_ledger_alone),
        TEST(without_hosts),
        TEST(what_is_written_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
