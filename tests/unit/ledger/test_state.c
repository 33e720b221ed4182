/* What the events of one environment add up to: which releases stand. */
#include "tests/unit/ledger/events.h"

static int64_t later; /* s; how far this test is ahead of the clock */

int64_t __real_clock_now(void);
int64_t __wrap_clock_now(void);
int64_t __wrap_clock_now(void)
{
    return __real_clock_now() + later;
}

static void an_empty_ledger_says_nothing(void **state)
{
    struct world w = begin(state);

    look(&w);
    assert_null(w.s.live);
    assert_null(w.s.previous);
    assert_null(w.s.pinned);
    assert_null(w.s.unfinished);
    assert_null(w.s.rehearsal);
    assert_int_equal(json_len(w.s.rehearsals), 0);
    assert_string_equal(w.s.known_policies, "");
    assert_null(state_run(&w.s, "r1"));
    assert_null(state_run(&w.s, NULL));
    assert_null(state_release(&w.s, "v1"));
    finish(&w);
}

static void good_deploys_make_live_and_previous(void **state)
{
    struct world w = begin(state);
    const struct release_state *r;

    deploy(&w, "r1", "v1");
    look(&w);
    assert_string_equal(w.s.live, "v1");
    assert_true(w.s.live_verified);
    assert_false(w.s.live_by_going_back);
    assert_null(w.s.previous);
    deploy(&w, "r2", "v2");
    deploy(&w, "r3", "v3");
    look(&w);
    assert_string_equal(w.s.live, "v3");
    assert_string_equal(w.s.previous, "v2");
    assert_null(w.s.unfinished);
    assert_int_equal(w.s.n_runs, 3);
    assert_int_equal(w.s.n_releases, 3);
    r = state_release(&w.s, "v2");
    assert_int_equal(r->is, RELEASE_GOOD);
    assert_string_equal(r->commit, "c-v2");
    assert_string_equal(r->artifact, "a-v2");
    assert_string_equal(r->run, "r2");
    assert_true(r->good_at > 0);
    assert_int_equal(state_run(&w.s, "r2")->ended, RUN_GOOD);
    assert_string_equal(state_run(&w.s, "r2")->who, "anna@m");
    finish(&w);
}

static void a_release_deployed_again_moves_to_the_top(void **state)
{
    struct world w = begin(state);

    deploy(&w, "r1", "v1");
    deploy(&w, "r2", "v2");
    deploy(&w, "r3", "v1");
    look(&w);
    assert_string_equal(w.s.live, "v1");
    assert_string_equal(w.s.previous, "v2");
    assert_int_equal(w.s.n_releases, 2);
    deploy(&w, "r4", "v1"); /* a restart only */
    look(&w);
    assert_string_equal(w.s.previous, "v2");
    finish(&w);
}

static void a_deploy_that_went_back_leaves_what_was(void **state)
{
    struct world w = begin(state);

    deploy(&w, "r1", "v1");
    deploy(&w, "r2", "v2");
    run(&w, "r3", "deploy", "v3", "\"from\":\"v2\"");
    put(&w, EVENT_INTENT,
        "{\"run\":\"r3\",\"step\":\"flip\",\"target\":\"w1\",\"change\":true}");
    put(&w, EVENT_DECISION,
        "{\"run\":\"r3\",\"what\":\"rollback\",\"why\":\"500\"}");
    look(&w);
    assert_true(w.s.unfinished->rolling_back);
    assert_string_equal(w.s.live, "v2");
    ended(&w, "r3", "back", 11, "\"live\":\"v2\",\"bad\":\"v3\"");
    look(&w);
    assert_string_equal(w.s.live, "v2");
    assert_true(w.s.live_verified);
    assert_true(w.s.live_by_going_back);
    assert_string_equal(w.s.previous, "v1");
    assert_int_equal(state_release(&w.s, "v3")->is, RELEASE_BAD);
    assert_int_equal(state_release(&w.s, "v2")->is, RELEASE_GOOD);
    assert_string_equal(state_run(&w.s, "r3")->from, "v2");
    assert_int_equal(state_run(&w.s, "r3")->exit, 11);
    assert_true(state_run(&w.s, "r3")->changed);
    assert_null(w.s.unfinished);
    deploy(&w, "r4", "v4");
    look(&w);
    assert_false(w.s.live_by_going_back);
    assert_string_equal(w.s.previous, "v2");
    finish(&w);
}

static const char *lives(struct world *w)
{
    char *all = arena_strdup(&w->f->a, "");

    for (size_t i = 0; i < w->s.n_lives; i++)
        all = arena_printf(&w->f->a, "%s%s ", all, w->s.lives[i]);
    return all;
}

