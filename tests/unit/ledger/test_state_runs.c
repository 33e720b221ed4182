/* What the events of one environment add up to: its runs and their steps, and
 * what is kept beside them. */
#include "runner/release/statement.h"
#include "tests/unit/ledger/events.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
