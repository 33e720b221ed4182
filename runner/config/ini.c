#include "runner/config/ini.h"

#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runner/base/escape.h"
#include "runner/base/file.h"

/* Where the reader stands. inih asks for one line, then calls the handler
 * for it, so `line` and `continues` describe the line in its hands. */
struct scan {
    struct arena *a;
    struct ini_file *out;
    struct err *e;
    const char *bytes, *at, *end;
    int line;
    bool continues; /* the line adds to the last entry */
    bool comment;   /* a comment was cut from it */
    bool open;      /* the last entry may be continued */
    bool failed;
    const char *section; /* NULL before the first */
};

bool ini_refuse(const struct ini_file *f, int line, const char *key,
                struct err *e, const char *fmt, ...)
{
    char text[160];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return err_what(e, ERR_CONFIG, "%s:%d: %s%s%s", f->shown, line,
                    key ? key : "", key ? ": " : "", text);
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Where the text ends once its comment is cut, blanks before it too. */
static size_t comment_cut(const char *text, size_t len, bool *found)
{
    size_t cut = len;

    for (size_t i = 1; i < len && cut == len; i++)
        if (text[i] == ';' && blank(text[i - 1]))
            cut = i;
    *found = cut < len;
    while (cut > 0 && blank(text[cut - 1]))
        cut--;
    return cut;
}

static bool name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

/* "  probe   host " becomes "probe host"; NULL when a byte is not allowed or
 * nothing is there. */
static char *section_name(struct arena *a, const char *text, size_t len)
{
    char *name = arena_alloc(a, len + 1);
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (name_byte(text[i])) {
            if (n > 0 && blank(text[i - 1]))
                name[n++] = ' ';
            name[n++] = text[i];
        } else if (!blank(text[i])) {
            return NULL;
        }
    }
    return n > 0 && n <= INI_NAME_LIMIT ? name : NULL;
}

static bool section_add(struct scan *s, const char *name)
{
    struct ini_file *f = s->out;
    const struct ini_section *twin = ini_section_find(f, name);

    if (twin) {
        ini_refuse(f, s->line, NULL, s->e, "[%s] stands twice", name);
        err_why(s->e, "it begins at line %d and again at line %d", twin->line,
                s->line);
        return err_fix(s->e, "move the keys of one into the other");
    }
    f->sections = arena_grow(s->a, f->sections, f->n_sections,
                             f->n_sections + 1, sizeof *f->sections);
    f->sections[f->n_sections++] =
        (struct ini_section){.name = name, .line = s->line};
    s->section = name;
    return true;
}

static bool section_line(struct scan *s, const char *text, size_t len)
{
    size_t cut = comment_cut(text, len, &s->comment);
    const char *close = memchr(text, ']', cut);
    char *name;

    if (!close) {
        ini_refuse(s->out, s->line, NULL, s->e, "the section is not closed");
        err_why(s->e, "a line that begins with [ must end with ]");
        return err_fix(s->e, "write [name] on a line of its own");
    }
    name = section_name(s->a, text + 1, (size_t)(close - text) - 1);
    if (!name || close + 1 != text + cut) {
        ini_refuse(s->out, s->line, NULL, s->e, "this is no section name");
        err_why(s->e, name ? "text follows the ]"
                           : "a name has 1 to 48 letters, digits, blanks and "
                             "any of . _ -");
        return err_fix(s->e, "write [name] on a line of its own");
    }
    s->open = false;
    return section_add(s, name);
}

static bool key_refuse(struct scan *s, const char *why)
{
    ini_refuse(s->out, s->line, NULL, s->e, "this is no `key = value`");
    err_why(s->e, "%s", why);
    return err_fix(s->e, "write KEY = VALUE; a comment line begins with ;");
}

