/* What lint says to write instead: of each hazard once, that SQL is run as
 * migrations, on the tables of its row, and lint must have less to say against
 * each of them than against the statement itself. Words that a person has to
 * replace are replaced here as for these tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/hazards/hazards.h"
#include "migrations/lint/lint.h"
#include "migrations/read/split.h"
#include "runner/base/buf.h"
#include "tests/integration/migrations/hazard_tables.h"

#define TESTED_MAX 200

struct tester {
    struct fixture *f;
    struct pg *pg, *asks;
    const struct hazard *tested[TESTED_MAX];
    size_t n, ran, words;
    const char *row, *text;
    enum finding_level was;
    int wrong;
};

/* What only a person knows. */
static const char *const known[][2] = {
    {" INDEX_NAME;", " public.hazard_other;"},
    {" VALUE ", " 1 "},
    {"BASE_TYPE", "int"},
    {"OLD_OWNER", "CURRENT_USER"},
    {"(BOUND)", "(a IS NOT NULL AND a >= 5000 AND a < 9000)"},
    {"(C IS NOT NULL)", "(a IS NOT NULL)"},
    {"COLUMN C SET", "COLUMN a SET"},
    {"=KEY", "=id"},
    {" KEY BETWEEN", " id BETWEEN"},
    {".KEY BETWEEN", ".id BETWEEN"},
};

/* What an alternative needs that its row does not make. */
static const struct {
    const char *row, *sql;
} needed[] = {
    {"39 all indexes", "CREATE INDEX hazard_other ON $ (a)"},
    {"45", "CREATE UNIQUE INDEX ON $m (id)"},
};

static char *filled(struct fixture *f, const char *text)
{
    char *out = arena_strdup(&f->a, text), *at;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        while ((at = strstr(out, known[i][0])))
            out = arena_printf(&f->a, "%.*s%s%s", (int)(at - out), out,
                               known[i][1], at + strlen(known[i][0]));
    return out;
}

static void complain(struct tester *t, const char *about, const char *why)
{
    t->wrong++;
    print_error("row %s: %s\n%s\n--- of\n%s\n", t->row, about, why, t->text);
}

/* ---- one migration ---- */

static void lint_one(struct tester *t, const struct sql_file *file)
{
    struct fixture *f = t->f;
    struct lint_run run = {.catalog = catalog_open(&f->a, t->asks, &f->e)};
    size_t n;
    struct finding *list = lint_file(&f->a, file, &run, &n);

    for (size_t i = 0; i < n; i++)
        if (list[i].level >= t->was)
            complain(t, "lint says as much against it", list[i].what);
}

/* A batch is run as one, over all rows. */
static const char *unbatched(struct fixture *f, const char *text)
{
    const char *low = strstr(text, "$1"), *high = strstr(text, "$2");

    if (!low || !high)
        return text;
    return arena_printf(&f->a, "%.*s0%.*s2000000000%s", (int)(low - text), text,
                        (int)(high - low - 2), low + 2, high + 2);
}

static void send(struct tester *t, const char *sql)
{
    struct fixture *f = t->f;
    struct pg_result r;

    if (pg_run(t->pg, &f->a, sql, &r, &f->e))
        return;
    complain(t, sql, f->e.why);
    err_clear(&f->e);
}

/* After an error COMMIT rolls back, and succeeds. */
static void run_one(struct tester *t, const struct script *s)
{
    if (s->transaction)
        send(t, "BEGIN");
    for (size_t i = 0; i < s->n; i++)
        send(t, s->batch ? unbatched(t->f, s->statements[i].text)
                         : s->statements[i].text);
    if (s->transaction)
        send(t, "COMMIT");
}

static void try_one(struct tester *t, const char *text)
{
    struct fixture *f = t->f;
    struct sql_file file = {
        .name = "0001_safer.up.sql", .bytes = text, .len = strlen(text)};
    struct script s;

    lint_one(t, &file);
    if (split_script(&s, NULL, &f->a, &file, false, &f->e)) {
        run_one(t, &s);
        return;
    }
    complain(t, f->e.what, f->e.why);
    err_clear(&f->e);
}

/* ---- the migrations of one alternative ---- */

/* A comment that says where the next migration begins. */
static bool begins(const char *line, size_t len)
{
    static const char *const words[] = {
        "migration of its own", "migrations of their own", "another migration",
        "phase=after", "transaction=none"};
    bool is = false;

    if (len < 3 || strncmp(line, "-- ", 3) != 0 ||
        (len > 12 && strncmp(line, "-- tidegate:", 12) == 0))
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        is |= memmem(line, len, words[i], strlen(words[i])) != NULL;
    return is;
}

