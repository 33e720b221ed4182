/* Events put into a new ledger, and what they add up to. */
#ifndef TESTS_UNIT_LEDGER_EVENTS_H
#define TESTS_UNIT_LEDGER_EVENTS_H

#include "runner/ledger/state.h"
#include "tests/unit/ledger/fixture.h"

struct world {
    struct fixture *f;
    struct ledger *l;
    struct environment_state s;
};

static inline struct world begin(void **state)
{
    struct world w = {.f = *state};

    w.l = fixture_new(w.f);
    return w;
}

static inline void put(struct world *w, enum event_kind kind, const char *text)
{
    struct json *j = json_parse(text, strlen(text), &w->f->e);

    if (!j)
        fail_msg("%s: %s", text, w->f->e.why);
    if (!ledger_append(w->l, kind, j, &w->f->e))
        fail_msg("%s: %s", w->f->e.what, w->f->e.why);
}

static inline void look(struct world *w)
{
    assert_true(state_read(&w->s, &w->f->a, w->l, "production", &w->f->e));
}

static inline void finish(struct world *w)
{
    ledger_close(w->l);
}

static inline void run(struct world *w, const char *id, const char *kind,
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

static inline void ended(struct world *w, const char *id, const char *outcome,
                         int exit_code, const char *more)
{
    put(w, EVENT_ENDED,
        arena_printf(&w->f->a,
                     "{\"run\":\"%s\",\"outcome\":\"%s\",\"exit\":%d%s%s}", id,
                     outcome, exit_code, more[0] ? "," : "", more));
}

/* A deploy of this release, from begin to good. */
static inline void deploy(struct world *w, const char *id, const char *release)
{
    run(w, id, "deploy", release, "");
    ended(w, id, "good", 0, arena_printf(&w->f->a, "\"live\":\"%s\"", release));
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

#endif
