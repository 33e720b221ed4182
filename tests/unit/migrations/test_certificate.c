/* The certificate to JSON and back, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/rehearse/rehearse.h"

#define DIGEST \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct touched touched[] = {
    {.relation = "public.orders",
     .lock = "ACCESS EXCLUSIVE",
     .held_ms = 41000,
     .rewritten = true,
     .rows = -1,
     .bytes = 7777,
     .ratio = 10.25},
    {.relation = "public.b", .lock = "SHARE", .scanned = true, .rows = 5},
};
static const struct rehearsed_phase phases[] = {
    {"building index: scanning table", 30}, {"waiting for old snapshots", 4}};
static const struct rehearsed_statement up[] = {
    {.number = 1,
     .line = 3,
     .text = "ALTER \\x1b",
     .ms = 4100,
     .rows = 12,
     .wal_bytes = 99,
     .temp_bytes = 24576,
     .phases = phases,
     .n_phases = 2,
     .touched = touched,
     .n = 2,
     .low = 1,
     .likely = 2,
     .high = 3,
     .scaled = 7,
     .work = WORK_REWRITE,
     .runs = 14,
     .cold = true,
     .safer = "add it without a default"},
    {.number = 2, .line = 5, .text = "SELECT 1", .temp_bytes = -1},
};
static const struct table_wait down_waits[] = {
    {.table = "public.b", .readers = 7, .writers = 8, .by = "0001_a:1 Y"},
};
static const char *const loses[] = {"public.b", "public.orders.k"};
static const char *const invalid[] = {"public.i on public.orders"};
static const struct rehearsed_batches down_batches = {.n = 9, .high = 40};
static const struct rehearsed list[] = {
    {.name = "0001_a",
     .transaction = true,
     .up = up,
     .n = 2,
     .up_ms = 4200,
     .down_ms = 50,
     .low = 1,
     .likely = 2,
     .high = 3,
     .down = up,
     .n_down = 1,
     .down_low = 20,
     .down_likely = 50,
     .down_high = 200,
     .down_batches = &down_batches,
     .down_waits = down_waits,
     .n_down_waits = 1,
     .temp_bytes = 24576,
     .invalid = invalid,
     .n_invalid = 1,
     .loses = loses,
     .n_loses = 2,
     .has_down = true,
     .differs = "left: x\n",
     .breaks = "view public.v is gone"},
    {.name = "0002_b", .after = true, .down_high = -1, .temp_bytes = -1},
};
static const struct table_wait waits[] = {
    {.table = "public.orders",
     .readers = 5,
     .writers = 6,
     .by = "0001_a:3 X",
     .migration = "0001_a",
     .line = 3},
};

static const struct basis_setting settings[] = {{"fsync", "on"},
                                                {"work_mem", "4096kB"}};
static const struct basis_table tables[] = {{"public.orders", 7777000, -1}};

static struct rehearsal whole(void)
{
    return (struct rehearsal){.list = list,
                              .n = 2,
                              .waits = waits,
                              .waited = 1,
                              .digest = DIGEST,
                              .at = 1700000000,
                              .clone_share = 0.333,
                              .low = 10,
                              .likely = 20,
                              .high = 30,
                              .failed = "0001_a:3: no",
                              .lacks = "public.c and 3 more",
                              .clone = "dump of shop",
                              .clone_ms = 42000,
                              .warnings = "w\n",
                              .basis = {.version = 150020,
                                        .settings = settings,
                                        .n_settings = 2,
                                        .schema = DIGEST,
                                        .lines = "0123456789abcdef",
                                        .tables = tables,
                                        .n_tables = 1,
                                        .unread = "x: denied"}};
}

/* What a clone without rows cannot tell is no number. */
static void what_is_not_told_is_null(void **state)
{
    struct rehearsed_statement rows[] = {up[0], up[1]};
    struct rehearsed without[] = {list[0], list[1]};
    struct rehearsal r = whole(), back;
    struct json *j;
    struct arena a;
    struct err e;

    (void)state;
    arena_init(&a);
    rows[0].untold = without[0].untold = r.schema_only = true;
    without[0].up = rows;
    r.list = without;
    j = rehearsal_to_json(&r);
    assert_false(json_is_int(json_get(j, "high_ms")));
    assert_false(json_is_int(json_pointer(j, "/migrations/0/low_ms")));
    assert_false(json_is_int(json_pointer(j, "/migrations/0/up/0/high_ms")));
    assert_int_equal(
        json_int(json_pointer(j, "/migrations/0/down/0"), "high_ms", 0), 3);
    assert_false(json_is_int(json_pointer(j, "/waits/0/writers_ms")));
    assert_true(rehearsal_from_json(&back, &a, j, &e));
    assert_true(back.schema_only);
    assert_true(back.list[0].untold && !back.list[0].down_untold);
    assert_true(back.list[0].up[0].untold && !back.list[0].up[1].untold);
    assert_int_equal(back.list[0].high, 0);
    json_free(j);
    arena_release(&a);
}

