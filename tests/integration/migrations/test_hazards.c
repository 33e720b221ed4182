/* Every form of statement that PostgreSQL 15 can show, run in one rehearsal:
 * the trace must measure the lock, the rewrite and the scan that its row
 * says; lint with the database must say the same of the same relations and of
 * no others, and lint without it must say no less. $ is the row's own table,
 * $r and $p are others that setup makes. A rewrite reads every row; the trace
 * counts it as a rewrite alone, lint says both: scans are compared where
 * nothing is rewritten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/lint/lint.h"
#include "runner/base/buf.h"
#include "tests/integration/migrations/hazard_tables.h"
#include "tests/integration/migrations/rehearsing.h"

static enum lock_mode mode_named(const char *name)
{
    enum lock_mode lock = LOCK_NONE;

    while (strcmp(lock_mode_name(lock), name) != 0)
        lock++;
    return lock;
}

/* A lock that a statement takes and lets go by itself is sampled: a weaker one
 * before it, or none, may be all that is seen. */
static bool lock_as_said(const struct seen *seen, const char *measured)
{
    return seen->brief ? mode_named(measured) <= mode_named(seen->lock)
                       : strcmp(measured, seen->lock) == 0;
}

static bool as_said(const struct seen *seen, const struct touched *t)
{
    if (!t)
        return seen->brief;
    return lock_as_said(seen, t->lock) &&
           (seen->rewrite == ANY || t->rewritten == (seen->rewrite == YES)) &&
           (seen->scan == ANY || t->scanned == (seen->scan == YES));
}

static int row_judge(struct fixture *f, size_t i,
                     const struct rehearsed_statement *s)
{
    int wrong = 0;

    for (const struct seen *seen = hazard_rows[i]->seen; seen->relation;
         seen++) {
        const char *name = hazard_relation(f, seen->relation, i);
        const struct touched *t = touched_find(s, name);
        if (as_said(seen, t))
            continue;
        wrong++;
        print_error("row %s: %s: want %s rewrite %d scan %d, got %s %d %d\n",
                    hazard_rows[i]->row, seen->relation, seen->lock,
                    seen->rewrite, seen->scan, t ? t->lock : "nothing",
                    t ? t->rewritten : -1, t ? t->scanned : -1);
    }
    return wrong;
}

/* ---- lint ---- */

/* All that lint says of the last statement, each relation once. */
struct said {
    struct finding_touch list[32];
    size_t n;
    bool worst;
};

static struct finding_touch *said_find(struct said *said, const char *relation)
{
    for (size_t i = 0; i < said->n; i++)
        if (strcmp(said->list[i].relation, relation) == 0)
            return &said->list[i];
    return NULL;
}

static void said_add(struct said *said, const struct finding *g)
{
    for (size_t i = 0; i < g->n_touches; i++) {
        const struct finding_touch *t = &g->touches[i];
        struct finding_touch *at = said_find(said, t->relation);
        if (!at) {
            assert_true(said->n < 32);
            said->list[said->n++] = *t;
            continue;
        }
        at->lock = t->lock > at->lock ? t->lock : at->lock;
        at->rewrites |= t->rewrites;
        at->scans |= t->scans;
    }
    said->worst |= g->worst != NULL;
}

static void lint_row(struct fixture *f, size_t i, struct catalog *c,
                     struct said *said)
{
    struct lint_run run = {.catalog = c};
    struct sql_file file = {.name = "0001_row.up.sql"};
    char *text = hazard_named(f, hazard_rows[i]->sql, i), *cut;
    struct finding *list;
    int last = 1;
    size_t n;

    while ((cut = strstr(text, "\n;;\n"))) {
        memcpy(cut, ";   ", 4);
        cut[3] = '\n';
        last++;
    }
    file.bytes = text;
    file.len = strlen(text);
    list = lint_file(&f->a, &file, &run, &n);
    *said = (struct said){.n = 0};
    for (size_t j = 0; j < n; j++)
        if (list[j].line == last)
            said_add(said, &list[j]);
}

static const struct seen *seen_find(struct fixture *f, size_t i,
                                    const char *relation)
{
    for (const struct seen *seen = hazard_rows[i]->seen; seen->relation; seen++)
        if (strcmp(hazard_relation(f, seen->relation, i), relation) == 0)
            return seen;
    return NULL;
}

/* The trace tells nothing of an index that nobody waits for. */
static bool is_idle_index(struct catalog *c, const struct finding_touch *t)
{
    const struct catalog_relation *r = catalog_relation(c, t->relation);

    return r && strchr("iI", r->self.kind) && t->lock < LOCK_ACCESS_EXCLUSIVE;
}

static bool is_exact(const struct finding_touch *t, const struct touched *m,
                     const struct seen *seen, bool worst)
{
    bool any_scan =
        m->rewritten || (seen && seen->scan == ANY) || (worst && t->scans);
    bool lock = seen && seen->brief
                    ? t->lock == mode_named(seen->lock)
                    : strcmp(lock_mode_name(t->lock), m->lock) == 0;

    return t->named && lock &&
           (t->rewrites == m->rewritten || (seen && seen->rewrite == ANY)) &&
           (any_scan || t->scans == m->scanned);
}