static bool key_line(struct scan *s, const char *text, size_t len)
{
    const char *sign = memchr(text, '=', len);
    const char *colon = memchr(text, ':', len);
    size_t n = sign ? (size_t)(sign - text) : 0;

    if (colon && (!sign || colon < sign))
        return key_refuse(s, "the separator is =, not :");
    if (!sign)
        return key_refuse(s, "the line has no =");
    while (n > 0 && blank(text[n - 1]))
        n--;
    if (n == 0)
        return key_refuse(s, "there is no key before the =");
    for (size_t i = 0; i < n; i++)
        if (!name_byte(text[i]))
            return key_refuse(s, "a key has letters, digits and any of . _ -");
    if (n > INI_NAME_LIMIT)
        return key_refuse(s, "the key is longer than 48 bytes");
    if (!s->section)
        return key_refuse(s, "it stands before the first [section]");
    s->open = true;
    return true;
}

static bool continuation_line(struct scan *s, const char *text, size_t len)
{
    bool dull;
    size_t cut = comment_cut(text, len, &dull), i = 0;

    if (!s->open) {
        ini_refuse(s->out, s->line, NULL, s->e,
                   "the line is indented, but continues no value");
        err_why(s->e, "an indented line continues the value above it");
        return err_fix(s->e, "begin the line at the margin");
    }
    while (i < cut && blank(text[i]))
        i++;
    if (i < cut && text[i] == '[' && text[cut - 1] == ']' &&
        section_name(s->a, text + i + 1, cut - i - 2)) {
        ini_refuse(s->out, s->line, NULL, s->e, "the section is indented");
        err_why(s->e, "an indented line continues the value above it");
        return err_fix(s->e, "begin the [section] at the margin");
    }
    s->continues = true;
    return true;
}

static bool line_checked(struct scan *s, const char *text, size_t len)
{
    long bad = text_bad_byte(text, len);

    if (len > INI_LINE_LIMIT) {
        ini_refuse(s->out, s->line, NULL, s->e, "the line has %zu bytes", len);
        err_why(s->e, "a line has at most %d bytes", INI_LINE_LIMIT);
        return err_fix(s->e, "continue the value on an indented line");
    }
    if (bad >= 0) {
        ini_refuse(s->out, s->line, NULL, s->e,
                   "byte 0x%02x at offset %ld of the file",
                   (unsigned char)text[bad], (long)(text - s->bytes) + bad);
        err_why(s->e, "a file of settings is UTF-8 text without control "
                      "bytes or direction marks");
        return err_fix(s->e, "take the byte out");
    }
    return true;
}

/* A comment among the lines of a value: for a command or a query that is an
 * error, see keys.c. */
static void comment_inside(struct scan *s)
{
    struct ini_entry *last = &s->out->entries[s->out->n_entries - 1];

    if (!last->comment)
        last->comment = s->line;
}

/* What the line is decides who checks it. *keep says how much of it inih may
 * see: nothing of a comment. */
static bool line_taken(struct scan *s, const char *text, size_t len,
                       size_t *keep)
{
    size_t i = 0;

    s->continues = s->comment = false;
    *keep = 0;
    while (i < len && blank(text[i]))
        i++;
    if (i == len)
        return true;
    if (text[i] == ';' || text[i] == '#') {
        if (i > 0 && s->open)
            comment_inside(s);
        return true;
    }
    *keep = comment_cut(text, len, &s->comment);
    if (i > 0)
        return continuation_line(s, text, len);
    if (text[0] == '[')
        return section_line(s, text, len);
    return key_line(s, text, len);
}

/* inih's reader: the next line it may see, or NULL at the end or an error. */
static char *scan_line(char *buf, int size, void *p)
{
    struct scan *s = p;
    const char *text = s->at, *stop;
    size_t len, keep;

    if (s->failed || s->at == s->end)
        return NULL;
    stop = memchr(text, '\n', (size_t)(s->end - text));
    s->at = stop ? stop + 1 : s->end;
    len = (size_t)((stop ? stop : s->end) - text);
    if (len > 0 && text[len - 1] == '\r')
        len--;
    s->line++;
    if (!line_checked(s, text, len) || !line_taken(s, text, len, &keep)) {
        s->failed = true;
        return NULL;
    }
    if (keep + 2 > (size_t)size)
        BUG("inih's line buffer has %d bytes", size);
    memcpy(buf, text, keep);
    buf[keep] = '\n';
    buf[keep + 1] = '\0';
    return buf;
}

