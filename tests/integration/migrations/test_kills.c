/* kill -9 at moments drawn from a seed, in runs with every kind of statement,
 * every other one in the middle of what waits for somebody else:
 * none is applied twice, none is there without its row or its journal, and
 * every orphan is found before anything else is done.
 *
 * KILLS: how many moments (default 6); KILL_SEED: where the row of moments
 * begins (default 1).
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/integration/migrations/applying.h"

/* Every statement leaves something that can be counted. */
static const char start[] =
    "CREATE TABLE done (what text, times int);"
    "CREATE FUNCTION note(text) RETURNS void LANGUAGE sql AS"
    " $$ INSERT INTO public.done VALUES ($1, 1) $$;"
    "CREATE TYPE mood AS ENUM ('good');"
    "CREATE TABLE big AS SELECT n, 0 AS m FROM generate_series(1, 30000) n;"
    "ALTER TABLE big ADD PRIMARY KEY (n);"
    "CREATE INDEX big_old ON big (m);"
    "CREATE TABLE parts (n int) PARTITION BY LIST (n);"
    "CREATE TABLE part_one PARTITION OF parts FOR VALUES IN (1);"
    "CREATE TABLE base AS SELECT n FROM generate_series(1, 20000) n;"
    "CREATE MATERIALIZED VIEW seen AS SELECT n FROM base;"
    "CREATE UNIQUE INDEX ON seen (n);"
    "CREATE TABLE fill AS SELECT n, 0 AS times FROM generate_series(1, 2000) n;"
    "ALTER TABLE fill ADD PRIMARY KEY (n);"
    "CREATE TABLE apart AS SELECT n FROM generate_series(1, 1000) n;"
    "ALTER TABLE apart ADD PRIMARY KEY (n)";

static const char *const files[][2] = {
    {"1_rewrite.up.sql", "ALTER TABLE big ALTER n TYPE bigint;\n"
                         "ALTER TABLE big ADD CHECK (n > 0);\n"
                         "SELECT note('1');\n"},
    {"2_index.up.sql", "CREATE INDEX CONCURRENTLY big_m ON big (m, n)"},
    {"3_mixed.up.sql", "-- tidegate: transaction=none\n"
                       "SELECT note('3.1');\n"
                       "VACUUM (FULL) big;\n"
                       "CREATE INDEX CONCURRENTLY big_n ON big (n, m);\n"
                       "UPDATE big SET m = m + 1;\n"
                       "DROP INDEX CONCURRENTLY big_old;\n"
                       "REINDEX TABLE CONCURRENTLY big;\n"
                       "DO $$ BEGIN PERFORM public.note('3.7');"
                       " PERFORM pg_catalog.pg_sleep(0.05); END $$;\n"
                       "ALTER TYPE mood ADD VALUE 'better';\n"
                       "ALTER TABLE parts DETACH PARTITION part_one"
                       " CONCURRENTLY;\n"
                       "CREATE UNIQUE INDEX CONCURRENTLY big_u ON big (n);\n"
                       "ALTER TABLE big ADD CONSTRAINT big_c UNIQUE USING"
                       " INDEX big_u;\n"
                       "ANALYZE big;\n"
                       "SELECT note('3.13');\n"
                       "REINDEX INDEX CONCURRENTLY apart_pkey"},
    {"4_block.up.sql", "DO $$ BEGIN FOR i IN 1..5 LOOP EXECUTE pg_catalog."
                       "format('CREATE TABLE made_%s (n int)', i);"
                       " PERFORM pg_catalog.pg_sleep(0.02); END LOOP;"
                       " PERFORM public.note('4'); END $$"},
    {"5_enum.up.sql", "ALTER TYPE mood ADD VALUE 'best';\n"
                      "SELECT note('5')"},
    {"6_view.up.sql", "REFRESH MATERIALIZED VIEW CONCURRENTLY seen;\n"
                      "SELECT note('6')"},
    {"7_change.up.sql", "UPDATE big SET m = m + 10;\nDELETE FROM big WHERE n >"
                        " 29000;\nSELECT note('7')"},
    {"8_copy.up.sql", "COPY done FROM stdin;\n8\t1\n\\.\n"
                      "SELECT pg_catalog.pg_sleep(0.1);\n"},
    {"9_fill.up.sql", "-- tidegate: batch=fill key=n size=100 pause=10ms\n"
                      "UPDATE fill SET times = times + 1"
                      " WHERE n BETWEEN $1 AND $2"},
};
#define FILES (sizeof files / sizeof *files)

