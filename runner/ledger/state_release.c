/* Releases: which is live, which was before it, which are good or bad. */
#include <string.h>

#include "runner/ledger/replay.h"

static struct release_state *release_find(const struct replay *r,
                                          const char *name)
{
    struct release_state *all = r->releases.items;

    for (size_t i = r->releases.n; i-- > 0;)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    return NULL;
}

static struct release_state *release_make(struct replay *r, const char *name)
{
    struct release_state *x = release_find(r, name);

    if (!x) {
        x = list_add(r->a, &r->releases, sizeof *x);
        x->name = name;
    }
    return x;
}

static void describe(struct release_state *x, const struct json *p)
{
    const char *commit = json_str(p, "commit");
    const char *artifact = json_str(p, "artifact");
    const char *migrations = json_str(p, "migrations");

    if (commit)
        x->commit = commit;
    if (artifact)
        x->artifact = artifact;
    if (migrations)
        x->migrations = migrations;
}

void release_named(struct replay *r, const struct run_build *run)
{
    if (run->s.release &&
        (run->s.kind == RUN_DEPLOY || run->s.kind == RUN_ADOPT))
        describe(release_make(r, run->s.release), r->p);
}

static const char *live_at(const struct replay *r, size_t i)
{
    return ((const char **)r->lives.items)[i];
}

/* Its place among the lives, from 1; 0: it is none of them. */
static size_t lives_find(const struct replay *r, const char *name)
{
    size_t at = r->lives.n;

    while (at > 0 && strcmp(live_at(r, at - 1), name) != 0)
        at--;
    return at;
}

/* Lives are a stack: what is gone back to loses all that was above it. */
static void stack_live(struct replay *r, const char *name, bool back)
{
    size_t at = lives_find(r, name);

    if (at > 0 && (back || at == r->lives.n)) {
        r->lives.n = at;
        return;
    }
    if (back && r->lives.n)
        r->lives.n--;
    if (at > 0) /* deployed once more: it moves to the top */
        memmove((const char **)r->lives.items + at - 1,
                (const char **)r->lives.items + at,
                (r->lives.n-- - at) * sizeof(const char *));
    *(const char **)list_add(r->a, &r->lives, sizeof name) = name;
}

/* What was gone back past, and comes once more, has served nobody since: it
 * has to become good again, and is so from then on only. */
static struct release_state *release_comes(struct replay *r, const char *name)
{
    struct release_state *x = release_make(r, name);

    if (lives_find(r, name) == 0 && x->is == RELEASE_GOOD) {
        x->is = RELEASE_LIVE;
        x->good_at = 0;
    }
    return x;
}

static void make_live(struct replay *r, const struct run_build *run,
                      const char *name, bool back)
{
    bool whole = run->s.ended == RUN_GOOD || run->s.ended == RUN_BACK;
    struct environment_state *out = r->out;
    struct release_state *x;

    if (!name[0]) {
        out->live = NULL;
        out->live_by_going_back = false;
        if (r->lives.n)
            r->lives.n--;
        return;
    }
    if (back)
        out->live_by_going_back = true;
    else if (!out->live || strcmp(out->live, name) != 0)
        out->live_by_going_back = false;
    out->live = name;
    x = release_comes(r, name);
    stack_live(r, name, back);
    describe(x, r->p);
    x->run = run->s.id;
    x->adopted |= run->s.kind == RUN_ADOPT;
    if (whole && x->is != RELEASE_GOOD)
        x->good_at = r->event->at;
    if (whole)
        x->is = RELEASE_GOOD;
    else if (x->is != RELEASE_GOOD)
        x->is = RELEASE_LIVE;
}

void release_ended(struct replay *r, const struct run_build *run)
{
    bool whole = run->s.ended == RUN_GOOD || run->s.ended == RUN_BACK;
    bool back = run->s.kind == RUN_ROLLBACK || run->s.ended == RUN_BACK;
    const char *live = json_str(r->p, "live");
    const char *bad = json_str(r->p, "bad");

    if (live)
        make_live(r, run, live, back);
    else if (run->s.ended == RUN_BACK && run->s.kind != RUN_MIGRATE)
        r->out->live_by_going_back = true;
    if (live || json_get(r->p, "verified"))
        r->out->live_verified =
            r->out->live && json_bool(r->p, "verified", whole);
    if (bad) {
        struct release_state *x = release_make(r, bad);
        x->is = RELEASE_BAD;
        x->good_at = 0;
        x->run = run->s.id;
    }
}

void releases_finish(struct replay *r)
{
    struct environment_state *out = r->out;

    for (size_t i = r->lives.n; out->live && !out->previous && i-- > 0;) {
        const struct release_state *x = release_find(r, live_at(r, i));
        if (x->is == RELEASE_GOOD && strcmp(x->name, out->live) != 0)
            out->previous = x->name;
    }
    out->lives = r->lives.items;
    out->n_lives = r->lives.n;
    out->releases = r->releases.items;
    out->n_releases = r->releases.n;
}