/* What is gone back from, and past, does not stand any more. */
static void what_stands_is_told_in_order(void **state)
{
    struct world w = begin(state);

    deploy(&w, "r1", "v1");
    deploy(&w, "r2", "v2");
    deploy(&w, "r3", "v3");
    look(&w);
    assert_string_equal(lives(&w), "v1 v2 v3 ");
    run(&w, "r4", "rollback", "v1", "\"from\":\"v3\"");
    ended(&w, "r4", "good", 0, "\"live\":\"v1\",\"bad\":\"v3\"");
    look(&w);
    assert_string_equal(lives(&w), "v1 ");
    assert_int_equal(state_release(&w.s, "v2")->is, RELEASE_GOOD);
    finish(&w);
}

static int64_t good_since(struct world *w, const char *release)
{
    look(w);
    return state_release(&w->s, release)->good_at;
}

/* It served nobody in between, so whoever waits for it waits anew. */
static void what_was_gone_back_past_is_good_anew(void **state)
{
    struct world w = begin(state);
    int64_t first, v1;

    deploy(&w, "r1", "v1");
    deploy(&w, "r2", "v2");
    deploy(&w, "r3", "v3");
    first = good_since(&w, "v2");
    v1 = good_since(&w, "v1");
    later = 3600;
    run(&w, "r4", "rollback", "v1", "\"from\":\"v3\"");
    ended(&w, "r4", "good", 0, "\"live\":\"v1\",\"bad\":\"v3\"");
    assert_int_equal(good_since(&w, "v1"), v1); /* v2 and v3 came after it */
    run(&w, "r5", "deploy", "v2", "");
    ended(&w, "r5", "pending", 12, "\"live\":\"v2\"");
    assert_int_equal(good_since(&w, "v2"), 0);
    assert_int_equal(state_release(&w.s, "v2")->is, RELEASE_LIVE);
    ended(&w, "r5", "good", 0, "\"live\":\"v2\"");
    assert_true(good_since(&w, "v2") >= first + later);
    assert_int_equal(state_release(&w.s, "v2")->is, RELEASE_GOOD);
    first = good_since(&w, "v2");
    later = 7200;
    deploy(&w, "r6", "v2"); /* a restart only */
    assert_int_equal(good_since(&w, "v2"), first);
    later = 0;
    finish(&w);
}

/* The database alone failed, and nothing is left of it: the code that serves
 * is what it was, and how it was reached too. */
static void migrations_that_failed_are_no_going_back(void **state)
{
    struct world w = begin(state);

    deploy(&w, "r1", "v1");
    deploy(&w, "r2", "v2");
    run(&w, "r3", "migrate", "v2", "\"phases\":\"contract\"");
    ended(&w, "r3", "back", 11, "");
    look(&w);
    assert_false(w.s.live_by_going_back);
    assert_string_equal(w.s.live, "v2");
    assert_string_equal(w.s.previous, "v1");
    assert_int_equal(state_run(&w.s, "r3")->phases, PHASES_CONTRACT);
    assert_string_equal(run_word(state_run(&w.s, "r3")), "finish");
    assert_string_equal(run_word(state_run(&w.s, "r2")), "deploy");
    run(&w, "r4", "migrate", "v2", "\"phases\":\"migrations\"");
    ended(&w, "r4", "good", 0, "");
    run(&w, "r5", "migrate", "v2", "\"down\":true");
    ended(&w, "r5", "good", 0, "");
    look(&w);
    assert_string_equal(run_word(state_run(&w.s, "r4")), "migrate");
    assert_string_equal(run_word(state_run(&w.s, "r5")), "down");
    finish(&w);
}

/* Recording what was there settles nothing that was left. */
static void an_import_leaves_the_rest_as_it_is(void **state)
{
    struct world w = begin(state);

    deploy(&w, "r1", "v1");
    run(&w, "r2", "deploy", "v2", "");
    ended(&w, "r2", "stopped", 12, "");
    run(&w, "r3", "import", "v1", "\"records\":[\"0001_a\"]");
    ended(&w, "r3", "good", 0, "");
    run(&w, "r4", "baseline", "v1", "");
    ended(&w, "r4", "good", 0, "");
    look(&w);
    assert_string_equal(w.s.unfinished->id, "r2");
    assert_string_equal(run_kind_word(state_run(&w.s, "r3")->kind), "import");
    assert_string_equal(run_kind_word(state_run(&w.s, "r4")->kind), "baseline");
    assert_string_equal(w.s.live, "v1");
    finish(&w);
}

