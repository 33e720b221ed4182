#include "migrations/lint.h"

#include <string.h>

#include "migrations/hazards.h"
#include "migrations/refusals.h"
#include "migrations/split.h"
#include "migrations/words.h"

struct linter {
    struct arena *a;       /* findings */
    struct arena *scratch; /* trees */
    const char *file, *text;
    bool together; /* the file is one transaction */
    bool survive;  /* the old code must live through it */
    struct finding *list;
    size_t n, cap;
    struct fresh fresh;
    /* the statement in hand */
    const struct node *stmt;
    int line;
    /* the first strong lock of the file, 0: none yet */
    int held_line;
    const char *held;
};

static struct finding *add(struct linter *l)
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

static void add_error(struct linter *l, int line, const char *rule,
                      const struct err *e)
{
    struct finding *f = add(l);

    f->line = line;
    f->level = FINDING_ERROR;
    f->rule = rule;
    f->what = arena_printf(l->a, "%s: %s", e->what, e->why);
    f->safer = arena_strdup(l->a, e->fix);
}

/* The line in an error's own "FILE:LINE: ..." */
static int line_of(const struct linter *l, const struct err *e)
{
    size_t n = strlen(l->file);
    int line = 0;

    if (strncmp(e->what, l->file, n) != 0 || e->what[n] != ':')
        return 1;
    for (const char *p = e->what + n + 1; *p >= '0' && *p <= '9'; p++)
        line = line * 10 + (*p - '0');
    return line ? line : 1;
}

/* ---- one statement ---- */

/* What breaks the old code is an error where the old code still runs. */
static enum finding_level level_of(const struct linter *l,
                                   const struct hazard *h)
{
    if (h->breaks && l->survive)
        return FINDING_ERROR;
    if (strcmp(h->rule, "breaks-old-code") == 0)
        return h->lock ? FINDING_WARNING : FINDING_NOTE;
    return (enum finding_level)h->level;
}

static void match(const struct subject *s, void *arg)
{
    struct linter *l = arg;

    if (s->fresh)
        return;
    for (const struct hazard *h = NULL; (h = hazards_next(s, h));) {
        struct finding *f = add(l);
        f->level = level_of(l, h);
        f->rule = h->breaks && l->survive ? "breaks-old-code" : h->rule;
        f->what = subject_say(l->a, s, h->what);
        f->lock = h->lock;
        f->rewrites = h->rewrites;
        f->scans = h->scans;
        f->safer = h->safer ? subject_say(l->a, s, h->safer) : NULL;
    }
}

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
    return node_is(l->stmt, "UpdateStmt") || node_is(l->stmt, "DeleteStmt") ||
           node_is(l->stmt, "InsertStmt");
}

/* Locks are held to the end: what is slow after one makes all wait. */
static void weigh_held(struct linter *l, size_t from)
{
    const char *lock = strongest(l, from);
    struct finding *f;

    if (l->held_line && is_slow(l, from)) {
        f = add(l);
        f->level = FINDING_WARNING;
        f->rule = "lock-held";
        f->what = arena_printf(l->a,
                               "the lock of line %d is held while this runs, "
                               "to the end of the transaction",
                               l->held_line);
        f->lock = l->held;
        f->safer = "put this first, or into a migration of its own";
    }
    if (lock && !l->held_line) {
        l->held_line = l->line;
        l->held = lock;
    }
}

static void add_alone(struct linter *l, const char *kind)
{
    struct finding *f = add(l);

    f->level = l->together ? FINDING_ERROR : FINDING_NOTE;
    f->rule = "not-in-transaction";
    f->what = arena_printf(l->a, "%s cannot run in a transaction", kind);
    f->safer = l->together ? "a migration of its own, or at the top: "
                             "-- tidegate: transaction=none"
                           : NULL;
}

/* The worst is assumed of what the parser does not know. */
static void lint_unparsed(struct linter *l, const struct split_piece *p)
{
    struct finding *f;
    struct err e;

    if (!words_allow(l->scratch, p->text,
                     arena_printf(l->scratch, "%s:%d", l->file, l->line), &e))
        add_error(l, l->line, "refused", &e);
    if (words_alone(l->scratch, p->text))
        add_alone(l, words_kind(l->a, p->text));
    f = add(l);
    f->level = l->survive ? FINDING_ERROR : FINDING_WARNING;
    f->rule = "unparsed";
    f->lock = "ACCESS EXCLUSIVE";
    f->rewrites = f->scans = true;
    f->what = arena_printf(l->a,
                           "PostgreSQL 15's parser does not know this %s, so "
                           "the worst is assumed: %s",
                           words_kind(l->scratch, p->text), p->unparsed);
    f->safer = "a rehearsal on the server's own version tells what it does";
}

