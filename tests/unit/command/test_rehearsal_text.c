/* A rehearsal as people read it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "runner/command/rehearsal_text.h"

static const struct touched rewritten[] = {{.relation = "public.orders",
                                            .lock = "ACCESS EXCLUSIVE",
                                            .held_ms = 2400,
                                            .rewritten = true},
                                           {.relation = "public.lines",
                                            .lock = "SHARE",
                                            .held_ms = 10,
                                            .scanned = true}};
static const struct rehearsed_phase phases[] = {
    {"building index: scanning table", 1200}, {"waiting for old snapshots", 4}};
static const struct rehearsed_statement up[] = {
    {.number = 1,
     .line = 1,
     .text = "ALTER TABLE orders",
     .ms = 2300,
     .rows = 0,
     .wal_bytes = 2048,
     .touched = rewritten,
     .n = 2,
     .low = 1400,
     .likely = 2300,
     .high = 12000,
     .cold = true},
    {.number = 2, .line = 4, .text = "SELECT 1", .ms = 1, .high = 10},
};
static const struct rehearsed_statement index_up[] = {
    {.number = 1,
     .line = 2,
     .text = "CREATE INDEX i\n\ton orders (k) WHERE a_long_name_of_a_colu = "
             "'ää'",
     .ms = 1300,
     .temp_bytes = 4096,
     .phases = phases,
     .n_phases = 2,
     .low = 700,
     .high = 5000,
     .runs = 14,
     .work = WORK_INDEX,
     .spills = true},
};
static const struct table_wait waits[] = {
    {"public.orders", 12000, 12000, "0002_x.up.sql:1 ACCESS EXCLUSIVE"},
    {"public.lines", 0, 10, "0002_x.up.sql:1 SHARE"}};
static const char *const loses[] = {"public.orders.k"};
static const char *const bad[] = {"public.i on public.orders"};
static const struct rehearsed list[] = {
    {.name = "0002_x",
     .up = up,
     .n = 2,
     .up_ms = 2310,
     .low = 1400,
     .likely = 2300,
     .high = 12010,
     .has_down = true,
     .down_ok = true,
     .down_ms = 120,
     .down_low = 70,
     .down_high = 1000,
     .down_waits = waits + 1,
     .n_down_waits = 1,
     .loses = loses,
     .n_loses = 1},
    {.name = "0003_y",
     .up = index_up,
     .n = 1,
     .has_down = true,
     .differs = "data public.orders.note: 10 of 10 values lost\nleft: x\n",
     .invalid = bad,
     .n_invalid = 1,
     .breaks = "view public.v is gone"},
    {.name = "0004_z", .down_high = -1},
};

/* What it writes to stdout. */
static void said(const struct rehearsal *r, int verbose, char *out, size_t size)
{
    struct output o;
    struct arena a;
    int ends[2], kept = dup(1);
    ssize_t len;

    assert_int_equal(pipe(ends), 0);
    output_init(&o, false, true, verbose);
    fflush(stdout);
    dup2(ends[1], 1);
    arena_init(&a);
    rehearsal_text(&o, &a, r);
    arena_release(&a);
    fflush(stdout);
    dup2(kept, 1);
    close(kept);
    close(ends[1]);
    len = read(ends[0], out, size - 1);
    close(ends[0]);
    out[len > 0 ? len : 0] = 0;
}

static struct rehearsal whole(void)
{
    return (struct rehearsal){.list = list,
                              .n = 3,
                              .waits = waits,
                              .waited = 2,
                              .clone = "dump of shop",
                              .clone_share = 1,
                              .low = 2100,
                              .likely = 3600,
                              .high = 17000,
                              .warnings = "w one\nw two\n"};
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no '%s' in\n%s", part, text);
}

static void statements_then_waits_then_the_way_back(void **state)
{
    struct rehearsal r = whole();
    char text[8192];

    (void)state;
    said(&r, 0, text, sizeof text);
    has(text, "rehearsed on dump of shop (100 % of production)\n"
              "STATEMENT  ON CLONE  IN PRODUCTION  WAL     TEMP    RELATION"
              "       HELD   LOCK\n"
              "0002_x:1   2.3 s     1.4 s to 12 s  2.0 kB  -       "
              "public.orders  2.4 s  ACCESS EXCLUSIVE, rewritten\n");
    has(text, "  public.lines   10 ms  SHARE, scanned\n");
    has(text,
        "0002_x     2.3 s     1.4 s to 12 s  2.0 kB  -       all of it\n");
    has(text, "0003_y:2 phases: building index: scanning table 1.2 s, waiting "
              "for old snapshots 4 ms\n");
    has(text, "0003_y leaves an INVALID index: public.i on public.orders\n"
              "0003_y: the old code would not run with it: view public.v is "
              "gone\n");
    has(text, "TABLE          READERS WAIT  WRITERS WAIT  BECAUSE OF\n"
              "public.orders  up to 12 s    up to 12 s    0002_x.up.sql:1 "
              "ACCESS EXCLUSIVE\n"
              "public.lines   no            up to 10 ms   0002_x.up.sql:1 "
              "SHARE\n");
    has(text, "0002_x: up, down, schema equal, data equal, up again\n"
              "    going back takes 120 ms on the clone, 70 ms to 1 s in "
              "production\n"
              "    public.lines: writers wait up to 10 ms\n"
              "    going back throws away public.orders.k\n");
    has(text, "0003_y: its down does not give back what was there\n"
              "    data public.orders.note: 10 of 10 values lost\n"
              "    left: x\n    going back takes");
    has(text, "0004_z: no way back (no down)\n");
    has(text, "in production: 2.1 s to 17 s, likely 3.6 s\n");
    has(text, "warning: w one\nwarning: w two\n");
    has(text, "estimated: index builds by 14 past runs; catalog changes by "
              "default factors\n"
              "0002_x:1: the clone fits in cache, production does not: ");
    has(text,
        "0003_y:2: sorts in memory on the clone, on disk in production: ");
    assert_null(strstr(text, "TEXT"));
    assert_null(strstr(text, "ROWS"));
    said(&r, 1, text, sizeof text);
    has(text, "  TEXT\n");
    has(text, "rewritten  ALTER TABLE orders\n");
    has(text, "  CREATE INDEX i on orders (k) WHERE a_long_name_of_a_colu = "
              "'...\n");
}

static void a_schema_alone_tells_no_times(void **state)
{
    struct rehearsal r = whole();
    struct rehearsed_statement rows[] = {up[0], up[1]};
    struct rehearsed without[] = {list[0], list[1], list[2]};
    static const struct rehearsed_batches batches = {.size = 500, .high = 10};
    char text[8192];

    (void)state;
    r.schema_only = true;
    r.list = without;
    rows[0].untold = true;
    without[0].up = rows;
    without[0].batches = &batches;
    without[0].untold = without[0].down_untold = true;
    said(&r, 0, text, sizeof text);
    has(text, "rehearsed on dump of shop (no rows)\n");
    has(text, "0002_x:1   2.3 s     not told ");
    has(text, "0002_x:4   1 ms      0 s to 10 ms ");
    has(text, "in production: not told by a clone without rows\n");
    has(text, "0002_x: batches of up to 500 rows: how many and how long is not "
              "told by a clone without rows\n");
    has(text, "public.orders  not told      not told ");
    has(text, "public.lines   no            not told ");
    has(text, "going back takes 120 ms on the clone, not told in "
              "production\n    going back throws");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_then_waits_then_the_way_back),
        cmocka_unit_test(a_schema_alone_tells_no_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
