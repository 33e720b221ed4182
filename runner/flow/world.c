#include "runner/flow/world.h"

#include <stdlib.h>
#include <string.h>

#include "policies/fit.h"
#include "runner/flow/ask.h"

#define COUNT_EVERY_MS 10000
#define CLOSE_EVERY_MS 10000
#define ASK_EVERY_MS   5000

struct world {
    struct run *r;
    struct pg *pg;      /* counts users; NULL: the gates' count stays */
    const char *count;  /* the query */
    bool counting;      /* a count is on its way */
    int64_t next_count; /* monotonic */
    int64_t users;      /* -1: unknown */
    int64_t next_close; /* monotonic */
    int64_t close;      /* UTC seconds; 0: nothing closes */
    const char *which;  /* does, in fit_close's words */
    int64_t next_ask;   /* monotonic */
    struct arena_mark before, after; /* the last ask, in the run's arena */
};

/* Its locks never wait for a migration: who waits behind one would count as
 * a user kept waiting, and end it. */
static bool prepare(struct world *w, struct err *e)
{
    struct arena a;
    struct pg_result r;
    bool ok;

    arena_init(&a);
    ok = pg_query(w->pg, &a, "SET lock_timeout = '250ms'", NULL, 0, &r, e) &&
         pg_query(w->pg, &a, "SET statement_timeout = '5s'", NULL, 0, &r, e) &&
         pg_query(w->pg, &a, "SET default_transaction_read_only = on", NULL, 0,
                  &r, e) &&
         pg_query(w->pg, &a, "RESET search_path", NULL, 0, &r, e);
    arena_release(&a);
    return ok;
}

static void drop(struct world *w)
{
    pg_close(w->pg);
    w->pg = NULL;
    w->counting = false;
}

struct world *world_open(struct run *r)
{
    const struct users_settings *u = &r->s->env->policy.users;
    struct world *w = must_malloc(sizeof *w);
    struct err ignored;

    *w = (struct world){
        .r = r, .users = -1, .next_ask = clock_mono() + ASK_EVERY_MS};
    if (!u->on)
        return w;
    if (r->facts.users.live.is == FACT_KNOWN)
        w->users = r->facts.users.live.value;
    if (strncmp(u->count, "sql:", 4) != 0)
        return w;
    w->count = u->count + 4;
    w->pg = pg_open(r->s->loop, r->s->env->database, "tidegate", 0, &ignored);
    if (w->pg && !prepare(w, &ignored))
        drop(w);
    return w;
}

void world_close(struct world *w)
{
    if (!w)
        return;
    drop(w);
    free(w);
}

static void take(struct world *w, const struct pg_result *r)
{
    const char *text = r->rows == 1 ? r->cell[0][0] : NULL;
    char *end;
    long long n;

    if (!text || *text < '0' || *text > '9')
        return;
    n = strtoll(text, &end, 10);
    if (*end == '\0')
        w->users = n;
}

static void count(struct world *w, int64_t now)
{
    struct arena a;
    struct pg_result r;
    struct err ignored;

    if (w->counting && pg_busy(w->pg))
        return;
    arena_init(&a);
    if (w->counting && pg_take(w->pg, &a, &r, &ignored))
        take(w, &r);
    arena_release(&a);
    w->counting = false;
    if (pg_transaction(w->pg) == PG_LOST) {
        drop(w);
    } else if (now >= w->next_count) {
        w->counting = pg_send(w->pg, w->count, &ignored);
        w->next_count = now + COUNT_EVERY_MS;
    }
}

/* When the window closes, or the announcement ends, or more users come. */
static void close_of(struct world *w, int64_t now)
{
    struct facts facts = w->r->facts;
    struct arena a;

    facts.now = clock_now();
    arena_init(&a);
    w->close = fit_close(&a, &w->r->s->env->policy, &facts, &w->which);
    arena_release(&a);
    w->next_close = now + CLOSE_EVERY_MS;
}

/* What fit_close names, but for the window itself. */
static const struct {
    const char *which, *closes, *closed;
} ends[] = {
    {"freeze", "a freeze begins", "a freeze has begun"},
    {"expiry of the announcement", "the announcement ends",
     "the announcement has ended"},
    {"users above max", "too many users are expected",
     "too many users are expected now"},
};

static void name_close(const struct world *w, struct apply_world *out)
{
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (w->close && strcmp(ends[i].which, w->which) == 0) {
            out->closes = ends[i].closes;
            out->closed = ends[i].closed;
        }
}

static void look(void *ctx, struct apply_world *out)
{
    struct world *w = ctx;
    const struct policy_settings *policy = &w->r->s->env->policy;
    int64_t now = clock_mono(), left;

    if (w->pg)
        count(w, now);
    if (now >= w->next_close)
        close_of(w, now);
    left = w->close - clock_now();
    *out = (struct apply_world){
        .window_left_ms = w->close == 0 ? -1
                          : left > 0    ? left * 1000
                                        : 0,
        .users = w->users,
        .users_limit = policy->users.on ? policy->users.max : -1,
    };
    name_close(w, out);
}

static bool end_orphan(void *ctx, const char *who)
{
    const struct subject *s = ((struct world *)ctx)->r->s;

    return s->end_orphan(s->end_orphan_ctx, who);
}

/* A backfill asks for hours: what the last time took is given back, if nobody
 * else took anything since. */
static void give_back(struct world *w)
{
    struct arena *a = w->r->s->arena;
    struct arena_mark now = arena_mark(a);

    if (w->after.block == now.block && w->after.used == now.used)
        arena_rewind(a, w->before);
    w->before = arena_mark(a);
}

/* What is asked mid-run is asked between batches, and what each then says is
 * what it says before a migration: but a backfill can always pause. */
static bool may_go_on(void *ctx, struct err *e)
{
    struct world *w = ctx;
    struct run *r = w->r;
    bool ok;

    if (clock_mono() < w->next_ask || r->going_back || r->down)
        return true;
    give_back(w);
    ok = ask_again(
        r, r->after_begun ? HOLD_BEFORE_AFTER_BATCH : HOLD_BEFORE_BATCH, e);
    w->after = arena_mark(r->s->arena);
    w->next_ask = clock_mono() + ASK_EVERY_MS;
    return ok;
}

struct apply_outside world_outside(struct world *w)
{
    return (struct apply_outside){.ctx = w,
                                  .look = look,
                                  .may_go_on = may_go_on,
                                  .end_orphan =
                                      w->r->s->end_orphan ? end_orphan : NULL};
}
