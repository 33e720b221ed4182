/* predict: what rehearsals on small clones say of a large table, held against
 * what the same statements then take on it.
 *
 * Usage: TIDEGATE_TEST_PG=CONNINFO predict [ROWS [PERCENT...]]: a superuser on
 * a server of its own; databases predict_* are made there anew. Prints a row
 * for each statement and clone, then the three bars; exit 1 when one is missed.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrations/apply/apply.h"
#include "migrations/rehearse/rehearse.h"
#include "runner/base/duration.h"

#define ROWS        15000000
#define PRODUCTION  "predict_production"
#define MEDIAN_BAR  25.0 /* percent */
#define WORST_BAR   50.0
#define INSIDE_BAR  90.0
#define LEAST_KINDS 12
/* What is shorter nobody plans for, and on a busy server nobody can foretell:
 * errors are shares of at least this. */
#define LEAST_MS 10.0
#define CLONES   8

/* Each works on the large table, or reads it, in its own way. They run in this
 * order; a statement is a kind of its own. */
static const struct {
    const char *what, *up, *down;
} kinds[] = {
    {"add a column", "ALTER TABLE orders ADD COLUMN code text",
     "ALTER TABLE orders DROP COLUMN code"},
    {"widen a varchar", "ALTER TABLE orders ALTER state TYPE varchar(40)",
     "ALTER TABLE orders ALTER state TYPE varchar(20)"},
    {"create a table",
     "CREATE TABLE event (id bigint PRIMARY KEY, orders bigint, text text)",
     "DROP TABLE event"},
    {"index of numbers", "CREATE INDEX orders_customer ON orders (customer)",
     "DROP INDEX orders_customer"},
    {"index of texts", "CREATE INDEX orders_note ON orders (lower(note))",
     "DROP INDEX orders_note"},
    {"unique constraint",
     "ALTER TABLE orders ADD CONSTRAINT orders_code UNIQUE (made, id)",
     "ALTER TABLE orders DROP CONSTRAINT orders_code"},
    {"index concurrently",
     "CREATE INDEX CONCURRENTLY orders_total ON orders (total)",
     "DROP INDEX CONCURRENTLY orders_total"},
    {"set not null", "ALTER TABLE orders ALTER state SET NOT NULL",
     "ALTER TABLE orders ALTER state DROP NOT NULL"},
    {"add a check",
     "ALTER TABLE orders ADD CONSTRAINT orders_total_is CHECK (total >= 0)",
     "ALTER TABLE orders DROP CONSTRAINT orders_total_is"},
    {"validate a check",
     "ALTER TABLE orders ADD CONSTRAINT orders_note_is "
     "CHECK (note <> '') NOT VALID;\n"
     "ALTER TABLE orders VALIDATE CONSTRAINT orders_note_is",
     "ALTER TABLE orders DROP CONSTRAINT orders_note_is"},
    {"foreign key",
     "ALTER TABLE orders ADD CONSTRAINT orders_of "
     "FOREIGN KEY (customer) REFERENCES customers",
     "ALTER TABLE orders DROP CONSTRAINT orders_of"},
    {"materialized view",
     "CREATE MATERIALIZED VIEW per_customer AS "
     "SELECT customer, count(*), sum(total) FROM orders GROUP BY customer",
     "DROP MATERIALIZED VIEW per_customer"},
    {"copy of a table",
     "CREATE TABLE orders_old AS SELECT * FROM public.orders",
     "DROP TABLE orders_old"},
    {"insert from select",
     "INSERT INTO audit SELECT id, made FROM orders WHERE id % 4 = 0",
     "TRUNCATE audit"},
    {"update a tenth",
     "UPDATE orders SET total = total + 1 WHERE hashint8(customer) % 10 = 3",
     "UPDATE orders SET total = total - 1 WHERE hashint8(customer) % 10 = 3"},
    {"delete a fiftieth",
     "DELETE FROM orders WHERE hashint8(customer) % 50 = 7", "SELECT 1"},
    {"column of random values",
     "ALTER TABLE orders ADD COLUMN token float8 DEFAULT random()",
     "ALTER TABLE orders DROP COLUMN token"},
    {"wider numbers", "ALTER TABLE orders ALTER amount TYPE bigint",
     "ALTER TABLE orders ALTER amount TYPE int"},
    {"update all", "UPDATE audit SET at = at + interval '1 day'",
     "UPDATE audit SET at = at - interval '1 day'"},
    {"vacuum full", "VACUUM FULL orders", "SELECT 1"},
};
#define KINDS (sizeof kinds / sizeof *kinds)