/* What shows that a statement is there; statement 0: of the whole file. */
static const struct {
    const char *name;
    int statement;
    const char *there;
} effects[] = {
#define NOTED(what) "EXISTS (SELECT FROM public.done WHERE what = '" what "')"
#define INDEX_THERE(name) \
    "EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('" name "'))"
#define LABEL(name) "EXISTS (SELECT FROM pg_enum WHERE enumlabel = '" name "')"
    {"1_rewrite", 0, NOTED("1")},
    {"1_rewrite", 0,
     "EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.big'::regclass"
     " AND attname = 'n' AND atttypid = 'int8'::regtype)"},
    {"2_index", 1, INDEX_THERE("public.big_m")},
    {"3_mixed", 1, NOTED("3.1")},
    {"3_mixed", 3,
     "EXISTS (SELECT FROM pg_index WHERE indrelid = 'public.big'::regclass"
     " AND indkey::text = '1 2' AND indisvalid)"},
    {"3_mixed", 4, "EXISTS (SELECT FROM public.big WHERE m IN (1, 11))"},
    {"3_mixed", 5, "NOT " INDEX_THERE("public.big_old")},
    {"3_mixed", 7, NOTED("3.7")},
    {"3_mixed", 8, LABEL("better")},
    {"3_mixed", 9,
     "NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid ="
     " 'public.part_one'::regclass)"},
    {"3_mixed", 11,
     "EXISTS (SELECT FROM pg_constraint WHERE conname = 'big_c')"},
    {"3_mixed", 13, NOTED("3.13")},
    {"4_block", 0, NOTED("4")},
    {"4_block", 0, "to_regclass('public.made_1') IS NOT NULL"},
    {"5_enum", 0, NOTED("5")},
    {"5_enum", 0, LABEL("best")},
    {"6_view", 0, NOTED("6")},
    {"7_change", 0, NOTED("7")},
    {"8_copy", 0, NOTED("8")},
    {"7_change", 0, "EXISTS (SELECT FROM public.big WHERE m >= 10)"},
};