static void every_field_comes_back(void **state)
{
    struct rehearsal r = whole(), back;
    struct json *j = rehearsal_to_json(&r), *again;
    const struct rehearsed_statement *s;
    struct arena a;
    struct err e;

    (void)state;
    arena_init(&a);
    assert_true(rehearsal_from_json(&back, &a, j, &e));
    assert_string_equal(back.digest, DIGEST);
    assert_int_equal(back.at, 1700000000);
    assert_int_equal((int)(back.clone_share * 1000 + 0.5), 333);
    assert_false(back.schema_only);
    assert_string_equal(back.lacks, "public.c and 3 more");
    assert_string_equal(back.waits[0].migration, "0001_a");
    assert_int_equal(back.waits[0].line, 3);
    assert_int_equal(back.low + back.likely + back.high, 60);
    assert_string_equal(back.failed, "0001_a:3: no");
    assert_string_equal(back.clone, "dump of shop");
    assert_int_equal(back.clone_ms, 42000);
    assert_int_equal(back.n, 2);
    assert_int_equal(back.list[0].down_high, 200);
    assert_int_equal(back.list[1].down_high, -1);
    assert_null(back.list[0].batches);
    assert_int_equal(back.list[0].down_batches->n, 9);
    assert_int_equal(rehearsed_need_back(&back.list[0]), 40);
    assert_int_equal(rehearsed_need_back(&back.list[1]), 0);
    assert_true(back.list[1].after && !back.list[0].after);
    assert_true(back.list[0].has_down && !back.list[0].down_ok);
    assert_null(back.list[1].differs);
    assert_string_equal(back.list[0].breaks, "view public.v is gone");
    assert_null(back.list[1].breaks);
    s = back.list[0].up;
    assert_string_equal(s[0].safer, "add it without a default");
    assert_null(s[1].safer);
    assert_int_equal(s[0].n, 2);
    assert_true(s[0].touched[0].ratio == 10.25);
    assert_int_equal(s[0].touched[0].rows, -1);
    assert_true(s[0].touched[0].rewritten && s[0].touched[1].scanned);
    assert_int_equal(back.waits[0].writers, 6);
    assert_int_equal(s[0].work, WORK_REWRITE);
    assert_int_equal(s[1].work, WORK_CATALOG);
    assert_int_equal(s[0].scaled, 7);
    assert_int_equal(s[0].runs, 14);
    assert_true(s[0].cold && !s[0].spills && !s[1].cold);
    assert_int_equal(back.basis.version, 150020);
    assert_int_equal(back.basis.n_settings, 2);
    assert_string_equal(back.basis.settings[1].value, "4096kB");
    assert_string_equal(back.basis.schema, DIGEST);
    assert_string_equal(back.basis.lines, "0123456789abcdef");
    assert_int_equal(back.basis.tables[0].bytes, 7777000);
    assert_int_equal(back.basis.tables[0].rows, -1);
    assert_string_equal(back.basis.unread, "x: denied");
    assert_int_equal(s[0].temp_bytes, 24576);
    assert_int_equal(s[1].temp_bytes, -1);
    assert_int_equal(s[0].n_phases, 2);
    assert_int_equal(s[1].n_phases, 0);
    assert_string_equal(s[0].phases[1].name, "waiting for old snapshots");
    assert_int_equal(s[0].phases[1].ms, 4);
    assert_int_equal(back.list[0].n_down, 1);
    assert_int_equal(back.list[0].down[0].wal_bytes, 99);
    assert_int_equal(back.list[0].down_low + back.list[0].down_likely, 70);
    assert_int_equal(back.list[0].down_waits[0].writers, 8);
    assert_string_equal(back.list[0].loses[1], "public.orders.k");
    assert_string_equal(back.list[0].invalid[0], "public.i on public.orders");
    assert_int_equal(back.list[1].n_loses + back.list[1].n_invalid, 0);
    again = rehearsal_to_json(&back);
    assert_string_equal(json_canonical(&a, j), json_canonical(&a, again));
    json_free(again);
    json_free(j);
    arena_release(&a);
}

