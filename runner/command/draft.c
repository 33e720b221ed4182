#include "runner/command/draft.h"

#include <string.h>

#include "runner/base/duration.h"
#include "runner/command/time_arg.h"
#include "runner/report/verdicts.h"

#define TRIES 32 /* openings looked at for one that fits */

static bool usage(struct err *e, const char *what, const char *why,
                  const char *fix)
{
    err_what(e, ERR_USAGE, "%s", what);
    err_why(e, "%s", why);
    return err_fix(e, "%s", fix);
}

int64_t draft_begins(const struct draft *d, int64_t opens)
{
    int64_t noticed = d->m.announced + d->t->env->policy.expected.notice;

    return opens > noticed ? opens : noticed;
}

/* Window, usual users and fit, as if it opened then. The announcement's own
 * expiry comes second: it moves with the opening, so a time that is refused
 * without it is refused for itself. */
static enum verdict_is judge(struct draft *d, int64_t opens)
{
    const struct policy_settings *policy = &d->t->env->policy;
    struct facts f = d->f;
    enum verdict_is is;

    d->m.opens = opens;
    d->m.expires = opens + d->args->lasts / 1000;
    d->facts.opens = d->m.opens;
    d->facts.expires = d->m.expires;
    f.manifests = NULL;
    f.announced = 0;
    is = gates_plan(d->t->arena, policy, &f, draft_begins(d, opens),
                    d->verdicts);
    if (is != PASS)
        return is;
    f.manifests = &d->facts;
    f.announced = 1;
    return gates_plan(d->t->arena, policy, &f, draft_begins(d, opens),
                      d->verdicts);
}

/* The first opening at or after `from` that all three agree to; 0: none. The
 * draft is left standing there. */
static int64_t next_fitting(struct draft *d, int64_t from)
{
    struct facts f = d->f;
    struct fit_slot slot;

    f.manifests = NULL;
    f.announced = 0;
    for (int i = 0; i < TRIES; i++) {
        int64_t retry;

        if (!fit_next(d->t->arena, &d->t->env->policy, &f, from, &slot))
            return 0;
        if (judge(d, slot.from) == PASS)
            return slot.from;
        retry = report_retry_at(d->verdicts);
        from = retry > slot.from ? retry : slot.until;
    }
    return 0;
}

/* A time that was written a moment ago is now; an older one is a mistake. */
static bool opening_read(struct draft *d, int64_t *opens, struct err *e)
{
    const char *at = d->args->at;
    int64_t now = d->f.now;

    if (strcmp(at, "now") != 0 && !strchr(at, ':'))
        return usage(e, "--at wants a time of day",
                     "a release is announced for a time, not for a day",
                     "write now, 2026-11-24T21:00:00Z or "
                     "\"Tue 2026-11-24 23:00\"");
    if (!time_arg_once("--at", at, d->zone, now, opens, e))
        return false;
    if (*opens < now && now - *opens < 60)
        *opens = now;
    if (*opens >= now)
        return true;
    err_what(e, ERR_USAGE, "--at: %s is over",
             report_time(d->t->arena, d->zone, *opens));
    err_why(e, "that was %s", report_distance(d->t->arena, now, *opens));
    return err_fix(e, "give a time that is to come, or --at now");
}

/* --for must leave room for the work, whenever it opens. */
static bool long_enough(const struct draft *d, struct err *e)
{
    int64_t need = need_total(&d->f.need);
    char lasts[32], wanted[32];

    if (d->args->lasts >= need)
        return true;
    err_what(e, ERR_REFUSED, "%s is not announced for %s", d->m.release,
             duration_text(d->args->lasts, lasts, sizeof lasts));
    err_why(e, "the work needs %s, way back and margin included",
            duration_text(need, wanted, sizeof wanted));
    return err_fix(e, "give it longer with --for; nothing was recorded");
}

bool draft_open(struct draft *d, struct err *e)
{
    int64_t opens = d->f.now;
    enum verdict_is is;
    struct draft look;

    if (!long_enough(d, e))
        return false;
    if (!d->args->at && next_fitting(d, draft_begins(d, d->f.now)))
        return true;
    if (d->args->at && !opening_read(d, &opens, e))
        return false;
    is = judge(d, opens);
    if (is == PASS)
        return true;
    look = *d;
    return draft_refuse(d, is, next_fitting(&look, draft_begins(d, opens)), e);
}