static bool value_fits(struct scan *s, const struct ini_entry *to, size_t len)
{
    if (len <= INI_VALUE_LIMIT)
        return true;
    ini_refuse(s->out, s->line, to->key, s->e, "the value has over %d bytes",
               INI_VALUE_LIMIT);
    err_why(s->e, "its continuation lines count too");
    return err_fix(s->e, "shorten it, or move it into a script");
}

static bool entry_continue(struct scan *s, const char *value)
{
    struct ini_entry *to = &s->out->entries[s->out->n_entries - 1];
    int *lines =
        arena_grow(s->a, to->lines, to->pieces, to->pieces + 1, sizeof *lines);

    if (to->value[0] == '\0') { /* "hosts =" and the list below it */
        to->value = arena_strdup(s->a, value);
        lines[to->pieces - 1] = s->line;
    } else {
        to->value = arena_printf(s->a, "%s\n%s", to->value, value);
        lines[to->pieces++] = s->line;
    }
    to->lines = lines;
    if (s->comment)
        comment_inside(s);
    return value_fits(s, to, strlen(to->value));
}

static bool entry_add(struct scan *s, const char *key, const char *value)
{
    struct ini_file *f = s->out;
    const struct ini_entry *twin = ini_entry_find(f, s->section, key);
    int *lines = arena_array(s->a, 1, sizeof *lines);

    if (twin) {
        ini_refuse(f, s->line, key, s->e, "the key stands twice in [%s]",
                   s->section);
        err_why(s->e, "it is set at line %d and again at line %d", twin->line,
                s->line);
        return err_fix(s->e, "keep one of the two");
    }
    lines[0] = s->line;
    f->entries = arena_grow(s->a, f->entries, f->n_entries, f->n_entries + 1,
                            sizeof *f->entries);
    f->entries[f->n_entries++] =
        (struct ini_entry){.section = s->section,
                           .key = arena_strdup(s->a, key),
                           .value = arena_strdup(s->a, value),
                           .line = s->line,
                           .lines = lines,
                           .pieces = 1,
                           .comment = s->comment ? s->line : 0};
    return true;
}

/* inih's handler; 0 would only count as an error and go on. */
static int scan_value(void *p, const char *section, const char *key,
                      const char *value)
{
    struct scan *s = p;

    (void)section; /* ours is not cut at 49 bytes */
    if (!s->failed)
        s->failed = s->continues ? !entry_continue(s, value)
                                 : !entry_add(s, key, value);
    return 1;
}

bool ini_file_read(struct ini_file *out, struct arena *a, const char *path,
                   const char *shown, struct err *e)
{
    struct scan s = {.a = a, .out = out, .e = e};
    size_t len;
    char *bytes;
    int line;

    *out = (struct ini_file){.shown = shown};
    if (!file_read(path, FILE_LIMIT, ERR_CONFIG, a, &bytes, &len, e))
        return false;
    s.bytes = s.at = bytes;
    s.end = bytes + len;
    if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        s.at += 3;
    line = ini_parse_stream(scan_line, &s, scan_value, &s);
    if (line != 0 && !s.failed)
        BUG("inih refused line %d of %s, which we had taken", line, shown);
    return !s.failed;
}

const struct ini_section *ini_section_find(const struct ini_file *f,
                                           const char *name)
{
    for (size_t i = 0; i < f->n_sections; i++)
        if (strcmp(f->sections[i].name, name) == 0)
            return &f->sections[i];
    return NULL;
}

const struct ini_entry *ini_entry_find(const struct ini_file *f,
                                       const char *section, const char *key)
{
    for (size_t i = 0; section && i < f->n_entries; i++)
        if (strcmp(f->entries[i].section, section) == 0 &&
            strcmp(f->entries[i].key, key) == 0)
            return &f->entries[i];
    return NULL;
}