/* One that an older tidegate wrote knows nothing of production. */
static void an_older_one_still_reads(void **state)
{
    struct rehearsal r = whole(), back;
    struct json *j;
    struct arena a;
    struct err e;

    (void)state;
    arena_init(&a);
    r.basis.version = 0;
    j = rehearsal_to_json(&r);
    assert_null(json_get(j, "production"));
    assert_true(rehearsal_from_json(&back, &a, j, &e));
    assert_int_equal(back.basis.version, 0);
    assert_int_equal(back.basis.n_settings + back.basis.n_tables, 0);
    assert_string_equal(back.basis.schema, "");
    json_free(j);
    arena_release(&a);
}

/* An event of the ledger is 1 MiB at most; what is told of each migration
 * stays, statements that touched nothing go first. */
static void a_large_one_leaves_details_out(void **state)
{
    enum { MANY = 2600 };
    static const struct {
        size_t n_down;
        const struct rehearsed_statement *down;
    } rows[] = {{0, NULL}, {2, up}};
    static struct rehearsed many[MANY];
    struct rehearsal r = whole();

    (void)state;
    r.list = many;
    r.n = MANY;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena a;
        struct json *j;
        const struct json *first;
        for (size_t k = 0; k < MANY; k++)
            many[k] = (struct rehearsed){.name = "x",
                                         .up = up + 1,
                                         .n = 1,
                                         .down = rows[i].down,
                                         .n_down = rows[i].n_down,
                                         .down_high = 7};
        arena_init(&a);
        j = rehearsal_to_json(&r);
        assert_true(strlen(json_canonical(&a, j)) < 1024 * 1024);
        assert_true(json_bool(j, "cut", false));
        assert_int_equal(json_len(json_get(j, "migrations")), MANY);
        first = json_at(json_get(j, "migrations"), 0);
        assert_int_equal(json_int(first, "down_high_ms", -1), 7);
        assert_int_equal(json_len(json_get(first, "up")), 0);
        assert_int_equal(json_len(json_get(first, "down")), 0);
        json_free(j);
        arena_release(&a);
    }
}

static void a_share_is_rounded_down(void **state)
{
    struct rehearsal r = whole();
    struct json *j;

    (void)state;
    r.clone_share = 0.00999; /* under 1 % stays under 1 % */
    j = rehearsal_to_json(&r);
    assert_int_equal(json_int(j, "clone_share_per_mille", -1), 9);
    json_free(j);
}

/* A member that is wrong or gone. */
static void what_is_no_certificate_is_refused(void **state)
{
    static const struct {
        const char *key, *value;
    } rows[] = {
        {"type", "manifest"},
        {"type", NULL},
        {"migrations_digest", ""},
        {"migrations_digest", "0123"},
        {"at", NULL},
        {"at", "soon"},
        {"high_ms", NULL},
        {"clone_share_per_mille", NULL},
        {"migrations", NULL},
        {"waits", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rehearsal r = whole(), back;
        struct json *j = rehearsal_to_json(&r);
        struct arena a;
        struct err e;
        arena_init(&a);
        json_set(j, rows[i].key,
                 rows[i].value ? json_new_string(rows[i].value)
                               : json_new_null());
        assert_false(rehearsal_from_json(&back, &a, j, &e));
        assert_int_equal(e.code, ERR_INPUT);
        assert_true(*e.what && *e.why && *e.fix);
        json_free(j);
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(what_is_not_told_is_null),
        cmocka_unit_test(an_older_one_still_reads),
        cmocka_unit_test(a_large_one_leaves_details_out),
        cmocka_unit_test(a_share_is_rounded_down),
        cmocka_unit_test(what_is_no_certificate_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
