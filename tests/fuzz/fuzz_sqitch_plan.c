/* Any plan: what is read of it holds together. */
#include "migrations/read/sqitch_plan.h"
#include "tests/fuzz/fuzz.h"

static void holds(const struct sqitch_plan *plan)
{
    MUST(plan->project && *plan->project);
    for (size_t i = 0; i < plan->n; i++) {
        const struct plan_change *c = &plan->list[i];
        MUST(*c->name && strlen(c->planned) == 20 && c->line > 0);
        MUST((c->instance == 1) == (c->before == 0));
        MUST(c->before <= i);
        MUST(!c->before ||
             strcmp(plan->list[c->before - 1].name, c->name) == 0);
        MUST(c->tags_begin <= c->tags_end && c->tags_end <= plan->tags_n);
        MUST(c->reworked == (c->tags_begin < c->tags_end));
    }
    for (size_t i = 0; i < plan->tags_n; i++)
        MUST(plan->tags[i].changes > 0 && plan->tags[i].changes <= plan->n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct sqitch_plan plan;
    struct err e = {0};
    struct arena a;

    arena_init(&a);
    if (sqitch_plan_read(&plan, &a, "sqitch.plan", text, &e))
        holds(&plan);
    else
        MUST(strncmp(e.what, "sqitch.plan:", 12) == 0 && e.why[0] && e.fix[0]);
    arena_release(&a);
    free(text);
    return 0;
}
