/* What the events of one environment add up to, for every outcome. */
#include "runner/ledger/state.h"

#include "runner/release/statement.h"
#include "tests/unit/ledger/fixture.h"

static int64_t later; /* s; how far this test is ahead of the clock */

int64_t __real_clock_now(void);
int64_t __wrap_clock_now(void);
int64_t __wrap_clock_now(void)
{
    return __real_clock_now() + later;
}

struct world {
    struct fixture *f;
    struct ledger *l;
    struct environment_state s;
};

static struct world begin(void **state)
{
    struct world w = {.f = *state};

    w.l = fixture_new(w.f);
    return w;
}

static void put(struct world *w, enum event_kind kind, const char *text)
{
    struct json *j = json_parse(text, strlen(text), &w->f->e);

    if (!j)
        fail_msg("%s: %s", text, w->f->e.why);
    if (!ledger_append(w->l, kind, j, &w->f->e))
        fail_msg("%s: %s", w->f->e.what, w->f->e.why);
}

static void look(struct world *w)
{
    assert_true(state_read(&w->s, &w->f->a, w->l, "production", &w->f->e));
}

static void finish(struct world *w)
{
    ledger_close(w->l);
}

static void run(struct world *w, const char *id, const char *kind,
                const char *release, const char *more)
{
    put(w, EVENT_RUN,
        arena_printf(&w->f->a,
                     "{\"environment\":\"production\",\"run\":\"%s\","
                     "\"kind\":\"%s\",\"release\":\"%s\",\"who\":\"anna@m\","
                     "\"commit\":\"c-%s\",\"artifact\":\"a-%s\"%s%s}",
                     id, kind, release, release, release, more[0] ? "," : "",
                     more));
}

static void ended(struct world *w, const char *id, const char *outcome,
                  int exit_code, const char *more)
{
    put(w, EVENT_ENDED,
        arena_printf(&w->f->a,
                     "{\"run\":\"%s\",\"outcome\":\"%s\",\"exit\":%d%s%s}", id,
                     outcome, exit_code, more[0] ? "," : "", more));
}