static void a_rollback_forgets_what_it_undid(void **state)
{
    struct world w = begin(state);

    deploy(&w, "r1", "v1");
    deploy(&w, "r2", "v2");
    deploy(&w, "r3", "v3");
    run(&w, "r4", "rollback", "v2", "\"from\":\"v3\"");
    ended(&w, "r4", "good", 0, "\"live\":\"v2\",\"bad\":\"v3\"");
    look(&w);
    assert_string_equal(w.s.live, "v2");
    assert_true(w.s.live_by_going_back);
    assert_string_equal(w.s.previous, "v1");
    assert_int_equal(state_release(&w.s, "v3")->is, RELEASE_BAD);
    assert_int_equal(state_release(&w.s, "v3")->good_at, 0);
    assert_int_equal(state_run(&w.s, "r4")->kind, RUN_ROLLBACK);
    /* restarting what is live does not make it reached by going on */
    run(&w, "r5", "deploy", "v2", "\"restart_only\":true");
    ended(&w, "r5", "good", 0, "\"live\":\"v2\"");
    look(&w);
    assert_true(w.s.live_by_going_back);
    assert_true(state_run(&w.s, "r5")->restart_only);
    finish(&w);
}

static void a_bad_release_is_not_the_previous_one(void **state)
{
    struct world w = begin(state);

    deploy(&w, "r1", "v1");
    deploy(&w, "r2", "v2");
    deploy(&w, "r3", "v3");
    run(&w, "r4", "rollback", "v3", "");
    ended(&w, "r4", "good", 0, "\"live\":\"v3\",\"bad\":\"v2\"");
    look(&w);
    assert_string_equal(w.s.previous, "v1");
    /* going back to what was never live replaces what was undone */
    run(&w, "r5", "rollback", "v0", "");
    ended(&w, "r5", "good", 0, "\"live\":\"v0\",\"bad\":\"v3\"");
    look(&w);
    assert_string_equal(w.s.live, "v0");
    assert_string_equal(w.s.previous, "v1");
    finish(&w);
}

static void the_first_release_can_end_in_nothing_live(void **state)
{
    struct world w = begin(state);

    deploy(&w, "r1", "v1");
    run(&w, "r2", "rollback", "v1", "");
    ended(&w, "r2", "broken", 13, "\"live\":\"\"");
    look(&w);
    assert_null(w.s.live);
    assert_false(w.s.live_verified);
    assert_null(w.s.previous);
    finish(&w);
}

static void adopting_makes_a_good_release(void **state)
{
    struct world w = begin(state);

    put(&w, EVENT_RUN,
        "{\"environment\":\"production\",\"run\":\"r1\",\"kind\":\"adopt\","
        "\"release\":\"v1.0\"}");
    ended(&w, "r1", "good", 0,
          "\"live\":\"v1.0\",\"commit\":\"c1\",\"artifact\":\"a1\","
          "\"migrations\":\"m1\"");
    look(&w);
    assert_string_equal(w.s.live, "v1.0");
    assert_int_equal(w.s.releases[0].is, RELEASE_GOOD);
    assert_true(w.s.releases[0].adopted);
    assert_string_equal(w.s.releases[0].commit, "c1");
    assert_string_equal(w.s.releases[0].artifact, "a1");
    assert_string_equal(w.s.releases[0].migrations, "m1");
    assert_int_equal(w.s.runs[0].kind, RUN_ADOPT);
    finish(&w);
}

static void pending_is_live_but_not_good(void **state)
{
    struct world w = begin(state);

    deploy(&w, "r1", "v1");
    run(&w, "r2", "deploy", "v2", "");
    ended(&w, "r2", "pending", 12, "\"live\":\"v2\",\"pending\":[\"0014_x\"]");
    look(&w);
    assert_string_equal(w.s.live, "v2");
    assert_false(w.s.live_verified);
    assert_int_equal(state_release(&w.s, "v2")->is, RELEASE_LIVE);
    assert_string_equal(w.s.previous, "v1");
    assert_ptr_equal(w.s.unfinished, state_run(&w.s, "r2"));
    assert_int_equal(json_len(json_get(w.s.unfinished->end, "pending")), 1);
    put(&w, EVENT_EPOCH, "{\"environment\":\"production\",\"run\":\"r2\"}");
    look(&w);
    assert_int_equal(w.s.unfinished->ended, RUN_OPEN);
    ended(&w, "r2", "good", 0, "\"live\":\"v2\"");
    look(&w);
    assert_null(w.s.unfinished);
    assert_true(w.s.live_verified);
    assert_int_equal(state_release(&w.s, "v2")->is, RELEASE_GOOD);
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_ledger_says_nothing),
        TEST(good_deploys_make_live_and_previous),
        TEST(a_release_deployed_again_moves_to_the_top),
        TEST(a_deploy_that_went_back_leaves_what_was),
        TEST(what_stands_is_told_in_order),
        TEST(what_was_gone_back_past_is_good_anew),
        TEST(migrations_that_failed_are_no_going_back),
        TEST(an_import_leaves_the_rest_as_it_is),
        TEST(a_rollback_forgets_what_it_undid),
        TEST(a_bad_release_is_not_the_previous_one),
        TEST(the_first_release_can_end_in_nothing_live),
        TEST(adopting_makes_a_good_release),
        TEST(pending_is_live_but_not_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
