/* How fast texts are cut: MB/s of the splitter without a parser, and whether
 * reading a file whole takes time in proportion to its size. Fails below
 * 50 MB/s. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "migrations/read/split.h"
#include "migrations/text/cut.h"
#include "runner/base/buf.h"
#include "runner/base/clock.h"

#define TEXT_BYTES (1 << 20)
#define ROUNDS     32
#define WANTED     50.0

static const struct {
    const char *name, *text;
} shapes[] = {
    {"tables", "CREATE TABLE shop.orders_%d (\n    id bigint PRIMARY KEY,\n"
               "    total numeric(12, 2) NOT NULL DEFAULT 0, -- cents; not\n"
               "    note text CHECK (note <> '')\n);\n"},
    {"tiny", "SELECT %d;"},
    {"functions",
     "CREATE FUNCTION f_%d() RETURNS trigger LANGUAGE plpgsql AS $body$\n"
     "BEGIN\n    IF new.total < 0 THEN\n        RAISE EXCEPTION 'no; %%',\n"
     "            new.id;\n    END IF;\n    RETURN new;\nEND $body$;\n\n"},
    {"rows", "INSERT INTO shop.orders (id, note) VALUES (%d, 'it''s; a "
             "note of some length, as people write them'), (2, E'a\\'b');\n"},
    {"data", "COPY shop.orders (id, note) FROM stdin;\n%d\tone; note\n"
             "2\tanother note of some length\n3\t\\N\n\\.\n"},
    {"comments", "/* a comment; /* in it */ of %d words */\n-- and; one more\n"
                 "SELECT 1;\n"},
    {"bodies", "CREATE FUNCTION a_%d(x int) RETURNS int LANGUAGE sql\n"
               "BEGIN ATOMIC\n    SELECT CASE x WHEN 1 THEN 2 END;\n"
               "    SELECT 3;\nEND;\n"},
};

static char *make_text(struct buf *b, const char *shape, size_t bytes)
{
    char one[1024];

    buf_clear(b);
    for (int i = 0; b->len + sizeof one < bytes; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(one, sizeof one, shape, i);
#pragma GCC diagnostic pop
        buf_str(b, one);
    }
    return b->data;
}

/* Of this process: other load does not count. */
static int64_t cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static double cut_speed(const char *text, size_t len, size_t *pieces)
{
    int64_t best = CLOCK_NEVER;

    for (int i = 0; i < ROUNDS; i++) {
        int64_t began = cpu_us();
        struct piece piece;
        struct cut c;
        cut_begin(&c, text);
        for (*pieces = 0; cut_next(&c, &piece);)
            ++*pieces;
        if (c.failure != CUT_FINE)
            return 0;
        if (cpu_us() - began < best)
            best = cpu_us() - began;
    }
    return (double)len / (double)(best ? best : 1);
}

static double read_ms(const struct buf *b)
{
    struct sql_file file = {"1_a.up.sql", b->data, b->len, {0}};
    int64_t began = cpu_us();
    struct script script;
    struct arena a;
    struct err e = {0};
    double ms;

    arena_init(&a);
    if (!split_script(&script, NULL, &a, &file, false, &e))
        err_print(&e, stderr);
    ms = (double)(cpu_us() - began) / 1000;
    arena_release(&a);
    return ms;
}

int main(void)
{
    double slowest = 1e9;
    struct buf b;

    buf_init(&b);
    printf("%-10s %8s %10s %12s %12s\n", "text", "MB/s", "statements",
           "1/4 MiB, ms", "1 MiB, ms");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t pieces;
        double speed, quarter, whole;
        make_text(&b, shapes[i].text, TEXT_BYTES / 4);
        quarter = read_ms(&b);
        make_text(&b, shapes[i].text, TEXT_BYTES);
        speed = cut_speed(b.data, b.len, &pieces);
        whole = read_ms(&b);
        printf("%-10s %8.0f %10zu %12.1f %12.1f\n", shapes[i].name, speed,
               pieces, quarter, whole);
        slowest = speed < slowest ? speed : slowest;
    }
    buf_release(&b);
    printf("slowest: %.0f MB/s, wanted: %.0f\n", slowest, WANTED);
    return slowest < WANTED;
}