struct prediction {
    int percent;
    const char *what;
    int64_t low, likely, high, took; /* ms */
    double error;                    /* percent */
};

struct bench {
    struct loop *loop;
    struct arena a;
    struct migrations migrations;
    long long rows;
    int percent[CLONES];
    size_t clones;
    struct rehearsal rehearsed[CLONES];
    struct prediction *list;
    size_t n;
};

static const char *conninfo_of(struct bench *b, const char *database)
{
    struct err e;

    return pg_conninfo_with(&b->a, getenv("TIDEGATE_TEST_PG"), "dbname",
                            database, &e);
}

static bool run(struct pg *pg, struct bench *b, const char *sql, int64_t *ms,
                struct err *e)
{
    struct pg_result r;

    if (!pg_run(pg, &b->a, sql, &r, e))
        return false;
    if (ms)
        *ms = r.us / 1000;
    return true;
}

/* ---- databases ---- */

/* percent of the customers, and all of their orders: deterministic, so a
 * clone holds what production does, only less of it. */
static const char *content(struct bench *b, int percent)
{
    return arena_printf(
        &b->a,
        "CREATE TABLE customers (id bigint PRIMARY KEY, name text);"
        "CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint, "
        "amount int, state varchar(20), total numeric(12,2), "
        "made timestamptz, note text);"
        "CREATE TABLE audit (id bigint, at timestamptz);"
        "INSERT INTO customers SELECT i, md5(i::text) FROM "
        "generate_series(1, %lld / 15) i WHERE i %% 100 < %d;"
        "INSERT INTO orders SELECT i, c, i %% 1000, "
        "(ARRAY['new','paid','sent','done'])[1 + i %% 4], (i %% 100000) / 7.0, "
        "'2020-01-01'::timestamptz + h * interval '1 second', "
        "md5(i::text) || repeat(' of this and that', 1 + (i %% 3)::int) FROM "
        "(SELECT i, 1 + (h / 64) %% (%lld / 15) AS c, h %% 150000000 AS h "
        "FROM (SELECT i, abs(hashint8(i)::bigint) AS h FROM "
        "generate_series(1, %lld) i) x) y WHERE c %% 100 < %d",
        b->rows, percent, b->rows, b->rows, percent);
}

static bool fill(struct bench *b, const char *name, int percent, struct err *e)
{
    struct pg *pg = pg_open(b->loop, conninfo_of(b, name), "fill", 0, e);
    bool ok = pg && run(pg, b, "SET search_path TO DEFAULT", NULL, e) &&
              run(pg, b, content(b, percent), NULL, e) &&
              run(pg, b, "VACUUM ANALYZE", NULL, e) &&
              run(pg, b, "CHECKPOINT", NULL, e);

    pg_close(pg);
    return ok;
}

static bool make(struct bench *b, const char *name, int percent, struct err *e)
{
    struct pg *pg = pg_open(b->loop, conninfo_of(b, "postgres"), "make", 0, e);
    bool ok =
        pg &&
        run(pg, b,
            arena_printf(&b->a, "DROP DATABASE IF EXISTS %s WITH (FORCE)",
                         name),
            NULL, e) &&
        run(pg, b, arena_printf(&b->a, "CREATE DATABASE %s", name), NULL, e);

    pg_close(pg);
    return ok && fill(b, name, percent, e);
}

static const char *clone_name(struct bench *b, int percent)
{
    return arena_printf(&b->a, "predict_clone_%d", percent);
}

/* ---- migrations ---- */

