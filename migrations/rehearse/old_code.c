#include <stdlib.h>
#include <string.h>

#include "migrations/rehearse/old_code_intern.h"
#include "runner/base/buf.h"

#define SHOWN 3

/* ---- lines ---- */

void old_code_tell(struct old_code_look *l, const char *fmt, ...)
{
    struct old_code *out = l->out;
    va_list args;

    va_start(args, fmt);
    out->list =
        arena_grow(l->a, out->list, out->n, out->n + 1, sizeof *out->list);
    out->list[out->n++] = arena_vprintf(l->a, fmt, args);
    va_end(args);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* The first line that does not stand before all that begin so. */
static size_t first_of(const struct fingerprint *f, const char *begin)
{
    size_t n = strlen(begin), low = 0, high = f->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strncmp(f->lines[middle], begin, n) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const char *old_code_line(const struct fingerprint *f, const char *begin)
{
    size_t at = first_of(f, begin);

    return at < f->n && begins(f->lines[at], begin) ? f->lines[at] : NULL;
}

size_t old_code_until(const char *text, const char *ends)
{
    bool quoted = false;
    size_t n;

    for (n = 0; text[n]; n++)
        if (text[n] == '"')
            quoted = !quoted;
        else if (!quoted && strchr(ends, text[n]))
            break;
    return n;
}

char *old_code_relation(struct old_code_look *l, const char *column)
{
    size_t n = old_code_until(column, "."), last = n;

    while (column[n]) {
        last = n;
        n += 1 + old_code_until(column + n + 1, ".");
    }
    return arena_strndup(&l->scratch, column, last);
}

/* What stands behind WORD NAME: in it; NULL: there is no such. */
static const char *find(struct old_code_look *l, const struct fingerprint *f,
                        const char *word, const char *name)
{
    char *begin = arena_printf(&l->scratch, "%s%s:", word, name);
    const char *line = old_code_line(f, begin);

    line = line ? line + strlen(begin) : NULL;
    return line && *line == ' ' ? line + 1 : line;
}

/* ---- relations ---- */

static const char *const tables[] = {"table ", "partitioned table ",
                                     "foreign table ", NULL};
static const char *const views[] = {"view ", "materialized view ", NULL};

static const char *find_any(struct old_code_look *l,
                            const struct fingerprint *f,
                            const char *const *words, const char *name)
{
    const char *found = NULL;

    for (size_t i = 0; !found && words[i]; i++)
        found = find(l, f, words[i], name);
    return found;
}

static void relation(struct old_code_look *l, const char *word,
                     const char *name, const char *rest)
{
    const char *now = find_any(l, l->now, tables, name);

    if (!now)
        now = find_any(l, l->now, views, name);
    if (!now)
        old_code_tell(l, "%s%s is gone", word, name);
    else if (strstr(now, "row security") && !strstr(rest, "row security"))
        old_code_tell(l, "%s%s has row security now", word, name);
}

/* ---- columns ---- */

struct column {
    const char *type;
    bool not_null;
    bool filled; /* by a default, an identity or what generates it */
};

/* What may stand behind a type. */
static const char *const behind_type[] = {
    " not null", " default ", " generated ",  " identity ",
    " collate ", " storage ", " statistics ", " with n_distinct",
    " options ", " inherited"};

static bool is_behind(const char *text)
{
    for (size_t i = 0; i < sizeof behind_type / sizeof *behind_type; i++)
        if (begins(text, behind_type[i]))
            return true;
    return false;
}

static struct column column_of(struct old_code_look *l, const char *rest)
{
    size_t n = old_code_until(rest, " ");
    struct column c;

    while (rest[n] && !is_behind(rest + n))
        n += 1 + old_code_until(rest + n + 1, " ");
    c.type = arena_strndup(&l->scratch, rest, n);
    c.not_null = begins(rest + n, " not null");
    n += c.not_null ? strlen(" not null") : 0;
    c.filled = begins(rest + n, " default ") ||
               begins(rest + n, " generated ") ||
               begins(rest + n, " identity ");
    return c;
}

/* A CHECK of it, valid or not, has refused NULL before. */
static bool refused_null(struct old_code_look *l, const char *name)
{
    const char *table = old_code_relation(l, name);
    const char *on = arena_printf(&l->scratch, " on %s: ", table);
    const char *check = arena_printf(&l->scratch, "CHECK ((%s IS NOT NULL))",
                                     name + strlen(table) + 1);

    for (size_t i = first_of(l->was, "constraint ");
         i < l->was->n && begins(l->was->lines[i], "constraint "); i++)
        if (strstr(l->was->lines[i], on) && strstr(l->was->lines[i], check))
            return true;
    return false;
}

/* What goes with its whole is not told. */
static void column(struct old_code_look *l, const char *word, const char *name,
                   const char *rest)
{
    const char *whole = old_code_relation(l, name);
    const char *line = find(l, l->now, word, name);
    struct column was = column_of(l, rest), now;

    if (!line) {
        if (find_any(l, l->now, tables, whole) ||
            find_any(l, l->now, views, whole) ||
            find(l, l->now, "composite type ", whole))
            old_code_tell(l, "column %s is gone", name);
        return;
    }
    now = column_of(l, line);
    if (strcmp(was.type, now.type) != 0)
        old_code_tell(l, "column %s is %s, and was %s", name, now.type,
                      was.type);
    if (now.not_null && !was.not_null && !refused_null(l, name))
        old_code_tell(l, "column %s refuses NULL", name);
    else if (now.not_null && was.filled && !now.filled)
        old_code_tell(l, "column %s must be given: its default is gone", name);
}

static bool domain_refuses_null(struct old_code_look *l, const char *type)
{
    const char *domain = find(l, l->now, "type ", type);

    return domain && begins(domain, "d ") && strstr(domain, " not null") &&
           !strstr(domain, " default ");
}

/* Of tables that there were: an INSERT that does not know it fails. */
static void new_column(struct old_code_look *l, const char *word,
                       const char *name, const char *rest)
{
    struct column c = column_of(l, rest);
    const char *table = old_code_relation(l, name);

    if (find(l, l->was, word, name) || c.filled ||
        !(c.not_null || domain_refuses_null(l, c.type)) ||
        !find_any(l, l->was, tables, table))
        return;
    old_code_tell(l,
                  "new column %s must be given: it is NOT NULL without a "
                  "default",
                  name);
}

/* ---- functions ---- */

struct function {
    long optional; /* arguments with a default */
    const char *returns;
};

/* "1 optional, returns integer, definition 0123..." */
static struct function function_of(struct old_code_look *l, const char *rest)
{
    static const char *const ends[] = {", definition ", ", aggregate "};
    struct function f = {.returns = ""};
    char *behind;
    long n = strtol(rest, &behind, 10);

    if (behind > rest && begins(behind, " optional, ")) {
        f.optional = n;
        rest = behind + strlen(" optional, ");
    }
    if (!begins(rest, "returns "))
        return f;
    rest += strlen("returns ");
    for (size_t i = 0; i < 2; i++) {
        const char *end = strstr(rest, ends[i]);
        if (end && !*f.returns)
            f.returns = arena_strndup(&l->scratch, rest, (size_t)(end - rest));
    }
    return f;
}

static void function(struct old_code_look *l, const char *word,
                     const char *name, const char *rest)
{
    const char *line = find(l, l->now, word, name);
    struct function was = function_of(l, rest), now;

    if (!line) {
        old_code_tell(l, "%s%s is gone", word, name);
        return;
    }
    now = function_of(l, line);
    if (strcmp(was.returns, now.returns) != 0)
        old_code_tell(l, "%s%s returns %s, and returned %s", word, name,
                      now.returns, was.returns);
    if (now.optional < was.optional)
        old_code_tell(l, "%s%s takes more arguments that must be given", word,
                      name);
}

static long commas(const char *text)
{
    long n = 0;

    for (text += old_code_until(text, ","); *text;
         text += 1 + old_code_until(text + 1, ","))
        n++;
    return n;
}

/* Whether a call with the arguments `few)` fits a function that takes `many)`
 * as well, of which that many may be left out. */
static bool fits(const char *few, const char *many, long optional)
{
    size_t n = strlen(few) - 1;
    long more;

    if (strncmp(few, many, n) != 0)
        return false;
    if (n == 0)
        more = 1 + commas(many);
    else if (many[n] == ',')
        more = commas(many + n);
    else
        return false;
    return *many != ')' && more <= optional;
}

static void new_function(struct old_code_look *l, const char *word,
                         const char *name, const char *rest)
{
    size_t n = old_code_until(name, "(");
    struct function f = function_of(l, rest);
    const char *same = arena_printf(&l->scratch, "%s%.*s(", word, (int)n, name);

    if (f.optional == 0 || find(l, l->was, word, name))
        return;
    for (size_t i = first_of(l->was, same);
         i < l->was->n && begins(l->was->lines[i], same); i++) {
        const char *old = l->was->lines[i] + strlen(word);
        old = arena_strndup(&l->scratch, old, old_code_until(old, ":"));
        if (find(l, l->now, word, old) &&
            fits(old + n + 1, name + n + 1, f.optional))
            old_code_tell(l, "calls of %s are ambiguous: %s fits them as well",
                          old, name);
    }
}

/* ---- the others ---- */

/* 'a', 'b': each of them still there? */
static void labels(struct old_code_look *l, const char *name, const char *was,
                   const char *now)
{
    for (was = strchr(was, '\''); was; was = strchr(was, '\'')) {
        size_t n = 1;
        const char *label;

        while (was[n] && (was[n] != '\'' || was[n + 1] == '\''))
            n += was[n] == '\'' ? 2 : 1;
        n += was[n] == '\'';
        label = arena_strndup(&l->scratch, was, n);
        if (!strstr(now, label))
            old_code_tell(l, "label %s of type %s is gone", label, name);
        was += n;
    }
}

static void type(struct old_code_look *l, const char *word, const char *name,
                 const char *rest)
{
    const char *now = find(l, l->now, word, name);

    if (!now)
        old_code_tell(l, "%s%s is gone", word, name);
    else if (begins(rest, "e "))
        labels(l, name, rest, now);
    else if (begins(rest, "d ") && strstr(now, " not null") &&
             !strstr(rest, " not null"))
        old_code_tell(l, "domain %s refuses NULL", name);
}

/* A column's own sequence goes with it. */
static void sequence(struct old_code_look *l, const char *word,
                     const char *name, const char *rest)
{
    const char *owner = strstr(rest, " owned by ");

    if (find(l, l->now, word, name) ||
        (owner && !find(l, l->now, "column ", owner + strlen(" owned by "))))
        return;
    old_code_tell(l, "%s%s is gone", word, name);
}

static void other(struct old_code_look *l, const char *word, const char *name,
                  const char *rest)
{
    (void)rest;
    if (!find(l, l->now, word, name))
        old_code_tell(l, "%s%s is gone", word, name);
}

/* Its line is its name alone, as another's may begin. */
static void schema(struct old_code_look *l, const char *word, const char *name,
                   const char *rest)
{
    const char *whole = arena_printf(&l->scratch, "%s%s", word, name);
    const char *line = old_code_line(l->now, whole);

    (void)rest;
    if (!line || strcmp(line, whole) != 0)
        old_code_tell(l, "%s is gone", whole);
}

/* ---- all of them ---- */

static const struct kind {
    const char *word;
    /* of a line of was, of one of now; NULL: nothing is asked */
    void (*old)(struct old_code_look *l, const char *word, const char *name,
                const char *rest);
    void (*fresh)(struct old_code_look *l, const char *word, const char *name,
                  const char *rest);
} kinds[] = {
    {"column order of ", NULL, NULL},
    {"column ", column, new_column},
    {"table ", relation, NULL},
    {"partitioned table ", relation, NULL},
    {"foreign table ", relation, NULL},
    {"view ", relation, NULL},
    {"materialized view ", relation, NULL},
    {"composite type ", other, NULL},
    {"function ", function, new_function},
    {"sequence ", sequence, NULL},
    {"type ", type, NULL},
    {"extension ", other, NULL},
    {"schema ", schema, NULL},
    {"rights on ", old_code_rights, NULL},
};

static const struct kind *kind_of(const char *line)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (begins(line, kinds[i].word))
            return &kinds[i];
    return NULL;
}

static void look(struct old_code_look *l, const char *line, bool fresh)
{
    const struct kind *k = kind_of(line);
    const char *name = k ? line + strlen(k->word) : line;
    size_t n = old_code_until(name, ":");
    const char *rest = name + n + (name[n] == ':');

    rest += *rest == ' ';
    if (k && (fresh ? k->fresh : k->old))
        (fresh ? k->fresh : k->old)(l, k->word,
                                    arena_strndup(&l->scratch, name, n), rest);
}

static int by_bytes(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

void old_code_breaks(struct old_code *out, struct arena *a,
                     const struct fingerprint *was,
                     const struct fingerprint *now)
{
    struct old_code_look l = {.a = a, .was = was, .now = now, .out = out};

    *out = (struct old_code){0};
    if (strcmp(was->digest, now->digest) == 0)
        return;
    arena_init(&l.scratch);
    for (size_t i = 0; i < was->n; i++)
        look(&l, was->lines[i], false);
    for (size_t i = 0; i < now->n; i++)
        look(&l, now->lines[i], true);
    arena_release(&l.scratch);
    if (out->n)
        qsort(out->list, out->n, sizeof *out->list, by_bytes);
}

static bool is_in(const struct old_code *all, const char *line)
{
    return all->n && bsearch(&line, all->list, all->n, sizeof *all->list,
                             by_bytes) != NULL;
}

const char *old_code_new(struct arena *a, const struct old_code *before,
                         const struct old_code *after)
{
    struct buf b;
    size_t n = 0;

    buf_init(&b);
    for (size_t i = 0; i < after->n; i++)
        if (!is_in(before, after->list[i]) && ++n <= SHOWN)
            buf_printf(&b, "%s%s", n > 1 ? "; " : "", after->list[i]);
    if (n > SHOWN)
        buf_printf(&b, "; and %zu more", n - SHOWN);
    if (n)
        return buf_into(&b, a);
    buf_release(&b);
    return NULL;
}
