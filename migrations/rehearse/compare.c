#include "migrations/rehearse/compare.h"

#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/escape.h"

#define LINES_LIMIT 100
/* The kind of line that tells the order of a table's columns. */
#define ORDER_LINE "column order "

struct lines {
    const char **list;
    size_t n;
};

/* Lines of x that y has not; both sorted. */
static struct lines without(struct arena *a, struct lines x, struct lines y)
{
    struct lines out = {arena_array(a, x.n, sizeof *out.list), 0};
    size_t j = 0;

    for (size_t i = 0; i < x.n; i++) {
        while (j < y.n && strcmp(y.list[j], x.list[i]) < 0)
            j++;
        if (j == y.n || strcmp(y.list[j], x.list[i]) != 0)
            out.list[out.n++] = x.list[i];
    }
    return out;
}

/* Lines of x or y; both sorted, none in both. */
static struct lines merged(struct arena *a, struct lines x, struct lines y)
{
    struct lines out = {arena_array(a, x.n + y.n, sizeof *out.list), 0};
    size_t i = 0, j = 0;

    while (i < x.n || j < y.n) {
        if (j == y.n || (i < x.n && strcmp(x.list[i], y.list[j]) <= 0))
            out.list[out.n++] = x.list[i++];
        else
            out.list[out.n++] = y.list[j++];
    }
    return out;
}

static struct lines lines_of(const struct fingerprint *f)
{
    return (struct lines){f->lines, f->n};
}

static void write_lines(struct buf *b, struct arena *a, const char *word,
                        struct lines lines, size_t *written,
                        struct comparison *c)
{
    for (size_t i = 0; i < lines.n; i++) {
        if (strncmp(lines.list[i], ORDER_LINE, strlen(ORDER_LINE)) != 0)
            c->order_only = false;
        if (++*written <= LINES_LIMIT)
            buf_printf(b, "%s: %s\n", word, escape(a, lines.list[i]));
    }
}

static struct comparison told(struct arena *a, struct lines left,
                              struct lines lost)
{
    struct comparison c = {.order_only = true};
    struct buf b;
    size_t written = 0;

    if (left.n + lost.n == 0)
        return (struct comparison){0};
    buf_init(&b);
    write_lines(&b, a, "left", left, &written, &c);
    write_lines(&b, a, "lost", lost, &written, &c);
    if (written > LINES_LIMIT)
        buf_printf(&b, "and %zu more\n", written - LINES_LIMIT);
    c.lines = buf_into(&b, a);
    return c;
}

struct comparison compare_way_back(struct arena *a,
                                   const struct fingerprint *before_up,
                                   const struct fingerprint *after_up,
                                   const struct fingerprint *before_down,
                                   const struct fingerprint *after_down)
{
    struct lines u0 = lines_of(before_up), u1 = lines_of(after_up);
    struct lines d0 = lines_of(before_down), d1 = lines_of(after_down);
    struct lines made = without(a, u1, u0), removed = without(a, u0, u1);
    struct lines unmade = without(a, d0, d1), restored = without(a, d1, d0);
    struct lines not_unmade = without(a, made, unmade);
    struct lines not_restored = without(a, removed, restored);

    return told(a, merged(a, not_unmade, without(a, restored, removed)),
                merged(a, not_restored, without(a, unmade, made)));
}

struct comparison compare_schemas(struct arena *a,
                                  const struct fingerprint *wanted,
                                  const struct fingerprint *found)
{
    struct lines w = lines_of(wanted), f = lines_of(found);

    return told(a, without(a, f, w), without(a, w, f));
}
