#include "runner/report/output.h"

#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "runner/base/buf.h"
#include "runner/base/clock.h"
#include "runner/base/escape.h"
#include "runner/base/file.h"

/* Of the live line, at most. */
#define LIVE_ROWS   3
#define STOP_INDENT "         "

static const char *const codes[STYLE_COUNT] = {
    [STYLE_PLAIN] = "",         [STYLE_BOLD] = "\033[1m",
    [STYLE_GOOD] = "\033[32m",  [STYLE_WARN] = "\033[33m",
    [STYLE_BAD] = "\033[1;31m", [STYLE_DIM] = "\033[2m",
};

void output_init(struct output *o, bool json, bool no_color, int verbose)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    bool plain = no_color || (no && *no) || (term && !strcmp(term, "dumb"));
    struct winsize size;

    *o = (struct output){.json = json, .verbose = verbose, .patience = -1};
    o->err_terminal = isatty(STDERR_FILENO) && !(term && !strcmp(term, "dumb"));
    o->color = !plain && isatty(STDOUT_FILENO);
    o->err_color = !plain && isatty(STDERR_FILENO);
    o->width = 80;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
        o->width = size.ws_col;
}

/* In pieces that a pipe takes whole or not at all, so that none blocks once
 * poll has said there is room. What nobody reads is dropped; a reader that
 * was waited for in vain is not waited for again until it reads. */
static void put(struct output *o, int fd, const char *bytes, size_t len)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    bool *stuck = &o->stuck[fd == STDERR_FILENO];

    while (len > 0) {
        size_t n = len < PIPE_BUF ? len : PIPE_BUF;

        if (o->patience >= 0) {
            *stuck = poll(&room, 1, *stuck ? 0 : o->patience) == 0;
            if (*stuck)
                return;
        }
        if (!write_all(fd, bytes, n))
            return;
        bytes += n;
        len -= n;
    }
}

/* Clears the live line, the cursor then stands where it began. */
static void put_aside(struct output *o, struct buf *out)
{
    if (o->live > 1)
        buf_printf(out, "\033[%dA\r\033[J", o->live - 1);
    else if (o->live)
        buf_str(out, "\r\033[K");
    o->live = 0;
}

static void put_styled(struct output *o, int fd, enum style style,
                       const char *fmt, va_list args)
{
    bool color = fd == STDOUT_FILENO ? o->color : o->err_color;
    bool styled = color && style != STYLE_PLAIN;
    struct buf raw, out;
    size_t len;

    buf_init(&raw);
    buf_init(&out);
    buf_vprintf(&raw, fmt, args);
    if (fd == STDERR_FILENO)
        put_aside(o, &out);
    /* a style ends before the newline, or the next line begins in it */
    for (len = raw.len; styled && len > 0 && raw.data[len - 1] == '\n';)
        len--;
    buf_str(&out, styled ? codes[style] : "");
    escape_to(&out, raw.data, len, true);
    buf_str(&out, styled ? "\033[0m" : "");
    buf_add(&out, raw.data + len, raw.len - len);
    put(o, fd, out.data, out.len);
    buf_release(&raw);
    buf_release(&out);
}

void output_text(struct output *o, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (!o->json)
        put_styled(o, STDOUT_FILENO, STYLE_PLAIN, fmt, args);
    va_end(args);
}

void output_style(struct output *o, enum style style, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (!o->json)
        put_styled(o, STDOUT_FILENO, style, fmt, args);
    va_end(args);
}

void output_note(struct output *o, enum style style, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    put_styled(o, STDERR_FILENO, style, fmt, args);
    va_end(args);
}

/* As many bytes of text as fill so many columns; *columns: how many it has. */
static size_t fit_columns(const char *text, int max, int *columns)
{
    size_t len = 0;

    *columns = 0;
    for (; text[len]; len++) {
        bool begins = ((unsigned char)text[len] & 0xc0) != 0x80;
        if (begins && *columns == max)
            break; /* not in the middle of a letter */
        *columns += begins;
    }
    return len;
}

void output_live(struct output *o, const char *text)
{
    struct buf out, escaped;
    int columns;
    size_t len;

    buf_init(&out);
    buf_init(&escaped);
    escape_to(&escaped, text, strlen(text), false);
    len = fit_columns(escaped.data, LIVE_ROWS * o->width - 1, &columns);
    if (o->live)
        put_aside(o, &out);
    else
        buf_str(&out, "\r\033[K");
    buf_add(&out, escaped.data, len);
    put(o, STDERR_FILENO, out.data, out.len);
    buf_release(&escaped);
    buf_release(&out);
    o->live = columns > 0 ? (columns + o->width - 1) / o->width : 1;
}

void output_json(struct output *o, struct json *j)
{
    struct arena a;
    char *text;

    if (o->json && !o->answered) {
        arena_init(&a);
        text = json_canonical(&a, j);
        put(o, STDOUT_FILENO, text, strlen(text));
        put(o, STDOUT_FILENO, "\n", 1);
        arena_release(&a);
        o->answered = true;
    }
    json_free(j);
}

/* "why   first line", the further lines below its text. */
static void stop_part(struct output *o, const char *label, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");

        output_note(o, STYLE_PLAIN, STOP_INDENT "%-6s%.*s\n", label, (int)n,
                    text);
        label = "";
        text += n + (text[n] == '\n');
    }
}

void output_stop(struct output *o, const char *what, const char *why,
                 const char *fix)
{
    output_note(o, STYLE_BAD, "   !!!   STOP: %s\n", what);
    stop_part(o, "why", why);
    stop_part(o, "fix", fix);
}

static void error_block(struct output *o, const struct err *e)
{
    output_note(o, STYLE_BOLD, "tidegate: %s\n", e->what);
    if (e->why[0])
        output_note(o, STYLE_PLAIN, "  why: %s\n", e->why);
    if (e->fix[0])
        output_note(o, STYLE_PLAIN, "  fix: %s\n", e->fix);
}

void output_error(struct output *o, const struct err *e, int exit_code)
{
    struct json *error, *document;

    if (e->code == ERR_REFUSED)
        output_stop(o, e->what, e->why, e->fix);
    else
        error_block(o, e);
    if (!o->json || o->answered)
        return;
    error = json_new_object();
    json_set_int(error, "exit", exit_code);
    json_set_str(error, "what", e->what);
    json_set_str(error, "why", e->why);
    json_set_str(error, "fix", e->fix);
    document = json_new_object();
    json_set(document, "error", error);
    output_json(o, document);
}

void output_closing(struct output *o, const struct closing *c)
{
    const struct {
        const char *name, *value;
    } parts[] = {{"command", c->command},
                 {"environment", c->environment},
                 {"release", c->release},
                 {"run", c->run},
                 {"contract_pending", c->contract}};
    struct buf line;
    char at[21];

    buf_init(&line);
    buf_printf(&line, "tidegate: VERDICT %s exit=%d", c->word, c->exit);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].value)
            buf_printf(&line, " %s=%s", parts[i].name, parts[i].value);
    buf_printf(&line, " at=%s", clock_rfc3339(c->at, at));
    if (o->json)
        output_note(o, STYLE_PLAIN, "%s\n", line.data);
    else
        output_style(o, c->exit ? STYLE_BAD : STYLE_GOOD, "%s\n", line.data);
    buf_release(&line);
}
