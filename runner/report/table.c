#include <stdarg.h>
#include <string.h>

#include "runner/base/buf.h"
#include "runner/report/output.h"

void table_init(struct table *t, struct arena *a, const char *const *headings)
{
    *t = (struct table){.arena = a};
    while (headings[t->columns])
        t->columns++;
    for (size_t i = 0; i < t->columns; i++)
        table_cell(t, "%s", headings[i]);
}

void table_cell(struct table *t, const char *fmt, ...)
{
    va_list args;

    t->text =
        arena_grow(t->arena, t->text, t->cells, t->cells + 1, sizeof *t->text);
    va_start(args, fmt);
    t->text[t->cells++] = arena_vprintf(t->arena, fmt, args);
    va_end(args);
}

/* Columns on the screen: bytes that begin a letter. */
static size_t width(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static size_t column_width(const struct table *t, size_t column)
{
    size_t widest = 0;

    for (size_t i = column; i < t->cells; i += t->columns) {
        size_t n = width(t->text[i]);
        widest = n > widest ? n : widest;
    }
    return widest;
}

void table_print(struct output *o, const struct table *t)
{
    struct buf line;

    if (t->cells % t->columns)
        BUG("a table of %zu columns has %zu cells", t->columns, t->cells);
    buf_init(&line);
    for (size_t i = 0; i < t->cells; i++) {
        size_t column = i % t->columns;

        buf_str(&line, t->text[i]);
        if (column + 1 < t->columns) {
            size_t pad = column_width(t, column) - width(t->text[i]) + 2;
            buf_printf(&line, "%*s", (int)pad, "");
            continue;
        }
        while (line.len > 0 && line.data[line.len - 1] == ' ')
            line.data[--line.len] = '\0';
        output_style(o, i < t->columns ? STYLE_BOLD : STYLE_PLAIN, "%s\n",
                     line.data);
        buf_clear(&line);
    }
    buf_release(&line);
}