/* More than comments. */
static bool is_sql(const char *text)
{
    for (size_t len; *text; text += len + (text[len] == '\n')) {
        len = strcspn(text, "\n");
        if (len && strncmp(text, "--", 2) != 0)
            return true;
    }
    return false;
}

static void flush(struct tester *t, struct buf *b, bool apart, bool after)
{
    const char *text = buf_into(b, &t->f->a);

    if (strstr(text, "in a migration of its own, with transaction=none"))
        apart = true;
    buf_init(b);
    if (!is_sql(text))
        return;
    t->ran++;
    try_one(t, arena_printf(&t->f->a, "%s%s%s",
                            apart ? "-- tidegate: transaction=none\n" : "",
                            after ? "-- tidegate: phase=after\n" : "", text));
}

static void try_all(struct tester *t, const char *text)
{
    bool apart = false, after = false;
    struct buf b;

    buf_init(&b);
    while (*text) {
        size_t len = strcspn(text, "\n");
        if (begins(text, len)) {
            flush(t, &b, apart, after);
            apart = memmem(text, len, "transaction=none", 16);
            after = memmem(text, len, "phase=after", 11);
        } else {
            buf_printf(&b, "%.*s\n", (int)len, text);
        }
        text += len + (text[len] == '\n');
    }
    flush(t, &b, apart, after);
    buf_release(&b);
}

/* ---- the hazards ---- */

static bool is_new(struct tester *t, const struct hazard *h)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->tested[i]->safer == h->safer)
            return false;
    assert_true(t->n < TESTED_MAX);
    t->tested[t->n++] = h;
    return true;
}

/* One alternative of a row is enough: it changes the tables. */
static void look(const struct subject *s, void *arg)
{
    struct tester *t = arg;

    for (const struct hazard *h = NULL; !t->text && (h = hazards_next(s, h));) {
        if (!h->safer || h->level == HAZARD_NOTE || !is_new(t, h))
            continue;
        t->was = hazards_breaking(h, s) ? FINDING_ERROR
                                        : (enum finding_level)h->level;
        t->text = filled(t->f, subject_say(&t->f->a, s, h->safer));
    }
}

static void take_row(struct tester *t, size_t i)
{
    struct fixture *f = t->f;
    const char *text = hazard_named(f, hazard_rows[i]->sql, i), *last;
    struct catalog *c = catalog_open(&f->a, t->asks, &f->e);
    struct parse_failure failure;
    struct parsed p;

    while ((last = strstr(text, "\n;;\n")))
        text = last + 4;
    t->row = hazard_rows[i]->row;
    t->text = NULL;
    assert_true(parser_parse(&f->a, text, &p, &failure) && p.n == 1);
    subject_each_with(&f->a, p.list[0].tree, text, NULL, c, look, t);
    if (!t->text)
        return;
    if (!is_sql(t->text)) {
        t->words++;
        return;
    }
    for (size_t j = 0; j < sizeof needed / sizeof *needed; j++)
        if (strcmp(needed[j].row, t->row) == 0)
            send(t, hazard_named(f, needed[j].sql, i));
    try_all(t, t->text);
}

/* Rows whose tables suit an alternative better than the first one's do. */
static bool comes_first(const struct hazard_row *row)
{
    static const char *const first[] = {"42 bare", "43 bare", "44 bare"};

    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        if (strcmp(row->row, first[i]) == 0)
            return true;
    return false;
}

static void what_is_safer_is_so(void **state)
{
    struct fixture *f = *state;
    struct tester t = {.f = f};

    hazard_tables_make(f);
    t.pg = pg_open(f->loop, conninfo_of(f, "hazards"), "test", 0, &f->e);
    t.asks = pg_open(f->loop, conninfo_of(f, "hazards"), "test", 0, &f->e);
    assert_true(t.pg && t.asks);
    assert_true(pg_run(t.pg, &f->a, "SET search_path TO DEFAULT",
                       &(struct pg_result){0}, &f->e));
    for (int first = 1; first >= 0; first--)
        for (size_t i = 0; i < hazard_rows_n; i++)
            if (comes_first(hazard_rows[i]) == (first == 1))
                take_row(&t, i);
    print_message("%zu alternatives, %zu of them words; %zu migrations\n", t.n,
                  t.words, t.ran);
    assert_true(t.n > 40 && t.words * 3 < t.n && t.ran > t.n);
    assert_int_equal(t.wrong, 0);
    pg_close(t.pg);
    pg_close(t.asks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_safer_is_so, fixture_open,
                                        fixture_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
