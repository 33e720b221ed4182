/* One statement: the hazards that it matches, weighed by where it stands. */
#include "migrations/lint/lint_intern.h"

#include <string.h>

#include "migrations/hazards/hazards.h"
#include "migrations/hazards/refusals.h"
#include "migrations/hazards/words.h"
#include "migrations/lint/lint_coming.h"
#include "migrations/lint/lint_missing.h"
#include "migrations/lint/lint_touch.h"
#include "migrations/lint/lint_ways.h"
#include "migrations/read/batch.h"
#include "migrations/read/foreign.h"

struct finding *lint_add(struct linter *l)
{
    struct finding *f;

    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 8;
        l->list = arena_grow(l->a, l->list, l->n, cap, sizeof *l->list);
        l->cap = cap;
    }
    f = &l->list[l->n++];
    *f = (struct finding){.file = l->file, .line = l->line};
    return f;
}

void lint_add_error(struct linter *l, int line, const char *rule,
                    const struct err *e)
{
    struct finding *f = lint_add(l);

    f->line = line;
    f->level = FINDING_ERROR;
    f->rule = rule;
    f->what = arena_printf(l->a, "%s: %s", e->what, e->why);
    f->safer = arena_strdup(l->a, e->fix);
}
enum finding_wait finding_wait_of(enum lock_mode lock)
{
    if (lock == LOCK_ACCESS_EXCLUSIVE)
        return WAIT_READERS;
    return lock >= LOCK_SHARE ? WAIT_WRITERS : WAIT_NOBODY;
}

/* ---- a hazard of it ---- */

/* A comment with a reason makes a note of it. */
static void allow(struct linter *l, struct finding *f)
{
    struct allowance *w =
        allowances_find(&l->allowed, f->rule, l->from, l->begins);

    if (!w)
        return;
    w->used = true;
    f->level = FINDING_NOTE;
    f->allowed = w->reason;
}

/* What breaks the old code is an error where the old code still runs. */
static void judge(struct linter *l, struct finding *f, const struct hazard *h,
                  const struct subject *s)
{
    bool goes = strcmp(h->rule, "breaks-old-code") == 0;

    f->rule = h->rule;
    f->level = (enum finding_level)h->level;
    if (hazards_breaking(h, s) && l->survive) {
        f->level = FINDING_ERROR;
        f->rule = "breaks-old-code";
    } else if (goes) {
        f->level = f->lock ? FINDING_WARNING : FINDING_NOTE;
        f->rule = f->lock ? "lock" : "gone";
        if (h->safer && strncmp(h->safer, "-- tidegate:", 12) == 0)
            f->safer = NULL; /* it is a later phase already */
    }
    if (l->down && strcmp(h->rule, "dependents") == 0) {
        f->level = FINDING_NOTE;
        f->worst = "what came later is undone first, and what it made may be "
                   "gone by then";
    }
    if (s->fresh && f->level > FINDING_NOTE)
        f->level = FINDING_NOTE;
}

static const char *worst_of(struct linter *l, const struct hazard *h,
                            const struct subject *s, const struct touches *t)
{
    bool worst = h->worst, known = hazards_relation(s);

    if (h->unsure)
        return "only a rehearsal tells";
    for (size_t i = 0; i < t->n; i++)
        worst |= !t->list[i].named;
    if (!l->run->catalog)
        return worst ? "no database was asked: --database" : NULL;
    if (*s->table && !known && h->lock && !s->fresh)
        return arena_printf(l->a, "the database has no %s", s->table);
    return worst && !known ? "the database does not tell" : NULL;
}

static void take_touches(struct finding *f, const struct hazard *h,
                         const struct subject *s, const struct touches *t)
{
    enum lock_mode lock = h->lock;

    f->touches = t->list;
    f->n_touches = t->n;
    f->rewrites = h->rewrites && !s->fresh;
    f->scans = h->scans && !s->fresh;
    for (size_t i = 0; i < t->n; i++) {
        lock = t->list[i].lock > lock ? t->list[i].lock : lock;
        f->rewrites |= t->list[i].rewrites;
        f->scans |= t->list[i].scans;
    }
    f->lock = lock ? lock_mode_name(lock) : NULL;
    f->waits = finding_wait_of(lock);
    if (h->rows && f->waits == WAIT_NOBODY && !s->fresh)
        f->waits = WAIT_WRITERS;
}

/* Of what the file itself made, only what it does to others counts. */
static bool is_idle(const struct hazard *h, const struct subject *s,
                    const struct touches *t)
{
    bool others = h->also[0].whose != WHOSE_NOBODYS && h->lock == LOCK_NONE;

    for (size_t i = 0; i < t->n; i++)
        if (t->list[i].named)
            return false;
    return s->fresh || (others && !t->n);
}

static void weigh(struct linter *l, const struct hazard *h,
                  const struct subject *s)
{
    struct touches t;
    struct finding *f;

    touches_of(&t, l->a, s, h);
    if (is_idle(h, s, &t))
        return;
    f = lint_add(l);
    take_touches(f, h, s, &t);
    f->worst = worst_of(l, h, s, &t);
    f->what = subject_say(l->a, s, h->what);
    if (h->safer && !s->inner)
        f->safer = subject_say(l->a, s, h->safer);
    judge(l, f, h, s);
    allow(l, f);
}

static void match(const struct subject *s, void *arg)
{
    struct linter *l = arg;
    struct subject copy = *s;

    copy.fresh |= lint_coming(l->scratch, l->run, s);
    for (const struct hazard *h = NULL; (h = hazards_next(&copy, h));)
        weigh(l, h, &copy);
}