static bool read_migrations(struct bench *b, struct err *e)
{
    struct sql_file files[2 * KINDS];

    for (size_t i = 0; i < 2 * KINDS; i++) {
        const char *text = i % 2 ? kinds[i / 2].down : kinds[i / 2].up;
        files[i] =
            (struct sql_file){arena_printf(&b->a, "%04zu_%zu.%s.sql", i / 2 + 1,
                                           i / 2, i % 2 ? "down" : "up"),
                              text, strlen(text)};
    }
    return migrations_read(&b->migrations, &b->a, "tidegate", files, 2 * KINDS,
                           e);
}

static bool rehearse(struct bench *b, size_t i, struct err *e)
{
    const char *name = clone_name(b, b->percent[i]);
    const struct migration *pending[KINDS];
    struct rehearse_settings s = {.how = CLONE_AS_IS,
                                  .server = conninfo_of(b, name),
                                  .production = conninfo_of(b, PRODUCTION),
                                  .run = name};

    for (size_t k = 0; k < KINDS; k++)
        pending[k] = &b->migrations.list[k];
    fprintf(stderr, "rehearsing on %d %%\n", b->percent[i]);
    if (!rehearse_run(b->loop, &b->a, &s, pending, KINDS, NULL,
                      &b->rehearsed[i], e))
        return false;
    if (!b->rehearsed[i].failed)
        return true;
    err_what(e, ERR_FAILED, "the rehearsal on %s failed", name);
    err_why(e, "%s", b->rehearsed[i].failed);
    return err_fix(e, "correct tests/bench/predict.c");
}

/* ---- what it takes ---- */

static void note(struct bench *b, size_t kind, size_t statement, int64_t took)
{
    for (size_t i = 0; i < b->clones; i++) {
        const struct rehearsed_statement *s =
            &b->rehearsed[i].list[kind].up[statement];
        struct prediction p = {.percent = b->percent[i],
                               .what = statement ? "its first statement"
                                                 : kinds[kind].what,
                               .low = s->low,
                               .likely = s->likely,
                               .high = s->high,
                               .took = took};
        if (b->rehearsed[i].list[kind].n > 1)
            p.what = arena_printf(&b->a, "%s:%d", kinds[kind].what, s->line);
        p.error = 100 * fabs((double)(p.likely - took)) /
                  fmax((double)took, LEAST_MS);
        b->list = arena_grow(&b->a, b->list, b->n, b->n + 1, sizeof *b->list);
        b->list[b->n++] = p;
    }
}

static bool apply(struct bench *b, struct apply *ap, size_t kind, struct err *e)
{
    struct apply_expected nothing = {.back_high = -1};
    struct apply_result got;

    if (!apply_up(ap, &b->migrations.list[kind], &nothing, &got, e))
        return false;
    for (size_t i = 0; i < got.statements; i++)
        note(b, kind, i, got.statement_ms[i]);
    return true;
}

/* Its users read production all day: what likely is held against is a table in
 * memory, and not that nobody has read it since the rehearsals, which made the
 * first statement 12 s longer here. */
static bool read_it(struct bench *b, struct err *e)
{
    static const char *const reads[] = {
        "SELECT count(note) FROM public.orders",
        "SELECT count(name) FROM public.customers"};
    struct pg *pg = pg_open(b->loop, conninfo_of(b, PRODUCTION), "read", 0, e);
    bool ok = pg != NULL;

    for (size_t i = 0; ok && i < sizeof reads / sizeof *reads; i++)
        ok = run(pg, b, reads[i], NULL, e);
    pg_close(pg);
    return ok;
}

static bool apply_all(struct bench *b, struct err *e)
{
    struct apply_settings s = {.conninfo = conninfo_of(b, PRODUCTION),
                               .run = "predict",
                               .release = "predict",
                               .ledger = "predict",
                               .epoch = 1};
    struct apply *ap = apply_open(b->loop, &b->a, &s, NULL, e);
    bool ok = ap != NULL;

    fprintf(stderr, "running it on all of it\n");
    for (size_t i = 0; ok && i < KINDS; i++)
        ok = apply(b, ap, i, e);
    apply_close(ap);
    return ok;
}

/* ---- judging ---- */

static int by_error(const void *x, const void *y)
{
    const struct prediction *a = x, *b = y;

    return (a->error > b->error) - (a->error < b->error);
}

