#include "migrations/read/placeholders.h"

#include <string.h>
#include <strings.h>

#include "migrations/read/layout.h"
#include "migrations/read/migration.h"
#include "migrations/text/lexer.h"
#include "runner/base/escape.h"

#define LONGEST   100 /* bytes of ${name}; keys of tidegate.ini have 48 */
#define FILE_NAME "flyway:filename"

struct filling {
    struct arena *a;
    const struct sql_file *file;
    struct buf out;
    size_t *left; /* where in out one without a value begins, ascending */
    size_t left_n, cap;
    bool any; /* one has been replaced */
};

static char small(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Ours has a dot where Flyway's has a colon: a key has none. */
static bool is_named(const struct placeholder *p, const char *name, size_t n)
{
    if (strlen(p->name) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (small(p->name[i]) != small(name[i]) &&
            !(p->name[i] == '.' && name[i] == ':'))
            return false;
    return true;
}

static const char *value_of(const struct filling *f, const char *name, size_t n)
{
    const struct placeholders *all = f->file->values;
    const char *base = layout_base(f->file->name);

    if (n == strlen(FILE_NAME) && strncasecmp(name, FILE_NAME, n) == 0 &&
        text_bad_byte(base, strlen(base)) < 0)
        return base;
    for (size_t i = 0; all && i < all->n; i++)
        if (is_named(&all->list[i], name, n))
            return all->list[i].value;
    return NULL;
}

static void leave(struct filling *f, const char *at, size_t len)
{
    if (f->left_n == f->cap) {
        size_t cap = f->cap ? 2 * f->cap : 16;
        f->left = arena_grow(f->a, f->left, f->cap, cap, sizeof *f->left);
        f->cap = cap;
    }
    f->left[f->left_n++] = f->out.len;
    buf_add(&f->out, at, len);
}

/* The length of ${name}, which begins at text; 0: it has no end. */
static size_t length_of(const char *text)
{
    const char *end = memchr(text, '}', strnlen(text, LONGEST));

    return end ? (size_t)(end - text) + 1 : 0;
}

/* One that begins at `at`; how much of the text it is. */
static size_t put(struct filling *f, const char *at)
{
    size_t len = length_of(at);
    const char *value = len ? value_of(f, at + 2, len - 3) : NULL;

    if (value) {
        buf_str(&f->out, value);
        f->any = true;
        return len;
    }
    len = len ? len : 2;
    leave(f, at, len);
    return len;
}

/* All of text into out, or as much as is too much. */
static void fill(struct filling *f, const char *text)
{
    buf_init(&f->out);
    while (*text && f->out.len <= MIGRATION_LIMIT) {
        size_t n = strcspn(text, "$");
        buf_add(&f->out, text, n);
        text += n;
        if (text[0] == '$' && text[1] == '{') {
            text += put(f, text);
        } else if (*text) {
            n = text[1] == '$' ? 2 : 1;
            buf_add(&f->out, text, n);
            text += n;
        }
    }
}

/* ---- one without a value ---- */

/* Flyway's own. */
static const struct {
    const char *name, *is;
} own[] = {
    {"flyway:defaultSchema", "the schema of its table"},
    {"flyway:schemas", "the schemas that it keeps"},
    {"flyway:user", "the role that it logs in as"},
    {"flyway:database", "the name of the database"},
    {"flyway:timestamp", "the time at which it reads the file"},
    {"flyway:workingDirectory", "the folder that it runs in"},
    {"flyway:table", "the name of its table"},
    {"flyway:environment", "the name of its environment"},
};

static const char *why_of(struct arena *a, const char *name)
{
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcasecmp(name, own[i].name) == 0)
            return arena_printf(a,
                                "Flyway fills it in as %s; tidegate puts in "
                                "only what its own configuration says",
                                own[i].is);
    return "Flyway puts a text of its own configuration there; tidegate takes "
           "it from [placeholders]";
}

/* As a key of tidegate.ini; NULL: it can be none. */
static const char *key_of(struct arena *a, const char *name)
{
    char *key = arena_strdup(a, name);

    for (char *c = key; *c; c++)
        if (*c == ':')
            *c = '.';
    return *key && strlen(key) <= 48 &&
                   strspn(key, "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
                       strlen(key)
               ? key
               : NULL;
}

static bool no_value(struct filling *f, const char *text, size_t at,
                     struct err *e)
{
    size_t len = length_of(text + at);
    const char *name = arena_strndup(f->a, text + at + 2, len ? len - 3 : 0);
    const char *key = key_of(f->a, name);
    const char *file = escape(f->a, f->file->name);
    int line = lexer_line(text, at) + f->file->how.lines_before;

    if (key) {
        err_what(e, ERR_INPUT, "%s:%d: ${%s} has no value", file, line, name);
        err_why(e, "%s", why_of(f->a, name));
        return err_fix(e,
                       "write it into tidegate.ini, below [placeholders]: "
                       "%s = VALUE; lint reads that with -e; where it is meant "
                       "as it stands: %s = ${%s}",
                       key, key, name);
    }
    err_what(e, ERR_INPUT, "%s:%d: a ${ that begins no placeholder", file,
             line);
    err_why(e, "Flyway takes what stands between ${ and } for a name, and this "
               "is none that tidegate.ini could have");
    return err_fix(e,
                   "if nothing is to be replaced in the file, write "
                   "placeholderReplacement=false into %s.conf",
                   file);
}

/* The first that is left outside of a comment. */
static bool all_have(struct filling *f, const char *text, struct err *e)
{
    size_t offset = 0, next = 0;
    struct token t;

    while (next < f->left_n &&
           (t = lexer_token(text + offset)).kind != TOKEN_END) {
        offset += t.len;
        for (; next < f->left_n && f->left[next] < offset; next++)
            if (t.kind != TOKEN_COMMENT)
                return no_value(f, text, f->left[next], e);
    }
    return true;
}

static bool too_large(const struct filling *f, struct err *e)
{
    err_what(e, ERR_INPUT, "%s: the file is too large",
             escape(f->a, f->file->name));
    err_why(e,
            "with its placeholders filled in it has over %d bytes, the most "
            "of a migration",
            MIGRATION_LIMIT);
    return err_fix(e, "split it into several migrations");
}

/* ---- whole texts ---- */

char *placeholders_filled(struct arena *a, const struct sql_file *file)
{
    struct filling f = {.a = a, .file = file};

    if (!file->len || !memmem(file->bytes, file->len, "${", 2))
        return NULL;
    fill(&f, arena_strndup(a, file->bytes, file->len));
    if (f.any)
        return buf_into(&f.out, a);
    buf_release(&f.out);
    return NULL;
}

char *placeholders_fill(struct arena *a, const struct sql_file *file,
                        char *text, struct err *e)
{
    struct filling f = {.a = a, .file = file};
    char *out;

    if (!file->how.placeholders || !strstr(text, "${"))
        return text;
    fill(&f, text);
    out = buf_into(&f.out, a);
    if (strlen(out) > MIGRATION_LIMIT) {
        too_large(&f, e);
        return NULL;
    }
    if (!all_have(&f, out, e))
        return NULL;
    return f.any ? out : text;
}