/* ---- what its transaction does to it ---- */

static const char *strongest(const struct linter *l, size_t from)
{
    for (size_t i = from; i < l->n; i++)
        if (l->list[i].lock && strcmp(l->list[i].lock, "ACCESS EXCLUSIVE") == 0)
            return l->list[i].lock;
    return NULL;
}

static bool is_slow(const struct linter *l, size_t from)
{
    for (size_t i = from; i < l->n; i++)
        if (l->list[i].rewrites || l->list[i].scans)
            return true;
    return node_is(l->stmt, "UpdateStmt") || node_is(l->stmt, "DeleteStmt");
}

/* Locks are held to the end: what is slow after one makes all wait. */
static void weigh_held(struct linter *l, size_t from)
{
    const char *lock = strongest(l, from);
    struct finding *f;

    if (l->held_line && is_slow(l, from)) {
        f = lint_add(l);
        f->level = FINDING_WARNING;
        f->rule = "lock-held";
        f->what = arena_printf(l->a,
                               "the lock of line %d is held while this runs, "
                               "to the end of the transaction",
                               l->held_line);
        f->lock = l->held;
        f->waits = WAIT_READERS;
        f->safer = "put this first, or into a migration of its own";
        allow(l, f);
    }
    if (lock && !l->held_line) {
        l->held_line = l->line;
        l->held = lock;
    }
}

static void add_alone(struct linter *l, const char *kind)
{
    struct finding *f = lint_add(l);

    f->level = l->together ? FINDING_ERROR : FINDING_NOTE;
    f->rule = "not-in-transaction";
    f->what = arena_printf(l->a, "%s cannot run in a transaction", kind);
    f->safer = l->together ? "a migration of its own, or at the top: "
                             "-- tidegate: transaction=none"
                           : NULL;
}

/* ---- all of it ---- */

/* The worst is assumed of what the parser does not know; where the old code
 * still runs, no comment allows it, since the gate stops it too. */
static void say_unparsed(struct linter *l, const struct split_piece *p)
{
    struct finding *f = lint_add(l);

    f->level = l->survive ? FINDING_ERROR : FINDING_WARNING;
    f->rule = "unparsed";
    f->lock = lock_mode_name(LOCK_ACCESS_EXCLUSIVE);
    f->waits = WAIT_READERS;
    f->rewrites = f->scans = true;
    f->worst = arena_printf(l->a, "the parser says: %s", p->unparsed);
    f->what = arena_printf(l->a,
                           "PostgreSQL 15's parser does not know this %s, so "
                           "the worst is assumed: it locks, rewrites and reads "
                           "everything, and the old code does not survive it",
                           words_kind(l->scratch, p->text));
    f->safer = "a rehearsal on the server's own version tells what it does; "
               "that the old code survives it says: compatible REASON";
    f->n_touches = 1;
    f->touches = arena_alloc(l->a, sizeof *f->touches);
    *f->touches = (struct finding_touch){.relation = "everything it names",
                                         .lock = LOCK_ACCESS_EXCLUSIVE,
                                         .rewrites = true,
                                         .scans = true,
                                         .bytes = -1,
                                         .rows = -1};
    if (!l->survive)
        allow(l, f);
}

static void lint_unparsed(struct linter *l, const struct split_piece *p)
{
    struct err e;

    if (!words_allow(l->scratch, p->text, l->run->allowed,
                     arena_printf(l->scratch, "%s:%d", l->file, l->line), &e))
        lint_add_error(l, l->line, "refused", &e);
    if (words_alone(l->scratch, p->text))
        add_alone(l, words_kind(l->a, p->text));
    say_unparsed(l, p);
    l->run->code = true;
}

static void lint_parsed(struct linter *l, const struct split_piece *p)
{
    struct err e;

    l->stmt = p->tree;
    if (l->how->foreign && !l->path_line && foreign_sets_path(p))
        l->path_line = l->line;
    if (!(l->how->foreign && foreign_allows(p, l->pieces)) &&
        !(l->how->undone && foreign_allows_undone(p)) &&
        !refusals_allow(l->scratch, p->tree, p->text, l->run->allowed,
                        arena_printf(l->scratch, "%s:%d", l->file, l->line),
                        &e))
        lint_add_error(l, l->line, "refused", &e);
    if (!l->batch &&
        !batch_needs_none(
            p->tree, arena_printf(l->scratch, "%s:%d", l->file, l->line), &e))
        lint_add_error(l, l->line, "batch", &e);
    if (refusals_alone(l->scratch, p->tree, p->text))
        add_alone(l, subject_kind(l->a, p->tree));
    lint_missing(l, p->tree);
    subject_each_with(l->a, p->tree, p->text, &l->fresh, l->run->catalog, match,
                      l);
}

void lint_statement(struct linter *l, const struct split_piece *p)
{
    size_t from = l->n;

    l->line = p->at.line + l->how->lines_before;
    l->begins = p->at.offset;
    l->stmt = NULL;
    if (p->tree)
        lint_parsed(l, p);
    else
        lint_unparsed(l, p);
    lint_ways_statement(l, p->tree, p->text);
    if (l->together)
        weigh_held(l, from);
    if (p->tree) {
        subject_remember(l->scratch, p->tree, &l->fresh);
        if (!l->down && !subject_is_temporary(p->tree))
            subject_remember(l->a, p->tree, &l->run->earlier);
    }
    l->from = p->at.end;
}