/* Numbers that are the same wherever the seed is (xorshift32). */
static uint32_t drawn(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static long setting(const char *name, long fallback)
{
    const char *text = getenv(name);

    return text && *text ? strtol(text, NULL, 10) : fallback;
}

/* Backends of that run that still do something of a migration. */
static bool orphaned(struct fixture *f, const char *run)
{
    return strcmp(value(f, arena_printf(&f->a,
                                        "SELECT count(*) FROM pg_stat_activity"
                                        " WHERE application_name ~"
                                        " '^tidegate:%s:='",
                                        run)),
                  "0") != 0;
}

static void wait_for_orphans(struct fixture *f, const char *run)
{
    while (orphaned(f, run))
        loop_turn(f->loop, clock_mono() + 20);
}

/* Where nobody is at work any more. */
static void assert_nothing_without_a_row(struct fixture *f, const char *when)
{
    if (*value(f, "SELECT to_regclass('tidegate.journal')") == '\0')
        return;
    for (size_t i = 0; i < sizeof effects / sizeof *effects; i++) {
        const char *bad = value(
            f,
            arena_printf(&f->a,
                         "SELECT (%s) AND NOT EXISTS (SELECT FROM"
                         " tidegate.migration WHERE name = '%s') AND NOT EXISTS"
                         " (SELECT FROM tidegate.journal WHERE name = '%s' AND"
                         " statement = %d)",
                         effects[i].there, effects[i].name, effects[i].name,
                         effects[i].statement));
        if (*bad != 'f')
            fail_msg("%s: statement %d of %s is there, and nothing says so",
                     when, effects[i].statement, effects[i].name);
    }
    /* each row as the checkpoint has it */
    assert_sql(f,
               "SELECT count(*) FROM public.fill WHERE times <> CASE WHEN"
               " n <= coalesce((SELECT last::int FROM tidegate.backfill), 0)"
               " THEN 1 ELSE 0 END",
               "0");
}

static void assert_all_once(struct fixture *f)
{
    assert_sql(f, "SELECT string_agg(what, ' ' ORDER BY what) FROM public.done",
               "1 3.1 3.13 3.7 4 5 6 7 8");
    assert_sql(f,
               "SELECT format('%s %s %s', min(m), max(m), count(*)) FROM"
               " public.big",
               "11 11 29000");
    assert_sql(f,
               "SELECT string_agg(format('%s %s', indkey, indisvalid), ', '"
               " ORDER BY indkey::text) FROM pg_index WHERE indrelid ="
               " 'public.big'::regclass",
               "1 t, 1 t, 1 2 t, 2 1 t");
    assert_sql(f,
               "SELECT string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM"
               " pg_enum",
               "good better best");
    assert_sql(f, "SELECT count(*) FROM pg_class WHERE relname ~ '^made_'",
               "5");
    assert_sql(f, "SELECT count(*) FROM public.fill WHERE times = 1", "2000");
    assert_sql(f,
               "SELECT string_agg(indisvalid::text, ' ') FROM pg_index WHERE"
               " indrelid = 'public.apart'::regclass",
               "true");
    assert_sql(f, "SELECT count(*) FROM tidegate.migration", "9");
    assert_sql(f, "SELECT count(*) FROM tidegate.journal", "0");
}

/* A database of its own for each moment; f->pg to it. */
static void begin(struct fixture *f, int round)
{
    const char *name = arena_printf(&f->a, "%s_%d", f->database, round);

    run_on(f, f->root, arena_printf(&f->a, "CREATE DATABASE %s", name));
    f->conninfo = pg_conninfo_with(&f->a, f->conninfo, "dbname", name, &f->e);
    f->s.conninfo = f->conninfo;
    f->pg = pg_open(f->loop, f->conninfo, "test", 0, &f->e);
    sql(f, "SET search_path = public");
    sql(f, start);
    f->s.run = arena_printf(&f->a, "k%d", round);
    f->s.epoch = 1;
}

static void end(struct fixture *f, int round)
{
    pg_close(f->pg);
    run_on(f, f->root,
           arena_printf(&f->a, "DROP DATABASE %s_%d WITH (FORCE)", f->database,
                        round));
}

/* How long all of it takes when it is let. */
static int64_t whole(struct fixture *f)
{
    int64_t began;
    int status;

    begin(f, 0);
    began = clock_mono();
    waitpid(child_start(f, NULL), &status, 0);
    began = clock_mono() - began;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_all_once(f);
    end(f, 0);
    return began;
}

/* What was found of the run that was killed, then everything. */
static void resume(struct fixture *f, const char *killed, const char *when)
{
    struct apply *ap;

    f->s.run = arena_printf(&f->a, "%s_again", killed);
    f->s.epoch = 2;
    ap = opened(f);
    if (orphaned(f, killed))
        fail_msg("%s: an orphan was not found", when);
    for (size_t i = 0; i < f->m.n; i++)
        if (!apply_up(ap, &f->m.list[i], NULL, &f->r, &f->e)) {
            err_print(&f->e, stderr);
            fail_msg("%s: %s", when, f->m.list[i].name);
        }
    apply_close(ap);
}

/* ---- in the middle of what waits for others ---- */

/* Every other round aims at the middle of one of these: somebody else's old
 * transaction keeps it there. */
static const struct {
    const char *holds, *waits;
    const char *half; /* what it leaves when it ends there */
} aims[] = {
    {"SELECT count(*) FROM public.apart", "REINDEX INDEX CONCURRENTLY%",
     "SELECT count(*) FROM pg_index WHERE NOT indisvalid AND indrelid ="
     " 'public.apart'::regclass"},
    {"SELECT count(*) FROM public.parts", "ALTER TABLE parts DETACH%",
     "SELECT count(*) FROM pg_inherits WHERE inhdetachpending"},
};
#define AIMS (sizeof aims / sizeof *aims)

struct kills {
    struct fixture *f;
    uint32_t seed;
    int64_t ms; /* how long all of it takes */
    int killed, orphans, half[AIMS];
};

/* Kills a run at a moment that is drawn; what was left by then. */
static const char *kill_anywhere(struct kills *k)
{
    int64_t moment = (int64_t)(drawn(&k->seed) % (uint32_t)k->ms);
    pid_t pid = child_start(k->f, NULL);
    int status;

    loop_sleep(k->f->loop, moment);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    k->killed += WIFSIGNALED(status);
    k->orphans += orphaned(k->f, k->f->s.run);
    return arena_printf(&k->f->a, "killed after %lld of %lld ms",
                        (long long)moment, (long long)k->ms);
}

/* Kills it in the middle of aims[at]; whether the orphan has ended before who
 * it waits for has, is drawn. */
static const char *kill_within(struct kills *k, size_t at)
{
    struct fixture *f = k->f;
    struct pg *other = pg_open(f->loop, f->conninfo, "other", 0, &f->e);
    const char *waits = arena_printf(
        &f->a,
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name"
        " LIKE 'tidegate:%s:=%%' AND wait_event_type = 'Lock' AND query LIKE"
        " '%s')",
        f->s.run, aims[at].waits);
    bool stays = drawn(&k->seed) % 3 != 0;
    pid_t pid;
    int status;

    run_on(f, other, "BEGIN");
    run_on(f, other, aims[at].holds);
    pid = child_start(f, NULL);
    while (strcmp(value(f, waits), "t") != 0)
        loop_turn(f->loop, clock_mono() + 10);
    loop_sleep(f->loop, (int64_t)(drawn(&k->seed) % 50));
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    k->killed += WIFSIGNALED(status);
    k->orphans += orphaned(f, f->s.run);
    if (stays)
        wait_for_orphans(f, f->s.run);
    k->half[at] += strcmp(value(f, aims[at].half), "0") != 0;
    pg_close(other);
    return arena_printf(&f->a, "killed within %s, %s", aims[at].waits,
                        stays ? "which ended there" : "which may go on");
}

static void one_round(struct kills *k, int round)
{
    struct fixture *f = k->f;
    const char *run, *when;

    begin(f, round);
    run = f->s.run;
    when = round % 2 ? kill_anywhere(k) : kill_within(k, round / 2 % AIMS);
    if (round % 4 < 2) { /* at once, and once nobody is at work any more */
        wait_for_orphans(f, run);
        assert_nothing_without_a_row(f, when);
    }
    resume(f, run, when);
    assert_all_once(f);
    end(f, round);
}

static void a_run_survives_kill_9_at_any_moment(void **state)
{
    struct fixture *f = *state;
    struct pg *own = f->pg;
    const char *own_conninfo = f->conninfo;
    struct kills k = {.f = f, .seed = (uint32_t)setting("KILL_SEED", 1)};
    long kills = setting("KILLS", 6);

    read_files(f, files, FILES);
    k.ms = whole(f);
    for (int round = 1; round <= kills; round++)
        one_round(&k, round);
    f->pg = own;
    f->conninfo = own_conninfo;
    print_message("%d killed, %d with an orphan left, %d half reindexed, %d "
                  "half detached\n",
                  k.killed, k.orphans, k.half[0], k.half[1]);
    assert_true(k.killed * 2 > kills);
    assert_true(kills < 20 || (k.half[0] > 0 && k.half[1] > 0));
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return child_main(files, FILES);

    const struct CMUnitTest tests[] = {
        APPLYING(a_run_survives_kill_9_at_any_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
