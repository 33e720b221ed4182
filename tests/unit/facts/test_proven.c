/* What another environment has proved about the same artifact and
 * migrations, under whatever names they went out there. */
#include "runner/facts/gather.h"
#include "tests/unit/ledger/fixture.h"

static const char same[] =
    "1111111111111111111111111111111111111111111111111111111111111111";
static const char other[] =
    "2222222222222222222222222222222222222222222222222222222222222222";

/* One run of staging: what went out, and how it ended. */
struct went {
    const char *release, *artifact, *outcome;
};

static void append(struct fixture *f, struct ledger *l, enum event_kind kind,
                   struct json *j)
{
    json_set_str(j, "environment", "staging");
    if (!ledger_append(l, kind, j, &f->e))
        fail_msg("%s: %s", f->e.what, f->e.why);
}

static void run(struct fixture *f, struct ledger *l, const struct went *w,
                const char *id)
{
    struct json *begun = json_new_object(), *ended = json_new_object();

    json_set_str(begun, "run", id);
    json_set_str(begun, "kind", "deploy");
    json_set_str(begun, "release", w->release);
    json_set_str(begun, "artifact", w->artifact);
    json_set_str(begun, "migrations", same);
    append(f, l, EVENT_RUN, begun);
    json_set_str(ended, "run", id);
    json_set_str(ended, "outcome", w->outcome);
    json_set_int(ended, "exit", 0);
    if (strcmp(w->outcome, "back") == 0)
        json_set_str(ended, "bad", w->release);
    else if (strcmp(w->outcome, "nothing") != 0)
        json_set_str(ended, "live", w->release);
    append(f, l, EVENT_ENDED, ended);
}

static struct proven_facts proven_by(struct fixture *f,
                                     const struct went went[3])
{
    struct environment env = {.name = "production"};
    struct subject s = {.arena = &f->a, .env = &env};
    struct facts facts = {0};

    env.policy.proven = (struct proven_settings){.on = true, .in = "staging"};
    memcpy(s.artifact.digest, same, sizeof same);
    memcpy(s.migrations.digest, same, sizeof same);
    s.ledger = fixture_new(f);
    for (size_t i = 0; i < 3 && went[i].release; i++)
        run(f, s.ledger, &went[i], arena_printf(&f->a, "run-%zu", i));
    gather_proven(&s, &facts);
    facts.proven.run = arena_strdup(&f->a, facts.proven.run);
    ledger_close(s.ledger);
    unlink(f->path);
    return facts.proven;
}

static void the_worst_name_speaks(void **state)
{
    static const struct {
        struct went went[3];
        const char *run; /* NULL: not known */
        bool good;
    } rows[] = {
        {{{0}}, NULL, false},
        {{{"v1", other, "good"}}, NULL, false},
        {{{"v1", same, "good"}}, "run-0", true},
        {{{"v1", same, "back"}}, "run-0", false},
        {{{"v1", same, "good"}, {"v2", same, "back"}}, "run-1", false},
        {{{"v1", same, "back"}, {"v2", same, "good"}}, "run-0", false},
        {{{"v1", same, "back"}, {"v1", same, "good"}}, "run-1", true},
        {{{"v1", same, "good"}, {"v2", same, "good"}}, "run-0", true},
        {{{"v1", same, "good"}, {"v2", other, "back"}}, "run-0", true},
        /* staged and left again, or not finished: neither good nor bad */
        {{{"v1", same, "nothing"}}, NULL, false},
        {{{"v1", same, "pending"}}, NULL, false},
        {{{"v1", same, "good"}, {"v2", same, "nothing"}}, "run-0", true},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct proven_facts p = proven_by(f, rows[i].went);

        if (p.known != (rows[i].run != NULL) || p.good != rows[i].good ||
            (p.known && strcmp(p.run, rows[i].run) != 0))
            fail_msg("row %zu: known %d, good %d, run %s", i, p.known, p.good,
                     p.run ? p.run : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_worst_name_speaks, fixture_up,
                                        fixture_down),
    };

    return cmocka_run_group_tests_name("proven", tests, NULL, NULL);
}