/* A deploy of this release, from begin to good. */
static void deploy(struct world *w, const char *id, const char *release)
{
    run(w, id, "deploy", release, "");
    ended(w, id, "good", 0, arena_printf(&w->f->a, "\"live\":\"%s\"", release));
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

static void stopped_and_broken_runs_are_unfinished(void **state)
{
    static const char *const words[] = {"stopped", "broken"};
    static const enum run_ended as[] = {RUN_STOPPED, RUN_BROKEN};
    struct world w = begin(state);

    deploy(&w, "r0", "v0");
    for (int i = 0; i < 2; i++) {
        char id[16];
        snprintf(id, sizeof id, "r%d", i + 1);
        run(&w, id, "deploy", "v1", "");
        look(&w);
        assert_int_equal(w.s.unfinished->ended, RUN_OPEN);
        ended(&w, id, words[i], 12 + i, "\"why\":\"web2 did not answer\"");
        look(&w);
        assert_string_equal(w.s.unfinished->id, id);
        assert_int_equal(w.s.unfinished->ended, as[i]);
        assert_int_equal(w.s.unfinished->exit, 12 + i);
        assert_string_equal(w.s.unfinished->why, "web2 did not answer");
        assert_string_equal(w.s.live, "v0");
    }
    deploy(&w, "r3", "v1");
    look(&w);
    assert_null(w.s.unfinished);
    assert_int_equal(state_run(&w.s, "r1")->ended, RUN_ABANDONED);
    assert_string_equal(state_run(&w.s, "r2")->taken_over_by, "r3");
    finish(&w);
}

static void a_rollback_takes_over(void **state)
{
    struct world w = begin(state);

    deploy(&w, "r1", "v1");
    run(&w, "r2", "deploy", "v2", "");
    run(&w, "r3", "rollback", "v1", "\"takes_over\":\"r2\"");
    look(&w);
    assert_string_equal(w.s.unfinished->id, "r3");
    assert_int_equal(state_run(&w.s, "r2")->ended, RUN_ABANDONED);
    assert_string_equal(state_run(&w.s, "r2")->taken_over_by, "r3");
    /* resuming the one that was taken over does not open it again */
    put(&w, EVENT_EPOCH, "{\"environment\":\"production\",\"run\":\"r2\"}");
    look(&w);
    assert_int_equal(state_run(&w.s, "r2")->ended, RUN_ABANDONED);
    ended(&w, "r3", "good", 0, "\"live\":\"v1\",\"bad\":\"v2\"");
    look(&w);
    assert_null(w.s.unfinished);
    assert_string_equal(w.s.live, "v1");
    finish(&w);
}

static void a_taker_that_did_nothing_gives_back(void **state)
{
    struct world w = begin(state);

    run(&w, "r2", "deploy", "v2", "");
    ended(&w, "r2", "stopped", 12, "");
    run(&w, "r3", "rollback", "v1", "\"takes_over\":\"r2\"");
    ended(&w, "r3", "nothing", 69, "");
    look(&w);
    assert_string_equal(w.s.unfinished->id, "r2");
    assert_int_equal(w.s.unfinished->ended, RUN_STOPPED);
    assert_null(w.s.unfinished->taken_over_by);
    finish(&w);
}

static void steps_follow_their_last_event(void **state)
{
    struct world w = begin(state);
    const struct run_state *r;
    const struct step_state *s;

    run(&w, "r1", "deploy", "v1", "");
    put(&w, EVENT_INTENT,
        "{\"run\":\"r1\",\"step\":\"fence\",\"target\":\"w1\",\"change\":"
        "false}");
    look(&w);
    assert_false(w.s.unfinished->changed);
    put(&w, EVENT_INTENT,
        "{\"run\":\"r1\",\"step\":\"flip\",\"target\":\"w1\",\"change\":true,"
        "\"expect\":\"v0\"}");
    put(&w, EVENT_INTENT,
        "{\"run\":\"r1\",\"step\":\"flip\",\"target\":\"w2\",\"change\":true}");
    put(&w, EVENT_UNKNOWN,
        "{\"run\":\"r1\",\"step\":\"flip\",\"target\":\"w2\","
        "\"why\":\"no answer\"}");
    put(&w, EVENT_DONE,
        "{\"run\":\"r1\",\"step\":\"fence\",\"target\":\"w1\","
        "\"evidence\":\"epoch 7\",\"ms\":40}");
    put(&w, EVENT_FAILED,
        "{\"run\":\"r1\",\"step\":\"flip\",\"target\":\"w1\","
        "\"why\":\"changed by another\"}");
    put(&w, EVENT_NOTE, "{\"run\":\"r1\",\"text\":\"clock jumped 3600 s\"}");
    put(&w, EVENT_INTENT,
        "{\"run\":\"other\",\"step\":\"x\",\"target\":\"y\"}");
    look(&w);
    r = w.s.unfinished;
    assert_int_equal(r->n, 3);
    assert_true(r->changed);
    assert_string_equal(r->steps[0].step, "fence");
    assert_string_equal(r->steps[2].target, "w2");
    s = run_step(r, "fence", "w1");
    assert_int_equal(s->is, STEP_DONE);
    assert_string_equal(s->text, "epoch 7");
    assert_int_equal(s->ms, 40);
    assert_false(s->change);
    s = run_step(r, "flip", "w1");
    assert_int_equal(s->is, STEP_FAILED);
    assert_string_equal(s->text, "changed by another");
    assert_string_equal(json_str(s->intent, "expect"), "v0");
    assert_true(s->change);
    assert_int_equal(run_step(r, "flip", "w2")->is, STEP_UNKNOWN);
    assert_null(run_step(r, "flip", "w3"));
    assert_int_equal(r->noted, 1);
    assert_string_equal(r->notes[0], "clock jumped 3600 s");

    put(&w, EVENT_DONE,
        "{\"run\":\"r1\",\"step\":\"flip\",\"target\":\"w2\","
        "\"observed\":true}");
    look(&w);
    s = run_step(w.s.unfinished, "flip", "w2");
    assert_int_equal(s->is, STEP_DONE);
    assert_true(s->observed);
    put(&w, EVENT_INTENT,
        "{\"run\":\"r1\",\"step\":\"flip\",\"target\":\"w1\",\"change\":true}");
    look(&w);
    s = run_step(w.s.unfinished, "flip", "w1");
    assert_int_equal(s->is, STEP_INTENT);
    assert_string_equal(s->text, "");
    assert_null(s->answer);
    assert_int_equal(w.s.unfinished->n, 3);
    finish(&w);
}

static void many_steps_are_told_apart(void **state)
{
    struct world w = begin(state);

    run(&w, "r1", "deploy", "v1", "");
    run(&w, "r2", "deploy", "v1", "");
    for (int i = 0; i < 400; i++)
        put(&w, EVENT_INTENT,
            arena_printf(
                &w.f->a,
                "{\"run\":\"r%d\",\"step\":\"s%d\",\"target\":\"w%d\"}",
                i % 2 + 1, i / 20, i % 20));
    for (int i = 0; i < 400; i += 3)
        put(&w, EVENT_DONE,
            arena_printf(
                &w.f->a,
                "{\"run\":\"r%d\",\"step\":\"s%d\",\"target\":\"w%d\"}",
                i % 2 + 1, i / 20, i % 20));
    look(&w);
    assert_int_equal(w.s.runs[0].n, 200);
    assert_int_equal(w.s.runs[1].n, 200);
    for (int i = 0; i < 400; i++) {
        const struct step_state *s = &w.s.runs[i % 2].steps[i / 2];
        char step[16], target[16];
        snprintf(step, sizeof step, "s%d", i / 20);
        snprintf(target, sizeof target, "w%d", i % 20);
        assert_string_equal(s->step, step);
        assert_string_equal(s->target, target);
        assert_int_equal(s->is, i % 3 == 0 ? STEP_DONE : STEP_INTENT);
    }
    finish(&w);
}

static void the_last_ten_batches_are_kept(void **state)
{
    struct world w = begin(state);

    run(&w, "r1", "deploy", "v1", "");
    for (int i = 1; i <= 13; i++)
        put(&w, EVENT_DONE,
            arena_printf(&w.f->a,
                         "{\"run\":\"r1\",\"step\":\"batch\","
                         "\"target\":\"%d\",\"ms\":%d}",
                         i, i * 100));
    look(&w);
    assert_int_equal(w.s.n_batches, 10);
    assert_int_equal(w.s.batch_ms[0], 400);
    assert_int_equal(w.s.batch_ms[9], 1300);
    finish(&w);
}

static void freeze_users_owing_and_rehearsals(void **state)
{
    struct world w = begin(state);

    put(&w, EVENT_FREEZE,
        "{\"environment\":\"production\",\"who\":\"jaak\",\"why\":\"audit\"}");
    put(&w, EVENT_FREEZE,
        "{\"environment\":\"staging\",\"who\":\"x\",\"why\":\"y\"}");
    put(&w, EVENT_USERS,
        "{\"environment\":\"production\",\"at\":200,\"users\":7}");
    put(&w, EVENT_USERS,
        "{\"environment\":\"production\",\"at\":100,\"users\":5}");
    put(&w, EVENT_OWING,
        "{\"environment\":\"production\",\"host\":\"w1\",\"release\":\"v2\","
        "\"why\":\"no route\"}");
    put(&w, EVENT_OWING,
        "{\"environment\":\"production\",\"host\":\"w2\",\"release\":\"v2\","
        "\"why\":\"no route\"}");
    put(&w, EVENT_OWING,
        "{\"environment\":\"production\",\"host\":\"w1\",\"release\":\"\","
        "\"why\":\"caught up\"}");
    for (int i = 0; i < 22; i++)
        put(&w, EVENT_REHEARSAL,
            arena_printf(&w.f->a,
                         "{\"environment\":\"production\",\"release\":\"v2\","
                         "\"certificate\":{\"at\":%d}}",
                         i));
    look(&w);
    assert_string_equal(w.s.frozen_by, "jaak");
    assert_string_equal(w.s.frozen_why, "audit");
    assert_true(w.s.frozen_at > 0);
    assert_int_equal(w.s.n_users, 2);
    assert_int_equal(w.s.users[0].at, 100);
    assert_int_equal(w.s.users[1].users, 7);
    assert_int_equal(w.s.n_owing, 1);
    assert_string_equal(w.s.owing[0], "w2 v2");
    assert_string_equal(w.s.owed[0].why, "no route");
    assert_int_equal(json_len(w.s.rehearsals), 20);
    assert_int_equal(json_int(json_get(w.s.rehearsal, "certificate"), "at", -1),
                     21);
    assert_ptr_equal(json_at(w.s.rehearsals, 19), w.s.rehearsal);
    put(&w, EVENT_THAW, "{\"environment\":\"production\",\"who\":\"jaak\"}");
    look(&w);
    assert_null(w.s.frozen_by);
    finish(&w);
}

/* What statements took, where it had been predicted. */
static void what_was_measured_is_kept(void **state)
{
    struct world w = begin(state);

    put(&w, EVENT_MEASURED,
        "{\"environment\":\"production\",\"run\":\"r1\",\"target\":\"0001_a\","
        "\"down\":false,\"statements\":["
        "{\"number\":1,\"took_ms\":1100,\"scaled_ms\":1000,\"work\":\"index\"},"
        "{\"number\":2,\"took_ms\":7},"
        "{\"number\":3,\"took_ms\":7,\"scaled_ms\":3,\"work\":\"magic\"}]}");
    put(&w, EVENT_MEASURED,
        "{\"environment\":\"elsewhere\",\"run\":\"r1\",\"target\":\"0001_a\","
        "\"down\":false,\"statements\":["
        "{\"number\":1,\"took_ms\":5,\"scaled_ms\":4,\"work\":\"scan\"}]}");
    put(&w, EVENT_MEASURED,
        "{\"environment\":\"production\",\"run\":\"r2\",\"target\":\"0002_b\","
        "\"down\":true,\"statements\":["
        "{\"number\":1,\"took_ms\":30,\"scaled_ms\":20,\"work\":\"scan\"}]}");
    look(&w);
    assert_int_equal(w.s.n_past, 2);
    assert_int_equal(w.s.past[0].work, WORK_INDEX);
    assert_int_equal(w.s.past[0].scaled, 1000);
    assert_int_equal(w.s.past[0].took, 1100);
    assert_int_equal(w.s.past[1].work, WORK_SCAN);
    assert_int_equal(w.s.past[1].took, 30);
    finish(&w);
}

static void environments_are_apart(void **state)
{
    struct world w = begin(state);
    struct environment_state other;

    deploy(&w, "r1", "v1");
    put(&w, EVENT_RUN,
        "{\"environment\":\"staging\",\"run\":\"r2\",\"kind\":\"deploy\","
        "\"release\":\"v2\",\"artifact\":\"a2\",\"migrations\":\"m2\"}");
    ended(&w, "r2", "good", 0, "\"live\":\"v2\"");
    look(&w);
    assert_string_equal(w.s.live, "v1");
    assert_int_equal(w.s.n_runs, 1);
    assert_true(state_read(&other, &w.f->a, w.l, "staging", &w.f->e));
    assert_string_equal(other.live, "v2");
    assert_string_equal(other.releases[0].migrations, "m2");
    finish(&w);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

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
        TEST(stopped_and_broken_runs_are_unfinished),
        TEST(a_rollback_takes_over),
        TEST(a_taker_that_did_nothing_gives_back),
        TEST(steps_follow_their_last_event),
        TEST(many_steps_are_told_apart),
        TEST(the_last_ten_batches_are_kept),
        TEST(freeze_users_owing_and_rehearsals),
        TEST(what_was_measured_is_kept),
        TEST(environments_are_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