/* Each relation that lint speaks of. */
static int lint_exact(struct fixture *f, size_t i, struct catalog *c,
                      struct said *said, const struct rehearsed_statement *s)
{
    int wrong = 0;

    for (size_t j = 0; j < said->n; j++) {
        const struct finding_touch *t = &said->list[j];
        const struct touched *m = touched_find(s, t->relation);
        const struct seen *seen = seen_find(f, i, t->relation);
        if (m ? is_exact(t, m, seen, said->worst)
              : (seen && seen->brief) || is_idle_index(c, t))
            continue;
        wrong++;
        print_error("row %s: lint says %s of %s, %d %d; measured %s %d %d\n",
                    hazard_rows[i]->row, lock_mode_name(t->lock), t->relation,
                    t->rewrites, t->scans, m ? m->lock : "nothing",
                    m ? m->rewritten : 0, m ? m->scanned : 0);
    }
    return wrong;
}

/* Each relation that it must speak of. */
static int lint_whole(struct fixture *f, size_t i, struct said *said)
{
    int wrong = 0;

    for (const struct seen *seen = hazard_rows[i]->seen; seen->relation;
         seen++) {
        const char *name = hazard_relation(f, seen->relation, i);
        if (said_find(said, name))
            continue;
        wrong++;
        print_error("row %s: lint says nothing of %s\n", hazard_rows[i]->row,
                    name);
    }
    return wrong;
}

static bool no_less(const struct finding_touch *t, const struct seen *seen)
{
    return t->lock >= mode_named(seen->lock) &&
           (t->rewrites || seen->rewrite != YES) &&
           (t->scans || t->rewrites || seen->scan != YES);
}

/* Without the database: no less, of the relation itself or of words for it. */
static int lint_worst(struct fixture *f, size_t i, struct said *said)
{
    int wrong = 0;

    for (const struct seen *seen = hazard_rows[i]->seen; seen->relation;
         seen++) {
        const char *name = hazard_named(f, seen->relation, i);
        const struct finding_touch *t = said_find(said, name);
        bool covered = t && no_less(t, seen);
        for (size_t j = 0; !t && j < said->n; j++)
            covered |= said->worst && !said->list[j].named &&
                       no_less(&said->list[j], seen);
        /* partitions of a table: what is said of it is said of them */
        for (size_t j = 0; !t && j < said->n; j++)
            covered |= strncmp(said->list[j].relation, name,
                               strlen(said->list[j].relation)) == 0 &&
                       no_less(&said->list[j], seen);
        if (covered)
            continue;
        wrong++;
        print_error("row %s: lint alone says less of %s than is\n",
                    hazard_rows[i]->row, name);
    }
    return wrong;
}

static int lint_judge(struct fixture *f, size_t i, struct catalog *c,
                      const struct rehearsed_statement *s)
{
    struct said with, without;

    if (hazard_rows[i]->differs)
        return 0;
    lint_row(f, i, c, &with);
    lint_row(f, i, NULL, &without);
    return lint_exact(f, i, c, &with, s) + lint_whole(f, i, &with) +
           lint_worst(f, i, &without);
}

static int lint_all(struct fixture *f)
{
    struct pg *pg =
        pg_open(f->loop, conninfo_of(f, "hazards"), "test", 0, &f->e);
    struct catalog *c = pg ? catalog_open(&f->a, pg, &f->e) : NULL;
    int wrong = 0;

    assert_non_null(c);
    for (size_t i = 0; i < hazard_rows_n; i++)
        wrong += lint_judge(f, i, c, &f->out.list[i].up[f->out.list[i].n - 1]);
    if (catalog_failed(c, &f->e)) {
        err_print(&f->e, stderr);
        wrong++;
    }
    pg_close(pg);
    return wrong;
}

static void every_row_is_measured_as_it_says(void **state)
{
    struct fixture *f = *state;
    const struct migration *list[HAZARD_ROWS_MAX];
    struct rehearse_settings s = by_dump(f, "hazards");
    int wrong = 0;

    hazard_tables_make(f);
    for (size_t i = 0; i < hazard_rows_n; i++)
        list[i] = migration_make(f,
                                 arena_printf(&f->a, "%04zu_row%s", i,
                                              hazard_rows[i]->apart ? "!" : ""),
                                 hazard_named(f, hazard_rows[i]->sql, i), NULL);
    if (!rehearse(f, &s, list, hazard_rows_n))
        err_print(&f->e, stderr);
    assert_int_equal(f->e.code, ERR_NONE);
    if (f->out.failed)
        fail_msg("%s", f->out.failed);
    assert_int_equal(f->out.n, hazard_rows_n);
    for (size_t i = 0; i < hazard_rows_n; i++)
        wrong += row_judge(f, i, &f->out.list[i].up[f->out.list[i].n - 1]);
    wrong += lint_all(f);
    assert_int_equal(wrong, 0);
    assert_int_equal(clones_left(f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_row_is_measured_as_it_says,
                                        fixture_open, fixture_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
