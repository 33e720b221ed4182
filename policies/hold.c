#include "policies/hold.h"

#include <stdarg.h>
#include <stdio.h>

#include "policies/say.h"

static struct hold_answer answer(enum hold_decision is, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static struct hold_answer answer(enum hold_decision is, const char *fmt, ...)
{
    struct hold_answer a = {.is = is};
    va_list args;

    va_start(args, fmt);
    vsnprintf(a.because, sizeof(a.because), fmt, args);
    va_end(args);
    return a;
}

const char *on_hold_word(enum on_hold on_hold)
{
    static const char *const words[] = {[ON_HOLD_AUTO] = "auto",
                                        [ON_HOLD_FINISH] = "finish",
                                        [ON_HOLD_BACK] = "back"};

    return words[on_hold];
}

/* `auto` before the "after" migrations: the shorter of the two; where there
 * is no way back, on. */
static struct hold_answer shorter(const struct hold_facts *f, const char *why)
{
    if (!f->way_back)
        return answer(HOLD_FINISH, "%s: finishing, for there is no way back",
                      why);
    if (f->finish <= f->back)
        return answer(HOLD_FINISH,
                      "%s: finishing takes %s, going back %s: finishing", why,
                      say_ms(f->finish).text, say_ms(f->back).text);
    return answer(HOLD_BACK,
                  "%s: finishing takes %s, going back %s: going back", why,
                  say_ms(f->finish).text, say_ms(f->back).text);
}

static bool in_batches(const struct hold_facts *f)
{
    return f->next == HOLD_BEFORE_BATCH || f->next == HOLD_BEFORE_AFTER_BATCH;
}

static struct hold_answer act(const struct hold_facts *f, enum on_hold on_hold,
                              const char *why)
{
    if (in_batches(f))
        return answer(
            f->next == HOLD_BEFORE_BATCH ? HOLD_END_HERE : HOLD_END_PENDING,
            "%s: the backfill pauses, and goes on from here later", why);
    if (on_hold == ON_HOLD_BACK && f->way_back)
        return answer(HOLD_BACK, "%s: going back (on_hold = back)", why);
    if (f->next == HOLD_BEFORE_AFTER)
        return answer(HOLD_END_PENDING,
                      "%s: ending with all hosts on the new "
                      "release and \"after\" migrations "
                      "pending",
                      why);
    if (on_hold == ON_HOLD_BACK)
        return answer(HOLD_END_HERE,
                      "%s: stopping here, for there is nothing "
                      "to go back to",
                      why);
    if (on_hold == ON_HOLD_FINISH)
        return answer(HOLD_FINISH, "%s: finishing (on_hold = finish)", why);
    return shorter(f, why);
}

static struct hold_answer wait_on(const struct hold_facts *f, int64_t pause_max)
{
    int64_t left = pause_max - f->held;
    struct hold_answer a = answer(HOLD_WAIT, "held for %s of at most %s",
                                  say_ms(f->held).text, say_ms(pause_max).text);

    a.wait = left < HOLD_ASK_AGAIN ? left : HOLD_ASK_AGAIN;
    return a;
}

struct hold_answer hold_decide(const struct hold_facts *facts,
                               enum on_hold on_hold, int64_t pause_max)
{
    char why[64];

    if (facts->superseded)
        return answer(HOLD_END_HERE, "another run superseded this one: nothing "
                                     "further is touched");
    if (facts->surge)
        return act(facts, on_hold, "users are over abort_at");
    if (facts->is == PASS)
        return answer(HOLD_GO, "all gates pass");
    if (facts->is == STOP)
        return act(facts, on_hold, "a gate said STOP");
    if (in_batches(facts) && facts->retry > pause_max - facts->held)
        return act(facts, on_hold, "no change is near");
    if (facts->held < pause_max)
        return wait_on(facts, pause_max);
    snprintf(why, sizeof(why), "held for %s", say_ms(facts->held).text);
    return act(facts, on_hold, why);
}