static void print_rows(const struct bench *b)
{
    printf("%-28s %6s %9s %9s %9s %9s %7s\n", "STATEMENT", "CLONE", "LOW ms",
           "LIKELY", "HIGH", "TOOK", "ERROR");
    for (size_t i = 0; i < b->n; i++) {
        const struct prediction *p = &b->list[i];
        bool inside = p->low <= p->took && p->took <= p->high;

        printf("%-28s %4d %% %9lld %9lld %9lld %9lld %5.0f %%%s\n", p->what,
               p->percent, (long long)p->low, (long long)p->likely,
               (long long)p->high, (long long)p->took, p->error,
               inside ? "" : "  outside");
    }
}

static bool bar(const char *what, double got, double limit, bool at_most)
{
    bool ok = at_most ? got <= limit : got >= limit;

    printf("%s  %s %.0f %% (at %s %.0f %%)\n", ok ? "PASS" : "FAIL", what, got,
           at_most ? "most" : "least", limit);
    return ok;
}

/* Of the clone of that share; 0: of all. */
static bool judge(const struct bench *b, int percent)
{
    struct prediction *of = must_malloc((b->n + 1) * sizeof *of);
    size_t n = 0, inside = 0;
    double median, worst, share;
    bool ok;

    for (size_t i = 0; i < b->n; i++)
        if (!percent || b->list[i].percent == percent)
            of[n++] = b->list[i];
    qsort(of, n, sizeof *of, by_error);
    for (size_t i = 0; i < n; i++)
        inside += of[i].low <= of[i].took && of[i].took <= of[i].high;
    median = n ? of[(n - 1) / 2].error : 100;
    worst = n ? of[n - 1].error : 100;
    share = n ? 100.0 * (double)inside / (double)n : 0;
    free(of);
    if (percent) {
        printf("      clone of %d %%: median %.0f %%, worst %.0f %%, inside "
               "%.0f %%\n",
               percent, median, worst, share);
        return true;
    }
    ok = bar("median error", median, MEDIAN_BAR, true);
    ok &= bar("worst error", worst, WORST_BAR, true);
    return bar("inside low to high", share, INSIDE_BAR, false) && ok;
}

/* So that its autovacuum does not work beside what is timed next. */
static bool drop(struct bench *b, int percent, struct err *e)
{
    struct pg *pg = pg_open(b->loop, conninfo_of(b, "postgres"), "drop", 0, e);
    bool ok = pg && run(pg, b,
                        arena_printf(&b->a, "DROP DATABASE %s WITH (FORCE)",
                                     clone_name(b, percent)),
                        NULL, e);

    pg_close(pg);
    return ok;
}

static bool bench(struct bench *b, struct err *e)
{
    if (!read_migrations(b, e))
        return false;
    fprintf(stderr, "making %lld rows\n", b->rows);
    if (!make(b, PRODUCTION, 100, e))
        return false;
    for (size_t i = 0; i < b->clones; i++)
        if (!make(b, clone_name(b, b->percent[i]), b->percent[i], e) ||
            !rehearse(b, i, e) || !drop(b, b->percent[i], e))
            return false;
    return read_it(b, e) && apply_all(b, e);
}

int main(int argc, char **argv)
{
    struct bench b = {.percent = {1, 10, 33}, .clones = 3};
    struct err e = {0};
    bool ok;

    _Static_assert(KINDS >= LEAST_KINDS, "too few kinds of statements");
    b.rows = argc > 1 ? strtoll(argv[1], NULL, 10) : ROWS;
    if (argc > 2)
        b.clones = 0;
    for (int i = 2; i < argc && b.clones < CLONES; i++)
        b.percent[b.clones++] = (int)strtol(argv[i], NULL, 10);
    b.loop = loop_open();
    arena_init(&b.a);
    ok = bench(&b, &e);
    if (ok) {
        print_rows(&b);
        for (size_t i = 0; i < b.clones; i++)
            judge(&b, b.percent[i]);
        ok = judge(&b, 0);
    } else {
        err_print(&e, stderr);
    }
    arena_release(&b.a);
    loop_close(b.loop);
    return ok ? 0 : 1;
}