static void lint_parsed(struct linter *l, const struct split_piece *p)
{
    struct err e;

    l->stmt = p->tree;
    if (!refusals_allow(l->scratch, p->tree, p->text,
                        arena_printf(l->scratch, "%s:%d", l->file, l->line),
                        &e))
        add_error(l, l->line, "refused", &e);
    if (refusals_alone(l->scratch, p->tree, p->text))
        add_alone(l, subject_kind(l->a, p->tree));
    subject_each(l->scratch, p->tree, p->text, &l->fresh, match, l);
}

static void lint_statement(struct linter *l, const struct split_piece *p)
{
    size_t from = l->n;

    l->line = p->at.line;
    l->stmt = NULL;
    if (p->tree)
        lint_parsed(l, p);
    else
        lint_unparsed(l, p);
    if (l->together)
        weigh_held(l, from);
    if (p->tree)
        subject_remember(l->scratch, p->tree, &l->fresh);
}

/* ---- one file ---- */

/* Statements that run alone make the whole file so, when there are no others
 * (see split.c). */
static bool all_alone(struct linter *l, const struct split_pieces *pieces)
{
    for (size_t i = 0; i < pieces->n; i++) {
        const struct split_piece *p = &pieces->list[i];
        if (p->tree ? !refusals_alone(l->scratch, p->tree, "")
                    : !words_alone(l->scratch, p->text))
            return false;
    }
    return pieces->n > 0;
}

static void lint_text(struct linter *l, bool down)
{
    struct split_pieces pieces;
    struct directives d;
    struct err e;

    if (!directives_read(&d, l->scratch, l->file, l->text, 0, down, &e)) {
        add_error(l, line_of(l, &e), "directive", &e);
        d = (struct directives){0};
    }
    if (!split_pieces(&pieces, l->scratch, l->file, l->text, 0, &e)) {
        add_error(l, line_of(l, &e), "parse", &e);
        return;
    }
    split_unwrap(&pieces);
    l->survive = !down && !d.after && !d.compatible;
    l->together = !d.no_transaction && !all_alone(l, &pieces);
    for (size_t i = 0; i < pieces.n; i++)
        lint_statement(l, &pieces.list[i]);
}

static bool is_down(const char *name)
{
    size_t n = strlen(name);

    return n >= 9 && strcmp(name + n - 9, ".down.sql") == 0;
}

struct finding *lint_file(struct arena *a, const struct sql_file *file,
                          size_t *n)
{
    struct arena scratch;
    struct linter l = {.a = a, .scratch = &scratch};
    struct err e;

    arena_init(&scratch);
    l.file = arena_strdup(a, file->name);
    l.line = 1;
    l.text = split_normalise(&scratch, file, &e);
    if (l.text)
        lint_text(&l, is_down(file->name));
    else
        add_error(&l, line_of(&l, &e), "bytes", &e);
    arena_release(&scratch);
    *n = l.n;
    return l.list;
}

/* ---- the safer way of one statement ---- */

struct advice {
    struct arena *a;
    const char *safer;
};

static void advise(const struct subject *s, void *arg)
{
    struct advice *advice = arg;

    for (const struct hazard *h = NULL;
         !advice->safer && (h = hazards_next(s, h));)
        if (h->safer && h->level != HAZARD_NOTE)
            advice->safer = subject_say(advice->a, s, h->safer);
}

const char *lint_safer(struct arena *a, const struct statement *s)
{
    struct arena scratch;
    struct advice advice = {a, NULL};
    struct parse_failure ignored;
    struct parsed parsed;

    arena_init(&scratch);
    if (parser_parse(&scratch, s->text, &parsed, &ignored) && parsed.n == 1)
        subject_each(&scratch, parsed.list[0].tree, s->text, NULL, advise,
                     &advice);
    arena_release(&scratch);
    return advice.safer;
}
