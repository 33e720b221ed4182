/* The safer way of one statement, for a rehearsal that has seen it hurt. */
#include "migrations/hazards/hazards.h"
#include "migrations/lint/lint.h"

struct advice {
    struct arena *a;
    struct catalog *catalog;
    const char *safer;
};

static void advise(const struct subject *s, void *arg)
{
    struct advice *advice = arg;
    struct subject named = *s;

    named.catalog = advice->catalog;
    for (const struct hazard *h = NULL;
         !advice->safer && (h = hazards_next(s, h));)
        if (h->safer && h->level != HAZARD_NOTE && !s->inner)
            advice->safer = subject_say(advice->a, &named, h->safer);
}

const char *lint_safer(struct arena *a, const struct statement *s,
                       struct catalog *catalog)
{
    struct arena scratch;
    struct advice advice = {a, catalog, NULL};
    struct parse_failure ignored;
    struct parsed parsed;

    arena_init(&scratch);
    if (parser_parse(&scratch, s->text, &parsed, &ignored) && parsed.n == 1)
        subject_each(&scratch, parsed.list[0].tree, s->text, NULL, advise,
                     &advice);
    arena_release(&scratch);
    return advice.safer;
}
