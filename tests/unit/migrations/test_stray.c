/* Files that are passed over and look meant as migrations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <string.h>

#include "migrations/read/migration.h"

#define GOOSE  "-- +goose Up\nCREATE TABLE a (i int);\n"
#define DBMATE "-- migrate:up\nCREATE TABLE a (i int);\n"
#define PLAIN  "CREATE TABLE a (i int);\n"

static const struct {
    const char *layout, *file, *text; /* a migration */
    const char *other, *bytes;        /* what stands beside it */
    const char *says;                 /* NULL: read past in silence */
} rows[] = {
    {"goose", "0001_a.sql", GOOSE, "0003-foo.sql", GOOSE, "it holds a line"},
    {"goose", "0001_a.sql", GOOSE, "0003-foo.sql", PLAIN, "with a number"},
    {"goose", "0001_a.sql", GOOSE, "foo.sql", GOOSE, "-- +goose Up"},
    {"goose", "0001_a.sql", GOOSE, "20260101foo.sql", GOOSE, "foo.sql is"},
    {"goose", "0001_a.sql", GOOSE, "x.SQL", "", "ends in .SQL, not in .sql"},
    {"goose", "0001_a.sql", GOOSE, "sub/0002_b.sql", GOOSE, "sub/0002_b.sql"},
    {"goose", "0001_a.sql", GOOSE, "schema.sql", PLAIN, NULL},
    {"goose", "0001_a.sql", GOOSE, "seed.sql", DBMATE, NULL},
    {"goose", "0001_a.sql", GOOSE, "0002_x.md", "", NULL},
    {"dbmate", "1_a.sql", DBMATE, "foo.sql", DBMATE, "-- migrate:up"},
    {"dbmate", "1_a.sql", DBMATE, "x.SQL", "", ".SQL"},
    {"dbmate", "1_a.sql", DBMATE, "structure.sql", PLAIN, NULL},
    {"golang-migrate", "1_a.up.sql", PLAIN, "0099-foo.up.sql", PLAIN, ".up"},
    {"golang-migrate", "1_a.up.sql", PLAIN, "foo.up.sql", PLAIN, ".up.sql"},
    {"golang-migrate", "1_a.up.sql", PLAIN, "foo.down.sql", PLAIN, ".down.sql"},
    {"golang-migrate", "1_a.up.sql", PLAIN, "000099_foo.sql", PLAIN, "number"},
    {"golang-migrate", "1_a.up.sql", PLAIN, "README.sql", PLAIN, NULL},
    {"flyway", "V1__a.sql", PLAIN, "v2__b.sql", PLAIN, "begins with v"},
    {"flyway", "V1__a.sql", PLAIN, "2__b.sql", PLAIN, "begins with a number"},
    {"flyway", "V1__a.sql", PLAIN, "U1__a.sql", PLAIN, NULL},
    {"flyway", "V1__a.sql", PLAIN, "data.sql", PLAIN, NULL},
    {"diesel", "2024_a/up.sql", PLAIN, "2024_a/down.sql", PLAIN, NULL},
    {"diesel", "2024_a/up.sql", PLAIN, "2025_b.sql", PLAIN, "with a number"},
    {"diesel", "2024_a/up.sql", PLAIN, "2025_b/Up.SQL", PLAIN, ".SQL"},
};

static struct sql_file file_of(const char *name, const char *text)
{
    return (struct sql_file){name, text, strlen(text)};
}

static void test_strays(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sql_file list[] = {file_of(rows[i].file, rows[i].text),
                                  file_of(rows[i].other, rows[i].bytes)};
        struct migrations m;
        struct err e = {0};
        struct arena a;

        arena_init(&a);
        if (!migrations_read(&m, &a, rows[i].layout, list, 2, &e))
            fail_msg("%s %s: %s", rows[i].layout, rows[i].other, e.what);
        assert_int_equal(m.n, 1);
        if (m.strays_n != (rows[i].says != NULL))
            fail_msg("%s %s", rows[i].layout, rows[i].other);
        if (rows[i].says &&
            (!strstr(m.strays[0], rows[i].says) ||
             strncmp(m.strays[0], rows[i].other, strlen(rows[i].other)) != 0))
            fail_msg("%s", m.strays[0]);
        arena_release(&a);
    }
}

/* No other tool passes them over. */
static void test_own(void **state)
{
    static const char *const bad[] = {"99_foo.up.SQL", "sub/0099_foo.up.sql",
                                      "x.SQL"};
    static const char *const good[] = {"README.md", "sub/seed.sql",
                                       "tools/x.py"};

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        const char *name = i < 3 ? bad[i] : good[i - 3];
        struct sql_file list[] = {file_of("0001_a.up.sql", PLAIN),
                                  file_of(name, PLAIN)};
        struct migrations m;
        struct err e = {0};
        struct arena a;

        arena_init(&a);
        if (migrations_read(&m, &a, "auto", list, 2, &e) != (i >= 3))
            fail_msg("%s: %s", name, e.what);
        if (i < 3) {
            assert_int_equal(e.code, ERR_INPUT);
            assert_true(strncmp(e.what, name, strlen(name)) == 0);
            assert_non_null(strstr(e.why, "would be passed over"));
        }
        arena_release(&a);
    }
}

/* There is no file to delete: the section is named. */
static void test_two_ways(void **state)
{
    static const struct {
        const char *name, *text, *fix;
    } both[] = {
        {"1_a.sql",
         "-- tidegate: forward-only gone\n" GOOSE
         "-- +goose Down\nDROP TABLE a;\n",
         "delete the directive or the section from line 4 on (-- +goose "
         "Down)"},
        {"1_a.sql",
         "-- tidegate: forward-only gone\n" DBMATE
         "-- migrate:down\nDROP TABLE a;\n",
         "delete the directive or the section from line 4 on (-- "
         "migrate:down)"},
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sql_file file = file_of(both[i].name, both[i].text);
        struct migrations m;
        struct err e = {0};
        struct arena a;

        arena_init(&a);
        assert_false(migrations_read(&m, &a, "auto", &file, 1, &e));
        assert_string_equal(e.fix, both[i].fix);
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strays),
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_two_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
