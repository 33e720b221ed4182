#include "runner/base/err.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner/base/buf.h"
#include "runner/base/escape.h"

/* Cut text at len, but not inside a UTF-8 character (of 4 bytes at most). */
static void cut_whole(char *text, size_t len)
{
    for (int i = 0; i < 3 && len > 0 && (text[len] & 0xc0) == 0x80; i++)
        len--;
    text[len] = '\0';
}

static void trim_end(char *text)
{
    size_t len = strlen(text);

    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        text[--len] = '\0';
}

/* Through a copy of its own: a caller may wrap the old text of the same
 * error. One byte more than the field, so that a cut can be seen. */
static void set_field(char *field, size_t size, const char *fmt, va_list args)
{
    char text[sizeof(((struct err *)0)->why) + 1];

    vsnprintf(text, size + 1, fmt, args);
    cut_whole(text, strnlen(text, size - 1));
    trim_end(text);
    memcpy(field, text, strlen(text) + 1);
}

bool err_what(struct err *e, enum err_code code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    set_field(e->what, sizeof(e->what), fmt, args);
    va_end(args);
    e->code = code;
    e->why[0] = e->fix[0] = '\0';
    return false;
}

bool err_why(struct err *e, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    set_field(e->why, sizeof(e->why), fmt, args);
    va_end(args);
    return false;
}

bool err_fix(struct err *e, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    set_field(e->fix, sizeof(e->fix), fmt, args);
    va_end(args);
    return false;
}

void err_clear(struct err *e)
{
    memset(e, 0, sizeof(*e));
}

/* Later lines of a text are indented, so that a foreign message cannot pass
 * for our own "fix:". */
static void print_line(FILE *out, const char *label, const char *text)
{
    struct buf shown;

    if (!*text)
        return;
    buf_init(&shown);
    escape_to(&shown, text, strlen(text), true);
    fputs(label, out);
    for (const char *c = shown.data; *c; c++) {
        fputc(*c, out);
        if (*c == '\n')
            fputs("       ", out);
    }
    fputc('\n', out);
    buf_release(&shown);
}

void err_print(const struct err *e, FILE *out)
{
    print_line(out, "tidegate: ", e->what);
    print_line(out, "  why: ", e->why);
    print_line(out, "  fix: ", e->fix);
    fflush(out);
}

void bug_at(const char *file, int line, const char *fmt, ...)
{
    va_list args;

    fprintf(stderr, "tidegate: bug at %s:%d: ", file, line);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputs("\n  fix: report this line; `tidegate status` says what stands\n",
          stderr);
    _exit(70);
}
